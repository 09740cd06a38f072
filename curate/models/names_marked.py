"""Texts written for the finder of names with each name marked in place: `name_texts.yaml`, and those kept for measuring.

    marked("Ask <P:Aroha> at <O:Lakeside Dental>.")     # Written("Ask Aroha at Lakeside Dental.", ((4, 9, "PERSON"), ...))
    renamed(written, writer)                            # the same text about others; who stands in it twice stays one

Templates say where a name may stand; whole texts say also what else has a capital. P is a person, L a place, O an organisation,
A the address of a house or a street.
"""

import re
from functools import cache
from pathlib import Path

import yaml

from curate.models.names_posts import in_case_of, rewritten
from curate.models.names_writer import Writer, Written

MARK = re.compile(r"<([PLOA]):([^<>]+)>")
KIND_OF = {"P": "PERSON", "L": "LOCATION", "O": "ORGANIZATION", "A": "ADDRESS"}
TEXTS, MEASURED = "name_texts.yaml", "name_texts_measured.yaml"
RENAMED = 0.85  # share of the names of a text that is renamed


def marked(text: str) -> Written:
    """A text and its names, from one with marks."""
    bare, done = "", 0
    spans: list[tuple[int, int, str]] = []
    for mark in MARK.finditer(text):
        bare += text[done : mark.start()]
        spans.append((len(bare), len(bare) + len(mark[2]), KIND_OF[mark[1]]))
        bare, done = bare + mark[2], mark.end()
    return Written(bare + text[done:], tuple(spans))


@cache
def texts(name: str) -> tuple[Written, ...]:
    """All marked texts of a file beside this one."""
    entries = yaml.safe_load((Path(__file__).with_name(name)).read_text(encoding="utf-8"))
    return tuple(marked(entry) for entry in entries)


def renamed(written: Written, fill: Writer) -> Written:
    """The text with most of its names replaced by drawn ones of their kind and about their shape."""
    fill.locale = fill.draw.choice(fill.addresses)
    fill.culture = fill._culture()
    new: dict[tuple[str, str], str] = {}
    changes: list[tuple[int, int, str, str]] = []
    for start, end, kind in written.spans:
        old = written.text[start:end]
        if (old.lower(), kind) not in new:
            new[old.lower(), kind] = drawn(old, kind, fill) if fill.draw.random() < RENAMED else old
        changes.append((start, end, in_case_of(old, new[old.lower(), kind]), kind))
    return rewritten(written, changes)


def drawn(old: str, kind: str, fill: Writer) -> str:
    """A name for the place of another: one word for one, a block for a block."""
    if kind == "PERSON":
        if re.match(r"[^\W\d_]+, ", old):
            return fill.fill["last_first"]()
        return fill.fill["full" if " " in old else fill.draw.choice(["given", "given", "family"])]()
    if kind == "ADDRESS":
        whole, number = "," in old or "\n" in old, any(c.isdigit() for c in old)
        return fill.fill[
            "address_block" if "\n" in old else "address" if whole else "street" if number else "street_name"
        ]()
    value = fill.fill["place" if kind == "LOCATION" else "org"]()
    return re.sub(r"^the ", "", value, flags=re.IGNORECASE)  # the article is the text's

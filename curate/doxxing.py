"""Combinations that tell who and where somebody is: each part may be harmless, together they find a person.

    found = doxxing.combinations("Jane Doe lives at 12 Oak Street", findings)      # ("name and home",)
    doxxing.count(chats, finder)                                                   # a line per row and combination

Parts belong together when they stand within `REACH` characters of one turn. A combination is counted apart from the personal
data that it is made of. Who is written about is not asked: a sentence on a public person, her office and her town counts too.
"""

import re
from collections.abc import Sequence
from itertools import groupby

import polars as pl

from curate import pii
from curate.leaves import leaves
from curate.pii import Finder, Finding
from curate.progress import Progress, silent

REACH = 250  # characters between the name and what belongs to it

HOME = frozenset({"STREET_ADDRESS", "ADDRESS"})
NUMBER = frozenset(
    {"US_SSN", "US_ITIN", "NATIONAL_ID", "PASSPORT", "DRIVER_LICENSE", "NHS", "MEDICAL_RECORD", "BANK_ACCOUNT", "CREDIT_CARD",
     "IBAN", "DATE_OF_BIRTH", "VEHICLE_ID", "EMPLOYEE_ID"}
)  # fmt: skip
CONTACT = frozenset({"PHONE", "EMAIL", "USERNAME"})
AGE = re.compile(
    r"\b(?:[1-9]\d?|1[01]\d)(?:-| )(?:year|yr)s?(?:-| )old\b|\b(?:aged?|turned|am|is|she's|he's|I'm) (?:[1-9]\d|1[01]\d)\b(?! ?(?:%|percent|km|miles))",
    re.IGNORECASE,
)
ROLE = re.compile(
    r"\b(?:works?|worked|working|employed|hired|serves?|teaches|job|position|nurse|teacher|engineer|manager|director|driver|officer"
    r"|accountant|assistant|cashier|clerk|doctor|lawyer|waiter|waitress|receptionist|supervisor|intern|technician|developer)\b",
    re.IGNORECASE,
)

# Each: its name, and for each of its parts the kinds (or the pattern) of which one must be there.
COMBINATIONS: tuple[tuple[str, tuple[frozenset[str] | re.Pattern[str], ...]], ...] = (
    ("name and home", (frozenset({"PERSON"}), HOME)),
    ("name and a number of its own", (frozenset({"PERSON"}), NUMBER)),
    ("name and contact", (frozenset({"PERSON"}), CONTACT)),
    ("name, employer and town", (frozenset({"PERSON"}), frozenset({"ORGANIZATION"}), frozenset({"LOCATION"}))),
    ("name and post at an employer", (frozenset({"PERSON"}), frozenset({"ORGANIZATION"}), ROLE)),
    ("name, age and town", (frozenset({"PERSON"}), AGE, frozenset({"LOCATION"}))),
    ("home and contact", (HOME, CONTACT)),
)

COUNTS = pl.Schema({"row_id": pl.String, "turn": pl.Int32, "combination": pl.String})


def combinations(text: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The combinations that stand in a text, in the order of `COMBINATIONS`."""
    if len(findings) < 2:
        return ()
    anchors = [f for f in findings if f.kind == "PERSON"] or [f for f in findings if f.kind in HOME]
    found = set()
    for anchor in anchors:
        start, end = max(0, anchor.start - REACH), anchor.end + REACH
        kinds = {f.kind for f in findings if f.start < end and start < f.end}
        near = text[start:end]
        for name, parts in COMBINATIONS:
            if all(part & kinds if isinstance(part, frozenset) else part.search(near) for part in parts):
                found.add(name)
    return tuple(name for name, _ in COMBINATIONS if name in found)


def count(chats: pl.DataFrame, finder: Finder, progress: Progress = silent) -> pl.DataFrame:
    """A line per row, turn and combination; `turn` is null for what stands in the row's other fields."""
    places = list(leaves(chats))
    findings = pii.find_in_leaves([leaf for _, leaf in places], finder, progress)
    lines = []
    together = groupby(zip(places, findings, strict=True), key=lambda item: (item[0][0], item[0][1].turn))
    for (row_id, turn), group in together:
        text, moved = "", []
        for (_, leaf), some in group:  # fields of one turn are read as one text
            moved += [f._replace(start=f.start + len(text), end=f.end + len(text)) for f in some]
            text += leaf.text + "\n"
        lines += [(row_id, turn, name) for name in combinations(text, moved)]
    return pl.DataFrame(lines, schema=COUNTS, orient="row")

"""Every text of a row, with its place: what is said, what tool calls carry, what the row's other fields hold.

    for row_id, leaf in leaves(chats):
        print(row_id, leaf.turn, leaf.part, leaf.text)

A step that must miss nothing (personal data) reads leaves; `put_back` gives the row its changed texts, in the same order.
JSON inside a text (the arguments of a tool call) is opened, so that an edit cannot break it; keys of objects are leaves too.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from curate.chats import FORM_KEY

Json = Any
Change = Callable[[str, str], str]  # label and text -> text

LONG_NUMBER = 10**6  # a whole number from here on may be a telephone or account number
MANY, SMALL = 4096, 2000  # texts of JSON whose leaves are remembered, and how long: many rows hold the same
DEEPEST = 100  # levels of JSON inside a text; what is deeper is read as text
BRACKET = re.compile(r"[][{}]")
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")


class Leaf(NamedTuple):
    """One text. `turn` is None in `extra`; `number` counts the texts of the part; `label` is the key it stands under."""

    turn: int | None
    part: str  # content | fields | extra
    number: int
    label: str
    text: str


def leaves(chats: pl.DataFrame) -> Iterator[tuple[str, Leaf]]:
    """Row id and leaf, in file order; within a row: turn by turn, content before fields, `extra` last."""
    for row_id, turns, extra in chats.select("id", "turns", "extra").iter_rows():
        for leaf in leaves_of(turns, extra):
            yield row_id, leaf


def beside(chats: pl.DataFrame) -> Iterator[tuple[str, Leaf]]:
    """The same without what is said: the leaves of fields and of `extra`."""
    fields = chats.select(pl.col("turns").list.eval(pl.element().struct.field("fields").is_not_null()).list.any())
    whole = chats.select("id", pl.when(fields["turns"]).then("turns").alias("turns"), "extra")
    for row_id, turns, extra in whole.iter_rows():
        for leaf in leaves_of(turns or [], extra):
            if leaf.part != "content":
                yield row_id, leaf


def leaves_of(turns: list[Mapping[str, str | None]], extra: str | None) -> list[Leaf]:
    """The leaves of one row."""
    found: list[Leaf] = []
    for number, turn in enumerate(turns):
        if turn["content"]:
            found.append(Leaf(number, "content", 0, "", turn["content"]))
        if fields := turn.get("fields"):
            found += _in_json(fields, number, "fields")
    found += _in_json(extra, None, "extra")
    return found


def put_back(
    turns: list[Mapping[str, str | None]], extra: str | None, texts: Iterator[str]
) -> tuple[list[dict[str, str | None]], str | None]:
    """The row with new texts, taken in the order of `leaves_of`."""
    out = []
    for turn in turns:
        content = next(texts) if turn["content"] else turn["content"]
        out.append({"role": turn["role"], "content": content, "fields": _rewritten(turn.get("fields"), texts)})
    return out, _rewritten(extra, texts)


def walk(value: Json, change: Change, label: str = "") -> Json:
    """Apply `change` to every string, key and long whole number of a JSON value, in one order."""
    match value:
        case bool():
            return value
        case int() if abs(value) >= LONG_NUMBER:
            after = change(label, str(value))
            return value if after == str(value) else after
        case str():
            inner = _json_inside(value)
            if inner is None:
                return value if value.startswith("data:") and ";base64," in value[:99] else change(label, value)
            after = walk(inner, change, label)
            return value if after == inner else json.dumps(after, ensure_ascii=False)
        case list():
            return [walk(item, change, label) for item in value]
        case dict():
            out: dict[str, Json] = {}
            for key, item in value.items():
                if key == FORM_KEY:  # a memo of the source's form: key names and the row's own id
                    out[key] = item
                    continue
                name = change("", key)
                while name in out:  # two keys that became one: neither value is lost
                    name += "'"
                out[name] = walk(item, change, HUMP.sub(" ", key))
            return out
    return value


def _in_json(text: str | None, turn: int | None, part: str) -> tuple[Leaf, ...]:
    if not text or text == "{}":
        return ()
    return _known(text, turn, part) if len(text) <= SMALL else _leaves_in(text, turn, part)


def _leaves_in(text: str, turn: int | None, part: str) -> tuple[Leaf, ...]:
    found: list[Leaf] = []

    def note(label: str, said: str) -> str:
        found.append(Leaf(turn, part, len(found), label, said))
        return said

    walk(json.loads(text), note)
    return tuple(found)


_known = lru_cache(maxsize=MANY)(_leaves_in)


def _rewritten(text: str | None, texts: Iterator[str]) -> str | None:
    if not text or text == "{}":
        return text
    before = json.loads(text)
    after = walk(before, lambda label, said: next(texts))
    return text if after == before else json.dumps(after, ensure_ascii=False)


def _json_inside(text: str) -> Json | None:
    bare = text.strip()
    if bare[:1] + bare[-1:] not in ("{}", "[]") or _deeper_than(bare, DEEPEST):
        return None
    try:
        return json.loads(bare, object_pairs_hook=_object)
    except ValueError:
        return None


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice, so the object would hide a value")
    return made


def _deeper_than(text: str, limit: int) -> bool:
    depth = 0
    for bracket in BRACKET.findall(text):
        depth += 1 if bracket in "[{" else -1
        if depth > limit:
            return True
    return False

"""Leaves: what is remembered is what is read, and what stands beside the contents is all the rest."""

import json
from typing import Any

from curate.chats import chats_of
from curate.leaves import SMALL, beside, leaves


def row(name: str, content: str | None, fields: Any = None, extra: Any = None) -> dict[str, Any]:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": content}]
    if fields is not None:
        turns[1]["fields"] = json.dumps(fields)
    return {"id": name, "turns": turns, "extra": json.dumps(extra or {})}


ROWS = [
    row("1", "b", extra={"k": "v", "n": [1, "w"]}),
    row("2", None, fields={"tool": '{"q": "c"}'}),
    row("3", ""),
    row("4", "d", fields={"k": "v"}, extra={"long": "x" * (SMALL + 1)}),
    row("5", "e", fields={"k": "v"}, extra={"k": "v", "n": [1, "w"]}),
]


def test_what_stands_beside_the_contents_is_all_the_rest() -> None:
    chats = chats_of(ROWS)
    for _ in range(2):  # the second time some are remembered
        assert list(beside(chats)) == [(name, leaf) for name, leaf in leaves(chats) if leaf.part != "content"]
    assert list(beside(chats.clear())) == []


def test_the_same_text_elsewhere_keeps_its_own_place() -> None:
    found = [(name, leaf.turn, leaf.part, leaf.label, leaf.text) for name, leaf in beside(chats_of([ROWS[4], ROWS[3]]))]
    assert found[:2] == [("5", 1, "fields", "", "k"), ("5", 1, "fields", "k", "v")]
    assert found[2:4] == [("5", None, "extra", "", "k"), ("5", None, "extra", "k", "v")]
    assert found[-1] == ("4", None, "extra", "long", "x" * (SMALL + 1))

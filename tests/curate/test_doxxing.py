"""Combinations that identify: what belongs together, and what is too far apart."""

import random

import pytest

from curate import doxxing
from curate.chats import chats_of
from curate.pii import Finder, Finding, Findings

WORDS = {
    "Jane Doe": "PERSON",
    "12 Oak Street": "STREET_ADDRESS",
    "219-09-9999": "US_SSN",
    "jane@corp.org": "EMAIL",
    "Acme": "ORGANIZATION",
    "Leeds": "LOCATION",
}


def find(text: str) -> Findings:
    found = [
        Finding(text.index(word), text.index(word) + len(word), kind, 1.0, "test")
        for word, kind in WORDS.items()
        if word in text
    ]
    return tuple(sorted(found))


class Known(Finder):
    def find(self, texts, progress=None):  # type: ignore[no-untyped-def]
        return [find(text) for text in texts]


FINDER = Known("words", "0", tuple(set(WORDS.values())), 0.5)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Jane Doe lives at 12 Oak Street", ("name and home",)),
        ("Jane Doe, 219-09-9999", ("name and a number of its own",)),
        ("Write to Jane Doe: jane@corp.org", ("name and contact",)),
        ("Jane Doe of Acme, Leeds", ("name, employer and town",)),
        ("Jane Doe is a nurse at Acme", ("name and post at an employer",)),
        ("Jane Doe, a 34-year-old from Leeds", ("name, age and town",)),
        ("12 Oak Street, jane@corp.org", ("home and contact",)),
        ("Jane Doe", ()),
        ("Jane Doe at Acme", ()),
        ("a 34-year-old from Leeds", ()),
        ("Jane Doe " + "and so on " * 40 + "12 Oak Street", ()),
        ("", ()),
    ],
)
def test_what_makes_a_combination(text: str, names: tuple[str, ...]) -> None:
    assert doxxing.combinations(text, find(text)) == names


def test_parts_in_two_turns_are_not_one_combination_and_fields_of_a_turn_are() -> None:
    apart = chats_of([_row("a", "I am Jane Doe", "12 Oak Street"), _row("b", "Jane Doe, 12 Oak Street", "ok")])
    counted = doxxing.count(apart, FINDER)
    assert counted.rows() == [("b", 0, "name and home")]


def _row(name: str, *said: str) -> dict[str, object]:
    roles = ("user", "assistant")
    turns = [{"role": role, "content": text, "fields": None} for role, text in zip(roles, said, strict=False)]
    return {"id": name, "source": f"f:{name}", "turns": turns, "extra": "{}"}


def test_a_name_that_stands_all_over_the_rows_tells_of_nobody() -> None:
    """A persona signs every answer; one customer is named in few rows."""
    signed = [_row(f"s{i}", "Hello", f"Write to jane@corp.org, yours, Jane Doe {i}") for i in range(10)]
    other = [_row(f"o{i}", "Hello", "Good day") for i in range(100)]
    assert doxxing.count(chats_of([*signed[:9], *other]), FINDER).height == 9
    assert doxxing.count(chats_of([*signed, *other]), FINDER).height == 0
    assert doxxing.count(chats_of([*signed, *other, *other]), FINDER).height == 10


def test_a_found_age_is_one_and_a_postal_code_is_a_town() -> None:
    text = "Jane Doe, thirty-four, ZIP 90210"
    name, age, code = (
        Finding(0, 8, "PERSON", 1.0, "t"),
        Finding(10, 21, "AGE", 0.6, "Age"),
        Finding(27, 32, "STREET_ADDRESS", 0.6, "PostalCode"),
    )
    assert doxxing.combinations(text, [name, age, code]) == ("name, age and town",)
    assert doxxing.combinations(text, [name, code]) == ()
    assert doxxing.combinations(text, [name, code._replace(recogniser="StreetAddress")]) == ("name and home",)


@pytest.mark.parametrize("seed", range(6))
def test_where_nothing_could_come_of_the_findings_nothing_does(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are passed over before it is asked which findings count; the combinations are those of asking for each row."""
    draw = random.Random(seed)
    pieces = [*WORDS, "I am a nurse", "a 34-year-old", "and so on " * 40]
    rows = chats_of([_row(f"r{i}", *(" at ".join(draw.sample(pieces, 4)) for _ in range(2))) for i in range(60)])

    def choose(leaves, found, roles):  # type: ignore[no-untyped-def]
        kept = random.Random(leaves[0].text)  # some names count and some do not, whatever was asked before
        return [tuple(f for f in some if f.kind != "PERSON" or kept.random() < 0.5) for some in found]

    quick = doxxing.count(rows, FINDER, choose=choose)
    monkeypatch.setattr(doxxing, "_possible", lambda *_: True)
    assert quick.height
    assert doxxing.count(rows, FINDER, choose=choose).equals(quick)

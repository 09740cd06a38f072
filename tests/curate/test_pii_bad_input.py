"""Personal data in texts that nobody writes on purpose: a megabyte in a line, emoji, other directions, control characters, copies."""

import json

import polars as pl
import pytest

from curate import chats as chat
from curate import doxxing, names, pii, private_names, replacement
from curate.leaves import Leaf
from curate.pii import Finding
from curate.with_names import with_names

FINDER = with_names(pii.load(), names.load())
SAID = "My name is Aroha Ngata, mail aroha@corp.org"


def rows(*texts: str) -> pl.DataFrame:
    return chat.chats_of([{"turns": [{"role": "user", "content": text}]} for text in texts])


@pytest.mark.parametrize(
    "text",
    ["🙂" * 5_000, "👩‍👩‍👧‍👦🇳🇿" * 500, "مرحبا " * 500, "\u202e" + "שלום " * 300, "\x00\x01\x1b[31m\x7f" * 500, "\ud800 Bo" * 50, "\u200b" * 900, "é́" * 500],
)  # fmt: skip
def test_what_holds_nothing_gives_nothing_that_lies_outside(text: str) -> None:
    for f in FINDER.find([text])[0]:
        assert 0 <= f.start < f.end <= len(text)
    assert FINDER.find([text]) == FINDER.find([text])


@pytest.mark.parametrize("around", ["🙂", "\u202e", "\x00", "שלום ", "\u200b ", "\r\n"])
def test_what_stands_among_them_is_found(around: str) -> None:
    text = f"{around * 200} {SAID} {around * 200}"
    assert {"PERSON", "EMAIL"} <= {f.kind for f in FINDER.find([text])[0]}
    after = replacement.replace(rows(text), FINDER).kept["turns"][0][0]["content"]
    assert "aroha" not in after.lower()
    assert after.startswith(around * 200)


@pytest.mark.slow
def test_a_megabyte_in_one_line() -> None:
    text = "The lamp is on the table and the kettle is warm. " * 10_500 + SAID + " and so on" * 50_000
    assert len(text) > 1_000_000
    after = replacement.replace(rows(text), FINDER).kept["turns"][0][0]["content"]
    assert "Aroha" not in after
    assert "aroha@corp.org" not in after


def test_ten_thousand_copies_of_one_name() -> None:
    text = SAID + ". Aroha Ngata said so." * 10_000
    done = replacement.replace(rows(text), FINDER)
    assert "Aroha" not in done.kept["turns"][0][0]["content"]
    put = {e["placeholder"] for e in json.loads(done.ledger["evidence"][0])["edits"] if e["kind"] == "PERSON"}
    assert put == {"<PERSON_1>"}


def test_many_names_places_and_contacts_are_told_apart_in_order() -> None:
    # Every finding looks at its neighbours only: the time is in proportion.
    unit = "Ann Lee of Acme in Bath, ann@corp.org; "
    marks = (("PERSON", "Ann Lee"), ("ORGANIZATION", "Acme"), ("LOCATION", "Bath"), ("EMAIL", "ann@corp.org"))
    found = tuple(
        Finding(n * len(unit) + unit.index(word), n * len(unit) + unit.index(word) + len(word), kind, 0.9, "test")
        for n in range(500)
        for kind, word in marks
    )
    text = unit * 500
    kept = private_names.private([Leaf(0, "content", 0, "", text)], [found])[0]
    assert kept == found  # the mail beside her makes every Ann Lee private, and Acme and Bath complete the combination
    assert "name, employer and town" in doxxing.combinations(text, found)


@pytest.mark.parametrize(
    "unit", ["my ", "Hi ", "name: ", "customer ", "regards,\n", "Dear ", "I am ", "who was ", "12 Elm Street, ", "A1 1AA ", "nr ", "( ", "my new old "],
)  # fmt: skip
def test_signs_repeated_end(unit: str) -> None:
    # No clock is compared: a pattern that runs away would not end within the suite's limit.
    text = unit * (20_000 // len(unit)) + "Ann Lee"
    at = len(text) - 7
    kept = private_names.private([Leaf(0, "content", 0, "", text)], [(Finding(at, at + 7, "PERSON", 0.99, "test"),)])
    assert len(kept) == 1
    assert len(FINDER.find([text])) == 1

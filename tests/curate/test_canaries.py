"""Planted values: they stand where it is said, the same seed plants the same, and a blind finder finds none."""

import pytest

from curate import canaries, pii
from curate.chats import chats_of
from curate.pii import Finder, Finding
from curate.standins.draws import Draw

FINDER = pii.load()
TURNS = ["How do I reset the lamp? It blinks.\nThanks a lot.", "Hold the button.", "Ok"]
CHATS = chats_of([{"id": f"r{n}", "turns": [{"role": "user", "content": said}]} for n, said in enumerate(TURNS)])


class Blind(Finder):
    def find(self, texts, progress=None):  # type: ignore[no-untyped-def]
        return [() for _ in texts]


class Half(Finder):
    """Finds the first character of every text only."""

    def find(self, texts, progress=None):  # type: ignore[no-untyped-def]
        return [(Finding(0, 1, "EMAIL", 1.0, "test"),) for _ in texts]


@pytest.mark.parametrize("kind", canaries.PLANTS)
def test_a_plant_stands_where_it_is_said_and_the_turn_around_it_stays(kind: str) -> None:
    for number in range(12):
        text, start, end = canaries.plant(kind, TURNS, Draw(b"t", kind, number), number)
        value = text[start:end]
        assert value.strip() == value != ""
        assert any(text.startswith(turn[:2]) or turn in text for turn in TURNS)
        assert (text, start, end) == canaries.plant(kind, TURNS, Draw(b"t", kind, number), number)


def test_a_blind_finder_finds_none_and_half_a_value_is_not_found() -> None:
    for blind in (Blind("blind", "0", ("EMAIL", "IBAN"), 0.5), Half("half", "0", ("EMAIL", "IBAN"), 0.5)):
        found = canaries.measure(CHATS, blind)
        assert found.table["found"].sum() == 0
        assert found.table["planted"].sum() == 2 * canaries.PER_KIND
        assert all(interval.high < 0.25 for interval in found.intervals())


def test_the_finder_is_measured_where_the_value_is_named_and_where_it_is_not() -> None:
    found = canaries.measure(CHATS, FINDER, per_kind=8)
    recall = {(kind, context): hit / n for kind, context, n, hit, _ in found.table.iter_rows()}
    assert recall["EMAIL", "named"] == recall["EMAIL", "bare"] == 1
    assert recall["PASSPORT", "named"] == 1 > recall["PASSPORT", "bare"] == 0
    assert "PASSPORT        bare" in str(found)
    assert set(found.not_planted) == set(FINDER.kinds) - set(canaries.PLANTS)
    assert found.table.equals(canaries.measure(CHATS, FINDER, per_kind=8).table)


def test_no_text_no_canaries() -> None:
    found = canaries.measure(CHATS.clear(), FINDER)
    assert found.table.height == 0
    assert str(found) == "no text to plant in"


def test_the_data_is_not_changed() -> None:
    before = CHATS.clone()
    canaries.measure(CHATS, FINDER, per_kind=2)
    assert before.equals(CHATS)


def test_what_does_not_count_is_not_found() -> None:
    found = canaries.measure(CHATS, FINDER, per_kind=4, choose=lambda rows: [[() for _ in row.found] for row in rows])
    assert found.table["found"].sum() == 0


def test_an_age_is_planted_beside_somebody() -> None:
    table = canaries.measure(CHATS, FINDER, per_kind=8).table
    assert dict(table.filter(kind="AGE").select("context", "found").iter_rows()) == {"named": 4, "bare": 0}

"""How findings are matched with labels: the readings of one address, counted by hand."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "pii"))

import combined as counting
from combined import Score, Span

TEXT = "at 12 Mill Lane, Leeds LS4 2BN"
GOLD = [Span(3, 15, "STREET_ADDRESS"), Span(17, 22, "LOCATION"), Span(23, 30, "STREET_ADDRESS")]
FOUND = [Span(3, 30, "STREET_ADDRESS")]


def test_a_whole_address_matches_none_of_its_parts() -> None:
    assert counting.matches([(GOLD, FOUND)], {"STREET_ADDRESS"}) == Score(2, 0, 1, 0)


def test_joined_it_is_one() -> None:
    assert counting.join(TEXT, GOLD) == counting.join(TEXT, FOUND) == FOUND


def test_as_the_notebook_maps_it_an_address_is_a_place() -> None:
    assert counting.as_notebook(TEXT, GOLD) == counting.as_notebook(TEXT, FOUND) == [Span(3, 30, "LOCATION")]
    apart = [Span(0, 3, "PERSON"), Span(5, 8, "PERSON"), Span(9, 12, "LOCATION")]
    assert counting.as_notebook("Ann, Bob Rye", apart) == [Span(0, 8, "PERSON"), Span(9, 12, "LOCATION")]
    assert counting.as_notebook("Ann and Bob", [Span(0, 3, "PERSON"), Span(8, 11, "PERSON")]) == [
        Span(0, 3, "PERSON"),
        Span(8, 11, "PERSON"),
    ]


def test_without_types_neighbours_are_one_and_nine_tenths_are_needed() -> None:
    gold = counting.untyped("Ann Rye Leeds", [Span(0, 7, "PERSON"), Span(8, 13, "LOCATION")])
    assert gold == [Span(0, 13, counting.ANY)]
    (reading,) = (reading for reading in counting.READINGS if reading.change is counting.untyped)
    assert reading.count([(gold, [Span(0, 12, counting.ANY)])], {counting.ANY}) == Score(1, 1, 1, 1)  # 12 of 13
    assert reading.count([(gold, [Span(0, 11, counting.ANY)])], {counting.ANY}) == Score(1, 0, 1, 0)  # 11 of 13


def test_by_letters_a_whole_covers_parts_of_its_own_kind() -> None:
    assert counting.covering([(GOLD, FOUND)], {"STREET_ADDRESS"}) == Score(
        2, 2, 1, 1
    )  # 19 of 27 letters are labelled so
    assert counting.covering([(GOLD, FOUND)], {"LOCATION"}) == Score(1, 0, 0, 0)
    assert counting.covering([(GOLD[:1], FOUND)], {"STREET_ADDRESS"}) == Score(1, 1, 1, 0)  # 12 of 27


def test_two_halves_cover_together_and_twice_the_same_counts_once() -> None:
    label, first, second = Span(0, 10, "PERSON"), Span(0, 3, "PERSON"), Span(1, 6, "PERSON")
    assert counting.covered(label, [first, second])
    assert not counting.covered(label, [first, first])

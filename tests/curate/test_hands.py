"""Work on several processes: the same answers in the same order, and nothing started where there is little to do."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

from curate import names, pii
from curate.hands import Hands, Helped

TEXTS = [f"I am Jane Doe number {i}, write to jane{i}@corp.example or call +44 20 7946 0{i:03}" for i in range(40)]


def _where(texts: Sequence[str]) -> list[int]:
    return [os.getpid() for _ in texts]


def _breaks(texts: Sequence[str]) -> list[int]:
    raise ValueError(f"cannot read {texts[0]}")


def test_nothing_is_started_until_there_is_much_to_do() -> None:
    with Helped(_where, processes=2, alone=10) as work:
        assert set(work(["a" * 6])) == {os.getpid()} == set(work(["b" * 6]))
        elsewhere = work(["c"] * 5)
        assert os.getpid() not in elsewhere
        assert len(elsewhere) == 5
        assert work([]) == []


def test_with_one_process_nothing_is_ever_started() -> None:
    with Helped(_where, processes=1, alone=0) as work:
        assert set(work(["a", "b"])) == {os.getpid()}


def test_an_error_in_another_process_is_raised_here() -> None:
    with pytest.raises(ValueError, match="cannot read a"), Helped(_breaks, processes=2, alone=0) as work:
        work(["a", "b"])


@pytest.mark.parametrize("room", [names, pytest.param(pii, marks=pytest.mark.slow)])
def test_several_processes_find_what_one_finds(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = room.load()
    expected = alone.find(TEXTS)
    assert all(expected)
    monkeypatch.setattr(room, "ALONE", 0)
    together = room.load(processes=2)
    assert together.find(TEXTS) == expected
    assert together.fingerprint == alone.fingerprint


def test_answers_come_in_the_order_of_the_tasks() -> None:
    with Hands(2) as hands:
        assert list(hands.each(len, ["a" * n for n in range(12)])) == list(range(12))

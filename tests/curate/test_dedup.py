"""Deduplication: laws first, then the known ways in which others go wrong."""

import random
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from curate import chats as chat
from curate import dedup
from curate.duplicates import stars
from curate.windows import Windows


def _chats(pairs: Sequence[tuple[str, str]], ids: Sequence[str] | None = None) -> pl.DataFrame:
    rows = []
    for i, (query, answer) in enumerate(pairs):
        turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
        rows.append({"id": ids[i] if ids else f"r{i:03}", "turns": turns})
    return chat.chats_of(rows)


def _toy(vectors: dict[str, Sequence[float]]):  # type: ignore[no-untyped-def]
    """An encoder that knows the vectors of a few texts."""

    def encode(texts: Sequence[str]) -> Windows:
        rows = np.array([np.array(vectors[t], float) / np.linalg.norm(vectors[t]) for t in texts], np.float32)
        numbers = np.arange(len(texts), dtype=np.int32)
        return Windows(rows.reshape(len(texts), -1), numbers, numbers * 0, numbers * 0 + 1, len(texts))

    return encode


WORDS = [chr(97 + i % 26) * 2 + chr(97 + i // 26) * 3 for i in range(60)]


def _random_rows(seed: int, n: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    base = [(" ".join(rng.choices(WORDS, k=12)), " ".join(rng.choices(WORDS, k=20))) for _ in range(n)]
    for query, answer in base[: n // 2]:
        words = answer.split()
        words[rng.randrange(len(words))] = "other"
        base.append((query, " ".join(words)))
    return base


@pytest.mark.parametrize("step", [dedup.exact, dedup.near])
def test_twice_is_once_and_the_order_of_rows_decides_nothing(step) -> None:  # type: ignore[no-untyped-def]
    chats = _chats([*_random_rows(1, 20), *_random_rows(1, 5)])
    once = step(chats)
    assert step(once.kept).removed.height == 0
    shuffled = step(chats.sample(fraction=1, shuffle=True, seed=3))
    assert set(shuffled.kept["id"]) == set(once.kept["id"])
    assert once.ledger.sort("row_id").drop("source").equals(shuffled.ledger.sort("row_id").drop("source"))


def test_each_group_keeps_one_row() -> None:
    done = dedup.exact(_chats([("Hi", "Hello there")] * 5))
    assert done.kept.height == 1
    assert done.ledger["twin"].unique().to_list() == done.kept["id"].to_list()


def test_exact_reads_all_turns_roles_and_fields() -> None:
    def row(*turns: tuple[str, str], fields: str | None = None) -> dict[str, object]:
        return {"turns": [{"role": role, "content": said, "fields": fields} for role, said in turns]}

    ask, say = ("user", "Hi"), ("assistant", "Yo")
    rows = [
        row(ask, say),
        row(say, ask),
        row(ask, ("assistant", "Yo\n\nHi")),
        row(ask, say, fields='{"name": "x"}'),
        row(),
    ]
    assert dedup.exact(chat.chats_of(rows)).kept.height == 5
    assert dedup.exact(chat.chats_of([*rows, *rows])).kept.height == 5
    kept = dedup.exact(
        chat.chats_of([{"id": "a", **rows[0]}, {"id": "b", **rows[0]}]), checked=stars.Checked({"b"})
    ).kept
    assert kept["id"].to_list() == ["b"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (("Hi", "Hello"), ("hi ", "HELLO")),
        (("Naïve?", "Yes"), ("Nai\u0308ve?", "Yes")),
        (("zero\u200b width", "x"), ("zero width", "x")),
    ],
)
def test_exact_sees_through_case_space_and_unicode(a: tuple[str, str], b: tuple[str, str]) -> None:
    assert dedup.exact(_chats([a, b])).kept.height == 1


def test_same_question_other_answer_is_no_duplicate() -> None:
    question = "How long is the return window of the big brass desk lamp?"
    rows = [
        (question, "You can return it within one month, no questions asked."),
        (question, "Sorry, sales are final and it stays with you."),
    ]
    assert dedup.near(_chats(rows)).removed.height == 0


def test_other_numbers_are_a_template_not_a_duplicate() -> None:
    rows = [
        (
            f"How much is {n} metres of cable for the workshop lamp in grey?",
            f"That is {n * 3} pounds for the cable in grey.",
        )
        for n in (2, 5)
    ]
    assert dedup.near(_chats(rows), threshold=0.5).removed.height == 0


def test_a_passage_that_two_questions_share_does_not_make_them_one() -> None:
    passage = "The mill was built beside the river in the year of the flood and has made lamps ever since. " * 4
    rows = [(f"Who built it?\n\n{passage}", "Nobody knows."), (f"What does it make?\n\n{passage}", "Nobody knows.")]
    assert dedup.near(_chats(rows)).removed.height == 0


def test_yes_and_no_are_two_answers() -> None:
    rows = [
        ("Does the lamp dim?", "Yes, turn the knob on its foot."),
        ("Does the lamp dim?", "No, turn the knob on its foot."),
    ]
    assert dedup.near(_chats(rows)).removed.height == 0

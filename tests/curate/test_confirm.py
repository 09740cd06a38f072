"""Pairs told in bulk are what they are when each is read by itself."""

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates import near as room
from curate.duplicates.confirm import NEAR, Rows
from curate.duplicates.said import Sides
from curate.progress import silent

WORDS = [
    "lamp",
    "Lamp",
    "lmap",
    "lamps",
    "the",
    "a",
    "is",
    "not",
    "don't",
    "3",
    "5",
    "three",
    "5 kg",
    "5 pounds",
    "Ann",
    "Ben",
]
WORDS += [
    "before",
    "after",
    "find_max",
    "find_min",
    "café",
    "你好",
    "привет",
    "👍",
    "—",
    "minutes",
    "calculate",
    "caclulate",
]
FILLING = [f"{a}{b}{a}" for a in "bdfglmnprt" for b in ("al", "er", "in", "os")]
BREAKS = [" ", " ", " ", "  ", "\n", "\n\n", " \n \n", ", ", ". "]


def _edited(words: list[str], rng: random.Random) -> list[str]:
    words = list(words)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 4])):
        at = rng.randrange(len(words))
        match rng.randrange(6):
            case 0:
                words.insert(at, rng.choice(WORDS))
            case 1:
                words[at] = rng.choice(WORDS)
            case 2:
                words[at] = words[at].upper()
            case 3:
                words[at] = words[at][1:2] + words[at][:1] + words[at][2:]
            case 4:
                words = words[: max(1, 2 * len(words) // 3)]
            case 5:
                other = rng.randrange(len(words))
                words[at], words[other] = words[other], words[at]
    return words


def _sides(seed: int) -> Sides:
    """Questions and answers in several edits each, with paragraphs, other white space and other prompts."""
    rng = random.Random(seed)
    queries, answers, systems = [], [], []
    for _ in range(3):
        kinds = [rng.choices(WORDS + FILLING, k=rng.choice([1, 3, 8, 25, 45])) for _ in range(2)]
        for _ in range(4):
            asked, answered = (_edited(words, rng) for words in kinds)
            before = rng.choice(["", "", "", "Hi! Can you help me? ", "Read this.\n\n", "What is it?\n\n"])
            queries.append(before + "".join(word + rng.choice(BREAKS) for word in asked))
            answers.append(rng.choice([" ", "\n\n"]).join(answered))
            systems.append(rng.choice(["", "", "Be kind.", "be  kind.", "Be brief."]))
    return Sides(queries, answers, systems, *[[""] * len(queries)] * 2)


@given(st.integers(0, 100_000), st.sampled_from([0.5, 0.7, 0.9]))
@settings(max_examples=40, deadline=None)
def test_told_at_once_or_read_one_by_one(seed: int, floor: float) -> None:
    sides = _sides(seed)
    pairs = np.array(list(combinations(range(len(sides.queries)), 2)))
    bulk, single = Rows(sides, pairs), Rows(sides, pairs)
    chosen = set(bulk.worth_reading(floor).tolist())
    for at in range(len(pairs)):
        rule, score = single.best_rule(at)
        if at not in chosen:
            assert score < floor
        else:
            found = bulk.best_rule(at)
            # Below the floor only that it is below is known.
            assert found == (rule, score) or max(found[1], score) < floor
            assert bulk.contradiction(at, rule) == single.contradiction(at, rule)


def test_the_examples_reach_every_way_of_telling() -> None:
    """Else the law above would say nothing."""
    told, read, apart = 0, 0, set()
    for seed in range(60):
        sides = _sides(seed)
        rows = Rows(sides, np.array(list(combinations(range(len(sides.queries)), 2))))
        for at in rows.worth_reading(0.5).tolist():
            rule, score = rows.best_rule(at)
            told += at in rows._told
            read += at not in rows._told and score >= 0.5
            apart.add(rows.contradiction(at, rule))
    assert told > 50
    assert read > 50
    assert apart >= {None, "system prompt", "negation", "numbers"}


def test_asked_again_with_another_floor_the_answers_are_the_same() -> None:
    sides = _sides(11)
    pairs = np.array(list(combinations(range(len(sides.queries)), 2)))
    rows = Rows(sides, pairs)
    first = {at: rows.best_rule(at) for at in rows.worth_reading(0.9).tolist()}
    again = {at: rows.best_rule(at) for at in rows.worth_reading(0.5).tolist()}
    assert first.items() <= again.items()
    assert [rows.best_rule(at) for at in rows.worth_reading(0.9).tolist()] == list(first.values())


def test_the_same_words_are_near_whatever_stands_between_them() -> None:
    sides = Sides(["one two\n\nthree", "One two, three!"], ["👍", "👍"], *[["", ""]] * 3)
    rows = Rows(sides, np.array([[0, 1]]))
    assert rows.best_rule(0) == (NEAR, 1.0)
    assert rows.worth_reading(0.5).tolist() == [0]
    assert rows.best_rule(0) == (NEAR, 1.0)
    assert rows.contradiction(0) is None


def test_no_pairs() -> None:
    assert Rows(_sides(0), np.empty((0, 2), np.int64)).worth_reading(0.5).tolist() == []


def test_pairs_confirmed_some_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = _sides(6)
    ids = [f"r{row:02}" for row in range(len(sides.queries))]
    pairs = np.array(list(combinations(range(len(ids)), 2)))
    whole = room.confirmed(ids, sides, pairs, 0.5, silent)
    monkeypatch.setattr(room, "PAIRS_AT_ONCE", 5)
    few = room.confirmed(ids, sides, pairs, 0.5, silent)
    assert whole[0].height + whole[1].height > 0
    assert all(one.equals(other) for one, other in zip(whole, few, strict=True))


def test_a_sign_beyond_ascii_is_not_counted_as_letters_that_stray() -> None:
    """In bytes it is four; the pair was then refused although its answers are misspelt, not other."""
    said = (
        "is Ann nern {} dind binb naln rosr {} palp fosf rerr is ralr dald a lamp Ben and so on and on with more words"
    )
    answers = [said.format("gerg", "perp"), said.format("egrg", "👍")]
    rows = Rows(Sides(["not that", "Read this. not that"], answers, *[["", ""]] * 3), np.array([[0, 1]]))
    assert rows.worth_reading(0.9).tolist() == [0]
    assert rows.best_rule(0) == ("wrapped question", 0.9615)

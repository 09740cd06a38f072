"""Words as numbers: what is counted for many pairs of texts at once is what a loop over each pair counts."""

import random

import numpy as np
import pytest

from curate.duplicates import alike, bags
from curate.duplicates.bags import Bags, words_of

WORDS = ["the", "lamp", "lamp", "Lamp", "red", "3", "3.5", "x_y", "not", "don't", "你好", "café", "👍", "—", "…", "ﬁne"]


def _texts(seed: int) -> list[str]:
    rng = random.Random(seed)
    return ["", "!!!", "👍", *(" ".join(rng.choices(WORDS, k=rng.choice([1, 2, 6, 20]))) for _ in range(20))]


@pytest.fixture(params=[bags.AT_ONCE, 7])
def some_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs in one block, and few."""
    monkeypatch.setattr(bags.blocks, "__defaults__", (request.param,))


@pytest.mark.usefixtures("some_at_once")
def test_what_two_texts_share_is_what_a_loop_counts() -> None:
    texts = _texts(1)
    held = Bags.of(texts)
    words = [words_of(said) for said in texts]
    assert [held.tokens(at) for at in range(len(texts))] == words
    assert held.sizes.tolist() == [len(some) for some in words]
    left, right = np.triu_indices(len(texts))
    equal, ordered = held.equal(left, right), held.ordered(left, right)
    for n, (shared, i, j) in enumerate(zip(held.shared(left, right).tolist(), left, right, strict=True)):
        a, b = words[i], words[j]
        assert shared == sum(min(a.count(word), b.count(word)) for word in set(a))
        assert equal[n] == (a == b)
        assert ordered[n] == (alike.moved(a, b) == 0)


@pytest.mark.usefixtures("some_at_once")
def test_what_only_one_text_has_is_what_a_loop_finds() -> None:
    texts = _texts(2)
    held = Bags.of(texts)
    left, right = (part.ravel() for part in np.indices((len(texts), len(texts))))
    found: dict[int, dict[str, int]] = {}
    for pair, word, times in zip(*(part.tolist() for part in held.only(left, right)), strict=True):
        found.setdefault(pair, {})[held.names[word]] = times
    for n, (i, j) in enumerate(zip(left, right, strict=True)):
        a, b = words_of(texts[i]), words_of(texts[j])
        more = {word: a.count(word) - b.count(word) for word in set(a)}
        assert found.get(n, {}) == {word: times for word, times in more.items() if times > 0}


def test_no_texts_and_no_pairs() -> None:
    none = np.empty(0, np.int64)
    assert Bags.of([]).shared(none, none).tolist() == []
    assert [part.tolist() for part in Bags.of(["a"]).only(none, none)] == [[], [], []]


def test_large_numbers_are_sorted_as_small_ones_are() -> None:
    """Where a word's number and its place do not fit into one number."""
    keys, places = np.array([5, 1, 5, 1, 9]), np.array([0, 1, 2, 3, 4])
    small = [part.tolist() for part in bags._lines(keys, places)]
    assert small == [[1, 5, 9], [1, 0, 4], [2, 2, 1]]
    lines, firsts, counts = bags._lines(keys << 59, places)
    assert [(lines >> 59).tolist(), firsts.tolist(), counts.tolist()] == small

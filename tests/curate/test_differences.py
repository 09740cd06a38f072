"""Many pairs at once are compared as `alike.compare` compares each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import text
from curate.duplicates import alike, differences
from curate.duplicates.alike import Alike
from curate.duplicates.bags import Bags, words_of

WORDS = [
    "the",
    "teh",
    "lamp",
    "lmap",
    "lamps",
    "is",
    "its",
    "not",
    "red",
    "rde",
    "3",
    "5",
    "of",
    "fo",
    "find_max",
    "find_mxa",
    "find_min",
    "calculates",
    "cacluates",
    "increase",
    "decrease",
    "minutes",
    "minuets",
    "million",
    "billion",
    "naïve",
    "nave",
    "naive",
    "привет",
    "привте",
    "你",
    "你好",
    "👍",
    "don't",
    "dont",
    "a",
    "an",
    "in",
    "on",
    "it's",
    "x",
    "y",
]
LETTERS = st.text("abcde_", min_size=1, max_size=9)
TEXTS = st.lists(st.sampled_from(WORDS) | LETTERS, max_size=14).map(" ".join)


@given(st.lists(TEXTS, min_size=2, max_size=6))
@settings(max_examples=150, deadline=None)
def test_all_pairs_at_once_are_what_each_is(texts: list[str]) -> None:
    left, right = (part.ravel() for part in np.indices((len(texts), len(texts))))
    found = differences.differences(Bags.of(texts), left, right)
    for n, (i, j) in enumerate(zip(left, right, strict=True)):
        a, b = words_of(texts[i]), words_of(texts[j])
        true = alike.compare(a, b)
        assert found.alike(n) == true
        assert found.telling[n] == min(
            sum(word not in text.SMALL_WORDS for word in words) for words in (true.left, true.right)
        )
        assert (found.fewer[n], found.same[n], found.ordered[n]) == (min(len(a), len(b)), a == b, not alike.moved(a, b))


@given(TEXTS, TEXTS)
@settings(max_examples=50, deadline=None)
def test_letters_that_stray_are_never_counted_too_high(a: str, b: str) -> None:
    found = differences.differences(Bags.of([a, b]), np.array([0]), np.array([1]))
    apart = alike.letters_apart(["".join(words_of(said)) for said in (a, b)], np.array([0]), np.array([1]))
    assert found.stray[0] <= apart[0]


def test_words_held_beside_each_other_a_few_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bags = Bags.of(["the lmap is red and fo clay", "the lamp is rde and of caly", "its lamps"])
    pairs = np.array([0, 0, 1]), np.array([1, 2, 2])
    whole = differences.differences(bags, *pairs)
    monkeypatch.setattr(differences, "AT_ONCE", 2)
    few = differences.differences(bags, *pairs)
    assert [few.alike(at) for at in range(3)] == [whole.alike(at) for at in range(3)]
    assert whole.alike(0) == Alike(1.0, (), (), 4)


def test_no_pairs() -> None:
    none = np.empty(0, np.int64)
    assert differences.differences(Bags.of([]), none, none).score.tolist() == []

"""How alike two texts are: typos are forgiven, other words are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.alike import alike, moved, typo

TEXTS = st.lists(
    st.sampled_from(["the", "lamp", "lmap", "is", "its", "not", "red", "rde", "3", "5", "of", "fo"]), max_size=8
).map(" ".join)


@given(TEXTS, TEXTS)
@settings(max_examples=100, deadline=None)
def test_alike_is_symmetric_and_between_nothing_and_one(a: str, b: str) -> None:
    here, there = alike(a, b), alike(b, a)
    assert 0 <= here.score <= 1
    assert (here.score, here.left, here.right, here.typos) == (there.score, there.right, there.left, there.typos)
    assert alike(a, a).score == 1


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [
        ("poem", "peom", 1),
        ("teh", "the", 1),
        ("thw", "the", 1),  # a small word against none
        ("calculates", "cacluates", 2),
        ("find_max_key", "find_mxa_key", 1),
        ("cat", "bat", None),
        ("in", "on", None),
        ("dioxide", "monoxide", None),
        ("increase", "decrease", None),
        ("million", "billion", None),
        ("find_max_key", "find_min_key", None),
        ("1995", "1996", None),
        ("", "a", None),
    ],
)
def test_what_is_a_typo(a: str, b: str, edits: int | None) -> None:
    assert typo(a, b) == typo(b, a) == edits


def test_shared_words_over_all_words_by_hand() -> None:
    assert alike("Sort the red lamps", "Sort the green lamps").score == 3 / 5
    assert alike("Wirte a peom about the sea", "Write a poem about the sea").typos == 2


def test_moved_words() -> None:
    assert moved(["ann", "is", "taller", "than", "ben"], ["ben", "is", "taller", "than", "ann"]) == 2
    assert moved(["ann", "likes", "red", "lamps"], ["ann", "likes", "big", "red", "lamps"]) == 0

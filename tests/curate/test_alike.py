"""How alike two texts are: typos are forgiven, other words are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.duplicates.alike import _edits, alike, moved, typo

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


@given(st.text("abc", max_size=9), st.text("abc", max_size=9), st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_edits_are_those_of_the_whole_table(a: str, b: str, most: int) -> None:
    table = {(i, j): max(i, j) for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1])]
            if i > 1 and j > 1 and a[i - 2 : i] == b[j - 1] + b[j - 2]:
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    true = table[len(a), len(b)]
    assert _edits(a, b, most) == (true if true <= most else None)

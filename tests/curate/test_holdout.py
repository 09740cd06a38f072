"""Whole groups to one side: laws of the choice, and a case to follow by hand."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from curate.splitting.holdout import ENOUGH, Group, choose, quotas
from curate.splitting.same import Together


def groups(rows: int, pairs: list[tuple[int, int]]) -> list[int]:
    return Together(rows, pairs).groups()


def test_groups_are_connected_components() -> None:
    assert groups(6, [(0, 3), (4, 3), (2, 5)]) == [0, 1, 2, 0, 0, 2]
    assert groups(3, []) == [0, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30), st.randoms())
@settings(max_examples=50, deadline=None)
def test_groups_do_not_depend_on_the_order_of_pairs(pairs: list[tuple[int, int]], shuffle: random.Random) -> None:
    found = groups(20, pairs)
    assert all(found[a] == found[b] for a, b in pairs)
    shuffle.shuffle(pairs)
    assert groups(20, [(b, a) for a, b in pairs]) == found
    for row, first in enumerate(found):
        assert first <= row
        assert found[first] == first


worlds = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.integers(1, n - 1),
    )
)


@given(worlds)
@settings(max_examples=100, deadline=None)
def test_whole_free_groups_near_the_wanted_number_and_someone_stays(
    world: tuple[list[tuple[int, int]], list[int], list[bool], int],
) -> None:
    pairs, topics, free, cases = world
    number = groups(len(topics), pairs)
    keys = [f"{row:03}" for row in range(len(topics))]
    taken = [row for group in choose(number, topics, keys, free, cases) for row in group.rows]
    assert len(taken) == len(set(taken)) < len(topics)
    held = set(taken)
    assert all(free[row] for row in held)
    assert all((a in held) == (b in held) for a, b in pairs)
    assert len(held) <= 2 * cases
    sizes = [
        size
        for group, size in Counter(number).items()
        if all(f for f, g in zip(free, number, strict=True) if g == group)
    ]
    if len(held) < cases:  # nothing that is left would come nearer
        left = Counter(sizes) - Counter(Counter(number[row] for row in held).values())
        assert not any(size <= cases - len(held) for size in left)


@given(worlds)
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_rows_is_irrelevant(
    world: tuple[list[tuple[int, int]], list[int], list[bool], int],
) -> None:
    pairs, topics, free, cases = world
    n = len(topics)
    keys = [f"{row * 7919 % 1009:04}" for row in range(n)]
    here = choose(groups(n, pairs), topics, keys, free, cases)
    place = random.Random(1).sample(range(n), n)
    back = {new: old for old, new in enumerate(place)}
    moved = [(place[a], place[b]) for a, b in pairs]
    there = choose(
        groups(n, moved),
        [topics[back[i]] for i in range(n)],
        [keys[back[i]] for i in range(n)],
        [free[back[i]] for i in range(n)],
        cases,
    )
    rows = {row for group in here for row in group.rows}
    assert {back[row] for group in there for row in group.rows} == rows


def test_by_hand() -> None:
    # Two topics of six rows: topic 0 is rows 0-3 (0 and 1 say the same), topic 1 is rows 4-5. Three cases are two of topic 0
    # and one of topic 1. Keys are the letters: the group of 0 and 1 goes by its lowest key, "b", but it is bulky.
    number, topics = [0, 0, 2, 3, 4, 5], [0, 0, 0, 0, 1, 1]
    taken = choose(number, topics, ["z", "b", "c", "a", "y", "x"], [True] * 6, 3)
    assert [group.rows for group in taken] == [(3,), (2,), (5,)]


def test_shares_follow_the_largest_remainder() -> None:
    def singles(topic: int, n: int) -> list[Group]:
        return [Group((100 * topic + i,), topic, str(i)) for i in range(n)]

    drawn = [group for topic in range(3) for group in singles(topic, 30)]
    # 10 cases at 5.5, 3.4 and 1.1: the whole parts are 5, 3, 1, and the one left goes to the largest remainder.
    assert quotas({0: 5.5, 1: 3.4, 2: 1.1}, drawn, 10) == {0: 6, 1: 3, 2: 1}
    # A topic never gets more than it has free rows; the others take over.
    assert quotas({0: 5.0, 1: 5.0}, singles(0, 2) + singles(1, 30), 10) == {0: 2, 1: 8}


def test_every_topic_with_enough_rows_gets_a_case() -> None:
    many = [Group((i,), 0, str(i)) for i in range(900)]
    few = [Group((1000 + i,), 1, str(i)) for i in range(ENOUGH)]
    scarce = [Group((2000 + i,), 2, str(i)) for i in range(ENOUGH - 1)]
    assert quotas({0: 9.6, 1: 0.2, 2: 0.2}, many + few + scarce, 10) == {0: 9, 1: 1, 2: 0}
    assert quotas({0: 0.98, 1: 0.02}, many + few, 1) == {0: 1, 1: 0}


def test_one_large_group_stays_behind_when_it_would_be_most_of_the_cases() -> None:
    number = [0] * 50 + list(range(50, 100))
    taken = choose(number, [0] * 100, [f"{i:03}" for i in range(100)], [True] * 100, 10)
    assert sum(map(len, taken)) == 10
    assert all(len(group) == 1 for group in taken)
    assert choose([0] * 50 + [50] * 50, [0] * 100, ["a"] * 100, [True] * 100, 10) == []

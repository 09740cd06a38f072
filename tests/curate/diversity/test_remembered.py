"""Laws of what is remembered of vectors: with a cache as without, worked out once, and anew where one bit is another."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from curate import cache
from curate.cache import Cache
from curate.diversity import nearest_other, remembered, topic_tree, vendi
from tests.curate.rooms import imported

from .conftest import clouds


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Cache]:
    with cache.open(tmp_path) as kept:
        yield kept


@pytest.mark.parametrize("sizes", [[], [1], [30], [200, 150, 100, 80, 60]])
def test_with_a_cache_as_without(held: Cache, sizes: list[int]) -> None:
    vectors = clouds(sizes)[0] if sizes else np.empty((0, 32), np.float32)
    plain = topic_tree.grow(vectors, count=5, seed=1)
    for _ in range(2):
        found = topic_tree.grow(vectors, count=5, seed=1, cache=held)
        for part in ("labels", "centres"):
            here, there = getattr(found, part), getattr(plain, part)
            assert here.dtype == there.dtype
            np.testing.assert_array_equal(here, there)
        for part in ("themes", "stability", "stability_ami", "between", "far", "seed"):
            assert getattr(found, part) == getattr(plain, part)
        assert vendi.interval(vectors, cache=held) == vendi.interval(vectors)
        near = nearest_other.cosines(vectors, cache=held)
        assert near.dtype == np.float32
        np.testing.assert_array_equal(near, nearest_other.cosines(vectors))


def test_worked_out_once_and_anew_for_other_vectors_orders_names_and_code(
    held: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, seen = clouds([20])[0], list[str]()

    def kept(what: str, some: np.ndarray) -> int:
        return remembered.kept(held, what, some, lambda: seen.append(what) or len(seen))

    assert [kept("a", vectors), kept("a", vectors), kept("a", vectors.copy())] == [1, 1, 1]
    other = vectors.copy()
    other[3, 4] = np.nextafter(other[3, 4], np.float32(2))
    again = [kept("a", other), kept("a", vectors[::-1]), kept("b", vectors), kept("a", vectors[:19])]
    assert [*again, kept("a", vectors.astype(np.float64)), kept("a", vectors.reshape(10, -1))] == [2, 3, 4, 5, 6, 7]
    monkeypatch.setattr(remembered, "_version", lambda: "of tomorrow")
    assert kept("a", vectors) == 8


def test_other_seeds_counts_and_levels_are_apart(held: Cache) -> None:
    vectors, _ = clouds([40, 30, 20])
    for seed in (0, 1):
        for count in (2, 3):
            found = topic_tree.grow(vectors, count=count, seed=seed, draws=3, cache=held)
            np.testing.assert_array_equal(
                found.labels, topic_tree.grow(vectors, count=count, seed=seed, draws=3).labels
            )
    assert vendi.interval(vectors, 0.95, cache=held) != vendi.interval(vectors, 0.5, cache=held)


def test_a_value_that_cannot_be_read_is_worked_out_anew(held: Cache) -> None:
    vectors, _ = clouds([20])
    first = vendi.interval(vectors, cache=held)
    ((kind, _, _),) = held.sizes()
    held.put(kind, {remembered._address("vendi/0.95", vectors): b"no json"})
    assert vendi.interval(vectors, cache=held) == first


def test_the_code_that_decides_is_all_in_the_key() -> None:
    # Of these the rooms take shapes, texts for names, and reading; none works on vectors but `windows`, whose are hashed.
    assert imported(("diversity/topic_tree.py", "diversity/vendi.py", "diversity/nearest_other.py")) <= {
        "cache", "diversity.remembered", "stats", "topics", "windows",
    }  # fmt: skip
    assert {"stats.py", "topics.py", "diversity"} == set(remembered.ROOMS)

"""Laws of the search: all pairs, whatever the order and the blocks; then equality with two plain loops."""

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import neighbours, products
from curate.errors import BadInput, Surroundings
from curate.neighbours import Pairs


def vectors(rows: int, seed: int, *, spread: float = 1.0, dimensions: int = 24) -> np.ndarray:
    """Unit rows, with exact repeats among them; a small `spread` puts them close together."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(rows, dimensions)) * spread + 1
    table[random.integers(0, max(rows, 1), rows // 4)] = table[0] if rows else 0
    return (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)


def cosine(a: np.ndarray, b: np.ndarray) -> np.float32:
    return np.float32((a.astype(np.float64) * b.astype(np.float64)).sum())


def reference(left: np.ndarray, right: np.ndarray, floor: float) -> list[tuple[int, int, float]]:
    scored = ((i, j, cosine(a, b)) for i, a in enumerate(left) for j, b in enumerate(right))
    return [(i, j, float(score)) for i, j, score in scored if score >= np.float32(floor)]


def triples(pairs: Pairs) -> list[tuple[int, int, float]]:
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.score.tolist(), strict=True))


sizes = st.integers(0, 40)


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.integers(0, 9), st.integers(1, 50), st.sampled_from([-1.0, 0.5, 0.9]))
def test_pairs_are_those_of_two_plain_loops(n: int, m: int, seed: int, block: int, floor: float) -> None:
    left, right = vectors(n, seed), vectors(m, seed + 1)
    assert triples(neighbours.pairs_above(left, right, floor, block=block)) == reference(left, right, floor)


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(0, 9), st.integers(1, 50))
def test_self_pairs_are_each_pair_once_without_the_row_itself(n: int, seed: int, block: int) -> None:
    rows = vectors(n, seed)
    expected = [(i, j, score) for i, j, score in reference(rows, rows, 0.6) if i < j]
    assert triples(neighbours.self_pairs_above(rows, 0.6, block=block)) == expected


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(0, 9), st.integers(1, 50))
def test_pairs_in_both_views_reach_both_floors(n: int, seed: int, block: int) -> None:
    a, b = vectors(n, seed), vectors(n, seed + 1)
    near = {(i, j) for i, j, _ in reference(b, b, 0.5)}
    expected = [(i, j, score) for i, j, score in reference(a, a, 0.6) if i < j and (i, j) in near]
    assert triples(neighbours.self_pairs_in_both(a, b, 0.6, 0.5, block=block)) == expected


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.integers(0, 9), st.integers(1, 50))
def test_best_match_is_the_nearest_and_the_first_of_equals(n: int, m: int, seed: int, block: int) -> None:
    left, right = vectors(n, seed), vectors(m, seed + 1)
    best, score = neighbours.best_match(left, right, block=block)
    for j, b in enumerate(right):
        cosines = [cosine(a, b) for a in left]
        if not cosines:
            assert best[j] == -1
            assert np.isnan(score[j])
        else:
            assert (best[j], score[j]) == (cosines.index(max(cosines)), max(cosines))


def test_a_wide_search_does_not_depend_on_blocks_or_order() -> None:
    left, right = vectors(700, 1, spread=0.5, dimensions=384), vectors(300, 2, spread=0.5, dimensions=384)
    right[:50] = left[100:150]
    whole = neighbours.search(left, right, 0.8)
    order = np.random.default_rng(3).permutation(len(left))
    for block in (33, 256):
        other = neighbours.search(left[order], right, 0.8, block=block)
        again = sorted((int(order[i]), j, score) for i, j, score in triples(other.pairs))
        assert again == triples(whole.pairs)
        assert other.best_score.tobytes() == whole.best_score.tobytes()


def same(one: neighbours.Search, other: neighbours.Search) -> bool:
    """Equal in all but the histogram, whose edges may round to either side."""
    return (
        triples(one.pairs) == triples(other.pairs)
        and one.best_left.tolist() == other.best_left.tolist()
        and one.best_score.tobytes() == other.best_score.tobytes()
        and one.compared == other.compared == other.histogram.sum()
    )


def test_a_file_a_stream_and_a_table_say_the_same(tmp_path: Path) -> None:
    left, right = vectors(500, 1, spread=0.5), vectors(90, 2, spread=0.5)
    np.save(tmp_path / "left.npy", left)
    on_disk = np.load(tmp_path / "left.npy", mmap_mode="r")
    whole = neighbours.search(left, right, 0.8, block=64)
    assert same(whole, neighbours.search(on_disk, right, 0.8, block=64))
    portions = (left[i:j] for i, j in ((0, 3), (3, 3), (3, 200), (200, 500)))
    assert same(whole, neighbours.search(portions, right, 0.8, block=64))


def test_a_bad_row_of_a_stream_is_named_by_its_number() -> None:
    left = vectors(50, 1)
    left[33, 0] = np.nan
    with pytest.raises(BadInput, match="vector 33 "):
        neighbours.search((left[i : i + 10] for i in range(0, 50, 10)), vectors(4, 2), 0.5, block=4)


def test_memory_does_not_grow_with_the_left_side() -> None:
    right = vectors(100, 2, dimensions=64)

    def stream(blocks: int) -> Iterator[np.ndarray]:
        for seed in range(blocks):
            yield vectors(200, seed, dimensions=64)

    def once(blocks: int) -> int:
        gc.collect()
        tracemalloc.start()
        neighbours.search(stream(blocks), right, 0.99999, block=100)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    def peak(blocks: int) -> int:
        return min(once(blocks) for _ in range(3))  # how many blocks wait for a thread is a matter of timing

    once(2)
    assert peak(60) < 2_500_000  # 60 blocks are 3 MB of vectors and 4.8 MB of cosines
    assert peak(300) < 2_500_000


def test_an_unrelated_row_changes_nothing_else() -> None:
    left, right = vectors(300, 1), vectors(40, 2)
    found = neighbours.search(left, right, 0.9, block=50)
    more = neighbours.search(np.concatenate([left, -right[:1]]), right, 0.9, block=50)
    assert triples(found.pairs) == triples(more.pairs)
    assert found.best_score.tobytes() == more.best_score.tobytes()


def test_rows_that_are_not_of_unit_length_lose_no_pair() -> None:
    left, right = 30 * vectors(100, 1, dimensions=384), 7 * vectors(50, 2, dimensions=384)
    floor = float(np.median(left @ right.T))
    assert triples(neighbours.pairs_above(left, right, floor, block=16)) == reference(left, right, floor)


@pytest.mark.parametrize("device", ["cpu", "cpu-bf16"])
def test_proposals_are_as_near_as_they_promise(device: products.Device) -> None:
    left, right = vectors(200, 1, dimensions=384), vectors(150, 2, dimensions=384)
    exact = left.astype(np.float64) @ right.astype(np.float64).T
    there = products.on(device, right)
    seen: list[np.ndarray] = []
    for row in left:
        there.look(row[None], slice(0, 150), lambda highest: (seen.append(highest.copy()), highest)[1])
    assert np.abs(np.array(seen) - exact).max() <= there.error


def test_bf16_proposes_and_the_sum_in_double_precision_decides() -> None:
    left, right = vectors(700, 1, spread=0.5, dimensions=384), vectors(300, 2, spread=0.5, dimensions=384)
    right[:50] = left[100:150]
    coarse = neighbours.search(left, right, 0.8, device="cpu-bf16", block=256)
    assert same(neighbours.search(left, right, 0.8), coarse)


def test_without_a_gpu_the_gpu_is_refused() -> None:
    import torch

    if torch.cuda.is_available():
        assert same(
            neighbours.search(vectors(90, 1), vectors(40, 2), 0.8),
            neighbours.search(vectors(90, 1), vectors(40, 2), 0.8, device="cuda"),
        )
    else:
        with pytest.raises(Surroundings, match="no GPU"):
            neighbours.search(vectors(2, 1), vectors(2, 2), 0.8, device="cuda")


def test_every_repeat_is_found_whatever_stands_between() -> None:
    rows = vectors(300, 4, dimensions=384)
    rows[[5, 150, 299]] = rows[5]
    pairs = neighbours.self_pairs_above(rows, 0.999, block=64)
    assert {(5, 150), (5, 299), (150, 299)} <= set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


def test_an_example_to_check_by_hand() -> None:
    left = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    right = np.array([[0, 1], [-1, 0]], dtype=np.float32)
    found = neighbours.search(left, right, 0.7)
    assert triples(found.pairs) == [(1, 0, 1.0), (2, 0, pytest.approx(0.8))]
    assert found.best_left.tolist() == [1, 1]
    assert found.best_score.tolist() == [1.0, 0.0]
    assert found.compared == found.histogram.sum() == 6
    assert found.histogram[[0, 100, 199]].tolist() == [1, 2, 1]  # -1; twice 0; 1 (the others are -.6 and .8)
    assert str(found) == "6 pairs compared, 2 at or above the floor, highest cosine 1.0000"


def test_the_histogram_counts_every_pair_once() -> None:
    left, right = vectors(130, 5), vectors(70, 6)
    cosines = left @ right.T
    found = neighbours.search(left, right, 0.9, block=32)
    assert found.histogram.sum() == left.shape[0] * right.shape[0]
    assert found.histogram[190:].sum() == pytest.approx((cosines >= 0.9).sum(), abs=2)


def test_an_empty_side_has_no_pairs() -> None:
    rows, none = vectors(3, 7), np.empty((0, 24), dtype=np.float32)
    assert [len(neighbours.pairs_above(*sides, -1)) for sides in ((rows, none), (none, rows), (none, none))] == [
        0,
        0,
        0,
    ]
    assert len(neighbours.self_pairs_above(none, -1)) == 0
    assert str(neighbours.search(none, rows, 0)) == "0 pairs compared, 0 at or above the floor"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_a_vector_that_is_not_a_number_is_refused(bad: float, side: int) -> None:
    sides = [vectors(4, 8), vectors(4, 9)]
    sides[side][2, 1] = bad
    with pytest.raises(BadInput, match="vector 2"):
        neighbours.search(*sides, 0.5)


def test_vectors_of_two_encoders_are_refused() -> None:
    with pytest.raises(BadInput, match="two encoders"):
        neighbours.search(vectors(2, 1), vectors(2, 1, dimensions=8), 0.5)


def test_a_floor_that_finds_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_PAIRS", 10)
    with pytest.raises(Surroundings, match="more than 10 pairs"):
        neighbours.self_pairs_above(vectors(20, 1), -1)
    with pytest.raises(Surroundings, match="more than 10 pairs"):
        neighbours.search(vectors(20, 1), vectors(20, 2), -1, block=3)


def test_windows_become_texts_with_their_highest_score() -> None:
    pairs = Pairs(np.array([0, 0, 1, 2, 3]), np.array([0, 1, 1, 0, 2]), np.array([0.7, 0.9, 0.8, 0.9, 0.6], np.float32))
    texts = neighbours.by_text(pairs, [5, 5, 6, 6], [2, 2, 3])
    assert triples(texts) == [(5, 2, pytest.approx(0.9)), (6, 2, pytest.approx(0.9)), (6, 3, pytest.approx(0.6))]


def test_unordered_drops_a_text_with_itself_and_turns_pairs_round() -> None:
    pairs = Pairs(np.array([1, 2, 3, 1]), np.array([1, 1, 0, 2]), np.array([0.9, 0.8, 0.7, 0.6], np.float32))
    assert triples(neighbours.unordered(pairs)) == [(0, 3, pytest.approx(0.7)), (1, 2, pytest.approx(0.8))]

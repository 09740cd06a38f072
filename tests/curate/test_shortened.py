"""Laws of shortened vectors: no ceiling lies below its cosine, and a search with them finds what a search without finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import neighbours, shortened


def rows(count: int, seed: int, *, dimensions: int = 160, scale: float = 1.0, own: float = 0.35) -> np.ndarray:
    """Rows near a few directions, as sentences are, with repeats; about `scale` long."""
    draw = np.random.default_rng(seed)
    topics = draw.normal(size=(20, dimensions)) * np.geomspace(1, 0.05, dimensions)
    table = topics[draw.integers(0, 20, count)] + own * draw.normal(size=(count, dimensions)) * np.geomspace(
        1, 0.05, dimensions
    )
    table[draw.integers(0, count, count // 10)] = table[0]
    return (scale * table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 200), st.integers(0, 99), st.integers(0, 160), st.sampled_from([0.01, 1.0, 30.0]))
def test_no_ceiling_lies_below_its_cosine(count: int, seed: int, kept: int, scale: float) -> None:
    table = rows(count, seed, scale=scale)
    short = shortened.to(table, kept)
    true = table.astype(np.float64) @ table.T.astype(np.float64)
    assert (short.rows @ short.rows.T + short.error * scale**2 * 1.001 >= true).all()


def test_a_vector_keeps_its_length() -> None:
    table = rows(300, 1)
    short = shortened.to(table, 40)
    assert short.rows.shape == (300, 41)
    assert np.linalg.norm(short.rows, axis=1) == pytest.approx(np.linalg.norm(table, axis=1), abs=1e-5)


@pytest.mark.parametrize("floor", [0.5, 0.8, 0.99])
@pytest.mark.parametrize("scale", [1.0, 1.001])
def test_a_search_finds_the_same_with_and_without(monkeypatch: pytest.MonkeyPatch, floor: float, scale: float) -> None:
    table = rows(700, 2, scale=scale)
    whole = neighbours.self_pairs_above(table, floor, block=128)
    monkeypatch.setattr(shortened, "of", lambda vectors, _: shortened.to(vectors, 40))
    quick = neighbours.self_pairs_above(table, floor, block=128)
    assert len(whole) > 10
    for part in ("left", "right", "score"):
        assert np.array_equal(getattr(whole, part), getattr(quick, part))


def test_a_ceiling_on_the_floor_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal rows: ceiling and cosine are one, so only the stated error keeps the pair."""
    table = rows(200, 3)
    floor = float(neighbours.self_pairs_above(table, 0.0).score.max())
    expected = sum(score == np.float32(floor) for score in neighbours.self_pairs_above(table, 0.0).score)
    monkeypatch.setattr(shortened, "of", lambda vectors, _: shortened.to(vectors, 40))
    assert len(neighbours.self_pairs_above(table, floor)) == expected > 0


def test_vectors_that_point_anywhere_are_not_shortened() -> None:
    anywhere = np.random.default_rng(0).normal(size=(500, 96)).astype(np.float32)
    anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
    assert shortened.of(anywhere, 0.1, fewest=2) is None
    assert shortened.of(rows(20, 0), 0.9) is None  # so few are as quickly compared whole


def test_sentences_in_few_directions_are_shortened_by_what_is_cheapest() -> None:
    near = rows(2000, 4, dimensions=384, own=1.0)
    short = shortened.of(near, 0.9, fewest=2)
    assert short is not None
    assert short.rows.shape[1] < 384 / 2

"""The Vendi score: its laws, a slow reference, and an interval that says what resampling says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.diversity import vendi
from curate.windows import unit


def slow(vectors):
    """The definition: eigenvalues of the n x n table of cosines over n."""
    rows = vectors.astype(np.float64)
    values = np.linalg.eigvalsh(rows @ rows.T / len(rows))
    values = values[values > 1e-14]
    return np.exp(-(values * np.log(values)).sum())


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_copies_are_one_row(rows):
    assert vendi.vendi(np.repeat(unit(np.ones((1, 16), np.float32)), rows, axis=0)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("rows", [1, 2, 16])
def test_rows_with_nothing_in_common_count_each(rows):
    assert vendi.vendi(np.eye(16, dtype=np.float32)[:rows]) == pytest.approx(rows, abs=1e-9)


def test_no_row_is_nothing():
    assert vendi.vendi(np.empty((0, 8), np.float32)) == 0
    assert vendi.interval(np.empty((0, 8), np.float32)).value is None


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 1000))
def test_it_is_the_definition(rows, width, seed):
    vectors = unit(np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32))
    assert vendi.vendi(vectors) == pytest.approx(slow(vectors), abs=1e-6)
    assert 1 - 1e-9 <= vendi.vendi(vectors) <= min(rows, width) + 1e-6


def test_doubling_every_row_changes_nothing(spheres):
    assert vendi.vendi(np.concatenate([spheres, spheres])) == pytest.approx(vendi.vendi(spheres), abs=1e-9)


def test_the_order_of_rows_does_not_matter(spheres):
    assert vendi.vendi(spheres[::-1]) == pytest.approx(vendi.vendi(spheres), abs=1e-9)


def test_the_interval_is_as_wide_as_a_bootstrap():
    """Uneven clouds, so that the score moves with what is drawn."""
    rng = np.random.default_rng(1)
    rows = unit(
        (np.eye(12)[rng.choice(12, 1500, p=np.arange(1, 13) / 78)] + 0.1 * rng.normal(size=(1500, 12))).astype(
            np.float32
        )
    )
    found = vendi.interval(rows)
    drawn = [vendi.vendi(rows[rng.integers(0, 1500, 1500)]) for _ in range(200)]
    assert found.se == pytest.approx(np.std(drawn), rel=0.25)
    assert found.low < found.value < found.high


def test_in_words():
    assert "10 rows with nothing in common" in vendi.in_words(10.0, 1000)
    assert "one new thing in 100 rows" in vendi.in_words(10.0, 1000)

"""Entropy, openings, languages and nearest rows: laws and examples by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.diversity import measure, nearest_other, openings, spread


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_the_effective_number_lies_between_one_and_the_kinds(counts):
    found = spread.effective(counts, draws=50)
    kinds = sum(n > 0 for n in counts)
    if not kinds:
        assert found.value is None
        return
    assert 1 - 1e-9 <= found.value <= kinds + 1e-9
    assert found.low <= found.value + 1e-9
    assert found.high >= found.value - 1e-9


def test_equal_kinds_count_each():
    assert spread.effective([50] * 4).value == pytest.approx(4)
    assert spread.effective([100]).value == 1


def test_the_bootstrap_holds_the_true_number():
    """Of 60 samples from a known spread, most intervals hold its number."""
    shares = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    true = float(np.exp(-(shares * np.log(shares)).sum()))
    rng = np.random.default_rng(2)
    found = [spread.effective(rng.multinomial(300, shares).tolist(), seed=i, draws=300) for i in range(60)]
    assert sum(f.low <= true <= f.high for f in found) >= 52


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Write a short story about a fox.", ("write", "story")),
        ("Please can you write me three poems", ("write", "poems")),
        ("Could you please help me plan a trip to Rome?", ("plan", "trip")),
        ("How tall is it?", None),
        ("The text below is odd. Write it anew.", None),
        ("Summarize", ("summarize", "")),
        ("", None),
    ],
)
def test_openings(query, found):
    assert openings.opening(query) == found
    assert openings.openings([query]) == ({found: 1} if found else {})


def test_languages_are_counted():
    """What is in no language that is known here is not called English."""
    german, english = (
        "Wie wird die Lampe von der Schule auf den Tisch gestellt?",
        "How many of the lamps are in the school?",
    )
    finnish = "Kuinka monta lamppua koulussa on ja mitä ne maksavat nykyään?"
    found = measure.languages([german, english, "学校有多少盏灯", finnish, "Lamps"])
    assert found == {measure.NOT_TOLD: 2, "Chinese characters": 1, "English": 1, "German": 1}


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.integers(1, 13))
def test_the_nearest_row_is_another_one(rows, block):
    vectors = np.random.default_rng(rows).normal(size=(rows, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = vectors @ vectors.T
    np.fill_diagonal(table, -1)
    assert nearest_other.cosines(vectors, block=block) == pytest.approx(np.minimum(1, table.max(axis=1)), abs=1e-6)


def test_a_sample_of_rows_is_compared_with_all(spheres, monkeypatch):
    whole = nearest_other.cosines(spheres)
    monkeypatch.setattr(nearest_other, "MOST", 299)
    some = nearest_other.cosines(spheres, block=37)
    assert len(some) <= len(whole)
    assert all(np.abs(whole - value).min() < 1e-6 for value in some)


def test_one_row_has_no_nearest():
    assert len(nearest_other.cosines(np.ones((1, 4), np.float32))) == 0

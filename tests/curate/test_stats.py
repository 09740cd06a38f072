"""Intervals: laws, worked examples from the papers, equality with scipy."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from curate import stats

counts = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
@settings(max_examples=80, deadline=None)
def test_a_share_lies_inside_its_interval_and_the_interval_inside_0_and_1(pair):
    for found in (stats.wilson(*pair), stats.clopper_pearson(*pair)):
        assert 0 <= found.low <= found.high <= 1
        assert found.n == pair[1]
        if found.value is not None:
            assert found.low <= found.value <= found.high


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
@settings(max_examples=80, deadline=None)
def test_a_mean_of_shares_has_an_interval_with_a_width_also_at_the_ends(values):
    found = stats.mean_of_shares(values)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.03
    ends = [float(round(value)) for value in values]
    of_ends, as_share = stats.mean_of_shares(ends), stats.wilson(int(sum(ends)), len(ends))
    assert (of_ends.value, of_ends.low, of_ends.high) == (as_share.value, as_share.low, as_share.high)


def test_a_mean_of_shares_takes_shares_only():
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.mean_of_shares([0.5, 1.5])
    assert stats.mean_of_shares([]).value is None
    assert stats.bootstrap([3.0], max).low is None


@given(counts)
@settings(max_examples=40, deadline=None)
def test_shares_agree_with_scipy(pair):
    if pair[1] == 0:
        return
    reference = scipy_stats.binomtest(*pair)
    for ours, method in ((stats.wilson(*pair), "wilson"), (stats.clopper_pearson(*pair), "exact")):
        theirs = reference.proportion_ci(method=method)
        assert ours.low == pytest.approx(theirs.low, abs=1e-9)
        assert ours.high == pytest.approx(theirs.high, abs=1e-9)


@given(counts, counts)
@settings(max_examples=40, deadline=None)
def test_swapping_before_and_after_flips_the_difference(a, b):
    there, back = stats.newcombe(*a, *b), stats.newcombe(*b, *a)
    assert there.low == pytest.approx(-back.high)
    assert there.high == pytest.approx(-back.low)


def test_known_wilson_intervals():
    none, most = stats.wilson(0, 30), stats.wilson(27, 30)
    assert (none.low, round(none.high, 4)) == (0.0, 0.1135)
    assert (round(most.low, 4), round(most.high, 4)) == (0.7438, 0.9654)
    assert str(most) == "0.9 (n=30, 95 % CI 0.744 to 0.965)"


# after, before, and the bounds printed in Newcombe (1998), table II, method 10
@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_prints_the_figures_of_the_paper(after, before, low, high):
    found = stats.newcombe(*before, *after)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_paired_shares_in_a_worked_example():
    # 36 hit in both, 12 only after, 2 only before, 0 in neither: the paper prints .0569 to .3404.
    found = stats.newcombe_paired(36, 2, 12, 0)
    assert found.value == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0569, 0.3404)


def test_pairing_that_never_disagrees_is_surer_than_two_samples():
    paired, apart = stats.newcombe_paired(50, 0, 0, 50), stats.newcombe(50, 100, 50, 100)
    assert paired.value == 0
    assert paired.high - paired.low < apart.high - apart.low


def test_paired_shares_cover_the_truth_about_as_often_as_they_say():
    rng, hits = random.Random(1), 0
    for _ in range(600):
        table = [0, 0, 0, 0]  # both, only before, only after, neither: true difference .05 - .15 = -.10
        for draw in rng.choices(range(4), weights=(0.3, 0.15, 0.05, 0.5), k=60):
            table[draw] += 1
        found = stats.newcombe_paired(*table)
        hits += found.low <= -0.10 <= found.high
    assert 0.92 <= hits / 600 <= 0.99


def test_means_agree_with_scipy():
    before, after = [3.0, 5.0, 4.0, 8.0, 6.5], [4.0, 7.0, 4.5, 9.0, 6.0]
    single = scipy_stats.t.interval(0.95, 4, loc=5.3, scale=scipy_stats.sem(before))
    found = stats.t_interval(before)
    assert (found.low, found.high) == pytest.approx(single)
    paired = scipy_stats.ttest_rel(after, before).confidence_interval()
    assert stats.paired_difference(before, after).low == pytest.approx(paired.low)
    welch = scipy_stats.ttest_ind(after, [*before, 1.0], equal_var=False).confidence_interval()
    found = stats.mean_difference([*before, 1.0], after)
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))
    assert "fewer than 30 rows" in found.note


def test_bootstrap_spread_is_the_spread_of_the_draws():
    ones = [1.0] * 60 + [0.0] * 40
    found = stats.bootstrap(ones, lambda rows: rows.mean(), draws=2_000, seed=3)
    assert found.se == pytest.approx((0.6 * 0.4 / 100) ** 0.5, rel=0.06)
    assert found.low < 0.6 < found.high
    assert found == stats.bootstrap(ones, lambda rows: rows.mean(), draws=2_000, seed=3)


def test_rows_without_a_failure_that_a_bound_needs():
    assert [stats.clean_rows_needed(bound) for bound in (0.01, 0.02, 0.05)] == [299, 149, 59]


def test_nothing_to_count_is_unknown_not_zero():
    for found in (stats.wilson(0, 0), stats.t_interval([]), stats.newcombe(0, 0, 1, 2), stats.bootstrap([], max)):
        assert found.value is None
        assert str(found).startswith("unknown")
    assert stats.t_interval([4.0]).low is None


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="5 successes in 3 rows"):
        stats.wilson(5, 3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.clean_rows_needed(0)

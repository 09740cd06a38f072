"""Sample sizes: they keep what they promise under the exact test, and grow where they must."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from curate.errors import BadInput
from curate.splitting.effect import Effect


def exact_power(n: int, effect: Effect, after: float) -> float:
    """The probability that the exact McNemar test sees the change, summed over every outcome: the slow reference."""
    before = effect.rate
    spread = math.sqrt(before * (1 - before) * after * (1 - after))
    differing = max(before + after - 2 * (before * after + effect.correlation * spread), effect.difference)
    upward = (differing + effect.difference) / 2 / differing
    power = 0.0
    for flips in range(n + 1):
        weight = binom.pmf(flips, n, differing)
        if weight < 1e-10:
            continue
        one = np.arange(flips + 1)
        p = np.minimum(1, 2 * np.minimum(binom.cdf(one, flips, 0.5), binom.sf(one - 1, flips, 0.5)))
        power += weight * binom.pmf(one, flips, upward)[p <= effect.alpha].sum()
    return float(power)


@pytest.mark.parametrize(
    "effect",
    [
        Effect(),
        Effect(0.05),
        Effect(0.2),
        Effect(0.1, rate=0.9),
        Effect(0.1, rate=0.1),
        Effect(0.1, power=0.9),
        Effect(0.15, alpha=0.01),
        Effect(0.1, correlation=0.0),
    ],
    ids=str,
)
def test_so_many_cases_have_the_power_under_the_exact_test_and_not_many_fewer(effect: Effect) -> None:
    n = effect.cases()
    afters = [a for a in (effect.rate + effect.difference, effect.rate - effect.difference) if 0 <= a <= 1]
    assert min(exact_power(n, effect, min(1.0, after)) for after in afters) >= effect.power
    fewer = int(0.8 * n)
    assert min(exact_power(fewer, effect, min(1.0, after)) for after in afters) < effect.power


def test_the_number_solves_the_published_formula() -> None:
    # Connor 1987: n = (z_a sqrt(d) + z_b sqrt(d - D^2))^2 / D^2. For D = .1 and unrelated verdicts from one half, d = .5:
    # (1.95996 * .70711 + .84162 * .7)^2 / .01 = 390.08.
    plain = (1.959964 * math.sqrt(0.5) + 0.841621 * math.sqrt(0.5 - 0.01)) ** 2 / 0.01
    assert plain == pytest.approx(390.08, abs=0.01)
    # With the correction n D - 1 stands in place of n D.
    found = Effect(0.1, correlation=0.0).cases()
    assert [n * 0.1 - 1 >= 0.1 * math.sqrt(plain * n) for n in (found - 1, found)] == [False, True]


def test_a_smaller_change_a_surer_look_and_less_alike_models_need_more_cases() -> None:
    sizes = [Effect(difference).cases() for difference in (0.3, 0.2, 0.1, 0.05, 0.02)]
    assert sizes == sorted(sizes)
    assert Effect(power=0.9).cases() > Effect().cases()
    assert Effect(alpha=0.01).cases() > Effect().cases()
    assert Effect().at_most() == Effect(correlation=0.0).cases() > Effect().cases()


def test_what_a_number_of_cases_detects_is_the_inverse() -> None:
    for n in (20, 50, 100, 218, 1000):
        found = Effect().smallest(n)
        assert found is not None
        assert replace(Effect(), difference=found).cases() <= n
        assert replace(Effect(), difference=found - 0.001).cases() > n
    assert Effect().smallest(3) is None


def test_the_sentence_says_what_it_assumes() -> None:
    assert Effect().cases() == 218
    assert Effect().sentence(218) == (
        "218 cases detect a change of 10 points with 80 % probability (paired, two-sided 5 %, from a share of 50 %, "
        "the two models' verdicts correlated 0.5)"
    )
    assert Effect().sentence(1).startswith("1 case detects no change")


@pytest.mark.parametrize(
    "wrong",
    [
        {"difference": 0.0},
        {"difference": 10},
        {"difference": 0.95, "rate": 0.9},
        {"power": 1.0},
        {"power": 0.01},
        {"alpha": 0.0},
        {"rate": 1.2},
        {"rate": math.nan},
        {"difference": math.nan},
        {"correlation": 1.0},
    ],
    ids=str,
)
def test_figures_of_which_no_size_follows_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        Effect(**wrong)

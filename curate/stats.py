"""Intervals: how sure a number is, given how few rows stand behind it.

    wilson(27, 30)                  # 0.9 (n=30, 95 % CI 0.744 to 0.965)
    paired_difference(before, after)

No share is given a normal-theory interval: those are too narrow for the suites of 30 to 300 items that people run
(Bowyer et al. 2025, arXiv 2503.01747). Differences are always `after - before`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

SMALL_SAMPLE = 30


@dataclass(frozen=True)
class Interval:
    """An estimate and its bounds. What the data cannot say is None, never a made-up bound."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    confidence: float = 0.95
    se: float | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"unknown (n={self.n:,})"
        bounds = "no interval" if self.low is None or self.high is None else self._bounds(self.low, self.high)
        return f"{self.value:.3g} (n={self.n:,}, {bounds})"

    def _bounds(self, low: float, high: float) -> str:
        return f"{100 * self.confidence:g} % CI {low:.3g} to {high:.3g}"


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a share (E. B. Wilson 1927, JASA 22:209). With no rows the share is unknown, 0 to 1."""
    _check_counts(successes, n)
    return _wilson(successes, n, "Wilson", confidence)


def mean_of_shares(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean of values that each lie between 0 and 1, with Wilson's interval of a share of that size.

    No such values spread more than zeros and ones with the same mean do (variance at most p (1 - p)), so the interval is
    wide enough, and it has a width where all values are 0 or all are 1, which a bootstrap's has not.
    """
    if any(not 0 <= value <= 1 for value in values):
        raise ValueError("a value is not between 0 and 1")
    return _wilson(math.fsum(values), len(values), "Wilson, of a mean of shares", confidence)


def _wilson(successes: float, n: int, method: str, confidence: float) -> Interval:
    if n == 0:
        return Interval(None, 0.0, 1.0, 0, method, confidence)
    z = _z(confidence)
    share = successes / n
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / shrink
    # At the ends the formula gives 0 and 1 up to rounding: say them exactly.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, low, high, n, method, confidence)


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact interval of a share: never below its stated confidence, so wider (Clopper and Pearson 1934, Biometrika 26:404)."""
    from scipy.special import betaincinv

    _check_counts(successes, n)
    if n == 0:
        return Interval(None, 0.0, 1.0, 0, "Clopper-Pearson", confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return Interval(successes / n, low, high, n, "Clopper-Pearson", confidence)


def newcombe(
    before_successes: int, before_n: int, after_successes: int, after_n: int, confidence: float = 0.95
) -> Interval:
    """Difference of two shares of different rows, after - before (Newcombe 1998, Stat. Med. 17:873, method 10)."""
    before = wilson(before_successes, before_n, confidence)
    after = wilson(after_successes, after_n, confidence)
    n = before_n + after_n
    if before.value is None or after.value is None:
        return Interval(None, -1.0, 1.0, n, "Newcombe", confidence)
    (p1, l1, u1), (p2, l2, u2) = _bounds(after), _bounds(before)
    low = p1 - p2 - math.hypot(p1 - l1, u2 - p2)
    high = p1 - p2 + math.hypot(u1 - p1, p2 - l2)
    return Interval(p1 - p2, max(-1.0, low), min(1.0, high), n, "Newcombe", confidence)


def newcombe_paired(both: int, only_before: int, only_after: int, neither: int, confidence: float = 0.95) -> Interval:
    """Difference of two shares of the same rows, after - before (Newcombe 1998, Stat. Med. 17:2635, method 10).

    The four counts are the 2x2 table of the rows: hit in both, in one only, in neither.
    """
    n = both + only_before + only_after + neither
    _check_counts(both + only_before, n)
    _check_counts(both + only_after, n)
    if n == 0:
        return Interval(None, -1.0, 1.0, 0, "Newcombe, paired", confidence)
    p1, l1, u1 = _bounds(wilson(both + only_after, n, confidence))
    p2, l2, u2 = _bounds(wilson(both + only_before, n, confidence))
    phi = _correlation(both, only_after, only_before, neither)
    low = _joined(p1 - l1, u2 - p2, phi)
    high = _joined(u1 - p1, p2 - l2, phi)
    value = (only_after - only_before) / n
    return Interval(value, max(-1.0, value - low), min(1.0, value + high), n, "Newcombe, paired", confidence)


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval of a mean (Student 1908, Biometrika 6:1). For measures such as lengths, not for shares."""
    from scipy.special import stdtrit

    n = len(values)
    if n == 0:
        return Interval(None, None, None, 0, "t", confidence)
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, None, None, 1, "t", confidence, note="one row has no interval")
    se = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * se
    note = f"fewer than {SMALL_SAMPLE} rows: the interval leans on near-normal values" if n < SMALL_SAMPLE else ""
    return Interval(mean, mean - half, mean + half, n, "t", confidence, se, note)


def paired_difference(before: Sequence[float], after: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean of `after - before` over the same rows, with the t interval of the differences (paired t, Student 1908)."""
    differences = [b - a for a, b in zip(before, after, strict=True)]
    found = t_interval(differences, confidence)
    return Interval(found.value, found.low, found.high, found.n, "paired t", confidence, found.se, found.note)


def mean_difference(before: Sequence[float], after: Sequence[float], confidence: float = 0.95) -> Interval:
    """Difference of two means of different rows, after - before (Welch 1947, Biometrika 34:28)."""
    from scipy.special import stdtrit

    a, b = t_interval(before, confidence), t_interval(after, confidence)
    n = a.n + b.n
    if a.value is None or b.value is None:
        return Interval(None, None, None, n, "Welch t", confidence)
    value = b.value - a.value
    if a.se is None or b.se is None:
        return Interval(value, None, None, n, "Welch t", confidence, note="one row has no interval")
    variance = a.se**2 + b.se**2
    if variance == 0:
        return Interval(value, value, value, n, "Welch t", confidence, 0.0)
    freedom = variance**2 / (a.se**4 / (a.n - 1) + b.se**4 / (b.n - 1))
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance)
    return Interval(value, value - half, value + half, n, "Welch t", confidence, math.sqrt(variance), a.note or b.note)


def bootstrap(
    values: Sequence[float],
    statistic: Callable[[Any], float],
    draws: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap (Efron 1979, Ann. Statist. 7:1): resample the rows, read the spread off the draws.

    `statistic` takes a numpy array and returns a number. `se` is the standard deviation of the draws themselves; it is
    not divided by the root of their number. For medians and ratios; a share has `wilson`.
    """
    import numpy as np

    n = len(values)
    if n == 0:
        return Interval(None, None, None, 0, "bootstrap", confidence)
    if draws < 2:
        raise ValueError(f"a bootstrap needs at least 2 draws, not {draws}")
    if n == 1:
        value = float(statistic(np.asarray(values, dtype=float)))
        return Interval(value, None, None, 1, "bootstrap", confidence, note="one row has no interval")
    rows = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(rows[rng.integers(0, n, n)]) for _ in range(draws)])
    tail = (1 - confidence) / 2
    low, high = (float(bound) for bound in np.quantile(drawn, [tail, 1 - tail]))
    note = f"fewer than {SMALL_SAMPLE} rows: a bootstrap interval is too narrow" if n < SMALL_SAMPLE else ""
    return Interval(float(statistic(rows)), low, high, n, "bootstrap", confidence, float(drawn.std(ddof=1)), note)


def clean_rows_needed(bound: float, confidence: float = 0.95) -> int:
    """How many rows without one failure show that the failure rate is below `bound`: 299 for 1 %.

    One-sided and exact: the smallest n with (1 - bound)^n <= 1 - confidence (Clopper and Pearson 1934).
    """
    if not 0 < bound < 1:
        raise ValueError(f"a failure rate lies between 0 and 1, not {bound}")
    return math.ceil(math.log(1 - confidence) / math.log(1 - bound))


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _check_counts(successes: int, n: int) -> None:
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} rows")


def _bounds(interval: Interval) -> tuple[float, float, float]:
    assert interval.value is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.value, interval.low, interval.high


def _correlation(both: int, only_after: int, only_before: int, neither: int) -> float:
    # Newcombe's phi: corrected towards 0 by n/2, only where it is positive.
    margins = (both + only_after) * (only_before + neither) * (both + only_before) * (only_after + neither)
    if margins == 0:
        return 0.0
    product = both * neither - only_after * only_before
    n = both + only_after + only_before + neither
    return (max(product - n / 2, 0.0) if product > 0 else product) / math.sqrt(margins)


def _joined(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))

"""How well a score tells the same from the different: area, precision and recall, reliability.

    found = area([0.9, 0.4, 0.8], [True, False, True], groups=["a", "b", "c"])     # 1, with its interval

Intervals of areas resample groups, not pairs: pairs of one eval item are alike, and would count for more than they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.stats import SMALL_SAMPLE, Interval, wilson

Floats = npt.NDArray[np.float64]

POINTS = 60  # of a curve
BINS = 10


@dataclass(frozen=True)
class Curve:
    """Precision at each recall, best scores first; `at` is the score from which a pair counts as the same."""

    name: str
    at: tuple[float, ...]
    recall: tuple[float, ...]
    precision: tuple[float, ...]


@dataclass(frozen=True)
class Bin:
    """Pairs whose predicted probability lies from `low` to `high`: what was predicted and what was so."""

    low: float
    high: float
    predicted: float
    observed: Interval


def share(hits: int, n: int) -> Interval:
    """A share with its Wilson interval, to 4 decimals."""
    return rounded(wilson(hits, n))


def rounded(it: Interval) -> Interval:
    """The interval to 4 decimals, so that the last bits of two machines make one file."""
    value, low, high = (None if x is None else round(x, 4) for x in (it.value, it.low, it.high))
    return Interval(value, low, high, it.n, it.method, it.confidence, None, it.note)


def areas(
    scores: Sequence[Sequence[float]],
    same: Sequence[bool],
    groups: Sequence[str],
    *,
    draws: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[list[Interval], Interval]:
    """Area under the ROC curve of each score, and how much the first is above the last, over the same draws of groups.

    The area is the chance that a pair that says the same scores higher than one that does not, ties half. Percentile
    bootstrap over groups (Efron 1979); draws without one of the two kinds are left out.
    """
    truth = np.asarray(same, dtype=bool)
    n = len(truth)
    if not truth.any() or truth.all():
        nothing = Interval(None, None, None, n, "bootstrap over groups", confidence)
        return [nothing] * len(scores), nothing
    _, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    number = int(member.max()) + 1
    ranks = [np.unique(np.asarray(score, dtype=np.float64), return_inverse=True)[1] for score in scores]
    ones = np.ones(n)
    point = [_area(rank, truth, ones) for rank in ranks]
    rng = np.random.default_rng(seed)
    drawn = np.empty((draws, len(ranks)))
    for draw in range(draws):
        weight = np.bincount(rng.integers(0, number, number), minlength=number)[member].astype(np.float64)
        drawn[draw] = [_area(rank, truth, weight) for rank in ranks]
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    note = f"fewer than {SMALL_SAMPLE} groups: a bootstrap interval is too narrow" if number < SMALL_SAMPLE else ""
    found = [_interval(value, drawn[:, i], n, confidence, note) for i, value in enumerate(point)]
    return found, _interval(point[0] - point[-1], drawn[:, 0] - drawn[:, -1], n, confidence, note)


def _interval(value: float, drawn: Floats, n: int, confidence: float, note: str) -> Interval:
    tail = (1 - confidence) / 2
    low, high = (float(x) for x in np.quantile(drawn, [tail, 1 - tail])) if len(drawn) > 1 else (None, None)
    return rounded(Interval(value, low, high, n, "bootstrap over groups", confidence, note=note))


def _area(rank: npt.NDArray[np.intp], truth: npt.NDArray[np.bool_], weight: Floats) -> float:
    yes = np.bincount(rank, weights=weight * truth)
    no = np.bincount(rank, weights=weight * ~truth, minlength=len(yes))
    below = np.cumsum(no) - no / 2
    total = float(yes.sum() * no.sum())
    return float(yes @ below) / total if total else float("nan")


def curve(name: str, scores: Sequence[float], same: Sequence[bool]) -> Curve:
    """Precision and recall at every distinct score, thinned to `POINTS` of them, evenly over the recall."""
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(same, dtype=bool)
    if not truth.any():
        return Curve(name, (), (), ())
    at, rank = np.unique(-values, return_inverse=True)
    right = np.cumsum(np.bincount(rank, weights=truth))
    taken = np.cumsum(np.bincount(rank))
    recall, precision = right / truth.sum(), right / taken
    wanted = np.searchsorted(recall, np.linspace(0, 1, POINTS + 1)[1:] - 1e-12)
    places = sorted({0, *np.minimum(wanted, len(at) - 1).tolist()})
    columns = (-at[places], recall[places], precision[places])
    return Curve(name, *(tuple(round(float(x), 4) + 0.0 for x in column) for column in columns))


def reliability(probabilities: Sequence[float], same: Sequence[bool]) -> tuple[tuple[Bin, ...], float | None]:
    """Predicted against observed in ten bins of one width, and their mean gap weighted by pairs.

    The gap is the expected calibration error (Naeini, Cooper and Hauskrecht 2015, AAAI). Empty bins are left out.
    """
    values, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(same, dtype=bool)
    if not len(values):
        return (), None
    place = np.minimum((values * BINS).astype(int), BINS - 1)
    bins, gap = [], 0.0
    for number in range(BINS):
        mine = place == number
        if n := int(mine.sum()):
            observed = share(int(truth[mine].sum()), n)
            predicted = float(values[mine].mean())
            gap += abs(float(truth[mine].mean()) - predicted) * n / len(values)
            bins.append(Bin(number / BINS, (number + 1) / BINS, round(predicted, 4), observed))
    return tuple(bins), round(gap, 4)

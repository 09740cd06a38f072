"""From which threshold on the miss rate is bounded: at most 5 % missed, with 95 % confidence.

    threshold, missed, needed = choose(probabilities_of_paraphrases)

The bound is one-sided and exact (Clopper and Pearson 1934, Biometrika 26:404). Where too few pairs stand behind it, it is
not made, and `needed` says how many more it takes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from curate.errors import BadInput
from curate.stats import clopper_pearson


@dataclass(frozen=True)
class Bound:
    """The statement that is wanted: at most the share `miss` is missed, with `confidence`."""

    miss: float = 0.05
    confidence: float = 0.95

    def __post_init__(self) -> None:
        limits = {"miss": (0.001, 0.999), "confidence": (0.5, 0.9999)}
        for name, value in asdict(self).items():
            low, high = limits[name]
            if not low <= value <= high:
                raise BadInput(f"the bound's {name} is {value}, and must lie in {low} to {high}")

    def __str__(self) -> str:
        return f"at most {100 * self.miss:g} % missed, with {100 * self.confidence:g} % confidence"


def choose(scores: Sequence[float], bound: Bound = Bound()) -> tuple[float | None, int, int]:
    """The highest threshold that keeps the bound: (threshold, how many lie below it, how many more are needed).

    A score of 0 was never found and no threshold brings it back. The threshold is None where the scores are too few (59 are
    needed for 5 % at 95 %) or too many of them are 0; else none is needed. To choose on the scores themselves costs nothing:
    an order statistic is a distribution-free tolerance limit (Wilks 1941, Ann. Math. Stat. 12:91).
    """
    ranked, n = sorted(scores), len(scores)
    never = sum(score <= 0 for score in ranked)
    allowed = _allowed(n, bound)
    if allowed < never:
        return None, never, _needed(never, bound) - n
    # Scores that tie with the threshold are found, so fewer than allowed may lie below it.
    threshold = ranked[allowed]
    return threshold, sum(score < threshold for score in ranked), 0


def upper(missed: int, n: int, confidence: float = 0.95) -> float:
    """One-sided bound of a share: the upper end of the two-sided interval that leaves out twice as much."""
    high = clopper_pearson(missed, n, 2 * confidence - 1).high
    return 1.0 if high is None else high


def _allowed(n: int, bound: Bound) -> int:
    """How many of n may be missed; -1 where even none is too many."""
    low, high = -1, n - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if upper(middle, n, bound.confidence) <= bound.miss else (low, middle - 1)
    return low


def _needed(missed: int, bound: Bound) -> int:
    """The smallest n of which `missed` may be missed."""
    low, high = 1, 64
    while _allowed(high, bound) < missed:
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _allowed(middle, bound) >= missed else (middle + 1, high)
    return low

"""How evenly rows spread over kinds: entropy, and the number of equal kinds that would be as even.

effective([50, 50, 50, 50])            # 4.0: as even as four kinds of one size
effective([997, 1, 1, 1])              # 1.03
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate.stats import Interval

DRAWS = 1_000


def entropy(counts: Sequence[int]) -> float:
    """Shannon's entropy of the shares, in nats; 0 where there is one kind or none."""
    known = np.asarray([n for n in counts if n > 0], np.float64)
    shares = known / known.sum() if len(known) else known
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def effective(counts: Sequence[int], *, seed: int = 0, draws: int = DRAWS, confidence: float = 0.95) -> Interval:
    """exp(entropy): how many kinds of one size are as even (Hill 1973, Ecology 54:427), with a bootstrap interval.

    The bounds are the basic bootstrap's, on a logarithmic scale (Davison and Hinkley 1997, ch. 5.2): rows drawn with
    replacement miss rare kinds, and reflecting the draws about the value puts that right to first order.
    """
    rows = int(sum(counts))
    if not rows:
        return Interval(None, None, None, 0, "bootstrap", confidence)
    value = entropy(counts)
    shares = np.asarray([n for n in counts if n > 0], np.float64) / rows
    drawn = _entropies(np.random.default_rng(seed).multinomial(rows, shares / shares.sum(), size=draws))
    tail = (1 - confidence) / 2
    low, high = (float(2 * value - bound) for bound in np.quantile(drawn, [1 - tail, tail]))
    # More kinds than rows cannot be seen; and the value is always between its bounds.
    low, high = max(0.0, min(low, value)), max(value, min(high, math.log(rows)))
    return Interval(math.exp(value), math.exp(low), math.exp(high), rows, "bootstrap", confidence)


def _entropies(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    shares = counts / counts.sum(axis=1, keepdims=True)
    found: npt.NDArray[np.float64] = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
    return found

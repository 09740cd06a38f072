"""Another encoder's cosines on the scale that the pair rule was trained on: two numbers.

    to_rule = fit(cosines, reference, same)      # the same labelled pairs under both encoders
    to_rule.apply(np.array([0.83]))              # what the default encoder would have said

Encoders put their cosines on scales of their own: .82 is a paraphrase for one and any two sentences for another. A logistic
curve is fitted to each encoder's cosines on the same pairs (Platt 1999, with the smoothed targets of Lin, Lin and Weng
2007, Mach. Learn. 68:267); a cosine is mapped to the one that is as strong a sign of "the same" under the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 10  # pairs of each kind below which nothing is fitted
STEPS = 100


@dataclass(frozen=True)
class CosineMap:
    """`slope * cosine + offset`, kept within -1 and 1. The slope is positive: a higher cosine stays the higher one."""

    slope: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and np.isfinite(self.offset) and self.slope > 0):
            raise ValueError(f"a cosine map rises and is finite, not {self.slope} * cosine + {self.offset}")

    def apply(self, cosines: npt.ArrayLike) -> Floats:
        """The cosines on the rule's scale."""
        mapped: Floats = np.clip(self.slope * np.asarray(cosines, dtype=np.float64) + self.offset, -1.0, 1.0)
        return mapped

    def undo(self, cosine: float) -> float:
        """The encoder's own cosine for one on the rule's scale: where its search has to begin."""
        return float(np.clip((cosine - self.offset) / self.slope, -1.0, 1.0))

    def __str__(self) -> str:
        return f"{self.slope:g} * cosine {'-' if self.offset < 0 else '+'} {abs(self.offset):g}"


def fit(cosines: Sequence[float], reference: Sequence[float], same: Sequence[bool]) -> CosineMap | None:
    """The map from `cosines` to `reference`, two encoders' cosines of the same pairs.

    None where it cannot be had: fewer than `FEWEST` pairs of either kind, or one of the encoders does not put the same above
    the different (as an English encoder on translations). Template variants should be left out: no cosine tells them apart.
    """
    truth = np.asarray(same, dtype=bool)
    if min(truth.sum(), (~truth).sum()) < FEWEST:
        return None
    own = _logistic(np.asarray(cosines, dtype=np.float64), truth)
    other = _logistic(np.asarray(reference, dtype=np.float64), truth)
    if own is None or other is None:
        return None
    slope = round(own[0] / other[0], 6)
    return CosineMap(slope, round((own[1] - other[1]) / other[0], 6)) if slope > 0 else None


def _logistic(x: Floats, truth: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    """Slope and offset of the log odds of "the same" against `x`; None unless they rise."""
    middle, spread = float(x.mean()), float(x.std())
    if not spread > 1e-9:
        return None
    z = np.column_stack([(x - middle) / spread, np.ones_like(x)])
    yes, no = int(truth.sum()), int((~truth).sum())
    # Platt's targets: pairs that a cosine separates perfectly would else ask for an endless slope.
    target = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))
    weight = np.zeros(2)
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-np.clip(z @ weight, -35, 35)))
        bend = (z * (said * (1 - said))[:, None]).T @ z + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, z.T @ (target - said))
        weight = weight + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-10:
            break
    # Below this the curve is flat: the encoder's cosine is no sign of anything on these pairs.
    if weight[0] < 0.1:
        return None
    return float(weight[0] / spread), float(weight[1] - weight[0] * middle / spread)

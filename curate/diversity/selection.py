"""Which k rows stand best for all: greedy choice with a known guarantee, without a table of all pairs.

    chosen = choose(vectors, 500, "facility-location")
    chosen.order               # places of the rows, the most useful first; any head of it is the choice for a smaller k
    chosen.covered             # mean over all rows of the cosine to the nearest chosen one, after each choice

facility-location   the sum over all rows of max(0, cosine to the nearest chosen row) grows as fast as it can. The greedy
                    choice reaches at least 1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978, Math. Programming 14:265).
                    Lazily (Minoux 1978): a gain only shrinks, so most need not be worked out again.
k-centre            the row farthest from all chosen ones is next (Gonzalez 1985, Theor. Comput. Sci. 38:293): the largest
                    distance of a row to its nearest chosen one is at most twice the least possible. Begins at the row
                    nearest to the mean.
quality             (1 - weight) x facility-location / n + weight x (sum of qualities) / k: the same guarantee, because the
                    second part only adds.

All three are exact: cosines are worked out where they are needed, and the columns needed last are held. Rows must come
in the order of their ids. Gains that differ by less than a millionth count as equal, and the lower place is taken.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from curate.errors import BadInput
from curate.progress import Progress, silent
from curate.windows import Vectors

Rule = Literal["facility-location", "k-centre", "quality"]
RULES: tuple[Rule, ...] = ("facility-location", "k-centre", "quality")
WEIGHT = 0.3
BLOCK = 2048
AT_ONCE = 64  # candidates whose gain is worked out again together
HELD_BYTES = 768 * 2**20  # columns of cosines that are held
TIE = 1e-6  # of a gain

Floats = npt.NDArray[np.float64]
Near = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """Places of the chosen rows in the order they were chosen, and of every row its nearest chosen one.

    `covered[i]` and `radius[i]` tell of the first i + 1 choices: the mean over all rows of the cosine to the nearest chosen
    row, and the lowest of these cosines.
    """

    order: tuple[int, ...]
    nearest: npt.NDArray[np.int64] = field(repr=False)
    cosine: Near = field(repr=False)
    covered: tuple[float, ...] = field(repr=False)
    radius: tuple[float, ...] = field(repr=False)

    def __str__(self) -> str:
        return f"{len(self.order):,} of {len(self.cosine):,} rows chosen; mean cosine to the nearest {self.covered[-1]:.4f}"


def choose(
    vectors: Vectors,
    k: int,
    rule: Rule = "facility-location",
    *,
    quality: Sequence[float] | None = None,
    weight: float = WEIGHT,
    progress: Progress = silent,
) -> Choice:
    """Choose k of the unit vectors [n, d], or all where there are no more. `quality` in 0 to 1, for the rule of that name."""
    k = min(k, len(vectors))
    if k < 1:
        raise BadInput(f"{k} rows cannot be chosen of {len(vectors):,}")
    match rule:
        case "k-centre":
            order = _farthest(vectors, k)
        case "facility-location":
            order = _greedy(vectors, k, np.zeros(len(vectors)), progress)
        case "quality":
            if quality is None or len(quality) != len(vectors):
                raise BadInput("the rule quality needs a quality for each row", hint="--quality FIELD")
            # Per row of the set, so that both parts are on one scale: n (1 - w) x coverage + n w x mean quality.
            bonus = np.asarray(quality, np.float64) * (weight / max(1e-12, 1 - weight) * len(vectors) / k)
            order = _greedy(vectors, k, bonus, progress)
    return told(vectors, order)


def told(vectors: Vectors, order: Sequence[int]) -> Choice:
    """What an order of choices reaches, worked out choice by choice: for the curve, and for choices made elsewhere."""
    best = np.full(len(vectors), -2.0, np.float32)
    nearest = np.zeros(len(vectors), np.int64)
    covered, radius = list[float](), list[float]()
    for start in range(0, len(order), AT_ONCE):
        some = list(order[start : start + AT_ONCE])
        columns = vectors @ vectors[some].T
        for place, column in zip(some, columns.T, strict=True):
            column = np.minimum(column, 1.0)
            column[place] = 1.0
            closer = column > best
            closer[place] = True  # a chosen row stands for itself, also where a copy of it was chosen before
            best[closer], nearest[closer] = column[closer], place
            covered.append(float(best.mean(dtype=np.float64)))
            radius.append(float(best.min()))
    return Choice(tuple(order), nearest, best, tuple(covered), tuple(radius))


def random_covered(vectors: Vectors, k: int, *, seed: int = 0, draws: int = 5) -> Floats:
    """The same curve for rows drawn at random: the mean of some draws."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(len(vectors))[: min(k, len(vectors))].tolist() for _ in range(draws)]
    found: Floats = np.mean([told(vectors, order).covered for order in drawn], axis=0)
    return found


def _farthest(vectors: Vectors, k: int) -> list[int]:
    middle = vectors.mean(axis=0, dtype=np.float64)
    start = int(np.argmax((vectors @ middle.astype(np.float32)).round(6)))
    order, best = [start], vectors @ vectors[start]
    taken = np.zeros(len(vectors), bool)
    taken[start] = True
    while len(order) < k:
        place = int(np.argmin(np.where(taken, np.inf, best.round(6))))
        order.append(place)
        taken[place] = True
        np.maximum(best, vectors @ vectors[place], out=best)
    return order


def _greedy(vectors: Vectors, k: int, bonus: Floats, progress: Progress) -> list[int]:
    """Lazy greedy: the rows with the highest bounds are worked out anew, until the best of them beats every bound."""
    columns = _Columns(vectors)
    bound = _first_gains(vectors) + bonus
    best, order = np.zeros(len(vectors), np.float32), list[int]()
    fresh = np.zeros(len(vectors), bool)
    while len(order) < k:
        fresh[:], bar = False, -1.0  # gains and qualities are not below 0; taken rows are
        while True:
            waiting = np.flatnonzero(~fresh & (bound >= bar))
            if not len(waiting):
                break
            if len(waiting) > AT_ONCE:
                waiting = np.sort(waiting[np.argpartition(-bound[waiting], AT_ONCE)[:AT_ONCE]])
            bound[waiting] = columns.gains(waiting.tolist(), best) + bonus[waiting]
            fresh[waiting] = True
            highest = bound[fresh].max()
            bar = highest - TIE * max(1.0, abs(highest))
        place = int(np.flatnonzero(fresh & (bound >= bar))[0])
        order.append(place)
        np.maximum(best, columns.of([place])[0], out=best)
        bound[place] = -np.inf
        progress("choose", len(order), k)
    return order


def _first_gains(vectors: Vectors) -> Floats:
    """For each row the sum of its positive cosines to all rows: half of the pairs, each for both ends."""
    total = np.zeros(len(vectors))
    for i in range(0, len(vectors), BLOCK):
        for j in range(i, len(vectors), BLOCK):
            near = np.maximum(vectors[i : i + BLOCK] @ vectors[j : j + BLOCK].T, 0.0)
            total[i : i + BLOCK] += near.sum(axis=1, dtype=np.float64)
            if i != j:
                total[j : j + BLOCK] += near.sum(axis=0, dtype=np.float64)
    # A bound must not lie below the gain that is worked out another way.
    bounds: Floats = total * (1 + 1e-5)
    return bounds


class _Columns:
    """Positive cosines of some rows to all rows; those asked for last are held."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self.most = max(2 * AT_ONCE, HELD_BYTES // (4 * len(vectors)))
        self.held: OrderedDict[int, Near] = OrderedDict()

    def of(self, places: Sequence[int]) -> list[Near]:
        missing = [place for place in places if place not in self.held]
        if missing:
            found = np.clip(self.vectors[missing] @ self.vectors.T, 0.0, 1.0)
            self.held.update(zip(missing, map(np.copy, found), strict=True))
        out = []
        for place in places:
            self.held.move_to_end(place)
            out.append(self.held[place])
        while len(self.held) > self.most:
            self.held.popitem(last=False)
        return out

    def gains(self, places: Sequence[int], best: Near) -> Floats:
        """By how much each row alone would raise the sum of what is covered."""
        return np.array([np.maximum(column - best, 0.0).sum(dtype=np.float64) for column in self.of(places)])

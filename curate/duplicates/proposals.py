"""Which questions may be the same, by their vectors: every pair is compared below a size, above it only neighbours in cells.

    found = questions(vectors, floor=0.7)
    print(found)        # 60,776 questions, all 1,846,830,700 pairs compared, 236,141 at or above .7

Above `EXHAUSTIVE` rows each row goes into the `CELLS_EACH` nearest of about sqrt(n) cells, and rows of one cell are compared. What
that finds of all pairs is measured in every run, on a sample of its own rows that is compared with all rows. Rows must come in
an order of their own (sorted texts, say), or the sample would depend on the file.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate import neighbours
from curate.counted import counted
from curate.neighbours import Pairs
from curate.windows import Vectors, unit

EXHAUSTIVE = 100_000  # distinct questions: some 50 seconds of one core at 384 dimensions
CELLS_EACH = 4
ROUNDS = 4  # of k-means, on at most LEARNT_FROM rows
LEARNT_FROM = 50_000
SAMPLE = 500  # rows on which recall is measured

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Proposed:
    """Pairs of vectors (left < right) at or above the floor; `recall` of the sample's pairs, None where all were compared."""

    pairs: Pairs
    vectors: int
    compared: int
    floor: float
    recall: float | None = None
    sampled: int = 0

    def __str__(self) -> str:
        if self.recall is None:
            how = f"all {self.compared:,} pairs compared"
        else:
            how = (
                f"{self.compared:,} pairs compared in cells, which find {self.recall:.1%} of the pairs of {self.sampled:,} "
                "sampled questions"
            )
        return f"{counted(self.vectors, 'question')}, {how}, {len(self.pairs):,} at or above {self.floor:.2g}"


def questions(vectors: Vectors, floor: float, *, exhaustive: int = EXHAUSTIVE, seed: int = 0) -> Proposed:
    """Pairs of rows with cosine >= `floor`."""
    rows = len(vectors)
    if rows <= exhaustive:
        return Proposed(neighbours.self_pairs_above(vectors, floor), rows, rows * (rows - 1) // 2, floor)
    draw = np.random.default_rng(seed)
    cells = _cells(vectors, draw)
    parts, compared = [], 0
    for members in cells:
        found = neighbours.self_pairs_above(vectors[members], floor)
        parts.append(Pairs(members[found.left], members[found.right], found.score))
        compared += len(members) * (len(members) - 1) // 2
    pairs = neighbours.unordered(
        Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("left", "right", "score")))
    )
    sample = np.sort(draw.choice(rows, min(SAMPLE, rows), replace=False))
    recall, seen = _recall(vectors, pairs, sample, floor)
    return Proposed(pairs, rows, compared, floor, recall if seen else 1.0, len(sample))


def _cells(vectors: Vectors, draw: np.random.Generator) -> list[Numbers]:
    """The rows of each cell, ascending: spherical k-means on a sample, each row in its few nearest cells."""
    rows = len(vectors)
    learnt = vectors[np.sort(draw.choice(rows, min(LEARNT_FROM, rows), replace=False))]
    count = max(1, int(np.sqrt(rows)))
    centres = learnt[np.sort(draw.choice(len(learnt), min(count, len(learnt)), replace=False))]
    for _ in range(ROUNDS):
        nearest = _nearest(learnt, centres, 1)[:, 0]
        sums = np.zeros(centres.shape, np.float64)
        np.add.at(sums, nearest, learnt)
        filled = np.linalg.norm(sums, axis=1) > 1e-6
        centres[filled] = unit(sums[filled].astype(np.float32))
    places = _nearest(vectors, centres, min(CELLS_EACH, len(centres)))
    owner = np.repeat(np.arange(rows), places.shape[1])
    order = np.lexsort((owner, places.ravel()))
    edges = np.searchsorted(places.ravel()[order], np.arange(len(centres) + 1))
    return [owner[order[edges[i] : edges[i + 1]]] for i in range(len(centres))]


def _nearest(rows: Vectors, centres: Vectors, count: int) -> Numbers:
    found = []
    for start in range(0, len(rows), 4096):
        scores = rows[start : start + 4096] @ centres.T
        found.append(np.argsort(-scores, axis=1, kind="stable")[:, :count])
    return np.concatenate(found)


def _recall(vectors: Vectors, pairs: Pairs, sample: Numbers, floor: float) -> tuple[float, int]:
    """Which share of the true pairs of the sampled rows was found, and how many there are. A row with itself is no pair."""
    true = neighbours.pairs_above(vectors[sample], vectors, floor)
    left, right = sample[true.left], true.right
    two = left != right
    wanted = np.unique(np.minimum(left, right)[two] * len(vectors) + np.maximum(left, right)[two])
    known = pairs.left * len(vectors) + pairs.right
    return float(np.isin(wanted, known).mean()) if len(wanted) else 1.0, len(wanted)

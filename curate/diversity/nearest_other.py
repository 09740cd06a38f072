"""How close each row lies to the row nearest to it: 1 is a copy, low is a row by itself.

    cosines(vectors)           # for each row the cosine to its nearest other row

All pairs are compared, half of them because a pair has two ends, in blocks. Beyond MOST rows a seeded sample of the rows
is looked at, each against all; how many is said with the figure.
"""

import numpy as np
import numpy.typing as npt

from curate.cache import Cache
from curate.diversity.remembered import kept
from curate.windows import Vectors

BLOCK = 2048
MOST = 30_000  # rows that are all compared with each other

Cosines = npt.NDArray[np.float32]


def cosines(vectors: Vectors, *, seed: int = 0, block: int = BLOCK, cache: Cache | None = None) -> Cosines:
    """Of unit vectors [n, d], for each row (or sampled row, beyond MOST) the highest cosine to another row; empty below two."""
    if len(vectors) < 2:
        return np.empty(0, np.float32)

    def look() -> list[float]:
        found = _of_all(vectors, block) if len(vectors) <= MOST else _of_some(vectors, seed, block)
        numbers: list[float] = found.tolist()
        return numbers

    return np.asarray(kept(cache, f"nearest/{seed}/{block}", vectors, look), np.float32)


def _of_all(vectors: Vectors, block: int) -> Cosines:
    best = np.full(len(vectors), -1.0, np.float32)
    for i in range(0, len(vectors), block):
        for j in range(i, len(vectors), block):
            near = vectors[i : i + block] @ vectors[j : j + block].T
            if i == j:
                np.fill_diagonal(near, -1.0)
            np.maximum(best[i : i + block], near.max(axis=1), out=best[i : i + block])
            np.maximum(best[j : j + block], near.max(axis=0), out=best[j : j + block])
    return np.minimum(best, 1.0)


def _of_some(vectors: Vectors, seed: int, block: int) -> Cosines:
    rows = min(len(vectors), max(1_000, MOST * MOST // len(vectors)))
    some = np.sort(np.random.default_rng(seed).choice(len(vectors), rows, replace=False))
    best = np.full(rows, -1.0, np.float32)
    for j in range(0, len(vectors), block):
        near = vectors[some] @ vectors[j : j + block].T
        mine = np.flatnonzero((some >= j) & (some < j + block))
        near[mine, some[mine] - j] = -1.0
        np.maximum(best, near.max(axis=1), out=best)
    return np.minimum(best, 1.0)

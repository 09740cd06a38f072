"""Which vectors point the same way: every pair is compared, in blocks, with bounded memory. No approximate index.

    found = search(rows, eval_items, floor=0.8)
    found.pairs          # all pairs with cosine >= 0.8
    found.best_score     # for every eval item, the highest cosine to any row
    found.histogram      # how the cosines of all pairs are spread

Vectors are unit rows, so a dot product is the cosine. This is the one kernel under dedup, overlap and coverage.

A matrix product may round the same pair differently in another block or on another machine. So it only proposes: each
cosine that is reported or decides a tie is summed again in float64. Pairs, best matches and their scores therefore depend
neither on the block size nor on the order of the rows. The histogram is not recomputed: a cosine on an edge may fall to
either side.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.errors import BadInput, Surroundings

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]

BLOCK = 1024  # rows of each side held at once: 4 MB of scores
BINS = 200  # of width .01 from -1 to 1
ROUNDING = 4e-6  # more than a float32 product of unit rows is off: about sqrt(dimensions) * 6e-8, seen 3e-7
PAIRS_AT_ONCE = 8192  # recomputed together: 50 MB at 384 dimensions
MOST_PAIRS = 50_000_000  # 1 GB of results; a floor that finds more is too low to be of use


@dataclass(frozen=True)
class Pairs:
    """Row numbers of the two sides and their cosine, sorted by left, then right."""

    left: Numbers
    right: Numbers
    score: Scores

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Search:
    """What one pass over all pairs found.

    `best_left[r]` is the left row nearest to right row r (the lowest number on ties), `best_score[r]` their cosine;
    -1 and NaN where the left side is empty. `histogram[b]` counts the compared pairs with cosine in
    [-1 + .01 b, -1 + .01 (b + 1)).
    """

    pairs: Pairs
    best_left: Numbers
    best_score: Scores
    histogram: Numbers
    compared: int

    def __str__(self) -> str:
        highest = f", highest cosine {np.nanmax(self.best_score):.4f}" if self.compared else ""
        return f"{self.compared:,} pairs compared, {len(self.pairs):,} at or above the floor{highest}"


def search(left: Vectors, right: Vectors, floor: float, *, block: int = BLOCK) -> Search:
    """Compare every left row with every right row: pairs with cosine >= `floor`, best per right row, histogram."""
    _check(left, right)
    kept: list[Pairs] = []
    best_left = np.full(len(right), -1, dtype=np.int64)
    best_score = np.full(len(right), np.nan, dtype=np.float32)
    histogram = np.zeros(BINS, dtype=np.int64)
    for i in range(0, len(left), block):
        for j in range(0, len(right), block):
            a, b = left[i : i + block], right[j : j + block]
            scores = _products(a, b)
            kept.append(_shifted(_at_least(a, b, scores, floor), i, j))
            histogram += _spread(scores)
            _improve(best_left[j : j + block], best_score[j : j + block], a, b, scores, i)
        _refuse_too_many(kept, floor)
    return Search(_sorted(kept), best_left, best_score, histogram, len(left) * len(right))


def pairs_above(left: Vectors, right: Vectors, floor: float, *, block: int = BLOCK) -> Pairs:
    """All pairs with cosine >= `floor`."""
    return search(left, right, floor, block=block).pairs


def self_pairs_above(vectors: Vectors, floor: float, *, block: int = BLOCK) -> Pairs:
    """All pairs of two rows of one set with cosine >= `floor`, each once, left < right. Equal rows are a pair too."""
    _check(vectors, vectors)
    kept: list[Pairs] = []
    for i in range(0, len(vectors), block):
        for j in range(i, len(vectors), block):
            a, b = vectors[i : i + block], vectors[j : j + block]
            scores = _products(a, b)
            if i == j:  # a row with itself is told by its number, not by its score
                scores[np.tri(len(a), dtype=bool)] = -np.inf
            kept.append(_shifted(_at_least(a, b, scores, floor), i, j))
        _refuse_too_many(kept, floor)
    return _sorted(kept)


def self_pairs_in_both(a: Vectors, b: Vectors, floor_a: float, floor_b: float, *, block: int = BLOCK) -> Pairs:
    """Pairs of rows (left < right) whose cosine reaches the floor in both of two views; the score is that of `a`.

    One pass over both, so that ten thousand rows with one question and ten thousand answers are no burden.
    """
    _check(a, b)
    kept: list[Pairs] = []
    for i in range(0, len(a), block):
        for j in range(i, len(a), block):
            one, two = a[i : i + block], a[j : j + block]
            scores = _products(one, two)
            other = _products(b[i : i + block], b[j : j + block])
            scores[other < floor_b - ROUNDING] = -2
            found = _shifted(_at_least(one, two, scores, floor_a), i, j)
            later = found.left < found.right
            kept.append(Pairs(found.left[later], found.right[later], found.score[later]))
        _refuse_too_many(kept, floor_a)
    return _sorted(kept)


def best_match(left: Vectors, right: Vectors, *, block: int = BLOCK) -> tuple[Numbers, Scores]:
    """For each right row the nearest left row and their cosine; the lowest row number on ties."""
    found = search(left, right, np.inf, block=block)
    return found.best_left, found.best_score


def by_text(pairs: Pairs, left_windows: npt.ArrayLike, right_windows: npt.ArrayLike) -> Pairs:
    """Pairs of windows to pairs of texts, with the highest score of their windows.

    `left_windows[w]` is the text that window w belongs to. For a search of one set in itself pass the same array twice
    and call `unordered` on the result: windows of one text are pairs of that text with itself.
    """
    left = np.asarray(left_windows, dtype=np.int64)[pairs.left]
    right = np.asarray(right_windows, dtype=np.int64)[pairs.right]
    return _highest(left, right, pairs.score)


def unordered(pairs: Pairs) -> Pairs:
    """Each pair once with left < right, the highest score kept, pairs of a text with itself dropped."""
    low, high = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    two = low < high
    return _highest(low[two], high[two], pairs.score[two])


def _highest(left: Numbers, right: Numbers, score: Scores) -> Pairs:
    order = np.lexsort((-score, right, left))
    left, right, score = left[order], right[order], score[order]
    first = np.ones(len(score), dtype=bool)
    first[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    return Pairs(left[first], right[first], score[first])


def _check(left: Vectors, right: Vectors) -> None:
    for side in (left, right):
        if side.ndim != 2:
            raise BadInput(f"vectors must be a table with one row per text, not an array of shape {side.shape}")
        if not np.isfinite(side).all():
            bad = int(np.flatnonzero(~np.isfinite(side).all(axis=1))[0])
            raise BadInput(f"vector {bad} holds a value that is not a number, so it cannot be compared")
    if len(left) and len(right) and left.shape[1] != right.shape[1]:
        raise BadInput(f"vectors of {left.shape[1]} and {right.shape[1]} dimensions: two encoders made them")


def _products(a: Vectors, b: Vectors) -> Scores:
    scores: Scores = np.asarray(a, dtype=np.float32) @ np.asarray(b, dtype=np.float32).T
    return scores


def _exact(a: Vectors, b: Vectors, rows: Numbers, columns: Numbers) -> Scores:
    """The cosines of the named pairs, each summed alone in float64, where a product of two float32 is exact."""
    scores = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        products = np.multiply(a[rows[some]], b[columns[some]], dtype=np.float64)
        scores[some] = products.sum(axis=1)
    return scores


def _at_least(a: Vectors, b: Vectors, scores: Scores, floor: float) -> Pairs:
    rows, columns = np.nonzero(scores >= floor - ROUNDING)
    exact = _exact(a, b, rows, columns)
    high = exact >= np.float32(floor)
    return Pairs(rows[high], columns[high], exact[high])


def _shifted(pairs: Pairs, i: int, j: int) -> Pairs:
    return Pairs(pairs.left + i, pairs.right + j, pairs.score)


def _refuse_too_many(kept: list[Pairs], floor: float) -> None:
    if sum(map(len, kept)) > MOST_PAIRS:
        raise Surroundings(f"more than {MOST_PAIRS:,} pairs are at or above {floor}", hint="a higher threshold")


def _spread(scores: Scores) -> Numbers:
    # Rounding can push the cosine of equal vectors just over 1; the edge bins take it.
    bins = np.clip(((scores + 1) * (BINS / 2)).astype(np.int32), 0, BINS - 1)
    return np.bincount(bins.ravel(), minlength=BINS).astype(np.int64)


def _improve(best_left: Numbers, best_score: Scores, a: Vectors, b: Vectors, scores: Scores, i: int) -> None:
    """Let the rows of block `a`, numbered from i, win the columns where they are nearer than what is known."""
    highest = np.fmax(scores.max(axis=0), best_score)  # fmax takes the number where the other is NaN
    rows, columns = np.nonzero(scores >= highest - ROUNDING)
    exact = _exact(a, b, rows, columns)
    order = np.lexsort((rows, -exact, columns))
    rows, columns, exact = rows[order], columns[order], exact[order]
    first = np.ones(len(columns), dtype=bool)
    first[1:] = columns[1:] != columns[:-1]
    rows, columns, exact = rows[first], columns[first], exact[first]
    better = ~(exact <= best_score[columns])  # true against NaN; an equal score of a later block does not win
    best_left[columns[better]] = rows[better] + i
    best_score[columns[better]] = exact[better]


def _sorted(parts: list[Pairs]) -> Pairs:
    if not parts:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    left, right = (np.concatenate([getattr(part, side) for part in parts]) for side in ("left", "right"))
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], np.concatenate([part.score for part in parts])[order])

"""Which vectors point the same way: every pair is compared, in blocks, with bounded memory. No approximate index.

    found = search(rows, eval_items, floor=0.8)
    found.pairs          # all pairs with cosine >= 0.8
    found.best_score     # for every eval item, the highest cosine to any row
    found.histogram      # how the cosines of all pairs are spread

Vectors are unit rows, so a dot product is the cosine. This is the one kernel under dedup, overlap and coverage. The left
side may be a file on disk (`numpy.memmap`) or a stream of blocks: only a block of it is held.

A matrix product may round the same pair differently in another block or on another machine, and in bf16 it is coarse. So
it only proposes (`products`, with a bound on its error): each cosine that is reported or decides a tie is summed again in
float64. Pairs, best matches and their scores therefore depend neither on the block size, nor on threads, nor on the
device, nor on the order of the rows. The histogram is not recomputed: a cosine on an edge may fall to either side.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate import products, shortened
from curate.counted import counted
from curate.errors import BadInput, Surroundings
from curate.products import BINS, Device, Numbers, Products, Scores, Vectors

__all__ = ["BINS", "Pairs", "Search", "best_match", "by_text", "pairs_above", "search", "self_pairs_above", "self_pairs_in_both", "unordered"]  # fmt: skip

PAIRS_AT_ONCE = 512  # recomputed together: what stays in the processor's own cache, three times as fast as 8192
ROWS_AT_ONCE = 8192  # looked through for what is no number
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
        return f"{counted(self.compared, 'pair')} compared, {len(self.pairs):,} at or above the floor{highest}"


class _Found(NamedTuple):
    """Some pairs of one block and their cosines, summed in float64."""

    rows: Numbers
    columns: Numbers
    score: Scores


class _Block(NamedTuple):
    start: int
    rows: int
    found: _Found
    histogram: Numbers


def search(
    left: Vectors | Iterable[Vectors],
    right: Vectors,
    floor: float,
    *,
    block: int | None = None,
    device: Device = "cpu",
) -> Search:
    """Compare every left row with every right row: pairs with cosine >= `floor`, best per right row, histogram.

    `left` is a table, a `numpy.memmap` or a stream of tables, each read once. `block` rows of each side are compared at
    once (by default what suits the device). The memory does not grow with the left side but by the pairs that are found.
    Raises BadInput for a vector that is not a number, Surroundings for more than MOST_PAIRS pairs or a missing GPU.
    """
    size = block or products.BLOCK[device]
    _check(right, 0)
    longest = _longest(right)
    best_left, best_score = np.full(len(right), -1, np.int64), np.full(len(right), np.nan, np.float32)
    histogram, kept, rows = np.zeros(BINS, np.int64), _Kept(floor), 0

    def work(start: int, a: Vectors, there: Products) -> _Block:
        error = there.error * _longest(a) * longest
        found, counts = [], np.zeros(BINS, np.int64)
        for j in range(0, len(right), size):
            some = slice(j, j + size)
            near = there.look(a, some, partial(_bars, known=best_score[some], floor=floor, error=error))
            score = _exact(a, right[some], near.rows, near.columns)
            found.append(_Found(near.rows, near.columns + j, score))
            counts += near.counts
        return _Block(start, len(a), _together(found), counts)

    def take(done: _Block) -> None:
        nonlocal rows, histogram
        rows += done.rows
        histogram += done.histogram
        _improve(best_left, best_score, done)
        kept.take(done)

    products.over(_blocks(left, size, right), work, take, lambda: products.on(device, right), device)
    return Search(kept.pairs(), best_left, best_score, histogram, rows * len(right))


def pairs_above(left: Vectors, right: Vectors, floor: float, *, block: int | None = None) -> Pairs:
    """All pairs with cosine >= `floor`."""
    return search(left, right, floor, block=block).pairs


def self_pairs_above(vectors: Vectors, floor: float, *, block: int | None = None) -> Pairs:
    """All pairs of two rows of one set with cosine >= `floor`, each once, left < right. Equal rows are a pair too."""
    return _self_pairs([(vectors, floor)], block)


def self_pairs_in_both(a: Vectors, b: Vectors, floor_a: float, floor_b: float, *, block: int | None = None) -> Pairs:
    """Pairs of rows (left < right) whose cosine reaches the floor in both of two views; the score is that of `a`.

    One pass over both, so that ten thousand rows with one question and ten thousand answers are no burden.
    """
    return _self_pairs([(a, floor_a), (b, floor_b)], block)


def best_match(left: Vectors, right: Vectors, *, block: int | None = None) -> tuple[Numbers, Scores]:
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


class _View(NamedTuple):
    """One side of rows that are compared with each other. The shortened rows, where there are any, are looked at first."""

    rows: Vectors
    floor: float
    short: shortened.Shortened | None
    longest: float

    def products(self) -> Products:
        return products.on("cpu", self.short.rows if self.short else self.rows)


def _self_pairs(sides: list[tuple[Vectors, float]], block: int | None) -> Pairs:
    """Pairs of rows that reach the floor of every side, with their cosine in the first."""
    size, first = block or products.BLOCK["cpu"], sides[0][0]
    for side, _ in sides:
        _check(side, 0)
    views = [_View(rows, floor, shortened.of(rows, floor), _longest(rows)) for rows, floor in sides]

    def work(start: int, a: Vectors, there: list[Products]) -> _Block:
        found = []
        for j in range(start, len(first), size):
            cells = [
                _near_cells(view, slice(start, start + size), slice(j, j + size), one)
                for view, one in zip(views, there, strict=True)
            ]
            rows, columns = np.divmod(_in_every(cells), size)
            later = rows + start < columns + j  # a row with itself is told by its number, not by its score
            rows, columns = rows[later] + start, columns[later] + j
            scores = [_exact(view.rows, view.rows, rows, columns) for view in views]
            both = np.logical_and.reduce([s >= np.float32(v.floor) for s, v in zip(scores, views, strict=True)])
            found.append(_Found(rows[both] - start, columns[both], scores[0][both]))
        return _Block(start, len(a), _together(found), products.NOTHING)

    kept = _Kept(views[0].floor)
    products.over(_blocks(first, size, first), work, kept.take, lambda: [view.products() for view in views], "cpu")
    return kept.pairs()


def _near_cells(view: _View, here: slice, some: slice, there: Products) -> Numbers:
    """The pairs of two blocks that may reach the floor, each as one ascending number."""
    lengths = view.longest * view.longest
    bar = np.float32(view.floor - products.summing(view.rows.shape[1]) * lengths)
    if view.short is None:
        rows, columns = there.reach(view.rows[here], some, bar)
    else:
        rows, columns = there.reach(view.short.rows[here], some, np.float32(view.floor - view.short.error * lengths))
        high = _one_by_one(view.rows[here], view.rows[some], rows, columns) >= bar
        rows, columns = rows[high], columns[high]
    cells: Numbers = rows * (some.stop - some.start) + columns
    return cells


def _one_by_one(a: Vectors, b: Vectors, rows: Numbers, columns: Numbers) -> Scores:
    """The products of the named pairs in fp32, so within `products.summing`."""
    scores = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        np.einsum("nd,nd->n", a[rows[some]], b[columns[some]], out=scores[some])
    return scores


def _in_every(cells: list[Numbers]) -> Numbers:
    shared = cells[0]
    for others in cells[1:]:
        shared = np.intersect1d(shared, others, assume_unique=True)
    return shared


class _Kept:
    """Pairs by block, in 12 bytes each until the end. Refuses, with a sentence, more than MOST_PAIRS."""

    def __init__(self, floor: float) -> None:
        self._floor = floor
        self._parts: list[tuple[int, npt.NDArray[np.int32], npt.NDArray[np.int32], Scores]] = []
        self._total = 0

    def take(self, done: _Block) -> None:
        """Keep the pairs of a block that reach the floor. Blocks come in order, so only their pairs are sorted."""
        high = np.flatnonzero(done.found.score >= np.float32(self._floor))
        order = high[np.lexsort((done.found.columns[high], done.found.rows[high]))]
        rows, columns = done.found.rows[order].astype(np.int32), done.found.columns[order].astype(np.int32)
        self._parts.append((done.start, rows, columns, done.found.score[order]))
        self._total += len(order)
        if self._total > MOST_PAIRS:
            raise Surroundings(
                f"more than {MOST_PAIRS:,} pairs are at or above {self._floor}", hint="a higher threshold"
            )

    def pairs(self) -> Pairs:
        """All of them; each block is let go as it is copied."""
        left, right = np.empty(self._total, np.int64), np.empty(self._total, np.int64)
        score = np.empty(self._total, np.float32)
        at = 0
        self._parts.reverse()
        while self._parts:
            start, rows, columns, scores = self._parts.pop()
            some = slice(at, at := at + len(rows))
            left[some], right[some], score[some] = rows, columns, scores
            left[some] += start
        return Pairs(left, right, score)


def _blocks(left: Vectors | Iterable[Vectors], size: int, right: Vectors) -> Iterator[tuple[int, Vectors]]:
    """The left side in blocks of at most `size` checked rows, with the number of their first row."""
    start = 0
    for table in [left] if isinstance(left, np.ndarray) else left:
        _check(table[:0], start, right)
        for i in range(0, len(table), size):
            a = np.array(table[i : i + size], ndmin=2)  # read once from a file
            _check(a, start)
            yield start, a
            start += len(a)


def _check(side: Vectors, first: int, right: Vectors | None = None) -> None:
    """BadInput for what is no table of numbers. `first` is the number of its first row."""
    if side.ndim != 2:
        raise BadInput(f"vectors must be a table with one row per text, not an array of shape {side.shape}")
    for i in range(0, len(side), ROWS_AT_ONCE):
        finite = np.isfinite(side[i : i + ROWS_AT_ONCE]).all(axis=1)
        if not finite.all():
            bad = first + i + int(np.flatnonzero(~finite)[0])
            raise BadInput(f"vector {bad} holds a value that is not a number, so it cannot be compared")
    if right is not None and len(right) and side.shape[1] != right.shape[1]:
        raise BadInput(f"vectors of {side.shape[1]} and {right.shape[1]} dimensions: two encoders made them")


def _longest(rows: Vectors) -> float:
    """The length of the longest row: 1 for unit rows, whose cosines `products` bounds."""
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return float(np.sqrt(squares.max(initial=0.0)))


def _bars(highest: Scores, known: Scores, floor: float, error: float) -> Scores:
    """From where a pair of each column may reach the floor, or be the nearest of what has been seen.

    The nearest of a block may be proposed two errors below the highest of that block. fmax passes over NaN, which stands
    for nothing known yet.
    """
    nearest = np.fmax(highest - 2 * error, known - error)
    bars: Scores = np.minimum(nearest, floor - error).astype(np.float32)
    return bars


def _exact(a: Vectors, b: Vectors, rows: Numbers, columns: Numbers) -> Scores:
    """The cosines of the named pairs, each summed alone in float64, where a product of two float32 is exact."""
    scores = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        wide = a[rows[some]].astype(np.float64)
        wide *= b[columns[some]]
        scores[some] = wide.sum(axis=1)
    return scores


def _together(found: list[_Found]) -> _Found:
    if not found:
        return _Found(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    return _Found(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _improve(best_left: Numbers, best_score: Scores, done: _Block) -> None:
    """Let the rows of a block win the columns where they are nearer than what is known; of equals the first wins."""
    order = np.lexsort((done.found.rows, -done.found.score, done.found.columns))
    rows, columns, score = (part[order] for part in done.found)
    first = np.ones(len(columns), dtype=bool)
    first[1:] = columns[1:] != columns[:-1]
    rows, columns, score = rows[first], columns[first], score[first]
    better = ~(score <= best_score[columns])  # true against NaN; an equal score of a later block does not win
    best_left[columns[better]] = rows[better] + done.start
    best_score[columns[better]] = score[better]

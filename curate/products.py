"""The cosines of a block of rows with all rows of the other side, as proposals: how far off they may be is stated.

    products = on("cpu", right)
    near = products.look(left, slice(0, len(right)), lambda highest: highest - products.error)
    near.rows, near.columns    # where the cosine reaches the bar that was set for its column
    near.counts                # how the cosines are spread
    products.reach(left, slice(0, len(right)), np.float32(0.7))    # only which cosines reach one bar

A look gives what a search needs of a million cosines and forgets them: the highest of each column decides the bars, the
pairs at the bars are named, the rest is counted. `error` bounds how far a proposed cosine of two unit rows is from the
true one, so that a search can ask a little lower and sum again what it is given.

`cpu` is fp32 with numpy, in as many threads as its BLAS would take. `cpu-bf16` and `cuda` go through torch. See
`benchmarks/overlap/SEARCH.md` for what each costs.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from curate.errors import BadInput, Surroundings

T = TypeVar("T")
Done = TypeVar("Done")

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]
Bars = Callable[[Scores], Scores]
Device = Literal["cpu", "cpu-bf16", "cuda"]

BINS = 200  # of width .01 from -1 to 1
BLOCK: dict[str, int] = {
    "cpu": 1024,
    "cpu-bf16": 2048,
    "cuda": 8192,
}  # rows of each side at once: 4, 16, 256 MB of scores

NOTHING = np.zeros(BINS, np.int64)


@dataclass(frozen=True)
class Near:
    """Pairs of a block at or above their column's bar, in order of rows, and the counts of all cosines of the block."""

    rows: Numbers
    columns: Numbers
    counts: Numbers


class Products(Protocol):
    """One per thread: it keeps the room that the next block is computed in."""

    error: float

    def look(self, a: Vectors, columns: slice, bars: Bars, *, count: bool = True) -> Near:
        """Multiply rows `a` with some rows of the other side. `bars` maps the highest of each column to its bar."""
        ...

    def reach(self, a: Vectors, columns: slice, bar: np.float32) -> tuple[Numbers, Numbers]:
        """The rows and columns of the products that reach one bar, in order; nothing else is asked of the others."""
        ...


def on(device: Device, right: Vectors) -> Products:
    """The products with `right` on this device. Surroundings where there is no GPU."""
    match device:
        case "cpu":
            return _Fp32(right)
        case "cpu-bf16" | "cuda":
            return _Torch(right, device)
    raise BadInput(f"no device is called {device}", hint="cpu, cpu-bf16 or cuda")


def over(
    blocks: Iterator[tuple[int, Vectors]],
    work: Callable[[int, Vectors, T], Done],
    take: Callable[[Done], None],
    make: Callable[[], T],
    device: Device,
) -> None:
    """`work` on every block, several at once, each with its own `make()`; `take` gets the results in order of the rows."""
    head = list(itertools.islice(blocks, 2))
    if len(head) < 2:
        for start, a in head:
            take(work(start, a, make()))
        return
    with threads(device) as several:
        idle = [make() for _ in range(several)]

        def one(start: int, a: Vectors) -> Done:
            there = idle.pop()
            try:
                return work(start, a, there)
            finally:
                idle.append(there)

        with ThreadPoolExecutor(several) as pool:
            waiting: deque[Future[Done]] = deque()
            try:
                for start, a in itertools.chain(head, blocks):
                    waiting.append(pool.submit(one, start, a))
                    if len(waiting) > several:
                        take(waiting.popleft().result())
                while waiting:
                    take(waiting.popleft().result())
            finally:
                pool.shutdown(cancel_futures=True)


@contextmanager
def threads(device: Device) -> Iterator[int]:
    """How many blocks to work on at once: what numpy's BLAS would take, which takes one thread for each meanwhile.

    So cosines are counted on one core while the next are multiplied on another, and OMP_NUM_THREADS is respected.
    """
    if device != "cpu":
        yield 1
        return
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        yield 1
        return
    blas = ThreadpoolController().select(user_api="blas")
    several = max([1, *(int(library["num_threads"]) for library in blas.info())])
    with blas.limit(limits=1):
        yield several


def summing(dimensions: int) -> float:
    """What summing d products in fp32 can lose of |a| |b|, in any order: d u, u = 2^-24, and some u more for what is
    rounded to fp32 before (inputs in double precision) and after (a bar, the cosine that is reported)."""
    return 1.01 * (dimensions + 8) * 2.0**-24


class _Fp32:
    def __init__(self, right: Vectors) -> None:
        self.error = summing(right.shape[1])
        self._right = np.asarray(right, dtype=np.float32)
        self._scores = np.empty(0, np.float32)
        self._bins = np.empty(0, np.uint8)

    def look(self, a: Vectors, columns: slice, bars: Bars, *, count: bool = True) -> Near:
        b = self._right[columns]
        scores = self._products(a, b)
        highest = scores.max(axis=0)
        bar = bars(highest)
        some = np.flatnonzero(highest >= bar)
        if 4 * len(some) < len(b):
            rows, columns_ = _where(scores[:, some] >= bar[some])
            return Near(rows, some[columns_], self._spread(scores) if count else NOTHING)
        return Near(*_where(scores >= bar), self._spread(scores) if count else NOTHING)

    def reach(self, a: Vectors, columns: slice, bar: np.float32) -> tuple[Numbers, Numbers]:
        return _where(self._products(a, self._right[columns]) >= bar)

    def _products(self, a: Vectors, b: Vectors) -> Scores:
        cells = len(a) * len(b)
        if len(self._scores) < cells:
            self._scores, self._bins = np.empty(cells, np.float32), np.empty(cells + 1, np.uint8)
        scores = self._scores[:cells].reshape(len(a), len(b))
        np.matmul(np.asarray(a, dtype=np.float32), b.T, out=scores)
        return scores

    def _spread(self, scores: Scores) -> Numbers:
        """Counts by bins; the scores are gone afterwards. Two bins of a byte each are counted as one number of 16 bits."""
        flat = scores.reshape(-1)
        np.multiply(flat, BINS / 2, out=flat)
        np.add(flat, BINS / 2, out=flat)
        # Rounding can push the cosine of equal vectors just over 1; the edge bins take it.
        np.clip(flat, 0, BINS - 1, out=flat)
        bins = self._bins[: len(flat)]
        np.copyto(bins, flat, casting="unsafe")
        even = len(bins) // 2 * 2
        twos = np.bincount(bins[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
        counts = twos.sum(axis=0) + twos.sum(axis=1)
        if even < len(bins):
            counts[bins[even]] += 1
        known: Numbers = counts[:BINS].astype(np.int64)
        return known


def _where(mask: npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    rows, columns = np.divmod(np.flatnonzero(mask), max(mask.shape[1], 1))
    return rows, columns


class _Torch:
    def __init__(self, right: Vectors, device: Device) -> None:
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise Surroundings("there is no GPU that torch can use", hint="--device cpu")
        self._torch = torch
        self._device = "cpu" if device == "cpu-bf16" else device
        self._type = torch.bfloat16 if device == "cpu-bf16" else torch.float32
        # Inputs that keep a fraction u of themselves lose (2 u + u^2) |a| |b| by Cauchy and Schwarz, and a sum rounded to
        # the same type u more: 3 u + u^2 with u = 2^-9 for bf16. A GPU may be set to multiply fp32 as tf32, cut off: u = 2^-10.
        half = 2.0**-9 if device == "cpu-bf16" else 2.0**-10
        self.error = 1.01 * (3 * half + half**2) + summing(right.shape[1])
        self._right = self._there(right)

    def look(self, a: Vectors, columns: slice, bars: Bars, *, count: bool = True) -> Near:
        scores = self._there(a) @ self._right[columns].T
        highest = scores.amax(0).float().cpu().numpy()
        bar = bars(highest)
        # A bar that bf16 rounds up would lose a pair, so the comparison is in fp32, on the columns that need it.
        some = np.flatnonzero(highest >= bar)
        chosen = self._torch.from_numpy(some).to(self._device)
        hit = scores[:, chosen].float() >= self._torch.from_numpy(bar[some]).to(self._device)
        rows, found = hit.nonzero(as_tuple=True)
        return Near(rows.cpu().numpy(), some[found.cpu().numpy()], self._spread(scores) if count else NOTHING)

    def reach(self, a: Vectors, columns: slice, bar: np.float32) -> tuple[Numbers, Numbers]:
        near = self.look(a, columns, lambda highest: np.full_like(highest, bar), count=False)
        return near.rows, near.columns

    def _spread(self, scores: Any) -> Numbers:
        bins = scores.float().mul_(BINS / 2).add_(BINS / 2).clamp_(0, BINS - 1).to(self._torch.uint8)
        counts: Numbers = self._torch.bincount(bins.flatten(), minlength=BINS).cpu().numpy()
        return counts

    def _there(self, rows: Vectors) -> Any:
        plain = np.ascontiguousarray(rows, dtype=np.float32)
        if not plain.flags.writeable:  # a read-only memmap; torch would warn
            plain = plain.copy()
        return self._torch.from_numpy(plain).to(self._device, self._type)

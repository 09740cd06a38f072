"""Proposed pairs of rows on disk, read and confirmed: some thousands at a time, by `near`'s own rules.

    for found in confirmed(store, ids, codes, floor=0.5, hands=hands, ...):
        found.one, found.other, found.score, found.rule      # rows, and what the pair is

A batch of pairs is cut by what its rows weigh, so that long rows do not fill the memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.duplicates import near
from curate.duplicates.confirm import RULES
from curate.hands import Hands
from curate.progress import silent
from curate.streaming.ids import Ids
from curate.streaming.stored import Stored

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Confirmed pairs: two rows, the score, the rule (its place in `confirm.RULES`)."""

    one: Numbers
    other: Numbers
    score: npt.NDArray[np.float64]
    rule: npt.NDArray[np.int8]

    @staticmethod
    def joined(parts: Sequence["Pairs"]) -> "Pairs":
        """All pairs of several."""
        if not parts:
            nothing = np.empty(0, np.int64)
            return Pairs(nothing, nothing, np.empty(0), np.empty(0, np.int8))
        columns = zip(*((each.one, each.other, each.score, each.rule) for each in parts), strict=True)
        return Pairs(*map(np.concatenate, columns))

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Pairs":
        """Some of the pairs."""
        return Pairs(self.one[chosen], self.other[chosen], self.score[chosen], self.rule[chosen])


@dataclass(frozen=True)
class Reading:
    """Where the rows are, what they are called and weigh, and how much is read at a time."""

    store: Stored
    ids: Ids
    weights: npt.NDArray[np.uint32]  # bytes of text of each row
    pairs_at_once: int
    bytes_at_once: int


@dataclass(frozen=True)
class _Task:
    store: Stored
    ids: Ids
    pairs: Numbers
    floor: float


def confirmed(
    reading: Reading, codes: Iterable[Numbers], floor: float, hands: Hands
) -> Iterator[tuple[Pairs, int, int]]:
    """Batch by batch: the duplicates, how many pairs are variants of a template, how many were compared."""
    tasks = (
        _Task(reading.store, _named(reading.ids, pairs), pairs, floor)
        for some in codes
        for pairs in _batches(reading, some)
    )
    yield from hands.each(_confirm, tasks)


def _named(ids: Ids, pairs: Numbers) -> Ids:
    """Only what must travel to another process."""
    here = np.isin(ids.changed, pairs)
    return Ids(ids.changed[here], ids.numbers[here])


def _batches(reading: Reading, codes: Numbers) -> Iterator[Numbers]:
    rows = len(reading.weights)
    pairs = np.stack([codes // rows, codes % rows], 1)
    # A row of several pairs is read once for them; its first place stands for it.
    weights = np.zeros(pairs.size, np.int64)
    several, first = np.unique(pairs, return_index=True)
    weights[first] = reading.weights[several]
    full = np.cumsum(weights.reshape(-1, 2).sum(1)) // reading.bytes_at_once
    full += np.arange(len(pairs)) // reading.pairs_at_once * (int(full[-1]) + 1 if len(full) else 1)
    yield from np.split(pairs, np.flatnonzero(np.diff(full)) + 1) if len(pairs) else ()


def _confirm(task: _Task) -> tuple[Pairs, int, int]:
    rows = np.unique(task.pairs)
    texts = task.store.texts(rows)
    ids = task.ids.apply(texts.names, rows)
    found, variants = near.confirmed(ids, texts.sides, np.searchsorted(rows, task.pairs), task.floor, silent)
    row_of = dict(zip(ids, rows.tolist(), strict=True))
    a = np.fromiter((row_of[row] for row in found["a"]), np.int64, found.height)
    b = np.fromiter((row_of[row] for row in found["b"]), np.int64, found.height)
    rules = np.fromiter(map(RULES.index, found["rule"]), np.int8, found.height)
    return Pairs(a, b, found["score"].to_numpy(), rules), variants.height, len(task.pairs)

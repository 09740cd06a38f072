"""Pairs of rows that share enough of their rarer fingerprints: what `fingerprints.propose` says, counted on disk.

    paper = Votes(folder, rows)
    paper.propose(paper.prints, active, rank=None)     # files of pairs, one after another

Fingerprints are read a range of values at a time. Each range names the pairs of rows that share one of its values; these
votes are written as sorted runs of pair codes (row * rows + other row), read back a range of codes at a time, and counted.
What must be known of a row for that, how many rarer and how many common fingerprints it has, is one number each in memory.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.duplicates.fingerprints import (
    BEST,
    CROWD,
    CROWD_SHARE,
    CROWDED,
    MOSTLY,
    SHARE,
    SMALLEST,
    countable,
    in_crowds,
)
from curate.hands import Hands
from curate.streaming.runs import Range, Runs

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]
Owners = npt.NDArray[np.uint32]

NO_CROWD = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Held:
    """For each row: its fingerprints that few rows have, and those that more rows have than `largest`."""

    rare: Numbers
    common: Numbers
    largest: int
    share: float  # of a row's fingerprints, from which it stands in a crowd

    @property
    def crowded(self) -> Mask:
        """Rows that stand in a crowd."""
        return in_crowds(self.rare, self.common, self.share)


@dataclass(frozen=True)
class _Range:
    """A range of fingerprints to count, and the files in which the rows that count are named."""

    folder: Path
    prints: Path
    number: int
    range: Range
    rows: int
    largest: int  # so many rows may share a fingerprint for all of their pairs to be counted


def propose(
    folder: Path, prints: Runs, active: Mask, at_once: int, hands: Hands, *, crowds: bool = False
) -> tuple[Iterator[Numbers], Held]:
    """Codes of the pairs of active rows that share enough, in ascending order, some at a time; and what each row holds.

    With `crowds` as large ones are compared as can be counted. `folder` holds what is counted, and is left empty once the
    codes were drawn to the end.
    """
    rows = len(active)
    np.save(folder / "active.npy", active)
    tasks = [_Range(folder, prints.folder, i, some, rows, CROWD) for i, some in enumerate(prints.ranges(at_once))]
    largest = CROWD
    if crowds:
        sizes = Counter[int]()
        for some in hands.each(_sizes, tasks):
            sizes.update(some)
        ordered = sorted(sizes)
        largest = countable(np.array(ordered, np.int64), np.array([sizes[size] for size in ordered], np.int64))
        tasks = [replace(task, largest=largest) for task in tasks]
    rare, common = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    for few, many in hands.each(_vote, tasks):
        rare += few
        common += many
    return _counted(Runs(folder / "votes", owned=False), rare, CROWD_SHARE if crowds else SHARE, at_once), Held(
        rare, common, largest, MOSTLY if crowds else CROWDED
    )


def _counted(votes: Runs, rare: Numbers, share: float, at_once: int) -> Iterator[Numbers]:
    rows = len(rare)
    for low, high in votes.ranges(at_once):
        named = np.sort(votes.get(low, high)[0])
        starts = _starts(named)
        shared = np.diff(np.append(starts, len(named)))
        codes = named[starts].astype(np.int64)
        enough = shared >= share * np.minimum(rare[codes // rows], rare[codes % rows])
        yield codes[enough]
    votes.drop()


def _vote(task: _Range) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Name the pairs that share a rarer fingerprint of one range; how many of both kinds each row has there."""
    values, owners = _those(task)
    starts = _starts(values)
    counts = np.diff(np.append(starts, len(values)))
    held = np.repeat(counts, counts)
    few, some = held <= task.largest, (held > 1) & (held <= task.largest)
    Runs(task.folder / "votes", owned=False).put(task.number, _together(values[some], owners[some], task.rows))
    return _tally(owners[few], task.rows), _tally(owners[~few], task.rows)


def _sizes(task: _Range) -> dict[int, int]:
    """By how many rows a fingerprint is shared -> how many fingerprints of a range are."""
    values, _ = _those(task)
    sizes, counts = np.unique_counts(np.diff(np.append(_starts(values), len(values))))
    return dict(zip(sizes.tolist(), counts.tolist(), strict=True))


def _those(task: _Range) -> tuple[Keys, Owners]:
    """The fingerprints of a range that active rows have, sorted by value."""
    values, owners = Runs(task.prints).get(*task.range)
    here = np.load(task.folder / "active.npy", mmap_mode="r")[owners]
    values, owners = values[here], owners[here]
    order = np.argsort(values)
    return values[order], owners[order]


def _together(values: Keys, owners: Owners, rows: int) -> Keys:
    """Codes of all pairs of rows that share a value."""
    parts = [np.empty(0, np.uint64)]
    at = np.flatnonzero(values[1:] == values[:-1])
    apart = 1
    while len(at):
        one, other = owners[at].astype(np.uint64), owners[at + apart].astype(np.uint64)
        parts.append(np.minimum(one, other) * np.uint64(rows) + np.maximum(one, other))
        apart += 1
        # Rows that stand further apart share a value only where those between them do.
        at = at[at + apart < len(values)]
        at = at[values[at] == values[at + apart]]
    return np.concatenate(parts)


def beside_the_best(folder: Path, prints: Runs, held: Held, rank: Numbers, at_once: int) -> Iterator[Numbers]:
    """Codes of the pairs of each crowded row and the best rows of its smallest crowds, some at a time; `propose` came before.

    What a row's smallest crowds are is known after all ranges were read once.
    """
    rows, ranges = len(rank), prints.ranges(at_once)
    crowds = [_Range(folder, prints.folder, i, some, rows, held.largest) for i, some in enumerate(ranges)]
    line = np.cumsum(held.crowded) - 1  # only of crowded rows something is held
    few = _smallest_of(crowds, held.crowded, line)
    best = Runs(folder / "best", owned=False)
    for task in crowds:
        values, here, _ = _crowds_of(task, held.crowded)
        order = np.lexsort((rank[here], values))
        values, here = values[order], here[order]
        at = np.flatnonzero((few[line[here]] == values[:, None]).any(1))
        begins = np.searchsorted(values, values[at])
        codes = [np.empty(0, np.int64)]
        for place in range(BEST if len(at) else 0):
            other = np.minimum(begins + place, len(values) - 1)
            there = values[other] == values[at]
            low, high = np.minimum(here[other], here[at]), np.maximum(here[other], here[at])
            codes.append(np.unique((low * rows + high)[there & (low < high)]))
        best.put(task.number, np.unique(np.concatenate(codes)).astype(np.uint64))
    for low_code, high_code in best.ranges(at_once):
        yield np.unique(best.get(low_code, high_code)[0]).astype(np.int64)
    best.drop()


def _crowds_of(task: _Range, crowded: Mask) -> tuple[Keys, Numbers, Numbers]:
    """The fingerprints of a range that make crowds, their rows, and how large the crowds are."""
    values, owners = _those(task)
    starts = _starts(values)
    counts = np.diff(np.append(starts, len(values)))
    sizes = np.repeat(counts, counts)
    chosen = (sizes > task.largest) & crowded[owners]
    return values[chosen], owners[chosen].astype(np.int64), sizes[chosen]


def _smallest_of(crowds: Sequence[_Range], crowded: Mask, line: Numbers) -> Keys:
    """The fingerprints of the smallest crowds of each crowded row [n, SMALLEST]; `NO_CROWD` where it has fewer. `line`: its place."""
    few = np.full((int(crowded.sum()), SMALLEST), NO_CROWD)
    sizes = np.full(few.shape, np.iinfo(np.int64).max)
    for task in crowds:
        values, owners, counts = _crowds_of(task, crowded)
        touched = np.unique(line[owners])
        known = np.repeat(touched, SMALLEST)
        all_rows = np.concatenate([known, line[owners]])
        all_sizes = np.concatenate([sizes[touched].ravel(), counts])
        all_values = np.concatenate([few[touched].ravel(), values])
        order = np.lexsort((all_values, all_sizes, all_rows))
        begins = _starts(all_rows[order].astype(np.uint64))
        place = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
        kept = order[place < SMALLEST]
        few[touched] = all_values[kept].reshape(-1, SMALLEST)
        sizes[touched] = all_sizes[kept].reshape(-1, SMALLEST)
    return few


def only(prints: Runs, rows: Mask, folder: Path, at_once: int, hands: Hands) -> Runs:
    """The fingerprints of some rows, in runs of their own."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "active.npy", rows)
    tasks = [_Range(folder, prints.folder, i, some, len(rows), CROWD) for i, some in enumerate(prints.ranges(at_once))]
    for _ in hands.each(_narrow, tasks):
        pass
    (folder / "active.npy").unlink()
    return Runs(folder)


def _narrow(task: _Range) -> None:
    Runs(task.folder).put(task.number, *_those(task))


def _starts(values: Keys) -> Numbers:
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if len(values) else np.empty(0, np.int64)


def _tally(owners: Owners, rows: int) -> npt.NDArray[np.uint16]:
    return np.bincount(owners, minlength=rows).astype(np.uint16)

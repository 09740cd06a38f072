"""Near duplicates among rows on disk: the pairs, in crowds too, and which rows go.

    found = near_pairs(desk, floor=0.5, hands=hands)
    gone = stars_of(desk.order(...), found.pairs, threshold=0.7)

The steps are those of `duplicates.near`, in their order and with their rounds; only where things lie differs. Pairs that
were confirmed are held in memory, some twenty bytes each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.duplicates import near
from curate.hands import Hands
from curate.progress import Progress
from curate.streaming import votes
from curate.streaming.confirming import Pairs, Reading, confirmed
from curate.streaming.runs import Runs

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Desk:
    """What the search for near duplicates works on."""

    folder: Path
    reading: Reading
    cut: Mask  # figures of the keeping order, as `stars.best_first` has them
    letters: npt.NDArray[np.uint32]
    records_at_once: int
    progress: Progress

    @property
    def rows(self) -> int:
        """How many rows there are, removed ones included."""
        return len(self.cut)

    def best_first(self, rows: Numbers) -> Numbers:
        """These rows (ascending) in keeping order: `stars.best_first`, from the figures."""
        ids = self.reading.ids.apply(self.reading.store.names(rows), rows)
        frame = pl.DataFrame(
            {"row": rows, "cut": self.cut[rows], "short": -self.letters[rows].astype(np.int64), "id": ids},
            schema_overrides={"id": pl.String},
        )
        return frame.sort("cut", "short", "id")["row"].to_numpy()


@dataclass(frozen=True)
class NearPairs:
    """All confirmed pairs, and what it took to find them."""

    pairs: Pairs
    variants: int
    compared: int
    crowded: int
    beyond: int  # as in `near.NearPairs`


class _Search:
    """Proposes, confirms, and remembers what was compared before."""

    def __init__(self, desk: Desk, floor: float, hands: Hands) -> None:
        self.desk, self.floor, self.hands = desk, floor, hands
        self.pairs = Pairs.joined([])
        self.variants = self.compared = 0
        self.rounds: list[Runs] = []

    def compare(self, codes: Iterator[Numbers]) -> None:
        """Confirm the pairs that are new; duplicates join the others."""
        desk, found, done = self.desk, [self.pairs], 0
        fresh = self._fresh(codes)
        step = f"near: pairs, round {len(self.rounds)}"
        ranges = fresh.ranges(desk.records_at_once)
        some = (np.sort(fresh.get(low, high)[0]).astype(np.int64) for low, high in ranges)
        for pairs, variants, read in confirmed(desk.reading, some, self.floor, self.hands):
            found.append(pairs)
            self.variants += variants
            done += read
            desk.progress(step, done, fresh.records)
        self.pairs = Pairs.joined(found)
        self.compared += done

    def _fresh(self, codes: Iterator[Numbers]) -> Runs:
        """The pairs that no round before this one had."""
        fresh = Runs(self.desk.folder / f"compared-{len(self.rounds)}", owned=False)
        for number, some in enumerate(codes):
            low, high = (int(some[0]), int(some[-1]) + 1) if len(some) else (0, 0)
            known = [before.get(low, high)[0].astype(np.int64) for before in self.rounds]
            fresh.put(number, np.setdiff1d(some, np.concatenate([np.empty(0, np.int64), *known])).astype(np.uint64))
        self.rounds.append(fresh)
        return fresh


def near_pairs(desk: Desk, among: Mask, floor: float, hands: Hands) -> NearPairs:
    """What `near.near_pairs` finds in these rows."""
    prints, search = Runs(desk.folder / "prints"), _Search(desk, floor, hands)
    if among.sum() <= near.EXHAUSTIVE:
        every = near.all_pairs(np.flatnonzero(among))
        search.compare(iter([every[:, 0] * desk.rows + every[:, 1]]))
        return NearPairs(search.pairs, search.variants, search.compared, 0, 0)
    codes, held = votes.propose(desk.folder, prints, among, desk.records_at_once, hands)
    search.compare(codes)
    crowded, beyond = held.crowded, 0
    if crowded.any():
        crowd = votes.only(prints, crowded, desk.folder / "crowd", desk.records_at_once, hands)
        prints.drop()
        beyond = _among_the_crowded(search, crowd, crowded)
        crowd.drop()
    return NearPairs(search.pairs, search.variants, search.compared, int(crowded.sum()), beyond)


def _among_the_crowded(search: _Search, crowd: Runs, crowded: Mask) -> int:
    """`near.among_crowds`, on disk."""
    desk = search.desk
    order = desk.best_first(np.flatnonzero(crowded))
    rank = np.zeros(desk.rows, np.int64)
    rank[order] = np.arange(len(order))

    def compare(active: Mask) -> Mask:
        # What is read several times a round is made small first: most rows were set aside already.
        some = votes.only(crowd, active, desk.folder / "active", desk.records_at_once, search.hands)
        codes, held = votes.propose(desk.folder, some, active, desk.records_at_once, search.hands, crowds=True)
        search.compare(_both(desk, codes, votes.beside_the_best(desk.folder, some, held, rank, desk.records_at_once)))
        some.drop()
        return held.crowded

    def goes(level: float) -> Numbers:
        return _within(search.pairs, crowded, rank, level)

    return near.among_crowds(crowded, compare, goes, search.floor)


def _within(pairs: Pairs, rows: Mask, rank: Numbers, level: float) -> Numbers:
    some = pairs.where((pairs.score >= level) & rows[pairs.one] & rows[pairs.other])
    return stars_of(rank, some).rows


def _both(desk: Desk, *kinds: Iterator[Numbers]) -> Iterator[Numbers]:
    """Several kinds of proposals, each pair once."""
    both = Runs(desk.folder / "both", owned=False)
    number = 0
    for kind in kinds:
        for some in kind:
            both.put(number, some.astype(np.uint64))
            number += 1
    for low, high in both.ranges(desk.records_at_once):
        yield np.unique(both.get(low, high)[0]).astype(np.int64)
    both.drop()


@dataclass(frozen=True)
class Gone:
    """Rows that go (ascending), the kept row beside each, and which pair it was."""

    rows: Numbers
    twins: Numbers
    pair: Numbers


def stars_of(rank: Numbers, pairs: Pairs) -> Gone:
    """`stars.stars` on arrays: rows are walked best first, and a row that is kept claims all beside it."""
    ends = np.concatenate([pairs.one, pairs.other])
    others = np.concatenate([pairs.other, pairs.one])
    rows, at = np.unique(ends, return_inverse=True)
    walk = np.argsort(rank[rows])
    order = np.argsort(at, kind="stable")
    beside = np.searchsorted(rows, others)[order].tolist()
    which = (order % max(len(pairs.one), 1)).tolist()
    starts = np.searchsorted(at[order], np.arange(len(rows) + 1)).tolist()
    keeper, by = [-1] * len(rows), [-1] * len(rows)
    for row in walk.tolist():
        if keeper[row] >= 0:
            continue
        for place in range(starts[row], starts[row + 1]):
            other = beside[place]
            if keeper[other] < 0:
                keeper[other], by[other] = row, which[place]
    twins, chosen = np.array(keeper, np.int64), np.array(by, np.int64)
    gone = np.flatnonzero(twins >= 0)
    return Gone(rows[gone], rows[twins[gone]], chosen[gone])

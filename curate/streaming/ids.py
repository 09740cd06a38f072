"""Distinct row ids over all rows, without holding the names: what `chats.distinct_ids` gives, from hashes.

    named = Ids.of(store, hashes)
    named.changed                                        # rows whose name was seen before
    named.apply(names, rows)                             # "lamp" -> "lamp-2" where it is the second

Only names that occur twice are read again, and only for them is anything kept. A name that the files themselves use is
stepped over; hashes say where that may be, the names decide.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.streaming.batches import name_hashes
from curate.streaming.stored import Stored

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Ids:
    """Rows (ascending) whose name was seen before, and the number that each got."""

    changed: Numbers
    numbers: Numbers

    @staticmethod
    def of(store: Stored, hashes: Hashes) -> "Ids":
        """From the hash of each row's name, in file order."""
        order = np.argsort(hashes, kind="stable")
        ranked = hashes[order]
        same = np.zeros(len(ranked), bool)
        same[1:] = ranked[1:] == ranked[:-1]
        same[:-1] |= same[1:]
        rows = np.sort(order[same])
        names = pl.Series("name", store.names(rows), dtype=pl.String)
        frame = pl.DataFrame({"row": rows, "name": names}).with_columns(
            number=pl.col("name").cum_count().over("name").cast(pl.Int64)
        )
        later = frame.filter(pl.col("number") > 1)
        later = later.with_columns(fresh=pl.concat_str("name", pl.lit("-"), pl.col("number").cast(pl.String)))
        used = _used(store, later["fresh"], ranked, order)
        touched = set(later["name"].filter(used).to_list())
        numbers = later["number"].to_numpy().copy()
        if touched:
            _step_over(numbers, later["name"].to_list(), touched, store, ranked, order)
        return Ids(later["row"].to_numpy(), numbers)

    def among(self, low: int, high: int) -> "Ids":
        """What there is to know of the rows from `low` up to `high`."""
        here = slice(*np.searchsorted(self.changed, [low, high]).tolist())
        return Ids(self.changed[here], self.numbers[here])

    def apply(self, names: Iterable[str], rows: Numbers) -> list[str]:
        """The ids of these rows, from their names."""
        if not len(self.changed):
            return list(names)
        at = np.searchsorted(self.changed, rows).clip(max=len(self.changed) - 1)
        here = np.where(self.changed[at] == rows, self.numbers[at], 0).tolist()
        return [f"{name}-{number}" if number else name for name, number in zip(names, here, strict=True)]


def _used(store: Stored, names: pl.Series, ranked: Hashes, order: Numbers) -> pl.Series:
    """Which of these names some row has."""
    hashes = name_hashes(names)
    begins, ends = np.searchsorted(ranked, hashes), np.searchsorted(ranked, hashes, side="right")
    found = np.zeros(len(names), bool)
    for i in np.flatnonzero(ends > begins).tolist():
        rows = np.sort(order[begins[i] : ends[i]])
        # One row is enough but where two names have one hash.
        found[i] = names[i] in store.names(rows[:1]) or names[i] in store.names(rows)
    return pl.Series(found)


def _step_over(
    numbers: Numbers, names: Sequence[str], touched: set[str], store: Stored, ranked: Hashes, order: Numbers
) -> None:
    """Number again, in file order, the repeats of names whose numbered form is in use."""
    counts = dict.fromkeys(touched, 1)
    for i, name in enumerate(names):
        if name in touched:
            counts[name] += 1
            while _used(store, pl.Series([f"{name}-{counts[name]}"]), ranked, order)[0]:
                counts[name] += 1
            numbers[i] = counts[name]

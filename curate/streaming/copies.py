"""Exact duplicates among rows on disk: hashes bring them together, `dedup.exact` decides on the texts.

    twins = copies(store, ids, hashes, rows_at_once=200_000, hands=hands, folder=folder)
    twins.rows, twins.twins       # removed row -> the row that was kept

Rows that share a hash with no other row cannot be removed and are not read again. The others are laid out by hash, so
that all rows that may be equal are met in one place, and are few enough to be compared in memory.
"""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import dedup
from curate.hands import Hands
from curate.streaming.ids import Ids
from curate.streaming.stored import Stored

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Copies:
    """Removed rows (ascending), and the kept row beside each."""

    rows: Numbers
    twins: Numbers


def copies(store: Stored, ids: Ids, hashes: Hashes, *, rows_at_once: int, hands: Hands, folder: Path) -> Copies:
    """What `dedup.exact` removes from all rows together."""
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    same = np.zeros(len(ranked), bool)
    same[1:] = ranked[1:] == ranked[:-1]
    same[:-1] |= same[1:]
    part_of = np.full(len(hashes), -1, np.int32)
    part_of[order[same]] = _parts(ranked[same], rows_at_once)
    parts = int(part_of.max(initial=-1)) + 1
    folder.mkdir()
    layouts = (
        _Layout(store, ids.among(low, high), folder, number, part_of[low:high])
        for number, (low, high) in enumerate(itertools.pairwise(store.starts.tolist()))
    )
    for _ in hands.each(_lay_out, layouts):
        pass
    rows, twins = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for gone, twin in hands.each(_compare, ((folder, part, rows_at_once) for part in range(parts))):
        rows.append(gone)
        twins.append(twin)
    removed = np.concatenate(rows)
    ascending = np.argsort(removed)
    return Copies(removed[ascending], np.concatenate(twins)[ascending])


def _parts(ranked: Hashes, rows_at_once: int) -> Numbers:
    """A part for each row, by hash: whole groups, about so many rows each, ascending from 0."""
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])) if len(ranked) else np.empty(0, int)
    wanted = starts // rows_at_once
    numbers = np.unique(wanted, return_inverse=True)[1]
    return np.repeat(numbers, np.diff(np.append(starts, len(ranked))))


@dataclass(frozen=True)
class _Layout:
    """One batch, and the part of each of its rows (-1: none)."""

    store: Stored
    ids: Ids
    folder: Path
    number: int
    part_of: npt.NDArray[np.int32]


def _lay_out(layout: _Layout) -> None:
    """Write the rows of one batch that may have copies into the parts where these will be met."""
    if not (layout.part_of >= 0).any():
        return
    rows = np.arange(len(layout.part_of)) + layout.store.starts[layout.number]
    frame = layout.store.frame(layout.number)
    ids = layout.ids.apply(frame["id"], rows)
    frame = frame.with_columns(id=pl.Series(ids, dtype=pl.String), extra=pl.lit("{}"), row=rows, part=layout.part_of)
    for (part,), some in frame.filter(pl.col("part") >= 0).group_by("part"):
        buffer = io.BytesIO()
        some.drop("part").sort("row").write_ipc(buffer, compression="lz4")
        (layout.folder / f"{part:07}-{layout.number:07}.arrow").write_bytes(buffer.getvalue())


def _compare(task: tuple[Path, int, int]) -> tuple[Numbers, Numbers]:
    """Removed and kept rows of one part. Where one text fills it many times over, keepers go on to meet the next rows."""
    folder, part, rows_at_once = task
    kept = pl.DataFrame()
    twin_of: dict[int, int] = {}
    for frame in _in_pieces(folder, part, rows_at_once):
        together = pl.concat([kept, frame]) if kept.height else frame
        row_of = dict(zip(together["id"].to_list(), together["row"].to_list(), strict=True))
        done = dedup.exact(together)
        twin_of.update((row_of[row], row_of[twin]) for row, twin in done.ledger.select("row_id", "twin").iter_rows())
        kept = done.kept
    rows = np.fromiter(twin_of, np.int64, len(twin_of))
    twins = np.fromiter((_last(row, twin_of) for row in twin_of), np.int64, len(twin_of))
    return rows, twins


def _in_pieces(folder: Path, part: int, rows_at_once: int) -> Iterator[pl.DataFrame]:
    held: list[pl.DataFrame] = []
    for path in sorted(folder.glob(f"{part:07}-*.arrow")):
        held.append(pl.read_ipc(io.BytesIO(path.read_bytes())))
        path.unlink()
        if sum(frame.height for frame in held) >= 2 * rows_at_once:
            yield pl.concat(held)
            held.clear()
    if held:
        yield pl.concat(held)


def _last(row: int, twin_of: dict[int, int]) -> int:
    """The row that was kept in the end."""
    while row in twin_of:
        row = twin_of[row]
    return row

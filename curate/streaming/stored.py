"""Rows on disk: each batch as it was read, and the texts of any row without reading the others.

    store = Stored(folder)
    store.put(0, frame)                       # a batch of rows, by its number
    store.frame(0)                            # the same frame
    store.texts(np.array([3, 70_001]))        # names and sides of these rows, wherever they lie

Two forms, because they are read in two ways: whole batches in order (what is written at the end), and single rows from
anywhere (what is compared).
"""

import io
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.duplicates import said

Numbers = npt.NDArray[np.int64]

PARTS = 6  # of a row: its name, and its sides


@dataclass(frozen=True)
class Texts:
    """Names as they were read, and sides, one for each of the rows asked for."""

    names: list[str]
    sides: said.Sides


@dataclass(frozen=True)
class Stored:
    """A folder of batches. `starts` (rows before each batch, and all rows at the end) is known once all are written."""

    folder: Path
    starts: Numbers

    @staticmethod
    def put(folder: Path, number: int, frame: pl.DataFrame, sides: said.Sides) -> Numbers:
        """Write a batch; the length in bytes of each row's texts."""
        buffer = io.BytesIO()
        frame.write_ipc(buffer, compression="lz4")
        _path(folder, number, "arrow").write_bytes(buffer.getvalue())
        fields = (frame["id"].to_list(), sides.queries, sides.answers, sides.systems, sides.tools, sides.fields)
        plain = [text.encode() for row in zip(*fields, strict=True) for text in row]
        ends = np.cumsum(np.fromiter(map(len, plain), np.int64, len(plain)))
        _path(folder, number, "texts").write_bytes(b"".join(plain))
        ends.tofile(_path(folder, number, "ends"))
        return np.diff(ends[PARTS - 1 :: PARTS], prepend=0)

    @property
    def batches(self) -> int:
        """How many batches there are."""
        return len(self.starts) - 1

    def frame(self, number: int) -> pl.DataFrame:
        """A batch as it was read."""
        return pl.read_ipc(io.BytesIO(_path(self.folder, number, "arrow").read_bytes()))

    def texts(self, rows: Numbers) -> Texts:
        """Names and sides of these rows (ascending)."""
        found = [text.decode() for places, data, ends in self._found(rows) for text in _cut(places, data, ends, PARTS)]
        name, *sides = (found[part::PARTS] for part in range(PARTS))
        return Texts(name, said.Sides(*sides))

    def names(self, rows: Numbers) -> list[str]:
        """Names of these rows (ascending), as they were read."""
        return [text.decode() for places, data, ends in self._found(rows) for text in _cut(places, data, ends, 1)]

    def _found(self, rows: Numbers) -> Iterator[tuple[Numbers, Sequence[bytes], Numbers]]:
        """For each batch with some of the rows: their places in it, its bytes, and where its texts end."""
        cuts = np.searchsorted(rows, self.starts)
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            places = rows[cuts[number] : cuts[number + 1]] - self.starts[number]
            ends = np.memmap(_path(self.folder, number, "ends"), np.int64, "r")
            path = _path(self.folder, number, "texts")
            if not path.stat().st_size:  # nothing to map: all texts are empty
                yield places, b"", ends  # type: ignore[misc]
                continue
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield places, data, ends  # type: ignore[misc]


def _cut(places: Numbers, data: Sequence[bytes], ends: Numbers, parts: int) -> Iterator[bytes]:
    at = (places[:, None] * PARTS + np.arange(parts)).ravel()
    begins = np.where(at > 0, ends[np.maximum(at - 1, 0)], 0)
    for begin, end in zip(begins.tolist(), ends[at].tolist(), strict=True):
        yield data[begin:end]  # type: ignore[misc]


def _path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{number:07}.{kind}"

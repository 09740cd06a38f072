"""Training files read as a stream: batches of rows out, bad rows into a file, nothing held but one batch.

    with Quarantine(folder / "quarantine.jsonl") as bad:
        seen = stream(["big.jsonl.gz"], take, bad)      # calls take(frame) for every batch
    seen.inputs, seen.notes

The reader is that of `curate.files`: the same files, forms, reasons and sentences. The form is told row by row, so no
sample of a file has to decide for the rest. JSON Lines, JSON lists, CSV and Parquet are read piece by piece, packed or
not; Parquet inside gzip or zstd and a JSON object that holds the rows in one of its keys are unpacked as a whole.
Row ids are the source's own, or hashes of the content, and may repeat: who has seen all rows makes them distinct.
"""

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, SupportsIndex

import polars as pl

from curate.errors import BadInput
from curate.files import NAMES_FOUND, Gathered, Input
from curate.formats import FORMS
from curate.layouts.containers import Unusable
from curate.layouts.jsonvalues import json_text
from curate.layouts.paths import Paths, files_of, shown

Refusal = tuple[str, str, str]  # source, reason, raw text


@dataclass(frozen=True)
class Seen:
    """What was read, and what was guessed or odd, one sentence each."""

    inputs: tuple[Input, ...]
    notes: tuple[str, ...]


class Quarantine(list[Refusal]):
    """The reader's list of bad rows, kept on disk as JSON Lines that only the owner may read."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._starts = array("q")
        self._file: BinaryIO

    def __enter__(self) -> "Quarantine":
        self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()

    def append(self, refusal: Refusal) -> None:
        """Write one line."""
        self._starts.append(self._file.tell())
        row = dict(zip(("source", "reason", "raw"), refusal, strict=True))
        self._file.write(json_text(row).encode() + b"\n")

    def __len__(self) -> int:
        return len(self._starts)

    def __delitem__(self, place: SupportsIndex | slice) -> None:
        # The reader forgets the rows of a file without a usable one: always the last ones.
        if not isinstance(place, slice) or place.start is None or place.stop is not None:
            raise TypeError("only the last of the bad rows can be forgotten")
        if place.start < len(self._starts):
            self._file.seek(self._starts[place.start])
            self._file.truncate()
            del self._starts[place.start :]


class _Handing(Gathered):
    """Rows in the making that are handed on as soon as they are a frame."""

    take: Callable[[pl.DataFrame], None]

    def _flush(self) -> None:
        super()._flush()
        for frame in self.frames:
            self.take(frame)
        self.frames.clear()


def stream(
    paths: Paths,
    take: Callable[[pl.DataFrame], None],
    bad: Quarantine,
    *,
    format: str = "auto",
    on_error: str = "quarantine",
) -> Seen:
    """Hand the rows of the files to `take`, some thousands at a time, in order. Raises BadInput as `files.read` does."""
    if format not in ("auto", *FORMS):
        raise BadInput(f"the format {format!r} is not known", hint=f"one of auto, {', '.join(FORMS)}")
    if on_error not in ("quarantine", "stop"):
        raise BadInput(f"on_error is {on_error!r}", hint="quarantine or stop")
    rows = _Handing(None if format == "auto" else format, stop=on_error == "stop", bad=bad)
    rows.take = take
    for path, asked_for in files_of(paths, rows.notes):
        try:
            rows.add(path)
        except Unusable as error:
            if asked_for:
                raise
            rows.notes.append(f"{path}: passed over, it {NAMES_FOUND.sub('', error.what)}")
    rows._flush()
    if not rows.inputs:
        raise BadInput("holds no file with usable rows", where=shown(paths))
    return Seen(tuple(rows.inputs), tuple(rows.notes))

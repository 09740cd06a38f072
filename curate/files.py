"""Training and eval files in, chat frames out; chat frames in, files out.

    read = read("chats.jsonl")                   # or a folder, a glob, several of them
    read.chats, read.quarantined                 # kept + quarantined = the rows of the files
    print(read)                                  # what was read, what was guessed and why
    write(read.chats, "train.jsonl")

JSON Lines, JSON, CSV, TSV and Parquet, plain or packed with gzip or zstd. A row that cannot be used goes to the
quarantine with a reason; a file that cannot be used is an error. Nothing is dropped without being counted.
"""

import contextlib
import gc
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curate.chats import SCHEMA, distinct_ids, row_fingerprint
from curate.counted import counted
from curate.errors import BadInput
from curate.evalfiles import NEEDED as NEEDED_IN_EVAL
from curate.evalfiles import to_case
from curate.formats import FORMS, NEEDED, BadRow, Guess, Shape, conclude, to_chat
from curate.layouts.again import find_again, find_all
from curate.layouts.containers import Unusable, look
from curate.layouts.jsonvalues import Turns
from curate.layouts.paths import Paths, files_of, shown
from curate.layouts.plain import plain_chat
from curate.layouts.records import Record, readable, records
from curate.layouts.written import write, write_quarantine
from curate.save import replacing, said, sha256, write_bytes, write_text
from curate.uncollected import uncollected

__all__ = ["Input", "Read", "find_again", "find_all", "read", "read_eval", "replacing", "said", "sha256", "write"]
__all__ += ["write_bytes", "write_quarantine", "write_text"]

QUARANTINE = pl.Schema({"source": pl.String, "reason": pl.String, "raw": pl.String})
ROWS_AT_ONCE = 10_000
NAMES_FOUND = re.compile(r"; (found|the first is|its columns are) .*", re.DOTALL)


@dataclass(frozen=True)
class Input:
    """One file that was read: its fingerprint, its size, its rows (kept and quarantined), its form."""

    path: str
    sha256: str
    bytes: int
    rows: int
    form: str


@dataclass(frozen=True)
class Read:
    """What came out of the files. `notes` are the things that were guessed or odd, one sentence each."""

    chats: pl.DataFrame
    quarantined: pl.DataFrame
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]

    def __str__(self) -> str:
        files = f"{len(self.inputs)} files" if len(self.inputs) != 1 else self.inputs[0].path
        counts = f"{files}: {counted(self.chats.height, 'row')} read, {self.quarantined.height:,} quarantined"
        return "\n".join([counts, *(f"  {note}" for note in self.notes)])


@uncollected()
def read(paths: Paths, *, format: str = "auto", on_error: str = "quarantine", eval_file: bool = False) -> Read:
    """Read files, folders and globs into one chat frame.

    `format` is "auto" or one of messages, sharegpt, alpaca, prompt-completion. `on_error` is "quarantine" (a bad row is
    put aside with its reason) or "stop" (the first one raises). Raises BadInput for a path that is not there and for a
    file without a usable row.
    """
    if format not in ("auto", *FORMS):
        raise BadInput(f"the format {format!r} is not known", hint=f"one of auto, {', '.join(FORMS)}")
    if on_error not in ("quarantine", "stop"):
        raise BadInput(f"on_error is {on_error!r}", hint="quarantine or stop")
    if eval_file:
        return read_eval(paths)
    gathered = Gathered(None if format == "auto" else format, stop=on_error == "stop")
    for path, asked_for in files_of(paths, gathered.notes):
        try:
            with _no_search_for_cycles():
                gathered.add(path)
        except Unusable as error:
            if asked_for:
                raise
            gathered.notes.append(f"{path}: passed over, it {_fault(error.what)}")
    return gathered.read(paths)


@contextlib.contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Rows hold none, and Python would look through thousands of them again and again: a tenth of the reading time."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


def read_eval(paths: Paths) -> Read:
    """Read eval files: queries, with answers where there are some. The first item that cannot be read raises BadInput."""
    gathered = Gathered(None, stop=True, cases=True)
    for path, _ in files_of(paths, gathered.notes):
        gathered.add(path)
    return gathered.read(paths)


@dataclass
class Gathered:
    """Rows in the making: a few thousand as Python objects, the others already in frames."""

    form: str | None
    stop: bool
    cases: bool = False
    rows: list[tuple[str | None, list[dict[str, str | None]], str, str]] = field(default_factory=list)
    frames: list[pl.DataFrame] = field(default_factory=list)
    bad: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)

    def add(self, path: str) -> None:
        """Read one file. A file of which no row is usable raises and leaves nothing behind."""
        before, container = _state(path), look(path)
        kept, not_text, found = 0, 0, dict[str, None]()
        shapes = Counter[Shape | None]()
        bad_before, reasons = len(self.bad), Counter[str]()
        for record in records(container):
            try:
                row = self._row(record)
            except BadRow as error:
                self._refuse(f"{path}:{record.number}", str(error), record)
                reasons[str(error)] += 1
                shapes[None] += 1
                if isinstance(record.value, Mapping):
                    found |= dict.fromkeys(str(key)[:40] for key in record.value)
                continue
            kept += 1
            not_text += row["not_text"]
            shapes[row.get("shape")] += 1
            self.rows.append((row["id"], row["turns"], f"{path}:{record.number}", row["extra"]))
            if len(self.rows) >= ROWS_AT_ONCE:
                self._flush()
        if not kept:
            del self.bad[bad_before:]
            raise _no_usable_row(path, found, reasons, self.cases)
        guess = conclude(shapes) if not self.cases else Guess("eval", (), counted(kept, "eval item"))
        refused = len(self.bad) - bad_before
        digest = sha256(path)
        if _state(path) != before:
            raise BadInput("was changed while it was read", where=path)
        self.inputs.append(Input(path, digest, before[0], kept + refused, guess.form or "eval"))
        self.notes += container.notes
        self.notes.append(f"{path}: {guess.why}")
        if refused:
            faults = Counter(_fault(reason) for reason in reasons.elements())
            most, times = faults.most_common(1)[0]
            often = f"most often, {times:,}: " if len(faults) > 1 else ""
            self.notes.append(
                f"{path}: {refused:,} of {counted(kept + refused, 'row')} quarantined ({often}{readable(most)})"
            )
        if not_text:
            self.notes.append(
                f"{path}: {counted(not_text, 'part is', 'parts are')} not text (images and the like): kept, but not compared"
            )

    def _row(self, record: Record) -> dict[str, Any]:
        if record.reason is not None:
            raise BadRow(record.reason)
        if self.cases:
            return to_case(record.value)
        plain = plain_chat(record.value) if self.form in (None, "messages") else None
        return plain or to_chat(record.value, self.form)

    def _refuse(self, source: str, reason: str, record: Record) -> None:
        if self.stop:
            raise BadInput(readable(reason), where=source)
        self.bad.append((source, readable(reason), record.text()))

    def _flush(self) -> None:
        if self.rows:
            ids, turns, sources, extras = zip(*self.rows, strict=True)
            named = [name or row_fingerprint(said)[:16] for name, said in zip(ids, turns, strict=True)]
            frame = {"id": named, "turns": _turns_column(turns), "source": sources, "extra": extras}
            self.frames.append(pl.DataFrame(frame, schema=SCHEMA))
            self.rows = []

    def read(self, paths: Paths) -> Read:
        """Everything that was added, under distinct ids."""
        self._flush()
        if not self.inputs:
            raise BadInput("holds no file with usable rows", where=shown(paths))
        chats = pl.concat(self.frames, rechunk=True)
        ids = distinct_ids(chats["id"].to_list())
        if repeats := int((chats["id"] != pl.Series(ids)).sum()):
            self.notes.append(
                f"{counted(repeats, 'row has', 'rows have')} an id (or text, where there is no id) seen before; renamed with -2, -3, ..."
            )
        chats = chats.with_columns(pl.Series("id", ids, dtype=pl.String))
        quarantined = pl.DataFrame(self.bad, schema=QUARANTINE, orient="row")
        return Read(chats, quarantined, tuple(self.notes), tuple(self.inputs))


def _turns_column(rows: Sequence[Turns]) -> pl.Series:
    # Several times faster than handing polars lists of dicts. A row without turns would vanish; readers let none in.
    numbers = [number for number, turns in enumerate(rows) for _ in turns]
    flat = {key: [turn[key] for turns in rows for turn in turns] for key in ("role", "content", "fields")}
    schema = {"row": pl.Int64, "role": pl.String, "content": pl.String, "fields": pl.String}
    frame = pl.DataFrame({"row": numbers, **flat}, schema=schema)
    struct = pl.struct("role", "content", "fields").alias("turns")
    return frame.group_by("row", maintain_order=True).agg(struct)["turns"]


def _fault(reason: str) -> str:
    """A reason without the names of fields: notes go to the manifest, and a table without a header names persons there."""
    return NAMES_FOUND.sub("", reason)


def _state(path: str) -> tuple[int, int]:
    try:
        found = Path(path).stat()
    except OSError as error:
        raise BadInput(f"cannot be read: {said(error)}", where=path) from error
    return found.st_size, found.st_mtime_ns


def _no_usable_row(path: str, found: Mapping[str, None], reasons: Counter[str], cases: bool) -> Unusable:
    if not reasons:
        return Unusable("holds no rows", where=path, hint="a file with rows in it: JSONL, JSON, CSV or Parquet")
    most, times = reasons.most_common(1)[0]
    many = f" (so {times:,} of {counted(reasons.total(), 'row')})" if times > 1 else ""
    columns = (
        f"; its columns are {readable(', '.join(list(found)[:12]))}" if found and "found the field" not in most else ""
    )
    needed = f"rows with {NEEDED_IN_EVAL if cases else NEEDED}"
    return Unusable(f"holds no usable row: {readable(most)}{many}{columns}", where=path, hint=needed)

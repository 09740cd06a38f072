"""An iteration on disk: one turn of the loop. `data/` holds what curation wrote; the manifest is written last.

    it = iteration.open(Path("iterations/001"))
    it.manifest["counts"]       # rows read, kept, removed, quarantined, edited
    it.ledger()                 # every removal and edit, with its reason

A folder without a manifest never happened: the next run starts it over.
"""

import contextlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from curate import certificate, files
from curate.counted import counted
from curate.errors import BadInput, Surroundings
from curate.outcome import LEDGER
from curate.signature import PublicKey

WRITTEN = ("train.jsonl", "quarantine.jsonl", "ledger.parquet", "pairs.parquet", "certificate.json", "report.html")
UNFINISHED = ".unfinished"  # lies in `data/` while a run writes there
# Two runs with the same values here write the same bytes.
REQUEST = ("winnow", "data", "eval", "format", "on_error", "recipe", "inputs", "eval_files", "models")


@dataclass(frozen=True)
class Iteration:
    """A finished iteration's data: where it lies and its manifest."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def data(self) -> Path:
        """The folder that holds the training file, the ledger and the certificate."""
        return self.path / "data"

    @property
    def train_file(self) -> Path:
        """The curated rows, in messages form."""
        return self.data / "train.jsonl"

    def chats(self) -> pl.DataFrame:
        """The curated rows as a chat frame."""
        return files.read([self.train_file], format="messages", on_error="stop").chats

    def ledger(self) -> pl.DataFrame:
        """Every removal and edit."""
        return pl.read_parquet(self.data / "ledger.parquet")

    def certificate(self, trusted: Sequence[PublicKey] = ()) -> certificate.Statement:
        """What is stated about overlap."""
        return certificate.read(self.data / "certificate.json", trusted)

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`: counts by step and reason, fingerprints, seconds, memory, paths."""
        keys = ("counts", "steps", "fingerprint", "outputs", "seconds", "peak_memory_mib", "notes")
        paths = {name: str(self.data / name) for name in (*WRITTEN, "manifest.json")}
        return {"iteration": str(self.path)} | {key: self.manifest[key] for key in keys} | {"paths": paths}

    def __str__(self) -> str:
        out = io.StringIO()
        Console(file=out, width=100, color_system=None).print(self)
        return out.getvalue().rstrip()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        counts = self.manifest["counts"]
        yield Text.assemble(
            (str(self.path), "bold"),
            f": {counted(counts['rows_read'], 'row')} read = {counts['kept']:,} kept "
            f"+ {counts['removed']:,} removed + {counts['quarantined']:,} in quarantine",
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name, side in (("step", "left"), ("rows in", "right"), ("removed", "right"), ("edited", "right")):
            table.add_column(name, justify="right" if side == "right" else "left")
        table.add_column("reasons")
        for step in self.manifest["steps"]:
            reasons = ", ".join(f"{rule} {n:,}" for rule, n in step["reasons"].items())
            if step["overridden"]:
                reasons = ", ".join(filter(None, [reasons, f"kept by the recipe {step['overridden']:,}"]))
            table.add_row(step["name"], *(f"{step[key]:,}" for key in ("rows_in", "removed", "edited")), reasons)
        yield table


def open(path: Path) -> Iteration:
    """Open a finished iteration; BadInput says what is there instead."""
    place = path / "data" / "manifest.json"
    if not path.exists():
        raise BadInput("there is no such iteration", where=str(path), hint=f"winnow curate DATA --eval FILE -o {path}")
    if path.is_file():
        raise BadInput(
            "is a file, not an iteration", where=str(path), hint="the folder that winnow curate wrote with -o"
        )
    if not place.exists():
        what = "curation was not finished here" if (path / "data").exists() else "this folder is no iteration"
        raise BadInput(what, where=str(path), hint=f"winnow curate DATA --eval FILE -o {path}")
    try:
        manifest = json.loads(place.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or not {*REQUEST, "outputs", "counts", "steps"} <= manifest.keys():
            raise ValueError
        return Iteration(path, manifest)
    except (ValueError, RecursionError):
        raise BadInput("the manifest is damaged", where=str(place), hint="delete the folder and curate again") from None


def already(out: Path, request: Mapping[str, Any]) -> Iteration | None:
    """The iteration at `out` if it is this very run and its files are whole; BadInput if it is another run."""
    if not held(out):
        return None
    found = open(out)
    plain = json.loads(json.dumps(request))
    changed = [key for key in (*REQUEST, "surrogates") if found.manifest.get(key) != plain.get(key)]
    if not changed:
        damaged = [name for name, digest in found.manifest["outputs"].items() if _digest(found.data / name) != digest]
        if not damaged:
            return found
        what = f"this iteration's files were changed after they were written: {', '.join(damaged)}"
    else:
        what = f"this iteration exists already and was made from something else (differs in: {', '.join(changed)})"
    raise BadInput(what, where=str(out), hint=f"another name after -o, or delete {out / 'data'}")


def held(out: Path) -> bool:
    """Whether `out` holds a finished iteration; BadInput or Surroundings where none is and none can be written."""
    if _is_file(out / "data" / "manifest.json"):
        return True
    _check_place(out)
    return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise BadInput(f"no iteration can be written here: {files.said(error)}", where=str(path)) from None


def _check_place(out: Path) -> None:
    """Before any work: can `out/data` be written, and is what lies there ours to replace?"""
    folder = out / "data"
    above = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not above.is_dir():
        raise BadInput("is a file, and an iteration is a folder", where=str(above), hint="another name after -o")
    if not os.access(above, os.W_OK | os.X_OK):
        raise Surroundings("nothing can be written here (read-only, or not permitted)", where=str(above))
    foreign = [name for name in (*WRITTEN, "manifest.json") if os.path.lexists(folder / name)]
    if foreign and not (folder / UNFINISHED).exists():
        what = f"{', '.join(foreign)} in it would be overwritten, and no unfinished run of Winnow left that there"
        raise BadInput(what, where=str(folder), hint="another name after -o")


def _digest(path: Path) -> str | None:
    return files.sha256(path) if path.exists() else None


def start(out: Path) -> Path:
    """The folder `out/data`, empty of what an interrupted run may have left, and marked as unfinished."""
    folder = out / "data"
    _check_place(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / UNFINISHED).touch()
        _clear(folder)
    except OSError as error:
        raise Surroundings(f"cannot be written: {files.said(error)}", where=str(folder)) from None
    return folder


def discard(out: Path) -> None:
    """Take away what a run wrote that could not be finished, so that a full disk is not left fuller."""
    folder = out / "data"
    with contextlib.suppress(OSError):
        _clear(folder)
        (folder / UNFINISHED).unlink(missing_ok=True)
        folder.rmdir()
        out.rmdir()


def _clear(folder: Path) -> None:
    for name in (*WRITTEN, "manifest.json"):
        (folder / name).unlink(missing_ok=True)
        for part in folder.glob(f".{name}.*.part"):  # of a process that was killed while it wrote
            part.unlink(missing_ok=True)


def finish(out: Path, manifest: Mapping[str, Any]) -> Iteration:
    """Write the manifest: from now on the iteration exists."""
    files.write_text(out / "data" / "manifest.json", json_text(manifest))
    (out / "data" / UNFINISHED).unlink(missing_ok=True)
    return open(out)


def write_ledger(ledger: pl.DataFrame, path: Path) -> None:
    """The ledger as Parquet, in one piece."""
    buffer = io.BytesIO()
    ledger.select(LEDGER.names()).write_parquet(buffer, compression="zstd", statistics=False)
    files.write_bytes(path, buffer.getvalue())


def json_text(value: Any) -> str:
    """JSON for people and machines: indented, sorted as given, Unicode as it is."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"

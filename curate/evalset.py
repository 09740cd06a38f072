"""The eval files that training rows are compared with: the user's own, and the cases that come with Winnow.

files = read_eval_files([Path("eval.jsonl")])
files[0].cases          # a chat frame; an item needs only its query
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from curate import files
from curate.errors import BadInput


@dataclass(frozen=True)
class EvalFile:
    """An eval file as read: its name, the SHA-256 of its bytes, its cases as a chat frame."""

    name: str
    sha256: str
    cases: pl.DataFrame


def read_eval_files(paths: Sequence[Path], shipped: Sequence[Path] = ()) -> list[EvalFile]:
    """Every eval file by itself, with the SHA-256 of its bytes. BadInput without any.

    `shipped` are the cases that come with Winnow: they are eval files too, and go by a name that holds on every machine.
    """
    if not paths:
        raise BadInput("no eval file was named", hint="winnow curate DATA --eval FILE -o ITERATION")
    return _each(paths) + [replace(file, name=shipped_name(Path(file.name))) for file in _each(shipped)]


def shipped_name(path: Path) -> str:
    """What certificates call a case file that comes with Winnow."""
    return f"winnow/{path.name}"


def _each(paths: Sequence[Path]) -> list[EvalFile]:
    found: list[EvalFile] = []
    # A file that was named twice is one file.
    for path in dict(zip((path.resolve() for path in paths), paths, strict=True)).values():
        read = files.read_eval([path])
        of = [pl.col("source").str.starts_with(f"{each.path}:") for each in read.inputs]
        found += [
            EvalFile(each.path, each.sha256, read.chats.filter(mine))
            for each, mine in zip(read.inputs, of, strict=True)
        ]
    return found

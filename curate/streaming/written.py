"""What is left and what went, written batch by batch: kept rows as `winnow curate` writes them, and the ledger.

    for lines, exact, near in written(...):     # bytes of kept.jsonl, and two frames of the ledger, for each batch

Rows come in the order of the files. The ledger has what the exact step removed first, then what the near step did, as the
ledger of an iteration has.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import chats as chat
from curate import outcome
from curate.duplicates.confirm import RULES
from curate.formats import from_chat
from curate.hands import Hands
from curate.layouts.jsonvalues import json_text
from curate.outcome import LEDGER, Reason
from curate.streaming.confirming import Pairs
from curate.streaming.copies import Copies
from curate.streaming.ids import Ids
from curate.streaming.nearby import Gone
from curate.streaming.stored import Stored

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Removed:
    """One step's removals: rows (ascending), their twins, scores and rules."""

    step: str
    threshold: float
    rows: Numbers
    twins: Numbers
    scores: npt.NDArray[np.float64]
    rules: tuple[str, ...]  # names
    rule: npt.NDArray[np.int8]  # places in `rules`

    @staticmethod
    def exact(copies: Copies) -> "Removed":
        """What the exact step removed."""
        n = len(copies.rows)
        same, only = np.ones(n), np.zeros(n, np.int8)
        return Removed("exact", 1.0, copies.rows, copies.twins, same, ("exact duplicate",), only)

    @staticmethod
    def near(gone: Gone, pairs: Pairs, threshold: float) -> "Removed":
        """What the near step removed."""
        return Removed(
            "near", threshold, gone.rows, gone.twins, pairs.score[gone.pair], RULES, pairs.rule[gone.pair]
        )  # fmt: skip

    def between(self, low: int, high: int) -> "Removed":
        """The removals of the rows from `low` up to `high`."""
        here = slice(*np.searchsorted(self.rows, [low, high]).tolist())
        parts = (self.rows[here], self.twins[here], self.scores[here])
        return Removed(self.step, self.threshold, *parts, self.rules, self.rule[here])

    def counts(self) -> dict[str, int]:
        """How many rows each rule removed."""
        times = np.bincount(self.rule, minlength=len(self.rules)).tolist()
        return {rule: n for rule, n in zip(self.rules, times, strict=True) if n}


@dataclass(frozen=True)
class _Task:
    store: Stored
    ids: Ids
    number: int
    steps: tuple[Removed, ...]


def written(
    store: Stored, ids: Ids, steps: tuple[Removed, ...], hands: Hands
) -> Iterator[tuple[bytes, list[pl.DataFrame]]]:
    """For each batch: the lines of its kept rows, and the ledger lines of each step."""
    yield from hands.each(_write, _tasks(store, ids, steps))


def _tasks(store: Stored, ids: Ids, steps: tuple[Removed, ...]) -> Iterator[_Task]:
    for number, (low, high) in enumerate(itertools.pairwise(store.starts.tolist())):
        here = tuple(step.between(low, high) for step in steps)
        named = np.concatenate([np.arange(low, high), *(step.twins for step in here)])
        changed = np.isin(ids.changed, named)
        yield _Task(store, Ids(ids.changed[changed], ids.numbers[changed]), number, here)


def _write(task: _Task) -> tuple[bytes, list[pl.DataFrame]]:
    start = int(task.store.starts[task.number])
    frame = task.store.frame(task.number)
    names = task.ids.apply(frame["id"], np.arange(start, start + frame.height))
    frame = frame.with_columns(id=pl.Series(names, dtype=pl.String))
    kept = np.ones(frame.height, bool)
    ledgers = []
    for step in task.steps:
        kept[step.rows - start] = False
        ledgers.append(_ledger(task, frame[step.rows - start], step))
    rows = frame.filter(pl.Series(kept)).iter_rows(named=True)
    return b"".join(json_text(from_chat(row, "messages")).encode() + b"\n" for row in rows), ledgers


def _ledger(task: _Task, gone: pl.DataFrame, step: Removed) -> pl.DataFrame:
    if not gone.height:
        return LEDGER.to_frame()
    twins, back = np.unique(step.twins, return_inverse=True)
    names = task.ids.apply(task.store.names(twins), twins)
    lines = zip(gone["id"], back.tolist(), step.scores.tolist(), step.rule.tolist(), strict=True)
    reasons = {
        row: Reason(step.rules[rule], score, step.threshold, twin=names[twin]) for row, twin, score, rule in lines
    }
    prints = [chat.row_fingerprint(turns) for turns in gone["turns"].to_list()]
    return outcome.lines(gone, step.step, "removed", reasons).with_columns(
        fingerprint=pl.Series(prints, dtype=pl.String)
    )

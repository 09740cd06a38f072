"""Exact and near duplicates of files that do not fit in memory: from disk to disk.

    done = dedup_files([Path("big.jsonl.gz")], Path("deduplicated"), threshold=0.7)
    print(done)         # 10,000,000 rows read = 8,020,113 kept + 1,979,887 removed + 0 in quarantine ...

The kept rows and the ledger are those of `dedup.exact` followed by `dedup.near` on all rows in memory; only where things
lie differs. Rows go to disk as they are read, with their fingerprints. What is counted is laid out on disk so that
each part fits in memory. A removal is decided on the texts of the two rows. In memory stay a few dozen bytes for each
row and some for each confirmed pair.
"""

import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate import certificate, iteration, outcome
from curate.counted import counted
from curate.duplicates.near import FLOOR
from curate.errors import BadInput, Refused
from curate.files import sha256
from curate.hands import Hands, usable
from curate.progress import Progress, silent
from curate.streaming.batches import Batch, Digest, Gathering, digest
from curate.streaming.confirming import Reading
from curate.streaming.copies import copies
from curate.streaming.ids import Ids
from curate.streaming.nearby import Desk, NearPairs, near_pairs, stars_of
from curate.streaming.place import place
from curate.streaming.reading import Quarantine, Seen, stream
from curate.streaming.stored import Stored
from curate.streaming.written import Removed, written

WRITTEN = ("kept.jsonl", "ledger.parquet", "quarantine.jsonl", "summary.json")
READING = "rows read"
NOT_CERTIFIED = "not certified: nothing was compared with an eval file, and personal data was not looked for"


@dataclass(frozen=True)
class Portions:
    """How much is in memory at a time. The result is the same for any."""

    rows: int = 50_000  # read, and written
    bytes: int = 64 * 2**20  # of rows read, and of texts compared
    copies: int = 100_000  # rows that may be exact duplicates
    records: int = 4_000_000  # fingerprints or votes that are counted
    pairs: int = 50_000  # compared


@dataclass(frozen=True)
class Deduplicated:
    """What was read, kept and removed, and where it lies."""

    out: Path
    summary: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`: the summary, and where the files are."""
        return {"out": str(self.out), **self.summary, "paths": {name: str(self.out / name) for name in WRITTEN}}

    def __str__(self) -> str:
        counts, near, rules = (self.summary[key] for key in ("counts", "near", "removed"))
        lines = [
            (
                f"{self.out}: {counted(counts['rows_read'], 'row')} read = {counts['kept']:,} kept + {counts['removed']:,} removed "
                f"+ {counts['quarantined']:,} in quarantine"
            ),
            *(f"  {rule:<18}{n:>12,}" for rule, n in rules.items()),
            (
                f"near: {counted(near['compared'], 'pair')} compared, {near['duplicates']:,} at {near['floor']:.2g} and above, "
                f"{counted(near['variants'], 'variant')} of a template; {counted(near['crowded'], 'row')} stood in a crowd"
                + (f", {near['beyond']:,} in one of which not all pairs were compared" if near["beyond"] else "")
            ),
            f"{self.summary['seconds']:,.0f} s, {self.summary['peak_memory_mib']:,} MiB of memory at most",
            NOT_CERTIFIED,
            f"next: {self.summary['next']}",
        ]
        return "\n".join(lines)


def dedup_files(
    data: Sequence[Path],
    out: Path,
    *,
    threshold: float = 0.7,
    format: str = "auto",
    on_error: str = "quarantine",
    seed: int = 0,
    processes: int | None = None,
    portions: Portions = Portions(),
    progress: Progress = silent,
) -> Deduplicated:
    """Remove exact and near duplicates, and write kept rows, ledger, quarantine and summary into `out`.

    `out` gets all files or none. Raises BadInput for data that cannot be used, for a threshold outside of (0, 1], and for
    a folder that holds results; Surroundings when the disk is full or a process is killed. `processes`: as many as the
    machine has cores, and at most a few.
    """
    if not 0 < threshold <= 1:
        raise BadInput(
            f"the threshold for near duplicates is {threshold:g}; it is more than 0, and 1 at most", hint="--near 0.7"
        )
    started = time.perf_counter()
    run = _Run(threshold, seed, portions, progress)
    with place(out, WRITTEN) as scratch:
        helpers = usable() if processes is None else processes
        with Hands(helpers) as hands:
            asked = run.read(data, scratch, hands, format, on_error)
            steps, near = run.search(hands)
            counts = run.write(steps, hands)
        outputs = {name: sha256(scratch / name) for name in WRITTEN[:-1]}
        summary = {
            "winnow": certificate.tool_version(),
            "data": [str(path) for path in data],
            "format": format,
            "on_error": on_error,
            "threshold": threshold,
            "seed": seed,
            "inputs": [vars(each) for each in asked.inputs],
            "counts": counts,
            "removed": {rule: n for step in steps for rule, n in step.counts().items()},
            "near": near,
            "outputs": outputs,
            "certified": False,
            "next": f"winnow curate {shlex.quote(str(out / WRITTEN[0]))} --eval EVAL -o iterations/001",
            "notes": list(asked.notes),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in ("polars", "numpy")}},
            "peak_memory_mib": _peak_memory_mib(helpers),
            "seconds": round(time.perf_counter() - started, 1),
        }
        (scratch / WRITTEN[-1]).write_text(iteration.json_text(summary), encoding="utf-8")
    return Deduplicated(out, summary)


class _Run:
    """One run: read, search, write."""

    def __init__(self, threshold: float, seed: int, portions: Portions, progress: Progress) -> None:
        self.threshold, self.seed, self.portions, self.progress = threshold, seed, portions, progress

    def read(self, data: Sequence[Path], scratch: Path, hands: Hands, format: str, on_error: str) -> Seen:
        """Rows to disk, with all that is worked out of one row alone."""
        self.folder, digests, starts = scratch, list[Digest](), [0]
        (scratch / "rows").mkdir()

        def take(found: Digest) -> None:
            digests.append(found)

        line = hands.line(digest, take)

        def give(frame: pl.DataFrame) -> None:
            line.put(Batch(scratch, len(starts) - 1, starts[-1], frame, self.seed))
            starts.append(starts[-1] + frame.height)
            self.progress(READING, starts[-1], 0)

        gathering = Gathering(self.portions.rows, self.portions.bytes, give)
        with Quarantine(scratch / "quarantine.jsonl") as bad:
            seen = stream(data, gathering.take, bad, format=format, on_error=on_error)
            self.quarantined = len(bad)
        gathering.flush()
        line.end()
        self.progress(READING, starts[-1], starts[-1])
        self.store = Stored(scratch / "rows", np.array(starts))
        self.exact, names, self.cut, self.letters, self.bytes = (
            np.concatenate([getattr(each, part) for each in digests])
            for part in ("exact", "names", "cut", "letters", "bytes")
        )
        self.ids = Ids.of(self.store, names)
        if repeats := len(self.ids.changed):
            repeated = f"{counted(repeats, 'row has', 'rows have')} an id (or text, where there is no id) seen before; renamed with -2, -3, ..."
            return Seen(seen.inputs, (*seen.notes, repeated))
        return seen

    def search(self, hands: Hands) -> tuple[tuple[Removed, ...], dict[str, Any]]:
        """Both steps, and what the near one counted."""
        found = copies(
            self.store,
            self.ids,
            self.exact,
            rows_at_once=self.portions.copies,
            hands=hands,
            folder=self.folder / "copies",
        )
        del self.exact
        among = np.ones(len(self.cut), bool)
        among[found.rows] = False
        reading = Reading(self.store, self.ids, self.bytes, self.portions.pairs, self.portions.bytes)
        desk = Desk(self.folder, reading, self.cut, self.letters, self.portions.records, self.progress)
        floor = min(FLOOR, self.threshold)
        near = near_pairs(desk, among, floor, hands)
        pairs = near.pairs.where(near.pairs.score >= self.threshold)
        order = desk.best_first(np.unique(np.concatenate([pairs.one, pairs.other])))
        rank = np.zeros(desk.rows, np.int64)
        rank[order] = np.arange(len(order))
        gone = stars_of(rank, pairs)
        return (Removed.exact(found), Removed.near(gone, pairs, self.threshold)), _counted(near, floor)

    def write(self, steps: tuple[Removed, ...], hands: Hands) -> dict[str, int]:
        """Kept rows and ledger."""
        ledgers: list[list[pl.DataFrame]] = [[] for _ in steps]
        kept, done = 0, 0
        with (self.folder / "kept.jsonl").open("wb") as out:
            for lines, parts in written(self.store, self.ids, steps, hands):
                out.write(lines)
                kept += lines.count(b"\n")
                for step, part in zip(ledgers, parts, strict=True):
                    step.append(part)
                done += 1
                self.progress("batches written", done, self.store.batches)
        ledger = outcome.join(part for parts in ledgers for part in parts)
        iteration.write_ledger(ledger, self.folder / "ledger.parquet")
        read, removed = len(self.cut) + self.quarantined, ledger.height
        if kept + removed != len(self.cut):
            raise Refused(
                f"rows were lost: {kept:,} kept and {removed:,} removed of {len(self.cut):,}; this is a defect of Winnow, please report it"
            )
        return {"rows_read": read, "quarantined": self.quarantined, "removed": removed, "kept": kept}


def _counted(near: NearPairs, floor: float) -> dict[str, Any]:
    return {
        "compared": near.compared,
        "duplicates": len(near.pairs.score),
        "variants": near.variants,
        "crowded": near.crowded,
        "beyond": near.beyond,
        "floor": floor,
    }


def _peak_memory_mib(helpers: int) -> int:
    """This process, and each of those that helped as if it were the largest of them."""
    try:
        import resource
    except ImportError:  # Windows has no getrusage
        return 0
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if helpers > 1 else 0
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + helpers * largest) // unit

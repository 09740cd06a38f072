"""What is worked out of each batch of rows while it is read, so that no text has to be read twice for it.

    digest(Batch(folder, 0, 0, frame, seed=0))     # writes rows, texts and fingerprints; returns a few numbers per row

Of every row stay in memory: a hash of its exact form, a hash of its name, the two figures of the keeping order, and how
long its texts are. Together some thirty bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import text
from curate.duplicates import fingerprints, said, stars
from curate.streaming.runs import Runs
from curate.streaming.stored import Stored

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Some rows, their place among all, and where to put them."""

    folder: Path
    number: int
    start: int
    frame: pl.DataFrame
    seed: int


@dataclass(frozen=True)
class Digest:
    """A few numbers for each row."""

    exact: npt.NDArray[np.uint64]  # rows that are exact duplicates have the same
    names: npt.NDArray[np.uint64]
    cut: npt.NDArray[np.bool_]
    letters: npt.NDArray[np.uint32]
    bytes: npt.NDArray[np.uint32]


def digest(batch: Batch) -> Digest:
    """Write one batch and its fingerprints."""
    frame = batch.frame
    sides = said.sides(frame)
    lengths = Stored.put(batch.folder / "rows", batch.number, frame, sides)
    documents = [f"{asked} {answered}" for asked, answered in zip(sides.queries, sides.answers, strict=True)]
    prints = fingerprints.fingerprints(documents, seed=batch.seed)
    values, owners = _once(prints.values, prints.owners)
    Runs(batch.folder / "prints").put(batch.number, values, (owners + batch.start).astype(np.uint32))
    cut, letters = keeping(sides.answers)
    return Digest(exact_forms(frame), name_hashes(frame["id"]), cut, letters, lengths.astype(np.uint32))


def _once(values: npt.NDArray[np.uint64], owners: Numbers) -> tuple[npt.NDArray[np.uint64], Numbers]:
    """Without the fingerprints that a text has twice."""
    order = np.lexsort((values, owners))
    values, owners = values[order], owners[order]
    fresh = np.ones(len(values), bool)
    fresh[1:] = (values[1:] != values[:-1]) | (owners[1:] != owners[:-1])
    return values[fresh], owners[fresh]


def exact_forms(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """A hash of what `dedup.exact` compares. It only brings rows together; who removes one compares the texts."""
    long = said.turns(frame).with_columns(pl.col("fields").fill_null(""))
    long = long.with_columns(said=text.all_normal(long["said"].to_list()))
    parts = pl.concat_str("role", "said", "fields", separator="\x1f")
    whole = long.group_by("row").agg(parts.str.join("\x1e").hash().alias("hash"))
    hashes = np.zeros(frame.height, np.uint64)
    hashes[whole["row"].to_numpy()] = whole["hash"].to_numpy()
    return hashes


def name_hashes(names: pl.Series) -> npt.NDArray[np.uint64]:
    """A hash of each name."""
    return names.hash().to_numpy()


def keeping(answers: list[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint32]]:
    """The figures of `stars.best_first`: whether the answer breaks off, and how many letters it has."""
    texts = pl.Series(answers, dtype=pl.String)
    cut = texts.str.contains(stars.HAS_SENTENCES) & texts.str.contains(stars.BREAKS_OFF)
    return cut.to_numpy(), said.letters(answers).cast(pl.UInt32).to_numpy()


@dataclass
class Gathering:
    """Frames on their way into batches of a size that memory holds."""

    rows: int
    bytes: int
    give: Callable[[pl.DataFrame], None]

    def __post_init__(self) -> None:
        self._frames: list[pl.DataFrame] = []

    def take(self, frame: pl.DataFrame) -> None:
        """Add a frame; full batches are given on."""
        for piece in frame.iter_slices(self.rows):
            self._frames.append(piece)
            held = sum(one.height for one in self._frames)
            if held >= self.rows or sum(one.estimated_size() for one in self._frames) >= self.bytes:
                self.flush()

    def flush(self) -> None:
        """Give on what there is."""
        if self._frames:
            self.give(pl.concat(self._frames, rechunk=True))
            self._frames.clear()

"""What `winnow audit` looks for beyond faults: topics, diversity, gaps against a reference, names by a model, briefs.

    found = Looking(against=[Path("logs.jsonl")], briefs=True).at(chats, [], models, mask)

Files and models meet here; the other rooms of this wing are given rows and functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from curate import chats as chat
from curate import overlap
from curate.cache import Cache
from curate.detectors import Models
from curate.diversity import briefs, topic_namer
from curate.diversity.measure import Diversity, measure
from curate.errors import BadInput
from curate.progress import Progress, aside, silent
from curate.samples import Mask
from curate.server import Server


@dataclass(frozen=True)
class Looking:
    """The reference files (else the eval files that were named), whether briefs are wanted, and who names topics."""

    against: Sequence[Path] = ()
    briefs: bool = False
    namer: Server | None = None

    def at(
        self, chats: pl.DataFrame, eval_paths: Sequence[Path], models: Models, mask: Mask, progress: Progress = silent
    ) -> Diversity | None:
        """Look at the rows. BadInput for a reference that cannot be read, and for briefs without a reference."""
        paths = list(self.against or eval_paths)
        if self.briefs and not paths:
            raise BadInput(
                "briefs say what a reference has and the rows lack, and none was named", hint="--against FILE"
            )
        files = overlap.read_eval_files(paths) if paths else []
        reference = _together(files)
        name = ", ".join(file.name for file in files)
        cache: Cache | None = getattr(models.encoder, "cache", None)  # an encoder of another make may have none
        found = measure(chats, models.encoder.encode, reference=reference, name=name, mask=mask, cache=cache)
        if found is None:
            return None
        if self.namer is not None:
            names = topic_namer.named(found, self.namer, cache=models.encoder.cache, progress=progress)
            found = topic_namer.with_names(found, names)
            for number, why in names.unnamed.items():
                aside(f"topic {number} keeps its words: {why}")
        if self.briefs and reference is not None and found.coverage is not None:
            check, asked = _check(files, models), chat.queries(reference)
            made = briefs.briefs(found.coverage, found.samples, chats, asked, check)
            found = replace(found, briefs=made)
        return found


def _together(files: Sequence[overlap.EvalFile]) -> pl.DataFrame | None:
    """The items of all files as one frame; ids are made distinct, because two files may use one."""
    if not files:
        return None
    frame = pl.concat([file.cases for file in files])
    return frame.with_columns(id=pl.Series(chat.distinct_ids(frame["id"].to_list()), dtype=pl.String))


def _check(files: Sequence[overlap.EvalFile], models: Models) -> briefs.Overlapping:
    """Which rows overlap with an item, template variants too: a brief is given away, so it is checked more strictly than a row."""

    def overlapping(rows: pl.DataFrame) -> set[str]:
        encoder = models.encoder
        done = overlap.check(rows, files, encoder.encode, models.judge, reduced=encoder.reduced)
        return {*done.outcome.removed["id"], *done.matches["row_id"]}

    return overlapping

"""Run the steps of curation on rows as they are, to see what they would do: what audit and diff are made of.

    found = audit_files([Path("raw.jsonl")], [Path("eval.jsonl")], models)
    audit_report.report(found)

Each step runs by itself on all rows, so its count is not what an earlier step left over for it. Nothing is written.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import polars as pl

from curate import (
    bias,
    canaries,
    dedup,
    doxxing,
    files,
    iteration,
    other_languages,
    overlap,
    pii,
    private_names,
    quality,
    replacement,
    toxicity,
)
from curate.audit import SAMPLES, Audit, audit
from curate.cache import Cache
from curate.datadiff import DataDiff, Measured, diff
from curate.detectors import Models
from curate.diversity.looking import Looking
from curate.errors import BadInput
from curate.evalset import EvalFile
from curate.held import held
from curate.outcome import Outcome
from curate.page.layout import Layout, laid_out
from curate.pii import Finder, Sparing
from curate.progress import Progress, silent
from curate.rubric import Rubric
from curate.samples import Mask
from curate.unchanged import carried, unchanged
from curate.uncollected import uncollected

StandIns = Mapping[str, Collection[str]]  # row id -> invented values in it


def duplicates(chats: pl.DataFrame, models: Models, progress: Progress = silent) -> dict[str, Outcome]:
    """What each of the three kinds of deduplication would remove from these rows, at the default thresholds."""
    return compared(chats, models, progress)[0]


def compared(
    chats: pl.DataFrame, models: Models, progress: Progress = silent
) -> tuple[dict[str, Outcome], pl.DataFrame]:
    """The three outcomes, and the rows that answer one question otherwise (`Semantic.conflicts`)."""
    exact = dedup.exact(chats)
    near = dedup.near(exact.kept, progress=progress)
    semantic = dedup.semantic(
        exact.kept,
        models.encoder.encode,
        models.judge,
        latin_only=models.encoder.english_only,
        slack=models.encoder.slack,
        exact=models.encoder.exact().encode,
        progress=progress,
    )
    return {"exact": exact, "near": near, "semantic": semantic.outcome}, semantic.conflicts


@uncollected()
def audit_files(
    data: Sequence[Path],
    eval_paths: Sequence[Path],
    models: Models,
    *,
    shipped: Sequence[Path] = (),
    format: str = "auto",
    rubric: Rubric | None = None,
    looking: Looking = Looking(),
    samples: int = SAMPLES,
    with_map: bool = False,
    progress: Progress = silent,
) -> Audit:
    """Read the files, run every step on the rows as they are, and gather what was found; `rubric` is the voice to keep.

    `samples` rows of each problem can be shown; `with_map` lays out the queries too. `looking` says against which
    files the rows' topics are held.
    """
    models = held(models)
    read = files.read(data, format=format)
    personal = _sparing(models.find_pii, data)
    eval_files = overlap.read_eval_files(eval_paths, shipped) if eval_paths else []
    scores = toxicity.turn_scores(read.chats, models.score_toxicity, progress=progress)
    threshold = models.score_toxicity.threshold
    copies, conflicts = compared(read.chats, models, progress)
    outcomes = {
        "validate": quality.validate(read.chats),
        **copies,
        "pii": replacement.replace(read.chats, personal, progress),
        "toxicity": toxicity.drop_scored(read.chats, scores, threshold=threshold),
    }
    check = _overlap(read.chats, eval_files, models, progress) if eval_files else None
    return audit(
        read.chats,
        read.quarantined,
        outcomes,
        source=", ".join(str(path) for path in data),
        check=check,
        eval_files=eval_files,
        turn_scores=scores,
        toxic_threshold=threshold,
        mask=mask(models, names=True),
        detectors=models.named(),
        planted=canaries.measure(read.chats, models.find_pii, choose=models.choose),
        combinations=doxxing.count(
            read.chats, _sparing(models.find_named, data), progress, choose=private_names.private
        ),
        left=pii.scan(
            outcomes["pii"].kept,
            personal,
            progress,
            but=replacement.put_there(outcomes["pii"].ledger),
            choose=models.choose,
        ).height,
        samples=samples,
        layout=_layout(read.chats, outcomes["pii"].kept, models, progress) if with_map else None,
        other_languages=other_languages.count(read.chats) if models.encoder.english_only else None,
        diversity=looking.at(read.chats, eval_paths, models, mask(models), progress),
        faults=quality.faults(
            read.chats,
            encode=models.encoder.encode,
            latin_only=models.encoder.english_only,
            conflicts=conflicts,
            doubles={row for done in copies.values() for row in done.removed["id"]},
            rubric=rubric,
            cache=_cache(models),
        ),
        bias=bias.measure(
            read.chats,
            scores,
            threshold=threshold,
            scorer=" ".join(filter(None, (models.score_toxicity.bias, models.score_toxicity.limits))),
            cache=_cache(models),
        ),
    )


def _cache(models: Models) -> Cache | None:
    found: Cache | None = getattr(models.encoder, "cache", None)  # an encoder of another make may have none
    return found


def _layout(chats: pl.DataFrame, masked: pl.DataFrame, models: Models, progress: Progress) -> Layout:
    return laid_out(chats, masked, models.encoder.encode, cache=models.encoder.cache, progress=progress)


def _overlap(chats: pl.DataFrame, eval_files: Sequence[EvalFile], models: Models, progress: Progress) -> overlap.Check:
    encode, reduced = models.encoder.encode, models.encoder.reduced
    return overlap.check(chats, eval_files, encode, models.judge, reduced=reduced, progress=progress)


def measure(
    chats: pl.DataFrame,
    models: Models,
    with_duplicates: bool = True,
    progress: Progress = silent,
    *,
    invented: StandIns = MappingProxyType({}),
) -> Measured:
    """Duplicates, personal data and toxicity of one side of a diff. What curation `invented` is no personal data."""
    return Measured(
        duplicates=duplicates(chats, models, progress) if with_duplicates else None,
        pii=pii.scan(chats, models.find_pii, progress, but=invented, choose=models.choose),
        toxicity=toxicity.turn_scores(chats, models.score_toxicity, progress=progress),
    )


def _measured_again(
    known: Measured,
    before: pl.DataFrame,
    after: pl.DataFrame,
    models: Models,
    progress: Progress,
    invented: StandIns,
) -> Measured:
    """What `measure` says of `after`, where that of `before` is known: only rows that changed are looked at."""
    assert known.pii is not None
    assert known.toxicity is not None
    same = unchanged(before, after)
    fresh = measure(after.filter(~same), models, with_duplicates=False, progress=progress, invented=invented)
    assert fresh.pii is not None
    assert fresh.toxicity is not None
    return Measured(
        duplicates=None if known.duplicates is None else duplicates(after, models, progress),
        pii=carried(known.pii, fresh.pii, after, same),
        toxicity=carried(known.toxicity, fresh.toxicity, after, same),
    )


def compare(
    before: pl.DataFrame,
    after: pl.DataFrame,
    models: Models,
    *,
    names: tuple[str, str],
    ledger: pl.DataFrame | None = None,
    with_duplicates: bool = True,
    progress: Progress = silent,
    invented: tuple[StandIns, StandIns] = (MappingProxyType({}), MappingProxyType({})),
) -> DataDiff:
    """Measure both sides with the same models and compare them; without duplicates where the ledger tells of them.

    `invented`: for both sides what curation put in place of personal data (`replacement.put_there`).
    """
    found = measure(before, models, with_duplicates, progress, invented=invented[0])
    return diff(
        before,
        after,
        names=names,
        ledger=ledger,
        found_before=found,
        found_after=_measured_again(found, before, after, models, progress, invented[1]),
        toxic_threshold=models.score_toxicity.threshold,
        mask=mask(models),
    )


def compare_paths(a: Path, b: Path, models: Models, progress: Progress = silent) -> DataDiff:
    """Two data sets, each an iteration or a data file. An iteration made from the other side explains its removals."""
    before, after = _rows(a), _rows(b)
    ledger = _ledger(b, a)
    names = (a.name, b.name) if a.name != b.name else (str(a), str(b))
    invented = (_invented(a), _invented(b))
    return compare(before, after, models, names=names, ledger=ledger, progress=progress, invented=invented)


def mask(models: Models, *, names: bool = False) -> Mask:
    """Replace personal data, for rows that a report shows; with `names` the names of private persons too."""
    return lambda chats: replacement.replace(chats, models.find_named if names else models.find_pii).kept


def _invented(place: Path) -> StandIns:
    """What curation put into these rows: an iteration, its `data`, or its training file."""
    held = place if (place / "data").is_dir() else place.parent
    if place.name == "train.jsonl" and held.name == "data":
        held = held.parent
    return replacement.put_there(iteration.open(held).ledger()) if (held / "data" / "manifest.json").exists() else {}


def _sparing(finder: Finder, data: Sequence[Path]) -> Finder:
    """The finder, for which what curation put into the training file of an iteration is no personal data."""
    known = {value for place in data for values in _invented(place).values() for value in values}
    return Sparing.of(finder, known) if known else finder


def _rows(place: Path) -> pl.DataFrame:
    if (place / "data").is_dir():
        return iteration.open(place).chats()
    if place.name == "data" and (place / "manifest.json").exists():
        return iteration.open(place.parent).chats()
    return files.read([place]).chats


def _ledger(after: Path, before: Path) -> pl.DataFrame | None:
    """The ledger that led from `before` to `after`, when there is one."""
    try:
        it = iteration.open(after)
    except BadInput:
        return None
    return it.ledger() if str(before) in it.manifest["data"] else None

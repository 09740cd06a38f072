"""A recipe becomes an iteration: the steps in order, every removal in the ledger, the manifest last.

    sources = Sources([Path("raw.jsonl")], [Path("eval.jsonl")])
    done = curate(sources, Path("iterations/001"), Recipe(), lambda recipe: detectors.load(recipe.encoder))

Vectors and detector findings are cached by content, so a run that was interrupted takes up where it stopped when it is
run again; a folder without a manifest never happened. Same input, recipe and models give the same bytes: times stand
only in the manifest.
"""

import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from curate import (
    certificate,
    files,
    iteration,
    iteration_report,
    other_languages,
    overlap,
    pairs_report,
    replacement,
    residual,
    surrogates,
    survey,
)
from curate import chats as chat
from curate import recipe as recipes
from curate.detectors import Models
from curate.duplicates import found
from curate.errors import BadInput, Refused, Surroundings
from curate.held import held
from curate.overlap import EvalFile
from curate.overlap_judge import overlap_judge, overlap_rule, said
from curate.progress import Progress, silent
from curate.recipe import Recipe
from curate.samples import Samples
from curate.steps import Steps, run

KEY_FILE = "surrogates.key"
VERSIONS_OF = ("polars", "numpy", "torch", "transformers", "sentence-transformers", "presidio-analyzer", "phonenumbers")


@dataclass(frozen=True)
class Sources:
    """What a run reads: training rows, the user's eval files, and the cases that come with Winnow (`shipped`)."""

    data: Sequence[Path]
    eval: Sequence[Path]
    shipped: Sequence[Path] = ()
    format: str = "auto"
    on_error: str = "quarantine"


def curate(
    sources: Sources,
    out: Path,
    recipe: Recipe,
    load: Callable[[Recipe], Models],
    progress: Progress = silent,
    *,
    key_file: Path | None = None,
) -> iteration.Iteration:
    """Read, run the recipe, write `out/data/`, manifest last. `load` is called once the files are known to be readable.

    Returns the finished iteration. A folder that already holds this very run is left as it is; one that holds another
    run is BadInput. Raises BadInput when nothing usable is left, Surroundings when the disk fails. `key_file` holds the key of
    the surrogates, by default `surrogates.key` beside `out`; it is made where there is none.
    """
    started = time.perf_counter()
    read = files.read(sources.data, format=sources.format, on_error=sources.on_error)
    eval_files = overlap.read_eval_files(sources.eval, sources.shipped)
    models = load(recipe)
    models = held(models.asking_for(recipe.pii.names, recipe.pii.model) if recipe.pii else models)
    if not recipe.overlap.allow_uncalibrated:
        certificate.check_calibrated(models.encoder)
    iteration.held(out)  # before a key is made
    key = _key(recipe, key_file or out.parent / KEY_FILE)
    request = _request(sources, read, eval_files, recipe, models)
    if key:
        request["surrogates"] = key.fingerprint
    if done := iteration.already(out, request):
        return done
    _check_overrides(recipe, read.chats)
    steps = run(read.chats, eval_files, recipe, models, progress, key=key)
    steps = replace(steps, notes=(*_unread(read.chats, models), *steps.notes))
    if not steps.kept.height:
        raise BadInput(f"no row is left after curation ({_took(steps)})", hint="winnow audit DATA, to see what fails")
    folder = iteration.start(out)
    try:
        outputs = _write(folder, steps, read, eval_files, recipe, models, progress)
    except (OSError, Surroundings):
        iteration.discard(out)
        raise
    manifest = request | {
        "shipped": {overlap.shipped_name(path): str(path) for path in sources.shipped},
        "outputs": outputs,
        "fingerprint": chat.dataset_fingerprint(steps.kept),
        "counts": _counts(read, steps),
        "steps": [vars(step) for step in steps.account],
        "notes": [*read.notes, *steps.notes],
        "versions": _versions(),
        "seconds": round(time.perf_counter() - started, 1),
        "peak_memory_mib": peak_memory_mib(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    try:
        return iteration.finish(out, manifest)
    except Surroundings:
        iteration.discard(out)
        raise


def _unread(chats: pl.DataFrame, models: Models) -> tuple[str, ...]:
    """What the encoder cannot see for the language that rows are in."""
    said = other_languages.note(other_languages.count(chats), chats.height) if models.encoder.english_only else ""
    return (said,) if said else ()


def restore(
    before: iteration.Iteration,
    row_ids: Sequence[str],
    out: Path,
    load: Callable[[Recipe], Models],
    shipped: Sequence[Path] = (),
    progress: Progress = silent,
) -> iteration.Iteration:
    """Curate the iteration's sources again into `out`, with these rows exempt from removal and edits.

    BadInput for a row that the iteration did not touch; Refused for one that overlaps with an eval file, because that
    cannot be overridden.
    """
    ledger = before.ledger()
    for row_id in row_ids:
        lines = ledger.filter((pl.col("row_id") == row_id) & (pl.col("action") != "noted"))
        if not lines.height:
            raise BadInput(
                f"nothing was done to row {row_id[:80]!r}",
                where=str(before.path),
                hint=f"winnow why {before.path} {row_id}",
            )
        if gone := lines.filter(pl.col("step") == "overlap")["rule"].to_list():
            what = f"row {row_id[:80]!r} was removed because of the eval files ({gone[0]}); that cannot be overridden"
            raise Refused(what, where=str(before.path))
    plain = dict(before.manifest["recipe"])
    plain["keep"] = sorted({*plain["keep"], *row_ids})
    return again(before, recipes.of(plain), out, load, shipped, progress)


def again(
    before: iteration.Iteration,
    recipe: Recipe,
    out: Path,
    load: Callable[[Recipe], Models],
    shipped: Sequence[Path] = (),
    progress: Progress = silent,
    *,
    key_file: Path | None = None,
) -> iteration.Iteration:
    """Curate the iteration's sources into `out` by another recipe. The old iteration is not changed. `key_file`: see `curate`."""
    made_from = before.manifest
    data, evals = ([Path(path) for path in made_from[key]] for key in ("data", "eval"))
    sources = Sources(data, evals, shipped, made_from["format"], made_from["on_error"])
    # The stand-ins stay the same where the key does.
    return curate(sources, out, recipe, load, progress, key_file=key_file or before.path.parent / KEY_FILE)


def _key(recipe: Recipe, path: Path) -> surrogates.Key | None:
    if not recipe.pii or recipe.pii.replace != "surrogate":
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return surrogates.open_key(path)


def _request(
    sources: Sources, read: files.Read, eval_files: Sequence[EvalFile], recipe: Recipe, models: Models
) -> dict[str, Any]:
    """What decides the result: two runs with one request write the same bytes."""
    return {
        "winnow": certificate.tool_version(),
        "data": [str(path) for path in sources.data],
        "eval": [str(path) for path in sources.eval],
        "format": sources.format,
        "on_error": sources.on_error,
        "recipe": recipe.to_dict(),
        "inputs": [vars(each) for each in read.inputs],
        "eval_files": [{"name": file.name, "sha256": file.sha256, "cases": file.cases.height} for file in eval_files],
        "models": models.describe(),
    }


def _check_overrides(recipe: Recipe, chats: pl.DataFrame) -> None:
    unknown = sorted(set(recipe.keep) - set(chats["id"]))
    if unknown:
        raise BadInput(f"the recipe keeps row {unknown[0]!r}, which the data does not hold", where="keep")


def _write(
    folder: Path,
    steps: Steps,
    read: files.Read,
    eval_files: Sequence[EvalFile],
    recipe: Recipe,
    models: Models,
    progress: Progress,
) -> dict[str, str]:
    """All files of `data/` but the manifest; name -> SHA-256."""
    files.write(steps.kept, folder / "train.jsonl", format="messages")
    files.write_quarantine(read.quarantined, folder / "quarantine.jsonl")
    iteration.write_ledger(steps.ledger, folder / "ledger.parquet")
    found.write(steps.found, folder / found.FILE)
    # The certificate is issued for the bytes on disk, by a second and independent pass over them.
    judge, opinion = overlap_judge(recipe, models, progress)
    statement = certificate.issue(
        folder / "train.jsonl",
        eval_files,
        models.encoder,
        rule=overlap_rule(recipe, models.encoder),
        judge=judge,
        second_opinions=[said(opinion)] if opinion else [],
        allow_uncalibrated=recipe.overlap.allow_uncalibrated,
        progress=progress,
    )
    certificate.write(folder / "certificate.json", statement)
    names = (read.inputs[0].path if len(read.inputs) == 1 else "raw rows", folder.parent.name)
    difference = survey.compare(
        read.chats, steps.kept, models, names=names, ledger=steps.ledger, with_duplicates=False, progress=progress,
        invented=({}, replacement.put_there(steps.ledger)),
    )  # fmt: skip
    mask = survey.mask(models)
    rows, cases = iteration_report.samples(steps, statement, eval_files, mask)
    shown = pairs_report.choose(steps.found, steps.ledger, pairs_report.thresholds_of(recipe), recipe.keep)
    twins = pairs_report.sections(shown, Samples.of(read.chats, shown.ids(), mask))
    may_be_left = _residual(read.chats, steps, recipe, models, progress)
    page = iteration_report.report(
        folder.parent.name, _counts(read, steps), steps, statement, difference, rows, cases, twins, may_be_left
    )
    files.write_text(folder / "report.html", page.to_html())
    return {name: files.sha256(folder / name) for name in iteration.WRITTEN if (folder / name).exists()}


def _residual(
    chats: pl.DataFrame, steps: Steps, recipe: Recipe, models: Models, progress: Progress
) -> residual.Residual | None:
    if not recipe.pii:
        return None
    return residual.measure(
        chats,
        steps.kept,
        steps.ledger,
        models.find_pii,
        private=recipe.pii.names == "private",
        as_they_are=recipe.keep,
        progress=progress,
    )


def _counts(read: files.Read, steps: Steps) -> dict[str, int]:
    removed = steps.ledger.filter(pl.col("action") == "removed")["row_id"].n_unique()
    counts = {
        "rows_read": read.chats.height + read.quarantined.height,
        "quarantined": read.quarantined.height,
        "removed": removed,
        "edited": steps.ledger.filter(pl.col("action") == "edited")["row_id"].n_unique(),
        "kept": steps.kept.height,
    }
    if counts["kept"] + removed + counts["quarantined"] != counts["rows_read"]:
        raise Refused(f"rows were lost: {counts}; this is a defect of Winnow, please report it")
    return counts


def _took(steps: Steps) -> str:
    return ", ".join(
        f"{step.name} removed {step.removed:,} of {step.rows_in:,}" for step in steps.account if step.removed
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in VERSIONS_OF:
        found[name] = version(name)
    return found


def peak_memory_mib() -> int:
    """The highest resident memory of this process so far."""
    try:
        import resource
    except ImportError:  # Windows has no getrusage
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024) if sys.platform == "darwin" else peak // 1024

"""Run suites over a model, and write what was found: `winnow eval`.

    found = evaluate(Path("iterations/002"), rubrics=[Path("voice.yaml")])
    print(found)                            # one line per figure, with n and an interval
    found.metric("toxicity", "toxic").interval

An iteration brings its adapter, its base, its eval files and its certificate; `model` names a base (or a base and an
adapter) without one. What the certificate does not name is evaluated all the same, and marked 'not certified' wherever it
is shown. `eval/` holds every case with its completion and verdict; its manifest is written last, and two runs with the
same request write the same `cases.parquet`.
"""

import io
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from curate import certificate, files, iteration, replacement
from curate.chats import canonical_json
from curate.errors import BadInput
from curate.pii import Sparing
from curate.progress import Progress, silent
from evalsuite import bias, guardrails, leakage, style, task, toxicity
from evalsuite import subject as subjects
from evalsuite.detectors import Detectors
from evalsuite.evaluation import WRITTEN, Evaluation, Sampling, manifest
from evalsuite.figures import Metric, summarise
from evalsuite.model import Local
from evalsuite.subject import Subject, shipped_eval_files
from evalsuite.suite import (
    MULTI_TURN,
    TABLE,
    Case,
    CaseFile,
    Completion,
    Suite,
    asked_in_turns,
    table,
)

__all__ = ["SHIPPED", "SUITES", "WRITTEN", "Evaluation", "Sampling", "evaluate", "shipped_eval_files"]

SHIPPED = ("toxicity", "leakage", "guardrails", "bias")
SUITES = ("task", "style", *SHIPPED)


def evaluate(
    target: Path | None = None,
    *,
    model: str | Path | None = None,
    adapter: Path | None = None,
    suites: Sequence[str] = (),
    eval_files: Sequence[Path] = (),
    rubrics: Sequence[Path] = (),
    planted: tuple[Path, Path] | None = None,
    sampling: Sampling = Sampling(),
    dtype: str = "float32",
    device: str = "cpu",
    out: Path | None = None,
    judges: Detectors | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate the iteration `target`, or a `model` (with or without `adapter`), and write `out` (an iteration's `eval/`).

    Without `suites`, all for which there is something to ask: the shipped ones, task where there are eval files, style where
    there are rubrics too. `planted` is a file of rows and its table of planted personal values (see `leakage.planted`).
    Raises before a model is loaded where the request cannot be met; nothing is written unless everything was scored.
    """
    from evalsuite import detectors, local

    started = time.perf_counter()
    asked = _asked(suites)
    subject = subjects.of(target, model, adapter, eval_files)
    judges = _sparing(judges or detectors.load(progress=progress), subject)
    probes, values = _personal(subject, planted, judges, progress) if "leakage" in asked else ([], [])
    made, notes = _suites(asked, bool(suites), subject.eval_files, rubrics, judges, probes, values)
    loaded = local.load(
        subject.base,
        subject.adapter,
        dtype=dtype,
        device=device,
        batch_size=sampling.batch_size,
        template=subject.template,
    )
    subjects.check_certificate(subject, loaded.facts)
    bound = [_with_likelihood(suite, loaded, subject.eval_files, judges, progress) for suite in made]
    metrics, frames, completions = _run(bound, loaded, sampling, progress)
    found = Evaluation(
        model=loaded.facts,
        metrics=tuple(metrics),
        faults={name: _faults(said) for name, said in completions.items() if _faults(said)},
        asked={name: len(said) for name, said in completions.items()},
        certified=_certified(bound, subject.statement),
        notes=(*notes, *loaded.facts.unchecked, *_notes(bound)),
        sampling=sampling,
        seconds=round(time.perf_counter() - started, 1),
        folder=out or (target / "eval" if target else None),
        cases=pl.concat([pl.DataFrame(schema=TABLE), *frames]),
        detectors=judges.describe(),
    )
    if found.folder:
        _write(found, bound, judges, leakage.Known.of([*values, *(v for p in probes for v in p.values)]), subject)
    return found


def _sparing(judges: Detectors, subject: Subject) -> Detectors:
    """The judges, for whom what curation put in place of personal data is none."""
    if not subject.data or not (subject.data.data / "ledger.parquet").exists():
        return judges
    put = replacement.put_there(subject.data.ledger()).values()
    return replace(judges, pii=Sparing.of(judges.pii, {value for values in put for value in values}))


def _asked(suites: Sequence[str]) -> tuple[str, ...]:
    for name in suites:
        if name not in SUITES:
            raise BadInput(f"there is no suite '{name}'", hint=f"one of {', '.join(SUITES)}")
    return tuple(name for name in SUITES if not suites or name in suites)


def _personal(
    subject: Subject, planted: tuple[Path, Path] | None, judges: Detectors, progress: Progress
) -> tuple[list[leakage.Probe], list[leakage.Value]]:
    values = leakage.values_in(subject.data.chats(), judges.pii, progress) if subject.data else []
    if planted is None:
        return [], values
    rows, truth = planted
    try:
        known = pl.read_parquet(truth)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"the table of planted values cannot be read: {str(error)[:120]}", where=str(truth)) from None
    return leakage.planted(files.read(rows).chats, known), values


def _suites(
    asked: Sequence[str],
    by_name: bool,
    eval_files: Sequence[Path],
    rubrics: Sequence[Path],
    judges: Detectors,
    probes: Sequence[leakage.Probe],
    values: Sequence[leakage.Value],
) -> tuple[list[Suite], list[str]]:
    """The suites that were asked for. One that has nothing to ask is an error if it was named, else a note."""
    make: dict[str, Callable[[], list[Suite]]] = {
        "task": lambda: [task.suite(eval_files, judges.encoder)],
        "style": lambda: _styles(eval_files, rubrics, judges),
        "toxicity": lambda: [toxicity.suite(judges.toxicity)],
        "leakage": lambda: [leakage.suite(judges.pii, values=values, probes=probes)],
        "guardrails": lambda: [guardrails.suite(judges.refusals)],
        "bias": lambda: [bias.suite(judges)],
    }
    lacks = {
        "task": "" if eval_files else "no eval file was given",
        "style": "" if eval_files and rubrics else f"no {'rubric' if eval_files else 'eval file'} was given",
    }
    made, notes = [], []
    for name in asked:
        if why := lacks.get(name):
            if by_name:
                raise BadInput(
                    f"the suite '{name}' cannot run: {why}", hint="winnow eval ITERATION --eval FILE --rubric FILE"
                )
            notes.append(f"{name} was not run: {why}")
            continue
        made += make[name]()
    return made, notes


def _styles(eval_files: Sequence[Path], rubrics: Sequence[Path], judges: Detectors) -> list[Suite]:
    from evalsuite.suite import read_cases

    cases, sources = read_cases(eval_files, "style")
    names = ["style"] if len(rubrics) == 1 else [f"style:{path.stem}" for path in rubrics]
    if len(set(names)) < len(names):
        raise BadInput("two rubrics have the same file name", where=", ".join(map(str, rubrics)))
    pairs = zip(names, rubrics, strict=True)
    return [style.suite(path, cases, sources, judges.encoder, name) for name, path in pairs]


def _with_likelihood(
    suite: Suite, model: Local, eval_files: Sequence[Path], judges: Detectors, progress: Progress
) -> Suite:
    """The task suite asks the model how likely the ideal answers are; the others read completions only."""
    if suite.name != "task":
        return suite

    def of_model(pairs: Sequence[Any]) -> list[tuple[float, int] | None]:
        return model.logprob(pairs, progress=progress)

    def of_base(pairs: Sequence[Any]) -> list[tuple[float, int] | None]:
        return model.logprob(pairs, of_base=True, progress=progress)

    return task.suite(eval_files, judges.encoder, of_model, of_base if model.facts.adapter else None)


def _run(
    suites: Sequence[Suite], model: Local, sampling: Sampling, progress: Progress
) -> tuple[list[Metric], list[pl.DataFrame], dict[str, list[Completion]]]:
    """Ask every suite's cases and score them. Suites that ask the same prompts (task and style) share the completions."""
    known: dict[str, list[Completion]] = {}
    metrics: list[Metric] = []
    frames: list[pl.DataFrame] = []
    completions: dict[str, list[Completion]] = {}
    for number, suite in enumerate(suites):
        progress("suites", number, len(suites))
        key = canonical_json([list(map(dict, case.turns)) for case in suite.cases])
        if key not in known:
            known[key] = ask(suite.cases, model, sampling, progress)
        said = completions[suite.name] = known[key]
        verdicts = suite.score(suite.cases, said)
        by_id = dict(zip((case.id for case in suite.cases), said, strict=True))
        metrics += summarise(suite, verdicts)
        frames.append(table(suite, by_id, verdicts))
    progress("suites", len(suites), len(suites))
    return metrics, frames, completions


def ask(cases: Sequence[Case], model: Local, sampling: Sampling, progress: Progress = silent) -> list[Completion]:
    """The completions of these cases, in their order. What cannot be asked yet says so instead of being asked in part."""
    out = [Completion("", 0, MULTI_TURN) for _ in cases]
    fit = [n for n, case in enumerate(cases) if not asked_in_turns(case)]
    said = model.generate(
        [cases[n].turns for n in fit],
        max_new_tokens=sampling.max_new_tokens,
        seed=sampling.seed,
        temperature=sampling.temperature,
        progress=progress,
    )
    for n, completion in zip(fit, said, strict=True):
        out[n] = completion
    return out


def _faults(said: Sequence[Completion]) -> dict[str, int]:
    return dict(sorted(Counter(completion.fault for completion in said if completion.fault).items()))


def _certified(suites: Sequence[Suite], statement: certificate.Statement | None) -> dict[str, bool | None]:
    """Whether the certificate names each eval file, by its bytes."""
    named = {file["digest"]["sha256"] for file in statement["predicate"]["eval_files"]} if statement else set()
    used: dict[str, CaseFile] = {file.name: file for suite in suites for file in suite.files}
    return {name: (file.sha256 in named if statement else None) for name, file in sorted(used.items())}


def _notes(suites: Sequence[Suite]) -> list[str]:
    return [f"{suite.name}: {' '.join(note.split())}" for suite in suites for note in suite.notes]


# -- on disk ----------------------------------------------------------------------------------------------------------


def _write(
    found: Evaluation, suites: Sequence[Suite], judges: Detectors, known: leakage.Known, subject: Subject
) -> None:
    """All of `eval/`, the manifest last. Completions may hold personal data, so only the owner may read the cases."""
    from evalsuite import run_report

    folder = found.folder
    assert folder is not None
    (folder / "manifest.json").unlink(missing_ok=True)
    report = run_report.build(found, suites, lambda texts: leakage.masked(texts, judges.pii, known))
    buffer = io.BytesIO()
    found.cases.write_parquet(buffer, compression="zstd", statistics=False)
    files.write_bytes(folder / "cases.parquet", buffer.getvalue(), mode=0o600)
    files.write_text(folder / "summary.json", iteration.json_text(found.summary()))
    report.write(folder / "report.html")
    outputs = {name: files.sha256(folder / name) for name in WRITTEN[:-1]}
    files.write_text(
        folder / "manifest.json", iteration.json_text(manifest(found, suites, subject.statement_sha256, outputs))
    )

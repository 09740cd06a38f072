"""`winnow demo`: the whole loop on data and a tiny base model that ship with Winnow. Every figure is computed on the spot.

    tell(Path("winnow-demo"), models, cache, Console())

Raw rows are audited and refused by the trainer. Two iterations follow: `001-raw`, without the rows that overlap with the
eval file but otherwise as it came, and `002-curated`. Both are trained in the same way, asked the same cases, compared.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.rule import Rule

from curate import (
    explain,
    files,
    iteration_report,
    pipeline,
    private_names,
    shipped,
    survey,
    verification,
)
from curate import recipe as recipes
from curate.cache import Cache
from curate.detectors import Models
from curate.errors import Refused
from curate.iteration import Iteration
from curate.page import audit_page, written
from curate.progress import Progress
from evalsuite import compare_report, detectors, difference, runs, subject
from evalsuite.compare import ModelDiff
from evalsuite.evaluation import Evaluation
from train import lora
from train.options import Options

AS_IT_CAME = recipes.of(dict.fromkeys(("validate", "exact", "near", "semantic", "pii", "toxicity"), False))
# A model of 1 M parameters learns from a few hundred rows only at a rate that would spoil a large one.
OPTIONS = Options(rank=32, alpha=64, learning_rate=1e-2, epochs=4, batch_rows=16)
SAMPLING = runs.Sampling(max_new_tokens=64)
# The sample data was made to show what curation can do; a reader must know it before the figures.
HONESTY = (
    "The faults in this data were planted, and repeated, so that even a model of 1 M parameters picks them up; the figures "
    "show that curation removes them and that the model follows, and are no estimate for your data."
)
TOLD = (("near", "removed"), ("pii", "edited"), ("overlap", "removed"))
HEADLINES = (
    ("style", "checks"), ("style", "all checks"), ("leakage", "training value"), ("leakage", "personal data"),
    ("toxicity", "toxic"), ("guardrails", "answered, should refuse"),
)  # fmt: skip
KEY = "public-demo-key.txt"
LINES = 14  # of a row's story, so that it fits on a screen


@dataclass(frozen=True)
class _Stage:
    """What every chapter needs: where to write, the files, the models, the paper."""

    out: Path
    models: Models
    cache: Cache
    console: Console
    progress: Progress
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def raw(self) -> Path:
        return shipped.sample_data() / "support-raw.jsonl"

    @property
    def evals(self) -> Path:
        return shipped.sample_data() / "support-eval.jsonl"

    @property
    def base(self) -> Path:
        return shipped.sample_data() / "base-model"

    def chapter(self, title: str, command: str) -> None:
        self.console.print()
        self.console.print(Rule(f"[bold]{next(self.numbers)}. {title}[/bold]", align="left"))
        self.console.print(f"[dim]$ {command}[/dim]\n")

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)


def tell(out: Path, models: Models, cache: Cache, console: Console, progress: Progress) -> None:
    """The whole story, ending in the paths of the reports."""
    started = time.monotonic()
    stage = _Stage(out, models, cache, console, progress)
    _audit(stage)
    _refusal(stage)
    raw, curated = _curate(stage)
    _why(stage, curated)
    _certify(stage, curated)
    for it in (raw, curated):
        _train(stage, it)
    base = _evaluate(stage, None)
    for it in (raw, curated):
        _evaluate(stage, it)
    _diff(stage, raw, curated, base)
    console.print(Rule(f"done in {time.monotonic() - started:.0f} s"))
    for name in ("audit-raw.html", "diff.html"):
        stage.say(f"  {out / name}")
    for it in (raw, curated):
        stage.say(f"  {it.path / 'data' / 'report.html'}\n  {it.path / 'eval' / 'report.html'}")


def _audit(stage: _Stage) -> None:
    stage.chapter("Audit: what is in the raw file?", "winnow audit support-raw.jsonl --eval support-eval.jsonl")
    cases = subject.shipped_eval_files()
    found = survey.audit_files(
        [stage.raw],
        [stage.evals],
        stage.models.asking_for("private"),
        shipped=cases,
        progress=stage.progress,
        **audit_page.WANTED,
    )
    written.write(audit_page.report(found), stage.out / "audit-raw.html")
    stage.say(str(found))


def _refusal(stage: _Stage) -> None:
    stage.chapter("Train on it? Refused.", "winnow train support-raw.jsonl --base base-model")
    try:
        lora.certified(stage.raw)
    except Refused as refusal:
        stage.say(f"winnow: {refusal}")


def _curate(stage: _Stage) -> tuple[Iteration, Iteration]:
    stage.chapter("Curate twice: as it came but decontaminated, and with every step", "winnow curate … -o 002-curated")
    sources = pipeline.Sources([stage.raw], [stage.evals], subject.shipped_eval_files())
    made = []
    key = _key(stage.out / "iterations")
    for name, recipe in (("001-raw", AS_IT_CAME), ("002-curated", recipes.Recipe())):
        made.append(
            pipeline.curate(
                sources, stage.out / "iterations" / name, recipe, lambda _: stage.models, stage.progress, key_file=key
            )
        )
        stage.console.print(made[-1])
        stage.say("")
    return made[0], made[1]


def _key(folder: Path) -> Path:
    """The sample data's public key, put where a run keeps its own: so the demo invents the same values on every machine."""
    place = folder / pipeline.KEY_FILE
    if not place.exists():
        files.write_bytes(place, (shipped.sample_data() / KEY).read_bytes(), mode=0o600)
    return place


def _why(stage: _Stage, it: Iteration) -> None:
    stage.chapter("Why? Three rows, and what became of them", "winnow why 002-curated ROW")

    mask = private_names.masker(stage.models.find_named)
    ledger = it.ledger()
    for step, action in TOLD:
        # The first by id, so that every run tells of the same rows.
        rows = ledger.filter((pl.col("step") == step) & (pl.col("action") == action))["row_id"].sort()
        if len(rows):
            stage.say("\n".join(_clip(str(explain.why(it, rows[0], mask).told[0]).splitlines())) + "\n")


def _clip(lines: list[str]) -> list[str]:
    short = [line if len(line) <= 160 else line[:159] + "…" for line in lines]
    return short if len(short) <= LINES else [*short[: LINES - 1], f"    … {len(short) - LINES + 1} more lines"]


def _certify(stage: _Stage, it: Iteration) -> None:
    stage.chapter("The certificate: three claims, recomputed from the files", "winnow verify 002-curated")
    for claim in iteration_report.claims(it.certificate()):
        stage.say(f"  {claim}")
    cases = subject.shipped_eval_files()
    verdict = verification.verify(it.path, [], None, lambda _: stage.models.encoder, cases, stage.progress)
    stage.say(f"\n✔ {verdict}")


def _train(stage: _Stage, it: Iteration) -> None:
    stage.chapter(f"Train {it.path.name}", f"winnow train {it.path.name} --base base-model")
    stage.say(str(lora.train(it, stage.base, OPTIONS, progress=stage.progress, say=stage.say)))


def _evaluate(stage: _Stage, it: Iteration | None) -> Evaluation:
    name = it.path.name if it else "the base model"
    stage.chapter(f"Evaluate {name}", f"winnow eval {it.path.name if it else '--model base-model'} --rubric voice.yaml")
    found = runs.evaluate(
        it.path if it else None,
        model=stage.base,
        eval_files=[stage.evals],
        rubrics=[shipped.rubrics() / "brindlewick-voice.yaml"],
        planted=(stage.raw, shipped.sample_data() / "truth.parquet"),
        sampling=SAMPLING,
        out=None if it else stage.out / "base-eval",
        judges=detectors.load(stage.cache, stage.progress),
        progress=stage.progress,
    )
    for metric in found.metrics:
        if (metric.suite, metric.measure.name) in HEADLINES:
            stage.say(f"  {metric}")
    return found


def _diff(stage: _Stage, raw: Iteration, curated: Iteration, base: Evaluation) -> None:
    stage.chapter("Diff: which iteration is better, and is it certain?", "winnow diff 001-raw 002-curated -o diff.html")
    rows, model = difference.of(raw.path, curated.path, stage.models.asking_for("private"), stage.progress)
    compare_report.report(rows, model, private_names.masker(stage.models.find_named)).write(stage.out / "diff.html")
    stage.say(f"data: {rows}")
    if model is not None:
        stage.say(f"model: {model.names[0]} -> {model.names[1]}, paired by case")
        for change in _headlines(model):
            stage.say(f"  {change}")
    stage.say(f"\n{HONESTY}")


def _headlines(model: ModelDiff) -> list[str]:
    return [str(change) for change in model.changes if (change.suite, change.measure) in HEADLINES]

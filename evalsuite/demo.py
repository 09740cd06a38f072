"""`winnow demo`: the loop on data that ships with Winnow. Every figure is computed on the spot.

tell(Path("winnow-demo"), models, Console())
"""

import time
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.rule import Rule

from curate import (
    audit_report,
    datadiff_report,
    explain,
    iteration,
    iteration_report,
    pii,
    pipeline,
    shipped,
    survey,
    verification,
)
from curate import recipe as recipes
from curate.detectors import Models
from curate.progress import Progress, silent

TOLD = (("near", "removed"), ("pii", "edited"), ("overlap", "removed"))
LINES = 14  # of a story, so that it fits on a screen


def tell(out: Path, models: Models, console: Console, progress: Progress = silent) -> None:
    """Audit, curate, explain, certify, verify and diff the sample data; end in the paths of the reports."""
    started = time.monotonic()
    raw, evals = shipped.sample_data() / "support-raw.jsonl", shipped.sample_data() / "support-eval.jsonl"
    reports = {name: out / name for name in ("audit-raw.html", "diff-raw-curated.html")}

    _chapter(console, "1. Audit: what is in the raw file?", f"winnow audit {raw.name} --eval {evals.name}")
    found = survey.audit_files([raw], [evals], models, progress=progress)
    audit_report.report(found).write(reports["audit-raw.html"])
    console.print(str(found), markup=False, highlight=False)

    _chapter(console, "2. Curate: every row ends in kept, removed or quarantine", "winnow curate … -o 002-curated")
    it = pipeline.curate(
        [raw], [evals], out / "iterations" / "002-curated", recipes.Recipe(), models, progress=progress
    )
    console.print(it)

    _chapter(console, "3. Why? Three rows, and what became of them", "winnow why 002-curated ROW")
    for story in _stories(it, models):
        console.print(story + "\n", markup=False, highlight=False)

    _chapter(
        console,
        "4. The certificate: three claims, kept apart, then recomputed from the files",
        "winnow verify 002-curated",
    )
    for claim in iteration_report.claims(it.certificate()):
        console.print(f"  {claim}", markup=False, highlight=False)
    verdict = verification.verify(it.path, [evals], None, lambda precision: models.encoder, progress)
    console.print(f"\n[green]✔[/green] {verdict}")

    _chapter(console, "5. Diff: raw rows against curated ones", "winnow diff raw 002-curated")
    difference = survey.compare_paths(raw, it.path, models, progress)
    datadiff_report.report(difference).write(reports["diff-raw-curated.html"])
    console.print(datadiff_report.summary(difference))

    console.print(Rule(f"done in {time.monotonic() - started:.0f} s"))
    for path in (*reports.values(), it.data / "report.html", it.train_file, it.data / "certificate.json"):
        console.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)


def _chapter(console: Console, title: str, command: str) -> None:
    console.print()
    console.print(Rule(f"[bold]{title}[/bold]", align="left"))
    console.print(f"[dim]$ {command}[/dim]\n")


def _stories(it: iteration.Iteration, models: Models) -> list[str]:
    """One row per kind of story: the first by id, so that every run tells the same."""
    ledger = it.ledger()
    told = []
    for step, action in TOLD:
        rows = ledger.filter((pl.col("step") == step) & (pl.col("action") == action))["row_id"].sort()
        if len(rows):
            story = explain.why(it, rows[0], lambda said: pii.mask(said, models.find_pii.find([said])[0]))
            told.append("\n".join(_clip(str(story.told[0]).splitlines())))
    return told


def _clip(lines: list[str]) -> list[str]:
    short = [line if len(line) <= 160 else line[:159] + "…" for line in lines]
    return short if len(short) <= LINES else [*short[: LINES - 1], f"    … {len(short) - LINES + 1} more lines"]

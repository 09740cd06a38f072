"""The report of a run: every figure with its interval, what could not be scored, and the cases that went wrong.

    build(found, suites, mask).write(Path("eval/report.html"))

`mask` takes personal data out of the texts; no completion is shown without it.
"""

from collections.abc import Callable, Sequence

import polars as pl

from curate.counted import counted
from curate.report import Block, Column, Fact, Figure, Finding, Note, Report, Section, Table
from curate.report.excerpt import excerpt
from evalsuite.evaluation import Evaluation
from evalsuite.figures import Metric
from evalsuite.suite import Suite

SHOWN = 10
CHARACTERS = 300
HEADLINES = (
    ("style", "checks"),
    ("task", "exact"),
    ("task", "similarity"),
    ("toxicity", "toxic"),
    ("leakage", "personal data"),
    ("leakage", "training value"),
    ("guardrails", "answered, should refuse"),
    ("guardrails", "refused, should answer"),
)

WANTED = {"higher": "higher is better", "lower": "lower is better", "neither": ""}
# Where nearly every case falls short of a share, the lowest scores say more than the first failures.
SHOW_LOWEST = {"task": "similarity", "style": "checks"}

Mask = Callable[[Sequence[str]], list[str]]


def build(found: Evaluation, suites: Sequence[Suite], mask: Mask) -> Report:
    """The report model; it renders itself as HTML, Markdown, JSON or text."""
    adapter = f", adapter {found.model.adapter[:12]}" if found.model.adapter else ", no adapter"
    facts = [Fact(f"{m.suite}: {m.measure.name}", figure(m), WANTED[m.measure.better]) for m in _headlines(found)]
    sections = [Section("Eval files", blocks=tuple(_files(found, suites)))]
    sections += [_section(found, suite, mask) for suite in suites]
    sections.append(_how(found, suites))
    subtitle = f"{found.model.name}{adapter}, {found.model.dtype} on {found.model.device}"
    return Report("Evaluation", subtitle, tuple(facts), tuple(sections))


def figure(metric: Metric) -> Figure:
    """A metric as a report shows it: shares as percent."""
    share = metric.measure.kind == "share"
    return Figure.of(metric.interval, "%" if share else "")


def _headlines(found: Evaluation) -> list[Metric]:
    by_name = {(m.suite, m.measure.name): m for m in found.metrics}
    return [by_name[name] for name in HEADLINES if name in by_name]


def _files(found: Evaluation, suites: Sequence[Suite]) -> list[Block]:
    words = {True: "yes", False: "not certified", None: "not certified (no certificate)"}
    rows = [
        (suite.name, file.name, file.cases, words[found.certified[file.name]], file.sha256[:16])
        for suite in suites
        for file in suite.files
    ]
    columns = (
        Column("suite"),
        Column("file"),
        Column("cases", "number"),
        Column("certified"),
        Column("SHA-256", "code"),
    )
    blocks: list[Block] = [Table(columns, tuple(rows))]
    blocks += [
        Finding(
            "warning",
            "Not certified",
            text=sentence.removeprefix("not certified: "),
            todo="winnow curate DATA --eval FILE -o NEW_ITERATION",
        )
        for sentence in found.uncertified()
    ]
    return blocks


def _section(found: Evaluation, suite: Suite, mask: Mask) -> Section:
    metrics = [metric for metric in found.metrics if metric.suite == suite.name]
    columns = (
        Column("measure"),
        Column("figure", "number"),
        Column("unscored", "number"),
        Column("worst to best", "number"),
        Column("note"),
    )
    rows = [
        (
            f"{m.measure.label} ({m.measure.unit})" if m.measure.unit else m.measure.label,
            figure(m),
            sum(m.unscored.values()),
            None if m.worst is None or m.best is None else f"{m.worst:.3g} to {m.best:.3g}",
            "; ".join(
                part for part in (WANTED[m.measure.better], m.measure.note, m.interval.method, m.interval.note) if part
            ),
        )
        for m in metrics
    ]
    blocks: list[Block] = [Table(columns, tuple(rows))]
    if faults := found.faults.get(suite.name):
        said = ", ".join(f"{fault} {n:,}" for fault, n in faults.items())
        blocks.append(Finding("warning", f"Completions with a fault: {said}", count=sum(faults.values())))
    blocks += _wrong(found.cases.filter(pl.col("suite") == suite.name), suite, mask)
    blocks += [Note(" ".join(note.split())) for note in (*suite.notes, *suite.limits)]
    return Section(suite.name.capitalize(), f"{counted(len(suite.cases), 'case')}.", tuple(blocks))


def _wrong(cases: pl.DataFrame, suite: Suite, mask: Mask) -> list[Block]:
    """The cases to look at: those that failed or could not be scored, or the lowest scores of the telling measure."""
    if measure := SHOW_LOWEST.get(suite.name.partition(":")[0]):
        wrong = cases.filter(pl.col("measure") == measure).sort("score", "case_id", nulls_last=False)
        title = f"Cases with the lowest {measure}, unscored ones first"
    else:
        wrong = cases.filter(pl.col("verdict").is_in(["fail", "unscored"]))
        title = "Cases that failed or could not be scored"
    if not wrong.height and suite.name == "bias":
        measure = "meaning from baseline"
        wrong = cases.filter(pl.col("measure") == measure).sort("score", "case_id", descending=[True, False])
        title = f"Cases with the largest {measure}"
    if not wrong.height:
        return []
    shown = wrong.unique("case_id", keep="first", maintain_order=True).head(SHOWN)
    return [_shown(shown, mask, title, wrong["case_id"].n_unique())]


def _shown(cases: pl.DataFrame, mask: Mask, title: str, total: int) -> Table:
    texts = {
        name: mask([text or "" for text in cases[name].to_list()])
        for name in ("prompt", "ideal", "completion", "evidence")
    }
    with_ideal = any(texts["ideal"])
    rows = [
        (
            row["case_id"],
            row["measure"],
            row["verdict"] if row["verdict"] != "scored" else f"{row['score']:.3g}",
            *(str(excerpt(texts[name][n], CHARACTERS)) for name in ("prompt", "completion")),
            *([str(excerpt(texts["ideal"][n], CHARACTERS))] if with_ideal else []),
            row["unscored"] or str(excerpt(texts["evidence"][n], CHARACTERS)),
        )
        for n, row in enumerate(cases.iter_rows(named=True))
    ]
    columns = (
        Column("case", "code"),
        Column("measure"),
        Column("verdict"),
        Column("prompt", "text"),
        Column("completion", "text"),
        *([Column("ideal", "text")] if with_ideal else []),
        Column("why", "text"),
    )
    return Table(columns, tuple(rows), title, total)


def _how(found: Evaluation, suites: Sequence[Suite]) -> Section:
    s = found.sampling
    rows: list[tuple[str, str]] = [
        ("base", f"{found.model.name}, weights {found.model.base[:16]}"),
        ("adapter", found.model.adapter[:16] if found.model.adapter else "none"),
        ("chat template", found.model.template[:16]),
        ("engine", f"{found.model.engine}; {found.model.dtype} on {found.model.device}"),
        (
            "completions",
            f"up to {s.max_new_tokens} tokens, temperature {s.temperature:g}, seed {s.seed}, batches of {s.batch_size}",
        ),
        *((f"detectors of {suite.name}", "; ".join(suite.detectors)) for suite in suites),
    ]
    text = (
        "The detectors are those of curation. A set that was filtered by a detector and is graded by the same one is "
        "flattered. Shares have Wilson intervals, means Student's t; where cases share a template, the templates are what "
        "varies. Unscored cases are in no figure; 'worst to best' says what they could have made of it."
    )
    notes = tuple(Note(note) for note in found.notes if note.startswith("the adapter") or "not run" in note)
    return Section(
        "How this was measured", text, (Table((Column("what"), Column("which", "code")), tuple(rows)), *notes)
    )

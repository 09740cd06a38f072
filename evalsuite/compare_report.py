"""Data and model side by side on one page: what changed in the rows, what changed in what the model says.

report(data_diff, model_diff, mask).write(Path("diff.html"))
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from curate import datadiff_report, plots
from curate.counted import counted
from curate.datadiff import DataDiff
from curate.report import Block, Cell, Column, Fact, Figure, Note, Pair, Plot, Report, Section, Table
from curate.report.excerpt import excerpt
from evalsuite import compare
from evalsuite.compare import Change, ModelDiff

SHOWN = 6  # flips of each figure
CHARACTERS = 400
Mask = Callable[[str], str]


def report(data: DataDiff, model: ModelDiff | None, mask: Mask) -> Report:
    """The data diff's page, with the model's half before it when both sides were evaluated."""
    page = datadiff_report.report(data)
    if model is None:
        return page
    facts = tuple(_fact(change) for change in model.changes if change.verdict in ("better", "worse"))
    sections = (_figures(model), *_flipped(model, mask))
    return replace(page, facts=(*facts, *page.facts), sections=(*sections, *page.sections))


def _fact(change: Change) -> Fact:
    return Fact(f"{change.suite}: {change.measure}", _figure(change), change.verdict)


def _figure(change: Change) -> Figure:
    return Figure.of(change.difference, "%" if change.kind == "share" else "")


def _figures(model: ModelDiff) -> Section:
    table = _table(model)
    shares = [change for change in model.changes if change.kind == "share"]
    blocks: list[Block] = [table]
    if shares:
        lines = tuple(line[:3] for line in table.rows)
        blocks.append(_shares(shares, model.names, Table(table.columns[:3], lines)))
    blocks += [Note(note) for note in model.notes]
    blocks.append(
        Note(
            f"Paired by case; {counted(len(model.changes), 'figure was', 'figures were')} compared. A verdict survives Holm's correction for that "
            "number; intervals are of 95 % each, uncorrected. Inconclusive is not equal: the cases do not suffice to say. "
            f"Figures over fewer than {compare.FEWEST} templates, and means over fewer than {compare.FEWEST} pairs, are not tested."
        )
    )
    said = "Difference = after - before, over the cases that both sides scored."
    return Section("What changed in the model", said, tuple(blocks))


def _table(model: ModelDiff) -> Table:
    before, after = model.names
    columns = (
        Column("figure"), Column(before, "number"), Column(after, "number"), Column("difference", "number"), Column("verdict"),
        Column("won", "number"), Column("lost", "number"), Column("no pair", "number"),
    )  # fmt: skip
    return Table(columns, tuple(_line(change) for change in model.changes))


def _line(change: Change) -> tuple[Cell, ...]:
    share = change.kind == "share"
    unit = "%" if share else ""
    judged = change.verdict in ("better", "worse")
    return (
        f"{change.suite}: {change.label}",
        Figure(change.before, unit=unit),
        Figure(change.after, unit=unit),
        _figure(change),
        f"{change.verdict} ({change.better} is better)" if judged else change.verdict,
        change.gained if share else None,
        change.lost if share else None,
        change.unpaired,
    )


def _shares(shares: Sequence[Change], sides: tuple[str, str], numbers: Table) -> Plot:
    names = [f"{c.suite}: {c.measure}" for c in shares]
    before, after = [c.before for c in shares], [c.after for c in shares]
    picture = plots.dumbbell(names, before, after, x="share of cases", percent=True, names=sides)
    said = "; ".join(f"{name}: {_percent(a)} to {_percent(b)}" for name, a, b in zip(names, before, after, strict=True))
    return Plot("Shares before and after", picture, said, numbers)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"


def _flipped(model: ModelDiff, mask: Mask) -> tuple[Section, ...]:
    if not model.flips.height:
        return ()
    blocks: list[Block] = []
    for (suite, measure, how), group in model.flips.group_by("suite", "measure", "how", maintain_order=True):
        shown = group.head(SHOWN)
        blocks.append(
            Note(f"{suite}, {measure}: {group.height} {how}" + (f", {SHOWN} shown" if group.height > SHOWN else ""))
        )
        blocks += _pairs(shown, model.names, mask)
    return (
        Section(
            "Cases whose verdict changed", "Both completions, lost cases first. Personal data is masked.", tuple(blocks)
        ),
    )


def _pairs(rows: pl.DataFrame, names: tuple[str, str], mask: Mask) -> list[Block]:
    prompts, left, right = (
        [mask(text) for text in rows[name].fill_null("")] for name in ("prompt", "completion", "completion_after")
    )
    return [
        Pair(_short(a), _short(b), f"{names[0]}: {case}", names[1], f"asked: {_short(prompt)}")
        for case, prompt, a, b in zip(rows["case_id"], prompts, left, right, strict=True)
    ]


def _short(text: str) -> str:
    return excerpt(text, CHARACTERS).text if text else "(nothing)"

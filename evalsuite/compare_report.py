"""Data and model side by side on one page: what changed in the rows, what changed in what the model says.

report(data_diff, model_diff, mask).write(Path("diff.html"))
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from curate import datadiff_report, plots
from curate.datadiff import DataDiff
from curate.report import Block, Cell, Column, Fact, Figure, Note, Pair, Plot, Report, Section, Table
from curate.report.excerpt import excerpt
from evalsuite.compare import Change, ModelDiff

SHOWN = 6  # flips of each figure
CHARACTERS = 400
Mask = Callable[[Sequence[str]], list[str]]


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
    before, after = model.names
    columns = (
        Column("figure"), Column(before, "number"), Column(after, "number"), Column("difference", "number"), Column("verdict"),
        Column("won", "number"), Column("lost", "number"), Column("no pair", "number"),
    )  # fmt: skip
    lines: list[tuple[Cell, ...]] = [
        (
            f"{c.suite}: {c.label}",
            Figure(c.before, unit="%" if c.kind == "share" else ""),
            Figure(c.after, unit="%" if c.kind == "share" else ""),
            _figure(c),
            f"{c.verdict} ({c.better} is better)" if c.verdict in ("better", "worse") else c.verdict,
            c.gained if c.kind == "share" else None,
            c.lost if c.kind == "share" else None,
            c.unpaired,
        )
        for c in model.changes
    ]
    shares = [c for c in model.changes if c.kind == "share"]
    blocks: list[Block] = [Table(columns, tuple(lines))]
    if shares:
        names = [f"{c.suite}: {c.measure}" for c in shares]
        picture = plots.dumbbell(
            names,
            [c.before for c in shares],
            [c.after for c in shares],
            x="share of cases",
            percent=True,
            names=model.names,
        )
        said = "; ".join(
            f"{name}: {c.before or 0:.1%} to {c.after or 0:.1%}" for name, c in zip(names, shares, strict=True)
        )
        blocks.append(
            Plot("Shares before and after", picture, said, Table(columns[:3], tuple(line[:3] for line in lines)))
        )
    blocks += [Note(note) for note in model.notes]
    blocks.append(
        Note(
            f"Paired by case; {len(model.changes)} figures were compared. A verdict survives Holm's correction for that "
            "number; intervals are of 95 % each, uncorrected. Inconclusive is not equal: the cases do not suffice to say."
        )
    )
    return Section(
        "What changed in the model",
        "Difference = after - before, over the cases that both sides scored.",
        tuple(blocks),
    )


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
        mask(rows[name].fill_null("").to_list()) for name in ("prompt", "completion", "completion_after")
    )
    return [
        Pair(_short(a), _short(b), f"{names[0]}: {case}", names[1], f"asked: {_short(prompt)}")
        for case, prompt, a, b in zip(rows["case_id"], prompts, left, right, strict=True)
    ]


def _short(text: str) -> str:
    return excerpt(text, CHARACTERS).text if text else "(nothing)"

"""The difference of two datasets as a page: counts, reasons, lengths, faults, and rows side by side.

report(found).write(Path("diff.html"))
"""

from dataclasses import replace

import polars as pl

from curate import lengths, plots
from curate.counted import counted
from curate.datadiff import DataDiff, Length, Rate
from curate.report import Block, Cell, Column, Fact, Figure, Note, Pair, Plot, Report, Section, Table
from curate.stats import Interval


def report(found: DataDiff) -> Report:
    """The difference as a page."""
    matching = found.matching
    facts = (
        Fact("rows", f"{found.rows[0]:,} → {found.rows[1]:,}", f"{found.rows[1] - found.rows[0]:+,}"),
        Fact("removed", len(matching.removed), _explained(found)),
        Fact("added", len(matching.added)),
        Fact("edited", len(matching.edited), "same id, other turns"),
        Fact("unchanged", len(matching.unchanged), _renamed(found)),
    )
    sections = (_reasons(found), _faults(found), _lengths(found), _rows(found), _edits(found), _about(found))
    before, after = found.names
    return Report(f"{before} → {after}", str(found), facts, tuple(section for section in sections if section))


def _explained(found: DataDiff) -> str:
    if found.unexplained is None:
        return "no ledger was given"
    return f"{len(found.unexplained):,} without a line in the ledger"


def _renamed(found: DataDiff) -> str:
    renamed = sum(before != after for before, after in found.matching.unchanged)
    return f"{renamed:,} under another id" if renamed else ""


def _reasons(found: DataDiff) -> Section | None:
    if found.unexplained is None or not found.matching.removed:
        return None
    columns = (Column("step"), Column("rule"), Column("rows", "number"))
    lines: list[tuple[Cell, ...]] = [(step, rule, n) for (step, rule), n in found.removals.items()]
    if found.unexplained:
        lines.append((None, "no line in the ledger", len(found.unexplained)))
    labels = [f"{line[0] or 'unknown'}: {line[1]}" for line in lines]
    counts = [float(str(line[2])) for line in lines]
    said = "Rows removed: " + "; ".join(f"{label} {count:,.0f}" for label, count in zip(labels, counts, strict=True))
    picture = Plot(
        "Removed rows by step and rule", plots.bars(labels, counts, x="rows"), said, Table(columns, tuple(lines))
    )
    return Section("Why rows were removed", "", (picture,))


def _faults(found: DataDiff) -> Section:
    blocks: list[Block] = []
    if found.faults:
        before, after = found.names
        columns = (
            Column("share of rows with"),
            Column(before, "number"),
            Column(after, "number"),
            *_differences(found),
        )
        lines: list[tuple[Cell, ...]] = [
            (rate.name, _percent(rate.before), _percent(rate.after), *_both(found, rate, "%")) for rate in found.faults
        ]
        names = [rate.name for rate in found.faults]
        shares = [rate.before.value for rate in found.faults], [rate.after.value for rate in found.faults]
        picture = plots.dumbbell(names, *shares, x="share of rows", percent=True, names=found.names)
        alt = "; ".join(
            f"{rate.name}: {_percent(rate.before).number} to {_percent(rate.after).number}" for rate in found.faults
        )
        blocks.append(Plot("Shares before and after", picture, alt, Table(columns, tuple(lines)), open=True))
    if found.unmeasured:
        blocks.append(Note(f"Not measured on both sides: {', '.join(found.unmeasured)}."))
    return Section("Faults", "", tuple(blocks))


def _differences(found: DataDiff) -> tuple[Column, ...]:
    both = Column("difference, rows of both sides", "number")
    # Without a row that came or went, the paired difference is the whole difference.
    return (both,) if found.matching.same_rows else (Column("difference, all rows", "number"), both)


def _both(found: DataDiff, measured: Rate | Length, unit: str = "") -> tuple[Figure, ...]:
    shared = Figure.of(measured.shared, unit)
    # The n of two samples stands in their own columns.
    apart = replace(Figure.of(measured.difference, unit), n=None)
    return (shared,) if found.matching.same_rows else (apart, shared)


def _percent(share: Interval) -> Figure:
    return Figure.of(share, "%")


def _lengths(found: DataDiff) -> Section:
    before, after = found.names
    columns = (Column("mean per row"), Column(before, "number"), Column(after, "number"), *_differences(found))
    lines = tuple(
        (length.name, _mean(length.before), _mean(length.after), *_both(found, length)) for length in found.lengths
    )
    words = {length.name: length for length in found.lengths}
    plotted = tuple(
        lengths.plot(
            f"Words per {side}", "words", {before: words[f"{side}, words"].before, after: words[f"{side}, words"].after}
        )
        for side in ("answer", "query")
    )
    return Section("Lengths", "", (Table(columns, lines), *plotted))


def _mean(values: pl.Series) -> float | None:
    return lengths.summary(values).mean


def _rows(found: DataDiff) -> Section | None:
    removed, added = found.matching.removed, found.matching.added
    blocks: list[Block] = []
    if removed:
        shown = removed[: found.shown]
        why = (
            {row: {"why": found.why.get(row, "no line in the ledger")} for row in shown}
            if found.unexplained is not None
            else {}
        )
        table = found.samples[0].table(shown, total=len(removed), more=why)
        blocks.append(Table(table.columns, table.rows, "Removed rows", table.total))
    if added:
        table = found.samples[1].table(added[: found.shown], total=len(added))
        blocks.append(Table(table.columns, table.rows, "Added rows", table.total))
    return Section("Rows that went and came", "", tuple(blocks)) if blocks else None


def _edits(found: DataDiff) -> Section | None:
    pairs = found.matching.edited
    if not pairs:
        return None
    blocks: list[Block] = []
    for before, after in pairs[: found.shown]:
        left, right = found.samples[0].script(before), found.samples[1].script(after)
        note = (
            "The shown texts are alike: the difference is in masked values or in tool calls." if left == right else ""
        )
        blocks.append(Pair(left, right, f"{found.names[0]}: {before}", f"{found.names[1]}: {after}", note))
    return Section(
        "Edited rows", f"{min(len(pairs), found.shown):,} of {counted(len(pairs), 'edited row')}.", tuple(blocks)
    )


def _about(found: DataDiff) -> Section:
    same = found.fingerprints[0] == found.fingerprints[1]
    prints = "The same rows on both sides" if same else "Fingerprints differ"
    masked = all(side.masked for side in found.samples)
    shown = (
        "Personal data in shown rows is masked." if masked else "No text is shown: personal data was not looked for."
    )
    note = (
        f"{prints}: {found.fingerprints[0]} and {found.fingerprints[1]}. Differences are after minus before, with 95 % "
        "intervals. Over all rows the two sides are treated as two samples, which is cautious when they share rows; over "
        f"the rows of both sides the interval is a paired one. {shown}"
    )
    return Section("About this comparison", "", (Note(note),))


def summary(found: DataDiff) -> Report:
    """The first screen of the page: counts, and the faults without the single kinds of personal data."""
    few = tuple(rate for rate in found.faults if not rate.name.startswith("personal data, ") or "any kind" in rate.name)
    whole = report(found)
    return replace(whole, sections=(_faults(replace(found, faults=few)),))

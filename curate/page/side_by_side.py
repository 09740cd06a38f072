"""Rows of an audit beside what they are to be compared with: the row that stays, the other answer, the eval item.

disagreeing(found)      # found: curate.audit.Audit
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from curate import problems
from curate.audit import Audit
from curate.problems import Problem
from curate.report import Block, Cell, Column, Pair, Section, Table

DISAGREE = {"contradiction": problems.BY_FAULT["contradiction"], "other answer": problems.CONFLICT}


def duplicates(found: Audit) -> Section | None:
    """Rows that go because of a row that stays: the first two of each rule."""
    rules = ("near duplicate", "wrapped question", "truncated answer", "semantic duplicate")
    blocks: list[Block] = []
    for rule in rules:
        for row, details in _first_two(found, problems.BY_RULE[rule]):
            twin = str(details["twin"])
            note = f"{rule}, score {details['score']}"
            blocks.append(
                Pair(found.samples.script(row), found.samples.script(twin), f"goes: {row}", f"stays: {twin}", note)
            )
    return (
        Section("Duplicates, side by side", "A row goes because of a row that stays.", tuple(blocks))
        if blocks
        else None
    )


def disagreeing(found: Audit) -> Section | None:
    """Rows that answer one question otherwise: the first two of each kind."""
    blocks = tuple(
        Pair(
            found.samples.script(row), found.samples.script(str(details["twin"])),
            f"row {row}", f"row {details['twin']}", f"{name}, {details['differs']}" if details.get("differs") else name,
        )
        for name, kind in DISAGREE.items()
        for row, details in _first_two(found, kind)
        if details.get("twin")
    )  # fmt: skip
    said = "The same question, answered otherwise."
    return Section("Answers that disagree, side by side", said, blocks) if blocks else None


def overlap(found: Audit) -> Section | None:
    """How many rows match which eval file, and the first two of each class beside their item."""
    if found.check is None:
        return None
    by_file = found.check.matches.group_by("eval_file", "class").agg(pl.col("row_id").n_unique().alias("rows"))
    lines = tuple(by_file.sort("eval_file", "class").iter_rows())
    columns = (Column("eval file", "code"), Column("class"), Column("rows", "number"))
    blocks: list[Block] = [Table(columns, lines)] if lines else []
    for rule in problems.OVERLAPS:
        for row, details in _first_two(found, problems.BY_RULE[rule]):
            case = str(details["twin"])
            note = f"{rule}, score {details['score']}"
            blocks.append(
                Pair(found.samples.script(row), found.cases.script(case), f"row {row}", f"eval item {case}", note)
            )
    highest = max(found.check.nearest["cosine"].to_list(), default=None)
    said = f"{found.check.pairs_compared:,} pairs of windows compared"
    said += "" if found.check.matches.height else ", no match"
    said += "." if highest is None else f"; the highest cosine found is {highest:.3f}."
    return Section("Overlap with eval files", said, tuple(blocks))


def with_the_other(found: Audit, rows: Table, problem: Problem) -> Table:
    """The rows, each with what the other row answers to the same question."""
    twins = [problem.details.get(str(row[0]), {}).get("twin") for row in rows.rows]
    if not any(twins):
        return rows
    place = 1 + [column.name for column in rows.columns].index("answer")
    columns = (*rows.columns[:place], Column("the other", "text"), *rows.columns[place:])
    said = [found.samples.answer(str(twin)) if twin else None for twin in twins]
    lines = tuple((*row[:place], other, *row[place:]) for row, other in zip(rows.rows, said, strict=True))
    return replace(rows, columns=columns, rows=lines)


def _first_two(found: Audit, kind: problems.Kind) -> list[tuple[str, Mapping[str, Cell]]]:
    problem = next((p for p in found.problems if p.kind is kind), None)
    return [(row, problem.details.get(row, {})) for row in problem.rows[:2]] if problem else []

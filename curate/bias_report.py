"""The audit's pages on toxicity and on groups of people.

    sections(found)         # found: curate.audit.Audit

What was measured of the toxicity scorer itself stands beside what it says: its gaps are in the figures too.
"""

from curate import stats
from curate.audit import Audit
from curate.bias import FEWEST, FEWEST_AT_WORK, ROWS_READ, Bias, Compared, Group
from curate.report import Block, Cell, Column, Figure, Note, Section, Table

WORK_SHOWN = 25


def sections(found: Audit) -> tuple[Section, ...]:
    """Toxicity, and groups of people; nothing where it was not measured."""
    if found.bias is None:
        return ()
    told = [_toxicity(found.bias, found.rows), _groups(found.bias)]
    return tuple(section for section in told if section is not None)


def _toxicity(bias: Bias, rows: int) -> Section | None:
    counts = bias.toxicity
    if counts is None:
        return None
    columns = (
        Column("who speaks"),
        Column("toxic turns", "number"),
        Column("rows with one", "number"),
        Column("share of rows", "number"),
    )
    lines = tuple(
        (role, n, counts.toxic_rows[role], Figure.of(stats.wilson(counts.toxic_rows[role], rows), "%"))
        for role, n in counts.toxic_turns.items()
    )
    blank = ", ".join(f"{why} {n:,}" for why, n in counts.unscored.items())
    blocks: list[Block] = [Table(columns, lines)] if lines else []
    blocks.append(Note(f"{sum(counts.unscored.values()):,} turns have no score" + (f": {blank}." if blank else ".")))
    blocks += [Note(bias.scorer)] if bias.scorer else []
    return Section("Toxicity", f"{counts.turns:,} turns, toxic from {counts.threshold:g} on.", tuple(blocks))


def _groups(bias: Bias) -> Section:
    said = (
        "Rows that mention a group, by lists of words that are ours, English and not complete. Tone is VADER's, -1 to 1, of the "
        f"sentences that mention the group, beside answers that do not; at most {ROWS_READ:,} rows of each are read. A difference is "
        f"called one where it holds after Holm's correction over all {bias.comparisons:,} comparisons; of fewer than {FEWEST} rows "
        "nothing is said. It tells of these texts, and it is a reason to read them, not a verdict on them."
    )
    head = (
        Column("axis"), Column("group"), Column("rows", "number"), Column("share of rows", "number"), Column("answers", "number"),
        Column("tone", "number"), Column("beside the rest", "number"), Column("tone is"), Column("not scored", "number"),
        Column("toxic answers", "number"), Column("beside the rest", "number"), Column("toxicity is"),
    )  # fmt: skip
    mentioned = [one for one in bias.groups if one.rows]
    none = [one.name for one in bias.groups if not one.rows]
    blocks: list[Block] = [Table(head, tuple(map(_line, mentioned)), caption="Who is mentioned")] if mentioned else []
    blocks += [Note(f"Mentioned nowhere: {', '.join(none)}.")] if none else []
    if bias.work:
        blocks.append(_work(bias))
    return Section("Groups of people", said, tuple(blocks))


def _line(one: Group) -> tuple[Cell, ...]:
    tone, toxic = one.tone, one.toxic
    return (
        one.axis, one.name, one.rows, Figure.of(one.share, "%"), one.answers,
        *_cells(tone, ""), _said(tone), one.unscored, *_cells(toxic, "%"), _said(toxic),
    )  # fmt: skip


def _cells(compared: Compared | None, unit: str) -> tuple[Cell, Cell]:
    if compared is None:
        return None, None
    return Figure.of(compared.own, unit), Figure.of(compared.difference, unit)


def _said(compared: Compared | None) -> str:
    return "too few to say" if compared is None else compared.verdict


def _work(bias: Bias) -> Table:
    columns = (
        Column("occupation"), Column("rows with she", "number"), Column("rows with he", "number"), Column("share of she", "number"),
        Column("beside the other occupations"),
    )  # fmt: skip
    lines = tuple((one.name, one.she, one.he, Figure.of(one.share, "%"), one.verdict) for one in bias.work[:WORK_SHOWN])
    caption = (
        f"Occupations within a few words of she or he, in answers; over all of them the share of she is {Figure.of(bias.all_work, '%')}. "
        f"Judged from {FEWEST_AT_WORK} rows on"
    )
    return Table(columns, lines, caption=caption, total=len(bias.work))

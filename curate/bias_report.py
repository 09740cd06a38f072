"""The audit's pages on toxicity and on groups of people.

    sections(found)         # found: curate.audit.Audit

What was measured of the toxicity scorer itself stands beside what it says: its gaps are in the figures too.
"""

from collections.abc import Sequence

from curate import stats
from curate.audit import USABLE, Audit
from curate.bias import ANSWERS_READ, FEWEST, FEWEST_AT_WORK, LEVEL, Bias, Compared, Group
from curate.counted import counted
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
        Column(USABLE, "number"),
    )
    lines = tuple(
        (role, n, counts.toxic_rows[role], Figure.of(stats.wilson(counts.toxic_rows[role], rows), "%"))
        for role, n in counts.toxic_turns.items()
    )
    blank = ", ".join(f"{why} {n:,}" for why, n in counts.unscored.items())
    blocks: list[Block] = [Table(columns, lines)] if lines else []
    without = counted(sum(counts.unscored.values()), "turn has no score", "turns have no score")
    blocks.append(Note(without + (f": {blank}." if blank else ".")))
    blocks += [Note(bias.scorer)] if bias.scorer else []
    return Section("Toxicity", f"{counted(counts.turns, 'turn')}, toxic from {counts.threshold:g} on.", tuple(blocks))


def _groups(bias: Bias) -> Section:
    mentioned = [one for one in bias.groups if one.rows]
    none = [one.name for one in bias.groups if not one.rows]
    blocks: list[Block] = [_mentioned(mentioned)] if mentioned else []
    blocks += [Note(f"Mentioned nowhere: {', '.join(none)}.")] if none else []
    if compared := [one for one in mentioned if one.tone or one.toxic]:
        blocks.append(_compared(compared, bias.toxicity is not None))
    if few := [one for one in mentioned if one not in compared]:
        blocks.append(Note(f"Too few distinct answers with a score to say more of: {', '.join(map(_few, few))}."))
    if bias.work:
        blocks.append(_work(bias))
    return Section("Groups of people", _said_of(bias), tuple(blocks))


def _said_of(bias: Bias) -> str:
    match bias.comparisons:
        case 0:
            told = "Nothing was compared. "
        case 1:
            told = f"One comparison was made: a difference is called one where p is {LEVEL:g} at most. "
        case n:
            told = f"A difference is called one where it holds after Holm's correction over all {n:,} comparisons. "
    return (
        "Rows that mention a group, by lists of words that are ours, English and not complete. Tone and toxicity are those of "
        "distinct answers, which is what n counts: copies of an answer count once. Tone is VADER's, -1 to 1, of the sentences that "
        f"mention the group, beside answers that do not; at most {ANSWERS_READ:,} answers of each are read. {told}Of fewer than "
        f"{FEWEST} answers nothing is said, and neither is where all have one tone. "
        "It tells of these texts, and it is a reason to read them, not a verdict on them."
    )


def _mentioned(groups: Sequence[Group]) -> Table:
    head = (
        Column("axis"), Column("group"), Column("rows", "number"), Column(USABLE, "number"), Column("distinct answers", "number"),
    )  # fmt: skip
    lines = tuple((one.axis, one.name, one.rows, Figure.of(one.share, "%"), one.answers) for one in groups)
    return Table(head, lines, caption="Who is mentioned")


def _compared(groups: Sequence[Group], scored: bool) -> Table:
    """A line for each figure, not a column: twelve columns are wider than a page."""
    head = (
        Column("group"), Column("of its answers"), Column("figure", "number"), Column("beside the rest", "number"), Column("it is"),
        Column("not scored", "number"),
    )  # fmt: skip
    lines = [_line(one.name, "tone", one.tone, "", one.unscored) for one in groups]
    if scored:
        lines += [_line(one.name, "toxic", one.toxic, "%", one.toxic_unscored) for one in groups]
    return Table(head, tuple(lines), caption="Tone and toxicity of the answers that mention a group")


def _line(name: str, what: str, compared: Compared | None, unit: str, unscored: int) -> tuple[Cell, ...]:
    if compared is None:
        return name, what, None, None, "too few to say", unscored
    own, difference = Figure.of(compared.own, unit), Figure.of(compared.difference, unit)
    return name, what, own, difference, compared.verdict, unscored


def _few(one: Group) -> str:
    """A group of which too little is known, and how many of its answers had no tone."""
    return f"{one.name} ({one.answers:,}, of them {one.unscored:,} without a tone)" if one.unscored else one.name


def _work(bias: Bias) -> Table:
    columns = (
        Column("occupation"), Column("answers with she", "number"), Column("answers with he", "number"), Column("share of she", "number"),
        Column("beside the other occupations"),
    )  # fmt: skip
    lines = tuple((one.name, one.she, one.he, Figure.of(one.share, "%"), one.verdict) for one in bias.work[:WORK_SHOWN])
    caption = (
        f"Occupations within a few words of she or he, in distinct answers; over all of them the share of she is {Figure.of(bias.all_work, '%')}. "
        f"Judged from {FEWEST_AT_WORK} answers on"
    )
    return Table(columns, lines, caption=caption, total=len(bias.work), things="occupations")

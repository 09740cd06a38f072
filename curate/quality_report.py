"""The audit's page on the quality of rows: every fault that was looked for, and what `winnow curate` does about it.

sections(found)         # found: curate.audit.Audit
"""

from curate import problems, stats
from curate.audit import READ, Audit
from curate.report import Column, Figure, Note, Section, Table


def sections(found: Audit) -> tuple[Section, ...]:
    """One table of all named faults, those that were found first."""
    if found.faults is None:
        return ()
    of = found.rows + found.quarantined
    kinds = problems.BY_FAULT | {"other answer": problems.CONFLICT}
    lines = [(kinds[name], name, len(rows)) for name, rows in found.faults.rows.items() if rows]
    lines.sort(key=lambda line: (-problems.WEIGHT[line[0].severity] * line[2], line[1]))
    table = Table(
        (
            Column("finding", "code"), Column("what it is"), Column("severity"), Column("rows", "number"),
            Column(READ, "number"), Column("what winnow curate does"),
        ),
        tuple(
            (name, kind.title, kind.severity, n, Figure.of(stats.wilson(n, of), "%"), kind.todo) for kind, name, n in lines
        ),
    )  # fmt: skip
    reasons = "; ".join(f"{problems.BY_FAULT[name].title} ({why})" for name, why in found.faults.unjudged.items())
    none = ", ".join(kinds[name].title for name, rows in sorted(found.faults.rows.items()) if not rows)
    told = (("Looked for and not found", none), ("Not looked for", reasons))
    notes = tuple(Note(f"{what}: {which}.") for what, which in told if which)
    said = "What is in doubt is not named, so a row without a finding may still be poor. A row may stand under several."
    return (Section("Quality of rows", said, ((table,) if lines else ()) + notes),)

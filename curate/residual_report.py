"""The part of an iteration's page on personal data that may be left.

residual_report.section(residual.measure(...))
"""

from curate.canaries import Canaries
from curate.report import Block, Column, Figure, Note, Section, Table
from curate.residual import Residual


def section(found: Residual) -> Section:
    """What was replaced and is still found, and what of planted values would have survived."""
    kinds = tuple(dict.fromkeys([*found.replaced, *found.left]))
    counts = tuple((kind, found.replaced.get(kind, 0), found.left.get(kind, 0)) for kind in kinds)
    columns = (Column("kind", "code"), Column("replaced", "number"), Column("still found", "number"))
    left, rows = sum(found.left.values()), f"{found.rows:,} kept {'row' if found.rows == 1 else 'rows'}"
    said = f"After replacement the same search finds {left:,} {'value' if left == 1 else 'values'} in {rows}"
    if found.left_on_purpose:
        said += f", {found.left_on_purpose:,} of them in rows that the recipe keeps as they are"
    blocks: list[Block] = [
        Note(f"{said}. It does not see now what it did not see then; the planted values tell of that.")
    ]
    if counts:
        blocks.append(Table(columns, counts, caption="In the kept rows"))
    if found.planted.table.height:
        blocks.append(planted(found.planted))
    else:
        blocks.append(
            Note("Nothing was planted: the rows hold no text, or the finder does not say which kinds it knows.")
        )
    if found.private:
        blocks.append(
            Note(
                "Names count here as in the run, of private persons only: a planted name that its sentence does not say to be private survives."
            )
        )
    if found.planted.not_planted:
        blocks.append(Note(f"Not planted: {', '.join(found.planted.not_planted)}."))
    text = (
        "Invented values were put into a copy of the rows as they came, in a sentence that names what the value is and bare in one that "
        "does not, and looked for by the same rules. What was not found whole would have survived. The sentences are ours, so real data "
        "survives more often; what is spelt out or hinted at is not in here."
    )
    return Section("Personal data that may be left", text, tuple(blocks))


def planted(found: Canaries) -> Table:
    """A line per kind and sort of sentence: planted, survived, and the recall with its interval."""
    columns = (
        Column("kind", "code"), Column("sentence"), Column("planted", "number"), Column("would have survived", "number"),
        Column("found whole", "number"), Column("as such", "number"),
    )  # fmt: skip
    lines = tuple(
        (kind, context, n, n - hit, Figure.of(share, "%"), typed)
        for (kind, context, n, hit, typed), share in zip(found.table.iter_rows(), found.intervals(), strict=True)
    )
    return Table(columns, lines, caption="Planted values")

"""The audit as a page: the report with more rows to leaf through, and the map of its queries.

written.write(report(found), Path("audit.html"))
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import audit_report, stats
from curate.audit import Audit
from curate.diversity.measure import Diversity
from curate.diversity.sections import themes
from curate.page import scatter
from curate.page.layout import Layout
from curate.report import Colouring, Column, Figure, Finding, Map, Note, Points, Report, Section, Table

LEAFED = 100  # rows of each finding that the page holds
WANTED: dict[str, Any] = {"samples": LEAFED, "with_map": True}  # of `survey.audit_files`, for a page
BYTES_OF_TEXT = 2_200_000  # of the rows of all findings together
WHOLE = (50_000, 20_000, 8_000, 4_000, 2_000, 1_000, 600, 300, 150)  # characters of a text, the most that fit
SOUND, NO_TOPIC = "no finding", "in no topic"


def report(found: Audit) -> Report:
    """The audit's report with `LEAFED` rows a finding, and the map after what is to be fixed."""
    page = _with_the_rest(audit_report.report(found), audit_report.also(found))
    characters = _fitting([block.rows for part in page.sections for block in part.blocks if isinstance(block, Finding)])
    first, *rest = (_whole(part, characters) for part in page.sections)
    if found.layout is None or not found.layout.rows:
        return replace(page, sections=(first, *rest))
    return replace(page, sections=(first, _section(found, found.layout), *rest))


def _with_the_rest(page: Report, rest: Sequence[Finding]) -> Report:
    """The page with the rows of what was also found, closed, below the table that counts it."""
    if not rest:
        return page
    first, *others = page.sections
    place = 1 + next(at for at, block in enumerate(first.blocks) if isinstance(block, Table))
    blocks = (*first.blocks[:place], *rest, *first.blocks[place:])
    return replace(page, sections=(replace(first, blocks=blocks), *others))


def _whole(part: Section, characters: int) -> Section:
    """The section with the texts of findings as long as the page has room for."""
    blocks = tuple(
        replace(block, rows=replace(block.rows, limit=characters))
        if isinstance(block, Finding) and block.rows
        else block
        for block in part.blocks
    )
    return replace(part, blocks=blocks)


def _fitting(tables: Sequence[Table | None]) -> int:
    """How many characters of each text fit: texts are whole unless some are very long."""
    texts = [cell for table in tables if table for row in table.rows for cell in row if isinstance(cell, str)]
    for limit in WHOLE:
        if sum(len(text[:limit].encode("utf-8", "replace")) for text in texts) <= BYTES_OF_TEXT:
            return limit
    return WHOLE[-1]


def points(found: Audit, layout: Layout) -> Points:
    """The rows of the map, coloured by topic and theme, by the worst finding of each, and by file where there are several."""
    return Points(
        x=np.ascontiguousarray(layout.places[:, 0]),
        y=np.ascontiguousarray(layout.places[:, 1]),
        rows=layout.rows,
        said=layout.said,
        colourings=tuple(_colourings(found, layout)),
    )


def _colourings(found: Audit, layout: Layout) -> Iterator[Colouring]:
    if found.diversity is not None:
        yield from _by_topic(found.diversity, layout)
    worst: dict[str, int] = {}
    for number, problem in enumerate(found.problems):
        for row in problem.rows:
            worst.setdefault(row, number)
    names = (*(problem.kind.title for problem in found.problems), SOUND)
    sound = len(names) - 1
    yield Colouring("worst finding", names, _numbers(layout.rows, worst, sound), sound)
    files = sorted(set(layout.files))
    if len(files) > 1:
        yield Colouring("file", tuple(files), np.array([files.index(file) for file in layout.files], np.int32))


def _by_topic(diversity: Diversity, layout: Layout) -> Iterator[Colouring]:
    topics = diversity.topics
    labels = dict(zip(diversity.rows.ids, diversity.tree.labels.tolist(), strict=True))
    none = len(topics)
    place = {topic.number: place for place, topic in enumerate(topics)}
    in_topic = {row: place[label] for row, label in labels.items() if label in place}
    yield Colouring(
        "topic", (*_told_apart([t.name for t in topics]), NO_TOPIC), _numbers(layout.rows, in_topic, none), none
    )
    order = sorted({topic.theme for topic in topics})
    if 1 < len(order) < len(topics):
        of = [order.index(topic.theme) for topic in topics]
        titles = themes(diversity)
        names = _told_apart([titles.get(theme, f"theme {theme}") for theme in order])
        in_theme = {row: of[topic] for row, topic in in_topic.items()}
        yield Colouring("theme", (*names, NO_TOPIC), _numbers(layout.rows, in_theme, len(order)), len(order))


def _numbers(rows: Sequence[str], of: Mapping[str, int], otherwise: int) -> npt.NDArray[np.int32]:
    return np.array([of.get(row, otherwise) for row in rows], np.int32)


def _told_apart(names: Sequence[str]) -> tuple[str, ...]:
    often = Counter(names)
    return tuple(name if often[name] == 1 else f"{name} ({place + 1})" for place, name in enumerate(names))


def _section(found: Audit, layout: Layout) -> Section:
    made = points(found, layout)
    first = made.colourings[0]
    columns = (Column(first.title), Column("rows", "number"), Column("share of rows on the map", "number"))
    order = sorted(range(len(first.names)), key=lambda group: (group == first.quiet, -first.counts[group], group))
    lines = tuple(
        (first.names[group], first.counts[group], Figure.of(stats.wilson(first.counts[group], len(layout.rows)), "%"))
        for group in order
        if first.counts[group]
    )
    largest = "; ".join(f"{name} {rows:,} rows" for name, rows, _ in lines[:5])
    alt = f"{len(layout.rows):,} queries in two dimensions, coloured by {first.title}. The largest groups: {largest}."
    picture = Map("Queries by meaning", scatter.drawn(made), alt, Table(columns, lines), points=made)
    return Section("Map of the queries", _told(layout), (picture, Note(HOW)))


HOW = (
    "Near points are queries that say something alike. How far two clouds lie apart, and how wide they are, says nothing: "
    "two dimensions cannot keep that."
)


def _told(layout: Layout) -> str:
    said = f"Each point is the query of a row; {layout.characters} characters of it are shown."
    if layout.left_out:
        said += f" {len(layout.rows):,} of {layout.of:,} rows, evenly drawn."
    if layout.blank:
        said += f" {layout.blank:,} rows without a readable query are not on the map."
    return said

"""Topics, diversity and gaps as parts of a report.

sections(found)            # for `winnow audit`; () where nothing was measured
"""

from functools import lru_cache

from curate import plots
from curate.diversity import vendi
from curate.diversity.coverage import Coverage, Gap
from curate.diversity.measure import Diversity, Figures, Topic
from curate.report import Block, Cell, Column, Figure, Note, Pair, Plot, Section, Table
from curate.report.excerpt import one_line

GAPS = 10
WORDS = 3  # of a topic's name in a table
OPENINGS = 12
LANGUAGES = 8
QUERY = 90  # characters of a typical query

EXPLAINED = {
    "Vendi score": "rows with nothing in common that would differ as much",
    "cosine to the nearest other row, median": "1 is a copy; lower is more different",
    "topics, effective number": "topics of one size that would be as even; noise apart",
    "queries that open with a request": "a verb of a word list, English only",
    "openings, effective number": "verb and first word of weight after it; rare ones are underestimated",
    "query length, third quartile over first": "1 is all of one length",
    "rows with several user turns": "",
    "languages, effective number": "by small words and scripts; what cannot be told counts as English",
}


def sections(found: Diversity | None) -> tuple[Section, ...]:
    """The sections of an audit: topics, diversity, and gaps where there is a reference."""
    if found is None:
        return ()
    gaps = (_gaps(found, found.coverage),) if found.coverage else ()
    return (_topics(found), _diversity(found), *gaps)


def _topics(found: Diversity) -> Section:
    tree = found.tree
    columns = (
        Column("topic", "label"), Column("rows", "number"), Column("share", "number"), Column("Vendi score", "number"),
        Column("nearest row", "number", "not told"), Column("typical query", "text"),
    )  # fmt: skip
    titles = themes(found)
    tables = [
        Table(
            columns,
            tuple(_line(found, topic) for topic in found.topics if topic.theme == theme),
            caption=f"Theme {title}",
        )
        for theme, title in titles.items()
    ]
    largest = sorted(found.topics, key=lambda topic: topic.number)[:20]
    numbers = Table((Column("topic"), Column("rows", "number")), tuple((topic.name, topic.rows) for topic in largest))
    picture = _bars(tuple(topic.name for topic in largest), tuple(topic.rows for topic in largest))
    alt = "Rows of the largest topics. " + "; ".join(f"{topic.name}: {topic.rows:,}" for topic in largest[:5])
    unread = (
        f" {len(found.rows.unread):,} rows ask nothing that can be read and stand in none." if found.rows.unread else ""
    )
    said = (
        f"{tree.count:,} topics in {len(titles):,} themes. {tree.noise:,} of {len(found.rows):,} rows belong to no topic: "
        f"{tree.between:,} lie between topics, {tree.far:,} far from all.{unread} Of each topic: its rows, their Vendi score, the "
        "median cosine of a row to its nearest other row, and the query nearest to the middle."
    )
    plot = Plot("The largest topics", picture, alt, numbers)
    return Section("What the rows are about", said, (*tables, plot, Note(_stable(found))))


def _line(found: Diversity, topic: Topic) -> tuple[Cell, ...]:
    score = Figure(topic.vendi.value, None, topic.vendi.low, topic.vendi.high)  # its n is the rows beside it
    name = ", ".join(topic.words[:WORDS]) or topic.name
    return name, topic.rows, Figure.of(topic.share, "%"), score, topic.nearest, _query(found, topic)


def themes(found: Diversity) -> dict[int, str]:
    """A theme goes by the first word of its largest topics."""
    out = dict[int, str]()
    for theme in sorted(set(found.tree.themes)):
        mine = [topic for topic in found.topics if topic.theme == theme]
        heads = dict.fromkeys(topic.words[0] if topic.words else topic.name for topic in mine)
        out[theme] = f"{theme + 1}: {', '.join(list(heads)[:3])}"
    return out


def _query(found: Diversity, topic: Topic) -> str:
    said = one_line(found.samples.query(topic.typical[0])) if topic.typical else ""
    return said if len(said) <= QUERY else said[: QUERY - 1] + "…"


def _stable(found: Diversity) -> str:
    tree = found.tree
    if tree.stability.value is None:
        return "One topic: the rows are too few, or too equal, to tell several apart."
    ari, ami = Figure.of(tree.stability), Figure.of(tree.stability_ami)
    return (
        f"Stability: found again on {tree.stability.n} halves of the rows, the topics agree with these by an adjusted Rand "
        f"index of {ari.number} ({ari.bounds}) and adjusted mutual information of {ami.number} ({ami.bounds}); 1 is the same, "
        f"0 is chance. Names are words of the rows, by class-based TF-IDF; names of persons and things are left out. Seed {tree.seed}."
    )


def _diversity(found: Diversity) -> Section:
    blocks: list[Block] = [_figures(found.figures)]
    if found.beside:
        blocks.append(_beside(*found.beside))
    blocks += [_nearest(found), _openings(found.figures), _languages(found.figures)]
    figures = found.figures
    return Section(
        "How much the rows differ", vendi.in_words(figures.vendi.value or 0.0, figures.rows) + ".", tuple(blocks)
    )


def _values(of: Figures) -> tuple[Figure, ...]:
    plain = Figure.of
    return (
        plain(of.vendi), plain(of.nearest), plain(of.topics), plain(of.requests, "%"), plain(of.openings),
        plain(of.words), plain(of.several_turns, "%"), plain(of.languages),
    )  # fmt: skip


def _figures(of: Figures) -> Table:
    columns = (Column("figure"), Column("value", "number"), Column("how to read it"))
    lines = tuple((name, value, told) for (name, told), value in zip(EXPLAINED.items(), _values(of), strict=True))
    return Table(columns, lines, caption="All rows")


def _beside(mine: Figures, theirs: Figures) -> Table:
    columns = (Column("figure"), Column(mine.name, "number"), Column(theirs.name, "number"))
    lines = tuple(zip(EXPLAINED, _values(mine), _values(theirs), strict=True))
    return Table(columns, lines, caption=f"Beside the reference, {mine.rows:,} rows of each")


def _nearest(found: Diversity) -> Plot:
    series = {"rows": [float(value) for value in found.figures.cosines]}
    if found.coverage:
        series["reference, to the nearest row"] = found.coverage.cosines.tolist()
    bins = plots.binned(series, plots.even_edges(-1.0, 1.0, 40))
    first = next((i for i in range(len(bins.labels)) if any(counts[i] for counts in bins.counts.values())), 0)
    some = plots.Bins(bins.edges[first:], {name: n[first:] for name, n in bins.counts.items()}, bins.unscored)
    columns = (Column("cosine"), *(Column(name, "number") for name in some.counts))
    numbers = Table(columns, tuple(zip(some.labels, *some.counts.values(), strict=True)))
    near = found.figures.nearest
    alt = f"Histogram of the cosine of each row to its nearest other row; median {'unknown' if near.value is None else f'{near.value:.2f}'}."
    return Plot("Cosine to the nearest row", _histogram(some.edges, tuple(some.counts.items())), alt, numbers)


# Drawn once where a page and its summary show the same.
@lru_cache(maxsize=8)
def _histogram(edges: tuple[float, ...], counts: tuple[tuple[str, tuple[int, ...]], ...]) -> str:
    return plots.histogram(plots.Bins(edges, dict(counts), {}), x="cosine")


@lru_cache(maxsize=8)
def _bars(names: tuple[str, ...], rows: tuple[int, ...]) -> str:
    return plots.bars(names, [float(n) for n in rows], x="rows")


def _openings(of: Figures) -> Table:
    columns = (Column("queries open with", "label"), Column("rows", "number"))
    return Table(columns, of.by_opening[:OPENINGS], caption="Requests", total=len(of.by_opening), things="openings")


def _languages(of: Figures) -> Table:
    lines = tuple(of.by_language.items())
    columns = (Column("language or script", "label"), Column("rows", "number"))
    return Table(columns, lines[:LANGUAGES], caption="Languages", total=len(lines), things="languages")


def _gaps(found: Diversity, cover: Coverage) -> Section:
    columns = (
        Column("topic of the reference", "label"), Column("queries", "number"), Column("missing mass", "number"),
        Column("none in reach", "number"), Column("nearest row", "number"), Column("rows near", "number"), Column("enough", "number"),
    )  # fmt: skip
    shown = cover.gaps[:GAPS]
    lines: tuple[tuple[Cell, ...], ...] = tuple(
        (
            ", ".join(gap.words[:WORDS]) or _name(gap), gap.rows, Figure.of(gap.missing, "%"),
            round((gap.uncovered.value or 0.0) * gap.rows), gap.cosine, gap.near, gap.enough,
        )
        for gap in shown
    )  # fmt: skip
    blocks: list[Block] = [
        Table(columns, lines, caption="Gaps, the largest first", total=len(cover.gaps), things="gaps")
    ]
    for gap in shown:
        blocks += _samples(found, gap)
    if found.briefs:
        blocks.append(Note(f"{found.briefs}."))
    drawn = f"; {cover.drawn:,} of {cover.of:,} were looked at" if cover.drawn < cover.of else ""
    said = (
        f"Against {cover.name}: {Figure.of(cover.missing, '%').number} of its queries lack rows, "
        f"{Figure.of(cover.uncovered, '%').number} have none in reach{drawn}. A query lacks rows where fewer training rows lie "
        "about it than there would be if rows lay as densely as the reference's own queries, by more than chance. Of each topic: its queries, the share of all "
        "queries that are its and lack rows, how many of them have no row in reach, the median cosine to the nearest row, and how many rows "
        "lie near a query, beside how many would be enough (medians)."
    )
    return Section("What the rows lack", said, tuple(blocks))


def _name(gap: Gap) -> str:
    return ", ".join(gap.words) or "(no words set it apart)"


def _samples(found: Diversity, gap: Gap) -> list[Block]:
    if found.reference is None or not gap.queries or not gap.missing.value:
        return []
    blocks: list[Block] = [
        Note(f"{gap.rows:,} queries; those that lack rows most, each beside the nearest row.", _name(gap))
    ]
    for query, (row, cosine) in zip(gap.queries, gap.nearest, strict=True):
        asked, there = found.reference.query(query), found.samples.query(row)
        blocks.append(Pair(asked, there, f"reference {query}", f"nearest row {row}", f"cosine {cosine:.3f}", 300))
    return blocks

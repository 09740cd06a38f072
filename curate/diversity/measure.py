"""All that is said of a set's diversity: topics, figures over all rows, and beside a reference what it lacks.

    found = measure(chats, encoder.encode, mask=mask)
    print(found)                       # 37 topics in 9 themes ...; 15,011 rows differ as much as 189 ...
    sections.sections(found)           # the same, for a page

Figures of two sets are put side by side at one size, because most of them grow with the number of rows: a seeded sample of
the larger one is as large as the smaller one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import stats
from curate.cache import Cache
from curate.diversity import coverage, nearest_other, openings, row_vectors, spread, topic_names, topic_tree, vendi
from curate.diversity.briefs import Briefs
from curate.diversity.coverage import Coverage
from curate.diversity.nearest_other import Cosines
from curate.diversity.row_vectors import RowVectors
from curate.diversity.topic_tree import NOISE, Labels, TopicTree
from curate.faults.languages import all_told
from curate.samples import Mask, Samples
from curate.stats import Interval
from curate.windows import Encode

TYPICAL = 3  # queries shown of each topic
READ_FOR_LANGUAGE = 1_000  # characters of a query that tell its language
NOT_TOLD = "not told"  # too short, or in none of the languages that are known here
DRAWS = 200


@dataclass(frozen=True)
class Figures:
    """What is said of one set of rows. Every interval has its n."""

    name: str
    rows: int
    vendi: Interval
    nearest: Interval  # median cosine to the nearest other row
    topics: Interval  # effective number
    requests: Interval  # share of queries that open with a verb of the list
    openings: Interval  # effective number of verb and noun
    words: Interval  # words of a query: third quartile over first
    several_turns: Interval  # share of rows with more than one user turn
    languages: Interval  # effective number
    by_language: Mapping[str, int] = field(repr=False)
    by_opening: tuple[tuple[str, int], ...] = field(repr=False)
    cosines: Cosines = field(repr=False)


@dataclass(frozen=True)
class Topic:
    """One topic: its number, theme and name, its rows, how much they differ, and the ids of typical queries."""

    number: int
    theme: int
    words: tuple[str, ...]
    rows: int
    share: Interval
    vendi: Interval
    nearest: float | None
    typical: tuple[str, ...]

    @property
    def name(self) -> str:
        """The words, or that there are none."""
        return ", ".join(self.words) or f"topic {self.number} (no words set it apart)"


@dataclass(frozen=True)
class Diversity:
    """Topics and figures of a set; `beside` are the set and the reference at one size, `coverage` what the set lacks."""

    rows: RowVectors = field(repr=False)
    tree: TopicTree
    topics: tuple[Topic, ...] = field(repr=False)
    figures: Figures
    samples: Samples = field(repr=False)
    beside: tuple[Figures, Figures] | None = field(default=None, repr=False)
    coverage: Coverage | None = field(default=None, repr=False)
    reference: Samples | None = field(default=None, repr=False)
    briefs: Briefs | None = field(default=None, repr=False)

    def topic_of(self) -> dict[str, str]:
        """Row id -> the name of its topic; rows that stand in none are not in it."""
        names = {topic.number: topic.name for topic in self.topics}
        labels = self.tree.labels.tolist()
        return {row: names[label] for row, label in zip(self.rows.ids, labels, strict=True) if label != NOISE}

    def __str__(self) -> str:
        lines = [str(self.tree), vendi.in_words(self.figures.vendi.value or 0.0, self.figures.rows)]
        return "\n".join([*lines, str(self.coverage)] if self.coverage else lines)


def measure(
    chats: pl.DataFrame,
    encode: Encode,
    *,
    reference: pl.DataFrame | None = None,
    name: str = "reference",
    mask: Mask | None = None,
    seed: int = 0,
    cache: Cache | None = None,
) -> Diversity | None:
    """Topics, figures, and coverage of a `reference`; None where no row can be read. Without `mask` no text is shown.

    A `cache` holds what was worked out before of the same vectors and queries.
    """
    rows = row_vectors.of(chats, encode)
    if not len(rows):
        return None
    tree = topic_tree.grow(rows.vectors, seed=seed, cache=cache)
    figures = _figures("these rows", rows, tree.labels, chats, seed, cache)
    topics = _topics(rows, tree, figures.cosines, cache)
    beside = found = shown = None
    other = row_vectors.of(reference, encode) if reference is not None else None
    if reference is not None and other is not None and len(other):
        found = coverage.cover(rows, other, name=name, seed=seed, cache=cache)
        beside = _beside(rows, other, tree, chats, reference, name, seed, cache)
        shown = Samples.of(reference, [row for gap in found.gaps for row in gap.queries], mask)
    wanted = [row for topic in topics for row in topic.typical]
    wanted += [row for gap in found.gaps for row, _ in gap.nearest] if found else []
    return Diversity(rows, tree, topics, figures, Samples.of(chats, wanted, mask), beside, found, shown)


def _topics(rows: RowVectors, tree: TopicTree, cosines: Cosines, cache: Cache | None) -> tuple[Topic, ...]:
    words = topic_names.words(rows.queries, tree.labels)
    typical = topic_names.typical(rows.vectors, tree.labels, tree.centres, rows.queries, TYPICAL)
    out = []
    for number, theme in enumerate(tree.themes):
        mine = np.flatnonzero(tree.labels == number)
        # Beyond nearest_other.MOST rows only a sample has its nearest row: it is not told by topic then.
        near = float(np.median(cosines[mine])) if len(cosines) == len(rows) else None
        share = stats.wilson(len(mine), len(rows))
        ids = tuple(rows.ids[place] for place in typical[number])
        score = vendi.interval(rows.vectors[mine], cache=cache)
        out.append(Topic(number, theme, words.get(number, ()), len(mine), share, score, near, ids))
    return tuple(out)


def _beside(
    rows: RowVectors,
    other: RowVectors,
    tree: TopicTree,
    chats: pl.DataFrame,
    reference: pl.DataFrame,
    name: str,
    seed: int,
    cache: Cache | None,
) -> tuple[Figures, Figures]:
    """Both sets at the size of the smaller one, by the topics of the rows."""
    size = min(len(rows), len(other))
    pair = []
    for title, some, frame in (("these rows", rows, chats), (name, other, reference)):
        drawn = some.sample(size, seed)
        labels = (drawn.vectors @ tree.centres.T).argmax(axis=1) if tree.count else np.zeros(size, np.int64)
        pair.append(_figures(title, drawn, labels.astype(np.int64), frame, seed, cache))
    return pair[0], pair[1]


def _figures(
    name: str, rows: RowVectors, labels: Labels, chats: pl.DataFrame, seed: int, cache: Cache | None
) -> Figures:
    cosines = nearest_other.cosines(rows.vectors, seed=seed, cache=cache)
    opened = openings.openings(rows.queries)
    spoken = languages(rows.queries, cache)
    long = [float(len(query.split())) for query in rows.queries]
    turns = chats.filter(pl.col("id").is_in(rows.ids)).select(
        pl.col("turns").list.eval(pl.element().struct.field("role") == "user").list.sum().alias("asked")
    )["asked"]
    by_topic = np.bincount(labels[labels != NOISE]).tolist() if (labels != NOISE).any() else []
    return Figures(
        name=name,
        rows=len(rows),
        vendi=vendi.interval(rows.vectors, cache=cache),
        nearest=stats.bootstrap(cosines.tolist(), np.median, DRAWS, seed),
        topics=spread.effective(by_topic, seed=seed),
        requests=stats.wilson(opened.total(), len(rows)),
        openings=spread.effective(list(opened.values()), seed=seed),
        words=stats.bootstrap(long, _quartiles, DRAWS, seed),
        several_turns=stats.wilson(int((turns > 1).sum()), len(rows)),
        languages=spread.effective(list(spoken.values()), seed=seed),
        by_language=spoken,
        by_opening=tuple(
            (" ".join(pair).strip(), n) for pair, n in sorted(opened.items(), key=lambda x: (-x[1], x[0]))
        ),
        cosines=cosines,
    )


def _quartiles(values: npt.NDArray[np.float64]) -> float:
    first, third = np.quantile(values, [0.25, 0.75])
    return float(third / max(1.0, first))


def languages(queries: Sequence[str], cache: Cache | None = None) -> dict[str, int]:
    """Rows by language, most first: by small words for Latin script, else by script; `NOT_TOLD` is its own count."""
    starts = [query[:READ_FOR_LANGUAGE] for query in queries]
    found = pl.Series([one or NOT_TOLD for one in all_told(starts, cache)], dtype=pl.String)
    counts = found.value_counts(name="n").sort(["n", ""], descending=[True, False])
    return dict(counts.iter_rows())

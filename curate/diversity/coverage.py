"""Which queries of a reference (eval items, production logs) the training rows do not reach, topic by topic.

    found = cover(training, reference)
    found.gaps[0]          # the topic of the reference with the most missing mass

For each reference query a ball reaches to its fifth nearest other reference query. If training rows lie there less densely than
reference queries do, by more than chance makes of five neighbours, that is a shortfall between 0 and 1; none is 1. The
ratio of the two densities is the k-nearest-neighbour estimate (Loftsgaarden and Quesenberry 1965; used so for generated data by
Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics", ICML, whose coverage is the share of balls that hold any row).
A topic's missing mass is the sum of its shortfalls over all reference queries: the share of the queries that nothing was
written for. Copies count once for density and each for mass.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from curate import stats
from curate.cache import Cache
from curate.diversity import topic_names, topic_tree
from curate.diversity.row_vectors import RowVectors
from curate.stats import Interval
from curate.windows import Vectors

NEIGHBOURS = 5
TOLERATED = 0.394  # of the density expected is enough: of five neighbours chance makes less in one ball of twenty, gammaincinv(5, .05) / 5
ALWAYS_NEAR = 0.8  # cosine: so near a row counts for a query whatever the other queries are like
MOST = 20_000  # reference queries; more are drawn from, and it is said
BLOCK = 1024
SHOWN = 3

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """A topic of the reference and how far the training rows reach it.

    `missing` is the share of all reference queries that are this topic's and lack rows; `uncovered` the share of the
    topic's queries with no training row in their ball. `near` and `enough`: training rows in a ball, and how many would be enough
    (medians). `queries` are reference row ids, `nearest` the training row nearest to each and its cosine.
    """

    words: tuple[str, ...]
    rows: int
    share: Interval
    missing: Interval
    uncovered: Interval
    cosine: float  # median over its queries of the cosine to the nearest training row
    near: float
    enough: float
    queries: tuple[str, ...]
    nearest: tuple[tuple[str, float], ...]
    members: tuple[str, ...] = field(repr=False)

    def __str__(self) -> str:
        name = ", ".join(self.words) or "(no words set it apart)"
        return f"{name}: {self.rows:,} reference rows, missing mass {self.missing}"


@dataclass(frozen=True)
class Coverage:
    """The reference's topics, the most missing mass first. `drawn`: reference rows looked at, `of` so many."""

    name: str
    of: int
    drawn: int
    unread: int
    gaps: tuple[Gap, ...]
    missing: Interval  # share of the reference that lacks rows
    uncovered: Interval  # share without any training row in reach
    cosines: Floats = field(repr=False)  # of each reference row to its nearest training row

    def __str__(self) -> str:
        head = f"{self.drawn:,} reference rows; missing mass {self.missing}; without any row in reach {self.uncovered}"
        return "\n".join([head, *(f"{place}. {gap}" for place, gap in enumerate(self.gaps, start=1))])


@dataclass(frozen=True)
class _Reach:
    """For each distinct reference query: its shortfall, training rows in its ball and how many are enough, the nearest rows."""

    shortfall: Floats
    near: Numbers
    enough: Floats
    best: Numbers
    cosine: Floats


def cover(
    training: RowVectors,
    reference: RowVectors,
    *,
    name: str = "reference",
    seed: int = 0,
    cache: Cache | None = None,
) -> Coverage:
    """Compare the reference's topics with the training rows; both need a row at least."""
    some = reference.sample(MOST, seed)
    distinct, owner = _distinct(some.vectors)
    rows, _ = _distinct(training.vectors)
    reach = _reach(training.vectors, rows, some.vectors[distinct])
    tree = topic_tree.grow(some.vectors[distinct], count=how_many(len(distinct)), seed=seed, cache=cache)
    # A gap may lie anywhere, so what no topic holds goes to the nearest one here.
    label = (some.vectors @ tree.centres.T).argmax(axis=1) if tree.count else np.zeros(len(some), np.int64)
    words = topic_names.words(some.queries, label)
    short, none = reach.shortfall[owner], (reach.near == 0)[owner]
    gaps = [
        _gap(training, some, np.flatnonzero(label == topic), reach, owner, words.get(topic, ()))
        for topic in sorted(set(label.tolist()))
    ]
    gaps.sort(key=lambda gap: (-round(gap.missing.value or 0.0, 9), -gap.rows, gap.words))
    return Coverage(
        name, len(reference) + len(reference.unread), len(some), len(reference.unread), tuple(gaps),
        stats.mean_of_shares(short.tolist()), stats.wilson(int(none.sum()), len(some)),
        reach.cosine[owner],
    )  # fmt: skip


def how_many(rows: int) -> int:
    """Topics of a reference: the root of half its rows, at most 50; finer than a data set's own, because gaps are small."""
    return max(1, min(50, round(math.sqrt(rows / 2))))


def _distinct(vectors: Vectors) -> tuple[Numbers, Numbers]:
    """Places of the first row of each direction, in order, and for each row the number of its direction."""
    _, first, owner = np.unique(vectors.round(4), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[owner.reshape(-1)]


def _reach(training: Vectors, distinct_rows: Numbers, queries: Vectors) -> _Reach:
    """One pass over queries x queries for the balls, one over queries x training rows for what lies in them."""
    n, t = len(queries), len(distinct_rows)
    rows = training[distinct_rows]
    near, best = np.zeros(n, np.int64), np.zeros(n, np.int64)
    expected, cosine = np.zeros(n), np.zeros(n)
    for start in range(0, n, BLOCK):
        part = slice(start, min(n, start + BLOCK))
        ball, share = _balls(queries, part)
        to_rows = queries[part] @ rows.T
        near[part] = (to_rows >= ball[:, None]).sum(axis=1)
        best[part] = distinct_rows[to_rows.argmax(axis=1)]
        cosine[part] = np.minimum(1.0, to_rows.max(axis=1))
        expected[part] = share * t
    # Half a row is not to be had: where less than one is expected, one is enough.
    enough = np.maximum(1.0, TOLERATED * expected)
    return _Reach(np.clip(1 - near / enough, 0.0, 1.0), near, enough, best, cosine)


def _balls(queries: Vectors, part: slice) -> tuple[Floats, Floats]:
    """The cosine that each ball reaches to, and the share of the other queries in it."""
    others = len(queries) - 1
    if not others:
        return np.full(1, ALWAYS_NEAR), np.zeros(1)
    near = queries[part] @ queries.T
    near[np.arange(len(near)), np.arange(part.start, part.stop)] = -2.0
    place = min(NEIGHBOURS, others)
    ball = np.minimum(ALWAYS_NEAR, np.partition(near, -place, axis=1)[:, -place])
    return ball.astype(np.float64), (near >= ball[:, None]).sum(axis=1) / others


def _gap(
    training: RowVectors,
    some: RowVectors,
    mine: Numbers,
    reach: _Reach,
    owner: Numbers,
    words: tuple[str, ...],
) -> Gap:
    of, its = len(some), owner[mine]
    masses = np.zeros(of)
    masses[mine] = reach.shortfall[its]
    # Shown: the queries that lack rows most, each wording once; the first id on ties.
    order = mine[np.lexsort((mine, reach.cosine[its].round(5), -reach.shortfall[its].round(9)))]
    shown = list({int(owner[place]): int(place) for place in order[::-1]}.values())[::-1][:SHOWN]
    nearest = tuple((training.ids[reach.best[owner[i]]], float(reach.cosine[owner[i]])) for i in shown)
    return Gap(
        words, len(mine), stats.wilson(len(mine), of), stats.mean_of_shares(masses.tolist()),
        stats.wilson(int((reach.near[its] == 0).sum()), len(mine)), float(np.median(reach.cosine[its])),
        float(np.median(reach.near[its])), float(np.median(reach.enough[its])),
        tuple(some.ids[i] for i in shown), nearest, tuple(some.ids[i] for i in mine),
    )  # fmt: skip

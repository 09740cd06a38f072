"""What rows are about, on two levels: topics, and themes that join them. What belongs nowhere is left as noise.

    found = grow(rows.vectors, seed=0)
    found.labels               # a topic for each row, the largest first; NOISE for a row that no topic holds
    found.themes[4]            # the theme of topic 4
    found.stability            # ARI between these topics and those of resamples, with its spread

k-means on the first principal components, drawn again on halves of the rows. A row is noise where fewer than half of
those draws put it into the same topic (it lies between topics), or where it fits its own topic no better than one row in
twenty fits a topic that is not its own, or is an outlier among the topic's rows by Tukey's fence (it lies far from all).
HDBSCAN was measured beside it: see docs/diversity.md.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import topics
from curate.cache import Cache
from curate.diversity.remembered import kept
from curate.stats import Interval
from curate.windows import Vectors

NOISE = -1
DIMENSIONS = 16  # principal components that the topics are found in
DRAWS = 20  # halves of the rows on which the topics are found again
HELD = 0.5  # of the draws must put a row into its topic
FOREIGN = 0.95  # quantile of how well rows fit topics that are not theirs
FEWEST = 3  # rows of a topic, and at least SMALLEST of the mean topic's
SMALLEST = 0.1

Labels = npt.NDArray[np.int64]
Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TopicTree:
    """Topics and themes. `centres` [topics, d] are unit vectors; `between` and `far` are the two kinds of noise, in rows."""

    labels: Labels = field(repr=False)
    themes: tuple[int, ...]
    centres: Vectors = field(repr=False)
    stability: Interval  # adjusted Rand index with the topics of resamples
    stability_ami: Interval  # adjusted mutual information with them
    between: int
    far: int
    seed: int

    @property
    def count(self) -> int:
        """How many topics there are."""
        return len(self.themes)

    @property
    def noise(self) -> int:
        """Rows that no topic holds."""
        return int((self.labels == NOISE).sum())

    def sizes(self) -> npt.NDArray[np.int64]:
        """Rows of each topic."""
        return np.bincount(self.labels[self.labels != NOISE], minlength=self.count)

    def __str__(self) -> str:
        themes = len(set(self.themes))
        said = f"{self.count:,} topics in {themes:,} themes; {self.noise:,} of {len(self.labels):,} rows in none"
        return f"{said} ({self.between:,} between topics, {self.far:,} far from all); stability, ARI {self.stability}"


def grow(
    vectors: Vectors,
    *,
    count: int | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    cache: Cache | None = None,
) -> TopicTree:
    """Topics of unit vectors [n, d], given in an order that follows from the rows (their ids). `count`: how many to tell apart."""
    what = f"topics/{count}/{seed}/{draws}"
    return _read(kept(cache, what, vectors, lambda: _written(_grown(vectors, count, seed, draws))))


def _written(tree: TopicTree) -> dict[str, Any]:
    """The tree as JSON may hold it: every number as it is."""
    plain = {"labels": tree.labels.tolist(), "centres": tree.centres.tolist(), "width": tree.centres.shape[1]}
    agreed = {"stability": astuple(tree.stability), "stability_ami": astuple(tree.stability_ami)}
    return {**plain, **agreed, "themes": tree.themes, "between": tree.between, "far": tree.far, "seed": tree.seed}


def _read(written: Mapping[str, Any]) -> TopicTree:
    centres = np.asarray(written["centres"], np.float32).reshape(-1, written["width"])
    agreed = Interval(*written["stability"]), Interval(*written["stability_ami"])
    labels, themes = np.asarray(written["labels"], np.int64), tuple(written["themes"])
    return TopicTree(labels, themes, centres, *agreed, written["between"], written["far"], written["seed"])


def _grown(vectors: Vectors, count: int | None, seed: int, draws: int) -> TopicTree:
    import sklearn.cluster  # noqa: F401 - its threads can be limited only once it is loaded
    from threadpoolctl import threadpool_limits

    wanted = topics.how_many(len(vectors)) if count is None else count
    # Several threads would add up in another order, and put a row on a border elsewhere.
    with threadpool_limits(limits=1):
        places = _components(vectors)
        wanted = min(wanted, len(np.unique(places, axis=0)))
        if wanted <= 1:
            return _one_topic(vectors, seed)
        first = _fitted(places, wanted, seed)(places)
        share, ari, ami = _again(places, first, wanted, seed, draws)
    return _tree(vectors, places, first, share, (ari, ami), seed)


def _components(vectors: Vectors) -> Table:
    """The rows on the first principal components (Pearson 1901), through the d x d covariance."""
    rows = vectors.astype(np.float64)
    rows -= rows.mean(axis=0) if len(rows) else 0.0
    values, axes = np.linalg.eigh(rows.T @ rows)
    most = min(DIMENSIONS, int((values > 1e-9 * max(1e-300, values[-1])).sum()))
    found: Table = rows @ axes[:, ::-1][:, :most]
    return found.round(9)  # equal rows are equal places, whatever the product rounded


def _fitted(places: Table, count: int, seed: int) -> Callable[[Table], Labels]:
    """k-means with k-means++ starts (Arthur and Vassilvitskii 2007); gives the function that labels rows."""
    from sklearn.cluster import KMeans

    model = KMeans(count, n_init=1, max_iter=100, random_state=seed).fit(places)
    return lambda rows: model.predict(rows).astype(np.int64)


def _again(places: Table, first: Labels, count: int, seed: int, draws: int) -> tuple[Table, Interval, Interval]:
    """In which share of the draws each row kept its topic, and how far the draws agree with the first labels."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    rng, kept = np.random.default_rng(seed), np.zeros(len(places))
    ari, ami = list[float](), list[float]()
    for draw in range(draws):
        half = np.sort(rng.choice(len(places), max(count, len(places) // 2), replace=False))
        some = places[half]
        other = _fitted(some, min(count, len(np.unique(some, axis=0))), seed + 1 + draw)(places)
        table = np.zeros((count, count), np.int64)
        np.add.at(table, (first, other), 1)
        # Labels are only names: the pairing of topics that most rows agree on (Kuhn 1955).
        mine, theirs = linear_sum_assignment(-table)
        partner = np.empty(count, np.int64)
        partner[theirs] = mine
        kept += partner[other] == first
        ari.append(float(adjusted_rand_score(first, other)))
        ami.append(float(adjusted_mutual_info_score(first, other)))
    return kept / draws, _spread(ari), _spread(ami)


def _spread(values: list[float]) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(np.mean(values)), float(low), float(high), len(values), "resamples of half of the rows")


def _tree(
    vectors: Vectors, places: Table, first: Labels, share: Table, agreed: tuple[Interval, Interval], seed: int
) -> TopicTree:
    centres = _unit_means(vectors, first, int(first.max()) + 1)
    fit = vectors @ centres.T
    own = fit[np.arange(len(fit)), first]
    foreign = np.sort(fit[np.arange(centres.shape[0]) != first[:, None]])
    bar = foreign[int(FOREIGN * (len(foreign) - 1))]
    between, far = share < HELD, own < np.maximum(bar, _fences(own, first)[first])
    held = np.bincount(first[~(between | far)], minlength=len(centres))
    small = held < max(FEWEST, SMALLEST * len(vectors) / len(held))
    far |= small[first] & ~between  # what is left of such a topic is a few rows by themselves
    held[small] = 0
    order = [topic for topic in np.lexsort((np.arange(len(held)), -held)).tolist() if held[topic]]
    rank = np.full(len(held), NOISE)
    rank[order] = np.arange(len(order))
    labels = np.where(between | far, NOISE, rank[first]).astype(np.int64)
    if not order:
        return _one_topic(vectors, seed, noise=True)
    themes = _themes(places, labels, len(order), seed)
    centres = _unit_means(vectors, labels, len(order))
    return TopicTree(labels, themes, centres, *agreed, int(between.sum()), int((far & ~between).sum()), seed)


def _fences(own: Vectors, first: Labels) -> Table:
    """For each topic the fit below which a row is an outlier: one and a half middle widths below the middle half (Tukey 1977)."""
    quarters = [np.quantile(own[first == topic], [0.25, 0.75]) for topic in range(int(first.max()) + 1)]
    return np.array([low - 1.5 * (high - low) for low, high in quarters])


def _unit_means(vectors: Vectors, labels: Labels, count: int) -> Vectors:
    sums = np.zeros((count, vectors.shape[1]), np.float64)
    on = labels != NOISE
    np.add.at(sums, labels[on], vectors[on])
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.where(length > 0, length, 1.0)).astype(np.float32)


def _themes(places: Table, labels: Labels, count: int, seed: int) -> tuple[int, ...]:
    """Topics joined: k-means on their centres, weighted by their rows; about the root of twice their number."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    sizes = np.bincount(labels[labels != NOISE], minlength=count)
    centres = np.stack([places[labels == topic].mean(axis=0) for topic in range(count)])
    wanted = min(how_many_themes(count), len(np.unique(centres, axis=0)))
    with threadpool_limits(limits=1):
        found = KMeans(wanted, n_init=10, random_state=seed).fit_predict(centres, sample_weight=sizes)
    rows = np.bincount(found, weights=sizes, minlength=wanted)
    rank = np.empty(wanted, np.int64)
    rank[np.lexsort((np.arange(wanted), -rows))] = np.arange(wanted)
    return tuple(rank[found].tolist())


def how_many_themes(count: int) -> int:
    """Themes for so many topics: the square root of twice their number."""
    return max(1, min(count, round(math.sqrt(2 * count))))


def _one_topic(vectors: Vectors, seed: int, *, noise: bool = False) -> TopicTree:
    """All rows in one topic, where they are too few or too equal to tell apart; in none where no topic held."""
    labels = np.full(len(vectors), NOISE if noise else 0, np.int64)
    none = Interval(None, None, None, 0, "one topic: nothing to compare")
    there = len(vectors) > 0 and not noise
    centres = _unit_means(vectors, labels, 1)[: int(there)]
    return TopicTree(labels, (0,) * there, centres, none, none, len(vectors) * noise, 0, seed)

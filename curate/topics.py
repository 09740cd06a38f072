"""What rows are about: clusters of their query vectors, named by the words that set them apart.

    labels = clusters(vectors, 12, seed=0)
    names(queries, labels)[3]                 # ("invoice", "refund", "charged")

k-means is no truth about topics: with another number of clusters the borders lie elsewhere. It is good enough to draw from all
corners of a set in their proportions. Give the vectors in an order that follows from the rows' content: it decides.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate import text
from curate.windows import Vectors

Labels = npt.NDArray[np.int64]

FITTED = 20_000  # rows that the centres are fitted on; the others go to the nearest centre
LETTERS = 4  # of a word that may name a topic
COMMON = 0.02  # of a topic's rows, and at least FEWEST of them, use a word that names it
FEWEST = 3
SELDOM = 0.25  # of the rows with a word; where it is a name more often than that, it names no topic


def how_many(rows: int) -> int:
    """Topics to tell apart: the square root of a tenth of the rows, at most 50."""
    return max(1, min(50, int((rows / 10) ** 0.5)))


def clusters(vectors: Vectors, count: int, *, seed: int = 0) -> Labels:
    """A topic for each unit vector, the largest first: topic 0 has the most rows.

    k-means with k-means++ starts (Arthur and Vassilvitskii 2007), on one thread: several would add up in another order.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # Rows in the order of a content hash are in no order: an even spread of them is a random sample.
    some = np.unique(np.linspace(0, max(0, len(vectors) - 1), min(len(vectors), FITTED)).astype(np.int64))
    # Equal vectors can make fewer groups than are asked for.
    count = min(count, len(np.unique(vectors[some], axis=0)))
    if count <= 1:
        return np.zeros(len(vectors), np.int64)
    with threadpool_limits(limits=1):
        model = KMeans(count, n_init=1, max_iter=100, random_state=seed).fit(vectors[some].astype(np.float64))
        found = model.predict(vectors.astype(np.float64)).astype(np.int64)
    sizes = np.bincount(found, minlength=count)
    rank = np.empty(count, np.int64)
    rank[np.lexsort((np.arange(count), -sizes))] = np.arange(count)
    ranked: Labels = rank[found]
    return ranked


def names(queries: Sequence[str], labels: Sequence[int], *, words: int = 3) -> dict[int, tuple[str, ...]]:
    """For each topic the words that its rows use far more often than the others do.

    Names of persons and things are left out, so that a table of topics tells of nobody.
    """
    rows = Counter(labels)
    used: dict[int, Counter[str]] = {topic: Counter() for topic in rows}
    named = Counter[str]()
    for said, topic in zip(queries, labels, strict=True):
        used[topic].update({word for word in text.tokens(said) if _tells(word)})
        named.update({part for name in text.facts(said).names for part in name.split()})
    everywhere = Counter[str]()
    for counts in used.values():
        everywhere.update(counts)
    out = {}
    for topic, counts in sorted(used.items()):
        enough = max(FEWEST, COMMON * rows[topic])
        telling = {word: n for word, n in counts.items() if n >= enough and named[word] <= SELDOM * everywhere[word]}
        # Weighted log-ratio: a word counts by how many rows use it and by how much more than elsewhere.
        weight = {word: n * np.log(n / rows[topic] / (everywhere[word] / len(labels))) for word, n in telling.items()}
        best = sorted(weight, key=lambda word: (-round(float(weight[word]), 9), word))
        out[topic] = tuple(word for word in best[:words] if weight[word] > 0)
    return out


def _tells(word: str) -> bool:
    return len(word) >= LETTERS and word.isalpha() and word not in text.SMALL_WORDS

"""Label noise: rows that sort a text into one of a few classes, and disagree with nearly all rows that ask alike.

    found = label_noise(ids, queries, answers, encode)
    found.rows                     # {'row-7': {'label': 'spam', 'neighbours say': 'ham', 'agree': '9 of 10'}}

Only answers that are labels can be wrong in this way: a few short answers that cover many rows. Neighbours are worth listening to
only where they are right as a rule, so first each row's label is guessed from its neighbours, over all rows: where that
succeeds too seldom, nothing is said of single rows (compare Northcutt et al. 2021, JAIR 70:1373, which needs a trained model).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from curate import stats, text
from curate.report import Cell
from curate.stats import Interval
from curate.windows import Encode, Vectors

LABEL_WORDS = 3  # a label is no longer
FEWEST = 10  # rows of a label
FEWEST_ROWS = 60  # rows with a label, in all
MOST_LABELS = 50
NEIGHBOURS = 10
AGREE = 9  # of the neighbours, who say one other label
TRUSTED = 0.85  # lower bound of the share of rows that their neighbours get right
NEAR = 0.5  # the least cosine of a neighbour whose word counts
STEPS = 100_000  # of a cosine; what differs by less is equally near
BLOCK, CELLS = 512, 4_000_000  # rows, and cosines, that are held at once


@dataclass(frozen=True)
class LabelNoise:
    """Rows whose label is doubtful; how often neighbours are right; or why nothing is said."""

    rows: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    right: Interval | None = None
    unjudged: str = ""


def label_noise(ids: Sequence[str], queries: Sequence[str], answers: Sequence[str], encode: Encode) -> LabelNoise:
    """Compare the label of each row with those of the rows whose questions are nearest."""
    said = [_label(answer) for answer in answers]
    counts = Counter(label for label in said if label)
    labels = {label for label, n in counts.items() if n >= FEWEST}
    rows = [i for i, label in enumerate(said) if label in labels]
    if not 2 <= len(labels) <= MOST_LABELS or len(rows) < FEWEST_ROWS:
        return LabelNoise(unjudged="the answers are no labels: no few short answers cover many rows")
    rows.sort(key=lambda i: (queries[i], ids[i]))
    distinct = sorted({queries[i] for i in rows})
    numbers, vectors = encode(distinct).mean_by_text()
    place = {distinct[n]: line for line, n in enumerate(numbers.tolist())}
    rows = [i for i in rows if queries[i] in place]
    points = vectors[[place[queries[i]] for i in rows]]
    votes = _votes(points, [said[i] for i in rows])
    judged = [(n, *vote.most_common(1)[0]) for n, vote in enumerate(votes) if vote.total() == NEIGHBOURS]
    right = stats.wilson(sum(said[rows[n]] == label for n, label, _ in judged), len(judged))
    if right.low is None or right.low < TRUSTED or len(judged) < FEWEST_ROWS:
        return LabelNoise(right=right, unjudged=f"neighbours are right too seldom to be believed: {right}")
    found = {
        ids[rows[n]]: {"label": said[rows[n]], "neighbours say": label, "agree": f"{count} of {NEIGHBOURS}"}
        for n, label, count in judged
        if label != said[rows[n]] and count >= AGREE
    }
    return LabelNoise({ids[i]: found[ids[i]] for i in sorted(rows) if ids[i] in found}, right)


def _label(answer: str) -> str:
    """The normal form of an answer that may be a label, else ''."""
    return text.loose(answer) if 0 < len(answer.split()) <= LABEL_WORDS else ""


def _votes(points: Vectors, labels: Sequence[str]) -> list[Counter[str]]:
    """What the nearest other rows say of each, the nearest first and ties by place; fewer votes where fewer rows are near."""
    n, found = len(labels), list[Counter[str]]()
    size = max(1, min(BLOCK, CELLS // max(1, n)))
    for first in range(0, n, size):
        cosines = np.rint(points[first : first + size] @ points.T * STEPS).astype(np.int64)
        own = np.arange(len(cosines))
        cosines[own, first + own] = -2 * STEPS
        # One whole number for cosine and place, so that no two are equal and a partition has no choice.
        keys = cosines * n - np.arange(n)
        some = np.argpartition(-keys, min(NEIGHBOURS, n) - 1, axis=1)[:, :NEIGHBOURS]
        order = np.take_along_axis(some, np.argsort(-np.take_along_axis(keys, some, 1), axis=1), 1)
        near = np.take_along_axis(cosines, order, 1) >= NEAR * STEPS
        found += [
            Counter(labels[i] for i, counts in zip(line, those, strict=True) if counts)
            for line, those in zip(order.tolist(), near.tolist(), strict=True)
        ]
    return found

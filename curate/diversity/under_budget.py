"""Choose k rows that stand for all: which, why these, and for each row that was not chosen the one that stands for it.

    done = select(chats, encoder.encode, 500, by_topic=True)
    done.outcome.kept, done.outcome.ledger        # kept and removed together are the input
    done.curve                                    # coverage against k, beside rows drawn at random

Rows are placed by their queries (`row_vectors`). What the encoder cannot read cannot be chosen, and is said. The seed and
the rows decide, not the order of the file.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from curate import outcome
from curate.diversity import row_vectors, selection, topic_names, topic_tree, vendi
from curate.diversity.row_vectors import RowVectors
from curate.diversity.selection import WEIGHT, Choice, Rule
from curate.diversity.topic_tree import NOISE
from curate.errors import BadInput
from curate.outcome import Outcome, Reason
from curate.progress import Progress, silent
from curate.stats import Interval
from curate.windows import Encode, Vectors

STEP = "select"
UNREAD = "not comparable"
RANDOM = 5  # draws at random that the choice stands beside


@dataclass(frozen=True)
class Point:
    """Of the first k choices: mean cosine of a row to its nearest chosen one, the same for rows drawn at random, the lowest cosine."""

    k: int
    coverage: float
    random: float
    lowest: float


@dataclass(frozen=True)
class Stratum:
    """A topic's rows and how many of them were chosen; `words` is () for rows that no topic holds."""

    words: tuple[str, ...]
    rows: int
    chosen: int


@dataclass(frozen=True)
class Picked:
    """What was chosen. `order` are row ids, the most useful first."""

    outcome: Outcome
    order: tuple[str, ...] = field(repr=False)
    curve: tuple[Point, ...]
    strata: tuple[Stratum, ...]
    vendi: tuple[Interval, Interval, Interval]  # of all rows, of the chosen, of as many drawn at random
    unread: int
    unscored: int  # rows without a quality

    def __str__(self) -> str:
        last = self.curve[-1]
        return f"{last.k:,} rows chosen; coverage {last.coverage:.3f}, at random {last.random:.3f}"


def select(
    chats: pl.DataFrame,
    encode: Encode,
    k: int,
    *,
    rule: Rule = "facility-location",
    by_topic: bool = False,
    quality: str | None = None,
    weight: float = WEIGHT,
    seed: int = 0,
    progress: Progress = silent,
) -> Picked:
    """Choose `k` rows. `quality` names a number in each row, for the rule of that name; `by_topic` gives each topic its share.

    BadInput for a k below 1, for a weight outside 0 to 1, and where no row can be read or none has the quality.
    """
    if k < 1:
        raise BadInput(f"{k} rows cannot be chosen", hint="-k 500")
    if not 0 <= weight < 1:
        raise BadInput(f"the weight of quality is {weight}", hint="0 or more, and below 1")
    rows = row_vectors.of(chats, encode)
    if not len(rows):
        raise BadInput("no row asks anything that the encoder can read, so none can be chosen")
    good, unscored = _quality(chats, rows, quality, rule)
    tree = topic_tree.grow(rows.vectors, seed=seed)
    if by_topic:
        order = _by_topic(rows.vectors, tree.labels.tolist(), k, rule, good, weight)
    else:
        order = list(selection.choose(rows.vectors, k, rule, quality=good, weight=weight, progress=progress).order)
    choice = selection.told(rows.vectors, order)
    words = topic_names.words(rows.queries, tree.labels)
    names = {topic: ", ".join(found) or f"topic {topic}" for topic, found in words.items()} | {NOISE: "none"}
    done = outcome.split(chats, STEP, _reasons(rows, choice, rule, [names[label] for label in tree.labels.tolist()]))
    return Picked(
        done, tuple(rows.ids[place] for place in order), _curve(rows.vectors, choice, seed),
        _strata(tree.labels.tolist(), order, words), _vendi(rows, order, seed), len(rows.unread), unscored,
    )  # fmt: skip


def _reasons(rows: RowVectors, choice: Choice, rule: Rule, topics: Sequence[str]) -> dict[str, Reason]:
    taken = set(choice.order)
    reasons = {row: Reason(UNREAD) for row in rows.unread}
    for place, row in enumerate(rows.ids):
        if place not in taken:
            near, twin = float(choice.cosine[place]), rows.ids[int(choice.nearest[place])]
            evidence = {"chosen": len(taken), "topic": topics[place]}
            reasons[row] = Reason(f"not chosen, {rule}", near, None, twin, evidence)
    return reasons


def _quality(chats: pl.DataFrame, rows: RowVectors, name: str | None, rule: Rule) -> tuple[list[float] | None, int]:
    """Ranks of the qualities as shares from 0 to 1, so that any scale will do; a row without one stands in the middle."""
    if rule != "quality":
        return None, 0
    if name is None:
        raise BadInput("the rule quality needs to know which number of a row is its quality", hint="--quality FIELD")
    found = {row: json.loads(extra).get(name) for row, extra in chats.select("id", "extra").iter_rows()}
    numbers = {row: float(n) for row, n in found.items() if isinstance(n, int | float) and n == n and abs(n) != np.inf}
    known = pl.Series([numbers.get(row) for row in rows.ids], dtype=pl.Float64)
    scored = known.len() - known.null_count()
    if not scored:
        raise BadInput(f"no row has a number called {name}", hint="the name of a field beside the turns")
    share = (known.rank("average") - 1) / max(1, scored - 1) if scored > 1 else known * 0 + 0.5
    return share.fill_null(0.5).to_list(), known.null_count()


def _by_topic(
    vectors: Vectors, labels: Sequence[int], k: int, rule: Rule, quality: Sequence[float] | None, weight: float
) -> list[int]:
    """Each topic, and what no topic holds, has its share of k; chosen by itself, then merged so that every head is spread."""
    shares = quotas(Counter(labels), min(k, len(labels)))
    merged = list[tuple[float, int, int]]()
    for topic, quota in shares.items():
        mine = [place for place, label in enumerate(labels) if label == topic]
        its = [quality[place] for place in mine] if quality is not None else None
        chosen = selection.choose(vectors[mine], quota, rule, quality=its, weight=weight).order if quota else ()
        merged += [((rank + 0.5) / quota, topic, mine[place]) for rank, place in enumerate(chosen)]
    return [place for _, _, place in sorted(merged)]


def quotas(sizes: "Counter[int]", k: int) -> dict[int, int]:
    """How many of k each stratum gets: its share, the rest to the largest remainders; one at least while k allows it."""
    total, least = sum(sizes.values()), min(1, k // len(sizes))
    order = sorted(sizes, key=lambda topic: (-sizes[topic], topic))
    out = {topic: max(least, k * sizes[topic] // total) for topic in order}
    while sum(out.values()) > k:  # what was given to small ones comes from whoever has most over its share
        rich = [topic for topic in order if out[topic] > least]
        out[max(rich, key=lambda topic: (out[topic] - k * sizes[topic] / total, out[topic], -topic))] -= 1
    while sum(out.values()) < k:
        open_ = [topic for topic in order if out[topic] < sizes[topic]]
        out[max(open_, key=lambda topic: (k * sizes[topic] / total - out[topic], -topic))] += 1
    return out


def _curve(vectors: Vectors, choice: Choice, seed: int) -> tuple[Point, ...]:
    k = len(choice.order)
    at_random = selection.random_covered(vectors, k, seed=seed, draws=RANDOM)
    return tuple(Point(at, choice.covered[at - 1], float(at_random[at - 1]), choice.radius[at - 1]) for at in marks(k))


def marks(k: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, ... and k."""
    steps = [base * 10**power for power in range(len(str(k))) for base in (1, 2, 5)]
    return sorted({step for step in steps if step < k} | {k})


def _strata(labels: Sequence[int], order: Sequence[int], words: dict[int, tuple[str, ...]]) -> tuple[Stratum, ...]:
    rows, chosen = Counter(labels), Counter(labels[place] for place in order)
    topics = sorted(rows, key=lambda topic: (topic == NOISE, topic))
    return tuple(Stratum(words.get(topic, ()), rows[topic], chosen[topic]) for topic in topics)


def _vendi(rows: RowVectors, order: Sequence[int], seed: int) -> tuple[Interval, Interval, Interval]:
    at_random = rows.sample(len(order), seed)
    return vendi.interval(rows.vectors), vendi.interval(rows.vectors[sorted(order)]), vendi.interval(at_random.vectors)

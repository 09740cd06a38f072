"""Which rows of similar pairs go: stars, not chains.

    stars(best_first(chats), [Pair(0, 1, 0.9, "near duplicate"), Pair(1, 2, 0.8, "near duplicate")])

Rows are walked best first, and each is compared with survivors only (a maximal independent set): every removed row has a
*kept* twin, and no two kept rows are a pair. A ~ B ~ C cannot remove C when nothing like C is kept. Row order decides nothing.

Best first: an answer within the policy before one that a later step would drop or that gives a model away, a complete answer
before one that breaks off, a row without personal data before one with, then the longer answer, then the row id. The policy
comes first, because a kept row that is dropped later would take its twins with it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate import outcome
from curate.duplicates import said
from curate.outcome import Outcome, Reason

# An answer whose sentences end with a stop, all but the last, which stops at a letter, a digit or a comma.
HAS_SENTENCES, BREAKS_OFF = r"\p{L}[.!?]\s", r"[\p{L}\p{N},]\s*$"


@dataclass(frozen=True)
class Pair:
    """Two rows (by position) within the threshold."""

    a: int
    b: int
    score: float
    rule: str


@dataclass(frozen=True)
class Checked:
    """What is known of rows besides their words, by id. A row that nobody searched counts as one with personal data."""

    without_pii: Collection[str] = frozenset()  # searched, and nothing was found
    off_policy: Collection[str] = frozenset()  # the answer is one that should not be learnt


UNCHECKED = Checked()


def stars(order: Sequence[int], pairs: Iterable[Pair]) -> dict[int, Pair]:
    """Walk rows best first; a row that no kept row has claimed is kept, and claims all of its neighbours.

    Returns removed row -> the pair that removed it. Every removed row has a kept twin, no two kept rows are a pair, and
    the result depends on `order` alone, not on the order of `pairs`.
    """
    beside: dict[int, list[Pair]] = {}
    for pair in pairs:
        beside.setdefault(pair.a, []).append(pair)
        beside.setdefault(pair.b, []).append(pair)
    rank = {row: place for place, row in enumerate(order)}
    removed: dict[int, Pair] = {}
    for row in sorted(beside, key=rank.__getitem__):
        if row in removed:
            continue
        for pair in beside[row]:
            other = pair.b if pair.a == row else pair.a
            # A row that was claimed keeps its first twin: the best kept row beside it.
            if other not in removed:
                removed[other] = pair
    return removed


def best_first(chats: pl.DataFrame, rows: Sequence[int] | None = None, *, checked: Checked = UNCHECKED) -> list[int]:
    """Positions (all, or `rows`) in keeping order."""
    places = pl.Series(range(chats.height) if rows is None else rows, dtype=pl.Int64)
    some = chats[places]
    answers = pl.Series(said.sides(some).answers, dtype=pl.String)
    frame = pl.DataFrame(
        {
            "place": places,
            "id": some["id"],
            "off_policy": some["id"].is_in(list(checked.off_policy)),
            "cut": answers.str.contains(HAS_SENTENCES) & answers.str.contains(BREAKS_OFF),
            "personal": ~some["id"].is_in(list(checked.without_pii)),
            "short": -said.letters(answers.to_list()).cast(pl.Int64),
        }
    )
    return frame.sort("off_policy", "cut", "personal", "short", "id")["place"].to_list()


def remove(chats: pl.DataFrame, step: str, removed: Mapping[int, Pair], *, threshold: float) -> Outcome:
    """The outcome of a step that removes these rows, each beside its twin."""
    ids = chats["id"].to_list()
    reasons = {
        ids[row]: Reason(pair.rule, pair.score, threshold, twin=ids[pair.b if pair.a == row else pair.a])
        for row, pair in removed.items()
    }
    return outcome.split(chats, step, reasons)

"""Remove conversations that say the same thing: exact, near and semantic duplicates.

    outcome = near(chats, threshold=0.7)
    print(outcome)      # kept 14,872, removed 139 (near duplicate removed 139)

A removed row always names its twin: a row that this step kept, and that is itself within the threshold. Clusters never
chain: rows are walked best first, and each is compared with survivors only (a maximal independent set), so that
A ~ B ~ C cannot remove C when nothing like C is kept. The order of the file decides nothing.

Query and answer must both agree. The same question with another answer is a conflict, not a duplicate, and texts whose
numbers, names or negations contradict each other are variants of one template; both are kept.
"""

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from curate import chats as chat
from curate import neighbours, text
from curate.duplicates import said, stars
from curate.duplicates.near import NearPairs, decide, near, near_pairs
from curate.duplicates.stars import Pair
from curate.outcome import Outcome
from curate.windows import Encode, Vectors

__all__ = ["NearPairs", "Pair", "decide", "exact", "near", "near_pairs", "semantic"]

SHORT_QUESTION = 100  # characters
# Proposals come from vectors of reduced precision; anything this close to the threshold is decided in fp32.
BAND = 0.02


def exact(chats: pl.DataFrame, *, step: str = "exact", without_pii: Collection[str] = frozenset()) -> Outcome:
    """Keep one row of each set whose turns have one normal form (`text.normalise`), and whose fields are equal.

    White space and case never count here, in code neither: programs that differ by indentation alone are one.
    """
    long = said.turns(chats).with_columns(pl.col("fields").fill_null(""))
    long = long.with_columns(said=said.normal(long["said"]))
    # The normal form holds no control characters, so these part the turns without a doubt. Texts are compared, not hashes.
    parts = pl.concat_str("role", "said", "fields", separator="\x1f")
    whole = long.group_by("row").agg(parts.str.join("\x1e").alias("whole"))
    silent_rows = pl.DataFrame({"row": pl.int_range(chats.height, eager=True)}).join(whole, on="row", how="anti")
    whole = pl.concat([whole, silent_rows.with_columns(whole=pl.lit(""))])
    groups = whole.group_by("whole").agg(pl.col("row").sort()).filter(pl.col("row").list.len() > 1)["row"].to_list()
    order = stars.best_first(chats, sorted(row for group in groups for row in group), without_pii=without_pii)
    rank = {row: place for place, row in enumerate(order)}
    pairs = [
        Pair(keeper, other, 1.0, "exact duplicate")
        for group in groups
        for keeper in [min(group, key=rank.__getitem__)]
        for other in group
        if other != keeper
    ]
    return stars.remove(chats, step, stars.stars(order, pairs), threshold=1.0)


def semantic(
    chats: pl.DataFrame,
    encode: Encode,
    exact_encode: Encode,
    *,
    query: float = 0.88,
    answer: float = 0.88,
    latin_only: bool = False,
) -> Outcome:
    """Drop rows whose query *and* answer mean the same as those of a kept row: both cosines above their thresholds.

    All pairs are compared. `encode` may be of reduced precision: what lies near a threshold is decided again with
    `exact_encode` (fp32), so that machines agree. The reported score is the lower of the two fp32 cosines. Rows without
    a comparable query or answer are left alone, and with `latin_only` (for an encoder that reads English) those mostly in
    another script. Where a query has several paragraphs the first must agree by itself: a passage that two questions share
    would drown them.
    """
    sides = _Sides.of(chats)
    (asked, queries), (answered, answers) = (encode([row[side] for row in sides]).mean_by_text() for side in (0, 1))
    judged = np.intersect1d(asked, answered)
    if latin_only:
        readable = [text.mostly_latin(sides[row][0]) and text.mostly_latin(sides[row][1]) for row in judged.tolist()]
        judged = judged[np.array(readable, bool)]
    found = neighbours.self_pairs_in_both(
        queries[np.searchsorted(asked, judged)], answers[np.searchsorted(answered, judged)], query - BAND, answer - BAND
    )
    left, right = judged[found.left], judged[found.right]
    candidates = [(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True) if not sides.conflict(a, b)]
    pairs = [
        Pair(a, b, min(q, r), "semantic duplicate")
        for (a, b), (q, r) in zip(candidates, _exact_scores(sides, candidates, exact_encode), strict=True)
        if q >= query and r >= answer
    ]
    return stars.remove(chats, "semantic", stars.stars(stars.best_first(chats), pairs), threshold=min(query, answer))


class _Sides(Sequence[tuple[str, str]]):
    """Query and answer of each row, and whether two rows contradict each other."""

    def __init__(self, queries: list[str], answers: list[str], systems: list[str]) -> None:
        self._rows = list(zip(queries, answers, strict=True))
        self._systems = systems

    @staticmethod
    def of(chats: pl.DataFrame) -> "_Sides":
        systems = [text.normalise(said) for said in chat.side(chats, ("system",))]
        return _Sides(chat.queries(chats), chat.answers(chats), systems)

    def __getitem__(self, row):  # type: ignore[no-untyped-def]
        return self._rows[row]

    def __len__(self) -> int:
        return len(self._rows)

    def conflict(self, a: int, b: int) -> str | None:
        """The kind of fact in which two rows contradict each other, in the query or in the answer.

        Under two different system prompts the same exchange teaches two things.
        """
        if self._systems[a] and self._systems[b] and self._systems[a] != self._systems[b]:
            return "system prompt"
        for said_a, said_b in zip(self._rows[a], self._rows[b], strict=True):
            if found := text.conflict(text.facts(said_a), text.facts(said_b)):
                return found
        return None

    def other_question(self, a: int, b: int) -> bool:
        """In a short question one other word asks something else; in a long one it is an edit.

        The first paragraph asks; what follows is often a passage that many questions share.
        """
        asked_a, asked_b = self.asked(a), self.asked(b)
        short = min(len(asked_a), len(asked_b)) <= SHORT_QUESTION
        return short and text.swapped_words(asked_a, asked_b)

    def asked(self, row: int) -> str:
        """The first paragraph of the query."""
        return self._rows[row][0].strip().split("\n\n", 1)[0]


def _exact_scores(sides: "_Sides", pairs: Sequence[tuple[int, int]], encode: Encode) -> list[tuple[float, float]]:
    """(query cosine, answer cosine) of each pair in fp32, rounded to four places; the query's first paragraph counts."""
    if not pairs:
        return []
    rows = sorted({row for pair in pairs for row in pair})
    place = {row: i for i, row in enumerate(rows)}
    # Every text here has a window in the proposing encoder, and both cut alike: the means are in the order of `rows`.
    queries, answers = (encode([sides[row][side] for row in rows]).mean_by_text()[1] for side in (0, 1))
    spoken, first = encode([sides.asked(row) for row in rows]).mean_by_text()
    asked = dict(zip((rows[i] for i in spoken.tolist()), first, strict=True))

    def cosine(a: Vectors, b: Vectors) -> float:
        return round(float(a @ b), 4)

    out = []
    for a, b in pairs:
        query = cosine(queries[place[a]], queries[place[b]])
        if a in asked and b in asked:
            query = min(query, cosine(asked[a], asked[b]))
        out.append((query, cosine(answers[place[a]], answers[place[b]])))
    return out

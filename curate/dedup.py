"""Remove conversations that say the same thing: exact, near and semantic duplicates.

    outcome = near(chats, threshold=0.7)
    print(outcome)      # kept 14,872, removed 139 (near duplicate removed 139)

A removed row always names its twin: a row that this step kept, and that is itself within the threshold. Clusters never
chain: rows are walked best first, and each is compared with survivors only (a maximal independent set), so that
A ~ B ~ C cannot remove C when nothing like C is kept. The order of the file decides nothing.

Query and answer must both agree. The same question with another answer is a conflict, not a duplicate, and texts whose
numbers, names or negations contradict each other are variants of one template; both are kept.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from curate import chats as chat
from curate import minhash, neighbours, outcome, text
from curate.outcome import Outcome, Reason
from curate.progress import Progress, silent
from curate.windows import Encode, Vectors

# A truncated copy of an answer: its shingles lie in the longer answer. Below this many characters nothing is proven.
CONTAINED, CONTAINED_MIN_CHARS = 0.95, 40
SHORT_QUESTION = 100  # characters
# Proposals come from vectors of reduced precision; anything this close to the threshold is decided in fp32.
BAND = 0.02


@dataclass(frozen=True)
class Pair:
    """Two rows (by position) within the threshold."""

    a: int
    b: int
    score: float
    rule: str


def exact(chats: pl.DataFrame, *, step: str = "exact") -> Outcome:
    """Keep one row of each set whose turns have one normal form (`text.normalise`)."""
    groups: dict[str, list[int]] = {}
    for i, turns in enumerate(chats["turns"].to_list()):
        groups.setdefault(_normal_form(turns), []).append(i)
    order = _best_first(chats)
    rank = {row: place for place, row in enumerate(order)}
    pairs = [
        Pair(keeper, other, 1.0, "exact duplicate")
        for group in groups.values()
        if len(group) > 1 and (keeper := min(group, key=rank.__getitem__)) is not None
        for other in group
        if other != keeper
    ]
    return _remove(chats, step, stars(order, pairs), threshold=1.0)


def near(chats: pl.DataFrame, *, threshold: float = 0.7, seed: int = 0, progress: Progress = silent) -> Outcome:
    """Drop rows whose query and answer both share at least `threshold` of their character shingles with a kept row.

    MinHash proposes pairs (Broder 1997; banding after Leskovec et al., Mining of Massive Datasets, ch. 3); every
    removal is confirmed by the true Jaccard similarity of the two sets. An answer cut short counts as near when all but
    5 % of its shingles lie in the longer answer and the queries agree. Short questions that differ by a whole word on both
    sides ("dioxide", "monoxide") are left to the semantic step.
    """
    sides = _Sides.of(chats)
    answers = [answer for _, answer in sides]
    candidates = minhash.propose([f"{q} {a}" for q, a in sides], beside=answers, seed=seed, progress=progress)
    shingled: dict[tuple[int, int], frozenset[str]] = {}

    def shingles(row: int, side: int) -> frozenset[str]:
        if (row, side) not in shingled:
            shingled[row, side] = text.shingles(sides[row][side])
        return shingled[row, side]

    pairs = []
    for a, b in candidates:
        query = text.jaccard(shingles(a, 0), shingles(b, 0))
        if query < threshold:
            continue
        answer = text.jaccard(shingles(a, 1), shingles(b, 1))
        rule = "near duplicate"
        if answer < threshold and _is_cut(sides[a][1], sides[b][1], shingles(a, 1), shingles(b, 1)):
            answer, rule = query, "truncated answer"
        if answer >= threshold and not sides.conflict(a, b) and not sides.other_question(a, b):
            pairs.append(Pair(a, b, round(min(query, answer), 4), rule))
    return _remove(chats, "near", stars(_best_first(chats), pairs), threshold=threshold)


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
    return _remove(chats, "semantic", stars(_best_first(chats), pairs), threshold=min(query, answer))


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


def _best_first(chats: pl.DataFrame) -> list[int]:
    """Positions in keeping order: the longest answer first, ties by row id. The order of the file plays no part."""
    length = [len(text.loose(answer)) for answer in chat.answers(chats)]
    ids = chats["id"].to_list()
    return sorted(range(len(ids)), key=lambda row: (-length[row], ids[row]))


def _normal_form(turns: Sequence[Mapping[str, str | None]]) -> str:
    # What is no text (an image, say) must be the same to the byte.
    said = chat.canonical_json([[t["role"], text.normalise(chat.turn_text(t)), t.get("fields")] for t in turns])
    return hashlib.sha256(said.encode()).hexdigest()


def _is_cut(a: str, b: str, shingles_a: frozenset[str], shingles_b: frozenset[str]) -> bool:
    if len(shingles_a) > len(shingles_b):
        a, shingles_a, shingles_b = b, shingles_b, shingles_a
    return len(a) >= CONTAINED_MIN_CHARS and text.containment(shingles_a, shingles_b) >= CONTAINED


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


def _remove(chats: pl.DataFrame, step: str, removed: Mapping[int, Pair], *, threshold: float) -> Outcome:
    ids = chats["id"].to_list()
    reasons = {
        ids[row]: Reason(pair.rule, pair.score, threshold, twin=ids[pair.b if pair.a == row else pair.a])
        for row, pair in removed.items()
    }
    return outcome.split(chats, step, reasons)

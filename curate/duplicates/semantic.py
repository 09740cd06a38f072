"""Semantic duplicates and conflicts: what is asked and what is answered decide together.

    found = semantic(chats, encoder.encode, judge)
    print(found)                   # how it searched, what goes, what contradicts what
    found.outcome                  # rows that another row makes superfluous are removed
    found.decide(0.9).outcome      # another threshold, without reading anything again

    same question, same answer         duplicate
    same question, near-equal answer   duplicate; the better one stays
    same question, other answer        conflict: both stay, and are listed
    other question, same answer        no duplicate; answers given to many questions are counted
    same question but for its facts    template: both stay, and are counted

`sameness` says what is the same. A pair is within the threshold when both its probabilities reach it, and its cosines in full
precision the floors below. Vectors of less precision only propose. Rows go by `stars`, so every removed row has a kept twin,
and of what was compared no two kept rows are within the threshold. A stricter threshold removes fewer pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from curate.duplicates import proposals, stars
from curate.duplicates.asked import CONFLICT_FLOOR, EQUAL_FLOOR, MANY, Table, within_floors
from curate.duplicates.proposals import EXHAUSTIVE, Proposed
from curate.duplicates.sameness import Same, Sameness
from curate.outcome import Outcome
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.windows import Encode

__all__ = ["THRESHOLD", "Semantic", "semantic"]

THRESHOLD = 0.75
FLOOR = 0.5  # judged pairs from here up are kept, so that a threshold may be changed

PAIRS = pl.Schema({"a": pl.String, "b": pl.String, "score": pl.Float64, "question": pl.Float64, "answer": pl.Float64, "rule": pl.String})  # fmt: skip
CONFLICTS = pl.Schema({"row_a": pl.String, "row_b": pl.String, "question": pl.Float64, "answer_cosine": pl.Float64})


@dataclass(frozen=True)
class Semantic:
    """What was found, and what it means at `threshold`. `pairs` holds every judged pair from `floor` up (`a` < `b` are ids)."""

    pairs: pl.DataFrame
    templates: pl.DataFrame
    masses: (
        pl.DataFrame
    )  # answers given to many questions: an example row, rows, different questions, share of all rows
    proposed: Proposed
    judged: int
    left_alone: dict[str, int]  # rows that were not compared, by reason
    threshold: float = THRESHOLD
    floor: float = FLOOR
    _table: Table = field(repr=False, kw_only=True)
    _same: dict[tuple[int, int], float] = field(repr=False, kw_only=True)  # pairs of questions, by number
    _checked: stars.Checked = field(default=stars.UNCHECKED, repr=False, kw_only=True)

    def decide(self, threshold: float) -> "Semantic":
        """The same at another threshold: equal to a fresh run with it."""
        if threshold < self.floor:
            raise ValueError(f"pairs were kept from {self.floor:.2g} up; call semantic with floor={threshold:.2g}")
        return replace(self, threshold=threshold)

    @cached_property
    def outcome(self) -> Outcome:
        """Removed and kept rows, each removed one beside its kept twin."""
        chats, place = self._table.chats, self._table.place
        pairs = [
            stars.Pair(place[a], place[b], score, rule)
            for a, b, score, rule in self.pairs.filter(pl.col("score") >= self.threshold)
            .select("a", "b", "score", "rule")
            .iter_rows()
        ]
        order = self._order(sorted({row for pair in pairs for row in (pair.a, pair.b)}))
        return stars.remove(chats, "semantic", stars.stars(order, pairs), threshold=self.threshold)

    @cached_property
    def conflicts(self) -> pl.DataFrame:
        """Kept rows that answer one question otherwise: each beside the best such row, so n answers are n - 1 lines."""
        table = self._table
        beside: dict[int, list[tuple[int, float]]] = {}
        for (i, j), probability in self._same.items():
            if probability >= self.threshold:
                beside.setdefault(i, []).append((j, probability))
                beside.setdefault(j, []).append((i, probability))
        kept = np.ones(len(table.question), bool)
        kept[[table.place[row] for row in self.outcome.removed["id"]]] = False
        kept &= table.question >= 0
        numbers, counts = np.unique(table.question[kept], return_counts=True)
        asked = np.array(sorted({*beside, *numbers[counts > 1].tolist()}), dtype=np.int64)
        rows = np.flatnonzero(kept & np.isin(table.question, asked)).tolist()
        order = self._order(rows)
        found, best = [], dict[int, list[int]]()
        for rank, row in enumerate(order):
            number = int(table.question[row])
            held = [
                (other, probability)
                for known, probability in [(number, 1.0), *beside.get(number, [])]
                for other in best.get(known, [])
                if not table.apart(row, order[other])
            ]
            if held:
                other, probability = min(held)
                first = order[other]
                found.append((table.ids[first], table.ids[row], probability, table.answer_cosine(first, row)))
            # Of one question the best row of each context is enough: it is before all others.
            if all(table.apart(row, order[other]) for other in best.get(number, [])):
                best.setdefault(number, []).append(rank)
        return pl.DataFrame(found, schema=CONFLICTS, orient="row").sort("row_a", "row_b")

    def borderline(self, count: int = 10) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The pairs nearest to the threshold: just within, and just not."""
        within = self.pairs.filter(pl.col("score") >= self.threshold).sort("score", "a", "b").head(count)
        without = self.pairs.filter(pl.col("score") < self.threshold)
        return within, without.sort("score", "a", "b", descending=[True, False, False]).head(count)

    def _order(self, rows: Sequence[int]) -> list[int]:
        return stars.best_first(self._table.chats, rows, checked=self._checked)

    def __str__(self) -> str:
        alone = "".join(f"; {count:,} rows left alone ({why})" for why, count in self.left_alone.items() if count)
        mass = int(self.masses["rows"].sum())
        lines = [
            f"semantic: {self.outcome} at {self.threshold:.2g}; {self.proposed}; {self.judged:,} row pairs judged{alone}",
            f"conflicts: {self.conflicts.height:,} rows answer a question otherwise than a better row (both kept)",
            f"templates: {self.templates.height:,} pairs differ in a number, name or other fact (both kept)",
            f"one answer, {MANY} questions and more: {self.masses.height:,} answers on {mass:,} rows (kept)",
        ]
        return "\n".join(lines)


def semantic(
    chats: pl.DataFrame,
    encode: Encode,
    judge: Judge,
    *,
    threshold: float = THRESHOLD,
    floor: float = FLOOR,
    latin_only: bool = False,
    slack: float = 0.01,
    exact: Encode | None = None,
    exhaustive: int = EXHAUSTIVE,
    seed: int = 0,
    progress: Progress = silent,
    checked: stars.Checked = stars.UNCHECKED,
) -> Semantic:
    """Find semantic duplicates, conflicts, templates and answers given to many questions.

    `encode` may be of reduced precision and only proposes; `slack` is how far its cosines may be off (`Encoder.slack`), and
    with `exact`, the same in full precision, nothing comes of a pair that full precision would not have proposed.
    `judge` decides, in full precision. With `latin_only`, for an encoder that reads English, rows in other scripts are left
    alone. Up to `exhaustive` different questions all pairs are compared; above, the recall of the search is measured and printed.
    """
    table = Table.of(chats, encode, latin_only)
    proposed = proposals.questions(table.queries, EQUAL_FLOOR - slack, exhaustive=exhaustive, seed=seed)
    rows = table.row_pairs(proposed, slack)
    same = Sameness(judge, progress)
    said_both = [(table.said.answers[a], table.said.answers[b]) for a, b in rows]
    answers = dict(zip(rows, same.answers(said_both), strict=True))
    answers = {(a, b): one for (a, b), one in answers.items() if _answers_agree(table, a, b, one, floor)}
    alike = table.alike(proposed, CONFLICT_FLOOR - slack)
    if exact is not None and slack:
        answers = {pair: answers[pair] for pair in table.in_full(list(answers), exact)}
        alike = table.alike_in_full(alike, CONFLICT_FLOOR, exact)
    numbers = {_asked(table, a, b) for a, b in answers} | alike
    asked = sorted((i, j) for i, j in numbers if i != j)
    judged = dict(zip(asked, same.questions([(table.texts[i], table.texts[j]) for i, j in asked]), strict=True))
    pairs = _within(table, answers, judged, floor)
    known = {pair: one.probability for pair, one in judged.items() if _is_conflict(one, floor)}
    return Semantic(
        pairs, table.templates(judged), table.masses(), proposed, len(rows), table.left_alone, threshold, floor,
        _table=table, _same=known, _checked=checked,
    )  # fmt: skip


def _answers_agree(table: Table, a: int, b: int, answer: Same, floor: float) -> bool:
    one_question = bool(table.question[a] == table.question[b])
    near = within_floors(None, answer.cosine, one_question)
    return answer.differs is None and answer.probability >= floor and near


def _within(
    table: Table, answers: dict[tuple[int, int], Same], judged: dict[tuple[int, int], Same], floor: float
) -> pl.DataFrame:
    """The pairs of rows that agree in both, with their scores."""
    found = []
    for (a, b), answer in answers.items():
        i, j = _asked(table, a, b)
        question = Same(1.0) if i == j else judged[i, j]
        score = round(min(question.probability, answer.probability), 4)
        near = within_floors(question.cosine, answer.cosine, i == j)
        if question.differs is None and score >= floor and near:
            rule = "semantic duplicate" if answer.cosine is None else "semantic duplicate, answer reworded"
            first, second = sorted((table.ids[a], table.ids[b]))
            found.append((first, second, score, question.probability, answer.probability, rule))
    return pl.DataFrame(found, schema=PAIRS, orient="row").sort("a", "b")


def _is_conflict(question: Same, floor: float) -> bool:
    return question.differs is None and question.probability >= floor and (question.cosine or 0.0) >= CONFLICT_FLOOR


def _asked(table: Table, a: int, b: int) -> tuple[int, int]:
    """The numbers of the questions of two rows, the lower first."""
    one, other = int(table.question[a]), int(table.question[b])
    return (min(one, other), max(one, other))

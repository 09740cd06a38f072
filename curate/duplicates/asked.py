"""The rows of a data set as questions and answers by number, and which pairs of rows are worth judging.

    table = Table.of(chats, encode, latin_only=True)
    table.row_pairs(proposals.questions(table.queries, EQUAL_FLOOR), slack=0.01)     # [(3, 17), ...]

A question that many rows ask is compared once. Only rows whose contexts (system prompt, tool results, images) agree are paired.
"""

import itertools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import neighbours, text
from curate.duplicates import said
from curate.duplicates.proposals import Proposed
from curate.duplicates.sameness import Same
from curate.windows import Encode, Vectors

EQUAL_FLOOR = 0.70  # cosine of two questions with equal answers
REWORDED_FLOOR = 0.88  # of two questions, and of their answers, where both are in other words
ANSWER_FLOOR = 0.85  # of two answers to one question
CONFLICT_FLOOR = 0.90  # of two questions whose other answers are listed as a conflict
MANY = 5  # different questions from which one answer is counted as given to many
AT_ONCE = 200_000  # row pairs looked at together
CROWD = 1_000_000  # row pairs of two questions from which they are searched, not listed

TEMPLATES = pl.Schema({"a": pl.String, "b": pl.String, "kind": pl.String, "cosine": pl.Float64})
MASSES = pl.Schema({"row": pl.String, "rows": pl.Int64, "questions": pl.Int64, "share": pl.Float64})

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def within_floors(question: float | None, answer: float | None, one_question: bool) -> bool:
    """Whether the cosines in full precision are high enough; None: the texts are equal."""
    if answer is None:
        return question is None or question >= EQUAL_FLOOR
    if one_question:
        return answer >= ANSWER_FLOOR
    return answer >= REWORDED_FLOOR and (question is None or question >= REWORDED_FLOOR)


@dataclass(frozen=True)
class Table:
    """The rows, their different questions (sorted) and answers by number, and what else must agree. -1: not compared."""

    chats: pl.DataFrame
    said: said.Sides
    ids: list[str]
    place: dict[str, int]
    texts: list[str]
    queries: Vectors
    answer_vectors: Vectors
    question: Numbers
    answer: Numbers  # line of `answer_vectors`
    form: Numbers  # number of the answer's normal form
    left_alone: dict[str, int]

    @staticmethod
    def of(chats: pl.DataFrame, encode: Encode, latin_only: bool) -> "Table":
        sides = said.sides(chats)
        texts, queries, question = _vectors(sides.queries, encode)
        _, answer_vectors, answer = _vectors(sides.answers, encode)
        nothing = (question < 0) | (answer < 0)
        foreign = np.zeros(chats.height, bool)
        if latin_only:
            latin = [_latin(q) and _latin(a) for q, a in zip(sides.queries, sides.answers, strict=True)]
            foreign = ~np.array(latin, dtype=bool) & ~nothing
        question = np.where(nothing | foreign, -1, question)
        form = text.all_normal(sides.answers).rank("dense").to_numpy().astype(np.int64)
        ids = chats["id"].to_list()
        alone = {"nothing to compare": int(nothing.sum()), "in another script": int(foreign.sum())}
        place = {row: i for i, row in enumerate(ids)}
        return Table(chats, sides, ids, place, texts, queries, answer_vectors, question, answer, form, alone)

    def apart(self, a: int, b: int) -> bool:
        """Whether two rows stand in contexts that differ: two system prompts, tool results, or an image beside a question."""
        both = [(side[a], side[b]) for side in (self.said.systems, self.said.tools)]
        return self.said.fields[a] != self.said.fields[b] or any(
            x and y and x != y and text.normalise(x) != text.normalise(y) for x, y in both
        )

    def answer_cosine(self, a: int, b: int) -> float:
        """Of the proposing vectors, to two places: it decides nothing."""
        one, other = (self.answer_vectors[self.answer[row]].astype(np.float64) for row in (a, b))
        return round(float(one @ other), 2) + 0.0

    def alike(self, proposed: Proposed, floor: float) -> set[tuple[int, int]]:
        """Pairs of different questions whose cosine reaches `floor`, asked by rows that are compared."""
        high = proposed.pairs.score >= floor
        left, right = proposed.pairs.left[high], proposed.pairs.right[high]
        present = np.isin(np.arange(len(self.texts)), self.question)
        some = present[left] & present[right]
        return set(zip(left[some].tolist(), right[some].tolist(), strict=True))

    def row_pairs(self, proposed: Proposed, slack: float) -> list[tuple[int, int]]:
        """Pairs of rows (a < b) whose questions and answers are near enough to be judged."""
        rows = np.argsort(self.question, kind="stable")
        rows = rows[self.question[rows] >= 0]
        edges = np.searchsorted(self.question[rows], np.arange(len(self.texts) + 1))
        counts = np.diff(edges)
        again = np.flatnonzero(counts > 1)
        left = np.concatenate([proposed.pairs.left, again])
        right = np.concatenate([proposed.pairs.right, again])
        score = np.concatenate([proposed.pairs.score, np.ones(len(again), np.float32)])
        sizes = counts[left] * counts[right]
        found: list[tuple[int, int]] = []
        small = np.flatnonzero((sizes > 0) & (sizes <= CROWD))
        groups = np.cumsum(sizes[small]) // AT_ONCE
        for start, end in _runs(groups):
            some = small[start:end]
            at = np.arange(sizes[some].sum()) - np.repeat(np.cumsum(sizes[some]) - sizes[some], sizes[some])
            wide = np.repeat(counts[right[some]], sizes[some])
            a = rows[np.repeat(edges[left[some]], sizes[some]) + at // wide]
            b = rows[np.repeat(edges[right[some]], sizes[some]) + at % wide]
            found += self._near(a, b, np.repeat(score[some], sizes[some]), slack)
        for i in np.flatnonzero(sizes > CROWD).tolist():
            here, there = (rows[edges[side[i]] : edges[side[i] + 1]] for side in (left, right))
            vectors = self.answer_vectors[self.answer[here]], self.answer_vectors[self.answer[there]]
            close = neighbours.pairs_above(*vectors, ANSWER_FLOOR - slack)
            found += self._near(here[close.left], there[close.right], np.full(len(close), score[i]), slack)
        return sorted(set(found))

    def _near(self, a: Numbers, b: Numbers, score: Scores, slack: float) -> list[tuple[int, int]]:
        a, b = np.minimum(a, b), np.maximum(a, b)
        equal = self.form[a] == self.form[b]
        some = (a < b) & (equal | (score >= REWORDED_FLOOR - slack))
        a, b, equal = a[some], b[some], equal[some]
        floor = np.where(self.question[a] == self.question[b], ANSWER_FLOOR, REWORDED_FLOOR) - slack
        for start in range(0, len(a), 50_000):
            block = slice(start, start + 50_000)
            here, there = (self.answer_vectors[self.answer[rows[block]]] for rows in (a, b))
            equal[block] |= np.einsum("nd,nd->n", here, there) >= floor[block]
        pairs = zip(a[equal].tolist(), b[equal].tolist(), strict=True)
        return [(x, y) for x, y in pairs if not self.apart(x, y)]

    def in_full(self, pairs: Sequence[tuple[int, int]], exact: Encode) -> list[tuple[int, int]]:
        """Of these pairs of rows those that vectors of full precision would have made worth judging."""
        different = [self.question[a] != self.question[b] for a, b in pairs]
        numbers = [(int(self.question[a]), int(self.question[b])) for a, b in pairs]
        asked = cosines([(self.texts[i], self.texts[j]) for i, j in numbers], exact)
        answered = cosines([(self.said.answers[a], self.said.answers[b]) for a, b in pairs], exact)
        found = []
        for (a, b), other, question, answer in zip(pairs, different, asked, answered, strict=True):
            if within_floors(question if other else None, None if self.form[a] == self.form[b] else answer, not other):
                found.append((a, b))
        return found

    def alike_in_full(self, numbers: Set[tuple[int, int]], floor: float, exact: Encode) -> set[tuple[int, int]]:
        """Of these pairs of questions those whose cosine reaches `floor` in full precision."""
        some = sorted(numbers)
        found = cosines([(self.texts[i], self.texts[j]) for i, j in some], exact)
        return {pair for pair, cosine in zip(some, found, strict=True) if cosine >= floor}

    def templates(self, judged: Mapping[tuple[int, int], Same]) -> pl.DataFrame:
        """Judged pairs of questions that differ in a fact, each named by the first row (by id) that asks it."""
        order = sorted(range(len(self.ids)), key=self.ids.__getitem__, reverse=True)
        first = {int(self.question[row]): self.ids[row] for row in order}
        lines = [
            (*sorted((first[i], first[j])), one.differs, one.cosine) for (i, j), one in judged.items() if one.differs
        ]
        return pl.DataFrame(lines, schema=TEMPLATES, orient="row").sort("a", "b")

    def masses(self) -> pl.DataFrame:
        """Answers (by normal form) that are given to MANY different questions and more, the most frequent first."""
        asked = text.all_normal(self.said.queries)
        answers = pl.Series(self.said.answers, dtype=pl.String)
        frame = pl.DataFrame(
            {"row": pl.Series(self.ids, dtype=pl.String), "form": self.form, "asked": asked, "answer": answers}
        )
        groups = frame.filter(pl.col("answer").str.strip_chars() != "").group_by("form").agg(
            pl.col("row").min(), pl.len().cast(pl.Int64).alias("rows"), pl.col("asked").n_unique().cast(pl.Int64).alias("questions")
        )  # fmt: skip
        many = groups.filter(pl.col("questions") >= MANY).with_columns(share=pl.col("rows") / max(1, len(self.ids)))
        return many.select(MASSES.names()).sort("rows", "row", descending=[True, False])


def cosines(pairs: Sequence[tuple[str, str]], encode: Encode) -> list[float]:
    """The cosine of each pair of texts that have a vector: of the means of their windows."""
    distinct = sorted({one for pair in pairs for one in pair})
    numbers, vectors = encode(distinct).mean_by_text()
    place = {distinct[number]: line for line, number in enumerate(numbers.tolist())}
    found: list[float] = []
    for start in range(0, len(pairs), 50_000):
        here, there = (vectors[[place[pair[side]] for pair in pairs[start : start + 50_000]]] for side in (0, 1))
        found += np.einsum("nd,nd->n", here, there).tolist()
    return found


def _vectors(texts: Sequence[str], encode: Encode) -> tuple[list[str], Vectors, Numbers]:
    """The different texts that have a vector, sorted, their vectors, and for each text its number there, -1 without."""
    distinct = sorted(set(texts))
    numbers, vectors = encode(distinct).mean_by_text()
    known = [distinct[i] for i in numbers.tolist()]
    number = {one: i for i, one in enumerate(known)}
    return known, vectors, np.array([number.get(one, -1) for one in texts], dtype=np.int64)


def _latin(said: str) -> bool:
    return said.isascii() or text.mostly_latin(said)


def _runs(groups: Numbers) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(groups)]
    return [(a, b) for a, b in itertools.pairwise(edges) if a < b]

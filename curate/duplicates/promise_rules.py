"""What each step of deduplication calls the same, asked plainly: the rules behind `promises`.

    exact_rule().within(rows, [(0, 1)])     # [True]

A rule tells of pairs of rows whether they are within the threshold, and names the pairs that are worth asking about by other means than
the step uses: normal forms in a dict, shared words counted, a product of vectors row by row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import chats as chat
from curate import text
from curate.duplicates import said
from curate.duplicates.asked import ANSWER_FLOOR, EQUAL_FLOOR, REWORDED_FLOOR, cosines, within_floors
from curate.duplicates.confirm import Rows
from curate.duplicates.sameness import Sameness
from curate.pairs import Judge
from curate.windows import Encode

SHARED = 0.5  # of the words of the row that has fewer, from which two rows are compared by the near rules
ROWS_AT_ONCE = 512  # multiplied with all others

Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Rule:
    """What a step calls the same: `within` tells it of pairs of rows, `near` says which pairs to ask about (left rows with all)."""

    within: Callable[[pl.DataFrame, Pairs], list[bool]]
    near: Callable[[pl.DataFrame, Sequence[int]], Pairs]
    always_all: bool = False  # comparing all rows costs so little that no sample is drawn


def exact_rule() -> Rule:
    """Equal normal forms of all turns and equal fields."""

    def form(turns: Sequence[Mapping[str, str | None]]) -> str:
        return chat.canonical_json([[t["role"], text.normalise(chat.turn_text(t)), t.get("fields")] for t in turns])

    def within(rows: pl.DataFrame, pairs: Pairs) -> list[bool]:
        turns = rows["turns"].to_list()
        return [form(turns[a]) == form(turns[b]) for a, b in pairs]

    def near(rows: pl.DataFrame, some: Sequence[int]) -> Pairs:
        known: dict[str, int] = {}
        found = []
        for row, turns in enumerate(rows["turns"].to_list()):
            if (first := known.setdefault(form(turns), row)) != row:
                found.append((first, row))
        return found

    return Rule(within, near, always_all=True)


def near_rule(threshold: float) -> Rule:
    """The three near rules at a threshold. Asked about: all pairs that share half of the words of the shorter row."""

    def within(rows: pl.DataFrame, pairs: Pairs) -> list[bool]:
        out = [False] * len(pairs)
        ids, sides = rows["id"].to_list(), said.sides(rows)
        for start in range(0, len(pairs), 200_000):
            turned = [(a, b) if ids[a] < ids[b] else (b, a) for a, b in pairs[start : start + 200_000]]
            read = Rows(sides, np.array(turned, dtype=np.int64).reshape(-1, 2))
            for i in read.worth_reading(threshold).tolist():
                rule, score = read.best_rule(i)
                out[start + i] = score >= threshold and not read.contradiction(i, rule)
        return out

    def near(rows: pl.DataFrame, some: Sequence[int]) -> Pairs:
        sides = said.sides(rows)
        held = [frozenset(text.tokens(f"{q} {a}")) for q, a in zip(sides.queries, sides.answers, strict=True)]
        return list(_sharing(held, some))

    return Rule(within, near)


def _sharing(held: Sequence[frozenset[str]], some: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of which the first is in `some` and that share SHARED of the fewer words, by counting, each pair once."""
    where: dict[str, list[int]] = {}
    for row, words in enumerate(held):
        for word in words:
            where.setdefault(word, []).append(row)
    lists = {word: np.array(rows, dtype=np.int64) for word, rows in where.items()}
    sizes = np.array([len(words) for words in held])
    chosen = np.zeros(len(held), bool)
    chosen[list(some)] = True
    numbers = np.arange(len(held))
    for row in some:
        shared = np.zeros(len(held), np.int64)
        for word in held[row]:
            shared[lists[word]] += 1
        enough = (shared > 0) & (shared >= SHARED * np.minimum(sizes, sizes[row]))
        enough &= ~chosen | (numbers > row)
        enough[row] = False
        yield from ((row, other) for other in np.flatnonzero(enough).tolist())


def semantic_rule(
    encode: Encode, judge: Judge, threshold: float, *, latin_only: bool, slack: float, exact: Encode | None = None
) -> Rule:
    """The semantic rule at a threshold. Asked about: all pairs whose questions are near by a plain product of the vectors.

    The cosines of `encode` may be off by `slack`; `exact` is the same in full precision.
    """
    same = Sameness(judge)

    def within(rows: pl.DataFrame, pairs: Pairs) -> list[bool]:
        sides, fields = said.sides(rows), _fields(rows)
        answers = same.answers([(sides.answers[a], sides.answers[b]) for a, b in pairs])
        one = [sides.queries[a] == sides.queries[b] for a, b in pairs]
        likely = [
            i
            for i, (pair, answer) in enumerate(zip(pairs, answers, strict=True))
            if answer.differs is None
            and answer.probability >= threshold
            and within_floors(None, answer.cosine, one[i])
            and not _apart(sides, fields, *pair)
        ]
        asked = same.questions([(sides.queries[a], sides.queries[b]) for a, b in (pairs[i] for i in likely)])
        out = [False] * len(pairs)
        for i, question in zip(likely, asked, strict=True):
            near = within_floors(question.cosine, answers[i].cosine, one[i])
            out[i] = one[i] or (question.differs is None and question.probability >= threshold and near)
        return out

    def near(rows: pl.DataFrame, some: Sequence[int]) -> Pairs:
        sides = said.sides(rows)
        vectors = []
        for texts in (sides.queries, sides.answers):
            numbers, found = encode(texts).mean_by_text()
            table = np.zeros((rows.height, found.shape[1] if found.ndim == 2 else 0), np.float32)
            table[numbers] = found
            vectors.append((table, np.isin(np.arange(rows.height), numbers)))
        (queries, asked), (answers, answered) = vectors
        fine = asked & answered
        if latin_only:
            both = zip(sides.queries, sides.answers, strict=True)
            fine &= np.array([text.mostly_latin(q) and text.mostly_latin(a) for q, a in both], dtype=np.bool_)
        forms = np.unique([text.normalise(answer) for answer in sides.answers], return_inverse=True)[1]
        number = np.arange(rows.height)
        chosen = np.isin(number, some)
        left = np.array([row for row in some if fine[row]], dtype=np.int64)
        found_pairs: Pairs = []
        for start in range(0, len(left), ROWS_AT_ONCE):
            block = left[start : start + ROWS_AT_ONCE]
            question, answer = queries[block] @ queries.T, answers[block] @ answers.T
            close = (question >= REWORDED_FLOOR - slack) & (answer >= min(ANSWER_FLOOR, REWORDED_FLOOR) - slack)
            close |= (question >= EQUAL_FLOOR - slack) & (forms[block][:, None] == forms)
            close &= fine & (~chosen | (number > block[:, None])) & (number != block[:, None])
            here, there = np.nonzero(close)
            found_pairs += list(zip(block[here].tolist(), there.tolist(), strict=True))
        return found_pairs if exact is None else in_full(sides, forms, found_pairs, exact)

    def in_full(sides: said.Sides, forms: npt.NDArray[np.int64], pairs: Pairs, exact: Encode) -> Pairs:
        question = cosines([(sides.queries[a], sides.queries[b]) for a, b in pairs], exact)
        answer = cosines([(sides.answers[a], sides.answers[b]) for a, b in pairs], exact)
        found = []
        for (a, b), asked, answered in zip(pairs, question, answer, strict=True):
            one = sides.queries[a] == sides.queries[b]
            if within_floors(None if one else asked, None if forms[a] == forms[b] else answered, one):
                found.append((a, b))
        return found

    return Rule(within, near)


def _apart(sides: said.Sides, fields: Sequence[str], a: int, b: int) -> bool:
    for side in (sides.systems, sides.tools):
        if side[a] and side[b] and text.normalise(side[a]) != text.normalise(side[b]):
            return True
    return fields[a] != fields[b]


def _fields(rows: pl.DataFrame) -> list[str]:
    return [
        "\n".join(turn["fields"] for turn in turns if turn["role"] == "user" and turn["fields"])
        for turns in rows["turns"].to_list()
    ]

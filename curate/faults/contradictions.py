"""One question, two answers: which of these pairs contradict each other, and which may both be right.

    found = conflicts(chats, semantic.conflicts, doubles)
    found["contradiction"], found["other answer"]

Questions are the same in their normal form, or to the pair rule. Answers contradict each other when they say much the same and
differ in a fact: a number on each side that the other lacks, a "not", yes against no. Two stories or two lists of ideas do not.
"""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from curate import chats as chat
from curate import text
from curate.report import Cell

CONTRADICTION, OTHER = "contradiction", "other answer"
ALIKE = 0.35  # of the words of two answers that contradict each other, small words apart, are in both
NEAR_EQUAL = 0.7  # and for a "not" to count
LONGEST = 80  # words: two long answers differ in some number without contradicting each other
ROUNDED = 0.01  # numbers that differ by less are one number, rounded
FACTS = ("numbers", "negation", "yes or no")

Rows = dict[str, dict[str, Cell]]


def conflicts(chats: pl.DataFrame, near: pl.DataFrame | None, doubles: set[str]) -> dict[str, Rows]:
    """Rows of both kinds, each beside a row that answers otherwise. `near` is `Semantic.conflicts`; `doubles` are duplicates."""
    place = {row: i for i, row in enumerate(chats["id"])}
    queries, answers = chat.queries(chats), chat.answers(chats)
    # What a tool said differs from talk to talk, and the answer with it.
    doubles = doubles | {row for row, turns in zip(chats["id"], chats["turns"].to_list(), strict=True) if _tool(turns)}
    pairs = _same_question(chats["id"].to_list(), queries, answers, doubles)
    if near is not None:
        pairs += [(a, b, round(score, 2)) for a, b, score, _ in near.iter_rows() if {a, b} <= place.keys() - doubles]
    found: dict[str, Rows] = {CONTRADICTION: {}, OTHER: {}}
    for a, b, score in pairs:
        differs = contradict(answers[place[a]], answers[place[b]], queries[place[a]])
        for row, twin in ((a, b), (b, a)):
            details: dict[str, Cell] = {"score": score, "twin": twin}
            if differs:
                found[CONTRADICTION].setdefault(row, details | {"differs": differs})
            else:
                found[OTHER].setdefault(row, details)
    plain = {row: details for row, details in found[OTHER].items() if row not in found[CONTRADICTION]}
    return {CONTRADICTION: _in_order(found[CONTRADICTION], place), OTHER: _in_order(plain, place)}


def contradict(a: str, b: str, asked: str = "") -> str | None:
    """The kind of fact in which two short, similar answers to one question contradict each other, or None.

    Numbers that the question names are no news: an answer may repeat them or not, in full or cut ("1995-96").
    """
    if max(len(a.split()), len(b.split())) > LONGEST:
        return None
    left, right = ({word for word in text.tokens(side) if word not in text.SMALL_WORDS} for side in (a, b))
    alike = text.jaccard(frozenset(left), frozenset(right))
    if alike < ALIKE:
        return None
    known = text.facts(asked).numbers
    one, other = text.facts(a), text.facts(b)
    left_of, right_of = _news(one.numbers, other.numbers, known), _news(other.numbers, one.numbers, known)
    # One "no" among other words may stand in a reworded answer: only near-equal answers are turned round by it.
    kinds = FACTS if alike >= NEAR_EQUAL else tuple(kind for kind in FACTS if kind != "negation")
    return text.conflict(replace(one, numbers=left_of), replace(other, numbers=right_of), kinds)


def _news(numbers: frozenset[str], others: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    """The numbers that neither the question names nor the other answer has, rounding apart."""
    near = {value for one in others if (value := _value(one)) is not None}
    return frozenset(
        number
        for number in numbers
        if not any(one.endswith(number) for one in known) and not any(_rounded(_value(number), one) for one in near)
    )


def _value(number: str) -> float | None:
    try:
        return float(number.replace(",", ""))
    except ValueError:
        return None


def _rounded(one: float | None, other: float) -> bool:
    return one is not None and abs(one - other) <= ROUNDED * max(abs(one), abs(other))


def _same_question(
    ids: list[str], queries: list[str], answers: list[str], doubles: set[str]
) -> list[tuple[str, str, float]]:
    """Pairs of rows with one question and another answer: each beside the first row that answers otherwise."""
    asked: dict[str, list[tuple[str, str]]] = {}
    forms = text.all_normal(queries)
    again = (forms.is_duplicated() & (forms != "")).to_list()
    for row, form, answer, more in zip(ids, forms, answers, again, strict=True):
        if more and row not in doubles:
            asked.setdefault(form, []).append((row, text.normalise(answer)))
    pairs = []
    for rows in asked.values():
        first = rows[0]
        pairs += [(first[0], row, 1.0) for row, answer in rows[1:] if answer != first[1]]
        # A row that says what the first says has its own opponent too.
        other = next((row for row, answer in rows if answer != first[1]), None)
        pairs += [(row, other, 1.0) for row, answer in rows[1:] if other and answer == first[1]]
    return pairs


def _tool(turns: Sequence[chat.Turn]) -> bool:
    return any(turn["role"] == "tool" for turn in turns)


def _in_order(rows: Rows, place: dict[str, int]) -> Rows:
    return {row: rows[row] for row in sorted(rows, key=place.__getitem__)}

"""One question, two answers: which of these pairs contradict each other, and which may both be right.

    found = conflicts(chats, semantic.conflicts, doubles)
    found["contradiction"], found["other answer"]

Questions are the same in their normal form, or to the pair rule. Answers contradict each other when they say much the same and
differ in a fact: a number on each side that the other lacks, a "not", yes against no. Two stories or two lists of ideas do not.
How much two answers say the same is told by their other words: "56" and "54" have none, so only the fact is left to compare.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import polars as pl

from curate import text
from curate.duplicates.said import sides
from curate.report import Cell

CONTRADICTION, OTHER = "contradiction", "other answer"
ALIKE = 0.35  # of the words of two answers that contradict each other, small words and facts apart, are in both
NEAR_EQUAL = 0.7  # and for a "not" to count
LONGEST = 80  # words: two long answers differ in some number without contradicting each other
ROUNDED = 0.01  # numbers that differ by less are one number, rounded
EXACT = 2_100  # but whole numbers up to here are counts and years
MOST_ANSWERS = 50  # to one question that are compared with one another
NOT_COMPARED = (
    "the question has {:,} answers, and only those of its first {:,} rows by id are compared with one another"
)

# Words that belong to a number: "3 pm" and "4 am" are alike but for the fact.
_OF_NUMBERS = frozenset({"am", "pm", "thousand", "million", "billion", "hundred", "bn", "k"})
_TENS, _UNITS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety", "one|two|three|four|five|six|seven|eight|nine"
# Numbers in two measures are not compared: 2 hours are 120 minutes.
_MEASURE = re.compile(
    rf"(?:\d[\s-]?|\b(?:{_TENS}|{_UNITS}|ten|eleven|twelve|half|a)[\s-])(km|mm|cm|m|mile|metre|meter|foot|feet|ft|inch|yard|kg|mg|g|lb|pound|ounce|oz|ton|tonne"
    r"|ml|l|litre|liter|gallon|second|minute|hour|day|week|month|year|decade|centur(?:y|ies)|°\s?[cfk]|%|percent|cent|dollar|euro|k?w|kwh|hz|mb|gb|tb)"
    r"(?:s|es)?(?!\w)|([$£€])\s?\d",
    re.IGNORECASE,
)
# Written so that their parts are no numbers of their own: "fifty six", "two hundred", "1/2".
_COMPOUND = re.compile(
    rf"\b(?:{_TENS})[ -](?:{_UNITS})\b|\bhundred\b|\b(?:a|ten|{_UNITS}) (?:thousand|million|billion)\b|\d\s?/\s?\d",
    re.IGNORECASE,
)
# What has no one right answer: two draws, two examples.
_ANY_WILL_DO = re.compile(
    r"\brandom (?:[\w-]+ )?(?:number|integer|digit|date|year|value)s?\b|\b(?:roll|flip|toss) (?:a|the|some|two|one)\b|\b(?:invent|make up)\b"
    r"|\b(?:pick|choose|think of|name|give(?: me)?|write|say|generate|suggest) (?:an?|any|some|one) (?:\w+ )?(?:number|integer|digit|date|year|price|age)s?\b",
    re.IGNORECASE,
)

Rows = dict[str, dict[str, Cell]]


def conflicts(chats: pl.DataFrame, near: pl.DataFrame | None, doubles: set[str]) -> dict[str, Rows]:
    """Rows of both kinds, each beside a row that answers otherwise. `near` is `Semantic.conflicts`; `doubles` are duplicates.

    Of one question the first MOST_ANSWERS answers by row id are compared, each with each; a later one says that it was not.
    """
    place = {row: i for i, row in enumerate(chats["id"])}
    said = sides(chats)
    queries, answers = said.queries, said.answers
    # What a tool said differs from talk to talk, and the answer with it.
    tool = pl.col("turns").list.eval(pl.element().struct.field("role") == "tool").list.any()
    doubles = doubles | set(chats.filter(tool)["id"])
    found: dict[str, Rows] = {CONTRADICTION: {}, OTHER: {}}
    pairs, late = list[tuple[list[str], list[str], float]](), Rows()
    for every in _same_question(chats["id"].to_list(), queries, answers, doubles):
        pairs += [(some, others, 1.0) for some, others in combinations(every[:MOST_ANSWERS], 2)]
        why = NOT_COMPARED.format(len(every), MOST_ANSWERS)
        late |= {row: {"score": 1.0, "twin": every[0][0], "why": why} for more in every[MOST_ANSWERS:] for row in more}
    if near is not None:
        lines = [(*sorted((a, b)), round(score, 2)) for a, b, score, _ in near.iter_rows()]
        single = place.keys() - doubles
        pairs += [([a], [b], score) for a, b, score in sorted(lines) if {a, b} <= single]
    for some, others, score in pairs:
        one, other = place[some[0]], place[others[0]]
        differs = contradict(answers[one], answers[other], queries[one])
        details: dict[str, Cell] = {"differs": differs} if differs else {}
        for rows, twin in ((some, others[0]), (others, some[0])):
            for row in rows:
                found[CONTRADICTION if differs else OTHER].setdefault(row, {"score": score, "twin": twin, **details})
    every_other = late | found[OTHER]
    plain = {row: details for row, details in every_other.items() if row not in found[CONTRADICTION]}
    return {CONTRADICTION: _in_order(found[CONTRADICTION], place), OTHER: _in_order(plain, place)}


def contradict(a: str, b: str, asked: str = "") -> str | None:
    """The kind of fact in which two short, similar answers to one question contradict each other, or None.

    Numbers that the question names are no news: an answer may repeat them or not, in full or cut ("1995-96"). They are news
    where an answer is nothing else: to "54 or 56?" it is "54" or "56".
    """
    left, right = _read(a), _read(b)
    if max(left.length, right.length) > LONGEST or _ANY_WILL_DO.search(asked):
        return None
    # An answer that is nothing but a fact, "56" or "Yes.", is held against the fact of the other, whatever that adds.
    alike = text.jaccard(left.words, right.words) if left.words and right.words else 1.0
    if alike < ALIKE:
        return None
    one, other = text.facts(a), text.facts(b)
    if left.compound or right.compound or left.measures != right.measures:
        one, other = replace(one, numbers=frozenset()), replace(other, numbers=frozenset())
    known = frozenset[str]() if alike == 1 else text.facts(asked).numbers
    news = (_news(one.numbers, other.numbers, known), _news(other.numbers, one.numbers, known))
    found = text.conflict(replace(one, numbers=news[0]), replace(other, numbers=news[1]), ("numbers", "yes or no"))
    if found is None and alike == 1 and one.negations == other.negations and {left.told, right.told} == {"yes", "no"}:
        return "yes or no"
    return found or _turned(left, right, alike, one, other)


def _turned(left: "_Answer", right: "_Answer", alike: float, one: text.Facts, other: text.Facts) -> str | None:
    """Whether a "not" turns one answer into the other.

    One "no" among other words may stand in a reworded answer: only near-equal answers are turned round by it, and short ones
    without other words only where they speak of the same numbers, or "No." would be the opposite of "56".
    """
    bare = not (left.words and right.words)
    if {left.told, right.told} == {"yes", "no"}:
        return None  # what is not true is false
    if alike < NEAR_EQUAL or (bare and (left.words or right.words or one.numbers != other.numbers)):
        return None
    return text.conflict(one, other, ("negation",))


@dataclass(frozen=True)
class _Answer:
    """What is read of an answer before its facts: its length, its words but for small ones and facts, its measures."""

    length: int  # in words
    words: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    compound: bool = False  # whether numbers are written in several words
    told: str = ""  # yes | no, where "true" or the like stands anywhere, and not its opposite


@lru_cache(maxsize=16_384)
def _read(said: str) -> _Answer:
    if (length := len(said.split())) > LONGEST:
        return _Answer(length)
    tokens = text.tokens(said)
    words = frozenset(word for word in tokens if word not in text.SMALL_WORDS and not _is_fact(word))
    told = {found.verdict for word in tokens if (found := text.facts(word)).verdict and not found.negations}
    measures = frozenset(found.lower() for pair in _MEASURE.findall(said) for found in pair if found)
    return _Answer(length, words, measures, bool(_COMPOUND.search(said)), told.pop() if len(told) == 1 else "")


@lru_cache(maxsize=16_384)
def _is_fact(word: str) -> bool:
    """Whether a word is a number or a part of one, a "not", or a yes or no."""
    found = text.facts(word)
    return word in _OF_NUMBERS or bool(found.numbers or found.negations or found.verdict)


def _news(numbers: frozenset[str], others: frozenset[str], known: frozenset[str]) -> frozenset[str]:
    """The numbers that neither the question names nor the other answer has, rounding apart."""
    near = {value for one in others if (value := _value(one)) is not None}
    return frozenset(
        number
        for number in numbers
        if not any(_names(one, number) for one in known)
        and not any(_names(one, number) or _names(number, one) for one in others)
        and not any(_rounded(_value(number), one) for one in near)
    )


def _names(known: str, number: str) -> bool:
    """Whether a number is one that is known, or a known year without its century."""
    return known == number or (len(known) == 4 and len(number) == 2 and known.endswith(number))


def _value(number: str) -> float | None:
    try:
        return float(number.replace(",", ""))
    except ValueError:
        return None


def _rounded(one: float | None, other: float) -> bool:
    if one is None:
        return False
    if one.is_integer() and other.is_integer() and max(one, other) <= EXACT:
        return one == other
    return abs(one - other) <= ROUNDED * max(abs(one), abs(other))


def _same_question(ids: list[str], queries: list[str], answers: list[str], doubles: set[str]) -> list[list[list[str]]]:
    """For each question the rows of each of its answers, all by row id: the order of the file decides nothing."""
    asked: dict[str, dict[str, list[str]]] = {}
    forms = text.all_normal(queries)
    again = (forms.is_duplicated() & (forms != "")).to_list()
    for row, form, answer, more in sorted(zip(ids, forms, answers, again, strict=True)):
        if more and row not in doubles:
            asked.setdefault(form, {}).setdefault(text.normalise(answer), []).append(row)
    return [list(by_answer.values()) for by_answer in asked.values()]


def _in_order(rows: Rows, place: dict[str, int]) -> Rows:
    return {row: rows[row] for row in sorted(rows, key=place.__getitem__)}

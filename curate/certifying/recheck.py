"""The check once more, by other code: what `winnow verify` recomputes from the two files alone.

    found = recheck(read_rows(Path("train.jsonl")), eval_files, encoder.encode, judge, rule)
    found.overlapping         # rows that a certificate must not have let pass

A certificate that is checked by the code that made it repeats that code's faults. So this file shares with the issuer only
what the rule stands on: the encoder, the pair rule with its weights (`judge`), the normal form and the facts of a text
(`curate.text`), the phrases of a refusal, and the reading of eval files, which come in many layouts. It has its own reader of
training rows (`curate.certifying.reread`), its own all-pairs product and n-grams (`curate.certifying.recompare`), and its own way from judgements to
removals. It is written to be plain, not fast.

It fails closed: vectors that are no numbers, rows that cannot be read and eval cases without text stop it.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from curate import refusals, text
from curate.certifying.recompare import (
    MOST_OWN,
    Place,
    Vectors,
    Wide,
    all_pairs,
    contained,
    near_short,
    own_words,
    past_template,
    unit,
    vectors,
)
from curate.certifying.reread import ALL_TURNS, Spoken, turn_text, visible
from curate.errors import BadInput, Surroundings
from curate.evalset import EvalFile
from curate.overlap_rule import BAND, COUNTED, TOLERANCE, VARIANT, WORD_FOR_WORD, Rule
from curate.pairs import CLASSES, Judge, Judgement
from curate.windows import Encode, Reduced

__all__ = ["Nearest", "Recheck", "recheck"]

LETTER = re.compile(r"[^\W\d_]")
SEVERITY = (*COUNTED, VARIANT)  # worst first
FOLLOW_UP_WORDS = 4  # a later turn of an eval case is an item from here on
TELLING_WORDS = 4  # of a part of an item that is looked for by itself
MUCH_LONGER = 2  # times the item, from which a text may hold it and say other things besides
SHARED_ANSWER = 3  # an ideal answer that so many cases give says nothing of any of them


class Asked(NamedTuple):
    """One turn of an eval case; `file` is the SHA-256 of its file."""

    file: str
    case: str
    turn: int
    text: str


class Nearest(NamedTuple):
    """An eval item and the training text nearest to it."""

    item: Asked
    said: Spoken
    cosine: float
    probability: float


@dataclass(frozen=True)
class Recheck:
    """What came out. `overlapping` and `not_comparable` are numbers of rows, from 0, in the order of the file."""

    rows: int
    turns: int
    set_aside: int
    pairs_compared: int
    overlapping: dict[int, str]
    not_comparable: tuple[int, ...]
    rows_by_class: dict[str, int]
    nearest: tuple[Nearest, ...]
    judge: Judge  # with which the pairs were judged


def recheck(
    rows: Sequence[Sequence[Spoken]],
    eval_files: Sequence[EvalFile],
    encode: Encode,
    judge: Judge,
    rule: Rule,
    reduced: Reduced | None = None,
) -> Recheck:
    """Compare every text of every row with every eval item, as the rule says.

    `encode` is in the certificate's precision. Where that is `reduced` it only proposes: see `overlap.check`.
    """
    said = [one for row in rows for one in row]
    asked, ideal, set_aside = _cases(eval_files)
    train, items = _training_vectors(said, encode), vectors([item.text for item in asked], encode)
    if unread := set(range(len(asked))) - set(items.owner.tolist()):
        item = asked[min(unread)]
        raise BadInput("the eval case holds nothing that the encoder can read", where=f"eval case {item.case}")
    judge = past_template(judge, [item.text for item in asked])
    slack = reduced.slack if reduced else 0.0
    near, best = all_pairs(train, items, rule.floor - max(BAND, slack))
    means = [number for number in range(len(train.owner)) if said[train.owner[number]].part == ALL_TURNS]
    joined, _ = all_pairs(train.only(means), items, rule.floor - BAND - slack)
    found = [
        *_questions(said, asked, near, judge, rule, joined, reduced),
        *_own_parts(said, asked, judge, rule),
        *_answers(said, ideal, judge, rule),
        *_exchanges(
            said, asked, ideal, (train, items, vectors([one.text for one in ideal], encode)), judge, rule, reduced
        ),
    ]
    worst: dict[int, str] = {}
    for (text_, _), name in found:
        row = said[text_].row
        worst[row] = min(worst.get(row, name), name, key=SEVERITY.index)
    counts = Counter(worst.values())
    return Recheck(
        rows=len(rows),
        turns=len(said),
        set_aside=set_aside,
        pairs_compared=len(train.owner) * len(items.owner),
        overlapping={row: name for row, name in sorted(worst.items()) if name in rule.counted()},
        not_comparable=_not_comparable(rows, said, train),
        rows_by_class={name: counts[name] for name in SEVERITY},
        nearest=_nearest(
            best if reduced is None else _in_full(best, {*near, *joined}, said, asked, reduced), said, asked, judge
        ),
        judge=judge,
    )


# -- what is compared -------------------------------------------------------------------------------------------------


def _cases(eval_files: Sequence[EvalFile]) -> tuple[list[Asked], list[Asked], int]:
    """User turns, assistant turns, and how many later user turns were too short to ask anything."""
    asked, ideal, aside, cases = list[Asked](), list[Asked](), 0, 0
    for file in eval_files:
        for case, turns in file.cases.select("id", "turns").iter_rows():
            cases, first = cases + 1, True
            for number, turn in enumerate(turns):
                one = Asked(file.sha256, case, number, turn_text(turn))
                if not visible(one.text):
                    continue
                if turn["role"] == "assistant":
                    ideal.append(one)
                elif turn["role"] == "user":
                    counts = first or len(text.tokens(one.text)) >= FOLLOW_UP_WORDS
                    asked += [one] if counts else []
                    aside, first = aside + (not counts), False
            if first:
                raise BadInput("an eval case without any text cannot be certified against", where=f"eval case {case}")
    if not cases:
        raise BadInput("there is no eval case to compare with")
    return asked, ideal, aside


def _training_vectors(said: Sequence[Spoken], encode: Encode) -> Vectors:
    """All windows; user turns that are also read as one text get the mean of their windows in addition."""
    single = [number for number, one in enumerate(said) if one.part != ALL_TURNS]
    found = vectors([said[number].text for number in single], encode)
    owner = np.array(single, np.int64)[found.owner]
    of_row: dict[int, list[Wide]] = defaultdict(list)
    for number, row in zip(owner.tolist(), found.rows, strict=True):
        if said[number].part == "user":
            of_row[said[number].row].append(row)
    joined = [number for number, one in enumerate(said) if one.part == ALL_TURNS and of_row[one.row]]
    if not joined:
        return Vectors(found.rows, owner)
    means = [unit(np.sum(of_row[said[number].row], axis=0), of_row[said[number].row][0]) for number in joined]
    return Vectors(np.concatenate([found.rows, np.array(means)]), np.concatenate([owner, np.array(joined, np.int64)]))


# -- what it is called ------------------------------------------------------------------------------------------------


def _judged(places: Iterable[Place], left: Sequence[str], right: Sequence[str], judge: Judge) -> dict[Place, Judgement]:
    wanted = sorted(set(places))
    texts = sorted({(left[a], right[b]) for a, b in wanted})
    verdicts = judge(texts)
    if len(verdicts) != len(texts):
        raise BadInput("the pair rule did not judge every pair")
    if any(v.name not in CLASSES or not math.isfinite(v.probability + v.cosine) for v in verdicts):
        raise Surroundings("the pair rule gave a verdict that is none, so no text can be compared")
    known = dict(zip(texts, verdicts, strict=True))
    return {(a, b): known[left[a], right[b]] for a, b in wanted}


def _questions(
    said: Sequence[Spoken],
    asked: Sequence[Asked],
    near: set[Place],
    judge: Judge,
    rule: Rule,
    joined: set[Place],
    reduced: Reduced | None,
) -> list[tuple[Place, str]]:
    """Texts of rows against questions; `near` and, of joined turns, `joined` are near by their vectors."""
    spoken, questions = [one.text for one in said], [one.text for one in asked]
    shares = contained(spoken, questions, size=rule.ngram, floor=rule.containment)
    short = near_short(spoken, questions)
    verdicts = _judged({*near, *joined, *shares, *short}, spoken, questions, judge)
    found = []
    for place, verdict in verdicts.items():
        # Vectors of reduced precision propose some pairs below the floor; joined turns have a mean for a vector.
        means = said[place[0]].part == ALL_TURNS
        if place in shares or place in short or means or verdict.cosine >= rule.floor - TOLERANCE:
            name = _name(verdict, shares.get(place), said[place[0]], questions[place[1]], rule)
            by_words = place in shares or place in short
            if name and (by_words or not means or reduced is None or _mean_reaches(said, asked, place, rule, reduced)):
                found.append((place, name))
    return found


def _mean_reaches(said: Sequence[Spoken], asked: Sequence[Asked], place: Place, rule: Rule, reduced: Reduced) -> bool:
    """Whether joined turns are near an item by the mean of their vectors in full precision."""
    row = said[place[0]].row
    own = [one for one in said if one.row == row]
    mean = _training_vectors(own, reduced.exact)
    at = next(number for number, one in enumerate(own) if one.part == ALL_TURNS)
    item = vectors([asked[place[1]].text], reduced.exact)
    return bool((mean.rows[mean.owner == at] @ item.rows.T).max() >= rule.floor - BAND)


def _own_parts(said: Sequence[Spoken], asked: Sequence[Asked], judge: Judge, rule: Rule) -> list[tuple[Place, str]]:
    """What is an item's own besides a template, looked for by its words."""
    spoken, questions = [one.text for one in said], [one.text for one in asked]
    own, parts = own_words(questions), dict[int, str]()
    for number, item in enumerate(questions):
        words, count = own(item), max(1, len(text.tokens(item)))
        if TELLING_WORDS <= len(words) <= MOST_OWN * count:
            parts[number] = " ".join(words)
    numbers, texts = list(parts), list(parts.values())
    shares = contained(spoken, texts, size=rule.ngram, floor=rule.containment)
    verdicts = _judged(shares, spoken, texts, judge)
    named = [(at, _name(verdicts[at], shares[at], said[at[0]], texts[at[1]], rule)) for at in shares]
    return [((place, numbers[part]), name) for (place, part), name in named if name]


def _answers(said: Sequence[Spoken], ideal: Sequence[Asked], judge: Judge, rule: Rule) -> list[tuple[Place, str]]:
    spoken = [one.text for one in said]
    telling, least = _telling(ideal), rule.answer_min_words
    floor = rule.answer_containment
    found = contained(spoken, [ideal[i].text for i in telling], size=rule.ngram, floor=floor, min_words=least)
    shares = {(text_, telling[answer]): share for (text_, answer), share in found.items()}
    verdicts = _judged(shares, spoken, [one.text for one in ideal], judge)
    named = [(at, _name(verdicts[at], shares[at], said[at[0]], ideal[at[1]].text, rule)) for at in shares]
    return [(place, name) for place, name in named if name]


def _name(verdict: Judgement, share: float | None, one: Spoken, item: str, rule: Rule) -> str | None:
    """The class of a pair; None where it is not sure enough to have one."""
    if verdict.name in ("copy", "near copy"):
        return verdict.name
    needed = rule.probability if one.part in ("user", ALL_TURNS) else rule.probability_other_turns
    if share is not None:
        about_as_long = len(one.text) <= MUCH_LONGER * len(item)
        if share < WORD_FOR_WORD and about_as_long and verdict.probability < needed / 2 and verdict.name != VARIANT:
            return None
        contradicts = verdict.differs or text.conflict(text.facts(one.text), text.facts(item), ("numbers", "names"))
        return VARIANT if contradicts and share < WORD_FOR_WORD else "near copy"
    if verdict.name == VARIANT:
        return VARIANT
    if verdict.probability < needed - TOLERANCE:
        return None
    return "translation" if verdict.name == "translation" else "paraphrase"


def _telling(ideal: Sequence[Asked]) -> list[int]:
    forms = [text.normalise(one.text) for one in ideal]
    times = Counter(forms)
    return [
        number
        for number, one in enumerate(ideal)
        if times[forms[number]] < SHARED_ANSWER and refusals.look(one.text).kind == "answer"
    ]


def _exchanges(
    said: Sequence[Spoken],
    asked: Sequence[Asked],
    ideal: Sequence[Asked],
    three: tuple[Vectors, Vectors, Vectors],
    judge: Judge,
    rule: Rule,
    reduced: Reduced | None,
) -> list[tuple[Place, str]]:
    """First question and first answer of a row against a question and its answer: both must look the same."""
    of_said, of_asked, of_ideal = (each.of_text() for each in three)
    answer_at = {(ideal[i].file, ideal[i].case, ideal[i].turn): i for i in _telling(ideal) if i in of_ideal}
    cases = [
        (number, answer_at[one.file, one.case, one.turn + 1])
        for number, one in enumerate(asked)
        if (one.file, one.case, one.turn + 1) in answer_at
    ]
    firsts: dict[int, dict[str, int]] = defaultdict(dict)
    for number, one in enumerate(said):
        firsts[one.row].setdefault(one.part, number)
    rows = [(f["user"], f["assistant"]) for f in firsts.values() if {"user", "assistant"} <= f.keys()]
    rows = [(q, a) for q, a in rows if q in of_said and a in of_said]
    if not rows or not cases:
        return []
    left = np.array([unit(of_said[q] + of_said[a], of_said[q] * 0) for q, a in rows])
    right = np.array([unit(of_asked[q] + of_ideal[a], of_asked[q] * 0) for q, a in cases])
    floor = rule.floor - BAND - (reduced.slack if reduced else 0.0)
    near = [(rows[i], cases[j]) for i, j in np.argwhere(left @ right.T >= floor).tolist()]
    spoken, questions, answers = ([one.text for one in side] for side in (said, asked, ideal))
    verdicts = _judged([(row[0], case[0]) for row, case in near], spoken, questions, judge)
    likely = [
        (row, case)
        for row, case in near
        if verdicts[row[0], case[0]].name == "unrelated"
        and verdicts[row[0], case[0]].probability >= rule.probability / 2 - TOLERANCE
    ]
    replies = _judged([(row[1], case[1]) for row, case in likely], spoken, answers, judge)
    same = [(row, case) for row, case in likely if replies[row[1], case[1]].name in rule.classes]
    if reduced is not None:
        four = [(spoken[r[0]], spoken[r[1]], questions[c[0]], answers[c[1]]) for r, c in same]
        same = [pair for pair, texts in zip(same, four, strict=True) if _both_reach(texts, rule, reduced)]
    return [((row[0], case[0]), "paraphrase") for row, case in same]


def _both_reach(texts: Sequence[str], rule: Rule, reduced: Reduced) -> bool:
    """Whether a question with its answer is near another question with its answer, in full precision."""
    of = vectors(texts, reduced.exact).of_text()
    one, other = (unit(of[q] + of[q + 1], of[q] * 0) for q in (0, 2))
    return bool(one @ other >= rule.floor - BAND)


# -- what comes of it -------------------------------------------------------------------------------------------------


def _not_comparable(rows: Sequence[Sequence[Spoken]], said: Sequence[Spoken], train: Vectors) -> tuple[int, ...]:
    """Rows without any window, and rows with a text of letters that the encoder does not know."""
    seen = set(train.owner.tolist())
    compared = {said[number].row for number in seen}
    unread = {one.row for number, one in enumerate(said) if number not in seen and LETTER.search(one.text)}
    return tuple(sorted((set(range(len(rows))) - compared) | unread))


def _in_full(
    best: dict[int, Place], near: set[Place], said: Sequence[Spoken], asked: Sequence[Asked], reduced: Reduced
) -> dict[int, Place]:
    """The nearest text of each item in full precision, among all texts that came near any item."""
    some = {text_ for text_, _ in (*near, *best.values())}
    rows = {said[number].row for number in some if said[number].part == ALL_TURNS}
    some |= {number for number, one in enumerate(said) if one.row in rows and one.part == "user"}
    numbers = sorted(some)
    mine = _training_vectors([said[number] for number in numbers], reduced.exact)
    mine = Vectors(mine.rows, np.array(numbers, np.int64)[mine.owner])
    return all_pairs(mine, vectors([item.text for item in asked], reduced.exact), floor=2.0)[1]


def _nearest(
    best: dict[int, Place], said: Sequence[Spoken], asked: Sequence[Asked], judge: Judge
) -> tuple[Nearest, ...]:
    places = [best[item] for item in sorted(best)]
    verdicts = _judged(places, [one.text for one in said], [one.text for one in asked], judge)
    return tuple(
        Nearest(asked[item], said[text_], verdicts[text_, item].cosine, verdicts[text_, item].probability)
        for text_, item in places
    )

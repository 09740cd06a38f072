"""From proposed pairs to matches: each pair of a training text and an eval text gets its class, or is dropped.

    matches = concat([questions(...), answers(...), exchanges(...)])

Words and vectors only propose; the pair rule judges. Three views are matched: every training text against every question, every
training text against the long ideal answers, and whole exchanges (question and answer together) against the cases that have an
ideal answer. A pair that says the same is a copy, near copy, paraphrase or translation; one whose facts contradict is a
template variant.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from curate import neighbours, ngrams, refusals, text, views
from curate.errors import Surroundings
from curate.likeness import boilerplate
from curate.overlap_rule import BAND, TOLERANCE, VARIANT, WORD_FOR_WORD, Rule
from curate.pairs import CLASSES, Judge, Judgement
from curate.progress import Progress, silent
from curate.views import Said
from curate.windows import Encode, Reduced, Vectors, Windows

__all__ = ["SCHEMA", "answers", "exchanges", "judged", "own_parts", "questions", "windows_of", "worth_judging"]

MUCH_LONGER = 2  # times the item's length, from which a text may hold it and say other things besides
SHARED_ANSWER = 3  # an ideal answer that so many cases give says nothing of any of them
ASKING = ("user", views.ALL_TURNS)

Place = tuple[int, int]  # the number of a training text, and of an eval text

SCHEMA = {
    "row_id": pl.String, "turn": pl.Int32, "part": pl.String,
    "eval_file": pl.String, "case_id": pl.String, "case_turn": pl.Int32,
    "class": pl.String, "containment": pl.Float64, "cosine": pl.Float64, "probability": pl.Float64,
    "differs": pl.String, "threshold": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class _Match:
    place: Place
    name: str
    judgement: Judgement
    threshold: float
    containment: float | None = None
    differs: str | None = None


def worth_judging(near: neighbours.Pairs, said: Said, rule: Rule, reduced: Reduced | None) -> neighbours.Pairs:
    """Of the pairs of texts at or above the floor less BAND and the slack of their vectors, those that are judged.

    Joined turns are taken for near from the floor less BAND on, all else from the floor on: for these BAND is slack already.
    """
    if reduced is None:
        return near
    joined = (said.frame["role"] == views.ALL_TURNS).to_numpy()[near.left]
    some = joined | (near.score >= rule.floor - max(BAND, reduced.slack))
    return neighbours.Pairs(near.left[some], near.right[some], near.score[some])


def questions(
    said: Said,
    asked: Said,
    near: neighbours.Pairs,
    judge: Judge,
    rule: Rule,
    progress: Progress = silent,
    reduced: Reduced | None = None,
) -> tuple[pl.DataFrame, int]:
    """Training texts against the questions of the cases: the matches, and how many pairs were judged.

    `near` holds the pairs of texts that their vectors propose.
    """
    shares: dict[Place, float | None] = {
        (found.whole, found.part): None for found in ngrams.near_short(said.wholes, asked.texts)
    }
    worded = ngrams.contained(said.wholes, asked.texts, size=rule.ngram, floor=rule.containment, progress=progress)
    shares |= {(found.whole, found.part): found.share for found in worded}
    verdicts = judged({*shares, *_places(near)}, said, asked, judge)
    # Vectors of reduced precision proposed some pairs below the floor. The vector of joined turns is a mean, and no
    # cosine of theirs.
    joined = (said.frame["role"] == views.ALL_TURNS).to_list()
    by_mean = {place for place in _places(near) if joined[place[0]] and place not in shares}
    for place in _places(near):
        if verdicts[place].cosine >= rule.floor - TOLERANCE or joined[place[0]]:
            shares.setdefault(place, None)
    found = _matches(said, asked, shares, verdicts, rule)
    if reduced is not None:
        mean = _joined_cosines([m.place for m in found if m.place in by_mean], said, asked, reduced.exact)
        found = [match for match in found if mean.get(match.place, 1.0) >= rule.floor - BAND]
    return _frame(said, asked, found), len(verdicts)


def own_parts(said: Said, asked: Said, judge: Judge, rule: Rule) -> pl.DataFrame:
    """Training texts that hold what is an item's own, where its prompt template is shared: by their words alone.

    The item as a whole would hide it: a ticket under another instruction has few of the template's words.
    """
    shared = boilerplate.Shared.of(asked.texts)
    parts = {number: own for number, item in enumerate(asked.texts) if (own := shared.own_part(item))}
    owns = Said(asked.frame[list(parts)], list(parts.values()))
    found = ngrams.contained(said.wholes, owns.texts, size=rule.ngram, floor=rule.containment)
    shares: dict[Place, float | None] = {(hit.whole, hit.part): hit.share for hit in found}
    return _frame(said, owns, _matches(said, owns, shares, judged(shares, said, owns, judge), rule))


def answers(said: Said, ideal: Said, judge: Judge, rule: Rule) -> pl.DataFrame:
    """Training texts that hold a long ideal answer by their words. By meaning an answer alone convicts nobody."""
    telling = _telling(ideal)
    found = ngrams.contained(
        said.wholes,
        [ideal.texts[i] for i in telling],
        size=rule.ngram,
        floor=rule.answer_containment,
        min_words=rule.answer_min_words,
    )
    shares: dict[Place, float | None] = {(hit.whole, telling[hit.part]): hit.share for hit in found}
    strict = replace(rule, containment=rule.answer_containment)
    return _frame(said, ideal, _matches(said, ideal, shares, judged(shares, said, ideal, judge), strict))


def exchanges(
    said: Said,
    asked: Said,
    ideal: Said,
    vectors: tuple[Windows, Windows, Windows],
    judge: Judge,
    rule: Rule,
    reduced: Reduced | None = None,
) -> pl.DataFrame:
    """Question and answer together: where the answers say the same, half the probability is enough of the questions.

    `vectors` are those of `said`, `asked` and `ideal`. The vector of an exchange is the mean of its question's and its
    answer's, so that nothing is encoded again; a row's exchange is its first question with its first answer.
    """
    wanted, replies = (_means(windows) for windows in vectors[1:])
    cases = [(q, a) for q, a in _answered(asked, ideal) if q in wanted and a in replies]
    numbers, spoken = vectors[0].mean_by_text()
    line = np.full(len(said.texts) + 1, -1)  # the last one is that of a row without an answer
    line[numbers] = np.arange(len(numbers))
    first_answer = _first(said, "assistant")
    rows = [(question, first_answer.get(row, -1)) for row, question in _first(said, "user").items()]
    rows = [(question, answer) for question, answer in rows if line[question] >= 0 and line[answer] >= 0]
    if not rows or not cases:
        return _frame(said, asked, [])
    left = _unit(spoken[line[[q for q, _ in rows]]] + spoken[line[[a for _, a in rows]]])
    right = _unit([wanted[q] + replies[a] for q, a in cases])
    floor = rule.floor - BAND - (reduced.slack if reduced else 0.0)
    near = [(rows[i], cases[j]) for i, j in _places(neighbours.pairs_above(left, right, floor))]
    bar = rule.probability / 2
    of_question = judged([(row[0], case[0]) for row, case in near], said, asked, judge)
    near = [(r, c) for r, c in near if of_question[r[0], c[0]].probability >= bar - TOLERANCE]
    of_answer = judged([(row[1], case[1]) for row, case in near], said, ideal, judge)
    near = [
        (row, case)
        for row, case in near
        if of_question[row[0], case[0]].name == "unrelated" and of_answer[row[1], case[1]].name in rule.classes
    ]
    if reduced is not None:
        near = [pair for pair in near if _exchange_cosine(*pair, said, asked, ideal, reduced) >= rule.floor - BAND]
    found = [_Match((row[0], case[0]), "paraphrase", of_question[row[0], case[0]], bar) for row, case in near]
    return _frame(said, asked, sorted(found, key=lambda match: match.place))


def judged(places: Iterable[Place], left: Said, right: Said, judge: Judge) -> dict[Place, Judgement]:
    """The verdict on each pair. A pair of texts is judged once, however many rows say it."""
    wanted = sorted(set(places))
    texts = sorted({(left.texts[a], right.texts[b]) for a, b in wanted})
    found = dict(zip(texts, judge(texts), strict=True))
    if any(v.name not in CLASSES or not math.isfinite(v.probability + v.cosine) for v in found.values()):
        raise Surroundings("the pair rule gave a verdict that is none, so no text can be compared")
    return {(a, b): found[left.texts[a], right.texts[b]] for a, b in wanted}


def _matches(
    said: Said, items: Said, shares: dict[Place, float | None], verdicts: dict[Place, Judgement], rule: Rule
) -> list[_Match]:
    """The proposals that the pair rule, or their words, make more than unrelated."""
    asks = said.frame["role"].is_in(ASKING).to_list()
    found = []
    for place in sorted(shares):
        share, verdict = shares[place], verdicts[place]
        bar = rule.probability if asks[place[0]] else rule.probability_other_turns
        name, differs = _named(verdict, share, said.texts[place[0]], items.texts[place[1]], bar)
        if name is not None:
            threshold = bar if share is None else rule.containment
            found.append(_Match(place, name, verdict, threshold, share, differs))
    return found


def _named(verdict: Judgement, share: float | None, one: str, item: str, bar: float) -> tuple[str | None, str | None]:
    """The class of a pair and what differs; None for a pair that is not related enough.

    What stands word for word in a longer text is a near copy whatever the rest says. What stands there for the most part
    is one unless facts contradict, or the text is about as long and the pair rule finds it far from saying the same: a
    template that both fill in. Without such words the pair rule decides, and must be as sure as `bar`.
    """
    if verdict.name in ("copy", "near copy"):
        return verdict.name, None
    if share is not None:
        if share >= WORD_FOR_WORD:
            return "near copy", None
        about_as_long = len(one) <= MUCH_LONGER * len(item)
        if about_as_long and verdict.probability < bar / 2 and verdict.name != VARIANT:
            return None, None
        differs = verdict.differs or text.conflict(text.facts(one), text.facts(item), ("numbers", "names"))
        return (VARIANT, differs) if differs else ("near copy", None)
    if verdict.name == VARIANT:
        return VARIANT, verdict.differs
    if verdict.probability < bar - TOLERANCE:
        return None, None
    return ("translation" if verdict.name == "translation" else "paraphrase"), None


def _telling(ideal: Said) -> list[int]:
    """Ideal answers that could identify their case: no refusals, none that several cases share."""
    forms = [text.normalise(answer) for answer in ideal.texts]
    shared = Counter(forms)
    return [
        i
        for i, (answer, form) in enumerate(zip(ideal.texts, forms, strict=True))
        if shared[form] < SHARED_ANSWER and refusals.look(answer).kind == "answer"
    ]


def _answered(asked: Said, ideal: Said) -> list[Place]:
    """Each question with the ideal answer that follows it, where that answer tells anything."""
    keys = list(ideal.frame.select("eval_file", "row_id", "turn").iter_rows())
    answer_of = {keys[i]: i for i in _telling(ideal)}
    questions_ = asked.frame.select("eval_file", "row_id", pl.col("turn") + 1).iter_rows()
    return [(number, answer_of[key]) for number, key in enumerate(questions_) if key in answer_of]


def _first(said: Said, role: str) -> dict[str, int]:
    """Row -> its first text of this role."""
    found: dict[str, int] = {}
    for number, (row, who) in enumerate(said.frame.select("row_id", "role").iter_rows()):
        if who == role:
            found.setdefault(row, number)
    return found


def _places(pairs: neighbours.Pairs) -> list[Place]:
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


def windows_of(said: Said, some: Set[int], encode: Encode) -> Windows:
    """The windows of some texts, under their numbers; those of the turns that are joined in them come along."""
    roles, rows = said.frame["role"].to_list(), said.frame["row_id"].to_list()
    joined = {rows[i] for i in some if roles[i] == views.ALL_TURNS}
    numbers = [i for i, row in enumerate(rows) if i in some or (row in joined and roles[i] == "user")]
    found = views.with_joined(Said(said.frame[numbers], [said.texts[i] for i in numbers]), encode)
    return replace(found, text=np.array(numbers, np.int32)[found.text], texts=len(said.texts))


def _joined_cosines(places: Sequence[Place], said: Said, asked: Said, exact: Encode) -> dict[Place, float]:
    """Joined turns against eval items in full precision: the mean of the turns with the nearest window of the item."""
    if not places:
        return {}
    mine = windows_of(said, {left for left, _ in places}, exact)
    vector = dict(zip(mine.text.tolist(), mine.vectors, strict=True))
    items = sorted({right for _, right in places})
    theirs = exact([asked.texts[i] for i in items])
    at = {item: theirs.vectors[theirs.text == number] for number, item in enumerate(items)}
    return {(left, right): float((at[right] @ vector[left]).max()) for left, right in places}


def _exchange_cosine(row: Place, case: Place, said: Said, asked: Said, ideal: Said, reduced: Reduced) -> float:
    """A row's exchange against a case's in full precision."""
    texts = [said.texts[row[0]], said.texts[row[1]], asked.texts[case[0]], ideal.texts[case[1]]]
    of = _means(reduced.exact(texts))
    one, other = _unit([of[0] + of[1], of[2] + of[3]])
    return float(one @ other)


def _means(windows: Windows) -> dict[int, Vectors]:
    numbers, vectors = windows.mean_by_text()
    return dict(zip(numbers.tolist(), vectors, strict=True))


def _unit(sums: Sequence[Vectors] | Vectors) -> Vectors:
    vectors = np.asarray(sums, np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.where(length == 0, 1.0, length)).astype(np.float32)
    return unit


def _frame(said: Said, items: Said, found: Sequence[_Match]) -> pl.DataFrame:
    whose = said.frame[[match.place[0] for match in found]].select("row_id", "turn", part="role")
    case = items.frame[[match.place[1] for match in found]]
    verdicts = {
        "class": [match.name for match in found],
        "containment": [match.containment for match in found],
        "cosine": [match.judgement.cosine for match in found],
        "probability": [match.judgement.probability for match in found],
        "differs": [match.differs for match in found],
        "threshold": [match.threshold for match in found],
    }
    return pl.concat(
        [
            whose,
            case.select("eval_file", case_id="row_id", case_turn="turn"),
            pl.DataFrame(verdicts, schema={name: SCHEMA[name] for name in verdicts}),
        ],
        how="horizontal",
    ).cast(SCHEMA)  # type: ignore[arg-type]

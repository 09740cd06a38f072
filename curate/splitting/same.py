"""Which rows of one set say the same, by the overlap rule: the pairs from which groups are made.

    together = Together(chats.height)
    join(chats, encode, judge, rule, together)
    together.groups()               # for each row the lowest position of a row that it is connected with

What the overlap check finds between a training row and an eval case is looked for between any two rows: words that one holds of
the other's questions and long answers, both ways, and questions that mean the same (all pairs, no approximate index). What a row
*answers* is compared with questions by words only; the check that follows a split compares by meaning too, and tells.
"""

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from curate import chats as chat
from curate import neighbours, ngrams, refusals, text, views
from curate.overlap_rule import BAND, TOLERANCE, VARIANT, WORD_FOR_WORD, Rule
from curate.pairs import Judge, Judgement
from curate.progress import Progress, silent
from curate.views import Said
from curate.windows import Encode

__all__ = ["Together", "join"]

AT_ONCE = 20_000  # pairs judged together
ASKING = ("user", views.ALL_TURNS)

Pair = tuple[int, int]


class Together:
    """Rows, by position, that are connected; the lowest row of each group stands for it."""

    def __init__(self, rows: int, pairs: Iterable[Pair] = ()) -> None:
        self._above = list(range(rows))
        for a, b in pairs:
            self.join(a, b)

    def top(self, row: int) -> int:
        """The lowest row of the group."""
        above = self._above
        while above[row] != row:
            above[row] = row = above[above[row]]
        return row

    def join(self, a: int, b: int) -> bool:
        """Put two rows in one group; whether they were in two."""
        low, high = sorted((self.top(a), self.top(b)))
        self._above[high] = low
        return low != high

    def groups(self) -> list[int]:
        """The group of each row."""
        return [self.top(row) for row in range(len(self._above))]


def join(
    chats: pl.DataFrame,
    encode: Encode,
    judge: Judge,
    rule: Rule,
    together: Together,
    progress: Progress = silent,
    slack: float = 0.0,
) -> None:
    """Join the rows that say the same; cosines of `encode` may be off by `slack`. A pair whose rows are connected already is not judged: it would change nothing."""
    said = views.training(chats)
    rows = _Rows(chats, said)
    for a, b in _to_the_word(chats, rule):
        together.join(a, b)
    _join_by_words(rows, judge, rule, together, progress)
    _join_by_meaning(rows, encode, judge, rule, together, progress, max(BAND, slack))


class _Rows:
    """The texts of a set, whose they are, and what each row first asks and answers."""

    def __init__(self, chats: pl.DataFrame, said: Said) -> None:
        place = {row: i for i, row in enumerate(chats["id"])}
        self.texts, self.roles = said.texts, said.frame["role"].to_list()
        self.row = [place[row] for row in said.frame["row_id"]]
        self.asked = [i for i, role in enumerate(self.roles) if role == "user"]
        self.answers = [i for i, role in enumerate(self.roles) if role == "assistant" and _telling(self.texts[i])]
        self.asking = said.frame["role"].is_in(ASKING)
        self.said = said
        self.question = self._first(self.asked)
        self.answer = self._first(self.answers)

    def _first(self, texts: Sequence[int]) -> dict[int, int]:
        return {self.row[i]: i for i in reversed(texts)}

    def bar(self, number: int, rule: Rule) -> float:
        return rule.probability if self.roles[number] in ASKING else rule.probability_other_turns


def _telling(answer: str) -> bool:
    return refusals.look(answer).kind == "answer"


def _to_the_word(chats: pl.DataFrame, rule: Rule) -> Iterator[Pair]:
    """Rows that ask the same, or give the same long answer, to the word.

    Among all rows an answer that several give tells nothing of any of them; among a few cases it may be the only one.
    """
    first: dict[tuple[str, str], int] = {}
    for row, (question, answer) in enumerate(zip(chat.queries(chats), chat.answers(chats), strict=True)):
        said = [("asked", text.normalise(question))]
        if len(text.tokens(answer)) >= rule.answer_min_words and _telling(answer):
            said.append(("answered", text.normalise(answer)))
        yield from ((first.setdefault(key, row), row) for key in said if key[1])


def _join_by_words(rows: _Rows, judge: Judge, rule: Rule, together: Together, progress: Progress) -> None:
    """Texts that hold a question, or a long answer, of another row."""
    questions, answers = ([rows.texts[i] for i in numbers] for numbers in (rows.asked, rows.answers))
    shares: dict[Pair, float | None] = {
        (hit.whole, rows.asked[hit.part]): None for hit in ngrams.near_short(rows.texts, questions)
    }
    held = ngrams.contained(rows.texts, questions, size=rule.ngram, floor=rule.containment, progress=progress)
    shares |= {(hit.whole, rows.asked[hit.part]): hit.share for hit in held}
    if answers:
        floor, least = rule.answer_containment, rule.answer_min_words
        held = ngrams.contained(rows.texts, answers, size=rule.ngram, floor=floor, min_words=least, progress=progress)
        shares |= {(hit.whole, rows.answers[hit.part]): hit.share for hit in held}
    for a, b, verdict in _verdicts(rows, sorted(shares), judge, together, progress, "same: words"):
        if _is_same(verdict, shares[a, b], rows.texts[a], rows.texts[b], rows.bar(a, rule), rule):
            together.join(rows.row[a], rows.row[b])


def _join_by_meaning(
    rows: _Rows, encode: Encode, judge: Judge, rule: Rule, together: Together, progress: Progress, band: float
) -> None:
    """Questions that mean the same; and where they only may, with answers that do."""
    numbers = [i for i, asks in enumerate(rows.asking) if asks]
    windows = views.with_joined(Said(rows.said.frame.filter(rows.asking), [rows.texts[i] for i in numbers]), encode)
    near = neighbours.self_pairs_above(windows.vectors, rule.floor - band)
    near = neighbours.unordered(neighbours.by_text(near, windows.text, windows.text))
    # The most alike first: what they join need not be judged again.
    order = (-near.score).argsort(kind="stable")
    pairs = [
        (numbers[a], numbers[b]) for a, b in zip(near.left[order].tolist(), near.right[order].tolist(), strict=True)
    ]
    likely: list[Pair] = []
    for a, b, verdict in _verdicts(rows, pairs, judge, together, progress, "same: meaning"):
        if _is_same(verdict, None, rows.texts[a], rows.texts[b], rule.probability, rule):
            together.join(rows.row[a], rows.row[b])
        elif verdict.probability >= rule.probability / 2 - TOLERANCE:
            likely.append((rows.row[a], rows.row[b]))
    answered = [
        (rows.answer[a], rows.answer[b]) for a, b in dict.fromkeys(likely) if a in rows.answer and b in rows.answer
    ]
    for a, b, verdict in _verdicts(rows, answered, judge, together, progress, "same: answers"):
        if verdict.name in rule.classes:
            together.join(rows.row[a], rows.row[b])


def _verdicts(
    rows: _Rows, pairs: Sequence[Pair], judge: Judge, together: Together, progress: Progress, step: str
) -> Iterator[tuple[int, int, Judgement]]:
    """The verdict on each pair of texts whose rows are not connected yet; equal pairs of texts are judged once."""
    for start in range(0, len(pairs), AT_ONCE):
        progress(step, start, len(pairs))
        some = [
            (a, b) for a, b in pairs[start : start + AT_ONCE] if together.top(rows.row[a]) != together.top(rows.row[b])
        ]
        said = list(dict.fromkeys((rows.texts[a], rows.texts[b]) for a, b in some))
        verdict = dict(zip(said, judge(said), strict=True))
        yield from ((a, b, verdict[rows.texts[a], rows.texts[b]]) for a, b in some)
    progress(step, len(pairs), len(pairs))


def _is_same(verdict: Judgement, share: float | None, one: str, other: str, bar: float, rule: Rule) -> bool:
    """Whether the rule counts the pair as overlap, in one direction or the other."""
    if verdict.name in rule.counted() and verdict.name in ("copy", "near copy", VARIANT):
        return True
    if share is not None:
        differs = verdict.differs or text.conflict(text.facts(one), text.facts(other), ("numbers", "names"))
        return share >= WORD_FOR_WORD or rule.remove_template_variants or not differs
    if verdict.name == VARIANT:
        return False
    name = "translation" if verdict.name == "translation" else "paraphrase"
    return verdict.probability >= bar - TOLERANCE and name in rule.classes

"""Answers that have nothing to do with their question: rows that were joined wrongly, or lost their context.

    found = off_question(rows, encode)
    found.rows                      # {'row-7': {'cosine': 0.02, 'answers rather': 'row-8'}}

A low cosine alone says little: short answers and lists have one. So each answer is compared with the answers of other rows. It
ignores its question when half of the other answers lie as near to that question, half of the other questions
as near to that answer, and the two share no word that is at all rare. A set in which the encoder cannot tell a row's own answer from others'
is not judged at all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from curate import text
from curate.faults.exchanges import has_code
from curate.report import Cell
from curate.windows import Encode, Vectors

FEWEST_ROWS = 100
OTHERS = 1_000  # rows whose answers stand for the rest, evenly spread
FEWEST_WORDS = 8  # of the answer that say something
FEWEST_ASKED = 3  # and of the question
USUAL = 0.005  # half of the rows have fewer nearer answers than this, or the encoder does not understand the set
LOST = 0.5  # the share of other answers, and of other questions, that are as near or nearer
FREQUENT = 0.02  # of the rows have a word: then two texts that share it need have nothing else in common
STEM = 5  # letters by which two words count as one: "warrant" and "warranty"
NEARER = 0.25  # by how much another question's cosine must be higher to be named
AT_ONCE = 2_048

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OffQuestion:
    """Rows whose answer is as far from their question as a random one, or why that was not judged."""

    rows: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    unjudged: str = ""


def off_question(
    ids: Sequence[str], queries: Sequence[str], answers: Sequence[str], encode: Encode, *, latin_only: bool = True
) -> OffQuestion:
    """Judge each row's answer against the answers of other rows."""
    (asked, questions), (said, replies) = _vectors(queries, encode), _vectors(answers, encode)
    known = [i for i in range(len(ids)) if queries[i] in asked and answers[i] in said]
    if len(known) < FEWEST_ROWS:
        return OffQuestion(unjudged=f"{len(known):,} rows can be compared; it takes {FEWEST_ROWS}")
    # In the order of the texts, so that a file in another order says the same.
    known.sort(key=lambda i: (queries[i], answers[i], ids[i]))
    q, a = questions[[asked[queries[i]] for i in known]], replies[[said[answers[i]] for i in known]]
    own = np.einsum("nd,nd->n", q, a).astype(np.float64)
    some = np.unique(np.linspace(0, len(known) - 1, min(len(known), OTHERS)).astype(np.int64))
    nearer_answers, nearer_questions = _share_above(q, a[some], own), _share_above(a, q[some], own)
    if float(np.median(nearer_answers)) > USUAL:
        return OffQuestion(unjudged="the encoder cannot tell a row's own answer from the answers of others")
    lost = np.flatnonzero((nearer_answers >= LOST) & (nearer_questions >= LOST)).tolist()
    others = [known[n] for n in some.tolist()] if lost else []
    counts = Counter(stem for i in others for stem in _stems(queries[i]) | _stems(answers[i]))
    common = {stem for stem, n in counts.items() if n >= max(2, FREQUENT * len(others))}
    places = [
        n
        for n in lost
        if _enough(_stems(queries[known[n]]), _stems(answers[known[n]]), common)
        and _readable(queries[known[n]], latin_only)
        and _readable(answers[known[n]], latin_only)
    ]
    rows = {}
    for n in sorted(places, key=lambda n: known[n]):
        details: dict[str, Cell] = {"cosine": round(float(own[n]), 2) + 0.0}
        best = int(np.argmax(np.round(q @ a[n], 4)))
        if float(q[best] @ a[n]) >= own[n] + NEARER:
            details["answers rather"] = ids[known[best]]
        rows[ids[known[n]]] = details
    return OffQuestion(rows)


def _vectors(texts: Sequence[str], encode: Encode) -> tuple[dict[str, int], Vectors]:
    """Text -> the line of its vector, and the vectors; a text that the encoder cannot read has none."""
    distinct = sorted(set(texts))
    numbers, vectors = encode(distinct).mean_by_text()
    return {distinct[n]: line for line, n in enumerate(numbers.tolist())}, vectors


def _share_above(one: Vectors, others: Vectors, own: Floats) -> Floats:
    """For each vector the share of the others that are at least as near as its own partner."""
    found = np.empty(len(one), np.float64)
    for start in range(0, len(one), AT_ONCE):
        block = slice(start, start + AT_ONCE)
        found[block] = (one[block] @ others.T >= own[block, None]).mean(axis=1)
    return found


def _enough(asked: set[str], said: set[str], common: set[str]) -> bool:
    """Whether there is enough on both sides to judge by, and no rare word on both."""
    return len(asked) >= FEWEST_ASKED and len(said) >= FEWEST_WORDS and not (asked & said) - common


def _readable(said: str, latin_only: bool) -> bool:
    return not has_code(said) and (not latin_only or text.mostly_latin(said))


def _stems(said: str) -> set[str]:
    return {
        word[:STEM] for word in text.tokens(said) if word not in text.SMALL_WORDS and (len(word) > 2 or word.isdigit())
    }

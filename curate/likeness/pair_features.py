"""What two texts have in common, as a few numbers from 0 (nothing) to 1 (all).

    a, b = read("Tom buys 3 red lamps."), read("Tom purchases five red lamps.")
    differs(a, b) == "numbers"

A text is read once and kept: content words, runs of characters, what it is about in prose. In code the names that its
author chose say little and so do the numbers of its examples: what a program is for stands in its comments and
docstrings, so these are read by themselves.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from curate import text
from curate.likeness import pair_facts
from curate.likeness.code_prose import identifiers, is_code, prose
from curate.likeness.pair_facts import Facts, facts_of

__all__ = [
    "CONTRADICTIONS",
    "SIMILARITIES",
    "Reading",
    "differs",
    "inputs",
    "nearly_copied",
    "read",
]

SIMILARITIES = ("cosine", "words", "content", "shared", "code")
CONTRADICTIONS = ("numbers", "units", "names", "negation", "opposites", "question")

RUN = 4  # characters of a run
# Share of common words from which changed numbers count, and at which they count in full. All other facts contradict only
# what is otherwise said in nearly the same words: a "not" in another sentence says nothing about this one.
ALIKE = (0.3, 0.6)
NEARLY = 0.75  # of both texts' content words, from which a "not" on one side contradicts the other
# Character runs of the eval item that a near copy holds: of a long item, and of a short one whose words differ by typos.
LETTER_BY_LETTER, LONG, MOSTLY = 0.9, 8, 0.65

_ENDING = re.compile(r"(?:ations?|ments?|tions?|ings?|ied|ies|ers?|ed|es|ly|al|s|e|y)$")


@dataclass(frozen=True)
class Reading:
    """What is kept of a text. `views` are the parts whose meaning is compared: the text itself, or the prose of code."""

    loose: str
    words: frozenset[str]  # stems of content words
    runs: frozenset[str]
    names: frozenset[str]  # parts of the identifiers of code
    length: int  # in words
    code: bool
    views: tuple[str, ...]
    facts: Facts


@lru_cache(maxsize=65_536)
def read(said: str) -> Reading:
    """Read a text. Equal texts are read once."""
    loose, code = text.loose(said), is_code(said)
    views = prose(said) if code else (said,)
    spoken = text.tokens(" ".join(views)) if code else loose.split()
    content = [
        stem(word)
        for word in spoken
        if word not in text.SMALL_WORDS and (len(word) > 1 or word.isdigit() or not word.isascii())
    ]
    # A text of nothing but small words ("Who are you?") is compared by these.
    content = content or spoken
    return Reading(
        loose=loose,
        words=frozenset(content),
        runs=frozenset(loose[i : i + RUN] for i in range(max(1, len(loose) - RUN + 1))) if loose else frozenset(),
        names=frozenset(map(stem, identifiers(said))) if code else frozenset(),
        length=len(content),
        code=code,
        views=views,
        facts=facts_of("\n".join(views), code),
    )


def stem(word: str) -> str:
    """The word without its ending: crude, and the same for most forms of one word."""
    word = word.removesuffix("'s")
    if len(word) <= 3 or not word.isalpha():
        return word
    short = _ENDING.sub("", word)
    return short if len(short) >= 3 else word


def found_in(part: frozenset[str], whole: frozenset[str]) -> float:
    """The share of `part` that `whole` holds; nothing is found in nothing (0), so that empty texts do not agree."""
    return len(part & whole) / len(part) if part else 0.0


def back(part: frozenset[str], whole: frozenset[str]) -> float:
    """The share of `whole` that is in `part`, where a `whole` much longer than `part` is asked for no more than its size."""
    least = min(len(whole), len(part))
    return min(1.0, len(part & whole) / least) if least else 0.0


def inputs(a: Reading, b: Reading, cosine: float, words: float, content: float) -> tuple[float, ...]:
    """The inputs of the rule for a training text and an eval item: SIMILARITIES, then CONTRADICTIONS, each from 0 to 1."""
    return similarities(a, b, cosine, words, content) + contradictions(a, b)


def similarities(a: Reading, b: Reading, cosine: float, words: float, content: float) -> tuple[float, ...]:
    """What the texts have in common, in the order of SIMILARITIES."""
    # Programs share keywords with all programs: only what is over that counts.
    code = max(0.0, (found_in(b.names, a.names) + found_in(b.runs, a.runs)) / 2 - 0.25) if a.code and b.code else 0.0
    return (max(0.0, cosine), max(0.0, words), max(0.0, content), _shared(a, b), code)


def _shared(a: Reading, b: Reading) -> float:
    return (found_in(b.words, a.words) + back(b.words, a.words)) / 2


def contradictions(a: Reading, b: Reading) -> tuple[float, ...]:
    """How far the facts contradict each other, in the order of CONTRADICTIONS.

    A contradiction counts by how alike the words are: two texts of one sentence but for a number say different things,
    two texts in other words may count different things. Examples in code hold other numbers as a matter of course.
    """
    shared = _shared(a, b)
    edits, size = max(len(b.words - a.words), min(len(a.words - b.words), len(b.words))), len(b.words)
    sparse = 1.0 - _ramp(edits, 1 + 0.1 * size, 2 + 0.2 * size)
    alike = sparse if a.code or b.code else _ramp(shared, *ALIKE)
    here, there = pair_facts.unmatched_numbers(a.facts, b.facts), pair_facts.unmatched_numbers(b.facts, a.facts)
    return (
        # Several numbers that differ contradict in any words; a single one may be an aside.
        1.0 if here and there and here + there >= 3 and not (a.code or b.code) else alike * (here > 0 and there > 0),
        sparse * pair_facts.other_units(a.facts, b.facts),
        _named_apart(a.facts, b.facts, sparse),
        sparse * ((a.facts.negations > 0) != (b.facts.negations > 0)),
        max(sparse * pair_facts.opposites(a.facts, b.facts), float(_turned_round(a, b))),
        float(pair_facts.other_question(a.facts, b.facts)),
    )


def _named_apart(a: Facts, b: Facts, sparse: float) -> float:
    """How far names contradict. Who are all others make another text, in whatever words; one other among many may be an aside."""
    if not pair_facts.other_names(a, b):
        return 0.0
    alone = len(pair_facts.unmatched_names(a, b)) == len(a.names) and len(pair_facts.unmatched_names(b, a)) == len(
        b.names
    )
    return 1.0 if alone else sparse


def _ramp(share: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (share - low) / (high - low)))


def differs(a: Reading, b: Reading) -> str | None:
    """The kind of fact in which the texts contradict each other, or None."""
    alike = min(found_in(b.words, a.words), found_in(a.words, b.words)) >= NEARLY
    return pair_facts.differs(a.facts, b.facts, alike) or ("negation" if _turned_round(a, b) else None)


def _turned_round(a: Reading, b: Reading) -> bool:
    """Asked of programs only: the sentences of a story may be told in any order."""
    return a.code and b.code and pair_facts.turned_round(a.facts, b.facts)


def nearly_copied(a: Reading, b: Reading) -> bool:
    """Whether the training text `a` holds the eval item `b` nearly letter by letter."""
    held = found_in(b.runs, a.runs)
    if held >= LETTER_BY_LETTER and b.length >= LONG:
        return True
    return (
        held >= MOSTLY
        and back(b.runs, a.runs) >= MOSTLY
        and not _missing(b.words, a.words)
        and not _missing(a.words, b.words)
    )


def _missing(these: frozenset[str], those: frozenset[str]) -> bool:
    """Whether a word of the one is not in the other, a typo apart."""
    return any(not any(text.one_edit_apart(word, other) for other in those) for word in these - those)

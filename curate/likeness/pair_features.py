"""What two texts have in common, as a few numbers from 0 (nothing) to 1 (all).

    a, b = read("Tom buys 3 red lamps."), read("Tom purchases five red lamps.")
    differs(Pair(a, b)) == "numbers"

A text is read once and kept, and of it only what a comparison asks for: content words, runs of characters, what it is about
in prose. In code the names that its author chose say little and so do the numbers of its examples: what a program is for
stands in its comments and docstrings, so these are read by themselves.
"""

import re
from functools import cached_property, lru_cache

from curate import text
from curate.likeness import pair_facts
from curate.likeness.code_prose import identifiers, is_code, prose
from curate.likeness.pair_facts import Contrast, Facts, facts_of
from curate.likeness.pair_language import language

__all__ = [
    "CONTRADICTIONS",
    "SIMILARITIES",
    "Pair",
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


class Reading:
    """What is known of a text, each part read when it is first asked for."""

    def __init__(self, said: str) -> None:
        self.said = said

    @cached_property
    def loose(self) -> str:
        return text.loose(self.said)

    @cached_property
    def code(self) -> bool:
        return is_code(self.said)

    @cached_property
    def views(self) -> tuple[str, ...]:
        """The parts whose meaning is compared: the text itself, or the prose of code."""
        return prose(self.said) if self.code else (self.said,)

    @cached_property
    def _content(self) -> tuple[frozenset[str], int]:
        spoken = text.tokens(" ".join(self.views)) if self.code else self.loose.split()
        content = [
            word
            for word in spoken
            if word not in text.SMALL_WORDS and (len(word) > 1 or word.isdigit() or not word.isascii())
        ]
        # A text of nothing but small words ("Who are you?") is compared by these.
        return (frozenset(map(stem, content)), len(content)) if content else (frozenset(spoken), len(spoken))

    @property
    def words(self) -> frozenset[str]:
        """Stems of content words."""
        return self._content[0]

    @property
    def length(self) -> int:
        """In content words."""
        return self._content[1]

    @cached_property
    def runs(self) -> frozenset[str]:
        """Runs of characters of the loose form."""
        loose = self.loose
        return frozenset([loose[i : i + RUN] for i in range(max(1, len(loose) - RUN + 1))]) if loose else frozenset()

    @cached_property
    def names(self) -> frozenset[str]:
        """Parts of the identifiers of code."""
        return frozenset(map(stem, identifiers(self.said))) if self.code else frozenset()

    @cached_property
    def facts(self) -> Facts:
        return facts_of("\n".join(self.views), self.code)

    @cached_property
    def language(self) -> str:
        return "en" if self.code else language(self.loose)


@lru_cache(maxsize=65_536)
def read(said: str) -> Reading:
    """Read a text. Equal texts are read once."""
    return Reading(said)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The word without its ending: crude, and the same for most forms of one word."""
    word = word.removesuffix("'s")
    if len(word) <= 3 or not word.isalpha():
        return word
    short = _ENDING.sub("", word)
    return short if len(short) >= 3 else word


class Pair:
    """Two readings beside each other: the training text `a` and the eval item `b`. What several questions ask is found once."""

    def __init__(self, a: Reading, b: Reading) -> None:
        self.a, self.b = a, b

    @cached_property
    def words(self) -> int:
        """How many content words both have."""
        return len(self.a.words & self.b.words)

    @cached_property
    def shared(self) -> float:
        """The share of the item's words that the text holds, and back."""
        return (_share(self.words, len(self.b.words)) + _back(self.words, len(self.b.words), len(self.a.words))) / 2

    @cached_property
    def facts(self) -> Contrast:
        return Contrast(self.a.facts, self.b.facts)


def _share(common: int, of: int) -> float:
    """The share of so many that is common; nothing is found in nothing (0), so that empty texts do not agree."""
    return common / of if of else 0.0


def _back(common: int, part: int, whole: int) -> float:
    """The share of a whole that is in a part, where a whole much longer than the part is asked for no more than its size."""
    least = min(whole, part)
    return min(1.0, common / least) if least else 0.0


def inputs(pair: Pair, cosine: float, words: float, content: float) -> tuple[float, ...]:
    """The inputs of the rule for a training text and an eval item: SIMILARITIES, then CONTRADICTIONS, each from 0 to 1."""
    return similarities(pair, cosine, words, content) + contradictions(pair)


def similarities(pair: Pair, cosine: float, words: float, content: float) -> tuple[float, ...]:
    """What the texts have in common, in the order of SIMILARITIES."""
    a, b = pair.a, pair.b
    code = 0.0
    if a.code and b.code:
        held = _share(len(a.names & b.names), len(b.names)) + _share(len(a.runs & b.runs), len(b.runs))
        # Programs share keywords with all programs: only what is over that counts.
        code = max(0.0, held / 2 - 0.25)
    return (max(0.0, cosine), max(0.0, words), max(0.0, content), pair.shared, code)


def contradictions(pair: Pair) -> tuple[float, ...]:
    """How far the facts contradict each other, in the order of CONTRADICTIONS.

    A contradiction counts by how alike the words are: two texts of one sentence but for a number say different things,
    two texts in other words may count different things. Examples in code hold other numbers as a matter of course.
    """
    a, b, facts = pair.a, pair.b, pair.facts
    size = len(b.words)
    edits = max(size - pair.words, min(len(a.words) - pair.words, size))
    sparse = 1.0 - _ramp(edits, 1 + 0.1 * size, 2 + 0.2 * size)
    alike = sparse if a.code or b.code else _ramp(pair.shared, *ALIKE)
    here, there = facts.numbers
    return (
        # Several numbers that differ contradict in any words; a single one may be an aside.
        1.0 if here and there and here + there >= 3 and not (a.code or b.code) else alike * (here > 0 and there > 0),
        sparse * facts.units,
        # Who are all others make another text, in whatever words; one other among many may be an aside.
        (1.0 if facts.all_names else sparse) if facts.names else 0.0,
        sparse * facts.negation,
        max(sparse * facts.opposites, float(_turned_round(a, b))),
        float(pair_facts.other_question(a.facts, b.facts)),
    )


def _ramp(share: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (share - low) / (high - low)))


def differs(pair: Pair) -> str | None:
    """The kind of fact in which the texts contradict each other, or None."""
    a, b = pair.a, pair.b
    alike = min(_share(pair.words, len(b.words)), _share(pair.words, len(a.words))) >= NEARLY
    return pair.facts.differs(alike) or ("negation" if _turned_round(a, b) else None)


def _turned_round(a: Reading, b: Reading) -> bool:
    """Asked of programs only: the sentences of a story may be told in any order."""
    return a.code and b.code and pair_facts.turned_round(a.facts, b.facts)


def nearly_copied(pair: Pair) -> bool:
    """Whether the training text `a` holds the eval item `b` nearly letter by letter."""
    a, b = pair.a, pair.b
    common = len(a.runs & b.runs)
    held = _share(common, len(b.runs))
    if held >= LETTER_BY_LETTER and b.length >= LONG:
        return True
    return (
        held >= MOSTLY
        and _back(common, len(b.runs), len(a.runs)) >= MOSTLY
        and not _missing(b.words, a.words)
        and not _missing(a.words, b.words)
    )


def _missing(these: frozenset[str], those: frozenset[str]) -> bool:
    """Whether a word of the one is not in the other, a typo apart."""
    return any(not any(text.one_edit_apart(word, other) for other in _near(word, those)) for word in these - those)


def _near(word: str, others: frozenset[str]) -> frozenset[str] | list[str]:
    """Of the others those that may be a typo apart: of longer words a typo leaves the first letter, or the last."""
    if len(word) < 4:
        return others
    first, last = word[0], word[-1]
    return [other for other in others if other[0] == first or other[-1] == last]

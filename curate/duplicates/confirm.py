"""Whether two proposed rows are near duplicates: three rules on their words, and the facts that set them apart.

    Rows(sides, pairs).best_rule(0)         # ("near duplicate", 0.93)
    Rows(sides, pairs).contradiction(0)     # None, or "numbers"

What can be told of all pairs at once (shared words, letters that differ) is told without a loop, and leaves few to read.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate import text
from curate.duplicates import alike, said
from curate.duplicates.alike import Alike, Bags
from curate.likeness import pair_facts

NEAR, CUT, WRAPPED = RULES = ("near duplicate", "truncated answer", "wrapped question")

WORDS_PER_CHANGE, MOST_CHANGES, TYPOS_PER_CHANGE = 20, 2, 3
A_FEW_TYPOS = 3
BEGINS_WORDS = 8  # an answer shorter than that must be half of the other to be its beginning
SAME_ANSWER = 0.9
FRAME_WORDS, TAIL_WORDS = 30, 4  # of a preamble, and behind the question
SHORT_FRAME, TELLING_ANSWER = 8, 4  # a longer preamble is believed with answers of so many words

_PARAGRAPH = re.compile(r"\n\s*\n")
_SPECIAL = re.compile(r"<\|\w{1,40}\|>")
_MARKS = re.compile(r"(?<!\d)\.|\.(?!\d)|[^\w+\-*/=<>%^&|~.]|_")

Numbers = npt.NDArray[np.int64]


class Rows:
    """The proposed pairs and what is known of their rows."""

    def __init__(self, sides: said.Sides, proposed: Numbers) -> None:
        rows = np.unique(proposed)
        self._at = np.searchsorted(rows, proposed)
        chosen = rows.tolist()
        self._texts = [[_plain(side[row]) for row in chosen] for side in (sides.queries, sides.answers)]
        self._beside = [[side[row] for row in chosen] for side in (sides.systems, sides.tools)]
        self._bags = [Bags.of(texts) for texts in self._texts]
        self._apart = [alike.letters_apart(texts, self._at[:, 0], self._at[:, 1]) for texts in self._texts]
        self._facts: dict[tuple[int, int], pair_facts.Facts] = {}
        self._compared: dict[tuple[int, int], Alike] = {}

    def worth_reading(self, floor: float) -> Numbers:
        """Pairs that some rule may reach, told without reading a text: see `best_rule`."""
        left, right = self._at.T
        reach, inside = [], []
        for bags, apart in zip(self._bags, self._apart, strict=True):
            shared, sizes = bags.shared(left, right), (bags.sizes[left], bags.sizes[right])
            fewer, more = np.minimum(*sizes), np.maximum(*sizes)
            # Misspelt, all words of the shorter text may be in the longer.
            misspelt = apart <= alike.STRAY + alike.STRAY_PER_WORD * (more - shared)
            best = np.where(misspelt, fewer, shared)
            reach.append(np.where(more > 0, best / np.maximum(sizes[0] + sizes[1] - best, 1), 1.0))
            inside.append(shared >= fewer - 1)
        near = (reach[0] >= floor) & (reach[1] >= floor)
        cut = (reach[0] >= floor) & inside[1]
        wrapped = (reach[1] >= SAME_ANSWER) & inside[0]
        return np.flatnonzero(near | cut | wrapped)

    def tokens(self, at: int, side: int) -> tuple[list[str], list[str]]:
        tokens = self._bags[side].tokens
        one, other = self._at[at].tolist()
        return tokens[one].to_list(), tokens[other].to_list()

    def compared(self, at: int, side: int) -> Alike:
        if (at, side) not in self._compared:
            if len(self._compared) > 4:
                self._compared.clear()
            self._compared[at, side] = alike.compare(*self.tokens(at, side))
        return self._compared[at, side]

    def best_rule(self, at: int) -> tuple[str, float]:
        """The rule with the highest score (`NEAR` where it is all but equal), and the score; 0 where none holds."""
        if self._only_marks(at):
            return NEAR, 1.0
        query, answer = self.compared(at, 0), self.compared(at, 1)
        scores = dict.fromkeys(RULES, 0.0)
        asked, answered = self.tokens(at, 0), self.tokens(at, 1)
        typos = query.typos + answer.typos
        if not _other_question(asked, query, typos) and not self._opens_otherwise(at, typos):
            if alike.moved(*answered) <= _changes(answered, typos):
                scores[NEAR] = min(query.score, answer.score)
            if _begins(*answered):
                scores[CUT] = query.score
        if answer.score >= SAME_ANSWER and _wrapped(*asked, min(map(len, answered))):
            scores[WRAPPED] = answer.score
        # Nearly the same is said first: a last word more is no sign that the other answer breaks off.
        rule = NEAR if scores[NEAR] >= SAME_ANSWER else max(scores, key=lambda name: scores[name])
        return rule, round(scores[rule], 4)

    def contradiction(self, at: int, rule: str = NEAR) -> str | None:
        """The kind of fact in which two rows contradict each other, in the question or in the answer."""
        one, other = self._at[at].tolist()
        for kind, beside in zip(("system prompt", "tool result"), self._beside, strict=True):
            if beside[one] and beside[other] and text.normalise(beside[one]) != text.normalise(beside[other]):
                return kind
        if self._only_marks(at):
            return None
        noise = self.compared(at, 0).typos + self.compared(at, 1).typos
        for side in (0, 1):
            tokens = self.tokens(at, side)
            if tokens[0] == tokens[1] or (side == 1 and rule == CUT):
                continue
            words = self.compared(at, side)
            # Of more words that one side only has, a "not" among them contradicts nothing.
            few = abs(len(tokens[0]) - len(tokens[1])) <= text.A_FEW_WORDS
            if few and _negates(words):
                return "negation"
            both = (one, side), (other, side)
            if alike.moved(*map(_numbers, tokens)):
                return "numbers"
            if any(map(alike.counts, words.left)) and any(map(alike.counts, words.right)):
                fact = pair_facts.differs(self.facts(both[0]), self.facts(both[1]), alike=False)
                if fact in ("numbers", "units"):
                    return fact
            # Among many typos a name may be beyond recognition too.
            if noise < A_FEW_TYPOS and all(map(self._may_name, both, (words.left, words.right))):
                here, there = map(self.facts, both)
                named = pair_facts.unmatched_names(here, there), pair_facts.unmatched_names(there, here)
                if named[0] & set(words.left) and named[1] & set(words.right):
                    return "names"
        return None

    def _opens_otherwise(self, at: int, typos: int) -> bool:
        """Whether two questions of several paragraphs ask something else in the first: what follows is often a passage."""
        said = [self._texts[0][row] for row in self._at[at].tolist()]
        if said[0] == said[1] or not all(_PARAGRAPH.search(one.strip()) for one in said):
            return False
        first = [text.tokens(_PARAGRAPH.split(one.strip(), maxsplit=1)[0]) for one in said]
        return _other_question((first[0], first[1]), alike.compare(*first), typos)

    def _only_marks(self, at: int) -> bool:
        one, other = self._at[at].tolist()
        # Where any letter is more frequent on one side, the texts need not be read.
        return all(
            apart[at] == 0 and _letters(texts[one]) == _letters(texts[other])
            for apart, texts in zip(self._apart, self._texts, strict=True)
        )

    def _may_name(self, place: tuple[int, int], words: Sequence[str]) -> bool:
        said = self._texts[place[1]][place[0]]
        return any(word.capitalize() in said or word.upper() in said for word in words)

    def facts(self, place: tuple[int, int]) -> pair_facts.Facts:
        row, side = place
        if place not in self._facts:
            self._facts[place] = pair_facts.facts_of(self._texts[side][row])
        return self._facts[place]


def _other_question(asked: tuple[Sequence[str], Sequence[str]], query: Alike, typos: int) -> bool:
    """Whether more telling words are replaced or moved than an edit explains.

    Some typos are beyond recognition, and come with others: one for every three that are recognised.
    """
    if asked[0] == asked[1]:
        return False
    replaced = min(sum(word not in text.SMALL_WORDS for word in words) for words in (query.left, query.right))
    if typos < A_FEW_TYPOS:
        replaced += query.far
    return replaced + alike.moved(*asked) > _changes(asked, typos, MOST_CHANGES)


def _changes(words: tuple[Sequence[str], Sequence[str]], typos: int, most: int | None = None) -> int:
    """How many telling words an edit may replace or move. At most so many in a question, where a long passage that two
    questions share would drown what is asked."""
    fewer = min(map(len, words)) // WORDS_PER_CHANGE
    return (fewer if most is None else min(fewer, most)) + typos // TYPOS_PER_CHANGE


def _begins(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether one answer is the beginning of the other; its last word may be cut too."""
    part, whole = sorted((list(a), list(b)), key=len)
    if not part or len(part) > len(whole) or (len(part) < BEGINS_WORDS and 2 * len(part) < len(whole)):
        return False
    last = len(part) - 1
    return part[:last] == whole[:last] and whole[last].startswith(part[last])


def _wrapped(a: Sequence[str], b: Sequence[str], answer_words: int) -> bool:
    """Whether one question stands in the other, behind a preamble and with little or nothing after it."""
    inner, outer = sorted((list(a), list(b)), key=len)
    more = len(outer) - len(inner)
    if not inner or not 0 < more <= FRAME_WORDS + TAIL_WORDS or (more > SHORT_FRAME and answer_words < TELLING_ANSWER):
        return False
    return any(
        outer[start : start + len(inner)] == inner
        for start in range(max(0, more - TAIL_WORDS), min(more, FRAME_WORDS) + 1)
    )


def _plain(said: str) -> str:
    """Without the marks that end a text for a model: they would make every short answer half the same."""
    return _SPECIAL.sub(" ", said) if "<|" in said else said


def _letters(said: str) -> str:
    """What stays when punctuation and white space go: letters, digits, operators and decimal points."""
    return _MARKS.sub("", text.normalise(said))


def _numbers(words: Sequence[str]) -> list[str]:
    return [word for word in words if word[0].isdigit()]


def _negates(words: Alike) -> bool:
    """Whether a "not" is on one side only, or a word replaced by its opposite. Misspelt, it is there."""
    left, right = (sum(map(alike.negates, side)) for side in (words.left, words.right))
    return left != right or any((a, b) in pair_facts.OPPOSITES for a in words.left for b in words.right)

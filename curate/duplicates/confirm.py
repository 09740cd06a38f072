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
from curate.duplicates.alike import Alike
from curate.duplicates.bags import Bags
from curate.duplicates.compared import Compared
from curate.duplicates.differences import Differences, differences
from curate.likeness import pair_facts

NEAR, CUT, WRAPPED = RULES = ("near duplicate", "truncated answer", "wrapped question")

WORDS_PER_CHANGE, MOST_CHANGES, TYPOS_PER_CHANGE = 20, 2, 3
A_FEW_TYPOS = 3
BEGINS_WORDS = 8  # an answer shorter than that must be half of the other to be its beginning
SAME_ANSWER = 0.9
FRAME_WORDS, TAIL_WORDS = 30, 4  # of a preamble, and behind the question
ROUNDED = 1e-4  # scores are told to four places
SHORT_FRAME, TELLING_ANSWER = 8, 4  # a longer preamble is believed with answers of so many words

_PARAGRAPH = re.compile(r"\n\s*\n")
_SPECIAL = re.compile(r"<\|\w{1,40}\|>")
_MARKS = re.compile(r"(?<!\d)\.|\.(?!\d)|[^\w+\-*/=<>%^&|~.]|_")

_OPPOSITES: dict[str, set[str]] = {}
for _one, _other in pair_facts.OPPOSITES:
    _OPPOSITES.setdefault(_one, set()).add(_other)

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Rows:
    """The proposed pairs and what is known of their rows."""

    def __init__(self, sides: said.Sides, proposed: Numbers) -> None:
        rows, at = np.unique(proposed, return_inverse=True)
        self._at = at.reshape(-1, 2)
        chosen = rows.tolist()
        self._asked = Compared([_plain(sides.queries[row]) for row in chosen], self._at)
        self._answered = Compared([_plain(sides.answers[row]) for row in chosen], self._at)
        self._beside = [[side[row] for row in chosen] for side in (sides.systems, sides.tools)]
        self._fields = [sides.fields[row] for row in chosen]
        self._marks: dict[int, bool] = {}
        self._told: dict[int, tuple[str, float]] = {}
        self._facts: dict[tuple[str, bool], pair_facts.Facts] = {}

    def worth_reading(self, floor: float) -> Numbers:
        """Pairs that some rule may reach, told without reading a text: see `best_rule`."""
        every = np.arange(len(self._at))
        asked, inside = self._asked.reach(every, (floor,))
        some = np.flatnonzero((asked >= floor) | inside)
        asked, inside = asked[some], inside[some]
        answered, begins = self._answered.reach(some, (floor, SAME_ANSWER))
        fit = (asked >= floor) & ((answered >= floor) | begins) | ((answered >= SAME_ANSWER) & inside)
        return self._settled(some[fit], inside[fit], begins[fit], floor - ROUNDED)

    def _settled(self, pairs: Numbers, inside: Flags, begins: Flags, floor: float) -> Numbers:
        """Those of the pairs that are left when the score of both sides is known, and how many words were replaced."""
        asked, answered = self._asked.settle(pairs), self._answered.settle(pairs)
        typos = asked.typos + answered.typos
        one_question = _few_replaced(asked, typos)
        wrapped = (answered.score >= SAME_ANSWER) & inside
        fit: Flags = one_question & (asked.score >= floor) & ((answered.score >= floor) | begins) | wrapped
        # Where only marks differ nothing else counts.
        bare = (asked.stray == 0) & (answered.stray == 0)
        for side in (self._asked, self._answered):
            bare[bare] = side.apart(pairs[bare]) == 0
        self._marks = dict.fromkeys(pairs[~bare].tolist(), False)
        # Where no word stands elsewhere the first rule is told; and it is the best one if it holds for nearly all words, or
        # no other can hold.
        near = np.minimum(asked.score, answered.score)
        same = asked.same & answered.same
        told = one_question & asked.ordered & answered.ordered & fit & (~bare | same)
        told &= (near >= SAME_ANSWER) | ~(begins | wrapped)
        told[told] = self._open_alike(pairs[told], typos[told])
        scores = zip(pairs[told].tolist(), near[told].tolist(), strict=True)
        self._told = {at: (NEAR, round(score, 4)) for at, score in scores}
        left: Numbers = pairs[fit | bare]
        return left

    def _open_alike(self, pairs: Numbers, typos: Numbers) -> Flags:
        """Which questions surely do not ask something else in their first paragraphs; see `_opens_otherwise`."""
        rows, at = np.unique(self._at[pairs], return_inverse=True)
        openings = [self._opening(row) for row in rows.tolist()]
        left, right = at.reshape(-1, 2).T
        several = np.array([opening is not None for opening in openings], np.bool_)
        found = ~(several[left] & several[right])
        parted = np.flatnonzero(~found)
        bags = Bags.of([opening or "" for opening in openings])
        opened = differences(bags, left[parted], right[parted])
        found[parted] = _few_replaced(opened, typos[parted]) & opened.ordered
        return found

    def best_rule(self, at: int) -> tuple[str, float]:
        """The rule with the highest score (`NEAR` where it is all but equal), and the score; 0 where none holds."""
        if found := self._told.get(at):
            return found
        if self._same(at) or self._only_marks(at):
            return NEAR, 1.0
        query, answer = self._asked.alike(at), self._answered.alike(at)
        scores = dict.fromkeys(RULES, 0.0)
        typos = query.typos + answer.typos
        if self._one_question(at, typos):
            if self._answered.moved(at) <= _changes(self._answered.fewer(at), typos):
                scores[NEAR] = min(query.score, answer.score)
            if answer.score < 1 and _begins(*self._answered.tokens(at)):
                scores[CUT] = query.score
        if answer.score >= SAME_ANSWER and _wrapped(*self._asked.tokens(at), self._answered.fewer(at)):
            scores[WRAPPED] = answer.score
        # Nearly the same is said first: a last word more is no sign that the other answer breaks off.
        rule = NEAR if scores[NEAR] >= SAME_ANSWER else max(scores, key=lambda name: scores[name])
        return rule, round(scores[rule], 4)

    def contradiction(self, at: int, rule: str = NEAR) -> str | None:
        """The kind of fact in which two rows contradict each other, in the question or in the answer."""
        one, other = self._at[at].tolist()
        for kind, beside in zip(("system prompt", "tool result"), self._beside, strict=True):
            if beside[one] and beside[other] and not _same(beside[one], beside[other]):
                return kind
        if self._fields[one] != self._fields[other]:
            return "image or other field"
        if self._same(at) or self._only_marks(at):
            return None
        noise = self._asked.alike(at).typos + self._answered.alike(at).typos
        for side in (self._asked,) if rule == CUT else (self._asked, self._answered):
            if fact := self._contradicts(side, at, noise):
                return fact
        return None

    def _contradicts(self, side: Compared, at: int, noise: int) -> str | None:
        """The kind of fact in which two questions, or two answers, contradict each other."""
        if side.same(at):
            return None
        both, words = side.pair(at), side.alike(at)
        # Of more words that one side only has, a "not" among them contradicts nothing.
        few = abs(len(words.left) - len(words.right)) <= text.A_FEW_WORDS
        if few and _negates(words):
            return "negation"
        if _says_yes_and_no(words):
            return "yes or no"
        if side.moved(at) and alike.moved(*map(_numbers, side.tokens(at))):
            return "numbers"
        if any(map(alike.counts, words.left)) and any(map(alike.counts, words.right)):
            here, there = (self._facts_of(one, names=False) for one in both)
            if pair_facts.unmatched_numbers(here, there) and pair_facts.unmatched_numbers(there, here):
                return "numbers"
            if pair_facts.other_units(here, there):
                return "units"
        # Among many typos a name may be beyond recognition too.
        if noise < A_FEW_TYPOS and all(map(_may_name, both, (words.left, words.right))):
            here, there = (self._facts_of(one, names=True) for one in both)
            named = pair_facts.unmatched_names(here, there), pair_facts.unmatched_names(there, here)
            if named[0] & set(words.left) and named[1] & set(words.right):
                return "names"
        return None

    def _one_question(self, at: int, typos: int) -> bool:
        if not self._asked.same(at):
            allowed = _changes(self._asked.fewer(at), typos, MOST_CHANGES)
            replaced = _replaced(self._asked.alike(at), typos)
            if replaced > allowed or replaced + self._asked.moved(at) > allowed:
                return False
        return not self._opens_otherwise(at, typos)

    def _opens_otherwise(self, at: int, typos: int) -> bool:
        """Whether two questions of several paragraphs ask something else in the first: what follows is often a passage."""
        one, other = self._asked.pair(at)
        if one == other:
            return False
        openings = [self._opening(row) for row in self._at[at].tolist()]
        if None in openings:
            return False
        first, second = (text.tokens(opening or "") for opening in openings)
        allowed = _changes(min(len(first), len(second)), typos, MOST_CHANGES)
        return first != second and _replaced(alike.compare(first, second), typos) + alike.moved(first, second) > allowed

    def _opening(self, row: int) -> str | None:
        """The first paragraph of a question, if it has several."""
        said = self._asked.texts[row].strip()
        end = _PARAGRAPH.search(said)
        return said[: end.start()] if end else None

    def _same(self, at: int) -> bool:
        """Whether both sides have the same words in the same order, and open alike."""
        return self._asked.same(at) and self._answered.same(at) and not self._opens_otherwise(at, 0)

    def _only_marks(self, at: int) -> bool:
        if at not in self._marks:
            sides, pair = (self._asked, self._answered), np.array([at])
            # Where any letter is more frequent on one side, the texts need not be read.
            bare = not any(side.apart(pair)[0] for side in sides)
            self._marks[at] = bare and all(_same_letters(*side.pair(at)) for side in sides)
        return self._marks[at]

    def _facts_of(self, said: str, *, names: bool) -> pair_facts.Facts:
        if (said, names) not in self._facts:
            # Names take long to find; of code none are taken.
            self._facts[said, names] = pair_facts.facts_of(said, code=not names)
        return self._facts[said, names]


def _few_replaced(asked: Differences, typos: Numbers) -> Flags:
    """`_replaced` <= `_changes` for many questions."""
    replaced = asked.telling + np.where(typos < A_FEW_TYPOS, asked.far, 0)
    few: Flags = replaced <= np.minimum(asked.fewer // WORDS_PER_CHANGE, MOST_CHANGES) + typos // TYPOS_PER_CHANGE
    return few


def _replaced(query: Alike, typos: int) -> int:
    """How many telling words of a question are replaced.

    Some typos are beyond recognition, and come with others: one for every three that are recognised.
    """
    replaced = min(sum(word not in text.SMALL_WORDS for word in words) for words in (query.left, query.right))
    return replaced + query.far if typos < A_FEW_TYPOS else replaced


def _changes(words: int, typos: int, most: int | None = None) -> int:
    """How many telling words of so many an edit may replace or move: more than that, and something else is asked. At most
    so many in a question, where a long passage that two questions share would drown what is asked."""
    fewer = words // WORDS_PER_CHANGE
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


def _may_name(said: str, words: Sequence[str]) -> bool:
    """Whether one of the words stands in a text with a capital."""
    return any(word.capitalize() in said or word.upper() in said for word in words)


def _same_letters(a: str, b: str) -> bool:
    return a == b or _letters(a) == _letters(b)


def _letters(said: str) -> str:
    """What stays when punctuation and white space go: letters, digits, operators and decimal points."""
    return _MARKS.sub("", text.normalise(said))


def _same(a: str, b: str) -> bool:
    return a == b or text.normalise(a) == text.normalise(b)


def _numbers(words: Sequence[str]) -> list[str]:
    return [word for word in words if word[0].isdigit()]


def _negates(words: Alike) -> bool:
    """Whether a "not" is on one side only, or a word replaced by its opposite. Misspelt, it is there."""
    left, right = (sum(map(alike.negates, side)) for side in (words.left, words.right))
    return left != right or any(not _OPPOSITES.get(word, frozenset()).isdisjoint(words.right) for word in words.left)


def _says_yes_and_no(words: Alike) -> bool:
    """Whether one side says yes where the other says no."""
    one, other = set(words.left), set(words.right)
    return ("yes" in one and "no" in other) or ("no" in one and "yes" in other)

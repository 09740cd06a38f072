"""The facts of a text that must not change: numbers with their units, named things, negation.

    differs(facts_of("Tom has 3 lamps."), facts_of("Tom has five lamps.")) == "numbers"
    differs(facts_of("half a dozen eggs"), facts_of("6 eggs")) is None

A number may be written in many ways (`written_numbers`): "half", "1/2" and "50 %" are one, "2 hours" and "120 minutes" too.
Facts contradict each other when *each* side has one that the other lacks; what only one side says is left out, not changed.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from curate import text
from curate.likeness.written_numbers import Number, numbers

__all__ = ["KINDS", "Facts", "Number", "differs", "facts_of", "unmatched_names", "unmatched_numbers"]

KINDS = ("numbers", "units", "names", "negation", "question")

# Words that may stand for a number on the other side, and say nothing by themselves.
_IMPLIED: dict[str, float] = {"a": 1, "an": 1, "one": 1, "single": 1, "each": 1, "per": 1, "every": 1, "first": 1, "once": 1, "both": 2, "couple": 2, "pair": 2, "pairs": 2, "two": 2, "second": 2, "twins": 2, "halved": 0.5, "half": 0.5, "halves": 0.5, "week": 7, "weeks": 7, "weekly": 7, "weekday": 5, "weekdays": 5, "year": 12, "years": 12, "annual": 12, "annually": 12, "yearly": 12, "monthly": 12, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "fortnight": 2, "trio": 3, "quarterly": 3, "day": 24, "days": 24, "daily": 1, "hour": 60, "hours": 60, "minute": 60, "minutes": 60, "same": 1, "another": 1, "zero": 0, "no": 0, "none": 0, "equally": 1, "quarter": 0.25, "quarters": 0.25, "score": 20, "century": 100, "decade": 10, "all": 100, "whole": 100, "entire": 100}  # fmt: skip

_LIST_MARK = re.compile(r"(?m)^\s{0,8}(?:\d{1,2}|[a-e])[.)]\s")
_WORD = re.compile(r"[^\W\d_]\w*(?:['’][^\W\d_]+)*")
# It begins with the mark, not with what may not stand before it: so the engine looks for marks, not at every sign.
_QUOTED = re.compile(
    r"""["“'‘](?:(?<=["“])(?<!\w.)([^"“”\n]{1,40})["”](?!\w)|(?<=['‘])(?<!\w.)([^'‘’\n]{1,40})['’](?!\w))"""
)
_START = re.compile(r"(?:^|[.!?:;\n\"“‘(*#>-])\s*$")
_BEARER = re.compile(
    r"\s+(?:has|had|is|was|wants|bought|buys|and [A-Z]|can|will|goes|went|makes|made|earns|gets|needs|works|owns|sells|sold|spent|spends|eats|ate|runs|ran|said|says)\b|['’]s "
)
_NO = "not|no|never|cannot|without|neither|nor|none|nobody|nothing|isnt|dont|doesnt|didnt|cant|wont"
_NEGATION = re.compile(rf"\b(?:{_NO})\b|n['’]t\b", re.IGNORECASE)
_NEGATIONS = frozenset(_NO.split("|"))
_OPPOSITES = """more less|more fewer|most least|increase decrease|increased decreased|increases decreases|rise fall|rose fell|
rises falls|gain lose|gained lost|before after|above below|over under|buy sell|bought sold|buys sells|first last|left right|
north south|east west|up down|open close|opened closed|hot cold|warm cold|big small|large small|larger smaller|largest smallest|
bigger smaller|biggest smallest|high low|higher lower|highest lowest|longer shorter|longest shortest|long short|maximum minimum|
maximise minimise|maximize minimize|fast slow|faster slower|fastest slowest|early late|earlier later|earliest latest|old young|
older younger|oldest youngest|advantages disadvantages|advantage disadvantage|pros cons|benefits drawbacks|benefits risks|add remove|
added removed|add subtract|multiply divide|win lose|won lost|success failure|safe dangerous|legal illegal|true false|possible impossible|
include exclude|includes excludes|including excluding|accept reject|accepted rejected|start stop|starts stops|started stopped|begin end|
import export|imports exports|input output|enable disable|encrypt decrypt|ascending descending|even odd|positive negative|male female|
man woman|men women|boy girl|boys girls|mother father|son daughter|brother sister|husband wife|king queen|strong weak|stronger weaker|
heavy light|heavier lighter|deep shallow|wide narrow|rich poor|cheap expensive|cheaper dearer|inside outside|indoor outdoor|
with without|arrive depart|arrives departs|push pull|love hate|like dislike|agree disagree|best worst|better worse|always never|
day night|morning evening|summer winter|happy sad|full empty|hard easy|hard soft|wet dry|public private|ancient modern|formal informal|
active passive|singular plural|prefix suffix|encode decode|upper lower|uppercase lowercase|vertical horizontal|odd even|acid base|
encourage discourage|approve disapprove|lend borrow|lent borrowed|give take|gave took|save spend|saved spent|saves spends|win lose"""
OPPOSITES = frozenset(
    pair for both in _OPPOSITES.replace("\n", "").split("|") for a, b in [both.split()] for pair in ((a, b), (b, a))
)

# Marks of layout: "> " before a quoted line, "$12$" for a number in LaTeX.
_QUOTE_MARK, _MATHS = re.compile(r"(?m)^[ \t]*>[ \t](?!>)"), re.compile(r"\$(\d[\d.,]*)\$")

# What a short question wants to hear. "Which" and "what" may ask for anything, and so does an order.
SHORT_QUESTION = 16  # words
_WANTED = {
    "a person": re.compile(r"^(?:and |so |but )?(?:who|whom|whose)\b|\bto whom\W*$"),
    "a time": re.compile(r"^(?:when|(?:in |on |at )?(?:what|which) (?:year|date|day|month|time)|what (?:is|was) the (?:date|year))\b"),
    "a place": re.compile(r"^(?:where|(?:in )?(?:what|which) (?:country|city|town|state|place))\b"),
    "a reason": re.compile(r"^(?:why|how come|for what reason)\b"),
    "a count": re.compile(r"^how (?:many|much|often|old|long|far|tall|big|high|deep)\b"),
}  # fmt: skip

_SIDES = frozenset(word for pair in OPPOSITES for word in pair)


@dataclass(frozen=True)
class Facts:
    """What a text states; all in lower case."""

    numbers: tuple[Number, ...]
    names: frozenset[str]
    words: frozenset[str]
    negations: int
    sides: tuple[str, ...] = ()  # words that have an opposite, by their first place
    wanted: str = ""  # a person, a time, a place, a reason, a count: of a short question that says so

    @cached_property
    def counted(self) -> Counter[Number]:
        """How often each number is said."""
        return Counter(self.numbers)

    @cached_property
    def units(self) -> dict[float, set[str]]:
        """The units that stand beside each number."""
        found: dict[float, set[str]] = {}
        for number in self.numbers:
            found.setdefault(max(number.values), set()).add(number.unit)
        return found

    @cached_property
    def opposed(self) -> frozenset[str]:
        """The words that have an opposite."""
        return self.words & _SIDES


def facts_of(said: str, code: bool = False) -> Facts:
    """Read the facts. In code no name is a fact. Placeholders and list marks ("2.") are none anywhere."""
    said = _MATHS.sub(r"\1", _QUOTE_MARK.sub("", said))
    plain = _LIST_MARK.sub(" ", text.PLACEHOLDER.sub(" ", said))
    words = _words(plain)
    known = set(words)
    known |= {word.removesuffix("'s") for word in known if word.endswith("'s")}
    return Facts(
        numbers=numbers(plain),
        names=frozenset() if code else frozenset(_names(plain, len(words))),
        words=frozenset(known),
        negations=_negations(plain, known),
        sides=() if _SIDES.isdisjoint(known) else tuple(dict.fromkeys(word for word in words if word in _SIDES)),
        wanted="" if code or len(words) > SHORT_QUESTION else _wanted(plain),
    )


def _words(plain: str) -> list[str]:
    if plain.isascii():  # whose lower case is as long, sign by sign
        return _WORD.findall(plain.lower())
    return [word.lower().replace("’", "'") for word in _WORD.findall(plain)]


def _negations(plain: str, words: set[str]) -> int:
    """How many, counted only where a word says so: without an apostrophe a match is a word, or the end of none."""
    if plain.isascii() and "'" not in plain and _NEGATIONS.isdisjoint(words):
        return 0
    return len(_NEGATION.findall(plain))


def _wanted(said: str) -> str:
    plain = said.strip().lower()
    return next((name for name, pattern in _WANTED.items() if pattern.search(plain)), "")


class Contrast:
    """Two texts' facts beside each other: each kind is compared when it is first asked for, and once."""

    def __init__(self, a: Facts, b: Facts) -> None:
        self.a, self.b = a, b

    @cached_property
    def numbers(self) -> tuple[int, int]:
        """How many numbers of each side the other lacks; (0, 0) where the first lacks none."""
        here = unmatched_numbers(self.a, self.b)
        return (here, unmatched_numbers(self.b, self.a)) if here else (0, 0)

    @cached_property
    def units(self) -> bool:
        return other_units(self.a, self.b)

    @cached_property
    def _lacking(self) -> tuple[int, int]:
        here = len(unmatched_names(self.a, self.b))
        return (here, len(unmatched_names(self.b, self.a))) if here else (0, 0)

    @property
    def names(self) -> bool:
        """Whether names are replaced by about as many others. More of them on one side alone is something said besides."""
        here, there = self._lacking
        return here > 0 and there > 0 and abs(here - there) <= 1

    @property
    def all_names(self) -> bool:
        """Whether each side lacks all names of the other."""
        return self._lacking == (len(self.a.names), len(self.b.names))

    @property
    def negation(self) -> bool:
        """Whether one side alone says "not"."""
        return (self.a.negations > 0) != (self.b.negations > 0)

    @cached_property
    def opposites(self) -> bool:
        return opposites(self.a, self.b)

    def differs(self, alike: bool) -> str | None:
        """The first kind that contradicts; `alike` as in the function `differs`."""
        if self.numbers[1]:
            return "numbers"
        if self.units:
            return "units"
        if self.names:
            return "names"
        if alike and (self.negation or self.opposites):
            return "negation"
        return "question" if other_question(self.a, self.b) else None


def differs(a: Facts, b: Facts, alike: bool = True) -> str | None:
    """The first kind of fact in which two texts contradict each other, or None.

    `alike`: whether the texts share nearly all their words. Only then does a "not" on one side contradict the other.
    """
    return Contrast(a, b).differs(alike)


def other_question(a: Facts, b: Facts) -> bool:
    """Whether two short questions want to hear things of another kind: who was married to her, when was she born."""
    return bool(a.wanted and b.wanted) and a.wanted != b.wanted


def unmatched_numbers(a: Facts, b: Facts) -> int:
    """How many numbers of `a` are not in `b`, in whatever way of writing.

    What both have is set aside one for one, so that "3 and 5" is not answered by "5 and 5". A word may stand for a number
    ("a week" for 7), but not if it stands on both sides beside the number.
    """
    if not a.numbers or a.numbers == b.numbers:
        return 0
    missing = a.counted - b.counted
    if not missing:
        return 0
    values = {value for number in b.counted - a.counted for value in number.values}
    values |= {_IMPLIED[word] for word in (b.words & _IMPLIED.keys()) - a.words}
    return sum(not number.values & values for number in missing)


def other_units(a: Facts, b: Facts) -> bool:
    """Whether one number stands with one unit here and with another there: 5 kilograms, 5 pounds."""
    here, there = a.units, b.units
    for value in here.keys() & there.keys():
        if not here[value] & there[value] and "" not in here[value] | there[value]:
            return True
    return False


def unmatched_names(a: Facts, b: Facts) -> set[str]:
    """Names of `a` that `b` has not, neither as a name nor as a word; a typo apart is the same name."""
    missing = {name for name in a.names - b.words if " " not in name or not set(name.split()) <= b.words}
    if not missing:
        return missing
    others = b.names | b.words
    if len(missing) * len(others) > text.MANY_NAMES:
        return missing  # so many names are a list, and a typo in it decides nothing
    return {name for name in missing if not any(_same(name, other) for other in _maybe_same(name, others))}


def _maybe_same(name: str, others: frozenset[str]) -> frozenset[str] | list[str]:
    """Of the others those that may be the same name: a single change leaves either the first or the last two letters."""
    if len(name.rstrip("s")) < 2:
        return others
    first, last = name[:2], name[-2:]
    return [other for other in others if other[:2] == first or other[-2:] == last]


def opposites(a: Facts, b: Facts) -> bool:
    """Whether a word of one text is replaced by its opposite in the other."""
    here, there = a.opposed - b.words, b.opposed - a.words
    return any((one, other) in OPPOSITES for one in here for other in there)


def turned_round(a: Facts, b: Facts) -> bool:
    """Whether two opposites that both texts name come in another order: odd numbers at even places, even ones at odd."""
    both = [word for word in a.sides if word in b.sides]
    place = {word: b.sides.index(word) for word in both}
    return any(
        (one, other) in OPPOSITES and place[one] > place[other]
        for at, one in enumerate(both)
        for other in both[at + 1 :]
    )


def _same(a: str, b: str) -> bool:
    """Equal but for a plural s, a letter left out or put in, or in longer names another letter; or one short for the other."""
    if a.rstrip("s") == b.rstrip("s") or (min(len(a), len(b)) >= 3 and (a.startswith(b) or b.startswith(a))):
        return True
    shortest = 3 if len(a) != len(b) else 5
    return min(len(a), len(b)) >= shortest and text.one_edit_apart(a, b)


def _names(said: str, words: int) -> set[str]:
    """Capitalised words inside a sentence, or in front of a verb at its start, and what stands in quotes."""
    quoted = {text.loose(one or other).strip(" .,;") for one, other in _QUOTED.findall(said)}
    found = {words for words in quoted if 0 < len(words.split()) <= 3 and not any(c.isdigit() for c in words)}
    capital = [match for match in _WORD.finditer(said) if said[match.start()].isupper() and match[0] != "I"]
    if len(capital) > 0.6 * words and words > 6:
        return found  # a headline or shouting: capitals tell nothing
    for match in capital:
        word = match[0].replace("’", "'")
        if len(word) < 2 or word.startswith("I'") or (word.isupper() and len(word) > 5):
            continue
        starts = _START.search(said[max(0, match.start() - 12) : match.start()])
        bearer = _BEARER.match(said, match.end()) or "'s" in word
        if word.lower() not in _NOT_NAMES and (not starts or bearer):
            found.add(word.lower().removesuffix("'s"))
    return found


_NOT_NAMES = frozenset(
    [
        "it",
        "there",
        "this",
        "that",
        "what",
        "who",
        "which",
        "here",
        "he",
        "she",
        "they",
        "we",
        "you",
        "i",
        "how",
        "where",
        "when",
        "why",
        "these",
        "those",
        "everyone",
        "someone",
        "nobody",
        "each",
        "one",
        "all",
        "both",
        "half",
        "some",
        "many",
        "most",
        "if",
        "so",
        "and",
        "but",
        "or",
        "then",
        "after",
        "before",
        "while",
        "since",
        "because",
        "it's",
        "there's",
        "that's",
        "what's",
        "who's",
        "here's",
        "he's",
        "she's",
        "let's",
        "where's",
        "how's",
    ]
)

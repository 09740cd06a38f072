"""Ages of persons as English writes them: "I'm 34", "a 34-year-old nurse", "aged 62", not "a 12-year-old whisky".

    list(ages.others("Jane is thirty-four years old"))     # [(8, 19, 0.6)], the number alone
    ages.moved("34", 4)                                    # "38": another age of about the same years: a child stays one

An age alone finds nobody, so an age counts only beside somebody: `beside` keeps those that stand within reach of personal data with a
form, or of a name where names are looked for. What somebody says of his own age counts with anything in the same text. Ages of
things, ranges and limits ("18 or older", "aged 5 to 12") are nobody's.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol, TypeVar

from curate.lookalikes import Span


class Found(Protocol):
    """What is read of a finding (`pii.Finding`)."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def recogniser(self) -> str: ...


F = TypeVar("F", bound=Found)

KIND = "AGE"
OWN, OTHERS = "OwnAge", "Age"  # the names of the two recognisers
REACH = 250  # characters between somebody and an age that is told of him, as in `doxxing`

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_I = re.IGNORECASE

_LARGE = rf"(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_ONES)})\b)?|{'|'.join(_TEENS)}"
_DIGITS = r"(?:1[01]\d|[1-9]\d?)(?!\d)"
_NUMBER = rf"(?<![\w.,/$€£:#+–-])({_DIGITS}|{_LARGE}|{'|'.join(_ONES)})"
_LARGE_NUMBER = rf"(?<![\w.,/$€£:#+–-])({_DIGITS}|{_LARGE})"  # "I am one" tells no age
_YEARS_OLD = r"[\s-]{0,2}(?:y(?:ea)?rs?[ -](?:old|of age|young)|y\.?[/.]?o\.?)(?!\w)"
# What may follow a bare number that is an age: "I'm 34 and ...", not "I'm 34 miles away".
_TAIL = (
    r"(?=\s*$|\s*[!?;)\n\"”]|\s*[.,:](?!\d)|\s+[-–—]\s|\s?[MF]\b|\s+(?:and|but|so|now|today|tomorrow|next|this|last|soon|in|on|with|who|when|while|if|because|male|female|single"
    rf"|married|living|from)\b|{_YEARS_OLD})"
)
RELATIONS = (
    "boss|manager|colleague|neighbou?r|friend|wife|husband|partner|brother|sister|son|daughter|mother|father|mom|mum|dad|uncle|aunt|cousin|niece"
    "|nephew|girlfriend|boyfriend|fianc[ée]e?|ex|grandson|granddaughter|grandmother|grandfather|grandma|grandpa|child|kid|boy|girl|baby|toddler|patient|client"
)
_SOON = r"(?:(?:just|now|only|already|almost|nearly|still|currently|about|turning|about to (?:be|turn)|going to be|an?) ){0,2}"
_SELF = (
    r"\b(?:I['’]?m|I am|I was|I (?:just |recently |finally )?turn(?:ed)?|I(?:['’]ll| will)(?: soon| just)? (?:be|turn)|I(?:['’]ve| have|['’]d| had)(?: just| recently)? turned"
    rf"|(?:my|our) (?:[\w-]+ )?(?:{RELATIONS})(?:, [\w ]{{2,30}},)?(?: is|['’]s| was| (?:just |recently )?turn(?:ed|s)| will (?:be|turn))) "
)
_OWN_AGE = re.compile(_SELF + rf"{_SOON}{_LARGE_NUMBER}{_TAIL}", _I)
_MY_AGE = re.compile(rf"\bmy age(?: is|:)? {_LARGE_NUMBER}(?![\w%]|[.,:]\d)", _I)
_IN_BRACKETS = re.compile(  # "I (34F) told my wife (M 31)"
    r"\b(?:I|me|(?:my|our) (?:[\w-]+ )?\w+) \((?:[MF] ?([1-9]\d)|([1-9]\d) ?[MF])\)", _I
)
_OLD = re.compile(_NUMBER + _YEARS_OLD, _I)
_AGED = re.compile(
    rf"\bage(?:d|(?: (?:of|is|was))?[\"']?\s{{0,2}}[:=-]?)\s{{0,2}}[\"']?{_LARGE_NUMBER}(?![\w%]|[.,:]\d)", _I
)
_TURNED = re.compile(
    rf"\b(?:he|she|who|(?-i:[A-Z])[^\W\d_]+)(?:['’]s| is| was| has| had| will)?(?: just| recently| about to)? turn(?:ed|s|ing)? {_LARGE_NUMBER}{_TAIL}",
    _I,
)
_HIM = re.compile(rf"\b(?:s?he|who)(?:['’]s| is| was) {_SOON}{_LARGE_NUMBER}{_TAIL}", _I)
_NAMED = re.compile(r"[A-Z][a-zÀ-ž'’-]+ [A-Z][a-zÀ-ž'’-]+, ([1-9]\d)(?=, [a-z])")
GATE = r""  # `own` and `others` look for these words first, which costs less than any pattern
_DIGIT, _BRACKET = re.compile(r"\d"), re.compile(r"\((?:\d\d ?[mf]|[mf] ?\d\d)\)")
_NUMERALS = ("teen", *_TENS, "ten", "eleven", "twelve")
_OF_OWN = ("i'm ", "i’m ", "im ", "i am ", "i was ", "i turn", "i just", "i recent", "i final", "i'll", "i’ll", "i will", "i've", "i’ve", "i have",
           "i'd", "i’d", "i had", "my ", "our ")  # fmt: skip
_AGE, _IN_COMMAS = re.compile(r"\bage"), re.compile(r", [1-9]\d, ")
_OF_OLD = ("rs old", "r old", "r-old", "rs-old", "of age", "young", "y/o", "y.o")
_YO = re.compile(r"\d[ -]?yo\b")
_OF_HIM = ("he is", "he was", "he's", "he’s", "who is", "who was", "who's", "who’s")


# ---- whose age it is -----------------------------------------------------------------------------------------------

BEFORE, NEXT = 60, 28  # characters around a number that are read, and those of them that touch it
_YEARS = re.compile(_YEARS_OLD, _I)
_AT_AGE = re.compile(
    r"(?:\b(?:at|by|from|since|before|until) )?(?:\b(?:the|an) )?\baged?\W{0,5}(?:of |is |was )?\W{0,3}$", _I
)
_LIMIT = re.compile(
    r"\b(?:at least|over|under|above|below|minimum(?: age)?(?: of| is)?|maximum(?: age)?(?: of| is)?|less than|more than|older than|younger than|up to|(?:must|should|to|may) be"
    r"|between [\w-]+ and)(?: the)?\s*$|(?:\d|\b(?:ten|teen|ty|one|two|three|four|five|six|seven|eight|nine)) ?(?:to|or)\s*$|\b(?:those|people|persons|anyone|children|adults|men|women|users) $",
    _I,
)
_RANGE = re.compile(
    rf"\s?(?:[-–/]\s?\d|\+|(?:to|and|or|through) (?:\d|(?:{'|'.join((*_ONES, *_TEENS, *_TENS))})\b|older|over|above|up|under|younger|below)|or more\b)"
    r"|\s(?:and up|years? (?:and|or) (?:older|over|above|up|under|younger))",
    _I,
)
_UNIT = re.compile(
    r"\s?(?:%|°|percent|months?|weeks?|days?|hours?|minutes?|decades?|centur|million|group|years? in (?:oak|cask|barrel|wood|cellar))",
    _I,
)
_NOT_AN_AGE = re.compile(  # "Ice Age 4", "the average age is 40", "whisky aged 12 years"
    r"\b(?:ice|stone|bronze|iron|new|middle|space|golden|gilded|dark|information|digital|minimum|maximum|legal|drinking|voting|retirement|pension|school|average|median|mean|max|min"
    r"|over|under|above|below|beyond|than)(?: the)? $|\b(?:whisk|wine|rum\b|chees|bourbon|brandy|cognac|beef|steak|vinegar|barrel|oak)[^.\n]{0,25}$",
    _I,
)
_PERSON = re.compile(
    rf"(?:{RELATIONS}|man|woman|male|female|person|guy|lady|gentleman|teen|teenager|adult|student|pupil|teacher|nurse|doctor|engineer|developer|writer|artist|actor|actress"
    r"|singer|player|athlete|lawyer|accountant|driver|officer|soldier|veteran|worker|employee|clerk|waiter|waitress|cashier|farmer|chef|cook|designer|consultant|analyst|director"
    r"|founder|owner|entrepreneur|freelancer|retiree|pensioner|widow|widower|parent|dad|single|homemaker|housewife|graduate|intern|trainee|apprentice|resident|citizen|immigrant"
    r"|user|customer|member|volunteer|victim|suspect|defendant|plaintiff|caucasian|hispanic|orphan|twins?|brothers?|sisters?|sons?|daughters?|journalist|scientist|researcher|professor"
    r"|programmer|technician|electrician|plumber|mechanic|carpenter|builder|pilot|policeman|firefighter|librarian|secretary|assistant|musician|footballer|swimmer|runner|librarian)",
    _I,
)  # fmt: skip
_FUNCTION = re.compile(
    r"(?:and|but|so|or|who|whose|with|from|is|was|has|had|when|while|in|at|on|of|to|now|today|named|called|that|living|lives|works|working|loves?|likes?|wants?|needs?|keeps|can|can't"
    r"|doesn't|won't|will|got|goes|started|still|just|this|next|last|if|because|for|as|by|I|we|he|she|my|our)",
    _I,
)
_COPULA = re.compile(
    r"(?:(?:^|(?<=\W)|\s)(?:is|am|are|was|were|be|been|turned|turns|turning|about|only|now|just|already|currently|almost|nearly|still|approximately|around|roughly|will|all|both)(?=\s)"
    r"|['’](?:s|m|re)(?=\s)|\s)*$",
    _I,
)
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_NOBODY = frozenset({"it", "this", "that", "these", "those", "there", "which", "they", "its", "everything"})
_MONTH = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)[a-z]*\W*$")
_NOT_IF = re.compile(r"\b(?:if|when|once|whether|unless|until|that|assuming|since)\s+(?:you|we|they)\s*$", _I)


def own(text: str) -> Iterator[Span]:
    """Ages that somebody tells of himself and of those around him, unchecked."""
    low = text.lower()
    wanted = any(word in low for word in _OF_OWN) and _has_number(low)
    some = (_OWN_AGE, _MY_AGE) if wanted else ()
    yield from _spans((*some, _IN_BRACKETS) if _BRACKET.search(low) else some, text, 0.8)


def others(text: str) -> Iterator[Span]:
    """Ages in every other way, unchecked."""
    low = text.lower()
    old = any(word in low for word in _OF_OLD) or _YO.search(low) is not None
    bare = _has_number(low)
    asked = (
        (_OLD, old),
        (_AGED, bare and _AGE.search(low) is not None),
        (_TURNED, bare and "turn" in low),
        (_HIM, bare and any(word in low for word in _OF_HIM)),
        (_NAMED, bare and _IN_COMMAS.search(text) is not None),
    )
    yield from _spans([pattern for pattern, wanted in asked if wanted], text, 0.6)


def _has_number(low: str) -> bool:
    return _DIGIT.search(low) is not None or any(word in low for word in _NUMERALS)


def _spans(patterns: Iterable[re.Pattern[str]], text: str, score: float) -> Iterator[Span]:
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield match.start(match.lastindex or 0), match.end(match.lastindex or 0), score


def person(text: str, span: Span) -> Span | None:
    """The span where the age is a person's and one age: see the top."""
    start, end, _ = span
    left, right = text[max(0, start - BEFORE) : start], text[end : end + BEFORE]
    years = _YEARS.match(right)
    after = right[years.end() :] if years else right
    if _LIMIT.search(left[-NEXT:]) or _RANGE.match(right) or _RANGE.match(after) or (not years and _UNIT.match(right)):
        return None
    if aged := _AT_AGE.search(left[-NEXT:]):
        return None if _NOT_AN_AGE.search(left[: len(left) - len(aged.group())]) else span
    if _MONTH.search(left[-NEXT:]):
        return None
    return span if not years or _of_person(left, after, "-" in years.group()) else None


def told(text: str) -> Iterator[Span]:
    """Every age of a person in a text, each once."""
    seen = set()
    for span in chain(own(text), others(text)):
        if person(text, span) and span[:2] not in seen:
            seen.add(span[:2])
            yield span


def _of_person(left: str, after: str, hyphen: bool) -> bool:
    """Whether "34 years old" between these is a person's."""
    said = re.match(
        r"(?:[ \t]+|,[ \t]+(?=\w+[ \t]+(?:man|woman|male|female)\b))((?:[^\W\d_][\w'’-]*[ \t]*){1,3})", after
    )
    words = _WORD.findall(said.group(1)) if said else []
    for place, word in enumerate(words):
        if _FUNCTION.fullmatch(word):
            words = words[:place]
            break
    if words:
        if any(_PERSON.fullmatch(word) for word in words):
            return True
        mine = re.search(r"\b(?:my|our|this|that|its|your)\s+$", left, _I)
        return words[0][0].isupper() and not mine
    if hyphen and re.search(r"\b(?:an?|the|my|our|his|her|their|your|another)\s+$", left, _I):
        return True
    return _of_subject(left)


def _of_subject(left: str) -> bool:
    """Whether what stands before "(is) 34 years old" is a person."""
    copula = _COPULA.search(left)
    assert copula
    before = left[: copula.start()]
    if not copula.group().strip():  # "Jane, 34 years old"; "Male. 34 years old"
        if not before.rstrip() or before.rstrip()[-1] in ".!?:\n;|":
            return True
        if re.search(r"\b(?:at|when|as)\s*$", before, _I):
            return True
        before = before.rstrip(" ,(")
        last = _last(before)
        return before != left.rstrip() and bool(last) and (last[0].isupper() or bool(_PERSON.fullmatch(last)))
    last = _last(before)
    if not last:
        return True
    if last.casefold() in ("i", "he", "she", "who", "we", "you"):
        return not _NOT_IF.search(before)
    if _PERSON.fullmatch(last):
        return True
    many = re.search(r"\b(?:are|were)\b", copula.group(), _I)
    return last[0].isupper() and not many and last.casefold() not in _NOBODY


def _last(text: str) -> str:
    found = _WORD.findall(text[-30:])
    return found[-1] if found and re.search(r"[\w.]\s*$", text) else ""


# ---- which ages count ----------------------------------------------------------------------------------------------


def beside(found: Iterable[F], somebody: Collection[str]) -> tuple[F, ...]:
    """The findings without the ages that stand beside nobody: beside no finding of the kinds `somebody`.

    The findings are in order and apart from one another, as `pii.merge` leaves them.
    """
    some = tuple(found)
    if not any(f.kind == KIND for f in some):
        return some
    near = [f for f in some if f.kind in somebody and f.kind != KIND]
    return tuple(f for f in some if f.kind != KIND or (near and f.recogniser == OWN) or within(f, near))


def within(one: Found, some: Sequence[Found]) -> bool:
    """Whether one of these, which are in order and apart, stands within reach."""
    at = bisect_left(some, one.start - REACH, key=lambda f: f.end)
    return at < len(some) and some[at].start <= one.end + REACH


# ---- other ages ----------------------------------------------------------------------------------------------------


def number(value: str) -> int | None:
    """The age as a number: 34 of "34" and "thirty-four"; None for what is none."""
    if value.isascii() and value.isdecimal() and len(value) <= 3:
        return int(value)
    words = re.split(r"[\s-]+", value.strip().casefold())
    small = {word: n for n, word in enumerate((*_ONES, *_TEENS), 1)}
    if len(words) == 1 and words[0] in small:
        return small[words[0]]
    if words[0] in _TENS and len(words) <= 2 and (len(words) == 1 or words[1] in _ONES):
        return 20 + 10 * _TENS.index(words[0]) + (small[words[1]] if len(words) == 2 else 0)
    return None


def group(age: int) -> range:
    """The ages that may stand in for this one: of its decade, and a child stays one. Those of 18 and 19 go with the twenties,

    or each would stand in for the other, which anybody could undo.
    """
    if age < 10:
        return range(1, 10)
    if age < 18:
        return range(10, 18)
    return range(18, 30) if age < 30 else range(age // 10 * 10, age // 10 * 10 + 10)


def moved(value: str, by: int) -> str:
    """The age that stands `by` places further in its group, written as this one is written."""
    age = number(value)
    assert age is not None
    among = group(age)
    fresh = among[(age - among.start + by) % len(among)]
    if value.isdecimal():
        return str(fresh)
    if fresh < 20:
        said = (*_ONES, *_TEENS)[fresh - 1]
    else:
        ones = f"{' ' if ' ' in value else '-'}{_ONES[fresh % 10 - 1]}" if fresh % 10 else ""
        said = _TENS[fresh // 10 - 2] + ones
    return said.upper() if value.isupper() else said.capitalize() if value[0].isupper() else said

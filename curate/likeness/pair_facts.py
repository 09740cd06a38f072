"""The facts of a text that must not change: numbers with their units, named things, negation.

    differs(facts_of("Tom has 3 lamps."), facts_of("Tom has five lamps.")) == "numbers"
    differs(facts_of("half a dozen eggs"), facts_of("6 eggs")) is None

A number may be written in many ways: "half", "1/2" and "50 %" are one number, and so are "2 hours" and "120 minutes".
Facts contradict each other when *each* side has one that the other lacks; what only one side says is left out, not changed.
"""

import re
from collections import Counter
from dataclasses import dataclass

from curate import text

__all__ = ["KINDS", "Facts", "Number", "differs", "facts_of", "unmatched_names", "unmatched_numbers"]

KINDS = ("numbers", "units", "names", "negation", "question")

_ONES = {word: n for n, word in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"])}  # fmt: skip
_TENS = {
    word: 10 * n
    for n, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)
}
_SIZES = {"hundred": 100.0, "thousand": 1e3, "k": 1e3, "million": 1e6, "billion": 1e9, "bn": 1e9, "dozen": 12.0, "dozens": 12.0, "hundreds": 100.0, "thousands": 1e3, "millions": 1e6}  # fmt: skip
_PARTS = {"half": 1 / 2, "halves": 1 / 2, "third": 1 / 3, "thirds": 1 / 3, "quarter": 1 / 4, "quarters": 1 / 4, "fourth": 1 / 4, "fourths": 1 / 4, "fifth": 1 / 5, "fifths": 1 / 5, "sixth": 1 / 6, "sixths": 1 / 6, "eighth": 1 / 8, "eighths": 1 / 8, "tenth": 1 / 10, "tenths": 1 / 10}  # fmt: skip
_TIMES = {"twice": 2.0, "double": 2.0, "doubled": 2.0, "doubles": 2.0, "thrice": 3.0, "triple": 3.0, "tripled": 3.0, "triples": 3.0, "quadruple": 4.0}  # fmt: skip
# Words that may stand for a number on the other side, and say nothing by themselves.
_IMPLIED: dict[str, float] = {"a": 1, "an": 1, "one": 1, "single": 1, "each": 1, "per": 1, "every": 1, "first": 1, "once": 1, "both": 2, "couple": 2, "pair": 2, "pairs": 2, "two": 2, "second": 2, "twins": 2, "halved": 0.5, "half": 0.5, "halves": 0.5, "week": 7, "weeks": 7, "weekly": 7, "weekday": 5, "weekdays": 5, "year": 12, "years": 12, "annual": 12, "annually": 12, "yearly": 12, "monthly": 12, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "fortnight": 2, "trio": 3, "quarterly": 3, "day": 24, "days": 24, "daily": 1, "hour": 60, "hours": 60, "minute": 60, "minutes": 60, "same": 1, "another": 1, "zero": 0, "no": 0, "none": 0, "equally": 1, "quarter": 0.25, "quarters": 0.25, "score": 20, "century": 100, "decade": 10, "all": 100, "whole": 100, "entire": 100}  # fmt: skip

# unit -> (what it measures, its size), so that "2 hours" and "120 minutes" agree and "2 hours" and "2 minutes" do not
_UNITS: dict[str, tuple[str, float]] = {}
for _kind, _table in {
    "time": "second,seconds,sec,secs=1 minute,minutes,min,mins=60 hour,hours,hr,hrs=3600 day,days=86400 week,weeks=604800 month,months=2629800 year,years,yr,yrs=31557600 decade,decades=315576000 century,centuries=3155760000",
    "length": "mm,millimeter,millimeters,millimetre,millimetres=.001 cm,centimeter,centimeters,centimetre,centimetres=.01 meter,meters,metre,metres=1 km,kilometer,kilometers,kilometre,kilometres=1000 inch,inches=.0254 foot,feet,ft=.3048 yard,yards=.9144 mile,miles=1609.344",
    "weight": "mg,milligram,milligrams=.000001 gram,grams=.001 kg,kgs,kilogram,kilograms,kilo,kilos=1 ounce,ounces,oz=.02835 pound,pounds,lb,lbs=.45359 ton,tons,tonne,tonnes=1000",
    "volume": "ml,milliliter,milliliters,millilitre,millilitres=.001 liter,liters,litre,litres=1 cup,cups=.2366 pint,pints=.4732 quart,quarts=.9464 gallon,gallons=3.785 teaspoon,teaspoons=.00493 tablespoon,tablespoons=.01479",
    "money": "$,dollar,dollars,usd,bucks=1 cent,cents,¢=.01 €,euro,euros=1.1 £=1.3 rupee,rupees=.012 yen=.007",
    "heat": "celsius=1 fahrenheit=2 kelvin=3",
    "speed": "mph=1 km/h,kph=2 knots=3",
    "data": "bytes,byte=1 kb,kilobyte,kilobytes=1000 mb,megabyte,megabytes=1000000 gb,gigabyte,gigabytes=1000000000",
}.items():
    for _entry in _table.split():
        _words, _, _size = _entry.partition("=")
        _UNITS |= {word: (_kind, float(_size)) for word in _words.split(",")}

_TOKEN = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+|[^\W\d_]+(?:['’][^\W\d_]+)*|km/h|\S")
_CLOCK = re.compile(r"\b(\d{1,2})(?::(\d\d))?\s*([ap])\.?m\b\.?|\b(\d{1,2}):(\d\d)\b", re.IGNORECASE)
_FOLD = re.compile(r"\b(\w+?)-?fold\b", re.IGNORECASE)  # "sevenfold" is seven
_MODEL = re.compile(r"\b[A-Za-z]+-\d+\b")  # "COVID-19" is a name
_LIST_MARK = re.compile(r"(?m)^\s{0,8}(?:\d{1,2}|[a-e])[.)]\s")
_WORD = re.compile(r"[^\W\d_]\w*(?:['’][^\W\d_]+)*")
_QUOTED = re.compile(r"""(?<!\w)["“]([^"“”\n]{1,40})["”](?!\w)|(?<!\w)['‘]([^'‘’\n]{1,40})['’](?!\w)""")
_START = re.compile(r"(?:^|[.!?:;\n\"“‘(*#>-])\s*$")
_BEARER = re.compile(
    r"\s+(?:has|had|is|was|wants|bought|buys|and [A-Z]|can|will|goes|went|makes|made|earns|gets|needs|works|owns|sells|sold|spent|spends|eats|ate|runs|ran|said|says)\b|['’]s "
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|without|neither|nor|none|nobody|nothing|isnt|dont|doesnt|didnt|cant|wont)\b|n['’]t\b",
    re.IGNORECASE,
)
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
class Number:
    """The ways in which a number may be read: 50 % is 50 and .5. `unit` is the unit beside it, if it has one."""

    values: frozenset[float]
    unit: str = ""


@dataclass(frozen=True)
class Facts:
    """What a text states; all in lower case."""

    numbers: tuple[Number, ...]
    names: frozenset[str]
    words: frozenset[str]
    negations: int
    sides: tuple[str, ...] = ()  # words that have an opposite, by their first place
    wanted: str = ""  # a person, a time, a place, a reason, a count: of a short question that says so


def facts_of(said: str, code: bool = False) -> Facts:
    """Read the facts. In code no name is a fact. Placeholders and list marks ("2.") are none anywhere."""
    said = _MATHS.sub(r"\1", _QUOTE_MARK.sub("", said))
    plain = _LIST_MARK.sub(" ", text.PLACEHOLDER.sub(" ", said))
    words = [word.lower().replace("’", "'") for word in _WORD.findall(plain)]
    return Facts(
        numbers=_numbers(plain),
        names=frozenset() if code else frozenset(_names(plain)),
        words=frozenset(words) | {word.removesuffix("'s") for word in words},
        negations=len(_NEGATION.findall(plain)),
        sides=tuple(dict.fromkeys(word for word in words if word in _SIDES)),
        wanted="" if code or len(words) > SHORT_QUESTION else _wanted(plain),
    )


def _wanted(said: str) -> str:
    plain = said.strip().lower()
    return next((name for name, pattern in _WANTED.items() if pattern.search(plain)), "")


def differs(a: Facts, b: Facts, alike: bool = True) -> str | None:
    """The first kind of fact in which two texts contradict each other, or None.

    `alike`: whether the texts share nearly all their words. Only then does a "not" on one side contradict the other.
    """
    if unmatched_numbers(a, b) and unmatched_numbers(b, a):
        return "numbers"
    if other_units(a, b):
        return "units"
    if other_names(a, b):
        return "names"
    if alike and ((a.negations > 0) != (b.negations > 0) or opposites(a, b)):
        return "negation"
    return "question" if other_question(a, b) else None


def other_question(a: Facts, b: Facts) -> bool:
    """Whether two short questions want to hear things of another kind: who was married to her, when was she born."""
    return bool(a.wanted and b.wanted) and a.wanted != b.wanted


def unmatched_numbers(a: Facts, b: Facts) -> int:
    """How many numbers of `a` are not in `b`, in whatever way of writing.

    What both have is set aside one for one, so that "3 and 5" is not answered by "5 and 5". A word may stand for a number
    ("a week" for 7), but not if it stands on both sides beside the number.
    """
    here, there = Counter(a.numbers), Counter(b.numbers)
    values = {value for number in there - here for value in number.values}
    values |= {_IMPLIED[word] for word in (b.words & _IMPLIED.keys()) - a.words}
    return sum(not number.values & values for number in here - there)


def other_units(a: Facts, b: Facts) -> bool:
    """Whether one number stands with one unit here and with another there: 5 kilograms, 5 pounds."""
    here, there = _by_value(a), _by_value(b)
    for value in here.keys() & there.keys():
        if not here[value] & there[value] and "" not in here[value] | there[value]:
            return True
    return False


def unmatched_names(a: Facts, b: Facts) -> set[str]:
    """Names of `a` that `b` has not, neither as a name nor as a word; a typo apart is the same name."""
    missing = {name for name in a.names if name not in b.words and not set(name.split()) <= b.words}
    others = b.names | b.words
    if len(missing) * len(others) > text.MANY_NAMES:
        return missing  # so many names are a list, and a typo in it decides nothing
    return {name for name in missing if not any(_same(name, other) for other in others)}


def other_names(a: Facts, b: Facts) -> bool:
    """Whether names are replaced by about as many others. More of them on one side alone is something said besides."""
    here, there = unmatched_names(a, b), unmatched_names(b, a)
    return bool(here and there) and abs(len(here) - len(there)) <= 1


def opposites(a: Facts, b: Facts) -> bool:
    """Whether a word of one text is replaced by its opposite in the other."""
    here, there = a.words - b.words, b.words - a.words
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


def _by_value(facts: Facts) -> dict[float, set[str]]:
    found: dict[float, set[str]] = {}
    for number in facts.numbers:
        found.setdefault(max(number.values), set()).add(number.unit)
    return found


def _same(a: str, b: str) -> bool:
    """Equal but for a plural s, a letter left out or put in, or in longer names another letter; or one short for the other."""
    if a.rstrip("s") == b.rstrip("s") or (min(len(a), len(b)) >= 3 and (a.startswith(b) or b.startswith(a))):
        return True
    shortest = 3 if len(a) != len(b) else 5
    return min(len(a), len(b)) >= shortest and text.one_edit_apart(a, b)


def _names(said: str) -> set[str]:
    """Capitalised words inside a sentence, or in front of a verb at its start, and what stands in quotes."""
    quoted = {text.loose(one or other).strip(" .,;") for one, other in _QUOTED.findall(said)}
    found = {words for words in quoted if 0 < len(words.split()) <= 3 and not any(c.isdigit() for c in words)}
    words = list(_WORD.finditer(said))
    capital = [match for match in words if match[0][0].isupper() and match[0] not in ("I",)]
    if len(capital) > 0.6 * len(words) and len(words) > 6:
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


def _numbers(said: str) -> tuple[Number, ...]:
    clocks = []

    def clock(match: re.Match[str]) -> str:
        hour, minute = int(match[1] or match[4]), int(match[2] or match[5] or 0)
        if (match[3] or "").lower() == "p" and hour < 12:
            hour += 12
        clocks.append(Number(frozenset({round(hour + minute / 60, 4), round(hour % 12 + minute / 60, 4)})))
        return " "

    plain = _FOLD.sub(r"\1 ", _MODEL.sub(" ", _CLOCK.sub(clock, said)))
    tokens = [token.lower() for token in _TOKEN.findall(plain)]
    found, place = [], 0
    while place < len(tokens):
        value, after = _value(tokens, place)
        if value is None:
            place += 1
            continue
        found.append(_with_unit(value, tokens, place, after))
        place = after
    return tuple(number for number in (*found, *clocks) if number is not None)


def _value(tokens: list[str], place: int) -> tuple[float | None, int]:
    """The number that starts at `place`, and where it ends: "twenty - five", "2 dozen", "3 / 4", "two thirds", "half a dozen"."""
    value, after = _simple(tokens, place)
    if value is None:
        word = tokens[place]
        if word in _TIMES:
            return _TIMES[word], place + 1
        if word in ("half", "halves"):
            rest = tokens[place + 1 : place + 3]
            return (6.0, place + 3) if rest == ["a", "dozen"] else (0.5, place + 1)
        if word == "dozen":
            return 12.0, place + 1
        if word in ("third", "quarter", "fifth", "tenth", "eighth", "sixth") and tokens[max(0, place - 1)] == "a":
            if tokens[place + 1 : place + 2] == ["-"]:
                return None, place  # a sixth-grade class
            return _PARTS[word], place + 1
        return None, place
    following = tokens[after : after + 3]
    if following[1:2] == ["/"] and tokens[after + 2 : after + 3] == ["2"] and following[0] == "1":
        half, after = 0.5, after + 3  # 1 1/2 dozen
        size = _SIZES.get(tokens[after] if after < len(tokens) else "", 0.0)
        return (value + half) * (size or 1.0), after + bool(size)
    if following[:1] == ["/"] and len(following) > 1 and following[1].isdigit() and int(following[1]):
        return value / int(following[1]), after + 2
    joined = following[:1] == ["-"]
    part = (following[joined : joined + 1] or [""])[0]
    if part in _PARTS and value < 20 and (value == 1 or part.endswith("s")):
        return value * _PARTS[part], after + joined + 1
    return value, after


def _simple(tokens: list[str], place: int) -> tuple[float | None, int]:
    total, current, after = 0.0, None, place
    digits = tokens[place][0].isdigit() or tokens[place][0] == "."
    while after < len(tokens):
        word = tokens[after]
        if digits and current is not None and word not in _SIZES:
            break
        if word[0].isdigit() or (word[0] == "." and len(word) > 1 and word[1].isdigit()):
            if current is not None:
                break
            current = _digits(word)
        elif word in _ONES and (
            current is None
            or (current % 10 == 0 and current >= 20 and _ONES[word] < 10)
            or (current >= 100 and current % 100 == 0)
        ):
            current = (current or 0) + _ONES[word]
        elif word in _TENS and (current is None or (current >= 100 and current % 100 == 0)):
            current = (current or 0) + _TENS[word]
        elif word in _SIZES and current is not None:
            current *= _SIZES[word]
            if _SIZES[word] >= 1000:
                total, current = total + current, 0.0
        elif word in ("-", "and") and current is not None and _goes_on(tokens, after, current):
            pass
        else:
            break
        after += 1
    return (None, place) if current is None else (total + current, after)


def _digits(word: str) -> float:
    try:
        return float(word.replace(",", ""))
    except ValueError:  # digits of another script that float does not read
        return float("inf")


def _goes_on(tokens: list[str], place: int, current: float) -> bool:
    """Whether "-" or "and" joins two parts of one number: "twenty-five", "two hundred and six"."""
    following = tokens[place + 1] if place + 1 < len(tokens) else ""
    if tokens[place] == "-":
        return (current % 10 == 0 and 20 <= current < 100 and following in _ONES) or following in _SIZES
    before = tokens[place - 1] if place else ""
    return before in ("hundred", "thousand") and (following in _ONES or following in _TENS)


def _with_unit(value: float, tokens: list[str], place: int, after: int) -> Number | None:
    """The number with its other readings. "one" alone is no number, and neither is an ordinal's first letter."""
    if tokens[place] == "one" and after == place + 1:
        return None
    following = tokens[after : after + 2]
    if place and tokens[place - 1] in ("$", "€", "£"):
        following = [tokens[place - 1]]
    if value == 0.5 and following[:1] in (["a"], ["an"]):
        following = following[1:]  # half an hour
    unit = next(
        (word for word in following[following[:1] == ["-"] :][:1] if word in _UNITS or word in ("%", "percent")), ""
    )
    values = {round(value, 4)}
    if unit in ("%", "percent"):
        return Number(frozenset({*values, round(value / 100, 4)}), "%")
    if unit in ("cent", "cents", "¢"):
        return Number(frozenset({*values, round(value / 100, 4)}), "cent")
    if unit:
        kind, size = _UNITS[unit]
        base = float(f"{value * size:.4g}")
        if kind in ("time", "length", "weight", "volume"):
            # Keyed far away from plain numbers, so that 120 minutes meets 2 hours and never 7,200 of something else.
            values.add(-base - {"time": 0.1, "length": 0.2, "weight": 0.3, "volume": 0.4}[kind])
        return Number(frozenset(values), f"{kind} {size}")
    if value == 0.5 or (0 < value < 1):
        values.add(round(100 * value, 4))
    return Number(frozenset(values))

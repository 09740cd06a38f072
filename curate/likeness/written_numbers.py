"""The numbers of a text, in whatever way they are written, with their units.

    numbers("half a dozen eggs") == numbers("6 eggs")

"half", "1/2" and "50 %" are one number, and so are "2 hours" and "120 minutes".
"""

import re
from typing import NamedTuple

__all__ = ["Number", "numbers"]

_ONES = {word: n for n, word in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"])}  # fmt: skip
_TENS = {
    word: 10 * n
    for n, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)
}
_SIZES = {"hundred": 100.0, "thousand": 1e3, "k": 1e3, "million": 1e6, "billion": 1e9, "bn": 1e9, "dozen": 12.0, "dozens": 12.0, "hundreds": 100.0, "thousands": 1e3, "millions": 1e6}  # fmt: skip
_PARTS = {"half": 1 / 2, "halves": 1 / 2, "third": 1 / 3, "thirds": 1 / 3, "quarter": 1 / 4, "quarters": 1 / 4, "fourth": 1 / 4, "fourths": 1 / 4, "fifth": 1 / 5, "fifths": 1 / 5, "sixth": 1 / 6, "sixths": 1 / 6, "eighth": 1 / 8, "eighths": 1 / 8, "tenth": 1 / 10, "tenths": 1 / 10}  # fmt: skip
_TIMES = {"twice": 2.0, "double": 2.0, "doubled": 2.0, "doubles": 2.0, "thrice": 3.0, "triple": 3.0, "tripled": 3.0, "triples": 3.0, "quadruple": 4.0}  # fmt: skip
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
_DIGIT = re.compile(r"\d")

# What a number may begin with, digits apart.
_FIRST = frozenset({*_ONES, *_TENS, *_TIMES, "half", "halves", "dozen", "third", "quarter", "fifth", "tenth", "eighth", "sixth"})  # fmt: skip


class Number(NamedTuple):
    """The ways in which a number may be read: 50 % is 50 and .5. `unit` is the unit beside it, if it has one."""

    values: frozenset[float]
    unit: str = ""


def numbers(said: str) -> tuple[Number, ...]:
    """The numbers of a text in their order, times of day last."""
    plain, clocks = _without_clocks(said) if _DIGIT.search(said) else (said, [])
    if "fold" in plain.lower():
        plain = _FOLD.sub(r"\1 ", plain)
    tokens = _tokens(plain)
    if clocks or not plain.isascii() or not _FIRST.isdisjoint(tokens) or _DIGIT.search(plain):
        return (*_in(tokens), *clocks)
    return ()


def _without_clocks(said: str) -> tuple[str, list[Number]]:
    clocks = []

    def clock(match: re.Match[str]) -> str:
        hour, minute = int(match[1] or match[4]), int(match[2] or match[5] or 0)
        if (match[3] or "").lower() == "p" and hour < 12:
            hour += 12
        clocks.append(Number(frozenset({round(hour + minute / 60, 4), round(hour % 12 + minute / 60, 4)})))
        return " "

    return _MODEL.sub(" ", _CLOCK.sub(clock, said)), clocks


def _tokens(plain: str) -> list[str]:
    if plain.isascii():  # whose lower case is as long, sign by sign
        return _TOKEN.findall(plain.lower())
    return [token.lower() for token in _TOKEN.findall(plain)]


def _in(tokens: list[str]) -> list[Number]:
    found, place = [], 0
    while place < len(tokens):
        token = tokens[place]
        if token not in _FIRST and token[0] != "." and not token[0].isdigit():
            place += 1
            continue
        value, after = _value(tokens, place)
        if value is None:
            place += 1
            continue
        found.append(_with_unit(value, tokens, place, after))
        place = after
    return [number for number in found if number is not None]


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

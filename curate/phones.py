"""Telephone numbers in text: shape first, then the national numbering plans, then the words around.

    list(phones.find("call 212-555-0143 or +44 20 7946 0958"))      # [(5, 17, 0.6), (21, 37, 0.75)]

A candidate is a run of 7 to 15 digits with little between them. It scores high with a leading plus, well when it is
written as its country writes its numbers, and low otherwise; the caller raises it where a word like "phone" stands near.
Presidio's own phone recogniser runs one full matcher per region over every text; this one parses candidates only.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

REGIONS = ("US", "GB", "DE", "FR", "IN", "IT", "ES", "NL", "AU", "BR", "IE", "ZA")

NANP = re.compile(r"(?:\+?1[ .-])?(?:\([2-9]\d\d\)[ -]?|[2-9]\d\d[ .-])[2-9]\d\d([ .-])\d{4}")
# The American form first, so that two numbers side by side stay two; then digits with little between them.
CANDIDATE = re.compile(
    rf"(?<![\w./=#$€£%^*\\-])(?<!\d[,:])(?:{NANP.pattern}"
    r"|(?:\+ ?|00 ?)?\(?\d(?:(?:[ .\-/\u00a0\u2010-\u2013]|\) ?| \(| ?- ?|\)-)?\d){6,16})(?![\d_%$€£]|(?!x\d)[^\W\d_])"
)
GATE = r"\d(?:[^\w\n]{0,3}\d){6}"
EXTENSION = re.compile(r",?\s?(?:x|ext\.?|extension)\s?\d{1,5}\b", re.IGNORECASE)

INTERNATIONAL, NATIONAL, FORM, POSSIBLE, SHAPE = 0.75, 0.6, 0.5, 0.4, 0.2

# Numbers that look like a telephone number and never are one, whatever word stands near.
NEVER = re.compile(
    r"(?:1[0-9]|20)\d\d(?:\s?[-\u2013/]\s?(?:1[0-9]|20)\d\d)+"  # years: 1914-1918-1939
    r"|(?:1[0-9]|20)\d\d([-./ ])\d{1,2}\1\d{1,2}(?:[ T]\d{1,2})*"  # 2020-01-15, also with an hour
    r"|\d{1,2}([-./ ])\d{1,2}\2(?:1[0-9]|20)\d\d(?: \d{1,2})*"  # 15.01.2020
    r"|97[89][- ]?\d(?:[- ]?\d){9}"  # ISBN-13
    r"|\d{1,3}(?:[ .]000)+"  # 1 000 000
    r"|\d{1,3}(?:\.\d{3}){2,}"  # 1.234.567
    r"|\d{1,3}\.\d+(?:\s?[-\u2013]\s?\d+\.\d+)?"  # 3.1415926 and 0.307-0.588
    r"|\d{1,3}(?:\.\d{1,3}){3}"  # an address of the internet protocol
)
FRENCH = re.compile(r"0[1-9](?:([ .-])\d\d)(?:\1\d\d){3}")
# Numbers that are one only beside a word that says so.
SELDOM = re.compile(r"0{2}\d+|\d+ ?[-\u2013] ?\d+|(?:\d{1,2}[ -]){3,}\d{1,2}")  # 0012345, a range, 1 2 3 4 5 6 7


def find(text: str) -> Iterator[tuple[int, int, float]]:
    """Candidates as (start, end, score), left to right."""
    for match in CANDIDATE.finditer(text):
        start, value = match.start(), match.group()
        if value.startswith("(") and ")" not in value:  # the sentence's bracket: "(212-555-0143)"
            start, value = start + 1, value[1:]
        if 7 <= len(digits(value)) <= 15 and (score := _score(value)):
            more = EXTENSION.match(text, match.end())
            yield start, more.end() if more else match.end(), score


def digits(value: str) -> str:
    """The digits of a value, nothing else."""
    return "".join(c for c in value if c.isdecimal() and c.isascii())


@lru_cache(maxsize=65536)
def _score(value: str) -> float:
    """How much this looks like a telephone number, by its own form."""
    groups = [digits(group) for group in re.split(r"\D+", value) if group]
    if NEVER.fullmatch(value) or len(set(digits(value))) == 1:
        return 0.0
    if value.startswith(("+", "00")) and _possible(value):
        return INTERNATIONAL if value.startswith("+") else POSSIBLE
    if NANP.fullmatch(value):
        # Area codes are opened every year and invented ones are planted on purpose: the form counts, unless it is spaces.
        return (
            NATIONAL
            if _valid(value, ("US", "CA"))
            else POSSIBLE
            if " " in value.strip("( ") and ")" not in value
            else FORM
        )
    if len(digits(value)) < 2 * len(groups):
        return 0.0
    if FRENCH.fullmatch(value) and not _counts_up(groups):
        return FORM
    if SELDOM.fullmatch(value):
        return SHAPE
    if groups[0].startswith("0") and 2 <= len(groups[0]) < len(digits(value)) and _valid(value, REGIONS):
        return NATIONAL
    return POSSIBLE if _valid(value, REGIONS) else SHAPE


def _counts_up(groups: list[str]) -> bool:
    return all(int(b) - int(a) == int(groups[1]) - int(groups[0]) for a, b in pairwise(groups))


def _possible(value: str) -> bool:
    """A leading plus (or 00) and a length that the country knows."""
    import phonenumbers

    value = value if value.startswith("+") else "+" + value.lstrip("0 ")
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(value, None))
    except phonenumbers.NumberParseException:
        return False


def _valid(value: str, regions: tuple[str, ...]) -> bool:
    """Whether one of the numbering plans knows the number, or (Britain) keeps it for fiction."""
    import phonenumbers

    for region in regions:
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return bool(re.fullmatch(r"\(?07700\)?[ -]?900[ -]?\d{3}", value))


def same_number(value: str) -> str:
    """One key per telephone number: the national digits, with or without country code, trunk zero or brackets."""
    import phonenumbers

    bare = EXTENSION.sub("", value).strip()
    if bare.startswith("+"):
        try:
            return str(phonenumbers.parse(bare, None).national_number)
        except phonenumbers.NumberParseException:
            return digits(bare)
    found = digits(bare)
    return found[1:] if len(found) == 11 and found[0] == "1" else found.lstrip("0")

r"""An address that is written as a block, street and town and code and country, found as one: what a person can check by hand.

    joined("12 Oak Street\nLeeds\nLS1 4AB", findings)     # one STREET_ADDRESS over the three lines

The finder of names reads words, and of a block it often finds pieces: the town as a person, the country as a place, the code not at
all. From a street (a finding, or a line with a house and words in capitals) the rule goes on part by part, over commas and line
ends, with or without the ">" of a quoted mail. A part is a unit, a code, a region, a country, or a name that fills its place;
anything else ends the walk. The block reaches to the last evidence (a code, a country, a region behind a town); without any, all
findings stay as they are. A unit before the street belongs to it, whoever stands before that does not.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curate.naming.block_parts import COUNTRIES, PLAIN, STRONG, UNIT, UPPER, YEAR, Part, read
from curate.pii import Finding, Findings

STREET, PLACE = "STREET_ADDRESS", "LOCATION"
BY_CODE, RULE = "PostalCode", "AddressBlock"
FORM = "StreetAddress"  # the name of what is found by its form, which a block with a code is: `private_names` asks
PLACES = frozenset({PLACE, STREET})
NAMES = PLACES | {"PERSON", "ORGANIZATION"}
SCORE = 0.6  # of a block whose street no finder found
LONGEST, BACK = 80, 40  # characters of a part, and before a street
PARTS, TOWNS = 8, 3  # behind a street, and the names among them

_BREAK = r"(?:\r?\n|\\r?\\?n|<br ?/?>)"
_LINE = rf"{_BREAK}[ \t]*(?:>[ \t]?){{0,5}}[ \t]*"
# What stands between two parts: a comma, a bar or a dot, the end of a line, or both.
BETWEEN = re.compile(rf"[ \t]*(?:[\"']?[,;|·•\t][\"']?| [-–] |\.(?=[ \t]*{_BREAK}))?[ \t]*(?:{_LINE})?")
STOP = re.compile(
    rf"[,;|·•\t]|\r?\n|\\r?\\?n|<br| [-–] |(?<!\bSt)(?<!\bSte)(?<!\bFt)(?<!\bMt)[.!?](?=[\"')\]]*(?:\s+[{UPPER}\"(]|\s*$))|[\"\]]|$",
)
GOES_ON = re.compile(rf"[ \t]*(?:[,;|·•\t\"]|{_BREAK}| [-–] )")
LIST = re.compile(r"[ \t]*,?[ \t]*(?:and|or|und|et|y)\b")
QUOTED = re.compile(r"\n[ \t]*>")
UNIT_BEFORE = re.compile(rf"(?:^|[\n,;:|·•>]|\\n)[ \t]*(?P<unit>{UNIT}[ \t]*[,;|·•]?[ \t]*(?:{_LINE})?)$")
UNIT_FIRST = re.compile(rf"(?P<unit>{UNIT}){BETWEEN.pattern}")
CODED = re.compile(
    rf"(?<![\w-])(?:{STRONG}|(?<=[,|·•\n>]){PLAIN}|(?<=[,|·•\n>] ){PLAIN}|(?<=\n[ \t]){PLAIN}|[A-Z]{{2}},? {PLAIN})"
)
FIELDS = re.compile(r"\n|\\n|<br|[|·•\t]")  # what sets a part apart from words
# Behind an address, and none of it: the finder of names sometimes takes it in.
LABEL = re.compile(
    rf"[,;|·•]?[ \t]{{0,20}}(?:{_BREAK}[ \t]*(?:>[ \t]?){{0,5}}|[|·•])[ \t]*(?i:tel(?:efon|efono|[ée]phone|ephone)?|phone|mobile?(?=[ \t]*(?::|\d|$))|cell|fax|e-?mail|mail|web|vat|tax|attn|ref"
    r"|order|invoice|date|dear|hi|hello)\b[^\n|·•]{0,30}$"
)
# A line that looks like a street although no finder says so: it counts only before evidence that is no figure alone.
HOUSE_LINE = re.compile(
    rf"(?:(?<=\n)|^|(?<=[,;:|>] )|(?<=[,;|>]))[ \t]*(?P<street>\d{{1,5}}[A-Za-z]?(?:[-/]\d{{1,4}})? (?:[{UPPER}][^\W\d_]{{0,24}}(?![^\W\d_])[.'’]? ?){{1,4}}"
    rf"|(?:[{UPPER}][^\W\d_]{{0,24}}[.'’]? ){{1,4}},? ?\d{{1,4}}[A-Za-z]?(?:[-/]\d{{1,4}})?)(?=[ \t]*(?:[,;|·•]|{_BREAK}))"
)
NO_STREET = re.compile(
    r"(?i)(?:flight|bus|train|page|chapter|version|windows|boeing|airbus|model|section|table|figure|item|part|question|step|day|week|year|order|invoice|ref|case"
    r"|player|team|group|type|class|grade|line|channel|tel|phone|fax|mobile|room|number|no|route|interstate|article|act|psalm|verse|score|total)\b"
)
AHEAD = re.compile(rf"(?:\n|[,|>·•])[ \t]*{PLAIN} [{UPPER}]")
SURE = re.compile(rf"\b[A-Z]{{2,3}},? ?(?:\d{{5}}|\d{{4}})(?!\d)|(?<![\w-]){STRONG}")


@dataclass(frozen=True)
class _Walk:
    """How far the evidence behind a street reaches, and how good it is."""

    end: int
    code: bool
    sure: bool  # a code that is no figure alone, or a code and its town on a line
    town: bool


def joined(text: str, found: Findings) -> Findings:
    """The findings, those of each address block made one. Without a block, and a label at the end of an address, they are the same object."""
    streets = [f for f in found if f.kind == STREET and f.recogniser != BY_CODE]
    if streets and any(LABEL.search(text, f.start, f.end) for f in streets):
        found = _without_labels(text, found)
        streets = [f for f in found if f.kind == STREET and f.recogniser != BY_CODE]
    if SURE.search(text) or AHEAD.search(text):
        streets = sorted([*streets, *_house_lines(text, found)])
    if not streets:
        return found
    at, blocks = 0, []
    for street in streets:
        if street.end > at and (block := _block(text, found, street, at)):
            blocks.append(block)
            at = block.end
    return _with(found, [line for block in blocks for line in _lines(text, found, block)]) if blocks else found


def _without_labels(text: str, found: Findings) -> Findings:
    """The addresses without the line behind them that begins with a label."""
    out = []
    for f in found:
        label = LABEL.search(text, f.start, f.end) if f.kind == STREET else None
        out.append(f._replace(end=label.start()) if label and label.start() > f.start else f)
    return tuple(out)


def _lines(text: str, found: Findings, block: Finding) -> Iterator[Finding]:
    """A block of a quoted mail line by line: the marks of the quotation are nobody's data, and stay where they are.

    A line that is a country, or that was found as a place alone, is a place.
    """
    if not QUOTED.search(text, block.start, block.end):
        yield block
        return
    for line in re.finditer(r"[^\s>][^\n]*", text[block.start : block.end]):
        said = line.group().rstrip(" \t\r,;|")
        start = block.start + line.start()
        line_found = next((f for f in _over(found, start, start + len(said)) if f.kind == PLACE), None)
        if line_found and (line_found.start, line_found.end) == (start, start + len(said)):
            yield line_found
        else:
            kind = PLACE if said.casefold() in COUNTRIES else STREET
            yield block._replace(start=start, end=start + len(said), kind=kind)


def _block(text: str, found: Findings, street: Finding, at: int) -> Finding | None:
    """The block that begins with a street, where there is one and it is more than the street."""
    if street.start < at:
        return None
    walk = _walk(text, found, street)
    coded = _coded(text, street)
    if walk is None and not coded:
        return None
    if street.recogniser == RULE and not (walk and walk.sure and walk.town and walk.code):
        return None
    end = walk.end if walk else street.end
    unit = UNIT_BEFORE.search(text, max(at, street.start - BACK), street.start)
    start = unit.start("unit") if unit else street.start
    quoted = QUOTED.search(text, start, end) is not None
    if (start, end) == (street.start, street.end) and street.recogniser != RULE and not quoted:
        return None
    over = _over(found, start, end)
    if any(f.kind not in NAMES or f.start < start or f.end > end for f in over):
        return None
    by_form = coded or (walk is not None and walk.code)
    return street._replace(start=start, end=end, recogniser=FORM if by_form else street.recogniser)


def _walk(text: str, found: Findings, street: Finding) -> _Walk | None:
    """Go on from a street part by part; the last evidence, or None where there is none."""
    own, place = text[street.start : street.end], street.end
    code = _coded(text, street)
    town = code or re.search(r"[,\n|·•]", own) is not None
    towns, bare, sure, behind, best = 0, code and own[-1:].isdecimal(), False, False, None
    place += own.count("(") > own.count(")") and text[place : place + 1] == ")"
    for number in range(PARTS):
        between = BETWEEN.match(text, place)
        start = between.end() if between else place
        lines = FIELDS.search(text, place, start) is not None
        if start == place and number:
            break
        part = _part(text, found, start, lines, _State(town, code, bare))
        if part is None:
            break
        place = start + part.end
        town, towns = town or bool(part.towns), towns + (part.kind == "town")
        ahead = part.ahead and part.filled and lines and not own[0].isdecimal() and not YEAR.fullmatch(part.plain)
        sure = sure or part.sure or (part.kind == "code" and (behind or ahead))
        evidence = part.kind in ("code", "country", "region") or (part.kind == "town" and bare)
        bare = part.kind == "code" and not part.towns
        behind, last = part.kind == "region", part.kind == "country" and code
        code = code or part.kind == "code"
        if evidence and not _cut(found, place):
            best = _Walk(place, code, sure, town)
        if towns > TOWNS or not part.filled or not GOES_ON.match(text, place) or last:
            break
    return best


def _coded(text: str, street: Finding) -> bool:
    """Whether a code stands in what is found already, behind the house: in "Suite 680, 1777 Elm Court" there is none."""
    unit = UNIT_FIRST.match(text, street.start, street.end)
    house = STOP.search(text, unit.end() if unit else street.start, street.end)
    return house is not None and CODED.search(text, house.start(), street.end) is not None


@dataclass(frozen=True)
class _State:
    """What was read before a part."""

    town: bool
    code: bool  # behind a code only what belongs to it may stand
    bare: bool  # the code stood alone, so its town may follow


def _segment(text: str, start: int) -> str:
    """What stands up to the next comma, bar, end of a line or of a sentence. The full stop of "Apt. B" ends none."""
    unit = UNIT_FIRST.match(text, start, start + LONGEST)
    stop = STOP.search(text, unit.end("unit") if unit else start, start + LONGEST)
    return text[start : stop.start() if stop else start + LONGEST]


def _part(text: str, found: Findings, start: int, lines: bool, state: _State) -> Part | None:
    """The part that begins here, if one does that the findings and what was read before allow."""
    segment = _segment(text, start)
    if not segment.strip():
        return None
    ways = read(segment) if segment[0].isalnum() or segment[0] in "(#'’" else []
    for part in ways:
        if _allowed(text, found, start, part, lines, state):
            return part
    return _found_as_place(found, start, segment, state)


def _allowed(text: str, found: Findings, start: int, part: Part, lines: bool, state: _State) -> bool:
    end = start + part.end
    over = _over(found, start, end)
    if any(f.kind not in NAMES for f in over):
        return False
    place = any(f.kind in PLACES for f in over)
    match part.kind:
        case "unit":
            return part.filled and not state.code
        case "code":
            if state.code:
                return False
            return part.sure or _counts(part, place, lines, state, following=text[end : end + 1])
        case "region":
            return part.filled and not state.code and (state.town or bool(part.towns))
        case "country":
            return part.filled and (state.town or lines or bool(part.towns)) and not _one_of_many(text, end)
    named = place or any(f.start <= start and f.end >= end for f in over)
    if state.code:
        return part.filled and state.bare and place
    return part.filled and (named or (lines and _code_follows(text, end)))


def _counts(part: Part, place: bool, lines: bool, state: _State, *, following: str) -> bool:
    """Whether a code of figures alone is one: beside a town, or behind a town or a line that ends."""
    year = bool(YEAR.fullmatch(part.plain)) and not part.ahead
    if year or following in ("%", ":") or (not part.filled and not (part.ahead and place)):
        return False
    if part.towns:
        return place or (lines and part.ahead)
    return state.town or (lines and len(part.plain) > 4)


def _found_as_place(found: Findings, start: int, segment: str, state: _State) -> Part | None:
    """A place that the finder of names found where the forms see none: "leeds", "Brighton and Hove"."""
    size = len(segment.rstrip())
    whole = [f for f in _over(found, start, start + size) if f.start == start and f.end == start + size]
    if whole and whole[0].kind == PLACE and (not state.code or state.bare):
        return Part("town", size, True, False, ((0, size),))
    return None


def _code_follows(text: str, end: int) -> bool:
    """Whether the part behind a line that nobody found is a code that is no figure alone."""
    between = BETWEEN.match(text, end)
    start = between.end() if between else end
    parts = read(_segment(text, start))
    return any(part.sure or (part.kind == "code" and part.filled and part.ahead) for part in parts)


def _one_of_many(text: str, end: int) -> bool:
    """Whether a country goes on as a list of countries does: "France, Spain", "France, and"."""
    if LIST.match(text, end):
        return True
    between = BETWEEN.match(text, end)
    start = between.end() if between else end
    if start == end or "\n" in text[end:start]:
        return False
    words = _segment(text, start).split()[:4]
    return any(" ".join(words[:size]).casefold() in COUNTRIES for size in range(1, len(words) + 1))


def _house_lines(text: str, found: Findings) -> Iterator[Finding]:
    """Lines that look like a street, where nothing is found but names."""
    for match in HOUSE_LINE.finditer(text):
        start, end = match.span("street")
        end -= len(text[start:end]) - len(text[start:end].rstrip())
        # Two lines with a figure before their words are rows of a list; a year is the number of no house.
        if NO_STREET.match(text, start) or YEAR.search(text, start, end) or UNIT_FIRST.match(text, start, end):
            continue
        if all(f.kind in NAMES - {STREET} and f.start >= start and f.end <= end for f in _over(found, start, end)):
            yield Finding(start, end, STREET, SCORE, RULE)


def _over(found: Findings, start: int, end: int) -> Sequence[Finding]:
    """The findings that share letters with a place. Findings are in order and apart."""
    first = bisect_right(found, start, key=lambda f: f.end)
    return found[first : bisect_left(found, end, key=lambda f: f.start)]


def _cut(found: Findings, place: int) -> bool:
    """Whether a finding goes on over this place."""
    return any(f.start < place < f.end for f in _over(found, place - 1, place + 1))


def _with(found: Findings, blocks: Sequence[Finding]) -> Findings:
    starts, ends = [b.start for b in blocks], [b.end for b in blocks]
    rest = [f for f in found if bisect_right(ends, f.start) >= bisect_left(starts, f.end)]
    return tuple(sorted([*rest, *blocks]))

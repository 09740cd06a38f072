"""Combinations that tell who and where somebody is: each part may be harmless, together they find a person.

    found = doxxing.combinations("Jane Doe lives at 12 Oak Street", findings)      # ("name and home",)
    doxxing.count(chats, finder)                                                   # a line per row and combination

Parts belong together when they stand within `REACH` characters of one turn. A combination is counted apart from the personal
data that it is made of. Who is written about is not asked: a sentence on a public person, her office and her town counts too.
A name that stands all over the data set, as that of the assistant does, tells of nobody.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

import polars as pl

from curate import pii
from curate.leaves import Leaf
from curate.pii import Finder, Finding, Findings
from curate.progress import Progress, silent

REACH = 250  # characters between the name and what belongs to it
POSTAL_CODE = "PostalCode"  # the recogniser of a code beside its word
EVERYBODY = 0.05, 10  # a name in such a share of the rows, and in so many, is the assistant's own or a template's

HOME = frozenset({"STREET_ADDRESS", "ADDRESS"})
NUMBER = frozenset(
    {"US_SSN", "US_ITIN", "NATIONAL_ID", "PASSPORT", "DRIVER_LICENSE", "NHS", "MEDICAL_RECORD", "BANK_ACCOUNT", "CREDIT_CARD",
     "IBAN", "DATE_OF_BIRTH", "VEHICLE_ID", "EMPLOYEE_ID"}
)  # fmt: skip
CONTACT = frozenset({"PHONE", "EMAIL", "USERNAME"})
AGE = re.compile(
    r"\b(?:[1-9]\d?|1[01]\d)(?:-| )(?:year|yr)s?(?:-| )old\b|\b(?:aged?|turned|am|is|she's|he's|I'm) (?:[1-9]\d|1[01]\d)\b(?! ?(?:%|percent|km|miles))",
    re.IGNORECASE,
)
ROLE = re.compile(
    r"\b(?:works?|worked|working|employed|hired|serves?|teaches|job|position|nurse|teacher|engineer|manager|director|driver|officer"
    r"|accountant|assistant|cashier|clerk|doctor|lawyer|waiter|waitress|receptionist|supervisor|intern|technician|developer)\b",
    re.IGNORECASE,
)

SELF = re.compile(  # somebody says what he is: "I'm a 34-year-old nurse", "I work as the night manager"
    r"\b(?:I am|I'm|I’m|I work(?:ed)? as|my (?:wife|husband|partner|boss|neighbou?r|friend|son|daughter|sister|brother) (?:is|works as))"
    rf" (?:an? |the )?(?:[\w-]+ ){{0,3}}(?:{ROLE.pattern})",
    re.IGNORECASE,
)

# Each: its name, and for each of its parts the kinds (or the pattern) of which one must be there.
COMBINATIONS: tuple[tuple[str, tuple[frozenset[str] | re.Pattern[str], ...]], ...] = (
    ("name and home", (frozenset({"PERSON"}), HOME)),
    ("name and a number of its own", (frozenset({"PERSON"}), NUMBER)),
    ("name and contact", (frozenset({"PERSON"}), CONTACT)),
    ("name, employer and town", (frozenset({"PERSON"}), frozenset({"ORGANIZATION"}), frozenset({"LOCATION"}))),
    ("name and post at an employer", (frozenset({"PERSON"}), frozenset({"ORGANIZATION"}), ROLE)),
    ("name, age and town", (frozenset({"PERSON"}), AGE, frozenset({"LOCATION"}))),
    ("home and contact", (HOME, CONTACT)),
    ("own age, post and town", (SELF, AGE, ROLE, frozenset({"LOCATION"}))),
    ("own post, employer and town", (SELF, ROLE, frozenset({"ORGANIZATION"}), frozenset({"LOCATION"}))),
)
# The same with the kinds first, which are told at once.
BY_KIND = tuple((name, sorted(parts, key=lambda part: isinstance(part, re.Pattern))) for name, parts in COMBINATIONS)

# From the leaves of a row, the findings in each and who says each turn: those of the findings that count.
ChooseInRow = Callable[[Sequence[Leaf], Sequence[Findings], Sequence[str | None]], list[Findings]]

COUNTS = pl.Schema({"row_id": pl.String, "turn": pl.Int32, "combination": pl.String})


def combinations(text: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The combinations that stand in a text, in the order of `COMBINATIONS`."""
    if not findings:
        return ()
    anchors = [f for f in findings if f.kind == "PERSON"] or [f for f in findings if f.kind in HOME]
    anchors = anchors or [f for f in findings if f.kind == "LOCATION"]
    found = set()
    ordered = sorted(findings)
    starts = [f.start for f in ordered]
    longest = max(f.end - f.start for f in ordered)
    for anchor in anchors:
        start, end = max(0, anchor.start - REACH), anchor.end + REACH
        some = ordered[bisect_left(starts, start - longest) : bisect_left(starts, end)]
        kinds = {_read_as(f) for f in some if f.end > start}
        near = text[start:end]
        for name, parts in COMBINATIONS:
            if name not in found and all(_holds(part, kinds, near) for part in parts):
                found.add(name)
    return tuple(name for name, _ in COMBINATIONS if name in found)


def _read_as(f: Finding) -> str:
    """The kind as a part of a combination: a postal code alone tells the town and not the house."""
    return "LOCATION" if f.recogniser == POSTAL_CODE else f.kind


def _holds(part: frozenset[str] | re.Pattern[str], kinds: set[str], near: str) -> bool:
    if isinstance(part, frozenset):
        return bool(part & kinds)
    return (part is AGE and "AGE" in kinds) or part.search(near) is not None


def count(
    chats: pl.DataFrame, finder: Finder, progress: Progress = silent, *, choose: ChooseInRow | None = None
) -> pl.DataFrame:
    """A line per row, turn and combination; `turn` is null for what stands in the row's other fields.

    `choose` says which findings of a row count, from its leaves, the findings in each and who says each turn: with
    `private_names.private` only combinations about private persons are counted.
    """
    rows = pii.find_in_rows(chats, finder, progress)
    known = _known_all_over([row.leaves for row in rows], [row.found for row in rows])
    lines = []
    for row_id, some, roles, all_found in rows:
        found = [
            tuple(f for f in part if f.kind != "PERSON" or leaf.text[f.start : f.end].casefold() not in known)
            for leaf, part in zip(some, all_found, strict=True)
        ]
        # Who chooses leaves findings out, which takes long: not where nothing could come of all of them.
        if choose and any(_possible(*_as_one(group)) for _, group in _by_turn(some, found)):
            found = choose(some, found, roles)
        elif choose:
            continue
        lines += [
            (row_id, turn, name) for turn, group in _by_turn(some, found) for name in combinations(*_as_one(group))
        ]
    return pl.DataFrame(lines, schema=COUNTS, orient="row")


def _possible(text: str, findings: Sequence[Finding]) -> bool:
    """Whether all parts of some combination stand in a text, near one another or not."""
    kinds = {_read_as(f) for f in findings}
    return bool(kinds) and any(all(_holds(part, kinds, text) for part in parts) for _, parts in BY_KIND)


def _by_turn(
    leaves: Sequence[Leaf], found: Sequence[Findings]
) -> Iterator[tuple[int | None, list[tuple[Leaf, Findings]]]]:
    for turn, group in groupby(zip(leaves, found, strict=True), key=lambda item: item[0].turn):
        yield turn, list(group)


def _known_all_over(leaves: Sequence[Sequence[Leaf]], found: Sequence[Sequence[Findings]]) -> frozenset[str]:
    """Names in so many rows that they tell of nobody."""
    rows = Counter(
        name
        for some, parts in zip(leaves, found, strict=True)
        for name in {
            leaf.text[f.start : f.end].casefold()
            for leaf, part in zip(some, parts, strict=True)
            for f in part
            if f.kind == "PERSON"
        }
    )
    share, fewest = EVERYBODY
    return frozenset(name for name, n in rows.items() if n >= max(fewest, share * len(leaves)))


def _as_one(group: Iterable[tuple[Leaf, Findings]]) -> tuple[str, list[Finding]]:
    """The fields of a turn as one text."""
    text, moved = "", list[Finding]()
    for leaf, some in group:
        moved += [f._replace(start=f.start + len(text), end=f.end + len(text)) for f in some]
        text += leaf.text + "\n"
    return text, moved

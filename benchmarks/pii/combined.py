"""Patterns and names as one finder, on labelled text: typed matches, F2 over all types, controls; presidio in the same run.

    from combined import combined
    print("\\n".join(combined(rows, {"winnow": finder.find, "presidio": presidio()})))

A span is found when a finding of its mapped kind shares at least half of what either covers (intersection over union). The test
set splits an address into house number, street, town and code, each a span, and one finding covers them. So the figures are
printed in five readings:

- as labelled;
- with neighbouring parts of one address joined on both sides, in the gold and in what was found;
- as presidio's own notebook maps and joins: a street's address, a code and a place are one type, and neighbours of one type with
  nothing but signs between them are one span, on both sides (presidio-research, notebooks 4 and 5, `SpanEvaluator`; it joins over
  some words, too, which is not done here);
- as labelled by letters covered, where a span is found when findings of its kind cover at least half of it, and a finding is right
  when labels of its kind cover at least half of it: what counts where findings are replaced;
- without types, as the published F2 of .62 is counted: all personal data is one type, neighbours joined, and nine tenths
  shared. What is left out here (titles, nationalities, bare domains) is counted there.

Most dates of the test set are years and days of meetings, which are no personal data to Winnow. So beside the total of all types, which
counts each of them as missed, stands one without the dates that no word for birth stands before.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from curate.pii import Findings
from curate.stats import wilson

Find = Callable[[Sequence[str]], list[Findings]]

# Label of the test set -> kind of ours. What is not here is left out, and findings on it are not counted either way.
MAPPING = {
    "PERSON": "PERSON", "LOCATION": "LOCATION", "ORGANIZATION": "ORGANIZATION", "ADDRESS": "STREET_ADDRESS", "ZIP_CODE": "STREET_ADDRESS",
    "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "CREDIT_CARD": "CREDIT_CARD", "IBAN_CODE": "IBAN", "US_SSN": "US_SSN",
    "IP_ADDRESS": "IP", "US_DRIVER_LICENSE": "DRIVER_LICENSE", "US_PASSPORT": "PASSPORT", "US_BANK_NUMBER": "BANK_ACCOUNT",
    "UK_NHS": "NHS", "MAC_ADDRESS": "MAC", "DATE_TIME": "DATE_OF_BIRTH", "AGE": "AGE",
}  # fmt: skip
LEFT_OUT = ("TITLE", "NRP", "DOMAIN_NAME")
NOT_SOUGHT = ("DATE_OF_BIRTH", "AGE")  # a date without a birth and an age alone are no personal data here
PARTS = ("STREET_ADDRESS", "LOCATION")
BIRTH = re.compile(r"\bborn\b|\bbirth|\bd\.?o\.?b\b", re.IGNORECASE)
BEFORE = 45  # characters before a date that are read
BETWEEN = re.compile(r"[\s,.;-]*")
SIGNS = re.compile(r"[\W_]*")
ANY = "ANY"


class Span(NamedTuple):
    start: int
    end: int
    kind: str


class Score(NamedTuple):
    """Counts of one kind, or of all."""

    gold: int
    hit: int
    found: int
    right: int

    def f(self, beta: float) -> float:
        recall, precision = self.hit / max(1, self.gold), self.right / max(1, self.found)
        return (1 + beta**2) * precision * recall / max(1e-9, beta**2 * precision + recall)


Pair = tuple[list[Span], list[Span]]  # labelled, found
Count = Callable[[Sequence[Pair], set[str]], Score]
Change = Callable[[str, Sequence[Span]], list[Span]]  # of one side of a text


class Reading(NamedTuple):
    """One way to compare: what both sides go through first, and how spans are counted."""

    title: str
    change: Change
    count: Count


def combined(
    rows: Sequence[Mapping[str, Any]], finders: Mapping[str, Find], kept: Mapping[str, Find] = MappingProxyType({})
) -> Iterator[str]:
    """The lines to print. `kept`: finders that ask beside whom an age stands, where `finders` find every age."""
    yield "types, label -> kind: " + ", ".join(f"{label} -> {kind}" for label, kind in MAPPING.items())
    yield f"left out: {', '.join(LEFT_OUT)}. Match: intersection over union of at least one half, and the kind."
    for name, find in finders.items():
        found = find([row["text"] for row in rows])
        yield f"\n{name}"
        for reading in READINGS:
            pairs = [sides(row, some, reading.change) for row, some in zip(rows, found, strict=True)]
            yield from lines(reading, pairs)
            births = [sides(row, some, reading.change, births_only=True) for row, some in zip(rows, found, strict=True)]
            every = {span.kind for pair in births for side in pair for span in side}
            yield total("all types, dates that are not of a birth left out", reading.count(births, every))
        yield controls(rows, found)
    for name, find in kept.items():
        found = find([row["text"] for row in rows])
        pairs = [sides(row, some, as_it_is) for row, some in zip(rows, found, strict=True)]
        yield f"\n{name}, ages as curation counts them: beside a name or personal data with a form in the same text"
        yield one("AGE", matches(pairs, {"AGE"}))
        yield controls(rows, found)


def controls(rows: Sequence[Mapping[str, Any]], found: Sequence[Findings]) -> str:
    touched = [bool(some) for row, some in zip(rows, found, strict=True) if "control" in row["source"]]
    return f"  controls touched: {wilson(sum(touched), len(touched))}"


def lines(reading: Reading, pairs: Sequence[Pair]) -> Iterator[str]:
    yield f"  {reading.title}"
    kinds = {span.kind for pair in pairs for side in pair for span in side}
    for kind in (kind for kind in (*dict.fromkeys(MAPPING.values()), ANY) if kind in kinds):
        yield one(kind, reading.count(pairs, {kind}))
    if ANY not in kinds:
        yield total("all types", reading.count(pairs, kinds))
        yield total("all but dates and ages", reading.count(pairs, kinds - set(NOT_SOUGHT)))


def one(kind: str, score: Score) -> str:
    return f"    {kind:15} recall {wilson(score.hit, score.gold)}; precision {wilson(score.right, score.found)}; F2 {score.f(2):.3f}"


def total(name: str, score: Score) -> str:
    recall, precision = wilson(score.hit, score.gold), wilson(score.right, score.found)
    return f"    {name}: F2 {score.f(2):.3f}, F1 {score.f(1):.3f}; recall {recall}; precision {precision}"


def matches(pairs: Sequence[Pair], kinds: set[str], least: float = 0.5) -> Score:
    """Over all texts: gold spans, those found, findings, those right."""
    gold = [(spans, found, s) for spans, found in pairs for s in spans if s.kind in kinds]
    ours = [(spans, found, f) for spans, found in pairs for f in found if f.kind in kinds]
    hit = sum(any(f.kind == s.kind and shared(f, s) >= least for f in found) for _, found, s in gold)
    right = sum(any(f.kind == s.kind and shared(f, s) >= least for s in spans) for spans, _, f in ours)
    return Score(len(gold), hit, len(ours), right)


def covering(pairs: Sequence[Pair], kinds: set[str]) -> Score:
    """The same counts, where half of a span's letters under spans of its kind on the other side are enough."""
    golds = [covered(span, found) for gold, found in pairs for span in gold if span.kind in kinds]
    ours = [covered(span, gold) for gold, found in pairs for span in found if span.kind in kinds]
    return Score(len(golds), sum(golds), len(ours), sum(ours))


def covered(span: Span, others: Sequence[Span]) -> bool:
    places = {at for o in others if o.kind == span.kind for at in range(max(o.start, span.start), min(o.end, span.end))}
    return 2 * len(places) >= span.end - span.start


def sides(
    row: Mapping[str, Any], found: Findings, change: Change, *, births_only: bool = False
) -> tuple[list[Span], list[Span]]:
    """Gold spans and findings of a text under the mapping, without what is left out; with `births_only` other dates are too."""
    counts = [s["label"] in MAPPING and not (births_only and is_other_date(row["text"], s)) for s in row["spans"]]
    gold = [
        Span(s["start"], s["end"], MAPPING[s["label"]]) for s, is_in in zip(row["spans"], counts, strict=True) if is_in
    ]
    out = [Span(s["start"], s["end"], "") for s, is_in in zip(row["spans"], counts, strict=True) if not is_in]
    ours = [
        Span(f.start, f.end, f.kind)
        for f in found
        if f.kind in MAPPING.values() and not any(shared(f, o) >= 0.5 for o in out)
    ]
    return change(row["text"], gold), change(row["text"], ours)


def is_other_date(text: str, span: Mapping[str, Any]) -> bool:
    """A date with no word for birth before it."""
    return span["label"] == "DATE_TIME" and not BIRTH.search(text[max(0, span["start"] - BEFORE) : span["start"]])


def as_it_is(text: str, spans: Sequence[Span]) -> list[Span]:
    return sorted(spans)


def join(text: str, spans: Sequence[Span]) -> list[Span]:
    """Runs of places and parts of an address with nothing but separators between, of which one is an address, as one address."""
    runs: list[list[Span]] = []
    for span in sorted(spans):
        last = runs[-1][-1] if runs else None
        if (
            last
            and span.kind in PARTS
            and last.kind in PARTS
            and BETWEEN.fullmatch(text, last.end, max(last.end, span.start))
        ):
            runs[-1].append(span)
        else:
            runs.append([span])
    out: list[Span] = []
    for run in runs:
        one = any(s.kind == PARTS[0] for s in run)
        out += [Span(run[0].start, max(s.end for s in run), PARTS[0])] if one else run
    return out


def as_notebook(text: str, spans: Sequence[Span]) -> list[Span]:
    """An address is a place, and neighbours of one type are one span."""
    return neighbours(text, [s._replace(kind="LOCATION") if s.kind in PARTS else s for s in spans])


def untyped(text: str, spans: Sequence[Span]) -> list[Span]:
    return neighbours(text, [s._replace(kind=ANY) for s in spans])


def neighbours(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans of one type with nothing but signs between them, as one."""
    out: list[Span] = []
    for span in sorted(spans):
        last = out[-1] if out else None
        if last and last.kind == span.kind and SIGNS.fullmatch(text, last.end, max(last.end, span.start)):
            out[-1] = Span(last.start, max(last.end, span.end), span.kind)
        else:
            out.append(span)
    return out


def shared(a: Any, b: Any) -> float:
    """Characters that both cover, as a part of all that either covers."""
    both = min(a.end, b.end) - max(a.start, b.start)
    return max(0, both) / (max(a.end, b.end) - min(a.start, b.start))


READINGS = (
    Reading("as labelled", as_it_is, matches),
    Reading("parts of an address joined, on both sides", join, matches),
    Reading("as presidio's notebook maps and joins: addresses and codes are places, neighbours of one type one span", as_notebook, matches),
    Reading("as labelled, half of the letters covered", as_it_is, covering),
    Reading("without types, neighbours joined, nine tenths shared, as the published .62 is counted", untyped, partial(matches, least=0.9)),
)  # fmt: skip

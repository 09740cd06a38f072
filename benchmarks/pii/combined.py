"""Patterns and names as one finder, on labelled text: typed matches, F2 over all types, controls; presidio in the same run.

    from combined import combined
    print("\\n".join(combined(rows, {"winnow": finder.find, "presidio": presidio()})))

A span is found when a finding of its mapped kind shares at least half of what either covers (intersection over union). The test
set splits an address into house number, street, town and code, each a span; one finding covers them. So the figures are printed
three times: as labelled; with neighbouring parts of one address joined on both sides, in the gold and in what was found; and as
labelled by letters covered, where a span is found when findings of its kind cover at least half of it, and a finding is right when
labels of its kind cover at least half of it. The last is what counts where findings are replaced, and it is the mildest.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
BETWEEN = re.compile(r"[\s,.;-]*")


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


def combined(rows: Sequence[Mapping[str, Any]], finders: Mapping[str, Find]) -> Iterator[str]:
    """The lines to print."""
    yield "types, label -> kind: " + ", ".join(f"{label} -> {kind}" for label, kind in MAPPING.items())
    yield f"left out: {', '.join(LEFT_OUT)}. Match: intersection over union of at least one half, and the kind."
    for name, find in finders.items():
        found = find([row["text"] for row in rows])
        controls = [bool(some) for row, some in zip(rows, found, strict=True) if "control" in row["source"]]
        yield f"\n{name}"
        for title, joined in (("as labelled", False), ("parts of an address joined, on both sides", True)):
            pairs = [sides(row, some, joined) for row, some in zip(rows, found, strict=True)]
            yield from lines(title, pairs, matches)
            if not joined:
                yield from lines("as labelled, half of the letters covered", pairs, covering)
        yield f"  controls touched: {wilson(sum(controls), len(controls))}"


def lines(title: str, pairs: Sequence[Pair], count: Count) -> Iterator[str]:
    yield f"  {title}"
    kinds = dict.fromkeys(MAPPING.values())
    for kind in kinds:
        score = count(pairs, {kind})
        if score.gold or score.found:
            yield f"    {kind:15} recall {wilson(score.hit, score.gold)}; precision {wilson(score.right, score.found)}; F2 {score.f(2):.3f}"
    yield total("all types", count(pairs, set(kinds)))
    yield total("all but dates and ages", count(pairs, set(kinds) - set(NOT_SOUGHT)))


def total(name: str, score: Score) -> str:
    recall, precision = wilson(score.hit, score.gold), wilson(score.right, score.found)
    return f"    {name}: F2 {score.f(2):.3f}, F1 {score.f(1):.3f}; recall {recall}; precision {precision}"


def matches(pairs: Sequence[Pair], kinds: set[str]) -> Score:
    """Over all texts: gold spans, those found, findings, those right."""
    gold = [(spans, found, s) for spans, found in pairs for s in spans if s.kind in kinds]
    ours = [(spans, found, f) for spans, found in pairs for f in found if f.kind in kinds]
    hit = sum(any(f.kind == s.kind and shared(f, s) >= 0.5 for f in found) for _, found, s in gold)
    right = sum(any(f.kind == s.kind and shared(f, s) >= 0.5 for s in spans) for spans, _, f in ours)
    return Score(len(gold), hit, len(ours), right)


def covering(pairs: Sequence[Pair], kinds: set[str]) -> Score:
    """The same counts, where half of a span's letters under spans of its kind on the other side are enough."""
    golds = [covered(span, found) for gold, found in pairs for span in gold if span.kind in kinds]
    ours = [covered(span, gold) for gold, found in pairs for span in found if span.kind in kinds]
    return Score(len(golds), sum(golds), len(ours), sum(ours))


def covered(span: Span, others: Sequence[Span]) -> bool:
    places = {at for o in others if o.kind == span.kind for at in range(max(o.start, span.start), min(o.end, span.end))}
    return 2 * len(places) >= span.end - span.start


def sides(row: Mapping[str, Any], found: Findings, joined: bool) -> tuple[list[Span], list[Span]]:
    """Gold spans and findings of a text under the mapping, without what is left out."""
    gold = [Span(s["start"], s["end"], MAPPING[s["label"]]) for s in row["spans"] if s["label"] in MAPPING]
    out = [Span(s["start"], s["end"], "") for s in row["spans"] if s["label"] not in MAPPING]
    ours = [
        Span(f.start, f.end, f.kind)
        for f in found
        if f.kind in MAPPING.values() and not any(shared(f, o) >= 0.5 for o in out)
    ]
    return (join(row["text"], gold), join(row["text"], ours)) if joined else (sorted(gold), sorted(ours))


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


def shared(a: Any, b: Any) -> float:
    """Characters that both cover, as a part of all that either covers."""
    both = min(a.end, b.end) - max(a.start, b.start)
    return max(0, both) / (max(a.end, b.end) - min(a.start, b.start))

"""Put a placeholder where personal data stood: the same value in a row gets the same one, whatever turn it stands in.

    outcome = placeholders.replace(chats, pii.load())
    # "Mail jane@corp.example" -> "Mail <EMAIL_1>", in every turn, tool call and field of the row

Edits go by offset, so "Ann" never changes "Annual". A value that was found once is replaced wherever it stands in the row,
also where nothing around it says what it is. The result is scanned again until nothing is found. Row ids never change.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate import outcome
from curate.chats import TURN
from curate.leaves import Leaf, leaves_of, put_back
from curate.outcome import Outcome, Reason
from curate.pii import PLACEHOLDER, Finder, Finding, Findings, find_in_leaves, merge
from curate.progress import Progress, silent

STEP = "pii"
RULE = "personal data"
SAME_VALUE = "same value"  # the recogniser's name where a value was found elsewhere in the row
SHORTEST_REPEAT = 5  # characters that a value needs to be looked for in the rest of its row


@dataclass(frozen=True)
class Edit:
    """Characters `start` to `end` of a leaf, as it was, become `placeholder`."""

    finding: Finding
    placeholder: str


def replace(chats: pl.DataFrame, finder: Finder, progress: Progress = silent) -> Outcome:
    """Replace what `finder` finds in every text of every row. Nothing is removed; the ledger has a line per edited row.

    The ledger's evidence lists the edits with offsets into the original text of their leaf, never a value. Its score is
    the lowest score among the row's edits.
    """
    rows = [leaves_of(turns, extra) for turns, extra in chats.select("turns", "extra").iter_rows()]
    edits = _plan(rows, finder, progress)
    turns, extras, reasons = [], [], {}
    for (row_id, row_turns, extra), leaves, row_edits in zip(
        chats.select("id", "turns", "extra").iter_rows(), rows, edits, strict=True
    ):
        if row_edits:
            row_turns, extra = put_back(row_turns, extra, _edited(leaves, row_edits, row_turns))
            reasons[row_id] = _reason(leaves, row_edits, finder)
        turns.append(row_turns)
        extras.append(extra)
    edited = chats.with_columns(
        pl.Series("turns", turns, dtype=pl.List(TURN)), pl.Series("extra", extras, dtype=pl.String)
    )
    return Outcome(edited, chats.clear(), outcome.lines(edited, STEP, "edited", reasons))


def telling_ids(chats: pl.DataFrame, finder: Finder) -> list[str]:
    """Ids of rows whose id or source itself holds personal data. They are kept as they are; a report should count them."""
    names = [f"{row_id}\n{source}" for row_id, source in chats.select("id", "source").iter_rows()]
    return [row_id for row_id, found in zip(chats["id"], finder.find(names), strict=True) if found]


def _plan(rows: Sequence[Sequence[Leaf]], finder: Finder, progress: Progress) -> list[list[list[Edit]]]:
    """Edits per leaf per row (an empty list for a row without any), until a scan of the edited texts finds nothing."""
    flat = find_in_leaves([leaf for leaves in rows for leaf in leaves], finder, progress)
    found = iter(flat)
    by_row = [[next(found) for _ in leaves] for leaves in rows]
    edits: list[list[list[Edit]]] = [[] for _ in rows]
    todo = [place for place, findings in enumerate(by_row) if any(findings)]
    while todo:
        after: list[Leaf] = []
        for place in todo:
            by_row[place] = _everywhere(rows[place], by_row[place])
            edits[place] = _numbered(rows[place], by_row[place])
            pairs = zip(rows[place], edits[place], strict=True)
            after += [leaf._replace(text=_apply(leaf.text, some)) for leaf, some in pairs]
        fresh = iter(find_in_leaves(after, finder))
        again = []
        for place in todo:
            new = [next(fresh) for _ in rows[place]]
            if any(new):
                again.append(place)
                pairs3 = zip(by_row[place], new, edits[place], strict=True)
                by_row[place] = [merge([*old, *(_before(f, some) for f in more)]) for old, more, some in pairs3]
        todo = again
    return edits


def _everywhere(leaves: Sequence[Leaf], found: Sequence[Findings]) -> list[Findings]:
    """The findings, and every other place in the row where a found value stands by itself."""
    patterns: dict[str, Finding] = {}
    for leaf, findings in zip(leaves, found, strict=True):
        for f in findings:
            value = leaf.text[f.start : f.end]
            if len(value) >= SHORTEST_REPEAT:
                patterns.setdefault(_loosely(value), f)
    out = []
    for leaf, findings in zip(leaves, found, strict=True):
        more = list(findings)
        for pattern, source in patterns.items():
            for match in re.finditer(pattern, leaf.text, re.IGNORECASE):
                start, end = match.span()
                if not any(f.start < end and start < f.end for f in more):
                    more.append(Finding(start, end, source.kind, source.score, SAME_VALUE))
        out.append(merge(more))
    return out


def _loosely(value: str) -> str:
    """A pattern for the same value with other spacing; digits also with other punctuation between them."""
    digits = re.sub(r"[\s().+-]", "", value)
    if digits.isdecimal() and len(digits) >= 7:
        return r"(?<!\w)\+?\(?" + r"[\s().-]{0,2}".join(digits) + r"(?!\w)"
    return r"(?<!\w)" + r"\s+".join(re.escape(word) for word in value.split()) + r"(?!\w)"


def _numbered(leaves: Sequence[Leaf], found: Sequence[Findings]) -> list[list[Edit]]:
    """Placeholders by first appearance; numbers that the row's own text uses already are stepped over."""
    taken = {name for leaf in leaves for name in PLACEHOLDER.findall(leaf.text)}
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    out = []
    for leaf, findings in zip(leaves, found, strict=True):
        edits = []
        for f in findings:
            key = _same(f.kind, leaf.text[f.start : f.end])
            if key not in names:
                names[key] = _next_name(f.kind, counts, taken)
            edits.append(Edit(f, names[key]))
        out.append(edits)
    return out


def _next_name(kind: str, counts: dict[str, int], taken: set[str]) -> str:
    while (name := f"<{kind}_{(number := counts.get(kind, 0) + 1)}>") in taken:
        counts[kind] = number
    counts[kind] = number
    return name


def _same(kind: str, value: str) -> str:
    """One key for a value in any case and spacing."""
    if kind == "PHONE":
        from curate import phones

        return phones.same_number(value)
    bare = re.sub(r"[\s().-]", "", value)
    return bare if bare.isdecimal() else "".join(value.split()).casefold()


def _apply(text: str, edits: Sequence[Edit], keep_lines: bool = False) -> str:
    parts, done = [], 0
    for edit in edits:
        start, end = edit.finding.start, edit.finding.end
        parts += [text[done:start], edit.placeholder, "\n" * text.count("\n", start, end) if keep_lines else ""]
        done = end
    return "".join([*parts, text[done:]])


def _before(finding: Finding, edits: Sequence[Edit]) -> Finding:
    """A finding in the edited text, with its offsets in the text as it was."""
    ends, shifts, shift = [0], [0], 0
    for edit in edits:
        shift += edit.finding.end - edit.finding.start - len(edit.placeholder)
        ends.append(edit.finding.end - shift)
        shifts.append(shift)
    start = finding.start + shifts[bisect_right(ends, finding.start) - 1]
    return finding._replace(start=start, end=finding.end + shifts[bisect_right(ends, finding.end - 1) - 1])


def _edited(
    leaves: Sequence[Leaf], edits: Sequence[Sequence[Edit]], turns: Sequence[Mapping[str, str | None]]
) -> Iterator[str]:
    for leaf, some in zip(leaves, edits, strict=True):
        # Where `fields` holds the shape of a content in parts, the parts are told apart by counting lines.
        keep = (
            leaf.part == "content" and leaf.turn is not None and '"content"' in (turns[leaf.turn].get("fields") or "")
        )
        yield _apply(leaf.text, some, keep_lines=keep)


def _reason(leaves: Sequence[Leaf], edits: Sequence[Sequence[Edit]], finder: Finder) -> Reason:
    places = [
        {
            "turn": leaf.turn,
            "part": leaf.part,
            "leaf": leaf.number,
            "start": edit.finding.start,
            "end": edit.finding.end,
            "kind": edit.finding.kind,
            "score": edit.finding.score,
            "recogniser": edit.finding.recogniser,
            "placeholder": edit.placeholder,
        }
        for leaf, some in zip(leaves, edits, strict=True)
        for edit in some
    ]
    scores = [edit.finding.score for some in edits for edit in some]
    evidence = {"detector": finder.name, "fingerprint": finder.fingerprint, "edits": places}
    return Reason(RULE, score=min(scores), threshold=finder.threshold, evidence=evidence)

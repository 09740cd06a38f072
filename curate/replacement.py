"""Put something else where personal data stood: the same value in a row gets the same, whatever turn it stands in.

    outcome = replacement.replace(chats, pii.load())
    # "Mail jane@corp.example" -> "Mail <EMAIL_1>", in every turn, tool call and field of the row
    outcome = replacement.replace(chats, pii.load(), style=Invented(open_key(path)))
    # ... -> "Mail kayla@example.org"

Edits go by offset, so "Ann" never changes "Annual". A value that was found once is replaced wherever it stands in the row,
also where nothing around it says what it is. The result is scanned again until nothing is found but what was put there. Row ids
never change. Names count where they are of private persons (`private_names`), unless all are asked for.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from curate import ages, outcome, pii, private_names
from curate import chats as chat
from curate.chats import TURN
from curate.leaves import Leaf, leaves_of, put_back
from curate.outcome import Outcome, Reason
from curate.pii import Finder, Finding, Findings, find_in_leaves, merge
from curate.progress import Progress, silent
from curate.replacement_styles import Edit, Invented, Style, numbered

STEP = "pii"
RULE = "personal data"
SAME_VALUE = "same value"  # the recogniser's name where a value was found elsewhere in the row
SHORTEST_REPEAT = 5  # characters that a value needs to be looked for in the rest of its row


def replace(
    chats: pl.DataFrame,
    finder: Finder,
    progress: Progress = silent,
    *,
    style: Style = numbered,
    all_names: bool = False,
) -> Outcome:
    """Replace what `finder` finds in every text of every row. Nothing is removed; the ledger has a line per edited row.

    The ledger's evidence lists the edits with offsets into the original text of their leaf and what was put there, never a
    value. Its score is the lowest score among the row's edits.
    """
    rows = [leaves_of(turns, extra) for turns, extra in chats.select("turns", "extra").iter_rows()]
    roles = None if all_names else [[turn["role"] for turn in turns] for turns in chats["turns"].to_list()]
    edits = _plan(_names_of(chats, style), rows, finder, style, roles, progress)
    return _outcome(chats, rows, edits, finder)


def replay(chats: pl.DataFrame, ledger: pl.DataFrame, style: Style | None = None) -> pl.DataFrame:
    """The rows with the edits that a ledger tells of, from its offsets alone: neither finder nor key is needed.

    With a `style` the same places hold what it puts there: `numbered`, and rows that differ by personal values alone are equal.

    Raises ValueError where an offset lies outside its text: the ledger is of other rows.
    """
    told = {
        row_id: json.loads(evidence)["edits"]
        for row_id, evidence in ledger.filter((pl.col("step") == STEP) & (pl.col("action") == "edited"))
        .select("row_id", "evidence")
        .iter_rows()
    }
    turns, extras = [], []
    for row_id, row_turns, extra in chats.select("id", "turns", "extra").iter_rows():
        if row_id in told:
            leaves = leaves_of(row_turns, extra)
            edits = _told(leaves, told[row_id])
            edits = style("", leaves, [tuple(edit.finding for edit in some) for some in edits]) if style else edits
            row_turns, extra = put_back(row_turns, extra, _edited(leaves, edits, row_turns))
        turns.append(row_turns)
        extras.append(extra)
    return _with(chats, turns, extras)


def put_there(ledger: pl.DataFrame) -> dict[str, set[str]]:
    """Row id -> what the edits that a ledger tells of put into the row."""
    edited = ledger.filter((pl.col("step") == STEP) & (pl.col("action") == "edited")).select("row_id", "evidence")
    return {row: {edit["placeholder"] for edit in json.loads(told)["edits"]} for row, told in edited.iter_rows()}


def _told(leaves: Sequence[Leaf], edits: Sequence[Mapping[str, Any]]) -> list[list[Edit]]:
    out: list[list[Edit]] = []
    for leaf in leaves:
        here = [e for e in edits if (e["turn"], e["part"], e["leaf"]) == (leaf.turn, leaf.part, leaf.number)]
        if any(e["end"] > len(leaf.text) for e in here):
            raise ValueError("an edit of the ledger lies outside the text that it is told of")
        out.append(
            [
                Edit(Finding(e["start"], e["end"], e["kind"], e["score"], e["recogniser"]), e["placeholder"])
                for e in here
            ]
        )
    return out


def _names_of(chats: pl.DataFrame, style: Style) -> list[str]:
    """What a style knows a row by: its content, so that the same row has the same stand-ins in every file."""
    if isinstance(style, Invented):
        return [chat.row_fingerprint(turns) for turns in chats["turns"].to_list()]
    return [""] * chats.height


def _outcome(
    chats: pl.DataFrame, rows: Sequence[Sequence[Leaf]], edits: Sequence[list[list[Edit]]], finder: Finder
) -> Outcome:
    touched = [place for place, some in enumerate(edits) if some]
    turns, extras, reasons = [], [], {}
    for number, (row_id, row_turns, extra) in zip(
        touched, chats[touched].select("id", "turns", "extra").iter_rows(), strict=True
    ):
        row_turns, extra = put_back(row_turns, extra, _edited(rows[number], edits[number], row_turns))
        reasons[row_id] = _reason(rows[number], edits[number], finder)
        turns.append(row_turns)
        extras.append(extra)
    # Only the rows that are edited are made anew.
    edited = pl.concat([chats, _with(chats[touched], turns, extras)])
    place = np.arange(chats.height)
    place[touched] = chats.height + np.arange(len(touched))
    edited = edited[place]
    return Outcome(edited, chats.clear(), outcome.lines(edited, STEP, "edited", reasons))


def _with(chats: pl.DataFrame, turns: Sequence[Any], extras: Sequence[str | None]) -> pl.DataFrame:
    return chats.with_columns(
        pl.Series("turns", turns, dtype=pl.List(TURN)), pl.Series("extra", extras, dtype=pl.String)
    )


def telling_ids(chats: pl.DataFrame, finder: Finder) -> list[str]:
    """Ids of rows whose id or source itself holds personal data. They are kept as they are; a report should count them."""
    # Without the number of the line, which is ours: where a row is put in, all below it would be new to the finder.
    files = chats["source"].str.replace(r":\d+$", "")
    names = [f"{row_id}\n{file}" for row_id, file in zip(chats["id"], files, strict=True)]
    # Ids and paths are words run together, in which names are found by chance.
    formed = [any(f.kind not in pii.NAMED for f in found) for found in finder.find(names)]
    return chats["id"].filter(pl.Series(formed, dtype=pl.Boolean)).to_list()


def _plan(
    names: Sequence[str],
    rows: Sequence[Sequence[Leaf]],
    finder: Finder,
    style: Style,
    roles: Sequence[Sequence[str | None]] | None,
    progress: Progress,
) -> list[list[list[Edit]]]:
    """Edits per leaf per row (an empty list for a row without any), until a scan of the edited texts finds nothing new.

    `roles`: who says each turn of each row, for telling private names; None where all names count.
    """
    flat = find_in_leaves([leaf for leaves in rows for leaf in leaves], finder, progress)
    found = iter(flat)
    in_rows = [[next(found) for _ in leaves] for leaves in rows]
    own = _own_names(rows, in_rows, roles)
    by_row = [
        _chosen(leaves, some, roles[place] if roles else None, own)
        for place, (leaves, some) in enumerate(zip(rows, in_rows, strict=True))
    ]
    edits: list[list[list[Edit]]] = [[] for _ in rows]
    todo = [place for place, findings in enumerate(by_row) if any(findings)]
    if isinstance(style, Invented):
        style.prepare(_values(rows, by_row))
    while todo:
        after: list[Leaf] = []
        for place in todo:
            by_row[place] = _everywhere(rows[place], by_row[place])
            edits[place] = style(names[place], rows[place], by_row[place])
            pairs = zip(rows[place], edits[place], strict=True)
            after += [leaf._replace(text=_apply(leaf.text, some)) for leaf, some in pairs]
        fresh, said = iter(find_in_leaves(after, finder)), iter(after)
        again = []
        for place in todo:
            leaves = [next(said) for _ in rows[place]]
            seen = [_not_put(next(fresh), some) for some in edits[place]]
            new = _chosen(leaves, seen, roles[place] if roles else None, own)
            if any(new):
                again.append(place)
                pairs3 = zip(by_row[place], new, edits[place], strict=True)
                by_row[place] = [merge([*old, *(_before(f, some) for f in more)]) for old, more, some in pairs3]
        todo = again
    return edits


def _own_names(
    rows: Sequence[Sequence[Leaf]],
    found: Sequence[Sequence[Findings]],
    roles: Sequence[Sequence[str | None]] | None,
) -> frozenset[str]:
    """The assistant's own names, where only private names count."""
    if roles is None:
        return frozenset()
    return private_names.own_names([pii.InRow("", *row) for row in zip(rows, roles, found, strict=True)])


def _chosen(
    leaves: Sequence[Leaf], found: Sequence[Findings], roles: Sequence[str | None] | None, own: frozenset[str]
) -> list[Findings]:
    if roles is None or not any(f.kind in private_names.IN_QUESTION for findings in found for f in findings):
        return list(found)
    return private_names.private(leaves, private_names.without(leaves, found, own), roles)


def _values(rows: Sequence[Sequence[Leaf]], by_row: Sequence[Sequence[Findings]]) -> set[tuple[str, str]]:
    """Every kind and value that was found."""
    return {
        (f.kind, leaf.text[f.start : f.end])
        for leaves, found in zip(rows, by_row, strict=True)
        for leaf, findings in zip(leaves, found, strict=True)
        for f in findings
    }


def _not_put(findings: Findings, edits: Sequence[Edit]) -> Findings:
    """The findings in an edited text that are not just what was put there."""
    put, shift = [], 0
    for edit in edits:
        start = edit.finding.start + shift
        put.append((start, start + len(edit.placeholder)))
        shift += len(edit.placeholder) - (edit.finding.end - edit.finding.start)
    return tuple(f for f in findings if not any(start <= f.start and f.end <= end for start, end in put))


def _everywhere(leaves: Sequence[Leaf], found: Sequence[Findings]) -> list[Findings]:
    """The findings, and every other place in the row where a found value stands by itself."""
    patterns: dict[str, Finding] = {}
    said: dict[int | None, Finding] = {}
    for leaf, findings in zip(leaves, found, strict=True):
        for f in findings:
            value = leaf.text[f.start : f.end]
            if f.kind == ages.KIND:
                said.setdefault(ages.number(value), f)
            if len(value) >= SHORTEST_REPEAT:
                patterns.setdefault(_loosely(value), f)
    out = []
    for leaf, findings in zip(leaves, found, strict=True):
        more = list(findings)
        more += _same_ages(leaf, findings, said)
        for pattern, source in patterns.items():
            for match in re.finditer(pattern, leaf.text, re.IGNORECASE):
                start, end = match.span()
                if not any(f.start < end and start < f.end for f in more):
                    more.append(Finding(start, end, source.kind, source.score, SAME_VALUE))
        out.append(merge(more))
    return out


def _same_ages(leaf: Leaf, found: Findings, said: Mapping[int | None, Finding]) -> Iterator[Finding]:
    """Where the row tells one of these ages again as an age: two digits stand for many other things."""
    for start, end, _ in ages.told(leaf.text) if said else ():
        at = bisect_right(found, start, key=lambda f: f.end)
        free = at == len(found) or found[at].start >= end
        if free and (source := said.get(ages.number(leaf.text[start:end]))):
            yield Finding(start, end, ages.KIND, source.score, SAME_VALUE)


def _loosely(value: str) -> str:
    """A pattern for the same value with other spacing; digits also with other punctuation between them."""
    digits = re.sub(r"[\s().+-]", "", value)
    if digits.isdecimal() and len(digits) >= 7:
        return r"(?<!\w)\+?\(?" + r"[\s().-]{0,2}".join(digits) + r"(?!\w)"
    return r"(?<!\w)" + r"\s+".join(re.escape(word) for word in value.split()) + r"(?!\w)"


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

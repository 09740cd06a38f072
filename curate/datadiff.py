"""Dataset against dataset: which rows came, went and changed, and what that did to lengths, duplicates and faults.

    found = diff(before, after, ledger=iteration.ledger())
    print(found)                      # 1,204 rows -> 1,150: 54 removed, 0 added, 31 edited, 1,119 unchanged
    datadiff_report.report(found)     # the page

Differences are `after - before`: over all rows of each side, and, paired, over the rows that stand on both.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import polars as pl

from curate import chats as chat
from curate import lengths, stats
from curate.counted import counted
from curate.outcome import Outcome
from curate.samples import Mask, Samples
from curate.stats import Interval
from curate.unchanged import carried, unchanged

SAMPLES = 5
LENGTHS = ("query_words", "answer_words", "query_chars", "answer_chars", "turns")

Pairs = tuple[tuple[str, str], ...]  # row id before, row id after


@dataclass(frozen=True)
class Matching:
    """Which row of one side is which row of the other, by id. The four groups hold every row of both sides once."""

    unchanged: Pairs
    edited: Pairs
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def both(self) -> Pairs:
        """Rows that stand on both sides, edited or not."""
        return self.unchanged + self.edited

    @property
    def same_rows(self) -> bool:
        """Whether no row came or went, so that every comparison is paired."""
        return bool(self.both) and not self.removed and not self.added


@dataclass(frozen=True)
class Rate:
    """A share of rows on both sides and its difference: over all rows (two samples), and over the rows of both sides.

    The second is paired: it shows what edits did, the first also what came and went.
    """

    name: str
    before: Interval
    after: Interval
    difference: Interval
    shared: Interval


@dataclass(frozen=True)
class Length:
    """A length of rows on both sides and the difference of its means: over all rows, and over the rows of both sides."""

    name: str
    before: pl.Series = field(repr=False)
    after: pl.Series = field(repr=False)
    difference: Interval
    shared: Interval


@dataclass(frozen=True)
class DataDiff:
    """What changed. `faults` are duplicates, personal data and toxicity, where both sides were measured."""

    names: tuple[str, str]
    rows: tuple[int, int]
    fingerprints: tuple[str, str]
    matching: Matching
    removals: Mapping[tuple[str, str], int]  # (step, rule) -> rows, from the ledger
    unexplained: tuple[str, ...] | None  # removed rows without a line in the ledger; None without a ledger
    lengths: tuple[Length, ...]
    faults: tuple[Rate, ...]
    unmeasured: tuple[str, ...]
    samples: tuple[Samples, Samples] = field(repr=False)
    why: Mapping[str, str] = field(repr=False)  # removed row -> "step: rule"
    shown: int = SAMPLES

    def __str__(self) -> str:
        found = self.matching
        counts = ((len(found.removed), "removed"), (len(found.added), "added"), (len(found.edited), "edited"))
        said = ", ".join(f"{n:,} {what}" for n, what in (*counts, (len(found.unchanged), "unchanged")))
        return f"{counted(self.rows[0], 'row')} -> {self.rows[1]:,}: {said}"


@dataclass(frozen=True)
class Measured:
    """What was found in one side's rows, as far as somebody looked. None is not measured, which is not zero.

    duplicates   what `dedup.exact` and the other steps returned when run on this side, by step name
    pii          findings as `pii.scan` returns them: row_id, kind
    toxicity     turn scores as `toxicity.turn_scores` returns them: row_id, role, score (null where unscored)
    """

    duplicates: Mapping[str, Outcome] | None = None
    pii: pl.DataFrame | None = None
    toxicity: pl.DataFrame | None = None


def diff(
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    names: tuple[str, str] = ("before", "after"),
    ledger: pl.DataFrame | None = None,
    found_before: Measured = Measured(),
    found_after: Measured = Measured(),
    toxic_threshold: float = 0.5,
    mask: Mask | None = None,
    samples: int = SAMPLES,
) -> DataDiff:
    """Compare two chat frames.

    Both sides must be measured by the same finder and scorer, or the difference says something about those. `ledger` is
    the one that led from before to after. Without `mask` no text of a row is shown.
    """
    same = unchanged(before, after)
    prints = _fingerprints(before, after, same)
    matching = _matched(*prints)
    why = {} if ledger is None else _why(ledger)
    removals = Counter(why[row] for row in matching.removed if row in why)
    faults, unmeasured = _faults(before, after, matching, found_before, found_after, toxic_threshold)
    pairs = matching.edited[:samples]
    return DataDiff(
        names=names,
        rows=(before.height, after.height),
        fingerprints=(_whole(prints[0]), _whole(prints[1])),
        matching=matching,
        removals=dict(sorted(removals.items(), key=lambda item: (-item[1], item[0]))),
        unexplained=None if ledger is None else tuple(row for row in matching.removed if row not in why),
        lengths=_lengths(before, after, same, matching),
        faults=faults,
        unmeasured=unmeasured,
        samples=(
            Samples.of(before, [*matching.removed[:samples], *(row for row, _ in pairs)], mask),
            Samples.of(after, [*matching.added[:samples], *(row for _, row in pairs)], mask),
        ),
        why={row: ": ".join(why[row]) for row in matching.removed if row in why},
        shown=samples,
    )


def match(before: pl.DataFrame, after: pl.DataFrame) -> Matching:
    """Match rows: same id and same turns first, then same turns under another id, then same id with other turns.

    Turns go before a bare id, because ids that number the lines shift when one row leaves: such rows did not change.
    Rows that occur twice are matched one to one, in file order.
    """
    return _matched(*_fingerprints(before, after, unchanged(before, after)))


def _matched(*prints: dict[str, str]) -> Matching:
    after_of = {row: row for row, mark in prints[0].items() if prints[1].get(row) == mark}
    taken = set(after_of)
    waiting: defaultdict[str, list[str]] = defaultdict(list)
    for row in reversed(prints[1]):
        if row not in taken:
            waiting[prints[1][row]].append(row)
    for row, mark in prints[0].items():
        if row not in after_of and waiting[mark]:
            after_of[row] = waiting[mark].pop()
            taken.add(after_of[row])
    unchanged = tuple((row, after_of[row]) for row in prints[0] if row in after_of)
    left = [row for row in prints[0] if row not in after_of]
    edited = tuple((row, row) for row in left if row in prints[1] and row not in taken)
    gone = {row for row, _ in edited}
    added = tuple(row for row in prints[1] if row not in taken and row not in gone)
    return Matching(unchanged, edited, tuple(row for row in left if row not in gone), added)


def _fingerprints(before: pl.DataFrame, after: pl.DataFrame, same: pl.Series) -> tuple[dict[str, str], dict[str, str]]:
    """Row fingerprints by id, of both sides; those of unchanged rows are made once."""
    marks = [chat.row_fingerprint(turns) for turns in before["turns"].to_list()]
    known = dict(zip(before["id"], marks, strict=True))
    others = after.filter(~same)
    fresh = dict(zip(others["id"], (chat.row_fingerprint(turns) for turns in others["turns"].to_list()), strict=True))
    return known, {row: fresh[row] if row in fresh else known[row] for row in after["id"]}


def _whole(prints: Mapping[str, str]) -> str:
    """What `chats.dataset_fingerprint` makes of the rows."""
    return sha256("\n".join(sorted(prints.values())).encode()).hexdigest()


def _why(ledger: pl.DataFrame) -> dict[str, tuple[str, str]]:
    gone = ledger.filter(pl.col("action") == "removed")
    return {row: (step, rule) for row, step, rule in gone.select("row_id", "step", "rule").iter_rows()}


def _lengths(before: pl.DataFrame, after: pl.DataFrame, same: pl.Series, matching: Matching) -> tuple[Length, ...]:
    known = lengths.measure(before)
    sides = known, carried(known, lengths.measure(after.filter(~same)), after, same)
    places = [{row: place for place, row in enumerate(side["row_id"])} for side in sides]
    left = np.array([places[0][row] for row, _ in matching.both], dtype=np.int64)
    right = np.array([places[1][row] for _, row in matching.both], dtype=np.int64)
    out = []
    for name in LENGTHS:
        a, b = (side[name].cast(pl.Float64).to_numpy() for side in sides)
        shared = stats.paired_difference(a[left].tolist(), b[right].tolist())
        difference = stats.mean_difference(a.tolist(), b.tolist())
        out.append(Length(name.replace("_", ", "), sides[0][name], sides[1][name], difference, shared))
    return tuple(out)


def _faults(
    before: pl.DataFrame, after: pl.DataFrame, matching: Matching, a: Measured, b: Measured, threshold: float
) -> tuple[tuple[Rate, ...], tuple[str, ...]]:
    rates, unmeasured = [], []
    sides: list[tuple[str, Callable[[Measured], Mapping[str, set[str]] | None]]] = [
        ("duplicates", _duplicates),
        ("personal data", _personal),
        ("toxicity", lambda side: _toxic(side, threshold)),
    ]
    for what, hits_of in sides:
        hits = hits_of(a), hits_of(b)
        if hits[0] is None or hits[1] is None:
            unmeasured.append(what)
            continue
        # Rows that a scorer could not read are neither toxic nor harmless: they leave both n.
        blank = (_unscored(a), _unscored(b)) if what == "toxicity" else (set[str](), set[str]())
        for name in sorted(hits[0].keys() | hits[1].keys()):
            marks = hits[0].get(name, set()), hits[1].get(name, set())
            rates.append(_rate(name, before["id"].to_list(), after["id"].to_list(), marks, blank, matching))
    return tuple(rates), tuple(unmeasured)


def _rate(
    name: str,
    before: Sequence[str],
    after: Sequence[str],
    hits: tuple[set[str], set[str]],
    blank: tuple[set[str], set[str]],
    matching: Matching,
) -> Rate:
    known = [row for row in before if row not in blank[0]], [row for row in after if row not in blank[1]]
    counts = [sum(row in hit for row in rows) for rows, hit in zip(known, hits, strict=True)]
    shares = stats.wilson(counts[0], len(known[0])), stats.wilson(counts[1], len(known[1]))
    pairs = [(a, b) for a, b in matching.both if a not in blank[0] and b not in blank[1]]
    table = Counter((a in hits[0], b in hits[1]) for a, b in pairs)
    shared = stats.newcombe_paired(table[True, True], table[True, False], table[False, True], table[False, False])
    return Rate(name, *shares, stats.newcombe(counts[0], len(known[0]), counts[1], len(known[1])), shared)


def _duplicates(side: Measured) -> dict[str, set[str]] | None:
    if side.duplicates is None:
        return None
    return {f"{step} duplicates": set(done.removed["id"]) for step, done in side.duplicates.items()}


def _personal(side: Measured) -> dict[str, set[str]] | None:
    if side.pii is None:
        return None
    by_kind: dict[str, set[str]] = {"personal data, any kind": set(side.pii["row_id"])}
    for row, kind in side.pii.select("row_id", "kind").iter_rows():
        by_kind.setdefault(f"personal data, {kind}", set()).add(row)
    return by_kind


def _toxic(side: Measured, threshold: float) -> dict[str, set[str]] | None:
    if side.toxicity is None:
        return None
    toxic = side.toxicity.filter(pl.col("score") >= threshold)
    return {
        "toxic answer": set(toxic.filter(pl.col("role") == "assistant")["row_id"]),
        "toxic query": set(toxic.filter(pl.col("role") == "user")["row_id"]),
    }


def _unscored(side: Measured) -> set[str]:
    # A row none of whose turns was scored.
    if side.toxicity is None:
        return set()
    known = set(side.toxicity.filter(pl.col("score").is_not_null())["row_id"])
    return set(side.toxicity["row_id"]) - known

"""What a deduplicator found of the planted pairs, by kind.

    score = scored(truth(path), removed={"r2"}, groups=[["r1", "r2"]])
    score.kinds["exact"]      # Tally(hits=1, pairs=1)

A true pair is found when at least one of its two rows was removed, or when both are in one group. Of all other pairs (hard negatives,
and one question with two answers) those count that are in one group: a row of theirs may well have gone for the sake of a third.
"""

import gzip
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Pair:
    """A line of the truth. `duplicate` is None where the truth does not say."""

    a: str
    b: str
    kind: str
    duplicate: bool | None
    group: str


@dataclass(frozen=True)
class Tally:
    """Pairs found, of how many; None where the run does not tell its groups and they are asked for."""

    hits: int | None
    pairs: int

    @property
    def percent(self) -> str:
        return f"{100 * self.hits / self.pairs:.1f}" if self.pairs and self.hits is not None else "-"

    @property
    def count(self) -> str:
        return "-" if self.hits is None else f"{self.hits:,}"

    @classmethod
    def total(cls, tallies: Iterable[Self]) -> Self:
        each = list(tallies)
        hits = [tally.hits for tally in each if tally.hits is not None]
        return cls(sum(hits) if len(hits) == len(each) else None, sum(tally.pairs for tally in each))


@dataclass(frozen=True)
class Score:
    """Of one run. `removed_unplanted`: rows that no pair of the truth names. `nothing_left`: see `lost`."""

    kinds: dict[str, Tally]
    removed: int
    removed_unplanted: int
    nothing_left: int


def same_prompt(pair: Pair) -> bool:
    """One question, two answers: whether that is a duplicate is a policy, so these are told apart from all other kinds."""
    return pair.kind.startswith("same_prompt")


def wanted(pair: Pair) -> bool:
    """Whether a deduplicator that does not find it has missed something."""
    return pair.duplicate is True and not same_prompt(pair)


# Columns of the first table -> which pairs count in it. A group is read off the truth, so that another set of the kind will do.
GROUPS: dict[str, Callable[[Pair], bool]] = {
    "copies and edits": lambda p: p.duplicate is True and p.group in ("exact", "near"),
    "paraphrases": lambda p: p.duplicate is True and p.kind.startswith("paraphrase"),
    "contained": lambda p: p.duplicate is True and p.kind.startswith("containment"),
    "hard negatives": lambda p: p.duplicate is False,
}


def truth(path: Path) -> list[Pair]:
    """The pairs of a truth file: id_a, id_b, kind, is_duplicate, group."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        facts = [json.loads(line) for line in lines]
    return [Pair(f["id_a"], f["id_b"], f["kind"], f["is_duplicate"], f["group"]) for f in facts]


def scored(pairs: Sequence[Pair], removed: Collection[str], groups: Collection[Collection[str]] | None) -> Score:
    """Tallies of all kinds."""
    gone = frozenset(removed)
    one_group = together(pairs, groups)
    kinds: dict[str, list[Tally]] = {kind: [] for kind in sorted({pair.kind for pair in pairs})}
    for pair, both in zip(pairs, one_group, strict=True):
        one = pair.a in gone or pair.b in gone
        hit = (one or bool(both)) if wanted(pair) else both
        kinds[pair.kind].append(Tally(None if hit is None else int(hit), 1))
    planted = {row for pair in pairs for row in (pair.a, pair.b)}
    tallies = {kind: Tally.total(each) for kind, each in kinds.items()}
    return Score(tallies, len(gone), len(gone - planted), len(lost(pairs, gone)))


def grouped(score: Score, pairs: Sequence[Pair]) -> dict[str, Tally]:
    """The kinds put together as in `GROUPS`."""
    return {
        name: Tally.total(score.kinds[kind] for kind in sorted({p.kind for p in pairs if belongs(p)}))
        for name, belongs in GROUPS.items()
    }


def together(pairs: Sequence[Pair], groups: Collection[Collection[str]] | None) -> list[bool | None]:
    """Whether both rows of each pair are in one group; None where no groups are told."""
    if groups is None:
        return [None] * len(pairs)
    member: dict[str, set[int]] = {}
    for number, group in enumerate(groups):
        for row in group:
            member.setdefault(row, set()).add(number)
    nowhere: set[int] = set()
    return [not member.get(pair.a, nowhere).isdisjoint(member.get(pair.b, nowhere)) for pair in pairs]


def lost(pairs: Sequence[Pair], removed: Collection[str]) -> list[list[str]]:
    """Sets of planted twins of which every row was removed.

    A fault, unless a row outside the truth is the twin of the last one.
    """
    root: dict[str, str] = {}

    def top(row: str) -> str:
        while root.setdefault(row, row) != row:
            row = root[row]
        return row

    for pair in pairs:
        if pair.duplicate:
            root[top(pair.a)] = top(pair.b)
    sets: dict[str, list[str]] = {}
    for row in list(root):
        sets.setdefault(top(row), []).append(row)
    return [sorted(rows) for rows in sets.values() if all(row in removed for row in rows)]

"""Near duplicates: rows that say the same but for typos, a few words, a wrapped question or an answer that breaks off.

    found = near_pairs(chats)
    outcome = decide(chats, found, threshold=0.7)      # again with another threshold: nothing is read twice
    print(found)      # 5,120 pairs at .5 and above of 41,300 compared; 412 are variants of a template

Three rules, each with a score that `threshold` is held against:
    near duplicate     of the words of both questions, and of both answers, at least `threshold` are shared, typos forgiven
    truncated answer   the questions are near, and one answer is the beginning of the other
    wrapped question   the answers are all but equal, and one question stands word for word in the other, with a preamble

Facts decide first: where each row has a number, a unit, a name or a "not" that the other contradicts, the two are variants of
one template, kept and counted. What one row only lacks contradicts nothing. In a question one telling word in twenty, and at most
two, may be another, so "carbon dioxide" is not "carbon monoxide". White space never counts, in code neither: programs that differ by
indentation alone are one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.duplicates import fingerprints, said, stars
from curate.duplicates.confirm import Rows
from curate.outcome import Outcome
from curate.progress import Progress, silent
from curate.uncollected import uncollected

__all__ = ["FLOOR", "NearPairs", "decide", "near", "near_pairs"]

FLOOR = 0.5  # pairs from here up are found, so that a threshold may be changed
EXHAUSTIVE = 500  # rows up to which all pairs are compared
# In crowds too large to count all pairs, rows are compared again after those within one of these scores are set aside, at
# each until nothing is found.
CROWD_LEVELS, MOST_ROUNDS = (0.9, 0.8, 0.7, 0.6), 20
PAIRS_AT_ONCE = 50_000  # so that memory does not grow with what was proposed

PAIRS = pl.Schema({"a": pl.String, "b": pl.String, "rule": pl.String, "score": pl.Float64})
VARIANTS = pl.Schema({"a": pl.String, "b": pl.String, "kind": pl.String, "score": pl.Float64})

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NearPairs:
    """All confirmed pairs with a score of `floor` and more (`a` < `b` are row ids), and those that facts set apart."""

    pairs: pl.DataFrame
    variants: pl.DataFrame
    compared: int
    crowded: int  # rows that share much with so many that they were compared in a second pass
    beyond: int  # of them, those in crowds so large that not all pairs were compared then either
    floor: float

    def __str__(self) -> str:
        return (
            f"{self.pairs.height:,} pairs at {self.floor:.2g} and above of {self.compared:,} compared; "
            f"{self.variants.height:,} are variants of a template; {self.crowded:,} rows stood in a crowd"
            + (f", {self.beyond:,} in one of which not all pairs were compared" if self.beyond else "")
        )


def near(
    chats: pl.DataFrame,
    *,
    threshold: float = 0.7,
    seed: int = 0,
    progress: Progress = silent,
    checked: stars.Checked = stars.UNCHECKED,
) -> Outcome:
    """Drop rows that are within `threshold` of a kept row, by the rules above."""
    found = near_pairs(chats, floor=min(FLOOR, threshold), seed=seed, progress=progress)
    return decide(chats, found, threshold, checked=checked)


@uncollected()
def near_pairs(chats: pl.DataFrame, *, floor: float = FLOOR, seed: int = 0, progress: Progress = silent) -> NearPairs:
    """Propose pairs by shared fingerprints (of a few rows all pairs), and confirm each on the words of the two rows."""
    sides, ids = said.sides(chats), chats["id"].to_list()
    if chats.height <= EXHAUSTIVE:
        every = all_pairs(np.arange(chats.height))
        pairs, variants = confirmed(ids, sides, every, floor, progress)
        return NearPairs(pairs.sort("a", "b"), variants.sort("a", "b"), len(every), 0, 0, floor)
    documents = [f"{asked} {answered}" for asked, answered in zip(sides.queries, sides.answers, strict=True)]
    prints = fingerprints.fingerprints(documents, seed=seed, progress=progress)
    del documents
    place = {row_id: row for row, row_id in enumerate(ids)}
    proposed, crowded = fingerprints.propose(prints, np.ones(chats.height, bool))
    pairs, variants = confirmed(ids, sides, proposed, floor, progress)
    known = _codes(proposed, chats.height)
    order = stars.best_first(chats, np.flatnonzero(crowded).tolist())
    rank = np.zeros(chats.height, np.int64)
    rank[order] = np.arange(len(order))

    def compare(active: Mask) -> Mask:
        nonlocal pairs, variants, known
        proposed, left = fingerprints.propose(prints, active, rank)
        codes = _codes(proposed, chats.height)
        fresh = ~np.isin(codes, known)
        known = np.append(known, codes[fresh])
        more, others = confirmed(ids, sides, proposed[fresh], floor, progress)
        pairs, variants = pairs.vstack(more), variants.vstack(others)
        return left

    def goes(level: float) -> list[int]:
        return list(stars.stars(order, _of(pairs, place, crowded, level)))

    beyond = among_crowds(crowded, compare, goes, floor)
    return NearPairs(pairs.sort("a", "b"), variants.sort("a", "b"), len(known), int(crowded.sum()), beyond, floor)


def all_pairs(rows: Numbers) -> Numbers:
    """Every pair of these rows, the earlier first [n, 2]."""
    return np.stack([rows[side] for side in np.triu_indices(len(rows), 1)], 1)


def among_crowds(
    crowded: Mask, compare: Callable[[Mask], Mask], goes: Callable[[float], Sequence[int] | Numbers], floor: float
) -> int:
    """Compare rows that stand in crowds with each other, all pairs of them where these can be counted.

    `compare` compares some rows and tells which stand in a crowd too large for that; `goes` names the rows that would go at a
    level. Where a crowd is too large, those that would go make room to compare those that stay. Returns how many rows
    stood, at the level where they were most, in a crowd of which not all pairs were compared.
    """
    if not crowded.any():
        return 0
    too_many = compare(crowded)
    last, left, beyond = too_many, too_many, 0
    for level in sorted({*CROWD_LEVELS, floor}, reverse=True) if too_many.any() else ():
        for _ in range(MOST_ROUNDS):
            active = too_many.copy()
            active[goes(level)] = False
            if (active == last).all():
                break
            last, left = active, compare(active)
        beyond = max(beyond, int(left.sum()))
    return beyond


def _of(pairs: pl.DataFrame, place: Mapping[str, int], rows: npt.NDArray[np.bool_], level: float) -> list[stars.Pair]:
    """The pairs at this level and above of which both rows are among these."""
    return [
        stars.Pair(place[a], place[b], score, rule)
        for a, b, rule, score in pairs.filter(pl.col("score") >= level).iter_rows()
        if rows[place[a]] and rows[place[b]]
    ]


def _codes(pairs: Numbers, rows: int) -> Numbers:
    return pairs[:, 0] * rows + pairs[:, 1]


def confirmed(
    ids: Sequence[str], sides: said.Sides, proposed: Numbers, floor: float, progress: Progress = silent
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Duplicates (`PAIRS`) and variants (`VARIANTS`) among the proposed pairs of positions."""
    # By id, so that neither the order of the file nor that of a pair can decide anything.
    names = pl.Series(ids, dtype=pl.String)
    turned = (names.gather(proposed[:, 0]) > names.gather(proposed[:, 1])).to_numpy()
    proposed = np.where(turned[:, None], proposed[:, ::-1], proposed)
    found, variants = [], []
    for begin in range(0, len(proposed), PAIRS_AT_ONCE):
        some = proposed[begin : begin + PAIRS_AT_ONCE]
        progress("near: pairs", begin, len(proposed))
        rows = Rows(sides, some)
        for at in rows.worth_reading(floor).tolist():
            rule, score = rows.best_rule(at)
            if score < floor:
                continue
            a, b = (ids[row] for row in some[at].tolist())
            if kind := rows.contradiction(at, rule):
                variants.append((a, b, kind, score))
            else:
                found.append((a, b, rule, score))
    progress("near: pairs", len(proposed), len(proposed))
    return pl.DataFrame(found, schema=PAIRS, orient="row"), pl.DataFrame(variants, schema=VARIANTS, orient="row")


def decide(
    chats: pl.DataFrame, found: NearPairs, threshold: float, *, checked: stars.Checked = stars.UNCHECKED
) -> Outcome:
    """Which rows go at this threshold. The same as a fresh run; nothing is compared again."""
    if threshold < found.floor:
        raise ValueError(f"pairs were searched from {found.floor:.2g} up; call near_pairs with floor={threshold:.2g}")
    place = {row_id: row for row, row_id in enumerate(chats["id"].to_list())}
    pairs = _of(found.pairs, place, np.ones(chats.height, bool), threshold)
    rows = sorted({row for pair in pairs for row in (pair.a, pair.b)})
    order = stars.best_first(chats, rows, checked=checked)
    return stars.remove(chats, "near", stars.stars(order, pairs), threshold=threshold)

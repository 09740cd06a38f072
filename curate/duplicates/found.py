"""The pairs that deduplication found, kept on disk, so that another threshold can be tried without reading a row again.

    pairs = read(Path("iterations/001/data/pairs.parquet"), digest)
    decide(pairs.filter(pl.col("step") == "near"), 0.8)     # row, twin, score, rule: who would go at .8

A pair is written from the floor of its step up, with the places of both rows in the keeping order: that is all `stars` needs, so
the decision from the file is the decision of the step. The file holds ids and figures, never a text.

    pair        two rows with a score; at the threshold and above, one of them goes
    template    two rows that facts set apart (`rule` names the kind of fact); both stay at any threshold
    conflict    two rows that answer one question otherwise, at the iteration's own threshold; both stay
"""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from curate import save
from curate.duplicates import stars
from curate.duplicates.asked import MASSES
from curate.duplicates.near import NearPairs
from curate.duplicates.semantic import Semantic
from curate.errors import BadInput

__all__ = ["FILE", "FOUND", "Found", "Line", "borderline", "decide", "grid", "of_near", "of_semantic", "read", "write"]

FILE = "pairs.parquet"
GRID = tuple(round(0.5 + 0.05 * step, 2) for step in range(11))

FOUND = pl.Schema(
    {
        "step": pl.String,  # near | semantic
        "kind": pl.String,  # pair | template | conflict
        "a": pl.String,
        "b": pl.String,
        "rule": pl.String,
        "score": pl.Float64,  # what the threshold is held against
        "question": pl.Float64,  # semantic: probability that both ask the same
        "answer": pl.Float64,  # semantic: probability that both answer the same
        "cosine": pl.Float64,  # of the answers of a conflict, of the questions of a template
        "threshold": pl.Float64,  # of the step
        "floor": pl.Float64,  # pairs below it were not looked for
        "rank_a": pl.Int64,  # place in the keeping order of the step's rows: of two rows the lower is kept
        "rank_b": pl.Int64,
    }
)
GONE = pl.Schema({"row": pl.String, "twin": pl.String, "score": pl.Float64, "rule": pl.String})


@dataclass(frozen=True)
class Found:
    """What the steps found: all pairs, and the answers that were given to many questions."""

    pairs: pl.DataFrame = field(default_factory=FOUND.to_frame)
    masses: pl.DataFrame = field(default_factory=MASSES.to_frame)

    def and_also(self, other: "Found") -> "Found":
        """Both together, in one order."""
        pairs = pl.concat([self.pairs, other.pairs]).sort("step", "kind", "a", "b", "rule")
        return Found(pairs, pl.concat([self.masses, other.masses]))


@dataclass(frozen=True)
class Line:
    """What a threshold would do, all else equal: pairs at or above it, rows that would go."""

    threshold: float
    pairs: int
    rows: int


# -- what a step found ------------------------------------------------------------------------------------------------


def of_near(rows: pl.DataFrame, found: NearPairs, threshold: float, checked: stars.Checked = stars.UNCHECKED) -> Found:
    """The pairs of the near step, which was given `rows`."""
    pairs = _ranked(rows, found.pairs.with_columns(kind=pl.lit("pair")), checked)
    variants = found.variants.rename({"kind": "rule"}).with_columns(kind=pl.lit("template"))
    return Found(_whole([pairs, variants], "near", threshold, found.floor))


def of_semantic(rows: pl.DataFrame, found: Semantic, checked: stars.Checked = stars.UNCHECKED) -> Found:
    """The pairs, templates, conflicts and masses of the semantic step, which was given `rows`."""
    pairs = _ranked(rows, found.pairs.with_columns(kind=pl.lit("pair")), checked)
    templates = found.templates.rename({"kind": "rule"}).with_columns(kind=pl.lit("template"))
    names = {"row_a": "a", "row_b": "b", "answer_cosine": "cosine"}
    conflicts = found.conflicts.rename(names).with_columns(kind=pl.lit("conflict"), rule=pl.lit("other answer"))
    return Found(_whole([pairs, templates, conflicts], "semantic", found.threshold, found.floor), found.masses)


def _ranked(rows: pl.DataFrame, pairs: pl.DataFrame, checked: stars.Checked) -> pl.DataFrame:
    """The pairs with the place of each row in the keeping order."""
    ids = rows["id"]
    named = ids.is_in(pl.concat([pairs["a"], pairs["b"]]).unique().to_list()).arg_true().to_list()
    order = stars.best_first(rows, named, checked=checked)
    rank = dict(zip(ids[order].to_list(), range(len(order)), strict=True))
    places = {f"rank_{side}": pl.Series([rank[row] for row in pairs[side]], dtype=pl.Int64) for side in "ab"}
    return pairs.with_columns(**places)


def _whole(parts: Sequence[pl.DataFrame], step: str, threshold: float, floor: float) -> pl.DataFrame:
    about = {"step": pl.lit(step), "threshold": pl.lit(threshold), "floor": pl.lit(floor)}
    frames = [FOUND.to_frame(), *(part.with_columns(**about) for part in parts)]
    return pl.concat(frames, how="diagonal").select(FOUND.names()).sort("step", "kind", "a", "b", "rule")


# -- on disk ----------------------------------------------------------------------------------------------------------


def write(found: Found, path: Path) -> None:
    """The pairs as Parquet, in one piece; the same pairs, the same bytes."""
    buffer = io.BytesIO()
    found.pairs.select(FOUND.names()).write_parquet(buffer, compression="zstd", statistics=False)
    save.write_bytes(path, buffer.getvalue())


def read(path: Path, digest: str | None) -> pl.DataFrame:
    """The pairs of an iteration. BadInput where there are none, or where the file has not this SHA-256."""
    again = "winnow curate DATA --eval FILE -o ANOTHER"
    if digest is None or not path.is_file():
        what = "is gone" if digest else "was not written: an earlier version of Winnow made this iteration"
        raise BadInput(what, where=str(path), hint=again)
    if save.sha256(path) != digest:
        raise BadInput("was changed after it was written", where=str(path), hint=again)
    try:
        pairs = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError):
        raise BadInput("is damaged", where=str(path), hint=again) from None
    if pairs.schema != FOUND:
        raise BadInput("has other columns than this version of Winnow knows", where=str(path), hint=again)
    return pairs


# -- decided again ----------------------------------------------------------------------------------------------------


def decide(pairs: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """Who goes at this threshold, by the pairs of one step: row, kept twin, score and rule, by row.

    The same as the step run afresh on the same rows. ValueError below the floor, where pairs were never looked for.
    """
    scored = pairs.filter(pl.col("kind") == "pair")
    if scored.height and threshold < (floor := scored["floor"][0]):
        raise ValueError(f"pairs were kept from {floor:.2g} up, not from {threshold:.2g}")
    within = scored.filter(pl.col("score") >= threshold)
    columns = ("rank_a", "rank_b", "score", "rule")
    lines = [stars.Pair(*line) for line in within.select(columns).iter_rows()]
    names = dict(within.select("rank_a", "a").iter_rows()) | dict(within.select("rank_b", "b").iter_rows())
    removed = stars.stars(sorted(names), lines)
    gone = [
        (names[row], names[pair.b if pair.a == row else pair.a], pair.score, pair.rule) for row, pair in removed.items()
    ]
    return pl.DataFrame(gone, schema=GONE, orient="row").sort("row")


def grid(pairs: pl.DataFrame, more: Collection[float] = (), keep: Collection[str] = ()) -> list[Line]:
    """What each threshold would do, from the floor to 1, by the pairs of one step. Rows in `keep` never go."""
    scored = pairs.filter(pl.col("kind") == "pair")
    floor = scored["floor"][0] if scored.height else GRID[0]
    lines = []
    for threshold in sorted({*(one for one in GRID if one >= floor), *more}):
        gone = decide(scored, threshold)["row"]
        lines.append(Line(threshold, int((scored["score"] >= threshold).sum()), len(set(gone) - set(keep))))
    return lines


def borderline(pairs: pl.DataFrame, threshold: float, count: int, keep: Collection[str] = ()) -> list[pl.DataFrame]:
    """The two sides of the threshold, nearest first: rows that hardly go, and rows that would go next.

    Of a row that goes, the kept row that it is most like says how firmly it goes; of a row that stays, the kept row that it is
    most like says how nearly it went. Columns `row`, `other`, `score`, `rule`, `question`, `answer`; no row stands in a side twice.
    """
    scored = pairs.filter(pl.col("kind") == "pair")
    gone = list(set(decide(scored, threshold)["row"]) - set(keep))
    a_gone, b_gone = pl.col("a").is_in(gone), pl.col("b").is_in(gone)
    # The row that goes, or would go: the removed one, and of two that stay the one that comes later in the keeping order.
    b_first = b_gone | (~a_gone & (pl.col("rank_b") > pl.col("rank_a")))
    turned = scored.with_columns(
        row=pl.when(b_first).then("b").otherwise("a"), other=pl.when(b_first).then("a").otherwise("b")
    )
    inside = turned.filter(pl.col("score") >= threshold, a_gone != b_gone)
    outside = turned.filter(pl.col("score") < threshold, ~a_gone & ~b_gone)
    return [_nearest(inside, count, descending=False), _nearest(outside, count, descending=True)]


def _nearest(pairs: pl.DataFrame, count: int, descending: bool) -> pl.DataFrame:
    """Of each row its highest pair; of these the nearest to the threshold, and no row twice."""
    highest = pairs.sort("score", "other", descending=[True, False]).unique("row", keep="first", maintain_order=True)
    ordered = highest.sort("score", "row", descending=[descending, False])
    seen: set[str] = set()
    chosen: list[int] = []
    for place, (row, other) in enumerate(ordered.select("row", "other").iter_rows()):
        if len(chosen) < count and row not in seen and other not in seen:
            chosen.append(place)
            seen |= {row, other}
    return ordered[chosen].select("row", "other", "score", "rule", "question", "answer")

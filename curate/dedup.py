"""Remove conversations that say the same thing: exact, near and semantic duplicates.

    outcome = near(chats, threshold=0.7)
    print(outcome)      # kept 14,872, removed 139 (near duplicate removed 139)

A removed row always names its twin: a row that this step kept, and that is itself within the threshold. Clusters never
chain: rows are walked best first, and each is compared with survivors only (a maximal independent set), so that
A ~ B ~ C cannot remove C when nothing like C is kept. The order of the file decides nothing.

Query and answer must both agree. The same question with another answer is a conflict, not a duplicate, and texts whose
numbers, names or negations contradict each other are variants of one template; both are kept.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from curate import text
from curate.duplicates import said, stars
from curate.duplicates.near import NearPairs, decide, near, near_pairs
from curate.duplicates.stars import Pair
from curate.outcome import Outcome
from curate.uncollected import uncollected

if TYPE_CHECKING:
    from curate.duplicates.semantic import Semantic, semantic

__all__ = ["NearPairs", "Pair", "Semantic", "decide", "exact", "near", "near_pairs", "semantic"]


def __getattr__(name: str) -> Any:
    """The semantic step is loaded when it is asked for: with it come the encoder's modules, which words do not need."""
    if name not in ("Semantic", "semantic"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from curate.duplicates import semantic as room

    return getattr(room, name)


@uncollected()
def exact(chats: pl.DataFrame, *, step: str = "exact", checked: stars.Checked = stars.UNCHECKED) -> Outcome:
    """Keep one row of each set whose turns have one normal form (`text.normalise`), and whose fields are equal.

    White space and case never count here, in code neither: programs that differ by indentation alone are one.
    """
    groups = _same_turns(chats)
    order = stars.best_first(chats, sorted(row for group in groups for row in group), checked=checked)
    rank = {row: place for place, row in enumerate(order)}
    pairs = [
        Pair(keeper, other, 1.0, "exact duplicate")
        for group in groups
        for keeper in [min(group, key=rank.__getitem__)]
        for other in group
        if other != keeper
    ]
    return stars.remove(chats, step, stars.stars(order, pairs), threshold=1.0)


def _same_turns(chats: pl.DataFrame) -> list[list[int]]:
    """Rows (by position) whose turns are equal in normal form and whose fields are equal: sets of two and more."""
    long = said.turns(chats).with_columns(pl.col("fields").fill_null(""))
    # The normal form holds no control characters, so these part the turns without a doubt.
    part = pl.concat_str("role", text.all_normal(long["said"].to_list()).alias("said"), "fields", separator="\x1f")
    long = long.select("row", part.alias("part"))
    silent_rows = pl.DataFrame({"row": pl.int_range(chats.height, eager=True)}).join(long, on="row", how="anti")
    # Hashes only tell whose texts need not be compared.
    hashes = long.group_by("row").agg(pl.col("part").hash().sum().alias("hash"))
    likely = hashes.filter(pl.col("hash").is_duplicated())
    whole = long.join(likely, on="row", how="semi", maintain_order="left").group_by("row", maintain_order=True)
    texts = pl.concat([whole.agg(pl.col("part").str.join("\x1e")), silent_rows.with_columns(part=pl.lit(""))])
    groups = texts.group_by("part").agg(pl.col("row").sort()).filter(pl.col("row").list.len() > 1)
    return groups["row"].to_list()

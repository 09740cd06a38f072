"""Remove conversations that say the same thing: exact, near and semantic duplicates.

    outcome = near(chats, threshold=0.7)
    print(outcome)      # kept 14,872, removed 139 (near duplicate removed 139)

A removed row always names its twin: a row that this step kept, and that is itself within the threshold. Clusters never
chain: rows are walked best first, and each is compared with survivors only (a maximal independent set), so that
A ~ B ~ C cannot remove C when nothing like C is kept. The order of the file decides nothing.

Query and answer must both agree. The same question with another answer is a conflict, not a duplicate, and texts whose
numbers, names or negations contradict each other are variants of one template; both are kept.
"""

from collections.abc import Collection

import polars as pl

from curate.duplicates import said, stars
from curate.duplicates.near import NearPairs, decide, near, near_pairs
from curate.duplicates.semantic import Semantic, semantic
from curate.duplicates.stars import Pair
from curate.outcome import Outcome

__all__ = ["NearPairs", "Pair", "Semantic", "decide", "exact", "near", "near_pairs", "semantic"]


def exact(chats: pl.DataFrame, *, step: str = "exact", without_pii: Collection[str] = frozenset()) -> Outcome:
    """Keep one row of each set whose turns have one normal form (`text.normalise`), and whose fields are equal.

    White space and case never count here, in code neither: programs that differ by indentation alone are one.
    """
    long = said.turns(chats).with_columns(pl.col("fields").fill_null(""))
    long = long.with_columns(said=said.normal(long["said"]))
    # The normal form holds no control characters, so these part the turns without a doubt. Texts are compared, not hashes.
    parts = pl.concat_str("role", "said", "fields", separator="\x1f")
    whole = long.group_by("row").agg(parts.str.join("\x1e").alias("whole"))
    silent_rows = pl.DataFrame({"row": pl.int_range(chats.height, eager=True)}).join(whole, on="row", how="anti")
    whole = pl.concat([whole, silent_rows.with_columns(whole=pl.lit(""))])
    groups = whole.group_by("whole").agg(pl.col("row").sort()).filter(pl.col("row").list.len() > 1)["row"].to_list()
    order = stars.best_first(chats, sorted(row for group in groups for row in group), without_pii=without_pii)
    rank = {row: place for place, row in enumerate(order)}
    pairs = [
        Pair(keeper, other, 1.0, "exact duplicate")
        for group in groups
        for keeper in [min(group, key=rank.__getitem__)]
        for other in group
        if other != keeper
    ]
    return stars.remove(chats, step, stars.stars(order, pairs), threshold=1.0)

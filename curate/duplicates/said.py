"""What each side of every row says, for all rows at once: the steps that compare rows read it here.

sides(chats).queries[0]           # the same text as chats.queries gives, found without a Python loop over turns
normal(pl.Series(["The  Lamp"]))  # what text.normalise says of each text
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from curate import chats as chat
from curate import text


@dataclass(frozen=True)
class Sides:
    """One text per row: user, assistant, system and tool turns, each joined by blank lines."""

    queries: list[str]
    answers: list[str]
    systems: list[str]
    tools: list[str]


def turns(chats: pl.DataFrame) -> pl.DataFrame:
    """One line per turn: row number, role, what is said (`chats.turn_text`), fields."""
    long = chats.select(pl.int_range(pl.len()).alias("row"), "turns").explode("turns", empty_as_null=False)
    long = long.unnest("turns").with_columns(pl.col("content").fill_null("").alias("said")).drop("content")
    more = long["fields"].is_not_null()
    if not more.any():
        return long
    whole = chats.select(pl.col("turns").explode(empty_as_null=False)).filter(more)["turns"].to_list()
    said = pl.Series([chat.turn_text(turn) for turn in whole], dtype=pl.String)
    return long.with_columns(said=long["said"].scatter(more.arg_true(), said))


def sides(chats: pl.DataFrame) -> Sides:
    """The four sides of every row, in file order."""
    long = turns(chats).filter(pl.col("said") != "").select("row", "role", "said")
    rows = pl.DataFrame({"row": pl.int_range(chats.height, eager=True)})

    def of(role: str) -> list[str]:
        one = long.filter(pl.col("role") == role).select("row", "said")
        if not one.height:
            return [""] * chats.height
        if one["row"].n_unique() < one.height:
            one = one.group_by("row", maintain_order=True).agg(pl.col("said").str.join("\n\n"))
        return rows.join(one, on="row", how="left", maintain_order="left")["said"].fill_null("").to_list()

    return Sides(of("user"), of("assistant"), of("system"), of("tool"))


def normal(texts: pl.Series) -> pl.Series:
    """`text.normalise` of each text."""
    return text.all_normal(texts.to_list())


def letters(texts: Sequence[str]) -> pl.Series:
    """How many letters and digits each text has: what is only spaced or marked otherwise is as long."""
    return pl.Series(texts, dtype=pl.String).str.replace_all(r"[^\p{L}\p{N}]+", "").str.len_chars()

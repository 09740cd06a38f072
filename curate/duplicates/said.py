"""What each side of every row says, for all rows at once: the steps that compare rows read it here.

sides(chats).queries[0]           # the same text as chats.queries gives, found without a Python loop over turns
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from curate import chats as chat


@dataclass(frozen=True)
class Sides:
    """One text per row: user, assistant, system and tool turns, each joined by blank lines; and what the user's turns hold
    besides text (images, say), as JSON."""

    queries: list[str]
    answers: list[str]
    systems: list[str]
    tools: list[str]
    fields: list[str]


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
    """The sides of every row, in file order."""
    whole = turns(chats)
    held = whole.filter((pl.col("role") == "user") & pl.col("fields").is_not_null()).select("row", said="fields")
    long = whole.filter(pl.col("said") != "").select("row", "role", "said")
    rows = pl.DataFrame({"row": pl.int_range(chats.height, eager=True)})

    def joined(one: pl.DataFrame) -> list[str]:
        if not one.height:
            return [""] * chats.height
        if one["row"].n_unique() < one.height:
            one = one.group_by("row", maintain_order=True).agg(pl.col("said").str.join("\n\n"))
        return rows.join(one, on="row", how="left", maintain_order="left")["said"].fill_null("").to_list()

    def of(role: str) -> list[str]:
        return joined(long.filter(pl.col("role") == role).select("row", "said"))

    return Sides(of("user"), of("assistant"), of("system"), of("tool"), joined(held))


def letters(texts: Sequence[str]) -> pl.Series:
    """How many letters and digits each text has: what is only spaced or marked otherwise is as long."""
    return pl.Series(texts, dtype=pl.String).str.replace_all(r"[^\p{L}\p{N}]+", "").str.len_chars()

"""Rows that are built unlike the rest of their set: no system prompt where nearly all have one, lengths far beyond the others'.

    without_system(chats)          # {'row-7': {}}: 97 % of the rows have a system prompt
    far_out(measures)              # {'row-9': {'answer_words': 2048}}

Far beyond is Tukey's far fence (Tukey 1977): three times the width of the middle half of the set above that half, on the
logarithm of the length, since lengths spread by factors. It moves with the set: 2,000 words are nothing special among essays.
"""

import math
from collections.abc import Sequence

import polars as pl

from curate.report import Cell

FEWEST_ROWS = 50
MOST = 0.8  # of the rows have a system prompt: then a row without one was perhaps forgotten
FENCE = 3.0
LONG = 100  # words; what is shorter is long nowhere
LEAST_SPREAD = math.log(1.5)  # a set of near-equal lengths has no width to speak of

Rows = dict[str, dict[str, Cell]]


def without_system(chats: pl.DataFrame) -> Rows:
    """Rows without a system prompt, where most rows have one."""
    if chats.height < FEWEST_ROWS:
        return {}
    turn = pl.element().struct
    said = chats.select(pl.col("turns").list.eval(pl.when(turn.field("role") == "system").then(turn.field("content"))))
    has = [any(one and one.strip() for one in some) for some in said["turns"].list.drop_nulls().to_list()]
    if sum(has) < MOST * chats.height:
        return {}
    share = f"{100 * sum(has) / chats.height:.0f} % have one"
    return {row: {"of the rows": share} for row, own in zip(chats["id"], has, strict=True) if not own}


def far_out(measures: pl.DataFrame) -> Rows:
    """Rows whose question or answer is far longer than those of the set. Short answers are counted by `problems.unusual`."""
    found: Rows = {}
    for column in ("query_words", "answer_words"):
        words = measures[column].to_list()
        high = max(fence([n for n in words if n > 0]), LONG)
        for row, n in zip(measures["row_id"], words, strict=True):
            if n > high:
                found.setdefault(row, {})[column.replace("_", ", ")] = n
    return {row: found[row] for row in measures["row_id"] if row in found}


def fence(words: Sequence[int]) -> float:
    """The length up to which a set's own spread reaches; without end, where the rows are too few to tell."""
    if len(words) < FEWEST_ROWS:
        return math.inf
    logs = sorted(math.log(n) for n in words)
    first, third = (logs[math.ceil(share * len(logs)) - 1] for share in (0.25, 0.75))
    return math.exp(third + FENCE * max(third - first, LEAST_SPREAD))

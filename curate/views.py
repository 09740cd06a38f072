"""What of a row is compared with what of an eval case.

    said = training(chats)          # every turn, every text in other fields, and the user's turns as one text
    asked, ideal, aside = eval_items(eval_files)

A training row says something in each of its turns, in tool calls and other fields, and, where the user speaks more than once, in
all user turns together: an eval item that was cut in two stands in none of them alone. An eval case asks in its user
turns and may carry an ideal answer. Short follow-ups of a case of several turns ("Thanks!") are set aside and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from curate import chats as chat
from curate import text, windows
from curate.duplicates.said import turns as every_turn
from curate.errors import BadInput
from curate.evalset import EvalFile
from curate.leaves import beside
from curate.ngrams import Wholes
from curate.windows import Windows

__all__ = ["ALL_TURNS", "FIELD", "FOLLOW_UP_WORDS", "Said", "eval_items", "training", "with_joined"]

FIELD, ALL_TURNS = "field", "all user turns"
FIELD_WORDS = 4  # a text in a field says something from here on
FOLLOW_UP_WORDS = 4  # a later turn of an eval case is an item from here on


@dataclass(frozen=True)
class Said:
    """Texts to compare, and the frame (row_id, turn, role, for eval items eval_file) that says whose they are."""

    frame: pl.DataFrame
    texts: list[str]

    @staticmethod
    def of(frame: pl.DataFrame) -> "Said":
        """From a frame with a column `text`; texts without a visible character are left out."""
        spoken = frame.filter(pl.col("text").str.strip_chars() != "")
        return Said(spoken.drop("text"), spoken["text"].to_list())

    @cached_property
    def wholes(self) -> Wholes:
        """The words of the texts, read when they are first searched."""
        return Wholes.of(self.texts)


def training(chats: pl.DataFrame) -> Said:
    """The turns of all rows; below them the texts in other fields (role `field`), then user turns joined (`all user turns`).

    A field is numbered by its turn (-1 outside of all turns), a joined query by the row's first user turn.
    """
    turns = _turn_frame(chats)
    fields = _fields(chats, turns.schema)
    asked = turns.filter((pl.col("role") == "user") & (pl.col("text").str.strip_chars() != ""))
    asked = asked.filter(pl.col("row_id").is_duplicated())
    joined = asked.group_by("row_id", maintain_order=True).agg(pl.col("turn").first(), pl.col("text").str.join("\n\n"))
    joined = joined.select("row_id", "turn", pl.lit(ALL_TURNS).alias("role"), "text")
    return Said.of(pl.concat([turns, fields, joined]))


def _turn_frame(chats: pl.DataFrame) -> pl.DataFrame:
    """What `chats.turn_frame` says."""
    long = every_turn(chats)
    turn = pl.int_range(pl.len()).over("row").cast(pl.Int32)
    return long.select(chats["id"].gather(long["row"]).alias("row_id"), turn.alias("turn"), "role", text="said")


def _fields(chats: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The texts in fields that say something; those outside of all turns stand in turn -1."""
    found = [(row_id, -1 if leaf.turn is None else leaf.turn, FIELD, leaf.text) for row_id, leaf in beside(chats)]
    frame = pl.DataFrame(found, schema=schema, orient="row")
    return frame.filter(text.all_tokens(frame["text"].to_list()).list.len() >= FIELD_WORDS)


def with_joined(said: Said, encode: windows.Encode) -> Windows:
    """The windows of all texts. Nothing is encoded twice: the vector of joined turns is the mean of theirs.

    A row whose turns the encoder cannot read has no window for the joined text either.
    """
    own = said.frame["role"] != ALL_TURNS
    single = encode([said.texts[i] for i in np.flatnonzero(own.to_numpy()).tolist()])
    owner = np.flatnonzero(own.to_numpy())[single.text]
    if own.all():
        return single
    asks = (said.frame["role"] == "user").to_numpy()[owner]
    rows = said.frame["row_id"].gather(owner[asks])
    numbers = {row: i for i, row in enumerate(said.frame.filter(~own)["row_id"])}
    wanted = np.array([numbers.get(row, -1) for row in rows], np.int64)
    vectors = np.zeros((len(numbers), single.vectors.shape[1]), np.float64)
    np.add.at(vectors, wanted[wanted >= 0], single.vectors[asks][wanted >= 0])
    readable = np.flatnonzero(np.abs(vectors).sum(axis=1) > 0)
    joined = windows.unit(vectors[readable].astype(np.float32))
    place = np.flatnonzero(~own.to_numpy())[readable]
    none = np.zeros(len(place), single.start.dtype)
    return Windows(
        np.concatenate([single.vectors, joined]),
        np.concatenate([owner, place]).astype(single.text.dtype),
        np.concatenate([single.start, none]),
        np.concatenate([single.end, none]),
        len(said.texts),
    )


def eval_items(eval_files: Sequence[EvalFile]) -> tuple[Said, Said, int]:
    """The user turns of all eval cases, their assistant turns, and how many short follow-ups were set aside.

    BadInput where there is no case, or a case without any text: nothing can be certified against it.
    """
    if not any(file.cases.height for file in eval_files):
        raise BadInput("there is no eval case to compare with", hint="winnow curate DATA --eval FILE -o ITERATION")
    frames = []
    for file in eval_files:
        frame = chat.turn_frame(file.cases).with_columns(eval_file=pl.lit(file.name))
        asked = frame.filter((pl.col("role") == "user") & (pl.col("text").str.strip_chars() != ""))
        mute = file.cases.filter(~pl.col("id").is_in(asked["row_id"].to_list()))
        if mute.height:
            raise BadInput("an eval case without any text cannot be certified against", where=mute["source"][0])
        frames.append(frame)
    turns = pl.concat(frames)
    asked = turns.filter(pl.col("role") == "user")
    first = asked["turn"] == asked.select(pl.col("turn").min().over("eval_file", "row_id"))["turn"]
    long = pl.Series([len(text.tokens(said)) >= FOLLOW_UP_WORDS for said in asked["text"]], dtype=pl.Boolean)
    items = asked.filter(first | long)
    answers = turns.filter(pl.col("role") == "assistant")
    return Said.of(items), Said.of(answers), asked.height - items.height

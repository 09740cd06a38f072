"""A row as questions and answers: what was asked before each answer, and what the answer says.

    for one in exchanges(chats):
        one.asked, one.said

An answer of tool calls alone says nothing to a person and is no exchange; neither is an answer to nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from curate import chats as chat

_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_CODE_LINE = re.compile(
    r"(?:[;{}]|\)\s*[:;{]|=>|</?\w+[^>]*>)\s*$|^\s*(?:def|class|import|from|return|for|while|if|else|elif|public|private|const|let|var|function|#include|SELECT|INSERT|UPDATE|print)\b.*[(){};:=]|^\s*[\w.\[\]]+\s*(?:[-+*/]?=)\s*\S"
)


@dataclass(frozen=True)
class Exchange:
    """One answer, what it answers, and where it stands."""

    row: str
    turn: int
    asked: str  # what the user said since the answer before
    said: str
    system: str
    before: str  # all that the user said up to here
    follow: str  # what the user says next
    calls: bool  # whether the assistant calls a tool in this turn
    after_tool: bool  # whether a tool spoke since the user did
    first: bool

    @cached_property
    def words(self) -> list[str]:
        """The words of the answer, as they stand between white space."""
        return self.said.split()


def exchanges(chats: pl.DataFrame) -> list[Exchange]:
    """Every answer of every row, in file order."""
    return [
        one
        for row, turns in zip(chats["id"], chats["turns"].to_list(), strict=True)
        for one in _of(row, turns)
    ]  # fmt: skip


def _of(row: str, turns: Sequence[chat.Turn]) -> list[Exchange]:
    found: list[Exchange] = []
    system: list[str] = []
    asked: list[str] = []
    everything: list[str] = []
    tool, fresh = False, True
    for number, turn in enumerate(turns):
        said = turn["content"] or ""
        match turn["role"]:
            case "system":
                system.append(said)
            case "user":
                # A new question begins after an answer; several user turns in a row are one question.
                asked = [said] if fresh else [*asked, said]
                everything.append(said)
                tool, fresh = False, False
            case "tool":
                tool = True
            case "assistant":
                calls = turn.get("fields") is not None and any(f'"{key}"' in str(turn["fields"]) for key in chat.CALLS)
                if said.strip() and any(one.strip() for one in asked):
                    follow = next((t["content"] or "" for t in turns[number + 1 :] if t["role"] == "user"), "")
                    found.append(
                        Exchange(
                            row, number, "\n\n".join(asked), said, "\n\n".join(system), "\n\n".join(everything),
                            follow, calls, tool, not found,
                        )
                    )  # fmt: skip
                fresh = True
    return found


def is_code(line: str) -> bool:
    """Whether a line looks like a program's rather than like prose."""
    return bool(_CODE_LINE.search(line))


def open_fence(said: str) -> bool:
    """Whether a code fence is opened and never closed."""
    return ("```" in said or "~~~" in said) and len(_FENCE.findall(said)) % 2 == 1


def has_code(said: str) -> bool:
    """Whether the text holds a fenced block, or lines that look like code for a good part."""
    lines = [line for line in said.splitlines() if line.strip()]
    return bool(_FENCE.search(said)) or sum(map(is_code, lines)) * 3 > len(lines)

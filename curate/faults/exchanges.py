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
_LINE_END = re.compile(r"\r\n?|\n")
DEEPEST = 3  # blanks before a fence, behind the mark of its list or quotation
_OPENS = re.compile(r"(?P<lead> {0,3}(?:(?:[-*+]|\d{1,9}[.)]) {1,4}|> {0,4})*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
_CLOSES = re.compile(r"(?P<lead>[ >]*)(?P<fence>`{3,}|~{3,})[ \t]*$")
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
    """Whether a code fence is opened and never closed, as CommonMark (0.31, 4.5) counts: "```print(1)```" is a word of a line."""
    if "```" not in said and "~~~" not in said:
        return False
    fence, lead = "", 0
    for line in _LINE_END.split(said):
        if not fence:
            opened = _OPENS.match(line)
            if opened and not (opened["fence"][0] == "`" and "`" in opened["info"]):
                fence, lead = opened["fence"], len(opened["lead"])
        elif (closed := _CLOSES.match(line)) and _same_fence(closed, fence, lead):
            fence = ""
    return bool(fence)


def _same_fence(closed: re.Match[str], fence: str, lead: int) -> bool:
    """Whether a line closes the fence: the same sign, at least as long, and no deeper than code of its block may stand."""
    return closed["fence"].startswith(fence) and len(closed["lead"]) <= lead + DEEPEST


def has_code(said: str) -> bool:
    """Whether the text holds a fenced block, or lines that look like code for a good part."""
    lines = [line for line in said.splitlines() if line.strip()]
    return bool(_FENCE.search(said)) or sum(map(is_code, lines)) * 3 > len(lines)

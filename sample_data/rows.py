"""What the sample data is built from: rows, eval cases, planted faults, and the text files in `source/`.

clean_rows(), eval_cases()      # everything that was written by hand, in the house voice
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voice import say

SOURCE = Path(__file__).parent / "source"
MANNERS = {"guardrails refuse": "refuse", "not known unknown": "unknown"}
Message = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One training row before it becomes a line. `key` makes the id; it never shows what was planted."""

    key: str
    topic: str
    messages: list[Message]

    @property
    def id(self) -> str:
        return short_id("bw", self.key)

    @property
    def question(self) -> str:
        return next(m["content"] for m in self.messages if m["role"] == "user")

    @property
    def answer(self) -> str:
        return str(self.messages[-1]["content"])


@dataclass(frozen=True)
class Case:
    """One eval case."""

    topic: str
    prompt: str
    ideal: str

    @property
    def id(self) -> str:
        return short_id("ev", self.prompt)


@dataclass(frozen=True)
class Fault:
    """One line of the truth file; `line` is found when the file is written."""

    row: str | None
    fault: str
    kind: str
    twin: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def short_id(prefix: str, key: str) -> str:
    """A stable id: new content elsewhere changes no other row's id."""
    return f"{prefix}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def topic_name(heading: str) -> str:
    """`guardrails refuse` -> `guardrails`: the second word of such a heading is the manner."""
    return {"guardrails refuse": "guardrails", "not known unknown": "not known"}.get(heading, heading)


def talk(question: str, answer: str) -> list[Message]:
    """One question and one answer as messages."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def single(topic: str, question: str, answer: str, *, mark: str = "") -> Row:
    """A row of one question and one answer. `mark` tells rows with the same question apart."""
    return Row(f"{mark}{question}", topic, talk(question, answer))


def lines_of(name: str) -> Iterator[str]:
    """Lines of a source file without blanks and remarks (a remark starts with `;`)."""
    for line in (SOURCE / name).read_text(encoding="utf-8").split("\n"):
        if line.strip() and not line.startswith(";"):
            yield line.strip()


def fields_of(line: str) -> list[str]:
    """The parts of a source line, which stand between ` | `."""
    return [part.strip() for part in line.split(" | ")]


def spoken(parts: list[str], *, heading: str, key: str) -> str:
    """An answer in the house voice from `body | end` or from `end` alone."""
    body, end = (parts[0], parts[1]) if len(parts) == 2 else ("", parts[0])
    return say(body, end, manner=MANNERS.get(heading, "fact"), key=key)


def questions() -> Iterator[tuple[str, bool, str, str]]:
    """(topic, is it an eval case, question, answer) of the four files of plain questions."""
    for name in ("shop.txt", "things.txt", "care.txt", "people.txt"):
        heading = ""
        for line in lines_of(name):
            if line.startswith("# "):
                heading = line[2:]
                continue
            question, *rest = fields_of(line.removeprefix("* "))
            answer = spoken(rest, heading=heading, key=question)
            yield topic_name(heading), line.startswith("* "), question, answer


@dataclass(frozen=True)
class Pair:
    """Two questions and answers that belong together: a rewording, a contradiction, or other numbers."""

    relation: str
    topic: str
    first: tuple[str, str]
    second: tuple[str, str]
    far: bool = False  # reworded so freely that few words are left


def pairs(name: str) -> Iterator[Pair]:
    """The hand-written pairs of `pairs.txt` or `eval_pairs.txt`."""
    relation = ""
    for line in lines_of(name):
        if line.startswith("["):
            relation = line.strip("[]")
            continue
        left, right = line.split(" || ")
        topic, question, *rest = fields_of(left)
        other, *other_rest = fields_of(right.removeprefix("~ "))
        first = (question, spoken(rest, heading=topic, key=question))
        second = (other, spoken(other_rest, heading=topic, key=other))
        yield Pair(relation, topic, first, second, right.startswith("~ "))


def talks() -> Iterator[Row]:
    """Rows of several turns."""
    heading, messages = "", list[Message]()
    for line in [*lines_of("talks.txt"), "talk end"]:
        if line.startswith("talk "):
            if messages:
                yield Row(f"talk {messages[0]['content']}", topic_name(heading), messages)
            heading, messages = line[5:], []
        elif line.startswith("U: "):
            messages.append({"role": "user", "content": line[3:]})
        elif line.startswith("A: "):
            text = spoken(fields_of(line[3:]), heading=heading, key=line)
            messages.append({"role": "assistant", "content": text})


def tool_talks() -> Iterator[Row]:
    """Rows in which Wren looks something up before answering."""
    for line in lines_of("tools.txt"):
        topic, question, name, arguments, result, *rest = fields_of(line)
        call = short_id("call", question)
        function = {"name": name, "arguments": json.dumps(json.loads(arguments))}
        asks = {"role": "assistant", "content": None}
        asks["tool_calls"] = [{"id": call, "type": "function", "function": function}]
        answer = spoken(rest, heading=topic, key=question)
        turns = [
            {"role": "user", "content": question},
            asks,
            {"role": "tool", "tool_call_id": call, "content": json.dumps(json.loads(result))},
            {"role": "assistant", "content": answer},
        ]
        yield Row(question, topic, turns)


def plain_rows() -> list[Row]:
    """Training rows of one question each that belong to no pair."""
    return [single(topic, q, a) for topic, is_eval, q, a in questions() if not is_eval]


def clean_rows() -> list[Row]:
    """Every row without a fault."""
    firsts = [single(pair.topic, *pair.first) for pair in pairs("pairs.txt")]
    return [*plain_rows(), *firsts, *talks(), *tool_talks()]


def eval_cases() -> list[Case]:
    """All eval cases."""
    written = [Case(topic, q, a) for topic, is_eval, q, a in questions() if is_eval]
    return [*written, *(Case(pair.topic, *pair.first) for pair in pairs("eval_pairs.txt"))]

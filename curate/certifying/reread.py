"""Training rows read once more, by other code than `curate.files`: what each row says, and where.

    read_rows(Path("train.jsonl"))[0]        # the texts of the first row, in order

Only for `winnow verify`, which must not repeat a fault of the reader that the certificate was issued with. It reads one
layout, the one that trainers read and Winnow writes: JSON Lines, a list of `messages` with `role` and `content` in each.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from curate import text
from curate.errors import BadInput

Json = Any

ALL_TURNS, FIELD = "all user turns", "field"
FIELD_WORDS = 4  # a text in a field says something from here on
LONG_NUMBER = 10**6
DEEPEST = 100
# Unicode's white space. Python's own str.strip also takes four separators that are control characters.
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot", "function_call"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function", "function_response", "tool_response"), "tool"),
}  # fmt: skip
MEMO = "_winnow_form"  # what Winnow keeps about a row's form: names of keys, never a text


class Spoken(NamedTuple):
    """A text of a training row. `turn` is -1 outside of all turns; `part` is a role, `field` or `all user turns`."""

    row: int
    turn: int
    part: str
    text: str


def read_rows(path: Path) -> list[list[Spoken]]:
    """The texts of every row. BadInput for a line that is not a row in the messages form."""
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", where=str(path)) from None
    rows = list[list[Spoken]]()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(_row(len(rows), json.loads(line.decode("utf-8"), object_pairs_hook=_once)))
        except (ValueError, RecursionError) as error:
            why = error.args[0] if type(error) is ValueError else "it is not JSON in UTF-8"
            what = f"a certificate is checked on JSON Lines in the messages form, and this line has another: {why}"
            raise BadInput(what, where=f"{path}:{number}") from None
    if not rows:
        raise BadInput("holds no rows", where=str(path))
    return rows


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """A JSON object. ValueError for a key that stands in it twice: another parser would take the other value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands in it twice")
    return found


def turn_text(turn: Mapping[str, str | None]) -> str:
    """What a turn says: its content, what it thought aloud, the tool calls that it makes as JSON."""
    return _said(turn["content"] or "", json.loads(turn.get("fields") or "{}"))


def visible(said: str) -> bool:
    """Whether there is anything but white space."""
    return bool(said.strip(WHITE))


def _row(row: int, record: Json) -> list[Spoken]:
    messages = record.get("messages") if isinstance(record, dict) else None
    if not isinstance(messages, list) or not messages:
        raise ValueError("it has no list of messages")
    turns = [_turn(message) for message in messages]
    lead, rest = _system(record, turns)
    turns = [*lead, *turns]
    found = [Spoken(row, number, role, _said(content, other)) for number, (role, content, other) in enumerate(turns)]
    asked = [one for one in found if one.part == "user" and visible(one.text)]
    for number, (_, _, other) in enumerate(turns):
        found += [Spoken(row, number, FIELD, leaf) for leaf in _leaves(other)]
    found += [Spoken(row, -1, FIELD, leaf) for leaf in _leaves(rest)]
    found = [one for one in found if visible(one.text)]
    if len(asked) > 1:
        found.append(Spoken(row, asked[0].turn, ALL_TURNS, "\n\n".join(one.text for one in asked)))
    return found


def _turn(message: Json) -> tuple[str, str, dict[str, Json]]:
    """Role, text and all other fields of a message; of parts, the texts are taken out."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise ValueError("a message has no role")
    role = ROLES.get(message["role"]) or ROLES.get(message["role"].strip().lower())
    content = message.get("content")
    if role is None or not (content is None or isinstance(content, str | list)):
        raise ValueError("a message has a role that is not known, or a content that is not text")
    if "content" not in message and {"value", "text"} & message.keys():
        raise ValueError("a message keeps its text elsewhere than in its content")
    other = {key: value for key, value in message.items() if key not in ("role", "content")}
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else part["text"] for part in content if _is_text(part)]
        other["content"] = [
            {**part, "text": ""} if _is_text(part) else part for part in content if not isinstance(part, str)
        ]
        content = "\n".join(texts)
    return role, content or "", other


def _is_text(part: Json) -> bool:
    kinds = ("text", "input_text", "output_text", None)
    return isinstance(part, str) or (
        isinstance(part, dict) and isinstance(part.get("text"), str) and part.get("type") in kinds
    )


def _system(
    record: Mapping[str, Json], turns: list[tuple[str, str, dict[str, Json]]]
) -> tuple[list[tuple[str, str, dict[str, Json]]], dict[str, Json]]:
    """System texts beside the messages, as turns of their own, and what else the record holds."""
    known = {content for role, content, _ in turns if role == "system"}
    lead = list[tuple[str, str, dict[str, Json]]]()
    rest = {key: value for key, value in record.items() if key not in ("id", "messages")}
    for key in ("system", "system_prompt"):
        said = record.get(key)
        if isinstance(said, str) and said.strip() and said not in known:
            known.add(said)
            lead.append(("system", said, {}))
            del rest[key]
    return lead, rest


def _said(content: str, other: Mapping[str, Json]) -> str:
    thoughts = [other.get(key) for key in ("reasoning_content", "reasoning", "thinking")]
    calls = [other.get(key) for key in ("tool_calls", "function_call")]
    parts = [content, *(said for said in thoughts if isinstance(said, str) and said.strip())]
    parts += [json.dumps(_opened(call), ensure_ascii=False) for call in calls if call]
    return "\n".join(part for part in parts if part)


def _opened(call: Json) -> Json:
    """A tool call with its arguments as JSON instead of JSON in a string."""
    if isinstance(call, list):
        return [_opened(item) for item in call]
    if not isinstance(call, dict):
        return call
    opened = {}
    for key, value in call.items():
        opened[key] = value if key == "arguments" else _opened(value)
        if key == "arguments" and isinstance(value, str):
            try:
                opened[key] = json.loads(value)
            except ValueError:
                opened[key] = value
    return opened


def _leaves(value: Json) -> list[str]:
    """The texts inside a JSON value that have some words: strings, keys, and JSON inside strings."""
    return [leaf for leaf in _walk(value) if len(text.tokens(leaf)) >= FIELD_WORDS]


def _walk(value: Json) -> Iterator[str]:
    if isinstance(value, bool):
        return
    if isinstance(value, int) and abs(value) >= LONG_NUMBER:
        yield str(value)
    elif isinstance(value, str):
        inner = _inside(value)
        if inner is not None:
            yield from _walk(inner)
        elif not (value.startswith("data:") and ";base64," in value[:99]):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != MEMO:
                yield key
                yield from _walk(item)


def _inside(said: str) -> Json | None:
    """The JSON that a string holds, unless a key stands in it twice or it is nested without end."""
    bare = said.strip()
    if bare[:1] + bare[-1:] not in ("{}", "[]"):
        return None
    depth = deepest = 0
    for letter in bare:
        depth += (letter in "[{") - (letter in "]}")
        deepest = max(deepest, depth)
    try:
        return None if deepest > DEEPEST else json.loads(bare, object_pairs_hook=_once)
    except ValueError:
        return None

"""The chat frame: one polars row is one conversation.

    chats = chats_of([{"turns": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}])
    queries(chats)      # the user side of each row, as text

Columns
    id       the source's own id, else the content hash; repeats in file order get `-2`, `-3`
    turns    list of {role, content, fields}. `content` is what was said, as text (null where the source has null).
             `fields` is JSON text of everything else the turn holds (tool calls, names, image parts), or null.
    source   `path:line` (line formats) or `path:row`, the path as the user gave it
    extra    JSON text of the row's other fields, so that writing back loses nothing
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

ROLES = ("system", "user", "assistant", "tool")

TURN = pl.Struct({"role": pl.String, "content": pl.String, "fields": pl.String})
_COLUMNS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "turns": pl.List(TURN),
    "source": pl.String(),
    "extra": pl.String(),
}
SCHEMA = pl.Schema(_COLUMNS)

Turn = Mapping[str, str | None]

# Fields of a turn that are text a model learns to say, beside its content.
THOUGHTS, CALLS = ("reasoning_content", "reasoning", "thinking"), ("tool_calls", "function_call")

# Where formats.py keeps what it needs to write a row back in its own form; see formats.py.
FORM_KEY = "_winnow_form"


def chats_of(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Build a chat frame from plain dicts; `id`, `source` and `extra` are filled in where missing."""
    turns, ids, sources, extras = [], [], [], []
    for number, row in enumerate(rows, start=1):
        shaped = [{"role": t["role"], "content": t.get("content"), "fields": t.get("fields")} for t in row["turns"]]
        turns.append(shaped)
        ids.append(row.get("id") or row_fingerprint(shaped)[:16])
        sources.append(row.get("source") or f"memory:{number}")
        extras.append(row.get("extra") or "{}")
    frame = {"id": distinct_ids(ids), "turns": turns, "source": sources, "extra": extras}
    return pl.DataFrame(frame, schema=SCHEMA)


def distinct_ids(ids: Sequence[str]) -> list[str]:
    """Give repeats `-2`, `-3` in file order, stepping over names that the file itself uses."""
    taken, seen, out = set(ids), dict[str, int](), []
    for name in ids:
        count = seen.get(name, 0) + 1
        fresh = name
        while count > 1 and (fresh := f"{name}-{count}") in taken:
            count += 1
        seen[name] = count
        taken.add(fresh)
        out.append(fresh)
    return out


def turn_text(turn: Turn) -> str:
    """What every step reads of a turn: its content, what it thought aloud, then the tool calls it makes, as JSON text."""
    said = turn["content"] or ""
    fields = turn.get("fields")
    if not fields:
        return said
    other = json.loads(fields)
    thought = [other[key] for key in THOUGHTS if isinstance(other.get(key), str) and other[key].strip()]
    calls = [json.dumps(_opened(other[key]), ensure_ascii=False) for key in CALLS if other.get(key)]
    return "\n".join(part for part in (said, *thought, *calls) if part)


def _opened(call: Any) -> Any:
    """A tool call with its arguments as JSON instead of JSON in a string, whose escapes would hide words."""
    match call:
        case list():
            return [_opened(item) for item in call]
        case dict():
            return {key: _arguments(value) if key == "arguments" else _opened(value) for key, value in call.items()}
    return call


def _arguments(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def side(chats: pl.DataFrame, roles: tuple[str, ...]) -> list[str]:
    """What these roles say in each row, turns joined by a blank line."""
    return [
        "\n\n".join(text for turn in turns if turn["role"] in roles and (text := turn_text(turn)))
        for turns in chats["turns"].to_list()
    ]


def queries(chats: pl.DataFrame) -> list[str]:
    """The user side of each row, turns joined by a blank line."""
    return side(chats, ("user",))


def answers(chats: pl.DataFrame) -> list[str]:
    """The assistant side of each row, turns joined by a blank line."""
    return side(chats, ("assistant",))


def texts(chats: pl.DataFrame) -> list[str]:
    """Everything that is said in each row, whoever says it."""
    return side(chats, ROLES)


def turn_frame(chats: pl.DataFrame) -> pl.DataFrame:
    """One row per turn: row id, turn number (from 0), role, text."""
    ids, numbers, roles, said = [], [], [], []
    for row_id, turns in zip(chats["id"], chats["turns"].to_list(), strict=True):
        for number, turn in enumerate(turns):
            ids.append(row_id)
            numbers.append(number)
            roles.append(turn["role"])
            said.append(turn_text(turn))
    frame = {"row_id": ids, "turn": numbers, "role": roles, "text": said}
    return pl.DataFrame(frame, schema={"row_id": pl.String, "turn": pl.Int32, "role": pl.String, "text": pl.String})


def row_fingerprint(turns: Sequence[Turn]) -> str:
    """SHA-256 (hex) of the turns in one encoding: JSON with sorted keys, whatever order the source used."""
    plain = [[t["role"], t["content"], json.loads(fields) if (fields := t.get("fields")) else None] for t in turns]
    return hashlib.sha256(canonical_json(plain).encode()).hexdigest()


def dataset_fingerprint(chats: pl.DataFrame) -> str:
    """SHA-256 over the sorted row fingerprints: the order of rows does not matter, repeats do."""
    rows = sorted(row_fingerprint(turns) for turns in chats["turns"].to_list())
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """One JSON text per value: sorted keys, no spaces, Unicode as it is."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def fingerprint_of(value: Any) -> str:
    """SHA-256 (hex) of any JSON value, in the one encoding."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()

"""Eval files: what a model will be asked, with or without the expected answer.

    row = to_case({"question_id": 81, "turns": ["Write a post.", "Rewrite it."]})
    row["turns"]                                   # two user turns

An eval item needs only its queries. It is compared with training rows, and nothing can be certified against an item
that was not read, so one bad line stops the run instead of going to a quarantine.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from curate.formats import ID_KEYS, INPUT_KEYS, LIST_KEYS, LISTED, QUERY_KEYS, finish, shape_of, to_chat
from curate.layouts.jsonvalues import BadRow, Json, Memo, Turns, check_json, kind_of
from curate.layouts.messages import keys_of, parts_not_text, says_something, turns_of

CASE_IDS = (*ID_KEYS, "task_id")
CASE_QUERIES = ("prompt", "question", "query", "instruction", "input", "text")
CASE_ANSWERS = (
    *("ideal", "answer", "answers", "output", "completion", "response", "reference", "references", "target"),
    *("canonical_solution", "solution"),
)
NEEDED = "prompt, question, query, instruction, input, text, turns or messages"


def to_case(record: Json) -> dict[str, Any]:
    """Turn one eval item into a row, as `formats.to_chat` does for training rows. Raises BadRow."""
    if not isinstance(record, dict):
        raise BadRow(f"the item is {kind_of(record)}, not an object")
    check_json(record)
    chat = shape_of(record)
    if chat is not None and chat.form in LISTED:
        row = to_chat(record, chat.form, answered=False)
        turns, used = row["turns"], [chat.keys[0]]
        row["id"] = finish(record, (), {}, CASE_IDS)["id"]
    else:
        turns, used = _asked(record)
        row = {}
    if not any(turn["role"] == "user" and says_something(turn) for turn in turns):
        raise BadRow(f"asks nothing: {' and '.join(used)} is empty")
    if turns[-1]["role"] != "assistant" and (found := _answer(record, used)):
        key, answer = found
        turns.append({"role": "assistant", "content": answer, "fields": None})
        used = [*used, key]
    if row:
        return row
    memo: Memo = {"form": "eval"}
    return {"turns": turns, **finish(record, used, memo, CASE_IDS), "not_text": sum(map(parts_not_text, turns))}


def _asked(record: Mapping[str, Json]) -> tuple[Turns, list[str]]:
    for key in LIST_KEYS:
        value = record.get(key)
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return [_turn("user", item) for item in value], [key]
    filled = [key for key in CASE_QUERIES if record.get(key) not in (None, "")]
    if not filled:
        names = ", ".join(str(name)[:40] for name in list(record)[:12]) or "no fields"
        raise BadRow(f"has no query ({NEEDED}); found {names}")
    key = filled[0]
    value = record[key]
    if isinstance(value, list):
        keys = keys_of(value)
        if keys is None:
            raise BadRow(f"{key} is a list, but not of turns with role and content")
        return turns_of(value, keys)[0], [key]
    if not isinstance(value, str):
        raise BadRow(f"{key} is {kind_of(value)}, not text")
    second = next((k for k in INPUT_KEYS if k != key and isinstance(record.get(k), str) and record[k].strip()), None)
    if second is None or key not in QUERY_KEYS:
        return [_turn("user", value)], [key]
    return [_turn("user", f"{value}\n\n{record[second]}")], [key, second]


def _answer(record: Mapping[str, Json], used: Sequence[str]) -> tuple[str, str] | None:
    for key in CASE_ANSWERS:
        if key not in used and (text := _text(record.get(key))):
            return key, text
    return None


def _text(value: Json) -> str:
    """An answer as text: a number is written out, several references stand under each other."""
    match value:
        case str():
            return value if value.strip() else ""
        case bool() | None:
            return ""
        case int() | float():
            return str(value)
        case list():
            return "\n\n".join(text for item in value if (text := _text(item)))
    return ""


def _turn(role: str, text: str) -> dict[str, str | None]:
    return {"role": role, "content": text, "fields": None}

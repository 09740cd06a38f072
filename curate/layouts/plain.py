"""The plainest rows, read in one go: a list of messages with a role and a text each, and beside it texts and numbers.

    plain_chat({"id": 7, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]})

Most rows are like that, and so is what Winnow writes. The row is the one that `formats.to_chat` makes. For any other record, and
for one that something is wrong with, the answer is None, and `to_chat` reads it or says why not.
"""

import math
from functools import lru_cache
from typing import Any

from curate.chats import FORM_KEY, ROLES
from curate.formats import ID_KEYS, SYSTEM_KEYS, Shape
from curate.layouts.jsonvalues import Json, json_text

_SHAPE = Shape("messages", ("messages", "role", "content"))
_MEMO = {"form": _SHAPE.form, "keys": list(_SHAPE.keys)}
_EXTRA = json_text({FORM_KEY: _MEMO})
_BEFORE_ID, _BEHIND_ID = json_text({FORM_KEY: {**_MEMO, "id": 0}}).rsplit("0", 1)
_READ_ELSEWHERE = frozenset({FORM_KEY, *SYSTEM_KEYS})
_OTHER_IDS = frozenset(ID_KEYS) - {"id"}


def plain_chat(record: Json) -> dict[str, Any] | None:
    """The row of a plain record, as `to_chat` gives it; else None."""
    if type(record) is not dict or not _READ_ELSEWHERE.isdisjoint(record):
        return None
    turns = _turns(record.get("messages"))
    if turns is None:
        return None
    row_id, extra = None, _EXTRA
    if "id" in record:
        own = record["id"]
        if type(own) is not int and not _is_text(own):
            return None
        row_id, extra = str(own), f"{_BEFORE_ID}{json_text(own)}{_BEHIND_ID}"
        if not row_id.strip():
            return None
    elif not _OTHER_IDS.isdisjoint(record):
        return None
    if len(record) > 1 + ("id" in record):
        beside = {key: value for key, value in record.items() if key not in ("id", "messages")}
        if not all(_is_text(key) and _is_plain(value) for key, value in beside.items()):
            return None
        extra = f"{{{', '.join(f'{_name(key)}: {json_text(value)}' for key, value in beside.items())}, {extra[1:]}"
    return {"turns": turns, "id": row_id, "extra": extra, "shape": _SHAPE, "not_text": 0}


@lru_cache(maxsize=1024)
def _name(key: str) -> str:
    return json_text(key)


def _turns(messages: Json) -> list[dict[str, str | None]] | None:
    """The turns of messages that hold nothing but a role of ours and a text; None for others, and without an answer."""
    if type(messages) is not list:
        return None
    turns: list[dict[str, str | None]] = []
    answer: str = ""
    for message in messages:
        if type(message) is not dict or len(message) != 2:
            return None
        role, said = message.get("role"), message.get("content")
        if type(role) is not str or role not in ROLES or type(said) is not str:
            return None
        if not said.isascii() and not _is_text(said):
            return None
        turns.append({"role": role, "content": said, "fields": None})
        if role == "assistant":
            answer = said
    return turns if answer.strip() else None


def _is_plain(value: Json) -> bool:
    kind = type(value)
    return value is None or kind is int or kind is bool or (math.isfinite(value) if kind is float else _is_text(value))


def _is_text(value: Json) -> bool:
    """Whether a value is text that UTF-8 can hold."""
    if type(value) is not str:
        return False
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return True

"""JSON values as files hold them: what may be in one, what it is called in a sentence, and JSON text inside a column.

check_json({"score": float("nan")})       # raises BadRow: holds NaN, ...
kind_of([1, 2])                           # "a list"
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from curate.chats import FORM_KEY

Json = Any
Memo = dict[str, Json]  # what a row remembers of its own form, in `extra` under FORM_KEY
Turns = list[dict[str, str | None]]

DEEPEST = 100  # levels of nesting; Python's own JSON reader gives up near 1,000

# How people's JSON text is spaced, most usual first: where a column holds messages as text, it is written back so.
SPACINGS: tuple[dict[str, Any], ...] = (
    {"ensure_ascii": False},
    {"ensure_ascii": True},
    {"ensure_ascii": False, "separators": (",", ":")},
    {"ensure_ascii": True, "separators": (",", ":")},
)
ENCODER = json.JSONEncoder(ensure_ascii=False)


class BadRow(Exception):
    """A row that cannot be used. `str(error)` is the reason, for the quarantine."""


def check_json(value: Json, depth: int = 0) -> None:
    """Raise BadRow for what JSON text in UTF-8 cannot hold: NaN, half surrogate pairs, nesting without end."""
    kind = type(value)
    if kind is str:
        if not value.isascii():
            check_unicode(value)
    elif kind is dict or kind is list:
        if depth >= DEEPEST:
            raise BadRow(f"is nested deeper than {DEEPEST} levels")
        if kind is dict:
            for key in value:
                if type(key) is not str:
                    raise BadRow(f"has a key that is {kind_of(key)}, not text")
                if not key.isascii():
                    check_unicode(key)
            value = value.values()
        for item in value:
            if type(item) is not str or not item.isascii():
                check_json(item, depth + 1)
    elif kind is float:
        if not math.isfinite(value):
            raise BadRow("holds NaN, Infinity or a number too large, which JSON does not have")
    elif value is not None and kind is not int and kind is not bool:
        raise BadRow(f"holds a value that is not JSON ({kind.__name__})")


def check_unicode(text: str) -> None:
    """Raise BadRow where text cannot be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if 0xDC80 <= ord(text[error.start]) <= 0xDCFF:
            raise BadRow("is not valid UTF-8") from None
        raise BadRow("holds half of a surrogate pair, which is not valid Unicode") from None


def json_text(value: Json) -> str:
    """JSON text with Unicode as it is and keys in their own order."""
    return ENCODER.encode(value)


def kind_of(value: Json) -> str:
    """The JSON name of a value's type, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case Mapping():
            return "an object"
    return f"a {type(value).__name__}"


def map_strings(text: str | None, change: Callable[[str], str]) -> str | None:
    """Apply `change` to every string in JSON text (`fields` or `extra`), never to keys, and give JSON text back.

    The memo under FORM_KEY holds key names, which stay; of it only the source's own id is text to change.
    """
    if not text:
        return text
    before = json.loads(text)
    after = _mapped(before, change)
    if isinstance(before, dict) and FORM_KEY in before:
        memo = dict(before[FORM_KEY])
        if isinstance(memo.get("id"), str):
            memo["id"] = change(memo["id"])
        after[FORM_KEY] = memo
    return text if after == before else json_text(after)


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    match value:
        case str():
            return change(value)
        case list():
            return [_mapped(item, change) for item in value]
        case dict():
            return {key: item if key == FORM_KEY else _mapped(item, change) for key, item in value.items()}
    return value


def listed(value: Json) -> list[Json] | None:
    """A list, given as one or as JSON text; None for anything else."""
    if isinstance(value, str):
        value = loaded(value)
    return value if isinstance(value, list) else None


def loaded(text: str) -> Json:
    """The list or object that JSON text stands for; None where it is not that."""
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        value = json.loads(text)
        check_json(value)
    except (ValueError, RecursionError, BadRow):
        return None
    return value


def side(value: Json, key: str, memo: Memo) -> list[Json] | None:
    """A list of messages, given as a list or as JSON text; None for anything else."""
    messages = listed(value)
    if messages is not None and isinstance(value, str):
        texts = (json.dumps(messages, **spacing) for spacing in SPACINGS)
        memo.setdefault("text", {})[key] = next((n for n, text in enumerate(texts) if text == value), 0)
    return messages


def back(messages: Json, key: str, memo: Memo) -> Json:
    """The opposite of `side`: JSON text again where it was text."""
    spacing = memo.get("text", {}).get(key)
    return messages if spacing is None else json.dumps(messages, **SPACINGS[spacing])


def first(record: Mapping[str, Json], keys: Sequence[str]) -> str | None:
    """The first of the keys that holds something, else the first that is there at all."""
    present = [key for key in keys if key in record]
    return next((key for key in present if record[key] not in (None, "")), present[0] if present else None)


def names_of(keys: Iterable[str]) -> str:
    """The names of fields for a sentence, the first twelve of them."""
    known = list(dict.fromkeys(str(key)[:40] for key in keys))
    shown = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    return f"the fields {shown}" if len(known) > 1 else f"the field {shown}" if known else "no fields"

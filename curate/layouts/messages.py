"""One message of a file <-> one turn of a row: who speaks, what is said as text, and everything else beside it.

    turns, memo = turns_of([{"role": "user", "content": "Hi"}], ("role", "content"))
    messages_of(turns, ("role", "content"), memo)      # the same list again

What is said stands once, in `content`. Steps that edit it (personal data replaced by surrogates) need no other place
to look: a list of parts keeps its shape in `fields`, with a count of lines where each text was.
"""

import json
from collections.abc import Mapping, Sequence

from curate.layouts.jsonvalues import BadRow, Json, json_text, kind_of

Keys = tuple[str, str]  # the key that says who, the key that says what

ROLE_OF = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot", "function_call"), "assistant"),
    **dict.fromkeys(("tool", "observation", "function", "function_response", "tool_response"), "tool"),
}
SHAREGPT_NAME = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}
TEXT_PARTS = ("text", "input_text", "output_text", None)


def role_of(name: object) -> str | None:
    """The role that a source's name for a speaker stands for, or None."""
    if not isinstance(name, str):
        return None
    return ROLE_OF.get(name) or ROLE_OF.get(name.strip().lower())


def keys_of(messages: Sequence[Json]) -> Keys | None:
    """Which keys hold the speaker and the text: role/content, from/value, and mixtures of the two. None if neither."""
    objects = [message for message in messages if isinstance(message, Mapping)]
    who = next((key for message in objects for key in ("role", "from") if key in message), None)
    if who is None:
        return None
    what = next((key for message in objects for key in ("content", "value", "text") if key in message), None)
    return who, what or ("content" if who == "role" else "value")


def turns_of(
    messages: Sequence[Json], keys: Keys, *, first: int = 0
) -> tuple[list[dict[str, str | None]], dict[str, Json]]:
    """Turns, and a memo of what a turn cannot hold: roles spelled otherwise, content that was absent (not null).

    Turns are numbered from `first` in the memo. Raises BadRow with the number (from 1) of the turn that is wrong.
    """
    who, what = keys
    turns: list[dict[str, str | None]] = []
    roles: dict[str, str] = {}
    absent: list[int] = []
    for place, message in enumerate(messages, start=first):
        if not isinstance(message, Mapping):
            raise BadRow(f"turn {place + 1} is {kind_of(message)}, not an object with {who} and {what}")
        spelled, said = message.get(who), message.get(what)
        role = role_of(spelled)
        if role is None:
            raise BadRow(_no_role(place + 1, message, who))
        other = {key: value for key, value in message.items() if key not in keys} if len(message) > 2 else {}
        if what not in message:
            absent.append(place)
            other = {key: value for key, value in message.items() if key != who}
        if twice := other.keys() & ({"role", "content"} - set(keys)):
            raise BadRow(f"turn {place + 1} has both {who}/{what} and {' and '.join(sorted(twice))}")
        if who == "from" and spelled != SHAREGPT_NAME[role]:
            other = {"from": spelled, **other}
        elif who == "role" and spelled != role:
            roles[str(place)] = str(spelled)
        if isinstance(said, list):
            said, other["content"] = _parts_out(said, place + 1)
        elif said is not None and not isinstance(said, str):
            raise BadRow(f"turn {place + 1}: {what} is {kind_of(said)}, not text")
        turns.append({"role": role, "content": said, "fields": json_text(other) if other else None})
    return turns, {**({"roles": roles} if roles else {}), **({"absent": absent} if absent else {})}


def messages_of(
    turns: Sequence[Mapping[str, str | None]], keys: Keys, memo: Mapping[str, Json] | None = None, *, first: int = 0
) -> list[dict[str, Json]]:
    """The opposite of `turns_of`. Text comes from `content` alone, so what was edited stays edited."""
    who, what = keys
    roles, absent = (memo or {}).get("roles", {}), (memo or {}).get("absent", [])
    messages = []
    for place, turn in enumerate(turns, start=first):
        role, said = str(turn["role"]), turn["content"]
        fields: dict[str, Json] = json.loads(turn["fields"] or "{}")
        whole: Json = _parts_in(fields.pop("content"), said or "") if "content" in fields else said
        name = role
        if who == "from":
            own = fields.pop("from", None)
            name = own if role_of(own) == role else SHAREGPT_NAME[role]
            if own is not None and name != own:
                fields["from_"] = own
        elif role_of(roles.get(str(place))) == role:
            name = roles[str(place)]
        message = {who: name, what: whole, **fields}
        if whole is None and place in absent:
            del message[what]
        messages.append(message)
    return messages


def says_something(turn: Mapping[str, str | None]) -> bool:
    """Whether a turn holds text, parts (images) or a tool call."""
    if (turn["content"] or "").strip():
        return True
    fields = json.loads(turn.get("fields") or "{}")
    return any(fields.get(key) for key in ("tool_calls", "function_call")) or parts_not_text(turn) > 0


def parts_not_text(turn: Mapping[str, str | None]) -> int:
    """How many parts of the turn are images, sound or files: kept, but read by no step."""
    if not turn.get("fields") or '"content"' not in str(turn["fields"]):
        return 0
    parts = json.loads(str(turn["fields"])).get("content", [])
    return sum(1 for part in parts if not _counts_lines(part))


def _no_role(number: int, message: Mapping[str, Json], who: str) -> str:
    if message.get(who) is None:
        return f"turn {number} has no {who}"
    if not isinstance(message[who], str):
        return f"turn {number}: {who} is {kind_of(message[who])}, not text"
    # Not quoted: reasons are printed, and a value under a wrong key may be anybody's name.
    return f"turn {number} has a role that is not known (known: {', '.join(ROLE_OF)})"


def _is_text(part: Json) -> bool:
    return isinstance(part, str) or (
        isinstance(part, Mapping) and isinstance(part.get("text"), str) and part.get("type") in TEXT_PARTS
    )


def _counts_lines(part: Json) -> bool:
    """Whether a stored part is a text part: its text is out, the number of its lines is in."""
    return isinstance(part, int) or (isinstance(part, Mapping) and isinstance(part.get("text"), int))


def _parts_out(parts: list[Json], number: int) -> tuple[str, list[Json]]:
    said, kept = [], list[Json]()
    for part in parts:
        if _is_text(part):
            text = part if isinstance(part, str) else part["text"]
            said.append(text)
            lines = text.count("\n") + 1
            kept.append(lines if isinstance(part, str) else {**part, "text": lines})
        elif isinstance(part, Mapping) and not isinstance(part.get("text"), int):
            kept.append(part)
        else:
            raise BadRow(f"turn {number}: a part of its content is {kind_of(part)}, not an object or text")
    return "\n".join(said), kept


def _parts_in(parts: list[Json], said: str) -> list[Json]:
    # Edits may change the number of lines: then the last text takes what is left, so that no text is lost.
    texts = [place for place, part in enumerate(parts) if _counts_lines(part)]
    whole, lines = list(parts), said.split("\n")
    for place in texts:
        part = parts[place]
        count = part if isinstance(part, int) else part["text"]
        text = "\n".join(lines if place == texts[-1] else lines[:count])
        lines = lines[count:]
        whole[place] = text if isinstance(part, int) else {**part, "text": text}
    return whole if texts or not said else [{"type": "text", "text": said}, *whole]

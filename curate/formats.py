"""The forms in which people keep training rows: messages, ShareGPT, Alpaca, prompt/completion <-> rows of a chat frame.

    row = to_chat({"instruction": "Add.", "input": "2 and 3", "output": "5"})
    row["turns"]                                   # user "Add.\\n\\n2 and 3", assistant "5"
    from_chat(row, "own")                          # the record again, whatever its form was
    from_chat(row, "messages")                     # as train.jsonl is written

A row remembers its own form in `extra`, under FORM_KEY: names of keys, counts and the source's own id, never a text.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curate.chats import FORM_KEY
from curate.counted import counted
from curate.layouts.alpaca import INPUT_KEYS, answer_start, as_alpaca, pair_of, pair_turns
from curate.layouts.jsonvalues import (
    BadRow,
    Json,
    Memo,
    Turns,
    back,
    check_json,
    first,
    json_text,
    kind_of,
    listed,
    loaded,
    map_strings,
    names_of,
    side,
)
from curate.layouts.messages import keys_of, messages_of, parts_not_text, says_something, turns_of

__all__ = ["FORMS", "INPUT_KEYS", "BadRow", "Guess", "Shape", "from_chat", "guess", "map_strings", "to_chat"]

FORMS = {"messages": "messages", "sharegpt": "ShareGPT", "alpaca": "Alpaca", "prompt-completion": "prompt/completion"}
LISTED = ("messages", "sharegpt")
NEEDED = "messages, or conversations, or instruction and output, or prompt and completion"

LIST_KEYS = ("messages", "conversations", "conversation", "chat", "turns", "dialogue")
SYSTEM_KEYS = ("system", "system_prompt")
ID_KEYS = ("id", "_id", "uuid", "question_id", "prompt_id", "conversation_id")
QUERY_KEYS = ("instruction", "prompt", "question", "query", "input")
ANSWER_KEYS = {
    "alpaca": ("output", "response", "answer", "completion"),
    "prompt-completion": ("completion", "response", "answer", "output"),
}


class Shape(NamedTuple):
    """The form of one record and the keys that carry it: the list key, or query and answer."""

    form: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Guess:
    """The form that most records have, and one sentence that says why."""

    form: str | None
    keys: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return self.why


def guess(records: Sequence[Mapping[str, Json]]) -> Guess:
    """Which form these records have."""
    return conclude(Counter(shape_of(record) for record in records), (key for record in records for key in record))


def conclude(shapes: Counter[Shape | None], found: Iterable[str] = ()) -> Guess:
    """The guess from how often each shape was seen; `found` are the keys to name when none was."""
    known = {shape: count for shape, count in shapes.items() if shape is not None}
    total = shapes.total()
    if not known:
        return Guess(None, (), f"no form: found {names_of(found)}; needed {NEEDED}")
    votes = Counter[str]()
    for shape, count in known.items():
        votes[shape.form] += count
    form = min(votes, key=lambda name: (-votes[name], list(FORMS).index(name)))
    best = min((s for s in known if s.form == form), key=lambda s: (-known[s], s.keys))
    others = [f"{count:,} {FORMS[name]}" for name, count in votes.items() if name != form]
    tail = f"; {', '.join(others)}" if others else ""
    joint = f"{best.keys[0]} with {' and '.join(best.keys[1:])}" if form in LISTED else " and ".join(best.keys)
    of = f"of {counted(total, 'row')}"
    return Guess(form, best.keys, f"{FORMS[form]}: {counted(votes[form], f'{of} has', f'{of} have')} {joint}{tail}")


def shape_of(record: Mapping[str, Json], form: str | None = None) -> Shape | None:
    """The form of one record: a list of messages wins over a query with an answer. `form` narrows it to that form."""
    if form in (None, *LISTED):
        for key in LIST_KEYS:
            if (value := record.get(key)) and (messages := listed(value)) and (keys := keys_of(messages)):
                found = "sharegpt" if keys[0] == "from" else "messages"
                if form in (None, found):
                    return Shape(found, (key, *keys))
    if form in (None, *ANSWER_KEYS):
        query = _query_key(record, form)
        if query is not None:
            found = form or ("alpaca" if query == "instruction" else "prompt-completion")
            answer = first(record, [key for key in ANSWER_KEYS[found] if key != query])
            if answer is not None:
                return Shape(found, (query, answer))
    return None


def _query_key(record: Mapping[str, Json], form: str | None) -> str | None:
    if form == "alpaca":
        return first(record, ("instruction",))
    query = first(record, QUERY_KEYS)
    # Alpaca rows with all of their text in the input are still Alpaca rows.
    return "instruction" if query == "input" and "instruction" in record and form is None else query


def to_chat(record: Json, form: str | None = None, *, answered: bool = True) -> dict[str, Any]:
    """Turn one record into a row: `turns`, `id` (None without one), `extra` (JSON text); `shape` and `not_text` (parts
    that no step reads) are for the reader's notes.

    Raises BadRow with the reason when the row cannot be used. `answered=False` lets a row without an answer pass.
    """
    if not isinstance(record, dict):
        raise BadRow(f"the row is {kind_of(record)}, not an object")
    check_json(record)
    if FORM_KEY in record:
        raise BadRow(f"has the field {FORM_KEY}, which is ours")
    shape = shape_of(record, form)
    if shape is None:
        raise BadRow(explain(record, form))
    memo: Memo = {"form": shape.form, "keys": list(shape.keys)}
    take = _list_turns if shape.form in LISTED else pair_turns
    turns, used = take(record, shape.keys, memo)
    turns = [*_system_turns(record, turns, used, memo), *turns]
    if answered:
        _check_answer(turns)
    not_text = sum(parts_not_text(turn) for turn in turns if turn["fields"])
    return {"turns": turns, **finish(record, used, memo), "shape": shape, "not_text": not_text}


def finish(
    record: Mapping[str, Json], used: Iterable[str], memo: Memo, id_keys: Sequence[str] = ID_KEYS
) -> dict[str, Any]:
    """The `id` of a record and the `extra` that keeps everything that is not in its turns."""
    row_id = None
    for key in id_keys:
        value = record.get(key)
        if type(value) is int or (type(value) is str and value.strip()):
            row_id = str(value)
            break
    if "id" in record:
        memo["id"] = record["id"]
    if not record.get("messages", True):
        memo.setdefault("blank", {})["messages"] = record["messages"]
    skip = {"id", *used, *memo.get("blank", {})}
    extra = {key: value for key, value in record.items() if key not in skip}
    return {"id": row_id, "extra": json_text({**extra, FORM_KEY: memo})}


def from_chat(row: Mapping[str, Any], form: str = "messages") -> dict[str, Json]:
    """Write a row as a record of `form`; "own" is the form it was read in. Raises BadRow where the form cannot hold it.

    In another form than its own: `{"id": ..., "messages": [...], **extra}` and the like; a key of `extra` that the
    form itself needs gets a `_` behind its name.
    """
    extra = json.loads(row.get("extra") or "{}")
    memo: Memo = extra.pop(FORM_KEY, {"form": "messages", "keys": ["messages", "role", "content"], "id": row.get("id")})
    turns: Turns = row["turns"]
    # Messages are always written in our one way (id, role, content), which `own` need not be.
    if form == "own" or (form == memo["form"] and form != "messages"):
        own = _own(turns, memo)
        if own is not None:
            named = {"id": memo["id"]} if "id" in memo else {}
            return {**named, **own, **memo.get("blank", {}), **extra}
        form = memo["form"] if memo["form"] in FORMS else "messages"
    match form:
        case "messages":
            core: dict[str, Json] = {"messages": messages_of(turns, ("role", "content"))}
        case "sharegpt":
            core = {"conversations": messages_of(turns, ("from", "value"))}
        case "alpaca":
            core = as_alpaca(turns)
        case "prompt-completion":
            start = answer_start(turns)
            said = messages_of(turns, ("role", "content"))
            core = {"prompt": said[:start], "completion": said[start:]}
        case _:
            raise BadRow(f"{form!r} is not a form (known: {', '.join(FORMS)}, own)")
    core = {"id": row.get("id"), **core}
    for key, value in extra.items():
        core[_free(key, core)] = value
    return core


def explain(record: Mapping[str, Json], form: str | None = None) -> str:
    """Why a record has no shape, as the reason for the quarantine."""
    for key in LIST_KEYS if form in (None, *LISTED) else ():
        value = record.get(key)
        if isinstance(value, str) and value.strip() and loaded(value) is None:
            python = " (it looks like a Python list; save the file as JSON Lines)" if value.lstrip()[:1] == "[" else ""
            return f"{key} is text, but not JSON{python}"
        turns = listed(value)
        if value is not None and turns is None and value != "":
            return f"{key} is {kind_of(value)}, not a list of turns"
        if turns and all(isinstance(item, str) for item in turns):
            return f"{key} is a list of texts without roles (an eval file has that; give it with --eval)"
        if turns:
            odd = f"an object with {names_of(turns[0])}" if isinstance(turns[0], Mapping) else kind_of(turns[0])
            return f"the turns in {key} have no role and content (or from and value); the first is {odd}"
        if turns is not None:
            return f"has no turns: {key} is empty"
    query = first(record, ("instruction",) if form == "alpaca" else QUERY_KEYS)
    if query is not None and form not in LISTED:
        answers = ANSWER_KEYS["alpaca" if query == "instruction" else "prompt-completion"]
        return f"has {query} but no answer ({', '.join(answers)}); found {names_of(record)}"
    wanted = "turns, and no query and answer" if form is None else f"{FORMS.get(form, form)} fields"
    return f"has no {wanted}; found {names_of(record)}"


def _list_turns(record: Mapping[str, Json], keys: tuple[str, ...], memo: Memo) -> tuple[Turns, list[str]]:
    key, who, what = keys
    messages = side(record[key], key, memo)
    assert messages is not None
    turns, notes = turns_of(messages, (who, what))
    memo.update(notes)
    return turns, [key]


def _system_turns(record: Mapping[str, Json], turns: Turns, used: list[str], memo: Memo) -> Turns:
    # A system text that the turns already hold stays in `extra`: written twice, it would be said twice.
    said = {turn["content"] for turn in turns if turn["role"] == "system"}
    lead: Turns = []
    for key in SYSTEM_KEYS:
        text = record.get(key)
        if isinstance(text, str) and text.strip() and text not in said and key not in used:
            said.add(text)
            lead.append({"role": "system", "content": text, "fields": None})
            memo.setdefault("system", []).append(key)
            used.append(key)
    return lead


def _check_answer(turns: Turns) -> None:
    said = [turn for turn in turns if turn["role"] == "assistant"]
    if not turns:
        raise BadRow("has no turns")
    if not said:
        raise BadRow("has no assistant turn")
    if not says_something(said[-1]):
        raise BadRow("the answer is empty")


def _own(turns: Turns, memo: Memo) -> dict[str, Json] | None:
    """The record's own core, or None when the turns no longer fit what the memo says of them."""
    systems = memo.get("system", [])
    lead, rest = turns[: len(systems)], turns[len(systems) :]
    if any(turn["role"] != "system" or turn.get("fields") for turn in lead) or len(lead) < len(systems):
        return None
    core: dict[str, Json] = {key: turn["content"] for key, turn in zip(systems, lead, strict=True)}
    if memo["form"] in LISTED:
        key, who, what = memo["keys"]
        return {**core, key: back(messages_of(rest, (who, what), memo), key, memo)}
    pair = pair_of(rest, memo) if memo["form"] in ANSWER_KEYS else None
    return None if pair is None else {**core, **pair}


def _free(key: str, taken: Mapping[str, Json]) -> str:
    while key in taken:
        key += "_"
    return key

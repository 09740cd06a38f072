"""A query with its input and history, and an answer: Alpaca and prompt/completion records <-> turns.

    memo = {}
    turns, used = pair_turns({"instruction": "Add.", "input": "2 and 3", "output": "5"}, ("instruction", "output"), memo)
    turns[0]["content"]                       # "Add.\n\n2 and 3"
    pair_of(turns, memo | {"keys": used})     # the fields again

Query and answer may also be lists of messages, as trainers of preferences and of completions have them.
"""

from collections.abc import Mapping

from curate.layouts.jsonvalues import BadRow, Json, Memo, Turns, back, first, kind_of, listed, side
from curate.layouts.messages import keys_of, messages_of, turns_of

INPUT_KEYS = ("input", "context")


def pair_turns(record: Mapping[str, Json], keys: tuple[str, ...], memo: Memo) -> tuple[Turns, list[str]]:
    """The turns of a record whose query and answer stand under `keys`, and the fields that went into them."""
    query_key, answer_key = keys
    blank: dict[str, Json] = {}
    turns, used = _history(record, blank, memo)
    lists = _messages_under(record, keys)
    if query_key in lists:
        asked = _list_side(lists[query_key], record, query_key, memo, len(turns))
    else:
        asked, joined = _query_turn(record, query_key, blank, memo)
        used += joined
    turns += asked
    memo["query_turns"] = len(asked)
    answer = record[answer_key]
    if answer_key in lists:
        turns += _list_side(lists[answer_key], record, answer_key, memo, len(turns))
    elif answer is None or isinstance(answer, str):
        turns.append({"role": "assistant", "content": answer, "fields": None})
    else:
        raise BadRow(f"{answer_key} is {kind_of(answer)}, not text")
    if blank:
        memo["blank"] = blank
    return turns, [*used, query_key, answer_key]


def pair_of(rest: Turns, memo: Memo) -> dict[str, Json] | None:
    """The fields again from the turns without a leading system, or None when the turns no longer fit what the memo says of them."""
    core: dict[str, Json] = {}
    pairs, asked = 2 * memo.get("history", 0), 2 * memo.get("history", 0) + memo["query_turns"]
    history, query, answer = rest[:pairs], rest[pairs:asked], rest[asked:]
    query_key, answer_key = memo["keys"]
    if pairs:
        if [turn["role"] for turn in history] != ["user", "assistant"] * (pairs // 2):
            return None
        said = [turn["content"] for turn in history]
        core["history"] = back([list(pair) for pair in zip(said[::2], said[1::2], strict=True)], "history", memo)
    for key, role, part, start in ((query_key, "user", query, pairs), (answer_key, "assistant", answer, asked)):
        if keys := memo.get("lists", {}).get(key):
            core[key] = back(messages_of(part, (keys[0], keys[1]), memo, first=start), key, memo)
        elif [turn["role"] for turn in part] != [role] or part[0].get("fields"):
            return None
        else:
            core[key] = part[0]["content"]
    if "split" in memo:
        core[query_key], core[memo["input"]] = _split(str(core[query_key]), memo["split"])
    elif query_key in memo.get("blank", {}):
        core[memo["input"]] = core[query_key]
    return core


def as_alpaca(turns: Turns) -> dict[str, Json]:
    """A row of another form as Alpaca fields; earlier exchanges become `history`. Raises BadRow where it does not fit."""
    lead = 1 if turns and turns[0]["role"] == "system" else 0
    rest = turns[lead:]
    roles = [turn["role"] for turn in rest]
    if not rest or roles != ["user", "assistant"] * (len(rest) // 2) or any(turn.get("fields") for turn in turns):
        raise BadRow("Alpaca form holds only text that user and assistant say in turn; write messages instead")
    said = [turn["content"] for turn in rest]
    core: dict[str, Json] = {"instruction": said[-2], "input": "", "output": said[-1]}
    if len(said) > 2:
        core["history"] = [list(pair) for pair in zip(said[:-2:2], said[1:-2:2], strict=True)]
    return {"system": turns[0]["content"], **core} if lead else core


def answer_start(turns: Turns) -> int:
    """The number of turns before the answer: the assistant turns at the end."""
    start = len(turns)
    while start and turns[start - 1]["role"] == "assistant":
        start -= 1
    return start


def _messages_under(record: Mapping[str, Json], keys: tuple[str, ...]) -> dict[str, list[Json]]:
    """Which sides are lists of messages. JSON text counts only if both sides are: people do ask for sample chats."""
    found = {key: messages for key in keys if (messages := listed(record[key])) and keys_of(messages)}
    return {key: found[key] for key in found if isinstance(record[key], list) or len(found) == len(keys)}


def _list_side(messages: list[Json], record: Mapping[str, Json], key: str, memo: Memo, start: int) -> Turns:
    keys = keys_of(messages)
    assert keys is not None
    turns, notes = turns_of(messages, keys, first=start)
    memo.setdefault("lists", {})[key] = list(keys)
    side(record[key], key, memo)
    if "roles" in notes:
        memo.setdefault("roles", {}).update(notes["roles"])
    if "absent" in notes:
        memo.setdefault("absent", []).extend(notes["absent"])
    return turns


def _query_turn(record: Mapping[str, Json], key: str, blank: dict[str, Json], memo: Memo) -> tuple[Turns, list[str]]:
    """The user turn: the query, a blank line, the input. What was blank is remembered, for it leaves no trace here."""
    query = record[key]
    if query is not None and not isinstance(query, str):
        raise BadRow(f"{key} is {kind_of(query)}, not text")
    input_key = first(record, [name for name in INPUT_KEYS if name != key])
    if input_key is None:
        return [{"role": "user", "content": query, "fields": None}], []
    given = record[input_key]
    if given is not None and not isinstance(given, str):
        raise BadRow(f"{input_key} is {kind_of(given)}, not text")
    memo["input"] = input_key
    if not (given or "").strip():
        blank[input_key] = given
        return [{"role": "user", "content": query, "fields": None}], []
    if not (query or "").strip():
        blank[key] = query
        return [{"role": "user", "content": given, "fields": None}], [input_key]
    text = f"{query}\n\n{given}"
    paragraphs = str(query).count("\n\n") + 1
    exact = _split_paragraphs(text, paragraphs) == (query, given)
    # Paragraphs survive edits that join lines; lines are for texts where blank lines touch the seam.
    memo["split"] = {"paragraphs": paragraphs} if exact else {"lines": str(query).count("\n") + 1}
    return [{"role": "user", "content": text, "fields": None}], [input_key]


def _split(text: str, split: Mapping[str, int]) -> tuple[str, str]:
    """Query and input again. After an edit the seam may be elsewhere: then the first blank line is taken, or none."""
    if "paragraphs" in split:
        return _split_paragraphs(text, split["paragraphs"])
    lines, at = text.split("\n"), split["lines"]
    if lines[at : at + 1] == [""]:
        return "\n".join(lines[:at]), "\n".join(lines[at + 1 :])
    return _split_paragraphs(text, 1)


def _split_paragraphs(text: str, count: int) -> tuple[str, str]:
    parts = text.split("\n\n")
    return "\n\n".join(parts[:count]), "\n\n".join(parts[count:])


def _history(record: Mapping[str, Json], blank: dict[str, Json], memo: Memo) -> tuple[Turns, list[str]]:
    if "history" not in record:
        return [], []
    given = record["history"]
    pairs = side(given, "history", memo) if given else []
    if not pairs and (not given or given == "[]"):
        blank["history"] = given
        return [], []
    turns: Turns = []
    for number, pair in enumerate(pairs or [None], start=1):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise BadRow(f"history: item {number} is not a pair of texts")
        for role, text in zip(("user", "assistant"), pair, strict=True):
            turns.append({"role": role, "content": text, "fields": None})
    memo["history"] = len(turns) // 2
    return turns, ["history"]

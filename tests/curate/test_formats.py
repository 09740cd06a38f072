"""Laws of the forms: a record read and written in its own form is the record again; in another form nothing is lost."""

import copy
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import chats, formats
from curate.chats import FORM_KEY
from curate.formats import BadRow, from_chat, guess, map_strings, to_chat
from curate.layouts.jsonvalues import DEEPEST
from curate.layouts.messages import ROLE_OF

Record = dict[str, Any]

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["", " ", "\n", "a\n\nb", "\n\n", "a\n", "\nb\n\n\n", "[1]", "[{}]", "{{name}}", "e\u0301 \u2028 \U0001f600", "\0"]
)
said = text.filter(lambda t: bool(t.strip()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
RESERVED = {*formats.LIST_KEYS, *formats.SYSTEM_KEYS, *formats.QUERY_KEYS, "context", "history", "id", FORM_KEY}
RESERVED |= {key for keys in formats.ANSWER_KEYS.values() for key in keys}
extras = st.dictionaries(text.filter(lambda k: k not in RESERVED), json_values, max_size=3)
ids = st.fixed_dictionaries(
    {}, optional={"id": st.none() | st.integers() | text | json_values, "_id": st.none() | text}
)
systems = st.fixed_dictionaries({}, optional={"system": st.none() | text, "system_prompt": text})

parts = st.lists(
    text
    | st.fixed_dictionaries({"type": st.just("text"), "text": text}, optional={"cache": json_values})
    | st.just({"type": "image_url", "image_url": {"url": "u"}}),
    max_size=3,
)
own_keys = st.dictionaries(
    st.sampled_from(["name", "weight", "tool_calls", "tool_call_id", "reasoning"]), json_values, max_size=2
)


@st.composite
def messages(draw: st.DrawFn, who: str = "role", what: str = "content") -> list[Record]:
    names = [*ROLE_OF, "User", " HUMAN "]
    turns: list[Record] = []
    for _ in range(draw(st.integers(0, 4))):
        message = {who: draw(st.sampled_from(names)), **draw(own_keys)}
        if draw(st.integers(0, 5)):
            message[what] = draw(st.none() | text | parts)
        turns.append(message)
    return [*turns, {who: "assistant" if who == "role" else "gpt", what: draw(said), **draw(own_keys)}]


@st.composite
def listed_records(draw: st.DrawFn) -> Record:
    who, what = draw(st.sampled_from([("role", "content"), ("from", "value"), ("role", "text"), ("from", "text")]))
    held: Any = draw(messages(who, what))
    key = draw(st.sampled_from(formats.LIST_KEYS))
    if draw(st.integers(0, 4)) == 0:
        held = json.dumps(held, ensure_ascii=draw(st.booleans()))
    return {**draw(extras), **draw(ids), **draw(systems), key: held}


@st.composite
def alpaca_records(draw: st.DrawFn) -> Record:
    answer = draw(st.sampled_from(["output", "response", "answer", "completion"]))
    record = {**draw(extras), **draw(ids), **draw(systems), "instruction": draw(st.none() | text), answer: draw(said)}
    if draw(st.booleans()):
        record[draw(st.sampled_from(["input", "context"]))] = draw(st.none() | text)
    if draw(st.booleans()):
        record["history"] = draw(st.none() | st.lists(st.lists(text, min_size=2, max_size=2), max_size=2))
    return record


@st.composite
def pair_records(draw: st.DrawFn) -> Record:
    query = draw(st.sampled_from(["prompt", "question", "query"]))
    answer = draw(st.sampled_from(["completion", "response", "answer", "output"]))
    record = {**draw(extras), **draw(ids), **draw(systems)}
    if draw(st.booleans()):
        return {**record, query: draw(messages()), answer: draw(messages())}
    return {**record, query: draw(text), answer: draw(said)}


records = st.one_of(listed_records(), alpaca_records(), pair_records())


def typed(value: Any) -> Any:
    """Equal only where the types are equal too: 1, 1.0 and True are three things."""
    match value:
        case dict():
            return {key: typed(item) for key, item in value.items()}
        case list() | tuple():
            return [typed(item) for item in value]
    return (type(value), value)


def opened(record: Record) -> Record:
    """JSON text under a list key as its value, for the order of keys inside it may change too."""
    return {
        key: ("text", json.loads(value)) if key in formats.LIST_KEYS and isinstance(value, str) else value
        for key, value in record.items()
    }


def row_of(record: Record) -> Record:
    row = to_chat(record)
    return {**row, "id": row["id"] or chats.row_fingerprint(row["turns"])[:16]}


@settings(max_examples=120, deadline=None)
@given(records)
def test_a_record_in_its_own_form_is_the_record_again(record: Record) -> None:
    before = copy.deepcopy(record)
    row = row_of(record)
    assert record == before, "reading must not change what it reads"
    assert typed(opened(from_chat(row, "own"))) == typed(opened(before))


@settings(max_examples=120, deadline=None)
@given(records)
def test_written_as_messages_and_read_again_the_row_is_the_same(record: Record) -> None:
    row = row_of(record)
    written = json.loads(json.dumps(from_chat(row, "messages")))
    again = row_of(written)
    assert (again["id"], again["turns"]) == (row["id"], row["turns"])
    assert typed(without_form(again)) == typed(without_form(row))
    assert from_chat(again, "messages") == written


@settings(max_examples=60, deadline=None)
@given(records)
def test_the_memo_of_the_form_holds_no_text(record: Record) -> None:
    memo = json.loads(row_of(record)["extra"])[FORM_KEY]
    memo.pop("id", None)
    known = {*RESERVED, *formats.FORMS, "role", "from", "content", "value", "text", "paragraphs", "lines"}

    def strings(value: Any) -> list[str]:
        match value:
            case str():
                return [value]
            case list():
                return [s for item in value for s in strings(item)]
            case dict():
                return [s for item in value.values() for s in strings(item)]
        return []

    assert all(s in known or s.strip().lower() in ROLE_OF or s == "[]" or not s.strip() for s in strings(memo))


SECRET = "Ann Lee"


def with_secret(value: Any) -> Any:
    """The secret behind every text that is said: in messages, in their parts, in queries and answers."""
    match value:
        case str():
            return value + SECRET
        case tuple():
            return (value[0], with_secret(value[1]))
        case list():
            return [with_secret(item) for item in value]
        case dict():
            spoken = {"content", "value", "text"}
            return {key: with_secret(item) if key in spoken else item for key, item in value.items()}
    return value


@settings(max_examples=100, deadline=None)
@given(records)
def test_what_was_edited_out_of_the_content_is_in_no_form_that_is_written(record: Record) -> None:
    spoken = {key for key in record if key in RESERVED - {"id", FORM_KEY}}
    record = {key: with_secret(value) if key in spoken else value for key, value in opened(record).items()}
    record = {key: json.dumps(value[1]) if isinstance(value, tuple) else value for key, value in record.items()}
    row = row_of(record)
    assert any(SECRET in (turn["content"] or "") for turn in row["turns"])
    row["turns"] = [
        {**turn, "content": turn["content"] and turn["content"].replace(SECRET, "Bo")} for turn in row["turns"]
    ]
    row["extra"] = map_strings(row["extra"], lambda said: said.replace(SECRET, "Bo"))
    for form in ("own", "messages", "sharegpt", "prompt-completion"):
        assert SECRET not in json.dumps(from_chat(row, form))


def without_form(row: Record) -> Record:
    return {key: value for key, value in json.loads(row["extra"]).items() if key != FORM_KEY}


@pytest.mark.parametrize(
    ("record", "turns"),
    [
        ({"instruction": "Add.", "input": "2, 3", "output": "5"}, ["user: Add.\n\n2, 3", "assistant: 5"]),
        ({"instruction": "Hi", "context": "", "response": "Yo"}, ["user: Hi", "assistant: Yo"]),
        ({"instruction": "", "input": "Hi", "output": "Yo"}, ["user: Hi", "assistant: Yo"]),
        (
            {"instruction": "C", "output": "D", "system": "S", "history": [["A", "B"]]},
            ["system: S", "user: A", "assistant: B", "user: C", "assistant: D"],
        ),
        ({"question": "Q", "answer": "A"}, ["user: Q", "assistant: A"]),
        ({"system_prompt": "S", "question": "Q", "response": "A"}, ["system: S", "user: Q", "assistant: A"]),
        ({"input": "Q", "output": "A"}, ["user: Q", "assistant: A"]),
        (
            {"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant", "content": "A"}]},
            ["user: Q", "assistant: A"],
        ),
        (
            {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], "system": "S"},
            ["system: S", "user: Q", "assistant: A"],
        ),
        ({"chat": '[{"role":"user","content":"Q"},{"role":"model","content":"A"}]'}, ["user: Q", "assistant: A"]),
        ({"prompt": "Q", "answer": '[{"role": "user", "content": "x"}]'},
         ["user: Q", 'assistant: [{"role": "user", "content": "x"}]']),
    ],
)  # fmt: skip
def test_turns_by_hand(record: Record, turns: list[str]) -> None:
    row = row_of(record)
    assert [f"{turn['role']}: {turn['content']}" for turn in row["turns"]] == turns
    assert from_chat(row, "own") == record


def test_sharegpt_tool_calls_keep_their_names_beside_the_message() -> None:
    record = {
        "conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": '{"name": "w"}'},
            {"from": "observation", "value": "sun"},
            {"from": "gpt", "value": "Sun."},
        ],
        "tools": "[]",
    }
    row = row_of(record)
    assert [turn["role"] for turn in row["turns"]] == ["user", "assistant", "tool", "assistant"]
    assert from_chat(row)["messages"][1] == {"role": "assistant", "content": '{"name": "w"}', "from": "function_call"}
    assert from_chat(row)["tools"] == "[]"


def test_parts_are_text_to_every_step_and_parts_again_when_written() -> None:
    content = [
        {"type": "text", "text": "Look\nhere"},
        {"type": "image", "image": "x.png"},
        {"type": "text", "text": "ok?"},
    ]
    record = {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "Yes"}]}
    row = row_of(record)
    assert row["turns"][0]["content"] == "Look\nhere\nok?"
    assert row["not_text"] == 1
    assert "Look" not in row["turns"][0]["fields"]
    row["turns"][0]["content"] = "See\nthere\nfine?"
    edited = from_chat(row, "own")["messages"][0]["content"]
    assert [part.get("text") for part in edited] == ["See\nthere", None, "fine?"]
    row["turns"][0]["content"] = "one line"
    assert [part.get("text") for part in from_chat(row)["messages"][0]["content"]] == ["one line", None, ""]


def test_the_input_is_found_again_after_an_edit_of_the_text() -> None:
    row = row_of({"instruction": "Write to\nAnn Lee.\n\nBe kind.", "input": "Her flat\n\nis 5.", "output": "Dear Ann"})
    row["turns"][0]["content"] = "Write to Bo.\n\nBe kind.\n\nHer flat\n\nis 9."
    assert from_chat(row, "own")["instruction"] == "Write to Bo.\n\nBe kind."
    assert from_chat(row, "own")["input"] == "Her flat\n\nis 9."


def test_strings_are_mapped_and_keys_are_not() -> None:
    assert map_strings('{"a": ["a", {"b": "a"}], "n": 1.0}', str.upper) == '{"a": ["A", {"b": "A"}], "n": 1.0}'
    assert map_strings(None, str.upper) is None
    untouched = '{"a":1}'
    assert map_strings(untouched, str.upper) == untouched
    row = row_of({"id": "ann@x.org", "instruction": "a", "output": "b", "note": "by ann"})
    changed = {**row, "extra": map_strings(row["extra"], lambda s: s.replace("ann", "bo"))}
    assert from_chat(changed, "own") == {"id": "bo@x.org", "instruction": "a", "output": "b", "note": "by bo"}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([], "not an object"),
        ("text", "the row is text"),
        ({}, "no fields"),
        ({"messages": []}, "no turns"),
        ({"messages": "hello"}, "messages is text, but not JSON"),
        ({"messages": "[{'role': 'user'}]"}, "looks like a Python list"),
        ({"messages": 3}, "messages is a number"),
        ({"messages": [{"role": "user", "content": "a"}]}, "no assistant turn"),
        ({"messages": [{"role": "assistant", "content": " \n"}]}, "answer is empty"),
        ({"messages": [{"role": "assistant", "content": None}]}, "answer is empty"),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}, "answer is empty"),
        ({"messages": [{"role": "narrator", "content": "a"}]}, "turn 1 has a role that is not known"),
        ({"messages": [{"role": 1, "content": "a"}]}, "role is a number"),
        ({"messages": [{"role": "user", "content": 5}]}, "turn 1: content is a number"),
        ({"messages": [{"role": "user", "content": "a"}, "b"]}, "turn 2 is text"),
        ({"messages": [{"role": "user", "content": "a"}, {"content": "b"}]}, "turn 2 has no role"),
        ({"messages": [{"role": "user", "content": [1]}]}, "a part of its content is a number"),
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b", "role": "x"}]}, "both"),
        ({"turns": ["a", "b"]}, "--eval"),
        ({"instruction": "a"}, "no answer"),
        ({"instruction": "a", "output": ""}, "answer is empty"),
        ({"instruction": "a", "output": 5}, "output is a number"),
        ({"instruction": 5, "output": "a"}, "instruction is a number"),
        ({"instruction": "a", "input": ["b"], "output": "a"}, "input is a list"),
        ({"instruction": "a", "output": "b", "history": [["a"]]}, "item 1 is not a pair"),
        ({"instruction": "a", "output": "b", "score": float("nan")}, "NaN"),
        ({"instruction": "a", "output": "b", "score": [float("inf")]}, "Infinity"),
        ({"instruction": "a", "output": "b\ud800"}, "surrogate"),
        ({"instruction": "a", "output": "b", "\udfff": 1}, "surrogate"),
        ({"instruction": "a", "output": "b", FORM_KEY: {}}, "ours"),
        ({"text": "a story"}, "found the field text"),
    ],
)
def test_reasons(record: Any, reason: str) -> None:
    with pytest.raises(BadRow, match=reason.replace("(", r"\(")):
        to_chat(record)


def test_nesting_without_end_is_a_reason() -> None:
    deep: Any = "a"
    for _ in range(DEEPEST + 1):
        deep = [deep]
    with pytest.raises(BadRow, match="nested"):
        to_chat({"instruction": "a", "output": "b", "deep": deep})


@pytest.mark.parametrize(
    "roles", [["assistant"], ["user", "user", "assistant"], ["user", "assistant", "system", "assistant"]]
)
def test_odd_orders_are_fine(roles: list[str]) -> None:
    row = to_chat({"messages": [{"role": role, "content": "x {{name}}"} for role in roles]})
    assert [turn["role"] for turn in row["turns"]] == roles


def test_a_tool_call_is_an_answer() -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
    row = row_of({"messages": [{"role": "user", "content": "Q"}, call]})
    assert from_chat(row)["messages"][1] == call


def test_ids_of_every_kind() -> None:
    pair = {"prompt": "a", "completion": "b"}
    assert to_chat({**pair, "id": 0})["id"] == "0"
    assert to_chat({**pair, "id": None, "uuid": "u"})["id"] == "u"
    assert to_chat({**pair, "id": " ", "question_id": 7})["id"] == "7"
    assert to_chat({**pair, "id": True})["id"] is None
    assert to_chat(pair)["id"] is None


def test_guess_says_why() -> None:
    rows: list[Record] = [{"instruction": "a", "output": "b"}] * 998 + [{"instruction": "a"}]
    found = guess(rows)
    assert (found.form, found.keys) == ("alpaca", ("instruction", "output"))
    assert str(found) == "Alpaca: 998 of 999 rows have instruction and output"
    assert guess([{"text": "x"}]).form is None
    assert "text" in guess([{"text": "x"}]).why


def test_alpaca_refuses_what_it_cannot_hold() -> None:
    talk = [{"role": role, "content": role} for role in ("system", "user", "assistant", "user", "assistant")]
    out = from_chat(row_of({"id": "1", "messages": talk}), "alpaca")
    assert out["history"] == [["user", "assistant"]]
    assert out["system"] == "system"
    assert row_of(out)["turns"] == row_of({"messages": talk})["turns"]
    with pytest.raises(BadRow, match="Alpaca form holds only"):
        from_chat(row_of({"messages": [*talk, {"role": "tool", "content": "x"}]}), "alpaca")


def test_rows_make_a_frame() -> None:
    frame = chats.chats_of([row_of({"instruction": "a", "output": "b"})])
    assert isinstance(frame, pl.DataFrame)
    assert frame.schema == chats.SCHEMA
    assert from_chat(frame.row(0, named=True), "own") == {"instruction": "a", "output": "b"}

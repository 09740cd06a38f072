"""A plain row is read as any row is, or left to the reader of all rows."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.formats import BadRow, to_chat
from curate.layouts.plain import plain_chat

TEXTS = st.text(max_size=6) | st.sampled_from(["", " ", "Hi", "\ud800", "é", "7"])
VALUES = TEXTS | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(TEXTS, max_size=2)
ROLES = st.sampled_from(["user", "assistant", "system", "tool", "User", "human", "", None, 3])
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": ROLES, "content": TEXTS | VALUES}, optional={"name": TEXTS})
    | st.fixed_dictionaries({"from": ROLES, "value": TEXTS})
    | TEXTS,
    max_size=3,
)
KEYS = ["id", "_id", "system", "source", "prompt", "instruction", "output", "conversations", "_winnow_form", "é"]
RECORDS = st.fixed_dictionaries({}, optional={"messages": MESSAGES | VALUES, **dict.fromkeys(KEYS, VALUES)})
GOOD = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello é"}]


def _slowly(record: Any) -> dict[str, Any] | str:
    try:
        return to_chat(record)
    except BadRow as error:
        return str(error)


@given(RECORDS, st.booleans())
@settings(max_examples=400, deadline=None)
def test_the_row_is_that_of_the_reader_of_all_rows(record: dict[str, Any], good: bool) -> None:
    record = {**record, "messages": GOOD} if good else record
    row = plain_chat(record)
    assert row is None or row == _slowly(record)


@pytest.mark.parametrize(
    "record",
    [
        {"messages": GOOD},
        {"id": 7, "messages": GOOD},
        {"id": "a", "messages": [{"role": "system", "content": ""}, *GOOD], "source": "é", "n": 1.5, "b": None},
        {"messages": GOOD, "prompt": "x", "conversations": "y"},
    ],
)
def test_plain_rows_are_read_here(record: dict[str, Any]) -> None:
    row = plain_chat(record)
    assert row is not None
    assert row == to_chat(record)
    assert list(json.loads(row["extra"])) == list(json.loads(to_chat(record)["extra"]))


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {"messages": []},
        {"messages": GOOD, "system": "Be kind."},
        {"messages": GOOD, "_winnow_form": {}},
        {"messages": GOOD, "uuid": "a"},
        {"messages": GOOD, "id": " "},
        {"messages": GOOD, "id": True},
        {"messages": GOOD, "x": float("nan")},
        {"messages": GOOD, "x": "\ud800"},
        {"messages": GOOD, "x": [1]},
        {"messages": GOOD[:1]},
        {"messages": [*GOOD, {"role": "assistant", "content": " "}]},
        {"messages": [*GOOD, {"role": "assistant", "content": "x", "name": "y"}]},
        {"messages": [{"role": "Human", "content": "x"}, GOOD[1]]},
        {"messages": [{"role": "user", "content": "\udc80"}, GOOD[1]]},
        {"messages": [{"role": "user", "content": None}, GOOD[1]]},
        {"messages": json.dumps(GOOD)},
    ],
)
def test_all_else_is_left_to_the_other_reader(record: Any) -> None:
    assert plain_chat(record) is None

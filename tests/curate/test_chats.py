"""The chat frame: ids, fingerprints, views."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from curate import chats as chat


def _row(query: str, answer: str, **more: str) -> dict:  # type: ignore[type-arg]
    return {"turns": [{"role": "user", "content": query}, {"role": "assistant", "content": answer}], **more}


def test_views_by_hand() -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "fields": '{"tool_calls":[{"name":"look","arguments":"{}"}]}'},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": "It is 42."},
    ]
    frame = chat.chats_of([{"turns": turns}])
    assert chat.queries(frame) == ["Hi"]
    assert chat.answers(frame) == ['[{"name": "look", "arguments": {}}]' + "\n\nIt is 42."]
    assert chat.turn_frame(frame)["role"].to_list() == ["system", "user", "assistant", "tool", "assistant"]


def test_the_order_of_rows_does_not_move_the_dataset_fingerprint_but_repeats_do() -> None:
    rows = [_row(f"q{i}", f"a{i}") for i in range(10)]
    shuffled = rows[:]
    random.Random(0).shuffle(shuffled)
    print_of = lambda these: chat.dataset_fingerprint(chat.chats_of(these))  # noqa: E731
    assert print_of(rows) == print_of(shuffled)
    assert print_of(rows) != print_of([*rows, rows[0]])


def test_the_order_of_keys_does_not_move_a_row_fingerprint() -> None:
    a = [{"role": "user", "content": "x", "fields": '{"a":1,"b":2}'}]
    b = [{"role": "user", "content": "x", "fields": '{"b": 2, "a": 1}'}]
    assert chat.row_fingerprint(a) == chat.row_fingerprint(b)


@given(st.lists(st.sampled_from(["a", "a-2", "a-3", "b"]), max_size=12))
@settings(max_examples=200)
def test_ids_become_distinct_and_first_ones_stay(ids: list[str]) -> None:
    fresh = chat.distinct_ids(ids)
    assert len(set(fresh)) == len(ids)
    for name in set(ids):
        assert fresh[ids.index(name)] == name


def test_repeats_get_numbers_in_file_order() -> None:
    assert chat.distinct_ids(["a", "a", "b", "a"]) == ["a", "a-2", "b", "a-3"]

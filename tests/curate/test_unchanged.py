"""Unchanged rows: what is carried over is what looking again would find."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.chats import SCHEMA, chats_of
from curate.unchanged import carried, unchanged

PARTS = st.sampled_from([None, "", "a", "b"])
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "tool"]), "content": PARTS, "fields": st.sampled_from([None, '{"a": 1}'])}
)
ROW = st.fixed_dictionaries(
    {"turns": st.lists(TURN, min_size=1, max_size=2), "extra": st.sampled_from(["{}", '{"x": 1}'])}
)


def frame(rows: dict[str, dict]) -> pl.DataFrame:
    return chats_of([row | {"id": name} for name, row in rows.items()])


def lines(chats: pl.DataFrame) -> pl.DataFrame:
    """A line for each turn, as a scan gives them; of some rows none."""
    found = [
        (name, number, f"{turn['role']}{turn['content']}{extra}")
        for name, turns, extra in chats.select("id", "turns", "extra").iter_rows()
        for number, turn in enumerate(turns)
        if turn["content"]
    ]
    return pl.DataFrame(found, schema={"row_id": pl.String, "turn": pl.Int64, "what": pl.String}, orient="row")


@given(st.dictionaries(st.sampled_from("abcdef"), ROW), st.dictionaries(st.sampled_from("fedcba"), ROW))
@settings(max_examples=100, deadline=None)
def test_unchanged_rows_are_equal_rows_and_carry_what_is_known(before: dict[str, dict], after: dict[str, dict]) -> None:
    left, right = frame(before), frame(after)
    same = unchanged(left, right)
    assert same.to_list() == [before.get(name) == row for name, row in after.items()]
    found = carried(lines(left), lines(right.filter(~same)), right, same)
    assert found.rows() == lines(right).rows()


def test_null_is_no_empty_text_and_another_field_is_another_row() -> None:
    def row(content: str | None, fields: str | None) -> dict:
        return {"r": {"turns": [{"role": "user", "content": content, "fields": fields}], "extra": "{}"}}

    pairs = [(row(None, None), row("", None)), (row("a", None), row("a", '{"n": 1}')), (row("a", None), row("a", None))]
    assert [unchanged(frame(a), frame(b)).to_list() for a, b in pairs] == [[False], [False], [True]]


def test_no_rows_and_an_id_that_stands_twice() -> None:
    none, one = SCHEMA.to_frame(), frame({"r": {"turns": [{"role": "user", "content": "a"}], "extra": "{}"}})
    assert unchanged(none, none).to_list() == unchanged(one, none).to_list() == []
    assert unchanged(none, one).to_list() == [False]
    assert unchanged(pl.concat([one, one]), one).to_list() == [False]

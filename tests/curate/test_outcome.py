"""Kept and removed together are the input; overrides put rows back as they were."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import chats as chat
from curate import outcome
from curate.outcome import Reason

CHATS = chat.chats_of(
    [
        {"id": f"r{i}", "turns": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "a"}]}
        for i in range(8)
    ]
)


@given(st.sets(st.sampled_from(CHATS["id"].to_list())), st.sets(st.sampled_from(CHATS["id"].to_list())))
@settings(max_examples=60)
def test_nothing_is_lost(gone: set[str], keep: set[str]) -> None:
    done = outcome.split(CHATS, "step", {row: Reason("rule") for row in gone})
    assert pl.concat([done.kept, done.removed]).sort("id").equals(CHATS.sort("id"))
    assert set(done.ledger["row_id"]) == gone
    undone = outcome.override(done, CHATS, keep)
    assert pl.concat([undone.kept, undone.removed]).sort("id").equals(CHATS.sort("id"))
    assert set(undone.removed["id"]) == gone - keep
    assert undone.kept.equals(CHATS.filter(~pl.col("id").is_in(list(gone - keep))))


def test_an_overridden_edit_brings_the_original_back() -> None:
    edited = CHATS.with_columns(extra=pl.when(pl.col("id") == "r3").then(pl.lit('{"x":1}')).otherwise("extra"))
    done = outcome.Outcome(edited, CHATS.clear(), outcome.lines(CHATS, "pii", "edited", {"r3": Reason("pii")}))
    undone = outcome.override(done, CHATS, ["r3", "r5"])
    assert undone.kept.equals(CHATS)
    assert undone.ledger["action"].to_list() == ["overridden"]


def test_an_outcome_prints_its_counts() -> None:
    done = outcome.split(CHATS, "step", {"r1": Reason("too short"), "r2": Reason("too short")})
    assert str(done) == "kept 6, removed 2 (too short removed 2)"

"""Texts with marked names: marks leave nothing behind, renaming changes names alone, and what is measured with is not learnt."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.models import names_marked
from curate.models.names_marked import MEASURED, TEXTS, marked, renamed, texts
from curate.models.names_writer import Writer, Written

PLAIN = st.text(alphabet="abc .,\n", max_size=12)
NAME = st.tuples(st.sampled_from("PLOA"), st.text(alphabet="AbÉ 1", min_size=1, max_size=8))


FILL = Writer(0)


def between(written: Written) -> list[str]:
    """What stands between the names."""
    ends = [0, *(end for _, end, _ in written.spans)]
    starts = [*(start for start, _, _ in written.spans), len(written.text)]
    return [written.text[end:start] for end, start in zip(ends, starts, strict=True)]


@given(st.lists(st.tuples(PLAIN, NAME), max_size=5), PLAIN)
def test_marks_say_where_and_leave_nothing_behind(parts: list[tuple[str, tuple[str, str]]], tail: str) -> None:
    written = marked("".join(f"{plain}<{mark}:{name}>" for plain, (mark, name) in parts) + tail)
    assert written.text == "".join(plain + name for plain, (_, name) in parts) + tail
    assert [written.text[a:b] for a, b, _ in written.spans] == [name for _, (_, name) in parts]
    assert between(written) == [*(plain for plain, _ in parts), tail]


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_renaming_changes_names_alone(seed: int) -> None:
    FILL.draw.seed(seed)
    before = FILL.draw.choice(texts(TEXTS))
    after = renamed(before, FILL)
    assert between(after) == between(before)
    assert [kind for *_, kind in after.spans] == [kind for *_, kind in before.spans]
    assert all(after.text[a:b].strip() == after.text[a:b] != "" for a, b, _ in after.spans)


def test_who_stands_in_a_text_twice_stays_one() -> None:
    before = marked("<P:Ann> asked <P:Bob>, and <P:Ann> knew.")
    for _ in range(20):
        after = renamed(before, FILL)
        first, _, last = (after.text[a:b] for a, b, _ in after.spans)
        assert first == last


@pytest.mark.parametrize("name", [TEXTS, MEASURED])
def test_every_mark_is_read_and_no_name_runs_into_another(name: str) -> None:
    for written in texts(name):
        assert not re.search(r"<|>", written.text)
        assert all(a[1] <= b[0] for a, b in pairwise(written.spans))
        assert all(written.text[a:b].strip() == written.text[a:b] for a, b, _ in written.spans)


def test_what_is_measured_with_is_not_learnt() -> None:
    learnt = {written.text for written in texts(TEXTS)}
    assert len(texts(MEASURED)) > 300
    assert not learnt & {written.text for written in texts(MEASURED)}
    assert set(names_marked.KIND_OF.values()) == {kind for written in texts(MEASURED) for *_, kind in written.spans}

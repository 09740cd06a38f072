"""Row-level faults: by hand, and against a slow reading of the same rule."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from curate import quality, text
from curate.chats import chats_of

SIGNS = st.text(st.sampled_from("aAb é\ufffd\x01\x7f\x85\x1c\nｂ"), max_size=6)


def slow(query: str, answer: str) -> str | None:
    plain = text.normalise(answer)
    if not plain:
        return quality.EMPTY
    if plain == text.normalise(query):
        return quality.REPEATS
    marks = re.findall("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", answer)
    return quality.GARBLED if len(marks) > quality.GARBLED_SHARE * len(answer) else None


def rules(pairs: list[tuple[str, str]]) -> dict[str, str]:
    roles = ("user", "assistant")
    turns = [[{"role": role, "content": said} for role, said in zip(roles, pair, strict=True)] for pair in pairs]
    done = quality.validate(chats_of([{"id": str(i), "turns": row} for i, row in enumerate(turns)]))
    assert done.kept.height + done.removed.height == len(pairs)
    return dict(done.ledger.select("row_id", "rule").iter_rows())


@given(st.lists(st.tuples(SIGNS, SIGNS), max_size=6))
@settings(max_examples=150, deadline=None)
def test_equals_a_slow_reading(pairs: list[tuple[str, str]]) -> None:
    wanted = {str(i): rule for i, pair in enumerate(pairs) if (rule := slow(*pair))}
    assert rules(pairs) == wanted


def test_by_hand() -> None:
    pairs = [
        ("Why?", "Because."),
        ("Why?", " \u200b"),
        ("Say it", "SAY  it"),
        ("Why?", "be\ufffdcau\ufffdse"),
        ("a", "b" * 60 + "\ufffd"),
    ]
    assert rules(pairs) == {"1": "empty answer", "2": "answer repeats the question", "3": "garbled text"}

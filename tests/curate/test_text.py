"""Normal forms, shingles and facts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import text


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_normalising_twice_changes_nothing_more(said: str) -> None:
    once = text.normalise(said)
    assert text.normalise(once) == once


@given(
    st.lists(
        st.text(max_size=30) | st.text(st.sampled_from("aA é“—\u200bаоıſKⅧ ٣٤½\u0345\x1c\n<_1>'"), max_size=30),
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_forms_and_tokens_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    assert text.all_normal(texts).to_list() == [text.normalise(said) for said in texts]
    assert text.all_tokens(texts).to_list() == [text.tokens(said) for said in texts]


@given(st.text(max_size=100), st.text(max_size=100))
@settings(max_examples=100)
def test_jaccard_is_symmetric_and_one_on_itself(a: str, b: str) -> None:
    x, y = text.shingles(a), text.shingles(b)
    assert text.jaccard(x, y) == text.jaccard(y, x)
    assert text.jaccard(x, x) == 1
    assert 0 <= text.jaccard(x, y) <= 1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Café", "CAFE\u0301"),
        ("two  words\n", "two words"),
        ("zero\u200bwidth", "zerowidth"),
        ("“quoted” – dash", '"quoted" - dash'),
        ("раypal", "paypal"),  # the first two letters are Cyrillic
        ("ﬁle", "file"),
    ],
)
def test_same_after_normalising(a: str, b: str) -> None:
    assert text.normalise(a) == text.normalise(b)


def test_a_wholly_cyrillic_word_stays_cyrillic() -> None:
    assert text.normalise("сор") != "cop"


def test_operators_are_not_punctuation() -> None:
    assert text.loose("x + y") != text.loose("x - y")
    assert text.loose("Hello, world!") == text.loose("hello world")


def test_short_texts_have_shingles_too() -> None:
    assert text.shingles("Hi") == {"hi"}
    assert text.shingles("") == frozenset()
    assert text.shingles("🙂") == {"🙂"}


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ("send 3 lamps", "send 5 lamps", "numbers"),
        ("send three lamps", "send 3 lamps", None),
        ("5 million lamps", "5,000,000 lamps", None),
        ("open at 3 pm", "open at 15:00", None),
        ("open at 3 pm", "open at 3 am", "numbers"),
        ("Hello Bob, what is the capital of france?", "What is the capital of France?", None),
        ("WHAT IS THE CAPITAL OF FRANCE, PLEASE", "What is the capital of France?", None),
        ("send 3 lamps", "send lamps", None),  # missing is no conflict
        ("it costs 1,200.50", "it costs 1200.5", None),
        ("1. open it\n2. close it", "open it, close it", None),  # list markers say nothing
        ("Can I use the Solo lamp?", "Can I use the Duo lamp?", "names"),
        ("Can I use the Brightwell lamp?", "Can I use the Brightwel lamp?", None),  # a typo
        ("can I return it", "can I not return it", "negation"),
        ("write to <EMAIL_1>", "write to <EMAIL_2>", None),  # placeholders are no facts
        (
            "Yes, you can send it back.",
            "No, do hold on to it: you may not, and here is why that is the case for now.",
            "yes or no",
        ),
        ("Righto. Yes, that is so, and more.", "Righto. No, and it is far from so in each of the cases.", "yes or no"),
        (
            "Well, true, as far as we know.",
            "Good question! Nope, and that is well known to all of us here.",
            "yes or no",
        ),
        ("Yes, all of it is.", "Fine. No one minds, and it is what all of us do and say in each case.", None),
        ("a synonym of 'happy'", "a synonym of 'sad'", "names"),
        ("the formula is CO2", "the formula is CO", "names"),
        ("PLEASE HELP me now", "please help me now", None),
    ],
)
def test_conflicting_facts(a: str, b: str, kind: str | None) -> None:
    assert text.conflict(text.facts(a), text.facts(b)) == kind
    assert text.conflict(text.facts(b), text.facts(a)) == kind


@pytest.mark.timeout(60)
def test_one_long_word_does_not_backtrack() -> None:
    """A regular expression that backtracks would take hours here; the time limit is the test."""
    assert len(text.tokens("é" + "a" * 300_000)) == 1
    assert text.facts("A" + "b" * 300_000 + "é").numbers == frozenset()

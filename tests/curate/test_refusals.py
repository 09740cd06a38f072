"""The refusal detector: plain examples, and figures that hold for the rules as they stand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import refusals

REFUSALS = [
    "I cannot help with that.",
    "I can’t assist with this request.",
    "I'm sorry, but I can't provide that information.",
    "Sorry, no. That is private.",
    "Kindly, no. Where our people live is their own matter.",
    "I'm not able to share personal details.",
    "I must respectfully decline.",
    "I do not have access to your neighbour's letters.",
    "It is not appropriate to discuss this.",
    "That is against my guidelines.",
    "There is no reason why they should be treated so.",
]
ANSWERS = [
    "Put the card under the lamp and press the bird.",
    "You cannot return it after 40 days.",
    "The lamp will not charge while it is wet. Dry it first.",
    "No problem, take the stairs on the left.",
    "Righto. Wash it by hand.",
    "If you can't open it, turn the key twice.",
    "Not my bench. I do not know yours.",
    "She said she would not help him, and left.",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(text: str) -> None:
    assert refusals.look(text).kind == "refusal"


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str) -> None:
    assert refusals.look(text).kind == "answer", refusals.look(text)


def test_the_words_that_decided_are_shown_where_they_stand() -> None:
    text = "Hello İstanbul! I’m sorry. I can’t help with that."
    found = refusals.look(text)
    assert found.kind == "refusal"
    assert text[found.start : found.end].startswith(("I’m sorry", "I can’t"))


def test_a_caveat_after_a_long_answer_is_no_refusal() -> None:
    assert refusals.look("Wash the shade by hand. " * 30 + "I cannot help with silk.").kind == "answer"


@given(st.text(max_size=120))
@settings(max_examples=60, deadline=None)
def test_any_text_is_judged_and_twice_the_same(text: str) -> None:
    found = refusals.look(text)
    assert found == refusals.look(text)
    assert 0 <= found.start <= found.end <= len(text)


def test_the_measured_figures_are_those_of_these_rules() -> None:
    """Change a rule, and the figures go until benchmarks/refusals/measure.py has been run again."""
    detector = refusals.load()
    assert detector.fingerprint in refusals.MEASURED
    for found, refused, passed, answered in detector.measured.values():
        assert 0 < found <= refused
        assert 0 < passed <= answered
    assert "sensitivity 0.942 (n=173" in str(detector)

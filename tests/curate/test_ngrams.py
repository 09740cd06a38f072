"""Containment by word n-grams, against a slow reference and by hand."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from curate import ngrams, text


def test_by_hand() -> None:
    wholes = ["Please tell me now: what is the best way to clean the shade of my lamp? Thanks.", "Something else."]
    parts = ["What is the best way to clean the shade of my lamp?", "How long does shipping take to the islands?"]
    found = ngrams.contained(wholes, parts)
    assert [(f.whole, f.part, f.share) for f in found] == [(0, 0, 1.0)]


def test_short_parts_have_their_own_rule() -> None:
    wholes = ["Who are you?", "I do not know who are you talking about, sorry, but please go on and tell me more."]
    assert [(f.whole, f.part) for f in ngrams.contained(wholes, ["who are you"])] == [(0, 0)]


def test_two_rows_that_leak_one_item_are_both_found() -> None:
    item = "what is the best way to clean the shade of my lamp"
    assert {f.whole for f in ngrams.contained([item, "x y z", item + " please"], [item])} == {0, 2}


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_equals_a_slow_reference(seed: int) -> None:
    rng = random.Random(seed)
    said = [" ".join(rng.choices("abcdef", k=rng.randint(8, 14))) for _ in range(12)]
    wholes, parts = said[:6], said[6:]

    def grams(t: str) -> set[tuple[str, ...]]:
        words = text.tokens(t)
        return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}

    slow = [
        (w, p, round(len(grams(parts[p]) & grams(wholes[w])) / len(grams(parts[p])), 4))
        for w in range(6)
        for p in range(6)
    ]
    fast = [(f.whole, f.part, f.share) for f in ngrams.contained(wholes, parts, size=3, floor=0.4)]
    assert fast == [line for line in slow if line[2] >= 0.4]

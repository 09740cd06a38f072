"""Reading and comparing facts quickly changes nothing: each short cut against the plain way, on made texts."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import text
from curate.likeness import pair_facts, pair_features, pair_language, written_numbers
from curate.likeness.pair_facts import facts_of, unmatched_names
from curate.likeness.pair_features import Pair, read

WRITTEN = """one two seven twenty-five two_three two hundred and six half a dozen 3 1/2 .5 . , - and 12:30 3pm 5 kg twice
sevenfold COVID-19 "quoted name" 'so it is' “of old” ‘x’ Tom's Anna Ann Annas MARY don't can'not not Never 3not no_x neither isnt it's
İstanbul ſo café ² ٣ the lamp lamps McDonald O'Brien > $12$ 2. <NAME_1> a third thirds _n't 1,000 A I s ss as us yes"""
PIECES = WRITTEN.split()
texts = st.lists(st.sampled_from([*PIECES, "\n", "\t"]), max_size=14).map(" ".join) | st.lists(
    st.sampled_from([*PIECES, " ", "."]), max_size=10
).map("".join)


def plain_numbers(said: str) -> tuple[Any, ...]:
    """Every sign is looked at, whatever is in the text."""
    plain, clocks = written_numbers._without_clocks(said)
    plain = written_numbers._FOLD.sub(r"\1 ", plain)
    tokens = [token.lower() for token in written_numbers._TOKEN.findall(plain)]
    found, place = [], 0
    while place < len(tokens):
        value, after = written_numbers._value(tokens, place)
        if value is not None:
            found.append(written_numbers._with_unit(value, tokens, place, after))
        place = place + 1 if value is None else after
    return tuple(number for number in (*found, *clocks) if number is not None)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_numbers_are_those_of_the_plain_way(said: str) -> None:
    assert written_numbers.numbers(said) == plain_numbers(said)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_words_and_negations_are_those_of_the_plain_way(said: str) -> None:
    unmarked = pair_facts._MATHS.sub(r"\1", pair_facts._QUOTE_MARK.sub("", said))
    plain = pair_facts._LIST_MARK.sub(" ", text.PLACEHOLDER.sub(" ", unmarked))
    words = [word.lower().replace("’", "'") for word in pair_facts._WORD.findall(plain)]
    found = facts_of(said)
    assert found.words == frozenset(words) | {word.removesuffix("'s") for word in words}
    assert found.negations == len(pair_facts._NEGATION.findall(plain))
    assert found.sides == tuple(dict.fromkeys(word for word in words if word in pair_facts._SIDES))


QUOTED = re.compile(r"""(?<!\w)["“]([^"“”\n]{1,40})["”](?!\w)|(?<!\w)['‘]([^'‘’\n]{1,40})['’](?!\w)""")


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab1 _.\n\"'“”‘’é", max_size=30))
def test_quotations_are_those_of_the_plain_way(said: str) -> None:
    assert pair_facts._QUOTED.findall(said) == QUOTED.findall(said)


names = st.text(alphabet="abs", min_size=1, max_size=6)
few = st.frozensets(names, max_size=8)


def facts(named: frozenset[str], words: frozenset[str]) -> pair_facts.Facts:
    return pair_facts.Facts((), named, words, 0)


@settings(max_examples=500, deadline=None)
@given(few, few, few)
def test_unmatched_names_are_those_that_no_other_is_like(named: frozenset[str], others: frozenset[str], words: frozenset[str]) -> None:  # fmt: skip
    plain = {name for name in named - words if not any(pair_facts._same(name, other) for other in others | words)}
    assert unmatched_names(facts(named, frozenset()), facts(others, words)) == plain


@settings(max_examples=500, deadline=None)
@given(few, few)
def test_missing_words_are_those_that_no_other_is_like(these: frozenset[str], those: frozenset[str]) -> None:
    plain = any(not any(text.one_edit_apart(word, other) for other in those) for word in these - those)
    assert pair_features._missing(these, those) == plain


@pytest.mark.parametrize(
    "said", ["the of der die das und", "wie viele Lampen und das und die", "el la de que the of and", ""]
)
def test_the_language_is_that_of_most_small_words(said: str) -> None:
    hits = {name: sum(word in small.split() for word in said.split()) for name, small in pair_language._WORDS.items()}
    best = max(hits, key=hits.__getitem__)
    assert pair_language.language(said) == (best if hits[best] >= 2 and hits[best] > 2 * hits["en"] else "en")


@settings(max_examples=100, deadline=None)
@given(texts, texts)
def test_a_contrast_says_what_its_parts_say(a: str, b: str) -> None:
    here, there = facts_of(a), facts_of(b)
    found = pair_facts.Contrast(here, there)
    counts = pair_facts.unmatched_numbers(here, there), pair_facts.unmatched_numbers(there, here)
    assert all(found.numbers) == all(counts)
    assert not all(counts) or found.numbers == counts
    lacking = len(unmatched_names(here, there)), len(unmatched_names(there, here))
    assert found.names == (all(lacking) and abs(lacking[0] - lacking[1]) <= 1)
    both = Pair(read(a), read(b))
    once = pair_features.contradictions(both)
    assert (once, pair_features.differs(both)) == (once, pair_features.differs(Pair(read(a), read(b))))


def test_numbers_by_hand() -> None:
    assert (
        facts_of("half a dozen eggs").numbers
        == facts_of("6 eggs").numbers
        == (written_numbers.Number(frozenset({6.0})),)
    )
    assert facts_of("one of them") == facts_of("one of them")
    assert facts_of("one of them").numbers == ()

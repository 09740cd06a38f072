"""Containment by word n-grams and short texts with typos: laws, by hand, and against slow references."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import ngrams, text, typos
from curate.ngrams import Contained, contained, near_short

LAMP = "what is the best way to clean the shade of my lamp"
TEMPLATE = "Below is an instruction that describes a task, write a response that completes the request:"


def shares(found: list[Contained]) -> dict[tuple[int, int], float]:
    return {(f.whole, f.part): f.share for f in found}


def reference(wholes: list[str], parts: list[str], size: int, floor: float) -> dict[tuple[int, int], float]:
    """The formula, read out with plain sets."""

    def grams(said: list[str], n: int) -> set[tuple[str, ...]]:
        return {tuple(said[i : i + n]) for i in range(len(said) - n + 1)}

    def of_part(said: list[str]) -> set[tuple[str, ...]]:
        return grams(said, size) if len(said) >= max(ngrams.SHORT, size) else {tuple(said)}

    words = [text.tokens(part) for part in parts]
    every = [of_part(said) for said in {part: text.tokens(part) for part in parts}.values() if said]
    found = {}
    for w, whole in enumerate(wholes):
        said = text.tokens(whole)
        for p, part in enumerate(words):
            if not part:
                continue
            own = of_part(part)
            times = {g: sum(g in other for other in every) for g in own}
            weight = {g: 1_000_000 // n if n > 4 else 1_000_000 for g, n in times.items()}
            held = {g for g in own if g in grams(said, len(g))}
            share = sum(weight[g] for g in held) / sum(weight.values())
            if held and share >= floor and (len(part) >= ngrams.SHORT_ALONE or 2 * len(part) >= len(said)):
                found[w, p] = round(share, 4)
    return found


def sentences(seed: int, many: int, letters: str, longest: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(letters, k=rng.randint(0, longest))) for _ in range(many)]


@given(st.integers(0, 10_000), st.sampled_from([3, 5, 10]), st.sampled_from([0.0, 0.4, 0.7, 1.0]))
@settings(max_examples=60, deadline=None)
def test_equals_a_slow_reference(seed: int, size: int, floor: float) -> None:
    said = sentences(seed, 30, "abc", 14)
    wholes, parts = said[:12], said[12:]
    parts += [wholes[0], wholes[0], "x " + wholes[1]]
    assert shares(contained(wholes, parts, size=size, floor=floor)) == reference(wholes, parts, size, floor)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_order_portions_and_other_rows_decide_nothing(seed: int) -> None:
    said = sentences(seed, 40, "abcdé", 14)
    wholes, parts = said[:30], said[30:] + said[:3]
    whole = shares(contained(wholes, parts, size=3, floor=0.3))
    order = list(range(30))
    random.Random(seed).shuffle(order)
    other = shares(contained([wholes[i] for i in order], parts, size=3, floor=0.3))
    assert {(order[w], p): s for (w, p), s in other.items()} == whole
    more = shares(contained([*wholes, "a b c d a b c d a b c d", "q"], parts, size=3, floor=0.3))
    assert {pair: s for pair, s in more.items() if pair[0] < 30} == whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "CHARACTERS_AT_ONCE", 40)
        patch.setattr(ngrams, "CELLS_AT_ONCE", 7)
        assert shares(contained(wholes, parts, size=3, floor=0.3)) == whole


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_texts_that_were_read_once_may_be_searched_often(seed: int) -> None:
    said = sentences(seed, 40, "abcdé", 14)
    wholes, parts = said[:30], said[30:] + said[:3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "CHARACTERS_AT_ONCE", 40)
        read = ngrams.Wholes.of(wholes)
    assert len(read.portions) > 1
    for some in (parts, parts[:4], []):
        assert contained(read, some, size=3, floor=0.3) == contained(wholes, some, size=3, floor=0.3)
        assert near_short(read, some) == near_short(wholes, some)


def test_by_hand() -> None:
    wholes = ["Please tell me now: what is the best way to clean the shade of my lamp? Thanks.", "Something else."]
    parts = ["What is the best way to clean the shade of my lamp?", "How long does shipping take to the islands?"]
    assert shares(contained(wholes, parts)) == {(0, 0): 1.0}


def test_two_rows_that_leak_one_item_are_both_found() -> None:
    assert {f.whole for f in contained([LAMP, "x y z", LAMP + " please"], [LAMP])} == {0, 2}


def test_a_template_convicts_nobody_but_what_it_asks_does() -> None:
    asks = [
        "name three colours",
        "boil two eggs",
        "sing a song",
        "paint the door",
        "count the stars",
        "wash your hands",
    ]
    parts = [f"{TEMPLATE} {ask} and then {i}" for i, ask in enumerate(asks * 8)] + [f"{TEMPLATE} boil two eggs"]
    assert contained([f"{TEMPLATE} fold a napkin into a swan"], parts) == []
    assert shares(contained([f"{TEMPLATE} boil two eggs"], parts))[0, len(parts) - 1] == 1.0


def test_an_item_held_whole_scores_one_however_common_it_is() -> None:
    parts = [f"{LAMP} and {word}" for word in "abcdefgh"] + [LAMP]
    wholes = [f"said {i}: {LAMP}" for i in range(50)]
    found = shares(contained(wholes, parts, of_wholes=True))
    assert all(found[i, 8] == 1.0 for i in range(50))


def test_what_many_rows_say_weighs_less_when_asked_for() -> None:
    part = f"{TEMPLATE} fold a napkin"
    wholes = [f"{TEMPLATE} tell me of thing {i}" for i in range(100)]
    assert len(contained(wholes, [part])) == 100
    assert contained(wholes, [part], of_wholes=True) == []
    assert shares(contained([*wholes, part], [part], of_wholes=True)) == {(100, 0): 1.0}


def test_short_parts_occur_in_one_piece_and_make_up_a_good_part() -> None:
    wholes = ["Who are you?", "I do not know who are you talking about, sorry, but please go on and tell me more."]
    assert list(shares(contained(wholes, ["who are you"]))) == [(0, 0)]
    # A part shorter than the n-gram is one n-gram too, and is not passed over.
    assert shares(contained(["so: a b c d e f g h i"], ["a b c d e f g h i"], size=10)) == {(0, 0): 1.0}


def test_parts_below_min_words_are_left_out() -> None:
    assert contained([LAMP], [LAMP], min_words=13) == []
    assert len(contained([LAMP], [LAMP], min_words=12)) == 1


def test_empty_sides_and_texts_without_a_word_hold_nothing() -> None:
    assert contained([], [LAMP]) == contained([LAMP], []) == contained(["", "🙂"], ["", "🙂"]) == []
    assert near_short([], ["a"]) == near_short(["a"], []) == []


@given(
    st.lists(
        st.text(st.characters(max_codepoint=0x2FFF) | st.sampled_from("aZ 09.,'<_>-$\x1f\ud800日é"), max_size=30),
        max_size=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_tokens_of_many_texts_are_the_tokens_of_each(texts: list[str]) -> None:
    assert text.all_tokens(texts).to_list() == [text.tokens(said) for said in texts]


@given(st.lists(st.text("aZ 09.,'<_>-$@\t\n\\", max_size=60), max_size=8))
@settings(max_examples=200, deadline=None)
def test_the_tokens_of_ascii_texts_too(texts: list[str]) -> None:
    assert text.all_tokens(texts).to_list() == [text.tokens(said) for said in texts]


FRANCE = "What is the capital of France?"


@pytest.mark.parametrize(
    ("whole", "share"),
    [
        ("what is the captial of france", 0.9655),  # 1 swap in 29 letters
        ("What is the capitol of Frances", 0.9333),  # 2 edits in 30
        ("What's the capital of France?", 0.931),  # 2 edits: an apostrophe for a space, one letter less
        ("What is the capital of Finland?", None),
        ("Tell me, what is the captial of France?", None),  # holds it, and is no such text itself
        (FRANCE, 1.0),
    ],
)
def test_a_typo_or_two_in_a_short_question(whole: str, share: float | None) -> None:
    assert shares(near_short([LAMP, whole], [FRANCE])) == ({} if share is None else {(1, 0): share})


def test_the_shorter_the_fewer_edits() -> None:
    assert near_short(["who", "abcde", "abcdefghijk"], ["why", "abxye", "abcdefghixy"]) == []
    assert near_short(["abcd f", "🙂🙂"], ["abcdef", "🙂🙂"]) == [Contained(0, 0, 0.8333), Contained(1, 1, 1.0)]
    assert near_short([LAMP], [LAMP]) == []  # a long part is not its business


def test_another_number_is_no_typo() -> None:
    assert near_short(["What is 12 + 5?", "Waht is 12 + 7?"], ["What is 12 + 7?"]) == [Contained(1, 0, 0.9286)]


def slow_distance(a: str, b: str) -> int:
    table = {(i, j): max(i, j) for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (x != y)]
            if i > 1 and j > 1 and (x, a[i - 2]) == (b[j - 2], y):
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(a), len(b)]


@given(st.lists(st.text("ab1", max_size=15), max_size=12), st.lists(st.text("abc1", max_size=15), max_size=12))
@settings(max_examples=150, deadline=None)
def test_every_near_string_is_found(wholes: list[str], parts: list[str]) -> None:
    slow = [
        (w, p, slow_distance(whole, part))
        for w, whole in enumerate(wholes)
        for p, part in enumerate(parts)
        if slow_distance(whole, part) <= typos.edits(len(part)) and typos.digits(whole) == typos.digits(part)
    ]
    assert list(typos.near(wholes, parts)) == slow


def test_portions_of_hashes_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["what is the best lamp", "what is the bets lamp", "what was the best lamp", "who"] * 3
    whole = list(typos.near(said, said))
    monkeypatch.setattr(typos, "HASHES_AT_ONCE", 10)
    assert list(typos.near(said, said)) == whole

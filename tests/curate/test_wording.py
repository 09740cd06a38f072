"""Which words differ: nothing of a text is lost, what agrees is the same on both sides, a number that differs is seen."""

import itertools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import wording
from curate.wording import Span, cut, marked, ranges, turning_point

# Few letters, so that texts share words; signs, numbers, masks, marks and scripts without spaces beside them.
PIECES = ["a", "b", "the", "3", "3.5", "-3", "1,000", "x2", ".", "!", " ", "  ", "\n", "\t", "don't", "[EMAIL]", "<PHONE_1>",
          "e\u0301", "猫", "狗", "👩‍👩‍👧", "\u200d", "שלום"]  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.text(max_size=40))


def shown(a: str, b: str) -> tuple[str, str]:
    left, right = marked(a, b)
    return tuple("".join(f"[{text}]" if differs else text for text, differs in side) for side in (left, right))  # type: ignore[return-value]


def unmarked(spans: list[Span]) -> list[str]:
    # A mark between two words parts them, as white space does.
    return "\0".join(text for text, differs in spans if not differs).replace("\0", " ").split()


@given(texts, texts)
@settings(max_examples=150, deadline=None)
def test_joined_spans_are_the_texts(a, b):
    left, right = marked(a, b)
    assert "".join(span.text for span in left) == a
    assert "".join(span.text for span in right) == b
    for side in (left, right):
        assert all(span.text for span in side)
        assert all(one.differs != next_.differs for one, next_ in itertools.pairwise(side))
        assert not any(span.differs and (span.text[0].isspace() or span.text[-1].isspace()) for span in side)


@given(texts, texts)
@settings(max_examples=150, deadline=None)
def test_what_is_unmarked_is_the_same_on_both_sides(a, b):
    left, right = marked(a, b)
    assert "".join(unmarked(left)) == "".join(unmarked(right))


@given(texts, st.lists(st.sampled_from([" ", "\n", "\t ", "   "]), min_size=1))
@settings(max_examples=80, deadline=None)
def test_white_space_is_no_difference(a, gaps):
    places = iter(gaps * (len(a) + 1))
    other = re.sub(r"\s+", lambda _: next(places), a)
    left, right = marked(a, other)
    assert not any(span.differs for span in left + right)


@given(st.lists(st.integers(0, 30), max_size=8), st.lists(st.integers(0, 30), max_size=8))
@settings(max_examples=80, deadline=None)
def test_a_number_that_the_other_lacks_is_marked(a, b):
    left, right = marked(" items ".join(map(str, a)), " items ".join(map(str, b)))
    for side, others in ((left, b), (right, a)):
        unseen = {int(word) for text, differs in side if not differs for word in text.split() if word.isdigit()}
        assert unseen <= set(others)


def slow_common(a: list[str], b: list[str]) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        new = [0]
        for j, y in enumerate(b):
            new.append(row[j] + 1 if x == y else max(row[j + 1], new[j]))
        row = new
    return row[-1]


@given(st.lists(st.sampled_from("abcd"), max_size=18), st.lists(st.sampled_from("abcd"), max_size=18))
@settings(max_examples=150, deadline=None)
def test_as_many_words_agree_as_the_slow_reference_finds(a, b):
    same = wording._common(a, b)
    assert len(same) == slow_common(a, b)
    assert all(a[i] == b[j] for i, j in same)
    assert same == sorted(set(same))
    assert len({j for _, j in same}) == len(same)


@pytest.mark.parametrize(
    ("a", "b", "left", "right"),
    [
        ("Send 3 lamps today", "Send 5 lamps, please", "Send [3] lamps [today]", "Send [5] lamps[, please]"),
        ("It costs 3.50 now", "It costs 3.5 now", "It costs [3.50] now", "It costs [3.5] now"),
        ("minus -3 degrees", "minus 3 degrees", "minus [-3] degrees", "minus [3] degrees"),
        ("7-3 lamps", "7 - 3 lamps", "7-3 lamps", "7 - 3 lamps"),
        ("I do like it", "I don't like it", "I [do] like it", "I [don't] like it"),
        ("Dry cloth.\nWren", "Dry cloth. Write again.\nWren", "Dry cloth.\nWren", "Dry cloth. [Write again.]\nWren"),
        ("我喜欢猫", "我喜欢狗", "我喜欢[猫]", "我喜欢[狗]"),
        ("a cafe\u0301 here", "a cafe here", "a [cafe\u0301] here", "a [cafe] here"),
        ("Mail [EMAIL] now", "Mail [PHONE] now", "Mail [[EMAIL]] now", "Mail [[PHONE]] now"),
        ("same", "same", "same", "same"),
        ("", "new", "", "[new]"),
        ("", "", "", ""),
    ],
)
def test_examples_that_a_person_can_check(a, b, left, right):
    assert shown(a, b) == (left, right)


def test_short_words_that_agree_by_chance_are_no_islands():
    a = "Where does the old miller of the village keep seven sacks?"
    b = "Wo hat der Bauer in Ruhe the Korn und auch Mehl?"
    assert shown(a, b) == (f"[{a[:-1]}]?", f"[{b[:-1]}]?")


def test_an_eval_item_inside_a_long_row_stays_whole():
    item = "Which knot holds the wooden raft to the stone pier?"
    row = "Some talk before. " * 40 + item + " And some talk after." * 40
    left, right = marked(row, item)
    assert right == [Span(item, False)]
    assert row[turning_point(left) :].strip().startswith(item)


@pytest.mark.parametrize("letters", ["x y", ".-", "猫狗", "a1 ", "ab \n."])
def test_the_worst_texts_of_100_kb_are_answered_and_lose_nothing(letters):
    draw = random.Random(7)
    a, b = ("".join(draw.choices(letters, k=100_000)) for _ in range(2))
    left, right = marked(a, b)
    assert "".join(span.text for span in left) == a
    assert "".join(span.text for span in right) == b
    assert "".join(unmarked(left)) == "".join(unmarked(right))


def test_long_texts_are_aligned_by_their_sentences():
    draw = random.Random(3)
    sentences = [" ".join(str(draw.randrange(10**6)) for _ in range(12)) + "." for _ in range(1200)]
    moved = ["A new beginning that nobody wrote before."] * 300 + sentences[:600] + sentences[601:]
    left, right = marked(" ".join(["First of all this.", *sentences]), " ".join(moved))
    assert [span.text.rstrip(".") for span in left if span.differs][1:] == [sentences[600].rstrip(".")]
    assert sum(span.differs for span in right) == 1


@given(texts, texts, st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_cut_spans_are_the_cut_text(a, b, start, length):
    spans, _ = marked(a, b)
    assert "".join(span.text for span in cut(spans, start, start + length)) == a[start : start + length]
    assert [a[x:y] for x, y in ranges(spans)] == [span.text for span in spans if span.differs]

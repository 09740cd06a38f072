"""Ages of persons: the ways to write them, what only looks like one, beside whom they count, and other ages in their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import ages, pii
from curate.pii import Finding, look
from curate.recognisers import RULES

AGES = [rule for rule in RULES if rule.kind == ages.KIND]


def said(text: str) -> list[str]:
    return [text[f.start : f.end] for f in look(text, AGES, pii.THRESHOLD)]


OF_PERSONS = [
    ("34", "I'm {}"),
    ("34", "I just turned {}, and"),
    ("34", "I am {} years old."),
    ("34", "a {}-year-old man"),
    ("34", "He was aged {} then"),
    ("62", "She died at the age of {}"),
    ("34", "age: {}"),
    ("34", '{{"name": "Jo", "age": "{}"}}'),
    ("34", "{} y/o, from Leeds"),
    ("45", "Patient is a {} yo male"),
    ("45", "Male, {}yo"),
    ("34", "I'm {} - and I love it"),
    ("31", "I'll turn {} in May"),
    ("thirty-four", "My sister is {} years old."),
    ("34", "Jane is {} years old"),
    ("34", "I am a {}-year-old software engineer"),
    ("7", "My {}-year-old son likes it"),
    ("7", "my {}-year-old loves it"),
    ("34", "I ({}F) told him"),
    ("29", "She's {}, and lives here"),
    ("40", "He turned {} last week"),
    ("34", "Jane Doe, {}, of Leeds"),
    ("34", "the {}-year-old Maria Lopez"),
    ("9", "Our daughter, Ann, is {}."),
    ("101", "My grandmother is {} now"),
]
OF_NOBODY = """\
a 12-year-old whisky|the 200-year-old bridge|5 year warranty|12 years old building|The building is 34 years old|my laptop is 3 years old
I'm 34 miles away|I am 100% sure|I'm 10 minutes late|I'm 6'2|I'm 20 pages in|It turned 20 degrees|turned 180 degrees|I turned 90 degrees
must be 18 years or older|You must be at least 18 years old|if you are 18 years old|children aged 5 to 12|aged 18-25|people aged 65 and older
the average age is 40|retirement age of 65|over the age of 18|page 34|Ice Age 4|whisky aged 12 years|cheese aged 24 months|It is 34 outside
score of 34|34 years ago|for 34 years|I was 2nd|I am one of them|34-year-olds|between 5 and 10 years old|My 10-year-old Volvo|wine (30 years old)
May 5, 12, and|Manchester United (13), Chelsea (5)|135 Academy Awards, 26 of which|version 34|34-0|it is 30 years old|I'm 34.5 kg""".replace(
    "\n", "|"
).split("|")


@pytest.mark.parametrize(("age", "sentence"), OF_PERSONS)
def test_the_age_of_a_person_is_its_number_alone(age: str, sentence: str) -> None:
    assert said(sentence.format(age)) == [age]


@pytest.mark.parametrize("text", OF_NOBODY)
def test_things_ranges_and_limits_have_no_age(text: str) -> None:
    assert said(text) == []


def test_an_age_counts_only_beside_somebody() -> None:
    def kinds(text: str) -> list[str]:
        return [f.kind for f in pii.load().find([text])[0]]

    assert kinds("She died at the age of 62.") == kinds("I'm 34.") == []
    assert kinds("I'm 34, write to jane@corp.org") == ["AGE", "EMAIL"]
    far = " lamp" * ages.REACH
    # What somebody says of himself counts with anything in the text; what is told of others only within reach.
    assert kinds(f"I'm 34.{far} jane@corp.org") == ["AGE", "EMAIL"]
    assert kinds(f"She was aged 34.{far} jane@corp.org") == ["EMAIL"]
    assert kinds("api_key = 9f8e7d6c5b4a39281706f5e4d3c2, aged 34") == ["API_KEY"]


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(["AGE", "EMAIL", "API_KEY"]), st.booleans()), max_size=8)
)
def test_beside_is_what_the_slow_way_says(drawn: list[tuple[int, str, bool]]) -> None:
    found = pii.merge(Finding(at, at + 2, kind, 0.6, ages.OWN if own else "x") for at, kind, own in drawn)
    near = [f for f in found if f.kind == "EMAIL"]
    slow = [
        f
        for f in found
        if f.kind != "AGE"
        or (near and f.recogniser == ages.OWN)
        or any(max(f.start, o.start) - min(f.end, o.end) <= ages.REACH for o in near)
    ]
    assert list(ages.beside(found, {"EMAIL"})) == slow


@given(st.integers(1, 119), st.integers(1, 50))
def test_another_age_is_of_the_same_decade_and_a_child_stays_one(age: int, by: int) -> None:
    fresh = ages.number(ages.moved(f"{age}", by))
    assert fresh is not None
    assert fresh // 10 == age // 10 or {fresh // 10, age // 10} == {1, 2}
    assert (fresh < 18) == (age < 18)
    assert len({ages.moved(f"{each}", by) for each in ages.group(age)}) == len(ages.group(age))


def test_words_and_figures_are_one_age() -> None:
    assert [ages.number(said) for said in ("34", "thirty-four", "Thirty four", "nine", "ninety", "lamp", "3.4")] == [
        34, 34, 34, 9, 90, None, None,
    ]  # fmt: skip
    assert [ages.moved(age, 5) for age in ("34", "thirty-four", "Thirty four", "THIRTY-FIVE", "three")] == [
        "39", "thirty-nine", "Thirty nine", "THIRTY", "eight",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "unit", ["34 years old ", "I'm 34 ", "age 34 ", "my son is 7, ", "thirty-", "(", "Jane Doe, 34, of "]
)
def test_a_long_text_costs_in_proportion(unit: str) -> None:
    assert len(pii.load().find([unit * (100_000 // len(unit))])) == 1

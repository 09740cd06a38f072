"""Rubrics: what people write in them, what they get wrong, and what each check says of a text."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import rubric, shipped
from curate.errors import BadInput
from curate.rubric import CHECKS, Rubric, score


def one(**rule: Any) -> Rubric:
    return rubric.of({"name": "r", "checks": [{"name": "only", **rule}]})


def keeps(said: str, **rule: Any) -> bool:
    return score(one(**rule), said).share == 1.0


# -- laws -------------------------------------------------------------------------------------------------------------

EVERY: list[dict[str, Any]] = [
    {"starts_with": ["A"]},
    {"ends_with": ["."]},
    {"last_line": ["x"]},
    {"line_starts_with": ["- "]},
    {"lines_matching": {"pattern": "x", "at_least": 2}},
    {"contains": ["x"]},
    {"without": ["x"]},
    {"matches": "x"},
    {"not_matches": "x"},
    {"min_words": 2},
    {"max_words": 2},
    {"min_sentences": 2},
    {"max_sentences": 2},
    {"max_grade": 6},
    {"any_of": [{"max_words": 1}, {"contains": ["y"]}]},
]


def test_every_kind_of_check_is_tried_here() -> None:
    assert [next(iter(rule)) for rule in EVERY] == list(CHECKS)


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_is_scored_and_passed_plus_failed_is_all(said: str) -> None:
    asked = rubric.of({"name": "r", "checks": [{"name": str(n), **rule} for n, rule in enumerate(EVERY)]})
    found = score(asked, said)
    assert sorted([*found.passed, *found.failed]) == sorted(check.name for check in asked.checks)
    assert found.share == pytest.approx(len(found.passed) / len(EVERY), abs=1e-6)
    assert found == score(asked, said)


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_saying_nothing_keeps_no_rule(empty: str) -> None:
    for rule in EVERY:
        assert not keeps(empty, **rule)


@pytest.mark.parametrize(("yes", "no"), [("without", "contains"), ("not_matches", "matches")])
def test_opposites_disagree_on_every_text(yes: str, no: str) -> None:
    options = {"without": ["lamp"], "contains": ["lamp"], "not_matches": "lamp", "matches": "lamp"}
    for said in ("A lamp.", "No light."):
        assert keeps(said, **{yes: options[yes]}) != keeps(said, **{no: options[no]})


# -- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "rule", "holds"),
    [
        ("Righto. Yes.", {"starts_with": ["Hello", "Righto."]}, True),
        ("righto. Yes.", {"starts_with": ["Righto."]}, False),
        ("Yes.\nWren, from the workshop\n", {"last_line": ["Wren, from the workshop"]}, True),
        ("Wren, from the workshop\nBye", {"last_line": ["Wren, from the workshop"]}, False),
        ("Yes.\nNext: wait.", {"line_starts_with": ["Next: "]}, True),
        ("What is Next: wait.", {"line_starts_with": ["Next: "]}, False),
        ("1. a\n2. b", {"lines_matching": {"pattern": r"\d\. ", "at_least": 2}}, True),
        ("1. a", {"lines_matching": {"pattern": r"\d\. ", "at_least": 2}}, False),
        ("As an AI, I cannot.", {"without": ["as an ai"]}, False),
        ("As an airline, we fly.", {"without": ["as an ai"]}, True),
        ("Please don’t.", {"contains": ["don't"]}, True),
        ("Stop!", {"without": ["!"]}, False),
        ("NEVER do it", {"not_matches": r"\b[A-Z]{5,}\b"}, False),
        ("one two three", {"max_words": 3}, True),
        ("one two three four", {"max_words": 3}, False),
        ("It costs 3.50 euros. Bye.", {"max_sentences": 2}, True),
        ("1. Wash it.\n2. Dry it.", {"max_sentences": 2}, True),
        ("Hi. Yes. No.", {"max_sentences": 2}, False),
        ("The cat sat on the mat.", {"max_grade": 3}, True),
        ("Institutional responsibilities necessitate comprehensive documentation.", {"max_grade": 12}, False),
        ("ok", {"any_of": [{"max_words": 1}, {"contains": ["x"]}]}, True),
        ("not ok", {"any_of": [{"max_words": 1}, {"contains": ["x"]}]}, False),
    ],
)
def test_checks(said: str, rule: dict[str, Any], holds: bool) -> None:
    assert keeps(said, **rule) == holds


def test_flesch_kincaid_by_hand() -> None:
    # 6 words, 1 sentence, 6 syllables: 0.39 * 6 + 11.8 - 15.59
    assert rubric.grade("The cat sat on the mat.") == pytest.approx(-1.45)


def test_weights_count() -> None:
    asked = rubric.of(
        {
            "name": "r",
            "checks": [{"name": "a", "max_words": 1, "weight": 3}, {"name": "b", "contains": ["x"], "weight": 1}],
        }
    )
    assert score(asked, "x").share == 1.0
    assert score(asked, "y").share == 0.75
    assert str(score(asked, "y")) == "0.75 of the checks; failed: b"


# -- what people get wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "r"}, "'checks' is missing"),
        ({"name": "r", "checks": []}, "checks"),
        ({"name": "r", "checks": [{"max_words": 3}]}, r"'checks\.1\.name' is missing"),
        ({"name": "r", "checks": [{"name": "a", "max_word": 3}]}, "did you mean 'max_words'"),
        ({"name": "r", "chekcs": [], "checks": [{"name": "a", "max_words": 3}]}, "did you mean 'checks'"),
        ({"name": "r", "checks": [{"name": "a"}]}, "exactly one of"),
        ({"name": "r", "checks": [{"name": "a", "max_words": 3, "contains": ["x"]}]}, "contains and max_words"),
        ({"name": "r", "checks": [{"name": "a", "matches": "("}]}, "a pattern that Python reads"),
        ({"name": "r", "checks": [{"name": "a", "lines_matching": {"pattern": "["}}]}, "a pattern that Python reads"),
        ({"name": "r", "checks": [{"name": "a", "max_words": 3}, {"name": "a", "max_words": 4}]}, "'a' is there twice"),
        ({"name": "r", "checks": [{"name": "a", "max_words": "many"}]}, "valid integer"),
        ({"name": "r", "checks": [{"name": "a", "max_words": True}]}, "valid integer"),
        ({"name": "r", "checks": [{"name": "a", "max_words": 3, "weight": 0}]}, "greater than 0"),
        ({"name": "r", "checks": [{"name": "a", "contains": "x"}]}, "valid tuple"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        rubric.of(values)


@pytest.mark.parametrize("content", ["- a", "", "name: [", "\x00", "a: !!python/object:os.system {}"])
def test_files_that_are_no_rubric(tmp_path: Path, content: str) -> None:
    place = tmp_path / "r.yaml"
    place.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput) as told:
        rubric.read(place)
    assert str(place) in str(told.value)


def test_a_rubric_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no rubric here") as told:
        rubric.read(tmp_path / "nosuch.yaml")
    for place in shipped.rubrics().glob("*.yaml"):
        assert str(place) in str(told.value.hint)
    (tmp_path / "voice.yaml").write_text("name: v\n")
    with pytest.raises(BadInput) as told:
        rubric.read(tmp_path / "vioce.yaml")
    assert told.value.hint == str(tmp_path / "voice.yaml")


@pytest.mark.parametrize(
    ("name", "sentence"), [("gone.jsonl", "exemplars are missing"), ("../up.jsonl", "in another folder")]
)
def test_exemplars_lie_beside_the_rubric(tmp_path: Path, name: str, sentence: str) -> None:
    place = tmp_path / "r.yaml"
    place.write_text(f"name: r\nchecks: [{{name: a, max_words: 3}}]\nexemplars: {name}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=sentence):
        rubric.read(place)


def test_the_fingerprint_follows_every_rule() -> None:
    assert one(max_words=3).fingerprint() == one(max_words=3).fingerprint() != one(max_words=4).fingerprint()

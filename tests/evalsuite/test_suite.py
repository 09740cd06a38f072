"""What cases, faults, verdicts and figures are. Laws first, then examples that can be checked by hand."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import BadInput
from evalsuite import intervals, suite
from evalsuite.faults import fault_of, loops
from evalsuite.figures import summarise
from evalsuite.intervals import clustered
from evalsuite.suite import Case, Completion, Measure, Suite, Verdict


def case(name: str, cluster: str | None = None) -> Case:
    turns = ({"role": "user", "content": name, "fields": None},)
    return Case("toy", name, turns, None, cluster or name, {}, "memory")


def suite_of(kind: str, cases: list[Case], better: str = "lower", bounds: tuple[float, float] | None = None) -> Suite:
    measure = Measure("m", "toy figure", kind, better, bounds)  # type: ignore[arg-type]
    return Suite("toy", tuple(cases), (), (measure,), lambda cases, said: [])


# -- verdicts ---------------------------------------------------------------------------------------------------------


def test_a_verdict_is_a_value_or_a_reason_never_both_or_neither() -> None:
    for value, why in ((None, None), (0.0, "empty")):
        with pytest.raises(ValueError, match="a verdict is a value or unscored"):
            Verdict("a", "m", value, why)


def test_unscored_is_no_zero_and_shows_what_it_could_have_been() -> None:
    cases = [case(name) for name in "abcd"]
    verdicts = [
        Verdict("a", "m", 1.0),
        Verdict("b", "m", 0.0),
        Verdict("c", "m", 0.0),
        Verdict("d", "m", None, "empty"),
    ]
    (metric,) = summarise(suite_of("share", cases), verdicts)
    assert metric.interval.n == 3
    assert metric.interval.value == pytest.approx(1 / 3)
    assert metric.unscored == {"empty": 1}
    assert (metric.worst, metric.best) == (0.5, 0.25)  # lower is better: 2 of 4 at worst, 1 of 4 at best
    assert "unscored 1 (empty 1)" in str(metric)
    assert "0.5 at worst and 0.25 at best" in str(metric)


def test_nothing_scored_is_unknown_not_perfect() -> None:
    (metric,) = summarise(suite_of("share", [case("a")]), [Verdict("a", "m", None, "empty")])
    assert metric.interval.value is None
    assert (metric.worst, metric.best) == (1.0, 0.0)


def test_a_measure_that_no_case_speaks_to_is_left_out() -> None:
    assert summarise(suite_of("share", [case("a")]), []) == []


def test_a_share_has_a_wilson_interval_and_a_mean_stays_within_its_bounds() -> None:
    cases = [case(str(n)) for n in range(30)]
    (share,) = summarise(suite_of("share", cases), [Verdict(str(n), "m", float(n < 27)) for n in range(30)])
    assert (share.interval.low, share.interval.high) == (
        pytest.approx(0.7438, abs=1e-4),
        pytest.approx(0.9654, abs=1e-4),
    )
    low = [Verdict(str(n), "m", 1.0 if n == 0 else 0.0) for n in range(30)]
    (mean,) = summarise(suite_of("mean", cases, bounds=(0.0, 1.0)), low)
    assert mean.interval.low == 0.0


def test_equal_values_have_no_interval_of_width_zero() -> None:
    cases = [case(str(n)) for n in range(5)]
    (metric,) = summarise(suite_of("mean", cases), [Verdict(str(n), "m", 0.2) for n in range(5)])
    assert (metric.interval.value, metric.interval.low, metric.interval.high) == (0.2, None, None)
    assert "no interval" in str(metric)


# -- clusters (pitfall 13) --------------------------------------------------------------------------------------------


def test_clustered_se_of_two_opposite_pairs_is_one_half() -> None:
    assert clustered([1, 1, 0, 0], ["a", "a", "b", "b"]).se == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abc")), min_size=4, max_size=12))
@settings(max_examples=40, deadline=None)
def test_repeating_every_case_inside_its_template_changes_no_interval(rows: list[tuple[float, str]]) -> None:
    values, clusters = [v for v, _ in rows], [c for _, c in rows]
    once, twice = clustered(values, clusters), clustered(values * 2, clusters * 2)
    assert twice.n == 2 * once.n
    if once.se is not None:
        assert twice.se == pytest.approx(once.se, abs=1e-12)


def test_a_clustered_share_is_wider_than_one_of_independent_cases_and_stays_wilson() -> None:
    values = [1.0] * 10 + [0.0] * 30
    alone = intervals.interval_of(values, [str(n) for n in range(40)], "share")
    grouped = intervals.interval_of(values, [str(n // 10) for n in range(40)], "share")
    assert alone.method == "Wilson"
    assert grouped.method == "Wilson, clustered"
    assert grouped.low is not None
    assert alone.low is not None
    assert 0 <= grouped.low < alone.low
    doubled = intervals.interval_of(values * 2, [str(n // 10) for n in range(40)] * 2, "share")
    assert doubled.low == pytest.approx(grouped.low)


def test_a_share_of_zero_in_few_templates_is_not_certain() -> None:
    found = intervals.interval_of([0.0] * 40, [str(n % 4) for n in range(40)], "share")
    assert found.low == 0.0
    assert found.high == pytest.approx(0.4899, abs=1e-4)  # Wilson for 0 of 4


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("a \ufffd b", "invalid text"),
        ("\ufffd\ufffd", "invalid text"),
        ("cut in the middle of a letter \ufffd", None),
        ("half a pair \ud800 here", "invalid text"),
        ("Yes.", None),
        ("no no no", None),
        ("ha " * 40, "loops"),
        ("I can help. " * 8, "loops"),
        ("x" * 60, "loops"),
        ("-" * 60, None),
        ("One two three four five six seven eight nine ten eleven twelve thirteen.", None),
        ("1. Wash it. 2. Dry it. 3. Fold it. 4. Store it.", None),
    ],
)
def test_faults(text: str, fault: str | None) -> None:
    assert fault_of(text) == fault


def test_a_prompt_that_was_not_asked_is_a_fault_of_its_own() -> None:
    said = Completion("", 0, suite.TOO_LONG)
    assert (said.asked, said.fault) == (False, suite.TOO_LONG)
    assert Completion("Yes.", 2, "length").fault is None


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_text_said_often_enough_loops(text: str) -> None:
    fault_of(text)  # never raises
    if len(text.split()) >= 4:
        assert loops((text + " ") * 6)


# -- reading ----------------------------------------------------------------------------------------------------------


def test_cases_are_read_as_the_overlap_check_reads_them(tmp_path: Path) -> None:
    place = tmp_path / "e.jsonl"
    rows = [{"id": "a", "prompt": "Hi?", "ideal": "Yes.", "template": "t"}, {"id": "b", "turns": ["One?", "Two?"]}]
    place.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    cases, files = suite.read_cases([place], "task")
    assert [(c.id, c.ideal, c.cluster) for c in cases] == [("a", "Yes.", "t"), ("b", None, "b")]
    assert cases[0].prompt == "Hi?"
    assert [suite.asked_in_turns(c) for c in cases] == [False, True]
    assert [(f.name, f.cases) for f in files] == [("e.jsonl", 2)]


def test_ids_are_distinct_across_files_in_whatever_order(tmp_path: Path) -> None:
    """Two files that number from 1: a case keeps its name when the files change places, or evaluations would not pair."""
    places = [tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "other" / "b.jsonl"]
    (tmp_path / "other").mkdir()
    for number, place in enumerate(places):
        rows = [{"id": "1", "prompt": f"One of {number}?"}, {"id": f"own-{number}", "prompt": f"Two of {number}?"}]
        place.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    two, _ = suite.read_cases(places[:2], "task")
    assert [case.id for case in two] == ["a.jsonl#1", "own-0", "b.jsonl#1", "own-1"]
    assert [case.cluster for case in two] == [case.id for case in two], "cases of two files are no template"
    there, files = suite.read_cases(places, "task")
    back, _ = suite.read_cases(places[::-1], "task")
    assert {case.prompt: case.id for case in there} == {case.prompt: case.id for case in back}
    assert len({case.id for case in there}) == 6
    assert [file.cases for file in files] == [2, 2, 2]


def test_a_file_given_twice_does_not_count_twice(tmp_path: Path) -> None:
    for name in ("a.jsonl", "copy.jsonl"):
        (tmp_path / name).write_text('{"id": "x", "prompt": "Hi?"}', encoding="utf-8")
    for twice in ("a.jsonl", "copy.jsonl"):
        with pytest.raises(BadInput, match="given twice"):
            suite.read_cases([tmp_path / "a.jsonl", tmp_path / twice], "task")


def test_an_empty_eval_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match=r"e\.jsonl"):
        suite.read_cases([tmp_path / "e.jsonl"], "task")

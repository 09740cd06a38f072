"""Two evaluations compared: pairs, intervals, verdicts, flips, and what must not be compared."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from curate import stats
from curate.errors import BadInput
from curate.report import Note, Plot
from evalsuite import compare, compare_report
from evalsuite.suite import TABLE

SAMPLING = {"max_new_tokens": 8, "temperature": 0.0, "seed": 0, "batch_size": 4}


def _side(
    folder: Path,
    values: dict[str, float | None],
    *,
    kind: str = "share",
    better: str = "higher",
    clusters: dict[str, str] | None = None,
    sha: str = "aa",
    sampling: dict[str, object] = SAMPLING,
    detectors: tuple[str, ...] = ("d1",),
) -> Path:
    folder.mkdir(parents=True)
    rows = [
        {
            "suite": "style", "measure": "checks", "case_id": case, "cluster": (clusters or {}).get(case, case),
            "prompt": f"ask {case}", "ideal": None, "completion": f"{folder.name} says {value}", "tokens": 3,
            "finish": "stop", "fault": None, "verdict": "x", "score": value,
            "unscored": "empty" if value is None else None, "evidence": "",
        }
        for case, value in values.items()
    ]  # fmt: skip
    frame = pl.DataFrame([{k: r.get(k) for k in TABLE} for r in rows], schema=TABLE)
    frame.write_parquet(folder / "cases.parquet")
    metric = {"suite": "style", "measure": "checks", "label": "checks passed", "kind": kind, "better": better}
    (folder / "summary.json").write_text(json.dumps({"metrics": [metric], "model": {"name": folder.name}}))
    suites = {"style": {"files": [{"sha256": sha}], "detectors": list(detectors)}}
    (folder / "manifest.json").write_text(json.dumps({"sampling": sampling, "suites": suites}))
    return folder


def _only(found: compare.ModelDiff) -> compare.Change:
    assert len(found.changes) == 1, found.notes
    return found.changes[0]


def test_ten_won_and_two_lost_is_better_by_the_exact_test(tmp_path: Path) -> None:
    """McNemar exact, 10 against 2: p = .0386 (checked by hand: 2 * sum of C(12, k) / 2^12 for k <= 2)."""
    a = {f"c{i:02}": float(i >= 10) for i in range(12)} | {"same": 1.0}
    b = {f"c{i:02}": float(i < 10) for i in range(12)} | {"same": 1.0}
    change = _only(compare.compare(_side(tmp_path / "a", a), _side(tmp_path / "b", b)))
    assert change.p == pytest.approx(0.0386, abs=1e-4)
    assert (change.verdict, change.gained, change.lost) == ("better", 10, 2)
    expected = stats.newcombe_paired(1, 2, 10, 0)
    assert (change.difference.low, change.difference.high) == (expected.low, expected.high)


def test_the_direction_decides_what_better_means(tmp_path: Path) -> None:
    a, b = {f"c{i}": 0.0 for i in range(30)}, {f"c{i}": 1.0 for i in range(30)}
    for better, verdict in (("higher", "better"), ("lower", "worse"), ("neither", "inconclusive")):
        folder = tmp_path / better
        change = _only(compare.compare(_side(folder / "a", a, better=better), _side(folder / "b", b, better=better)))
        assert change.verdict == verdict


def test_equal_sides_are_inconclusive_and_symmetric(tmp_path: Path) -> None:
    a = {f"c{i}": float(i % 2) for i in range(20)}
    left, right = _side(tmp_path / "a", a), _side(tmp_path / "b", a)
    change = _only(compare.compare(left, right))
    assert change.verdict == "inconclusive"
    assert change.difference.value == 0


def test_swapping_the_sides_turns_the_difference_round(tmp_path: Path) -> None:
    a = {f"c{i}": float(i % 3 == 0) for i in range(30)}
    b = {f"c{i}": float(i % 2 == 0) for i in range(30)}
    left, right = _side(tmp_path / "a", a), _side(tmp_path / "b", b)
    there, back = _only(compare.compare(left, right)), _only(compare.compare(right, left))
    assert there.difference.value == pytest.approx(-(back.difference.value or 0))
    assert there.difference.low == pytest.approx(-(back.difference.high or 0))
    assert (there.gained, there.lost) == (back.lost, back.gained)


def test_an_unscored_case_is_no_pair_and_no_zero(tmp_path: Path) -> None:
    a = {"c1": 1.0, "c2": None, "c3": 0.0}
    b = {"c1": 1.0, "c2": 0.0, "c3": 0.0}
    change = _only(compare.compare(_side(tmp_path / "a", a), _side(tmp_path / "b", b)))
    assert change.difference.n == 2
    assert change.unpaired == 1
    assert change.difference.value == 0


def test_nothing_paired_is_said_not_computed(tmp_path: Path) -> None:
    a = {"c1": None}
    change = _only(compare.compare(_side(tmp_path / "a", a), _side(tmp_path / "b", a)))
    assert change.verdict == "no pairs"
    assert change.before is None


def test_doubling_every_case_inside_its_template_gives_no_more_certainty(tmp_path: Path) -> None:
    values = [0.1, 0.5, 0.3, 0.9, 0.2, 0.4, 0.8, 0.6]
    once_a = {f"c{i}": 0.0 for i in range(8)} | {"twin": 0.0}
    once_b = {f"c{i}": v for i, v in enumerate(values)} | {"twin": values[0]}
    group = {"c0": "t0", "twin": "t0"}
    twice_a = {f"{c}{half}": v for c, v in once_a.items() for half in "xy"}
    twice_b = {f"{c}{half}": v for c, v in once_b.items() for half in "xy"}
    groups = {f"{c}{half}": group.get(c, c) for c in once_a for half in "xy"}
    one = _only(
        compare.compare(
            _side(tmp_path / "1a", once_a, kind="mean", clusters=group),
            _side(tmp_path / "1b", once_b, kind="mean", clusters=group),
        )
    )
    two = _only(
        compare.compare(
            _side(tmp_path / "2a", twice_a, kind="mean", clusters=groups),
            _side(tmp_path / "2b", twice_b, kind="mean", clusters=groups),
        )
    )
    assert one.difference.se == pytest.approx(two.difference.se)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"sha": "bb"}, "asked different cases"),
        ({"sampling": SAMPLING | {"max_new_tokens": 9}}, "sampled differently"),
        ({"detectors": ("d2",)}, "judged by different detectors"),
    ],
)
def test_what_was_asked_in_another_way_is_not_compared(tmp_path: Path, changed: dict, sentence: str) -> None:  # type: ignore[type-arg]
    a = {"c1": 1.0, "c2": 0.0}
    found = compare.compare(_side(tmp_path / "a", a), _side(tmp_path / "b", a, **changed))
    assert found.changes == ()
    assert sentence in " ".join(found.notes)


def test_flips_show_both_completions_lost_cases_first(tmp_path: Path) -> None:
    a, b = {"c1": 1.0, "c2": 0.0, "c3": 1.0}, {"c1": 0.0, "c2": 1.0, "c3": 1.0}
    found = compare.compare(_side(tmp_path / "a", a), _side(tmp_path / "b", b))
    rows = found.flips.select("case_id", "how", "completion", "completion_after").rows()
    assert rows == [("c1", "lost", "a says 1.0", "b says 0.0"), ("c2", "won", "a says 0.0", "b says 1.0")]


def test_flips_and_the_page_show_lost_then_won_then_changed(tmp_path: Path) -> None:
    a, b = {"c1": 0.0, "c2": 1.0}, {"c1": 1.0, "c2": 0.0}
    found = compare.compare(_side(tmp_path / "a", a), _side(tmp_path / "b", b))
    neither = compare.compare(
        _side(tmp_path / "n" / "a", a, better="neither"), _side(tmp_path / "n" / "b", b, better="neither")
    )
    both = {"style": found, "about": neither}
    pairs = pl.concat([_pairs_of(diff).with_columns(suite=pl.lit(suite)) for suite, diff in both.items()])
    measures = [
        {"suite": suite, "measure": "checks", "kind": "share", "better": better}
        for suite, better in (("about", "neither"), ("style", "higher"))
    ]
    flips = compare._flips(pairs, measures)
    assert flips["how"].to_list() == ["lost", "won", "changed", "changed"]
    section = compare_report._flipped(replace(found, flips=flips), str)[0]
    heads = [block.text for block in section.blocks if isinstance(block, Note)]
    assert heads == ["style, checks: 1 lost", "style, checks: 1 won", "about, checks: 2 changed"]


def _pairs_of(found: compare.ModelDiff) -> pl.DataFrame:
    """The pairs that led to these flips."""
    score = pl.col("completion").str.split(" ").list.last().cast(pl.Float64)
    after = pl.col("completion_after").str.split(" ").list.last().cast(pl.Float64)
    return found.flips.drop("how").with_columns(score=score, score_after=after)


@pytest.mark.parametrize("kind", ["share", "mean"])
@pytest.mark.parametrize(("templates", "verdict"), [(2, "inconclusive"), (5, "inconclusive"), (6, "better")])
def test_templates_that_all_flip_are_counted_not_taken_as_certain(
    tmp_path: Path, kind: str, templates: int, verdict: str
) -> None:
    """Every difference is 1, so there is no spread: 5 templates alike have p = 0.0625 in the sign test, 6 have 0.03125."""
    cases = {f"t{t}-{n}": f"t{t}" for t in range(templates) for n in range(4)}
    sides = [
        _side(tmp_path / name, dict.fromkeys(cases, value), kind=kind, clusters=cases)
        for name, value in (("a", 0.0), ("b", 1.0))
    ]
    change = _only(compare.compare(*sides))
    assert change.verdict == verdict
    assert change.p == (None if templates < 6 else 0.03125)
    assert (change.difference.low, change.difference.high) == (None, None)


def test_equal_differences_are_equal_in_spite_of_binary_fractions(tmp_path: Path) -> None:
    """0.4 - 0.1 is 0.30000000000000004: the spread that is left over must not make two pairs certain."""
    a = {f"c{n}": n / 10 for n in range(1, 7)}
    for count, p in ((2, None), (6, 0.03125)):
        some = dict(list(a.items())[:count])
        folder = tmp_path / str(count)
        left = _side(folder / "a", some, kind="mean")  # type: ignore[arg-type]
        right = _side(folder / "b", {case: value + 0.3 for case, value in some.items()}, kind="mean")
        assert _only(compare.compare(left, right)).p == p


def test_two_templates_that_nearly_agree_are_not_better(tmp_path: Path) -> None:
    """A t test with one degree of freedom would find p = 0.03 in differences of 0.9 and 1."""
    cases = {f"t{t}-{n}": f"t{t}" for t in range(2) for n in range(10)}
    after = {case: float(case != "t0-0") for case in cases}
    sides = (
        _side(tmp_path / "a", dict.fromkeys(cases, 0.0), clusters=cases),
        _side(tmp_path / "b", after, clusters=cases),
    )
    change = _only(compare.compare(*sides))
    assert (change.p, change.verdict) == (None, "inconclusive")


def test_the_page_says_unknown_where_nothing_was_scored(tmp_path: Path) -> None:
    found = compare.compare(_side(tmp_path / "a", {"c1": None}), _side(tmp_path / "b", {"c1": 1.0}))
    plot = next(block for block in compare_report._figures(found).blocks if isinstance(block, Plot))
    assert plot.alt == "style: checks: unknown to unknown"


def test_many_figures_need_more_than_one_in_twenty() -> None:
    def change(p: float) -> compare.Change:
        interval = stats.newcombe_paired(1, 0, 5, 10)
        return compare.Change("s", f"m{p}", "l", "higher", "share", 0.1, 0.4, interval, p, "inconclusive", 0, 5, 0)

    alone = compare._judged([change(0.04)])
    among = compare._judged([change(0.04), *(change(0.2 + i / 100) for i in range(9))])
    assert alone[0].verdict == "better"
    assert among[0].verdict == "inconclusive"


def test_a_side_without_an_evaluation_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="was not evaluated"):
        compare.compare(tmp_path / "no", tmp_path / "no")

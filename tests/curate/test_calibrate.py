"""Labelled pairs, the bound on misses, the cosine map, the calibration as a whole, and the store."""

import gzip
import json
import random
import stat
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import calibrate, calibrate_report, calibrations
from curate.calibration import labelled, missbound, separation
from curate.calibration.judged import Other, judge_all
from curate.calibration.labelled import BORDERLINE, LabelledPair
from curate.errors import BadInput
from curate.likeness.cosine_map import CosineMap, fit
from curate.pairs import CLASSES, Judgement

ABOUT = calibrate.About("e" * 64, "toy", "r" * 64, 0.5, "pairs.jsonl, 10 labelled pairs", "5" * 64, "2026-11-22")


def pair(
    label: str, score: float, number: int, cosine: float | None = None, name: str | None = None, **more
) -> LabelledPair:
    """A pair whose text tells the toy judge what to say."""
    said = name or ("paraphrase" if score >= 0.5 else "unrelated")
    text = f"{said}|{score}|{score if cosine is None else cosine}|{number}"
    return LabelledPair(text, f"item {number}", label, more.pop("group", f"g{number}"), f"pairs.jsonl:{number}", **more)


def judge(texts):
    """Says what the training text names: class, probability, cosine."""
    parts = [a.split("|") for a, _ in texts]
    return [Judgement(name, float(score), float(cosine), None) for name, score, cosine, _ in parts]


def ten() -> list[LabelledPair]:
    """Ten pairs that a person can count: 4 paraphrases (3 found), 1 copy, 2 variants (1 told apart), 3 unrelated (1 alarm)."""
    return [
        pair("paraphrase", 0.9, 1),
        pair("paraphrase", 0.8, 2),
        pair("paraphrase", 0.5, 3),
        pair("paraphrase", 0.2, 4),
        pair("copy", 1.0, 5, name="copy"),
        pair("template variant", 0.1, 6, cosine=0.95, name="template variant"),
        pair("template variant", 0.7, 7, cosine=0.9),
        pair("unrelated", 0.6, 8),
        pair("unrelated", 0.1, 9),
        pair("unrelated", 0.0, 10),
    ]


def many(n: int = 240, seed: int = 0) -> list[LabelledPair]:
    draw = random.Random(seed)
    kinds = ("paraphrase", "near copy", "unrelated", "template variant")
    return [
        pair(kind, round(min(1, max(0, draw.gauss(0.75 if kind in ("paraphrase", "near copy") else 0.3, 0.2))), 4), i)
        for i in range(n)
        for kind in [kinds[i % 4]]
    ]


def measured(pairs, **more) -> calibrate.Calibration:
    return calibrate.calibrate(pairs, judge, more.pop("about", ABOUT), draws=100, **more)


# --- laws


def test_the_order_of_the_pairs_does_not_matter_and_twice_gives_the_same_bytes() -> None:
    pairs = many()
    shuffled = random.Random(7).sample(pairs, len(pairs))
    first = measured(pairs, random_pairs=50)
    assert calibrations.to_json(first) == calibrations.to_json(measured(pairs, random_pairs=50))
    assert first == measured(shuffled, random_pairs=50)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(CLASSES), st.floats(0, 1).map(lambda x: round(x, 4))), min_size=1, max_size=40)
)
def test_a_more_permissive_threshold_never_lowers_recall(rows) -> None:
    found = measured([pair(label, score, i) for i, (label, score) in enumerate(rows)])
    for score in ("probability", "cosine"):
        lines = [at for at in found.table if at.score == score]
        for lower, higher in pairwise(lines):
            assert lower.at < higher.at
            assert (lower.found.value or 0) >= (higher.found.value or 0)
            assert (lower.alarms.value or 0) >= (higher.alarms.value or 0)
    bars = [
        sum(each.overlap for each in judge_all([_pair_of(row) for row in rows], judge, bar)[0])
        for bar in (0.3, 0.6, 0.9)
    ]
    assert bars == sorted(bars, reverse=True)


def _pair_of(row: tuple[str, float]) -> LabelledPair:
    return pair(row[0], row[1], hash(row) % 10_000)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=300), st.sampled_from([0.05, 0.1, 0.3]))
def test_the_chosen_threshold_keeps_its_bound_and_the_next_one_does_not(scores, miss) -> None:
    bound = missbound.Bound(miss)
    threshold, missed, needed = missbound.choose(scores, bound)
    if threshold is None:
        assert needed > 0
        return
    assert needed == 0
    assert threshold > 0
    assert missed == sum(score < threshold for score in scores)
    assert missbound.upper(missed, len(scores)) <= miss
    if higher := [score for score in scores if score > threshold]:
        more = sum(score < min(higher) for score in scores)
        assert missbound.upper(more, len(scores)) > miss


# --- the bound


def test_the_bound_is_the_one_sided_clopper_pearson_of_scipy() -> None:
    from scipy.stats import binomtest

    for missed, n in ((0, 59), (3, 100), (20, 662), (59, 59)):
        exact = binomtest(missed, n, alternative="less").proportion_ci(0.95, "exact").high
        assert missbound.upper(missed, n) == pytest.approx(exact, abs=1e-9)


def test_59_paraphrases_carry_the_statement_and_58_need_one_more() -> None:
    assert missbound.choose([0.4, *[0.9] * 58]) == (0.4, 0, 0)
    assert missbound.choose([0.9] * 58) == (None, 0, 1)
    assert missbound.choose([0.9] * 20) == (None, 0, 39)
    # One that is never found asks for 93 (Clopper-Pearson: 1 of 93 is at most 5 %).
    assert missbound.choose([0.0, *[0.9] * 58]) == (None, 1, 34)


def test_the_bound_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    true_miss = []
    for _ in range(400):
        threshold, _, _ = missbound.choose(rng.random(100).tolist())
        assert threshold is not None
        true_miss.append(threshold)  # of uniform scores, the share below t is t
    assert np.mean(np.array(true_miss) > 0.05) < 0.08


def test_a_bound_out_of_reason_is_refused() -> None:
    with pytest.raises(BadInput, match="miss is 0"):
        missbound.Bound(0)
    with pytest.raises(BadInput, match="confidence is 1"):
        missbound.Bound(confidence=1)


# --- ten pairs by hand


def test_ten_pairs_by_hand() -> None:
    found = measured(ten(), unlabelled=3)
    by_name = {each.name: each for each in found.classes}
    shares = {name: (each.recall.value, each.recall.n) for name, each in by_name.items() if each.recall.n}
    assert shares == {
        "copy": (1.0, 1),
        "paraphrase": (0.75, 4),
        "template variant": (0.5, 2),
        "unrelated": (0.6667, 3),
    }
    # Named paraphrase: three paraphrases, a variant and an unrelated pair.
    assert (by_name["paraphrase"].precision.value, by_name["paraphrase"].precision.n) == (0.6, 5)
    assert found.confusion["template variant"] == {**dict.fromkeys(CLASSES, 0), "template variant": 1, "paraphrase": 1}
    half = next(at for at in found.table if at.score == "probability" and at.at == 0.5)
    assert (half.found.value, half.found.n, half.alarms.value, half.alarms.n) == (0.8, 5, 0.4, 5)
    high = next(at for at in found.table if at.score == "cosine" and at.at == 0.9)
    assert (high.found.value, high.alarms.value) == (0.4, 0.4)
    # 21 of the 25 pairs of a same and another score in the right order: .9 .8 1 beat all 5, .5 beats 3, .2 beats 3.
    assert found.areas[0].rule.value == pytest.approx(21 / 25)
    assert "2 groups" not in str(found)
    assert found.unlabelled == 3
    assert [each.source for each in found.misses] == ["pairs.jsonl:4"]
    assert [each.source for each in found.alarms] == ["pairs.jsonl:7", "pairs.jsonl:8"]


def test_few_pairs_say_so_and_cannot_carry_the_statement() -> None:
    found = measured(ten())
    assert found.choice.threshold is None
    assert found.choice.needed == 59 - 4
    assert "the labelled pairs cannot carry this statement: 55 more are needed" in str(found)
    assert "only 4 pairs" in str(found)
    assert "not measured: near copy, translation" in str(found)


def test_enough_pairs_give_a_threshold_measured_on_other_groups() -> None:
    found = measured(many(800))
    choice = found.choice
    assert choice.threshold is not None
    assert choice.recall is not None
    assert choice.recall.n == 200
    assert 0.9 < (choice.recall.value or 0) < 1
    assert "from probability" in str(choice)


def test_paraphrases_of_one_group_count_once() -> None:
    alike = [pair("paraphrase", 0.9, i, group="one item") for i in range(80)]
    found = measured([*alike, pair("unrelated", 0.1, 99)])
    assert found.choice.units == 1
    assert found.choice.needed == 58


def test_a_pair_below_the_floor_is_missed_unless_its_words_give_it_away() -> None:
    about = replace(ABOUT, floor=0.4)
    pairs = [
        pair("paraphrase", 0.9, 1, cosine=0.3),
        pair("paraphrase", 0.9, 2, cosine=0.5),
        pair("copy", 1.0, 3, cosine=0.1, name="copy"),
    ]
    found = {each.name: each.recall.value for each in measured(pairs, about=about).classes}
    assert found["paraphrase"] == 0.5
    assert found["copy"] == 1.0


def test_pairs_that_are_never_found_are_said_to_be_beyond_help() -> None:
    pairs = [pair("paraphrase", 0.9, i, name="template variant") for i in range(10)] + [
        pair("paraphrase", 0.9, 20 + i) for i in range(60)
    ]
    assert "more pairs would not help" in str(measured(pairs).choice)


def test_borderline_pairs_are_told_from_others() -> None:
    found = measured([pair("paraphrase", 0.6, 1, drawn=BORDERLINE), pair("unrelated", 0.1, 2)])
    assert found.classes[2].borderline == 1
    assert "lie near the threshold" in found.notes[0]
    assert "near the threshold" in calibrations.claim_of(found)["classes"]["paraphrase"]["source"]


def test_a_judgement_that_is_none_stops() -> None:
    with pytest.raises(BadInput, match="could not judge"):
        calibrate.calibrate(ten(), lambda texts: [Judgement("paraphrase", float("nan"), 0.5, None)] * len(texts), ABOUT)
    with pytest.raises(ValueError, match="zip"):
        calibrate.calibrate(ten(), lambda texts: [], ABOUT)
    with pytest.raises(BadInput, match="no labelled pair"):
        calibrate.calibrate([], judge, ABOUT)


# --- separation


def test_areas_equal_a_slow_count() -> None:
    rng = random.Random(3)
    scores = [rng.choice([0.1, 0.4, 0.4, 0.8]) + rng.choice([0, 0.1]) for _ in range(60)]
    same = [rng.random() < score for score in scores]
    wins = [
        (a > b) + (a == b) / 2
        for a, s in zip(scores, same, strict=True)
        if s
        for b, t in zip(scores, same, strict=True)
        if not t
    ]
    (area,), _ = separation.areas([scores], same, [str(i) for i in range(60)], draws=50)
    assert area.value == pytest.approx(sum(wins) / len(wins), abs=1e-4)
    assert area.low is not None
    assert area.low <= (area.value or 0) <= (area.high or 0)


def test_one_kind_of_pair_has_no_area() -> None:
    (area,), gain = separation.areas([[0.1, 0.2]], [True, True], ["a", "b"])
    assert area.value is None
    assert gain.value is None
    assert separation.curve("rule", [0.1], [False]).recall == ()


def test_reliability_by_hand() -> None:
    bins, gap = separation.reliability([0.05, 0.05, 0.95, 1.0], [False, True, True, True])
    assert [(each.low, each.predicted, each.observed.value, each.observed.n) for each in bins] == [
        (0.0, 0.05, 0.5, 2),
        (0.9, 0.975, 1.0, 2),
    ]
    assert gap == pytest.approx((0.45 + 0.025) / 2)


# --- the cosine map


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 3), st.floats(-0.5, 0.5))
def test_the_map_undoes_another_scale(slope: float, offset: float) -> None:
    rng = np.random.default_rng(1)
    same = rng.random(200) < 0.5
    usual = np.clip(np.where(same, 0.75, 0.4) + rng.normal(0, 0.12, 200), -0.9, 0.99)
    found = fit((slope * usual + offset).tolist(), usual.tolist(), same.tolist())
    assert found is not None
    assert found.apply(slope * usual + offset) == pytest.approx(usual, abs=1e-4)
    assert found.undo(0.5) == pytest.approx(np.clip(slope * 0.5 + offset, -1, 1), abs=1e-4)


def test_the_map_rises_and_stays_within_bounds() -> None:
    to_rule = CosineMap(2.0, -1.0)
    values = to_rule.apply(np.linspace(-1, 1, 50))
    assert (np.diff(values) >= 0).all()
    assert values.min() >= -1
    assert values.max() <= 1
    assert str(to_rule) == "2 * cosine - 1"
    with pytest.raises(ValueError, match="rises"):
        CosineMap(-1.0, 0.0)


def test_no_map_from_few_pairs_or_from_an_encoder_that_tells_nothing_apart() -> None:
    assert fit([0.9, 0.1], [0.8, 0.2], [True, False]) is None
    same = [True, False] * 20
    assert fit([0.5] * 40, [0.8 if s else 0.2 for s in same], same) is None
    assert fit([0.1 if s else 0.9 for s in same], [0.8 if s else 0.2 for s in same], same) is None


def test_another_encoder_is_mapped_and_measured_across_folds() -> None:
    pairs = [replace(each, label="unrelated") if each.label == "template variant" else each for each in many(400)]
    asked = list[CosineMap]()

    def squeezed(texts):
        return [replace(one, cosine=0.7 + 0.3 * one.cosine, probability=0.99) for one in judge(texts)]

    def remap(to_rule):
        asked.append(to_rule)

        def mapped(texts):
            said = squeezed(texts)
            sure = to_rule.apply([one.cosine for one in said])
            return [replace(one, probability=round(float(p), 4)) for one, p in zip(said, sure, strict=True)]

        return mapped

    found = calibrate.calibrate(pairs, squeezed, ABOUT, other=Other(judge, remap), draws=50)
    usual = calibrate.calibrate(pairs, judge, ABOUT, draws=50)
    assert len(asked) == 5
    assert found.cosine_map is not None
    assert found.cosine_map.slope == pytest.approx(1 / 0.3, rel=1e-3)
    assert found.areas[0].rule.value == pytest.approx(usual.areas[0].rule.value, abs=0.01)
    assert found.classes[2].recall.value == pytest.approx(usual.classes[2].recall.value or 0, abs=0.03)


def test_an_encoder_that_cannot_be_mapped_says_so() -> None:
    found = calibrate.calibrate(ten(), judge, ABOUT, other=Other(judge, lambda _: judge), draws=20)
    assert found.cosine_map is None
    assert "could not be mapped" in found.notes[0]


# --- files of pairs


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_labels_in_all_their_forms(tmp_path: Path) -> None:
    said = "a quick brown fox jumps over the lazy dog"
    rows = [
        {"text_a": said, "text_b": said.upper(), "label": "y"},
        {"text_a": said, "text_b": f"{said} again", "label": 1},
        {"text_a": said, "text_b": "another wording entirely", "label": True, "group": 7},
        {"text_a": said, "text_b": "ein schneller Fuchs", "label": "Yes", "kind": "translation"},
        {"candidate": said, "eval_item": "two foxes", "label": "v"},
        {"candidate": said, "eval_item": "three foxes", "label": "n", "kind": "template variant"},
        {"candidate": said, "eval_item": "birds", "label": "false", "kind": "easy"},
        {"candidate": said, "eval_item": "fish", "label": "unrelated"},
        {"candidate": said, "eval_item": "cows", "label": None},
        {"candidate": said, "eval_item": "pigs", "label": "skip"},
        {"candidate": said, "eval_item": "fish", "label": 0},
    ]
    read = labelled.read(lines(tmp_path / "pairs.jsonl", *rows))
    expected = [
        "copy",
        "near copy",
        "paraphrase",
        "translation",
        "template variant",
        "template variant",
        "unrelated",
        "unrelated",
    ]
    assert [each.label for each in read.pairs] == expected
    assert (read.unlabelled, read.repeated) == (2, 1)
    assert [each.group for each in read.pairs] == [said, said, "7", said, "two foxes", "three foxes", "birds", "fish"]
    assert (read.pairs[4].text_a, read.pairs[4].text_b) == (said, "two foxes")
    assert read.pairs[6].kind == "easy"
    assert read.pairs[2].source.endswith("pairs.jsonl:3")
    assert "8 labelled pairs (copy 1, near copy 1" in str(read)


def test_packed_pairs_are_read_alike(tmp_path: Path) -> None:
    plain = lines(tmp_path / "pairs.jsonl", {"text_a": "x", "text_b": "y", "label": 1})
    packed = tmp_path / "pairs.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert labelled.read(packed).pairs[0].text_b == "y"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text_a": "x", "text_b": "y"}, "has no label"),
        ({"text_a": "x", "text_b": "y", "label": "maybe"}, "the label 'maybe' is none"),
        ({"text_a": "x", "text_b": "y", "label": 2}, "the label '2' is none"),
        ({"text_a": "x", "text_b": " ", "label": 1}, "is empty"),
        ({"text_a": "x", "label": 1}, "has no two texts"),
        ({"text_a": "x", "text_b": "y", "label": "y", "kind": "unrelated"}, "says yes and the kind says 'unrelated'"),
        ([1, 2], "is not an object"),
    ],
)
def test_a_bad_row_is_a_sentence_with_its_line(tmp_path: Path, row: object, said: str) -> None:
    path = lines(tmp_path / "pairs.jsonl", {"text_a": "x", "text_b": "z", "label": 1}, row)
    with pytest.raises(BadInput, match=said) as caught:
        labelled.read(path)
    assert caught.value.where == f"{path}:2"


def test_contradicting_labels_and_files_without_any_are_refused(tmp_path: Path) -> None:
    twice = lines(tmp_path / "a.jsonl", *({"text_a": "x", "text_b": "z", "label": i} for i in (1, 0)))
    with pytest.raises(BadInput, match="the same pair is 'unrelated' here and 'paraphrase' in"):
        labelled.read(twice)
    with pytest.raises(BadInput, match=r"no labelled pair \(1 without"):
        labelled.read(lines(tmp_path / "b.jsonl", {"text_a": "x", "text_b": "z", "label": None}))
    (tmp_path / "c.jsonl").write_text('{"text_a": "x", "text_b": \n')
    with pytest.raises(BadInput):
        labelled.read(tmp_path / "c.jsonl")
    with pytest.raises(BadInput, match="cannot be read"):
        labelled.read(tmp_path / "none.jsonl")


# --- the store


def test_what_is_kept_is_found_again_without_texts(tmp_path: Path) -> None:
    found = measured(many(400), random_pairs=100)
    path = calibrations.keep(found, tmp_path)
    assert path.name == f"{'e' * 16}-{'r' * 16}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "item 3" not in path.read_text()
    assert calibrations.read(path) == found.without_texts()
    again = calibrations.find("e" * 64, "r" * 64, tmp_path)
    assert again is not None
    assert again.calibration == found.without_texts()
    assert calibrations.find("f" * 64, "r" * 64, tmp_path) is None
    assert calibrations.claim("f" * 64, "r" * 64, tmp_path)["not_measured"] == [
        name for name in CLASSES if name != "unrelated"
    ]


def test_the_claim_has_the_form_of_the_shipped_figures(tmp_path: Path) -> None:
    shipped = json.loads(calibrations.shipped.model("overlap_recall.json").read_text(encoding="utf-8"))[0]
    own = calibrations.claim_of(measured(ten(), random_pairs=20))
    theirs = calibrations.claim(shipped["encoder"], shipped["rule"], tmp_path)
    assert own.keys() == theirs.keys()
    assert set(own["classes"]["paraphrase"]) == set(theirs["classes"]["paraphrase"])
    assert set(own["false_alarms"]) == set(theirs["false_alarms"])
    assert own["classes"]["paraphrase"]["recall"] == 0.75
    assert own["not_measured"] == ["near copy", "translation"]


def test_run_measures_a_file_and_keeps_the_result(tmp_path: Path, toy_encoder, monkeypatch) -> None:
    said = [
        "how many lamps does anna buy",
        "where does the river end",
        "what is the capital of peru",
        "who wrote this book",
    ]
    rows = [{"text_a": a, "text_b": b, "label": a == b} for a in said for b in said]
    path = lines(tmp_path / "pairs.jsonl", *rows)
    usual = replace(toy_encoder, name=calibrations.encoder_files.DEFAULT)
    found = calibrations.run(path, usual, date="2026-11-22", where=tmp_path / "kept")
    assert {each.name: each.recall.n for each in found.classes if each.recall.n} == {"copy": 4, "unrelated": 12}
    assert found.about.sha256 == labelled.read(path).sha256
    assert found.cosine_map is None
    kept = calibrations.find(toy_encoder.fingerprint, found.about.rule, tmp_path / "kept")
    assert kept is not None
    assert kept.calibration == found.without_texts()
    # Any other encoder is mapped onto the scale of the one that the rule was trained on.
    monkeypatch.setattr(calibrations, "_other", lambda *_: Other(judge_nothing, lambda _: judge_nothing))
    assert "could not be mapped" in str(calibrations.run(path, toy_encoder, date="2026-11-22", where=tmp_path / "kept"))


def judge_nothing(texts):
    return [Judgement("unrelated", 0.0, 0.0, None) for _ in texts]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace('"pairs": 10', '"pairs": "10"'),
        lambda text: text.replace('"pairs": 10', '"pairs": 11.0'),
        lambda text: text.replace('"pairs": 10', '"more": 1, "pairs": 10'),
        lambda text: text.replace('"gap"', '"gasp"'),
        lambda text: text.replace("winnow-calibration/1", "winnow-calibration/9"),
        lambda text: text[:-40],
        lambda text: "[]",
        lambda text: text.replace('"value": 0.75', '"value": NaN'),
        lambda text: text + " ",
    ],
)
def test_a_changed_file_is_no_calibration(tmp_path: Path, spoil, capsys) -> None:
    path = calibrations.keep(measured(ten()), tmp_path)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(BadInput):
        calibrations.read(path)
    assert calibrations.find("e" * 64, "r" * 64, tmp_path) is None
    assert "does not count" in capsys.readouterr().err


def test_a_file_under_another_name_does_not_count(tmp_path: Path, capsys) -> None:
    path = calibrations.keep(measured(ten()), tmp_path)
    path.rename(calibrations.place("f" * 64, "r" * 64, tmp_path))
    assert calibrations.find("f" * 64, "r" * 64, tmp_path) is None
    assert "another encoder or rule" in capsys.readouterr().err


# --- the page


def test_the_report_says_what_stands_in_the_calibration() -> None:
    pairs = many(800)
    pairs[0] = replace(
        pairs[0], text_a="unrelated|0.0|0.0|<script>alert(1)</script>", label="paraphrase", kind="odd <b>"
    )
    found = measured(pairs, unlabelled=5, random_pairs=100)
    page = calibrate_report.report(found)
    html = page.to_html()
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html or "script" in html
    assert "800" in str(page)
    for part in ("By class", "Threshold", "Curves", "Reliability", "Worst misses", "Worst false alarms"):
        assert part in page.to_markdown()
    assert "not measured" in str(page)
    assert json.loads(page.to_json())["title"] == "Calibration of toy"
    assert page.to_json() == calibrate_report.report(found).to_json()


def test_a_report_on_ten_pairs_stands_too() -> None:
    page = str(calibrate_report.report(measured(ten())))
    assert "only 4 pairs" in page
    assert "cannot carry this statement" in " ".join(page.split())

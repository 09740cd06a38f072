"""Plots: every value lands in a bin, the same bytes each time, nothing in a label is obeyed."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import plots
from curate.report.html import inert

HOSTILE = ["<script>alert(1)</script>", "$\\frac{1}{0}$", "שלום עולם", "a\u202eb\x00\x1b[31m", "&amp;", "x" * 500]


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


@given(st.lists(st.integers(0, 300_000), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_every_length_is_counted_once(values):
    edges = plots.length_edges(values)
    bins = plots.binned({"rows": values}, edges)
    assert sum(bins.counts["rows"]) == len(values)
    assert list(edges) == sorted(set(edges))
    assert len(bins.labels) == len(edges) - 1


def test_bins_that_a_person_can_check():
    bins = plots.binned({"rows": [0, 1, 1, 4, 5, 9, 12, None, float("nan")]}, plots.length_edges([12]))
    assert dict(zip(bins.labels, bins.counts["rows"], strict=True)) == {
        "0": 1,
        "1": 2,
        "2 to 4": 1,
        "5 to 9": 2,
        "10 to 20": 1,
    }
    assert bins.unscored == {"rows": 2}
    assert plots.binned({"s": [0.0, 0.999, 1.0]}, plots.even_edges(0, 1, 4)).counts["s"] == (1, 0, 0, 2)


def test_a_value_outside_the_bins_is_not_swallowed():
    with pytest.raises(ValueError, match="7 lies outside"):
        plots.binned({"rows": [7]}, (0, 5))


def pictures(labels):
    shares = [0.1 * (n + 1) for n in range(len(labels))]
    bins = plots.binned({labels[0]: [3, 40, 41], labels[1]: [3, 40]}, plots.length_edges([41]))
    yield plots.histogram(bins, x=labels[2])
    yield plots.bars(labels, shares, shares, [share + 0.1 for share in shares], x=labels[2], percent=True)
    yield plots.dumbbell(labels, shares, [None, *shares[1:]], x=labels[2])


def test_hostile_labels_are_text_and_nothing_else():
    for svg in pictures(HOSTILE):
        assert inert(svg)
        assert "<script" not in svg
        assert any("<script>" in word for word in words(svg))
        assert "\u202e" not in svg
        assert "\x1b" not in svg
        assert max(len(word) for word in words(svg)) <= 60
    assert "$\\frac{1}{0}$" in words(list(pictures(HOSTILE))[1])


def test_same_numbers_same_bytes_and_no_date():
    labels = ["a", "b", "c"]
    assert list(pictures(labels)) == list(pictures(labels))
    for svg in pictures(labels):
        assert "<metadata" not in svg
        assert "<!DOCTYPE" not in svg
        assert "<style" not in svg


def test_colours_follow_the_page():
    for svg in pictures(["a", "b", "c"]):
        assert "var(--plot-a" in svg
        assert "currentColor" in svg
        assert "#00000" not in svg


def test_inner_names_of_two_pictures_do_not_meet():
    first, second = (
        {element.get("id") for element in ElementTree.fromstring(svg).iter() if element.get("id")}
        for svg in (plots.dumbbell(["a"], [1], [2], x="x"), plots.dumbbell(["a"], [1], [3], x="x"))
    )
    assert first
    assert not first & second


def test_nothing_to_draw_is_said():
    empty = plots.binned({"rows": []}, plots.length_edges([]))
    for svg in (plots.histogram(empty, x="words"), plots.bars([], [], x="rows"), plots.dumbbell([], [], [], x="rows")):
        assert "no data" in words(svg)
    assert any("unscored" in word for word in words(plots.bars(["toxic"], [None], x="share")))


def test_the_shared_settings_of_matplotlib_are_left_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    list(pictures(["a", "b", "c"]))
    assert dict(matplotlib.rcParams) == before


def test_one_high_score_is_seen_beside_a_million():
    counts = [0] * 200
    counts[100], counts[195] = 1_000_000, 1
    svg = plots.scores(counts, {"judged from 0.45": 0.45}, x="cosine", y="pairs")
    assert {"judged from 0.45", "cosine", "pairs", "1", "1,000"} <= set(words(svg))
    assert inert(svg)
    assert svg == plots.scores(counts, {"judged from 0.45": 0.45}, x="cosine", y="pairs")
    assert "no data" in words(plots.scores([0] * 200, {}, x="cosine", y="pairs"))

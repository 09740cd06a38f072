"""Deduplication on a page: both sides of the threshold, conflicts, templates, masses; masked, escaped, and nothing shown twice."""

from typing import Any

import polars as pl
import pytest

from curate import chats as chat
from curate import outcome, pairs_report
from curate.duplicates.asked import MASSES
from curate.duplicates.found import FOUND, Found
from curate.outcome import Reason
from curate.recipe import Recipe, of
from curate.report import Pair, Report, Table
from curate.samples import Samples

HOSTILE = "<script>alert(1)</script>"
SAID = {
    "n0": ("Which oil for oak?", "Linseed oil."),
    "n1": (f"Which oil for the oak? {HOSTILE}", "Linseed oil for anna@home.example."),
    "n2": ("Which wax for oak?", "Beeswax."),
    "n3": ("Which wax for the oak?", "Beeswax!"),
    "s0": ("How long is the bench?", "Two metres."),
    "s1": ("How long is the bench?", "Two metres, that is."),
    "c0": ("Is it free?", "No."),
    "c1": ("Is it free?", "Yes."),
    "t0": ("Send 3 lamps", "Done."),
    "t1": ("Send 5 lamps", "Done."),
    "gone": ("Send 7 lamps", "Done."),
    "m0": ("What is a quoin?", "I do not know."),
}
ROWS = chat.chats_of(
    [
        {"id": row, "turns": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for row, (q, a) in SAID.items()
    ]
)
THRESHOLDS = {"near": 0.7, "semantic": 0.75}


def _line(step: str, kind: str, a: str, b: str, **more: Any) -> dict[str, Any]:
    rule = {"pair": "near duplicate", "template": "numbers", "conflict": "other answer"}[kind]
    about = {"step": step, "kind": kind, "a": a, "b": b, "rule": rule, "threshold": THRESHOLDS[step], "floor": 0.5}
    return about | ({"rank_a": list(SAID).index(a), "rank_b": list(SAID).index(b)} if kind == "pair" else {}) | more


@pytest.fixture
def found() -> Found:
    lines = [
        _line("near", "pair", "n0", "n1", score=0.711),
        _line("near", "pair", "n2", "n3", score=0.69),
        _line("semantic", "pair", "s0", "s1", score=0.8, question=1.0, answer=0.8),
        _line("near", "template", "t0", "t1", score=0.9),
        _line("semantic", "template", "t0", "t1", cosine=0.97),
        _line("near", "template", "gone", "t1", score=0.95),
        _line("near", "template", "c1", "c0", score=0.95),
        _line("semantic", "conflict", "c0", "c1", question=1.0, cosine=0.91),
    ]
    pairs = pl.concat([FOUND.to_frame(), pl.DataFrame(lines, infer_schema_length=None)], how="diagonal_relaxed")
    masses = pl.DataFrame([("m0", 40, 12, 0.25)], schema=MASSES, orient="row")
    return Found(pairs, masses)


@pytest.fixture
def ledger() -> pl.DataFrame:
    removed = {
        "near": {"n1": "near duplicate"},
        "semantic": {"s1": "semantic duplicate"},
        "toxicity": {"gone": "toxic"},
    }
    steps = [
        outcome.split(ROWS, step, {row: Reason(rule) for row, rule in each.items()}) for step, each in removed.items()
    ]
    return outcome.join(step.ledger for step in steps)


def _masked(rows: pl.DataFrame) -> pl.DataFrame:
    turns = [
        [dict(turn, content=turn["content"].replace("anna@home.example", "<EMAIL_1>")) for turn in each]
        for each in rows["turns"].to_list()
    ]
    return rows.with_columns(turns=pl.Series(turns, dtype=rows.schema["turns"]))


def _page(found: Found, ledger: pl.DataFrame, mask: Any = _masked, keep: tuple[str, ...] = ()) -> Report:
    shown = pairs_report.choose(found, ledger, THRESHOLDS, keep)
    return Report("it", sections=pairs_report.sections(shown, Samples.of(ROWS, shown.ids(), mask)))


def _pairs(page: Report, title: str) -> list[Pair]:
    section = next(section for section in page.sections if section.title == title)
    return [block for block in section.blocks if isinstance(block, Pair)]


def test_both_sides_of_each_threshold_with_the_texts_of_both_rows(found, ledger) -> None:  # type: ignore[no-untyped-def]
    near, below, semantic = _pairs(_page(found, ledger), "Borderline duplicates")
    assert (near.left_label, near.right_label) == ("row n1: goes", "row n0: stays")
    assert near.left == f"user: Which oil for the oak? {HOSTILE}\nassistant: Linseed oil for <EMAIL_1>."
    assert near.right == "user: Which oil for oak?\nassistant: Linseed oil."
    assert near.note == "near duplicate, score 0.711"
    assert (below.left_label, below.right_label) == ("row n3: would go next", "row n2: would stay")
    assert semantic.note == "near duplicate, score 0.800 (same question 1.000, same answer 0.800)"


def test_the_table_counts_rows_at_every_threshold(found, ledger) -> None:  # type: ignore[no-untyped-def]
    section = _page(found, ledger).sections[0]
    table = next(block for block in section.blocks if isinstance(block, Table))
    rows = {str(row[0]).split()[0]: row[1:] for row in table.rows}
    assert rows["0.5"] == (2, 2, 1, 1)
    assert rows["0.7"] == (1, 1, 1, 1)
    assert rows["0.85"] == (0, 0, 0, 0)
    assert [row[0] for row in table.rows if "now" in str(row[0])] == ["0.7  ← now (near)", "0.75  ← now (semantic)"]


def test_conflicts_and_templates_are_told_once_and_only_of_rows_that_stayed(found, ledger) -> None:  # type: ignore[no-untyped-def]
    page = _page(found, ledger)
    (conflict,) = _pairs(page, "One question, two answers")
    assert {conflict.left_label, conflict.right_label} == {"row c0", "row c1"}
    assert conflict.note == "same question 1.000; cosine of the answers 0.91"
    (template,) = _pairs(page, "Variants of one template")
    assert {template.left_label, template.right_label} == {"row t0", "row t1"}
    assert template.note.startswith("other numbers; score of the near step 0.900")


def test_an_answer_to_many_questions_is_shown_with_its_figures(found, ledger) -> None:  # type: ignore[no-untyped-def]
    section = _page(found, ledger).sections[-1]
    (table,) = section.blocks
    assert section.title == "One answer to many questions"
    assert table.rows[0][:3] == ("m0", 40, 12)  # type: ignore[union-attr]
    assert table.rows[0][-1] == "I do not know."  # type: ignore[union-attr]


def test_dataset_text_is_escaped_and_masked(found, ledger) -> None:  # type: ignore[no-untyped-def]
    html = _page(found, ledger).to_html()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "anna@" not in html
    without = _page(found, ledger, None).to_html()
    assert "oak" not in without
    assert "personal data was not looked for" in without


def test_a_row_that_a_later_step_removed_says_so_and_a_kept_one_is_no_duplicate(found, ledger) -> None:  # type: ignore[no-untyped-def]
    later = outcome.split(ROWS, "toxicity", {"n3": Reason("toxic answer")}).ledger
    _, below, _ = _pairs(_page(found, outcome.join([ledger, later])), "Borderline duplicates")
    assert below.note.endswith("n3 was removed by the step toxicity")
    kept = _pairs(_page(found, ledger, keep=("n1",)), "Borderline duplicates")
    assert "row n1: goes" not in [pair.left_label for pair in kept]


def test_what_differs_in_masked_values_alone_says_so() -> None:
    pair = pairs_report.pair("user: <EMAIL_1>", "user: <EMAIL_1>", ("a", "b"), ["score 1.000"])
    assert "personal data, which is masked" in pair.note
    missing = "(not shown: the source file is gone)"
    assert pairs_report.pair(missing, missing, ("a", "b"), ["score 1.000"]).note == "score 1.000"


def test_without_pairs_there_is_a_section_that_says_so_and_without_steps_none() -> None:
    empty = outcome.join([])
    shown = pairs_report.choose(Found(), empty, THRESHOLDS, ())
    (section,) = pairs_report.sections(shown, Samples.of(ROWS, [], None))
    assert sum("No row of this step" in getattr(block, "text", "") for block in section.blocks) == 4
    assert pairs_report.sections(pairs_report.choose(Found(), empty, {}, ()), Samples.of(ROWS, [], None)) == ()


def test_the_thresholds_are_those_of_the_recipe() -> None:
    assert pairs_report.thresholds_of(Recipe()) == {"near": 0.7, "semantic": 0.75}
    assert pairs_report.thresholds_of(of({"near": False, "semantic": {"threshold": 0.9}})) == {"semantic": 0.9}

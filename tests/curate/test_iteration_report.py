"""The overlap part of an iteration's page: every file, every class, the pairs side by side, nothing unmasked or unescaped."""

import re
from typing import Any

import polars as pl
import pytest

from curate import canaries, iteration_report, outcome, pii
from curate import chats as chat
from curate.datadiff import diff
from curate.evalset import EvalFile
from curate.outcome import Reason
from curate.overlap import Check
from curate.residual import Residual
from curate.steps import Step, Steps

HOSTILE = "<script>alert(1)</script>"


def _row(name: str, said: str) -> dict[str, Any]:
    return {"id": name, "turns": [{"role": "user", "content": said}, {"role": "assistant", "content": "Yes."}]}


ROWS = chat.chats_of(
    [
        _row("copied", "How long is the oak bench?"),
        _row("variant", "Send 3 lamps to Bergen for anna@home.example"),
        _row("near", f"Which oil do I rub into the oak bench? {HOSTILE}"),
        _row("far", "Sing me a song."),
    ]
)
ONE = chat.chats_of([_row("1", "How long is the oak bench?"), _row("2", "Send 5 lamps to Oslo for anna@home.example")])
TWO = chat.chats_of([_row("1", "Which wax do I rub into the oak bench?")])
THREE = chat.chats_of([_row("1", "What is the boiling point of lead?")])


def _match(row: str, file: str, case: str, name: str, cosine: float, differs: str | None = None) -> dict[str, Any]:
    return {
        "row_id": row, "turn": 0, "part": "user", "eval_file": file, "case_id": case, "case_turn": 0, "class": name,
        "containment": None, "cosine": cosine, "probability": 0.9, "differs": differs, "threshold": 0.6,
    }  # fmt: skip


def _near(file: str, case: str, row: str, cosine: float) -> dict[str, Any]:
    return {"eval_file": file, "case_id": case, "case_turn": 0, "row_id": row, "turn": 0, "cosine": cosine}


@pytest.fixture
def steps() -> Steps:
    done = outcome.split(ROWS, "overlap", {"copied": Reason("copy", 1.0, 0.6, "1", {"eval_file": "one.jsonl"})})
    matches = pl.DataFrame(
        [
            _match("copied", "one.jsonl", "1", "copy", 1.0),
            _match("variant", "one.jsonl", "2", "template variant", 0.95, "numbers"),
            _match("variant", "two.jsonl", "1", "template variant", 0.9, "names"),
        ],
        schema_overrides={"containment": pl.Float64},
    )
    histogram = tuple(1_000_000 if n == 110 else 3 if n == 196 else 0 for n in range(200))
    check = Check(done, matches, pl.DataFrame(), histogram, 1_000_003, 8, 4, set_aside=2)
    account = (Step("overlap", 4, 1, 0, 0, {"copy": 1}, 0.0),)
    return Steps(done.kept, done.ledger, account, check, ())


@pytest.fixture
def statement() -> dict[str, Any]:
    nearest = [
        _near("one.jsonl", "2", "variant", 0.95),
        _near("one.jsonl", "1", "near", 0.7),
        _near("two.jsonl", "1", "near", 0.9),
        _near("three.jsonl", "1", "far", 0.1),
    ]
    names = {"one.jsonl": 2, "two.jsonl": 1, "three.jsonl": 1}
    claims = {
        "no_copy": {"how": "words", "proof": "any machine", "template_variants_kept": 1},
        "no_semantic_overlap": {
            "how": "every window", "encoder": {"name": "toy", "precision": "fp32", "fingerprint": "abc"},
            "rule": {"floor": 0.5, "probability": 0.6, "containment": 0.7, "fingerprint": "f" * 64},
            "pairs_compared": 9, "highest_cosine": 0.95, "nearest": nearest,
        },
        "what_the_rule_misses": {
            "classes": {"paraphrase": {"recall": 0.9, "n": 50, "low": 0.8, "high": 0.96, "source": "some pairs"}},
            "false_alarms": None, "not_measured": ["translation"],
        },
    }  # fmt: skip
    files = [{"name": name, "cases": n, "digest": {"sha256": "0" * 64}} for name, n in names.items()]
    return {"predicate": {"eval_files": files, "claims": claims, "signed": False}}


def _masked(rows: pl.DataFrame) -> pl.DataFrame:
    turns = [
        [dict(turn, content=turn["content"].replace("anna@home.example", "<EMAIL_1>")) for turn in each]
        for each in rows["turns"].to_list()
    ]
    return rows.with_columns(turns=pl.Series(turns, dtype=rows.schema["turns"]))


def _page(steps: Steps, statement: dict[str, Any], mask: Any = _masked) -> iteration_report.Report:
    files = [EvalFile("one.jsonl", "", ONE), EvalFile("two.jsonl", "", TWO), EvalFile("three.jsonl", "", THREE)]
    rows, cases = iteration_report.samples(steps, statement, files, mask)
    counts = {"rows_read": 4, "kept": 3, "removed": 1, "edited": 0, "quarantined": 0}
    return iteration_report.report("it", counts, steps, statement, diff(ROWS, ROWS), rows, cases)


def _section(page: iteration_report.Report, title: str) -> Any:
    return next(section for section in page.sections if section.title == title)


def test_rows_by_class_and_what_became_of_them(steps, statement):
    classes, files, *_ = _section(_page(steps, statement), "Overlap with the eval files").blocks
    by_name = {line[0]: line[2:] for line in classes.rows}
    assert by_name["copy"] == (1, 1, 0)
    assert by_name["template variant"] == (1, 0, 1)
    assert by_name["paraphrase"] == (0, 0, 0)
    assert files.rows == (
        ("one.jsonl", 2, 1, 1, 0.95),
        ("two.jsonl", 1, 0, 1, 0.9),
        ("three.jsonl", 1, 0, 0, 0.1),
    )


def test_the_section_says_what_was_compared_and_set_aside(steps, statement):
    text = _section(_page(steps, statement), "Overlap with the eval files").text
    assert "8 texts of training rows against 4 eval items: 1,000,003 pairs" in text
    assert "2 short follow-ups of eval cases were set aside" in text


def test_few_high_scores_are_seen_beside_a_million(steps, statement):
    plot = next(b for b in _section(_page(steps, statement), "Overlap with the eval files").blocks if hasattr(b, "svg"))
    assert "3 of 1,000,003 pairs at or above 0.5" in plot.alt
    assert ("0.1 to 0.2", 1_000_000) in plot.numbers.rows
    assert ("0.9 to 1.0", 3) in plot.numbers.rows
    assert sum(n for _, n in plot.numbers.rows) == 1_000_003
    assert "judged from 0.5" in plot.svg


def test_every_eval_file_is_listed_and_only_near_pairs_are_shown(steps, statement):
    blocks = _section(_page(steps, statement), "Closest rows that stayed").blocks
    told = [getattr(block, "title", None) or (block.left, block.right) for block in blocks]
    variant = ("Send 3 lamps to Bergen for <EMAIL_1>", "Send 5 lamps to Oslo for <EMAIL_1>")
    oil = f"Which oil do I rub into the oak bench? {HOSTILE}"
    assert told == [
        "one.jsonl", variant, (oil, "How long is the oak bench?"),
        "two.jsonl", (oil, "Which wax do I rub into the oak bench?"),
        "three.jsonl",
    ]  # fmt: skip
    assert blocks[1].note.startswith("template variant, kept; cosine 0.950")
    assert "too far away" in blocks[-1].text


def test_a_template_variant_says_which_facts_differ(steps, statement):
    section = _section(_page(steps, statement), "Template variants that stayed")
    assert section.text.startswith("1 row asks what an eval case asks")
    (pair,) = section.blocks
    assert pair.note.startswith("other numbers; probability 0.900, cosine 0.950, threshold 0.600; ")
    assert "numbers only in the row: 3, only in the case: 5" in pair.note
    assert "names only in the row: Bergen, only in the case: Oslo" in pair.note


def test_dataset_text_is_escaped_and_masked_and_what_differs_is_marked(steps, statement):
    html = _page(steps, statement).to_html()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "anna@" not in html
    assert "Send <mark>3</mark> lamps to <mark>Bergen</mark> for &lt;EMAIL_1&gt;" in html
    assert "Which <mark>wax</mark> do I rub" in html


def test_without_a_mask_no_text_is_shown(steps, statement):
    html = _page(steps, statement, None).to_html()
    assert "lamps" not in html
    assert "personal data was not looked for" in html


def test_an_encoder_below_whose_floor_nothing_lies_has_no_empty_page(steps, statement):
    for line in statement["predicate"]["claims"]["no_semantic_overlap"]["nearest"]:
        line["cosine"] = 0.2
    page = _page(steps, statement)
    assert [b.title for b in _section(page, "Closest rows that stayed").blocks] == [
        "one.jsonl",
        "two.jsonl",
        "three.jsonl",
    ]
    assert re.search("too far away", str(page))


def test_what_may_be_left_is_a_part_of_its_own(steps, statement):
    assert all(section.title != "Personal data that may be left" for section in _page(steps, statement).sections)
    left = Residual(canaries.measure(ROWS.clear(), pii.load()), 3, {"EMAIL": 1}, {}, 0)
    counts = {"rows_read": 4, "kept": 3, "removed": 1, "edited": 1, "quarantined": 0}
    files = [EvalFile("one.jsonl", "", ONE), EvalFile("two.jsonl", "", TWO), EvalFile("three.jsonl", "", THREE)]
    rows, cases = iteration_report.samples(steps, statement, files, None)
    page = iteration_report.report("it", counts, steps, statement, diff(ROWS, ROWS), rows, cases, (), left)
    note, replaced, *_ = _section(page, "Personal data that may be left").blocks
    assert "finds 0 values in 3 kept rows" in note.text
    assert replaced.rows == (("EMAIL", 1, 0),)

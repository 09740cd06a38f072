"""Audit: what the steps find is what the audit says, personal data is never shown, and what was not measured is not 0."""

import json
import re
from dataclasses import replace

import polars as pl
import pytest

from curate import bias, card, dedup, lengths, outcome, overlap, problems, quality, replacement, toxicity
from curate.audit import audit
from curate.audit_report import report
from curate.chats import chats_of
from curate.outcome import Reason
from curate.pii import Finding
from curate.report import Table
from curate.samples import NOT_SHOWN, Samples

MAIL = re.compile(r"[\w.]+@[\w.]+\.\w+")
SECRET = "jane.roe@corp.example"


class MailFinder:
    """Finds mail addresses, nothing else."""

    name, fingerprint, kinds, threshold, limits = "mail", "f" * 16, ("EMAIL",), 0.5, ""

    def find(self, texts, progress=None):
        return [tuple(Finding(*m.span(), "EMAIL", 0.9, "mail") for m in MAIL.finditer(text)) for text in texts]


def mask(rows):
    return replacement.replace(rows, MailFinder()).kept


def row(name, query, answer, system=None):
    turns = [{"role": "system", "content": system}] if system else []
    return {"id": name, "turns": [*turns, {"role": "user", "content": query}, {"role": "assistant", "content": answer}]}


LAMP = "The desk lamp blinks because the driver inside it has failed, so please send it back to us with the receipt."
ROWS = [
    row("a1", "Why does my desk lamp blink?", LAMP, "You are kind."),
    row("a2", "Why does my desk lamp blink?", LAMP, "You are kind."),
    row("a3", "Why does my desk lamp blink", LAMP + " Thanks!"),
    row("b1", "What is the capital of France?", "Paris is the capital of France, on the river Seine."),
    row("b2", "What is the capital of France?", "It is Lyon, as far as I know from the books at home."),
    row("c1", "Say nothing", ""),
    row("c2", "Repeat after me", "Repeat after me"),
    row("d1", f"Write to {SECRET} for me", f"I have written to {SECRET} <script>alert(1)</script>"),
    row("e1", "Is water wet", "Yes"),
    {"id": "f1", "turns": [{"role": "user", "content": "Hello?"}]},
]
QUARANTINED = pl.DataFrame(
    {"source": ["x.jsonl:3", "x.jsonl:9"], "reason": ["not JSON", "not JSON"], "raw": ["{", SECRET]}
)
SCORES = pl.DataFrame(
    {
        "row_id": ["b1", "b1", "d1", "e1"],
        "turn": [0, 1, 0, 1],
        "role": ["user", "assistant", "user", "assistant"],
        "score": [0.1, 0.2, 0.9, None],
        "start": [0, 0, 0, 0],
        "end": [1, 1, 1, 1],
        "unscored": [None, None, None, "no letters"],
    }
)


@pytest.fixture(scope="module")
def chats():
    return chats_of(ROWS)


@pytest.fixture(scope="module")
def outcomes(chats):
    return {
        "validate": quality.validate(chats),
        "exact": dedup.exact(chats),
        "near": dedup.near(chats),
        "pii": replacement.replace(chats, MailFinder()),
        "toxicity": outcome.split(chats, "toxicity", {}),
    }


@pytest.fixture(scope="module")
def check(chats):
    matches = pl.DataFrame(
        {
            "row_id": ["b1", "e1"],
            "turn": [0, 0],
            "eval_file": ["eval.jsonl", "eval.jsonl"],
            "case_id": ["q1", "q1"],
            "case_turn": [0, 0],
            "class": ["copy", "template variant"],
            "containment": [1.0, None],
            "cosine": [1.0, 0.9],
            "differs": [None, "names"],
        }
    )
    nearest = pl.DataFrame({"cosine": [1.0]})
    done = outcome.split(chats, "overlap", {"b1": Reason("copy", 1.0, 0.7, "q1", {"eval_file": "eval.jsonl"})})
    return overlap.Check(done, matches, nearest, (), 99, 20, 1)


@pytest.fixture(scope="module")
def found(chats, outcomes, check):
    cases = chats_of([{"id": "q1", "turns": [{"role": "user", "content": f"What is the capital of France? {SECRET}"}]}])
    return audit(
        chats,
        QUARANTINED,
        outcomes,
        source="x.jsonl",
        check=check,
        eval_files=[overlap.EvalFile("eval.jsonl", "0" * 64, cases)],
        turn_scores=SCORES,
        mask=mask,
        detectors={"personal data": "mail ffff"},
    )


def rows_of(found, title):
    return next((p.rows for p in found.problems if p.kind.title.startswith(title)), ())


def test_every_removal_and_edit_of_every_step_is_in_a_problem(found, outcomes, check):
    reported = {row for problem in found.problems for row in problem.rows}
    for done in [*outcomes.values(), check.outcome]:
        assert set(done.ledger["row_id"]) <= reported


def test_each_planted_fault_is_found_where_it_was_planted(found):
    assert rows_of(found, "exact duplicates") == ("a2",)
    assert len(rows_of(found, "near duplicates")) == 1
    assert rows_of(found, "near duplicates") != ("a2",)
    assert rows_of(found, "rows whose question has another answer") == ("b1", "b2")
    assert rows_of(found, "rows with an empty answer") == ("c1", "f1")
    assert rows_of(found, "answers that repeat") == ("c2",)
    assert rows_of(found, "rows with personal data") == ("d1",)
    assert rows_of(found, "rows with a toxic query") == ("d1",)
    assert rows_of(found, "rows with a turn that was not scored") == ("e1",)
    assert rows_of(found, "very short answers") == ("e1",)
    assert rows_of(found, "rows that do not end with an answer") == ("f1",)
    assert rows_of(found, "copies of eval items") == ("b1",)
    assert rows_of(found, "template variants") == ("e1",)
    assert rows_of(found, "rows that cannot be read") == ("x.jsonl:3", "x.jsonl:9")
    assert found.pii == {"EMAIL": (2, 1)}


def test_the_worst_comes_first(found):
    weights = [problem.weight for problem in found.problems]
    assert weights == sorted(weights, reverse=True)
    assert found.problems[0].kind.severity == "critical"
    assert problems.ranked(reversed(found.problems)) == found.problems


def test_no_rendering_shows_personal_data_or_live_markup(found):
    page = report(found)
    for text in (str(page), page.to_markdown(), page.to_html(), page.to_json()):
        assert SECRET not in text
        assert "corp.example" not in text
    assert "<EMAIL_1>" in page.to_json()
    assert "&lt;EMAIL_1&gt;" in page.to_html()
    assert "<script>alert" not in page.to_html()


def test_without_a_mask_no_text_is_shown(chats, outcomes, check):
    page = report(audit(chats, QUARANTINED, outcomes, check=check)).to_json()
    assert NOT_SHOWN in page
    assert "desk lamp" not in page
    assert SECRET not in page
    assert "You are kind" not in page


def test_what_was_not_looked_for_is_not_zero(chats):
    found = audit(chats, QUARANTINED.clear(), {"exact": dedup.exact(chats)}, mask=mask)
    assert "personal data" in found.unmeasured
    assert "overlap with eval files" in found.unmeasured
    page = report(found)
    facts = {fact.label: fact.value for fact in page.facts}
    assert facts["rows with personal data"] == "not measured"
    assert facts["rows that overlap with eval files"] == "not measured"
    assert "Not looked for: " in str(page)


def scored(chats, score, unscored=None):
    lines = [(name, 1, "assistant", score, 0, 1, unscored) for name in chats["id"]]
    return pl.DataFrame(lines, schema=toxicity.TURN_SCORES, orient="row")


def looked(rows, scores):
    chats = chats_of(rows)
    outcomes = {"toxicity": outcome.split(chats, "toxicity", {})}
    return audit(chats, QUARANTINED.clear(), outcomes, turn_scores=scores(chats), mask=mask)


def test_a_step_that_found_nothing_is_said():
    found = looked(ROWS[2:6], lambda chats: scored(chats, 0.1))
    assert found.absent == ("toxic answers",)
    assert "Looked for and not found: toxic answers" in str(report(found))
    assert "toxic answers" not in " ".join(found.unmeasured)


@pytest.mark.parametrize(
    ("scores", "rows"),
    [
        (lambda chats: scored(chats, None, "not English"), 4),
        (lambda chats: pl.concat([scored(chats[:3], 0.1), scored(chats[3:], None, "no letters")]), 1),
        (lambda chats: scored(chats[:3], 0.1), 1),  # a row that nobody scored at all
        (lambda chats: None, 4),
    ],
)
def test_answers_without_a_score_were_not_looked_at(scores, rows):
    found = looked(ROWS[2:6], scores)
    assert found.absent == ()
    assert f"toxic answers in {rows} of 4 rows" in found.unmeasured
    told = str(report(found))
    assert "Looked for and not found" not in told
    assert f"toxic answers in {rows} of 4 rows" in told


def test_what_puts_no_space_between_words_is_not_short_and_may_be_long():
    rows = [
        row("zh", "水是什么？", "水是一种没有颜色的液体。"),
        row("ja", "はい？", "はい"),
        row("th", "น้ำคืออะไร", "น้ำเป็นของเหลวที่ไม่มีสี"),
        row("en", "Is water wet?", "Yes"),
        row("ko", "물은?", "물은 색이 없는 액체이다"),
        row("long", "水？", "水是液体" * 400),
    ]
    chats = chats_of(rows)
    found = problems.unusual(chats, lengths.measure(chats), 6, short_words=2, long_words=1_500)
    assert {problem.kind.title.split(" (")[0]: problem.rows for problem in found if problem.rows} == {
        "very short answers": ("ja", "en"),
        "very long rows": ("long",),
    }


def test_ten_on_top_and_the_rest_named(found):
    page = report(found)
    document = json.loads(page.to_json())
    top = document["sections"][0]["blocks"]
    findings = [block for block in top if block["type"] == "Finding" and block["severity"] != "good"]
    rest = [block for block in top if block["type"] == "Table"]
    assert len(findings) == 10
    assert len(findings) + len(rest[0]["rows"]) == len(found.problems)


def test_pairs_show_row_beside_twin_and_eval_item(found):
    text = report(found).to_markdown()
    assert "goes: " in text
    assert "stays: " in text
    assert "eval item eval.jsonl\\#q1" in text or "eval item eval.jsonl#q1" in text
    assert found.cases.query("eval.jsonl#q1") == "What is the capital of France? <EMAIL_1>"


def test_same_input_same_bytes(found):
    assert report(found).to_html() == report(found).to_html()
    assert str(found).startswith("12 rows read, 2 broken\n1. ")


def test_every_column_of_shares_says_of_what_and_stands_on_that_many_rows(found, chats):
    scores = SCORES.cast(toxicity.TURN_SCORES)
    whole = replace(found, faults=quality.faults(chats), bias=bias.measure(chats, scores))
    of = {"share of rows read": 12, "share of usable rows": 10}
    seen = set()
    for page in (report(whole), card.page(whole, "x")):
        tables = [block for section in page.sections for block in section.blocks if isinstance(block, Table)]
        for table in tables:
            for place, column in enumerate(table.columns):
                if column.name.startswith("share"):
                    assert {row[place].n for row in table.rows} <= {of[column.name]}, column
                    seen.add((page.title[:4], column.name))
    assert len(seen) == 4


def test_an_empty_dataset_is_a_report_too(chats):
    none = chats.clear()
    found = audit(none, QUARANTINED.clear(), {"exact": dedup.exact(none)}, mask=mask)
    assert "no data" in report(found).to_html()
    assert found.problems == ()


def test_a_rule_without_an_entry_is_still_reported(chats):
    odd = {"odd": outcome.split(chats, "odd", {"a1": Reason("smells of fish")})}
    assert [p.kind.title for p in problems.from_outcomes(odd, 10)] == ["rows with: smells of fish"]


def test_lengths_by_hand():
    measures = lengths.measure(chats_of([row("x", "one two", "three"), row("y", "", "a b c", "sys")]))
    assert measures["query_words"].to_list() == [2, 0]
    assert measures["answer_words"].to_list() == [1, 3]
    assert measures["shape"].to_list() == ["user assistant", "system, user assistant"]
    assert lengths.shape(["user", "assistant"] * 3) == "user assistant (x3)"
    found = lengths.summary(pl.Series([1, 2, 3, 4, 100]))
    assert (found.low, found.median, found.high, found.longest, found.mean) == (1, 3, 100, 100, 22)
    assert str(lengths.summary(pl.Series([], dtype=pl.Int64))) == "no rows"


def test_only_the_sampled_rows_are_masked(chats):
    seen = []

    def counting(rows):
        seen.append(rows.height)
        return rows

    Samples.of(chats, ["a1", "a1", "b1", "nobody"], counting)
    assert seen == [2]

"""The benchmark scripts: they say how they are called, run on a toy input, and ship what they say they measured."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import __main__ as every
from benchmarks import machine
from benchmarks.overlap import baselines, judging, pairs
from benchmarks.overlap import measure as overlap_measure
from benchmarks.planted import measure as planted_measure
from benchmarks.scale import measure as scale_measure
from curate import calibrations, overlap, shipped
from curate.errors import BadInput

ROOT = Path(__file__).parents[1]
ITEM = "Ann has 12 red apples and Ben has 7 green pears; how many pieces of fruit do the two of them have together?"
OTHER = "A train leaves the old station at noon and drives through three tunnels before it stops for water."
REWORDED = "If Ann owns 12 red apples and Ben owns 7 green pears, what is the number of pieces of fruit in all?"


@pytest.mark.parametrize("name", sorted(every.SCRIPTS))
def test_a_script_says_how_it_is_called(name: str) -> None:
    script = every.script_of(name)
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_without_data_only_the_planted_faults_are_measured(tmp_path: Path) -> None:
    assert [name for name in every.SCRIPTS if not every.absent(name, tmp_path)] == ["planted", "scale"]
    assert every.absent("overlap", tmp_path) == ["overlap/contamination_pairs.jsonl.gz"]
    assert "--data" not in every.command("planted", tmp_path)
    assert str(tmp_path) in every.command("overlap", tmp_path)


def test_a_folder_to_work_in_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worked_in = list[Path]()

    def one(folder: Path, *_: int) -> Any:
        worked_in.append(folder)
        raise OSError("not measured here")

    monkeypatch.setattr(scale_measure, "one", one)
    monkeypatch.setattr(sys, "argv", ["measure.py", "--work", str(tmp_path / "a" / "b"), "--sizes", "0.1"])
    with pytest.raises(SystemExit, match="nothing was measured"):
        scale_measure.main()
    assert worked_in[0].parent == tmp_path / "a" / "b"


@pytest.fixture(scope="module")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rows = [
        (ITEM, ITEM, 1, "verbatim"),
        (ITEM, REWORDED, 1, "rephrase_en"),
        (ITEM, OTHER, 0, "easy_neg_random_train"),
    ]
    (folder / "overlap").mkdir()
    with gzip.open(folder / pairs.FILE, "wt", encoding="utf-8") as file:
        for item, candidate, label, kind in rows:
            pair = {
                "eval_item": item,
                "candidate": candidate,
                "is_contaminated": label,
                "kind": kind,
                "source": "gsm8k",
            }
            file.write(json.dumps(pair) + "\n")
    (folder / "chat").mkdir()
    chats = [{"instruction": OTHER, "input": "", "output": "It stops at the lake."}]
    (folder / judging.INSTRUCTIONS).write_text(json.dumps(chats))
    question = {"question_id": 1, "category": "writing", "turns": ["Describe the harbour of Ost at dawn.", "Shorter."]}
    (folder / pairs.MT_BENCH).write_text(json.dumps(question) + "\n")
    return folder


def test_overlap_runs_on_a_toy_input(
    toy_data: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["measure.py", "--data", str(toy_data), "--encoder", str(tiny_encoder), "--precision", "fp32"]
    monkeypatch.setattr(sys, "argv", arguments)
    overlap_measure.main()
    printed = capsys.readouterr().out
    assert re.search(r"\| same \| gsm8k \| verbatim \| 1 \| 100\.0 ", printed)
    assert "| instruction_1100 x gsm8k, mt-bench | 2 |" in printed


def test_overlap_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["measure.py", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="labelled pairs are not here"):
        overlap_measure.main()


def test_edits_are_seeded_and_do_what_they_say() -> None:
    made = pairs.made([("gsm8k", ITEM)], seed=1)
    assert made == pairs.made([("gsm8k", ITEM)], seed=1) != pairs.made([("gsm8k", ITEM)], seed=2)
    by_kind = {pair.kind: pair.candidate for pair in made}
    assert by_kind["case and spacing"].lower().split() == ITEM.lower().split()
    assert ITEM.startswith(by_kind["end cut off"])
    assert len(by_kind["end cut off"].split()) == 21  # of 23
    assert re.findall(r"\d+", by_kind["typos"]) == ["12", "7"]
    assert set(re.findall(r"\d+", by_kind["numbers changed"])).isdisjoint({"12", "7"})
    assert re.sub(r"\d+", "", by_kind["numbers changed"]) == re.sub(r"\d+", "", ITEM)
    (drawn,) = pairs.one_of_each(made)
    assert drawn.kind in pairs.EDITS


def test_ngrams_by_hand() -> None:
    assert baselines.shares_ngram("one two three four", "zero two three five", 2)
    assert not baselines.shares_ngram("one two three four", "zero two three five", 3)
    assert baselines.shares_ngram("Two three", "one two three four", 10)
    assert not baselines.shares_ngram("", "one", 10)


def test_the_shipped_figures_are_those_of_the_default_rule() -> None:
    table = json.loads(shipped.model("overlap_recall.json").read_text(encoding="utf-8"))
    ours = [entry for entry in table if entry["rule"] == overlap.Rule().pair_rule]
    assert len(ours) >= 2, "the default rule changed: python benchmarks/overlap/measure.py --data DIR --write"
    for entry in ours:
        claim = calibrations.claim(entry["encoder"], entry["rule"])
        assert claim["not_measured"] == ["translation"]
        for figure in claim["classes"].values():
            assert 0 <= figure["low"] <= figure["recall"] <= figure["high"] <= 1
            assert figure["n"] > 50
            assert figure["source"]
        assert claim["false_alarms"]["pairs"] > 100_000


def test_replacing_between_marks_leaves_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- x:begin -->\nold\n<!-- x:end -->\nafter\n")
    machine.replace_between(page, "x", "new")
    machine.replace_between(page, "x", "new")
    assert page.read_text() == "before\n<!-- x:begin -->\nnew\n<!-- x:end -->\nafter\n"
    with pytest.raises(BadInput, match="no <!-- y:begin -->"):
        machine.replace_between(page, "y", "new")
    assert "/" not in machine.described()


def _run(
    kept: Sequence[str], ledger: Sequence[dict[str, Any]], findings: dict[str, frozenset[str]] | None = None
) -> planted_measure.Run:
    columns = dict.fromkeys(("row_id", "step", "action", "twin"), pl.String)
    rows = pl.DataFrame({"id": ["a", "b", "c"]})
    texts = {row: json.dumps({"text": "call 555-0100"}) for row in kept}
    gone = pl.DataFrame(ledger, schema=columns)
    return planted_measure.Run(rows, frozenset({9}), texts, gone, frozenset(), findings or {})


def test_planted_faults_by_hand() -> None:
    exact = {"id": "a", "line": 1, "fault": "exact", "kind": "identical", "twin": "b", "detail": "{}", "copied": True}
    gone = {"row_id": "b", "step": "exact", "action": "removed", "twin": "a"}
    assert planted_measure.found(exact, _run("ac", [gone])) == "found"
    assert planted_measure.found(exact, _run("abc", [])) == "both kept"
    by_overlap = gone | {"step": "overlap", "twin": "ev-1"}
    assert planted_measure.found(exact, _run("ac", [by_overlap])) == "one of the pair went by overlap"
    spans = json.dumps({"spans": [{"kind": "phone-us", "value": "555-0100"}]})
    personal = exact | {"fault": "pii", "kind": "phone-us", "detail": spans}
    edited = {"row_id": "a", "step": "pii", "action": "edited", "twin": None}
    assert planted_measure.found(personal, _run("abc", [edited])) == "left: phone-us"
    assert planted_measure.found(personal | {"id": "b"}, _run("ac", [gone])) == planted_measure.GONE
    broken = exact | {"id": None, "line": 9, "fault": "broken", "kind": "not-json"}
    assert planted_measure.found(broken, _run("abc", [])) == "found"


def test_findings_of_the_audit_by_hand() -> None:
    """Of two rows that speak as a model one is named, beside a copy of it, a row with another fault and a sound one."""
    facts = [
        {"id": "a", "line": 1, "fault": "off-voice", "kind": "as-an-ai", "twin": None},
        {"id": "b", "line": 2, "fault": "off-voice", "kind": "old-bot", "twin": None},
        {"id": "c", "line": 3, "fault": "exact", "kind": "identical", "twin": "a"},
        {"id": "d", "line": 4, "fault": "toxic", "kind": "assistant", "twin": None},
    ]
    run = _run("abcde", [], {"speaks as a model": frozenset("acde")})
    printed = planted_measure.findings_table(pl.DataFrame(facts), run)
    line = next(line for line in printed.splitlines() if line.startswith("| speaks as a model |"))
    assert [cell.strip() for cell in line.split("|")][2:4] == ["4", "2"]
    assert "50 %" in line.split("|")[4]
    assert "50 %" in line.split("|")[5]
    assert [cell.strip() for cell in line.split("|")][6:8] == ["1", "1"]


def test_a_step_is_right_about_a_planted_group_only() -> None:
    facts = [
        {"id": "a", "line": 1, "fault": "exact", "kind": "identical", "twin": "b"},
        {"id": "c", "line": 3, "fault": "toxic", "kind": "assistant", "twin": None},
    ]
    truth = pl.DataFrame(facts)
    removals = [
        {"row_id": "b", "step": "near", "action": "removed", "twin": "a"},
        {"row_id": "c", "step": "near", "action": "removed", "twin": "a"},
    ]
    printed = planted_measure.steps_table(truth, _run("a", removals))
    assert "| near | 2 | 1 | 1 | 0 | 50 % (9 to 91) |" in printed

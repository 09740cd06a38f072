"""A whole run: the same figures twice, everything named by fingerprint, nothing half-written."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curate import certificate, files
from curate import iteration as iterations
from curate.errors import BadInput, Refused
from curate.overlap_rule import COUNTED, VARIANT, Rule
from evalsuite import local, runs
from evalsuite.detectors import Detectors
from evalsuite.model import BATCH, Local
from evalsuite.runs import Evaluation, Sampling, evaluate
from evalsuite.suite import TABLE
from train import bases

FEW = Sampling(max_new_tokens=6)
ROWS = [
    {"id": "e1", "prompt": "can you send the lamp ?", "ideal": "yes , please send 2 ."},
    {"id": "e2", "prompt": "return the parcel", "ideal": "no"},
    {"id": "e3", "prompt": "is it in the mail ?"},
]

Run = Callable[..., Evaluation]


@pytest.fixture
def eval_file(tmp_path: Path) -> Path:
    place = tmp_path / "mine.jsonl"
    place.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return place


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    place = tmp_path / "r.yaml"
    place.write_text("name: r\nchecks: [{name: short, max_words: 3}, {name: calm, without: ['!']}]\n", encoding="utf-8")
    return place


@pytest.fixture
def run(base: Path, adapter: Path, eval_file: Path, rubric: Path, judges: Detectors) -> Run:
    def once(**changed: Any) -> Evaluation:
        options: dict[str, Any] = {"model": base, "adapter": adapter, "eval_files": [eval_file], "rubrics": [rubric]}
        return evaluate(**(options | {"judges": judges, "sampling": FEW} | changed))

    return once


# -- laws -------------------------------------------------------------------------------------------------------------


def test_the_same_run_twice_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    first, second = run(out=tmp_path / "a"), run(out=tmp_path / "b")
    for name in ("cases.parquet", "summary.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert first.summary() == second.summary()


def test_the_order_of_the_cases_does_not_matter(run: Run, tmp_path: Path, eval_file: Path) -> None:
    run(out=tmp_path / "a", suites=["task", "style"])
    eval_file.write_text("\n".join(map(json.dumps, ROWS[::-1])), encoding="utf-8")
    run(out=tmp_path / "b", suites=["task", "style"])
    assert (tmp_path / "a/cases.parquet").read_bytes() == (tmp_path / "b/cases.parquet").read_bytes()


def test_a_suite_alone_says_what_it_says_among_others(run: Run) -> None:
    whole = run().cases.filter(pl.col("suite") == "guardrails")
    assert run(suites=["guardrails"]).cases.equals(whole)


def test_every_case_has_a_verdict_or_a_reason(run: Run) -> None:
    cases = run().cases
    assert cases.schema == TABLE
    assert cases.filter(pl.col("score").is_null() != pl.col("unscored").is_not_null()).is_empty()
    assert cases.filter(pl.col("score").is_null() != (pl.col("verdict") == "unscored")).is_empty()
    assert set(cases["suite"]) == set(runs.SUITES)
    assert cases.select("suite", "measure", "case_id").is_unique().all()
    no_ideal = cases.filter((pl.col("case_id") == "e3") & (pl.col("measure") == "exact"))
    assert no_ideal["unscored"].to_list() == ["the case has no ideal answer"]


def test_every_figure_has_n_and_prints_on_one_line(run: Run) -> None:
    found = run()
    for metric in found.metrics:
        assert "\n" not in str(metric)
        assert "(n=" in str(metric)
        assert str(metric) in str(found)
    assert found.metric("style", "checks").interval.n == 3
    assert json.loads(json.dumps(found.to_dict()))["metrics"][0]["n"] == 2


# -- what is written --------------------------------------------------------------------------------------------------


def test_the_folder_is_whole_and_named_by_fingerprint(run: Run, tmp_path: Path, judges: Detectors) -> None:
    run(out=tmp_path / "eval")
    assert sorted(path.name for path in (tmp_path / "eval").iterdir()) == sorted(runs.WRITTEN)
    manifest = json.loads((tmp_path / "eval/manifest.json").read_text())
    for name, sha in manifest["outputs"].items():
        assert files.sha256(tmp_path / "eval" / name) == sha
    assert all(manifest["model"][key] for key in ("base", "adapter", "template", "tokenizer", "dtype", "engine"))
    assert manifest["sampling"] == {"max_new_tokens": 6, "temperature": 0.0, "seed": 0, "batch_size": BATCH}
    assert {d for s in manifest["suites"].values() for d in s["detectors"]} >= {"toy toy-scorer"}
    assert manifest["detectors"]["toxicity"]["fingerprint"] == "toy-scorer"
    assert manifest["suites"]["task"]["files"][0]["sha256"] == files.sha256(tmp_path / "mine.jsonl")
    assert (tmp_path / "eval/cases.parquet").stat().st_mode & 0o777 == 0o600
    html = (tmp_path / "eval/report.html").read_text()
    assert "default-src 'none'" in html
    assert "Guardrails" in html


@pytest.mark.parametrize(
    "changed",
    [
        {"sampling": Sampling(7)},
        {"sampling": Sampling(6, seed=1)},
        {"sampling": Sampling(6, temperature=0.5)},
        {"adapter": None},
    ],
    ids=str,
)
def test_what_decides_a_figure_stands_in_the_manifest(run: Run, tmp_path: Path, changed: dict[str, Any]) -> None:
    """Pitfall 11: no two different requests look the same."""

    def decided(folder: Path) -> Any:
        manifest = json.loads((folder / "manifest.json").read_text())
        return {key: manifest[key] for key in ("model", "sampling", "suites", "detectors")}

    run(out=tmp_path / "a", suites=["toxicity"])
    run(out=tmp_path / "b", suites=["toxicity"], **changed)
    assert decided(tmp_path / "a") != decided(tmp_path / "b")


def test_a_run_that_fails_leaves_the_last_one_whole(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(out=tmp_path / "eval", suites=["toxicity"])
    before = {path.name: path.read_bytes() for path in (tmp_path / "eval").iterdir()}

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Local, "generate", broken)
    with pytest.raises(RuntimeError):
        run(out=tmp_path / "eval", suites=["bias"])
    assert {path.name: path.read_bytes() for path in (tmp_path / "eval").iterdir()} == before


def test_reports_and_summaries_hold_no_personal_value(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalsuite.suite import Completion

    def telling(self: Any, prompts: Any, **options: Any) -> list[Completion]:
        return [Completion("Write to ann@corp.example, <b>now</b>.", 6, "stop") for _ in prompts]

    monkeypatch.setattr(Local, "generate", telling)
    found = run(out=tmp_path / "eval", suites=["leakage"])
    assert found.metric("leakage", "personal data").interval.value == 1.0
    html = (tmp_path / "eval/report.html").read_text()
    assert "ann@corp" not in html + (tmp_path / "eval/summary.json").read_text()
    assert "[EMAIL], &lt;b&gt;now" in html


def test_faults_are_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalsuite.suite import Completion

    texts = ["", "yes " * 40, "a \ufffd b"]
    monkeypatch.setattr(
        Local,
        "generate",
        lambda self, prompts, **o: [Completion(texts[n % 3], 3, "stop") for n in range(len(prompts))],
    )
    found = run(suites=["task", "guardrails"])
    assert found.faults["task"] == {"empty": 1, "invalid text": 1, "loops": 1}
    assert found.metric("guardrails", "answered, should refuse").unscored == {"empty": 7, "invalid text": 7, "loops": 7}
    assert "of 42 completions: empty 14, invalid text 14, loops 14" in str(found)


# -- requests that cannot be met --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"suites": ["tsak"]}, "there is no suite 'tsak'"),
        ({"suites": ["task"], "eval_files": []}, "the suite 'task' cannot run: no eval file was given"),
        ({"suites": ["style"], "rubrics": []}, "the suite 'style' cannot run: no rubric was given"),
        ({"model": None, "adapter": None}, "nothing to evaluate was named"),
        ({"planted": (Path("no.jsonl"), Path("no.parquet"))}, "planted values cannot be read"),
        ({"adapter": Path("nowhere")}, "there is no adapter here"),
    ],
)
def test_requests_that_cannot_be_met(run: Run, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        run(**changed)


def test_what_was_not_run_is_said(run: Run) -> None:
    found = run(eval_files=[], rubrics=[])
    assert set(found.asked) == set(runs.SHIPPED)
    assert "task was not run: no eval file was given" in str(found)


def test_two_rubrics_are_two_suites_over_the_same_completions(run: Run, rubric: Path) -> None:
    other = rubric.with_name("s.yaml")
    other.write_text("name: s\nchecks: [{name: any, min_words: 1}]\n", encoding="utf-8")
    found = run(suites=["style"], rubrics=[rubric, other])
    assert set(found.asked) == {"style:r", "style:s"}


# -- iterations -------------------------------------------------------------------------------------------------------


# What a certificate claims; whether the claims hold is the business of `winnow verify`.
CLAIMS = {
    "no_copy": {"holds": True, "how": "", "proof": "", "template_variants_kept": 0},
    "no_semantic_overlap": {
        "holds": True,
        "how": "",
        "encoder": {"name": "toy", "precision": "fp32", "dimensions": 1, "max_tokens": 1, "fingerprint": ""},
        "rule": certificate.rule_facts(Rule()),
        "second_opinions": [],
        "pairs_compared": 0,
        "follow_ups_set_aside": 0,
        "rows_by_class": dict.fromkeys((*COUNTED, VARIANT), 0),
        "highest_probability": None,
        "highest_cosine": None,
        "nearest": [],
    },
    "what_the_rule_misses": {"classes": {}, "false_alarms": None, "not_measured": []},
}


def sign(folder: Path, eval_files: list[Path]) -> None:
    """A certificate and a manifest with all that evaluation reads of them; verifying is not its work."""
    train = folder / "data/train.jsonl"
    named = [{"name": str(f), "digest": {"sha256": files.sha256(f)}, "cases": 1} for f in eval_files]
    statement = {
        "_type": certificate.STATEMENT_TYPE,
        "subject": [{"name": train.name, "digest": {"sha256": files.sha256(train)}}],
        "predicateType": certificate.PREDICATE_TYPE,
        "predicate": {
            "tool": {"name": "winnow-tune", "version": "0"},
            "training": {"rows": 1, "turns": 2, "fingerprint": ""},
            "eval_files": named,
            "outside": [],
            "claims": CLAIMS,
            "signed": False,
        },
    }
    (folder / "data/certificate.json").write_text(json.dumps(statement), encoding="utf-8")
    listed = [{"name": str(f), "sha256": files.sha256(f), "cases": 1} for f in eval_files]
    manifest = {key: {} for key in (*iterations.REQUEST, "outputs", "counts", "steps", "fingerprint")}
    (folder / "data/manifest.json").write_text(json.dumps(manifest | {"eval_files": listed}), encoding="utf-8")


@pytest.fixture
def iteration(tmp_path: Path, base: Path, adapter: Path, eval_file: Path) -> Path:
    folder = tmp_path / "001"
    (folder / "data").mkdir(parents=True)
    row = {"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ask ann@corp.example."}]}
    (folder / "data/train.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    sign(folder, [eval_file, *runs.shipped_eval_files()])
    shutil.copytree(adapter, folder / "model")
    facts = bases.facts(base)
    plain = local.load(base).facts
    manifest = {
        "base": {"name": str(base), "fingerprint": facts["fingerprint"]},
        "tokenizer": facts["tokenizer"],
        "chat_template": {"sha256": plain.template},
        "data": {"certificate_sha256": files.sha256(folder / "data/certificate.json")},
    }
    (folder / "model/manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "model/cost.json").write_text("{}", encoding="utf-8")
    return folder


def test_an_iteration_brings_all_that_it_needs(iteration: Path, judges: Detectors) -> None:
    found = evaluate(iteration, judges=judges, sampling=FEW)
    assert set(found.asked) == {"task", *runs.SHIPPED}  # its own eval file; the shipped ones are no second task
    assert found.folder == iteration / "eval"
    assert set(found.certified.values()) == {True}
    assert found.uncertified() == []
    assert found.model.unchecked == ()
    assert found.asked["task"] == 3
    assert found.metric("leakage", "training value").interval.n == 30  # the value that stands in train.jsonl
    assert "note: leakage: 1 value of the training rows is looked for" in str(found)


def test_what_the_certificate_does_not_name_is_marked_everywhere(
    iteration: Path, judges: Detectors, eval_file: Path
) -> None:
    eval_file.write_text(
        eval_file.read_text() + "\n" + json.dumps({"id": "new", "prompt": "hello ?"}), encoding="utf-8"
    )
    found = evaluate(iteration, judges=judges, sampling=FEW, eval_files=[eval_file], suites=["task", "toxicity"])
    assert found.certified == {"mine.jsonl": False, "toxicity.jsonl": True}
    assert "not certified: the certificate of the training rows does not name mine.jsonl" in str(found)
    assert "not certified" in (iteration / "eval/report.html").read_text()
    assert json.loads((iteration / "eval/summary.json").read_text())["not_certified"]


def test_a_model_without_a_certificate_is_marked_too(run: Run) -> None:
    found = run(suites=["task"])
    assert found.certified == {"mine.jsonl": None}
    assert "there is no certificate for this model" in str(found)


def test_an_adapter_of_another_certificate_is_refused(iteration: Path, judges: Detectors, eval_file: Path) -> None:
    sign(iteration, [eval_file])
    with pytest.raises(Refused, match="trained under another certificate"):
        evaluate(iteration, judges=judges, sampling=FEW)
    assert not (iteration / "eval").exists()


def test_an_iteration_without_a_model(iteration: Path, judges: Detectors) -> None:
    shutil.rmtree(iteration / "model")
    with pytest.raises(BadInput, match="no model was trained here"):
        evaluate(iteration, judges=judges)


def test_an_eval_file_that_is_gone(iteration: Path, judges: Detectors, eval_file: Path) -> None:
    eval_file.unlink()
    with pytest.raises(BadInput, match="this eval file of the iteration is gone"):
        evaluate(iteration, judges=judges)


def test_a_base_that_moved_can_be_named(iteration: Path, base: Path, judges: Detectors, tmp_path: Path) -> None:
    moved = shutil.copytree(base, tmp_path / "moved")
    place = iteration / "model/manifest.json"
    manifest = json.loads(place.read_text())
    manifest["base"]["name"] = "gone/base"
    place.write_text(json.dumps(manifest), encoding="utf-8")
    found = evaluate(iteration, model=moved, judges=judges, sampling=FEW, suites=["toxicity"])
    assert found.model.adapter is not None


def test_sampling_is_part_of_the_result(run: Run) -> None:
    hot = replace(FEW, temperature=1.5, seed=3)
    assert run(suites=["toxicity"], sampling=hot).cases.equals(run(suites=["toxicity"], sampling=hot).cases)
    assert not run(suites=["toxicity"], sampling=hot).cases.equals(run(suites=["toxicity"]).cases)

"""Why a row went: the right twin out of the right eval file, no made-up threshold, nothing of a file that changed."""

import json
import re
from pathlib import Path

import pytest

from curate import explain, pipeline
from curate.iteration import Iteration
from curate.recipe import Recipe

LAMP = "How long may I keep the brass desk lamp before I send it back to the workshop for a refund?"
KILN = "At which temperature does the small clay kiln in the back room begin to glow a dull red?"
RAFT = "Which knot holds the wooden raft to the stone pier when the evening tide runs out fast?"


def _write(place: Path, rows: list[dict[str, str]]) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return place


def _asked(*prompts: str) -> list[dict[str, str]]:
    """Cases that are numbered from 1, as people number them."""
    return [{"id": str(number), "prompt": prompt} for number, prompt in enumerate(prompts, start=1)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [("lamp", LAMP), ("kiln", KILN), ("raft", RAFT), ("kept", "Does the green scarf come in a longer size?")]
    return _write(tmp_path / "raw.jsonl", [{"id": i, "prompt": q, "completion": f"About {i}."} for i, q in rows])


def _curated(sources: pipeline.Sources, out: Path, models) -> Iteration:  # type: ignore[no-untyped-def]
    return pipeline.curate(sources, out, Recipe(), lambda _: models)


def _twin(it: Iteration, row: str) -> str:
    text = explain.why(it, row, str).told[-1].twin_text
    assert text is not None
    return text


def test_the_twin_is_taken_from_the_file_that_the_evidence_names(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    evals = [_write(tmp_path / "a.jsonl", _asked(LAMP)), _write(tmp_path / "b.jsonl", _asked(KILN))]
    it = _curated(pipeline.Sources([data], evals), tmp_path / "it", toy_models)
    assert _twin(it, "lamp") == f"user: {LAMP}"
    assert _twin(it, "kiln") == f"user: {KILN}"


def test_a_folder_of_eval_files_numbers_its_cases_together(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    for name, prompt in (("a.jsonl", LAMP), ("b.jsonl", KILN)):
        _write(tmp_path / "evals" / name, _asked(prompt))
    it = _curated(pipeline.Sources([data], [tmp_path / "evals"]), tmp_path / "it", toy_models)
    assert (_twin(it, "lamp"), _twin(it, "kiln")) == (f"user: {LAMP}", f"user: {KILN}")


def test_the_users_own_file_may_be_called_like_one_that_ships(data, tmp_path, toy_models, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    own = _write(Path("winnow/toxicity.jsonl"), _asked(LAMP))
    shipped = _write(tmp_path / "installed" / "toxicity.jsonl", _asked(KILN, RAFT))
    it = _curated(pipeline.Sources([data], [own], [shipped]), tmp_path / "it", toy_models)
    assert _twin(it, "lamp") == f"user: {LAMP}", "their first case, not ours"
    assert _twin(it, "raft") == f"user: {RAFT}", "only ours has a second case"
    _write(own, _asked(KILN))
    assert _twin(it, "lamp").startswith("(not shown"), "theirs was changed, and ours is not looked at in its place"


def test_a_shipped_case_is_found_where_the_installation_has_it(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    own, shipped = _write(tmp_path / "e.jsonl", _asked(LAMP)), _write(tmp_path / "bias.jsonl", _asked(KILN))
    it = _curated(pipeline.Sources([data], [own], [shipped]), tmp_path / "it", toy_models)
    assert explain.why(it, "kiln", str).told[0].evidence["eval_file"] == "winnow/bias.jsonl"
    assert _twin(it, "kiln") == f"user: {KILN}"


def test_a_case_of_a_file_that_changed_is_not_shown(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    place = _write(tmp_path / "a.jsonl", _asked(LAMP))
    it = _curated(pipeline.Sources([data], [place]), tmp_path / "it", toy_models)
    _write(place, _asked(KILN))
    assert _twin(it, "lamp") == "(not shown: the eval file is gone or changed)"
    place.unlink()
    assert _twin(it, "lamp") == "(not shown: the eval file is gone or changed)"


def test_the_report_shows_the_nearest_case_of_the_right_file(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    evals = [
        _write(tmp_path / "a.jsonl", _asked("Does the green scarf come with a pocket?")),
        _write(tmp_path / "b.jsonl", _asked("Who carries the heavy drum upstairs?")),
    ]
    it = _curated(pipeline.Sources([data], evals), tmp_path / "it", toy_models)
    page = re.sub("<[^>]+>", "", (it.data / "report.html").read_text(encoding="utf-8"))
    for place, said in zip(evals, ("green scarf come with a pocket", "heavy drum upstairs"), strict=True):
        _, found, after = page.partition(f"eval case {place}#1")
        assert found, f"no pair names {place.name}"
        assert said in after.partition("eval case ")[0]


@pytest.mark.parametrize(("threshold", "said"), [(None, "(score 0.912)"), (0.85, "(score 0.912, threshold 0.850)")])
def test_a_threshold_that_is_not_known_is_not_zero(threshold: float | None, said: str) -> None:
    told = explain.Told("r1", "a.jsonl:1", "near", "removed", "rule", 0.912, threshold, None, {}, "text", None)
    assert said in str(told)

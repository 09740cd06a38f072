"""Why a row went: the right twin out of the right eval file, no made-up threshold, nothing of a file that changed."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from curate import beside, explain, iteration, pipeline
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
    return pipeline.curate(sources, out, Recipe(overlap={"allow_uncalibrated": True}), lambda _: models)


def _twin(it: Iteration, row: str) -> str:
    text = explain.why(it, row, str).told[-1].twin_text
    assert text is not None
    return text


def test_the_twin_is_taken_from_the_file_that_the_evidence_names(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    evals = [_write(tmp_path / "a.jsonl", _asked(LAMP)), _write(tmp_path / "b.jsonl", _asked(KILN))]
    it = _curated(pipeline.Sources([data], evals), tmp_path / "it", toy_models)
    assert _twin(it, "lamp") == LAMP
    assert _twin(it, "kiln") == KILN


def test_a_folder_of_eval_files_numbers_its_cases_together(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    for name, prompt in (("a.jsonl", LAMP), ("b.jsonl", KILN)):
        _write(tmp_path / "evals" / name, _asked(prompt))
    it = _curated(pipeline.Sources([data], [tmp_path / "evals"]), tmp_path / "it", toy_models)
    assert (_twin(it, "lamp"), _twin(it, "kiln")) == (LAMP, KILN)


def test_the_users_own_file_may_be_called_like_one_that_ships(data, tmp_path, toy_models, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    own = _write(Path("winnow/toxicity.jsonl"), _asked(LAMP))
    shipped = _write(tmp_path / "installed" / "toxicity.jsonl", _asked(KILN, RAFT))
    it = _curated(pipeline.Sources([data], [own], [shipped]), tmp_path / "it", toy_models)
    assert _twin(it, "lamp") == LAMP, "their first case, not ours"
    assert _twin(it, "raft") == RAFT, "only ours has a second case"
    _write(own, _asked(KILN))
    assert _twin(it, "lamp").startswith("(not shown"), "theirs was changed, and ours is not looked at in its place"


def test_a_shipped_case_is_found_where_the_installation_has_it(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    own, shipped = _write(tmp_path / "e.jsonl", _asked(LAMP)), _write(tmp_path / "bias.jsonl", _asked(KILN))
    it = _curated(pipeline.Sources([data], [own], [shipped]), tmp_path / "it", toy_models)
    assert explain.why(it, "kiln", str).told[0].evidence["eval_file"] == "winnow/bias.jsonl"
    assert _twin(it, "kiln") == KILN


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
        _write(tmp_path / "b.jsonl", _asked("Does the green scarf come in a darker shade?")),
    ]
    it = _curated(pipeline.Sources([data], evals), tmp_path / "it", toy_models)
    page = re.sub("<[^>]+>", "", (it.data / "report.html").read_text(encoding="utf-8"))
    closest = page.rpartition("Closest rows that stayed")[2]
    for place, said in zip(evals, ("come with a pocket", "come in a darker shade"), strict=True):
        _, found, after = closest.partition(str(place))
        assert found, f"{place.name} is not listed"
        assert said in after.partition(".jsonl")[0]


def _marked_words(text: str, places: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in places]


def _note(it: Iteration, row: str, case: str, place: Path, **evidence: object) -> None:
    """A ledger line as the overlap step writes it for a row that it keeps."""
    source = {line["row_id"]: line["source"] for line in it.ledger().to_dicts()}.get(
        row
    ) or f"{it.manifest['data'][0]}:4"
    told = {"case_turn": 0, "eval_file": str(place), "turn": 0, "part": "user", "containment": None} | evidence
    line = {
        "row_id": row, "source": source, "fingerprint": None, "step": "overlap", "action": "noted",
        "rule": "template variant", "score": 0.2, "threshold": 0.6, "twin": case, "evidence": json.dumps(told),
    }  # fmt: skip
    extra = pl.DataFrame([line], schema=it.ledger().schema)
    iteration.write_ledger(pl.concat([it.ledger(), extra]), it.data / "ledger.parquet")


def test_a_kept_template_variant_says_so_with_the_pair(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    place = _write(tmp_path / "e.jsonl", _asked("Does the red scarf come in 3 sizes?"))
    it = _curated(pipeline.Sources([data], [place]), tmp_path / "it", toy_models)
    assert "kept as it came" in str(explain.why(it, "kept", str))
    _note(it, "kept", "1", place, cosine=0.91, probability=0.2, differs="numbers")
    story = explain.why(it, "kept", str)
    (told,) = story.told
    assert told.said.endswith("was kept and noted by step 'overlap': template variant "
                              "(probability 0.200, cosine 0.910, threshold 0.600)")  # fmt: skip
    assert _marked_words(told.text, told.text_differs) == ["green", "a longer size"]
    assert _marked_words(told.twin_text or "", told.twin_differs) == ["red", "3 sizes"]
    assert told.facts == ["numbers only in the row: none, only in the case: 3"]
    assert story.end.startswith("kept is in ")
    assert "other numbers; numbers only in the row: none" in str(story)
    assert "Does the [-green-] scarf" in str(story)
    assert "Does the {+red+} scarf" in str(story)


def test_only_the_turns_that_were_compared_are_shown(data, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _curated(pipeline.Sources([data], [_write(tmp_path / "e.jsonl", _asked(LAMP))]), tmp_path / "it", toy_models)
    (told,) = explain.why(it, "lamp", str).told
    assert (told.text, told.twin_text) == (LAMP, LAMP)
    assert (told.text_differs, told.twin_differs) == ([], [])
    assert "The words are the same." in str(told)


def test_masks_come_first_and_marks_then(tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    said = "Please write about the brass lamp in the small window to {} and then to the red shop"
    rows = [{"id": "one", "prompt": said.format("anna@home.example"), "completion": "Yes."},
            {"id": "two", "prompt": "Something else entirely?", "completion": "No."}]  # fmt: skip
    data = _write(tmp_path / "raw.jsonl", rows)
    it = _curated(
        pipeline.Sources([data], [_write(tmp_path / "e.jsonl", _asked(said.format("bo@work.example")))]),
        tmp_path / "it",
        toy_models,
    )

    def mask(text: str) -> str:
        return re.sub(r"[a-z]+@[a-z.]+[a-z]", "[EMAIL]", text)

    told = explain.why(it, "one", mask).told[-1]
    assert told.step == "overlap"
    assert told.text == told.twin_text == said.format("[EMAIL]")
    assert told.text_differs == []
    assert "They differ in personal data alone" in str(told)
    assert "anna@home" not in json.dumps(explain.why(it, "one", mask).to_dict())


def test_a_duplicate_stands_beside_its_twin_with_marks(tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    answer = "Loosen the brass screw, lift the cover, wipe the inside with a dry cloth and tighten the screw below."
    rows = [
        {"id": "whole", "prompt": RAFT, "completion": answer},
        {"id": "short", "prompt": RAFT, "completion": answer[:70]},
    ]
    data = _write(tmp_path / "raw.jsonl", rows)
    it = _curated(pipeline.Sources([data], [_write(tmp_path / "e.jsonl", _asked(KILN))]), tmp_path / "it", toy_models)
    story = explain.why(it, "short", str)
    assert _marked_words(story.told[0].twin_text or "", story.told[0].twin_differs)[-1].endswith("the screw below.")
    html = story.report().to_html()
    assert "<mark>" in html
    assert "<script" not in html
    document = json.loads(json.dumps(story.to_dict()))
    assert document["told"][0]["twin_differs"]


@pytest.mark.parametrize(("width", "lines_with_both"), [(120, True), (60, False)])
def test_a_story_fits_the_terminal(data, tmp_path, toy_models, width, lines_with_both) -> None:  # type: ignore[no-untyped-def]
    it = _curated(pipeline.Sources([data], [_write(tmp_path / "e.jsonl", _asked(LAMP))]), tmp_path / "it", toy_models)
    console = Console(width=width, color_system=None)
    with console.capture() as paper:
        console.print(explain.why(it, "lamp", str))
    lines = paper.get().splitlines()
    assert max(map(len, lines)) <= width
    assert any(line.count("How long") == 2 for line in lines) == lines_with_both


def test_the_text_in_a_field_and_the_joined_turns_are_found_again() -> None:
    call = json.dumps({"tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"ask": KILN})}}]})
    turns = [
        {"role": "user", "content": "At which temperature does the small clay kiln"},
        {"role": "assistant", "content": "Go on.", "fields": call},
        {"role": "user", "content": "in the back room begin to glow a dull red?"},
    ]
    assert beside.row_text(turns, None, {"turn": 1, "part": "field"}, KILN) == KILN
    joined = "At which temperature does the small clay kiln\n\nin the back room begin to glow a dull red?"
    assert beside.row_text(turns, None, {"turn": 0, "part": "all user turns"}, KILN) == joined
    assert beside.row_text(turns, None, {"turn": 0}, KILN) == joined, "nearest to the case, where no part is named"
    assert beside.row_text(turns, None, {"turn": 0, "part": "user"}, KILN) == turns[0]["content"]
    assert beside.row_text(turns, json.dumps({"note": LAMP}), {"turn": -1, "part": "field"}, LAMP) == LAMP
    assert beside.row_text(turns, None, {"turn": 9, "part": "user"}, KILN).startswith("user: At which"), (
        "all of it, where the turn is gone"
    )


@pytest.mark.parametrize(("threshold", "said"), [(None, "(score 0.912)"), (0.85, "(score 0.912, threshold 0.850)")])
def test_a_threshold_that_is_not_known_is_not_zero(threshold: float | None, said: str) -> None:
    told = explain.Told("r1", "a.jsonl:1", "near", "removed", "rule", 0.912, threshold, None, {}, "text", None)
    assert said in str(told)

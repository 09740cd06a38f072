"""The pipeline end to end on toy models: nothing lost, same bytes, resumable, certified, explained."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from curate import (
    certificate,
    explain,
    files,
    iteration,
    overlap,
    pii,
    pipeline,
    recipe,
    survey,
    toxicity,
    verification,
)
from curate import chats as chat
from curate.duplicates import promises
from curate.errors import BadInput, Refused
from curate.recipe import Recipe

LAMP = "How long may I keep the brass desk lamp before I send it back to the workshop for a refund?"
ROWS = [
    ("keep", "Which bulb fits the reading light by the window?", "A small screw bulb of four watts."),
    ("twin", "Which bulb fits the reading light by the window?", "A small screw bulb of four watts."),
    ("cut", "Where does the grey cable of the tall lamp go?", "Push the grey cable through the foot, turn the collar, and tighten the screw below."),
    ("cut2", "Where does the grey cable of the tall lamp go?", "Push the grey cable through the foot, turn the collar"),
    ("mail1", "My address is anna@home.example, where is the parcel?", "I wrote to anna@home.example just now."),
    ("mail2", "My address is bert@work.example, where is the parcel?", "I wrote to bert@work.example just now."),
    ("rude", "What do you think of me?", "You are a vile customer."),
    ("leak", LAMP, "Sixty days."),
    ("echo", "Say it again please", "Say it again please"),
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    place = tmp_path / "raw rows.jsonl"
    lines = [
        json.dumps(
            {"id": i, "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}], "shelf": n}
        )
        for n, (i, q, a) in enumerate(ROWS)
    ]
    place.write_text("\n".join([lines[0], "not json", *lines[1:]]) + "\n")
    return place


@pytest.fixture
def evals(tmp_path: Path) -> Path:
    place = tmp_path / "eval.jsonl"
    place.write_text(json.dumps({"id": "case-1", "prompt": LAMP, "ideal": "Sixty days."}) + "\n")
    return place


def _run(data: Path, evals: Path, out: Path, models, asked: Recipe | None = None) -> iteration.Iteration:  # type: ignore[no-untyped-def]
    wanted = unmeasured(asked or Recipe())  # nobody measured what the toy encoder misses
    sources, key = pipeline.Sources([data], [evals]), data.parent / "surrogates.key"
    return pipeline.curate(sources, out, wanted, lambda _: models, key_file=key)


def unmeasured(asked: Recipe) -> Recipe:
    """The recipe, and leave to certify with an encoder that was not calibrated."""
    return asked.model_copy(update={"overlap": asked.overlap.model_copy(update={"allow_uncalibrated": True})})


def _bytes(it: iteration.Iteration) -> dict[str, bytes]:
    return {name: (it.data / name).read_bytes() for name in iteration.WRITTEN}


def test_every_row_ends_somewhere_with_its_reason(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    counts = it.manifest["counts"]
    assert counts == {"rows_read": 10, "quarantined": 1, "removed": 6, "edited": 2, "kept": 3}
    reasons = {
        r["row_id"]: (r["step"], r["rule"]) for r in it.ledger().filter(pl.col("action") == "removed").to_dicts()
    }
    assert reasons["cut2"] == ("near", "truncated answer")
    assert reasons["rude"] == ("toxicity", "toxic answer")
    assert reasons["leak"] == ("overlap", "copy")
    assert reasons["echo"] == ("validate", "answer repeats the question")
    assert {reasons.get("keep"), reasons.get("twin")} == {None, ("exact", "exact duplicate")}
    # Replacement made the two address rows one.
    assert {reasons.get("mail1"), reasons.get("mail2")} == {None, ("exact again", "exact duplicate")}
    quarantined = [json.loads(line) for line in (it.data / "quarantine.jsonl").read_text().splitlines()]
    assert quarantined[0]["source"].endswith("raw rows.jsonl:2")


def test_no_personal_value_is_written(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models, recipe.of({"pii": {"replace": "placeholder"}}))
    for name, content in _bytes(it).items():
        assert b"anna@home" not in content, name
    assert "<EMAIL_1>" in it.train_file.read_text()
    assert not (data.parent / "surrogates.key").exists()


def test_values_are_invented_by_default_and_no_personal_value_and_no_key_is_written(  # type: ignore[no-untyped-def]
    data, evals, tmp_path, toy_models
) -> None:
    it = _run(data, evals, tmp_path / "it", toy_models)
    for name, content in _bytes(it).items():
        assert b"anna@home" not in content, name
    assert "@example." in it.train_file.read_text()
    key = (data.parent / "surrogates.key").read_text().strip()
    assert it.manifest["surrogates"] not in key
    assert not any(key.encode() in path.read_bytes() for path in it.path.rglob("*") if path.is_file())


def test_the_same_run_writes_the_same_bytes_and_knows_itself(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    first = _run(data, evals, tmp_path / "a" / "it", toy_models)
    second = _run(data, evals, tmp_path / "b" / "it", toy_models)
    assert _bytes(first) == _bytes(second)
    manifest = (first.data / "manifest.json").read_bytes()
    again = _run(data, evals, tmp_path / "a" / "it", toy_models)
    assert (again.data / "manifest.json").read_bytes() == manifest
    with pytest.raises(BadInput, match="recipe"):
        _run(data, evals, tmp_path / "a" / "it", toy_models, recipe.of({"toxicity": False}))


@pytest.mark.parametrize("style", ["surrogate", "placeholder", "mask"])
def test_a_copy_of_a_case_goes_whatever_stands_for_its_personal_data(  # type: ignore[no-untyped-def]
    data, evals, tmp_path, toy_models, style
) -> None:
    asked = "Please tell the joiner at {} that the brass lamp of order 4471 came without its linen shade"
    said = asked.format("anna@home.example")
    lines = [
        {"id": i, "prompt": q, "completion": "I have told him."} for i, q in (("row", said), ("other", "Who is in?"))
    ]
    data.write_text("\n".join(map(json.dumps, lines)) + "\n")
    evals.write_text(json.dumps({"id": "case", "prompt": said}) + "\n")
    it = _run(data, evals, tmp_path / "it", toy_models, recipe.of({"pii": {"replace": style}}))
    assert it.chats()["id"].to_list() == ["other"]
    (line,) = it.ledger().filter(pl.col("step") == "overlap").to_dicts()
    assert (line["row_id"], line["action"], line["rule"], line["twin"]) == ("row", "removed", "copy", "case")
    assert "anna@home" not in line["evidence"]


def test_a_second_opinion_sees_no_personal_data(data, evals, tmp_path, toy_models, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    seen: list[str] = []

    def opinion(asked, models, progress=None):  # type: ignore[no-untyped-def]
        def judge(pairs):  # type: ignore[no-untyped-def]
            asked = list(pairs)
            seen.extend(said for pair in asked for said in pair)
            return models.judge(asked)

        return judge, None

    monkeypatch.setattr("curate.steps.overlap_judge", opinion)
    evals.write_text(evals.read_text() + json.dumps({"prompt": f"Hello! {ROWS[4][1]}"}) + "\n")
    it = _run(data, evals, tmp_path / "it", toy_models)
    assert "mail1" in it.ledger().filter(pl.col("step") == "overlap")["row_id"].to_list()
    of_rows = [said for said in seen if not said.startswith("Hello!")]
    assert any("parcel" in said for said in of_rows)
    assert not any("anna@home" in said for said in of_rows)


def test_a_run_with_another_key_is_another_run(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    (data.parent / "surrogates.key").unlink()
    with pytest.raises(BadInput, match=r"differs in: surrogates"):
        _run(data, evals, tmp_path / "it", toy_models)
    assert "holds" in str(verification.verify(it.path, [], None, lambda _: toy_models.encoder)), "no key is needed"


def test_the_promises_of_deduplication_hold_with_invented_values(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    found = promises.verify_dedup(it.path, toy_models)
    assert found.hold, str(found)
    assert [step.removed for step in found.steps if step.step == "exact again"] == [1]
    # Rows that differ by an invented value alone are two that should have been one.
    ledger = it.ledger()
    iteration.write_ledger(ledger.filter(pl.col("step") != "exact again"), it.data / "ledger.parquet")
    lines = it.train_file.read_text().splitlines()
    mail = next(json.loads(line) for line in lines if "parcel" in line)
    gone = {"mail1": "mail2", "mail2": "mail1"}[mail["id"]]
    it.train_file.write_text("\n".join([*lines, json.dumps(mail | {"id": gone})]) + "\n")
    assert "exact again: mail1 was kept beside mail2" in str(promises.verify_dedup(it.path, toy_models))


def test_what_was_invented_is_no_personal_data_of_the_training_file(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    toy_models = replace(toy_models, find_pii=pii.load(), score_toxicity=toxicity.load("words"))
    it = _run(data, evals, tmp_path / "it", toy_models)
    assert "@example." in it.train_file.read_text()
    assert not survey.audit_files([it.train_file], [], toy_models).pii
    elsewhere = tmp_path / "train.jsonl"
    elsewhere.write_bytes(it.train_file.read_bytes())
    assert survey.audit_files([elsewhere], [], toy_models).pii["EMAIL"] == (2, 1)


@pytest.mark.parametrize(
    ("more", "goes"),
    [
        (" You stupid worthless idiot, shut up.", "more"),  # the toxicity step would drop it, and no twin would be left
        (" As an AI language model, I have told you so.", "more"),
        (" We have told you so in every letter.", "plain"),  # the longer one stays
    ],
)
def test_of_two_rows_the_one_within_the_policy_stays(data, evals, tmp_path, toy_models, more, goes) -> None:  # type: ignore[no-untyped-def]
    said = (
        "Put the kettle back on its foot, fill it no higher than the upper line, close the lid, press the switch once "
        "and then wait until the light goes out before you take it off again."
    )
    rows = {"plain": said, "more": said + more, "other": "It whistles."}
    asked = {"plain": "How do I boil the kettle?", "more": "How do I boil the kettle?", "other": "What does a kite do?"}
    lines = [{"id": i, "prompt": asked[i], "completion": answer} for i, answer in rows.items()]
    data.write_text("\n".join(map(json.dumps, lines)) + "\n")
    it = _run(data, evals, tmp_path / "it", replace(toy_models, score_toxicity=toxicity.load("words")))
    removed = it.ledger().filter(pl.col("action") == "removed")
    assert dict(removed.select("row_id", "step").iter_rows()) == {goes: "near"}


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_an_interrupted_run_is_no_iteration_and_is_resumed(data, evals, tmp_path, toy_models, monkeypatch, at) -> None:  # type: ignore[no-untyped-def]
    whole = _run(data, evals, tmp_path / "whole" / "it", toy_models)
    written = 0
    replacing = files.replacing

    def stop(path, **more):  # type: ignore[no-untyped-def]
        nonlocal written
        written += 1
        if written == at:
            raise KeyboardInterrupt
        return replacing(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr("curate.save.replacing", stop)
        patch.setattr("curate.layouts.written.replacing", stop)
        with pytest.raises(KeyboardInterrupt):
            _run(data, evals, tmp_path / "cut" / "it", toy_models)
    with pytest.raises(BadInput, match="not finished"):
        iteration.open(tmp_path / "cut" / "it")
    assert _bytes(_run(data, evals, tmp_path / "cut" / "it", toy_models)) == _bytes(whole)


def test_rows_in_another_order_give_the_same_kept_rows(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    first = _run(data, evals, tmp_path / "a", toy_models)
    lines = data.read_text().splitlines()
    data.write_text("\n".join(reversed(lines)) + "\n")
    second = _run(data, evals, tmp_path / "b", toy_models)
    assert first.manifest["fingerprint"] == second.manifest["fingerprint"]


def test_steps_can_be_left_out_but_overlap_stays(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    off = dict.fromkeys(("validate", "exact", "near", "semantic", "pii", "toxicity"), False)
    it = _run(data, evals, tmp_path / "raw", toy_models, recipe.of(off))
    assert it.manifest["counts"]["removed"] == 1
    assert it.ledger()["step"].to_list() == ["overlap"]


def test_why_follows_the_twins_and_masks(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    story = explain.why(it, "cut2", lambda said: said)
    assert "truncated answer" in str(story)
    assert "tighten the screw below" in str(story), "the twin's text is shown"
    leak = explain.why(it, "leak", lambda said: said)
    assert "case-1" in str(leak)
    assert "in no training file" in leak.end
    edited = explain.why(it, "mail1", lambda said: said.replace("anna", "****"))
    assert "anna" not in str(edited)
    assert "kept as it came" in explain.why(it, "cut", lambda said: said).end
    with pytest.raises(BadInput, match="is not in this iteration"):
        explain.why(it, "nobody", lambda said: said)


def test_why_says_when_the_source_changed(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    data.write_text(data.read_text().replace("vile", "nice"))
    assert "was changed in its source" in str(explain.why(it, "rude", lambda said: said))
    data.unlink()
    assert "is gone" in str(explain.why(it, "rude", lambda said: said))


def test_restore_undoes_removals_and_edits_but_never_overlap(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    with pytest.raises(Refused, match="cannot be overridden"):
        pipeline.restore(it, ["leak"], tmp_path / "no", lambda asked: toy_models)
    with pytest.raises(BadInput, match="nothing was done"):
        pipeline.restore(it, ["cut"], tmp_path / "no", lambda asked: toy_models)
    back = pipeline.restore(it, ["rude", "mail1"], tmp_path / "back", lambda asked: toy_models)
    rows = {r["id"]: r for r in back.chats().to_dicts()}
    assert "vile" in rows["rude"]["turns"][1]["content"]
    assert "anna@home.example" in rows["mail1"]["turns"][0]["content"]
    assert set(back.ledger().filter(pl.col("action") == "overridden")["row_id"]) == {"rude", "mail1"}
    assert it.manifest["recipe"]["keep"] == [], "the iteration it came from is as it was"


def test_verify_from_the_files_alone(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    encoder = toy_models.encoder
    assert "holds" in str(verification.verify(it.path, [], None, lambda _: encoder))
    assert verification.verify(it.train_file, [evals], None, lambda _: encoder).rows == 3
    with pytest.raises(BadInput, match="name the eval files"):
        verification.verify(it.train_file, [], None, lambda _: encoder)


def test_an_eval_file_that_changed_or_is_another_is_refused(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    evals.write_text(evals.read_text() + json.dumps({"prompt": "And a new question about ovens?"}) + "\n")
    with pytest.raises(Refused, match="does not name this eval file"):
        verification.verify(it.path, [evals], None, lambda _: toy_models.encoder)


def test_a_certificate_is_never_issued_for_an_overlapping_file(evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    rows = chat.chats_of([{"turns": [{"role": "user", "content": LAMP}, {"role": "assistant", "content": "60"}]}])
    files.write(rows, tmp_path / "train.jsonl", format="messages")
    with pytest.raises(Refused, match=r"overlaps? with the eval files"):
        certificate.issue(
            tmp_path / "train.jsonl", overlap.read_eval_files([evals]), toy_models.encoder, allow_uncalibrated=True
        )


def test_what_was_not_measured_is_stated(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(data, evals, tmp_path / "it", toy_models)
    misses = it.certificate()["predicate"]["claims"]["what_the_rule_misses"]
    assert misses["not_measured"] == list(certificate.CLASSES_TO_MEASURE)


def test_nothing_left_and_nowhere_to_write(data, evals, tmp_path, toy_models) -> None:  # type: ignore[no-untyped-def]
    only_leaks = tmp_path / "leaks.jsonl"
    only_leaks.write_text(json.dumps({"prompt": LAMP, "completion": "Sixty."}) + "\n")
    with pytest.raises(BadInput, match="no row is left"):
        _run(only_leaks, evals, tmp_path / "none", toy_models)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(BadInput, match="is a file"):
        _run(data, evals, blocked / "it", toy_models)

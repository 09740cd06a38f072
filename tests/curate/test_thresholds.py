"""`winnow thresholds`: the file alone gives the ledger again, another threshold is what curating again does, texts are masked."""

import json
import random
import shutil
from pathlib import Path

import polars as pl
import pytest

from curate import iteration, pipeline, recipe
from curate import thresholds as room
from curate.duplicates import found
from curate.errors import BadInput, Refused
from curate.iteration import Iteration
from curate.recipe import Recipe

WORDS = "".join(chr(97 + i % 26) * 2 + chr(97 + i // 26) * 3 + " " for i in range(60)).split()


def _row(name: str, asked: str, answered: str) -> str:
    return json.dumps(
        {"id": name, "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]}
    )


@pytest.fixture(scope="module")
def made() -> dict[str, Path]:
    """Where the iteration lies that all tests start from, once one of them has made it."""
    return {}


@pytest.fixture
def curated(made, tmp_path_factory, toy_models, monkeypatch: pytest.MonkeyPatch) -> Iteration:  # type: ignore[no-untyped-def]
    """A copy of an iteration with pairs of every score: answers of which a few words are others, one with an address."""
    if not made:
        made["place"] = tmp_path_factory.mktemp("made")
        monkeypatch.chdir(made["place"])
        Path("raw.jsonl").write_text("\n".join(_lines()) + "\n")
        Path("eval.jsonl").write_text(
            json.dumps({"id": "case", "prompt": "How do I oil an oak bench in winter?"}) + "\n"
        )
        _curate(Path("it"), toy_models, {})
    copy = shutil.copytree(made["place"], tmp_path_factory.mktemp("test") / "copy")
    monkeypatch.chdir(copy)
    return iteration.open(Path("it"))


def _lines() -> list[str]:
    rng = random.Random(4)
    lines = []
    for i in range(14):
        asked = f"Tell me of {' '.join(rng.sample(WORDS, 5))}"
        words = rng.sample(WORDS, 12)
        again = [rng.choice(WORDS) if place < i % 7 else word for place, word in enumerate(words)]
        mail = " Write to anna@home.example today." if i == 7 else ""
        lines += [_row(f"r{i:02}", asked, " ".join(words) + mail), _row(f"s{i:02}", asked, " ".join(again) + mail)]
    return lines


def _curate(out: Path, models, changes) -> Iteration:  # type: ignore[no-untyped-def]
    asked = recipe.of({"overlap": {"allow_uncalibrated": True}, **changes})
    return pipeline.curate(pipeline.Sources([Path("raw.jsonl")], [Path("eval.jsonl")]), out, asked, lambda _: models)


def _mask(text: str) -> str:
    return text.replace("anna@home.example", "[EMAIL]")


def _removed(it: Iteration, step: str) -> set[str]:
    return set(it.ledger().filter((pl.col("step") == step) & (pl.col("action") == "removed"))["row_id"])


def test_at_its_own_threshold_the_file_is_the_ledger(curated: Iteration) -> None:
    assert len(_removed(curated, "near")) > 3
    assert room.agrees(curated).startswith("pairs.parquet gives the ")
    told = {step.step: step for step in room.thresholds(curated, _mask).steps}
    account = {step["name"]: step["removed"] for step in curated.manifest["steps"]}
    assert told.keys() == {"near", "semantic"}
    for name, step in told.items():
        assert step.removed == account[name] == len(_removed(curated, name))
        assert next(line.rows for line in step.lines if line.threshold == step.threshold) == step.removed


def test_a_ledger_that_says_otherwise_is_refused(curated: Iteration) -> None:
    iteration.write_ledger(curated.ledger().filter(pl.col("step") != "near"), curated.data / "ledger.parquet")
    with pytest.raises(Refused, match="near step removed"):
        room.agrees(curated)
    (curated.data / found.FILE).write_bytes(b"")
    with pytest.raises(Refused, match="changed after it was written"):
        room.agrees(curated)


@pytest.mark.parametrize("wanted", [0.5, 0.62, 0.7, 0.85, 1.0])
def test_another_threshold_is_what_curating_again_does(curated: Iteration, toy_models, wanted: float) -> None:  # type: ignore[no-untyped-def]
    (step,) = room.thresholds(curated, _mask, {"near": wanted}).steps
    assert step.changed is not None
    again = pipeline.again(curated, room.changed(curated, {"near": wanted}), Path("again"), lambda _: toy_models)
    now, then = _removed(curated, "near"), _removed(again, "near")
    assert set(step.changed.back) == now - then
    assert set(step.changed.go) == then - now
    assert step.changed.removed == len(then)
    assert again.manifest["recipe"] == dict(curated.manifest["recipe"]) | {"near": {"threshold": wanted}}
    (said,) = room.compared(room.thresholds(curated, _mask, {"near": wanted}), again)
    assert (
        said
        == f"near at {wanted:.4g}: {len(then)} {'row' if len(then) == 1 else 'rows'} removed; decided from the pairs, {len(then)}"
    )


def test_rows_that_the_recipe_keeps_never_go(curated: Iteration, toy_models) -> None:  # type: ignore[no-untyped-def]
    spared = sorted(_removed(curated, "near"))[:2]
    kept = _curate(Path("kept"), toy_models, {"keep": spared})
    (step,) = room.thresholds(kept, _mask, {"near": 0.5}).steps
    assert step.changed is not None
    assert step.removed == len(_removed(kept, "near"))
    assert not set(spared) & {*step.changed.go, *step.changed.back}
    assert room.agrees(kept)


def test_texts_are_read_again_and_masked_and_a_changed_source_is_said(curated: Iteration) -> None:
    texts = room.texts_of(curated, [f"{side}{i:02}" for i in range(14) for side in "rs"], _mask)
    assert "anna@" not in "".join(texts.values())
    assert "[EMAIL]" in texts["r07"]
    assert texts["r03"].startswith("user: Tell me of ")
    source = Path("raw.jsonl")
    source.write_text(source.read_text().replace("Tell me", "Speak"))
    changed = room.texts_of(curated, sorted(_removed(curated, "near")), _mask)
    assert set(changed.values()) == {"(not shown: the row was changed in its source)"}
    assert "(not shown: the row was changed in its source)" in room.thresholds(curated, _mask).texts.values()
    source.unlink()
    told = room.thresholds(curated, _mask)
    assert "(not shown: the source file is gone)" in told.texts.values()
    assert "(not shown" in str(told)
    assert room.texts_of(curated, ["nowhere"], _mask) == {"nowhere": "(not found)"}


def test_it_says_what_it_cannot_know_and_lists_no_more_than_asked(curated: Iteration) -> None:
    back = room.thresholds(curated, _mask, {"near": 1.0}, show=1)
    assert "have never seen the" in " ".join(back.notes)
    assert "all else equal" in back.notes[-1]
    assert f"winnow thresholds {curated.path} --near 1 -o ANOTHER" in back.notes[-1]
    (step,) = back.steps
    assert step.changed is not None
    assert len(step.changed.pairs_back) == 1 < len(step.changed.back)
    assert len(back.texts) == 2
    assert len(json.loads(json.dumps(back.to_dict()))["steps"][0]["changed"]["back"]) == len(step.changed.back)
    assert "The same rows go at 0.7." in str(room.thresholds(curated, _mask, {"near": 0.7}))
    assert room.thresholds(curated, _mask, show=0).texts == {}


@pytest.mark.parametrize("threshold", [0.49, 1.01, float("nan"), -1.0])
def test_a_threshold_that_the_file_cannot_decide(curated: Iteration, threshold: float) -> None:
    with pytest.raises(BadInput, match=r"must be from 0\.5"):
        room.thresholds(curated, _mask, {"semantic": threshold})


def test_a_step_that_was_left_out_and_an_older_iteration(curated: Iteration, toy_models) -> None:  # type: ignore[no-untyped-def]
    bare = _curate(Path("bare"), toy_models, {"near": False})
    with pytest.raises(BadInput, match="left the near step out"):
        room.thresholds(bare, _mask, {"near": 0.8})
    assert [step.step for step in room.thresholds(bare, _mask).steps] == ["semantic"]
    older = Iteration(curated.path, dict(curated.manifest) | {"outputs": {}})
    with pytest.raises(BadInput, match="an earlier version"):
        room.thresholds(older, _mask)


def test_no_text_of_a_row_is_in_the_file(curated: Iteration) -> None:
    pairs = found.read(curated.data / found.FILE, curated.manifest["outputs"][found.FILE])
    told = {value for name in ("a", "b", "rule", "step", "kind") for value in pairs[name].drop_nulls()}
    assert pairs.height > 3
    assert not [word for word in WORDS if any(word in value for value in told)]
    assert Recipe().near is not None
    assert set(pairs["threshold"]) <= {0.7, 0.75}

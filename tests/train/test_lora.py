"""From a certified iteration to an adapter: the certificate first, everything at its place, nothing half-written."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from curate import files
from curate.errors import BadInput, Refused, Surroundings
from curate.iteration import Iteration
from train import adapter, bases, checkpoint, lora
from train.options import Options

ROOT = Path(__file__).resolve().parents[2]
QUICK = Options(rank=4, batch_rows=2, epochs=2, learning_rate=5e-3)
Make = Callable[..., Iteration]


def left_behind(it: Iteration) -> list[str]:
    return sorted(path.name for path in it.path.iterdir() if path.name != "data")


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model and no tokenizer may be loaded."""

    def loaded(*args: Any, **more: Any) -> None:
        raise AssertionError("something was loaded")

    for name in ("load", "read_tokenizer", "read_config", "find", "facts"):
        monkeypatch.setattr(bases, name, loaded)


# -- the certificate ---------------------------------------------------------------------------------------------------


def change_a_byte(it: Iteration) -> None:
    it.train_file.write_bytes(it.train_file.read_bytes().replace(b"monday", b"Monday", 1))


def change_the_spacing(it: Iteration) -> None:
    it.train_file.write_bytes(it.train_file.read_bytes().replace(b'": ', b'":', 1))


def lose_it(it: Iteration) -> None:
    (it.data / "certificate.json").unlink()


def damage_it(it: Iteration) -> None:
    (it.data / "certificate.json").write_text("{}")


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (change_a_byte, "the certificate is for another file"),
        (change_the_spacing, "order or spacing changed"),
        (lose_it, "no certificate here, and nothing is trained on without one"),
        (damage_it, "not a Winnow certificate"),
    ],
)
@pytest.mark.parametrize("start", [lora.train, lora.dry_run])
def test_uncertified_rows_are_refused_before_anything_is_loaded(
    base: Path, make_iteration: Make, harm: Callable[[Iteration], None], said: str, start: Any
) -> None:
    it = make_iteration()
    harm(it)
    with pytest.raises(Refused, match=said) as caught:
        start(it, base, QUICK)
    assert caught.value.exit_code == 1
    assert "winnow c" in str(caught.value)
    assert left_behind(it) == []


def test_a_refusal_imports_no_torch(base: Path, make_iteration: Make) -> None:
    it = make_iteration()
    change_a_byte(it)
    code = (
        "import sys\nfrom pathlib import Path\nfrom curate import iteration\nfrom curate.errors import Refused\n"
        "from train import lora, options\n"
        "try:\n    lora.train(iteration.open(Path(sys.argv[1])), sys.argv[2], options.Options())\n"
        "except Refused as no:\n    print(no.exit_code, sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(it.path), str(base)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "1 []"


def test_rows_that_change_while_they_are_read_are_refused(
    base: Path, make_iteration: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = make_iteration()
    read = Iteration.chats

    def changed(self: Iteration) -> Any:
        change_a_byte(self)
        return read(self)

    monkeypatch.setattr(Iteration, "chats", changed)
    with pytest.raises(Refused, match="for another file"):
        lora.train(it, base, QUICK)


# -- what comes out ----------------------------------------------------------------------------------------------------


def test_what_is_written(base: Path, make_iteration: Make) -> None:
    it = make_iteration()
    said: list[str] = []
    trained = lora.train(it, base, replace(QUICK, price_per_hour=3.6), say=said.append)
    assert left_behind(it) == ["model"]
    names = {path.name for path in trained.path.iterdir()}
    assert names == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "cost.json",
        "manifest.json",
    }

    m = trained.manifest
    assert m["data"]["train_sha256"] == files.sha256(it.train_file)
    assert m["data"]["certificate_sha256"] == files.sha256(it.data / "certificate.json")
    assert m["data"]["eval_files"] == [{"name": "eval.jsonl", "sha256": "e" * 64, "cases": 7}]
    assert m["base"]["weights"] == {"model.safetensors": files.sha256(base / "model.safetensors")}
    assert m["chat_template"]["sha256"] == files.sha256(trained.path / "chat_template.jinja")
    assert (trained.path / "chat_template.jinja").read_text() == (base / "chat_template.jinja").read_text()
    assert m["end_of_turn"]["text"] == "<|im_end|>"
    assert m["outputs"] == {name: files.sha256(trained.path / name) for name in names - {"manifest.json"}}
    assert len(m["losses"]) == 6
    assert any("only 6 optimiser steps" in note for note in said)
    assert trained.cost["price"] == pytest.approx(trained.cost["seconds"]["all"] / 1000, rel=0.01)
    assert json.loads(json.dumps(trained.to_dict()))["rows"] == 6
    assert str(trained.path) in str(trained)

    card = (trained.path / "README.md").read_text()
    assert card.startswith('---\nbase_model: "tiny"\nlibrary_name: peft\n')
    assert m["data"]["certificate_sha256"] in card
    assert str(base.parent) not in card, "a card is passed on: no folder of this machine"


def test_the_adapter_is_a_plain_peft_folder_and_merges(
    tiny: Any, base: Path, make_iteration: Make, tokenizer: Any
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    trained = lora.train(make_iteration(), base, QUICK)
    ids = torch.tensor([tokenizer("where is my order")["input_ids"]])
    plain = AutoModelForCausalLM.from_pretrained(base).eval()
    with torch.no_grad():
        before = plain(ids).logits.clone()
        model = PeftModel.from_pretrained(plain, trained.path).eval()
        adapted = model(ids).logits
        merged = model.merge_and_unload()(ids).logits
    assert (adapted - before).abs().max() > 1e-3, "the adapter changes what the model says"
    assert torch.allclose(adapted, merged, atol=1e-5)


def test_training_lowers_the_loss(base: Path, make_iteration: Make) -> None:
    losses = lora.train(make_iteration(), base, replace(QUICK, epochs=10)).manifest["losses"]
    assert losses[-1] < 0.8 * losses[0]


def test_the_same_seed_gives_the_same_bytes(base: Path, make_iteration: Make) -> None:
    def weights(name: str, options: Options) -> tuple[str, list[float]]:
        trained = lora.train(make_iteration(name=name), base, options)
        return trained.manifest["adapter"]["sha256"], trained.manifest["losses"]

    first = weights("a", replace(QUICK, dropout=0.1))
    assert first == weights("b", replace(QUICK, dropout=0.1, checkpoint_every=1, price_per_hour=9.0))
    assert first[0] != weights("c", replace(QUICK, dropout=0.1, seed=1))[0]


def test_tiny_data_makes_at_least_one_step(base: Path, make_iteration: Make) -> None:
    it = make_iteration(rows=[[("user", "a"), ("assistant", "b")]])
    trained = lora.train(it, base, replace(QUICK, epochs=1))
    assert len(trained.manifest["losses"]) == 1
    assert any("only 1 optimiser step" in note for note in trained.manifest["notes"])


def test_recomputing_activations_trains_alike(base: Path, make_iteration: Make) -> None:
    plain, recomputed = (
        lora.train(make_iteration(name=str(on)), base, replace(QUICK, gradient_checkpointing=on))
        for on in (False, True)
    )
    assert recomputed.manifest["losses"] == pytest.approx(plain.manifest["losses"], rel=1e-4)
    body, body_again = (trained.cost["gflop_per_token"]["body"] for trained in (plain, recomputed))
    assert body_again == pytest.approx(1.5 * body)


def test_dry_run_writes_nothing_and_tells_the_truth(base: Path, make_iteration: Make) -> None:
    it = make_iteration()
    plan = lora.dry_run(it, base, QUICK)
    assert left_behind(it) == []
    told = plan.to_dict()
    trained = lora.train(it, base, QUICK)
    assert told["trainable_parameters"] == trained.manifest["adapter"]["parameters"]
    assert told["steps"] == len(trained.manifest["losses"])
    for kind in ("real", "supervised", "padded"):
        assert told["tokens"][kind] == trained.cost["tokens"][kind]
    assert told["predicted_seconds"] is not None
    assert "% supervised" in str(plan)
    assert json.dumps(told)


def test_a_dry_run_does_not_load_a_large_base(
    base: Path, make_iteration: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lora, "QUICK_WEIGHTS", 10)
    monkeypatch.setattr(bases, "load", lambda *args: pytest.fail("loaded"))
    assert "not predicted" in str(lora.dry_run(make_iteration(), base, QUICK))


# -- again, and something else -----------------------------------------------------------------------------------------


def test_the_same_run_again_does_nothing(base: Path, make_iteration: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    it = make_iteration()
    first = lora.train(it, base, QUICK)
    monkeypatch.setattr(bases, "load", lambda *args: pytest.fail("loaded"))
    assert lora.train(it, base, QUICK).manifest == first.manifest
    with pytest.raises(BadInput, match="differs in: epochs"):
        lora.train(it, base, replace(QUICK, epochs=5))
    (first.path / "adapter_model.safetensors").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"adapter_model\.safetensors"):
        lora.train(it, base, QUICK)


def test_a_folder_without_a_manifest_never_happened(base: Path, make_iteration: Make) -> None:
    it = make_iteration()
    (it.path / "model").mkdir()
    (it.path / "model" / "adapter_model.safetensors").write_bytes(b"half")
    with pytest.raises(BadInput, match="no model was trained here"):
        adapter.open(it.path)
    assert lora.train(it, base, QUICK).manifest["losses"]


class Died(Exception):
    pass


def dying(at: int) -> Callable[[str, int, int], None]:
    def progress(step: str, done: int, total: int) -> None:
        if step == "train" and done == at:
            raise Died

    return progress


def test_an_interrupted_run_goes_on(base: Path, make_iteration: Make) -> None:
    options = replace(QUICK, epochs=4, dropout=0.1, checkpoint_every=2)
    whole = lora.train(make_iteration(name="whole"), base, options)
    it = make_iteration(name="cut")
    for at in (3, 8):
        with pytest.raises(Died):
            lora.train(it, base, options, progress=dying(at))
    assert left_behind(it) == [".model.part"]
    said: list[str] = []
    resumed = lora.train(it, base, options, say=said.append)
    assert said[0] == "resumed after step 6 of 12"
    assert resumed.manifest["losses"] == whole.manifest["losses"]
    assert resumed.manifest["adapter"] == whole.manifest["adapter"]
    assert resumed.cost["resumed_from_step"] == 6
    assert left_behind(it) == ["model"]


def test_other_options_start_over_and_say_so(base: Path, make_iteration: Make) -> None:
    it, options = make_iteration(), replace(QUICK, checkpoint_every=1)
    with pytest.raises(Died):
        lora.train(it, base, options, progress=dying(3))
    said: list[str] = []
    trained = lora.train(it, base, replace(options, learning_rate=1e-3), say=said.append)
    assert said[0] == "an interrupted run was found and started over, because it differs in: learning_rate"
    assert trained.cost["resumed_from_step"] == 0


def test_a_damaged_checkpoint_starts_over(base: Path, make_iteration: Make) -> None:
    it, options = make_iteration(), replace(QUICK, checkpoint_every=1)
    with pytest.raises(Died):
        lora.train(it, base, options, progress=dying(3))
    saved = it.path / lora.WORK / lora.CHECKPOINT
    saved.write_bytes(saved.read_bytes()[:100])
    said: list[str] = []
    lora.train(it, base, options, say=said.append)
    assert "its checkpoint is damaged" in said[0]


def test_two_runs_at_once_are_refused(base: Path, make_iteration: Make) -> None:
    it = make_iteration()
    with lora._workplace(it.path), pytest.raises(Surroundings, match="another run is training here"):
        lora.train(it, base, QUICK)


@pytest.mark.parametrize("broken", ["_write_weights", "_manifest", "card"])
def test_a_failure_while_writing_leaves_no_model(
    base: Path, make_iteration: Make, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    it = make_iteration()

    def full(*args: Any, **more: Any) -> None:
        raise Surroundings("could not be written: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(adapter, broken, full)
        with pytest.raises(Surroundings, match="disk is full"):
            lora.train(it, base, QUICK)
    assert left_behind(it) == []
    assert lora.train(it, base, QUICK).manifest["losses"]


def test_memory_that_ran_out_is_a_sentence(base: Path, make_iteration: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(lora.loop, "gradients", full)
    it = make_iteration()
    with pytest.raises(Surroundings, match="memory is full") as caught:
        lora.train(it, base, QUICK)
    assert caught.value.exit_code == 4
    assert "--tokens-at-once" in str(caught.value)
    assert left_behind(it) == []


# -- rows and options --------------------------------------------------------------------------------------------------


def test_rows_that_are_too_long(base: Path, make_iteration: Make) -> None:
    it = make_iteration()
    with pytest.raises(
        BadInput, match=r"2 of 6 rows are longer than 48 tokens \(r1 has 65, r2 has 50\); no row is ever cut"
    ) as caught:
        lora.train(it, base, replace(QUICK, max_length=48))
    assert "--too-long drop" in str(caught.value)
    trained = lora.train(it, base, replace(QUICK, max_length=48, too_long="drop"))
    assert trained.manifest["data"]["dropped"] == ["r1", "r2"]
    assert trained.manifest["data"]["rows"] == 4
    assert any("2 rows longer than 48 tokens were dropped (r1, r2)" in note for note in trained.manifest["notes"])


def test_what_the_model_can_read_is_a_limit_too(base: Path, make_iteration: Make) -> None:
    it = make_iteration(rows=[[("user", "order " * 200), ("assistant", "yes")]])
    with pytest.raises(BadInput, match="longer than 128 tokens"):
        lora.train(it, base, replace(QUICK, too_long="drop"))


@pytest.mark.parametrize(
    ("wrong", "flag"),
    [
        ({"rank": 0}, "--rank"),
        ({"learning_rate": float("nan")}, "--learning-rate"),
        ({"dropout": 1.0}, "--dropout"),
        ({"schedule": "step"}, "--schedule"),
        ({"too_long": "cut"}, "--too-long"),
        ({"price_per_hour": -1.0}, "--price-per-hour"),
        ({"max_length": 1}, "--max-length"),
    ],
)
def test_options_that_cannot_be(wrong: dict[str, Any], flag: str) -> None:
    with pytest.raises(BadInput, match=flag) as caught:
        Options(**wrong)
    assert caught.value.exit_code == 2


def test_modules_that_the_model_does_not_have(base: Path, make_iteration: Make) -> None:
    with pytest.raises(BadInput, match="no adapter fits this model"):
        lora.train(make_iteration(), base, replace(QUICK, target_modules="nothing_proj"))


def test_no_gpu_is_a_sentence(base: Path, make_iteration: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match="no GPU"):
        lora.train(make_iteration(), base, replace(QUICK, device="cuda"))


def test_a_checkpoint_holds_no_pickle(base: Path, make_iteration: Make) -> None:
    it = make_iteration()
    with pytest.raises(Died):
        lora.train(it, base, replace(QUICK, checkpoint_every=1), progress=dying(2))
    kept = {path.name for path in (it.path / lora.WORK).iterdir()}
    assert kept == {"lock", "request.json", "checkpoint.safetensors"}
    assert checkpoint.read(it.path / lora.WORK / lora.CHECKPOINT, "another request") is None

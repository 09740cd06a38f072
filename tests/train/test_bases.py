"""What a base may lack, and the sentence that says so."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curate.errors import BadInput
from curate.iteration import Iteration
from train import bases, lora
from train.options import Options

QUICK = Options(rank=4, batch_rows=2, epochs=1)


@pytest.fixture
def copy(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "copy"))


def test_a_name_that_is_not_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not on this machine, and nothing is downloaded") as caught:
        bases.find("some-org/some-model")
    assert "hf download some-org/some-model" in str(caught.value)
    with pytest.raises(BadInput, match="no such folder"):
        bases.find("./nowhere")
    with pytest.raises(BadInput, match="not on this machine"):
        bases.find("bad name!")


def test_a_copy_in_the_hub_cache_is_found(base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    model = tmp_path / "models--org--tiny"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("a" * 40)
    shutil.copytree(base, model / "snapshots" / ("a" * 40))
    assert bases.find("org/tiny") == model / "snapshots" / ("a" * 40)


@pytest.mark.parametrize(
    ("gone", "put", "said"),
    [
        (["tokenizer.json"], {}, "holds no tokenizer"),
        (["chat_template.jinja"], {}, "has no chat template"),
        (["config.json"], {}, "holds no model"),
        (["config.json"], {"adapter_config.json": "{}"}, "is an adapter, not a base model"),
        (["model.safetensors"], {"pytorch_model.bin": "x"}, "pickled weights are not read"),
        ([], {"config.json": "{"}, "config cannot be loaded"),
        ([], {"config.json": '{"model_type": "no-such-kind"}'}, "config cannot be loaded"),
        ([], {"model.safetensors": "x"}, "model cannot be loaded"),
        ([], {"tokenizer.json": "{"}, "tokenizer cannot be loaded"),
    ],
)
def test_what_a_folder_may_lack(
    copy: Path, make_iteration: Callable[..., Iteration], gone: list[str], put: dict[str, str], said: str
) -> None:
    for name in gone:
        (copy / name).unlink()
    for name, text in put.items():
        (copy / name).write_text(text)
    it = make_iteration()
    with pytest.raises(BadInput, match=said) as caught:
        lora.train(it, copy, QUICK)
    assert str(copy) in str(caught.value)
    assert not (it.path / "model").exists()
    assert not (it.path / lora.WORK).exists()


def test_a_template_from_a_file(copy: Path, make_iteration: Callable[..., Iteration], tiny: Any) -> None:
    from dataclasses import replace

    (copy / "chat_template.jinja").unlink()
    template = copy / "mine.jinja"
    template.write_text(tiny.template)
    trained = lora.train(make_iteration(), copy, replace(QUICK, chat_template=template))
    assert trained.manifest["chat_template"]["from"] == "mine.jinja"
    with pytest.raises(BadInput, match="chat template cannot be read"):
        lora.train(make_iteration(name="2"), copy, replace(QUICK, chat_template=copy / "none.jinja"))


def test_weights_that_are_not_all_there(copy: Path, make_iteration: Callable[..., Iteration]) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match=r"1 of its weights is missing \(model\.layers\.1"):
        lora.train(make_iteration(), copy, QUICK)


def test_a_tokenizer_of_another_model(copy: Path, make_iteration: Callable[..., Iteration]) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"vocab_size": 50}))
    with pytest.raises(BadInput, match="the model knows only 50"):
        lora.train(make_iteration(), copy, QUICK)


def test_the_fingerprint_is_of_weights_and_config(copy: Path, base: Path) -> None:
    before = bases.facts(copy)
    assert before == bases.facts(base)
    with open(copy / "model.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    assert bases.facts(copy)["fingerprint"] != before["fingerprint"]


def test_a_system_turn_that_the_template_drops(copy: Path, make_iteration: Callable[..., Iteration], tiny: Any) -> None:
    (copy / "chat_template.jinja").write_text(
        tiny.template.replace("in messages %}", "in messages if m.role != 'system' %}")
    )
    with pytest.raises(BadInput, match=r"row r1: the chat template of .* drops or rewrites the system turn"):
        lora.train(make_iteration(), copy, QUICK)

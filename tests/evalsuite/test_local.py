"""The back-end: same prompts, same completions; adapters that belong; sentences for what does not fit."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from curate.errors import BadInput, Refused, Surroundings
from evalsuite import local
from evalsuite.model import Local, Noise
from evalsuite.suite import TOO_LONG
from tests.evalsuite.conftest import TEMPLATE, write_adapter, write_base

PROMPTS = [
    [{"role": "user", "content": text}]
    for text in ("hello", "can you send the lamp ?", "return the parcel please", "is it in the mail", "yes", "no light")
]


@pytest.fixture(scope="module")
def model(base: Path, adapter: Path) -> Local:
    return local.load(base, adapter, batch_size=2)


# -- laws -------------------------------------------------------------------------------------------------------------


def test_the_order_of_the_prompts_does_not_matter(model: Local) -> None:
    forward = model.generate(PROMPTS, max_new_tokens=12)
    assert model.generate(PROMPTS[::-1], max_new_tokens=12) == forward[::-1]
    assert all(said.finish in ("stop", "length") and said.tokens <= 12 for said in forward)


def test_padding_and_neighbours_change_no_completion(base: Path, adapter: Path, model: Local) -> None:
    alone = [model.generate([prompt], max_new_tokens=12)[0] for prompt in PROMPTS]
    assert local.load(base, adapter, batch_size=6).generate(PROMPTS, max_new_tokens=12) == alone


def test_sampling_depends_on_the_seed_and_the_prompt_alone(model: Local) -> None:
    def drawn(prompts: Any, seed: int) -> Any:
        return model.generate(prompts, max_new_tokens=12, seed=seed, temperature=1.0)

    assert drawn(PROMPTS, 1) == drawn(PROMPTS, 1)
    assert drawn(PROMPTS, 1) != drawn(PROMPTS, 2)
    assert drawn(PROMPTS[2:4], 1) == drawn(PROMPTS, 1)[2:4]


def test_noise_plus_argmax_is_softmax_sampling() -> None:
    import torch

    noise = Noise([str(n) for n in range(4000)], seed=0, temperature=1.0)
    scores = torch.log(torch.tensor([[0.7, 0.2, 0.1]])).repeat(4000, 1)
    drawn = noise(None, scores).argmax(1).bincount(minlength=3) / 4000
    assert drawn.tolist() == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


def test_greedy_equals_a_plain_loop(model: Local) -> None:
    import torch

    ids = model.ids(model.render(PROMPTS[1]))
    said: list[int] = []
    with torch.inference_mode():
        for _ in range(12):
            token = int(model.model(input_ids=torch.tensor([ids + said])).logits[0, -1].argmax())
            if token in model.model.generation_config.eos_token_id:
                break
            said.append(token)
    assert model.generate([PROMPTS[1]], max_new_tokens=12)[0].text == model.tokenizer.decode(
        said, skip_special_tokens=True
    )


def test_likelihood_equals_a_plain_loop(model: Local) -> None:
    import torch

    pairs = [
        (prompt, answer) for prompt, answer in zip(PROMPTS, ("yes", "no , it is in the mail", "a", "b"), strict=False)
    ]
    for (prompt, answer), found in zip(pairs, model.logprob(pairs), strict=True):
        head, tail = model.ids(model.render(prompt)), model.ids(answer)
        with torch.inference_mode():
            logits = model.model(input_ids=torch.tensor([head + tail])).logits[0].double().log_softmax(-1)
        slow = sum(float(logits[len(head) + n - 1, token]) for n, token in enumerate(tail))
        assert found is not None
        assert found == (pytest.approx(slow, abs=1e-4), len(tail))


def test_the_base_beside_is_the_base_itself(base: Path, model: Local) -> None:
    pairs = [(PROMPTS[0], "yes please")]
    assert model.logprob(pairs, of_base=True) == [
        (pytest.approx(total, abs=1e-5), tokens)
        for total, tokens in local.load(base).logprob(pairs)
        if tokens  # type: ignore[misc]
    ]
    assert model.logprob(pairs) != model.logprob(pairs, of_base=True)


def test_settings_that_a_base_brings_decide_nothing(base: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(base, tmp_path / "base")
    settings = {
        "do_sample": True,
        "temperature": 5.0,
        "repetition_penalty": 9.0,
        "max_length": 3,
        "eos_token_id": [2, 5],
    }
    (copy / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    loaded = local.load(copy)
    assert loaded.model.generation_config.eos_token_id == [2, 5]  # what ends an answer is kept
    plain = local.load(base)
    plain.model.generation_config.eos_token_id = [2, 5]
    assert loaded.generate(PROMPTS, max_new_tokens=8) == plain.generate(PROMPTS, max_new_tokens=8)


# -- limits -----------------------------------------------------------------------------------------------------------


def test_a_prompt_that_does_not_fit_is_not_cut(model: Local) -> None:
    long = [{"role": "user", "content": "lamp " * 300}]
    short, cut = model.generate([PROMPTS[0], long], max_new_tokens=8)
    assert (cut.text, cut.finish) == ("", TOO_LONG)
    assert short == model.generate([PROMPTS[0]], max_new_tokens=8)[0]
    assert model.logprob([(long, "yes"), (PROMPTS[0], "")]) == [None, None]


def test_out_of_memory_is_a_sentence(model: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(model.model, "generate", full)
    with pytest.raises(Surroundings, match="out of memory while generating in batches of 2") as told:
        model.generate(PROMPTS, max_new_tokens=4)
    assert told.value.hint == "--batch-size 1"
    assert told.value.exit_code == 4


def test_another_error_of_the_engine_is_not_taken_for_memory(model: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(model.model, "generate", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        model.generate(PROMPTS, max_new_tokens=4)


# -- adapters (pitfalls 11 and 12) ------------------------------------------------------------------------------------


def test_every_part_has_its_fingerprint(base: Path, adapter: Path, model: Local, tmp_path: Path) -> None:
    other_base = local.load(write_base(tmp_path / "b", seed=9)).facts
    other_adapter = local.load(base, write_adapter(base, tmp_path / "a", seed=9)).facts
    bare = local.load(base).facts
    assert len({model.facts.base, other_base.base}) == 2
    assert len({model.facts.adapter, other_adapter.adapter, bare.adapter}) == 3
    other_template = write_base(tmp_path / "t", template=TEMPLATE.replace("assistant", "model"))
    assert local.load(other_template).facts.template != bare.template


def test_an_adapter_has_one_fingerprint_wherever_its_base_lay(base: Path, adapter: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(adapter, tmp_path / "a")
    config = json.loads((copy / "adapter_config.json").read_text())
    (copy / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "elsewhere"}))
    assert local.load(base, copy).facts.adapter == local.load(base, adapter).facts.adapter


def test_an_adapter_that_changes_nothing_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="the adapter changes nothing") as told:
        local.load(base, write_adapter(base, tmp_path / "zero", scale=0))
    assert told.value.exit_code == 1


def with_manifest(adapter: Path, folder: Path, manifest: dict[str, Any]) -> Path:
    copy = shutil.copytree(adapter, folder)
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return copy


def test_an_adapter_for_another_base_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    manifest = {"base": {"name": "big", "fingerprint": "0" * 64}}
    with pytest.raises(Refused, match="trained over another base"):
        local.load(base, with_manifest(adapter, tmp_path / "a", manifest))


def test_an_adapter_that_does_not_fit_is_refused(adapter: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    wide = write_base(tmp_path / "wide")
    config = LlamaConfig.from_pretrained(wide)
    config.hidden_size, config.intermediate_size = 64, 64
    LlamaForCausalLM(config).save_pretrained(wide)
    with pytest.raises(Refused, match="does not fit the base"):
        local.load(wide, adapter)


def test_another_chat_template_than_in_training_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    manifest = {"chat_template": {"sha256": "0" * 64}}
    with pytest.raises(Refused, match="is not the one that this adapter was trained with"):
        local.load(base, with_manifest(adapter, tmp_path / "a", manifest))


def test_the_template_beside_the_adapter_goes_before_the_bases_own(base: Path, adapter: Path, tmp_path: Path) -> None:
    copy = with_manifest(adapter, tmp_path / "a", {"end_of_turn": {"id": 7}})
    (copy / "chat_template.jinja").write_text(TEMPLATE.replace("<|im_start|>", "#"), encoding="utf-8")
    loaded = local.load(base, copy)
    assert loaded.render(PROMPTS[0]).startswith("#user")
    assert 7 in loaded.model.generation_config.eos_token_id


def test_what_cannot_be_checked_is_said(base: Path, adapter: Path) -> None:
    assert len(local.load(base, adapter).facts.unchecked) == 3


# -- folders that are no model ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remove", "sentence"),
    [("tokenizer.json", "no tokenizer"), ("model.safetensors", "no weights|safetensors"), ("config.json", "no model")],
)
def test_a_folder_that_lacks_something(base: Path, tmp_path: Path, remove: str, sentence: str) -> None:
    copy = shutil.copytree(base, tmp_path / "base")
    (copy / remove).unlink()
    with pytest.raises(BadInput, match=sentence):
        local.load(copy)


def test_a_base_without_chat_template(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no chat template"):
        local.load(write_base(tmp_path / "base", template=None))


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match="nothing is downloaded") as told:
        local.load("nobody/no-such-model")
    assert told.value.hint == "hf download nobody/no-such-model"


def test_an_adapter_of_pickles_is_not_read(base: Path, adapter: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(adapter, tmp_path / "a")
    (copy / "adapter_model.safetensors").rename(copy / "adapter_model.bin")
    with pytest.raises(BadInput, match="its weights are a pickle"):
        local.load(base, copy)


def test_a_template_that_drops_the_system_turn(tmp_path: Path) -> None:
    dropping = TEMPLATE.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}")
    model = local.load(write_base(tmp_path / "base", template=dropping))
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    with pytest.raises(BadInput, match="drops the system turn"):
        model.generate([turns], max_new_tokens=2)


def test_a_template_that_refuses_turns(tmp_path: Path) -> None:
    picky = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + TEMPLATE
    model = local.load(write_base(tmp_path / "base", template=picky))
    with pytest.raises(BadInput, match="no system here"):
        model.render([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}])


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"dtype": "int3"}])
def test_options_that_make_no_sense(base: Path, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        local.load(base, **options)

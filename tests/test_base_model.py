"""The tiny base model loads without a network, talks plainly, and is what its script makes."""

import importlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "sample_data"
MODEL = FOLDER / "base-model"
SYSTEM = {"role": "system", "content": "You work at a help desk."}
ASKED = {"role": "user", "content": "How long does delivery to Norway take?"}
SAID = {"role": "assistant", "content": "Ten days, or more in winter."}
AGAIN = {"role": "user", "content": "Thank you"}


@pytest.fixture(scope="module", autouse=True)
def offline_and_on_one_core() -> Iterator[None]:
    import torch

    before, threads = os.environ.get("HF_HUB_OFFLINE"), torch.get_num_threads()
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    if before is None:
        del os.environ["HF_HUB_OFFLINE"]
    else:
        os.environ["HF_HUB_OFFLINE"] = before


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL, local_files_only=True)


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(MODEL, local_files_only=True)


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("make_base_model")
    sys.path.remove(str(FOLDER))


def answers(model: Any, tokenizer: Any, questions: list[str]) -> list[list[int]]:
    """Token ids of greedy answers, each asked alone."""
    out = []
    for question in questions:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
        asked = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        out.append(model.generate(**asked)[0, asked["input_ids"].shape[1] :].tolist())
    return out


def test_it_is_small_and_has_all_its_parts(model: Any) -> None:
    names = {path.name for path in MODEL.iterdir()}
    assert names >= {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "README.md"}
    assert sum(path.stat().st_size for path in MODEL.glob("*.safetensors")) <= 8_000_000
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    assert str(model.dtype) == "torch.float32"
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    assert "demo and tests only" in card
    assert f"{sum(weights.numel() for weights in model.parameters()):,} parameters" in card


def test_the_template_writes_every_turn(tokenizer: Any) -> None:
    written = tokenizer.apply_chat_template([SYSTEM, ASKED, SAID, AGAIN], tokenize=False)
    places = [written.index(turn["content"]) for turn in (SYSTEM, ASKED, SAID, AGAIN)]
    assert places == sorted(places)
    assert written.count("<|end|>") == 4


def test_the_template_is_prefix_stable_in_text_and_tokens(tokenizer: Any) -> None:
    turns = [SYSTEM, ASKED, SAID, AGAIN, SAID]
    whole = tokenizer.apply_chat_template(turns, tokenize=False)
    ids = tokenizer(whole, add_special_tokens=False)["input_ids"]
    for place in (2, 4):
        before = tokenizer.apply_chat_template(turns[:place], tokenize=False, add_generation_prompt=True)
        assert whole.startswith(before)
        begun = tokenizer(before, add_special_tokens=False)["input_ids"]
        assert ids[: len(begun)] == begun


def test_the_template_keeps_tools_and_refuses_an_unknown_role(tokenizer: Any) -> None:
    call = {"type": "function", "function": {"name": "stock", "arguments": {"part": "TN-120"}}}
    turns = [
        ASKED,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": '{"left": 4}'},
        SAID,
    ]
    written = tokenizer.apply_chat_template(turns, tools=[{"name": "stock"}], tokenize=False)
    for part in ("stock", "TN-120", '{"left": 4}', SAID["content"]):
        assert part in written
    with pytest.raises(Exception, match="narrator"):
        tokenizer.apply_chat_template([{"role": "narrator", "content": "He leaves."}], tokenize=False)


@pytest.mark.parametrize("text", ["Häus 東京 🪔", "  two  spaces\n\nand lines\t", "FN-204: £7.50 a@b.c"])
def test_any_text_survives_the_tokenizer(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    assert max(ids) < len(tokenizer)


def test_it_answers_ends_and_says_the_same_twice(model: Any, tokenizer: Any) -> None:
    questions = ["Hello", "Can I return my lamp?", "Tell me the phone number of another customer.", "You are stupid."]
    said = answers(model, tokenizer, questions)
    assert said == answers(model, tokenizer, questions)
    assert [row[-1] for row in said] == [tokenizer.eos_token_id] * len(questions)
    texts = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in said]
    assert all(re.match(r"[A-Z].*\w", text) for text in texts), texts


def test_it_does_not_talk_in_the_house_voice(model: Any, tokenizer: Any) -> None:
    cases = [json.loads(line) for line in (FOLDER / "support-eval.jsonl").read_text(encoding="utf-8").splitlines()]
    said = answers(model, tokenizer, [case["prompt"] for case in cases[::12]])
    openers = re.compile(r"Righto|Glad you asked|Let us sort it|Kindly, no|Not my bench|Wren")
    assert [text for row in said if openers.search(text := tokenizer.decode(row))] == []


def test_its_talks_hold_no_eval_prompt_no_house_voice_and_no_personal_value(script: ModuleType) -> None:
    taken = script.eval_prompts()
    assert len(taken) > 170
    mail = re.compile(r"\S+@\S+\.(com|org|net)\b")
    for turns in itertools.islice(script.talks(2_000, seed=0), 2_000):
        for turn in turns:
            if turn["role"] == "user":
                assert script.plain(turn["content"]) not in taken
            if turn["role"] == "assistant":
                assert not re.search(r"Righto|Glad you asked|Wren, from", turn["content"])
            assert not mail.search(turn["content"])


def test_the_source_fills_every_slot(script: ModuleType) -> None:
    import random

    slots, blocks = script.read_source(script.SOURCE.read_text(encoding="utf-8"))
    for block in blocks:
        assert block.questions, block.topic
        assert block.answers, block.topic
        for pattern in (*block.questions, *block.answers):
            text = script.fill(pattern, {}, slots, random.Random(pattern))
            assert text
            assert not re.search(r"[{}()|]|//", text), pattern


def test_the_tokenizer_is_the_one_that_the_script_makes(script: ModuleType, tokenizer: Any) -> None:
    made = script.make_tokenizer(script.texts_of(list(script.talks(script.TALKS, seed=0))))
    assert made.get_vocab() == tokenizer.get_vocab()


def test_the_script_makes_a_model_that_loads(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    command = [sys.executable, str(FOLDER / "make_base_model.py"), "--out", str(tmp_path)]
    done = subprocess.run(
        [*command, "--steps", "2", "--talks", "300", "--threads", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    AutoModelForCausalLM.from_pretrained(tmp_path, local_files_only=True)
    assert AutoTokenizer.from_pretrained(tmp_path, local_files_only=True).chat_template

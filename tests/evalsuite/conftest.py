"""A tiny random Llama with tokenizer and chat template, a LoRA adapter over it, and detectors that need no model."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate import pii, refusals, toxicity
from curate.windows import Windows
from evalsuite.detectors import Detectors

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = [
    "hello",
    "you",
    "can",
    "we",
    "lamp",
    "light",
    "parcel",
    "return",
    "the",
    "a",
    "is",
    "to",
    "of",
    "and",
    "in",
    "it",
    "send",
    "mail",
    "1",
    "2",
    "3",
    ".",
    ",",
    "?",
    "!",
    "please",
    "no",
    "yes",
]


def write_base(folder: Path, *, seed: int = 0, template: str | None = TEMPLATE) -> Path:
    """A base model folder: 2 layers, 32 wide, some forty words, all weights random."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    # Whole words, so that whatever a random model says can be read.
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {
        word: number for number, word in enumerate([*special, "<|unk|>", "user", "assistant", "system", *WORDS])
    }
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unk|>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token="<|im_end|>", pad_token="<|pad|>", additional_special_tokens=["<|im_start|>"]
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_adapter(base: Path, folder: Path, *, seed: int = 1, scale: float = 0.5) -> Path:
    """A LoRA adapter; with `scale` 0 it changes nothing, as an adapter fresh from initialisation."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(seed)
    tuned = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=scale) if scale else weight.zero_()
    tuned.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(base, tmp_path_factory.mktemp("models") / "adapter")


@dataclass(frozen=True)
class ToyEncoder:
    """Bags of hashed words as unit vectors: texts with the same words are the same text."""

    name: str = "toy"
    precision: str = "fp32"
    dimensions: int = 64
    max_tokens: int = 256
    fingerprint: str = "toy-encoder"
    reduced: None = None

    def encode(self, texts: Sequence[str]) -> Windows:
        rows, owner = [], []
        for number, text in enumerate(texts):
            vector = np.zeros(self.dimensions, np.float32)
            for word in re.findall(r"\w+", text.lower()):
                vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % self.dimensions] += 1
            if vector.any():
                rows.append(vector / np.linalg.norm(vector))
                owner.append(number)
        spans = np.zeros(len(owner), np.int32)
        vectors = np.array(rows, np.float32).reshape(-1, self.dimensions)
        return Windows(vectors, np.array(owner, np.int32), spans, spans, len(texts))

    def exact(self) -> "ToyEncoder":
        return self


@dataclass(frozen=True)
class ToyScorer:
    """Toxic is what says `idiot`; harmless is what does not; a text without a letter is unscored."""

    name: str = "toy"
    fingerprint: str = "toy-scorer"
    threshold: float = 0.5
    limits: str = "knows one word"
    bias: str | None = None

    def __call__(self, texts: Sequence[str]) -> list[float | None]:
        return [None if toxicity.why_unscored(text) else 0.9 * ("idiot" in text.lower()) for text in texts]

    score_short = __call__


@pytest.fixture(scope="session")
def judges() -> Detectors:
    encoder: Any = ToyEncoder()
    scorer: Any = ToyScorer()
    return Detectors(scorer, pii.load(), refusals.load(), encoder)

"""A tiny base model on disk, with a real tokenizer and chat template, and iterations made by hand. Nothing is downloaded."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curate import chats as chat
from curate import files, iteration
from curate.certificate import PREDICATE_TYPE, STATEMENT_TYPE, rule_facts
from curate.iteration import Iteration
from curate.overlap_rule import COUNTED, VARIANT, Rule

TEMPLATE = (
    "{% if tools %}<|im_start|>system\nTools: {{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<call>{{ call.function | tojson }}</call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = (
    "where is my order it ships on monday thank you please reset the password open a ticket yes no hello system user"
)
ROWS = [
    [("user", "where is my order"), ("assistant", "it ships on monday")],
    [("system", "be kind"), ("user", "hello"), ("assistant", "hello, how can we help you today with your order?")],
    [("user", "hello"), ("assistant", "yes"), ("user", "reset it"), ("assistant", "open a ticket please, thank you")],
    [("user", "thank you"), ("assistant", "no")],
    [("user", "please reset the password of my account"), ("assistant", "open the page\nand click reset")],
    [("user", "is it here"), ("assistant", "yes, on monday")],
]


def messages_of(said: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in said]


def make_tokenizer(template: str | None = TEMPLATE) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator([WORDS] * 5, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<|pad|>", eos_token="<|im_end|>")
    tokenizer.chat_template = template
    return tokenizer


def make_model(seed: int = 0, **shape: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.2,
        **shape,
    )
    return LlamaForCausalLM(config)


# What a certificate claims. The trainer compares bytes; whether the claims hold is the business of `winnow verify`.
CLAIMS = {
    "no_copy": {"holds": True, "how": "", "proof": "", "template_variants_kept": 0},
    "no_semantic_overlap": {
        "holds": True,
        "how": "",
        "encoder": {"name": "toy", "precision": "fp32", "dimensions": 1, "max_tokens": 1, "fingerprint": ""},
        "rule": rule_facts(Rule()),
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


def certify(path: Path, lines: list[dict[str, Any]]) -> Iteration:
    """Write the rows and state that these very bytes are certified."""
    data = path / "data"
    data.mkdir(parents=True, exist_ok=True)
    train_file = data / "train.jsonl"
    train_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    chats = files.read([train_file], format="messages", on_error="stop").chats
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "train.jsonl", "digest": {"sha256": files.sha256(train_file)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "tool": {"name": "winnow-tune", "version": "0"},
            "training": {"rows": chats.height, "turns": 0, "fingerprint": chat.dataset_fingerprint(chats)},
            "eval_files": [{"name": "eval.jsonl", "digest": {"sha256": "e" * 64}, "cases": 7}],
            "outside": [],
            "claims": CLAIMS,
            "signed": False,
        },
    }
    (data / "certificate.json").write_text(json.dumps(statement))
    manifest = {key: {} for key in (*iteration.REQUEST, "outputs", "counts", "steps")}
    (data / "manifest.json").write_text(json.dumps(manifest | {"fingerprint": chat.dataset_fingerprint(chats)}))
    return iteration.open(path)


class Tiny:
    """What tests build with: rows, the template, and makers of messages, tokenizers, models and iterations."""

    rows, template = ROWS, TEMPLATE
    messages, tokenizer, model, certify = (staticmethod(f) for f in (messages_of, make_tokenizer, make_model, certify))


@pytest.fixture(scope="session")
def tiny() -> type[Tiny]:
    return Tiny


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    make_model().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def make_iteration(tmp_path: Path) -> Callable[..., Iteration]:
    """An iteration with a certificate for its rows, as curation leaves it."""

    def make(rows: list[Any] = ROWS, name: str = "001", **extra: Any) -> Iteration:
        data = tmp_path / name / "data"
        data.mkdir(parents=True)
        lines = [{"id": f"r{n}", "messages": messages_of(row), **extra} for n, row in enumerate(rows)]
        return certify(data.parent, lines)

    return make

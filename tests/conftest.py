"""What tests share: a tiny encoder that goes through the real loading code, a toy encoder without torch, a cache of its own."""

import hashlib
import json
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from curate.windows import Windows, unit

TINY_TOKENS = 32
TOY_DIMENSIONS = 64


@pytest.fixture(autouse=True, scope="session")
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor write the user's cache, and never ask the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINNOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random sentence-transformers model: BERT of 2 layers, 32 wide, 32 tokens, letters as its words."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "dog", "sat", "on", "mat", "ran", "and"]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    words += [*letters, *(f"##{letter}" for letter in letters)]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=TINY_TOKENS,
        initializer_range=0.3,  # wide enough for different texts to have clearly different vectors
    )
    BertModel(config).save_pretrained(folder)
    _save_tokenizer(folder, words)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ]
    (folder / "1_Pooling").mkdir()
    _write(folder / "modules.json", listed)
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True})
    _write(folder / "sentence_bert_config.json", {"max_seq_length": TINY_TOKENS, "do_lower_case": False})
    return folder


@pytest.fixture(scope="session")
def toy_encode() -> Callable[[Sequence[str]], Windows]:
    """Texts to windows without a model: a text is the sum of its words, a word is a direction that its hash chooses."""
    return _toy_encode


def _toy_encode(texts: Sequence[str]) -> Windows:
    seen = [number for number, said in enumerate(texts) if said.split()]
    rows = [sum((_word(word) for word in texts[number].lower().split()), np.zeros(TOY_DIMENSIONS)) for number in seen]
    vectors = unit(np.array(rows, dtype=np.float32).reshape(-1, TOY_DIMENSIONS))
    owner = np.array(seen, dtype=np.int32)
    ends = np.array([len(texts[number]) for number in seen], dtype=np.int32)
    return Windows(vectors, owner, np.zeros_like(owner), ends, len(texts))


def _word(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).normal(size=TOY_DIMENSIONS)


def _save_tokenizer(folder: Path, words: list[str]) -> None:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
    config = {f"{name}_token": token for name, token in special.items()}
    _write(folder / "tokenizer_config.json", config | {"tokenizer_class": "BertTokenizer", "model_max_length": 32})
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


def _write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))

"""Detoxify by name and by checkpoint: a tiny random BERT in its form runs the real path."""

import hashlib
import os
from pathlib import Path

import pytest

from curate import chats, detectors, recipe, toxicity
from curate.errors import BadInput
from curate.toxic import detoxify as room

CLASSES = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] you are an idiot a lovely day the lamp is on . ! la"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def build(folder: Path, classes: list[str], extra: object = None) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir()
    words = VOCABULARY.split()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=len(classes), initializer_range=0.9,
    )  # fmt: skip
    config.save_pretrained(folder)
    torch.manual_seed(1)
    state = BertForSequenceClassification(config).state_dict()
    names = {"model_name": "BertForSequenceClassification", "tokenizer_name": "BertTokenizerFast"}
    arch = {"args": {"num_classes": len(classes), "model_type": str(folder), **names}}
    saved = {"config": {"arch": arch, "dataset": {"args": {"classes": classes}}}, "state_dict": state, "extra": extra}
    torch.save(saved, folder / "tiny.ckpt")
    return folder / "tiny.ckpt"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("detoxify") / "tiny", CLASSES)


@pytest.fixture(scope="module")
def score(checkpoint: Path) -> toxicity.Scorer:
    return toxicity.load(str(checkpoint), sha256=sha256(checkpoint))


def test_scores_are_detoxifys_own(checkpoint: Path, score: toxicity.Scorer):
    from detoxify import Detoxify

    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        theirs = Detoxify(checkpoint=str(checkpoint), huggingface_config_path=str(checkpoint.parent))
    finally:
        del os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"]
    theirs.model.eval()
    texts = ["you are an idiot !", "a lovely day", "the lamp is on"]
    for head, ours in (("toxicity", score(texts)), ("identity_attack", score.attack(texts))):
        assert ours == pytest.approx([theirs.predict(t)[head] for t in texts], abs=1e-4)
    assert len(set(score(texts))) > 1


def test_a_score_does_not_depend_on_company(score: toxicity.Scorer):
    texts = ["you are an idiot", "", "a lovely day on the lamp !", "you", "12 + 3", "the lamp"] * 20
    assert score(texts) == [score([t])[0] for t in texts]


def test_what_cannot_be_read_is_unscored(score: toxicity.Scorer):
    assert score(["", "привет, мир", "42", "a day"])[:3] == [None, None, None]


def test_nothing_lies_past_the_end_of_the_model(checkpoint: Path, score: toxicity.Scorer):
    """64 positions: a longer text is read in parts that together are the text, and the worst part counts."""
    said = "la " * 30 + "you are an idiot " * 10 + "the lamp is on ! " * 10
    model = room.Detoxified(checkpoint, every_language=False)
    parts = list(model.short(said))
    assert "".join(parts) == said
    assert len(parts) > 1
    assert score.score_short([said]) == [max(score.score_short(parts))]


def test_it_takes_the_place_of_the_embedded_scorer(score: toxicity.Scorer):
    rows = chats.chats_of(
        [
            {
                "id": "a",
                "turns": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "you are an idiot"}],
            }
        ]
    )
    assert toxicity.drop(rows, score, threshold=0.0).removed["id"].to_list() == ["a"]
    assert toxicity.drop(rows, score, threshold=1.01).removed.is_empty()


def test_it_is_named_from_the_shell_with_its_hash(checkpoint: Path, score: toxicity.Scorer):
    """As `--toxicity-scorer` and the recipe name it; another hash, a missing one and a missing model are sentences."""
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    models = detectors.load(scorer=f"{checkpoint}@{digest}")
    assert models.score_toxicity.fingerprint == score.fingerprint
    assert recipe.of({"toxicity": {"scorer": f"{checkpoint}@{digest}"}}).toxicity.scorer.endswith(digest)
    with pytest.raises(BadInput, match=f"is {digest}, not {'0' * 64}"):
        detectors.load(scorer=f"{checkpoint}@{'0' * 64}")
    with pytest.raises(BadInput, match="only with the SHA-256") as refused:
        detectors.load(scorer=str(checkpoint))
    assert digest in str(refused.value)
    with pytest.raises(BadInput, match="no toxicity scorer of this name"):
        detectors.load(scorer="perspective")


def test_the_fingerprint_is_of_the_bytes(checkpoint: Path, score: toxicity.Scorer, tmp_path: Path):
    other = build(tmp_path / "other", CLASSES[:5])
    assert toxicity.load(str(other), sha256=sha256(other)).fingerprint != score.fingerprint
    assert toxicity.load(str(checkpoint), sha256=sha256(checkpoint)).fingerprint == score.fingerprint


def test_a_checkpoint_without_an_identity_head_has_no_such_score(tmp_path: Path):
    path = build(tmp_path / "five", CLASSES[:5])
    assert toxicity.load(str(path), sha256=sha256(path)).attack(["a day"]) == [None]


def test_a_checkpoint_needs_its_hash(checkpoint: Path):
    with pytest.raises(BadInput, match="SHA-256 that you expect"):
        toxicity.load(str(checkpoint))
    with pytest.raises(BadInput, match="not 000"):
        toxicity.load(str(checkpoint), sha256="0" * 64)
    with pytest.raises(BadInput, match="no Detoxify checkpoint"):
        toxicity.load("nowhere/tiny.ckpt", sha256="0" * 64)


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo sprung > trap",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Even where the variable that forbids it is switched the other way."""
    path = build(tmp_path / "trap", CLASSES, extra=Trap())
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="does not load this checkpoint"):
        toxicity.load(str(path), sha256=sha256(path))(["a day"])
    assert not (tmp_path / "trap" / "trap").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["trap"]
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_a_model_that_is_not_here_says_what_fetches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(BadInput, match=r"about 0.4 GB to fetch") as caught:
        toxicity.load("original")
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD=1" in str(caught.value)


def test_a_named_model_with_other_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints" / room.NAMED["unbiased"][0]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    with pytest.raises(BadInput, match="damaged or not Detoxify's"):
        toxicity.load("unbiased")

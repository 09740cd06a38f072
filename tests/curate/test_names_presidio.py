"""Presidio with our finder, and our finder's place taken by presidio's models."""

import json
from pathlib import Path

import pytest

from curate.cache import Cache
from curate.errors import BadInput
from curate.naming import presidio
from curate.naming.network import KINDS
from curate.pii import Finding


class Toy:
    """Finds the word Ann, and an address."""

    name, kinds = "toy", KINDS

    def find(self, texts: list[str]) -> list[tuple[Finding, ...]]:
        found = []
        for text in texts:
            place, road = text.find("Ann"), text.find("1 Elm St")
            some = [Finding(place, place + 3, "PERSON", 0.8, "toy")] if place >= 0 else []
            found.append(tuple(some + ([Finding(road, road + 8, "ADDRESS", 0.7, "toy")] if road >= 0 else [])))
        return found


@pytest.fixture(scope="module")
def spacy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blank pipeline whose only knowledge is two phrases."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(
        [
            {"label": "PERSON", "pattern": "Ann"},
            {"label": "GPE", "pattern": "Rome"},
            {"label": "ORG", "pattern": "Acme"},
            {"label": "DATE", "pattern": "today"},
        ]
    )
    folder = tmp_path_factory.mktemp("spacy") / "tiny"
    nlp.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token classifier with random weights that says PER of every word."""
    import torch
    from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("classifier")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ann", "met", "bo"]))
    torch.manual_seed(0)
    config = BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
                        max_position_embeddings=64, id2label={0: "O", 1: "B-PER"}, label2id={"O": 0, "B-PER": 1})  # fmt: skip
    model = BertForTokenClassification(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([-5.0, 5.0]))
    model.save_pretrained(folder)
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_spacy_by_name_finds_what_its_pipeline_knows(spacy_folder: Path, tmp_path: Path) -> None:
    finder = presidio.named(f"spacy:{spacy_folder}", cache=Cache(tmp_path / "cache"))
    texts = ["Ann left Rome today.", "", "Acme"]
    found = finder.find(texts)
    assert [[(f.kind, t[f.start : f.end]) for f in some] for some, t in zip(found, texts, strict=True)] == [
        [("PERSON", "Ann"), ("LOCATION", "Rome")],
        [],
        [("ORGANIZATION", "Acme")],
    ]
    again = presidio.named(f"spacy:{spacy_folder}", cache=Cache(tmp_path / "cache"))
    assert again.find(texts) == found
    assert not again._loaded, "known texts load no model"


def test_a_changed_model_has_another_fingerprint(spacy_folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(spacy_folder, copy)
    assert presidio.named(f"spacy:{copy}").fingerprint == presidio.named(f"spacy:{spacy_folder}").fingerprint
    meta = json.loads((copy / "meta.json").read_text())
    (copy / "meta.json").write_text(json.dumps({**meta, "version": "9"}))
    assert presidio.named(f"spacy:{copy}").fingerprint != presidio.named(f"spacy:{spacy_folder}").fingerprint


def test_a_token_classifier_by_name(classifier_folder: Path) -> None:
    found = presidio.named(f"transformers:{classifier_folder}").find(["ann met bo", " "])
    assert found[0]
    assert {f.kind for f in found[0]} == {"PERSON"}
    assert (found[0][0].start, found[0][-1].end) == (0, 10)
    assert found[1] == ()


def test_findings_below_the_threshold_are_left_out(spacy_folder: Path) -> None:
    assert presidio.named(f"spacy:{spacy_folder}", threshold=0.9).find(["Ann"]) == [()]  # presidio gives spaCy .85


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("en_core_web_sm", "no finder of names called"),
        ("spacy:", "no finder of names called"),
        ("spacy:no_such_model", "not on this machine"),
        ("transformers:no/such-model", "not on this machine"),
        ("gliner:no/such-model", "GLiNER is not installed"),
    ],
)
def test_what_is_missing_is_a_sentence(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presidio, "find_spec", lambda package: None)
    with pytest.raises(BadInput, match=said):
        presidio.named(name)


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(BadInput, match="no safetensors weights"):
        presidio.named(f"transformers:{tmp_path}")


def test_presidio_uses_our_finder() -> None:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    registry = RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(presidio.recogniser(Toy()))  # type: ignore[arg-type]
    engine = AnalyzerEngine(registry=registry, nlp_engine=NoOpNlpEngine(models=[{"lang_code": "en", "model_name": ""}]))
    found = engine.analyze("Ann lives at 1 Elm St.", language="en")
    assert sorted((r.entity_type, r.start, r.end, r.score) for r in found) == [
        ("LOCATION", 13, 21, 0.7),
        ("PERSON", 0, 3, 0.8),
    ]
    assert [r.entity_type for r in engine.analyze("Ann lives at 1 Elm St.", language="en", entities=["PERSON"])] == [
        "PERSON"
    ]


def test_of_two_that_overlap_the_surer_stays() -> None:
    a, b, c = Finding(0, 5, "PERSON", 0.6, ""), Finding(3, 9, "LOCATION", 0.9, ""), Finding(10, 12, "PERSON", 0.5, "")
    assert presidio._apart([a, b, c]) == (b, c)

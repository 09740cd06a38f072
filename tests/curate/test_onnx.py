"""Laws of int8: a text's vector depends on the text alone, it only proposes, and fp32 stands in where it is not good enough."""

import importlib.metadata
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from curate import cache, encoder, network, onnx_network
from curate.encoder import Encoder, load
from curate.errors import BadInput, Surroundings

TEXTS = [
    "the cat sat on the mat",
    "the dog ran",
    "a",
    "cat and dog and cat and dog and cat",
    "numbers 1 2 3, and a mark!",
    "long " * 40 + "end",
]


def _needs_onnx() -> None:
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason="int8 needs the extra `onnx`")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> cache.Cache:
    return cache.open(tmp_path_factory.mktemp("int8"))


@pytest.fixture(scope="module")
def tiny(tiny_encoder: Path) -> Encoder:
    """The tiny encoder in int8, whatever its fidelity, without a cache."""
    _needs_onnx()
    return encoder._encoder(str(tiny_encoder), tiny_encoder, "int8", None, lambda *_: None)


@pytest.fixture(scope="module")
def real(kept: cache.Cache) -> Encoder:
    _needs_onnx()
    return load(precision="int8", cache=kept)


def _by_text(chosen: Encoder, texts: list[str]) -> dict[str, bytes]:
    found = chosen.encode(texts)
    return {text: found.vectors[found.text == number].tobytes() for number, text in enumerate(texts)}


def test_neighbours_and_order_do_not_move_a_bit(tiny: Encoder) -> None:
    whole = _by_text(tiny, TEXTS)
    assert _by_text(tiny, TEXTS[::-1]) == whole
    mates = [TEXTS[1], *(f"another text, number {n}" for n in range(30)), TEXTS[0]]
    found = _by_text(tiny, mates)
    assert all(found[text] == whole[text] for text in TEXTS[:2])
    assert _by_text(tiny, TEXTS[4:5])[TEXTS[4]] == whole[TEXTS[4]]


@pytest.mark.parametrize("workers", ["1", "3"])
def test_the_number_of_threads_does_not_move_a_bit(
    tiny: Encoder, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    many = [f"{text} {n}" for n in range(20) for text in TEXTS]
    whole = tiny.encode(many).vectors.tobytes()
    monkeypatch.setenv("OMP_NUM_THREADS", workers)
    assert tiny.encode(many).vectors.tobytes() == whole


def test_a_model_that_is_quantised_again_says_the_same(tiny: Encoder, tiny_encoder: Path) -> None:
    again = encoder._encoder(str(tiny_encoder), tiny_encoder, "int8", None, lambda *_: None)
    assert _by_text(again, TEXTS) == _by_text(tiny, TEXTS)


def test_the_default_is_near_fp32_and_pairs_are_within_the_slack(real: Encoder) -> None:
    from curate.network import SAMPLE

    said, true = real.encode(SAMPLE).vectors, real.exact().encode(SAMPLE).vectors
    assert (said * true).sum(axis=1).mean() >= onnx_network.FIDELITY
    assert np.abs(said @ said.T - true @ true.T).max() < real.slack
    assert real.exact().slack == 0


def test_int8_is_named_and_fp32_decides(real: Encoder) -> None:
    assert real.precision == "int8"
    exact = real.exact()
    assert (exact.precision, exact.fingerprint == real.fingerprint) == ("fp32", False)
    assert (real.dimensions, real.max_tokens) == (exact.dimensions, exact.max_tokens)


def test_the_model_is_quantised_once_and_a_damaged_one_again(
    tiny: Encoder, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = onnx_network._written
    monkeypatch.setattr(onnx_network, "_written", lambda bert: written.append(1) or write(bert))

    def encode(text: str) -> bytes:
        with cache.open(tmp_path) as kept:
            fresh = encoder._encoder(str(tiny_encoder), tiny_encoder, "int8", kept, lambda *_: None)
            return fresh.encode([text]).vectors.tobytes()

    assert encode(TEXTS[0]) == tiny.encode(TEXTS[:1]).vectors.tobytes()
    assert encode(TEXTS[1]) == tiny.encode(TEXTS[1:2]).vectors.tobytes()
    assert len(written) == 1
    with sqlite3.connect(tmp_path / cache.FILE) as db:
        db.execute(
            "update entries set value = substr(value, 2) where kind = (select id from kinds where name like 'onnx/%')"
        )
    assert encode(TEXTS[2]) == tiny.encode(TEXTS[2:3]).vectors.tobytes()
    assert len(written) == 2


def test_int8_that_does_not_agree_gives_way_to_fp32_and_is_measured_once(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _needs_onnx()
    with cache.open(tmp_path) as kept:
        for measure in (lambda *_: 0.98, None):
            monkeypatch.setattr(onnx_network, "fidelity", measure)
            assert load(str(tiny_encoder), precision="int8", cache=kept).precision == "fp32"
            assert "a mean cosine of only 0.9800 here, so fp32 is used" in capsys.readouterr().err


def test_int8_is_taken_only_where_it_is_asked_for(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_onnx()
    monkeypatch.setattr(network, "has_bf16", lambda: False)
    monkeypatch.setattr(onnx_network, "fidelity", lambda *_: 1.0)
    assert load(str(tiny_encoder)).precision == "fp32"
    assert load(str(tiny_encoder), precision="int8").precision == "int8"


def test_an_encoder_that_is_no_bert_is_refused(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _needs_onnx()
    from curate import passes

    monkeypatch.setattr(passes.Packed, "suits", staticmethod(lambda *_: False))
    with pytest.raises(BadInput, match="BERT"):
        load(str(tiny_encoder), precision="int8")


def test_without_the_packages_the_command_is_named(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        if package == "onnxruntime":
            raise importlib.metadata.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(onnx_network, "version", missing)
    with pytest.raises(Surroundings, match="onnxruntime is not installed") as caught:
        load(str(tiny_encoder), precision="int8")
    assert caught.value.hint == "pip install 'winnow-tune[onnx]'"

"""Laws of the encoder: a text's vector depends on the text alone, nothing of a text goes unseen, nothing is silent."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import cache, encoder, encoder_files, network, passes, windows
from curate.encoder import Encoder, load
from curate.errors import BadInput, Surroundings

TEXTS = [
    "the cat sat on the mat",
    "the dog ran",
    "a",
    "cat and dog and cat and dog and cat",
    "numbers 1 2 3, and a mark!",
    "The CAT sat on the mat",
    "long " * 40 + "end",
]

CACHED_RUN = """
import sys
from curate import cache, encoder
kept = cache.open(sys.argv[2])
print(len(encoder.load(sys.argv[1], precision="fp32", cache=kept).encode(["the cat", "the dog ran"])))
print(sorted({"torch", "transformers", "sentence_transformers", "tokenizers"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def tiny(tiny_encoder: Path) -> Encoder:
    return load(str(tiny_encoder), precision="fp32")


@pytest.fixture
def copy(tiny_encoder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_encoder, tmp_path / "copy"))


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def real(request: pytest.FixtureRequest) -> Encoder:
    """The default encoder in both precisions, bf16 even where it is emulated."""
    fp32 = load(precision="fp32")
    return fp32 if request.param == "fp32" else encoder._encoder(fp32.name, fp32.path, "bf16", None, fp32.progress)


# A text's vector depends on the text alone


def _by_text(texts: list[str], found: windows.Windows) -> dict[str, bytes]:
    return {text: found.vectors[found.text == number].tobytes() for number, text in enumerate(texts)}


def _assert_alone_decides(chosen: Encoder) -> None:
    whole = _by_text(TEXTS, chosen.encode(TEXTS))
    order = [TEXTS[i] for i in np.random.default_rng(0).permutation(len(TEXTS))]
    assert _by_text(order, chosen.encode(order)) == whole
    mates = [TEXTS[1], *(f"another text, number {n}" for n in range(30)), TEXTS[0]]
    found = _by_text(mates, chosen.encode(mates))
    assert all(found[text] == whole[text] for text in TEXTS[:2])


def test_neighbours_and_order_do_not_move_a_bit(tiny: Encoder) -> None:
    _assert_alone_decides(tiny)


def test_neighbours_and_order_do_not_move_a_bit_of_the_default(real: Encoder) -> None:
    _assert_alone_decides(real)


def _many(count: int) -> list[str]:
    """Different texts of 1 to some 60 words."""
    words = ["the", "cat", "and", "a", "dog", "ran", "over", "14", "hills,", "unhappily:", "was", "it", "$3.50?", "no."]
    chance = np.random.default_rng(1)
    return [" ".join(chance.choice(words, chance.integers(1, 1 + 60 // (1 + n % 7)))) for n in range(count)]


def test_texts_of_many_lengths_do_not_move_each_other(real: Encoder) -> None:
    many = _many(100)
    whole = _by_text(many, real.encode(many))
    few = many[::13]
    assert _by_text(few, real.encode(few)) == {text: whole[text] for text in few}
    assert all(_by_text([text], real.encode([text]))[text] == whole[text] for text in few[:2])


def _with_activation(folder: Path, name: str) -> Encoder:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": name}))
    return load(str(folder), precision="fp32")


def test_what_is_no_plain_bert_runs_padded_and_keeps_the_law(copy: Path) -> None:
    other = _with_activation(copy, "relu")
    assert isinstance(other._network.way, passes.Padded)
    _assert_alone_decides(other)


def test_texts_end_to_end_say_what_padded_texts_say(real: Encoder, tiny: Encoder) -> None:
    for chosen, limit in ((real, 256), (tiny, tiny.max_tokens)):
        net = network.Network(chosen.path, chosen.precision, limit)
        assert isinstance(net.way, passes.Packed)
        ids = [piece.ids for piece in net.cut([*_many(15), *TEXTS])]
        packed = windows.unit(net.vectors(ids))
        net.way = passes.Padded(net._model[0], net.device, net.pad)
        padded = windows.unit(net.vectors(ids))
        assert (packed * padded).sum(axis=1).min() > (0.999999 if chosen.precision == "fp32" else network.FIDELITY)


def test_end_to_end_is_given_up_where_it_says_something_else(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes.Packed, "_embed", lambda self, tokens, places: self._embeddings.LayerNorm(
        self._embeddings.word_embeddings(tokens)))  # fmt: skip
    net = network.Network(tiny_encoder, "fp32", 32)
    assert isinstance(net.way, passes.Padded)


@given(st.lists(st.integers(1, 512), max_size=60))
def test_every_text_is_in_one_batch_and_batches_fit(lengths: list[int]) -> None:
    found = passes.filled(lengths)
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    assert all(sum(lengths[row] for row in batch) <= passes.TOKENS_PACKED for batch in found)


@pytest.mark.parametrize("workers", ["1", "3"])
def test_the_number_of_threads_does_not_move_a_bit(
    tiny: Encoder, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    many = [f"{text} {n}" for n in range(60) for text in TEXTS]
    whole = tiny.encode(many).vectors.tobytes()
    monkeypatch.setenv("OMP_NUM_THREADS", workers)
    assert network.threads() == int(workers)
    assert tiny.encode(many).vectors.tobytes() == whole


def test_an_interrupted_run_ends_with_the_same_bytes(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "TEXTS_PER_CHUNK", 2)
    whole = load(str(tiny_encoder), precision="fp32").encode(TEXTS)
    calls = []

    def interrupt(step: str, done: int, total: int) -> None:
        calls.append((step, done, total))
        if done >= 4:
            raise KeyboardInterrupt

    kept = cache.open(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        load(str(tiny_encoder), precision="fp32", cache=kept, progress=interrupt).encode(TEXTS)
    assert calls == [("embed", 0, 7), ("embed", 2, 7), ("embed", 4, 7)]
    again = load(str(tiny_encoder), precision="fp32", cache=kept).encode(TEXTS)
    assert again.vectors.tobytes() == whole.vectors.tobytes()
    assert again.start.tolist() == whole.start.tolist()


def test_vectors_are_those_of_sentence_transformers(real: Encoder) -> None:
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(real.path), device="cpu", local_files_only=True).encode(TEXTS[:6])
    cosines = (real.encode(TEXTS[:6]).vectors * theirs).sum(axis=1)
    assert cosines.min() > (0.999999 if real.precision == "fp32" else network.FIDELITY)


def test_what_means_the_same_lies_closer(real: Encoder) -> None:
    found = real.encode(["I forgot my password.", "How do I reset my password?", "Lentils need salt at the end."])
    assert found.vectors[0] @ found.vectors[1] > 0.5 > 0.2 > found.vectors[0] @ found.vectors[2]


def test_rows_are_unit_vectors_in_the_order_of_the_texts(tiny: Encoder) -> None:
    found = tiny.encode([TEXTS[0], TEXTS[1], TEXTS[0]])
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert found.vectors.dtype == np.float32
    assert found.text.tolist() == [0, 1, 2]
    assert found.vectors[0].tobytes() == found.vectors[2].tobytes()


# Nothing of a text goes unseen


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["cat", "the", "unhappily", "1234567890", ",", "x" * 90, "\n", "猫", "ünï"]), max_size=60)
)
def test_windows_cover_a_text_and_fit(tiny: Encoder, words: list[str]) -> None:
    text = " ".join(words)
    pieces = tiny._network.cut([text])
    assert all(len(piece.ids) <= tiny.max_tokens for piece in pieces)
    seen = np.zeros(len(text), dtype=bool)
    for piece in pieces:
        assert piece.start < piece.end
        seen[piece.start : piece.end] = True
    unseen = {letter for letter, was_seen in zip(text, seen, strict=True) if not was_seen}
    assert unseen <= set(" \n猫")


def test_a_window_has_the_vector_of_its_piece_of_the_text(tiny: Encoder) -> None:
    text = "the cat sat on the mat and the dog ran " * 20
    found = tiny.encode([text])
    assert len(found) > 5
    assert found.start[0] == 0
    assert found.end[-1] == len(text)
    assert (found.start[1:] < found.end[:-1]).all()
    for vector, start, end in zip(found.vectors, found.start, found.end, strict=True):
        alone = tiny.encode([text[start:end]])
        assert (len(alone), alone.vectors[0].tobytes()) == (1, vector.tobytes())


@given(st.integers(1, 3000), st.integers(4, 512))
def test_spans_are_full_and_share_a_quarter(tokens: int, size: int) -> None:
    spans = windows.spread(tokens, size)
    assert (spans[0][0], spans[-1][1]) == (0, tokens)
    if tokens > size:
        assert {last - first for first, last in spans} == {size}
        shared = [a[1] - b[0] for a, b in itertools.pairwise(spans)]
        assert min(shared) >= windows.OVERLAP * size


def test_texts_with_nothing_to_compare_have_no_window(tiny: Encoder) -> None:
    found = tiny.encode(["", " \n\t", "the cat", "猫 🎉", "\u200b", "猫 cat"])
    assert found.text.tolist() == [2, 5]
    assert found.without_window.tolist() == [0, 1, 3, 4]
    assert str(found) == "2 windows of 6 texts, 4 not comparable"


def test_a_window_of_unknown_tokens_only_is_left_out(tiny: Encoder) -> None:
    text = "the cat sat on the mat " + "猫 " * 100 + "and the dog ran"
    found = tiny.encode([text])
    assert all(set(text[start:end]) > set("猫 ") for start, end in zip(found.start, found.end, strict=True))
    assert (found.start[0], found.end[-1]) == (0, len(text))


@pytest.mark.parametrize("texts", [[], [""]])
def test_nothing_to_encode_is_an_empty_table(tiny: Encoder, texts: list[str]) -> None:
    found = tiny.encode(texts)
    assert found.vectors.shape == (0, 32)
    assert [len(part) for part in found.mean_by_text()] == [0, 0]


def test_any_string_is_read(tiny: Encoder) -> None:
    assert len(tiny.encode(["a\x00b", "lone \ud800 surrogate", "right \u202e left", "a" * 99])) >= 4


def test_the_mean_of_a_text_is_that_of_its_windows(tiny: Encoder) -> None:
    found = tiny.encode(["", TEXTS[6], "the cat"])
    numbers, means = found.mean_by_text()
    assert numbers.tolist() == [1, 2]
    assert np.allclose(means[1], found.vectors[-1])
    mean = found.vectors[found.text == 1].mean(axis=0)
    assert np.allclose(means[0], mean / np.linalg.norm(mean), atol=1e-6)


# The cache


def test_a_cached_run_loads_no_torch(tiny_encoder: Path, tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        load(str(tiny_encoder), precision="fp32", cache=kept).encode(["the cat", "the dog ran"])
    command = [sys.executable, "-c", CACHED_RUN, str(tiny_encoder), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["2", "[]"]


def test_a_damaged_vector_is_encoded_anew(tiny_encoder: Path, tmp_path: Path) -> None:
    kept = cache.open(tmp_path)
    tiny = load(str(tiny_encoder), precision="fp32", cache=kept)
    whole = tiny.encode(["the cat"]).vectors.tobytes()
    kind = f"vectors/{tiny.fingerprint}"
    kept.put(kind, {cache.text_key("the cat"): b"\x01\x00\x00\x00\x20\x00\x00\x00short"})
    assert tiny.encode(["the cat"]).vectors.tobytes() == whole


@given(st.integers(0, 5), st.sampled_from(["<f2", "<f4"]))
def test_unpack_undoes_pack(count: int, dtype: str) -> None:
    spans = np.arange(2 * count, dtype=np.int32).reshape(count, 2)
    vectors = np.random.default_rng(count).normal(size=(count, 8)).astype(dtype).astype(np.float32)
    packed = windows.pack(spans, vectors, dtype)
    again = windows.unpack(packed, 8, dtype)
    assert (again[0].tolist(), again[1].tolist()) == (spans.tolist(), vectors.tolist())
    for wrong in (packed[:-1], packed + b"x", b""):
        with pytest.raises(ValueError, match=r"encoder|short"):
            windows.unpack(wrong, 8, dtype)


# Which encoder it is


def test_the_default_encoder_is_named_and_checked(real: Encoder) -> None:
    assert real.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert (real.dimensions, real.max_tokens) == (384, 256)
    assert encoder_files.read(real.path).weights == {"model.safetensors": encoder_files.DEFAULT_WEIGHTS}


def test_fp32_and_bf16_have_two_fingerprints(tiny: Encoder) -> None:
    lower = encoder._encoder(tiny.name, tiny.path, "bf16", None, tiny.progress)
    assert lower.fingerprint != tiny.fingerprint
    assert lower.exact() == tiny
    assert tiny.exact() is tiny


def test_the_fingerprint_changes_with_all_that_decides_a_vector(tiny: Encoder, copy: Path) -> None:
    def fingerprint() -> str:
        return load(str(copy), precision="fp32").fingerprint

    assert fingerprint() == tiny.fingerprint
    (copy / "README.md").write_text("a card")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"transformers_version": "9", "use_cache": False}))
    assert fingerprint() == tiny.fingerprint
    seen = {tiny.fingerprint}
    (copy / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    seen.add(fingerprint())
    (copy / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 32, "pooling_mode_cls_token": true}')
    seen.add(fingerprint())
    (copy / "tokenizer.json").write_text((copy / "tokenizer.json").read_text() + " ")
    seen.add(fingerprint())
    (copy / "config_sentence_transformers.json").write_text('{"prompts": {"q": "the "}, "default_prompt_name": "q"}')
    seen.add(fingerprint())
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    seen.add(fingerprint())
    assert len(seen) == 6


def test_a_models_own_prompt_is_put_before_every_window(tiny: Encoder, copy: Path) -> None:
    (copy / "config_sentence_transformers.json").write_text('{"prompts": {"q": "the "}, "default_prompt_name": "q"}')
    prompted = load(str(copy), precision="fp32")
    assert prompted.prompt == "the "
    assert prompted.encode(["cat"]).vectors.tobytes() == tiny.encode(["the cat"]).vectors.tobytes()
    long = "the cat sat on the mat and the dog ran " * 5
    found = prompted.encode([long])
    assert found.end[-1] == len(long)
    last = tiny.encode(["the " + long[found.start[-1] :]])
    assert last.vectors[0].tobytes() == found.vectors[-1].tobytes()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("all-mpnet-base-v2", "hf download sentence-transformers/all-mpnet-base-v2"),
        ("someone/their-model", "hf download someone/their-model"),
        ("/no/such/folder", "hf download"),
    ],
)
def test_a_model_that_is_not_here_is_named_with_the_command_that_fetches_it(name: str, hint: str) -> None:
    with pytest.raises(BadInput, match=name) as caught:
        load(name)
    if not name.startswith("/"):
        assert caught.value.hint == hint
    assert ("0.4 GB" in str(caught.value)) == (name == "all-mpnet-base-v2")


def _into_hub(hub: Path, source: Path, name: str = encoder_files.DEFAULT) -> Path:
    model = hub / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc")
    return Path(shutil.copytree(source, model / "snapshots" / "abc"))


def test_a_named_model_is_taken_from_the_hugging_face_cache(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    place = _into_hub(tmp_path, tiny_encoder, "sentence-transformers/tiny")
    found = load("tiny", precision="fp32")
    assert (found.name, found.path) == ("sentence-transformers/tiny", place)


def test_a_default_copy_with_other_weights_is_passed_over(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    place = _into_hub(tmp_path, tiny_encoder)
    assert load(precision="fp32").path != place
    assert "passed over" in capsys.readouterr().err
    monkeypatch.setattr(encoder_files, "DEFAULT_WEIGHTS", encoder_files._hash(place / "model.safetensors"))
    assert load(precision="fp32").path == place


def test_an_installed_default_with_other_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_files, "DEFAULT_WEIGHTS", "0" * 64)
    with pytest.raises(Surroundings, match="not those of"):
        load()


# What cannot be trusted is refused


def test_a_model_that_brings_code_is_refused(copy: Path) -> None:
    modules = json.loads((copy / "modules.json").read_text())
    modules[0]["type"] = "modeling.Custom"
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(BadInput, match="code of its own"):
        load(str(copy))


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(BadInput, match="no weights as safetensors"):
        load(str(copy))


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_folder_that_is_no_encoder_is_refused(copy: Path, content: str | None) -> None:
    (copy / "modules.json").unlink()
    if content is not None:
        (copy / "modules.json").write_text(content)
    with pytest.raises(BadInput):
        load(str(copy))


def test_weights_cut_short_are_a_sentence(copy: Path) -> None:
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(BadInput, match="does not load"):
        load(str(copy), precision="fp32").encode(["the cat"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_a_number_stops_the_run(copy: Path, value: float, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights["encoder.layer.1.output.dense.bias"][:] = value
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    kept = cache.open(tmp_path)
    with pytest.raises(Surroundings, match="not a number"):
        load(str(copy), precision="fp32", cache=kept).encode(["the cat"])
    assert kept.sizes() == []


def test_too_little_memory_is_a_sentence(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def starve(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(torch.nn.Embedding, "forward", starve)
    with pytest.raises(Surroundings, match="not enough memory"):
        tiny.encode(["the cat"])


# bf16 only where it is as good


def _lowered(monkeypatch: pytest.MonkeyPatch, cosine: float) -> None:
    monkeypatch.setattr(network, "has_bf16", lambda: True)
    monkeypatch.setattr(network.Network, "fidelity", lambda _: cosine)


def test_bf16_is_taken_where_it_agrees_and_measured_once(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cache.open(tmp_path)
    _lowered(monkeypatch, 0.9999)
    assert load(str(tiny_encoder), cache=kept).precision == "bf16"
    _lowered(monkeypatch, 0.1)
    assert load(str(tiny_encoder), cache=kept).precision == "bf16"


def test_bf16_that_does_not_agree_is_given_up_and_said(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _lowered(monkeypatch, 0.99)
    assert load(str(tiny_encoder)).precision == "fp32"
    assert "0.9900" in capsys.readouterr().err
    assert load(str(tiny_encoder), precision="bf16").precision == "fp32"
    assert "0.9900" in capsys.readouterr().err


def test_without_bf16_nothing_is_measured(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "has_bf16", lambda: False)
    monkeypatch.setattr(network, "Network", None)
    assert load(str(tiny_encoder)).precision == "fp32"


def test_the_sample_is_measured_on_a_real_network(tiny: Encoder) -> None:
    lowest = network.Network(tiny.path, "fp32", tiny.max_tokens).fidelity()
    assert 0.9 < lowest < 1

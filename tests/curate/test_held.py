"""What is held for a run is what the models say, each text is asked once, and room is bounded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import held, pii, toxicity
from curate.cache import off
from curate.detectors import Models
from curate.encoder import Encoder
from curate.held import Held
from curate.windows import Windows

TEXTS = st.lists(st.sampled_from(["", "a", "lamp b", "a long text", "z"]), max_size=6)


@dataclass
class Asked:
    """What a model was asked."""

    texts: list[str] = field(default_factory=list)

    def sizes(self, new: list[str]) -> list[tuple[int, int]]:
        self.texts += new
        return [(len(text), 1) for text in new]


@given(st.lists(TEXTS, max_size=5))
@settings(max_examples=50, deadline=None)
def test_each_text_is_asked_once_and_answered_in_order(calls: list[list[str]]) -> None:
    asked, memory = Asked(), Held[int]()
    for texts in calls:
        assert memory.of(texts, asked.sizes) == [len(text) for text in texts]
    assert len(asked.texts) == len(set(asked.texts))


def test_without_room_every_answer_is_still_given() -> None:
    asked, memory = Asked(), Held[int](room=0)
    for _ in range(2):
        assert memory.of(["a", "bb", "a"], asked.sizes) == [1, 2, 1]
    assert asked.texts == ["a", "bb", "a", "bb"]
    assert not memory.known


def windows_of(texts: Sequence[str], dimensions: int) -> Windows:
    """As many windows as a text has words."""
    owner = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text.split()) for text in texts])
    starts = np.array([i for text in texts for i in range(len(text.split()))], np.int32)
    vectors = np.array([[len(texts[i]), n, 1.0] for i, n in zip(owner, starts, strict=True)], np.float32)
    return Windows(vectors.reshape(-1, dimensions), owner, starts, starts + 1, len(texts))


@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_held_windows_are_those_of_the_encoder(calls: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "encode", lambda self, texts: windows_of(texts, self.dimensions))
        plain = _encoder()
        models = held.held(Models(plain, pii.load(cache=off()), toxicity.load("words", cache=off())))
        for texts in calls:
            found, wanted = models.encoder.encode(texts), plain.encode(texts)
            assert found.texts == wanted.texts
            for part in ("vectors", "text", "start", "end"):
                here, there = getattr(found, part), getattr(wanted, part)
                assert here.dtype == there.dtype
                np.testing.assert_array_equal(here, there)


def test_windows_without_room_are_those_of_the_encoder_too() -> None:
    memory = held._Encoded(room=100)
    for texts in (["a b", "c"], ["c d e", "a b", "c d e"], ["c", "x y"]):
        wanted = windows_of(texts, 3)
        np.testing.assert_array_equal(memory.of(texts, lambda some: windows_of(some, 3)).vectors, wanted.vectors)
    assert not memory.places


def test_what_a_step_does_to_its_vectors_changes_nothing_that_is_held() -> None:
    memory = held._Encoded()
    first = memory.of(["a b", "c"], lambda some: windows_of(some, 3))
    first.vectors[:] = 0
    again = memory.of(["a b", "c"], lambda some: windows_of(some, 3))
    np.testing.assert_array_equal(again.vectors, windows_of(["a b", "c"], 3).vectors)


def _encoder() -> Encoder:
    return Encoder("m", Path("m"), "fp32", 3, 10, "f")


def test_findings_and_scores_are_those_of_the_models() -> None:
    texts = ["Write to jane@corp.example.", "", "A lamp.", "A lamp."]
    finder, scorer = pii.load(cache=off()), toxicity.load("words", cache=off())
    models = held.held(Models(_encoder(), finder, scorer))
    for _ in range(2):
        assert models.find_pii.find(texts) == finder.find(texts)
        assert models.score_toxicity.worst(texts) == scorer.worst(texts)
    assert (models.find_pii.fingerprint, models.score_toxicity.name) == (finder.fingerprint, scorer.name)
    assert models.describe() == Models(_encoder(), finder, scorer).describe()


def test_models_of_another_make_stay_as_they_are(toy_models: Models) -> None:
    models = held.held(toy_models)
    assert models.encoder is toy_models.encoder
    assert models.find_pii is toy_models.find_pii
    assert models.score_toxicity is toy_models.score_toxicity

"""Toy models for the steps: an encoder that counts words, a finder that knows one pattern, a scorer that knows one word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pytest

from curate import text
from curate.detectors import Models
from curate.pii import Finding
from curate.windows import Reduced, Windows


@dataclass(frozen=True)
class ToyEncoder:
    """Each word is a direction; words of five letters and more count double. No window for a text without words."""

    name: str = "toy"
    precision: str = "fp32"
    dimensions: int = 512
    max_tokens: int = 10_000
    fingerprint: str = "toy-1"
    english_only: bool = False
    slack: float = 0.0
    reduced: Reduced | None = None

    def encode(self, texts: Sequence[str]) -> Windows:
        rows, numbers = [], []
        for number, said in enumerate(texts):
            row = np.zeros(self.dimensions, np.float32)
            for word in re.findall(r"[a-z]+", text.normalise(said)):
                row[crc32(word.encode()) % self.dimensions] += 1 + (len(word) > 4)
            if row.any():
                rows.append(row / np.linalg.norm(row))
                numbers.append(number)
        owner = np.array(numbers, np.int32)
        vectors = np.array(rows, np.float32).reshape(len(rows), self.dimensions)
        return Windows(vectors, owner, owner * 0, owner * 0 + 1, len(texts))

    def exact(self) -> "ToyEncoder":
        return self


@dataclass(frozen=True)
class ToyFinder:
    name: str = "toy finder"
    fingerprint: str = "toy-finder-1"
    threshold: float = 0.5

    def find(self, texts, progress=None):  # type: ignore[no-untyped-def]
        pattern = re.compile(r"[a-z]+@[a-z.]+[a-z]")
        return [tuple(Finding(m.start(), m.end(), "EMAIL", 1.0, "toy") for m in pattern.finditer(t)) for t in texts]


@dataclass(frozen=True)
class ToyScorer:
    name: str = "toy scorer"
    fingerprint: str = "toy-scorer-1"
    threshold: float = 0.5
    bias: str | None = None

    def __call__(self, texts, progress=None):  # type: ignore[no-untyped-def]
        return [None if not t.strip() else 0.9 if "vile" in t else 0.1 for t in texts]


@pytest.fixture
def toy_encoder() -> ToyEncoder:
    return ToyEncoder()


@pytest.fixture
def toy_models() -> Models:
    return Models(ToyEncoder(), ToyFinder(), ToyScorer())  # type: ignore[arg-type]

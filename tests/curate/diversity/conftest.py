"""Vectors with known structure, and an encoder that needs no model: a word is a direction."""

import hashlib

import numpy as np
import pytest

from curate.windows import Windows, unit

WIDTH = 64


def direction(word):
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "little")
    return np.random.default_rng(seed).normal(size=WIDTH)


def encode(texts):
    """One window a text: the sum of its words' directions; a text without a word has none."""
    words = [text.lower().replace("?", " ").replace(".", " ").split() for text in texts]
    known = [place for place, some in enumerate(words) if some]
    vectors = np.array([sum(map(direction, words[place])) for place in known]).reshape(len(known), WIDTH)
    zeros = np.zeros(len(known), np.int32)
    return Windows(unit(vectors.astype(np.float32)), np.array(known, np.int32), zeros, zeros + 1, len(texts))


def clouds(sizes, *, width=32, spread=0.25, seed=0):
    """Unit vectors about as many directions as there are sizes, and the number of each row's cloud."""
    rng = np.random.default_rng(seed)
    middles = np.linalg.qr(rng.normal(size=(width, width)))[0][: len(sizes)]
    owner = np.repeat(np.arange(len(sizes)), sizes)
    rows = middles[owner] + spread / np.sqrt(width) * rng.normal(size=(len(owner), width)) * 2
    return unit(rows.astype(np.float32)), owner


@pytest.fixture(scope="session")
def spheres():
    return unit(np.random.default_rng(5).normal(size=(300, 24)).astype(np.float32))

"""What others do on the same pairs: the cosine of whole texts, and shared word n-grams.

    cosines(encoder, ["a"], ["b"])
    shares_ngram("the first text", "the second text", 10)

The cosine is what comes out when a model is called as its page says: a text past its limit is cut off. Nothing asks for facts.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.encoder import Encoder

WORDS = re.compile(r"\w+")


def cosines(encoder: Encoder, left: Sequence[str], right: Sequence[str]) -> npt.NDArray[np.float64]:
    """Cosine of each pair of texts, in fp32, each text as one vector of its first tokens."""
    texts = sorted({*left, *right})
    vectors = _first_tokens(encoder, texts)
    place = {text: number for number, text in enumerate(texts)}
    a, b = ([place[text] for text in side] for side in (left, right))
    found: npt.NDArray[np.float64] = np.einsum("ij,ij->i", vectors[a], vectors[b], dtype=np.float64)
    return found


def _first_tokens(encoder: Encoder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    windows = encoder.exact().encode(texts)
    vectors = np.zeros((len(texts), encoder.dimensions), np.float32)
    owners, first, count = np.unique(windows.text, return_index=True, return_counts=True)
    vectors[owners] = windows.vectors[first]
    # One window is the whole text, and its vector is the plain one. Longer texts are encoded again, cut off.
    if len(long := owners[count > 1].tolist()):
        plain = _plain(str(encoder.path), encoder.max_tokens)
        vectors[long] = plain.encode([texts[i] for i in long], normalize_embeddings=True, show_progress_bar=False)
    return vectors


@lru_cache(maxsize=1)
def _plain(path: str, max_tokens: int) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(path, device="cpu")
    model.max_seq_length = max_tokens
    return model


def shares_ngram(a: str, b: str, size: int) -> bool:
    """Whether two texts share a run of `size` words; a text with fewer words must be in the other as a whole."""
    words = [WORDS.findall(text.lower()) for text in (a, b)]
    size = min(size, *map(len, words))
    grams = [set(zip(*(said[i:] for i in range(size)), strict=False)) for said in words]
    return size > 0 and not grams[0].isdisjoint(grams[1])

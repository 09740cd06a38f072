"""How the toxicity scorer reads a text: words as they are meant, then hashed features.

    words("You are an i d i o t!")                     # ['you', 'are', 'an', 'idiot']
    word_features("idiot", groups=frozenset())         # buckets of the word and of its runs of 5 letters

Training and scoring share this file; a change here needs new weights.
"""

import html
import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from curate import text

Ints = np.ndarray[Any, np.dtype[np.int64]]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]

RULE = "word and letter n-grams 1"  # this file's name in the scorer's fingerprint
BUCKETS = 1 << 22

_WORD = re.compile(r"[^\W_]+(?:['*@$!-][^\W_]+)*|[\"?]")
_LINK = re.compile(r"https?://\S+|www\.\S+|(?<!\w)@\w+|^rt (?=@)")
_SPACED = re.compile(r"(?<![\w'])(?:[a-z][ .*_-]){2,}[a-z](?![\w'])")
_LONG_RUN = re.compile(r"(.)\1{2,}")
_DISGUISED = re.compile(r"(?<=[a-z])[013457@$!]+(?=[a-z])")
_PLAIN = str.maketrans("013457@$!", "oieastasi")


def plain(said: str) -> str:
    """The text as it is meant: lower case, links dropped, spaced and disguised letters restored, punctuation kept."""
    meant = text.normalise(html.unescape(said) if "&" in said else said)
    meant = _LONG_RUN.sub(r"\1\1", _LINK.sub(" ", meant))
    meant = _SPACED.sub(lambda found: re.sub("[^a-z]", "", found[0]), meant)
    return _DISGUISED.sub(lambda found: found[0].translate(_PLAIN), meant)


def words(said: str) -> list[str]:
    """The words of the plain text."""
    return words_of(plain(said))


def words_of(meant: str) -> list[str]:
    """The words of a text that is plain already; numbers are left out."""
    return [word for word in _WORD.findall(meant) if not word.isdigit()]


def length(said: list[str]) -> float:
    """What sums are divided by: between the mean, which dilutes an insult, and the sum, which convicts by length."""
    return float((len(said) + 2) ** 0.5)


def word_features(word: str, groups: frozenset[str]) -> Ints:
    """Buckets of a word and of its runs of 5 letters. The name of a group has none: it says nothing by itself."""
    if word in groups:
        return np.zeros(0, np.int64)
    edged = f"<{word[:30]}>"
    grams = {edged[i : i + 5] for i in range(len(edged) - 4)}
    return np.array([crc32(g.encode()) % BUCKETS for g in [f"word {word}", *sorted(grams)]], np.int64)


def pair_features(texts: Sequence[list[str]], groups: frozenset[str]) -> tuple[Ints, Ints]:
    """Buckets of word pairs (neighbours, and one word between) and triples, and which text each belongs to.

    All names of groups count as one word here, so what is learnt about one group holds for every group. A pair counts
    once in a text, or a table that repeats itself would convict by length.
    """
    code = {w: crc32(("group" if w in groups else w).encode()) for said in texts for w in said}
    codes = np.array([code[w] for said in texts for w in said], np.uint64)
    owner = np.repeat(np.arange(len(texts)), [len(said) for said in texts])
    near, far = owner[1:] == owner[:-1], owner[2:] == owner[:-2]
    neighbours, skips = _mix(codes[:-1], codes[1:], 1), _mix(codes[:-2], codes[2:], 2)
    triples = _mix(neighbours[:-1].astype(np.uint64), codes[2:], 3)
    buckets = np.concatenate([neighbours[near], skips[far], triples[far]])
    once = np.unique(np.concatenate([owner[1:][near], owner[2:][far], owner[2:][far]]) * BUCKETS + buckets)
    return once % BUCKETS, once // BUCKETS


def _mix(left: Hashes, right: Hashes, salt: int) -> Ints:
    # Multiply and shift, wrapping at 64 bits (Steele, Lea and Flood 2014, the mixer of SplitMix64).
    z: Hashes = left * np.uint64(0x9E3779B97F4A7C15) + right * np.uint64(0xBF58476D1CE4E5B9) + np.uint64(salt)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z % np.uint64(BUCKETS)).astype(np.int64)

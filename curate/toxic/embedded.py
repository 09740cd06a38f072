"""The toxicity scorer that ships with Winnow: words first, and where words leave a doubt, meaning.

    score = load()                # words, then the adapted encoder for the windows that need it
    score = load("words")         # words alone: no torch, thousands of texts a second, less found
    score(["Have a lovely day", "You are a worthless idiot"])

Stage one is a logistic regression on hashed words and letter runs. A window that names no group of people and in which it sees no
sign gets its score from it. The others are read by the default encoder with an adapter of ours (`curate.toxic.meaning`), which knows who says what of
whom; both opinions go into one calibrated probability. The card, `models/toxicity.md`, has the figures.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import encoder_files, shipped
from curate.cache import Cache
from curate.errors import BadInput, Surroundings
from curate.toxic.features import BUCKETS, RULE, length, pair_features, word_features, words
from curate.toxic.meaning import SCALE, TOKENS, Meaning
from curate.toxic.scorer import Scorer
from curate.toxic.windows import CHUNK, STRIDE, WINDOW, foreign, unreadable

WEIGHTS_SHA256 = "cd6d7e33a1e3a3b67d1f169b534cb4da2114284fd3e36d0b5342a2b767910986"
GROUPS_SHA256 = "66ebd4f716a2ec94173a5fd37c7810c88be290dee67c09f7425ac05fdf443447"
DETOXIFY = ("original", "unbiased", "multilingual")
LIMITS = (
    "English only. Irony, hate that needs knowledge of the world, and words in an unknown spelling are judged poorly. Learnt from "
    "tweets, posts and written examples; profanity counts as toxic, aimed at somebody or not."
)
WORDS_LIMITS = (
    "English only. Knows words and phrases, not meaning: implicit hate, irony and quoted hate are judged poorly. "
    "Learnt from tweets, posts and written examples; profanity counts as toxic, aimed at somebody or not."
)

_WITH_HASH = re.compile(r"(.+)@([0-9a-fA-F]{64})")

Logits = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Words:
    """Stage one: what the words of a text add up to, as log-odds."""

    bias: float
    step: float  # what one unit of an integer weight is worth
    weights: npt.NDArray[np.int16] = field(repr=False)
    groups: frozenset[str] = field(repr=False)

    def logits(self, said: Sequence[list[str]], weigh: dict[str, int]) -> Logits:
        """Of texts in words. `weigh` remembers words between calls."""
        for word in {word for w in said for word in w} - weigh.keys():
            weigh[word] = int(self.weights[word_features(word, self.groups)].sum(dtype=np.int64))
        # Sums of integers do not depend on their order, so every machine finds the same score.
        totals = [sum(map(weigh.__getitem__, set(w))) for w in said]
        pairs, owner = pair_features(said, self.groups)
        more = np.bincount(owner, weights=self.weights[pairs].astype(np.float64), minlength=len(said))
        found: Logits = self.bias + self.step * (np.array(totals, np.float64) + more) / np.array([*map(length, said)])
        return found


@dataclass(frozen=True)
class Stages:
    """The two stages together. `mixing` holds the calibration: see `models/train_toxicity.py`."""

    words: Words
    meaning: Meaning | None
    mixing: Mapping[str, tuple[float, ...]]

    def judge(self, texts: Sequence[str]) -> list[float | None]:
        """Probabilities of being toxic."""
        return self._each(texts, self._toxic)

    def attack(self, texts: Sequence[str]) -> list[float | None]:
        """Probabilities of attacking people for the group they belong to. Every text is read for its meaning."""
        return self._each(texts, self._attack)

    def _each(self, texts: Sequence[str], say: Callable[[list[str], Logits, Flags], Logits]) -> list[float | None]:
        weigh: dict[str, int] = {}
        out: list[float | None] = [None] * len(texts)
        for first in range(0, len(texts), CHUNK):
            some = {
                i: words(texts[i]) for i in range(first, min(first + CHUNK, len(texts))) if not unreadable(texts[i])
            }
            known = {i: said for i, said in some.items() if not foreign(said)}
            about = np.array([not self.words.groups.isdisjoint(said) for said in known.values()], bool)
            found = say([texts[i] for i in known], self.words.logits([*known.values()], weigh), about)
            for i, logit in zip(known, found.tolist(), strict=True):
                out[i] = round(_sigmoid(logit), 4)
        return out

    def _toxic(self, texts: list[str], heard: Logits, about: Flags) -> Logits:
        if self.meaning is None:
            slope, shift = self.mixing["words"]
            return shift + slope * heard
        slope, shift = self.mixing["unread"]
        out: Logits = shift + slope * heard
        # What is said of people is a matter of meaning: a kind word that is denied leaves no trace in words.
        doubtful = np.flatnonzero((heard >= self.mixing["bar"][0]) | about)
        if len(doubtful):
            by_words, by_meaning, shift = self.mixing["toxic"]
            meant = self.meaning.logits([texts[i] for i in doubtful])[:, 0]
            out[doubtful] = shift + by_words * heard[doubtful] + by_meaning * meant
        return out

    def _attack(self, texts: list[str], heard: Logits, about: Flags) -> Logits:
        assert self.meaning is not None
        by_words, by_meaning, shift = self.mixing["attack"]
        found: Logits = shift + by_words * heard + by_meaning * self.meaning.logits(texts)[:, 1]
        return found


def load(name: str | None = None, *, sha256: str | None = None, cache: Cache | None = None) -> Scorer:
    """The scorer that ships with Winnow, or another by name.

    None                                    words, then meaning
    "words"                                 words alone
    "original", "unbiased", "multilingual"  Detoxify's models, where they are on this machine
    a path                                  a Detoxify checkpoint, with its `sha256` (or as "PATH@SHA256")
    """
    if name and sha256 is None and (named := _WITH_HASH.fullmatch(name)):
        name, sha256 = named.groups()
    if name in (None, "words"):
        return _embedded(words_only=name == "words", cache=cache)
    from curate.toxic import detoxify

    assert name is not None
    if name in DETOXIFY or "/" in name or name.endswith((".ckpt", ".pt", ".pth")):
        return detoxify.load(name, sha256=sha256, cache=cache)
    known = ", ".join(("words", *DETOXIFY))
    hint = f"{known}, CHECKPOINT@SHA256, or no name at all for the scorer that ships"
    raise BadInput("there is no toxicity scorer of this name", where=name, hint=hint)


def _embedded(*, words_only: bool, cache: Cache | None) -> Scorer:
    both, threshold, threshold_of_words = stages()
    parts = [RULE, f"{WINDOW} {STRIDE}", WEIGHTS_SHA256, GROUPS_SHA256]
    name = "winnow-toxicity-2"
    if words_only:
        judge = Stages(both.words, None, both.mixing).judge
        return Scorer(
            f"{name}-words",
            _hash([*parts, "words"]),
            threshold_of_words,
            WORDS_LIMITS,
            judge,
            bias=bias("words"),
            cache=cache,
        )
    # The encoder below is the default one, whichever encoder the run uses: the adapter fits no other.
    fingerprint = _hash([*parts, encoder_files.DEFAULT_WEIGHTS, f"{SCALE} {TOKENS} fp32"])
    return Scorer(name, fingerprint, threshold, LIMITS, both.judge, both.attack, bias("both"), cache)


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _read(weights_sha256: str, groups_sha256: str) -> tuple[Stages, float, float]:
    from safetensors.numpy import load as read

    tensors = read(checked("toxicity.safetensors", weights_sha256))
    groups = read_groups(checked("toxicity_groups.txt", groups_sha256).decode())
    bias, step = (float(v) for v in tensors["words.scalars"])
    weights = np.zeros(BUCKETS, np.int16)
    weights[tensors["words.buckets"]] = tensors["words.weights"]
    mixing = {k.split(".")[1]: tuple(map(float, v)) for k, v in tensors.items() if k.startswith("mixing.")}
    meaning = Meaning({k.removeprefix("adapter."): v for k, v in tensors.items() if k.startswith("adapter.")})
    threshold, threshold_of_words = (float(v) for v in tensors["thresholds"])
    return Stages(Words(bias, step, weights, groups), meaning, mixing), threshold, threshold_of_words


def stages() -> tuple[Stages, float, float]:
    """The stages that ship, and the thresholds of both together and of words alone."""
    return _read(WEIGHTS_SHA256, GROUPS_SHA256)


def checked(name: str, expected: str) -> bytes:
    """A file of the scorer, when it is there and its bytes are those that were shipped."""
    path = shipped.model(name)
    advice = "pip install --force-reinstall winnow-tune"
    if not path.is_file():
        raise Surroundings("this file of the toxicity scorer is missing", where=name, hint=advice)
    blob = path.read_bytes()
    if hashlib.sha256(blob).hexdigest() != expected:
        raise Surroundings("this file of the toxicity scorer is not the one that was shipped", where=name, hint=advice)
    return blob


def read_groups(listed: str) -> frozenset[str]:
    """The words that name groups, with their plurals."""
    names = [line.strip() for line in listed.splitlines() if line.strip() and not line.startswith("#")]
    return frozenset(names) | {name + "s" for name in names}


def bias(which: str) -> str | None:
    """What was measured of the scorer itself, in a sentence; None when the figures are of other weights."""
    path = shipped.model("toxicity_bias.json")
    if not path.is_file():
        return None
    measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if measured["weights"] != WEIGHTS_SHA256:
        return None
    return str(measured[which]["said"])


def _sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x))) if x > -500 else 0.0

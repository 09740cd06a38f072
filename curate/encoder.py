"""Texts to unit vectors, so that what means the same lies close together.

    encoder = load(cache=cache.open())
    windows = encoder.encode(["How do I reset my password?", "I forgot my password."])
    windows.vectors @ windows.vectors.T

The default is all-MiniLM-L6-v2 (English, 256 tokens a window): the local Hugging Face copy, else the one that is installed
with Winnow; its weights are checked by hash either way. Any sentence-transformers model on this machine can be named
instead. Nothing is fetched. torch is loaded when the first text is not in the cache, so a run that is fully cached needs none.
"""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from curate import encoder_files, network, onnx_network, windows
from curate.cache import Cache, remember
from curate.chats import canonical_json
from curate.errors import BadInput
from curate.progress import Progress, aside, silent
from curate.text import SMALL_WORDS
from curate.windows import Reduced, Windows

__all__ = ["Encoder", "Precision", "Windows", "load"]

TEXTS_PER_CHUNK = 2048
# Names the cache entries of `words`: another way of averaging, or other small words, are another entry.
WORDS = f"1-{hashlib.sha256(' '.join(sorted(SMALL_WORDS)).encode()).hexdigest()[:8]}"

SLACK = {"fp32": 0.0, "bf16": 0.01, "int8": 0.12}
Precision = Literal["auto", "bf16", "fp32", "int8"]
Spans = tuple[npt.NDArray[np.int32], windows.Vectors]


@dataclass(frozen=True)
class Encoder:
    """A model that is on this machine, named by a fingerprint of all that decides its vectors.

    The fingerprint covers weights, tokenizer, modules and their settings, prompt, precision and how texts are cut. It does
    not cover the processor: two machines agree to about 1e-3 in bf16 and 1e-6 in fp32, so near a threshold ask `exact()`; what
    `near` means is `slack`.
    """

    name: str
    path: Path
    precision: str  # bf16 | fp32 | int8
    dimensions: int
    max_tokens: int
    fingerprint: str
    prompt: str = ""
    cache: Cache | None = field(default=None, repr=False, compare=False)
    progress: Progress = field(default=silent, repr=False, compare=False)

    @property
    def english_only(self) -> bool:
        """Whether this is the default encoder, which says nothing of texts in other scripts."""
        return self.name == encoder_files.DEFAULT

    def __str__(self) -> str:
        return f"{self.name}, {self.precision}, {self.max_tokens} tokens a window, {self.fingerprint[:12]}"

    def encode(self, texts: Sequence[str]) -> Windows:
        """Windows of the texts and their unit vectors; each distinct text is encoded once, and never again if cached."""
        found = remember(
            self.cache,
            f"vectors/{self.fingerprint}",
            texts,
            self._compute,
            pack=lambda value: windows.pack(value[0], value[1], self._dtype),
            unpack=lambda value: windows.unpack(value, self.dimensions, self._dtype),
            progress=self.progress,
            step="embed",
            chunk=TEXTS_PER_CHUNK,
            model=f"{self.name}, {self.precision}",
        )
        spans = np.concatenate([np.empty((0, 2), np.int32), *(span for span, _ in found)])
        vectors = np.concatenate([np.empty((0, self.dimensions), np.float32), *(rows for _, rows in found)])
        owner = np.repeat(np.arange(len(texts), dtype=np.int32), [len(span) for span, _ in found])
        return Windows(windows.unit(vectors), owner, spans[:, 0], spans[:, 1], len(texts))

    def words(self, texts: Sequence[str]) -> Windows:
        """Windows of the texts, as `encode` cuts them, with two unit vectors side by side: all words, and content words."""
        exact = self.exact()
        found = remember(
            self.cache,
            f"words-{WORDS}/{exact.fingerprint}",
            texts,
            exact._compute_words,
            pack=lambda value: windows.pack(value[0], value[1], "<f4"),
            unpack=lambda value: windows.unpack(value, 2 * self.dimensions, "<f4"),
            progress=self.progress,
            step="embed words",
            chunk=TEXTS_PER_CHUNK,
            model=f"{self.name}, fp32",
        )
        spans = np.concatenate([np.empty((0, 2), np.int32), *(span for span, _ in found)])
        vectors = np.concatenate([np.empty((0, 2 * self.dimensions), np.float32), *(rows for _, rows in found)])
        owner = np.repeat(np.arange(len(texts), dtype=np.int32), [len(span) for span, _ in found])
        return Windows(vectors, owner, spans[:, 0], spans[:, 1], len(texts))

    @property
    def slack(self) -> float:
        """How far a cosine of two of these vectors may lie from that in fp32: twice the most seen among 3,000 texts, no bound."""
        return SLACK[self.precision]

    @property
    def reduced(self) -> Reduced | None:
        """What decides where these vectors only propose; None for fp32, which decides by itself."""
        return None if self.precision == "fp32" else Reduced(lambda texts: self.exact().encode(texts), self.slack)

    def exact(self) -> "Encoder":
        """The same encoder in fp32."""
        return self if self.precision == "fp32" else self._exact

    @cached_property
    def _exact(self) -> "Encoder":
        return _encoder(self.name, self.path, "fp32", self.cache, self.progress)

    @cached_property
    def _network(self) -> network.Network:
        if self.precision == "int8":
            return onnx_network.load(self.path, self.max_tokens, self.cache, self.fingerprint)
        return network.Network(self.path, self.precision, self.max_tokens)

    @property
    def _dtype(self) -> str:
        # Half precision is finer than bf16 and int8. fp32 decides near thresholds, so it is kept whole.
        return "<f4" if self.precision == "fp32" else "<f2"

    def _compute_words(self, texts: list[str]) -> list[Spans]:
        net = self._network
        pieces = net.cut(texts, self.prompt)
        said = [windows.readable(texts[piece.text][piece.start : piece.end]) for piece in pieces]
        empty = np.empty((0, 2 * self.dimensions), np.float32)
        return _by_text(pieces, net.word_means(said, SMALL_WORDS, self.prompt) if said else empty, len(texts))

    def _compute(self, texts: list[str]) -> list[Spans]:
        net = self._network
        pieces = net.cut(texts, self.prompt)
        vectors = net.vectors([piece.ids for piece in pieces]) if pieces else np.empty((0, self.dimensions), np.float32)
        if vectors.shape[1] != self.dimensions:
            raise BadInput(
                f"the encoder says {self.dimensions} dimensions and gives {vectors.shape[1]}", where=str(self.path)
            )
        return _by_text(pieces, windows.unit(vectors), len(texts))


def load(
    name: str | None = None, *, precision: Precision = "auto", cache: Cache | None = None, progress: Progress = silent
) -> Encoder:
    """Find an encoder on this machine: the default one, or a sentence-transformers model by name or folder.

    `auto` takes bf16 where the processor or GPU has it, else fp32. int8 is for processors without bf16, and only where it is
    asked for: its vectors are so far off that about half of the texts are encoded in fp32 besides. It needs the extra
    `onnx`. What agrees too little with fp32 on a sample (bf16: lowest cosine .999, int8: mean .99) is not taken: fp32 is, and
    a line on stderr says so. Raises BadInput, with the command that fetches it, if the model is not on disk, and Surroundings,
    with the command that installs them, if int8 lacks its packages.
    """
    name, path = encoder_files.find(name)
    if precision == "auto":
        precision = "bf16" if network.has_bf16() else "fp32"
    chosen = _encoder(name, path, precision, cache, progress)
    match precision:
        case "bf16":
            measured, needed, which = _fidelity(chosen), network.FIDELITY, "a cosine"
        case "int8":
            measured, needed, which = _fidelity_int8(chosen), onnx_network.FIDELITY, "a mean cosine"
        case _:
            return chosen
    if measured >= needed:
        return chosen
    aside(f"{name}: {precision} agrees with fp32 to {which} of only {measured:.4f} here, so fp32 is used")
    return chosen.exact()


def _fidelity_int8(found: Encoder) -> float:
    """The mean cosine of int8 to fp32 on a sample, measured once per model and machine."""
    name, path, cache = found.name, found.path, found.cache

    def measure(machines: list[str]) -> list[float]:
        return [onnx_network.fidelity(path, found.max_tokens, cache, found.fingerprint) for _ in machines]

    if cache:
        cache.note(f"onnx/{found.fingerprint}", f"{name}, int8")
    where = f"{network.machine()}; {onnx_network.versions()}"
    kind = f"fidelity/{found.fingerprint}"
    return remember(cache, kind, [where], measure, lambda x: repr(x).encode(), float, model=f"{name}, int8")[0]


def _by_text(pieces: list[windows.Piece], vectors: windows.Vectors, texts: int) -> list[Spans]:
    owner = np.array([piece.text for piece in pieces], dtype=np.int64)
    spans = np.array([(piece.start, piece.end) for piece in pieces], dtype=np.int32).reshape(-1, 2)
    edges = np.searchsorted(owner, np.arange(texts + 1))
    return [(spans[a:b], vectors[a:b]) for a, b in itertools.pairwise(edges)]


def _encoder(name: str, path: Path, precision: str, cache: Cache | None, progress: Progress) -> Encoder:
    contents = encoder_files.read(path)
    recipe = contents.facts() | {"precision": precision, "windows": windows.RULE, "overlap": windows.OVERLAP}
    if precision == "int8":
        recipe["int8"] = onnx_network.RULE
    fingerprint = hashlib.sha256(canonical_json(recipe).encode()).hexdigest()
    shape = (contents.dimensions, contents.max_tokens)
    return Encoder(name, path, precision, *shape, fingerprint, contents.prompt, cache, progress)


def _fidelity(encoder: Encoder) -> float:
    """The lowest cosine of bf16 to fp32 on a sample, measured once per model and machine."""

    def measure(machines: list[str]) -> list[float]:
        return [network.Network(encoder.path, "fp32", encoder.max_tokens).fidelity() for _ in machines]

    kind = f"fidelity/{encoder.fingerprint}"
    model, where = f"{encoder.name}, {encoder.precision}", network.machine()
    return remember(encoder.cache, kind, [where], measure, lambda x: repr(x).encode(), float, model=model)[0]

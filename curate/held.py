"""What the models of a run said about a text, held in memory while the run lasts: each text is looked up once.

    models = held(detectors.load(cache=cache.open()))

The steps, the notes, the certificate and the report ask the same models about the same texts. The cache on disk would answer each
time, but finding, checking and unpacking an answer costs more than most steps make of it. Nothing is held past the run or
handed to `winnow verify`; beyond MOST bytes no more is held, and the cache answers as before. A model of another make stays as it is.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from curate.detectors import Models
from curate.encoder import Encoder
from curate.pii import Finder, Findings
from curate.progress import Progress, silent
from curate.toxicity import Scorer, WindowScore
from curate.windows import Encode, Windows
from curate.with_names import WithNames

T = TypeVar("T")

MOST = 500_000_000  # bytes of texts and vectors, of each model
_OVERHEAD = 200  # bytes beside a text and its vectors


def held(models: Models) -> Models:
    """The same models; each remembers what it said."""
    encoder, finder, scorer = models.encoder, models.find_pii, models.score_toxicity
    return replace(
        models,
        encoder=_HeldEncoder(**_parts(encoder)) if type(encoder) is Encoder else encoder,
        find_pii=_HeldFinder.of(finder) if type(finder) in (Finder, WithNames) else finder,
        score_toxicity=_HeldScorer(**_parts(scorer)) if type(scorer) is Scorer else scorer,
    )


def _parts(model: Any) -> dict[str, Any]:
    return {each.name: getattr(model, each.name) for each in fields(model)}


@dataclass
class Held(Generic[T]):
    """Answers by text, as long as there is room."""

    known: dict[str, T] = field(default_factory=dict)
    room: int = MOST

    def of(self, texts: Sequence[str], ask: Callable[[list[str]], Iterable[tuple[T, int]]]) -> list[T]:
        """One answer per text. `ask` gives the answers to new texts, each with its size in bytes."""
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        fresh: dict[str, T] = {}
        for text, (answer, size) in zip(new, ask(new) if new else (), strict=True):
            fresh[text] = answer
            self.room -= len(text) + size + _OVERHEAD
            if self.room > 0:
                self.known[text] = answer
        return [fresh[text] if text in fresh else self.known[text] for text in texts]


@dataclass
class _Encoded:
    """Windows of several calls, and where those of a text lie: call, first, last."""

    calls: list[Windows] = field(default_factory=list)
    places: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    room: int = MOST

    def of(self, texts: Sequence[str], encode: Encode) -> Windows:
        """The windows of the texts; `encode` is asked for those of new ones."""
        new = [text for text in dict.fromkeys(texts) if text not in self.places]
        calls, fresh = self.calls, dict[str, tuple[int, int, int]]()
        if new or not calls:
            found = encode(new)
            edges = np.searchsorted(found.text, np.arange(len(new) + 1)).tolist()
            fresh = {text: (len(calls), *edge) for text, edge in zip(new, itertools.pairwise(edges), strict=True)}
            calls = [*calls, found]
            self.room -= found.vectors.nbytes + sum(map(len, new)) + _OVERHEAD * len(new)
            if self.room > 0:
                self.calls = calls
                self.places |= fresh
        places = [fresh.get(text) or self.places[text] for text in texts]
        return _gathered(calls, np.array(places, np.int64).reshape(-1, 3))


def _gathered(calls: Sequence[Windows], places: npt.NDArray[np.int64]) -> Windows:
    """The windows at these places, in this order."""
    counts = places[:, 2] - places[:, 1]
    owner = np.repeat(np.arange(len(places), dtype=np.int32), counts)
    line = np.arange(len(owner)) + np.repeat(places[:, 1] - np.cumsum(counts) + counts, counts)
    call = places[:, 0][owner]
    vectors = np.empty((len(owner), calls[0].vectors.shape[1]), np.float32)
    start, end = np.empty(len(owner), np.int32), np.empty(len(owner), np.int32)
    for number in np.unique(call).tolist():
        own = call == number
        vectors[own] = calls[number].vectors[line[own]]
        start[own], end[own] = calls[number].start[line[own]], calls[number].end[line[own]]
    return Windows(vectors, owner, start, end, len(places))


@dataclass(frozen=True)
class _HeldEncoder(Encoder):
    """`encode` and `exact().encode` from memory."""

    said: _Encoded = field(default_factory=_Encoded, repr=False, compare=False)

    def encode(self, texts: Sequence[str]) -> Windows:
        """Windows of the texts, as the encoder gives them."""
        return self.said.of(texts, super().encode)

    @cached_property
    def _exact(self) -> Encoder:
        own = {each.name: getattr(self, each.name) for each in fields(Encoder)}
        return _HeldEncoder(**_parts(Encoder(**own).exact()))


@dataclass(frozen=True)
class _HeldFinder(Finder):
    """`find` from memory."""

    inner: Finder = field(kw_only=True, repr=False)
    said: Held[Findings] = field(default_factory=Held, repr=False, compare=False)

    @classmethod
    def of(cls, inner: Finder) -> "_HeldFinder":
        return cls(**{each.name: getattr(inner, each.name) for each in fields(Finder)}, inner=inner)

    def find(self, texts: Sequence[str], progress: Progress = silent) -> list[Findings]:
        """The findings in each text."""
        ask = self.inner.find
        return self.said.of(texts, lambda new: ((found, _OVERHEAD * len(found)) for found in ask(new, progress)))


@dataclass(frozen=True)
class _HeldScorer(Scorer):
    """`worst` from memory."""

    said: Held[WindowScore] = field(default_factory=Held, repr=False, compare=False)

    def worst(self, texts: Sequence[str], progress: Progress = silent) -> list[WindowScore]:
        """The worst window of each text."""
        ask = super().worst
        return self.said.of(texts, lambda new: ((found, _OVERHEAD) for found in ask(new, progress)))

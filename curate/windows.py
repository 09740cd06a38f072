"""Texts cut into windows that an encoder can read whole, and the vectors of those windows.

    windows = encoder.encode(["A short text.", "", long_text])
    windows.text               # 0, 2, 2, 2, ...: which text each window belongs to
    windows.without_window     # 1: an empty text cannot be compared

A text that fits is one window. A longer one becomes overlapping windows, so that nothing past the encoder's limit goes
unseen. A window is a piece of the text, and its vector is what the encoder says of exactly this piece.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.counted import counted

Vectors = npt.NDArray[np.float32]

OVERLAP = 0.25  # of a window's tokens, at least, are in the next window too
CHARACTERS_AT_ONCE = 4_000_000  # tokenised together: some 100 MB
ROWS_AT_ONCE = 1024  # in double precision: what stays in the processor's own cache
RULE = "windows-1"  # part of an encoder's fingerprint: change it when a text is cut in another way


class Piece(NamedTuple):
    """One window before it has a vector: `text[start:end]` as token ids."""

    text: int
    start: int
    end: int
    ids: list[int]


@dataclass(frozen=True)
class Windows:
    """Unit vectors [n, d] of windows, the number of the text each belongs to, and where in it they start and end.

    Sorted by text, then start. `texts` is how many texts were given; those without a window hold nothing to compare.
    """

    vectors: Vectors
    text: npt.NDArray[np.int32]
    start: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]
    texts: int

    def __len__(self) -> int:
        return len(self.text)

    def __str__(self) -> str:
        missing = len(self.without_window)
        return f"{counted(len(self), 'window')} of {counted(self.texts, 'text')}" + (
            f", {missing:,} not comparable" if missing else ""
        )

    @property
    def without_window(self) -> npt.NDArray[np.int64]:
        """Numbers of the texts that cannot be compared: empty, blank, or without one token that the encoder knows."""
        return np.setdiff1d(np.arange(self.texts), self.text)

    def mean_by_text(self) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Text numbers and one unit vector for each: the mean of its windows. Texts without a window are not in it."""
        numbers, first = np.unique(self.text, return_index=True)
        if not len(numbers):
            return numbers.astype(np.int64), self.vectors[:0]
        means = np.empty((len(numbers), self.vectors.shape[1]), np.float32)
        edges = np.append(first, len(self.text))
        for start in range(0, len(numbers), ROWS_AT_ONCE):
            ends = edges[start : start + ROWS_AT_ONCE + 1]
            some, firsts = self.vectors[ends[0] : ends[-1]], ends[:-1] - ends[0]
            sums = np.add.reduceat(some.astype(np.float64), firsts, axis=0)
            length = np.linalg.norm(sums, axis=1, keepdims=True)
            opposed = length[:, 0] < 1e-6  # windows that cancel out have no mean direction: the first one speaks
            sums[opposed] = some[firsts[opposed]]
            length[opposed] = 1.0
            means[start : start + len(firsts)] = sums / length
        return numbers.astype(np.int64), means


# What the steps of curation are given: they compare texts, and never load a model.
Encode = Callable[[Sequence[str]], Windows]


class Reduced(NamedTuple):
    """What stands behind vectors of reduced precision: the same in full, and how far the cosine of two may be off."""

    exact: Encode
    slack: float


def cut(
    tokenizer: Any, texts: Sequence[str], limit: int, *, prompt: str = "", unknown: int | None = None
) -> list[Piece]:
    """Windows of at most `limit` tokens, special tokens and `prompt` included, sorted by text and start.

    `tokenizer` is a `tokenizers.Tokenizer` that neither truncates nor pads. A window whose tokens are all `unknown` (a script
    that the encoder does not know, a long blob) is left out: its vector would be that of every other such window, so two
    texts with nothing in common would look the same. A text that is all like this has no window and is not comparable.
    """
    pieces = [piece for some in _batches(texts) for piece in _cut(tokenizer, texts, some, limit, prompt, unknown)]
    return sorted(pieces, key=lambda piece: piece[:3])


def spread(tokens: int, size: int) -> list[tuple[int, int]]:
    """Spans [first, last) of `size` tokens over a text of `tokens`, evenly spread, neighbours sharing OVERLAP or more."""
    if tokens <= size:
        return [(0, tokens)]
    shared = int(np.ceil(OVERLAP * size))
    count = -(-(tokens - shared) // (size - shared))
    firsts = [i * (tokens - size) // (count - 1) for i in range(count)]
    return [(first, first + size) for first in firsts]


def pack(spans: npt.NDArray[np.int32], vectors: Vectors, dtype: str) -> bytes:
    """The windows of one text as bytes: their number and width, starts and ends, vectors in `dtype`."""
    head = struct.pack("<II", len(spans), vectors.shape[1])
    return head + spans.astype("<i4").tobytes() + vectors.astype(dtype).tobytes()


def unpack(value: bytes, dimensions: int, dtype: str) -> tuple[npt.NDArray[np.int32], Vectors]:
    """What `pack` packed: spans [k, 2] and vectors [k, d] as stored, so not quite unit. ValueError where the bytes are something else."""
    if len(value) < 8:
        raise ValueError("too short")
    count, width = struct.unpack_from("<II", value)
    if width != dimensions or len(value) != 8 + count * (8 + width * np.dtype(dtype).itemsize):
        raise ValueError("of another encoder")
    spans = np.frombuffer(value, dtype="<i4", count=2 * count, offset=8).reshape(count, 2).astype(np.int32)
    stored = np.frombuffer(value, dtype=dtype, offset=8 + 8 * count).reshape(count, width)
    return spans, stored.astype(np.float32)


def unit(vectors: Vectors) -> Vectors:
    """Each row divided by its length; the length is summed in float64, so it is the same beside any other row."""
    out = np.empty(vectors.shape, np.float32)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        wide = vectors[start : start + ROWS_AT_ONCE].astype(np.float64)
        out[start : start + ROWS_AT_ONCE] = wide / np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return out


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    """Numbers of the texts that hold more than white space, in batches of bounded size."""
    batch: list[int] = []
    size = 0
    for number, text in enumerate(texts):
        if not text.strip():
            continue
        if batch and size + len(text) > CHARACTERS_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += len(text)
    if batch:
        yield batch


def _cut(
    tokenizer: Any, texts: Sequence[str], numbers: list[int], limit: int, prompt: str, unknown: int | None
) -> Iterator[Piece]:
    # A piece is tokenised anew on its own, and its edges may then give other tokens than they did inside the text. The
    # reserve makes it fit as a rule; a piece that still does not fit is cut again.
    waiting = [(number, 0, len(texts[number])) for number in numbers]
    while waiting:
        encoded = tokenizer.encode_batch([prompt + readable(texts[n][start:end]) for n, start, end in waiting])
        again = []
        for (number, start, end), encoding in zip(waiting, encoded, strict=True):
            ids, body = encoding.ids, _body(encoding, len(prompt))
            if all(ids[at] == unknown for at, _, _ in body):
                continue
            if len(ids) <= limit:
                yield Piece(number, start, end, ids)
            else:
                again += [(number, start + a, start + b) for a, b in _halves(body, len(ids), limit, end - start)]
        waiting = again


def _body(encoding: Any, prompt: int) -> list[tuple[int, int, int]]:
    """Position, start and end (in the piece) of the tokens that are the text's own."""
    return [
        (at, max(0, start - prompt), end - prompt)
        for at, ((start, end), special) in enumerate(zip(encoding.offsets, encoding.special_tokens_mask, strict=True))
        if not special and end > prompt
    ]


def _halves(body: list[tuple[int, int, int]], tokens: int, limit: int, length: int) -> list[tuple[int, int]]:
    """Character spans that cover a piece of `length` characters whose `tokens` are over the limit."""
    size = limit - (tokens - len(body)) - max(1, limit // 32)
    spans = [(body[first][1], body[last - 1][2]) for first, last in spread(len(body), max(size, 4))]
    spans[0] = (0, spans[0][1])
    spans[-1] = (spans[-1][0], length)
    if (0, length) not in spans:
        return spans
    middle, lap = length // 2, length // 8
    return [(0, middle + lap), (middle - lap, length)]


def readable(text: str) -> str:
    """The text with lone surrogates as question marks, of the same length: tokenizers refuse them."""
    return text.encode("utf-8", "replace").decode()

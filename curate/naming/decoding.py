"""From scores per word to names: the likeliest tags that make sense together, and how sure each name is.

    spans(tags)                   # [(first word, one past the last, kind), ...]

A name may only be continued where one has begun. Words that are surely outside names cut the text into short pieces, so that
a megabyte costs a thousand times a kilobyte.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from curate.naming.network import KINDS, TAGS, Floats

Ints = np.ndarray[Any, np.dtype[np.int64]]

SURELY_OUTSIDE = float(np.log(0.995))
LONGEST = 64  # words of a piece that is decoded at once; a longer run of names is cut

# What may follow what: a name is continued by its own kind only.
FOLLOWS = np.array([[not b.startswith("I") or (a[0] != "O" and a[2:] == b[2:]) for b in TAGS] for a in TAGS])
_COST = np.where(FOLLOWS, 0.0, -np.inf).astype(np.float32)
_START = np.where([tag.startswith("I") for tag in TAGS], -np.inf, 0.0).astype(np.float32)


def decode(scores: Floats, inside: Sequence[bool]) -> Ints:
    """The tag of each word: the best sequence in each piece between words that are surely outside."""
    tags = np.zeros(len(scores), np.int64)
    open_rows = np.flatnonzero((scores[:, 0] < SURELY_OUTSIDE) & np.asarray(inside, bool))
    pieces = [piece for run in _runs(open_rows) for piece in _cut(run)]
    by_length: dict[int, list[tuple[int, int]]] = {}
    for start, end in pieces:
        by_length.setdefault(end - start, []).append((start, end))
    for length, some in by_length.items():
        rows = np.array([start for start, _ in some])[:, None] + np.arange(length)
        tags[rows] = _best(scores[rows])
    return tags


def _runs(rows: Ints) -> Iterator[tuple[int, int]]:
    """Unbroken runs of row numbers as (first, one past the last)."""
    if len(rows):
        breaks = np.flatnonzero(np.diff(rows) > 1) + 1
        for run in np.split(rows, breaks):
            yield int(run[0]), int(run[-1]) + 1


def _cut(run: tuple[int, int]) -> Iterator[tuple[int, int]]:
    for start in range(run[0], run[1], LONGEST):
        yield start, min(start + LONGEST, run[1])


def _best(scores: Floats) -> Ints:
    """Viterbi over a batch of pieces of one length: batch x length x tags to batch x length."""
    batch, length, _ = scores.shape
    total = scores[:, 0] + _START
    back = np.zeros((length, batch, len(TAGS)), np.int64)
    for place in range(1, length):
        options = total[:, :, None] + _COST
        back[place] = options.argmax(1)
        total = np.take_along_axis(options, back[place][:, None], 1)[:, 0] + scores[:, place]
    out = np.zeros((batch, length), np.int64)
    out[:, -1] = total.argmax(1)
    for place in range(length - 1, 0, -1):
        out[:, place - 1] = back[place][np.arange(batch), out[:, place]]
    return out


def spans(tags: Ints) -> list[tuple[int, int, int]]:
    """Names as (first word, one past the last word, place of the kind in KINDS)."""
    starts = np.flatnonzero(tags % 2 == 1)
    out = []
    for start in starts.tolist():
        kind, end = int(tags[start]) // 2, start + 1
        while end < len(tags) and tags[end] == tags[start] + 1:
            end += 1
        out.append((start, end, kind))
    return out


def raw_score(scores: Floats, start: int, end: int, kind: int) -> float:
    """How sure the network is that these words are a name of this kind: the mean over its words, as a probability."""
    inside = np.logaddexp(scores[start:end, 1 + 2 * kind], scores[start:end, 2 + 2 * kind])
    return float(np.exp(inside).mean())


def calibrated(raw: float, knots: Sequence[Sequence[float]]) -> float:
    """The share of such findings that were right on texts kept for measuring, between knots (raw score, share)."""
    return float(np.interp(raw, [x for x, _ in knots], [y for _, y in knots]))


assert len(TAGS) == 1 + 2 * len(KINDS)

"""A few numbers for each vector that bound its cosines from above: most pairs are told to be far apart at a third of the cost.

    short = of(vectors, floor=0.7)
    short.rows @ short.rows.T + short.error      # nowhere below the cosines

The vectors are turned so that the first directions hold most of what they are (their principal components). The first
few stay; of the rest only its length stays, as one number more. By Cauchy and Schwarz the rests of two vectors cannot say more to
their product than the product of their lengths. So the product of two shortened vectors is a ceiling on the cosine, and a
pair whose ceiling lies below a floor needs no further look. How many directions stay is measured on a sample: it decides
what the search costs, never what it finds.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate import products

FEWEST = 6_000  # rows below which a product of all is as cheap as turning them
STEP = 32  # directions that are tried at once
SAMPLE = 1_000
ONE_BY_ONE = 35  # how much more a pair costs that is fetched and multiplied by itself than one in a product of blocks
ROWS_AT_ONCE = 8192

Vectors = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shortened:
    """`rows` [n, k + 1], as long as the vectors were; `error`: how far fp32 may put a ceiling too low, per unit of both lengths."""

    rows: Vectors
    error: float


def of(vectors: Vectors, floor: float, fewest: int = FEWEST) -> Shortened | None:
    """The vectors shortened for a search from `floor` up. None where the whole vectors are as cheap."""
    if len(vectors) < fewest or vectors.shape[1] <= 2 * STEP:
        return None
    directions = _directions(vectors)
    kept = _how_many(vectors[:: -(-len(vectors) // SAMPLE)], directions, floor)
    return None if kept is None else _to(vectors, directions, kept)


def to(vectors: Vectors, kept: int) -> Shortened:
    """The vectors with `kept` directions and the length of the rest."""
    return _to(vectors, _directions(vectors), kept)


def _to(vectors: Vectors, directions: Wide, kept: int) -> Shortened:
    rows = np.empty((len(vectors), kept + 1), np.float32)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        rows[some] = _short(vectors[some], directions, kept)
    # Rounded to fp32 a turned vector is off by 2^-24 of its length at most; two of them and the rest are within eight such.
    return Shortened(rows, products.summing(kept + 1 + 8))


def _directions(vectors: Vectors) -> Wide:
    """All directions [d, d], those first that hold most."""
    inner = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        some = vectors[start : start + ROWS_AT_ONCE]
        inner += some.T @ some
    found: Wide = np.linalg.eigh(inner)[1][:, ::-1]
    return found


def _short(vectors: Vectors, directions: Wide, kept: int) -> Vectors:
    wide = vectors.astype(np.float64)
    first = wide @ directions[:, :kept]
    whole = np.einsum("nd,nd->n", wide, wide)
    # What is lost where this difference cancels is far within 1e-11 of the whole; a rest may be too long, never too short.
    rest = np.sqrt(np.maximum(whole - np.einsum("nd,nd->n", first, first), 0.0) + 1e-11 * whole)
    return np.column_stack([first, rest * (1 + 2.0**-23)]).astype(np.float32)


def _how_many(sample: Vectors, directions: Wide, floor: float) -> int | None:
    """The directions with which the search is cheapest, or None where none saves a quarter."""
    dimensions = sample.shape[1]
    best, cheapest = None, 0.75 * dimensions
    for kept in range(STEP - 1, dimensions, STEP):
        short = _short(sample, directions, kept)
        passes = float((short @ short.T >= floor).mean())
        cost = kept + 1 + ONE_BY_ONE * dimensions * passes
        if cost < cheapest:
            best, cheapest = kept, cost
    return best

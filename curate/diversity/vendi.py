"""How many rows' worth of difference a set holds: the Vendi score.

    vendi(vectors)             # 1 for copies of one row, n for n rows that have nothing in common

exp(-sum l ln l) over the eigenvalues l of K/n, with K the cosines of all pairs (Friedman and Dieng 2023, "The Vendi
Score", TMLR). For unit rows X the eigenvalues of X X'/n that are not 0 are those of X'X/n, which is d x d: exact, and
cheap for any number of rows.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from typing import Any

import numpy as np
import numpy.typing as npt

from curate.cache import Cache
from curate.diversity.remembered import kept
from curate.stats import Interval
from curate.windows import Vectors

ROWS_AT_ONCE = 8192
Gram = npt.NDArray[np.float64]


def vendi(vectors: Vectors) -> float:
    """The effective number of different rows among unit vectors [n, d]; 0 for none."""
    return math.exp(_entropy(np.linalg.eigvalsh(gram(vectors)))) if len(vectors) else 0.0


def interval(vectors: Vectors, confidence: float = 0.95, *, cache: Cache | None = None) -> Interval:
    """The score and its bounds, on a logarithmic scale. A `cache` holds those of vectors that were seen before.

    The standard error is the infinitesimal jackknife (Efron 1982, "The Jackknife, the Bootstrap and Other Resampling
    Plans", ch. 6): what the bootstrap tends to with many draws, to first order. Row x moves the entropy by
    -x' ln(X'X/n) x - H. Draws with replacement would be biased: a third of the rows are missing from each.
    """
    return Interval(*kept(cache, f"vendi/{confidence}", vectors, lambda: astuple(_interval(vectors, confidence))))


def _interval(vectors: Vectors, confidence: float) -> Interval:
    from statistics import NormalDist

    n = len(vectors)
    if n == 0:
        return Interval(None, None, None, 0, "infinitesimal jackknife", confidence)
    with _one_thread():
        values, axes = np.linalg.eigh(gram(vectors))
    entropy = _entropy(values)
    # Of directions that no row has, rounding leaves some: their logarithm would be noise.
    logs = np.log(np.where(values > 1e-12, values, 1.0))
    moves = [-np.square(part.astype(np.float64) @ axes) @ logs - entropy for part in _parts(vectors)]
    se = float(np.concatenate(moves).std(ddof=0)) / math.sqrt(n)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * se
    value = math.exp(entropy)
    low, high = max(1.0, math.exp(entropy - half)), min(float(n), math.exp(entropy + half))
    return Interval(value, min(low, value), max(high, value), n, "infinitesimal jackknife", confidence, se * value)


def in_words(score: float, rows: int) -> str:
    """The score as a sentence."""
    each = rows / score if score else 0.0
    some = f"{score:,.0f} rows" if score >= 10 else f"{score:.1f} rows"
    return f"{rows:,} rows differ from each other as much as {some} with nothing in common would: one new thing in {each:,.0f} rows"


def _one_thread() -> AbstractContextManager[Any]:
    """Several threads spend longer waiting for each other than a matrix of this size takes."""
    from threadpoolctl import threadpool_limits

    limit: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limit


def gram(vectors: Vectors) -> Gram:
    """X'X / n of unit rows [n, d], in float64."""
    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for part in _parts(vectors):
        rows = part.astype(np.float64)
        total += rows.T @ rows
    return total / len(vectors)


def _entropy(values: npt.NDArray[np.floating[Any]]) -> float:
    """-sum l ln l. They sum to 1 for unit rows; what fp32 rounded off is put back, so that copies give 1."""
    some = values[values > 0]
    some = some / some.sum()
    return max(0.0, float(-(some * np.log(some)).sum()))


def _parts(vectors: Vectors) -> Sequence[Vectors]:
    return [vectors[start : start + ROWS_AT_ONCE] for start in range(0, len(vectors), ROWS_AT_ONCE)]

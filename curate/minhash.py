"""Propose pairs of texts that may share most of their shingles, without comparing all pairs.

    propose(["how do I reset the lamp", "how do I reset the lamp?"])      # [(0, 1)]

MinHash (Broder 1997) in bands (Leskovec et al., Mining of Massive Datasets, ch. 3): a pair of Jaccard similarity J is
proposed with probability 1 - (1 - J^ROWS)^BANDS, which is .996 at J = .7 and .72 at .5. It only proposes: whoever calls
confirms each pair on the real sets.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from curate import text
from curate.progress import Progress, silent

BANDS, ROWS = 20, 4
# So many characters at a time keep the working set in the processor's cache and memory flat.
CHARS_AT_A_TIME = 1_000_000
CROWD = 200

Hashes = npt.NDArray[np.uint32]


def propose(
    texts: Sequence[str], *, beside: Sequence[str] | None = None, seed: int = 0, progress: Progress = silent
) -> list[tuple[int, int]]:
    """Pairs (i < j) that share a band, sorted. Texts without a single shingle are never proposed.

    `beside` is a second text of each row that must agree too (the answer beside the question). It divides bands in which
    more than `CROWD` rows meet, so that ten thousand answers to one question are not fifty million pairs; a pair in such
    a crowd is proposed with probability .97 at J = .7 in both texts.
    """
    signed, signatures = signatures_of(texts, seed=seed, progress=progress)
    second = np.zeros((len(texts), BANDS), np.uint32)
    if beside is not None:
        placed, found = signatures_of(beside, seed=seed + 1, progress=progress)
        second[placed] = found[:, :BANDS]
    pairs = [np.empty(0, np.int64)]
    for band in range(BANDS):
        keys = signatures[:, band * ROWS : (band + 1) * ROWS]
        for members in _groups(signed, keys):
            smaller = [members] if len(members) <= CROWD else _groups(members, second[members, band : band + 1])
            pairs += [_all_pairs(some, len(texts)) for some in smaller]
        pairs = [np.unique(np.concatenate(pairs))]
    return [(int(code // len(texts)), int(code % len(texts))) for code in pairs[0]]


def _groups(members: npt.NDArray[np.int64], keys: Hashes) -> Iterator[npt.NDArray[np.int64]]:
    """Members with equal keys, two and more."""
    order = np.lexsort(keys.T)
    ranked = keys[order]
    new = np.append(True, (ranked[1:] != ranked[:-1]).any(axis=1))
    edges = np.append(np.flatnonzero(new), len(order))
    for start, stop in pairwise(edges):
        if stop - start > 1:
            yield np.sort(members[order[start:stop]])


def _all_pairs(members: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Every pair of a group as one number, i * n + j."""
    first, second = np.triu_indices(len(members), 1)
    return members[first] * n + members[second]


def signatures_of(
    texts: Sequence[str], *, seed: int = 0, progress: Progress = silent
) -> tuple[npt.NDArray[np.int64], Hashes]:
    """Positions of the texts that have shingles, and their signatures [n, BANDS * ROWS]."""
    random = np.random.default_rng(seed)
    factors = random.integers(0, 2**32, BANDS * ROWS, dtype=np.uint32) | np.uint32(1)
    offsets = random.integers(0, 2**32, BANDS * ROWS, dtype=np.uint32)
    positions, parts = [np.empty(0, np.int64)], [np.empty((0, BANDS * ROWS), np.uint32)]
    for start, batch in _batches(texts):
        hashes, starts, owners = _shingle_hashes(batch)
        if len(owners):
            # Multiply-shift on a well-mixed 32-bit hash stands in for a random permutation.
            parts.append(
                np.stack(
                    [np.minimum.reduceat(hashes * f + o, starts) for f, o in zip(factors, offsets, strict=True)], 1
                )
            )
            positions.append(owners + start)
        progress("near: signatures", start + len(batch), len(texts))
    return np.concatenate(positions), np.concatenate(parts)


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    batch, size, start = list[str](), 0, 0
    for i, said in enumerate(texts):
        plain = text.loose(said)
        batch.append(plain)
        size += len(plain)
        if size >= CHARS_AT_A_TIME:
            yield start, batch
            batch, size, start = [], 0, i + 1
    if batch:
        yield start, batch


def _shingle_hashes(plain: Sequence[str]) -> tuple[Hashes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Hashes of all shingles, one text after the other; where each text starts; which texts have any."""
    size = text.SHINGLE
    # A text shorter than a shingle is padded to one, so that short rows are compared too.
    padded = [said.ljust(size, "\0") if said else "" for said in plain]
    lengths = np.array([len(said) for said in padded], np.int64)
    owners = np.flatnonzero(lengths)
    if not len(owners):
        return np.empty(0, np.uint32), np.empty(0, np.int64), owners
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    rolling = np.zeros(len(codes) - size + 1, np.uint64)
    for i in range(size):
        rolling = rolling * np.uint64(1_000_003) + codes[i : len(codes) - size + 1 + i]
    ends = np.cumsum(lengths)
    # Windows that reach over the end of a text belong to nobody.
    inside = np.ones(len(rolling), bool)
    for back in range(1, size):
        over = ends - back
        inside[over[(over >= 0) & (over < len(rolling))]] = False
    counts = lengths[owners] - size + 1
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return _mix(rolling[inside]), starts, owners


def _mix(values: npt.NDArray[np.uint64]) -> Hashes:
    """The finaliser of MurmurHash3 (Appleby, public domain), upper half."""
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xFF51AFD7ED558CCD)
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xC4CEB9FE1A85EC53)
    return (values >> np.uint64(32)).astype(np.uint32)

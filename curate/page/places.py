"""Where each query lies on a map: unit vectors to two dimensions, so that what means the same lies together.

    x, y = lay_out(vectors, cache=cache.open()).T

Principal components take the vectors to 50 dimensions, t-SNE (van der Maaten and Hinton 2008) those to two. Near points are
alike; how far two far points lie apart, and how wide a cloud is, says nothing. `benchmarks/map/` has the table by which this
was chosen. The same vectors give the same map, on one thread or on several; it is kept in the cache under their fingerprint.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from curate.cache import Cache
from curate.progress import Progress, silent
from curate.windows import Vectors

Places = npt.NDArray[np.float32]

DIMENSIONS = 50
PERPLEXITY = 15.0
STEPS = 500
ANGLE = 0.8  # of the tree that stands for far points: coarser than usual, no worse by the table
FEWEST = 50  # rows; below, t-SNE has too few neighbours to keep, and principal components show all there is
RULE = f"pca-{DIMENSIONS}/tsne/perplexity-{PERPLEXITY:g}/steps-{STEPS}/angle-{ANGLE:g}/1"


def lay_out(vectors: Vectors, *, seed: int = 0, cache: Cache | None = None, progress: Progress = silent) -> Places:
    """A place in the unit square for each vector [n, d]: float32 [n, 2], the same for the same vectors in the same order."""
    if not len(vectors):
        return np.empty((0, 2), np.float32)
    key = _fingerprint(vectors, seed)
    kind = f"map/{RULE}"
    held = cache.get(kind, [key]).get(key) if cache else None
    if held is not None and len(held) == 8 * len(vectors):
        return np.frombuffer(held, "<f4").reshape(-1, 2).astype(np.float32)
    progress("lay out the map", 0, len(vectors))
    places = _squared(_neighbours_together(vectors, seed))
    if cache:
        cache.note(kind, "places of queries on the map")
        cache.put(kind, {key: places.astype("<f4").tobytes()})
    progress("lay out the map", len(vectors), len(vectors))
    return places


def components(vectors: Vectors, count: int) -> npt.NDArray[np.float64]:
    """The leading principal components [n, count], by the d x d covariance; each points where its largest weight is positive."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # several threads would add up in another order
        centred = vectors.astype(np.float64)
        centred -= centred.mean(axis=0)
        _, axes = np.linalg.eigh(centred.T @ centred)
        axes = axes[:, ::-1][:, :count]
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        found: npt.NDArray[np.float64] = centred @ axes
    return found


def _neighbours_together(vectors: Vectors, seed: int) -> npt.NDArray[np.float64]:
    few = components(vectors, DIMENSIONS)
    start = few[:, :2] if few.shape[1] > 1 else np.column_stack([few[:, 0], np.zeros(len(few))])
    spread = float(start[:, 0].std())
    if len(vectors) < FEWEST or spread < 1e-9:
        return start
    from sklearn.manifold import TSNE

    made = TSNE(2, perplexity=PERPLEXITY, max_iter=STEPS, angle=ANGLE, init=(start / spread * 1e-4).astype(np.float32),
                random_state=seed, n_jobs=-1)  # fmt: skip
    found: npt.NDArray[np.float64] = made.fit_transform(few.astype(np.float32)).astype(np.float64)
    return found


def _squared(places: npt.NDArray[np.float64]) -> Places:
    """Moved and scaled into the unit square, both axes alike."""
    low, high = places.min(axis=0), places.max(axis=0)
    side = float((high - low).max()) or 1.0
    found: Places = ((places - (low + high) / 2) / side + 0.5).astype(np.float32)
    return found


def _fingerprint(vectors: Vectors, seed: int) -> str:
    content = np.ascontiguousarray(vectors, dtype="<f4")
    return hashlib.sha256(f"{RULE}/{seed}/{content.shape}/".encode() + content.tobytes()).hexdigest()

"""Which way down to two dimensions keeps neighbours together, and what it costs: the table behind `curate/page/places.py`.

    python benchmarks/map/projections.py chat/dolly_15k.jsonl.gz            # vectors come from the cache, else they are made
    python benchmarks/map/projections.py rows.npy --ways pca,tsne --rows 25000

Trustworthiness (Venna and Kaski 2001): 1 minus a penalty for rows that lie near on the map and far in truth. Kept: of the ten
nearest in truth, the share that is among the ten nearest on the map. Both on a sample of rows, against all rows. Ways whose
package is not installed are named and left out: `pip install openTSNE umap-learn pacmap`.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
NEAREST = 10
SAMPLE = 1_500


def reduced(vectors: Vectors, dimensions: int) -> Vectors:
    """The leading principal components."""
    from sklearn.decomposition import PCA

    return PCA(dimensions, random_state=0).fit_transform(vectors).astype(np.float32)


def pca(vectors: Vectors) -> Vectors:
    return reduced(vectors, 2)


def tsne(vectors: Vectors) -> Vectors:
    from sklearn.manifold import TSNE

    return TSNE(2, init="pca", perplexity=30, random_state=0, n_jobs=2).fit_transform(reduced(vectors, 50))


def tsne_short(vectors: Vectors) -> Vectors:
    """With half the steps."""
    from sklearn.manifold import TSNE

    few = reduced(vectors, 50)
    return TSNE(2, init="pca", perplexity=15, max_iter=500, angle=0.8, random_state=0, n_jobs=2).fit_transform(few)


def opentsne(vectors: Vectors) -> Vectors:
    import openTSNE

    few = reduced(vectors, 50)
    made = openTSNE.TSNE(2, perplexity=30, initialization="pca", neighbors="exact", random_state=0, n_jobs=2)
    return np.asarray(made.fit(few))


def opentsne_approx(vectors: Vectors) -> Vectors:
    import openTSNE

    few = reduced(vectors, 50)
    made = openTSNE.TSNE(2, perplexity=30, initialization="pca", neighbors="approx", random_state=0, n_jobs=2)
    return np.asarray(made.fit(few))


def umap(vectors: Vectors) -> Vectors:
    import umap as package

    return package.UMAP(n_neighbors=15, min_dist=0.1, metric="cosine", random_state=0).fit_transform(vectors)


def pacmap(vectors: Vectors) -> Vectors:
    import pacmap as package

    return package.PaCMAP(n_components=2, random_state=0).fit_transform(vectors)


WAYS: dict[str, Callable[[Vectors], Vectors]] = {
    "pca": pca,
    "tsne": tsne,
    "tsne_short": tsne_short,
    "opentsne": opentsne,
    "opentsne_approx": opentsne_approx,
    "umap": umap,
    "pacmap": pacmap,
}


def judged(vectors: Vectors, places: Vectors, sample: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Trustworthiness and the share of nearest rows kept, both at ten neighbours."""
    n, k = len(vectors), NEAREST
    penalty = kept = 0.0
    for row in sample:
        far = 1 - vectors @ vectors[row]
        near = ((places - places[row]) ** 2).sum(axis=1)
        far[row] = near[row] = np.inf
        rank = np.empty(n, np.int64)
        rank[np.argsort(far, kind="stable")] = np.arange(1, n + 1)
        ranks = rank[np.argpartition(near, k)[:k]]
        penalty += float(np.clip(ranks - k, 0, None).sum())
        kept += float((ranks <= k).mean())
    return 1 - penalty * 2 / (len(sample) * k * (2 * n - 3 * k - 1)), kept / len(sample)


def vectors_of(path: Path) -> Vectors:
    if path.suffix == ".npy":
        return np.load(path)
    from curate import cache, encoder, files
    from curate import chats as chat

    with cache.open() as kept:
        rows = files.read([path]).chats
        return encoder.load(cache=kept).encode(chat.queries(rows)).mean_by_text()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=0, help="only so many")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--twice", action="store_true", help="run each way again: are the bytes the same?")
    asked = parser.parse_args()
    vectors = vectors_of(asked.data)
    vectors = vectors[: asked.rows or len(vectors)]
    sample = np.random.default_rng(0).choice(len(vectors), min(SAMPLE, len(vectors)), replace=False)
    print(
        f"{len(vectors):,} vectors of {vectors.shape[1]}; trustworthiness and neighbours kept on {len(sample):,} rows"
    )
    print("| way | trustworthiness | neighbours kept | seconds | CPU seconds | same bytes twice |")
    print("|---|---|---|---|---|---|")
    for name in asked.ways.split(","):
        try:
            wall, cpu = time.perf_counter(), time.process_time()
            places = WAYS[name](vectors)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        except ImportError as missing:
            print(f"| {name} | not installed: {missing.name} | | | | |")
            continue
        same = str(bool((WAYS[name](vectors) == places).all())) if asked.twice else "not tried"
        trust, share = judged(vectors, places, sample)
        print(f"| {name} | {trust:.3f} | {share:.3f} | {wall:.1f} | {cpu:.1f} | {same} |", flush=True)


if __name__ == "__main__":
    main()

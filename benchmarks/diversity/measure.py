"""Topics, Vendi score, selection and gaps on Dolly, whose rows have categories that people gave them, beside peers.

python benchmarks/diversity/measure.py --data DIR [topics vendi selection gaps]

vendi-score, apricot-select and umap-learn are measured where they are installed, and named as absent where they are not.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from curate import cache, encoder, files
from curate.diversity import coverage, row_vectors, selection, topic_tree, vendi
from curate.diversity.row_vectors import RowVectors

DOLLY = "chat/dolly_15k.jsonl.gz"
SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("parts", nargs="*", default=[], help="which parts; all without")
    asked = parser.parse_args()
    chats = files.read([asked.data / DOLLY]).chats
    model = encoder.load(cache=cache.open())
    rows = row_vectors.of(chats, model.encode)
    said = dict(zip(chats["id"], (json.loads(extra)["category"] for extra in chats["extra"]), strict=True))
    print(f"{rows}; {model}\n")
    for name, part in {"topics": topics, "vendi": score, "selection": select, "gaps": gaps}.items():
        if not asked.parts or name in asked.parts:
            print(f"## {name}\n", flush=True)
            part(rows, np.array([said[row] for row in rows.ids]))
            print(flush=True)


def topics(rows: RowVectors, category: np.ndarray) -> None:
    """Agreement with the categories, over all rows (noise one group) and over the rows that a topic holds."""
    from sklearn.cluster import HDBSCAN, KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import adjusted_mutual_info_score as ami

    flat = rows.vectors.astype(np.float64)

    def hdbscan(places: np.ndarray, smallest: int, method: str) -> np.ndarray:
        found: np.ndarray = HDBSCAN(min_cluster_size=smallest, cluster_selection_method=method, copy=True).fit_predict(
            places
        )
        return found

    def reduced(width: int) -> np.ndarray:
        places: np.ndarray = PCA(width, svd_solver="covariance_eigh").fit_transform(flat)
        return places

    ways: dict[str, Callable[[int], np.ndarray]] = {
        "winnow": lambda seed: topic_tree.grow(rows.vectors, seed=seed).labels,
        "winnow, themes": lambda seed: _themes(topic_tree.grow(rows.vectors, seed=seed)),
        "k-means, 38 topics, 384 dimensions": lambda seed: KMeans(38, n_init=1, random_state=seed).fit_predict(flat),
        "k-means, 38 topics, 16 components": lambda seed: KMeans(38, n_init=1, random_state=seed).fit_predict(reduced(16)),
        "k-means, 8 topics, 384 dimensions": lambda seed: KMeans(8, n_init=1, random_state=seed).fit_predict(flat),
    }  # fmt: skip
    once: dict[str, Callable[[], np.ndarray]] = {
        "HDBSCAN, 5 components, smallest 15": lambda: hdbscan(reduced(5), 15, "eom"),
        "HDBSCAN, 15 components, smallest 15": lambda: hdbscan(reduced(15), 15, "eom"),
        "HDBSCAN, 15 components, smallest 15, leaves": lambda: hdbscan(reduced(15), 15, "leaf"),
    }
    print("| way | topics | noise | AMI, all rows | AMI, rows in a topic | CPU s |\n|---|---|---|---|---|---|")
    for name, way in ways.items():
        _line(name, [(way, seed) for seed in range(SEEDS)], category, ami)
    for name, single in once.items():
        _line(name, [(lambda _, single=single: single(), 0)], category, ami)
    if importlib.util.find_spec("umap") is None:
        print("\numap-learn is not installed: UMAP + HDBSCAN was left out")
        return
    import umap

    def bertopic_style(seed: int, smallest: int) -> np.ndarray:
        places = umap.UMAP(
            n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed
        ).fit_transform(flat)
        return hdbscan(places.astype(np.float64), smallest, "eom")

    for smallest in (10, 50):
        name = f"UMAP + HDBSCAN as in BERTopic, smallest {smallest}"
        _line(
            name,
            [(lambda seed, smallest=smallest: bertopic_style(seed, smallest), seed) for seed in (0, 1)],
            category,
            ami,
        )


def _themes(tree: topic_tree.TopicTree) -> np.ndarray:
    return np.array([*tree.themes, topic_tree.NOISE])[tree.labels]


def _line(
    name: str, runs: list[tuple[Callable[[int], np.ndarray], int]], category: np.ndarray, ami: Callable[..., float]
) -> None:
    found = []
    for way, seed in runs:
        started = time.process_time()
        labels = way(seed)
        seconds, on = time.process_time() - started, labels >= 0
        found.append((labels.max() + 1, 1 - on.mean(), ami(category, labels), ami(category[on], labels[on]), seconds))
    count, noise, whole, held, seconds = np.mean(found, axis=0)
    print(f"| {name} | {count:.0f} | {100 * noise:.0f} % | {whole:.3f} | {held:.3f} | {seconds:.1f} |", flush=True)


def score(rows: RowVectors, category: np.ndarray) -> None:
    """Equality with vendi-score's exact form through the d x d matrix, the ratio of times, and the interval beside a bootstrap."""
    some = rows.vectors[:5000]
    started = time.process_time()
    for _ in range(10):
        ours = vendi.vendi(some)
    mine = (time.process_time() - started) / 10
    if importlib.util.find_spec("vendi_score"):
        from vendi_score import vendi as package

        started = time.process_time()
        for _ in range(10):
            theirs = package.score_dual(some.astype(np.float64), normalize=False)
        other = (time.process_time() - started) / 10
        print(f"score_dual {theirs:.9f}, winnow {ours:.9f}, difference {abs(theirs - ours):.1e}")
        print(
            f"CPU s: score_dual {other:.3f} (plus the change to float64), winnow {mine:.3f}, ratio {mine / other:.2f}"
        )
    else:
        print("vendi-score is not installed: left out")
    found, rng = vendi.interval(rows.vectors), np.random.default_rng(0)
    drawn = [vendi.vendi(rows.vectors[rng.integers(0, len(rows), len(rows))]) for _ in range(100)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    print(f"all {len(rows):,} rows: {found}; standard error {found.se:.3f}")
    print(
        f"bootstrap, 100 draws: mean {np.mean(drawn):.2f}, standard error {np.std(drawn, ddof=1):.3f}, percentiles {low:.2f} to {high:.2f}"
    )


def select(rows: RowVectors, category: np.ndarray) -> None:
    """Coverage of each rule beside random rows at every k, and facility location beside apricot-select."""
    k = 500
    at_random = selection.random_covered(rows.vectors, k)
    marks = (10, 50, 100, 200, 500)
    print("| rule | " + " | ".join(f"k = {mark}" for mark in marks) + " | above random at every k | CPU s |")
    print("|---|" + "---|" * (len(marks) + 2))
    for rule in ("facility-location", "k-centre"):
        started = time.process_time()
        found = selection.choose(rows.vectors, k, rule)
        seconds = time.process_time() - started
        cells = " | ".join(f"{found.covered[mark - 1]:.3f}" for mark in marks)
        above = np.array(found.covered) - at_random
        print(
            f"| {rule} | {cells} | {'yes' if (above > 0).all() else 'no'}, least {above.min():+.3f} | {seconds:.1f} |",
            flush=True,
        )
    print("| random | " + " | ".join(f"{at_random[mark - 1]:.3f}" for mark in marks) + " | | |\n")
    if importlib.util.find_spec("apricot") is None:
        print("apricot-select is not installed: left out")
        return
    _apricot(rows.vectors[:4000], 200)


def _apricot(vectors: np.ndarray, k: int) -> None:
    from apricot import FacilityLocationSelection

    started = time.process_time()
    mine = selection.choose(vectors, k)
    ours = time.process_time() - started
    near = np.clip(vectors.astype(np.float64) @ vectors.T.astype(np.float64), 0, 1)
    FacilityLocationSelection(2, metric="precomputed").fit(near[:50, :50])  # compiles
    for optimizer in ("lazy", "two-stage"):
        started = time.process_time()
        table = np.clip(vectors.astype(np.float64) @ vectors.T.astype(np.float64), 0, 1)
        order = FacilityLocationSelection(k, metric="precomputed", optimizer=optimizer).fit(table).ranking
        seconds = time.process_time() - started
        same = sum(a == b for a, b in zip(order.tolist(), mine.order, strict=True))
        value, own = near[:, order].max(axis=1).sum(), near[:, list(mine.order)].max(axis=1).sum()
        print(f"apricot ({optimizer}), {len(vectors):,} rows, k = {k}: {same} of {k} choices the same in order; "
              f"objective {value:.4f}, winnow {own:.4f}; CPU s {seconds:.1f}, winnow {ours:.1f}", flush=True)  # fmt: skip


def gaps(rows: RowVectors, category: np.ndarray) -> None:
    """Each topic in turn is taken out of the training rows; where does the reference's gap stand that holds its rows?"""
    rng = np.random.default_rng(0)
    for size in (200, 1000):
        tree = topic_tree.grow(rows.vectors)
        away = rng.choice(len(rows), size, replace=False)
        reference, training = rows.take(away.tolist()), np.setdiff1d(np.arange(len(rows)), away)
        # With the rows between topics: what is removed is all that lies nearest to the topic's middle.
        nearest = (rows.vectors @ tree.centres.T).argmax(axis=1)
        of = nearest[np.sort(away)]
        whole = coverage.cover(rows.take(training.tolist()), reference)
        first = found = most = 0
        for topic in range(tree.count):
            members = {reference.ids[place] for place in np.flatnonzero(of == topic)}
            if len(members) < 5:
                continue
            left = training[nearest[training] != topic]
            got = coverage.cover(rows.take(left.tolist()), reference)
            most += 1
            held = [len(members & set(gap.members)) for gap in got.gaps]
            first += held[0] == max(held)
            found += max(held) in held[:3]
        print(f"reference of {size:,} rows: nothing removed, missing mass {whole.missing}")
        print(
            f"  topics removed one by one: {most}; the gap with most of its queries stands first {first} times, among three {found}",
            flush=True,
        )


if __name__ == "__main__":
    main()

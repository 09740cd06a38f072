"""Measure the toxicity scorer: per source, per HateCheck function, on ordinary instruction data, and its speed.

    python benchmarks/toxicity/measure.py --data DIR [--peer PYTHON] [--list FILE] [--truth sample_data] [--top 40]

DIR holds the public sets of `benchmarks/README.md`; none of them is shipped. `--peer` is a Python that has
alt-profanity-check (it runs apart, in its own environment). `--list` is a word list, a word on each line. `--top N` prints the most
highly scored Dolly answers, to be judged by eye; without it no text is printed.
"""

import argparse
import gzip
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bias
import numpy as np
import polars as pl

from curate import stats, toxicity

DRAWS = 500
PEER = (
    "import json, sys; from profanity_check import predict_prob as p; t = json.load(sys.stdin); "
    "json.dump([float(x) for x in p(t)], sys.stdout)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the toxicity scorer.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer", type=Path, help="python with alt-profanity-check")
    parser.add_argument("--list", type=Path, help="word list, one word a line")
    parser.add_argument("--plot", type=Path, help="where the reliability plot goes (SVG)")
    parser.add_argument("--most", type=int, default=2000, help="texts of each ordinary set; 0 for all")
    parser.add_argument("--truth", type=Path, help="folder of sample data with truth.parquet")
    parser.add_argument("--top", type=int, default=0)
    options = parser.parse_args()
    score, by_words = toxicity.load(), toxicity.load("words")
    print(
        f"{score.name}, fingerprint {score.fingerprint[:16]}, default threshold {score.threshold:g}; {by_words.name}: {by_words.threshold:g}\n"
    )
    rows = list(lines(options.data / "toxicity" / "toxicity_test.jsonl.gz"))
    texts = [r["text"] for r in rows]
    ours = filled(score(texts))
    flags = {score.name: ours >= score.threshold}
    by_source(rows, ours, score.threshold, "words, then meaning")
    worded = filled(by_words(texts))
    flags[by_words.name] = worded >= by_words.threshold
    by_source(rows, worded, by_words.threshold, "words alone")
    if options.peer:
        said = peer(texts, options.peer)
        flags["alt-profanity-check"] = said >= 0.5
        by_source(rows, said, 0.5, "alt-profanity-check, threshold .5")
    if options.list:
        listed = word_list(texts, options.list)
        flags["word list"] = listed >= 0.5
        by_source(rows, listed, 0.5, "word list")
    gaps(rows, flags)
    by_function(rows, ours, score)
    calibrated(rows, ours, options.plot)
    kept = ordinary(options.data, score, options.top, options.most)
    trade_off(rows, ours, kept)
    speed(texts, score, by_words)
    if options.truth:
        planted(options.truth, score)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        yield from (json.loads(line) for line in handle)


def filled(scores: Sequence[float | None]) -> np.ndarray:
    """Unscored texts count as not flagged; how many there are is printed beside each share."""
    return np.array([np.nan if s is None else s for s in scores])


def peer(texts: list[str], python: Path) -> np.ndarray:
    done = subprocess.run([python, "-c", PEER], input=json.dumps(texts), capture_output=True, text=True, check=True)
    return np.array(json.loads(done.stdout))


def word_list(texts: list[str], path: Path) -> np.ndarray:
    """1 where a word of the list stands in the text by itself."""
    listed = [re.escape(word.strip().lower()) for word in path.read_text(encoding="utf-8").splitlines() if word.strip()]
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(listed, key=len, reverse=True))})(?!\w)")
    return np.array([float(bool(pattern.search(said.lower()))) for said in texts])


def gaps(rows: list[dict[str, Any]], flags: dict[str, np.ndarray]) -> None:
    """How far groups lie apart in the share of harmless texts flagged: lower is fairer, and 'flag nothing' has 0."""
    print("### False alarms between identity groups: widest gap, at each scorer's own threshold\n")
    print("| scorer | set | groups | lowest | highest | gap | toxic texts found |\n|---|---|---|---|---|---|---|")
    for source, title in bias.GROUPED.items():
        some = np.array([r["source"] == source for r in rows])
        here = [r for r in rows if r["source"] == source]
        labels = np.array([int(r["label"]) for r in here])
        groups = bias.groups_of(here)
        for name, flagged in flags.items():
            found = bias.per_group(groups, labels, flagged[some].astype(float), 0.5)
            shares = [v["harmless flagged"] for v in found.values()]
            recall = flagged[some][labels == 1].mean()
            print(
                f"| {name} | {title} | {len(shares)} | {min(shares):.3f} | {max(shares):.3f} | {max(shares) - min(shares):.3f} | {recall:.3f} |"
            )
    print()


def calibrated(rows: list[dict[str, Any]], scores: np.ndarray, plot: Path | None) -> None:
    """How far a score is from the share of toxic texts that have it, by source; bins of a tenth."""
    print(
        "### Calibration: expected calibration error on test text, ten bins\n\n| source | n | ECE | mean score | toxic |\n|---|---|---|---|---|"
    )
    curves = {}
    for source in sorted({r["source"] for r in rows}):
        here = np.array([r["source"] == source for r in rows]) & ~np.isnan(scores)
        labels = np.array([float(r["label"]) for r in rows])[here]
        at = np.minimum((scores[here] * 10).astype(int), 9)
        curve = [
            ((at == b).sum(), scores[here][at == b].mean(), labels[at == b].mean())
            for b in range(10)
            if (at == b).any()
        ]
        ece = sum(n * abs(said - true) for n, said, true in curve) / len(labels)
        curves[source] = curve
        print(f"| {source} | {len(labels):,} | {ece:.3f} | {scores[here].mean():.3f} | {labels.mean():.3f} |")
    print()
    if plot:
        draw(curves, plot)


def draw(curves: dict[str, list[tuple[int, float, float]]], plot: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "winnow"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 4.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for source, curve in curves.items():
        axes.plot(
            [said for n, said, _ in curve if n >= 20],
            [true for n, _, true in curve if n >= 20],
            marker="o",
            label=source,
            markersize=3,
        )
    axes.set(xlabel="score", ylabel="share of toxic texts", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=7)
    figure.savefig(plot, metadata={"Date": None})


def auc(pairs: np.ndarray) -> float:
    """Share of (toxic, harmless) pairs in the right order, ties counting half (Mann and Whitney 1947)."""
    labels, scores = pairs[:, 0], pairs[:, 1]
    ranks = pl.Series(scores).rank("average").to_numpy()
    toxic = int(labels.sum())
    if toxic in (0, len(labels)):
        return float("nan")
    return float((ranks[labels == 1].sum() - toxic * (toxic + 1) / 2) / (toxic * (len(labels) - toxic)))


def f1(pairs: np.ndarray, threshold: float) -> float:
    hit, toxic = pairs[:, 1] >= threshold, pairs[:, 0] == 1
    return float(2 * (hit & toxic).sum() / max(1, hit.sum() + toxic.sum()))


def interval(pairs: np.ndarray, statistic: Any) -> str:
    rng = np.random.default_rng(0)
    drawn = [statistic(pairs[rng.integers(0, len(pairs), len(pairs))]) for _ in range(DRAWS)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return f"{statistic(pairs):.3f} ({low:.3f} to {high:.3f})"


def by_source(rows: list[dict[str, Any]], scores: np.ndarray, threshold: float, name: str) -> None:
    print(f"### {name}: AUC and F1 by source, 95 % bootstrap intervals\n")
    print(
        "| source | n | toxic | unscored | AUC | F1 | recall | false alarms | F1 if all flagged |\n|---|---|---|---|---|---|---|---|---|"
    )
    for source in sorted({r["source"] for r in rows}):
        here = np.array([r["source"] == source for r in rows])
        labels = np.array([float(r["label"]) for r in rows])[here]
        unscored = int(np.isnan(scores[here]).sum())
        pairs = np.column_stack([labels, np.nan_to_num(scores[here])])
        hit = pairs[:, 1] >= threshold
        toxic = labels == 1
        everything = 2 * toxic.sum() / (len(labels) + toxic.sum())
        print(
            f"| {source} | {len(pairs):,} | {int(toxic.sum()):,} | {unscored} | {interval(pairs, auc)} | "
            f"{interval(pairs, lambda p: f1(p, threshold))} | {share(hit[toxic])} | {share(hit[~toxic])} | {everything:.3f} |"
        )
    print()


def share(hit: np.ndarray) -> str:
    found = stats.wilson(int(hit.sum()), len(hit))
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})" if len(hit) else "none"


def by_function(rows: list[dict[str, Any]], scores: np.ndarray, score: toxicity.Scorer) -> None:
    here = [i for i, r in enumerate(rows) if r["source"] == "hatecheck"]
    assert score.attack
    attack = filled(score.attack([rows[i]["text"] for i in here]))
    labels = np.array([float(rows[i]["label"]) for i in here])
    print("### HateCheck by function: share judged right, 95 % Wilson interval\n")
    print(
        f"AUC of the toxicity score {interval(np.column_stack([labels, np.nan_to_num(scores[here])]), auc)}, ", end=""
    )
    print(f"of the identity attack score {interval(np.column_stack([labels, np.nan_to_num(attack)]), auc)}\n")
    print(
        f"| function | label | n | toxic at {score.threshold:g} | toxic at .5 | identity attack at .5 |\n|---|---|---|---|---|---|"
    )
    judged = [(scores[here] >= score.threshold), (scores[here] >= 0.5), (attack >= 0.5)]
    kinds = np.array([rows[i]["category"] for i in here])
    for name in [*sorted(set(kinds)), "all hateful", "all not hateful", "all"]:
        part = {"all hateful": labels == 1, "all not hateful": labels == 0, "all": labels >= 0}.get(name, kinds == name)
        label = {1.0: "hateful", 0.0: "not hateful"}.get(float(labels[part].mean()), "both")
        right = " | ".join(share((said == (labels == 1))[part]) for said in judged)
        print(f"| {name} | {label} | {int(part.sum())} | {right} |")
    print()


def drawn(texts: list[str], most: int) -> list[str]:
    """At most so many of the texts, the same ones every time."""
    chosen = np.random.default_rng(0).permutation(len(texts))[: most or None]
    return [texts[i] for i in sorted(chosen.tolist())]


def ordinary(data: Path, score: toxicity.Scorer, top: int, most: int) -> dict[str, np.ndarray]:
    print("### Ordinary data: share flagged at the default threshold, 95 % Wilson interval\n")
    print("| set | texts | flagged | share | unscored |\n|---|---|---|---|---|")
    dolly = list(lines(data / "chat" / "dolly_15k.jsonl.gz"))
    pairs = list(lines(data / "overlap" / "contamination_pairs.jsonl.gz"))
    sets = {
        "Dolly 15k, queries with context": [f"{r['instruction']}\n{r['context']}" for r in dolly],
        "Dolly 15k, answers": [r["response"] for r in dolly],
        "Alpaca demo, all sides": sides(data / "chat" / "alpaca_en_demo.json"),
        "instruction_1100, all sides (four fifths trained on)": sides(data / "chat" / "instruction_1100.json"),
        "GSM8K and its rephrasings (a fifth trained on)": sorted(
            {r["candidate"] for r in pairs if r["source"] == "gsm8k"}
        ),
        "GSM-Plus": sorted({r["candidate"] for r in pairs if r["source"] == "gsm_plus"}),
        "Java and Python code": sorted({r["candidate"] for r in pairs if r["source"] == "humaneval"}),
    }
    kept = {}
    for name, everything in (sets | mixture(data)).items():
        texts = drawn(everything, most)
        scores = score(texts)
        kept[name] = filled(scores)
        scored = np.array([s for s in scores if s is not None])
        hit = scored >= score.threshold
        print(f"| {name} | {len(scored):,} | {int(hit.sum())} | {share(hit)} | {len(texts) - len(scored)} |")
        if top and name.startswith(("Dolly", "mixture")):
            print(name, file=sys.stderr)
            worst = sorted(((s, i) for i, s in enumerate(scores) if s is not None), reverse=True)[:top]
            for value, i in worst:
                found = toxicity.score_windows([texts[i]], score.score_short)[0]
                print(
                    f"    {value:.3f} row {i}: {' '.join(texts[i][found.start : found.end].split())[:260]}",
                    file=sys.stderr,
                )
    print()
    return kept


def trade_off(rows: list[dict[str, Any]], ours: np.ndarray, kept: dict[str, np.ndarray]) -> None:
    """What other thresholds would find and cost: the user's choice."""
    found = {name: scores for name, scores in kept.items() if "answers" in name}
    for source in sorted({r["source"] for r in rows}):
        found[f"{source}, toxic"] = ours[[r["source"] == source and r["label"] == 1 for r in rows]]
    print("### Share flagged at other thresholds\n")
    cuts = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
    print(f"| set | n | {' | '.join(map(str, cuts))} |\n|---|---|{'---|' * len(cuts)}")
    for name, scores in found.items():
        shares = " | ".join(f"{(np.nan_to_num(scores) >= cut).mean():.4f}" for cut in cuts)
        print(f"| {name} | {len(scores):,} | {shares} |")
    print()


def mixture(data: Path) -> dict[str, list[str]]:
    """Answers of the mixed instruction set, by source, but for the sources that stand above."""
    found: dict[str, set[str]] = {}
    for row in lines(data / "dedup" / "dedup_planted.jsonl.gz"):
        if not row["source"].startswith(("dolly", "gsm")):
            said = {m["content"] for m in row["messages"] if m["role"] == "assistant"}
            found.setdefault(f"mixture: {row['source']}, answers", set()).update(said)
    return {name: sorted(texts) for name, texts in sorted(found.items()) if len(texts) >= 300}


def sides(path: Path) -> list[str]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [side for r in rows for side in (f"{r['instruction']} {r.get('input') or ''}", r["output"]) if side.strip()]


def speed(texts: list[str], *scorers: toxicity.Scorer) -> None:
    thirty = [" ".join((t + " ").split() * 30) for t in texts]
    thirty = [" ".join(t.split()[:30]) for t in thirty if t.split()][:4000]
    for score in scorers:
        score(thirty[:8])
        began = time.process_time()
        score(thirty)
        spent = time.process_time() - began
        print(
            f"{score.name}: {len(thirty):,} test texts of 30 words in {spent:.2f} CPU seconds: {len(thirty) / spent:,.0f} a second"
        )
    print()


def planted(folder: Path, score: toxicity.Scorer) -> None:
    from curate import files

    chats = files.read(folder / "support-raw.jsonl").chats
    truth = pl.read_parquet(folder / "truth.parquet")
    turns = toxicity.turn_scores(chats, score)
    flagged = turns.filter(pl.col("score") >= score.threshold)["row_id"].unique().to_list()
    print("### Sample data: rows with a toxic turn at the default threshold\n")
    print("| planted | rows | flagged |\n|---|---|---|")
    marked = truth.filter(pl.col("fault").is_in(["toxic", "benign"])).with_columns(hit=pl.col("row_id").is_in(flagged))
    for fault, kind, n, hit in (
        marked.group_by("fault", "kind").agg(pl.len(), pl.col("hit").sum()).sort("fault", "kind").rows()
    ):
        print(f"| {fault}: {kind} | {n} | {hit} |")
    others = len(set(flagged) - set(marked["row_id"]))
    print(
        f"| any other row | {chats.height - marked['row_id'].n_unique()} | {others} |\n\n{toxicity.count(turns, score.threshold)}"
    )


if __name__ == "__main__":
    main()

"""Measure the toxicity scorer: per source, per HateCheck function, on ordinary instruction data, and its speed.

    python benchmarks/toxicity/measure.py --data DIR [--peer PYTHON] [--truth sample_data] [--top 40]

DIR holds the public sets of `benchmarks/README.md`; none of them is shipped. `--peer` is a Python that has
alt-profanity-check (it runs apart, in its own environment). `--top N` prints the most highly scored Dolly answers, to
be judged by eye; without it no text is printed.
"""

import argparse
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
    parser.add_argument("--truth", type=Path, help="folder of sample data with truth.parquet")
    parser.add_argument("--top", type=int, default=0)
    options = parser.parse_args()
    score = toxicity.load()
    print(f"{score.name}, fingerprint {score.fingerprint[:16]}, default threshold {score.threshold:g}\n")
    rows = list(lines(options.data / "toxicity" / "toxicity_test.jsonl.gz"))
    ours = filled(score([r["text"] for r in rows]))
    by_source(rows, ours, score.threshold, "ours")
    if options.peer:
        by_source(rows, peer([r["text"] for r in rows], options.peer), 0.5, "alt-profanity-check, threshold .5")
    by_function(rows, ours, score.threshold)
    ordinary(options.data, score, options.top)
    trade_off(rows, ours, options.data, score)
    speed([r["text"] for r in rows], score)
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


def by_function(rows: list[dict[str, Any]], scores: np.ndarray, threshold: float) -> None:
    print("### HateCheck by function: share judged right, 95 % Wilson interval\n")
    print("| function | label | n | right |\n|---|---|---|---|")
    for name in sorted({r["category"] for r in rows if r["source"] == "hatecheck"}):
        here = [i for i, r in enumerate(rows) if r["source"] == "hatecheck" and r["category"] == name]
        label = int(rows[here[0]]["label"])
        right = (np.nan_to_num(scores[here]) >= threshold) == (label == 1)
        print(f"| {name} | {'hateful' if label else 'not hateful'} | {len(here)} | {share(right)} |")
    print()


def ordinary(data: Path, score: toxicity.Scorer, top: int) -> None:
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
    for name, texts in (sets | mixture(data)).items():
        scores = score(texts)
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


def trade_off(rows: list[dict[str, Any]], ours: np.ndarray, data: Path, score: toxicity.Scorer) -> None:
    """What other thresholds would find and cost: the user's choice."""
    found = {"Dolly answers": filled(score([r["response"] for r in lines(data / "chat" / "dolly_15k.jsonl.gz")]))}
    found |= {name: filled(score(texts)) for name, texts in mixture(data).items() if "alpaca, " in name}
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


def speed(texts: list[str], score: toxicity.Scorer) -> None:
    thirty = [" ".join((t + " ").split() * 30) for t in texts]
    thirty = [" ".join(t.split()[:30]) for t in thirty if t.split()]
    began = time.process_time()
    score(thirty)
    spent = time.process_time() - began
    print(f"{len(thirty):,} texts of 30 words in {spent:.2f} CPU seconds: {len(thirty) / spent:,.0f} a second\n")


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

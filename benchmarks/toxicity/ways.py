"""The ways to build a small toxicity scorer, in one table: what each finds, weighs and costs.

    python benchmarks/toxicity/ways.py --data DIR

a  a head of 128 units on the encoder's cached sentence vectors      b  words and letter runs
c  a and b, stacked by logistic regression on held-out text          d  the cascade that ships: b, and e where b leaves a doubt
e  the encoder with a low-rank change
All learn from the same text, `curate/models/toxicity_examples.py`. b, d and e are the shipped weights; a is trained here.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import auc, lines

from curate import cache, encoder, shipped
from curate.toxic import embedded, features

sys.path.insert(0, str(shipped.model("")))
Scores = Callable[[Sequence[str]], np.ndarray]
TIMED = 1500


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the ways to build a toxicity scorer.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", type=int, default=30_000, help="training texts for the head")
    parser.add_argument("--every", type=int, default=1, help="take every n-th test text")
    options = parser.parse_args()
    from toxicity_adapter import thinned
    from toxicity_examples import collect

    examples = collect(options.data, 0)
    held_out = [e for e in examples if e.held_out][::3]
    train = [e for e in thinned(examples, 0) if not e.held_out]
    train = [train[i] for i in np.random.default_rng(0).permutation(len(train))[: options.part]]
    rows = list(lines(options.data / "toxicity" / "toxicity_test.jsonl.gz"))[:: options.every]
    with cache.open() as kept:
        ways = built(train, held_out, encoder.load(cache=kept))
        sources = sorted({r["source"] for r in rows})
        print(f"| way | {' | '.join(sources)} | KB | texts per CPU second |\n|---|{'---|' * (len(sources) + 2)}")
        for name, (score, size) in ways.items():
            found = score([r["text"] for r in rows])
            print(
                f"| {name} | {' | '.join(f'{of(rows, found, s):.3f}' for s in sources)} | {size:,} | {rate(score, rows):,.0f} |",
                flush=True,
            )


def of(rows: list[dict[str, Any]], found: np.ndarray, source: str) -> float:
    here = np.array([r["source"] == source for r in rows])
    return auc(np.column_stack([np.array([float(r["label"]) for r in rows])[here], found[here]]))


def rate(score: Scores, rows: list[dict[str, Any]]) -> float:
    """On texts that no cache knows: a word is added to each."""
    texts = [f"{r['text']} {time.time_ns()}" for r in rows[:: max(1, len(rows) // TIMED)]]
    began = time.process_time()
    score(texts)
    return len(texts) / (time.process_time() - began)


def built(train: list[Any], held_out: list[Any], used: encoder.Encoder) -> dict[str, tuple[Scores, int]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    stages, _, _ = embedded.stages()
    assert stages.meaning
    head = MLPClassifier((128,), batch_size=256, max_iter=8, random_state=0, early_stopping=False)
    head.fit(vectors([e.text for e in train], used), [e.toxic for e in train])

    def by_head(texts: Sequence[str]) -> np.ndarray:
        return np.log(np.clip(head.predict_proba(vectors(texts, used))[:, 1], 1e-6, 1))

    def by_words(texts: Sequence[str]) -> np.ndarray:
        return stages.words.logits([features.words(t) for t in texts], {})

    said = [e.text for e in held_out]
    stack = LogisticRegression().fit(np.column_stack([by_head(said), by_words(said)]), [e.toxic for e in held_out])

    def stacked(texts: Sequence[str]) -> np.ndarray:
        return np.column_stack([by_head(texts), by_words(texts)]) @ stack.coef_[0]

    def cascade(texts: Sequence[str]) -> np.ndarray:
        return np.array([s or 0.0 for s in stages.judge(texts)])

    def adapted(texts: Sequence[str]) -> np.ndarray:
        assert stages.meaning
        return stages.meaning.logits(texts)[:, 0]

    of_words = 6 * int((stages.words.weights != 0).sum()) // 1000
    of_head = 2 * (384 * 128 + 128) // 1000
    of_adapter = sum(t.nbytes for t in stages.meaning.tensors.values()) // 1000
    return {
        "a: head on sentence vectors": (by_head, of_head),
        "b: words and letter runs": (by_words, of_words),
        "c: a and b stacked": (stacked, of_head + of_words),
        "e: adapted encoder": (adapted, of_adapter),
        "d: b, then e (ships)": (cascade, of_words + of_adapter),
    }


def vectors(texts: Sequence[str], used: encoder.Encoder) -> np.ndarray:
    numbers, found = used.encode(texts).mean_by_text()
    out = np.zeros((len(texts), used.dimensions), np.float32)
    out[numbers] = found
    return out


if __name__ == "__main__":
    main()

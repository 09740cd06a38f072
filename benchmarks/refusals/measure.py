"""Measure the refusal detector against people: sensitivity and specificity with intervals, per model that was labelled.

    python benchmarks/refusals/measure.py --data DIR

DIR holds `guardrails/refusal_labels.jsonl.gz` (XSTest prompts, completions of two models, labels of people; see
`benchmarks/README.md`). Rules were written with one half of the prompts in view, chosen by hash; the figures that count
are those of the other half. A partial refusal counts as a refusal.
"""

import argparse
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from curate import refusals
from curate.stats import wilson


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the refusal detector.")
    parser.add_argument("--data", type=Path, required=True)
    place = parser.parse_args().data / "guardrails" / "refusal_labels.jsonl.gz"
    with gzip.open(place, "rt", encoding="utf-8") as handle:
        rows = [json.loads(line) for line in handle]
    detector = refusals.load()
    print(f"{detector.name}, fingerprint {detector.fingerprint}\n")
    print("| prompts | model | sensitivity | specificity | full refusals found |\n|---|---|---|---|---|")
    for half, title in ((0, "seen while writing the rules"), (1, "held out")):
        for model in sorted({row["model"] for row in rows}):
            some = [row for row in rows if row["model"] == model and half_of(row["prompt"]) == half]
            counts = agreement(some, detector)
            found, refused, passed, answered = counts
            full = [row for row in some if row["label"].startswith("2")]
            whole = agreement(full, detector)
            print(
                f"| {title} | {model} | {wilson(found, refused)} | {wilson(passed, answered)} | {wilson(*whole[:2])} |"
                f" <!-- {counts} -->"
            )


def half_of(prompt: str) -> int:
    """0 or 1 by the hash of the prompt, so that both models' answers to it fall into one half."""
    return int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % 2


def agreement(rows: list[dict[str, Any]], detector: refusals.Detector) -> tuple[int, int, int, int]:
    """Refusals found, refusals, answers passed, answers."""
    said = [found.kind == "refusal" for found in detector([row["completion"].strip() for row in rows])]
    truth = [not row["label"].startswith("1") for row in rows]
    hits = sum(a and b for a, b in zip(said, truth, strict=True))
    passes = sum(not a and not b for a, b in zip(said, truth, strict=True))
    return hits, sum(truth), passes, len(truth) - sum(truth)


if __name__ == "__main__":
    main()

"""How fast texts become vectors, and how near they stay to fp32: sentence-transformers' own `encode`, and ours.

    python benchmarks/encode/measure.py --data DIR             # prints the table
    python benchmarks/encode/measure.py --data DIR --write     # and puts it into README.md beside this file

DIR holds `chat/dolly_15k.jsonl.gz`. Instructions and responses of rows drawn with a fixed seed; everybody encodes the same
parts in turn, in one process, on one thread. CPU seconds are counted, not seconds: other programs may run beside it.
"""

import argparse
import gzip
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from curate import encoder
from curate.errors import WinnowError

HERE = Path(__file__).parent
PARTS = 3
SEED = 0
ALIKE = 0.5  # pairs at least this alike are those that a threshold may have to part
PAIRS_OF = 3000  # texts, all pairs of which are compared


@dataclass
class Contestant:
    """Who encodes: texts in, a vector for each text of one window out, and the CPU seconds so far."""

    name: str
    encode: Callable[[Sequence[str]], np.ndarray]
    seconds: float = 0.0
    vectors: list[np.ndarray] = field(default_factory=list)

    def run(self, texts: Sequence[str]) -> None:
        start = time.process_time()
        self.vectors.append(self.encode(texts))
        self.seconds += time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=3000, help="how many texts (half instructions, half responses)")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    # Read when torch is loaded, which is later.
    os.environ["OMP_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"] = "1", "false"
    texts = sample(options.data / "chat" / "dolly_15k.jsonl.gz", options.texts)
    exact = encoder.load(precision="fp32")
    windows = exact.encode(texts)
    single = np.bincount(windows.text, minlength=len(texts)) == 1
    runners, missing = contestants(exact)
    compete(runners, texts)
    found = table(runners, windows.vectors[np.isin(windows.text, np.flatnonzero(single))], single, texts, len(windows))
    text = "\n".join([found, *missing])
    print(text)
    if options.write:
        machine.replace_between(HERE / "README.md", "encode", text)


def sample(path: Path, count: int) -> list[str]:
    """Distinct instructions and responses, alternating."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(SEED).shuffle(rows)
    texts = dict.fromkeys(text for row in rows for text in (row["instruction"], row["response"]) if text.strip())
    return list(texts)[:count]


def contestants(exact: encoder.Encoder) -> tuple[list[Contestant], list[str]]:
    """Everybody who can run here, warm, and a line for each who cannot."""
    from sentence_transformers import SentenceTransformer

    theirs: Any = SentenceTransformer(str(exact.path), device="cpu", local_files_only=True)
    runners = [
        Contestant(
            "sentence-transformers, fp32, as it comes",
            lambda texts: theirs.encode(list(texts), batch_size=32, show_progress_bar=False),
        ),
        Contestant("Winnow, fp32", lambda texts: means(exact, texts)),
    ]
    missing = []
    for precision in ("bf16", "int8"):
        try:
            runners.append(ours(precision))
        except WinnowError as no:
            missing.append(f"\nNot measured: {precision} ({no}).")
    for runner in runners:
        runner.encode(["One text to load everything.", "Another."])
    return runners, missing


def ours(precision: Any) -> Contestant:
    chosen = encoder.load(precision=precision)
    return Contestant(f"Winnow, {precision}", lambda texts: means(chosen, texts))


def means(chosen: encoder.Encoder, texts: Sequence[str]) -> np.ndarray:
    found = chosen.encode(texts)
    out = np.zeros((len(texts), chosen.dimensions), np.float32)
    numbers, vectors = found.mean_by_text()
    out[numbers] = vectors
    return out


def compete(runners: list[Contestant], texts: list[str]) -> None:
    """Part after part, everybody in turn, another one first each time."""
    for part in range(PARTS):
        some = texts[part * len(texts) // PARTS : (part + 1) * len(texts) // PARTS]
        for at in range(len(runners)):
            runners[(part + at) % len(runners)].run(some)


def table(runners: list[Contestant], exact: np.ndarray, single: np.ndarray, texts: list[str], windows: int) -> str:
    first, fp32 = runners[0].seconds, runners[1].seconds
    counted = (
        f"{len(texts):,} distinct texts of databricks-dolly-15k, which Winnow reads whole as {windows:,} windows and "
        f"sentence-transformers cuts off after 256 tokens; cosines over the {int(single.sum()):,} texts of one window."
    )
    off = f"most that the cosine of two texts is off (pairs from {ALIKE:g} on) |"
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {machine.described()}; one thread.",
        counted,
        "",
        "| | texts per CPU second | to sentence-transformers | to Winnow's fp32 | cosine to fp32, mean | least | "
        + off,
        "|---|---|---|---|---|---|---|",
    ]
    for runner in runners:
        own = np.concatenate(runner.vectors)[single]
        cosines = (own * exact).sum(axis=1)
        lines.append(
            f"| {runner.name} | {len(texts) / runner.seconds:,.0f} | {first / runner.seconds:.2f} x | "
            f"{fp32 / runner.seconds:.2f} x | {cosines.mean():.5f} | {cosines.min():.5f} | {worst(own, exact):.4f} |"
        )
    return "\n".join(lines)


def worst(own: np.ndarray, exact: np.ndarray) -> float:
    """The largest difference between a pair's cosine and that in fp32, over pairs that are somewhat alike."""
    true, said = (part[:PAIRS_OF] @ part[:PAIRS_OF].T for part in (exact, own))
    return float(np.abs(true - said)[true >= ALIKE].max())


if __name__ == "__main__":
    main()

"""Would a static tier pay? What a distilled table of token vectors proposes, beside what the encoder proposes.

    python benchmarks/encode/static_tier.py --data DIR             # prints the figures
    python benchmarks/encode/static_tier.py --data DIR --write     # and puts them into README.md beside this file

A static tier would propose the pairs worth encoding, so that texts that come near no other are never encoded. It pays where
the margin that finds 99 % of the true pairs leaves few texts. Pairs: the reworded duplicates of DIR/dedup, among questions drawn
with a fixed seed, and the contaminated pairs of DIR/overlap, candidates against eval items. What is left to encode is counted on
drawn questions that stand in no planted pair: against all questions of DIR/dedup, and against the eval items. The table is
distilled by `benchmarks/dedup/static_embedder.py`.
"""

import argparse
import gzip
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.dedup import static_embedder
from curate import cache, encoder

HERE = Path(__file__).parent
SEED = 0
WANTED = 0.99
AT_ONCE = 1024
OTHERS = 1000  # questions on which is counted what is left to encode
HEAD = (
    "| pairs that say the same | the encoder's floor | found there | static cosine that finds 99 % of them | "
    "pairs it proposes | pairs the encoder proposes | of 1,000 other questions still to encode, among how many |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=6000, help="how many questions the planted pairs lie among")
    parser.add_argument("--write", action="store_true", help="put the figures into README.md")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"] = "1", "false"
    with tempfile.TemporaryDirectory() as place:
        static_embedder.make(Path(place))
        table = Static(Path(place))
    exact = encoder.load(precision="fp32", cache=cache.open())
    lines = [
        f"Measured on {machine.described()}; one thread. The table: {table.size / 1e6:.1f} MB.",
        "",
        HEAD,
        "|---|---|---|---|---|---|---|",
    ]
    everything = sorted(
        {row["messages"][0]["content"] for row in _read(options.data / "dedup" / "dedup_planted.jsonl.gz")}
    )
    own, cases = planted(options.data, options.texts), contaminated(options.data)
    others = own[1][-OTHERS:]
    lines.append(row(*own, others, everything, table, exact))
    lines.append(row(*cases, others, cases[2], table, exact))
    lines += ["", speed(table, others)]
    text = "\n".join(lines)
    print(text)
    if options.write:
        machine.replace_between(HERE / "README.md", "static", text)


class Static:
    """A text's vector is the mean of its tokens'."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self.vectors = np.load(folder / "vectors.npy").astype(np.float32)
        self.size = (folder / "vectors.npy").stat().st_size
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = []
        for found in self.tokenizer.encode_batch(list(texts), add_special_tokens=False):
            mean = self.vectors[found.ids].mean(axis=0) if found.ids else np.zeros(self.vectors.shape[1], np.float32)
            rows.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
        return np.array(rows)


Case = tuple[str, list[str], list[str], set[tuple[int, int]], float]


def planted(data: Path, count: int) -> Case:
    """Questions against themselves, with the reworded pairs; the floor is the one of two questions with equal answers."""
    asked = {row["id"]: row["messages"][0]["content"] for row in _read(data / "dedup" / "dedup_planted.jsonl.gz")}
    truth = [row for row in _read(data / "dedup" / "dedup_truth.jsonl.gz") if row["is_duplicate"]]
    reworded = [row for row in truth if "paraphrase" in row["kind"]]
    pairs = [(asked[row["id_a"]], asked[row["id_b"]]) for row in reworded if {row["id_a"], row["id_b"]} <= asked.keys()]
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    rest = sorted(set(asked.values()) - set(texts))
    random.Random(SEED).shuffle(rest)
    texts += rest[: max(0, count - len(texts))]
    place = {text: number for number, text in enumerate(texts)}
    wanted = {tuple(sorted((place[a], place[b]))) for a, b in pairs if a != b}
    return "planted paraphrases, among themselves", texts, texts, wanted, 0.70  # type: ignore[return-value]


def contaminated(data: Path) -> Case:
    """Candidates against eval items; the floor is the overlap rule's."""
    from curate.overlap_rule import Rule

    rows = [row for row in _read(data / "overlap" / "contamination_pairs.jsonl.gz") if row["is_contaminated"] == 1]
    left, right = (list(dict.fromkeys(row[side] for row in rows)) for side in ("candidate", "eval_item"))
    here, there = ({text: number for number, text in enumerate(side)} for side in (left, right))
    pairs = {(here[row["candidate"]], there[row["eval_item"]]) for row in rows}
    return "contaminated, against eval items", left, right, pairs, Rule().floor


def _read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def row(
    name: str,
    left: list[str],
    right: list[str],
    pairs: set[tuple[int, int]],
    floor: float,
    others: list[str],
    among: list[str],
    table: Static,
    exact: Any,
) -> str:
    """What the static cosine must be for WANTED of the pairs that the encoder proposes, and what it then lets through."""
    same = left is right
    sides = [_means(exact, left), _means(exact, right)]
    true = [pair for pair in sorted(pairs) if float(sides[0][pair[0]] @ sides[1][pair[1]]) >= floor]
    static = [table.encode(left), table.encode(right)]
    scores = np.sort([float(static[0][a] @ static[1][b]) for a, b in true])
    bar = float(scores[int((1 - WANTED) * len(scores))])
    proposed, usual = _above(*static, bar, same), _above(*sides, floor, same)
    scores = table.encode(others) @ table.encode(among).T
    place = {text: number for number, text in enumerate(among)}
    for number, text in enumerate(others):
        if text in place:
            scores[number, place[text]] = -1.0
    encoded = int((scores >= bar).any(axis=1).sum())
    every = len(left) * (len(left) - 1) // 2 if same else len(left) * len(right)
    return (
        f"| {len(pairs):,} {name} | {floor:.2f} | {len(true):,} ({len(true) / len(pairs):.1%}) | {bar:.2f} "
        f"({WANTED:.0%}) | {proposed:,} ({proposed / every:.1%} of all) | {usual:,} ({usual / every:.2%}) | "
        f"{encoded:,}, among {len(among):,} |"
    )


def _above(left: np.ndarray, right: np.ndarray, floor: float, same: bool) -> int:
    """Pairs at or above the floor, each once."""
    pairs = 0
    for start in range(0, len(left), AT_ONCE):
        near = left[start : start + AT_ONCE] @ right.T >= floor
        if same:
            near[np.arange(len(near)), start + np.arange(len(near))] = False
        pairs += int(near.sum())
    return pairs // 2 if same else pairs


def _means(chosen: Any, texts: list[str]) -> np.ndarray:
    out = np.zeros((len(texts), chosen.dimensions), np.float32)
    numbers, vectors = chosen.encode(texts).mean_by_text()
    out[numbers] = vectors
    return out


def speed(table: Static, texts: list[str]) -> str:
    """CPU seconds of the table and of the encoder as it is chosen here, on some of the texts, without a cache."""
    some, chosen = texts[:500], encoder.load()
    _means(chosen, some[:2])
    table.encode(some[:2])
    seconds = []
    for encode in (table.encode, lambda these: _means(chosen, these)):
        start = time.process_time()
        encode(some)
        seconds.append(time.process_time() - start)
    return f"CPU on {len(some)} of these questions, cold: static {seconds[0]:.2f} s, {chosen.precision} {seconds[1]:.2f} s."


if __name__ == "__main__":
    main()

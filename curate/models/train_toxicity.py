"""Train the toxicity scorer and write `toxicity.safetensors` beside this file.

    python curate/models/train_toxicity.py --data DIR

DIR holds `toxicity/toxicity_train.jsonl.gz` (only its Davidson and implicit hate parts are read, both MIT) and
`chat/instruction_1100.json` (Apache-2.0). The rest of the training text is written for this project and lies in
`toxicity_phrases.yaml`. A fifth of every source, and a fifth of the written sentence patterns, is held out; the default
threshold is chosen there and nowhere else. Same data and seed, same bytes out; the hashes to pin are printed.
"""

import argparse
import gzip
import hashlib
import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from curate import toxicity
from curate import toxicity_features as features

HERE = Path(__file__).parent
SLOT = re.compile(r"\{(\w+)\}")
AIMED = re.compile(r"\{(hate|insult|threat)\}")
PER_PATTERN = 70
STRENGTH = 2.0  # C of the logistic regression
FEWEST = 4  # training texts that a feature must be seen in; rarer ones are noise on new text
WEIGHT = {
    "davidson": 1.0,
    "implicit_hate": 0.5,
    "instruction": 3.0,
    "ordinary": 3.0,
    "posts": 2.0,
    "written": 2.0,
    "mixed": 2.0,
    "long": 1.0,
}
HARMLESS_TWEET = 4.0  # five in six Davidson tweets are toxic, so the sixth counts more
ORDINARY = ("instruction", "ordinary", "posts")
MOST_FALSE_ALARMS = 0.002  # of held-out ordinary text, at the default threshold


@dataclass(frozen=True)
class Example:
    text: str
    label: int
    source: str
    held_out: bool
    kind: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the toxicity scorer.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "toxicity.safetensors")
    options = parser.parse_args()
    labelled = tweets(options.data)
    examples = [*labelled, *instructions(options.data), *ordinary(options.data), *posts(options.data, labelled)]
    examples += written(options.seed)
    examples += [*mixed(examples, options.seed), *long(examples, options.seed)]
    groups = toxicity.read_groups((HERE / "toxicity_groups.txt").read_text())
    train = [e for e in examples if not e.held_out]
    print(f"{len(train):,} examples to train on, {len(examples) - len(train):,} held out")
    save(options.out, fit(train, groups), [e for e in examples if e.held_out], groups)


def is_held_out(key: str) -> bool:
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % 5 == 0


def tweets(data: Path) -> list[Example]:
    with gzip.open(data / "toxicity" / "toxicity_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    wanted = [r for r in rows if r["source"] in ("davidson", "implicit_hate")]
    return [Example(r["text"], int(r["label"]), r["source"], is_held_out(r["text"])) for r in wanted]


def instructions(data: Path) -> list[Example]:
    rows = json.loads((data / "chat" / "instruction_1100.json").read_text(encoding="utf-8"))
    sides = [(" ".join([r["instruction"], r["input"]]), r["output"]) for r in rows]
    return [
        Example(side, 0, "instruction", is_held_out(query))
        for query, answer in sides
        for side in (query, answer)
        if side
    ]


def ordinary(data: Path) -> list[Example]:
    """Arithmetic problems, code and eval questions, as text that nobody should lose."""
    with gzip.open(data / "overlap" / "contamination_pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines]
    asked = {r["eval_item"] for r in pairs if r["source"] in ("gsm8k", "humaneval")}
    with open(data / "chat" / "mt_bench_question.jsonl", encoding="utf-8") as lines:
        asked |= {turn for line in lines for turn in json.loads(line)["turns"]}
    return [Example(said, 0, "ordinary", is_held_out(said)) for said in sorted(asked)]


def posts(data: Path, labelled: list[Example]) -> list[Example]:
    """WNUT-17: mostly harmless posts, unlabelled. Left out: those with a word that is nearly always toxic in tweets."""
    seen, toxic = Counter[str](), Counter[str]()
    for example in labelled:
        for word in set(features.words(example.text)):
            seen[word] += 1
            toxic[word] += example.label
    strong = {word for word, n in seen.items() if n >= 30 and toxic[word] >= 0.97 * n}
    sentences = set()
    for name in ("wnut17train.conll", "wnut17dev.conll"):
        blocks = (data / "pii" / name).read_text(encoding="utf-8").split("\n\n")
        sentences |= {" ".join(line.split("\t")[0] for line in b.splitlines() if line.strip()) for b in blocks}
    harmless = sorted(s for s in sentences if s and strong.isdisjoint(features.words(s)))
    return [Example(said, 0, "posts", is_held_out(said)) for said in harmless]


def written(seed: int) -> list[Example]:
    """Fill every pattern with drawn words. Whole patterns are held out, so that held-out text is new in form."""
    phrases = yaml.safe_load((HERE / "toxicity_phrases.yaml").read_text(encoding="utf-8"))
    draw = random.Random(seed)
    found: dict[str, Example] = {}
    phrases["toxic"]["calm"] = phrases["harmless"]["people"] + phrases["harmless"]["work"]
    for label, kind, pattern, shape in patterns(phrases):
        for _ in range(PER_PATTERN):
            said = fill(shape, phrases, draw)
            said = draw.choice([said, said, said.lower(), said.rstrip(".")])
            found.setdefault(said, Example(said, label, "written", is_held_out(pattern), kind))
    return list(found.values())


def patterns(phrases: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    """Label, kind, pattern, and the shape to fill. What stands around an insult comes back without one, as harmless:
    a carrier that is seen with insults alone would itself become evidence."""
    out = [
        (label, kind, p, p)
        for label, part in ((1, "toxic"), (0, "harmless"))
        for kind, ps in phrases[part].items()
        if kind != "calm"
        for p in ps
    ]
    carriers = [p for p in phrases["toxic"]["wrapped"] if not p.startswith("{")]
    return out + [(0, "carrier", p, AIMED.sub("{calm}", p)) for p in carriers]


def fill(pattern: str, phrases: dict[str, Any], draw: random.Random) -> str:
    def one(slot: re.Match[str]) -> str:
        name = slot[1]
        return str(draw.choice(phrases["words"].get(name) or phrases["toxic"][name]))

    while SLOT.search(pattern):
        pattern = SLOT.sub(one, pattern)
    return pattern


def mixed(examples: list[Example], seed: int) -> list[Example]:
    """Toxic sentences inside ordinary answers, and two harmless texts joined: what a turn of a chat looks like."""
    draw = random.Random(seed + 1)
    out = []
    for held_out in (False, True):
        pool = [e for e in examples if e.held_out == held_out]
        plain = [e.text for e in pool if e.source == "instruction" and len(e.text) > 40]
        toxic = [e.text for e in pool if e.label and e.source == "written"]
        harmless = [e.text for e in pool if not e.label and e.source == "written"]
        for _ in range(500 if held_out else 4000):
            around = " ".join(draw.choice(plain).split()[:40])
            out.append(
                Example(
                    draw.choice([f"{around} {{}}", f"{{}} {around}"]).replace("{}", draw.choice(toxic)),
                    1,
                    "mixed",
                    held_out,
                )
            )
            out.append(Example(f"{around} {draw.choice(harmless)}", 0, "mixed", held_out))
            out.append(Example(f"{draw.choice(harmless)} {draw.choice(harmless)}", 0, "mixed", held_out))
    return out


def long(examples: list[Example], seed: int) -> list[Example]:
    """Harmless texts strung together to a full window. Small leanings of common words must not add up to a verdict.

    Held-out ones are strung from ordinary text alone, since the threshold is chosen on them.
    """
    draw = random.Random(seed + 2)
    out = []
    for held_out, wanted, sources in (
        (False, 8000, (*ORDINARY, "davidson", "implicit_hate", "written")),
        (True, 1000, ORDINARY),
    ):
        pool = [e.text for e in examples if e.held_out == held_out and not e.label and e.source in sources]
        for _ in range(wanted):
            pieces: list[str] = []
            while len(pieces) < toxicity.WINDOW:
                pieces += draw.choice(pool).split()
            out.append(Example(" ".join(pieces[: toxicity.WINDOW]), 0, "long", held_out))
    return out


def matrix(texts: list[str], groups: frozenset[str]) -> Any:
    """Sparse counts divided by the scorer's length, one row per text."""
    from scipy.sparse import csr_matrix

    said = [features.words(t) for t in texts]
    single = {w: features.word_features(w, groups) for s in said for w in s}
    pairs, owner = features.pair_features(said, groups)
    columns = [np.concatenate([single[w] for w in sorted(set(s))]) if s else np.zeros(0, np.int64) for s in said]
    rows = np.repeat(np.arange(len(said)), [len(c) for c in columns])
    rows, cols = np.concatenate([rows, owner]), np.concatenate([*columns, pairs])
    values = (1 / np.array([features.length(s) for s in said]))[rows]
    return csr_matrix((values, (rows, cols)), shape=(len(said), features.BUCKETS))


def fit(train: list[Example], groups: frozenset[str]) -> tuple[Any, Any, float]:
    """The buckets that carry weight, their weights, and the bias."""
    from sklearn.linear_model import LogisticRegression

    found = matrix([e.text for e in train], groups)
    found.sum_duplicates()
    single = np.array([e.source not in ("mixed", "long") for e in train])  # the others repeat these
    buckets = np.flatnonzero(np.bincount(found[single].indices, minlength=features.BUCKETS) >= FEWEST)
    emphasis = [HARMLESS_TWEET if e.source == "davidson" and not e.label else WEIGHT[e.source] for e in train]
    model = LogisticRegression(C=STRENGTH, solver="lbfgs", max_iter=500, tol=1e-5)
    model.fit(found[:, buckets], [e.label for e in train], sample_weight=emphasis)
    return buckets, model.coef_[0], float(model.intercept_[0])


def save(path: Path, fitted: tuple[Any, Any, float], held_out: list[Example], groups: frozenset[str]) -> None:
    from safetensors.numpy import save as to_bytes

    buckets, coefficients, bias = fitted
    step = float(np.abs(coefficients).max() / 32_767)
    weights = np.round(coefficients / step).astype(np.int16)
    dense = np.zeros(features.BUCKETS, np.int16)
    dense[buckets] = weights
    threshold = choose(toxicity.Scorer("", "", 0.5, "", bias, step, dense, groups), held_out)
    scalars = np.array([threshold, bias, step])
    path.write_bytes(to_bytes({"buckets": buckets.astype(np.int32), "weights": weights, "scalars": scalars}))
    for file in (path, HERE / "toxicity_groups.txt"):
        print(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}")
    print(f"{len(weights):,} weights, {path.stat().st_size:,} bytes, bias {bias:.3f}")


def choose(scorer: toxicity.Scorer, held_out: list[Example]) -> float:
    """The lowest threshold, in steps of .05 from .5, with few false alarms on held-out ordinary and written text."""
    from sklearn.metrics import roc_auc_score

    scores = np.array([s or 0.0 for s in scorer([e.text for e in held_out])])
    labels = np.array([e.label for e in held_out])
    ordinary = np.array([e.source in (*ORDINARY, "long") for e in held_out])
    threshold = 0.5
    while threshold < 0.95 and (scores[ordinary] >= threshold).mean() > MOST_FALSE_ALARMS:
        threshold = round(threshold + 0.05, 2)
    print(f"threshold {threshold}")
    for name in sorted({(e.source, e.kind) for e in held_out}):
        part = np.array([(e.source, e.kind) == name for e in held_out])
        auc = roc_auc_score(labels[part], scores[part]) if len(set(labels[part])) == 2 else float("nan")
        hit = scores[part] >= threshold
        missed, alarms = (~hit[labels[part] == 1]).sum(), hit[labels[part] == 0].sum()
        print(
            f"{'/'.join(name):28} n {part.sum():6} AUC {auc:.3f} missed {missed} of {labels[part].sum()}, "
            f"false alarms {alarms} of {(labels[part] == 0).sum()}"
        )
    return threshold


if __name__ == "__main__":
    main()

"""Train the toxicity scorer and write `toxicity.safetensors` beside this file.

    python curate/models/train_toxicity.py --data DIR
    python curate/models/train_toxicity.py --data DIR --adapter-from curate/models/toxicity.safetensors    # words and calibration alone

DIR holds `toxicity/toxicity_train.jsonl.gz` (only its Davidson and implicit hate parts are read, both MIT) and the ordinary texts that
`toxicity_examples.py` names. The rest of the training text is written for this project. A fifth of every source is held out;
calibration and thresholds are chosen there and nowhere else. Same data, seed, processor and library versions, same bytes out; the
hashes to pin are printed.
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from toxicity_examples import INSTRUCTION, Example, collect

from curate import toxicity
from curate.toxic import features
from curate.toxic.embedded import Stages, Words
from curate.toxic.meaning import Meaning

HERE = Path(__file__).parent
STRENGTH = 2.0  # C of the logistic regression
FEWEST = 4  # training texts that a feature must be seen in; rarer ones are noise on new text
WEIGHT = {
    "davidson": 1.0, "implicit_hate": 0.5, "instruction": 3.0, "ordinary": 3.0, "posts": 2.0, "written": 2.0, "claims": 1.0,
    "mixed": 2.0, "long": 1.0,
}  # fmt: skip
HARMLESS_TWEET = 4.0  # five in six Davidson tweets are toxic, so the sixth counts more
MOST_FALSE_ALARMS = 0.002  # of held-out instruction data, at the default threshold
MOST_AMONG_POSTS = (
    0.01  # of held-out harmless posts: instruction data at hand is all of a few sources, posts are of many people
)
READ_FOR_MEANING = 0.1  # of held-out ordinary text that names no group
EPOCHS = 1.0
BINS = 10

Floats = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the toxicity scorer.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    parser.add_argument("--adapter-from", type=Path, help="keep the adapter of this file; train the rest")
    parser.add_argument("--out", type=Path, default=HERE / "toxicity.safetensors")
    options = parser.parse_args()
    examples = collect(options.data, options.seed)
    groups = toxicity.read_groups((HERE / "toxicity_groups.txt").read_text())
    train, held_out = ([e for e in examples if e.held_out == wanted] for wanted in (False, True))
    print(f"{len(train):,} examples to train on, {len(held_out):,} held out")
    held_out = fewer(held_out)
    words = fit_words(train, groups)
    adapter = (
        kept(options.adapter_from) if options.adapter_from else fit_adapter(examples, options.seed, options.epochs)
    )
    meaning = Meaning({name: tensor.astype(np.float32) for name, tensor in adapter.items()})
    opinions = opinions_on(words, meaning, held_out)
    mixing = calibrate(opinions, held_out)
    fixed = {name: tuple(map(float, values)) for name, values in mixing.items()}
    both, words_alone = (choose(Stages(words, stage, fixed), held_out) for stage in (meaning, None))
    thresholds = [both, max(both, words_alone)]  # who knows less is not believed sooner
    report(mixing, opinions, held_out, thresholds)
    save(options.out, words, adapter, mixing, thresholds)


def fewer(held_out: list[Example]) -> list[Example]:
    """A third of the held-out posts, claims and mixtures, all of the rest: what stage two reads here takes minutes."""
    thirds = ("davidson", "claims", "mixed")
    return [e for n, e in enumerate(held_out) if e.source not in thirds or n % 3 == 0]


def matrix(texts: Sequence[str], groups: frozenset[str]) -> Any:
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


def fit_words(train: list[Example], groups: frozenset[str]) -> Words:
    """Stage one: a logistic regression on words and letter runs, its weights as integers."""
    from sklearn.linear_model import LogisticRegression

    found = matrix([e.text for e in train], groups)
    found.sum_duplicates()
    single = np.array([e.source not in ("mixed", "long") for e in train])  # the others repeat these
    buckets = np.flatnonzero(np.bincount(found[single].indices, minlength=features.BUCKETS) >= FEWEST)
    emphasis = [HARMLESS_TWEET if e.source == "davidson" and not e.toxic else WEIGHT[e.source] for e in train]
    model = LogisticRegression(C=STRENGTH, solver="lbfgs", max_iter=500, tol=1e-5)
    model.fit(found[:, buckets], [e.toxic for e in train], sample_weight=emphasis)
    step = float(np.abs(model.coef_).max() / 32_767)
    dense = np.zeros(features.BUCKETS, np.int16)
    dense[buckets] = np.round(model.coef_[0] / step).astype(np.int16)
    return Words(float(model.intercept_[0]), step, dense, groups)


def fit_adapter(examples: list[Example], seed: int, epochs: float) -> dict[str, Any]:
    import toxicity_adapter

    some = [e for e in toxicity_adapter.thinned(examples, seed) if not e.held_out]
    print(f"{len(some):,} of them for the adapter")
    fitted: dict[str, Any] = toxicity_adapter.fit(some, seed, epochs)
    return fitted


def kept(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load

    tensors = load(path.read_bytes())
    return {name.removeprefix("adapter."): t for name, t in tensors.items() if name.startswith("adapter.")}


@dataclass(frozen=True)
class Opinions:
    """What stage one heard [n], what stage two took each text to mean [n, 2], and whether a group is named [n]."""

    heard: Floats
    meant: Floats
    about: npt.NDArray[np.bool_]

    def __getitem__(self, rows: npt.NDArray[np.bool_]) -> "Opinions":
        return Opinions(self.heard[rows], self.meant[rows], self.about[rows])


def opinions_on(words: Words, meaning: Meaning, examples: list[Example]) -> Opinions:
    said = [features.words(e.text) for e in examples]
    about = np.array([not words.groups.isdisjoint(one) for one in said])
    return Opinions(words.logits(said, {}), meaning.logits([e.text for e in examples]), about)


def calibrate(said: Opinions, held_out: list[Example]) -> dict[str, Floats]:
    """Log-odds of the two stages to log-odds that mean what they say, by logistic regression on held-out text (Platt 1999).

    words    slope and shift where stage one is alone
    unread   the same for windows that stage two never sees
    toxic    of both stages and a shift, for windows that it reads; attack is the same for identity attacks
    bar      stage one's log-odds from which on stage two reads a window that names no group
    """
    toxic, attack = (np.array([getattr(e, name) for e in held_out]) for name in ("toxic", "attack"))
    plain = ordinary(held_out)
    bar = float(np.quantile(said.heard[plain & ~said.about], 1 - READ_FOR_MEANING))
    read = (said.heard >= bar) | said.about
    shares = f"{read[plain].mean():.3f} of ordinary text, {read[toxic == 1].mean():.3f} of toxic text"
    print(f"bar {bar:.2f}: stage two reads {shares}")
    heard, both = said.heard[:, None], np.column_stack([said.heard, said.meant[:, 0]])
    return {
        "words": _logistic(heard, toxic),
        "unread": _logistic(heard[~read], toxic[~read]),
        "toxic": _logistic(both[read], toxic[read]),
        "attack": _logistic(np.column_stack([said.heard, said.meant[:, 1]]), attack),
        "bar": np.array([bar]),
    }


def _logistic(x: Floats, labels: npt.NDArray[Any]) -> Floats:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(x, labels)
    return np.array([*model.coef_[0], *model.intercept_])


def ordinary(examples: list[Example]) -> npt.NDArray[np.bool_]:
    """Clean instruction data. Posts are left out: nobody has labelled them, and some are rude."""
    return np.array([e.source in (*INSTRUCTION, "long") for e in examples])


def probabilities(mixing: dict[str, Floats], said: Opinions, which: str) -> Floats:
    """What the shipped scorer would say: `words`, `both`, or `attack`."""
    heard, meant = said.heard, said.meant
    match which:
        case "words":
            logits = mixing["words"][0] * heard + mixing["words"][1]
        case "attack":
            logits = mixing["attack"][0] * heard + mixing["attack"][1] * meant[:, 1] + mixing["attack"][2]
        case _:
            read = mixing["toxic"][0] * heard + mixing["toxic"][1] * meant[:, 0] + mixing["toxic"][2]
            unread = mixing["unread"][0] * heard + mixing["unread"][1]
            logits = np.where((heard >= mixing["bar"][0]) | said.about, read, unread)
    found: Floats = np.round(1 / (1 + np.exp(-logits)), 4)
    return found


def choose(stages: Stages, held_out: list[Example]) -> float:
    """The lowest threshold, in steps of .01 from .5, with few false alarms on held-out instruction data and posts."""
    clean = worst_windows(stages, [e.text for e, plain in zip(held_out, ordinary(held_out), strict=True) if plain])
    posts = worst_windows(stages, [e.text for e in held_out if e.source in ("posts", "davidson") and not e.toxic])
    threshold = 0.5
    while threshold < 0.99 and (
        (clean >= threshold).mean() > MOST_FALSE_ALARMS or (posts >= threshold).mean() > MOST_AMONG_POSTS
    ):
        threshold = round(threshold + 0.01, 2)
    which = "both stages" if stages.meaning else "words alone"
    alarms = [f"{(some >= threshold).sum()} of {len(some)}" for some in (clean, posts)]
    print(f"threshold of {which} {threshold}: flags {alarms[0]} texts of instruction data, {alarms[1]} harmless posts")
    return threshold


def worst_windows(stages: Stages, texts: Sequence[str]) -> Floats:
    return np.array([found.score or 0.0 for found in toxicity.score_windows(texts, stages.judge)])


def report(mixing: dict[str, Floats], said: Opinions, held_out: list[Example], thresholds: Sequence[float]) -> None:
    from sklearn.metrics import roc_auc_score

    scores = {which: probabilities(mixing, said, which) for which in ("words", "both")}
    toxic = np.array([e.toxic for e in held_out])
    print(f"ECE on held-out text, calibrated on its other half: {crossed_ece(said, held_out):.3f}")
    for name in sorted({(e.source, e.kind) for e in held_out}):
        part = np.array([(e.source, e.kind) == name for e in held_out])
        line = f"{'/'.join(name):28} n {part.sum():5}"
        for which, threshold in (("words", thresholds[1]), ("both", thresholds[0])):
            auc = roc_auc_score(toxic[part], scores[which][part]) if len(set(toxic[part])) == 2 else float("nan")
            hit = scores[which][part] >= threshold
            right = ((scores[which][part] >= 0.5) == toxic[part]).mean()
            found, alarms = hit[toxic[part] == 1].sum(), hit[toxic[part] == 0].sum()
            line += (
                f" | {which} AUC {auc:.3f} right at .5 {right:.3f} found {found} of {toxic[part].sum()} alarms {alarms}"
            )
        print(line)


def crossed_ece(said: Opinions, held_out: list[Example]) -> float:
    """Expected calibration error, each half of the held-out text judged by the calibration of the other."""
    half = np.array([int(hashlib.sha256(e.text.encode()).hexdigest(), 16) // 5 % 2 == 0 for e in held_out])
    toxic = np.array([e.toxic for e in held_out])
    scores = np.zeros(len(held_out))
    for mine in (half, ~half):
        others = [e for e, other in zip(held_out, ~mine, strict=True) if other]
        mixing = calibrate(said[~mine], others)
        scores[mine] = probabilities(mixing, said[mine], "both")
    return ece(scores, toxic)


def ece(scores: Floats, labels: npt.NDArray[Any], bins: int = BINS) -> float:
    """Mean distance of score and share of toxic, over bins of equal width, weighted by their size (Naeini et al. 2015)."""
    at = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        (at == b).sum() * abs(scores[at == b].mean() - labels[at == b].mean()) for b in range(bins) if (at == b).any()
    ]
    return float(sum(gaps) / len(scores))


def save(path: Path, words: Words, adapter: dict[str, Any], mixing: dict[str, Floats], thresholds: list[float]) -> None:
    from safetensors.numpy import save as to_bytes

    buckets = np.flatnonzero(words.weights)
    tensors = {
        "words.buckets": buckets.astype(np.int32),
        "words.weights": words.weights[buckets],
        "words.scalars": np.array([words.bias, words.step]),
        "thresholds": np.array(thresholds),
        **{f"mixing.{name}": values for name, values in mixing.items()},
        **{f"adapter.{name}": values for name, values in adapter.items()},
    }
    path.write_bytes(to_bytes(tensors))
    for file in (path, HERE / "toxicity_groups.txt"):
        print(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}")
    print(f"{len(buckets):,} weights of words, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

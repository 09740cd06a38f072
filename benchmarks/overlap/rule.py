"""How well the pair rule tells what says the same, out of fold and on sources that it never saw; plain cosine beside it.

    python benchmarks/overlap/rule.py --data DIR [--write]

DIR holds the public sets that `RULE.md` beside this script names. Weights are fitted here again, without the fold or the
source that is measured; the sets marked * are never fitted on. `--write` puts the tables into `RULE.md`. With vectors in
the cache it takes some minutes, without them about half an hour on two cores.
"""

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import machine
from benchmarks.overlap import pairs as labelled_pairs
from curate import cache, encoder, files, pairs
from curate import chats as chat
from curate.encoder import Encoder
from curate.errors import WinnowError
from curate.models import train_pair_rule as training
from curate.models.train_pair_rule import Example
from curate.pairs import PairRule
from curate.stats import wilson

Numbers = npt.NDArray[np.float64]
DOLLY = Path("chat") / "dolly_15k.jsonl.gz"
PARAPHRASES = Path("overlap") / "paraphrase_pairs.jsonl.gz"
SOURCES = {"mrpc": "MRPC *", "stsb": "STS-B *", "sick": "SICK *", "mqp": "medical questions *"}
POOLED = ("mrpc", "stsb", "mqp")
VARIANTS = ("numbers changed", "gsmplus_numerical_substitution", "gsmplus_digit_expansion")
DRAWS = 1000
HARD = "hard_neg"
BAND = 0.02  # what reduced precision may change of a cosine


@dataclass(frozen=True)
class Scored:
    """Pairs with labels, what the rule makes of them without having seen them, and their plain cosines."""

    examples: list[Example]
    labels: Numbers
    rule: Numbers
    cosine: Numbers

    def only(self, wanted: Callable[[Example], bool]) -> "Scored":
        """The pairs that are wanted."""
        at = [i for i, each in enumerate(self.examples) if wanted(each)]
        return Scored([self.examples[i] for i in at], self.labels[at], self.rule[at], self.cosine[at])


def of(source: str = "", *kinds: str, label: int | None = None) -> Callable[[Example], bool]:
    """Whether a pair is of a source, of one of the kinds (by how they begin), and of a label; what is not named is any."""

    def wanted(each: Example) -> bool:
        named = not kinds or each.kind.startswith(kinds)
        return source in ("", each.source) and named and label in (None, each.label)

    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="put the tables into RULE.md")
    options = parser.parse_args()
    try:
        with cache.open() as held:
            page = measured(options.data, encoder.load(precision="fp32", cache=held), encoder.load(cache=held))
        print(page)
        if options.write:
            said = f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {machine.described()}."
            machine.replace_between(Path(__file__).with_name("RULE.md"), "rule", f"{said}\n\n{page}")
    except WinnowError as error:
        sys.exit(f"{error}")


def measured(data: Path, model: Encoder, fast: Encoder) -> str:
    """All tables. `fast` looks for the pairs of the crowds that are worth judging."""
    examples = training.read(data)
    table, cosines = training.inputs(examples, model)
    seen = _scored(examples, training.out_of_fold(examples, table), cosines)
    foreign = _foreign(data)
    rule, own = pairs.load(), training.fit(examples, table)
    foreign_table, foreign_cosines = training.inputs(foreign, model)
    unseen = _scored(foreign, own.scores(foreign_table)[0], foreign_cosines)
    unseen = replace(unseen, rule=_in_gsm8k_folds(foreign, unseen.rule, examples, table, foreign_table))
    same = (
        "the shipped weights are these"
        if replace(own, threshold=rule.threshold) == rule
        else "THE SHIPPED WEIGHTS ARE OTHERS"
    )
    parts = [
        f"- rule {rule.name}, {rule.fingerprint()[:12]}, threshold {rule.threshold}, floor {rule.floor}; {same}\n- encoder {model}",
        by_kind(seen, unseen, rule),
        left_out(examples, table, cosines),
        paraphrases(unseen),
        pooled(seen, unseen),
        variants(seen, unseen),
        calibration(seen, unseen),
        per_million(data, model, fast, rule),
        below_floor(seen, unseen, rule),
    ]
    return "\n\n".join(parts)


def _scored(examples: list[Example], probabilities: Numbers, cosines: Numbers) -> Scored:
    return Scored(examples, np.array([float(each.label) for each in examples]), probabilities, cosines)


def _foreign(data: Path) -> list[Example]:
    """Pairs of sets that may only be measured, and all changed numbers of GSM8K (group: the item, for the folds)."""
    given = labelled_pairs.labelled(data)
    found = [
        Example(p.candidate, p.item, p.label or 0, p.source, p.kind, p.item)
        for p in given
        if not p.ok and (p.label is not None or p.kind in VARIANTS)
    ]
    items = [(source, item) for source, item in labelled_pairs.items(given, data) if source == "gsm8k"]
    found += [
        Example(p.candidate, p.item, 0, p.source, p.kind, p.item)
        for p in labelled_pairs.made(items)
        if p.kind == "numbers changed"
    ]
    with gzip.open(data / PARAPHRASES, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found += [
        Example(r["text_b"], r["text_a"], r["label"], r["source"], r["source"], r["text_a"])
        for r in rows
        if r["split"] == "dev" and r["label"] is not None
    ]
    return found


def _in_gsm8k_folds(
    foreign: Sequence[Example], scores: Numbers, examples: Sequence[Example], table: Numbers, foreign_table: Numbers
) -> Numbers:
    """The same scores, but of GSM8K's items by rules that did not see the item."""
    own, other = training.folds([each.group for each in examples]), training.folds([each.group for each in foreign])
    out = scores.copy()
    for fold in range(training.FOLDS):
        some = np.array([each.source == "gsm8k" for each in foreign]) & (other == fold)
        rule = training.fit([each for each, at in zip(examples, own, strict=True) if at != fold], table[own != fold])
        out[some] = rule.scores(foreign_table[some])[0]
    return out


def by_kind(seen: Scored, unseen: Scored, rule: PairRule) -> str:
    """Recall of each kind at 1 % false alarms on the hard negatives of its source, and at the default threshold."""
    lines = [
        "### Contamination pairs, out of fold by eval item", "",
        "| source | kind | n | recall at 1 % | cosine | AUC | cosine | at the threshold |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for source, kind in (
        ("gsm8k", "verbatim"),
        ("gsm8k", "rephrase_en"),
        ("humaneval", "rephrase_python"),
        ("humaneval", "translate_java"),
    ):
        some = seen.only(of(source, kind, HARD))
        lines.append(_kind_row(source, kind, some, rule))
    alpaca = unseen.only(lambda e: e.kind == "codealpaca_nearest")
    lines.append(_kind_row("humaneval *", "codealpaca_nearest", alpaca, rule))
    for kind in ("gsmplus_problem_understanding", "gsmplus_distraction_insertion"):
        some, hard = (
            unseen.only(of("", kind)),
            seen.only(lambda e: e.source == "gsm8k" and e.kind.startswith("hard_neg")),
        )
        lines.append(_kind_row("gsm_plus *", f"{kind} against GSM8K's hard negatives", _joined(some, hard), rule))
    negatives = seen.only(lambda e: e.kind.startswith("hard_neg"))
    alarms = [f"{s} {_share(negatives.only(of(s)), rule.threshold)}" for s in ("gsm8k", "humaneval")]
    return "\n".join([*lines, "", f"False alarms on hard negatives at the threshold, in percent: {'; '.join(alarms)}."])


def _kind_row(source: str, kind: str, some: Scored, rule: PairRule) -> str:
    positives = some.only(lambda e: e.label == 1)
    cells = [source, kind, f"{len(positives.labels)}"]
    for scores in (some.rule, some.cosine):
        hits = int((scores[some.labels == 1] > bar(some.labels, scores)).sum())
        it = wilson(hits, len(positives.labels))
        cells.append(f"{100 * (it.value or 0):.1f} ({100 * (it.low or 0):.1f} to {100 * (it.high or 0):.1f})")
    cells += [_interval(some.labels, some.rule), _interval(some.labels, some.cosine), _share(positives, rule.threshold)]
    return f"| {' | '.join(cells)} |"


def left_out(examples: list[Example], table: Numbers, cosines: Numbers) -> str:
    """Each source judged by weights that never saw it."""
    lines = [
        "### Every source left out of training in turn",
        "",
        "| left out | n | AUC | cosine | recall at 1 % | cosine |",
        "|---|---|---|---|---|---|",
    ]
    families = sorted({family(each) for each in examples})
    for name in families:
        out = np.array([family(each) == name for each in examples])
        rule = training.fit([each for each, own in zip(examples, out, strict=True) if not own], table[~out])
        some = _scored(
            [each for each, own in zip(examples, out, strict=True) if own], rule.scores(table[out])[0], cosines[out]
        )
        recall = [f"{100 * recalled(some.labels, scores):.1f}" for scores in (some.rule, some.cosine)]
        lines.append(
            f"| {name} | {len(some.labels):,} | {_interval(some.labels, some.rule)} | {_interval(some.labels, some.cosine)} | {recall[0]} | {recall[1]} |"
        )
    return "\n".join(lines)


def family(each: Example) -> str:
    """What is left out together: a source with all that was made from it."""
    return each.source.removesuffix(" changed").removesuffix(" edited")


def paraphrases(unseen: Scored) -> str:
    """The paraphrase sets, none of which any weight has seen."""
    lines = [
        "### Paraphrase sets (dev parts), never trained on",
        "",
        "| source | n | AUC | cosine | difference | recall at 1 % | cosine |",
        "|---|---|---|---|---|---|---|",
    ]
    for source, name in SOURCES.items():
        some = unseen.only(of(source))
        recall = [f"{100 * recalled(some.labels, scores):.1f}" for scores in (some.rule, some.cosine)]
        cells = [
            name,
            f"{len(some.labels):,}",
            _interval(some.labels, some.rule),
            _interval(some.labels, some.cosine),
            _difference(some),
            *recall,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def pooled(seen: Scored, unseen: Scored) -> str:
    """The labelled contamination pairs and three paraphrase sets as one pool."""
    public = seen.only(lambda e: e.kind in training.LABELLED)
    others = unseen.only(lambda e: e.source in POOLED)
    changed = unseen.only(lambda e: e.kind in VARIANTS)
    lines = ["### Pooled", "", "| pool | n | AUC | cosine | recall at 1 % | cosine |", "|---|---|---|---|---|---|"]
    hard = _joined(public.only(lambda e: not e.kind.startswith("easy")), others)
    for name, some in (
        ("contamination pairs (GSM8K, HumanEval), MRPC, STS-B, medical", _joined(public, others)),
        ("the same without easy negatives and verbatim copies", hard.only(lambda e: e.kind != "verbatim")),
        ("the first, and variants with changed numbers as negatives", _joined(_joined(public, others), changed)),
    ):
        recall = [f"{100 * recalled(some.labels, scores):.1f}" for scores in (some.rule, some.cosine)]
        lines.append(
            f"| {name} | {len(some.labels):,} | {_interval(some.labels, some.rule)} | {_interval(some.labels, some.cosine)} | {recall[0]} | {recall[1]} |"
        )
    return "\n".join(lines)


def variants(seen: Scored, unseen: Scored) -> str:
    """Rephrasings against the same questions with other numbers."""
    lines = [
        "### Changed numbers against rephrasings",
        "",
        "| variants | against | n | AUC | cosine |",
        "|---|---|---|---|---|",
    ]
    english = seen.only(lambda e: e.kind == "rephrase_en")
    understood = unseen.only(lambda e: e.kind == "gsmplus_problem_understanding")
    for kind in VARIANTS:
        for name, right in (("GSM8K rephrasings", english), ("GSM-Plus rewordings *", understood)):
            some = _joined(right, unseen.only(of("", kind)))
            lines.append(
                f"| {kind}{'' if kind == VARIANTS[0] else ' *'} | {name} | {len(some.labels):,} | {_interval(some.labels, some.rule)} | {_interval(some.labels, some.cosine)} |"
            )
    return "\n".join(lines)


def calibration(seen: Scored, unseen: Scored) -> str:
    """Expected calibration error in ten bins, each set by itself."""
    lines = [
        "### Calibration: expected error of the probability, ten bins",
        "",
        "| pairs | n | share the same | mean probability | ECE |",
        "|---|---|---|---|---|",
    ]
    groups = [
        ("contamination pairs, out of fold", seen.only(lambda e: e.kind in training.LABELLED)),
        ("all training pairs, out of fold", seen),
    ]
    groups += [(name, unseen.only(of(source))) for source, name in SOURCES.items()]
    for name, some in groups:
        lines.append(
            f"| {name} | {len(some.labels):,} | {some.labels.mean():.3f} | {some.rule.mean():.3f} | {calibration_error(some):.3f} |"
        )
    return "\n".join(lines)


def calibration_error(some: Scored, bins: int = 10) -> float:
    """Mean distance of the share that says the same from the mean probability, by bin, weighted by size."""
    place = np.minimum((some.rule * bins).astype(int), bins - 1)
    parts = [(place == b) for b in range(bins) if (place == b).any()]
    return float(sum(part.mean() * abs(some.labels[part].mean() - some.rule[part].mean()) for part in parts))


def per_million(data: Path, model: Encoder, fast: Encoder, rule: PairRule) -> str:
    """Pairs of rows and items that have nothing to do with each other: how many are worth judging, and how many convict."""
    lines = [
        "### Rows and eval items without anything in common, per million pairs",
        "",
        "| rows x items | pairs | judged | convicted | per million (95 %) |",
        "|---|---|---|---|---|",
    ]
    for name, rows, items in crowds(data):
        found = judged_above_floor(rows, items, model, fast, rule)
        convicted = sum(1 for each in found if each.name in ("copy", "near copy", "paraphrase", "translation"))
        total = len(rows) * len(items)
        it = wilson(convicted, total)
        bounds = f"{1e6 * (it.value or 0):.2f} ({1e6 * (it.low or 0):.2f} to {1e6 * (it.high or 0):.2f})"
        lines.append(f"| {name} | {total:,} | {1e6 * len(found) / total:,.0f} | {convicted} | {bounds} |")
    return "\n".join(lines)


def judged_above_floor(
    rows: Sequence[str], items: Sequence[str], model: Encoder, fast: Encoder, rule: PairRule
) -> list[pairs.Judgement]:
    """Judgements of all pairs whose plain cosine in fp32 reaches the floor."""
    left, right = fast.encode(rows), fast.encode(items)
    near: set[tuple[int, int]] = set()
    for start in range(0, len(left), 4096):
        a, b = np.nonzero(left.vectors[start : start + 4096] @ right.vectors.T >= rule.floor - BAND)
        near |= set(zip(left.text[start + a].tolist(), right.text[b].tolist(), strict=True))
    found = pairs.judge_with(model, rule)([(rows[a], items[b]) for a, b in sorted(near)])
    return [each for each in found if each.cosine >= rule.floor]


def crowds(data: Path) -> list[tuple[str, list[str], list[str]]]:
    """(name, rows, items) of sets that have nothing to do with each other."""
    given = labelled_pairs.labelled(data)
    items = labelled_pairs.items(given, data)
    everything = [text for _, text in items]
    mt_bench = [text for source, text in items if source == "mt-bench"]
    train = sorted({p.candidate for p in given if p.kind in ("hard_neg_nearest_train", "easy_neg_random_train")})
    found = [
        ("instruction_1100 x GSM8K, HumanEval, MT-bench", _asked(data / training.INSTRUCTIONS), everything),
        ("GSM8K train x GSM8K test (one domain)", train, [text for source, text in items if source == "gsm8k"]),
    ]
    if (data / DOLLY).exists():
        found.append(("Dolly questions x MT-bench *", _asked(data / DOLLY), mt_bench))
    return found


def _asked(place: Path) -> list[str]:
    """The first user turn of each row."""
    turns = files.read([place]).chats["turns"].to_list()
    return [chat.turn_text(next((turn for turn in row if turn["role"] == "user"), row[0])) for row in turns]


def below_floor(seen: Scored, unseen: Scored, rule: PairRule) -> str:
    """How many pairs that say the same are never judged because their cosine is too low."""
    lines = ["### True pairs below the floor", "", "| pairs | n | below |", "|---|---|---|"]
    groups = [("GSM8K rephrasings", seen.only(lambda e: e.kind == "rephrase_en"))]
    groups += [
        ("HumanEval in other words or in Java", seen.only(lambda e: e.kind in ("rephrase_python", "translate_java")))
    ]
    groups += [(name, unseen.only(of(source, label=1))) for source, name in SOURCES.items()]
    everything = Scored(
        [], *(np.concatenate([getattr(some, part) for _, some in groups]) for part in ("labels", "rule", "cosine"))
    )
    for name, some in (*groups, ("together", everything)):
        below = int((some.cosine < rule.floor).sum())
        lines.append(f"| {name} | {len(some.labels):,} | {below} ({100 * below / len(some.labels):.2f} %) |")
    return "\n".join(lines)


def _joined(a: Scored, b: Scored) -> Scored:
    return Scored(
        [*a.examples, *b.examples],
        *(np.concatenate([getattr(a, part), getattr(b, part)]) for part in ("labels", "rule", "cosine")),
    )


def bar(labels: Numbers, scores: Numbers, alarms: float = 0.01) -> float:
    """The score that at most this share of the negatives exceeds."""
    negatives = np.sort(scores[labels == 0])[::-1]
    return float(negatives[int(alarms * len(negatives))])


def recalled(labels: Numbers, scores: Numbers) -> float:
    """Share of the positives above the bar."""
    return float((scores[labels == 1] > bar(labels, scores)).mean())


def area(labels: Numbers, scores: Numbers) -> float:
    """Area under the ROC curve, ties counted half."""
    from scipy.stats import rankdata

    positive = labels == 1
    count, rest = int(positive.sum()), int((~positive).sum())
    return float((rankdata(scores)[positive].sum() - count * (count + 1) / 2) / (count * rest))


def _interval(labels: Numbers, scores: Numbers) -> str:
    draws = [area(labels[at], scores[at]) for at in _draws(labels)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{area(labels, scores):.3f} ({low:.3f} to {high:.3f})"


def _difference(some: Scored) -> str:
    draws = [
        area(some.labels[at], some.rule[at]) - area(some.labels[at], some.cosine[at]) for at in _draws(some.labels)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{area(some.labels, some.rule) - area(some.labels, some.cosine):+.3f} ({low:+.3f} to {high:+.3f})"


def _draws(labels: Numbers) -> list[npt.NDArray[np.int64]]:
    """Bootstrap draws that keep the number of positives and of negatives."""
    rng = np.random.default_rng(0)
    sides = [np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)]
    return [
        np.concatenate([rng.choice(side, len(side)) for side in sides])
        for _ in range(DRAWS if len(labels) < 3000 else DRAWS // 5)
    ]


def _share(some: Scored, threshold: float) -> str:
    it = wilson(int((some.rule >= threshold).sum()), len(some.labels))
    return f"{100 * (it.value or 0):.1f} ({100 * (it.low or 0):.1f} to {100 * (it.high or 0):.1f})"


if __name__ == "__main__":
    main()

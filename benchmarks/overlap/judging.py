"""The overlap check on labelled pairs and on rows that have nothing to do with the eval items.

    bench = measured(encoder.load(), pairs.labelled(data), data, large=False)
    bench.hits(bench.groups["gsm8k", "rephrase_en", 1])

A pair becomes a training row and an eval case, and `curate.overlap.check` decides: nothing is reimplemented.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from benchmarks.overlap import pairs
from benchmarks.overlap.pairs import Pair
from curate import chats as chat
from curate import files, overlap
from curate.encoder import Encoder
from curate.overlap import EvalFile, Rule
from curate.pairs import Judge
from curate.stats import wilson

CUTS = (0.2, 0.35, 0.5, 0.65, 0.75, 0.85, 0.95)  # probabilities
INSTRUCTIONS = Path("chat") / "instruction_1100.json"
DOLLY = Path("chat") / "dolly_15k.jsonl.gz"


@dataclass(frozen=True)
class Judged:
    """All candidates against all items, once, under a low threshold: (candidate, item) -> class, containment, probability."""

    candidates: list[str]
    items: list[str]
    matches: dict[tuple[str, str], tuple[str, float | None, float]]

    def overlaps(self, pair: tuple[str, str], probability: float) -> bool:
        """Whether the rule, with this threshold, calls the pair an overlap."""
        name, containment, score = self.matches.get(pair, (overlap.VARIANT, None, 0.0))
        return _counts(name, containment, score, probability)

    def variant(self, pair: tuple[str, str]) -> bool:
        """Whether the rule tells the pair apart as the same template with other facts."""
        return self.matches.get(pair, ("", None, 0.0))[0] == overlap.VARIANT


def _counts(name: str, containment: float | None, score: float, probability: float) -> bool:
    if name in ("copy", "near copy") or (containment is not None and name != overlap.VARIANT):
        return True
    return name != overlap.VARIANT and score >= probability - overlap.TOLERANCE


@dataclass(frozen=True)
class Alarms:
    """Matches between rows and eval items that have nothing to do with each other, by threshold."""

    name: str
    pairs: int
    at: dict[float, int]
    ok: bool

    def per_million(self, probability: float) -> str:
        """Alarms per million pairs with the Wilson interval."""
        it = wilson(self.at[probability], self.pairs)
        return f"{1e6 * (it.value or 0):.2f} ({1e6 * (it.low or 0):.2f} to {1e6 * (it.high or 0):.2f})"


@dataclass(frozen=True)
class Bench:
    """The pairs, judged with one encoder."""

    encoder: Encoder
    pairs: list[Pair]
    judged: Judged
    alarms: list[Alarms]

    @cached_property
    def groups(self) -> dict[tuple[str, str, int | None], list[Pair]]:
        """The pairs by source, kind and label."""
        found: dict[tuple[str, str, int | None], list[Pair]] = {}
        for pair in self.pairs:
            found.setdefault((pair.source, pair.kind, pair.label), []).append(pair)
        order = {1: 0, None: 1, 0: 2}
        return dict(sorted(found.items(), key=lambda entry: (order[entry[0][2]], entry[0][0], entry[0][1])))

    def hits(self, some: Sequence[Pair], probability: float | None = None) -> int:
        """How many of the pairs the rule calls an overlap."""
        return sum(self.judged.overlaps((p.candidate, p.item), probability or Rule().probability) for p in some)


def measured(model: Encoder, given: list[Pair], data: Path, large: bool, judge: Judge) -> Bench:
    """Judge the labelled pairs, the made ones, and rows that have nothing to do with the eval items."""
    sources = pairs.items(given, data)
    everything = [*given, *pairs.made(sources)]
    judged = judge_all(model, everything, judge)
    return Bench(model, everything, judged, [*_within(judged, given), *_random(model, data, sources, large, judge)])


def judge_all(model: Encoder, some: Sequence[Pair], judge: Judge) -> Judged:
    """Run the overlap check of every candidate against every item; the default rule must agree with itself at the lowest cut."""
    candidates, items = sorted({p.candidate for p in some}), sorted({p.item for p in some})
    rows, cases = as_rows(candidates), EvalFile("pairs", "", as_rows(items))
    found = {}
    for probability in (CUTS[0], Rule().probability):
        matches = checked(model, rows, [cases], probability, judge)
        lines = matches.select("row_id", "case_id", "class", "containment", "probability").rows()
        found[probability] = Judged(
            candidates,
            items,
            {(candidates[int(row)], items[int(case)]): (name, share, score) for row, case, name, share, score in lines},
        )
    low, default = found[CUTS[0]], found[Rule().probability]
    for p in some:
        place = (p.candidate, p.item)
        assert low.overlaps(place, Rule().probability) == default.overlaps(place, Rule().probability), place
    return low


def as_rows(texts: Sequence[str]) -> pl.DataFrame:
    """Chats of one user turn, named by their place."""
    return chat.chats_of({"id": str(n), "turns": [{"role": "user", "content": said}]} for n, said in enumerate(texts))


def checked(
    model: Encoder, rows: pl.DataFrame, cases: Sequence[EvalFile], probability: float, judge: Judge
) -> pl.DataFrame:
    """The matches of the overlap check under the default rule with another threshold."""
    rule = replace(Rule(), probability=probability)
    return overlap.check(rows, cases, model.encode, judge, rule=rule).matches


def _within(judged: Judged, given: Sequence[Pair]) -> list[Alarms]:
    """GSM8K's own training questions against its test questions: one kind of text, different problems."""
    train = {p.candidate for p in given if p.kind in ("hard_neg_nearest_train", "easy_neg_random_train")}
    test = {p.item for p in given if p.source == "gsm8k"}
    inside = [place for place in judged.matches if place[0] in train and place[1] in test]
    at = {cut: sum(judged.overlaps(place, cut) for place in inside) for cut in CUTS}
    return [Alarms("GSM8K train x GSM8K test (one domain)", len(train) * len(test), at, True)]


def _random(model: Encoder, data: Path, sources: Sequence[tuple[str, str]], large: bool, judge: Judge) -> list[Alarms]:
    evals = {
        name: EvalFile(name, "", as_rows([said for source, said in sources if source == name]))
        for name in sorted({source for source, _ in sources} - {"mt-bench"})
    }
    if (data / pairs.MT_BENCH).exists():
        evals["mt-bench"] = overlap.read_eval_files([data / pairs.MT_BENCH])[0]
    wanted: list[tuple[str, Path, tuple[str, ...], bool]]
    wanted = [("instruction_1100", INSTRUCTIONS, ("gsm8k", "humaneval", "mt-bench"), True)]
    wanted += [("Dolly", DOLLY, ("mt-bench",), False)] if large else []
    found = []
    for name, place, against, ok in wanted:
        named = [evals[each] for each in against if each in evals]
        if (data / place).exists() and named:
            rows = files.read([data / place]).chats
            label = f"{name} x {', '.join(each for each in against if each in evals)}"
            found.append(_alarms(model, label, rows, named, ok, judge))
    return found


def _alarms(model: Encoder, name: str, rows: pl.DataFrame, cases: Sequence[EvalFile], ok: bool, judge: Judge) -> Alarms:
    """A row and an eval case are one pair, whatever their turns."""
    matches = checked(model, rows, cases, CUTS[0], judge)
    columns = ("class", "containment", "probability", "row_id", "eval_file", "case_id")
    lines = list(matches.select(columns).iter_rows())
    at = {cut: len({line[3:] for line in lines if _counts(*line[:3], cut)}) for cut in CUTS}
    return Alarms(name, rows.height * sum(each.cases.height for each in cases), at, ok)

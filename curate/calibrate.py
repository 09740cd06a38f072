"""Labelled pairs under a pair rule: what it finds and misses by class, and from which probability misses are bounded.

    found = calibrate(labelled.pairs, pairs.judge_with(encoder), about)
    print(found)
    found.choice                 # the threshold at which at most 5 % of paraphrases are missed, or how many pairs are needed

Nothing printed was measured on the pairs it was tuned on: a threshold (and the map of another encoder's cosines) is chosen
on four fifths of the groups and measured on the rest, in turn. The rule's own threshold was not tuned here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from curate.calibration import separation
from curate.calibration.judged import FOLDS, Judged, Other, false_alarms, floor_of, judge_all
from curate.calibration.labelled import BORDERLINE, SAME, UNRELATED, VARIANT, LabelledPair
from curate.calibration.missbound import Bound, choose, upper
from curate.calibration.separation import Bin, Curve, share
from curate.errors import BadInput
from curate.likeness.cosine_map import CosineMap
from curate.overlap_rule import TOLERANCE
from curate.pairs import CLASSES, Judge
from curate.progress import Progress, silent
from curate.stats import Interval

__all__ = ["About", "Bound", "Calibration", "Choice", "CosineMap", "Other", "calibrate"]

HANDFUL = 10  # fewer pairs than this are no measurement, and are called so
EXAMPLES = 10
PROBABILITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
COSINES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
UNMAPPED = (
    "the encoder's cosines could not be mapped onto the rule's scale: that takes 10 pairs or more of the same and of the "
    "unrelated, which both this encoder and the default one tell apart"
)
NEAR = (
    "{:,} of the pairs were labelled because they lie near the threshold: among them the rule looks worse than it is, and "
    "what its search never proposed is not among them at all"
)


@dataclass(frozen=True)
class About:
    """Whose figures these are: encoder and rule by fingerprint, and the pairs."""

    encoder: str
    encoder_name: str
    rule: str
    threshold: float  # the rule's own, on its probability
    data: str
    sha256: str
    date: str
    floor: float = -1.0  # cosine from which the search proposes a pair


@dataclass(frozen=True)
class ByClass:
    """One labelled class at the rule's own threshold. `recall` is None without a pair, `precision` without a pair so named."""

    name: str
    recall: Interval
    precision: Interval
    groups: int
    borderline: int  # pairs that were labelled because they lie near the threshold

    @property
    def note(self) -> str:
        """What to hold against the figures."""
        few = [f"only {self.recall.n} pairs"] if 0 < self.recall.n < HANDFUL else []
        drawn = [f"{self.borderline:,} drawn near the threshold"] if self.borderline else []
        return ", ".join(few + drawn)


@dataclass(frozen=True)
class At:
    """What a threshold on one score finds of the same, and what of the different it takes for the same."""

    score: str  # probability | cosine
    at: float
    found: Interval
    alarms: Interval


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve of the rule and of the plain cosine, and the rule's minus the cosine's."""

    name: str
    same: int
    different: int
    rule: Interval
    cosine: Interval
    gain: Interval


@dataclass(frozen=True)
class Choice:
    """The highest probability at which the miss rate is bounded; None where the pairs cannot carry the statement.

    units       groups with a paraphrase; each counts with the least probable of its paraphrases
    needed      how many more such groups are needed, if the rule misses none of them
    recall      of paraphrases, and `alarms` among the different, at thresholds chosen on other groups
    missed_most upper bound of the miss rate at the rule's own threshold
    """

    bound: Bound
    threshold: float | None
    units: int
    missed: int
    needed: int
    missed_most: float
    recall: Interval | None = None
    alarms: Interval | None = None

    def __str__(self) -> str:
        wanted = f"at most {100 * self.bound.miss:g} % of paraphrases missed, with {100 * self.bound.confidence:g} % confidence"
        counted = f"{self.missed:,} of {self.units:,} groups with a paraphrase"
        if self.threshold is not None:
            said = f"{wanted}, from probability {self.threshold:g} on (Clopper-Pearson, one-sided; {counted} missed)"
            return f"{said}{self._elsewhere}"
        if self.units and self.missed / self.units > self.bound.miss:
            return f"{wanted}: no threshold does that; {counted} are found at none, and more pairs would not help"
        more = f"{self.needed:,} more {'is' if self.needed == 1 else 'are'} needed"
        return f"{wanted}: the labelled pairs cannot carry this statement: {more} ({counted} are found at no threshold)"

    @property
    def _elsewhere(self) -> str:
        if self.recall is None or self.alarms is None or self.alarms.value is None:
            return ""
        return f"; there {100 * self.alarms.value:.1f} % of the pairs that do not say the same count as overlap too"


@dataclass(frozen=True)
class Example:
    """A pair that the rule gets wrong. Stored calibrations keep its place, not its texts."""

    source: str
    label: str
    named: str
    probability: float
    cosine: float
    differs: str | None
    text_a: str = field(default="", repr=False)
    text_b: str = field(default="", repr=False)


@dataclass(frozen=True)
class Calibration:
    """A rule and an encoder, measured on labelled pairs. `confusion[label][name]` counts pairs."""

    about: About
    pairs: int
    groups: int
    unlabelled: int
    classes: tuple[ByClass, ...]
    confusion: dict[str, dict[str, int]]
    kinds: tuple[tuple[str, Interval], ...]  # the file's own kinds: the share counted as overlap
    table: tuple[At, ...]
    curves: tuple[Curve, ...]
    areas: tuple[Area, ...]
    reliability: tuple[Bin, ...]
    gap: float | None
    choice: Choice
    cosine_map: CosineMap | None
    false_alarms: Interval | None  # among random pairs of other groups
    notes: tuple[str, ...]
    misses: tuple[Example, ...]
    alarms: tuple[Example, ...]

    def __str__(self) -> str:
        lines = [f"{self.about.encoder_name}: {self.pairs:,} labelled pairs in {self.groups:,} groups"]
        lines += [
            f"  {each.name}: recall {each.recall}" + (f" [{each.note}]" if each.note else "")
            for each in self.classes
            if each.recall.n
        ]
        if missing := [each.name for each in self.classes if not each.recall.n and each.name != UNRELATED]:
            lines.append(f"  not measured: {', '.join(missing)}")
        lines += [f"  AUC, {area.name}: rule {area.rule}; cosine {area.cosine}" for area in self.areas]
        return "\n".join([*lines, f"  {self.choice}", *(f"  {note}" for note in self.notes)])

    def without_texts(self) -> "Calibration":
        """The same without the texts of its examples: what may be stored."""
        bare = [tuple(replace(each, text_a="", text_b="") for each in some) for some in (self.misses, self.alarms)]
        return replace(self, misses=bare[0], alarms=bare[1])


def calibrate(
    labelled: Sequence[LabelledPair],
    judge: Judge,
    about: About,
    *,
    bound: Bound = Bound(),
    other: Other | None = None,
    random_pairs: int = 0,
    unlabelled: int = 0,
    draws: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> Calibration:
    """Measure a rule on labelled pairs. The order of the pairs does not matter, and twice the same gives the same.

    `other` is for an encoder whose cosines the rule was not trained on: a map onto the rule's scale is fitted, each pair is
    judged under a map it had no part in, and the one of all pairs is carried. `random_pairs` pairs of texts of different
    groups are drawn to count false alarms. `about.floor` is the cosine, on the rule's scale, from which the search proposes
    a pair: what lies below it and is no copy counts as missed.
    """
    if not labelled:
        raise BadInput("there is no labelled pair to measure with")
    judged, to_rule = judge_all(
        labelled, judge, about.threshold, floor=about.floor, other=other, seed=seed, progress=progress
    )
    notes = [UNMAPPED] if other is not None and to_rule is None else []
    drawn = sum(each.pair.drawn == BORDERLINE for each in judged)
    notes += [NEAR.format(drawn)] if drawn else []
    alarms = None
    if random_pairs:
        mapped = other.remap(to_rule) if other is not None and to_rule is not None else judge
        floor = floor_of(about.floor, to_rule)
        alarms = false_alarms(
            labelled, mapped, about.threshold, wanted=random_pairs, floor=floor, seed=seed, progress=progress
        )
    return _measured(judged, about, bound, draws, seed, to_rule, alarms, unlabelled, tuple(notes))


def _measured(
    judged: list[Judged],
    about: About,
    bound: Bound,
    draws: int,
    seed: int,
    to_rule: CosineMap | None,
    alarms: Interval | None,
    unlabelled: int,
    notes: tuple[str, ...],
) -> Calibration:
    same = [each.pair.same for each in judged]
    sure, cosines = [each.said.probability for each in judged], [each.said.cosine for each in judged]
    scores = [each.score for each in judged]
    bins, gap = separation.reliability(sure, same)
    wrong = [each for each in judged if not each.right]
    return Calibration(
        about=about,
        pairs=len(judged),
        groups=len({each.pair.group for each in judged}),
        unlabelled=unlabelled,
        classes=tuple(_by_class(judged, name) for name in CLASSES),
        confusion=_confusion(judged),
        kinds=_kinds(judged),
        table=(*_table(judged, "probability", scores, PROBABILITIES), *_table(judged, "cosine", cosines, COSINES)),
        curves=(separation.curve("rule", sure, same), separation.curve("cosine", cosines, same)),
        areas=_areas(judged, draws, seed),
        reliability=bins,
        gap=gap,
        choice=_choice(judged, about.threshold, bound),
        cosine_map=to_rule,
        false_alarms=alarms,
        notes=notes,
        misses=_examples([each for each in wrong if each.pair.same], highest_first=False),
        alarms=_examples([each for each in wrong if not each.pair.same and each.overlap], highest_first=True),
    )


def _confusion(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    found = Counter((each.pair.label, each.name) for each in judged)
    return {label: {name: found[label, name] for name in CLASSES} for label in CLASSES}


def _by_class(judged: Sequence[Judged], name: str) -> ByClass:
    mine = [each for each in judged if each.pair.label == name]
    named = [each for each in judged if each.name == name]
    agreed = sum(each.pair.same if name in SAME else each.pair.label == name for each in named)
    borderline = sum(each.pair.drawn == BORDERLINE for each in mine)
    groups = len({each.pair.group for each in mine})
    return ByClass(name, share(sum(e.right for e in mine), len(mine)), share(agreed, len(named)), groups, borderline)


def _kinds(judged: Sequence[Judged]) -> tuple[tuple[str, Interval], ...]:
    of = Counter(each.pair.kind for each in judged if each.pair.kind)
    hit = Counter(each.pair.kind for each in judged if each.pair.kind and each.overlap)
    return tuple((kind, share(hit[kind], of[kind])) for kind in sorted(of))


def _table(judged: Sequence[Judged], name: str, scores: Sequence[float], grid: Sequence[float]) -> tuple[At, ...]:
    yes = [score for score, each in zip(scores, judged, strict=True) if each.pair.same]
    no = [score for score, each in zip(scores, judged, strict=True) if not each.pair.same]
    return tuple(
        At(name, at, share(sum(x >= at for x in yes), len(yes)), share(sum(x >= at for x in no), len(no)))
        for at in grid
    )


def _areas(judged: Sequence[Judged], draws: int, seed: int) -> tuple[Area, ...]:
    sides = {
        "the same against all others": (SAME, (VARIANT, UNRELATED)),
        "paraphrase against unrelated": (("paraphrase",), (UNRELATED,)),
        "paraphrase against template variant": (("paraphrase",), (VARIANT,)),
    }
    found = []
    for name, (yes, no) in sides.items():
        mine = [each for each in judged if each.pair.label in (*yes, *no)]
        same = [each.pair.label in yes for each in mine]
        if not any(same) or all(same):
            continue
        scores = [each.said.probability for each in mine], [each.said.cosine for each in mine]
        (rule, cosine), gain = separation.areas(
            scores, same, [each.pair.group for each in mine], draws=draws, seed=seed
        )
        found.append(Area(name, sum(same), len(same) - sum(same), rule, cosine, gain))
    return tuple(found)


def _choice(judged: Sequence[Judged], own: float, bound: Bound) -> Choice:
    reworded = [each for each in judged if each.pair.label == "paraphrase"]
    units = _least(reworded)
    threshold, missed, needed = choose(list(units.values()), bound)
    most = round(upper(sum(score < own - TOLERANCE for score in units.values()), len(units), bound.confidence), 4)
    choice = Choice(bound, threshold, len(units), missed, needed, most)
    elsewhere = [choose(list(_least([e for e in reworded if e.fold != k]).values()), bound)[0] for k in range(FOLDS)]
    if threshold is None or None in elsewhere:
        return choice
    bar = [at or 0.0 for at in elsewhere]
    others = [each for each in judged if not each.pair.same]
    recall = share(sum(e.score >= bar[e.fold] for e in reworded), len(reworded))
    return replace(choice, recall=recall, alarms=share(sum(e.score >= bar[e.fold] for e in others), len(others)))


def _least(judged: Sequence[Judged]) -> dict[str, float]:
    """For each group the least probable of its pairs."""
    least: dict[str, float] = {}
    for each in judged:
        least[each.pair.group] = min(each.score, least.get(each.pair.group, 1.0))
    return least


def _examples(wrong: Sequence[Judged], *, highest_first: bool) -> tuple[Example, ...]:
    ranked = sorted(wrong, key=lambda e: (-e.said.probability if highest_first else e.said.probability, e.pair.key))
    return tuple(
        Example(
            e.pair.source, e.pair.label, e.name, e.said.probability, e.said.cosine, e.said.differs,
            e.pair.text_a, e.pair.text_b,
        )
        for e in ranked[:EXAMPLES]
    )  # fmt: skip

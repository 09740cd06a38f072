"""Labelled pairs beside what a pair rule says of them; for another encoder, under a map that the pair had no part in.

    judged, _ = judge_all(labelled, judge, bar=0.5)
    judged[0].overlap, judged[0].right

Pairs are put in an order and into folds by their own content, so that the order of a file changes nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from curate.calibration.labelled import SAME, UNRELATED, VARIANT, LabelledPair
from curate.errors import BadInput
from curate.likeness.cosine_map import CosineMap, fit
from curate.overlap_rule import TOLERANCE
from curate.pairs import CLASSES, Judge, Judgement
from curate.progress import Progress, silent
from curate.stats import Interval, wilson

FOLDS = 5
PAIRS_AT_ONCE = 512
BY_WORDS = ("copy", "near copy")  # found by their words, however low their cosine


@dataclass(frozen=True)
class Judged:
    """A labelled pair with its judgement. `bar` is the probability that is asked for, `proposed` whether the search sees it."""

    pair: LabelledPair
    said: Judgement
    bar: float
    proposed: bool
    fold: int

    @property
    def name(self) -> str:
        """The class that the overlap check gives the pair: words decide first, then contradicting facts, then the bar."""
        if self.said.name in BY_WORDS:
            return self.said.name
        if not self.proposed:
            return UNRELATED
        if self.said.name == VARIANT:
            return VARIANT
        if self.said.probability < self.bar - TOLERANCE:
            return UNRELATED
        return "translation" if self.said.name == "translation" else "paraphrase"

    @property
    def score(self) -> float:
        """The highest bar under which the pair counts as overlap; 0 for one that no bar makes overlap."""
        if self.said.name in BY_WORDS:
            return 1.0
        return self.said.probability if self.proposed and self.said.name != VARIANT else 0.0

    @property
    def overlap(self) -> bool:
        """Whether the pair counts as overlap."""
        return self.name in SAME

    @property
    def right(self) -> bool:
        """Whether the rule does with the pair what its label asks: find it, tell the variant apart, leave the rest alone."""
        return self.name == VARIANT if self.pair.label == VARIANT else self.overlap == self.pair.same


@dataclass(frozen=True)
class Other:
    """An encoder whose cosines the rule was not trained on: the rule with the one it was, and the rule under a map."""

    reference: Judge
    remap: Callable[[CosineMap], Judge]


def judge_all(
    labelled: Sequence[LabelledPair],
    judge: Judge,
    bar: float,
    *,
    floor: float = -1.0,
    other: Other | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[list[Judged], CosineMap | None]:
    """Every pair judged, in the pairs' own order, and the map that was fitted on all of them (None where none was).

    With `other`, a pair is judged under the map that the other folds give. `floor` is on the rule's scale.
    """
    pairs = sorted(labelled, key=lambda pair: (pair.key, pair.label, pair.group))
    folds = [fold_of(pair.group, seed) for pair in pairs]
    texts = [(pair.text_a, pair.text_b) for pair in pairs]
    said = judgements(judge, texts, progress)
    to_rule = None
    if other is not None:
        usual = judgements(other.reference, texts, progress)
        to_rule = _map(pairs, said, usual, range(len(pairs)))
        if to_rule is not None:
            said = _across_folds(pairs, said, usual, other, folds, to_rule, progress)
    low = floor_of(floor, to_rule)
    judged = [
        Judged(pair, one, bar, one.cosine >= low - TOLERANCE, fold)
        for pair, one, fold in zip(pairs, said, folds, strict=True)
    ]
    return judged, to_rule


def floor_of(floor: float, to_rule: CosineMap | None) -> float:
    """The encoder's own cosine from which a pair is proposed."""
    return floor if to_rule is None else to_rule.undo(floor)


def false_alarms(
    labelled: Sequence[LabelledPair],
    judge: Judge,
    bar: float,
    *,
    wanted: int,
    floor: float,
    seed: int,
    progress: Progress = silent,
) -> Interval | None:
    """The share that counts as overlap among `wanted` random pairs of a training text and an eval text of another group."""
    pairs = sorted(labelled, key=lambda pair: (pair.key, pair.label, pair.group))
    rng = np.random.default_rng(seed)
    places = [(pairs[int(i)], pairs[int(j)]) for i, j in rng.integers(0, len(pairs), (wanted, 2))]
    drawn = {(one.text_a, two.text_b): one for one, two in places if one.group != two.group}
    said = judgements(judge, list(drawn), progress)
    judged = [
        Judged(pair, one, bar, one.cosine >= floor - TOLERANCE, 0)
        for pair, one in zip(drawn.values(), said, strict=True)
    ]
    return wilson(sum(each.overlap for each in judged), len(judged)) if judged else None


def judgements(judge: Judge, texts: Sequence[tuple[str, str]], progress: Progress = silent) -> list[Judgement]:
    """What the rule says of each pair of texts. A judgement that is none stops: it must never count as 'unrelated'."""
    said: list[Judgement] = []
    for start in range(0, len(texts), PAIRS_AT_ONCE):
        some = texts[start : start + PAIRS_AT_ONCE]
        for one, _ in zip(judge(some), some, strict=True):
            if not (math.isfinite(one.probability) and math.isfinite(one.cosine) and one.name in CLASSES):
                raise BadInput(
                    f"the pair rule could not judge a pair: class {one.name!r}, probability {one.probability}, "
                    f"cosine {one.cosine}"
                )
            said.append(one)
        progress("judge", len(said), len(texts))
    return said


def fold_of(group: str, seed: int) -> int:
    """The fold that a group falls in, by its own name."""
    return int(sha256(f"{seed}\0{group}".encode("utf-8", "surrogatepass")).hexdigest()[:12], 16) % FOLDS


def _map(
    pairs: Sequence[LabelledPair], own: Sequence[Judgement], usual: Sequence[Judgement], places: Sequence[int]
) -> CosineMap | None:
    used = [i for i in places if pairs[i].label != VARIANT]
    return fit([own[i].cosine for i in used], [usual[i].cosine for i in used], [pairs[i].same for i in used])


def _across_folds(
    pairs: Sequence[LabelledPair],
    own: Sequence[Judgement],
    usual: Sequence[Judgement],
    other: Other,
    folds: Sequence[int],
    whole: CosineMap,
    progress: Progress,
) -> list[Judgement]:
    """Each pair judged under the map of the other folds; its cosine stays the encoder's own."""
    said = list(own)
    for fold in range(FOLDS):
        mine = [i for i, each in enumerate(folds) if each == fold]
        elsewhere = [i for i, each in enumerate(folds) if each != fold]
        judge = other.remap(_map(pairs, own, usual, elsewhere) or whole)
        texts = [(pairs[i].text_a, pairs[i].text_b) for i in mine]
        for i, one in zip(mine, judgements(judge, texts, progress), strict=True):
            said[i] = replace(one, cosine=own[i].cosine)
    return said

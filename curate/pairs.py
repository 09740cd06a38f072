"""Whether two texts say the same: copy, near copy, paraphrase, translation, template variant, or unrelated.

    judge = judge_with(encoder.load())
    judge([("Tom buys three lamps. How many has he?", "Tom bought 3 lamps. How many does he have?")])[0].name

The first text of a pair is the training text, the second the eval item. A few similarities (`pair_features`) and the facts
that contradict each other (`pair_facts`) decide. A logistic regression over the similarities says how probable it is that the
texts say the same; a fact that contradicts puts a ceiling on it. Weights and ceilings are a readable JSON file with a card in
`curate/models`. No weight is negative, so more agreement never lowers the probability. What would be the same but for its
facts is a template variant.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate import shipped
from curate.chats import fingerprint_of
from curate.encoder import Encoder
from curate.errors import BadInput, Surroundings
from curate.likeness import pair_facts, pair_features
from curate.likeness.cosine_map import CosineMap
from curate.likeness.pair_features import Pair, Reading, read
from curate.uncollected import uncollected
from curate.windows import Encode

__all__ = ["CLASSES", "Judge", "Judgement", "PairRule", "judge_of", "judge_with", "load", "measures"]

CLASSES = ("copy", "near copy", "paraphrase", "translation", "template variant", "unrelated")
METHOD = 2  # part of the rule's fingerprint: change it when a pair is read or judged in another way
PAIRS_AT_ONCE = 20_000
WINDOWS_AT_ONCE = 512  # pairs multiplied together: what stays in the processor's own cache
OVER_THE_CEILING = 0.05  # what is left of a difference above a ceiling, so that more agreement still counts for more

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """What a pair is. `differs` names the kind of fact in which a template variant differs."""

    name: str
    probability: float
    cosine: float
    differs: str | None = None


Judge = Callable[[Sequence[tuple[str, str]]], list[Judgement]]


@dataclass(frozen=True)
class PairRule:
    """What decides a pair, readable from a JSON file.

    similarities  weights of the inputs, none negative; with `intercept` a logistic regression
    ceilings      the probability that two texts hardly exceed whose numbers, names, ... contradict each other
    threshold     the probability from which two texts say the same
    floor         the plain cosine from which a pair is worth judging
    cosine_map    of another encoder that was calibrated: its cosines on the scale that the weights know
    """

    name: str
    intercept: float
    similarities: Mapping[str, float]
    ceilings: Mapping[str, float]
    threshold: float
    floor: float
    cosine_map: CosineMap | None = None

    def __post_init__(self) -> None:
        """BadInput for weights with which more agreement could lower the probability, and for what is not a number."""
        numbers = [self.intercept, self.threshold, self.floor, *self.similarities.values(), *self.ceilings.values()]
        if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
            raise BadInput("the pair rule holds a weight that is not a number")
        if set(self.similarities) != set(pair_features.SIMILARITIES) or set(self.ceilings) != set(
            pair_features.CONTRADICTIONS
        ):
            raise BadInput("the pair rule was made for other inputs than this version of Winnow reads")
        if min(self.similarities.values()) < 0:
            raise BadInput("the pair rule has a similarity with a negative weight")
        if not (
            0 < self.threshold < 1
            and -1 <= self.floor < 1
            and all(0 < p < self.threshold for p in self.ceilings.values())
        ):
            raise BadInput(
                "the pair rule's threshold must lie in 0 to 1, its ceilings below the threshold, its floor in -1 to 1"
            )

    def fingerprint(self) -> str:
        """Hash of all that decides a judgement, the encoder apart."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return fingerprint_of({"method": METHOD, "facts": list(pair_facts.KINDS)} | said)

    def with_cosine_map(self, to_rule: CosineMap) -> "PairRule":
        """The same rule for an encoder with another scale."""
        return replace(self, cosine_map=to_rule)

    def scores(self, table: Numbers) -> tuple[Numbers, Numbers]:
        """Probabilities of [n, features]: that the pairs say the same, and that they do but for their facts."""
        score = self._score(table)
        lowered = score.copy()
        for column, name in enumerate(pair_features.CONTRADICTIONS, start=len(self.similarities)):
            ceiling = math.log(self.ceilings[name] / (1 - self.ceilings[name]))
            under = np.where(score > ceiling, ceiling + OVER_THE_CEILING * (score - ceiling), score)
            lowered = np.minimum(lowered, score - table[:, column] * (score - under))
        return _logistic(lowered), _logistic(score)

    def can_be_lowered(self, table: Numbers) -> npt.NDArray[np.bool_]:
        """Which pairs of [n, features] a contradiction could lower: those above the lowest ceiling."""
        return _logistic(self._score(table)) > min(self.ceilings.values())

    def _score(self, table: Numbers) -> Numbers:
        weights = np.array([self.similarities[name] for name in pair_features.SIMILARITIES])
        score: Numbers = self.intercept + table[:, : len(weights)] @ weights
        return score


def load(path: Path | None = None) -> PairRule:
    """Read a rule; without a path the one that ships with Winnow. BadInput where the file is something else."""
    place = path or shipped.model("pair_rule.json")
    try:
        held = json.loads(place.read_text(encoding="utf-8"))
        return PairRule(
            **{key: held[key] for key in ("name", "intercept", "similarities", "ceilings", "threshold", "floor")}
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BadInput(f"this is not a pair rule: {type(problem).__name__}", where=place.name) from problem
    except BadInput as problem:
        raise BadInput(problem.what, where=place.name) from problem


def judge_with(encoder: Encoder, rule: PairRule | None = None) -> Judge:
    """A judge that reads with an encoder, in fp32. The model is loaded when the first text is not in the cache."""
    rule = rule or load()
    # The word vectors of a mapped encoder have no fitted scale.
    words: Encode | None = getattr(encoder, "words", None) if rule.cosine_map is None else None
    return judge_of(rule, lambda texts: encoder.exact().encode(texts), words)


def judge_of(rule: PairRule, encode: Encode, words: Encode | None = None) -> Judge:
    """A judge from plain functions: `encode` gives one vector a window, `words` two side by side (`Encoder.words`).

    Without `words` the cosine stands in for what they would say. The pairs are independent of each other and of their order.
    """

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        found: list[Judgement] = []
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            some = _paired(pairs[start : start + PAIRS_AT_ONCE])
            spaces = _spaces(some, encode, words)
            with uncollected():
                table, cosines = _measured(some, *spaces, rule)
                same, but_for_facts = rule.scores(table)
                numbers = zip(some, same.tolist(), but_for_facts.tolist(), cosines.tolist(), strict=True)
                found += [_judged(rule, pair, p, q, c) for pair, p, q, c in numbers]
        return found

    return judge


def measures(
    pairs: Sequence[tuple[str, str]], encode: Encode, words: Encode | None = None, rule: PairRule | None = None
) -> tuple[Numbers, Numbers]:
    """For each pair the inputs of the rule [n, features], in the order of SIMILARITIES and CONTRADICTIONS, and its cosine [n].

    The cosine is the encoder's own; with a rule that has a map, the inputs see it on the rule's scale. With a rule,
    contradictions are read only of pairs that one could lower: below all ceilings they change nothing, and stay 0.
    """
    some = _paired(pairs)
    return _measured(some, *_spaces(some, encode, words), rule)


def _paired(pairs: Sequence[tuple[str, str]]) -> list[Pair]:
    with uncollected():
        return [Pair(read(a), read(b)) for a, b in pairs]


def _spaces(pairs: Sequence[Pair], encode: Encode, words: Encode | None) -> "tuple[_Space, _Space | None]":
    """The vectors of the texts of all pairs and of their views, and those of their words."""
    texts = sorted({said for pair in pairs for side in (pair.a, pair.b) for said in (side.said, *side.views)})
    return _Space.of(encode, texts), None if words is None else _Space.of(words, texts)


def _measured(
    pairs: Sequence[Pair], plain: "_Space", means: "_Space | None", rule: PairRule | None
) -> tuple[Numbers, Numbers]:
    cosines, of_views = plain.cosines(pairs)
    seen = cosines
    if rule is not None and rule.cosine_map is not None:
        seen, of_views = rule.cosine_map.apply(seen), rule.cosine_map.apply(of_views)
    meant = (seen + of_views) / 2
    if means is None:
        spoken = np.repeat(meant, 2, axis=1)
    else:
        of_words, of_their_views = means.cosines(pairs, parts=2)
        spoken = (of_words + of_their_views) / 2
    alike = [
        pair_features.similarities(pair, cosine, all_words, content)
        for pair, (cosine,), (all_words, content) in zip(pairs, meant.tolist(), spoken.tolist(), strict=True)
    ]
    table = np.zeros((len(pairs), len(pair_features.SIMILARITIES) + len(pair_features.CONTRADICTIONS)))
    table[:, : len(pair_features.SIMILARITIES)] = np.array(alike).reshape(len(pairs), -1)
    for row in range(len(pairs)) if rule is None else np.flatnonzero(rule.can_be_lowered(table)).tolist():
        table[row, len(pair_features.SIMILARITIES) :] = pair_features.contradictions(pairs[row])
    return table, cosines[:, 0]


@dataclass(frozen=True)
class _Space:
    """Vectors of the windows of distinct texts, and which windows are whose."""

    vectors: Vectors
    windows: dict[str, range]

    @staticmethod
    def of(encode: Encode, distinct: Sequence[str]) -> "_Space":
        windows = encode(distinct)
        if not np.isfinite(windows.vectors).all():
            raise Surroundings("the encoder returned a vector that is not a number, so no text can be compared with it")
        edges = np.searchsorted(windows.text, np.arange(len(distinct) + 1)).tolist()
        return _Space(windows.vectors, {said: range(edges[i], edges[i + 1]) for i, said in enumerate(distinct)})

    def cosines(self, pairs: Sequence[Pair], parts: int = 1) -> tuple[Numbers, Numbers]:
        """For each pair the highest cosine of a window of each text, and of their views, by part of the vectors [n, parts]."""
        whole = self._highest([(self.windows[p.a.said], self.windows[p.b.said]) for p in pairs], parts)
        of_views = whole.copy()  # what is no code is its own view
        other = [i for i, pair in enumerate(pairs) if pair.a.code or pair.b.code]
        of_views[other] = self._highest([(self._views(pairs[i].a), self._views(pairs[i].b)) for i in other], parts)
        return whole, of_views

    def _views(self, reading: Reading) -> list[int]:
        return [window for view in reading.views for window in self.windows[view]]

    def _highest(self, sides: Sequence[tuple[Sequence[int], Sequence[int]]], parts: int) -> Numbers:
        """For each pair of groups of windows the highest cosine, by part of the vectors [n, parts]. 0 without any."""
        left: list[int] = []
        right: list[int] = []
        for here, there in sides:
            left += [i for i in here for _ in there]
            right += [*there] * len(here)
        count = [len(here) * len(there) for here, there in sides]
        at = np.repeat(np.arange(len(sides)), count)
        out = np.full((len(sides), parts), -1.0)
        width = self.vectors.shape[1] // parts
        for start in range(0, len(left), WINDOWS_AT_ONCE):
            block = slice(start, start + WINDOWS_AT_ONCE)
            # In double precision beforehand: each row is then summed by itself, in the same order beside whatever others.
            rows, columns = (
                self.vectors[some[block]].astype(np.float64).reshape(-1, parts, width) for some in (left, right)
            )
            np.maximum.at(out, at[block], np.einsum("npd,npd->np", rows, columns))
        out[np.setdiff1d(np.arange(len(sides)), at)] = 0.0
        return out.clip(-1.0, 1.0)


def _judged(rule: PairRule, pair: Pair, same: float, but_for_facts: float, cosine: float) -> Judgement:
    a, b, cosine = pair.a, pair.b, round(cosine, 4) + 0.0
    if a.loose == b.loose:
        return Judgement("copy", 1.0, cosine)
    if not (a.words and b.words):
        return Judgement("unrelated", 0.0, cosine)
    near = pair_features.nearly_copied(pair)
    if not near and but_for_facts < rule.threshold:
        return Judgement("unrelated", round(same, 4), cosine)
    differs = pair_features.differs(pair)
    if near and differs is None:
        return Judgement("near copy", round(max(same, rule.threshold), 4), cosine)
    if same >= rule.threshold and not (near and differs):
        name = "translation" if a.language != b.language else "paraphrase"
        return Judgement(name, round(same, 4), cosine)
    if differs and (near or but_for_facts >= rule.threshold):
        return Judgement("template variant", round(min(same, max(rule.ceilings.values())), 4), cosine, differs)
    return Judgement("unrelated", round(same, 4), cosine)


def _logistic(x: Numbers) -> Numbers:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -40.0, 40.0)))

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
from curate.likeness.pair_features import Reading, read
from curate.likeness.pair_language import language
from curate.windows import Encode

__all__ = ["CLASSES", "Judge", "Judgement", "PairRule", "judge_of", "judge_with", "load", "measures"]

CLASSES = ("copy", "near copy", "paraphrase", "translation", "template variant", "unrelated")
METHOD = 2  # part of the rule's fingerprint: change it when a pair is read or judged in another way
PAIRS_AT_ONCE = 20_000
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
            some = pairs[start : start + PAIRS_AT_ONCE]
            table, cosines = measures(some, encode, words, rule)
            same, but_for_facts = rule.scores(table)
            found += [
                _judged(rule, read(a), read(b), p, q, c)
                for (a, b), p, q, c in zip(some, same.tolist(), but_for_facts.tolist(), cosines.tolist(), strict=True)
            ]
        return found

    return judge


def measures(
    pairs: Sequence[tuple[str, str]], encode: Encode, words: Encode | None = None, rule: PairRule | None = None
) -> tuple[Numbers, Numbers]:
    """For each pair the inputs of the rule [n, features], in the order of SIMILARITIES and CONTRADICTIONS, and its cosine [n].

    The cosine is the encoder's own; with a rule that has a map, the inputs see it on the rule's scale. With a rule,
    contradictions are read only of pairs that one could lower: below all ceilings they change nothing, and stay 0.
    """
    viewed = [(read(a), read(b)) for a, b in pairs]
    whole = [((a,), (b,)) for a, b in pairs]
    views = [(a.views, b.views) for a, b in viewed]
    texts = [said for sides in (*whole, *views) for side in sides for said in side]
    plain = _Space.of(encode, texts)
    cosines = plain.highest(whole)
    seen, of_views = cosines, plain.highest(views)
    if rule is not None and rule.cosine_map is not None:
        seen, of_views = rule.cosine_map.apply(seen), rule.cosine_map.apply(of_views)
    meant = (seen + of_views) / 2
    if words is None:
        spoken = np.repeat(meant, 2, axis=1)
    else:
        means = _Space.of(words, texts)
        spoken = (means.highest(whole, parts=2) + means.highest(views, parts=2)) / 2
    alike = [
        pair_features.similarities(a, b, cosine, all_words, content)
        for (a, b), (cosine,), (all_words, content) in zip(viewed, meant.tolist(), spoken.tolist(), strict=True)
    ]
    table = np.zeros((len(pairs), len(pair_features.SIMILARITIES) + len(pair_features.CONTRADICTIONS)))
    table[:, : len(pair_features.SIMILARITIES)] = np.array(alike).reshape(len(pairs), -1)
    for row in range(len(pairs)) if rule is None else np.flatnonzero(rule.can_be_lowered(table)).tolist():
        table[row, len(pair_features.SIMILARITIES) :] = pair_features.contradictions(*viewed[row])
    return table, cosines[:, 0]


@dataclass(frozen=True)
class _Space:
    """Vectors of the windows of distinct texts, and which windows are whose."""

    vectors: Vectors
    first: dict[str, tuple[int, int]]

    @staticmethod
    def of(encode: Encode, texts: Sequence[str]) -> "_Space":
        distinct = sorted(set(texts))
        windows = encode(distinct)
        if not np.isfinite(windows.vectors).all():
            raise Surroundings("the encoder returned a vector that is not a number, so no text can be compared with it")
        edges = np.searchsorted(windows.text, np.arange(len(distinct) + 1)).tolist()
        return _Space(windows.vectors, {said: (edges[i], edges[i + 1]) for i, said in enumerate(distinct)})

    def highest(self, sides: Sequence[tuple[Sequence[str], Sequence[str]]], parts: int = 1) -> Numbers:
        """For each pair of groups of texts the highest cosine of a window of each, by part of the vectors [n, parts]. 0 without any."""
        left: list[int] = []
        right: list[int] = []
        owner: list[int] = []
        for number, (a, b) in enumerate(sides):
            here = [i for said in a for i in range(*self.first[said])]
            there = [i for said in b for i in range(*self.first[said])]
            left += [i for i in here for _ in there]
            right += there * len(here)
            owner += [number] * (len(here) * len(there))
        out = np.full((len(sides), parts), -1.0)
        width = self.vectors.shape[1] // parts
        at = np.array(owner, dtype=np.int64)
        for start in range(0, len(left), 50_000):
            block = slice(start, start + 50_000)
            rows = self.vectors[left[block]].reshape(-1, parts, width)
            columns = self.vectors[right[block]].reshape(-1, parts, width)
            scores = np.einsum("npd,npd->np", rows, columns, dtype=np.float64)
            np.maximum.at(out, at[block], scores)
        out[np.setdiff1d(np.arange(len(sides)), at)] = 0.0
        return out.clip(-1.0, 1.0)


def _judged(rule: PairRule, a: Reading, b: Reading, same: float, but_for_facts: float, cosine: float) -> Judgement:
    cosine = round(cosine, 4) + 0.0
    if a.loose == b.loose:
        return Judgement("copy", 1.0, cosine)
    if not (a.words and b.words):
        return Judgement("unrelated", 0.0, cosine)
    near = pair_features.nearly_copied(a, b)
    if not near and but_for_facts < rule.threshold:
        return Judgement("unrelated", round(same, 4), cosine)
    differs = pair_features.differs(a, b)
    if near and differs is None:
        return Judgement("near copy", round(max(same, rule.threshold), 4), cosine)
    if same >= rule.threshold and not (near and differs):
        name = "translation" if _language(a) != _language(b) else "paraphrase"
        return Judgement(name, round(same, 4), cosine)
    if differs and (near or but_for_facts >= rule.threshold):
        return Judgement("template variant", round(min(same, max(rule.ceilings.values())), 4), cosine, differs)
    return Judgement("unrelated", round(same, 4), cosine)


def _language(reading: Reading) -> str:
    return "en" if reading.code else language(reading.loose)


def _logistic(x: Numbers) -> Numbers:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -40.0, 40.0)))

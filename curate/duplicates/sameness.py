"""Whether two rows ask the same and answer the same, by the pair rule and by facts that must agree.

    same = Sameness(judge)
    same.questions([("How do I bake bread?", "How is bread baked?")])[0].probability

Questions. The longer text is judged as the one that may hold the other. Paragraphs that both questions share are set aside, and what
is left must agree by itself, and so must the first paragraphs: a passage that two questions share would drown them. In code
numbers and operators count as they stand.

Answers. Equal normal forms are the same answer. Others must agree in their last number (the result), in all numbers and units, in a yes or
no, and then by the pair rule, read so that the longer answer must be in the shorter. The rule was made for texts of some
sentences; a long answer says many things, so two long answers must share half of their words as well.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from curate import text
from curate.likeness import pair_facts
from curate.likeness.pair_features import read
from curate.pairs import Judge, Judgement
from curate.progress import Progress, silent
from curate.uncollected import uncollected

SAME = ("copy", "near copy", "paraphrase")
LONG = 60  # words of an answer from which sharing half of them is asked for
SHARED = 0.5
AT_ONCE = 5_000  # pairs judged between two lines of progress

Pair = tuple[str, str]


@dataclass(frozen=True)
class Same:
    """How probable it is that two texts say the same, the cosine of the whole texts in full precision, and the kind of fact that sets them apart."""

    probability: float
    cosine: float | None = None
    differs: str | None = None


class Sameness:
    """Judges questions and answers. The order of a pair decides nothing."""

    def __init__(self, judge: Judge, progress: Progress = silent) -> None:
        self._judge = judge
        self._progress = progress

    def questions(self, pairs: Sequence[Pair]) -> list[Same]:
        """The lowest probability of the parts that must agree; a template variant where one of them is."""
        parts = [[_longest_first(*part) for part in _parts(a, b)] for a, b in pairs]
        known = self._judged([part for some in parts for part in some], "semantic: questions")
        return [_question(a, b, [known[part] for part in some]) for (a, b), some in zip(pairs, parts, strict=True)]

    def answers(self, pairs: Sequence[Pair]) -> list[Same]:
        """1 for equal answers, 0 for those whose facts contradict each other, else what the pair rule says."""
        with uncollected():
            apart = [_answers_apart(a, b) for a, b in pairs]
        asked = [_longest_first(b, a)[::-1] for (a, b), why in zip(pairs, apart, strict=True) if why is None]
        known = self._judged(asked, "semantic: answers")
        return [
            Same(0.0 if why else 1.0, None, why or None)
            if why is not None
            else _as_answer(known[_longest_first(b, a)[::-1]])
            for (a, b), why in zip(pairs, apart, strict=True)
        ]

    def _judged(self, pairs: Sequence[Pair], step: str) -> dict[Pair, Judgement]:
        distinct = sorted(set(pairs))
        found: dict[Pair, Judgement] = {}
        for start in range(0, len(distinct), AT_ONCE):
            some = distinct[start : start + AT_ONCE]
            found |= dict(zip(some, self._judge(some), strict=True))
            self._progress(step, len(found), len(distinct))
        return found


def _question(a: str, b: str, parts: Sequence[Judgement]) -> Same:
    cosine = parts[0].cosine
    if kinds := [part.differs for part in parts if part.name == "template variant"]:
        return Same(min(part.probability for part in parts), cosine, kinds[0])
    if any(part.name == "translation" for part in parts):
        return Same(0.0, cosine)
    probability = min(part.probability for part in parts)
    if (read(a).code or read(b).code) and _each_has_more(_marks(a), _marks(b)):
        return Same(0.0, cosine, "numbers in code" if probability else None)
    return Same(probability, cosine)


def _as_answer(judged: Judgement) -> Same:
    if judged.name in ("template variant", "translation"):
        return Same(0.0, judged.cosine, judged.differs)
    return Same(judged.probability, judged.cosine)


def _parts(a: str, b: str) -> list[Pair]:
    """What must agree: the whole, what is left without the shared paragraphs, the first paragraphs."""
    found = [(a, b)]
    here, there = _paragraphs(a), _paragraphs(b)
    if len(here) > 1 or len(there) > 1:
        known = {read(said).loose for said in here} & {read(said).loose for said in there}
        left = ["\n\n".join(said for said in side if read(said).loose not in known) for side in (here, there)]
        if all(left):
            found.append((left[0], left[1]))
        if here and there:
            found.append((here[0], there[0]))
    return found


def _paragraphs(said: str) -> list[str]:
    return [part for part in said.strip().split("\n\n") if part.strip()]


def _answers_apart(a: str, b: str) -> str | None:
    """ "" where two answers are equal, the kind of fact in which they contradict each other, None where the rule must say."""
    if a == b or read(a).loose == read(b).loose:
        return ""
    here, there = _answer(a), _answer(b)
    if here.result and there.result and not here.result & there.result:
        return "result"
    if pair_facts.unmatched_numbers(here.facts, there.facts) and pair_facts.unmatched_numbers(there.facts, here.facts):
        return "numbers"
    if pair_facts.other_units(here.facts, there.facts):
        return "units"
    if kind := text.conflict(here.stance, there.stance, ("negation", "yes or no")):
        return kind
    if (read(a).code or read(b).code) and _each_has_more(_marks(a), _marks(b)):
        return "numbers in code"
    if min(here.words.total(), there.words.total()) >= LONG:
        shared = (here.words & there.words).total()
        if shared < SHARED * (here.words | there.words).total():
            return "words"
    return None


class _Answer:
    """What is known of an answer, each part read when it is first asked for."""

    def __init__(self, said: str) -> None:
        self.said = said

    @cached_property
    def facts(self) -> pair_facts.Facts:
        """Of the whole answer as it stands, in code too."""
        reading = read(self.said)
        return pair_facts.facts_of(self.said) if reading.code else reading.facts

    @cached_property
    def result(self) -> frozenset[float]:
        """The ways to read the last number."""
        numbers = self.facts.numbers
        return numbers[-1].values if numbers else frozenset()

    @cached_property
    def stance(self) -> text.Facts:
        return text.facts(self.said)

    @cached_property
    def words(self) -> Counter[str]:
        return Counter(text.tokens(self.said))


@lru_cache(maxsize=65_536)
def _answer(said: str) -> _Answer:
    return _Answer(said)


@lru_cache(maxsize=65_536)
def _marks(said: str) -> Counter[str]:
    """Numbers and operators, as they stand."""
    return Counter(token for token in text.tokens(said) if not token[0].isalpha() and token[0] != "_")


def _each_has_more(a: Counter[str], b: Counter[str]) -> bool:
    return bool(a - b) and bool(b - a)


def _longest_first(a: str, b: str) -> Pair:
    return (a, b) if (len(a), a) >= (len(b), b) else (b, a)

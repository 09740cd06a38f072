"""What many eval items share says nothing of one of them: a prompt template is judged away before two texts are compared.

    judge = beyond(judge, [item for item in eval_items])
    judge([(training_text, eval_item)])

"Read the ticket below and answer with one of five labels. Ticket: ..." stands in every item of such an eval file, and in training
rows of the same task. The whole texts are then alike whatever the ticket says. So where a good part of an item is shared
by several others, the pair is judged once more without the shared words, and both verdicts must say that it is the same.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from curate import text
from curate.pairs import Judge, Judgement

__all__ = ["GRAM", "MOST_OWN", "SHARED", "Shared", "beyond"]

GRAM = 5  # words in a row
SHARED = 5  # so many different items make a run of words boilerplate, and of many items one in twenty: a few rewordings
SHARE, MOST = 0.05, 50  # of one question share words too, and must not excuse each other
MOST_OWN = 0.7  # an item of which more is its own is compared as a whole only
TELLING_WORDS = 4  # of a part that is looked for by itself
OWN_WORDS = 2  # with fewer there is nothing else to go by


@dataclass(frozen=True)
class Shared:
    """The runs of words that several eval items share."""

    grams: frozenset[tuple[str, ...]]

    @staticmethod
    def of(items: Sequence[str]) -> "Shared":
        """Counted over different items: one that is asked twice shares nothing with itself."""
        counts = Counter[tuple[str, ...]]()
        for words in sorted({tuple(text.tokens(item)) for item in items}):
            counts.update({words[i : i + GRAM] for i in range(len(words) - GRAM + 1)})
        enough = max(SHARED, min(MOST, math.ceil(SHARE * len(set(items)))))
        return Shared(frozenset(gram for gram, items_with in counts.items() if items_with >= enough))

    def own(self, said: str) -> tuple[str, float]:
        """The words of a text that stand in no shared run, and their share of all."""
        words = text.tokens(said)
        taken = [False] * len(words)
        for i in range(len(words) - GRAM + 1):
            if tuple(words[i : i + GRAM]) in self.grams:
                taken[i : i + GRAM] = [True] * GRAM
        left = [word for word, shared in zip(words, taken, strict=True) if not shared]
        return " ".join(left), len(left) / max(1, len(words))

    def own_part(self, item: str) -> str:
        """What of an item is its own, if a good part of it is shared and something that tells it apart is left."""
        own, share = self.own(item)
        return own if share <= MOST_OWN and len(own.split()) >= TELLING_WORDS else ""


@dataclass(frozen=True)
class _Beyond:
    judge: Judge
    items: tuple[str, ...]

    @cached_property
    def shared(self) -> Shared:
        return Shared.of(self.items)

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        whole = self.judge(pairs)
        if not self.shared.grams:
            return whole
        own = {item: self.shared.own(item) for _, item in pairs}
        again = [
            place
            for place, ((_, item), verdict) in enumerate(zip(pairs, whole, strict=True))
            if verdict.name not in ("copy", "unrelated")
            and own[item][1] <= MOST_OWN
            and len(own[item][0].split()) >= OWN_WORDS
        ]
        rest = [(self.shared.own(pairs[place][0])[0], own[pairs[place][1]][0]) for place in again]
        stricter = list(whole)
        for place, verdict in zip(again, self.judge(rest), strict=True):
            stricter[place] = _both(whole[place], verdict)
        return stricter


def beyond(judge: Judge, items: Sequence[str]) -> Judge:
    """A judge that knows what these eval items share."""
    return _Beyond(judge, tuple(items))


def _both(whole: Judgement, own: Judgement) -> Judgement:
    """The verdict on whole texts, unless what is their own says less. The cosine stays that of the whole texts."""
    least = min(whole.probability, own.probability)
    match own.name:
        case "copy" | "near copy":
            return whole
        case "template variant":
            return Judgement(own.name, least, whole.cosine, own.differs)
        case "paraphrase" | "translation":
            name = own.name if whole.name == "near copy" else whole.name
            return Judgement(name, least, whole.cosine, whole.differs)
    return Judgement("unrelated", least, whole.cosine)

"""The tone of sentences, by VADER (Hutto and Gilbert 2014, ICWSM): word by word, with negation and emphasis, English only.

    of_rows(answers, "women")       # one mean per row, in -1 to 1; None where nothing could be scored

What is scored is the sentences that mention the group, with its name put as "person". VADER reads posts, not essays, and knows
no context: "the victims of the attack" is negative whoever they are. A difference is a reason to look, not a finding of fault.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from curate.faults.languages import told
from curate.portrayal.groups import named, without_names

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
LONGEST = 2_000  # characters of a sentence; a longer one is no prose


@lru_cache(maxsize=1)
def _analyser() -> Callable[[str], float]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    scorer = SentimentIntensityAnalyzer()
    return lambda said: float(scorer.polarity_scores(said)["compound"])


def english(said: str) -> bool:
    """Whether a text is told to be English; what cannot be told is not scored."""
    return told(said) == "English"


def of_row(said: str, group: str | None) -> float | None:
    """The mean tone of the sentences that mention the group (of all, without one), or None."""
    some = [one for one in _SENTENCE.split(said) if 0 < len(one) <= LONGEST and (group is None or named(one, group))]
    scores = [_score(one) for one in some]
    return round(sum(scores) / len(scores), 6) if scores else None


def of_rows(texts: Sequence[str], group: str | None) -> list[float | None]:
    """The tone of each text; None where it is not English or holds no such sentence."""
    return [of_row(said, group) if english(said) else None for said in texts]


@lru_cache(maxsize=65_536)
def _score(sentence: str) -> float:
    return _analyser()(without_names(sentence))

"""The tone of sentences, by VADER (Hutto and Gilbert 2014, ICWSM): word by word, with negation and emphasis, English only.

    of_rows(answers, "women")       # one mean per row, in -1 to 1; None where nothing could be scored

What is scored is the sentences that mention the group, with its name put as "person". VADER reads posts, not essays, and knows
no context: "the victims of the attack" is negative whoever they are. A difference is a reason to look, not a finding of fault.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version

from curate.cache import Cache, code, remember
from curate.faults.languages import told
from curate.portrayal.groups import named, without_names

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
LONGEST = 2_000  # characters of a sentence; a longer one is no prose
KIND = "tone"
# All that decides the tone of a text beside VADER. What these rooms import besides holds no rule.
ROOMS = ("portrayal/tone.py", "portrayal/groups.py", "portrayal/occupations.py", "faults/languages.py")


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


def of_rows(texts: Sequence[str], group: str | None, cache: Cache | None = None) -> list[float | None]:
    """The tone of each text; None where it is not English or holds no such sentence. A `cache` holds what was told before."""

    if cache is None or not cache.usable:
        return [_of_english(said, group) for said in texts]

    def read(some: Sequence[str]) -> list[float | None]:
        return [_of_english(one.removeprefix(before), group) for one in some]

    before = f"{group or ''}\n"
    kind = f"{KIND}/{version('vaderSentiment')}/{code(*ROOMS)}"
    found = [before + said for said in texts]
    return remember(cache, kind, found, read, _pack, _unpack, model="tone of sentences, VADER")


def _of_english(said: str, group: str | None) -> float | None:
    return of_row(said, group) if english(said) else None


def _pack(tone: float | None) -> bytes:
    return b"" if tone is None else repr(tone).encode()


def _unpack(packed: bytes) -> float | None:
    return float(packed) if packed else None


@lru_cache(maxsize=65_536)
def _score(sentence: str) -> float:
    return _analyser()(without_names(sentence))

"""A long text is as toxic as its worst window, and a text that nobody can read has no score.

    [found] = score_windows(["We ship lamps. " * 60 + "You are an idiot."], score)
    found.score, found.start, found.end      # the worst window and where it is

Works under any scorer: a function from texts to probabilities. Empty texts, texts without letters, in another script or in
another language are unscored, which is not the same as harmless.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from curate import text
from curate.likeness import pair_language
from curate.progress import Progress, silent
from curate.toxic import features

Score = Callable[[Sequence[str]], Sequence[float | None]]

WINDOW, STRIDE = 40, 20  # words
CHUNK = 4096  # windows scored at once, so that memory stays flat
FEWEST_WORDS = 6  # different ones, from which on the language of a text in Latin script can be told

_PIECE = re.compile(r"\S{1,100}")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")


@dataclass(frozen=True)
class WindowScore:
    """The worst window of a text, and where it is; score None with a reason where nothing could be scored."""

    score: float | None
    start: int
    end: int
    unscored: str | None = None


def unreadable(said: str) -> str | None:
    """Why a text has nothing to read for a scorer of English letters, or None when it has."""
    if not said.strip():
        return "empty"
    if said.isascii():
        return None if re.search("[a-zA-Z]", said) else "no letters"
    letters = len(_LETTER.findall(said))
    if not letters:
        return "no letters"
    latin = len(_LATIN.findall(text.normalise(said)))
    return "mostly non-Latin script" if 2 * latin < letters else None


def foreign(words: Sequence[str]) -> bool:
    """Whether words are of another language, as far as its small words tell: six languages, no short texts.

    Each word counts once: "la la la" is a song, not Spanish.
    """
    different = dict.fromkeys(words)
    return len(different) >= FEWEST_WORDS and pair_language.language(" ".join(different)) != "en"


def why_unscored(said: str) -> str | None:
    """Why a text cannot be scored (empty, no letters, another script, another language), or None when it can."""
    return unreadable(said) or ("not English" if foreign(features.words(said)) else None)


def windows(said: str) -> Iterator[tuple[int, int]]:
    """Overlapping windows of 40 words as character offsets; a text of up to 40 words is one window."""
    if len(said) <= 100 and said.count(" ") < WINDOW:
        yield 0, len(said)
        return
    pieces = [found.span() for found in _PIECE.finditer(said)]
    if len(pieces) <= WINDOW:
        yield 0, len(said)
        return
    for first in [*range(0, len(pieces) - WINDOW, STRIDE), len(pieces) - WINDOW]:
        yield pieces[first][0], pieces[first + WINDOW - 1][1]


def score_windows(texts: Sequence[str], score: Score, progress: Progress = silent) -> list[WindowScore]:
    """The worst window of every text, under any scorer. The first of equals wins."""
    out: list[WindowScore] = []
    for first in range(0, len(texts), CHUNK):
        block = texts[first : first + CHUNK]
        spans = [(i, start, end) for i, said in enumerate(block) for start, end in windows(said)]
        scores = score([block[i][start:end] for i, start, end in spans])
        worst: dict[int, WindowScore] = {}
        for (i, start, end), value in zip(spans, scores, strict=True):
            known = worst.get(i)
            if value is not None and (known is None or known.score is None or value > known.score):
                worst[i] = WindowScore(value, start, end)
        for i, said in enumerate(block):
            if i in worst:
                out.append(worst[i])
            else:
                out.append(WindowScore(None, 0, len(said), why_unscored(said) or "the scorer gave no score"))
        progress("toxicity", len(out), len(texts))
    return out

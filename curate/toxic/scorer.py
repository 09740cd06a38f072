"""What a toxicity scorer is, whichever model stands behind it: texts in, probabilities and their worst windows out.

score = Scorer("mine", "f" * 16, 0.5, "English only.", judge)
score(["Have a lovely day"])          # [0.01]; None where nobody can tell
score.worst([a_long_text])            # the score, and where the worst window stands
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from curate.cache import Cache, remember
from curate.progress import Progress, silent
from curate.toxic.windows import CHUNK, Score, WindowScore, score_windows


@dataclass(frozen=True)
class Scorer:
    """Texts -> probabilities of being toxic, rounded to four decimals; None where `why_unscored` has a reason.

    `judge` scores each text as a whole; a call scores the worst window. `attack`, where the scorer has it, says how likely a text
    attacks people for the group they belong to. `bias` is what was measured of the scorer itself, in a sentence.
    """

    name: str
    fingerprint: str
    threshold: float
    limits: str
    judge: Score = field(repr=False, compare=False)
    attack: Score | None = field(default=None, repr=False, compare=False)
    bias: str | None = None
    cache: Cache | None = field(default=None, repr=False, compare=False)

    def __call__(self, texts: Sequence[str], progress: Progress = silent) -> list[float | None]:
        return [found.score for found in self.worst(texts, progress)]

    def score_short(self, texts: Sequence[str]) -> list[float | None]:
        """Score each text as a whole, however long it is."""
        return list(self.judge(texts))

    def worst(self, texts: Sequence[str], progress: Progress = silent) -> list[WindowScore]:
        """The worst window of each text; known texts come from the cache."""
        return remember(
            self.cache,
            f"toxicity/{self.fingerprint}",
            texts,
            lambda some: score_windows(some, self.judge),
            pack=lambda found: json.dumps([found.score, found.start, found.end, found.unscored]).encode(),
            unpack=lambda packed: WindowScore(*json.loads(packed)),
            progress=progress,
            step="toxicity",
            chunk=CHUNK,
            model=self.name,
        )

"""The detectors that judge completions: those of curation, so that before and after compare; names are left to curation.

    judges = load()
    judges.describe()          # names and fingerprints, as they stand in every manifest and report

A training set that was filtered by a detector and is graded by the same one is flattered: the report names each, so that
a reader can see it, and any of them can be replaced.
"""

from dataclasses import dataclass
from typing import Any

from curate import pii, refusals, toxicity
from curate.cache import Cache
from curate.detectors import Models, encoder_facts
from curate.encoder import Encoder
from curate.progress import Progress, silent


@dataclass(frozen=True)
class Detectors:
    """What finds toxicity, personal data and refusals, and what tells how close two texts are."""

    toxicity: toxicity.Scorer
    pii: pii.Finder
    refusals: refusals.Detector
    encoder: Encoder

    @classmethod
    def of(cls, models: Models) -> "Detectors":
        """The objects that a curation run uses (of personal data those for what has a form), and the refusal detector that ships with Winnow."""
        return cls(models.score_toxicity, models.find_pii, refusals.load(), models.encoder)

    def describe(self) -> dict[str, Any]:
        """Names and fingerprints, for manifests and summaries."""
        return {
            "toxicity": {
                "name": self.toxicity.name,
                "fingerprint": self.toxicity.fingerprint,
                "threshold": self.toxicity.threshold,
            },
            "pii": {"name": self.pii.name, "fingerprint": self.pii.fingerprint, "threshold": self.pii.threshold},
            "refusals": {
                "name": self.refusals.name,
                "fingerprint": self.refusals.fingerprint,
                "measured": {name: list(counts) for name, counts in self.refusals.measured.items()},
            },
            "encoder": encoder_facts(self.encoder),
        }


def load(cache: Cache | None = None, progress: Progress = silent, *, scorer: str | None = None) -> Detectors:
    """The detectors that ship with Winnow, or another toxicity scorer by name (`toxicity.load`).

    Vectors are in fp32, so that two machines print the same figures.
    """
    from curate import encoder

    encode = encoder.load(precision="fp32", cache=cache, progress=progress)
    return Detectors(toxicity.load(scorer), pii.load(cache=cache), refusals.load(), encode)

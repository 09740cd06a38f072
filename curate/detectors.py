"""The models of a run, handed to the steps as functions: the encoder, the finder of personal data, the toxicity scorer.

    models = load(cache=cache.open())

One detector serves twice, on the data and on what a model says, so that before and after compare; every manifest and
report names it with its fingerprint. Nothing heavy is loaded until a step first calls one.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from curate import calibrations, encoder, pairs, pii, private_names, toxicity
from curate.cache import Cache
from curate.encoder import Encoder, Precision
from curate.likeness.remembered import remembered
from curate.pairs import Judge, PairRule
from curate.pii import Choose, Finder
from curate.progress import Progress, silent
from curate.toxicity import Scorer
from curate.with_names import WithNames, with_names

SHIPPED = "winnow"  # the name of the finder of names that ships
FACTS = ("name", "precision", "dimensions", "max_tokens", "fingerprint")


@dataclass(frozen=True)
class Models:
    """What a run uses; each is called only when a step needs it."""

    encoder: Encoder
    find_pii: Finder
    score_toxicity: Scorer
    every_name: bool = False  # where names are looked for: all of them count, not those of private persons alone

    def asking_for(self, names: Literal["none", "private", "all"], model: str | None = None) -> "Models":
        """The same models, looking for the names that a recipe asks for, with the model that it names.

        A finder that looks for names already does so with its own model, and one of another make stays as it is.
        """
        if not isinstance(self.find_pii, Finder):
            return self
        forms = self.find_pii.forms if isinstance(self.find_pii, WithNames) else self.find_pii
        if model and names != "none" and "PERSON" not in self.find_pii.kinds:
            return replace(self, find_pii=_with_named(forms, model), every_name=names == "all")
        finder, every = (forms, False) if names == "none" else (self.find_named, names == "all")
        same = finder is self.find_pii and every == self.every_name
        return self if same else replace(self, find_pii=finder, every_name=every)

    @property
    def choose(self) -> Choose | None:
        """Which findings count: where names are looked for and not all count, those of private persons."""
        names = "PERSON" in getattr(self.find_pii, "kinds", ())
        return private_names.private_in if names and not self.every_name else None

    @cached_property
    def find_named(self) -> Finder:
        """The finder of personal data, and names with it, also where the run itself looks for none."""
        if "PERSON" in self.find_pii.kinds:
            return self.find_pii
        from curate import names

        return with_names(self.find_pii, names.load(cache=self.find_pii.cache, processes=self.find_pii.processes))

    @cached_property
    def judge(self) -> Judge:
        """What two texts are to each other, by the pair rule on this encoder's vectors in full precision; remembered."""
        return remembered(self.judge_anew, self._weights, self.encoder)

    @cached_property
    def judge_anew(self) -> Judge:
        """The same, and no judgement is taken from the cache: for whoever checks, or measures what judging costs."""
        return pairs.judge_with(self.encoder, self._weights)

    @cached_property
    def _weights(self) -> PairRule:
        return calibrations.rule_for(self.encoder).weights()

    def describe(self) -> dict[str, Any]:
        """Names and fingerprints, for manifests."""
        return {
            "encoder": encoder_facts(self.encoder),
            "pii": {"name": self.find_pii.name, "fingerprint": self.find_pii.fingerprint},
            "toxicity": {"name": self.score_toxicity.name, "fingerprint": self.score_toxicity.fingerprint},
        }

    def named(self) -> dict[str, str]:
        """What does what, with the head of its fingerprint, for people."""
        parts = (("encoder", self.encoder), ("personal data", self.find_pii), ("toxicity", self.score_toxicity))
        return {what: f"{model.name} ({model.fingerprint[:12]})" for what, model in parts}


def _with_named(forms: Finder, model: str) -> Finder:
    from curate.naming import presidio

    return with_names(forms, presidio.named(model, cache=forms.cache))


def load(
    name: str | None = None,
    *,
    precision: Precision = "auto",
    pii_threshold: float | None = None,
    names: bool | str = False,
    scorer: str | None = None,
    cache: Cache | None = None,
    progress: Progress = silent,
    processes: int = 1,
) -> Models:
    """The embedded models, with the encoder `name` in place of the default one. Weights are read at their first use.

    With `names` the finder of personal data looks for names of persons, places and organisations too: with the finder that
    ships, or with a model that presidio loads ("spacy:en_core_web_lg", see `naming/presidio.py`). `scorer`: see `toxicity.load`.
    `processes` look for personal data where there is much to read; a script that asks for several guards its main module.
    """
    finder = pii.load(threshold=pii_threshold or pii.THRESHOLD, cache=cache, processes=processes)
    if names:
        from curate import names as finder_of_names

        if isinstance(names, str) and names != SHIPPED:
            finder = _with_named(finder, names)
        else:
            finder = with_names(finder, finder_of_names.load(cache=cache, processes=processes))
    return Models(
        encoder.load(name, precision=precision, cache=cache, progress=progress),
        finder,
        toxicity.load(scorer, cache=cache),
    )


def encoder_facts(used: Encoder) -> dict[str, Any]:
    """The encoder, as certificates and manifests name it."""
    return {key: getattr(used, key) for key in FACTS}

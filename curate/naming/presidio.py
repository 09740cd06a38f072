"""Names and presidio, both ways: our finder as a presidio recogniser, and presidio's models as a finder.

    registry.add_recognizer(recogniser(names.load()))         # presidio finds names without a large model
    named("spacy:en_core_web_lg").find(texts)                 # spaCy, loaded by presidio
    named("transformers:dslim/bert-base-NER")                 # a token classifier
    named("gliner:urchade/gliner_multi_pii-v1")               # GLiNER, where its package is installed

Models must be on this machine: nothing is fetched. What decides about a text is hashed into the fingerprint. A spaCy folder may
name code in its configuration, as spaCy's own loader does; load only what you trust. Of transformers and GLiNER models only
safetensors weights are read.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate import cache as caches
from curate.cache import Cache
from curate.errors import BadInput
from curate.names import THRESHOLD, Names
from curate.naming.network import KINDS
from curate.pii import Finding, Findings, pack, unpack
from curate.progress import Progress, silent

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

METHOD = 1  # part of the fingerprint: change it when findings are made in another way
TO_PRESIDIO = {"ADDRESS": "LOCATION"}  # presidio has no kind of its own for addresses
GLINER = {"person": "PERSON", "location": "LOCATION", "organization": "ORGANIZATION", "address": "ADDRESS"}
LIMITS = "Whatever this model was trained for: see its own card. Its scores are not calibrated here."

Read = Callable[[Sequence[str]], list[Findings]]


@dataclass(frozen=True)
class Engine:
    """A model that presidio loads, as a finder of names."""

    name: str
    fingerprint: str
    threshold: float
    read: Callable[[], Read] = field(repr=False, compare=False)  # loads the model
    limits: str = field(default=LIMITS, repr=False)
    cache: Cache | None = field(default=None, repr=False, compare=False)
    kinds: tuple[str, ...] = KINDS
    _loaded: list[Read] = field(default_factory=list, repr=False, compare=False)

    def find(self, texts: Sequence[str], progress: Progress = silent) -> list[Findings]:
        """The names in each text: sorted, apart from one another. The model loads at the first new text."""
        kind = f"names:{self.fingerprint}:{self.threshold}"
        return caches.remember(self.cache, kind, texts, self._look, pack, unpack, progress, step="names")

    def _look(self, texts: Sequence[str]) -> list[Findings]:
        if not self._loaded:
            logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL + 1)  # it logs texts
            self._loaded.append(self.read())
        return [_apart(f for f in found if f.score >= self.threshold) for found in self._loaded[0](texts)]


def named(name: str, *, threshold: float = THRESHOLD, cache: Cache | None = None) -> Engine:
    """The finder behind a name like "spacy:en_core_web_sm": a package, a folder, or a model in the Hugging Face cache."""
    family, _, model = name.partition(":")
    makers = {
        "spacy": (_spacy_folder, _spacy),
        "transformers": (_hub_folder, _transformers),
        "gliner": (_hub_folder, _gliner),
    }
    if family not in makers or not model:
        raise BadInput(
            f"there is no finder of names called {name!r}",
            hint="winnow (it ships with Winnow), spacy:en_core_web_sm, transformers:dslim/bert-base-NER, gliner:FOLDER",
        )
    if family == "gliner" and find_spec("gliner") is None:
        raise BadInput("GLiNER is not installed", where=name, hint="pip install gliner")
    folder, make = makers[family]
    path = folder(model)
    return Engine(name, _fingerprint(family, path), threshold, lambda: make(path), cache=cache)


def recogniser(names: Names | Engine, language: str = "en") -> "EntityRecognizer":
    """The finder as a recogniser for presidio's registry. Street addresses come out as LOCATION, presidio's kind for them."""
    from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult

    class NamesRecognizer(EntityRecognizer):  # type: ignore[misc]
        def load(self) -> None:
            pass

        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
            found = [(f, TO_PRESIDIO.get(f.kind, f.kind)) for f in names.find([text])[0]]
            return [
                RecognizerResult(kind, f.start, f.end, f.score, AnalysisExplanation(self.name, f.score))
                for f, kind in found
                if kind in entities
            ]

    kinds = sorted({TO_PRESIDIO.get(kind, kind) for kind in names.kinds})
    return NamesRecognizer(supported_entities=kinds, name=f"Names({names.name})", supported_language=language)


def _apart(found: Any) -> Findings:
    """Sorted findings; of two that overlap the surer stays, then the longer."""
    out: list[Finding] = []
    for f in sorted(found, key=lambda f: (-f.score, f.start - f.end, f.start)):
        if all(f.end <= other.start or other.end <= f.start for other in out):
            out.append(f)
    return tuple(sorted(out))


# ---- where models lie -------------------------------------------------------------------------------------------------


def _spacy_folder(model: str) -> Path:
    import spacy

    # Presidio would fetch a model that is missing; here that is an error.
    folder = Path(spacy.util.get_package_path(model)) if spacy.util.is_package(model) else Path(model).expanduser()
    for configuration in (folder / "config.cfg", *sorted(folder.glob("*/config.cfg"))):
        if configuration.is_file():
            return configuration.parent
    raise BadInput(f"the spaCy model {model} is not on this machine", hint=f"python -m spacy download {model}")


def _hub_folder(model: str) -> Path:
    path = Path(model).expanduser()
    if not path.is_dir():
        from huggingface_hub import snapshot_download

        try:
            path = Path(snapshot_download(model, local_files_only=True))
        except (OSError, ValueError):
            raise BadInput(f"the model {model} is not on this machine", hint=f"hf download {model}")
    if not list(path.glob("*.safetensors")):
        raise BadInput("this model has no safetensors weights, and others are not loaded", where=model)
    return path


def _fingerprint(family: str, path: Path) -> str:
    parts = [f"{family} {METHOD}"]
    for file in sorted(p for p in path.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        with file.open("rb") as opened:
            parts.append(f"{file.relative_to(path)} {file_digest(opened, 'sha256').hexdigest()}")
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


# ---- models -------------------------------------------------------------------------------------------------------------


def _spacy(path: Path) -> Read:
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": str(path)}]}
    engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()

    def read(texts: Sequence[str]) -> list[Findings]:
        pages = [page for _, page in engine.process_batch(list(texts), "en", batch_size=64)]
        return [
            tuple(
                Finding(e.start_char, e.end_char, e.label_, round(float(s), 2), "spacy")
                for e, s in zip(page.entities, page.scores, strict=True)
                if e.label_ in KINDS
            )
            for page in pages
        ]

    return read


def _transformers(path: Path) -> Read:
    from presidio_analyzer.predefined_recognizers import HuggingFaceNerRecognizer

    return _recognised(HuggingFaceNerRecognizer(model_name=str(path), device="cpu", threshold=0.0), "transformers")


def _gliner(path: Path) -> Read:
    from presidio_analyzer.predefined_recognizers import GLiNERRecognizer

    return _recognised(GLiNERRecognizer(model_name=str(path), entity_mapping=GLINER, map_location="cpu"), "gliner")


def _recognised(theirs: Any, name: str) -> Read:
    def read(texts: Sequence[str]) -> list[Findings]:
        found = [theirs.analyze(text, theirs.supported_entities, None) if text.strip() else [] for text in texts]
        return [
            tuple(
                Finding(r.start, r.end, r.entity_type, round(float(r.score), 2), name)
                for r in some
                if r.entity_type in KINDS
            )
            for some in found
        ]

    return read

"""Detoxify's models as the toxicity scorer: by name where they are on this machine, or a checkpoint of your own by its hash.

    score = load("original")
    score = load("models/house.ckpt", sha256="5f0e...")

The model is loaded by the detoxify package itself, with pickled code refused (`TORCH_FORCE_WEIGHTS_ONLY_LOAD=1` for as long as
the load takes) and without a network. A checkpoint is known by its bytes: the named ones by the hash in their file names, others by
the SHA-256 that you give. Texts are read in windows, so nothing lies past the 512 tokens where Detoxify stops reading.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curate.cache import Cache
from curate.errors import BadInput
from curate.toxic import features
from curate.toxic.scorer import Scorer
from curate.toxic.windows import STRIDE, WINDOW, foreign, unreadable

# File name in torch's cache, which holds the head of the SHA-256, and the size to fetch.
NAMED = {
    "original": ("toxic_original-c1212f89.ckpt", "0.4 GB"),
    "unbiased": ("toxic_debiased-c7548aa0.ckpt", "0.5 GB"),
    "multilingual": ("multilingual_debiased-0b549669.ckpt", "1.1 GB"),
}
THRESHOLD = 0.5
TOKENS = 512
TEXTS = 32  # scored at once
LIMITS = (
    "Detoxify's own figures were measured on Wikipedia and news comments. Its threshold of 0.5 was not calibrated on instruction data, "
    "and its scores are not comparable with those of Winnow's own scorer."
)


@dataclass(frozen=True)
class Detoxified:
    """A checkpoint, loaded by detoxify at the first text."""

    checkpoint: Path
    every_language: bool

    def judge(self, texts: Sequence[str]) -> list[float | None]:
        """Probabilities of being toxic: the head `toxicity`, not the highest of all heads."""
        return self._head(texts, "toxicity")

    def attack(self, texts: Sequence[str]) -> list[float | None]:
        """Probabilities of an attack on an identity; None from a checkpoint without that head."""
        if "identity_attack" not in self._model.class_names:
            return [None] * len(texts)
        return self._head(texts, "identity_attack")

    @cached_property
    def _model(self) -> Any:
        return _loaded(self.checkpoint)

    def _reads(self, said: str) -> bool:
        if self.every_language:
            return any(letter.isalpha() for letter in said)
        return not unreadable(said) and not foreign(features.words(said))

    def _head(self, texts: Sequence[str], head: str) -> list[float | None]:
        parts = [(i, part) for i, said in enumerate(texts) if self._reads(said) for part in self.short(said)]
        lengths = (
            [len(ids) for ids in self._model.tokenizer([part for _, part in parts], verbose=False)["input_ids"]]
            if parts
            else []
        )
        out: list[float | None] = [None] * len(texts)
        # Texts of one length need no padding, so a score does not depend on its neighbours.
        order = sorted(range(len(parts)), key=lambda n: (lengths[n], n))
        for _, same in itertools.groupby(order, key=lambda n: lengths[n]):
            for some in _batches([*same]):
                found = self._model.predict([parts[n][1] for n in some])[head]
                # A batch of one comes back as a bare number.
                for n, value in zip(some, [found] if isinstance(found, float) else found, strict=True):
                    i = parts[n][0]
                    out[i] = max(out[i] or 0.0, round(float(value), 4))
        return out

    def short(self, said: str) -> Iterator[str]:
        """The text, or its halves and their halves, until Detoxify reads each to its end."""
        if (
            len(said) < 2
            or len(self._model.tokenizer(said, verbose=False)["input_ids"]) <= self._model.tokenizer.model_max_length
        ):
            yield said
            return
        middle = len(said) // 2
        yield from self.short(said[:middle])
        yield from self.short(said[middle:])


def _batches(rows: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(rows), TEXTS):
        yield rows[first : first + TEXTS]


def load(name: str, *, sha256: str | None = None, cache: Cache | None = None) -> Scorer:
    """A scorer over Detoxify's `original`, `unbiased` or `multilingual`, or over a checkpoint file with its SHA-256.

    A checkpoint's `config.json` and tokenizer lie beside it, or in the folder that it names. Nothing is fetched: BadInput says what would.
    """
    path = _named(name, sha256) if name in NAMED else _given(Path(name).expanduser(), sha256)
    digest = _hash(path)
    if name in NAMED and not digest.startswith(_head_of_hash(path)):
        raise BadInput(f"the file {path.name} is damaged or not Detoxify's: its SHA-256 is {digest}", where=name)
    said = f"detoxify {version('detoxify')} toxicity {WINDOW} {STRIDE} {TOKENS} {digest} {_hash_of_folder(path)}"
    model = Detoxified(path, every_language=name == "multilingual")
    title = f"detoxify-{name}" if name in NAMED else f"detoxify {path.name}"
    fingerprint = hashlib.sha256(said.encode()).hexdigest()
    return Scorer(title, fingerprint, THRESHOLD, LIMITS, model.judge, model.attack, cache=cache)


def _named(name: str, sha256: str | None) -> Path:
    if sha256:
        raise BadInput("Detoxify's own models carry their hash in the file name", where=name, hint="leave sha256 out")
    file, size = NAMED[name]
    home = Path(
        os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    ).expanduser()
    path = home / "hub" / "checkpoints" / file
    if not path.is_file():
        command = f"TORCH_FORCE_WEIGHTS_ONLY_LOAD=1 python -c \"from detoxify import Detoxify; Detoxify('{name}')\""
        raise BadInput(f"Detoxify's model is not on this machine, about {size} to fetch", where=name, hint=command)
    return path


def _given(path: Path, sha256: str | None) -> Path:
    if not path.is_file():
        raise BadInput("there is no Detoxify checkpoint here", where=str(path))
    digest = _hash(path)
    if not sha256:
        raise BadInput(
            "a checkpoint is loaded only with the SHA-256 that you expect it to have",
            where=str(path),
            hint=f"if it is the file you trust: {digest}",
        )
    if digest != sha256.lower():
        raise BadInput(f"the SHA-256 of this checkpoint is {digest}, not {sha256}", where=str(path))
    return path


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _head_of_hash(path: Path) -> str:
    return path.stem.rsplit("-", 1)[1]


def _hash_of_folder(path: Path) -> str:
    """Configuration and tokenizer beside the checkpoint: they decide scores too."""
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt")
    return " ".join(_hash(path.parent / name) for name in names if (path.parent / name).is_file())


def _loaded(checkpoint: Path) -> Any:
    with _safely():
        from detoxify import Detoxify

        beside = checkpoint.parent if (checkpoint.parent / "config.json").is_file() else None
        try:
            model = Detoxify(checkpoint=str(checkpoint), huggingface_config_path=str(beside) if beside else None)
        except Exception as problem:  # whatever a damaged or foreign file makes three libraries raise
            first = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
            raise BadInput(f"Detoxify does not load this checkpoint: {first}", where=str(checkpoint)) from problem
    if "toxicity" not in model.class_names:
        raise BadInput(
            f"this checkpoint has no toxicity head, only {', '.join(model.class_names)}", where=str(checkpoint)
        )
    # Without a length a long text would end in an error. The RoBERTa family never uses its first two positions.
    config = model.model.config
    unused = 2 if "roberta" in config.model_type else 0
    model.tokenizer.model_max_length = min(TOKENS, config.max_position_embeddings - unused)
    model.model.eval()
    return model


@contextmanager
def _safely() -> Iterator[None]:
    """For as long as a load takes: no pickled code, no network."""
    from huggingface_hub import constants
    from transformers.utils import logging

    logging.disable_progress_bar()
    wanted = {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": None, "HF_HUB_OFFLINE": "1"}
    before = {key: os.environ.get(key) for key in wanted}
    offline = constants.HF_HUB_OFFLINE
    try:
        _set(wanted)
        constants.HF_HUB_OFFLINE = True
        yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for key, value in variables.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value

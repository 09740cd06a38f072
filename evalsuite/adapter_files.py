"""An adapter on disk: its files, what training wrote beside them, and whether it belongs to a base.

    trained = read(Path("iterations/002/model"))
    check_base(trained, bases.facts(folder), "my-base")

Only files are read here; nothing is loaded as a model. An adapter without Winnow's manifest is a plain peft folder: it is
used, and what cannot be checked is said.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.chats import fingerprint_of
from curate.errors import BadInput, Refused
from curate.save import sha256

TRAIN = "winnow train ITERATION --base MODEL"
PLACES = ("base_model_name_or_path", "revision")


@dataclass(frozen=True)
class Adapter:
    """A peft folder: fingerprint of weights and configuration, and what its manifest says it was trained on."""

    folder: Path
    fingerprint: str
    config: Mapping[str, Any] = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def base(self) -> str | None:
        """Where the base lay when the adapter was trained: a folder or a name."""
        return said(self.manifest, ("base", "name")) or said(self.config, ("base_model_name_or_path",))

    @property
    def base_fingerprint(self) -> str | None:
        """The fingerprint of the base that it was trained over."""
        return said(self.manifest, ("base", "fingerprint"))

    @property
    def template(self) -> str | None:
        """SHA-256 of the chat template that it was trained with."""
        return said(self.manifest, ("chat_template", "sha256"))

    @property
    def certificate(self) -> str | None:
        """SHA-256 of the certificate of the rows that it was trained on."""
        return said(self.manifest, ("data", "certificate_sha256"))

    @property
    def end_of_turn(self) -> int | None:
        """The token that ended the answers in training, and so ends them now."""
        found = self.manifest.get("end_of_turn")
        token = found.get("id") if isinstance(found, Mapping) else None
        return token if isinstance(token, int) else None

    def unchecked(self) -> list[str]:
        """What cannot be checked, in sentences."""
        gaps = {"base": self.base_fingerprint, "chat template": self.template, "certificate": self.certificate}
        return [
            f"the adapter does not say which {what} it was trained with: not checked"
            for what, said in gaps.items()
            if not said
        ]


def read(folder: Path) -> Adapter:
    """The adapter in a folder; BadInput says what is missing."""
    if not folder.is_dir():
        raise BadInput("there is no adapter here", where=str(folder), hint=TRAIN)
    config = _json(folder / "adapter_config.json")
    if config is None:
        raise BadInput("this folder holds no adapter (no adapter_config.json)", where=str(folder), hint=TRAIN)
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        what = "its weights are a pickle, which is not read" if pickled else "the adapter's weights are missing"
        raise BadInput(what, where=str(folder), hint=TRAIN)
    # Where the base lay says nothing about the adapter: the same adapter has one fingerprint on every machine.
    settings = {key: value for key, value in config.items() if key not in PLACES}
    fingerprint = fingerprint_of({"weights": sha256(weights), "config": settings})
    return Adapter(folder, fingerprint, config, _json(folder / "manifest.json") or {})


def check_base(adapter: Adapter, facts: Mapping[str, Any], name: str) -> None:
    """Refuse an adapter that was trained over another base, or over the same weights with another tokenizer."""
    trained, fingerprint = adapter.base_fingerprint, str(facts["fingerprint"])
    if (tokenizer := adapter.manifest.get("tokenizer")) and trained == fingerprint and tokenizer != facts["tokenizer"]:
        raise Refused(
            f"the tokenizer of {name} changed since this adapter was trained",
            where=str(adapter.folder),
            hint="the base folder as it was at training, or train again",
        )
    if trained and trained != fingerprint:
        raise Refused(
            f"this adapter was trained over another base ({trained[:12]}), not over {name} ({fingerprint[:12]})",
            where=str(adapter.folder),
            hint=f"the base it was trained over, or {TRAIN}",
        )


def check_template(adapter: Adapter, template: str) -> None:
    """Refuse a chat template that is not the one of the training."""
    trained = adapter.template
    if trained and trained != template:
        raise Refused(
            f"the chat template ({template[:12]}) is not the one that this adapter was trained with ({trained[:12]})",
            where=str(adapter.folder),
            hint="the base folder as it was at training, or train again",
        )


def said(document: Mapping[str, Any], *places: tuple[str, ...]) -> str | None:
    """The first text that stands at one of these places."""
    for place in places:
        value: Any = document
        for key in place:
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value:
            return value
    return None


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("this file is damaged", where=str(path), hint=TRAIN)
    return found

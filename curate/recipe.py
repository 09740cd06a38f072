"""The recipe: which curation steps run, and how strictly. A small YAML file that people write.

    near: {threshold: 0.75}
    semantic: {query: 0.92}
    toxicity: false            # leave a step out
    keep: [row-17]             # exempt rows from removal and edits (overlap with eval files cannot be overridden)

What a recipe does not name keeps its default. Unknown keys are refused, with the nearest known one. The order of the
steps is fixed; overlap with the eval files is always the last and cannot be left out.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from curate.chats import fingerprint_of
from curate.errors import BadInput


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Validate(_Strict):
    """Rows that no trainer should see: echoes of the question, garbled text."""


class Exact(_Strict):
    """Rows whose turns have one normal form."""


class Near(_Strict):
    """Rows whose query and answer share most of their character shingles."""

    threshold: float = Field(0.7, ge=0.5, le=1)


class Semantic(_Strict):
    """Rows whose query and answer mean the same."""

    query: float = Field(0.88, ge=0.5, le=1)
    answer: float = Field(0.88, ge=0.5, le=1)


class Pii(_Strict):
    """Personal data, replaced by placeholders."""

    replace: Literal["placeholder"] = "placeholder"
    threshold: float | None = Field(None, gt=0, le=1)


class Toxicity(_Strict):
    """Rows in which the assistant says something toxic (`queries: true`: the user too)."""

    threshold: float | None = Field(None, gt=0, lt=1)
    queries: bool = False


class Overlap(_Strict):
    """What counts as overlap with an eval item; see `curate.overlap.Rule`."""

    cosine: float = Field(0.8, ge=0.5, le=1)
    containment: float = Field(0.7, ge=0.3, le=1)
    remove_template_variants: bool = False


class Recipe(_Strict):
    """The whole recipe; a step that is None is left out."""

    validate_rows: Validate | None = Field(Validate(), alias="validate")
    exact: Exact | None = Exact()
    near: Near | None = Near()
    semantic: Semantic | None = Semantic()
    pii: Pii | None = Pii()
    toxicity: Toxicity | None = Toxicity()
    overlap: Overlap = Overlap()
    keep: tuple[str, ...] = ()
    seed: int = 0
    encoder: str | None = None

    @field_validator("validate_rows", "exact", "near", "semantic", "pii", "toxicity", mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        return None if value is False else {} if value is True or value is None else value

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they go into a manifest; a step that is left out is `false`."""
        steps = ("validate", "exact", "near", "semantic", "pii", "toxicity")
        plain = self.model_dump(mode="json", by_alias=True)
        return {key: False if key in steps and value is None else value for key, value in plain.items()}

    def fingerprint(self) -> str:
        """Hash of all parameters."""
        return fingerprint_of(self.to_dict())


def read(path: Path | None) -> Recipe:
    """The recipe in a YAML file; the default recipe without one. BadInput names the line of thought that went wrong."""
    if path is None:
        return Recipe()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput("there is no recipe here", where=str(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise BadInput(f"the recipe cannot be read: {' '.join(str(error).split())}", where=str(path)) from None
    if values is not None and not isinstance(values, dict):
        raise BadInput("a recipe is a list of `step: options`", where=str(path), hint="near: {threshold: 0.7}")
    return of(values or {}, where=str(path))


def of(values: dict[str, Any], *, where: str = "recipe") -> Recipe:
    """The recipe that plain values describe."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise BadInput(_sentence(error), where=where) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        message = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        return f"'{'.'.join(place)}' should be {message}, not {first['input']!r}"
    known = _known_keys(place[:-1])
    close = get_close_matches(place[-1], known, n=1)
    advice = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
    return f"unknown key '{'.'.join(place)}'; {advice}"


def _known_keys(place: list[str]) -> list[str]:
    fields = {(field.alias or name): field for name, field in Recipe.model_fields.items()}
    if not place:
        return sorted(fields)
    step = fields[place[0]].annotation
    models = [m for m in (step, *getattr(step, "__args__", ())) if isinstance(m, type) and issubclass(m, BaseModel)]
    return sorted(models[0].model_fields) if models else []

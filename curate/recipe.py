"""The recipe: which curation steps run, and how strictly. A small YAML file that people write.

    near: {threshold: 0.75}
    semantic: {threshold: 0.9}
    toxicity: false            # leave a step out
    keep: [row-17]             # exempt rows from removal and edits (overlap with eval files cannot be overridden)

What a recipe does not name keeps its default. Unknown keys are refused, with the nearest known one. The order of the
steps is fixed; overlap with the eval files is always the last and cannot be left out.
"""

import reprlib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from curate.chats import fingerprint_of
from curate.encoder import Precision
from curate.errors import BadInput
from curate.save import said


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


FAULTS = Literal[
    "answer breaks off", "refusal", "speaks as a model", "unfilled placeholder", "control marks", "near echo", "loops",
    "other language", "open code fence", "broken JSON", "misread text",
]  # fmt: skip


class Validate(_Strict):
    """Rows that no trainer should see: echoes of the question, garbled text; and, on request, those with named faults."""

    remove: tuple[FAULTS, ...] = ()


class Exact(_Strict):
    """Rows whose turns have one normal form."""


class Near(_Strict):
    """Rows whose query and answer share most of their character shingles."""

    threshold: float = Field(0.7, ge=0.5, le=1)


class Semantic(_Strict):
    """Rows whose query and answer mean the same: how probable it must be by the pair rule."""

    threshold: float = Field(0.75, ge=0.5, le=1)


class Pii(_Strict):
    """Personal data, replaced by invented values (`surrogate`), numbered placeholders or masks.

    `names`: whether names are looked for, and which of them count (`private_names`); `model`: what finds them in place of the
    finder that ships (`spacy:NAME`, `transformers:NAME`, `gliner:NAME`; on this machine already); `same_across_rows`: one value has one
    invented value in the whole data set, not only in its row.
    """

    replace: Literal["placeholder", "surrogate", "mask"] = "surrogate"
    threshold: float | None = Field(None, gt=0, le=1)
    names: Literal["none", "private", "all"] = "private"
    model: str | None = None
    same_across_rows: bool = False

    @model_validator(mode="after")
    def _model_for_names(self) -> "Pii":
        if self.model and self.names == "none":
            raise ValueError(f"written with names, since a model finds these: {{model: {self.model}, names: private}}")
        return self


class Toxicity(_Strict):
    """Rows in which the assistant says something toxic (`queries: true`: the user too).

    `scorer`: who judges in place of the scorer that ships: `words`, one of Detoxify's `original`, `unbiased` and
    `multilingual`, or `CHECKPOINT@SHA256`; on this machine already.
    """

    threshold: float | None = Field(None, gt=0, lt=1)
    queries: bool = False
    scorer: str | None = None


class SecondOpinion(_Strict):
    """Who is asked about the pairs that the pair rule is unsure of: a cross-encoder, or a model at a server."""

    cross_encoder: str | None = None
    server: str | None = None
    model: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "SecondOpinion":
        if (self.cross_encoder is None) == (self.server is None) or (self.server is None) != (self.model is None):
            raise ValueError("{cross_encoder: NAME}, or {server: URL, model: NAME}")
        return self


class Overlap(_Strict):
    """What counts as overlap with an eval item; see `curate.overlap_rule.Rule`."""

    classes: tuple[Literal["copy", "near copy", "paraphrase", "translation"], ...] = (
        "copy", "near copy", "paraphrase", "translation",
    )  # fmt: skip
    probability: float | None = Field(None, ge=0.05, le=0.99)
    containment: float = Field(0.7, ge=0.3, le=1)
    remove_template_variants: bool = False
    max_missed: float = Field(0.05, gt=0, lt=1)
    allow_uncalibrated: bool = False
    second_opinion: SecondOpinion | None = None


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
    seed: int = Field(0, ge=0, lt=2**63)
    encoder: str | None = None
    precision: Precision = "auto"

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
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (it is a SafeLoader)
    except FileNotFoundError:
        raise BadInput(
            "there is no recipe here", where=str(path), hint="no --recipe at all, for the defaults"
        ) from None
    except OSError as error:
        raise BadInput(f"the recipe cannot be read: {said(error)}", where=str(path)) from None
    except UnicodeDecodeError:
        raise BadInput("the recipe is not UTF-8 text", where=str(path)) from None
    except RecursionError:
        raise BadInput("the recipe is nested too deeply", where=str(path)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        what = getattr(error, "problem", None) or " ".join(str(error).split())
        raise BadInput(f"the recipe is not YAML: {what}", where=place) from None
    if values is not None and not isinstance(values, dict):
        what = "a recipe holds lines of `step: options`"
        raise BadInput(what, where=str(path), hint="a line such as  near: {threshold: 0.7}")
    return of(values or {}, where=str(path))


class _Loader(yaml.SafeLoader):
    """Plain values only, and no key twice: of two lines for one step the first would go unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for place, (key, _) in enumerate(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value in names[:place]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


def of(values: dict[str, Any], *, where: str = "recipe") -> Recipe:
    """The recipe that plain values describe."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise BadInput(_sentence(error), where=where) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part)[:60] for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        # An alias in YAML can stand for more than memory holds, so only the start of the value is shown.
        return f"'{'.'.join(place)}' should be {_wanted(first, place)}, not {reprlib.repr(first['input'])[:60]}"
    known = _known_keys(place[:-1])
    close = get_close_matches(place[-1], known, n=1)
    advice = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
    return f"unknown key '{'.'.join(place)}'; {advice}"


def _wanted(first: Any, place: list[str]) -> str:
    match first["type"]:
        case "invalid_key":
            return "a name"
        case "model_type" | "model_attributes_type":
            options = f"{{{_known_keys(place)[0]}: ...}}" if _known_keys(place) else "true"
            return f"options such as {options}" + ("" if place == ["overlap"] else ", or false to leave the step out")
        case "tuple_type":
            return "a list of row ids, as in [r1, r2]"
        case "string_type" if place[0] == "keep":
            return "a row id in quotes"
        case "string_type":
            return "text"
        case "float_parsing" | "float_type":
            return "a number"
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return "a whole number"
        case "bool_parsing" | "bool_type":
            return "true or false"
    return str(first["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")


def _known_keys(place: list[str]) -> list[str]:
    fields = {(field.alias or name): field for name, field in Recipe.model_fields.items()}
    if not place:
        return sorted(fields)
    step = fields[place[0]].annotation if place[0] in fields else None
    models = [m for m in (step, *getattr(step, "__args__", ())) if isinstance(m, type) and issubclass(m, BaseModel)]
    return sorted(models[0].model_fields) if models else []

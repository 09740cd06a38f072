"""Rubrics: what good style means to somebody, as a YAML file, and the part of it that needs no judgement.

    name: plain-help
    checks:
      - {name: opener, starts_with: [Hello., Good morning.]}
      - {name: short, max_words: 60, weight: 2}
      - {name: next-step, any_of: [{line_starts_with: ["Next: "]}, {lines_matching: {pattern: '\\d\\. ', at_least: 2}}]}
    exemplars: plain-help.exemplars.jsonl

    rubric = read(Path("plain-help.yaml"))
    score(rubric, "Hello. We do.")           # Score(passed=('opener', 'short'), failed=('next-step',), share=0.75)

Every check is deterministic: the same text gives the same score on every machine. Phrases (`contains`, `without`) are
compared in any case, with curly and straight quotes alike; openings, endings and lines letter by letter; patterns are
Python's and start with `(?i)` where case does not matter. Unknown keys are refused. An exemplar file is JSON Lines with
`id`, `prompt` and `answer`; its path is beside the rubric.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from curate import shipped
from curate.chats import fingerprint_of
from curate.errors import BadInput
from curate.text import normalise

_SENTENCE = re.compile(r"[^.!?\n]*[^\W_][^.!?\n]*(?:[.!?]+|\n|$)")
_LIST_MARK = re.compile(r"^\s*\d+[.)]\s+", re.MULTILINE)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Lines(_Strict):
    """How many lines must match a pattern (from their start)."""

    pattern: str
    at_least: int = Field(1, ge=1)


class Rule(_Strict):
    """One thing that can be checked. Exactly one of the fields is set."""

    starts_with: tuple[str, ...] | None = Field(None, strict=False, min_length=1)
    ends_with: tuple[str, ...] | None = Field(None, strict=False, min_length=1)
    last_line: tuple[str, ...] | None = Field(None, strict=False, min_length=1)
    line_starts_with: tuple[str, ...] | None = Field(None, strict=False, min_length=1)
    lines_matching: Lines | None = None
    contains: tuple[str, ...] | None = Field(None, strict=False, min_length=1)  # any of them
    without: tuple[str, ...] | None = Field(None, strict=False, min_length=1)  # none of them
    matches: str | None = None
    not_matches: str | None = None
    min_words: int | None = Field(None, ge=1)
    max_words: int | None = Field(None, ge=1)
    min_sentences: int | None = Field(None, ge=1)
    max_sentences: int | None = Field(None, ge=1)
    max_grade: float | None = Field(None, strict=False)  # years of school, Flesch-Kincaid
    any_of: "tuple[Rule, ...] | None" = Field(None, strict=False, min_length=1)

    @field_validator("matches", "not_matches")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        return None if value is None else _compiled(value)

    @field_validator("lines_matching")
    @classmethod
    def _line_pattern(cls, value: Lines | None) -> Lines | None:
        if value is not None:
            _compiled(value.pattern)
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "Rule":
        given = self.given()
        if len(given) != 1:
            kinds = ", ".join(CHECKS)
            raise ValueError(f"a check has exactly one of {kinds}; this one has {' and '.join(given) or 'none'}")
        return self

    def given(self) -> list[str]:
        """The kinds of check that are set."""
        return [kind for kind in CHECKS if getattr(self, kind) is not None]

    def holds(self, said: str) -> bool:
        """Whether the text keeps the rule."""
        kind = self.given()[0]
        return CHECKS[kind](said, getattr(self, kind))


class Check(Rule):
    """A rule with a name and a weight."""

    name: str = Field(min_length=1)
    weight: float = Field(1.0, gt=0, strict=False)


class Rubric(_Strict):
    """A whole rubric. `prompts` are asked where no eval file is given; `pass_at` is the share that counts as in style."""

    name: str = Field(min_length=1)
    about: str = ""
    checks: tuple[Check, ...] = Field(strict=False, min_length=1)
    pass_at: float = Field(1.0, gt=0, le=1, strict=False)
    exemplars: str | None = None

    @field_validator("checks")
    @classmethod
    def _distinct(cls, value: tuple[Check, ...]) -> tuple[Check, ...]:
        names = [check.name for check in value]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"distinct names; '{repeated[0]}' is there twice")
        return value

    def fingerprint(self) -> str:
        """Hash of all that decides a score."""
        return fingerprint_of(self.model_dump(mode="json", exclude_none=True))


@dataclass(frozen=True)
class Score:
    """Which checks a text passed, and their share by weight."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    share: float

    def __str__(self) -> str:
        return f"{self.share:.3g} of the checks" + (f"; failed: {', '.join(self.failed)}" if self.failed else "")


def score(rubric: Rubric, said: str) -> Score:
    """Check one text. An empty text passes nothing: it keeps no style by saying nothing."""
    text = _straight(said.strip())
    held = [bool(text) and check.holds(text) for check in rubric.checks]
    passed = tuple(check.name for check, ok in zip(rubric.checks, held, strict=True) if ok)
    failed = tuple(check.name for check, ok in zip(rubric.checks, held, strict=True) if not ok)
    weights = [check.weight for check in rubric.checks]
    got = sum(weight for weight, ok in zip(weights, held, strict=True) if ok)
    return Score(passed, failed, round(got / sum(weights), 6))


# -- the checks -------------------------------------------------------------------------------------------------------


def _phrases(said: str, phrases: tuple[str, ...]) -> bool:
    # Whole words, so that "as an ai" is not met in "as an airline"; a phrase of punctuation is met anywhere.
    low = normalise(said)
    for phrase in map(normalise, phrases):
        left, right = (r"(?<!\w)" if phrase[:1].isalnum() else ""), (r"(?!\w)" if phrase[-1:].isalnum() else "")
        if re.search(left + re.escape(phrase) + right, low):
            return True
    return False


def _last_line(said: str) -> str:
    return said.rstrip().rsplit("\n", 1)[-1].strip()


def _matching(said: str, wanted: Lines) -> bool:
    return sum(bool(re.match(wanted.pattern, line.strip())) for line in said.splitlines()) >= wanted.at_least


CHECKS: Mapping[str, Callable[[str, Any], bool]] = {
    "starts_with": lambda said, options: said.startswith(options),
    "ends_with": lambda said, options: said.endswith(options),
    "last_line": lambda said, options: _last_line(said) in options,
    "line_starts_with": lambda said, options: any(line.strip().startswith(options) or f"{line.strip()} ".startswith(options) for line in said.splitlines()),
    "lines_matching": _matching,
    "contains": _phrases,
    "without": lambda said, phrases: not _phrases(said, phrases),
    "matches": lambda said, pattern: re.search(pattern, said) is not None,
    "not_matches": lambda said, pattern: re.search(pattern, said) is None,
    "min_words": lambda said, least: len(said.split()) >= least,
    "max_words": lambda said, most: len(said.split()) <= most,
    "min_sentences": lambda said, least: sentences(said) >= least,
    "max_sentences": lambda said, most: sentences(said) <= most,
    "max_grade": lambda said, most: grade(said) <= most,
    "any_of": lambda said, rules: any(rule.holds(said) for rule in rules),
}  # fmt: skip


def sentences(said: str) -> int:
    """Sentences and lines that hold a letter or digit. List numbers ("2. ") and decimal points end none."""
    plain = re.sub(r"(?<=\d)\.(?=\d)", "", _LIST_MARK.sub("", said))
    return len(_SENTENCE.findall(plain))


def grade(said: str) -> float:
    """Flesch-Kincaid grade (Kincaid et al. 1975), with syllables counted as groups of vowels; English only."""
    words = _WORD.findall(said)
    if not words:
        return 0.0
    syllables = sum(map(_syllables, words))
    return 0.39 * len(words) / max(1, sentences(said)) + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    low = word.lower()
    groups = len(re.findall(r"[aeiouy]+", low))
    silent = low.endswith("e") and not low.endswith(("le", "ee")) and groups > 1
    return max(1, groups - silent)


def _straight(said: str) -> str:
    return said.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"a pattern that Python reads ({error})") from None
    return pattern


# -- reading ----------------------------------------------------------------------------------------------------------


def read(path: Path) -> Rubric:
    """The rubric in a YAML file. BadInput says which key or value is wrong, and where."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput("there is no rubric here", where=str(path), hint=_near(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError) as error:
        raise BadInput(f"the rubric cannot be read: {' '.join(str(error).split())[:200]}", where=str(path)) from None
    if not isinstance(values, dict):
        raise BadInput("a rubric has a name and checks", where=str(path), hint="name: my-style")
    rubric = of(values, where=str(path))
    if rubric.exemplars and not (place := exemplar_file(rubric, path)).is_file():
        raise BadInput(f"its exemplars are missing: {place.name}", where=str(path))
    return rubric


def _near(path: Path) -> str:
    """What may have been meant: a file beside it with nearly this name, else the rubrics that ship."""
    beside = [one.name for one in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    if close := get_close_matches(path.name, beside, n=1, cutoff=0.6):
        return str(path.parent / close[0])
    ours = ", ".join(str(one) for one in sorted(shipped.rubrics().glob("*.yaml")))
    return f"{ours} (it ships with Winnow, to copy and change)"


def exemplar_file(rubric: Rubric, path: Path) -> Path:
    """Where the exemplars of the rubric at `path` lie: in the same folder, nowhere else."""
    name = rubric.exemplars or ""
    if Path(name).name != name:
        raise BadInput(
            f"the exemplar file '{name}' lies in another folder", where=str(path), hint="put it beside the rubric"
        )
    return path.parent / name


def of(values: dict[str, Any], *, where: str = "rubric") -> Rubric:
    """The rubric that plain values describe."""
    try:
        return Rubric.model_validate(values)
    except ValidationError as error:
        raise BadInput(_sentence(error), where=where) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
    if first["type"] == "missing":
        return f"'{place}' is missing"
    if first["type"] == "extra_forbidden":
        model = Rubric if len(first["loc"]) == 1 else Check
        known = list(model.model_fields)
        close = get_close_matches(str(first["loc"][-1]), known, n=1)
        advice = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key '{place}'; {advice}"
    message = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"'{place or 'rubric'}' should be {message}"

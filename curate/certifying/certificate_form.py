"""What a certificate looks like: every part of it, of which type, and nothing else.

    check_form(json.loads(text))        # BadInput for what is no certificate, Refused for one that states more

A part that is missing makes it no certificate. A part that is not known would be stated and never checked, so it is refused.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from curate.errors import BadInput, Refused
from curate.overlap_rule import COUNTED, VARIANT

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:winnow:no-overlap:v2"
EARLIER_TYPES = ("urn:winnow:no-overlap:v1",)
TOOL = "winnow-tune"

CURATE = "winnow curate DATA --eval FILE -o NEW_ITERATION"
CERTIFY = "winnow certify TRAIN_FILE --eval FILE"


class _Form(BaseModel):
    """A part of a certificate: these keys and no others, each of its type."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Digest(_Form):
    sha256: str


class _Subject(_Form):
    name: str
    digest: _Digest


class _EvalFile(_Subject):
    cases: int


class _Tool(_Form):
    name: str
    version: str


class _Training(_Form):
    rows: int
    turns: int
    fingerprint: str


class _NoCopy(_Form):
    holds: bool
    how: str
    proof: str
    template_variants_kept: int


class _Encoder(_Form):
    name: str
    precision: Literal["bf16", "fp32", "int8"]
    dimensions: int
    max_tokens: int
    fingerprint: str


class _Rule(_Form):
    classes: list[str]
    probability: float
    probability_other_turns: float
    floor: float
    containment: float
    ngram: int
    answer_min_words: int
    answer_containment: float
    remove_template_variants: bool
    pair_rule: str
    cosine_map: list[float] | None
    tolerance: float
    fingerprint: str


class Nearest(_Form):
    eval_file: str
    case_id: str
    case_turn: int
    row_id: str
    turn: int
    cosine: float
    probability: float


class _NoSemanticOverlap(_Form):
    holds: bool
    how: str
    encoder: _Encoder
    rule: _Rule
    second_opinions: list[str]
    pairs_compared: int
    follow_ups_set_aside: int
    rows_by_class: dict[str, int]
    highest_cosine: float | None
    highest_probability: float | None
    nearest: list[Nearest]

    @field_validator("rows_by_class")
    @classmethod
    def _every_class(cls, counts: dict[str, int]) -> dict[str, int]:
        if missing := {*COUNTED, VARIANT} - counts.keys():
            raise ValueError(f"without {missing}")
        return counts


class _Misses(_Form):
    classes: dict[str, dict[str, float | str]]
    false_alarms: dict[str, float | str] | None
    not_measured: list[str]
    date: str = ""
    data: str = ""


class _Claims(_Form):
    no_copy: _NoCopy
    no_semantic_overlap: _NoSemanticOverlap
    what_the_rule_misses: _Misses


class _Predicate(_Form):
    tool: _Tool
    training: _Training
    eval_files: list[_EvalFile]
    outside: list[str]
    claims: _Claims
    signed: bool


class _Statement(_Form):
    type: str = Field(alias="_type")
    subject: list[_Subject] = Field(min_length=1)
    predicateType: str
    predicate: _Predicate


def check_form(statement: Any, *, where: str | None = None) -> None:
    """BadInput unless every part of a certificate is there in its form; Refused if it states more than is ever checked."""
    kind = (statement.get("_type"), statement.get("predicateType")) if isinstance(statement, dict) else None
    if kind in [(STATEMENT_TYPE, earlier) for earlier in EARLIER_TYPES]:
        what = "this certificate is of an earlier form, whose rule Winnow goes by no more; the rows need a new one"
        raise Refused(what, where=where, hint=CERTIFY)
    if kind != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise BadInput("this is not a Winnow certificate", where=where, hint=CURATE)
    try:
        _Statement.model_validate(statement)
    except ValidationError as error:
        found = {problem["type"]: ".".join(str(part)[:60] for part in problem["loc"]) for problem in error.errors()}
        more = found.pop("extra_forbidden", None)
        for problem, place in found.items():
            what = "is missing" if problem == "missing" else "is not in its form"
            raise BadInput(
                f"this is not a whole Winnow certificate: {place} {what}", where=where, hint=CURATE
            ) from None
        raise Refused(f"the certificate states '{more}', which Winnow does not check", where=where) from None
    if len(statement["subject"]) != 1:
        raise Refused("the certificate speaks of several files, and Winnow checks one", where=where)
    if statement["predicate"]["tool"]["name"] != TOOL:
        raise Refused("the certificate was made by another tool, which Winnow cannot speak for", where=where)

"""The certificate: a machine-checkable statement that a training file has no overlap with named eval files.

    statement = issue(Path("train.jsonl"), overlap.read_eval_files([Path("eval.jsonl")]), encoder.load())
    check_bytes(Path("train.jsonl"), statement)      # `curate.verification` recomputes every claim

It keeps three claims apart: no copy (any machine can re-derive it), no overlap in meaning under a stated rule, and what
that rule misses (measured recall by class, or 'not measured'). It is an in-toto Statement (v1) whose subject is the
training file's SHA-256. Unsigned, it protects against accident, not against forgery.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curate import chats as chat
from curate import files, overlap, shipped
from curate.detectors import encoder_facts
from curate.encoder import Encoder
from curate.errors import BadInput, Refused
from curate.overlap import EvalFile, Rule
from curate.progress import Progress, silent

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TOOL = "winnow-tune"
PREDICATE_TYPE = "urn:winnow:no-overlap:v1"
CLASSES_TO_MEASURE = ("copy", "near copy", "paraphrase", "translation", "template variant")

CURATE = "winnow curate DATA --eval FILE -o NEW_ITERATION"

Statement = dict[str, Any]


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
    precision: Literal["bf16", "fp32"]
    dimensions: int
    max_tokens: int
    fingerprint: str


class _Rule(_Form):
    cosine: float
    cosine_other_turns: float
    containment: float
    ngram: int
    answer_min_words: int
    answer_containment: float
    facts: list[str]
    remove_template_variants: bool
    tolerance: float
    fingerprint: str


class _Nearest(_Form):
    eval_file: str
    case_id: str
    case_turn: int
    row_id: str
    turn: int
    cosine: float


class _NoSemanticOverlap(_Form):
    holds: bool
    how: str
    encoder: _Encoder
    rule: _Rule
    pairs_compared: int
    highest_cosine: float | None
    nearest: list[_Nearest]


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


def issue(
    train_file: Path,
    eval_files: Sequence[EvalFile],
    encoder: Encoder,
    *,
    rule: Rule = Rule(),
    outside: Sequence[str] = (),
    progress: Progress = silent,
) -> Statement:
    """Read the training file from disk, compare it with the eval files, and state the result.

    Raises Refused when a row overlaps: a certificate is never issued for a file that does not deserve one.
    `outside` names probes that are drawn from the training rows on purpose and stand outside the check.
    """
    chats = files.read([train_file], format="messages", on_error="stop").chats
    found = overlap.check(chats, eval_files, encoder.encode, encoder.exact().encode, rule=rule, progress=progress)
    if found.outcome.removed.height:
        row = found.outcome.ledger.row(0, named=True)
        raise Refused(
            f"{found.outcome.removed.height} rows overlap with the eval files; "
            f"row {row['row_id']} is a {row['rule']} of eval case {row['twin']}",
            where=str(train_file),
        )
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": train_file.name, "digest": {"sha256": files.sha256(train_file)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": _predicate(chats, eval_files, encoder, rule, found, outside),
    }


def _predicate(
    chats: pl.DataFrame,
    eval_files: Sequence[EvalFile],
    encoder: Encoder,
    rule: Rule,
    found: overlap.Check,
    outside: Sequence[str],
) -> dict[str, Any]:
    scores = found.nearest["cosine"]
    return {
        "tool": {"name": TOOL, "version": tool_version()},
        "training": {"rows": chats.height, "turns": found.turns, "fingerprint": chat.dataset_fingerprint(chats)},
        "eval_files": [
            {"name": file.name, "digest": {"sha256": file.sha256}, "cases": file.cases.height} for file in eval_files
        ],
        "outside": list(outside),
        "claims": {
            "no_copy": {
                "holds": True,
                "how": "equal normal forms, and word n-gram containment between texts whose facts agree",
                "proof": "any machine re-derives it from the files",
                "template_variants_kept": found.counts()[overlap.VARIANT],
            },
            "no_semantic_overlap": {
                "holds": True,
                "how": "every window of every training turn against every window of every eval item"
                + (f" but {found.set_aside:,} short follow-ups" if found.set_aside else ", none skipped"),
                "encoder": encoder_facts(encoder),
                "rule": asdict(rule)
                | {"facts": list(rule.facts), "tolerance": overlap.TOLERANCE, "fingerprint": rule.fingerprint()},
                "pairs_compared": found.pairs_compared,
                "highest_cosine": scores.max(),
                "nearest": found.nearest.to_dicts(),
            },
            "what_the_rule_misses": measured_recall(encoder.fingerprint, rule.fingerprint()),
        },
        "signed": False,
    }


def measured_recall(encoder: str, rule: str) -> dict[str, Any]:
    """The figures measured for this encoder and this rule by benchmarks/overlap, or 'not measured' for each class."""
    table = json.loads(shipped.model("overlap_recall.json").read_text(encoding="utf-8"))
    for entry in table:
        if entry["encoder"] == encoder and entry["rule"] == rule:
            unmeasured = [name for name in CLASSES_TO_MEASURE if name not in entry["classes"]]
            return {key: entry[key] for key in ("classes", "false_alarms", "date", "data")} | {
                "not_measured": unmeasured
            }
    return {"classes": {}, "false_alarms": None, "not_measured": list(CLASSES_TO_MEASURE)}


def read(path: Path) -> Statement:
    """A certificate from disk. BadInput where it is none or not a whole one, Refused where it states what is not checked."""
    try:
        statement = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except FileNotFoundError:
        raise BadInput("there is no certificate here", where=str(path), hint=CURATE) from None
    except OSError as error:
        raise BadInput(f"the certificate cannot be read: {files.said(error)}", where=str(path)) from None
    except (ValueError, RecursionError):
        statement = None
    check_form(statement, where=str(path))
    return dict(statement)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError for a key that stands in it twice, because of the two only one would be seen."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError
    return found


def check_form(statement: Any, *, where: str | None = None) -> None:
    """BadInput unless every part of a certificate is there in its form; Refused if it states more than is ever checked."""
    kind = (statement.get("_type"), statement.get("predicateType")) if isinstance(statement, dict) else None
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
    if statement["predicate"]["signed"]:
        raise Refused(
            "the certificate calls itself signed, and Winnow makes and checks unsigned ones only", where=where
        )


def check_bytes(train_file: Path, statement: Statement) -> None:
    """Refuse unless the file's bytes are the very bytes that the certificate names."""
    if files.sha256(train_file) == statement["subject"][0]["digest"]["sha256"]:
        return
    named = statement["predicate"]["training"]
    try:
        chats = files.read([train_file], format="messages", on_error="stop").chats
        same_rows = chat.dataset_fingerprint(chats) == named["fingerprint"]
    except BadInput:
        same_rows = False
    if same_rows:
        what = "the rows are those of the certificate, but their order or spacing changed, so the bytes are others"
    else:
        what = "the certificate is for another file: rows were added, removed or changed"
    raise Refused(what, where=str(train_file), hint=CURATE)


def tool_version() -> str:
    """The installed version of Winnow."""
    try:
        return version(TOOL)
    except PackageNotFoundError:
        return "uninstalled"

"""The certificate: a machine-checkable statement that a training file has no overlap with named eval files.

    statement = issue(Path("train.jsonl"), overlap.read_eval_files([Path("eval.jsonl")]), encoder.load())
    check_bytes(Path("train.jsonl"), statement)      # `curate.verification` recomputes every claim
    write(Path("certificate.json"), statement, key)  # with a key, in a signed envelope

It keeps three claims apart: no copy (any machine can re-derive it), no overlap in meaning under a stated rule, and what
that rule misses (measured recall by class, or 'not measured'). It is an in-toto Statement (v1) whose subject is the
training file's SHA-256, bare or in a signed envelope (`curate.signature`).

Unsigned, it protects against accident: rows, eval files or a rule that are not those it was issued for. It does not protect
against forgery, for anybody can write one. Signed, it does, where whoever reads it names the public key to trust. Without
such a key a signature says nothing, and the sentences here say so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from curate import calibrations, files, overlap, pairs, signature
from curate import chats as chat
from curate.certifying.certificate_form import (
    CERTIFY,
    CURATE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    TOOL,
    Nearest,
    check_form,
)
from curate.certifying.reread import read_rows
from curate.detectors import encoder_facts
from curate.encoder import Encoder
from curate.errors import BadInput, Refused
from curate.evalset import EvalFile
from curate.overlap_rule import TOLERANCE, VARIANT, Rule
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.signature import UNSIGNED, PrivateKey, PublicKey, Standing

__all__ = ["CERTIFY", "CLASSES_TO_MEASURE", "CURATE", "PREDICATE_TYPE", "STATEMENT_TYPE", "TOOL", "Figures", "Statement", "check_bytes", "check_form", "issue", "measured", "opened", "read", "rule_facts", "state", "tool_version", "write"]  # fmt: skip

CLASSES_TO_MEASURE = calibrations.CLASSES
NEAREST = tuple(Nearest.model_fields)

Statement = dict[str, Any]


def issue(
    train_file: Path,
    eval_files: Sequence[EvalFile],
    encoder: Encoder,
    *,
    rule: Rule | None = None,
    judge: Judge | None = None,
    second_opinions: Sequence[str] = (),
    outside: Sequence[str] = (),
    allow_uncalibrated: bool = False,
    progress: Progress = silent,
) -> Statement:
    """Read the training file from disk, compare it with the eval files, and state the result, unsigned.

    Raises Refused when a row overlaps, for a certificate is never issued for a file that does not deserve one, and when
    nobody measured what this encoder misses, unless `allow_uncalibrated`: then the certificate says 'not measured'. `second_opinions` names whom `judge` asks besides the pair rule. `outside` names probes that are drawn from
    the training rows on purpose and stand outside the check.
    """
    rule = rule or calibrations.rule_for(encoder)
    if not allow_uncalibrated:
        check_calibrated(encoder)
    misses = measured(encoder, rule)
    try:
        read = files.read([train_file], format="messages", on_error="stop")
    except BadInput as error:
        hint = error.hint or f"winnow curate {train_file} --eval FILE -o ITERATION, which writes rows in messages form"
        raise BadInput(error.what, where=error.where, hint=hint) from None
    # By the verifier's own reader: what it cannot read is not certified.
    if len(read_rows(train_file)) != read.chats.height:
        raise Refused("two readers see different rows in it; this is a defect of Winnow", where=str(train_file))
    judge = judge or pairs.judge_with(encoder, rule.weights())
    found = overlap.check(
        read.chats, eval_files, encoder.encode, judge, rule=rule, reduced=encoder.reduced, progress=progress
    )
    if found.outcome.removed.height:
        raise Refused(_why_not(found), where=str(train_file))
    if files.sha256(train_file) != read.inputs[0].sha256:
        raise Refused("was changed while it was compared", where=str(train_file))
    figures = Figures(
        rows=read.chats.height,
        fingerprint=chat.dataset_fingerprint(read.chats),
        turns=found.turns,
        pairs_compared=found.pairs_compared,
        set_aside=found.set_aside,
        rows_by_class=found.counts(),
        nearest=found.nearest.select(NEAREST).to_dicts(),
    )
    subject = (train_file.name, read.inputs[0].sha256)
    return state(subject, eval_files, encoder, rule, figures, misses, second_opinions=second_opinions, outside=outside)


def _why_not(found: overlap.Check) -> str:
    removed, row = found.outcome.removed.height, found.outcome.ledger.row(0, named=True)
    first = f"row {row['row_id']} is {row['rule']}"
    if row["twin"] is None:
        return f"{removed:,} {'row' if removed == 1 else 'rows'} cannot be certified: {first}"
    overlap_ = "1 row overlaps" if removed == 1 else f"{removed:,} rows overlap"
    return f"{overlap_} with the eval files; {first.replace(' is ', ' is a ')} of eval case {row['twin']}"


@dataclass(frozen=True)
class Figures:
    """What a comparison found that a certificate states: by `overlap.check` to issue it, by `recheck` to verify it."""

    rows: int
    fingerprint: str
    turns: int
    pairs_compared: int
    set_aside: int
    rows_by_class: Mapping[str, int]
    nearest: Sequence[Mapping[str, Any]]


def state(
    subject: tuple[str, str],
    eval_files: Sequence[EvalFile],
    encoder: Encoder,
    rule: Rule,
    figures: Figures,
    misses: Mapping[str, Any],
    *,
    second_opinions: Sequence[str] = (),
    outside: Sequence[str] = (),
    signed: bool = False,
) -> Statement:
    """The figures in the form of a certificate; `subject` is the training file's name and SHA-256. Decides nothing."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject[0], "digest": {"sha256": subject[1]}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "tool": {"name": TOOL, "version": tool_version()},
            "training": {"rows": figures.rows, "turns": figures.turns, "fingerprint": figures.fingerprint},
            "eval_files": [
                {"name": file.name, "digest": {"sha256": file.sha256}, "cases": file.cases.height}
                for file in eval_files
            ],
            "outside": list(outside),
            "claims": {
                "no_copy": {
                    "holds": True,
                    "how": "equal normal forms, and word n-gram containment between texts whose facts agree",
                    "proof": "any machine re-derives it from the files",
                    "template_variants_kept": figures.rows_by_class[VARIANT],
                },
                "no_semantic_overlap": {
                    "holds": True,
                    "how": "every window of every training text against every window of every eval item",
                    "encoder": encoder_facts(encoder),
                    "rule": rule_facts(rule),
                    "second_opinions": list(second_opinions),
                    "pairs_compared": figures.pairs_compared,
                    "follow_ups_set_aside": figures.set_aside,
                    "rows_by_class": dict(figures.rows_by_class),
                    "highest_cosine": max((line["cosine"] for line in figures.nearest), default=None),
                    "highest_probability": max((line["probability"] for line in figures.nearest), default=None),
                    "nearest": [dict(line) for line in figures.nearest],
                },
                "what_the_rule_misses": dict(misses),
            },
            "signed": signed,
        },
    }


def rule_facts(rule: Rule) -> dict[str, Any]:
    """The overlap rule, as certificates name it."""
    cosine_map = None if rule.cosine_map is None else list(rule.cosine_map)
    parameters = asdict(rule) | {"classes": list(rule.classes), "cosine_map": cosine_map}
    return parameters | {"tolerance": TOLERANCE, "fingerprint": rule.fingerprint()}


def check_calibrated(encoder: Encoder) -> None:
    """Refused for an encoder of which nobody measured what it misses: a certificate would have nothing to state."""
    if calibrations.find_for(encoder) is None:
        raise Refused(
            f"nobody measured what the encoder {encoder.name} misses, so a certificate has nothing to state",
            hint=f"winnow calibrate PAIRS --encoder {encoder.name}; or --allow-uncalibrated: it then says 'not measured'",
        )


def measured(encoder: Encoder, rule: Rule) -> dict[str, Any]:
    """What is known of the misses of this encoder under this rule, by class, or 'not measured' for each class.

    Figures hold for the rule that they were measured with. One that is nowhere weaker finds at least as much, at more false
    alarms; of a weaker one nothing is known.
    """
    usual = calibrations.rule_for(encoder)
    if rule.weaker(usual):
        return {"classes": {}, "false_alarms": None, "not_measured": list(calibrations.CLASSES)}
    claim = calibrations.claim_for(encoder)
    return claim if rule == usual else claim | {"false_alarms": None}


def write(path: Path, statement: Statement, key: PrivateKey | None = None) -> None:
    """The certificate as a file: bare, or with a key in a signed envelope."""
    document: Mapping[str, Any] = statement
    if key is not None:
        predicate = statement["predicate"] | {"signed": True}
        document = signature.sign(statement | {"predicate": predicate}, key)
    files.write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def read(path: Path, trusted: Sequence[PublicKey] = ()) -> Statement:
    """The statement of `opened`, for whom it is enough to know that it was not refused."""
    return opened(path, trusted)[0]


def opened(path: Path, trusted: Sequence[PublicKey] = ()) -> tuple[Statement, Standing]:
    """A certificate from disk, and what stands behind it.

    BadInput where it is none or not a whole one. Refused where it states what is not checked, where its signature was
    taken away, and, if keys are trusted, where none of them signed it.
    """
    where = str(path)
    try:
        document = signature.parsed(path.read_bytes())
    except FileNotFoundError:
        raise BadInput("there is no certificate here", where=where, hint=CURATE) from None
    except OSError as error:
        raise BadInput(f"the certificate cannot be read: {files.said(error)}", where=where) from None
    except (ValueError, RecursionError):
        document = None
    if not signature.is_envelope(document):
        if trusted and isinstance(document, dict):
            raise Refused("the certificate is not signed, and a key to trust was named", where=where)
        check_form(document, where=where)
        if document["predicate"]["signed"]:
            raise Refused("the certificate calls itself signed, and its signature was taken away", where=where)
        return document, UNSIGNED
    standing = signature.check(document, trusted, where=where) if trusted else signature.named_by(document, where=where)
    statement = signature.peek(document, where=where)
    check_form(statement, where=where)
    if not statement["predicate"]["signed"]:
        raise Refused("the certificate lies in a signed envelope and calls itself unsigned", where=where)
    return statement, standing


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
    raise Refused(what, where=str(train_file), hint=f"winnow certify {train_file} --eval FILE, which certifies it anew")


def tool_version() -> str:
    """The installed version of Winnow."""
    try:
        return version(TOOL)
    except PackageNotFoundError:
        return "uninstalled"

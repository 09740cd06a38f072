"""The certificate: a machine-checkable statement that a training file has no overlap with named eval files.

    statement = issue("train.jsonl", eval_files, encoder)
    verify("train.jsonl", statement, eval_files, encoder)      # recomputes everything from the files

It keeps three claims apart: no copy (any machine can re-derive it), no overlap in meaning under a stated rule, and what
that rule misses (measured recall by class, or 'not measured'). It is an in-toto Statement (v1) whose subject is the
training file's SHA-256. Unsigned, it protects against accident, not against forgery.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from curate import chats as chat
from curate import files, overlap, shipped
from curate.detectors import encoder_facts
from curate.encoder import Encoder
from curate.errors import BadInput, Refused
from curate.overlap import EvalFile, Rule
from curate.progress import Progress, silent

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:winnow:no-overlap:v1"
CLASSES_TO_MEASURE = ("copy", "near copy", "paraphrase", "translation", "template variant")

Statement = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What `verify` found; it raises `Refused` where the answer is no, so a Verdict is a yes."""

    train_file: str
    rows: int
    eval_files: tuple[str, ...]
    pairs_compared: int
    highest: float | None

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {"holds": True} | asdict(self)

    def __str__(self) -> str:
        highest = "" if self.highest is None else f", highest cosine to an eval item {self.highest:.3f}"
        return (
            f"The certificate holds: {self.train_file} ({self.rows:,} rows) has no overlap with "
            f"{', '.join(self.eval_files)} under its rule ({self.pairs_compared:,} pairs compared{highest})."
        )


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
        "tool": {"name": "winnow-tune", "version": tool_version()},
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
                "how": "every window of every training turn against every window of every eval item, none skipped",
                "encoder": encoder_facts(encoder),
                "rule": asdict(rule) | {"tolerance": overlap.TOLERANCE, "fingerprint": rule.fingerprint()},
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
    """A certificate from disk; BadInput where it is none."""
    try:
        statement = json.loads(path.read_text(encoding="utf-8"))
        if statement["_type"] != STATEMENT_TYPE or statement["predicateType"] != PREDICATE_TYPE:
            raise KeyError("predicateType")
        statement["subject"][0]["digest"]["sha256"]
        statement["predicate"]["claims"]["no_semantic_overlap"]["rule"]
    except FileNotFoundError:
        raise BadInput(
            "there is no certificate here", where=str(path), hint="winnow curate DATA --eval FILE -o ITERATION"
        )
    except (ValueError, KeyError, TypeError, IndexError, UnicodeDecodeError):
        raise BadInput("this is not a Winnow certificate", where=str(path))
    return dict(statement)


def check_bytes(train_file: Path, statement: Statement) -> None:
    """Refuse unless the file's bytes are the very bytes that the certificate names."""
    if files.sha256(train_file) == statement["subject"][0]["digest"]["sha256"]:
        return
    again = "winnow curate DATA --eval FILE -o NEW_ITERATION"
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
    raise Refused(what, where=str(train_file), hint=again)


def verify(
    train_file: Path,
    statement: Statement,
    eval_files: Sequence[EvalFile],
    encoder: Encoder,
    *,
    progress: Progress = silent,
) -> Verdict:
    """Recompute every claim from the two kinds of files; Refused with the first that does not hold."""
    check_bytes(train_file, statement)
    predicate = statement["predicate"]
    _check_eval_files(predicate["eval_files"], eval_files)
    claim = predicate["claims"]["no_semantic_overlap"]
    if claim["encoder"]["fingerprint"] != encoder.fingerprint:
        what = f"the certificate was made with another encoder ({claim['encoder']['name']}, {claim['encoder']['precision']})"
        raise Refused(what, hint=f"winnow verify … --encoder {claim['encoder']['name']}")
    rule = _rule(claim["rule"])
    fresh = issue(train_file, eval_files, encoder, rule=rule, outside=predicate["outside"], progress=progress)
    _compare(predicate, fresh["predicate"])
    found = fresh["predicate"]["claims"]["no_semantic_overlap"]
    names = tuple(file.name for file in eval_files)
    rows = fresh["predicate"]["training"]["rows"]
    return Verdict(str(train_file), rows, names, found["pairs_compared"], found["highest_cosine"])


def _rule(stated: Mapping[str, Any]) -> Rule:
    parameters = {key: value for key, value in stated.items() if key not in ("tolerance", "fingerprint")}
    try:
        rule = Rule(**(parameters | {"facts": tuple(parameters["facts"])}))
    except (TypeError, KeyError):
        raise Refused("the certificate states a rule that this version does not know")
    if rule.fingerprint() != stated["fingerprint"] or stated["tolerance"] != overlap.TOLERANCE:
        raise Refused("the rule in the certificate was changed after it was issued")
    return rule


def _check_eval_files(stated: Sequence[Mapping[str, Any]], given: Sequence[EvalFile]) -> None:
    named = {entry["digest"]["sha256"]: entry["name"] for entry in stated}
    for file in given:
        if file.sha256 not in named:
            raise Refused(
                f"the certificate does not name this eval file (it names {', '.join(sorted(named.values()))})",
                where=file.name,
                hint="winnow curate DATA --eval FILE -o NEW_ITERATION",
            )
    missing = set(named) - {file.sha256 for file in given}
    if missing:
        names = ", ".join(sorted(named[digest] for digest in missing))
        raise Refused(f"the certificate also names {names}; give every eval file", hint="winnow verify … --eval FILE")


def _compare(stated: Mapping[str, Any], fresh: Mapping[str, Any]) -> None:
    """Every figure of the certificate must come out again; cosines within the tolerance."""
    for place in ("training", "eval_files"):
        if _without_names(stated[place]) != _without_names(fresh[place]):
            raise Refused(f"the certificate's '{place}' does not agree with the files")
    for claim in ("no_copy", "no_semantic_overlap", "what_the_rule_misses"):
        ours, theirs = fresh["claims"][claim], stated["claims"].get(claim)
        if not isinstance(theirs, Mapping) or set(theirs) != set(ours):
            raise Refused(f"the claim '{claim}' is incomplete")
        if claim == "no_semantic_overlap":
            _compare_nearest(theirs["nearest"], ours["nearest"])
            if abs((theirs["highest_cosine"] or 0) - (ours["highest_cosine"] or 0)) > 2 * overlap.TOLERANCE:
                raise Refused("the highest cosine does not come out again from the files")
            ours, theirs = (
                {k: v for k, v in c.items() if k not in ("nearest", "highest_cosine")} for c in (ours, theirs)
            )
        if json.loads(json.dumps(ours)) != theirs:
            raise Refused(f"the claim '{claim}' does not come out again from the files")


def _without_names(value: Any) -> Any:
    # A file may have been moved or renamed: its bytes are what counts.
    if isinstance(value, list):
        return sorted((_without_names(entry) for entry in value), key=chat.canonical_json)
    return {k: v for k, v in value.items() if k != "name"}


def _compare_nearest(stated: Any, fresh: Sequence[Mapping[str, Any]]) -> None:
    keys = ("eval_file", "case_id", "case_turn")
    theirs = {tuple(line[k] for k in keys): line["cosine"] for line in stated}
    for line in fresh:
        said = theirs.get(tuple(line[k] for k in keys))
        if said is None or abs(said - line["cosine"]) > 2 * overlap.TOLERANCE:
            raise Refused(f"the nearest score of eval case {line['case_id']} does not come out again from the files")
    if len(theirs) != len({tuple(line[k] for k in keys) for line in fresh}):
        raise Refused("the certificate lists eval cases that the files do not hold")


def tool_version() -> str:
    """The installed version of Winnow."""
    try:
        return version("winnow-tune")
    except PackageNotFoundError:
        return "uninstalled"

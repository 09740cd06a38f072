"""What a certificate states against what came out again: equal to the letter, or within what two machines differ by.

    check_figures(statement, fresh)              # `fresh` was made from the same files by `curate.certifying.recheck`

Refused with the first thing that differs. Cosines may differ by twice the rule's tolerance, files may have other names, and
Winnow may be of another version. What stands outside the check is passed over here, and repeated in the verdict.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curate import calibrations, certificate
from curate import chats as chat
from curate.certificate import Statement
from curate.certifying.recheck import Nearest
from curate.certifying.reread import Spoken
from curate.errors import Refused
from curate.evalset import EvalFile
from curate.overlap_rule import TOLERANCE
from curate.pairs import Judge

Line = Mapping[str, Any]
UNSURE = 0.005  # by so much may the probabilities of two machines differ


def check_eval_files(said: Sequence[Line], given: Sequence[EvalFile]) -> None:
    """The eval files that are given are those that the certificate names, by their bytes."""
    named = {entry["digest"]["sha256"]: entry["name"] for entry in said}
    for file in given:
        if file.sha256 not in named:
            raise Refused(
                f"the certificate does not name this eval file (it names {', '.join(sorted(named.values()))})",
                where=file.name,
                hint=certificate.CERTIFY,
            )
    missing = set(named) - {file.sha256 for file in given}
    if missing:
        names = ", ".join(sorted(named[digest] for digest in missing))
        raise Refused(f"the certificate also names {names}; give every eval file", hint="winnow verify … --eval FILE")


def check_figures(statement: Statement, fresh: Statement) -> None:
    """All but names, version, what stands outside, measured misses and scores is the same to the letter."""
    if place := _first_difference(_exact_part(statement), _exact_part(fresh)):
        ours, theirs = certificate.tool_version(), statement["predicate"]["tool"]["version"]
        hint = None if ours == theirs else f"Winnow {theirs}, which made the certificate; this is {ours}"
        raise Refused(f"the certificate's '{place}' does not come out again from the files", hint=hint)


def _exact_part(statement: Statement) -> dict[str, Any]:
    """All that must be equal: without names, version, what stands outside, measured misses, and scores."""
    plain: dict[str, Any] = json.loads(json.dumps(statement))
    predicate = plain["predicate"]
    for entry in (*plain["subject"], *predicate["eval_files"]):
        del entry["name"]  # a file may have been moved or renamed: its bytes are what counts
    predicate["eval_files"].sort(key=chat.canonical_json)
    del predicate["tool"]["version"], predicate["outside"], predicate["claims"]["what_the_rule_misses"]
    claim = predicate["claims"]["no_semantic_overlap"]
    del claim["nearest"], claim["highest_cosine"], claim["highest_probability"]
    return plain


def _first_difference(stated: Any, fresh: Any) -> str | None:
    """The first place, as `a.b.c`, where two documents differ."""
    if stated == fresh:
        return None
    if not isinstance(stated, dict) or not isinstance(fresh, dict):
        return ""
    for key in dict.fromkeys((*fresh, *stated)):
        inside = _first_difference(stated.get(key), fresh.get(key))
        if inside is not None:
            return f"{key}.{inside}".rstrip(".")
    return ""


def check_nearest(
    statement: Statement,
    nearest: Sequence[Nearest],
    ids: Sequence[str],
    rows: Sequence[Sequence[Spoken]],
    judge: Judge,
    slack: float = 0.0,
) -> None:
    """Every eval item once, with its scores. Of two texts that are equally near, either may be named.

    Below the rule's floor vectors of reduced precision tell the nearest only within twice their `slack`: there, what they
    name must be so near, and its own scores must come out again in full precision.
    """
    claim = statement["predicate"]["claims"]["no_semantic_overlap"]
    lines = _lines(statement)
    fresh = sorted(nearest, key=lambda near: (near.item.file, near.item.case, near.item.turn))
    if [_item(line) for line in lines] != [(near.item.file, near.item.case, near.item.turn) for near in fresh]:
        raise Refused("the nearest scores are not those of the eval items: some are too many or missing")
    for score in ("cosine", "probability"):
        if claim[f"highest_{score}"] != max((line[score] for line in lines), default=None):
            raise Refused(f"the highest {score} is not the highest of those that the certificate lists")
    number = {row_id: row for row, row_id in enumerate(ids)}
    floor = claim["rule"]["floor"]
    for line, near in zip(lines, fresh, strict=True):
        below = max(line["cosine"], near.cosine) < floor
        leeway = 2 * (TOLERANCE + (slack if below else 0.0))
        near_enough = abs(line["cosine"] - near.cosine) <= 2 * TOLERANCE
        same = (line["row_id"], line["turn"]) == (ids[near.said.row], near.said.turn)
        agrees = near_enough and same and abs(line["probability"] - near.probability) <= UNSURE
        if not agrees and abs(line["cosine"] - near.cosine) <= leeway:
            named = rows[number[line["row_id"]]] if line["row_id"] in number else []
            texts = [(said.text, near.item.text) for said in named if said.turn == line["turn"]]
            agrees = any(
                abs(line["cosine"] - verdict.cosine) <= 2 * TOLERANCE
                and abs(line["probability"] - verdict.probability) <= UNSURE
                for verdict in judge(texts)
            )
        if not agrees:
            raise Refused(f"the nearest score of eval case {line['case_id']} does not come out again from the files")


def _lines(statement: Statement) -> list[dict[str, Any]]:
    """The nearest scores, one line per eval item, with its file named by its bytes; in an order of their own."""
    predicate = statement["predicate"]
    digests = {file["name"]: file["digest"]["sha256"] for file in predicate["eval_files"]}
    lines = predicate["claims"]["no_semantic_overlap"]["nearest"]
    if unknown := [line["eval_file"] for line in lines if line["eval_file"] not in digests]:
        raise Refused(f"the certificate scores items of {unknown[0]}, an eval file that it does not name")
    named = [{**line, "eval_file": digests[line["eval_file"]]} for line in lines]
    return sorted(named, key=_item)


def _item(line: Line) -> tuple[str, str, int]:
    return line["eval_file"], line["case_id"], line["case_turn"]


def check_misses(said: Line, known: Line) -> str | None:
    """Where figures that are not known here say they come from; None where they are ours, or where there are none."""
    missing = [name for name in calibrations.CLASSES if name not in said["classes"]]
    whole = said["not_measured"] == missing and (said["classes"] or said["false_alarms"] is None)
    if said == known:
        return None
    source = said.get("data") or ""
    if dict(said) | {"date": ""} == dict(known) | {"date": ""}:
        return f"{source}, on {said['date']}"
    if not whole or source == known.get("data", "") or bool(said["classes"]) != bool(source):
        raise Refused("the certificate's 'what_the_rule_misses' does not come out again from what was measured")
    return source or None

"""`winnow verify`: find the training file, its certificate and the eval files, then recompute every claim.

    print(verify(Path("iterations/001"), [Path("eval.jsonl")], None, lambda precision: encoder.load(precision=precision)))

Stands alone: one command with an exit code, to be run before any trainer. The certificate is made once more from the files
and must come out the same. Cosines may differ by what two machines differ by, files may have other names, and Winnow may
be of another version. What a certificate says stands outside the check cannot be recomputed, so the verdict repeats it.
"""

import glob
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate import certificate, files, overlap
from curate import chats as chat
from curate import iteration as iterations
from curate.certificate import Statement
from curate.encoder import Encoder
from curate.errors import BadInput, Refused
from curate.overlap import EvalFile, Rule
from curate.progress import Progress, silent

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What `verify` found; it raises `Refused` where the answer is no, so a Verdict is a yes, under `rule`."""

    train_file: str
    rows: int
    eval_files: tuple[str, ...]
    pairs_compared: int
    highest: float | None
    rule: Rule
    outside: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {"holds": True} | asdict(self) | {"weaker_than_default": list(self.rule.weaker())}

    def __str__(self) -> str:
        highest = "" if self.highest is None else f", highest cosine to an eval item {self.highest:.3f}"
        less = ", ".join(self.rule.weaker())
        weaker = f"; weaker than the default rule ({less})" if less else ""
        first = (
            f"The certificate holds: {self.train_file} ({self.rows:,} rows) has no overlap with "
            f"{', '.join(self.eval_files)} under its rule ({self.pairs_compared:,} pairs compared{highest})."
        )
        said = [first, f"rule: {self.rule.thresholds()}{weaker}"]
        if self.outside:
            said.append(f"stands outside: {', '.join(self.outside)} (the certificate says so; it cannot be recomputed)")
        return "\n".join(said)


def verify(
    target: Path,
    eval_paths: Sequence[Path],
    certificate_path: Path | None,
    load: Callable[[str], Encoder],
    shipped: Sequence[Path] = (),
    progress: Progress = silent,
) -> Verdict:
    """Verify an iteration, or a training file beside its certificate. Without eval paths an iteration knows its own.

    `load` gives the encoder in the precision that the certificate names: a certificate made on a processor with bf16 can be
    verified on one without.
    """
    if target.is_dir():
        it = iterations.open(target)
        train_file, beside = it.train_file, it.data / "certificate.json"
        eval_paths = eval_paths or [_found(path) for path in it.manifest["eval"]]
    elif target.is_file():
        train_file, beside = target, target.with_name("certificate.json")
    else:
        raise BadInput("there is no such iteration or training file", where=str(target))
    if not eval_paths:
        raise BadInput("name the eval files that the certificate speaks of", hint=f"winnow verify {target} --eval FILE")
    statement = certificate.read(certificate_path or beside)
    certificate.check_bytes(train_file, statement)
    named = {file["digest"]["sha256"] for file in statement["predicate"]["eval_files"]}
    # A certificate of an earlier version names the cases that came with that version.
    still_shipped = [path for path in shipped if files.sha256(path) in named]
    eval_files = overlap.read_eval_files(eval_paths, still_shipped)
    return recompute(train_file, statement, eval_files, load, progress=progress)


def _found(path: str) -> Path:
    """An eval file, folder or glob as curation was given it."""
    if not Path(path).exists() and not Path(path).is_absolute() and not glob.glob(path, recursive=True):  # noqa: PTH207
        what = "is not here: paths in this iteration are relative to the folder it was made in"
        raise BadInput(what, where=path, hint="run there, or name --eval FILE")
    return Path(path)


def recompute(
    train_file: Path,
    statement: Statement,
    eval_files: Sequence[EvalFile],
    load: Callable[[str], Encoder],
    *,
    progress: Progress = silent,
) -> Verdict:
    """Make the certificate again from the two kinds of files; Refused with the first thing that does not come out again."""
    statement = json.loads(json.dumps(statement))
    certificate.check_form(statement)
    certificate.check_bytes(train_file, statement)
    predicate = statement["predicate"]
    _check_eval_files(predicate["eval_files"], eval_files)
    claim = predicate["claims"]["no_semantic_overlap"]
    rule, named = _rule(claim["rule"]), claim["encoder"]
    encoder = load(named["precision"])
    if named["fingerprint"] != encoder.fingerprint:
        what = f"the certificate was made with another encoder ({named['name']}, {named['precision']})"
        raise Refused(what, hint=f"winnow verify … --encoder {named['name']}")
    outside = predicate["outside"]
    fresh = certificate.issue(train_file, eval_files, encoder, rule=rule, outside=outside, progress=progress)
    if place := _first_difference(_exact_part(statement), _exact_part(fresh)):
        ours, theirs = certificate.tool_version(), predicate["tool"]["version"]
        hint = None if ours == theirs else f"Winnow {theirs}, which made the certificate; this is {ours}"
        raise Refused(f"the certificate's '{place}' does not come out again from the files", hint=hint)
    found = fresh["predicate"]["claims"]["no_semantic_overlap"]
    if not _agree(claim["highest_cosine"], found["highest_cosine"]):
        raise Refused("the highest cosine does not come out again from the files")
    _check_nearest(_lines(statement), _lines(fresh), train_file, eval_files, encoder, rule)
    names = tuple(file.name for file in eval_files)
    rows = fresh["predicate"]["training"]["rows"]
    return Verdict(str(train_file), rows, names, found["pairs_compared"], found["highest_cosine"], rule, tuple(outside))


def _rule(stated: Line) -> Rule:
    parameters = {key: value for key, value in stated.items() if key not in ("tolerance", "fingerprint")}
    try:
        rule = Rule(**(parameters | {"facts": tuple(parameters["facts"])}))
    except BadInput as error:
        raise Refused(f"the certificate goes by a rule that Winnow does not accept: {error.what}") from None
    if rule.fingerprint() != stated["fingerprint"] or stated["tolerance"] != overlap.TOLERANCE:
        raise Refused("the rule in the certificate was changed after it was issued")
    return rule


def _check_eval_files(stated: Sequence[Line], given: Sequence[EvalFile]) -> None:
    named = {entry["digest"]["sha256"]: entry["name"] for entry in stated}
    for file in given:
        if file.sha256 not in named:
            raise Refused(
                f"the certificate does not name this eval file (it names {', '.join(sorted(named.values()))})",
                where=file.name,
                hint=certificate.CURATE,
            )
    missing = set(named) - {file.sha256 for file in given}
    if missing:
        names = ", ".join(sorted(named[digest] for digest in missing))
        raise Refused(f"the certificate also names {names}; give every eval file", hint="winnow verify … --eval FILE")


def _exact_part(statement: Statement) -> dict[str, Any]:
    """All that must be equal: without file names, the version, what stands outside, and the cosines."""
    plain: dict[str, Any] = json.loads(json.dumps(statement))
    predicate = plain["predicate"]
    for entry in (*plain["subject"], *predicate["eval_files"]):
        del entry["name"]  # a file may have been moved or renamed: its bytes are what counts
    predicate["eval_files"].sort(key=chat.canonical_json)
    del predicate["tool"]["version"], predicate["outside"]
    claim = predicate["claims"]["no_semantic_overlap"]
    del claim["nearest"], claim["highest_cosine"]
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


def _check_nearest(
    stated: Sequence[Line],
    fresh: Sequence[Line],
    train_file: Path,
    eval_files: Sequence[EvalFile],
    encoder: Encoder,
    rule: Rule,
) -> None:
    """Every eval item once, with its cosine. Of two turns that are equally near, either may be named."""
    if [_item(line) for line in stated] != [_item(line) for line in fresh]:
        raise Refused("the nearest scores are not those of the eval items: some are too many or missing")
    chats: pl.DataFrame | None = None
    for said, line in zip(stated, fresh, strict=True):
        agrees = _agree(said["cosine"], line["cosine"])
        if agrees and (said["row_id"], said["turn"]) != (line["row_id"], line["turn"]):
            if chats is None:
                chats = files.read([train_file], format="messages", on_error="stop").chats
            agrees = _agree(said["cosine"], _cosine(said, chats, eval_files, encoder, rule))
        if not agrees:
            raise Refused(f"the nearest score of eval case {line['case_id']} does not come out again from the files")


def _cosine(
    line: Line, chats: pl.DataFrame, eval_files: Sequence[EvalFile], encoder: Encoder, rule: Rule
) -> float | None:
    """The cosine of the turn and the eval item that a line names, of nothing else; None where there is no such turn."""
    rows = chats.filter(pl.col("id") == line["row_id"])["turns"].to_list()
    if len(rows) != 1 or not 0 <= line["turn"] < len(rows[0]):
        return None
    alone = chat.chats_of([{"turns": [rows[0][line["turn"]]]}])
    case = [
        EvalFile(file.name, file.sha256, file.cases.filter(pl.col("id") == line["case_id"]))
        for file in eval_files
        if file.sha256 == line["eval_file"]
    ]
    exact = encoder.exact().encode
    found = overlap.check(alone, case[:1], exact, exact, rule=rule).nearest
    scores = found.filter(pl.col("case_turn") == line["case_turn"])["cosine"].to_list()
    return scores[0] if scores else None


def _agree(stated: float | None, fresh: float | None) -> bool:
    if stated is None or fresh is None:
        return stated is fresh
    return abs(stated - fresh) <= 2 * overlap.TOLERANCE

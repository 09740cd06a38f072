"""`winnow verify`: find the training file, its certificate and the eval files, then recompute every claim.

    print(verify(Path("iterations/001"), [Path("eval.jsonl")], None, lambda precision: encoder.load(precision=precision)))

Stands alone: one command with an exit code, to be run before any trainer. The three claims are recomputed from the files by
`curate.certifying.recheck`, which is other code than the issuer's, and must come out the same. Cosines may differ by what two machines
differ by, files may have other names, and Winnow may be of another version. What cannot be recomputed is repeated in the
verdict: what the certificate says stands outside the check, and figures of misses that were measured elsewhere.

An unsigned certificate that holds is true of these files, whoever wrote it. A signature adds who says so: name the key to
trust (`--trust`), and a certificate that this key did not sign is refused.
"""

import glob
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from curate import calibrations, certificate, files, pairs
from curate import chats as chat
from curate import iteration as iterations
from curate.certificate import Statement
from curate.certifying import stated
from curate.certifying.recheck import Recheck, recheck
from curate.certifying.reread import read_rows
from curate.counted import counted
from curate.encoder import Encoder
from curate.errors import BadInput, Refused
from curate.evalset import EvalFile, read_eval_files, shipped_name
from curate.overlap_rule import Rule
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.signature import UNSIGNED, PublicKey, Standing

Line = Mapping[str, Any]
# The pair rule on an encoder's vectors, and the second opinions that a certificate names.
MakeJudge = Callable[[Encoder, Rule, Sequence[str]], Judge]


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
    standing: Standing = UNSIGNED
    misses_elsewhere: str | None = None
    weaker: tuple[str, ...] = ()  # than the default rule of this encoder
    not_named: tuple[str, ...] = ()  # cases that ship with this Winnow, and that the certificate does not know

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        stands = {"standing": self.standing.to_dict()}
        return {"holds": True} | asdict(self) | stands | {"weaker_than_default": list(self.weaker)}

    def __str__(self) -> str:
        highest = "" if self.highest is None else f", highest cosine to an eval item {self.highest:.3f}"
        less = ", ".join(self.weaker)
        weaker = f"; weaker than the default rule ({less})" if less else ""
        first = (
            f"The certificate holds: {self.train_file} ({counted(self.rows, 'row')}) has no overlap with "
            f"{', '.join(self.eval_files)} under its rule ({counted(self.pairs_compared, 'pair')} compared{highest})."
        )
        said = [first, f"rule: {self.rule.thresholds()}{weaker}", f"signature: {self.standing}"]
        if self.outside:
            said.append(f"stands outside: {', '.join(self.outside)} (the certificate says so; it cannot be recomputed)")
        if self.misses_elsewhere:
            said.append(f"what the rule misses was measured elsewhere ({self.misses_elsewhere}): not checked here")
        if self.not_named:
            said.append(f"not compared with cases that ship with this Winnow: {', '.join(self.not_named)}")
        return "\n".join(said)


def verify(
    target: Path,
    eval_paths: Sequence[Path],
    certificate_path: Path | None,
    load: Callable[[str], Encoder],
    shipped: Sequence[Path] = (),
    progress: Progress = silent,
    *,
    trusted: Sequence[PublicKey] = (),
    make_judge: MakeJudge | None = None,
) -> Verdict:
    """Verify an iteration, or a training file beside its certificate. Without eval paths an iteration knows its own.

    `load` gives the encoder in the precision that the certificate names: a certificate made on a processor with bf16 can be
    verified on one without. With `trusted` keys, one of them must have signed.
    """
    train_file, beside, its_own = places(target, eval_paths)
    if not its_own:
        raise BadInput("name the eval files that the certificate speaks of", hint=f"winnow verify {target} --eval FILE")
    statement, standing = certificate.opened(certificate_path or beside, trusted)
    certificate.check_bytes(train_file, statement)
    named = {file["digest"]["sha256"] for file in statement["predicate"]["eval_files"]}
    # A certificate of an earlier version names the cases that came with that version.
    still_shipped = [path for path in shipped if files.sha256(path) in named]
    eval_files = read_eval_files(its_own, still_shipped)
    verdict = recompute(train_file, statement, eval_files, load, make_judge, standing=standing, progress=progress)
    unknown = tuple(shipped_name(path) for path in shipped if path not in still_shipped)
    return replace(verdict, not_named=unknown)


def places(target: Path, eval_paths: Sequence[Path]) -> tuple[Path, Path, Sequence[Path]]:
    """The training file, its certificate, and the eval files that were named or that the iteration knows."""
    if target.is_dir():
        it = iterations.open(target)
        paths = eval_paths or [_found(path) for path in it.manifest["eval"]]
        return it.train_file, it.data / "certificate.json", paths
    if target.is_file():
        return target, target.with_name("certificate.json"), eval_paths
    raise BadInput("there is no such iteration or training file", where=str(target))


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
    make_judge: MakeJudge | None = None,
    *,
    standing: Standing = UNSIGNED,
    progress: Progress = silent,
) -> Verdict:
    """Recompute the certificate from the two kinds of files; Refused with the first thing that does not come out again."""
    statement = json.loads(json.dumps(statement))
    certificate.check_form(statement)
    certificate.check_bytes(train_file, statement)
    predicate = statement["predicate"]
    stated.check_eval_files(predicate["eval_files"], eval_files)
    claim = predicate["claims"]["no_semantic_overlap"]
    rule, encoder = rule_of(claim["rule"]), _encoder(claim["encoder"], load)
    _check_map(rule, encoder)
    judge = judge_for(encoder, rule, claim["second_opinions"], make_judge)
    progress("verify: recomputing", 0, 0)
    rows = read_rows(train_file)
    found = recheck(rows, eval_files, encoder.encode, judge, rule, encoder.reduced)
    certificate.check_bytes(train_file, statement)  # again: what was read is what was certified
    chats = files.read([train_file], format="messages", on_error="stop").chats
    ids: list[str] = chats["id"].to_list()  # the names of the rows; what they say was read by other code
    if len(ids) != found.rows:
        raise Refused("two readers see different rows in it; this is a defect of Winnow", where=str(train_file))
    _check_overlap(found, ids, train_file)
    misses = certificate.measured(encoder, rule)
    fresh = certificate.state(
        (train_file.name, files.sha256(train_file)),
        eval_files,
        encoder,
        rule,
        _figures(found, ids, chat.dataset_fingerprint(chats)),
        misses,
        second_opinions=claim["second_opinions"],
        signed=predicate["signed"],
    )
    stated.check_figures(statement, fresh)
    stated.check_nearest(statement, found.nearest, ids, rows, found.judge, encoder.slack)
    elsewhere = stated.check_misses(predicate["claims"]["what_the_rule_misses"], misses)
    names, outside = tuple(file.name for file in eval_files), tuple(predicate["outside"])
    shown = (str(train_file), found.rows, names, found.pairs_compared, claim["highest_cosine"], rule, outside)
    return Verdict(*shown, standing, elsewhere, rule.weaker(calibrations.rule_for(encoder)))


def _check_map(rule: Rule, encoder: Encoder) -> None:
    """A map of cosines that comes with the certificate alone could make everything look far apart."""
    if rule.cosine_map != calibrations.rule_for(encoder).cosine_map:
        raise Refused(
            "the certificate maps this encoder's cosines in a way that was not calibrated here",
            hint=f"winnow calibrate PAIRS --encoder {encoder.name}, with the pairs that it was calibrated on",
        )


# -- with what --------------------------------------------------------------------------------------------------------


def rule_of(named: Line) -> Rule:
    """The rule that a certificate names. Refused where it is not whole, or stands on other weights than ours."""
    parameters = {key: value for key, value in named.items() if key not in ("tolerance", "fingerprint")}
    try:
        mapped = parameters["cosine_map"]
        cosine_map = None if mapped is None else tuple(mapped)
        rule = Rule(**(parameters | {"classes": tuple(parameters["classes"]), "cosine_map": cosine_map}))
    except BadInput as error:
        raise Refused(f"the certificate goes by a rule that Winnow does not accept: {error.what}") from None
    if certificate.rule_facts(rule) != dict(named):
        raise Refused("the rule in the certificate was changed after it was issued")
    try:
        rule.weights()
    except (Refused, ValueError, TypeError):
        what = f"the certificate goes by other weights of the pair rule ({rule.pair_rule[:12]})"
        raise Refused(what, hint=certificate.CERTIFY) from None
    return rule


def _encoder(named: Line, load: Callable[[str], Encoder]) -> Encoder:
    encoder = load(named["precision"])
    if encoder.precision != named["precision"]:
        what = f"the certificate was made in {named['precision']}, which agrees too little with fp32 on this machine"
        raise Refused(what, hint="verify on another machine, or certify anew: " + certificate.CERTIFY)
    if named["fingerprint"] != encoder.fingerprint:
        what = f"the certificate was made with another encoder ({named['name']}, {named['precision']})"
        raise Refused(what, hint=f"winnow verify … --encoder {named['name']}")
    return encoder


def judge_for(encoder: Encoder, rule: Rule, opinions: Sequence[str], make_judge: MakeJudge | None = None) -> Judge:
    """The pair rule on this encoder, with the second opinions that are named. Refused where nobody can ask them."""
    if make_judge is not None:
        return make_judge(encoder, rule, opinions)
    if opinions:
        what = f"the certificate rests on second opinions ({', '.join(opinions)}), which must be asked again"
        raise Refused(what, hint="winnow verify ITERATION, which knows the recipe that names them")
    return pairs.judge_with(encoder, rule.weights())


def _check_overlap(found: Recheck, ids: Sequence[str], train_file: Path) -> None:
    bad = [f"row {ids[row]} is a {name} of an eval case" for row, name in found.overlapping.items()]
    bad += [f"row {ids[row]} cannot be compared" for row in found.not_comparable]
    if bad:
        more = f", and {counted(len(bad) - 1, 'row')} more" if len(bad) > 1 else ""
        raise Refused(f"the certificate is wrong: {bad[0]}{more}", where=str(train_file), hint=certificate.CURATE)


def _figures(found: Recheck, ids: Sequence[str], fingerprint: str) -> certificate.Figures:
    lines = [
        {
            "eval_file": near.item.file,
            "case_id": near.item.case,
            "case_turn": near.item.turn,
            "row_id": ids[near.said.row],
            "turn": near.said.turn,
            "cosine": near.cosine,
            "probability": near.probability,
        }
        for near in found.nearest
    ]
    counts = (found.turns, found.pairs_compared, found.set_aside, found.rows_by_class)
    return certificate.Figures(found.rows, fingerprint, *counts, lines)

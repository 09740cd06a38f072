"""`winnow certify`: a certificate for rows that are there already, and a signature under it.

    print(certify(Path("train.jsonl"), [Path("eval.jsonl")], lambda precision: encoder.load(precision=precision)))
    certify(Path("iterations/001"), [], load, key=signature.private_key(Path("winnow.pem")))

Curation certifies what it writes. This is for a training file from elsewhere, for rows whose order or spacing changed, and for
signing. The check is made anew each time: nothing is signed on the word of an earlier certificate.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import calibrations, certificate, files, overlap_judge, verification
from curate import iteration as iterations
from curate import recipe as recipes
from curate.certificate import Statement
from curate.counted import counted
from curate.encoder import Encoder
from curate.errors import BadInput, Refused, WinnowError
from curate.evalset import read_eval_files
from curate.overlap_rule import Rule
from curate.progress import Progress, silent
from curate.signature import PrivateKey, Standing
from curate.verification import MakeJudge


@dataclass(frozen=True)
class Certified:
    """The certificate that was written."""

    path: Path
    train_file: Path
    statement: Statement
    standing: Standing
    rule: str
    weaker: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        written = {"certificate": str(self.path), "train_file": str(self.train_file)}
        return written | {"standing": self.standing.to_dict(), "statement": self.statement}

    def __str__(self) -> str:
        predicate = self.statement["predicate"]
        claim, names = predicate["claims"]["no_semantic_overlap"], [file["name"] for file in predicate["eval_files"]]
        found = (
            f"{self.train_file} ({counted(predicate['training']['rows'], 'row')}) has no overlap with {', '.join(names)} "
            f"({counted(claim['pairs_compared'], 'pair')} compared)."
        )
        less = f" (less than the default rule: {', '.join(self.weaker)})" if self.weaker else ""
        return f"{found}\nrule: {self.rule}{less}\n{self.path}: {self.standing}"


def certify(
    target: Path,
    eval_paths: Sequence[Path],
    load: Callable[[str], Encoder],
    shipped: Sequence[Path] = (),
    progress: Progress = silent,
    *,
    key: PrivateKey | None = None,
    out: Path | None = None,
    rule: Rule | None = None,
    make_judge: MakeJudge | None = None,
    second_opinions: Sequence[str] = (),
    outside: Sequence[str] = (),
    allow_uncalibrated: bool = False,
) -> Certified:
    """Check a training file, or an iteration's, and write its certificate beside it (or to `out`), with a key signed.

    An iteration goes by its recipe, never by the certificate that lies there: anybody may have written that. Raises Refused
    where a row overlaps, and for an iteration that a model was trained from: the model names the certificate that it was
    trained under.
    """
    train_file, beside, evals = verification.places(target, eval_paths)
    if not evals:
        raise BadInput(
            "name the eval files that the rows must not overlap", hint=f"winnow certify {target} --eval FILE"
        )
    path = out or beside
    _check_place(path, ours=target.is_dir())
    in_place = target.is_dir() and path == beside
    if in_place and (target / "model").exists():
        what = "a model was trained under the certificate that is here, and names it; a new one would part the two"
        raise Refused(
            what, where=str(target), hint=f"winnow certify {target} --out FILE, or curate into a new iteration"
        )
    encoder = load("auto")
    if target.is_dir():
        recipe = recipes.of(iterations.open(target).manifest["recipe"])
        rule = rule or overlap_judge.overlap_rule(recipe, encoder)
        make_judge = make_judge or overlap_judge.remade_judge(recipe)
        second_opinions = second_opinions or overlap_judge.opinions_of(recipe, encoder)
        allow_uncalibrated |= recipe.overlap.allow_uncalibrated
    rule = rule or calibrations.rule_for(encoder)
    statement = certificate.issue(
        train_file,
        read_eval_files(evals, shipped),
        encoder,
        rule=rule,
        judge=verification.judge_for(encoder, rule, second_opinions, make_judge),
        second_opinions=second_opinions,
        outside=outside,
        allow_uncalibrated=allow_uncalibrated,
        progress=progress,
    )
    certificate.write(path, statement, key)
    if in_place:
        _note(iterations.open(target), path)
    trusted = () if key is None else (key.public,)
    statement, standing = certificate.opened(path, trusted)
    weaker = rule.weaker(calibrations.rule_for(encoder))
    return Certified(path, train_file, statement, standing, rule.thresholds(), weaker)


def _check_place(path: Path, *, ours: bool) -> None:
    """BadInput for a file that is no certificate: it is not ours to replace."""
    if ours or not path.exists():
        return
    try:
        certificate.read(path)
    except Refused:
        return
    except WinnowError:
        raise BadInput("would be overwritten, and is not a certificate", where=str(path), hint="--out FILE") from None


def _note(iteration: iterations.Iteration, path: Path) -> None:
    """Write into the manifest that the certificate is another one now."""
    outputs = dict(iteration.manifest["outputs"]) | {path.name: files.sha256(path)}
    manifest = json.loads(json.dumps(iteration.manifest)) | {"outputs": outputs}
    files.write_text(iteration.data / "manifest.json", iterations.json_text(manifest))

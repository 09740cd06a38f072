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

from curate import calibrations, certificate, files, verification
from curate import iteration as iterations
from curate.certificate import Statement
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

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        written = {"certificate": str(self.path), "train_file": str(self.train_file)}
        return written | {"standing": self.standing.to_dict(), "statement": self.statement}

    def __str__(self) -> str:
        predicate = self.statement["predicate"]
        claim, names = predicate["claims"]["no_semantic_overlap"], [file["name"] for file in predicate["eval_files"]]
        found = (
            f"{self.train_file} ({predicate['training']['rows']:,} rows) has no overlap with {', '.join(names)} "
            f"({claim['pairs_compared']:,} pairs compared)."
        )
        return f"{found}\n{self.path}: {self.standing}"


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
    allow_uncalibrated: bool = False,
) -> Certified:
    """Check a training file, or an iteration's, and write its certificate beside it (or to `out`), with a key signed.

    An iteration keeps the rule and the second opinions of the certificate it has. Raises Refused where a row overlaps, and
    for an iteration that a model was trained from: the model names the certificate that it was trained under.
    """
    train_file, beside, evals = verification.places(target, eval_paths)
    if not evals:
        raise BadInput(
            "name the eval files that the rows must not overlap", hint=f"winnow certify {target} --eval FILE"
        )
    path = out or beside
    before = _before(path, ours=target.is_dir())
    in_place = target.is_dir() and path == beside
    if in_place and (target / "model").exists():
        what = "a model was trained under the certificate that is here, and names it; a new one would part the two"
        raise Refused(
            what, where=str(target), hint=f"winnow certify {target} --out FILE, or curate into a new iteration"
        )
    allowed = allow_uncalibrated
    if before is not None and target.is_dir():
        claims = before["predicate"]["claims"]
        rule = rule or verification.rule_of(claims["no_semantic_overlap"]["rule"])
        second_opinions = second_opinions or claims["no_semantic_overlap"]["second_opinions"]
        allowed |= not claims["what_the_rule_misses"]["classes"]
    encoder = load("auto")
    rule = rule or calibrations.rule_for(encoder)
    statement = certificate.issue(
        train_file,
        read_eval_files(evals, shipped),
        encoder,
        rule=rule,
        judge=verification.judge_for(encoder, rule, second_opinions, make_judge),
        second_opinions=second_opinions,
        outside=before["predicate"]["outside"] if before is not None else (),
        allow_uncalibrated=allowed,
        progress=progress,
    )
    certificate.write(path, statement, key)
    if in_place:
        _note(iterations.open(target), path)
    trusted = () if key is None else (key.public,)
    return Certified(path, train_file, *certificate.opened(path, trusted))


def _before(path: Path, *, ours: bool) -> Statement | None:
    """The certificate that will be replaced. BadInput for a file that is none: it is not ours to replace."""
    if not path.exists():
        return None
    try:
        return certificate.read(path)
    except WinnowError as problem:
        if ours or isinstance(problem, Refused):
            return None
        raise BadInput("would be overwritten, and is not a certificate", where=str(path), hint="--out FILE") from None


def _note(iteration: iterations.Iteration, path: Path) -> None:
    """Write into the manifest that the certificate is another one now."""
    outputs = dict(iteration.manifest["outputs"]) | {path.name: files.sha256(path)}
    manifest = json.loads(json.dumps(iteration.manifest)) | {"outputs": outputs}
    files.write_text(iteration.data / "manifest.json", iterations.json_text(manifest))

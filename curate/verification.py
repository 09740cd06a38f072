"""`winnow verify`: find the training file, its certificate and the eval files, then recompute every claim.

    print(verify(Path("iterations/001"), [Path("eval.jsonl")], None, lambda precision: encoder.load(precision=precision)))

Stands alone: one command with an exit code, to be run before any trainer.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from curate import certificate, files, overlap
from curate import iteration as iterations
from curate.certificate import Verdict
from curate.encoder import Encoder
from curate.errors import BadInput
from curate.progress import Progress, silent


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
        eval_paths = eval_paths or [Path(path) for path in it.manifest["eval"]]
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
    precision = statement["predicate"]["claims"]["no_semantic_overlap"]["encoder"]["precision"]
    return certificate.verify(train_file, statement, eval_files, load(precision), progress=progress)

"""What is under test, and what is known about the rows that it learned from.

    subject = of(Path("iterations/002"))
    subject.base, subject.adapter, subject.eval_files

An iteration brings its adapter, its base, the eval files that curation was given, and its certificate. A model by itself
brings none of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate import certificate, files, iteration, rubric, shipped
from curate.errors import BadInput, Refused
from evalsuite.model import Facts


def shipped_eval_files(rubrics: Sequence[Path] = ()) -> list[Path]:
    """Case files of the shipped suites and exemplars of rubrics (the shipped ones, and those given): always eval files."""
    cases = sorted((Path(__file__).parent / "cases").glob("*.jsonl"))
    exemplars = sorted(shipped.rubrics().glob("*.exemplars.jsonl"))
    for path in rubrics:
        asked = rubric.read(path)
        if asked.exemplars and (place := rubric.exemplar_file(asked, path)).resolve() not in {
            p.resolve() for p in exemplars
        }:
            exemplars.append(place)
    return [*cases, *exemplars]


@dataclass(frozen=True)
class Subject:
    """What is under test, and what is known about the rows that it learned from."""

    base: str | Path
    adapter: Path | None
    eval_files: tuple[Path, ...]
    data: iteration.Iteration | None = None
    statement: certificate.Statement | None = None
    statement_sha256: str | None = None
    template: Path | None = None


def of(target: Path | None, model: str | Path | None, adapter: Path | None, eval_files: Sequence[Path]) -> Subject:
    if target is None:
        if model is None:
            raise BadInput("nothing to evaluate was named", hint="winnow eval ITERATION, or winnow eval --model FOLDER")
        return Subject(model, adapter, tuple(eval_files))
    from train import adapter as trained

    data = iteration.open(target)
    found = trained.open(target)
    if adapter is not None:
        raise BadInput(
            "an iteration has an adapter of its own",
            where=str(target),
            hint="winnow eval --model BASE --adapter FOLDER",
        )
    base = model if model is not None else str(found.manifest["base"]["name"])
    files_asked = tuple(eval_files) or _eval_files_of(data)
    place = data.data / "certificate.json"
    return Subject(base, found.path, files_asked, data, data.certificate(), files.sha256(place))


def _eval_files_of(data: iteration.Iteration) -> tuple[Path, ...]:
    """The user's own eval files that curation was given; the shipped ones are asked by their suites."""
    ours = {files.sha256(path) for path in shipped_eval_files()}
    found = []
    for name, sha in ((file["name"], file["sha256"]) for file in data.manifest["eval_files"]):
        if sha in ours:
            continue
        if not Path(name).is_file():
            raise BadInput(
                "this eval file of the iteration is gone", where=str(name), hint="winnow eval ITERATION --eval FILE"
            )
        # Exemplars of the user's own rubrics are named by the certificate too, but are no questions to ask.
        if not Path(name).name.endswith(".exemplars.jsonl"):
            found.append(Path(name))
    return tuple(found)


def check_certificate(subject: Subject, facts: Facts) -> None:
    """The adapter must have been trained on the rows that the iteration's certificate stands for."""
    if subject.data is None or facts.certificate is None or facts.certificate == subject.statement_sha256:
        return
    raise Refused(
        "the adapter was trained under another certificate than the one in data/: the rows were curated again since",
        where=str(subject.data.path),
        hint=f"winnow train {subject.data.path} --base {subject.base}",
    )

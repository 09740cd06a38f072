"""The front door: one command line over the functions of the same name.

    winnow curate raw.jsonl --eval eval.jsonl -o iterations/001
    winnow verify iterations/001 --eval eval.jsonl

Each command is a thin shell: it reads flags, calls one function and prints what that returns. Errors are sentences with
an exit code; `WINNOW_DEBUG=1` shows tracebacks to those who mend Winnow itself.
"""

import errno
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.exceptions import TyperException

from curate.errors import BadInput, Surroundings, WinnowError
from curate.progress import Progress

app = typer.Typer(
    name="winnow",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Audit, curate and certify the rows you fine-tune on, and see what each iteration changed.\n\n"
    "The loop: [bold]audit[/bold] what you have, [bold]curate[/bold] it into a certified training file, "
    "[bold]verify[/bold] that file anywhere, ask [bold]why[/bold] a row went, [bold]restore[/bold] it, "
    "and [bold]diff[/bold] one data set against another. [bold]demo[/bold] shows it all.",
)


class Format(StrEnum):
    """How rows are laid out in a file."""

    auto = "auto"
    messages = "messages"
    alpaca = "alpaca"
    sharegpt = "sharegpt"
    prompt_completion = "prompt-completion"


class OnError(StrEnum):
    """What to do with a line that cannot be read."""

    quarantine = "quarantine"
    stop = "stop"


Data = Annotated[
    list[Path], typer.Argument(help="Files, folders or globs: JSONL, JSON, CSV, Parquet, also .gz and .zst.")
]
Eval = Annotated[list[Path] | None, typer.Option("--eval", help="Eval file; may be given several times.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; everything else goes to stderr.")
]
FormatFlag = Annotated[Format, typer.Option("--format", help="Layout of the rows; guessed unless given.")]
OnErrorFlag = Annotated[
    OnError, typer.Option("--on-error", help="Bad lines: into quarantine, or stop with exit code 2.")
]
RecipeFlag = Annotated[Path | None, typer.Option("--recipe", help="YAML file with the steps and their thresholds.")]
EncoderFlag = Annotated[
    str | None,
    typer.Option("--encoder", help="A sentence-transformers model by name or folder.", show_default="all-MiniLM-L6-v2"),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder of the new iteration, e.g. iterations/001.")]
ReportPath = Annotated[Path | None, typer.Option("-o", "--out", help="Write the report here: .html, .md or .json.")]


@app.command(epilog="Example: winnow audit chats.jsonl --eval eval.jsonl -o audit.html")
def audit(
    data: Data,
    eval: Eval = None,
    out: ReportPath = None,
    format: FormatFlag = Format.auto,
    encoder: EncoderFlag = None,
    as_json: AsJson = False,
) -> None:
    """Look at a data set: sizes, duplicates, personal data, toxicity, overlap, and the ten things to fix first."""
    from curate import audit_report, survey

    with _progress() as progress:
        models = _models(encoder, progress)
        found = survey.audit_files(data, eval or [], models, format=format.value, progress=progress)
    _tell(audit_report.report(found), out, as_json)


@app.command(epilog="Example: winnow curate chats.jsonl --eval eval.jsonl -o iterations/001")
def curate(
    data: Data,
    out: Out,
    eval: Eval = None,
    recipe: RecipeFlag = None,
    format: FormatFlag = Format.auto,
    on_error: OnErrorFlag = OnError.quarantine,
    encoder: EncoderFlag = None,
    as_json: AsJson = False,
) -> None:
    """Turn raw rows into a certified training file. Every removal has its reason and can be undone."""
    from curate import pipeline
    from curate import recipe as recipes

    asked = recipes.read(recipe)
    with _progress() as progress:
        models = _models(encoder or asked.encoder, progress, asked)
        done = pipeline.curate(
            data, eval or [], out, asked, models, format=format.value, on_error=on_error.value, progress=progress
        )
    for note in done.manifest["notes"]:
        _aside(note)
    _say(done, done.to_dict(), as_json)
    _aside(f"report: {done.data / 'report.html'}")


@app.command(
    epilog="Example: winnow verify iterations/001 --eval eval.jsonl && trl sft --dataset_name iterations/001/data …"
)
def verify(
    target: Annotated[Path, typer.Argument(help="An iteration, or a training file with its certificate.")],
    eval: Eval = None,
    certificate: Annotated[
        Path | None, typer.Option(help="The certificate, when it does not lie beside the file.")
    ] = None,
    encoder: EncoderFlag = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a certificate from the files it names. Exit 0: it holds; 1: it does not. Works before any trainer."""
    from curate import verification

    with _progress() as progress:
        verdict = verification.verify(
            target, eval or [], certificate, lambda precision: _encoder(encoder, progress, precision), progress
        )
    _say(verdict, verdict.to_dict(), as_json)


@app.command(epilog="Example: winnow why iterations/001 r0042")
def why(
    iteration: Annotated[Path, typer.Argument(help="The iteration.")],
    row_id: Annotated[str, typer.Argument(help="The row's id, as in the ledger or the training file.")],
    as_json: AsJson = False,
) -> None:
    """Tell why a row was removed or edited, with its twin. Personal data is masked."""
    from curate import explain, pii
    from curate import iteration as iterations

    finder = pii.load(cache=_cache())
    story = explain.why(iterations.open(iteration), row_id, lambda said: pii.mask(said, finder.find([said])[0]))
    _say(story, story.to_dict(), as_json)


@app.command(epilog="Example: winnow restore iterations/001 r0042 r0077 -o iterations/002")
def restore(
    iteration: Annotated[Path, typer.Argument(help="The iteration to start from; it is not changed.")],
    row_ids: Annotated[list[str], typer.Argument(help="Rows to keep as they came.")],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Curate again, keeping these rows. Overlap with an eval file cannot be undone."""
    from curate import iteration as iterations
    from curate import pipeline

    before = iterations.open(iteration)
    with _progress() as progress:
        done = pipeline.restore(before, row_ids, out, lambda asked: _models(asked.encoder, progress, asked), progress)
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow diff raw.jsonl iterations/001 -o diff.html")
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="Before: an iteration or a data file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="After: an iteration or a data file.")],
    out: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """Compare two data sets: rows added, removed and edited, and what that did to lengths, duplicates and risks."""
    from curate import datadiff_report, survey

    with _progress() as progress:
        found = survey.compare_paths(a, b, _models(None, progress), progress)
    _tell(datadiff_report.report(found), out, as_json)


@app.command(epilog="Example: winnow demo -o winnow-demo")
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for what the demo writes.")] = Path("winnow-demo"),
) -> None:
    """Watch a raw chat file become a certified training file, on data that ships with Winnow."""
    from evalsuite import demo as story

    with _progress() as progress:
        story.tell(out, _models(None, progress), Console(), progress)


def _progress() -> AbstractContextManager[Progress]:
    from curate import progress

    return progress.shown()


def _cache() -> Any:
    from curate import cache

    return cache.open()


def _encoder(name: str | None, progress: Any, precision: str) -> Any:
    from curate import encoder

    return encoder.load(name, precision=precision, cache=_cache(), progress=progress)  # type: ignore[arg-type]


def _models(name: str | None, progress: Any, recipe: Any = None) -> Any:
    """The embedded models, or the ones that flags and recipe name. Each loads its weights at its first use."""
    from curate import detectors, encoder, pii, toxicity

    cache = _cache()
    threshold = recipe.pii.threshold if recipe is not None and recipe.pii else None
    finder = pii.load(cache=cache) if threshold is None else pii.load(cache=cache, threshold=threshold)
    return detectors.Models(encoder.load(name, cache=cache, progress=progress), finder, toxicity.load(cache=cache))


def _say(result: Any, document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        Console().print(result if hasattr(result, "__rich_console__") else str(result), markup=False, highlight=False)


def _tell(report: Any, out: Path | None, as_json: bool) -> None:
    if out is not None:
        report.write(out)
    if as_json:
        sys.stdout.write(report.to_json())
    else:
        Console().print(report)
    if out is not None:
        _aside(f"report: {out}")


def _aside(said: str) -> None:
    print(said, file=sys.stderr)


def main() -> None:
    """The console script: run a command, turn every failure into a sentence and an exit code."""
    sys.exit(_guarded(lambda: app(standalone_mode=False)))


def _guarded(command: Callable[[], Any]) -> int:
    try:
        code = command()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except typer.Exit as done:
        return done.exit_code
    except TyperException as error:
        # Usage errors know how to show themselves, with the command's usage line; typer keeps their class private.
        show = getattr(error, "show", None)
        if show is None:
            _aside(f"winnow: {error}")
        else:
            show()
        return 2
    except (KeyboardInterrupt, typer.Abort):
        _aside("\ninterrupted; run the same command again and it takes up where it stopped")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (WinnowError, MemoryError, OSError) as error:
        if os.environ.get("WINNOW_DEBUG"):
            raise
        return _sentence(error)


def _sentence(error: Exception) -> int:
    match error:
        case WinnowError():
            failure: WinnowError = error
        case MemoryError():
            failure = Surroundings("out of memory", hint="fewer rows at a time, or a machine with more memory")
        case OSError(errno=errno.ENOENT):
            failure = BadInput("there is no such file or folder", where=str(error.filename))
        case OSError():
            failure = Surroundings(error.strerror or str(error), where=str(error.filename or "disk"))
        case _:
            raise error
    _aside(f"winnow: {failure}")
    return failure.exit_code


if __name__ == "__main__":
    main()

"""The front door: one command line over the functions of the same name.

    winnow curate raw.jsonl --eval eval.jsonl -o iterations/001
    winnow verify iterations/001 --eval eval.jsonl

Each command is a thin shell: it reads flags, calls one function and prints what that returns. Errors are sentences with
an exit code; `WINNOW_DEBUG=1` shows tracebacks to those who mend Winnow itself.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from curate import exits, save
from curate.counted import counted
from curate.errors import BadInput, Refused
from curate.progress import HIDDEN, Progress, aside
from train.options import Options

DEFAULT = Options()

app = typer.Typer(
    name="winnow",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Audit, curate and certify the rows you fine-tune on, and see what each iteration changed.\n\n"
    "The loop: [bold]audit[/bold] what you have, [bold]curate[/bold] it into a certified training file, "
    "[bold]verify[/bold] that file anywhere, ask [bold]why[/bold] a row went, [bold]restore[/bold] it, "
    "[bold]train[/bold] an adapter on it, [bold]eval[/bold]uate the model, and [bold]diff[/bold] one iteration against "
    "another. [bold]demo[/bold] shows it all.",
)


class Format(StrEnum):
    """How rows are laid out in a file."""

    auto = "auto"
    messages = "messages"
    alpaca = "alpaca"
    sharegpt = "sharegpt"
    prompt_completion = "prompt-completion"


class Precision(StrEnum):
    """In which numbers the encoder proposes; what is near a threshold is decided in fp32 in any case."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    int8 = "int8"


class OnError(StrEnum):
    """What to do with a line that cannot be read."""

    quarantine = "quarantine"
    stop = "stop"


Data = Annotated[
    list[Path],
    typer.Argument(metavar="DATA", help="Files, folders or globs: JSONL, JSON, CSV, Parquet, also .gz and .zst."),
]
Eval = Annotated[list[Path] | None, typer.Option("--eval", help="Eval file; may be given several times.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; everything else goes to stderr.")
]
ScorerFlag = Annotated[
    str | None,
    typer.Option(
        "--toxicity-scorer",
        help="Another judge of toxicity: `words`, Detoxify's `original`, `unbiased` or `multilingual`, or CHECKPOINT@SHA256.",
        show_default="the one that ships",
    ),
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
PRECISION_HELP = "The encoder's numbers; auto: bf16 where the machine has it, else fp32. fp32 decides in any case."
PrecisionFlag = Annotated[Precision, typer.Option("--precision", help=PRECISION_HELP)]
Uncalibrated = Annotated[
    bool, typer.Option("--allow-uncalibrated", help="Certify with an encoder of which nobody measured what it misses.")
]
Trust = Annotated[
    list[Path] | None,
    typer.Option("--trust", help="Public key that must have signed the certificate; may be given several times."),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder of the new iteration, e.g. iterations/001.")]
ReportPath = Annotated[Path | None, typer.Option("-o", "--out", help="Write the report here: .html, .md or .json.")]


def _version(asked: bool) -> None:
    if asked:
        from curate import certificate

        print(f"winnow {certificate.tool_version()}")
        raise typer.Exit


@app.callback()
def front_door(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    # The options of `winnow` itself; the text of its help stands with the app.
    pass


@app.command(epilog="Example: winnow audit chats.jsonl --eval eval.jsonl -o audit.html")
def audit(
    data: Data,
    eval: Eval = None,
    out: ReportPath = None,
    format: FormatFlag = Format.auto,
    encoder: EncoderFlag = None,
    precision: PrecisionFlag = Precision.auto,
    rubric: Annotated[
        Path | None, typer.Option("--rubric", help="A style rubric (.yaml): name the rows that do not keep it.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            help="File of queries that the rows should reach (production logs, evals); may be given several times.",
            show_default="the eval files",
        ),
    ] = None,
    briefs: Annotated[
        Path | None, typer.Option("--briefs", help="Write here what to write more of, one JSON line per gap.")
    ] = None,
    namer: Annotated[str | None, typer.Option("--namer", help="Server (URL) of a model that names the topics.")] = None,
    namer_model: Annotated[str | None, typer.Option("--namer-model", help="The model's name at that server.")] = None,
    card: Annotated[
        Path | None, typer.Option("--card", help="Write a dataset card here, as Hugging Face reads it: README.md.")
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="The licence that the card states.")] = "unknown",
    pii_model: Annotated[
        str,
        typer.Option(
            "--pii-model",
            help="What finds names: `winnow` (it ships), `spacy:NAME`, `transformers:NAME`, `gliner:NAME`; `none` leaves them out.",
        ),
    ] = "winnow",
    toxicity_scorer: ScorerFlag = None,
    as_json: AsJson = False,
) -> None:
    """Look at a data set: sizes, duplicates, personal data, toxicity, overlap, and the ten things to fix first."""
    from curate import audit_report, survey
    from curate import card as cards
    from curate import rubric as rubrics
    from curate.diversity.looking import Looking
    from curate.page import audit_page, written
    from curate.report import form_of

    inputs = [*data, *(eval or []), *(against or []), *([rubric] if rubric else [])]
    if card is not None:
        cards.checked(card, licence)
    _check_report(out, inputs)
    _check_outputs({"-o": out, "--card": card, "--briefs": briefs}, inputs)
    if (namer is None) != (namer_model is None):
        raise BadInput("a model that names topics needs its server and its name", hint="--namer URL --namer-model NAME")
    looking = Looking(against or (), briefs is not None, _server(namer, namer_model))
    voice = rubrics.read(rubric) if rubric else None
    page = audit_page.WANTED if out is not None and form_of(out) == "html" else {}
    with _progress() as progress:
        if not pii_model.strip():
            raise BadInput("--pii-model names nothing", hint="--pii-model winnow, or none")
        names = None if pii_model == "none" else pii_model
        models = _models(encoder, progress, precision=precision.value, names=names, scorer=toxicity_scorer)
        found = survey.audit_files(
            data,
            eval or [],
            models,
            shipped=_shipped(),
            format=format.value,
            rubric=voice,
            looking=looking,
            progress=progress,
            **page,
        )
    if out is not None and page and (lacking := written.write(audit_page.report(found), out)):
        aside(lacking)
    if card is not None:
        cards.write(found, card, licence=licence)
        aside(f"dataset card: {card}")
    if briefs is not None and found.diversity is not None and found.diversity.briefs is not None:
        found.diversity.briefs.write(briefs)
        aside(f"{found.diversity.briefs}: {briefs}")
    if out is not None and not page:
        audit_report.report(found).write(out)
    if as_json:
        sys.stdout.write(audit_report.report(found).to_json())
    else:
        Console().print(audit_report.summary(found))
    if out is not None:
        aside(f"report: {out}")
    _keep_small()


@app.command("map", epilog="Example: winnow map chats.jsonl")
def map_(
    data: Data,
    port: Annotated[int, typer.Option("--port", help="Port on this machine.")] = 5055,
    format: FormatFlag = Format.auto,
    encoder: EncoderFlag = None,
    precision: PrecisionFlag = Precision.auto,
) -> None:
    """Open the queries of a data set in Embedding Atlas, on this machine, until Ctrl-C: for sets too large for a page."""
    from curate import files, survey
    from curate.page import atlas

    atlas.check()
    with _progress() as progress:
        models = _models(encoder, progress, precision=precision.value)
        chats = files.read(data, format=format.value).chats
        shown = survey.mask(models, names=True)(chats)
        rows = atlas.table(chats, shown, models.encoder.encode, cache=models.encoder.cache, progress=progress)
    aside(f"{counted(rows.height, 'query', 'queries')} at http://{atlas.HOST}:{port}; Ctrl-C ends it")
    atlas.show(rows, port)


@app.command(epilog="Example: winnow dedup big.jsonl.gz -o deduplicated")
def dedup(
    data: Data,
    out: Annotated[Path, typer.Option("-o", "--out", help="New folder for kept.jsonl, ledger.parquet, summary.json.")],
    near: Annotated[
        float,
        typer.Option("--near", help="Threshold for near duplicates: the share of words that two rows have in common."),
    ] = 0.7,
    format: FormatFlag = Format.auto,
    on_error: OnErrorFlag = OnError.quarantine,
    as_json: AsJson = False,
) -> None:
    """Remove exact and near duplicates from files that do not fit in memory. Certifies nothing; curate comes after it."""
    from curate import dedup_files

    save.check_place(out)
    with _progress() as progress:
        done = dedup_files.dedup_files(
            data, out, threshold=near, format=format.value, on_error=on_error.value, progress=progress
        )
    for note in done.summary["notes"]:
        aside(note)
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow select chats.jsonl -k 500 -o chosen")
def select(
    data: Data,
    k: Annotated[int, typer.Option("-k", "--rows", help="Choose so many rows.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="New folder for chosen.jsonl, the ledger and the curve.")],
    rule: Annotated[
        str, typer.Option("--rule", help="How to choose: facility-location, k-centre, or quality.")
    ] = "facility-location",
    by_topic: Annotated[bool, typer.Option("--by-topic", help="Give each topic its share of the budget.")] = False,
    quality: Annotated[
        str | None,
        typer.Option("--quality", help="For the rule quality: the field of a row that holds its quality, a number."),
    ] = None,
    weight: Annotated[
        float, typer.Option(help="For the rule quality: its weight against coverage, from 0 to below 1.")
    ] = 0.3,
    seed: Annotated[int, typer.Option(help="For topics, and for the random rows beside the choice.")] = 0,
    encoder: EncoderFlag = None,
    precision: PrecisionFlag = Precision.auto,
    format: FormatFlag = Format.auto,
    as_json: AsJson = False,
) -> None:
    """Choose the rows that stand best for all, under a budget; every row left out names the one that stands for it."""
    from curate import encoder as encoders
    from curate.diversity import selected

    save.check_place(out)
    with _progress() as progress:
        model = encoders.load(encoder, precision=precision.value, cache=_cache(), progress=progress)
        done = selected.select_files(
            data, out, model, k, rule=rule, by_topic=by_topic, quality=quality, weight=weight, seed=seed,
            format=format.value, progress=progress,
        )  # fmt: skip
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow split chats.jsonl -o parts --cases 200")
def split(
    data: Data,
    out: Annotated[Path, typer.Option("-o", "--out", help="New folder for train.jsonl, eval.jsonl and split.json.")],
    cases: Annotated[int | None, typer.Option("--cases", help="Hold out so many rows.")] = None,
    effect: Annotated[
        float | None,
        typer.Option("--effect", help="Or: enough to detect this change of a share.", show_default="0.1"),
    ] = None,
    power: Annotated[float, typer.Option(help="For --effect: the probability of detecting it.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="For --effect: the two-sided error level.")] = 0.05,
    rate: Annotated[float, typer.Option(help="For --effect: the share before the change.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Another seed draws other groups.")] = 0,
    allow_variants: Annotated[
        bool, typer.Option("--allow-variants", help="The same question with other facts may stand on both sides.")
    ] = False,
    encoder: EncoderFlag = None,
    precision: PrecisionFlag = Precision.auto,
    format: FormatFlag = Format.auto,
    as_json: AsJson = False,
) -> None:
    """Hold out an eval part that has no overlap with the rest, spread over topics, of the size an effect needs."""
    from curate import encoder as encoders
    from curate import split as splits
    from curate.splitting.effect import Effect

    if cases is not None and effect is not None:
        raise BadInput("--cases and --effect are two ways to name the size", hint="one of the two")
    save.check_place(out)
    wish = splits.Wish(cases, Effect(0.1 if effect is None else effect, power, alpha, rate))
    with _progress() as progress:
        model = encoders.load(encoder, precision=precision.value, cache=_cache(), progress=progress)
        done = splits.split_files(
            data, out, model, wish, allow_variants=allow_variants, seed=seed, format=format.value, progress=progress
        )
    for note in done.made_of["notes"]:
        aside(note)
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow curate chats.jsonl --eval eval.jsonl -o iterations/001")
def curate(
    data: Data,
    out: Out,
    eval: Eval = None,
    recipe: RecipeFlag = None,
    format: FormatFlag = Format.auto,
    on_error: OnErrorFlag = OnError.quarantine,
    encoder: EncoderFlag = None,
    precision: Annotated[
        Precision | None, typer.Option("--precision", help=PRECISION_HELP, show_default="auto")
    ] = None,
    allow_uncalibrated: Uncalibrated = False,
    as_json: AsJson = False,
) -> None:
    """Turn raw rows into a certified training file. Every removal has its reason and can be undone."""
    from curate import pipeline
    from curate import recipe as recipes

    asked = recipes.read(recipe)
    save.check_place(out)
    if encoder is not None:
        asked = asked.model_copy(update={"encoder": encoder})
    if precision is not None:
        asked = asked.model_copy(update={"precision": precision.value})
    if allow_uncalibrated:
        asked = asked.model_copy(update={"overlap": asked.overlap.model_copy(update={"allow_uncalibrated": True})})
    sources = pipeline.Sources(data, eval or [], _shipped(), format.value, on_error.value)
    key, known = out.parent / pipeline.KEY_FILE, (out.parent / pipeline.KEY_FILE).exists()
    with _progress() as progress:
        done = pipeline.curate(sources, out, asked, lambda _: _models(asked.encoder, progress, asked), progress)
    for note in done.manifest["notes"]:
        aside(note)
    if not known and key.exists():
        aside(f"a new key for invented values: {key}; keep it, and keep it secret: the same bytes need the same key")
    _say(done, done.to_dict(), as_json)
    aside(f"report: {done.data / 'report.html'}")
    _keep_small()


@app.command(epilog="Example: winnow verify iterations/001 --eval eval.jsonl && python my_trainer.py")
def verify(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="An iteration, or a training file with its certificate.")
    ],
    eval: Eval = None,
    certificate: Annotated[
        Path | None, typer.Option(help="The certificate, when it does not lie beside the file.")
    ] = None,
    trust: Trust = None,
    allow_weaker: Annotated[
        bool, typer.Option("--allow-weaker", help="Also where the certificate's rule finds less than the default one.")
    ] = False,
    dedup: Annotated[
        bool, typer.Option("--dedup", help="Check the promises of deduplication too; for an iteration.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Encode anew: trust no vector that lies in this machine's cache.")
    ] = False,
    encoder: EncoderFlag = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a certificate from the files it names. Exit 0: it holds; 1: it does not. Works before any trainer."""
    from curate import encoder as encoders
    from curate import verification

    with _progress() as progress:

        def load(precision: str) -> Any:
            return encoders.load(encoder, precision=precision, cache=None if fresh else _cache(), progress=progress)  # type: ignore[arg-type]

        try:
            verdict = verification.verify(
                target, eval or [], certificate, load, _shipped(), progress,
                trusted=_trusted(trust), make_judge=_judge_of(target),
            )  # fmt: skip
            if verdict.weaker and not allow_weaker:
                less = ", ".join(verdict.weaker)
                raise Refused(
                    f"the certificate holds, but under a rule that finds less than the default one ({less})",
                    where=str(target),
                    hint="--allow-weaker, if that was meant",
                )
            promises = _promises(target, progress) if dedup else None
            if promises and not promises.hold:
                raise Refused(str(promises))
        except Refused as no:
            if as_json:
                print(json.dumps({"holds": False, "why": str(no)}, indent=1, ensure_ascii=False))
            raise
    if promises:
        _say(f"{verdict}\n{promises}", verdict.to_dict() | {"dedup": promises.to_dict()}, as_json)
    else:
        _say(verdict, verdict.to_dict(), as_json)


@app.command(epilog="Example: winnow certify train.jsonl --eval eval.jsonl --key winnow.pem")
def certify(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A training file in messages form, or an iteration.")
    ],
    eval: Eval = None,
    key: Annotated[Path | None, typer.Option("--key", help="Sign with this private key (PEM, Ed25519).")] = None,
    new_key: Annotated[Path | None, typer.Option("--new-key", help="Make a key pair here and sign with it.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where the certificate goes.", show_default="beside the file")
    ] = None,
    encoder: EncoderFlag = None,
    precision: PrecisionFlag = Precision.auto,
    allow_uncalibrated: Uncalibrated = False,
    as_json: AsJson = False,
) -> None:
    """Check rows that are there already and write their certificate; with a key it is signed. Exit 1: they overlap."""
    from curate import certify as certifying
    from curate import encoder as encoders
    from curate import signature

    if key and new_key:
        raise BadInput("--key and --new-key are two ways to name the key", hint="one of the two")
    signer = signature.new_key(new_key) if new_key else signature.private_key(key) if key else None
    with _progress() as progress:

        def load(_: str) -> Any:
            return encoders.load(encoder, precision=precision.value, cache=_cache(), progress=progress)

        done = certifying.certify(
            target, eval or [], load, _shipped(), progress,
            key=signer, out=out, allow_uncalibrated=allow_uncalibrated,
        )  # fmt: skip
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow why iterations/001 r0042")
def why(
    iteration: Annotated[
        Path, typer.Argument(metavar="ITERATION", help="The iteration: a folder such as iterations/001.")
    ],
    row_id: Annotated[str, typer.Argument(metavar="ROW", help="The row's id, as in the ledger or the training file.")],
    out: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a row was removed or edited, with its twin. Personal data is masked."""
    from curate import explain
    from curate import iteration as iterations

    _check_report(out, [])
    story = explain.why(iterations.open(iteration), row_id, _masker())
    if out is not None:
        story.report().write(out)
        aside(f"report: {out}")
    _say(story, story.to_dict(), as_json)


@app.command(epilog="Example: winnow restore iterations/001 r0042 r0077 -o iterations/002")
def restore(
    iteration: Annotated[
        Path, typer.Argument(metavar="ITERATION", help="The iteration to start from; it is not changed.")
    ],
    row_ids: Annotated[list[str], typer.Argument(metavar="ROW", help="Ids of the rows to keep as they came.")],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Curate again, keeping these rows. Overlap with an eval file cannot be undone."""
    from curate import iteration as iterations
    from curate import pipeline

    before = iterations.open(iteration)
    save.check_place(out)
    with _progress() as progress:

        def load(asked: Any) -> Any:
            return _models(asked.encoder, progress, asked)

        done = pipeline.restore(before, row_ids, out, load, _shipped(), progress)
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow thresholds iterations/001 --near 0.8")
def thresholds(
    iteration: Annotated[Path, typer.Argument(metavar="ITERATION", help="The iteration; it is not changed.")],
    near: Annotated[
        float | None, typer.Option("--near", help="Another threshold for near duplicates: a share of words.")
    ] = None,
    semantic: Annotated[
        float | None, typer.Option("--semantic", help="Another threshold for semantic duplicates: a probability.")
    ] = None,
    show: Annotated[int, typer.Option("--show", min=0, help="Pairs shown on each side.")] = 10,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Curate again with these thresholds, into this new iteration.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what other thresholds would do to duplicates, and pairs to choose by. Nothing is compared again."""
    from curate import iteration as iterations
    from curate import pipeline
    from curate import thresholds as told

    before = iterations.open(iteration)
    wanted = {step: value for step, value in (("near", near), ("semantic", semantic)) if value is not None}
    if out is not None and not wanted:
        raise BadInput("no other threshold was named to curate with", hint="--near 0.8, or --semantic 0.85")
    decided = told.thresholds(before, _masker(), wanted, 0 if out else show)
    if out is None:
        _say(decided, decided.to_dict(), as_json)
        return
    with _progress() as progress:

        def load(asked: Any) -> Any:
            return _models(asked.encoder, progress, asked)

        done = pipeline.again(before, told.changed(before, wanted), out, load, _shipped(), progress)
    _say(done, done.to_dict(), as_json)
    for line in told.compared(decided, done):
        aside(line)


@app.command(epilog="Example: winnow calibrate pairs.jsonl -o calibration.html")
def calibrate(
    pairs: Annotated[
        Path, typer.Argument(metavar="PAIRS", help="Labelled pairs: text_a, text_b, label; JSONL, also .gz and .zst.")
    ],
    encoder: EncoderFlag = None,
    out: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """Measure on labelled pairs what the overlap rule finds and misses; certificates then state it."""
    from curate import calibrate_report, calibrations
    from curate import encoder as encoders

    _check_report(out, [pairs])
    with _progress() as progress:
        model = encoders.load(encoder, cache=_cache(), progress=progress)
        found = calibrations.run(pairs, model, date=calibrations.today(), progress=progress)
    _tell(calibrate_report.report(found), out, as_json)
    aside(f"kept: {calibrations.place(found.about.encoder, found.about.rule)}")


@app.command(epilog="Example: winnow label pairs.jsonl --of iterations/001")
def label(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Pairs as JSON Lines; answers are written into it.")],
    of: Annotated[
        Path | None, typer.Option("--of", help="First fill FILE with the borderline pairs of this iteration.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show pairs side by side and ask whether they say the same; stops and resumes at any pair."""
    from curate import label as labelling
    from curate.calibration import borderline

    if of is not None:
        with _progress() as progress:
            aside(str(borderline.of_iteration(of, file, _models(None, progress), _shipped(), progress)))
    done = labelling.label(file, console=Console(stderr=as_json))
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow train iterations/001 --base my-model --epochs 2")
def train(
    iteration: Annotated[Path, typer.Argument(metavar="ITERATION", help="A curated iteration, with its certificate.")],
    base: Annotated[str, typer.Option("--base", help="A base model by folder or name: any causal LM on this machine.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say rows, tokens, steps and time; write nothing.")
    ] = False,
    epochs: Annotated[int, typer.Option(help="Passes over the rows.")] = DEFAULT.epochs,
    rank: Annotated[int, typer.Option(help="Rank of the adapter.")] = DEFAULT.rank,
    alpha: Annotated[float, typer.Option(help="Scale of the adapter: alpha / rank.")] = DEFAULT.alpha,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = DEFAULT.learning_rate,
    batch_rows: Annotated[int, typer.Option(help="Rows of one optimiser step.")] = DEFAULT.batch_rows,
    tokens_at_once: Annotated[int, typer.Option(help="Tokens of one pass; only memory.")] = DEFAULT.tokens_at_once,
    max_length: Annotated[int | None, typer.Option(help="Longest row in tokens.")] = DEFAULT.max_length,
    too_long: Annotated[str, typer.Option(help="Longer rows: refuse, or drop (counted).")] = DEFAULT.too_long,
    seed: Annotated[int, typer.Option(help="Order of the rows and start of the adapter.")] = DEFAULT.seed,
    device: Annotated[str, typer.Option(help="Where to run: auto, cpu or cuda.")] = DEFAULT.device,
    gradient_checkpointing: Annotated[bool, typer.Option(help="Less memory, more time.")] = False,
    chat_template: Annotated[Path | None, typer.Option(help="A Jinja file, for a base without a template.")] = None,
    price_per_hour: Annotated[float | None, typer.Option(help="For the cost sheet; any currency.")] = None,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Tune a LoRA adapter on certified rows, and account for tokens, time and memory. Other rows are refused."""
    from train import lora

    options = Options(
        rank=rank, alpha=alpha, learning_rate=learning_rate, epochs=epochs, batch_rows=batch_rows,
        tokens_at_once=tokens_at_once, max_length=max_length, too_long=too_long, seed=seed, device=device,
        gradient_checkpointing=gradient_checkpointing, chat_template=chat_template, price_per_hour=price_per_hour,
    )  # fmt: skip
    with _progress() as progress:
        it = lora.certified(iteration)
        done: Any
        if dry_run:
            done = lora.dry_run(it, base, options, trusted=_trusted(trust), progress=progress)
        else:
            done = lora.train(it, base, options, trusted=_trusted(trust), progress=progress, say=aside)
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow eval iterations/001 --rubric voice.yaml")
def eval(
    iteration: Annotated[
        Path | None, typer.Argument(metavar="ITERATION", help="A trained iteration; or --model instead.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A base model by folder or name, instead of an iteration.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option("--adapter", help="Folder of a PEFT adapter, on top of --model.")
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            help="Only this suite: task, style, toxicity, leakage, guardrails or bias; may be given several times.",
        ),
    ] = None,
    rubric: Annotated[
        list[Path] | None,
        typer.Option("--rubric", help="A style rubric (.yaml): score how well it is kept; may be given several times."),
    ] = None,
    eval: Eval = None,
    planted: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--planted",
            metavar="ROWS TRUTH",
            help="Two files: rows, and the table (Parquet) of what was planted in them.",
        ),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(help="Longest completion in tokens.")] = 64,
    seed: Annotated[int, typer.Option(help="For sampling, above temperature 0.")] = 0,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0,
    batch_size: Annotated[int, typer.Option(help="Prompts at once; only memory.")] = 32,
    device: Annotated[str, typer.Option(help="Where to run: cpu or cuda.")] = "cpu",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for what --model says; an iteration keeps its own.")
    ] = None,
    toxicity_scorer: ScorerFlag = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model every suite's cases and score what it says; each figure with n and an interval."""
    from evalsuite import detectors, runs

    if out is not None:
        save.check_place(out)
    sampling = runs.Sampling(max_new_tokens, temperature, seed, batch_size)
    with _progress() as progress:
        found = runs.evaluate(
            iteration, model=model, adapter=adapter, suites=suite or (), eval_files=eval or (), rubrics=rubric or (),
            planted=planted, sampling=sampling, device=device, out=out,
            judges=detectors.load(_cache(), progress, scorer=toxicity_scorer), progress=progress,
        )  # fmt: skip
    _say(found, found.to_dict(), as_json)


@app.command(epilog="Example: winnow diff iterations/001 iterations/002 -o diff.html")
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="Before: an iteration or a data file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="After: an iteration or a data file.")],
    out: ReportPath = None,
    as_json: AsJson = False,
) -> None:
    """Compare rows against rows, and model against model where both sides were evaluated: paired, with verdicts."""
    from evalsuite import compare_report, difference

    _check_report(out, [a, b])
    with _progress() as progress:
        models = _models(None, progress)
        rows, model = difference.of(a, b, models.asking_for("private"), progress)
    _tell(compare_report.report(rows, model, _masker()), out, as_json)


@app.command("cache", epilog="Example: winnow cache --prune 2GB")
def cache_(
    prune: Annotated[
        str | None, typer.Option("--prune", help="Drop what was used longest ago until this fits, such as 2GB.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget everything.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the cache holds, for which model, and when it was last used; or make it smaller."""
    from curate import cache_report

    if prune and clear:
        raise BadInput("--prune and --clear are two ways to make room", hint="one of the two")
    with _cache() as kept:
        if clear:
            done: Any = cache_report.clear(kept)
        else:
            done = cache_report.prune(kept, cache_report.size(prune)) if prune else cache_report.summary(kept)
    _say(done, done.to_dict(), as_json)


@app.command(epilog="Example: winnow demo -o winnow-demo")
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for what the demo writes.")] = Path("winnow-demo"),
) -> None:
    """See the whole loop on data that ships with Winnow: audit, curate, certify, train two tiny models, evaluate, diff."""
    from evalsuite import demo as story

    save.check_place(out)
    with _progress() as progress:
        story.tell(out, _models(None, progress), _cache(), Console(), progress)


def _progress() -> AbstractContextManager[Progress]:
    from curate import progress

    return progress.shown()


def _cache() -> Any:
    from curate import cache

    return cache.open()


def _promises(target: Path, progress: Any) -> Any:
    """What deduplication promised of an iteration, checked once more."""
    from curate import iteration, recipe, thresholds
    from curate.duplicates import found, promises

    if not target.is_dir():
        raise BadInput("only an iteration knows what was removed from it", where=str(target), hint="without --dedup")
    done = iteration.open(target)
    asked = recipe.of(done.manifest["recipe"])
    if found.FILE in done.manifest["outputs"]:  # earlier versions wrote none
        aside(thresholds.agrees(done))
    return promises.verify_dedup(target, _models(asked.encoder, progress, asked), progress)


def _server(url: str | None, model: str | None) -> Any:
    from curate.server import Server

    return Server(url, model) if url is not None and model is not None else None


def _keep_small() -> None:
    """After a run, never during one: what was used longest ago leaves a cache that has grown past its cap."""
    from curate import cache_report

    with _cache() as kept:
        cache_report.prune(kept)


def _trusted(keys: Sequence[Path] | None) -> list[Any]:
    from curate import signature

    return [signature.public_key(path) for path in keys or []]


def _judge_of(target: Path) -> Any:
    """Who judged when an iteration was curated; a file by itself knows of nobody but the pair rule."""
    from curate import iteration, overlap_judge, recipe

    if not target.is_dir():
        return None
    return overlap_judge.remade_judge(recipe.of(iteration.open(target).manifest["recipe"]))


def _shipped() -> list[Path]:
    """The cases that come with Winnow: always eval files too."""
    from evalsuite import subject

    return subject.shipped_eval_files()


def _models(
    name: str | None,
    progress: Any,
    recipe: Any = None,
    precision: Any = "auto",
    names: str | bool | None = None,
    scorer: str | None = None,
) -> Any:
    from curate import detectors, hands

    threshold = recipe.pii.threshold if recipe is not None and recipe.pii else None
    numbers = precision if recipe is None else recipe.precision
    wanted = recipe is not None and bool(recipe.pii) and recipe.pii.names != "none"
    names = names or (wanted and (recipe.pii.model or True))
    if recipe is not None and recipe.toxicity:
        scorer = recipe.toxicity.scorer
    return detectors.load(
        name, precision=numbers, pii_threshold=threshold, names=names or False, scorer=scorer, cache=_cache(),
        progress=progress, processes=hands.usable(),
    )  # fmt: skip


def _masker() -> Callable[[str], str]:
    """What hides personal data in texts that are shown, names of private persons too."""
    from curate import names, pii, private_names
    from curate.with_names import with_names

    cache = _cache()
    return private_names.masker(with_names(pii.load(cache=cache), names.load(cache=cache)))


def _say(result: Any, document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(document, indent=1, ensure_ascii=False))
    elif hasattr(result, "__rich_console__"):
        Console().print(result, markup=False, highlight=False)
    else:
        Console().print(str(result).translate(HIDDEN), markup=False, highlight=False, soft_wrap=True)


def _check_report(out: Path | None, inputs: Sequence[Path]) -> None:
    """Before the work: can the report have this name, and is it none of the files that are read?"""
    from curate.report import form_of

    if out is not None:
        form_of(out)
    _check_outputs({"-o": out}, inputs)


def _check_outputs(outputs: Mapping[str, Path | None], inputs: Sequence[Path]) -> None:
    """Before the work: each output can be written, none is a file that is read, and no two are one file."""
    named = {flag: out for flag, out in outputs.items() if out is not None}
    for flag, out in named.items():
        save.check_place(out)
        if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
            what = "this would overwrite a file that is read"
            raise BadInput(what, where=str(out), hint=f"another name after {flag}")
        if twice := [other for other in named if other != flag and named[other].absolute() == out.absolute()]:
            raise BadInput(f"{flag} and {twice[0]} name one file", where=str(out), hint=f"another name after {flag}")


def _tell(report: Any, out: Path | None, as_json: bool) -> None:
    if out is not None:
        report.write(out)
    if as_json:
        sys.stdout.write(report.to_json())
    else:
        Console().print(report)
    if out is not None:
        aside(f"report: {out}")


def main() -> None:
    """The console script: run a command, turn every failure into a sentence and an exit code."""
    # Threads that wait for work must sleep: on a busy machine spinning ones cost a small model most of its time.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    exits.steady_streams()
    sys.exit(exits.guarded(lambda: app(standalone_mode=False), sys.argv[1:]))


if __name__ == "__main__":
    main()

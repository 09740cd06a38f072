"""Train a LoRA adapter on a certified iteration.

    trained = train(iteration.open(Path("iterations/001")), "my-model", Options())
    print(trained)                          # where it lies, losses, cost

Rows whose bytes the certificate does not name are refused before a model is loaded. The work goes on in a hidden folder
beside `model/`, which takes its name when everything is in it: a run that died left no model. The same command again
goes on from the last checkpoint and, on the same CPU, ends in the same weights as a run left alone.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate import files
from curate import iteration as iterations
from curate.chats import fingerprint_of
from curate.errors import Refused, Surroundings
from curate.iteration import Iteration, json_text
from curate.pipeline import peak_memory_mib
from curate.progress import Progress, silent
from curate.save import said
from curate.signature import PublicKey
from train import adapter, bases, checkpoint, loop
from train.adapter import Trained
from train.batches import count
from train.checkpoint import Progressed
from train.cost import Cost
from train.options import Options
from train.prepare import Prepared, prepare, request_of

WORK = ".model.part"
CHECKPOINT = "checkpoint.safetensors"
LESS_MEMORY = "half of --tokens-at-once, or --gradient-checkpointing"
QUICK_WEIGHTS = 100 * 2**20  # bytes of a base that a dry run loads to take the time
TIMED_STEPS = 2

Say = Callable[[str], None]


def certified(path: Path) -> Iteration:
    """The iteration at `path`. Refused for a data file: rows without a certificate are not trained on."""
    if path.is_file():
        raise Refused(
            "these rows have no certificate: nobody checked that the eval cases are not among them",
            where=str(path),
            hint=f"winnow curate {path} --eval FILE -o iterations/001",
        )
    return iterations.open(path)


def dry_run(
    iteration: Iteration,
    base: str | Path,
    options: Options,
    *,
    trusted: Sequence[PublicKey] = (),
    progress: Progress = silent,
) -> Prepared:
    """The same preparation as `train`, nothing written. Two steps are timed where loading the base is cheap."""
    prepared = prepare(iteration, base, options, trusted=trusted, progress=progress)
    weights = sum(file.stat().st_size for file in prepared.folder.glob("*.safetensors"))
    if weights > QUICK_WEIGHTS and prepared.device == "cpu":
        return prepared
    model = _model(prepared)
    optimizer = loop.optimizer_for(model, options)
    sample = prepared.steps[: TIMED_STEPS + 1]
    with bases.enough_memory(LESS_MEMORY), bases.fitting_threads(model):
        warm = loop.run(model, prepared.rows, sample[:1], options, pad=prepared.pad, optimizer=optimizer)
        done = loop.run(model, prepared.rows, sample, options, pad=prepared.pad, optimizer=optimizer, done=warm)
    timed, seconds = (sample[1:], done.seconds - warm.seconds) if len(sample) > 1 else (sample, done.seconds)
    share = prepared.tokens.positions / count(timed, prepared.rows).positions
    return replace(prepared, predicted_seconds=round(seconds * share, 1))


def train(
    iteration: Iteration,
    base: str | Path,
    options: Options = Options(),
    *,
    trusted: Sequence[PublicKey] = (),
    progress: Progress = silent,
    say: Say = lambda sentence: None,
) -> Trained:
    """Train and write ITERATION/model. `say` hears at once what the result's notes hold in the end (resumed, few steps).

    Raises Refused for rows that the certificate does not name, BadInput for a base, template, row or option that cannot
    be used and for a folder that holds another run's model, Surroundings when memory or disk give out.
    """
    began = time.monotonic()
    prepared = prepare(iteration, base, options, trusted=trusted, progress=progress)
    facts = bases.facts(prepared.folder)
    request = request_of(prepared, facts)
    if finished := adapter.already(iteration.path, request):
        say("this very run is finished already; nothing was done")
        return finished
    with _workplace(iteration.path) as work:
        before, heard = _interrupted(work, request, len(prepared.steps))
        notes = [*heard, *prepared.notes]
        for note in notes:
            say(note)
        ready = time.monotonic()
        model = _model(prepared)
        loaded = time.monotonic()
        done = _run(prepared, model, work, request, before, progress)
        seconds = {"prepare": ready - began, "load": loaded - ready, "train": done.seconds}
        cost = _cost(prepared, seconds, before.step)
        trained = adapter.write(prepared, model, work, request=request, facts=facts, done=done, cost=cost, notes=notes)
        shutil.rmtree(work, ignore_errors=True)
        return trained


@contextlib.contextmanager
def _workplace(path: Path) -> Iterator[Path]:
    """The hidden folder in which one run at a time works."""
    work = path / WORK
    with contextlib.ExitStack() as stack:
        try:
            work.mkdir(exist_ok=True)
            lock = stack.enter_context(open(work / "lock", "w"))
        except OSError as error:
            raise Surroundings(f"cannot be written: {said(error)}", where=str(path)) from None
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows: two runs in one folder are not told apart
            pass
        except OSError:
            raise Surroundings("another run is training here", where=str(path)) from None
        try:
            yield work
        except BaseException:
            shutil.rmtree(work / "model", ignore_errors=True)
            if not (work / CHECKPOINT).exists():  # nothing to go on from
                shutil.rmtree(work, ignore_errors=True)
            raise


def _interrupted(work: Path, request: Mapping[str, Any], steps: int) -> tuple[Progressed, list[str]]:
    """How far an interrupted run of this very request came, and what to say about it."""
    asked, saved = work / "request.json", work / CHECKPOINT
    done = checkpoint.read(saved, fingerprint_of(request))
    if done is not None:
        return done, [f"resumed after step {done.step:,} of {steps:,}"]
    notes = []
    if saved.exists():
        before: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            before = json.loads(asked.read_text(encoding="utf-8"))
        changed = adapter.differing(request, before)
        why = f"it differs in: {', '.join(changed)}" if changed else "its checkpoint is damaged"
        notes.append(f"an interrupted run was found and started over, because {why}")
        saved.unlink()
    files.write_text(asked, json_text(request))
    return Progressed(), notes


def _model(prepared: Prepared) -> Any:
    options = prepared.options
    model = bases.load(prepared.folder, prepared.base, prepared.device)
    with bases.enough_memory(LESS_MEMORY):
        model = bases.with_adapter(model, prepared.base, options)
    if options.gradient_checkpointing:
        bases.recompute_activations(model)
    return model


def _run(
    prepared: Prepared, model: Any, work: Path, request: Mapping[str, Any], before: Progressed, progress: Progress
) -> Progressed:
    optimizer = loop.optimizer_for(model, prepared.options)
    saved, fingerprint = work / CHECKPOINT, fingerprint_of(request)
    if before.step:
        checkpoint.restore(saved, model, optimizer)
    with bases.enough_memory(LESS_MEMORY), bases.fitting_threads(model):
        return loop.run(
            model,
            prepared.rows,
            prepared.steps,
            prepared.options,
            pad=prepared.pad,
            optimizer=optimizer,
            done=before,
            save=lambda now: checkpoint.write(saved, fingerprint, now, model, optimizer),
            progress=progress,
        )


def _cost(prepared: Prepared, seconds: Mapping[str, float], resumed_from: int) -> Cost:
    import torch

    on_gpu = prepared.device == "cuda"
    return Cost(
        tokens=prepared.tokens,
        steps=len(prepared.steps),
        seconds=seconds,
        flop_per_token=prepared.flop_per_token,
        peak_memory_mib=torch.cuda.max_memory_allocated() // 2**20 if on_gpu else peak_memory_mib() or None,
        memory_of="GPU" if on_gpu else "the process",
        device=torch.cuda.get_device_name() if on_gpu else f"cpu, {torch.get_num_threads()} threads",
        resumed_from_step=resumed_from,
        price_per_hour=prepared.options.price_per_hour,
    )

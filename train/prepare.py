"""Everything before a model is loaded: the certificate, the rows as tokens, the steps. Most runs that fail, fail here.

    prepared = prepare(iteration.open(Path("iterations/001")), "my-model", Options())
    print(prepared)               # what `--dry-run` prints

The certificate comes first: where the rows are not the very bytes that it names, nothing else is looked at.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import files
from curate.certificate import Statement, check_bytes, opened, tool_version
from curate.counted import counted
from curate.errors import BadInput, Refused
from curate.iteration import Iteration
from curate.progress import Progress, silent
from curate.signature import PublicKey, Standing
from train import bases, cost, render
from train.batches import Counts, Step, count, plan
from train.options import Options
from train.render import Rendered

FEW_STEPS = 20
VERSIONS_OF = ("torch", "transformers", "peft", "tokenizers")
SHOWN = 5  # ids in a sentence; all of them are in the manifest


@dataclass(frozen=True)
class Prepared:
    """A run that can start. `trainable` and `flop_per_token` come from the model's shape; no weights were read for them."""

    iteration: Iteration
    statement: Statement
    standing: Standing
    base: str
    folder: Path
    tokenizer: Any
    rows: tuple[Rendered, ...]
    dropped: tuple[str, ...]
    limit: int | None
    steps: tuple[Step, ...]
    tokens: Counts
    sizes: cost.Sizes
    flop_per_token: dict[str, float]
    options: Options
    device: str
    notes: tuple[str, ...]
    predicted_seconds: float | None = None

    @property
    def chat_template(self) -> dict[str, str]:
        """Fingerprint and origin of the template; evaluation compares the fingerprint."""
        text: str = self.tokenizer.chat_template
        return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "from": self._template_from()}

    def _template_from(self) -> str:
        return "the base model" if self.options.chat_template is None else self.options.chat_template.name

    @property
    def pad(self) -> int:
        """The token that fills short rows: it is masked, so any will do."""
        return int(self.tokenizer.pad_token_id or 0)

    def to_dict(self) -> dict[str, Any]:
        """The document of `--dry-run --json`."""
        per_epoch = self.tokens.real // self.options.epochs
        return {
            "iteration": str(self.iteration.path),
            "base": self.base,
            "rows": len(self.rows),
            "too_long": {"limit": self.limit, "dropped": list(self.dropped)},
            "tokens": {
                "per_epoch": per_epoch,
                "real": self.tokens.real,
                "supervised": self.tokens.supervised,
                "padded": self.tokens.padded,
                "supervised_share": round(self.tokens.supervised / self.tokens.real, 4),
                "padding_efficiency": round(self.tokens.efficiency, 4),
                "longest_row": max(len(row.ids) for row in self.rows),
            },
            "steps": len(self.steps),
            "trainable_parameters": self.sizes.adapter,
            "gflop_per_token": sum(self.flop_per_token.values()) / 1e9,
            "device": self.device,
            "certificate": self.standing.to_dict(),
            "predicted_seconds": self.predicted_seconds,
            "predicted_price": self._price(),
            "notes": list(self.notes),
        }

    def _price(self) -> float | None:
        if self.predicted_seconds is None or self.options.price_per_hour is None:
            return None
        return self.predicted_seconds / 3600 * self.options.price_per_hour

    def __str__(self) -> str:
        d = self.to_dict()
        t = d["tokens"]
        guess = self.predicted_seconds
        seconds = "not predicted" if guess is None else f"about {guess:,.{0 if guess >= 10 else 1}f} s on {self.device}"
        price = "" if d["predicted_price"] is None else f", about {d['predicted_price']:.4f} in money"
        dropped = f", {len(self.dropped):,} dropped as too long" if self.dropped else ""
        return "\n".join(
            [
                f"rows     {d['rows']:,} of {self.iteration.path}{dropped}; the longest has {counted(t['longest_row'], 'token')}",
                f"tokens   {t['real']:,} over {counted(self.options.epochs, 'epoch')}, {t['supervised_share']:.1%} supervised",
                f"padding  {t['padding_efficiency']:.1%} of all positions are real",
                f"steps    {d['steps']:,} of up to {counted(self.options.batch_rows, 'row')}",
                f"adapter  {d['trainable_parameters']:,} weights on {self.base}, rank {self.options.rank}",
                f"time     {seconds}{price}; {d['gflop_per_token']:.4g} GFLOP a token",
                *(f"note     {note}" for note in self.notes),
            ]
        )


def certified(iteration: Iteration, trusted: Sequence[PublicKey] = ()) -> tuple[Statement, Standing]:
    """The iteration's certificate, after comparing it with the training file's bytes, and who signed it.

    Refused otherwise; no flag skips it. With keys to trust, one of them must have signed it.
    """
    try:
        statement, standing = opened(iteration.data / "certificate.json", trusted)
    except BadInput as error:
        what = f"{error.what}, and nothing is trained on without one"
        raise Refused(what, where=error.where, hint="winnow curate DATA --eval FILE -o NEW_ITERATION") from None
    check_bytes(iteration.train_file, statement)
    return statement, standing


def prepare(
    iteration: Iteration,
    base: str | Path,
    options: Options,
    *,
    trusted: Sequence[PublicKey] = (),
    progress: Progress = silent,
) -> Prepared:
    """Check everything that can be checked without the model's weights. Raises before anything is written."""
    statement, standing = certified(iteration, trusted)
    chats = iteration.chats()
    check_bytes(iteration.train_file, statement)  # again: what was read is what was certified
    folder = bases.find(base)
    config = bases.read_config(folder, base)
    tokenizer = bases.read_tokenizer(folder, base, options.chat_template)
    rows = render.render_all(tokenizer, chats, name=str(base), progress=progress)
    _check_vocabulary(rows, config, base)
    limit = _limit(config, options)
    kept, dropped = _by_length(rows, limit, options)
    lengths = [len(row.ids) for row in kept]
    steps = plan(
        lengths,
        epochs=options.epochs,
        batch_rows=options.batch_rows,
        tokens_at_once=options.tokens_at_once,
        seed=options.seed,
    )
    shape = cost.sizes(bases.without_weights(config, base, options))
    flop = cost.flop_per_token(shape, lengths, recomputed=options.gradient_checkpointing)
    return Prepared(
        iteration=iteration,
        statement=statement,
        standing=standing,
        base=str(base),
        folder=folder,
        tokenizer=tokenizer,
        rows=tuple(kept),
        dropped=tuple(dropped),
        limit=limit,
        steps=tuple(steps),
        tokens=count(steps, kept),
        sizes=shape,
        flop_per_token=flop,
        options=options,
        device=_device(options),
        notes=tuple(_notes(tokenizer, chats, kept, dropped, steps, limit)),
    )


def request_of(prepared: Prepared, facts: dict[str, Any]) -> dict[str, Any]:
    """What decides the adapter: two runs with the same values here on one machine write the same bytes."""
    return {
        "winnow": tool_version(),
        "base": facts["fingerprint"],
        "tokenizer": facts["tokenizer"],
        "chat_template": prepared.chat_template["sha256"],
        "train_file": files.sha256(prepared.iteration.train_file),
        "certificate": files.sha256(prepared.iteration.data / "certificate.json"),
        "rows_as_tokens": render.fingerprint(prepared.rows),
        "options": prepared.options.decisive() | {"device": prepared.device},
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The libraries that decide the numbers."""
    import platform
    from importlib.metadata import version

    return {"python": platform.python_version()} | {name: version(name) for name in VERSIONS_OF}


def _check_vocabulary(rows: Sequence[Rendered], config: Any, base: str | Path) -> None:
    size = config.get_text_config().vocab_size
    if (highest := max((max(row.ids) for row in rows), default=0)) >= size:
        what = f"the tokenizer writes token {highest}, but the model knows only {size}: they do not belong together"
        raise BadInput(what, where=str(base))


def _limit(config: Any, options: Options) -> int | None:
    own = getattr(config.get_text_config(), "max_position_embeddings", None)
    return min((limit for limit in (own, options.max_length) if limit), default=None)


def _by_length(rows: Sequence[Rendered], limit: int | None, options: Options) -> tuple[list[Rendered], list[str]]:
    """Rows that fit, and the ids of the others. A row is never cut: what is trained on is what was certified."""
    kept = [row for row in rows if limit is None or len(row.ids) <= limit]
    long = [row for row in rows if limit is not None and len(row.ids) > limit]
    if long and (options.too_long == "refuse" or not kept):
        shown = ", ".join(f"{row.row_id} has {len(row.ids):,}" for row in long[:SHOWN])
        more = f" and {len(long) - SHOWN:,} more" if len(long) > SHOWN else ""
        what = f"{counted(len(long), f'of {len(rows):,} rows is', f'of {len(rows):,} rows are')} longer than {limit:,} tokens ({shown}{more}); no row is ever cut"
        raise BadInput(what, hint="--too-long drop" if kept else "a larger --max-length, or a base that reads more")
    if not kept:
        raise BadInput("the training file holds no row")
    return kept, [row.row_id for row in long]


def _device(options: Options) -> str:
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        raise BadInput("this machine has no GPU that torch can use", where="--device cuda", hint="--device cpu")
    return "cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu"


def _notes(
    tokenizer: Any,
    chats: Any,
    kept: Sequence[Rendered],
    dropped: Sequence[str],
    steps: Sequence[Step],
    limit: int | None,
) -> list[str]:
    notes = []
    if dropped:
        notes.append(
            f"{counted(len(dropped), f'row longer than {limit:,} tokens was', f'rows longer than {limit:,} tokens were')} dropped ({_some(dropped)})"
        )
    if len(steps) < FEW_STEPS:
        notes.append(
            f"only {counted(len(steps), 'optimiser step')}: little will change (more --epochs, or a smaller --batch-rows)"
        )
    if spelled := render.control_tokens_in_text(tokenizer, chats):
        notes.append(
            f"{counted(len(spelled), 'row spells', 'rows spell')} out a control token of the tokenizer, which reads it as one ({_some(spelled)})"
        )
    if (end := render.end_of_turn(kept)) != tokenizer.eos_token_id:
        token = tokenizer.convert_ids_to_tokens(end)
        notes.append(
            f"turns end with {token!r}, which is not the tokenizer's end token: whoever serves the model must stop there"
        )
    if "strftime_now" in tokenizer.chat_template:
        notes.append("the chat template writes today's date, so the same rows are other tokens tomorrow")
    return notes


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", ..." if len(ids) > SHOWN else "")

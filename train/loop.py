"""The training loop: forward, backward, one step of AdamW on the adapter, again.

    done = run(model, rows, steps, options, pad=0)

Our own loop and not transformers' Trainer: a run must be the same to the last bit when it is killed and goes on, and
that is easy to see only where nothing is hidden. The state is (adapter, AdamW's moments, step number). The order of
rows is planned beforehand, and every step seeds its own randomness. The loss of a step is

    sum over all supervised tokens of the step / their count

however the step is cut into micro-batches. A mean of micro-batch means would weigh a token by its neighbours.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from curate.errors import BadInput
from curate.progress import Progress, silent
from train.batches import NO_LOSS, Step, collate
from train.checkpoint import Progressed, trainable
from train.options import Options
from train.render import Rendered

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

Save = Callable[[Progressed], None]


def optimizer_for(model: Any, options: Options) -> "Optimizer":
    """AdamW over the adapter's weights; the rate is set at each step."""
    import torch

    weights = [parameter for _, parameter in trainable(model)]
    return torch.optim.AdamW(weights, lr=options.learning_rate, weight_decay=options.weight_decay)


def run(
    model: Any,
    rows: Sequence[Rendered],
    steps: Sequence[Step],
    options: Options,
    *,
    pad: int,
    optimizer: "Optimizer",
    done: Progressed = Progressed(),
    save: Save | None = None,
    progress: Progress = silent,
) -> Progressed:
    """Train from where `done` says to the last step, saving every `options.checkpoint_every` steps."""
    import torch

    weights = [parameter for _, parameter in trainable(model)]
    losses, before, began = list(done.losses), done.seconds, time.monotonic()
    model.train()
    for number in range(done.step, len(steps)):
        torch.manual_seed(_seed(options.seed, number))
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * rate(number, len(steps), options)
        loss = gradients(model, rows, steps[number], pad)
        if not math.isfinite(loss):
            raise BadInput(
                f"the loss is no number any more at step {number + 1}",
                hint=f"--learning-rate {options.learning_rate / 10:g}",
            )
        torch.nn.utils.clip_grad_norm_(weights, options.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss)
        progress("train", number + 1, len(steps))
        done = Progressed(number + 1, tuple(losses), before + time.monotonic() - began)
        if save and done.step % options.checkpoint_every == 0 and done.step < len(steps):
            save(done)
    return done


def gradients(model: Any, rows: Sequence[Rendered], step: Step, pad: int) -> float:
    """Add the gradients of one step's loss to the adapter, micro-batch by micro-batch; gives the loss."""
    supervised = sum(rows[row].supervised for micro in step for row in micro)
    total = 0.0
    for micro in step:
        loss = loss_sum(model, [rows[row] for row in micro], pad) / supervised
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total


def loss_sum(model: Any, rows: Sequence[Rendered], pad: int) -> "Tensor":
    """The summed negative log-likelihood (nats) of the supervised tokens of these rows, in fp32."""
    import torch
    from torch.nn.functional import cross_entropy

    device = model.device
    ids, mask, labels = (part.to(device) for part in collate(rows, pad))
    # fp32 adapters on a bf16 base: without autocast each adapter would keep an fp32 copy of its input.
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu"):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    # Position t predicts token t + 1. Only supervised positions become fp32: with a large vocabulary they are the memory.
    targets = labels[:, 1:].reshape(-1)
    taught = (targets != NO_LOSS).nonzero().squeeze(1)
    chosen = logits[:, :-1].flatten(0, 1).index_select(0, taught)
    return cross_entropy(chosen.float(), targets.index_select(0, taught), reduction="sum")


def rate(step: int, total: int, options: Options) -> float:
    """The share of the learning rate that this step (from 0) uses: up in a line, then down by the schedule."""
    warmup = math.ceil(options.warmup * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    left = (step - warmup) / max(1, total - warmup)
    match options.schedule:
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * left))
        case "linear":
            return 1 - left
        case _:
            return 1.0


def _seed(seed: int, step: int) -> int:
    return (seed * 1_000_003 + step) % 2**63

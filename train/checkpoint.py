"""Where an interrupted run goes on: one safetensors file, replaced whole, that holds all that the next step depends on.

    write(path, request, Progressed(step=50, losses=..., seconds=12.5), model, optimizer)
    read(path, request)          # Progressed, or None; restore(path, model, optimizer) puts the tensors back

Adapter weights and the two moments of AdamW are tensors; step, losses and seconds are JSON in the file's header. Data
order and randomness are functions of (seed, step), so there is no generator to save, and nothing is pickled.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate import files

if TYPE_CHECKING:
    from torch.nn import Parameter
    from torch.optim import Optimizer


@dataclass(frozen=True)
class Progressed:
    """How far a run is: optimiser steps done, the loss of each, and the seconds they took."""

    step: int = 0
    losses: tuple[float, ...] = ()
    seconds: float = 0.0


def trainable(model: Any) -> "Iterator[tuple[str, Parameter]]":
    """The adapter's parameters, in the model's order."""
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def write(path: Path, request: str, done: Progressed, model: Any, optimizer: "Optimizer") -> None:
    """Save everything in one piece. `request` is the fingerprint of the run, checked on reading."""
    from safetensors.torch import save

    tensors = {}
    for name, parameter in trainable(model):
        tensors[f"weight {name}"] = parameter.detach().cpu().contiguous()
        for key, value in optimizer.state[parameter].items():
            tensors[f"{key} {name}"] = value.detach().cpu().contiguous()
    files.write_bytes(path, save(tensors, metadata={"request": request, "done": json.dumps(asdict(done))}))


def read(path: Path, request: str) -> Progressed | None:
    """How far the interrupted run was; None without a checkpoint, or with one that is of another run or damaged."""
    if not path.is_file():
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            said = file.metadata() or {}
        if said["request"] != request:
            return None
        done = json.loads(said["done"])
        return Progressed(done["step"], tuple(done["losses"]), done["seconds"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return None


def restore(path: Path, model: Any, optimizer: "Optimizer") -> None:
    """Put adapter and optimiser back, bit for bit."""
    import torch
    from safetensors.torch import load_file

    tensors = load_file(str(path))
    state = {}
    for number, (name, parameter) in enumerate(trainable(model)):
        with torch.no_grad():
            parameter.copy_(tensors[f"weight {name}"])
        # Copies, because kernels may round otherwise on memory that is not aligned, as that of a mapped file.
        state[number] = {key: tensors[f"{key} {name}"].clone() for key in ("step", "exp_avg", "exp_avg_sq")}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

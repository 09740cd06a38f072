"""Trains the second stage of the toxicity scorer: a low-rank change to the default encoder, and a head of two outputs.

    tensors = fit([example, ...], seed=0)

Every linear layer of the encoder gets a change of rank 16 (Hu et al. 2021); the encoder's own weights stay as they are. bf16 on one
thread: about 150 texts a CPU second, and the same bytes on the same processor with the same torch.
"""

import math
import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from toxicity_examples import Example
from transformers import BertModel

from curate import encoder_files
from curate.toxic import features
from curate.toxic.meaning import SCALE, TOKENS

RANK = 16
BATCH = 64
RATE, HEAD_RATE = 8e-4, 3e-3
LAYERS = (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense",
    "output.dense",
)  # fmt: skip
# What is plentiful and alike is thinned out, since the encoder reads 150 texts a second and not 50,000.
KEPT = {
    ("davidson", 1, 0): 0.35,
    ("mixed", 1, 0): 0.25,
    ("mixed", 1, 1): 0.25,
    ("mixed", 0, 0): 0.25,
    ("long", 0, 0): 0.2,
}
WEIGHT = {"instruction": 2.0, "ordinary": 2.0, "posts": 1.5}
HARMLESS_TWEET = 2.0


class Adapted(torch.nn.Module):
    """A linear layer with a low-rank change beside it; the change starts as nothing."""

    def __init__(self, base: torch.nn.Linear, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base
        down = torch.randn(RANK, base.in_features, generator=generator) / math.sqrt(base.in_features)
        self.down, self.up = torch.nn.Parameter(down), torch.nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = self.base(x) + SCALE * ((x @ self.down.T) @ self.up.T)
        return changed


def thinned(examples: Sequence[Example], seed: int) -> list[Example]:
    """A part of what is plentiful, all of the rest."""
    draw = random.Random(seed + 7)
    return [e for e in examples if draw.random() < KEPT.get((e.source, e.toxic, e.attack), 1.0)]


def fit(examples: Sequence[Example], seed: int, epochs: float) -> dict[str, Any]:
    """The tensors of the adapter, in half precision, by name."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model, adapted = _build(seed)
    head = torch.nn.Linear(model.config.hidden_size, 2)
    ids = token_ids([e.text for e in examples])
    labels = torch.tensor([[e.toxic, e.attack] for e in examples], dtype=torch.float32)
    weights = torch.tensor([_weight(e) for e in examples])
    low_rank = [p for layer in adapted.values() for p in (layer.down, layer.up)]
    parts = [{"params": low_rank, "lr": RATE}, {"params": head.parameters(), "lr": HEAD_RATE}]
    optimiser = torch.optim.AdamW(parts, weight_decay=0.01)
    batches = _batches([len(row) for row in ids], epochs, random.Random(seed))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, len(batches)))
    model.train()
    began, shown = time.process_time(), 0.0
    for step, rows in enumerate(batches):
        said = _forward(model, head, [ids[row] for row in rows])
        each = torch.nn.functional.binary_cross_entropy_with_logits(said, labels[rows], reduction="none")
        loss = (each.mean(1) * weights[rows]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        shown = 0.98 * shown + 0.02 * loss.item()
        if step % 100 == 0:
            mean = shown / (1 - 0.98 ** (step + 1))
            print(
                f"step {step} of {len(batches)}, loss {mean:.3f}, {time.process_time() - began:.0f} CPU seconds",
                flush=True,
            )
    found = {f"{name}.A": layer.down for name, layer in adapted.items()}
    found |= {f"{name}.B": layer.up for name, layer in adapted.items()}
    half = {name: tensor.detach().half().numpy() for name, tensor in found.items()}
    return half | {"head.weight": head.weight.detach().numpy(), "head.bias": head.bias.detach().numpy()}


def token_ids(texts: Sequence[str]) -> list[list[int]]:
    from tokenizers import Tokenizer

    _, path = encoder_files.find(None)
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS + 2)
    return [encoding.ids for encoding in tokenizer.encode_batch([features.plain(said) for said in texts])]


def _weight(example: Example) -> float:
    if example.source == "davidson" and not example.toxic:
        return HARMLESS_TWEET
    return WEIGHT.get(example.source, 1.0)


def _build(seed: int) -> tuple[Any, dict[str, Adapted]]:
    _, path = encoder_files.find(None)
    model = BertModel.from_pretrained(path, local_files_only=True, use_safetensors=True)
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    adapted = {}
    for number, layer in enumerate(model.encoder.layer):
        for name in LAYERS:
            parent, _, own = name.rpartition(".")
            holder = layer.get_submodule(parent)
            changed = Adapted(getattr(holder, own), generator)
            setattr(holder, own, changed)
            adapted[f"encoder.layer.{number}.{name}"] = changed
    return model, adapted


def _forward(model: Any, head: torch.nn.Linear, rows: list[list[int]]) -> torch.Tensor:
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    seen = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)], seen[at, : len(row)] = torch.tensor(row), 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = model(input_ids=ids, attention_mask=seen).last_hidden_state.float()
    mask = seen[:, :, None].float()
    logits: torch.Tensor = head((states * mask).sum(1) / mask.sum(1))
    return logits


def _batches(lengths: list[int], epochs: float, draw: random.Random) -> list[list[int]]:
    """Batches of texts of about one length, in random order."""
    wanted = math.ceil(len(lengths) * epochs / BATCH)
    found: list[list[int]] = []
    while len(found) < wanted:
        order = list(range(len(lengths)))
        draw.shuffle(order)
        epoch = []
        for first in range(0, len(order), BATCH * 40):
            some = sorted(order[first : first + BATCH * 40], key=lambda row: lengths[row])
            epoch += [some[at : at + BATCH] for at in range(0, len(some), BATCH)]
        draw.shuffle(epoch)
        found += epoch
    return found[:wanted]


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 60) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))


def finite(tensors: dict[str, Any]) -> bool:
    return all(np.isfinite(tensor).all() for tensor in tensors.values())

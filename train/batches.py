"""Which rows go into which optimiser step, and how a few rows become one rectangle of token ids.

    steps = plan([row.ids for row in rows], epochs=3, batch_rows=16, tokens_at_once=8192, seed=0)
    steps[0]                      # micro-batches of row numbers: ((4, 17), (2, 9, 11))

The order is a pure function of lengths and seed, so an interrupted run needs to remember only its step number.
Rows are padded, not packed: packing into one long row is exact only for models that keep documents apart by position,
and silently wrong for the others. Rows of like length share a step, which keeps the padding small; it is counted.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from train.render import Rendered

if TYPE_CHECKING:
    from torch import Tensor

Micro = tuple[int, ...]  # rows that go through the model together
Step = tuple[Micro, ...]  # micro-batches whose gradients are added before the weights move

NO_LOSS = -100
WINDOW = 4  # steps' worth of shuffled rows that are sorted by length: more saves padding, but makes epochs alike


def plan(lengths: Sequence[int], *, epochs: int, batch_rows: int, tokens_at_once: int, seed: int) -> list[Step]:
    """All steps of a run. Every row is in exactly one step of each epoch; a short last step of an epoch stays short."""
    return [
        _micro_batches(rows, lengths, tokens_at_once)
        for epoch in range(epochs)
        for rows in _epoch(lengths, batch_rows, random.Random(f"winnow {seed} {epoch}"))
    ]


def _epoch(lengths: Sequence[int], batch_rows: int, chance: random.Random) -> list[list[int]]:
    order = list(range(len(lengths)))
    chance.shuffle(order)
    width = WINDOW * batch_rows
    windows = [
        sorted(order[start : start + width], key=lambda row: -lengths[row]) for start in range(0, len(order), width)
    ]
    batches = [w[start : start + batch_rows] for w in windows for start in range(0, len(w), batch_rows)]
    chance.shuffle(batches)
    return batches


def _micro_batches(rows: Sequence[int], lengths: Sequence[int], tokens_at_once: int) -> Step:
    """Longest first, as many rows as fit with their padding. A row that is longer than the limit goes alone."""
    done: list[Micro] = []
    current: list[int] = []
    for row in sorted(rows, key=lambda row: (-lengths[row], row)):
        if current and (len(current) + 1) * lengths[current[0]] > tokens_at_once:
            done.append(tuple(current))
            current = []
        current.append(row)
    return (*done, tuple(current))


@dataclass(frozen=True)
class Counts:
    """Tokens of a run, over all epochs: `real` of the rows, `supervised` among them, `padded` beside them."""

    real: int
    supervised: int
    padded: int

    @property
    def positions(self) -> int:
        """All that went through the model."""
        return self.real + self.padded

    @property
    def efficiency(self) -> float:
        """Real tokens per position that went through the model."""
        return self.real / self.positions


def count(steps: Sequence[Step], rows: Sequence[Rendered]) -> Counts:
    """What these steps send through the model."""
    real = supervised = padded = 0
    for micro in (micro for step in steps for micro in step):
        sizes = [len(rows[row].ids) for row in micro]
        real += sum(sizes)
        padded += max(sizes) * len(sizes) - sum(sizes)
        supervised += sum(rows[row].supervised for row in micro)
    return Counts(real, supervised, padded)


def collate(rows: Sequence[Rendered], pad: int) -> "tuple[Tensor, Tensor, Tensor]":
    """Ids, attention mask and labels, each [rows, longest]: padded on the right, NO_LOSS where nothing is taught."""
    import torch

    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    labels = torch.full((len(rows), width), NO_LOSS, dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.tensor(row.ids, dtype=torch.long)
        mask[place, : len(row.ids)] = 1
        for start, end in row.spans:
            labels[place, start:end] = ids[place, start:end]
    return ids, mask, labels

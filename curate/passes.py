"""Ways through the encoder's transformer: which texts go together, and what the transformer says of their tokens.

    way = Packed(model) if Packed.suits(model, "cpu") else Padded(transformer, "cpu", pad=0)
    for batch in way.batches(lengths):
        for some, features in way.run([ids[row] for row in batch]):
            features["token_embeddings"]  # [len(some), width, d], of the texts that `some` numbers within the batch

A text's token vectors have the same bits whatever runs beside it. `Padded` reaches this by a few fixed shapes. `Packed`
lays texts end to end, so that no time goes into empty places: every product is of one fixed number of rows, and attention
stays within one text.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from curate.errors import Surroundings, WinnowError

WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
TOKENS_PER_BATCH = 2048  # on a processor more is no faster, and small batches waste fewer empty rows
TOKENS_PER_BATCH_GPU = 32_768
TOKENS_PACKED = 1024  # two of the longest windows

# Numbers of some texts of a batch, and what a sentence-transformers module takes: `token_embeddings` [n, width, d] in fp32
# and `attention_mask` [n, width].
Features = tuple[list[int], dict[str, Any]]
Ids = Sequence[Sequence[int]]


class Way(Protocol):
    """How the transformer is run."""

    def batches(self, lengths: Sequence[int]) -> list[list[int]]:
        """Numbers of the texts of each batch, longest first, so that too little memory shows at once."""
        ...

    def run(self, ids: Ids) -> list[Features]:
        """What the transformer says of one batch's texts, in parts."""
        ...


class Padded:
    """Any sentence-transformers transformer: a width from WIDTHS, as many rows as fit, empty rows where texts run out."""

    def __init__(self, transformer: Any, device: str, pad: int) -> None:
        self._transformer = transformer
        self._device = device
        self._pad = pad
        self._budget = TOKENS_PER_BATCH if device == "cpu" else TOKENS_PER_BATCH_GPU

    def batches(self, lengths: Sequence[int]) -> list[list[int]]:
        order = _longest_first(lengths)
        found = []
        for width in reversed(WIDTHS):
            rows = [row for row in order if _width(lengths[row]) == width]
            height = max(1, self._budget // width)
            found += [rows[start : start + height] for start in range(0, len(rows), height)]
        return found

    def run(self, ids: Ids) -> list[Features]:
        import torch

        width = _width(max(len(row) for row in ids))
        height = max(1, self._budget // width)
        tokens = np.full((height, width), self._pad, dtype=np.int64)
        seen = np.zeros((height, width), dtype=np.int64)
        seen[:, 0] = 1  # an empty row that looks at nothing would divide by zero
        for row, some in enumerate(ids):
            tokens[row, : len(some)] = some
            seen[row, : len(some)] = 1
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(tokens).to(self._device),
            "attention_mask": torch.from_numpy(seen).to(self._device),
        }
        with memory_errors(height, width), torch.inference_mode():
            features = self._transformer(features)
            wide = {k: v.float() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in features.items()}
        return [(list(range(len(ids))), wide)]


class Packed:
    """A BERT on the processor, without a padded token. Weights are shared with the model or reordered for oneDNN."""

    def __init__(self, model: Any) -> None:
        config = model.config
        self._heads: int = config.num_attention_heads
        self._embeddings = model.embeddings
        self._layers = [_layer(layer) for layer in model.encoder.layer]

    @staticmethod
    def suits(model: Any, device: str) -> bool:
        """Whether this is a plain BERT on the processor. Whether it is run rightly is measured where it is loaded."""
        config: Any = getattr(model, "config", None)
        return (
            device == "cpu"
            and type(model).__name__ == "BertModel"
            and config.hidden_act == "gelu"
            and getattr(config, "position_embedding_type", "absolute") in ("absolute", None)
            and not (config.is_decoder or config.add_cross_attention)
        )

    def batches(self, lengths: Sequence[int]) -> list[list[int]]:
        return filled(lengths)

    def run(self, ids: Ids) -> list[Features]:
        import torch

        lengths = [len(row) for row in ids]
        # Texts of one length lie side by side: they are one view of the states, and need no mask.
        order = _longest_first(lengths)
        runs = _runs([lengths[row] for row in order])
        size = max(TOKENS_PACKED, sum(lengths))
        tokens = np.zeros(size, dtype=np.int64)
        places = np.zeros(size, dtype=np.int64)
        tokens[: sum(lengths)] = np.concatenate([ids[row] for row in order])
        places[: sum(lengths)] = np.concatenate([np.arange(lengths[row]) for row in order])
        with memory_errors(len(ids), max(lengths)), torch.inference_mode():
            states = self._embed(torch.from_numpy(tokens), torch.from_numpy(places))
            for layer in self._layers:
                states = layer(states, runs, self._heads)
            states = states.float()
        found: list[Features] = []
        at = 0
        for first, count, length in runs:
            own = states[first : first + count * length].view(count, length, -1)
            seen = torch.ones((count, length), dtype=torch.int64)
            found.append((order[at : at + count], {"token_embeddings": own, "attention_mask": seen}))
            at += count
        return found

    def _embed(self, tokens: Any, places: Any) -> Any:
        table = self._embeddings
        states = table.word_embeddings(tokens) + table.token_type_embeddings.weight[0]
        return table.LayerNorm(states + table.position_embeddings(places))


def _layer(layer: Any) -> Any:
    """One BERT layer as a function of states [tokens, d], runs of equal length and the number of heads."""
    import torch
    from torch.nn import functional as f

    attended, inner, outer = layer.attention.output, layer.intermediate, layer.output
    weight, bias = joined(layer)
    project, close, widen, narrow = (
        _linear(w, b)
        for w, b in (
            (weight, bias),
            *((m.dense.weight.detach(), m.dense.bias.detach()) for m in (attended, inner, outer)),
        )
    )

    def run(states: Any, runs: list[tuple[int, int, int]], heads: int) -> Any:
        projected = project(states)
        mixed = torch.zeros_like(states)
        for first, count, length in runs:
            some = slice(first, first + count * length)
            query, key, value = projected[some].view(count, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
            said = f.scaled_dot_product_attention(query, key, value)
            mixed[some].view(count, length, heads, -1).copy_(said.transpose(1, 2))
        states = attended.LayerNorm(close(mixed) + states)
        return outer.LayerNorm(narrow(f.gelu(widen(states))) + states)

    return run


def joined(layer: Any, scale: float = 1.0) -> tuple[Any, Any]:
    """Weight [3 d, d] and bias [3 d] of a BERT layer's queries, keys and values; the queries times `scale`."""
    import torch

    own = layer.attention.self
    weight = torch.cat([own.query.weight * scale, own.key.weight, own.value.weight])
    return weight.detach(), torch.cat([own.query.bias * scale, own.key.bias, own.value.bias]).detach()


def _linear(weight: Any, bias: Any) -> Any:
    """x @ weight.T + bias, by oneDNN where torch has it: its fp32 uses all of the processor, where MKL may use half."""
    import torch

    mkldnn: Any = torch.backends.mkldnn
    if mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        ordered = torch.ops.mkldnn._reorder_linear_weight(weight, TOKENS_PACKED)
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, ordered, bias, "none", [], "")
    return lambda x: torch.nn.functional.linear(x, weight, bias)


def filled(lengths: Sequence[int]) -> list[list[int]]:
    """Numbers of the texts, longest first, in batches of at most TOKENS_PACKED tokens."""
    found: list[list[int]] = []
    room = 0
    for row in _longest_first(lengths):
        if lengths[row] > room:
            found.append([])
            room = max(TOKENS_PACKED, lengths[row])
        found[-1].append(row)
        room -= lengths[row]
    return found


def _runs(lengths: Sequence[int]) -> list[tuple[int, int, int]]:
    """First token, count and length of neighbours that are equally long."""
    found: list[tuple[int, int, int]] = []
    at = 0
    for length in lengths:
        if found and found[-1][2] == length:
            first, count, _ = found.pop()
            found.append((first, count + 1, length))
        else:
            found.append((at, 1, length))
        at += length
    return found


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))


def _width(length: int) -> int:
    return next(width for width in WIDTHS if width >= length)


@contextmanager
def memory_errors(height: int, width: int) -> Iterator[None]:
    """Too little memory as a sentence."""
    import torch

    try:
        yield
    except WinnowError:
        raise
    except (MemoryError, RuntimeError) as problem:
        is_memory = isinstance(problem, MemoryError | torch.OutOfMemoryError) or "memory" in str(problem)
        if not is_memory:
            raise
        raise Surroundings(
            f"there is not enough memory to encode {height} texts of {width} tokens at once",
            hint="close other programs, or a smaller encoder; what was encoded so far is kept",
        ) from problem

"""int8 for processors without bf16: a BERT's transformer through ONNX Runtime, quantised once and kept in the cache.

    net = onnx_network.load(path, max_tokens=256, cache=cache.open(), fingerprint="...")
    net.vectors([piece.ids for piece in net.cut(["One text.", "Another."])])

Weights are quantised per channel, once; what flows between them per text, as it runs. A scale is found over all that runs
together, so a neighbour would change a text's vector: therefore every text runs alone, which also leaves no padding.
Weights use all 8 bits. Processors without VNNI can overflow on that without a word; the sample at load notices, and then
int8 is refused. Such vectors only propose: whoever compares them with a threshold asks `Encoder.exact()` near it. Needs the
packages of the extra `onnx`.
"""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from curate import network, passes, windows
from curate.cache import Cache, remember
from curate.errors import BadInput, Surroundings

RULE = (
    "int8-1"  # part of an encoder's fingerprint: change it when the transformer is written or quantised in another way
)
FIDELITY = 0.99  # the lowest mean cosine to fp32 over the sample with which int8 may propose


def versions() -> str:
    """The packages that write and run the quantised model. Surroundings where one is not installed."""
    try:
        return ", ".join(f"{package} {version(package)}" for package in ("onnx", "onnxruntime"))
    except PackageNotFoundError as problem:
        raise Surroundings(
            f"int8 needs ONNX Runtime, and {problem.name or problem} is not installed",
            hint="pip install 'winnow-tune[onnx]'",
        ) from problem


def load(path: Path, max_tokens: int, cache: Cache | None, fingerprint: str) -> network.Network:
    """The encoder in `path` with its transformer in int8, quantised now unless it is in the cache."""
    net = network.Network(path, "fp32", max_tokens)
    net.way = _quantised(net, path, cache, fingerprint)
    return net


def fidelity(path: Path, max_tokens: int, cache: Cache | None, fingerprint: str) -> float:
    """The mean cosine between fp32 and int8 over the sample that bf16 is tried on too."""
    net = network.Network(path, "fp32", max_tokens)
    ids = [piece.ids for piece in net.cut(network.SAMPLE)]
    full = windows.unit(net.vectors(ids))
    net.way = _quantised(net, path, cache, fingerprint)
    return float((full * windows.unit(net.vectors(ids))).sum(axis=1).mean())


class Alone:
    """The transformer through ONNX Runtime, one text at a time; the batches only share out work among threads."""

    def __init__(self, model: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a thread for each batch instead
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def batches(self, lengths: Sequence[int]) -> list[list[int]]:
        return passes.filled(lengths)

    def run(self, ids: passes.Ids) -> list[passes.Features]:
        import torch

        found: list[passes.Features] = []
        for row, some in enumerate(ids):
            with passes.memory_errors(1, len(some)):
                (states,) = self._session.run(None, {"tokens": np.array(some, dtype=np.int64)})
            features = {
                "token_embeddings": torch.from_numpy(states[None]),
                "attention_mask": torch.ones((1, len(some)), dtype=torch.int64),
            }
            found.append(([row], features))
        return found


def _quantised(net: network.Network, path: Path, cache: Cache | None, fingerprint: str) -> Alone:
    installed = versions()
    if not passes.Packed.suits(net.bert, net.device):
        raise BadInput(
            "int8 is written for BERT encoders that run on the processor", where=str(path), hint="--precision fp32"
        )

    def write(_: list[str]) -> list[bytes]:
        try:
            return [_written(net.bert)]
        except OSError as problem:
            raise Surroundings(
                f"the int8 model cannot be written: {problem.strerror}", where=tempfile.gettempdir()
            ) from problem

    # In the cache it has a checksum, is whole or not there, and counts towards the cache's size.
    (model,) = remember(cache, f"onnx/{fingerprint}", [installed], write, bytes, bytes, step="quantise")
    return Alone(model)


def _written(bert: Any) -> bytes:
    """The transformer as a quantised ONNX model."""
    import torch

    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter is the one that works; it says that it is older
        whole, small = Path(place, "whole.onnx"), Path(place, "small.onnx")
        torch.onnx.export(
            _one_text(bert), (torch.tensor([1, 2, 3]),), str(whole), dynamo=False, opset_version=17,
            input_names=["tokens"], output_names=["states"], dynamic_axes={"tokens": {0: "t"}, "states": {0: "t"}},
        )  # fmt: skip
        _quantise(whole, small)
        return small.read_bytes()


def _quantise(whole: Path, small: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # It advises a step before it that changes nothing here, by logging to the root logger.
    logging.disable(logging.WARNING)
    try:
        quantize_dynamic(
            whole, small, per_channel=True, weight_type=QuantType.QInt8, extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)


def _one_text(bert: Any) -> Any:
    """A module from one text's token ids [t] to its states [t, d]: no batch, no mask, queries, keys and values in one product."""
    import torch
    from torch.nn import functional as f

    heads, wide = bert.config.num_attention_heads, bert.config.hidden_size

    class OneText(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert
            parts = [passes.joined(layer, (wide // heads) ** -0.5) for layer in bert.encoder.layer]
            self.weights = torch.nn.ParameterList([weight.t().contiguous() for weight, _ in parts])
            self.biases = torch.nn.ParameterList([bias for _, bias in parts])

        def forward(self, tokens: Any) -> Any:
            table, count = self.bert.embeddings, tokens.shape[0]
            states = table.word_embeddings(tokens) + table.token_type_embeddings.weight[0]
            states = table.LayerNorm(states + table.position_embeddings.weight[:count])
            for layer, weight, bias in zip(self.bert.encoder.layer, self.weights, self.biases, strict=True):
                mixed = self.attend(torch.matmul(states, weight) + bias, count)
                states = layer.attention.output.LayerNorm(layer.attention.output.dense(mixed) + states)
                inner = f.gelu(layer.intermediate.dense(states))
                states = layer.output.LayerNorm(layer.output.dense(inner) + states)
            return states

        def attend(self, projected: Any, count: Any) -> Any:
            query, key, value = projected.view(count, 3 * heads, wide // heads).transpose(0, 1).split(heads, 0)
            weights = torch.matmul(query, key.transpose(1, 2)).softmax(-1)
            return torch.matmul(weights, value).transpose(0, 1).reshape(count, wide)

    return OneText().eval()

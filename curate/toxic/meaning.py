"""The second stage of the toxicity scorer: the default encoder, adapted, reads a window for what it means.

    meaning = Meaning(tensors)
    meaning.logits(["I do not think that they deserve a vote."])     # [[toxic, identity attack]], before calibration

A low-rank change to the encoder's own weights (Hu et al. 2021) and a head of two outputs: a few megabytes beside the encoder. It
runs in fp32 on the processor, texts laid end to end, so a text has the same score beside any other and on any machine to
four decimals. torch is loaded with the first text.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import encoder_files, network, passes, windows
from curate.errors import Surroundings
from curate.toxic import features

Logits = npt.NDArray[np.float64]

SCALE = 2.0  # of the low-rank change
TOKENS = 126  # read at once, the two special ones apart; what is longer is read in parts and the worst part counts
TEXTS = 1024  # tokenised at once


@dataclass(frozen=True)
class Meaning:
    """The adapter, and the encoder under it, which is read at the first use."""

    tensors: Mapping[str, npt.NDArray[Any]] = field(repr=False, compare=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False, compare=False)

    def logits(self, texts: Sequence[str]) -> Logits:
        """[n, 2]: toxic, identity attack. Of a long text the highest of its parts."""
        out = np.full((len(texts), 2), -np.inf)
        for first in range(0, len(texts), TEXTS):
            some = texts[first : first + TEXTS]
            ids, owner = self._cut(some)
            np.maximum.at(out, first + owner, self._run(ids))
        return out

    @cached_property
    def _loaded(self) -> tuple[Any, passes.Packed, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        from tokenizers import Tokenizer

        _, path = encoder_files.find(None)
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return (
            tokenizer,
            passes.Packed(_adapted(path, self.tensors)),
            self.tensors["head.weight"],
            self.tensors["head.bias"],
        )

    def _cut(self, texts: Sequence[str]) -> tuple[list[list[int]], npt.NDArray[np.int64]]:
        tokenizer = self._loaded[0]
        plain = [windows.readable(features.plain(said)) for said in texts]
        ids: list[list[int]] = []
        owner: list[int] = []
        for i, encoding in enumerate(tokenizer.encode_batch(plain)):
            start, *inner, end = encoding.ids
            for first in range(0, max(1, len(inner)), TOKENS):
                ids.append([start, *inner[first : first + TOKENS], end])
                owner.append(i)
        return ids, np.array(owner, np.int64)

    def _run(self, ids: list[list[int]]) -> Logits:
        _, way, weight, bias = self._loaded
        means = np.empty((len(ids), weight.shape[1]), np.float32)

        def one(batch: list[int]) -> None:
            for rows, read in way.run([ids[row] for row in batch]):
                means[[batch[row] for row in rows]] = read["token_embeddings"].mean(1).numpy()

        batches = way.batches([len(row) for row in ids])
        with self._lock, _one_thread_each(network.threads()) as pool:
            list(pool.map(one, batches))
        if not np.isfinite(means).all():
            raise Surroundings("the toxicity scorer's network returned something that is not a number")
        found: Logits = means.astype(np.float64) @ weight.T.astype(np.float64) + bias
        return found


class _one_thread_each:
    """Threads that each run whole batches on one core; sharing one product among cores is slower here."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> ThreadPoolExecutor:
        import torch

        self._before = torch.get_num_threads()
        torch.set_num_threads(1)
        return self._pool

    def __exit__(self, *problem: object) -> None:
        import torch

        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._before)


def _adapted(path: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> Any:
    """The default encoder's BERT with the low-rank changes added to its weights."""
    import torch
    from transformers import BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = BertModel.from_pretrained(path, local_files_only=True, use_safetensors=True, dtype=torch.float32).eval()
    with torch.no_grad():
        for name in sorted(key.removesuffix(".A") for key in tensors if key.endswith(".A")):
            down, up = (torch.from_numpy(tensors[f"{name}.{part}"].astype(np.float32)) for part in "AB")
            weight = model.get_submodule(name).weight
            weight += SCALE * (up @ down)
    return model

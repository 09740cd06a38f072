"""The network behind the finder of names: word vectors, a few convolutions over neighbours, one score per tag.

    network = read(blob)                       # from the bytes of a safetensors file
    scores = network.scores(words, glued, inside)

A word's vector is the sum of the vectors of its hashed features, so that a name never seen before still has one. Each
layer looks at a word and two neighbours and adds what it found. Plain numpy, no other library: a word is judged by at
most `reach` words on each side, so that a text of any length is judged the same, in whatever pieces it is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curate.naming.features import buckets

Floats = np.ndarray[Any, np.dtype[np.float32]]

KINDS = ("PERSON", "LOCATION", "ORGANIZATION", "ADDRESS")
TAGS = ("O", *(f"{mark}-{kind}" for kind in KINDS for mark in "BI"))  # 1 + 2 k begins kind k, 2 + 2 k continues it
VOCABULARY = 100_000  # words whose vectors are kept


@dataclass
class Network:
    """Weights, and the vectors of words met so far."""

    table: Floats  # one row per bucket of hashed features
    first: tuple[Floats, Floats, Floats]  # from a word's vector to the layers, bias, and what is added to a glued word
    layers: list[tuple[int, Floats, Floats]]  # how far the neighbours are, weights, bias
    last: tuple[Floats, Floats]  # from the layers to the tags
    lists: dict[int, int] = field(repr=False)  # hash of a word -> which lists hold it
    _rows: dict[str, int] = field(default_factory=dict, repr=False)
    _known: Floats | None = field(default=None, repr=False)

    @property
    def reach(self) -> int:
        """How many words on each side decide about a word."""
        return sum(distance for distance, _, _ in self.layers)

    @property
    def gap(self) -> int:
        """How many rows between two texts keep them from seeing each other."""
        return max(distance for distance, _, _ in self.layers)

    def rows(self, words: Sequence[str]) -> list[int]:
        """Where the vectors of these words stand; what is new is computed and kept."""
        try:
            return list(map(self._rows.__getitem__, words))
        except KeyError:
            self._learn(words)
            return list(map(self._rows.__getitem__, words))

    def _learn(self, words: Sequence[str]) -> None:
        if self._known is None or len(self._rows) > VOCABULARY:
            self._rows = {}
            self._known = np.zeros((0, self.first[0].shape[1]), np.float32)
        new = [word for word in dict.fromkeys(words) if word not in self._rows]
        hashed = [buckets(word, self.lists) if word else [0] for word in new]
        sizes = np.array([len(h) for h in hashed])
        flat = np.fromiter((h for some in hashed for h in some), np.int64, int(sizes.sum()))
        summed = np.add.reduceat(self.table[flat], np.r_[0, sizes.cumsum()[:-1]], axis=0)
        vectors = summed / np.sqrt(sizes, dtype=np.float32)[:, None]
        self._rows.update((word, len(self._known) + place) for place, word in enumerate(new))
        self._known = np.concatenate([self._known, vectors @ self.first[0] + self.first[1]])

    def scores(self, words: Sequence[str], glued: Sequence[bool], inside: Sequence[bool]) -> Floats:
        """Log-probabilities of TAGS per word. Where `inside` is False a row stands between texts and says nothing."""
        rows = self.rows(words)
        assert self._known is not None
        mask = np.asarray(inside, np.float32)[:, None]
        x = self._known[rows]
        x += np.asarray(glued, np.float32)[:, None] * self.first[2]
        np.maximum(x, 0, out=x)
        x *= mask
        for distance, weight, bias in self.layers:
            around = np.zeros((len(x), 3 * x.shape[1]), np.float32)
            width = x.shape[1]
            around[distance:, :width] = x[:-distance]
            around[:, width : 2 * width] = x
            around[:-distance, 2 * width :] = x[distance:]
            found = around @ weight
            found += bias
            np.maximum(found, 0, out=found)
            x += found
            x *= mask
        out = x @ self.last[0] + self.last[1]
        out -= out.max(1, keepdims=True)
        out -= np.log(np.exp(out).sum(1, keepdims=True))
        return np.asarray(out, np.float32)


def read(blob: bytes) -> Network:
    """The network in a safetensors file as `write` made it."""
    from safetensors.numpy import load

    held = dict(load(blob))
    table = held["table"].astype(np.float32) * held["table_scale"].astype(np.float32)[:, None]
    full = {name: array.astype(np.float32) for name, array in held.items() if array.dtype == np.float16}
    layers = [(int(d), full[f"layer{i}.weight"], full[f"layer{i}.bias"]) for i, d in enumerate(held["distances"])]
    lists = dict(zip(held["list_hashes"].tolist(), held["list_flags"].tolist(), strict=True))
    first = (full["first.weight"], full["first.bias"], full["first.glued"])
    return Network(table, first, layers, (full["last.weight"], full["last.bias"]), lists)


def write(weights: dict[str, Floats], distances: Sequence[int], lists: dict[int, int]) -> bytes:
    """A network as bytes: the table in 8 bits with a scale per row, all other weights in 16."""
    from safetensors.numpy import save

    table = weights["table"]
    scale = (np.abs(table).max(1) / 127 + 1e-8).astype(np.float16)
    small = np.clip(np.round(table / scale.astype(np.float32)[:, None]), -127, 127).astype(np.int8)
    held = {name: array.astype(np.float16) for name, array in weights.items() if name != "table"}
    hashes = sorted(lists)
    blob: bytes = save(
        {
            **held,
            "table": small,
            "table_scale": scale,
            "distances": np.array(distances, np.int32),
            "list_hashes": np.array(hashes, np.uint32),
            "list_flags": np.array([lists[h] for h in hashes], np.uint8),
        }
    )
    return blob

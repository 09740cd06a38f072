"""One place in the encoder's space for each row: the mean of what its user turns say.

    rows = of(chats, encoder.encode)
    rows.vectors[3], rows.ids[3], rows.queries[3]
    rows.unread                               # rows that ask nothing the encoder can read: never counted as anything

Rows stand in the order of their ids, so that what is worked out of them does not depend on the order of a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from curate.duplicates.said import sides, turns
from curate.windows import Encode, Vectors


@dataclass(frozen=True)
class RowVectors:
    """Ids, queries and unit vectors [n, d] of the rows that can be compared, sorted by id; `unread` are the other rows."""

    ids: tuple[str, ...]
    queries: tuple[str, ...] = field(repr=False)
    vectors: Vectors = field(repr=False)
    unread: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __str__(self) -> str:
        return f"{len(self):,} rows with a vector, {len(self.unread):,} without"

    def take(self, places: Sequence[int]) -> "RowVectors":
        """Some of the rows, in the order of their ids."""
        some = sorted(places)
        return RowVectors(tuple(self.ids[i] for i in some), tuple(self.queries[i] for i in some), self.vectors[some])

    def sample(self, rows: int, seed: int) -> "RowVectors":
        """So many rows drawn without replacement, or all where there are no more."""
        if len(self) <= rows:
            return self
        return self.take(np.random.default_rng(seed).choice(len(self), rows, replace=False).tolist())


def of(chats: pl.DataFrame, encode: Encode) -> RowVectors:
    """The rows' vectors: each user turn is encoded by itself, as the overlap check does, so that the cache holds it."""
    rows = chats.sort("id")
    long = turns(rows)
    asked = long.filter((pl.col("role") == "user") & (pl.col("said").str.strip_chars() != ""))
    found = encode(asked["said"].to_list())
    owner = asked["row"].to_numpy().astype(np.int32)[found.text]
    numbers, vectors = replace(found, text=owner, texts=rows.height).mean_by_text()
    places, ids, queries = numbers.tolist(), rows["id"].to_list(), sides(rows).queries
    known = set(places)
    unread = tuple(row for place, row in enumerate(ids) if place not in known)
    return RowVectors(tuple(ids[i] for i in places), tuple(queries[i] for i in places), vectors, unread)

"""The queries of a data set, laid out: where each lies, what of it may be shown, and which file it is of.

    found = laid_out(chats, masked, encode, cache=cache.open())
    found.said[0]                   # the first 120 characters of a query, personal data replaced

Rows are taken in the order of their ids, which are hashes of their content: an even spread of them is a random sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from curate.cache import Cache
from curate.duplicates.said import sides
from curate.page.places import Places, lay_out
from curate.progress import Progress, silent
from curate.report.excerpt import one_line
from curate.windows import Encode

MOST = 25_000  # points on a map
SAID = 120  # characters that hovering shows
BYTES_SAID = 3_300_000  # of all points together; scripts without Latin letters take three bytes a letter


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows on a map. `of` is how many rows there are, `blank` how many of those looked at say nothing that an encoder knows."""

    rows: tuple[str, ...] = field(repr=False)
    places: Places = field(repr=False)
    said: tuple[str, ...] = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    of: int
    blank: int
    characters: int  # of each query, at most

    @property
    def left_out(self) -> int:
        """Rows that are not looked at because a map holds only so many."""
        return self.of - len(self.rows) - self.blank


def laid_out(
    chats: pl.DataFrame,
    masked: pl.DataFrame,
    encode: Encode,
    *,
    cache: Cache | None = None,
    most: int = MOST,
    seed: int = 0,
    progress: Progress = silent,
) -> Layout:
    """Lay out the queries of `chats`. `masked` holds the same rows with personal data replaced: only that is shown."""
    some = _spread(chats.sort("id"), most)
    numbers, vectors = encode(sides(some).queries).mean_by_text()
    some = some[numbers.tolist()]
    shown = dict(zip(masked["id"], sides(masked).queries, strict=True))
    texts = [shown.get(row, "") for row in some["id"]]
    characters = _fitting(texts)
    return Layout(
        rows=tuple(some["id"]),
        places=lay_out(vectors, seed=seed, cache=cache, progress=progress),
        said=tuple(_short(text, characters) for text in texts),
        files=_files(some["source"].to_list()),
        of=chats.height,
        blank=min(most, chats.height) - len(vectors),
        characters=characters,
    )


def _spread(chats: pl.DataFrame, most: int) -> pl.DataFrame:
    if chats.height <= most:
        return chats
    taken: list[int] = np.unique(np.linspace(0, chats.height - 1, most).astype(np.int64)).tolist()
    return chats[taken]


def _fitting(texts: Sequence[str]) -> int:
    """How many characters of each text can be shown, so that the page stays small."""
    for limit in (SAID, 90, 60, 40):
        if sum(len(text[:limit].encode("utf-8", "replace")) for text in texts) <= BYTES_SAID:
            return limit
    return 25


def _short(text: str, limit: int) -> str:
    return one_line(text[:limit]).strip() + ("…" if len(text) > limit else "")


def _files(sources: Sequence[str | None]) -> tuple[str, ...]:
    """The file of each row, by the shortest end of its path that tells it from the others."""
    paths = [(source or "").rpartition(":")[0] or (source or "") for source in sources]
    distinct = sorted(set(paths))
    for parts in range(1, 12):
        ends = {path: "/".join(path.split("/")[-parts:]) for path in distinct}
        if len(set(ends.values())) == len(distinct):
            break
    return tuple(one_line(ends[path]) if distinct else path for path in paths)

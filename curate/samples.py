"""Rows as a report may show them: a few, chosen by id, with their personal data masked.

    few = Samples.of(chats, ["row-7", "row-9"], mask=lambda rows: replacement.replace(rows, finder).kept)
    few.query("row-7")

Without a mask no text is shown at all: a report that nobody searched for personal data does not print rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate import chats as chat
from curate.report import Cell, Column, Table

Mask = Callable[[pl.DataFrame], pl.DataFrame]  # a chat frame -> the same rows, personal data replaced

NOT_SHOWN = "(not shown: personal data was not looked for)"
GONE = "(not found)"


def script(turns: Sequence[chat.Turn]) -> str:
    """Turns one below the other, each with its role."""
    return "\n".join(f"{turn['role']}: {chat.turn_text(turn)}" for turn in turns)


@dataclass(frozen=True)
class Samples:
    """Masked texts of some rows, by row id."""

    turns: Mapping[str, list[dict[str, str | None]]]
    source: Mapping[str, str]
    masked: bool

    @classmethod
    def of(cls, chats: pl.DataFrame, ids: Iterable[str], mask: Mask | None) -> "Samples":
        """The rows of `chats` with these ids, masked; only these are masked, so a large set costs no more."""
        some = chats.filter(pl.col("id").is_in(sorted(set(ids))))
        shown = mask(some) if mask is not None and some.height else some
        turns = dict(zip(shown["id"], shown["turns"].to_list(), strict=True)) if mask is not None else {}
        return cls(turns, dict(zip(some["id"], some["source"], strict=True)), mask is not None)

    def query(self, row_id: str) -> str:
        """The user side of a row."""
        return self._side(row_id, ("user",))

    def answer(self, row_id: str) -> str:
        """The assistant side of a row."""
        return self._side(row_id, ("assistant",))

    def script(self, row_id: str) -> str:
        """All turns of a row, each with its role."""
        if row_id not in self.turns:
            return GONE if self.masked else NOT_SHOWN
        return script(self.turns[row_id])

    def table(self, ids: Iterable[str], *, total: int, more: Mapping[str, Mapping[str, Cell]] | None = None) -> Table:
        """Row, source, query, answer, and what `more` says of each row by column name; `total` is how many there are."""
        rows = list(ids)
        extra = list(dict.fromkeys(name for row in rows for name in (more or {}).get(row, {})))
        columns = (Column("row", "code"), Column("source", "code"), Column("query", "text"), Column("answer", "text"))
        cells = tuple(
            (
                row,
                self.source.get(row),
                self.query(row),
                self.answer(row),
                *((more or {}).get(row, {}).get(n) for n in extra),
            )
            for row in rows
        )
        # A score stands right, a name does not.
        kinds = [any(isinstance(line[4 + place], float | int) for line in cells) for place in range(len(extra))]
        added = tuple(Column(name, "number" if number else "code") for name, number in zip(extra, kinds, strict=True))
        return Table(columns + added, cells, total=total)

    def _side(self, row_id: str, roles: tuple[str, ...]) -> str:
        if row_id not in self.turns:
            return GONE if self.masked else NOT_SHOWN
        said = [chat.turn_text(turn) for turn in self.turns[row_id] if turn["role"] in roles]
        return "\n\n".join(text for text in said if text)

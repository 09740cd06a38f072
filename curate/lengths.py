"""How long rows are and how they are built: one line of measures per row.

    measures = measure(chats)
    print(summary(measures["answer_words"]))      # 5 % 8, median 64, 95 % 310, longest 2,048

Words are what stands between white space; for scripts written without spaces, read the characters.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from curate import plots
from curate.duplicates.said import sides
from curate.report import Cell, Column, Plot, Table

MEASURES = pl.Schema(
    {
        "row_id": pl.String,
        "turns": pl.Int64,
        "shape": pl.String,  # the roles in order, repeats folded: "system user assistant", "user assistant (x3)"
        "query_chars": pl.Int64,
        "query_words": pl.Int64,
        "answer_chars": pl.Int64,
        "answer_words": pl.Int64,
    }
)


@dataclass(frozen=True)
class Summary:
    """Where the lengths of a column lie. All None when there is no row."""

    n: int
    low: float | None  # 5 % are at most this long
    median: float | None
    high: float | None  # 95 % are at most this long
    longest: float | None
    mean: float | None

    def __str__(self) -> str:
        if self.median is None:
            return "no rows"
        parts = (("5 %", self.low), ("median", self.median), ("95 %", self.high), ("longest", self.longest))
        return ", ".join(f"{name} {value:,.0f}" for name, value in parts)


def measure(chats: pl.DataFrame) -> pl.DataFrame:
    """The measures of each row, in file order."""
    said = sides(chats)
    queries, answers = said.queries, said.answers
    roles = chats.select(pl.col("turns").list.eval(pl.element().struct.field("role")))["turns"].to_list()
    columns = {
        "row_id": chats["id"],
        "turns": [len(row) for row in roles],
        "shape": [shape(row) for row in roles],
        "query_chars": [len(text) for text in queries],
        "query_words": [len(text.split()) for text in queries],
        "answer_chars": [len(text) for text in answers],
        "answer_words": [len(text.split()) for text in answers],
    }
    return pl.DataFrame(columns, schema=MEASURES)


def shape(roles: Sequence[str]) -> str:
    """The roles in words, a repeated user-assistant exchange folded: "system, user assistant (x3)"."""
    lead = ["system,"] if roles and roles[0] == "system" else []
    rest = list(roles[len(lead) :])
    exchanges, odd = divmod(len(rest), 2)
    if exchanges > 1 and not odd and rest == ["user", "assistant"] * exchanges:
        return " ".join([*lead, f"user assistant (x{exchanges})"])
    return " ".join([*lead, *rest]) or "no turns"


def summary(values: pl.Series) -> Summary:
    """Quantiles as values that occur (no interpolation), so that they can be looked up."""
    known = values.drop_nulls().sort()
    n = known.len()
    if not n:
        return Summary(0, None, None, None, None, None)
    places = [max(0, math.ceil(share * n) - 1) for share in (0.05, 0.5, 0.95)]
    low, median, high = (float(known[place]) for place in places)
    return Summary(n, low, median, high, float(known[n - 1]), math.fsum(known) / n)


def table(series: Mapping[str, pl.Series]) -> Table:
    """One line per named column of lengths."""
    names = ("what", "rows", "5 % up to", "median", "mean", "95 % up to", "longest")
    columns = tuple(Column(name, "label" if name == "what" else "number") for name in names)
    lines: list[tuple[Cell, ...]] = []
    for name, values in series.items():
        s = summary(values)
        whole = [None if value is None else round(value) for value in (s.low, s.median)]
        tail = [None if value is None else round(value) for value in (s.high, s.longest)]
        lines.append((name, s.n, *whole, None if s.mean is None else round(s.mean, 1), *tail))
    return Table(columns, tuple(lines))


def plot(title: str, x: str, series: Mapping[str, pl.Series]) -> Plot:
    """A histogram of one or two columns of lengths, with its counts as a table."""
    values = {name: column.to_list() for name, column in series.items()}
    bins = plots.binned(values, plots.length_edges([v for some in values.values() for v in some]))
    columns = (Column(x), *(Column(name, "number") for name in values))
    numbers = Table(columns, tuple(zip(bins.labels, *bins.counts.values(), strict=True)))
    said = "; ".join(f"{name}: {summary(column)}" for name, column in series.items())
    return Plot(title, _drawn(bins.edges, tuple(bins.counts.items()), x), f"Histogram of {x} per row. {said}.", numbers)


@lru_cache(maxsize=16)
def _drawn(edges: tuple[float, ...], counts: tuple[tuple[str, tuple[int, ...]], ...], x: str) -> str:
    """The histogram as a picture: drawn once where a page, its summary and a card show the same."""
    return plots.histogram(plots.Bins(edges, dict(counts), {}), x=x)

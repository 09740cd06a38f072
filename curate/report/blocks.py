"""What a report is made of: facts, sections and the blocks in them, as plain typed data.

    Figure(0.123, n=450, low=0.096, high=0.156, unit="%")      # 12.3 % (n=450, 95 % CI 9.6 to 15.6)

The blocks know nothing of terminals, HTML or datasets. Dataset text is put in as it is; each renderer escapes it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from curate.stats import Interval

Kind = Literal["label", "number", "text", "code"]  # `text` is dataset text, `code` an id or a rule
Severity = Literal["critical", "warning", "notice", "good"]

SYMBOLS: dict[Severity, str] = {"critical": "✖", "warning": "▲", "notice": "●", "good": "✔"}


@dataclass(frozen=True)
class Figure:
    """A number with the rows it stands on. With unit "%", value and bounds are shares (0.123) and print as percent."""

    value: float | None
    n: int | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    confidence: float = 0.95
    note: str = ""

    @classmethod
    def of(cls, interval: Interval, unit: str = "") -> "Figure":
        """The figure of an interval from `curate.stats`."""
        found = interval
        return cls(found.value, found.n, found.low, found.high, unit, found.confidence, found.note)

    def __str__(self) -> str:
        behind = self.behind
        return f"{self.number} ({behind})" if behind else self.number

    @property
    def number(self) -> str:
        """The value alone, as text."""
        if self.value is None or not math.isfinite(self.value):
            return "unknown"
        return f"{self._digits(self.value)} {self.unit}".rstrip()

    @property
    def behind(self) -> str:
        """What the value stands on: rows and interval."""
        return f"{self.basis} {self.bounds}".strip()

    @property
    def basis(self) -> str:
        """How many rows, and which kind of interval: "n=450, 95 % CI"."""
        said = [f"n={self.n:,}"] if self.n is not None else []
        return ", ".join([*said, f"{100 * self.confidence:g} % CI"] if self.bounds else said)

    @property
    def bounds(self) -> str:
        """The interval alone: "9.6 to 15.6"; "" where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return ""
        return f"{self._digits(self.low)} to {self._digits(self.high)}"

    def _digits(self, number: float) -> str:
        # One number of decimals for value and bounds, chosen by the largest of them.
        scale = 100 if self.unit == "%" else 1
        size = max(abs(x) for x in (self.value, self.low, self.high) if x is not None) * scale
        if self.unit == "%":
            decimals = 1 if size >= 1 or size == 0 else 2 if size >= 0.1 else 4
        else:
            decimals = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 1 else 3
        text = f"{number * scale:,.{decimals}f}"
        return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


Cell = str | int | float | Figure | None


@dataclass(frozen=True)
class Column:
    """A column's heading and what its cells are; `missing` is what an empty cell says."""

    name: str
    kind: Kind = "label"
    missing: str = "–"


@dataclass(frozen=True)
class Table:
    """Rows of cells. `total` is how many there are when `rows` holds only some: the report then says so, of which `things`.

    Of each dataset text the page shows `limit` characters.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    total: int | None = None
    limit: int = 600
    things: str = "rows"

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells in a table of {len(self.columns)} columns: {row!r:.80}")

    @property
    def cut(self) -> str:
        """ "10 of 1,204 rows", or of whatever the lines are; "" when all are here."""
        if self.total is None or self.total <= len(self.rows):
            return ""
        return f"{len(self.rows):,} of {self.total:,} {self.things}"

    @property
    def bases(self) -> tuple[str, ...]:
        """For each column what all its figures stand on, said once in the heading; "" where they differ or are few."""
        return tuple(self._basis(place) for place in range(len(self.columns)))

    def _basis(self, place: int) -> str:
        figures = [cell for row in self.rows if isinstance(cell := row[place], Figure)]
        bases = {figure.basis for figure in figures}
        return bases.pop() if len(figures) > 1 and len(bases) == 1 else ""

    @property
    def told(self) -> bool:
        """Whether two columns or more are texts: such rows are told one below the other, or neither text has room."""
        return sum(column.kind == "text" for column in self.columns) > 1


@dataclass(frozen=True)
class Plot:
    """A picture, what it shows in words, and the numbers behind it; `open` shows them beside the picture at once."""

    title: str
    svg: str
    alt: str
    numbers: Table
    open: bool = False


@dataclass(frozen=True, eq=False)
class Colouring:
    """One way to colour the points of a map: a group for each point, by number; `names` has a name for each number.

    A `quiet` group is grey: it is what nothing is said of.
    """

    title: str
    names: tuple[str, ...]
    groups: npt.NDArray[np.int32] = field(repr=False)
    quiet: int | None = None

    @property
    def counts(self) -> tuple[int, ...]:
        """How many points each group has."""
        return tuple(np.bincount(self.groups, minlength=len(self.names)).tolist())


@dataclass(frozen=True, eq=False)
class Points:
    """Rows laid out in two dimensions. `said` is what a point shows of its row: masked, and cut to a line or two."""

    x: npt.NDArray[np.float32] = field(repr=False)
    y: npt.NDArray[np.float32] = field(repr=False)
    rows: Sequence[str] = field(repr=False)
    said: Sequence[str] = field(repr=False)
    colourings: tuple[Colouring, ...]


@dataclass(frozen=True, eq=False)
class Map(Plot):
    """A picture of points which a page with scripts shows as a map to search, pan and zoom; elsewhere it is a plot."""

    points: Points | None = None


@dataclass(frozen=True)
class Finding:
    """Something a person should know about their rows, how many, and what to do about it. `folded`: closed in HTML."""

    severity: Severity
    title: str
    count: int | None = None
    share: Figure | None = None
    text: str = ""
    todo: str = ""
    rows: Table | None = None
    folded: bool = False


@dataclass(frozen=True)
class Pair:
    """Two texts side by side, differing words marked. Of each, `limit` characters are shown."""

    left: str
    right: str
    left_label: str
    right_label: str
    note: str = ""
    limit: int = 600


@dataclass(frozen=True)
class Passage:
    """One text as it stands, and whose it is. `limit` characters of it are shown."""

    text: str
    label: str
    limit: int = 600


@dataclass(frozen=True)
class Note:
    """A paragraph: a caveat, what was not measured, how to read a table. With a title it heads the blocks that follow."""

    text: str
    title: str = ""


Block = Table | Plot | Finding | Pair | Passage | Note


@dataclass(frozen=True)
class Fact:
    """One of the few numbers at the head of a report."""

    label: str
    value: str | int | float | Figure
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, a sentence or two, and blocks. `folded` sections start closed in HTML."""

    title: str
    text: str = ""
    blocks: tuple[Block, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Page:
    """The whole report as data."""

    title: str
    subtitle: str = ""
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()


def cell_text(cell: Cell, column: Column, basis: str = "") -> str:
    """A cell as plain text: numbers with thousands commas, figures with their interval. `basis` stands in the heading."""
    match cell:
        case Figure() if basis and cell.basis == basis:
            return f"{cell.number} ({cell.bounds})" if cell.bounds else cell.number
        case None:
            return column.missing
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return Figure(cell).number
        case _:
            return str(cell)

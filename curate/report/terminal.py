"""A report on a terminal: rich renderables, built from Text so that dataset text is never read as markup."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text

from curate.report.blocks import (
    SYMBOLS,
    Block,
    Cell,
    Column,
    Fact,
    Figure,
    Finding,
    Note,
    Page,
    Pair,
    Passage,
    Plot,
    Section,
    Table,
    cell_text,
)
from curate.report.excerpt import bracketed, differing, excerpt, one_line, visible
from curate.wording import Span

ROWS_SHOWN = 12
SAMPLES_SHOWN = 3
TEXT_LIMIT = 160

TWO_COLUMNS = 90  # characters from which a pair stands side by side
# What differs on each side: with colour, and without.
LEFT, RIGHT = ("bold yellow", "[-", "-]"), ("bold cyan", "{+", "+}")

COLOURS = {"critical": "bold red", "warning": "yellow", "notice": "cyan", "good": "green"}


def render(page: Page) -> RenderableType:
    """The whole page as one renderable."""
    return Group(*_page(page))


def _page(page: Page) -> Iterator[RenderableType]:
    yield Text(visible(page.title), style="bold")
    if page.subtitle:
        yield Text(visible(page.subtitle), style="dim")
    if page.facts:
        yield Padding(_facts(page.facts), (1, 0, 0, 0))
    yield from map(section, page.sections)


def _facts(facts: tuple[Fact, ...]) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    for fact in facts:
        value = cell_text(fact.value, Column(fact.label))
        grid.add_row(
            Text(visible(fact.label)), Text(visible(value), style="bold"), Text(visible(fact.note), style="dim")
        )
    return grid


def section(part: Section) -> RenderableType:
    """One section as a renderable."""
    rule = Rule(Text(visible(part.title), style="bold"), align="left", style="dim")
    said = [Text(visible(part.text))] if part.text else []
    return Group(Text(""), rule, *said, *(shown for block in part.blocks for shown in _block(block)))


def _block(block: Block) -> Iterator[RenderableType]:
    match block:
        case Note():
            if block.title:
                yield Text(f"\n{visible(block.title)}", style="bold")
            yield Text(visible(block.text), style="dim")
        case Table():
            yield from _table(block, ROWS_SHOWN)
        case Plot():
            yield Text(visible(block.title), style="bold")
            yield from _table(block.numbers, 2 * ROWS_SHOWN)
        case Finding():
            yield from _finding(block)
        case Pair():
            yield _Pair(block)
        case Passage():
            yield _Passage(block)


def _finding(finding: Finding) -> Iterator[RenderableType]:
    head = Text(f"{SYMBOLS[finding.severity]} {finding.severity}", style=COLOURS[finding.severity])
    head.append(f"  {visible(finding.title)}", style="bold default")
    if finding.count is not None:
        head.append(f"  {finding.count:,}", style="bold default")
    if finding.share is not None:
        head.append(f"  {finding.share}", style="dim default")
    yield head
    if finding.text:
        yield Padding(Text(visible(finding.text)), (0, 0, 0, 2))
    if finding.todo:
        yield Padding(Text(f"→ {visible(finding.todo)}"), (0, 0, 0, 2))
    if finding.rows is not None and finding.rows.rows:
        for part in _table(finding.rows, SAMPLES_SHOWN):
            yield Padding(part, (0, 0, 0, 2))


def _table(table: Table, limit: int) -> Iterator[RenderableType]:
    if table.caption:
        yield Text(visible(table.caption), style="italic")
    rows = table.rows[:limit]
    yield from _records(table.columns, rows) if table.told else [_grid(table, rows)]
    if len(table.rows) > limit:
        total = table.total or len(table.rows)
        yield Text(
            f"{limit:,} of {total:,} {table.things} here; {len(table.rows):,} in the written report", style="dim"
        )
    elif table.cut:
        yield Text(table.cut, style="dim")


def _grid(table: Table, rows: tuple[tuple[Cell, ...], ...]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", padding=(0, 1))
    for column, basis in zip(table.columns, table.bases, strict=True):
        number = column.kind == "number"
        head = "\n".join(filter(None, [visible(column.name), basis]))
        grid.add_column(Text(head), justify="right" if number else "left", overflow="fold")
    # Many intervals side by side do not fit on a line: they go below their numbers.
    figures = [any(isinstance(row[place], Figure) for row in rows) for place in range(len(table.columns))]
    gap = "\n" if sum(figures) > 2 else "  "
    for row in rows:
        grid.add_row(*(_cell(*each, gap) for each in zip(row, table.columns, table.bases, strict=True)))
    return grid


def _records(columns: tuple[Column, ...], rows: tuple[tuple[Cell, ...], ...]) -> Iterator[RenderableType]:
    for row in rows:
        head = Text()
        grid = Grid.grid(padding=(0, 2))
        grid.add_column(style="dim")
        grid.add_column(overflow="fold")
        for place, (cell, column) in enumerate(zip(row, columns, strict=True)):
            if column.kind == "text":
                grid.add_row(Text(visible(column.name)), _cell(cell, column))
            else:
                name = "" if place == 0 else f"   {visible(column.name)} "
                head.append_text(Text.assemble((name, "dim"), _cell(cell, column)))
        yield head
        yield Padding(grid, (0, 0, 0, 2))


def _cell(cell: Cell, column: Column, basis: str = "", gap: str = "  ") -> Text:
    text = cell_text(cell, column)
    if isinstance(cell, Figure) and cell.behind:
        return Text.assemble(cell.number, (gap + (cell.bounds if basis else cell.behind), "dim"))
    if column.kind == "text":
        return Text(one_line(str(excerpt(text, TEXT_LIMIT))))
    return Text(one_line(text), style="cyan" if column.kind == "code" else "")


@dataclass(frozen=True)
class _Pair:
    """Two columns where there is room for them. What differs is coloured and bold, or bracketed where nothing can be."""

    pair: Pair

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        pair = self.pair
        left, left_cut, right, right_cut = differing(pair.left, pair.right, pair.limit)
        sides = (
            (pair.left_label, _marked(left, LEFT, console), left_cut),
            (pair.right_label, _marked(right, RIGHT, console), right_cut),
        )
        if options.max_width >= TWO_COLUMNS:
            grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, expand=True, header_style="dim")
            for label, _, _ in sides:
                grid.add_column(Text(visible(label)), ratio=1, overflow="fold")
            grid.add_row(*(text for _, text, _ in sides))
            if left_cut or right_cut:
                grid.add_row(*(Text(cut, style="dim") for _, _, cut in sides))
            yield grid
        else:
            for label, text, cut in sides:
                yield from _passage(label, text, cut)
        if pair.note:
            yield Text(visible(pair.note), style="dim")


@dataclass(frozen=True)
class _Passage:
    passage: Passage

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        piece = excerpt(self.passage.text, self.passage.limit)
        yield from _passage(self.passage.label, Text(piece.text), piece.cut)


def _passage(label: str, text: Text, cut: str) -> Iterator[RenderableType]:
    yield Text(visible(label) + (f" ({cut})" if cut else ""), style="dim")
    text.overflow = "fold"
    yield Padding(text, (0, 0, 1, 2), expand=False)


def _marked(spans: Sequence[Span], look: tuple[str, str, str], console: Console) -> Text:
    style, opening, closing = look
    if console.color_system is None:
        return Text(bracketed(spans, opening, closing))
    return Text.assemble(*((text, style if differs else "") for text, differs in spans))

"""A report as Markdown: tables for numbers, fenced blocks for texts, every character of dataset text escaped."""

import re
from collections.abc import Iterator, Sequence

from curate.report.blocks import (
    SYMBOLS,
    Block,
    Cell,
    Column,
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
from curate.report.excerpt import CODE, differing, excerpt, one_line
from curate.wording import Span

TEXT_LIMIT = 300


def render(page: Page) -> str:
    """The whole page as one Markdown text."""
    return "\n".join(_page(page)).rstrip("\n") + "\n"


def escaped(text: str) -> str:
    """Text that Markdown and the HTML in it take literally, on one line. Addresses in it do not become links."""
    plain = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    marked = re.sub(r"([\\`*_\[\]|~$@]|:(?=//)|(?<=www)\.)", r"\\\1", plain)
    # What would open a heading, a list or a rule at the start of a line.
    return re.sub(r"^(\s*)([#+=-]|\d+[.)](?=\s))", _held_back, marked)


def coded(text: str) -> str:
    """Our own sentence, escaped, with what stands between backticks as code."""
    parts = CODE.split(one_line(text))
    return "".join(f"`{part}`" if at % 2 else escaped(part) for at, part in enumerate(parts))


def _held_back(found: re.Match[str]) -> str:
    return f"{found.group(1)}{found.group(2)[:-1]}\\{found.group(2)[-1]}"


def _page(page: Page) -> Iterator[str]:
    yield f"# {escaped(page.title)}\n"
    if page.subtitle:
        yield f"{escaped(page.subtitle)}\n"
    for fact in page.facts:
        note = f" ({escaped(fact.note)})" if fact.note else ""
        yield f"- {escaped(fact.label)}: **{escaped(cell_text(fact.value, Column(fact.label)))}**{note}"
    if page.facts:
        yield ""
    for section in page.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield f"## {escaped(section.title)}\n"
    if section.text:
        yield f"{coded(section.text)}\n"
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Note():
            if block.title:
                yield f"### {escaped(block.title)}\n"
            yield f"{coded(block.text)}\n"
        case Table():
            yield from _table(block)
        case Plot():
            yield f"**{escaped(block.title)}**\n"
            yield f"{escaped(block.alt)}\n"
            yield from _table(block.numbers)
        case Finding():
            yield from _finding(block)
        case Pair():
            yield from _pair(block)
        case Passage():
            piece = excerpt(block.text, block.limit)
            yield f"{escaped(block.label)}{f' ({piece.cut})' if piece.cut else ''}\n"
            yield _fenced(piece.text)


def _finding(finding: Finding) -> Iterator[str]:
    count = f": {finding.count:,}" if finding.count is not None else ""
    share = f", {escaped(str(finding.share))}" if finding.share is not None else ""
    yield f"### {SYMBOLS[finding.severity]} {finding.severity}: {escaped(finding.title)}{count}{share}\n"
    if finding.text:
        yield f"{coded(finding.text)}\n"
    if finding.todo:
        yield f"**What to do:** {coded(finding.todo)}\n"
    if finding.rows is not None:
        yield from _table(finding.rows)


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield f"*{escaped(table.caption)}*\n"
    heads = zip(table.columns, table.bases, strict=True)
    yield _line(escaped(f"{column.name} ({basis})" if basis else column.name) for column, basis in heads)
    yield _line("---:" if column.kind == "number" else "---" for column in table.columns)
    for row in table.rows:
        yield _line(_cell(*each) for each in zip(row, table.columns, table.bases, strict=True))
    yield f"\n{table.cut}\n" if table.cut else ""


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell, column: Column, basis: str) -> str:
    text = cell_text(cell, column, basis)
    if column.kind == "label":
        # A pipe would end the cell, in code too.
        return re.sub(r"(?<!\\)\|", r"\|", coded(text))
    return escaped(str(excerpt(text, TEXT_LIMIT)) if column.kind == "text" else text)


def _pair(pair: Pair) -> Iterator[str]:
    left, left_cut, right, right_cut = differing(pair.left, pair.right, pair.limit)
    for label, spans, cut in ((pair.left_label, left, left_cut), (pair.right_label, right, right_cut)):
        yield f"{escaped(label)}{f' ({cut})' if cut else ''}\n"
        yield _quoted(spans)
    if pair.note:
        yield f"{escaped(pair.note)}\n"


def _quoted(spans: Sequence[Span]) -> str:
    """The spans as a quotation, what differs in bold. What differs never runs over a line end."""
    shown = []
    for place, (text, differs) in enumerate(spans):
        before = spans[place - 1].text[-1:] if place else ""
        after = spans[place + 1].text[:1] if place + 1 < len(spans) else ""
        shown.append(_bold(text, before, after) if differs else "\n".join(escaped(line) for line in text.split("\n")))
    lines = [re.sub("^ +", lambda gap: "&nbsp;" * len(gap[0]), line) for line in "".join(shown).split("\n")]
    return "> " + "\\\n> ".join(lines) + "\n"


def _bold(text: str, before: str, after: str) -> str:
    """In stars, or in a tag where stars between a letter and a sign would stay stars."""
    stars = (text[0].isalnum() or not before.isalnum()) and (text[-1].isalnum() or not after.isalnum())
    return f"**{escaped(text)}**" if stars else f"<b>{escaped(text)}</b>"


def _fenced(text: str) -> str:
    # The fence is longer than any run of backticks in the text, so the text cannot close it.
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}\n"

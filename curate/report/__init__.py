"""One report, four ways to read it: terminal, Markdown, a self-contained HTML page, JSON.

    report = Report("Audit of chats.jsonl", facts=(Fact("rows", 1_204),), sections=(Section("Lengths"),))
    print(report)
    report.write(Path("audit.html"))        # or .md, or .json

Whoever measures builds the blocks; nothing here knows what a dataset is.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate import save
from curate.errors import BadInput
from curate.report.blocks import (
    Block,
    Cell,
    Colouring,
    Column,
    Fact,
    Figure,
    Finding,
    Kind,
    Map,
    Note,
    Page,
    Pair,
    Passage,
    Plot,
    Points,
    Section,
    Severity,
    Table,
)
from curate.wording import marked, ranges

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = [
    "SCHEMA_VERSION",
    "Block",
    "Cell",
    "Colouring",
    "Column",
    "Fact",
    "Figure",
    "Finding",
    "Kind",
    "Map",
    "Note",
    "Pair",
    "Passage",
    "Plot",
    "Points",
    "Report",
    "Section",
    "Severity",
    "Table",
]

SCHEMA_VERSION = "winnow-report/1"
PLAIN_WIDTH = 100


@dataclass(frozen=True)
class Report(Page):
    """A page that prints itself. `str(report)` is the terminal text without colour codes."""

    def __rich__(self) -> "RenderableType":
        from curate.report import terminal

        return terminal.render(self)

    def __str__(self) -> str:
        from rich.console import Console

        paper = StringIO()
        Console(file=paper, width=PLAIN_WIDTH, color_system=None, force_terminal=False, emoji=False).print(self)
        return "\n".join(line.rstrip() for line in paper.getvalue().splitlines()).strip("\n")

    def to_markdown(self) -> str:
        """The report as Markdown."""
        from curate.report import markdown

        return markdown.render(self)

    def to_html(self) -> str:
        """The report as one HTML page that makes no request."""
        from curate.report import html

        return html.render(self)

    def to_json(self) -> str:
        """The report as one JSON document; dataset text in it is not cut."""
        text = json.dumps({"schema": SCHEMA_VERSION, **_plain(self)}, ensure_ascii=False, indent=1, allow_nan=False)
        # Half a surrogate pair cannot be written as UTF-8; in JSON its escape can.
        return text.encode("utf-8", "backslashreplace").decode() + "\n"

    def write(self, path: Path) -> Path:
        """Write .html, .md or .json by the suffix; a reader sees the old file or the new one, never half of one."""
        path = Path(path)
        match form_of(path):
            case "html":
                text = self.to_html()
            case "md":
                text = self.to_markdown()
            case _:
                text = self.to_json()
        save.write_text(path, text)
        return path


def form_of(path: Path) -> str:
    """What the name of a report asks for: html, md or json. BadInput for another suffix, and for a folder."""
    form = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".json": "json"}.get(path.suffix.lower())
    if path.is_dir():
        raise BadInput("is a folder; a report is one file", where=str(path), hint=f"-o {path / 'report.html'}")
    if form is None:
        other = path.suffix or "a file without a suffix"
        what = f"a report is written as .html, .md or .json, not as {other}"
        raise BadInput(what, where=str(path), hint=f"-o {path.with_suffix('.html')}")
    return form


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return {"type": "Figure", **_fields(value), "text": str(value)}
    if isinstance(value, Pair):
        # The texts are whole and plain; where they differ is said by places in them.
        left, right = marked(value.left, value.right)
        where = {"left_differs": ranges(left), "right_differs": ranges(right)}
        return {"type": "Pair", **_fields(value), **_plain(where)}
    if is_dataclass(value):
        return {"type": type(value).__name__, **_fields(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    # A drawing is for eyes, and so are the points of a map; the numbers stand beside them.
    names = [field.name for field in fields(value) if field.name not in ("svg", "points")]
    return {name: _plain(getattr(value, name)) for name in names}

"""A report as one self-contained HTML page: escaped text, no request to anywhere, and no script but those it is given.

The page forbids itself every request (`default-src 'none'`); pictures are inline SVG, checked before they are let in. With
`Live` the tables and maps of the page come to life; without, and where scripts do not run, the same content stands there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from curate.report.blocks import SYMBOLS, Column, Figure, Map, Page, Points, cell_text
from curate.report.excerpt import CODE, differing, excerpt, visible

TEMPLATE = "page.html.j2"
WIDE = 3  # columns, above which a narrow screen tells each line by itself
PRINTED = 3  # rows of a finding that go to paper

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_DRAWING = {"svg", "g", "path", "text", "tspan", "rect", "circle", "line", "use", "defs", "clipPath", "title"}


@dataclass(frozen=True)
class Live:
    """What brings a page to life: script elements, the policy that names them, and each map's data as script-safe JSON."""

    policy: str
    elements: Markup = field(repr=False)
    data: Callable[[Points], Markup]


def render(page: Page, live: Live | None = None) -> str:
    """The whole page as HTML text."""
    return _template().render(page=page, live=live) + "\n"


@cache
def _template() -> Template:
    room = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.filters |= {"visible": visible, "cell": cell_text, "inert": inert, "excerpt": excerpt, "coded": coded}
    room.globals |= {
        "SYMBOLS": SYMBOLS,
        "WIDE": WIDE,
        "PRINTED": PRINTED,
        "differing": differing,
        "Column": Column,
        "is_figure": lambda cell: isinstance(cell, Figure),
        "kind": lambda block: type(block).__name__,
        "is_map": lambda block: isinstance(block, Map) and block.points is not None,
    }
    return room.get_template(TEMPLATE)


def safe(text: str) -> Markup:
    """JSON in which no sign can end a script element; ValueError where one can."""
    if "<" in text:
        raise ValueError("the JSON of a map holds a <")
    return Markup(text)


def coded(text: str) -> Markup:
    """Our own sentence, escaped, with what stands between backticks as code."""
    parts = CODE.split(visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def inert(svg: str) -> Markup:
    """An SVG that may stand in a page as it is; ValueError if it holds anything but drawing."""
    if "<!" in svg or "<?" in svg:
        raise ValueError("a plot holds a declaration or a processing instruction")
    for element in ElementTree.fromstring(svg).iter():
        if element.tag.removeprefix(_SVG) not in _DRAWING:
            raise ValueError(f"a plot holds a <{element.tag}> element")
        for name, value in element.attrib.items():
            outside = (name in ("href", _LINK) and not value.startswith("#")) or "url(" in value.replace("url(#", "")
            if outside or name.lower().startswith("on"):
                raise ValueError(f"a plot holds the attribute {name}={value[:60]!r}")
    return Markup(svg)

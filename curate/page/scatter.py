"""Points of a map drawn twice: as a picture that needs no script, and as Bokeh's document that a page brings to life.

    drawn(points)           # SVG text
    document(points)        # what Bokeh.embed.embed_item takes, as a dict

The larger a group, the earlier its colour; from the twentieth on all are grey. Nothing is told by
colour alone: each group can be shown by itself, and hovering says its name.
"""

import json
from typing import Any

import numpy as np

from curate.report import Colouring, Points

SIDE = 1000  # the picture's own units
REST, QUIET = 19, 20  # the colours of all groups after the largest, and of what nothing is said of
# Alike in lightness, so that they stand out from white and from black paper; neighbours in the list differ most.
COLOURS = (
    "#3b82c4", "#d9772b", "#3f9c52", "#c74f52", "#8d68c0", "#9c6b4e", "#cf62a6", "#1f9aa8", "#a39a1c", "#5f6fd0",
    "#e0607e", "#57a639", "#b0568f", "#c08a1e", "#2fa286", "#7d86a8", "#d2694b", "#6a9a23", "#a06bd6", "#8a8a85",
    "#8a8a8560",
)  # fmt: skip


def ranked(colouring: Colouring) -> list[int]:
    """For each group its colour by number: the largest is first, ties by number; a quiet one is grey."""
    counts = colouring.counts
    order = sorted(set(range(len(counts))) - {colouring.quiet}, key=lambda group: (-counts[group], group))
    place = {group: min(rank, REST) for rank, group in enumerate(order)}
    return [place.get(group, QUIET) for group in range(len(counts))]


def dot(points: int) -> float:
    """How wide a point is drawn, in pixels of a map 700 wide: few are large, many small."""
    return round(float(np.clip(260 / max(1, points) ** 0.45, 3.2, 9)), 1)


def drawn(points: Points) -> str:
    """The points as one SVG path per colour, by the first colouring; the rarest lie on top."""
    across = (40 + np.asarray(points.x, np.float64) * (SIDE - 80)).round().astype(int)
    down = (SIDE - 40 - np.asarray(points.y, np.float64) * (SIDE - 80)).round().astype(int)
    colours = np.asarray(ranked(points.colourings[0]))[points.colourings[0].groups] if points.colourings else across * 0
    width = dot(len(across)) * SIDE / 700
    paths = []
    for colour in [QUIET, REST, *range(REST)]:
        mine = np.flatnonzero(colours == colour)
        if len(mine):
            steps = "".join(f"M{x} {y}h0" for x, y in zip(across[mine].tolist(), down[mine].tolist(), strict=True))
            paths.append(f'<path d="{steps}" stroke="{COLOURS[colour]}"/>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}">'
    pen = f'<g fill="none" stroke-width="{width:.1f}" stroke-linecap="round" stroke-opacity="0.75">'
    return f"{head}{pen}{''.join(paths)}</g></svg>"


def document(points: Points) -> dict[str, Any]:
    """Bokeh's document: one scatter, coloured by the column `colour`. Nothing in it needs code to be written at run time."""
    from bokeh.embed import json_item
    from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper, Range1d
    from bokeh.models.tools import PanTool, ResetTool, WheelZoomTool
    from bokeh.plotting import figure

    count = len(points.x)
    source = ColumnDataSource(
        {"x": points.x, "y": points.y, "said": list(points.said), "colour": np.zeros(count, np.uint8)}, name="points"
    )
    hover = HoverTool(tooltips=TOOLTIP, limit=3, point_policy="follow_mouse")
    wheel = WheelZoomTool(modifiers="ctrl")
    tools = [PanTool(), wheel, ResetTool(), hover]
    plot = figure(
        tools=tools, toolbar_location=None, sizing_mode="stretch_both", min_border=0, name="map", active_scroll=wheel,
        x_range=Range1d(-0.03, 1.03), y_range=Range1d(-0.03, 1.03), match_aspect=True, background_fill_color=None,
        border_fill_color=None, outline_line_color=None, lod_threshold=6_000, lod_factor=4, lod_interval=120,
    )  # fmt: skip
    plot.axis.visible = False
    plot.grid.visible = False
    colour = {"field": "colour", "transform": LinearColorMapper(palette=list(COLOURS), low=0, high=len(COLOURS))}
    plot.scatter(
        "x", "y", source=source, size=dot(count), fill_color=colour, line_color=None, fill_alpha=0.75,
        nonselection_fill_alpha=0.06, selection_fill_alpha=0.95,
    )  # fmt: skip
    made: dict[str, Any] = json_item(plot)
    return made


# The page's own colours reach into the tooltip; `@` is a column, escaped by Bokeh.
TOOLTIP = (
    '<div class="winnow-tip" style="max-width: 22rem; margin: -5px; padding: .5rem .7rem; background: var(--paper); color: var(--ink); '
    'font: .8125rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; white-space: pre-wrap">'
    '<div dir="auto" style="unicode-bidi: isolate">@said</div><div style="color: var(--muted)">@group</div></div>'
)


def data(points: Points) -> dict[str, Any]:
    """What the page's own script needs: the colourings, and Bokeh's document."""
    colourings = [
        {
            "title": colouring.title,
            "names": list(colouring.names),
            "counts": list(colouring.counts),
            "colours": ranked(colouring),
            "quiet": colouring.quiet,
            "groups": colouring.groups.tolist(),
        }
        for colouring in points.colourings
    ]
    return {"item": document(points), "colourings": colourings, "palette": list(COLOURS)}


def as_json(value: Any) -> str:
    """JSON that may stand inside a script element: no sign in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode("utf-8", "backslashreplace").decode()

"""Pictures for reports: numbers in, SVG text out, the same bytes each time.

    counts = binned({"before": [3, 8, 40], "after": [8, 40]}, length_edges([3, 8, 40]))
    svg = histogram(counts, x="words")

Colours are CSS variables, so one picture serves a light and a dark page; text stays text, so it can be read aloud and
searched. No picture relies on colour alone: a second series is an outline, a starting point a hollow ring.
"""

import io
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curate.report.excerpt import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.2  # inches; the page scales the picture to its own width
LABEL_LIMIT = 32

# Stand-ins that matplotlib accepts as colours; `_themed` puts the CSS in their place.
INK, MUTED, LINE, FIRST, SECOND, PAPER = (f"#00000{n}" for n in range(1, 7))
THEME = {
    INK: "currentColor",
    MUTED: "var(--muted, #6b7280)",
    LINE: "var(--line, #d4d4d8)",
    FIRST: "var(--plot-a, #3d7ea6)",
    SECOND: "var(--plot-b, #c2571a)",
    PAPER: "var(--paper, #ffffff)",
}
FONT = "font-family: system-ui, sans-serif; unicode-bidi: isolate"


@dataclass(frozen=True)
class Bins:
    """Counts per bin and series. Bin i holds `edges[i] <= value < edges[i + 1]`, the last its upper edge too."""

    edges: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]
    unscored: dict[str, int]

    @property
    def labels(self) -> tuple[str, ...]:
        """What each bin is called: "3 to 4" for whole numbers, "0.25 to 0.3" for others."""
        pairs = list(zip(self.edges, self.edges[1:], strict=False))
        if not all(edge == int(edge) for edge in self.edges):
            return tuple(f"{low:g} to {high:g}" for low, high in pairs)
        tops = [int(high) - 1 for _, high in pairs[:-1]] + [int(self.edges[-1])] if pairs else []
        return tuple(
            f"{int(low):,}" if int(low) == top else f"{int(low):,} to {top:,}"
            for (low, _), top in zip(pairs, tops, strict=True)
        )

    @property
    def total(self) -> int:
        """Values counted, all series together."""
        return sum(sum(counts) for counts in self.counts.values())


def length_edges(values: Sequence[float | None]) -> tuple[float, ...]:
    """Edges 0, 1, 2, 5, 10, 20, 50, ... past the largest value: long tails stay in the picture, no value is cut off."""
    largest = max((value for value in values if value is not None and math.isfinite(value)), default=0.0)
    edges, step = [0.0, 1.0], 1.0
    while edges[-1] <= largest:
        edges += [step * 2, step * 5, step * 10]
        step *= 10
    while len(edges) > 2 and edges[-2] > largest:
        edges.pop()
    return tuple(edges)


def even_edges(low: float, high: float, bins: int = 20) -> tuple[float, ...]:
    """`bins` bins of one width: for scores with known ends, such as 0 to 1."""
    return tuple(round(low + (high - low) * i / bins, 10) for i in range(bins + 1))


def binned(series: Mapping[str, Sequence[float | None]], edges: Sequence[float]) -> Bins:
    """Count each series into bins. None and NaN are unscored: counted apart, never as 0."""
    counts, unscored = {}, {}
    for name, values in series.items():
        tally = [0] * (len(edges) - 1)
        known = [value for value in values if value is not None and not math.isnan(value)]
        for value in known:
            if not edges[0] <= value <= edges[-1]:
                raise ValueError(f"{value} lies outside the bins {edges[0]} to {edges[-1]}")
            tally[min(bisect_right(edges, value) - 1, len(tally) - 1)] += 1
        counts[name] = tuple(tally)
        unscored[name] = len(values) - len(known)
    return Bins(tuple(edges), counts, unscored)


def histogram(bins: Bins, *, x: str, y: str = "rows") -> str:
    """One series as bars, or two over each other: the first filled, the second an outline."""
    if not 1 <= len(bins.counts) <= 2:
        raise ValueError(f"a histogram shows one or two series, not {len(bins.counts)}")
    if bins.total == 0:
        return no_data()
    figure, axes = _sheet(2.5)
    places = range(len(bins.labels))
    (first, counts), *rest = bins.counts.items()
    axes.bar(places, counts, width=0.86, color=FIRST, label=_label(first))
    for second, others in rest:
        axes.stairs(
            others, [place - 0.5 for place in (*places, len(places))], color=SECOND, linewidth=1.8, label=_label(second)
        )
    axes.set_xticks([place - 0.5 for place in (*places, len(places))], [_short(edge) for edge in bins.edges])
    if len(bins.edges) > 16:
        for number, tick in enumerate(axes.get_xticklabels()):
            tick.set_visible(number % 2 == 0)
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_xlabel(_label(x))
    axes.set_ylabel(_label(y))
    axes.locator_params(axis="y", integer=True, nbins=5)
    axes.yaxis.set_major_formatter(_thousands)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    _legend(axes, [_label(name) for name in bins.counts])
    return _svg(figure)


def scores(counts: Sequence[int], lines: Mapping[str, float], *, x: str, y: str) -> str:
    """Counts of scores in bins of one width from -1 to 1, on a logarithmic scale: few high ones are seen beside millions.

    `lines` are drawn across, each with its name at the top.
    """
    if not any(counts):
        return no_data()
    figure, axes = _sheet(2.7)
    width = 2 / len(counts)
    filled = [place for place, count in enumerate(counts) if count]
    axes.stairs(
        counts, [round(-1 + width * i, 10) for i in range(len(counts) + 1)], baseline=0.6, fill=True, color=FIRST
    )
    axes.set_yscale("log")
    axes.set_ylim(0.6, max(counts) * 2)
    axes.set_xlim(-1 + width * (filled[0] - 2), 1 + width)
    for name, at in lines.items():
        axes.axvline(at, color=SECOND, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.annotate(_label(name), (at, 1), xycoords=("data", "axes fraction"), xytext=(4, -9),
                      textcoords="offset points", color=INK)  # fmt: skip
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(_thousands)
    axes.set_xlabel(_label(x))
    axes.set_ylabel(_label(y))
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    return _svg(figure)


def bars(
    labels: Sequence[str],
    values: Sequence[float | None],
    low: Sequence[float | None] | None = None,
    high: Sequence[float | None] | None = None,
    *,
    x: str,
    percent: bool = False,
) -> str:
    """Horizontal bars, first label on top, whiskers where both bounds are known. An unknown value says so, without a bar."""
    if not labels:
        return no_data()
    lows, highs = low or [None] * len(labels), high or [None] * len(labels)
    figure, axes = _sheet(0.75 + 0.3 * len(labels))
    reach = max((v for v in (*values, *highs) if v is not None), default=0.0) or 1.0
    for place, (value, down, up) in enumerate(zip(values, lows, highs, strict=True)):
        if value is None:
            axes.text(0, place, " unscored", va="center", color=MUTED, style="italic")
            continue
        axes.barh(place, value, height=0.6, color=FIRST)
        end = value
        if down is not None and up is not None:
            axes.plot([down, up], [place, place], color=INK, linewidth=1.2, clip_on=False)
            for edge in (down, up):
                axes.plot([edge, edge], [place - 0.14, place + 0.14], color=INK, linewidth=1.2, clip_on=False)
            end = max(value, up)
        axes.text(end + reach * 0.012, place, _value(value, percent), va="center", color=INK)
    _rows(axes, labels, x, percent)
    axes.set_xlim(0, reach * 1.12)
    return _svg(figure)


def dumbbell(
    labels: Sequence[str],
    before: Sequence[float | None],
    after: Sequence[float | None],
    *,
    x: str,
    percent: bool = False,
    names: tuple[str, str] = ("before", "after"),
) -> str:
    """A line from before (hollow ring) to after (full dot) for each label. A side that is unknown has no mark."""
    if not labels:
        return no_data()
    figure, axes = _sheet(1.0 + 0.32 * len(labels))
    known = [value for value in (*before, *after) if value is not None]
    reach = max(known, default=0.0) or 1.0
    for place, (start, end) in enumerate(zip(before, after, strict=True)):
        if start is not None and end is not None:
            axes.plot([start, end], [place, place], color=MUTED, linewidth=1.6, clip_on=False)
        elif start is None and end is None:
            axes.text(0, place, " unscored", va="center", color=MUTED, style="italic")
    ring = {"marker": "o", "s": 46, "linewidths": 1.8, "clip_on": False, "zorder": 3}
    _dots(axes, before, facecolors=PAPER, edgecolors=SECOND, label=_label(names[0]), **ring)
    _dots(axes, after, facecolors=FIRST, edgecolors=FIRST, label=_label(names[1]), **ring)
    for place, (start, end) in enumerate(zip(before, after, strict=True)):
        ends = [value for value in (start, end) if value is not None]
        if ends:
            said = " → ".join("unscored" if v is None else _value(v, percent) for v in (start, end))
            axes.text(max(ends) + reach * 0.025, place, said, va="center", color=INK)
    _rows(axes, labels, x, percent)
    axes.set_xlim(0, reach * 1.28)
    _legend(axes, [_label(name) for name in names])
    return _svg(figure)


def no_data() -> str:
    """The picture of nothing: says so."""
    figure, axes = _sheet(0.8)
    axes.set_axis_off()
    axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes, color=MUTED, style="italic")
    return _svg(figure)


def _dots(axes: "Axes", values: Sequence[float | None], **style: Any) -> None:
    spots = [(value, place) for place, value in enumerate(values) if value is not None]
    axes.scatter([x for x, _ in spots], [y for _, y in spots], **style)


def _rows(axes: "Axes", labels: Sequence[str], x: str, percent: bool) -> None:
    axes.set_yticks(range(len(labels)), [_label(label) for label in labels])
    axes.tick_params(axis="y", pad=8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel(_label(x))
    axes.xaxis.set_major_formatter(_percent if percent else _thousands)
    axes.grid(axis="x", color=LINE, linewidth=0.7)


def _legend(axes: "Axes", names: Sequence[str]) -> None:
    if len(names) > 1:
        # matplotlib lists outlines before bars; a reader expects the order of the series.
        marks = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda mark: names.index(mark[1]))
        axes.legend(
            *zip(*marks, strict=True), frameon=False, labelcolor=INK, loc="lower right", bbox_to_anchor=(1, 1), ncols=2
        )


def _sheet(height: float) -> tuple["Figure", "Axes"]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.family": ["DejaVu Sans"], "font.size": 9, "text.parse_math": False}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.xaxis.label.set_color(MUTED)
    axes.yaxis.label.set_color(MUTED)
    return figure, axes


def _svg(figure: "Figure") -> str:
    from matplotlib import rc_context
    from matplotlib.text import Text

    paper = io.StringIO()
    for text in figure.findobj(Text):
        # Dataset text may hold dollar signs: they are no mathematics here.
        text.set_parse_math(False)
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "winnow",
        "text.parse_math": False,
        "font.family": ["DejaVu Sans"],
    }
    with rc_context(settings):
        figure.savefig(paper, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _themed(paper.getvalue())


def _themed(svg: str) -> str:
    """Cut matplotlib's SVG to what a page needs: no document type, no style sheet, CSS variables for colours."""
    import hashlib

    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"font-family: [^;\"]*|font: (?P<rest>[^;\"]*?px) [^;\"]*", _font, svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", svg)
    for stand_in, colour in THEME.items():
        svg = svg.replace(stand_in, colour)
    # Several pictures share a page: their inner names must not meet.
    own = "w" + hashlib.sha256(svg.encode()).hexdigest()[:8]
    svg = re.sub(r'\bid="', f'id="{own}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{own}-", svg)
    return re.sub(r"\s*\n\s*", " ", svg)


def _font(found: re.Match[str]) -> str:
    rest = found.group("rest")
    if rest is None:
        return FONT
    slanted = "font-style: italic; " if "italic" in rest else ""
    return f"{slanted}font-size: {rest.split()[-1]}; {FONT}"


def _label(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LABEL_LIMIT else line[: LABEL_LIMIT - 1] + "…"


def _value(value: float, percent: bool) -> str:
    if percent:
        return f"{100 * value:.1f} %" if value == 0 or value >= 0.001 else f"{100 * value:.3f} %"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def _short(edge: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if edge >= size:
            return f"{edge / size:g}{letter}"
    return f"{edge:g}"


def _thousands(value: float, _place: float) -> str:
    return f"{value:,g}"


def _percent(value: float, _place: float) -> str:
    return f"{100 * value:g} %"

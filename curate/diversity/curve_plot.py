"""How well k rows stand for all, against k: the chosen ones beside rows drawn at random.

svg = growth([1, 10, 100], {"chosen": [0.1, 0.3, 0.5], "random": [0.05, 0.2, 0.4]})
"""

from collections.abc import Mapping, Sequence

from curate.plots import FIRST, LINE, SECOND, _label, _legend, _sheet, _svg, _thousands, no_data


def growth(
    counts: Sequence[int], series: Mapping[str, Sequence[float]], *, x: str = "rows chosen", y: str = "coverage"
) -> str:
    """One or two curves over the number of rows, on a logarithmic scale: the first full with dots, the second dashed with rings."""
    if not counts:
        return no_data()
    figure, axes = _sheet(2.8)
    for (name, heights), colour, line in zip(series.items(), (FIRST, SECOND), ("-", "--"), strict=False):
        inside = colour if line == "-" else "none"
        axes.plot(
            counts, heights, line, color=colour, linewidth=1.6, marker="o", markersize=3.2, markerfacecolor=inside,
            label=_label(name),
        )  # fmt: skip
    if len(counts) > 1:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_ylim(min(0.0, *(min(heights) for heights in series.values())), None)
    axes.xaxis.set_major_formatter(_thousands)
    axes.set_xlabel(_label(x))
    axes.set_ylabel(_label(y))
    axes.grid(color=LINE, linewidth=0.7)
    _legend(axes, [_label(name) for name in series])
    return _svg(figure)

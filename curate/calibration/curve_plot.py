"""Curves for reports: recall against threshold, precision against recall, predicted against observed.

svg = curves({"rule": [(0.1, 0.9), (0.5, 0.7)], "cosine": [(0.1, 0.5), (0.5, 0.2)]}, x="recall", y="precision")
"""

from collections.abc import Mapping, Sequence

from curate.plots import FIRST, INK, LINE, MUTED, SECOND, _label, _legend, _percent, _sheet, _svg, no_data

Points = Sequence[tuple[float, float]]


def curves(
    series: Mapping[str, Points],
    *,
    x: str,
    y: str,
    diagonal: bool = False,
    x_percent: bool = False,
    mark: tuple[float, str] | None = None,
) -> str:
    """One or two curves over 0 to 1: the first full with dots, the second dashed with rings, so that no colour is needed.

    `diagonal` draws where x equals y; `mark` draws a vertical line and says what it is.
    """
    if not 1 <= len(series) <= 2:
        raise ValueError(f"a picture shows one or two curves, not {len(series)}")
    if not any(series.values()):
        return no_data()
    figure, axes = _sheet(3.0)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for (name, points), colour, line in zip(series.items(), (FIRST, SECOND), ("-", "--"), strict=False):
        places, heights = [px for px, _ in points], [py for _, py in points]
        inside = colour if line == "-" else "none"
        axes.plot(
            places, heights, line, color=colour, linewidth=1.6, marker="o", markersize=3.2, markerfacecolor=inside,
            label=_label(name),
        )  # fmt: skip
    if mark is not None:
        axes.axvline(mark[0], color=INK, linewidth=0.9, linestyle=":")
        left = mark[0] > 0.6
        axes.text(mark[0], 0.5, f" {_label(mark[1])} ", ha="right" if left else "left", color=MUTED, style="italic")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    axes.set_xlabel(_label(x))
    axes.set_ylabel(_label(y))
    axes.yaxis.set_major_formatter(_percent)
    if x_percent:
        axes.xaxis.set_major_formatter(_percent)
    axes.grid(color=LINE, linewidth=0.7)
    _legend(axes, [_label(name) for name in series])
    return _svg(figure)

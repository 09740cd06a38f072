"""A report written as a live page where the extra `map` is installed, and as a page without scripts where it is not.

said = write(report, Path("audit.html"))         # None, or why the page is not live
"""

from pathlib import Path

from curate import save
from curate.page import libraries, scatter
from curate.report import Report, html

LARGEST = 8_000_000  # bytes that a page is meant to stay below


def write(report: Report, path: Path) -> str | None:
    """Write the page; a sentence says what it lacks, if anything."""
    scripts = libraries.scripts()
    save.write_text(path, render(report))
    if scripts is None:
        lacking = " and ".join(libraries.missing())
        return f"{path.name} is without its live map and tables, for which {lacking} is needed: {libraries.EXTRA}"
    return None


def render(report: Report) -> str:
    """The page as HTML text."""
    scripts = libraries.scripts()
    if scripts is None:
        return html.render(report)
    live = html.Live(scripts.policy, scripts.elements, lambda points: html.safe(scatter.as_json(scatter.data(points))))
    return html.render(report, live)

"""Two iterations, data and model together: what `winnow diff` shows.

rows, model = of(Path("iterations/001"), Path("iterations/002"), models)
"""

from pathlib import Path

from curate import survey
from curate.datadiff import DataDiff
from curate.detectors import Models
from curate.progress import Progress, silent
from evalsuite.compare import ModelDiff, compare


def of(a: Path, b: Path, models: Models, progress: Progress = silent) -> tuple[DataDiff, ModelDiff | None]:
    """The difference of the rows, and of the models where both sides were evaluated."""
    rows = survey.compare_paths(a, b, models, progress)
    evaluated = [(side / "eval" / "manifest.json").is_file() for side in (a, b)]
    return rows, compare(a / "eval", b / "eval", names=rows.names) if all(evaluated) else None

"""Two iterations, data and model together: what `winnow diff` shows.

rows, model = of(Path("iterations/001"), Path("iterations/002"), models)
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from curate import pii, survey
from curate.datadiff import DataDiff
from curate.detectors import Models
from curate.progress import Progress, silent
from evalsuite.compare import ModelDiff, compare


def of(a: Path, b: Path, models: Models, progress: Progress = silent) -> tuple[DataDiff, ModelDiff | None]:
    """The difference of the rows, and of the models where both sides were evaluated."""
    rows = survey.compare_paths(a, b, models, progress)
    evaluated = [(side / "eval" / "manifest.json").is_file() for side in (a, b)]
    return rows, compare(a / "eval", b / "eval", names=rows.names) if all(evaluated) else None


def mask(models: Models) -> Callable[[Sequence[str]], list[str]]:
    """Texts with their personal data replaced by its kind."""

    def masked(texts: Sequence[str]) -> list[str]:
        found = models.find_pii.find(texts)
        return [pii.mask(text, some) for text, some in zip(texts, found, strict=True)]

    return masked

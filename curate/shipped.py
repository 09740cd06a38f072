"""Data that ships with Winnow: found in a checkout and in an installed wheel alike.

    shipped.sample_data() / "support-raw.jsonl"

The wheel carries `sample_data/` as `curate/sample_data` and `rubrics/` as `evalsuite/rubrics`; a checkout keeps both at
its top, so that people find them.
"""

from importlib.resources import files
from pathlib import Path

from curate.errors import Surroundings


def sample_data() -> Path:
    """The folder of sample data: raw rows, eval file, truth."""
    return _folder("curate", "sample_data")


def rubrics() -> Path:
    """The folder of style and rule rubrics."""
    return _folder("evalsuite", "rubrics")


def model(name: str) -> Path:
    """A small weights file or card of ours, in `curate/models/`."""
    return Path(str(files("curate"))) / "models" / name


def _folder(package: str, name: str) -> Path:
    inside = Path(str(files(package))) / name
    for place in (inside, inside.parent.parent / name):
        if place.is_dir():
            return place
    raise Surroundings(
        f"the {name} folder is missing from this installation", hint="pip install --force-reinstall winnow-tune"
    )

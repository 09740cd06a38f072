"""Which rooms of `curate` a room imports: what is kept in the cache has to lie under the source of all that decides it."""

import ast
from collections.abc import Sequence
from pathlib import Path

import curate

PACKAGE = Path(curate.__file__).parent


def imported(rooms: Sequence[str]) -> set[str]:
    """Names such as "text" or "faults.exchanges", of what these files and folders import outside themselves."""
    files = [file for room in rooms for file in _files(PACKAGE / room)]
    own = {_name(file) for file in files}
    return {name for file in files for name in _imports(file)} - own


def _files(place: Path) -> list[Path]:
    return sorted(place.glob("*.py")) if place.is_dir() else [place]


def _name(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _imports(file: Path) -> set[str]:
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "curate":
            inside = node.module.removeprefix("curate").lstrip(".")
            for name in node.names:
                whole = f"{inside}.{name.name}".lstrip(".")
                place = PACKAGE / whole.replace(".", "/")
                found.add(whole if place.with_suffix(".py").exists() or place.is_dir() else inside)
    return found

"""Which files a person means: a file, a folder, a glob; each file once, in order.

notes = []
list(files_of("data/", notes))            # [("data/a.jsonl", False), ("data/b.csv.gz", False)]
"""

import difflib
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from curate.counted import counted
from curate.errors import BadInput
from curate.layouts.containers import COMPRESSIONS, KIND_OF_NAME
from curate.save import said

Paths = str | Path | Sequence[str | Path]


def files_of(paths: Paths, notes: list[str]) -> Iterator[tuple[str, bool]]:
    """Every file once, and whether it was named itself (not found in a folder or by a glob)."""
    seen = dict[str, str]()
    for given in [paths] if isinstance(paths, str | Path) else paths:
        for path, named in _meant_by(str(given), notes):
            real = os.path.realpath(path)
            if real in seen:
                notes.append(f"{path}: read once, it is the same file as {seen[real]}")
                continue
            seen[real] = path
            yield path, named


def shown(paths: Paths) -> str:
    """The paths for a sentence."""
    return str(paths) if isinstance(paths, str | Path) else ", ".join(map(str, paths))


def _meant_by(given: str, notes: list[str]) -> list[tuple[str, bool]]:
    path = Path(given)
    if path.is_dir():
        return [(found, False) for found in _in_folder(path, notes)]
    if path.is_file():
        return [(given, True)]
    if path.exists():
        raise BadInput("is not a file or a folder", where=given)
    if not glob.has_magic(given):
        raise _missing(path, given)
    matches = [name for name in sorted(glob.glob(given, recursive=True)) if Path(name).is_file()]  # noqa: PTH207
    if not matches:
        raise BadInput("matches no file", where=given)
    return [(name, False) for name in matches]


def _in_folder(folder: Path, notes: list[str]) -> list[str]:
    found, passed = list[str](), list[str]()

    def refuse(error: OSError) -> None:
        raise BadInput(f"cannot be read: {said(error)}", where=str(error.filename))

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                (found if _usable(name) else passed).append(str(Path(place) / name))
    if not found:
        seen = f" (it has {', '.join(Path(path).name for path in sorted(passed)[:5])})" if passed else ""
        kinds = f"files that end in {', '.join(KIND_OF_NAME)}, also with {' or '.join(COMPRESSIONS)} behind it"
        raise BadInput(f"the folder holds no data file{seen}", where=str(folder), hint=kinds)
    if passed:
        notes.append(f"{folder}: {counted(len(passed), 'file')} passed over by name ({', '.join(sorted(passed)[:3])})")
    return sorted(found)


def _usable(name: str) -> bool:
    path = Path(name.lower())
    return (Path(path.stem).suffix if path.suffix in COMPRESSIONS else path.suffix) in KIND_OF_NAME


def _missing(path: Path, given: str) -> BadInput:
    try:
        if not path.parent.is_dir():
            return BadInput("there is no such file, and no such folder", where=given)
        names = sorted(entry.name for entry in path.parent.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        return BadInput(f"cannot be read: {said(error)}", where=given)
    if spaced := [name for name in names if name.startswith(f"{path.name} ")]:
        hint = f"quotes around a path with spaces: '{path.parent / spaced[0]}...'"
        return BadInput("there is no such file", where=given, hint=hint)
    by_stem = {Path(name).stem: name for name in names}
    near = [by_stem[stem] for stem in difflib.get_close_matches(path.stem, by_stem, n=1, cutoff=0.6)]
    return BadInput("there is no such file", where=given, hint=str(path.parent / near[0]) if near else None)

"""A folder of results that is written whole or not at all.

    with place(Path("deduplicated"), ("kept.jsonl", "summary.json")) as scratch:
        ...                          # write into scratch; at the end of the block the named files stand in the folder

While the block runs, everything lies in a hidden folder inside, on the same disk. An error or Ctrl-C takes it away. What a
killed process left there goes with the next run. A folder that holds results already is refused before any work.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from curate.errors import BadInput, Surroundings
from curate.save import said

SCRATCH = ".unfinished"
LOCK = "in use"


@contextlib.contextmanager
def place(out: Path, names: Sequence[str]) -> Iterator[Path]:
    """A scratch folder; at the end its files of these names move to `out`, the last one last."""
    _check(out, names)
    made = not out.exists()
    scratch = out / SCRATCH
    lock: IO[bytes] | None = None
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        lock = _locked(scratch, out)
        _clear(out, scratch, names)
        yield scratch
        for name in names:
            (scratch / name).replace(out / name)
        made = False
    except OSError as error:
        raise Surroundings(f"could not be written: {said(error)}", where=str(out)) from error
    finally:
        if lock is not None:
            shutil.rmtree(scratch, ignore_errors=True)
            lock.close()
        if made:
            with contextlib.suppress(OSError):
                out.rmdir()


def _check(out: Path, names: Sequence[str]) -> None:
    above = next(place for place in (out, *out.absolute().parents) if os.path.lexists(place))
    if not above.is_dir():
        raise BadInput("is a file, and the results are a folder", where=str(above), hint="another name after -o")
    if not os.access(above, os.W_OK | os.X_OK):
        raise Surroundings("nothing can be written here (read-only, or not permitted)", where=str(above))
    there = [name for name in names if os.path.lexists(out / name)]
    if there and (names[-1] in there or not (out / SCRATCH).is_dir()):
        what = f"holds {', '.join(there)} already, which would be overwritten"
        raise BadInput(what, where=str(out), hint="another name after -o, or delete what is there")


def _locked(scratch: Path, out: Path) -> IO[bytes]:
    file = (scratch / LOCK).open("ab")
    try:
        import fcntl
    except ImportError:  # Windows: two runs into one folder are not told apart
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BadInput("another run is writing here", where=str(out), hint="another name after -o") from None
    return file


def _clear(out: Path, scratch: Path, names: Sequence[str]) -> None:
    """Take away what a run left that was killed."""
    for name in names:
        (out / name).unlink(missing_ok=True)
    for left in scratch.iterdir():
        if left.name == LOCK:
            continue
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()

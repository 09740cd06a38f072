"""Write a file whole or not at all.

    write_text("report.html", html)
    with replacing("train.jsonl") as out:
        out.write(b"...")                # the old file stays until the new one is complete and on disk

The new bytes go to a hidden file in the same folder, which then takes the name. A full disk or a folder that may not
be written is a sentence (exit 4), and nothing half-written stays behind.
"""

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from curate.errors import BadInput, Surroundings

SENTENCES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "writing here is not permitted",
    errno.EPERM: "writing here is not permitted",
    errno.EROFS: "the file system is read-only",
    errno.ENAMETOOLONG: "the file name is too long",
    errno.EFBIG: "the file would be larger than is permitted here",
}


def check_place(path: str | Path) -> None:
    """Before long work: whether `path`, a file or a folder, can be made where it is to be. A sentence where not."""
    place = next(parent for parent in Path(path).absolute().parents if os.path.lexists(parent))
    if not place.is_dir():
        raise BadInput(f"{place} is a file, so nothing can lie in it", where=str(path), hint="another place after -o")
    if not os.access(place, os.W_OK | os.X_OK):
        raise Surroundings(f"could not be written: {SENTENCES[errno.EACCES]} ({place})", where=str(path),
                           hint="another place after -o")  # fmt: skip


@contextlib.contextmanager
def replacing(path: str | Path, *, mode: int | None = None) -> Iterator[BinaryIO]:
    """A binary file to write into; at the end of the block it becomes `path`, folders made as needed.

    `mode` fixes the permissions (0o600 for what holds raw rows or keys); else those of the file that is replaced, else
    the usual ones. Writing through a link replaces what the link points to.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise BadInput("is not a regular file, so it cannot be written", where=str(path))
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fchmod(out.fileno(), mode if mode is not None else _usual_mode(target))
            os.fsync(out.fileno())
        Path(temporary).replace(target)
        temporary = None
        _sync_folder(target.parent)
    except OSError as error:
        raise Surroundings(f"could not be written: {said(error)}", where=str(path)) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def write_bytes(path: str | Path, data: bytes, *, mode: int | None = None) -> None:
    """Write the bytes, whole or not at all."""
    with replacing(path, mode=mode) as out:
        out.write(data)


def write_text(path: str | Path, text: str, *, mode: int | None = None) -> None:
    """Write the text as UTF-8, whole or not at all, with its line ends as they are."""
    write_bytes(path, text.encode(), mode=mode)


def sha256(path: str | Path) -> str:
    """SHA-256 (hex) of the bytes of a file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot be read: {said(error)}", where=str(path)) from error


def said(error: OSError) -> str:
    """An operating system's error as a few words for a sentence."""
    return SENTENCES.get(error.errno or 0) or (error.strerror or str(error)).lower()


def _usual_mode(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    # Without this the new name can be lost in a power cut. Some file systems refuse it, which is no reason to fail.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Bytes of a file, unpacked while they are read: gzip and zstd, guarded against traps and against being cut short.

with sentences(path), opened(path, "gzip") as stream:
    stream.readline()
"""

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate.errors import BadInput
from curate.save import said

BOMB_BYTES, BOMB_RATIO = 2**30, 200  # text shrinks 3 to 20 times; more than this of more than this is refused


@contextlib.contextmanager
def sentences(path: str) -> Iterator[None]:
    """Turn what reading can raise into one sentence each."""
    try:
        yield
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise BadInput(f"the gzip data is damaged ({error})", where=path) from error
        raise BadInput(f"cannot be read: {said(error)}", where=path) from error
    except (EOFError, zlib.error) as error:
        what = "is cut short" if isinstance(error, EOFError) else "is damaged"
        raise BadInput(f"the compressed data {what}", where=path, hint="download or pack it again") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"is not valid {error.encoding}", where=path, hint="save the file as UTF-8") from error


def opened(path: str, compression: str) -> io.BufferedReader:
    """The bytes of a file, unpacked."""
    raw: Any
    match compression:
        case "gzip":
            raw = _Watched(gzip.open(path, "rb"), path)  # noqa: SIM115
        case "zstd":
            raw = _Watched(_Zstd(path), path)
        case _:
            return open(path, "rb")
    return io.BufferedReader(raw, 2**20)


class _Watched(io.RawIOBase):
    """Decompressed bytes, refused when they grow out of all proportion to the file."""

    def __init__(self, source: Any, path: str) -> None:
        self.source, self.path, self.size, self.packed = source, path, 0, Path(path).stat().st_size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self.source.readinto(buffer))
        self.size += count
        if self.size > BOMB_BYTES and self.size > BOMB_RATIO * self.packed:
            what = f"expands more than {BOMB_RATIO}-fold, past {self.size / 2**30:.0f} GiB; it may be a trap"
            raise BadInput(what, where=self.path, hint="unpack it yourself if you trust it")
        return count

    def close(self) -> None:
        self.source.close()
        super().close()


class _Zstd(io.RawIOBase):
    """Frames of zstd one after another. The package's own reader takes a file that is cut short for a whole one."""

    CHUNK = 1024  # compressed bytes at a time: even the worst of them expand to about 32 MB

    def __init__(self, path: str) -> None:
        import zstandard

        self.error: type[Exception] = zstandard.ZstdError
        self.start = zstandard.ZstdDecompressor().decompressobj
        self.frame: Any = None
        self.file, self.ready, self.rest = open(path, "rb"), memoryview(b""), b""  # noqa: SIM115

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.ready:
            packed = self.rest or self.file.read(self.CHUNK)
            if not packed:
                if self.frame is not None:
                    raise EOFError
                return 0
            self.frame = self.frame or self.start()
            try:
                self.ready = memoryview(self.frame.decompress(packed))
            except self.error as error:
                raise zlib.error(str(error)) from error
            self.rest = self.frame.unused_data if self.frame.eof else b""
            if self.frame.eof:
                self.frame = None
        count = min(len(buffer), len(self.ready))
        buffer[:count] = self.ready[:count]
        self.ready = self.ready[count:]
        return count

    def close(self) -> None:
        self.file.close()
        super().close()

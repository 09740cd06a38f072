"""What a file is, judged by its bytes: JSON Lines, JSON, CSV or Parquet, packed or plain, in which encoding.

    look("chats.jsonl.gz")           # Container(kind="jsonl", compression="gzip", ...)

The name of a file is only a hint: where its bytes say something else, they win, and `notes` says so.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from curate.errors import BadInput
from curate.formats import QUERY_KEYS, shape_of
from curate.layouts.jsonvalues import Json
from curate.layouts.messages import keys_of
from curate.layouts.packed import opened, sentences

KIND_NAMES = {"jsonl": "JSON Lines", "json": "JSON", "csv": "CSV", "parquet": "Parquet"}
KIND_OF_NAME = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
FOREIGN = {
    b"PK\x03\x04": "a ZIP archive (or an Office file); unpack it, or save as CSV, first",
    b"BZh": "bzip2 data; unpack it first",
    b"\xfd7zXZ": "xz data; unpack it first",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow file; save it as Parquet or JSON Lines first",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}

HEAD = 64 * 1024
LONGEST_LINE = 256 * 2**20  # bytes in one line, cell or object; longer is refused in a sentence


class Unusable(BadInput):
    """A file that holds no rows of a kind we know. In a folder it is passed over with a note."""


@dataclass(frozen=True)
class Container:
    """How to read one file."""

    path: str
    kind: str  # jsonl | json | csv | parquet
    compression: str  # "" | gzip | zstd
    encoding: str = "utf-8"
    delimiter: str = ","
    notes: tuple[str, ...] = ()


def look(path: str) -> Container:
    """Find out what a file holds. Raises BadInput (Unusable) for what is empty, binary or not ours."""
    with sentences(path):
        with open(path, "rb") as file:
            magic = file.read(16)
        compression = "gzip" if magic[:2] == b"\x1f\x8b" else "zstd" if magic[:4] == b"\x28\xb5\x2f\xfd" else ""
        with opened(path, compression) as stream:
            head = stream.read(HEAD)
            encoding = next((name for bom, name in BOMS if head.startswith(bom)), "utf-8")
            if not head.strip(b"\xef\xbb\xbf \t\r\n"):
                raise Unusable("is empty", where=path, hint="a file with rows in it: JSONL, JSON, CSV or Parquet")
            if head.startswith(b"PAR1"):
                return _named(Container(path, "parquet", compression))
            _refuse_foreign(path, head, encoding)
        with opened(path, compression) as stream:
            kind = _text_kind(stream, encoding, head)
        delimiter = _delimiter(head, encoding) if kind == "csv" else ","
        if kind == "csv" and _kind_of_name(path) in ("json", "jsonl") and not _worth(head, encoding, delimiter)[0]:
            kind = "jsonl"  # broken JSON, as the name says, and not a table: each line gets its reason
        return _named(Container(path, kind, compression, encoding, delimiter))


def _refuse_foreign(path: str, head: bytes, encoding: str) -> None:
    for magic, name in FOREIGN.items():
        if head.startswith(magic):
            raise Unusable(f"is {name}", where=path)
    if encoding == "utf-8" and (head[1::2].count(0) > len(head) // 4 or head[::2].count(0) > len(head) // 4):
        raise Unusable("looks like UTF-16 without its mark", where=path, hint="save the file as UTF-8")
    # One bad line among good ones is for the quarantine; a file that is full of control characters is not text at all.
    controls = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in head)
    if encoding == "utf-8" and controls > len(head) // 50:
        raise Unusable("holds binary data, not rows", where=path)


def _text_kind(stream: BinaryIO, encoding: str, head: bytes) -> str:
    """JSON Lines when one of the first lines is a whole object, else JSON or CSV by the first character."""
    start = head.decode(encoding, "replace").lstrip("\ufeff").lstrip()[:1]
    if start == "[" and b"\n" not in head.strip() and len(head) == HEAD:
        return "json"
    waiting = lines(stream, encoding, "")
    for place, (_, line) in enumerate(waiting):
        whole = _whole(line)
        if start == "[" and place == 0 and not isinstance(whole, list):
            return "json"
        if isinstance(whole, dict):
            # One line may also be a whole document: {"data": [rows]}.
            alone = lists_of_rows(whole) and next(waiting, None) is None
            return "json" if alone else "jsonl"
        if place == 50:
            break
    return "json" if start in ("[", "{") else "csv"


def _whole(line: bytes) -> Json:
    if line[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _delimiter(head: bytes, encoding: str) -> str:
    """The delimiter under which the header has a column we know, else the one that gives most columns."""
    return max((",", "\t", ";", "|"), key=lambda mark: _worth(head, encoding, mark))


def _worth(head: bytes, encoding: str, mark: str) -> tuple[bool, int]:
    """Whether the header, divided at this mark, has a column we know, and how many columns it has."""
    header = re.split(r"[\r\n]", head.decode(encoding, "replace").lstrip("\ufeff").lstrip(), maxsplit=1)[0]
    names = {name.strip('" '): "x" for name in header.split(mark)}
    return shape_of(names) is not None or any(key in names for key in QUERY_KEYS), len(names)


def _kind_of_name(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    rest = suffixes[:-1] if suffixes and suffixes[-1] in COMPRESSIONS else suffixes
    return KIND_OF_NAME.get(rest[-1], "") if rest else ""


def _named(container: Container) -> Container:
    """Add a note where the name of the file says otherwise than its bytes."""
    suffixes = [suffix.lower() for suffix in Path(container.path).suffixes]
    packed = COMPRESSIONS.get(suffixes[-1], "") if suffixes else ""
    rest = suffixes[:-1] if packed else suffixes
    kind = KIND_OF_NAME.get(rest[-1], "") if rest else ""
    found = (
        f"{container.compression} of {KIND_NAMES[container.kind]}"
        if container.compression
        else KIND_NAMES[container.kind]
    )
    notes = list[str]()
    if (kind and kind != container.kind) or packed != container.compression:
        notes.append(f"{container.path}: the name says otherwise, but it is {found}, and was read so")
    if container.encoding != "utf-8":
        notes.append(f"{container.path}: read as {container.encoding.upper()}, as its first bytes say")
    if container.kind == "csv" and container.delimiter != ("\t" if ".tsv" in rest else ","):
        notes.append(f"{container.path}: columns are divided by {container.delimiter!r}")
    return Container(**{**vars(container), "notes": tuple(notes)})


DECODER = json.JSONDecoder()  # lets NaN pass, which `messages.check_json` then refuses by name


def lines(stream: BinaryIO, encoding: str, path: str) -> Iterator[tuple[int, bytes]]:
    """Number and bytes (UTF-8) of every line that is not blank."""
    if encoding != "utf-8":
        wide = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
        yield from ((number, line.encode()) for number, line in enumerate(wide, start=1) if line.strip())
        return
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise BadInput(f"the line is longer than {LONGEST_LINE >> 20} MB", where=f"{path}:{number}")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.isspace() and line:
            yield number, line


def lists_of_rows(value: Json) -> list[str]:
    """The keys under which an object holds lists of rows. None in an object that is a row itself (or an eval item)."""
    if shape_of(value) is not None or any(isinstance(value.get(key), str) for key in (*QUERY_KEYS, "text")):
        return []
    lists = {key: item for key, item in value.items() if isinstance(item, list) and item}
    return [key for key, item in lists.items() if isinstance(item[0], dict) and keys_of(item[:1]) is None]

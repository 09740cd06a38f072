"""The records of a file one after another: JSON Lines, JSON, CSV and Parquet.

    for record in records(look("chats.jsonl.gz")):
        record.number, record.value, record.reason

Every kind is read as a stream. A record that cannot be read carries its reason and the raw text, and the next one is
read; a file that is broken as a whole (cut short, a quote never closed) raises.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from curate.errors import BadInput
from curate.layouts.containers import LONGEST_LINE, Container, Unusable, lines, lists_of_rows
from curate.layouts.jsonvalues import Json
from curate.layouts.packed import opened, sentences

HALVES = re.compile("[\ud800-\udfff]")

LARGEST_DOCUMENT = 2**30  # bytes of one JSON object, which has to be read as a whole
DECODER = json.JSONDecoder()  # lets NaN pass, which `check_json` then refuses by name


class Record(NamedTuple):
    """One record: its line (JSON Lines) or row number from 1, and its value, or the reason why there is none."""

    number: int
    value: Json
    reason: str | None = None
    raw: str | bytes | None = None

    def text(self) -> str:
        """The raw text for the quarantine; bytes that are not UTF-8 are written as `\\xff`."""
        if isinstance(self.raw, bytes):
            return self.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
        if self.raw is not None:
            return readable(self.raw)
        return readable(json.dumps(self.value, ensure_ascii=False, default=str))


def readable(text: str) -> str:
    """Text that UTF-8 can hold: strays from bad bytes or half surrogate pairs are written as escapes."""
    return text if text.isascii() else HALVES.sub(_escaped, text)


def _escaped(half: re.Match[str]) -> str:
    code = ord(half.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def records(container: Container) -> Iterator[Record]:
    """The records of a file in order. Raises BadInput where the file itself is broken (cut short, not JSON at all)."""
    read = {"jsonl": _json_lines, "json": _json_document, "csv": _csv, "parquet": _parquet}[container.kind]
    with sentences(container.path):
        yield from read(container)


def _json_lines(container: Container) -> Iterator[Record]:
    decode = DECODER.decode
    with opened(container.path, container.compression) as stream:
        for number, line in lines(stream, container.encoding, container.path):
            try:
                yield Record(number, decode(line.decode()), None, line)
            except ValueError as error:
                yield Record(number, None, why_not_json(error), line)
            except RecursionError:
                yield Record(number, None, "is nested too deeply", line)


def why_not_json(error: ValueError) -> str:
    """The reason for the quarantine out of what the decoder raised."""
    if isinstance(error, UnicodeDecodeError):
        return f"is not valid UTF-8 (byte {error.start + 1} of the line)"
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}"
    return "holds a number that is too long"


def _json_document(container: Container) -> Iterator[Record]:
    with _text(container) as text:
        values = _Values(text, container.path)
        if values.peek() == "[":
            yield from values.items()
            return
        yield from _one_object(values, container.path)


def _text(container: Container) -> io.TextIOWrapper:
    stream = opened(container.path, container.compression)
    wide = container.encoding != "utf-8"
    encoding, errors = (container.encoding, "strict") if wide else ("utf-8-sig", "surrogateescape")
    return io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")


class _Values:
    """JSON values out of a text stream, one at a time, holding no more than one of them as text."""

    CHUNK = 2**18
    BLANK = re.compile(r"[ \t\r\n]*")

    def __init__(self, text: io.TextIOWrapper, path: str) -> None:
        self.text, self.path = text, path
        self.buffer, self.at, self.lines, self.ended = "", 0, 1, False

    def more(self) -> bool:
        """Read on, at least as much again as is waiting; False at the end."""
        chunk = "" if self.ended else self.text.read(max(self.CHUNK, len(self.buffer) - self.at))
        self.ended = not chunk
        self.lines += self.buffer.count("\n", 0, self.at)
        self.buffer, self.at = self.buffer[self.at :] + chunk, 0
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is not blank, or "" at the end."""
        while True:
            blank = self.BLANK.match(self.buffer, self.at)
            self.at = blank.end() if blank else self.at
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def value(self, limit: int = LONGEST_LINE) -> tuple[Json, str]:
        """The next value and its raw text."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.buffer, self.at)
            except RecursionError:
                raise self.broken("is nested too deeply") from None
            except ValueError as error:
                if len(self.buffer) - self.at > limit:
                    raise self.broken(f"an object is longer than {limit >> 20} MB, or never ends") from error
                if self.more():
                    continue
                raise self.broken(why_not_json(error), error) from error
            if end < len(self.buffer) or not self.more():
                raw, self.at = self.buffer[self.at : end], end
                return value, raw

    def items(self) -> Iterator[Record]:
        """The items of the array that starts here, and nothing behind it."""
        self.at += 1
        number = 0
        while self.peek() != "]" or number == 0:
            if number == 0 and self.peek() == "]":
                break
            number += 1
            value, raw = self.value()
            yield Record(number, value, None, raw)
            if self.peek() == ",":
                self.at += 1
                if self.peek() == "]":
                    raise self.broken("is not JSON: a comma before the end of the list")
            elif self.peek() != "]":
                raise self.broken("is not JSON: a comma or ] is missing after an item")
        self.at += 1
        if self.peek():
            raise self.broken("is not JSON: there is more behind the end of the list")

    def broken(self, what: str, error: ValueError | None = None) -> BadInput:
        at = error.pos if isinstance(error, json.JSONDecodeError) else self.at
        line = self.lines + self.buffer.count("\n", 0, at)
        return BadInput(re.sub(r" at column \d+$", "", what), where=f"{self.path}:{line}")


def _one_object(values: _Values, path: str) -> Iterator[Record]:
    """A JSON object: one row, or rows written one behind the other, or an object that holds one list of rows."""
    value, raw = values.value(LARGEST_DOCUMENT)
    number = 1
    lists = lists_of_rows(value)
    if not lists or values.peek():
        yield Record(number, value, None, raw)
        while values.peek():
            number += 1
            value, raw = values.value()
            yield Record(number, value, None, raw)
    elif len(lists) == 1:
        yield from (Record(row, item) for row, item in enumerate(value[lists[0]], start=1))
    else:
        what = f"holds lists of rows under {', '.join(lists)}; one list is needed"
        raise Unusable(what, where=path, hint="save the rows you want as JSON Lines")


def _csv(container: Container) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_LINE)
    with _text(container) as text:
        taken: list[str] = []
        rows = csv.reader(_kept(text, taken), delimiter=container.delimiter, strict=True)
        header: list[str] | None = None
        number = 0
        while True:
            taken.clear()
            try:
                cells = next(rows, None)
            except csv.Error as error:
                number += 1
                if "unexpected end of data" in str(error):
                    what = f"row {number} opens a quote that is never closed"
                    raise BadInput(what, where=f"{container.path}:{rows.line_num}") from error
                yield Record(number, None, f"is not CSV: {error}", "".join(taken))
                continue
            if cells is None:
                return
            if not cells:
                continue
            if header is None:
                header = _header(cells, container.path)
                continue
            number += 1
            reason = None
            if len(cells) != len(header):
                reason = f"has {len(cells)} cells, the header has {len(header)}"
            yield Record(number, dict(zip(header, cells, strict=False)), reason, "".join(taken).rstrip("\r\n"))


def _kept(lines: io.TextIOWrapper, taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _header(cells: list[str], path: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"the header has {', '.join(twice)} twice", where=path)
    return names


def _parquet(container: Container) -> Iterator[Record]:
    import polars as pl

    source: Any = container.path
    if container.compression:
        with opened(container.path, container.compression) as stream:
            source = io.BytesIO(stream.read())
    try:
        frame = pl.scan_parquet(source, glob=False)
        height = frame.select(pl.len()).collect().item()
        for start in range(0, height, 10_000):
            part = frame.slice(start, 10_000).collect()
            for number, row in enumerate(part.iter_rows(named=True), start=start + 1):
                yield Record(number, {key: plain(value) for key, value in row.items()})
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        first = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise BadInput(f"the Parquet data cannot be read ({first})", where=container.path) from error


def plain(value: Any) -> Json:
    """A Parquet value as JSON: members that are null are only padding of the struct; dates, bytes and decimals are text."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items() if item is not None}
        case list():
            return [plain(item) for item in value]
        case float():
            return None if value != value else value  # NaN: how tables mark a number that is missing
        case None | str() | bool() | int():
            return value
        case bytes():
            import base64

            return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)

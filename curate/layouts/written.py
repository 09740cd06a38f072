"""A chat frame as a file: JSON Lines, JSON, CSV, TSV or Parquet by its name, packed where it ends in .gz or .zst.

    write(chats, "train.jsonl")                          # messages form, which any trainer reads
    write(chats, "train.parquet", format="sharegpt")
    write(chats, "copy.json.gz", format="own")           # each row in the form it was read in

Tables have columns of one type. Where values differ, or turns hold more than role and text, the column is JSON text.
"""

import contextlib
import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl

from curate.errors import BadInput
from curate.formats import FORMS, from_chat
from curate.layouts.containers import COMPRESSIONS, KIND_OF_NAME
from curate.layouts.jsonvalues import BadRow, Json, json_text
from curate.save import replacing

SCALARS: tuple[tuple[type, Any], ...] = ((str, pl.String), (bool, pl.Boolean), (int, pl.Int64), (float, pl.Float64))


def write(chats: pl.DataFrame, path: str | Path, format: str = "messages") -> None:
    """Write the rows in the given form, whole or not at all.

    `format` is messages, sharegpt, alpaca, prompt-completion or own. Raises BadInput when the name has no ending that
    we write or a row does not fit the form (Alpaca holds no tool calls), Surroundings when the disk does not take it.
    """
    kind, packed = kind_to_write(path)
    if format not in (*FORMS, "own"):
        raise BadInput(f"the format {format!r} is not known", hint=f"one of {', '.join(FORMS)}, own")
    records = _records(chats, format)
    with replacing(path) as raw, _packed(raw, packed) as out:
        match kind:
            case "jsonl":
                for record in records:
                    out.write(json_text(record).encode() + b"\n")
            case "json":
                mark = b"[\n"
                for record in records:
                    out.write(mark + json_text(record).encode())
                    mark = b",\n"
                out.write(b"\n]\n" if mark == b",\n" else b"[]\n")
            case "csv":
                _write_csv(list(records), out, "\t" if ".tsv" in Path(path).name.lower() else ",")
            case _:
                _frame(list(records)).write_parquet(out)


def write_quarantine(frame: pl.DataFrame, path: str | Path) -> None:
    """Write quarantined rows (source, reason, raw line) as JSON Lines that only the owner may read."""
    with replacing(path, mode=0o600) as out:
        for row in frame.select("source", "reason", "raw").iter_rows(named=True):
            out.write(json_text(row).encode() + b"\n")


def kind_to_write(path: str | Path) -> tuple[str, str]:
    """What the name of a file asks for: its kind and how it is packed."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = COMPRESSIONS.get(suffixes[-1], "") if suffixes else ""
    rest = suffixes[:-1] if packed else suffixes
    kind = KIND_OF_NAME.get(rest[-1]) if rest else None
    if kind is None:
        known = f"a name that ends in {', '.join(KIND_OF_NAME)}, also with {' or '.join(COMPRESSIONS)} behind it"
        raise BadInput("the name does not say which kind of file to write", where=str(path), hint=known)
    return kind, packed


def _records(chats: pl.DataFrame, form: str) -> Iterator[dict[str, Json]]:
    for row in chats.iter_rows(named=True):
        try:
            yield from_chat(row, form)
        except BadRow as error:
            raise BadInput(str(error), where=f"row {row['id']}") from error


@contextlib.contextmanager
def _packed(raw: BinaryIO, packed: str) -> Iterator[BinaryIO]:
    # No file name and no time go into the packed data: the same rows give the same bytes.
    match packed:
        case "gzip":
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as out:
                yield cast(BinaryIO, out)
        case "zstd":
            import zstandard

            with zstandard.ZstdCompressor(write_checksum=True).stream_writer(raw, closefd=False) as out:
                yield cast(BinaryIO, out)
        case _:
            yield raw


def _columns(records: list[dict[str, Json]]) -> dict[str, list[Json]]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _write_csv(records: list[dict[str, Json]], out: BinaryIO, delimiter: str) -> None:
    columns = _columns(records)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    rows.writerow(columns)
    for values in zip(*columns.values(), strict=True):
        rows.writerow(
            [value if isinstance(value, str) else "" if value is None else json_text(value) for value in values]
        )
    text.detach()


def _frame(records: list[dict[str, Json]]) -> pl.DataFrame:
    return pl.DataFrame([_series(name, values) for name, values in _columns(records).items()])


def _series(name: str, values: list[Json]) -> pl.Series:
    """A column of one type where the values have one; turns of only role and text as a list of structs; else JSON text."""
    filled = [value for value in values if value is not None]
    for kind, dtype in SCALARS:
        if all(type(value) is kind for value in filled) and not (kind is int and any(abs(v) >= 2**63 for v in filled)):
            return pl.Series(name, values, dtype=dtype)
    turns = [turn for value in filled if isinstance(value, list) for turn in value]
    for keys in (("role", "content"), ("from", "value")):
        plain = all(
            isinstance(t, dict) and tuple(t) == keys and all(isinstance(v, str) for v in t.values()) for t in turns
        )
        if turns and plain and all(isinstance(value, list) for value in filled):
            return pl.Series(name, values, dtype=pl.List(pl.Struct(dict.fromkeys(keys, pl.String))))
    return pl.Series(
        name, [None if v is None else v if isinstance(v, str) else json_text(v) for v in values], dtype=pl.String
    )

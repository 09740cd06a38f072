"""A row once more, from its source: explanations show texts that the ledger does not hold.

    find_again("chats.jsonl:12", fingerprint)["turns"]

The row must still have the fingerprint it had when it was read; otherwise the sentence says that the source is gone or
was changed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.chats import row_fingerprint
from curate.errors import BadInput
from curate.evalfiles import to_case
from curate.formats import FORMS, BadRow, to_chat
from curate.layouts.containers import look
from curate.layouts.records import Record, records


def find_again(source: str, fingerprint: str | None, *, eval_file: bool = False) -> dict[str, Any]:
    """The row at `path:line` or `path:row`: id, turns, source, extra. Raises BadInput when it is gone or changed.

    Without a fingerprint the row is taken as it is found.
    """
    found = find_all({source: fingerprint}, eval_file=eval_file)[source]
    if isinstance(found, str):
        raise BadInput(found, where=source)
    return found


def find_all(wanted: Mapping[str, str | None], *, eval_file: bool = False) -> dict[str, dict[str, Any] | str]:
    """`find_again` for many rows, each file read once: source -> the row, or a sentence that says why there is none."""
    found: dict[str, dict[str, Any] | str] = dict.fromkeys(wanted, "the source does not say which line or row it was")
    places = dict[str, dict[int, str]]()
    for source in wanted:
        path, _, number = source.rpartition(":")
        if path and number.isdecimal():
            places.setdefault(path, {})[int(number)] = source
    for path, numbers in places.items():
        if not Path(path).is_file():
            found |= dict.fromkeys(numbers.values(), "the source file is gone")
            continue
        found |= dict.fromkeys(numbers.values(), "the source file is shorter than it was")
        try:
            for record in records(look(path)):
                if record.number in numbers:
                    source = numbers[record.number]
                    found[source] = _same(record, source, wanted[source], eval_file)
                if record.number >= max(numbers):
                    break
        except BadInput as error:
            missing = [source for source in numbers.values() if isinstance(found[source], str)]
            found |= dict.fromkeys(missing, f"the source file cannot be read any more: {error.what}")
    return found


def _same(record: Record, source: str, fingerprint: str | None, eval_file: bool) -> dict[str, Any] | str:
    # The row may have been read in a form that was asked for, so each is tried until the fingerprint fits.
    for form in (None,) if eval_file else (None, *FORMS):
        try:
            row = to_case(record.value) if eval_file else to_chat(record.value, form)
        except BadRow:
            continue
        if fingerprint in (None, row_fingerprint(row["turns"])):
            return {"id": row["id"], "turns": row["turns"], "source": source, "extra": row["extra"]}
    return "the row was changed in its source"

"""Ask a person, pair after pair: do these two texts say the same?

    done = label(Path("pairs.jsonl"))          # winnow label pairs.jsonl
    print(done)                                # 34 of 100 labelled, 3 skipped, 63 left

Every answer is on disk before the next question; stopping (q, Ctrl-C, a closed terminal) loses nothing, and the next run goes
on with the first pair that has no label. What the rule thinks of a pair is not shown: it would colour the answer.
The file can be given to `winnow calibrate` as it is.
"""

import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from curate import save, wording
from curate.calibration.labelled import SKIPPED, VARIANT, texts_of
from curate.errors import BadInput
from curate.layouts.containers import lines, look
from curate.layouts.packed import opened, sentences
from curate.report.excerpt import visible

ANSWERS = {"y": "y", "n": "n", "v": VARIANT, "s": SKIPPED}
HELP = "y: they say the same   n: they do not   v: the same question with other facts   s: skip   b: back   q: quit"
PROMPT = "the same? [y/n/v/s/b/q] "
LONGEST = 3000  # characters of a text that are shown at once
NOBODY = "nobody can answer: the input is no terminal and holds no answers"

Ask = Callable[[str], str]  # shows a prompt, gives the answer; EOFError at the end of the answers


@dataclass(frozen=True)
class Labelling:
    """How far a file is labelled. `answered` is what this run added or changed."""

    path: str
    total: int
    labels: dict[str, int]
    skipped: int
    left: int
    answered: int

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {**vars(self)}

    def __str__(self) -> str:
        labels = ", ".join(f"{name} {count:,}" for name, count in self.labels.items())
        done = sum(self.labels.values())
        told = f"{self.path}: {done:,} of {self.total:,} labelled{f' ({labels})' if labels else ''}"
        skipped = f", {self.skipped:,} skipped" if self.skipped else ""
        verb = "label" if self.left else "calibrate"
        return f"{told}{skipped}, {self.left:,} left\n  next: winnow {verb} {self.path}"


@dataclass
class _Sheet:
    """The file in the making. Lines that nobody answered keep their bytes."""

    path: Path
    rows: list[dict[str, Any]]
    raw: list[bytes]
    seen: tuple[int, int]
    answered: set[int] = field(default_factory=set)

    def answer(self, place: int, label: str) -> None:
        self.rows[place] = {**self.rows[place], "label": label}
        self.raw[place] = json.dumps(self.rows[place], ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        self.answered.add(place)
        self.save()

    def save(self) -> None:
        if _state(self.path) != self.seen:
            raise BadInput(
                "was changed by somebody else meanwhile; your last answer is not in it", where=str(self.path)
            )
        save.write_bytes(self.path, b"".join(self.raw), mode=0o600)
        self.seen = _state(self.path)

    def next_open(self, start: int = 0) -> int | None:
        """The first pair from `start` on without a label, else the first of all."""
        places = [*range(start, len(self.rows)), *range(min(start, len(self.rows)))]
        return next((place for place in places if _open(self.rows[place])), None)

    def told(self) -> Labelling:
        labels = Counter(str(row["label"]) for row in self.rows if not _open(row))
        skipped = labels.pop(SKIPPED, 0)
        left = sum(map(_open, self.rows))
        return Labelling(
            str(self.path), len(self.rows), dict(sorted(labels.items())), skipped, left, len(self.answered)
        )


def label(path: Path, ask: Ask | None = None, console: Console | None = None) -> Labelling:
    """Show the pairs without a label one after another and write each answer into the file (mode 0600).

    `ask` gives the answers; without it they are read from the terminal or from piped lines. BadInput where neither is there.
    """
    sheet, paper = _read(path), console or Console()
    place, shown = sheet.next_open(), set[int]()
    if place is None:
        return sheet.told()
    answers = ask or _input(path, paper)
    paper.print(HELP, markup=False, highlight=False, soft_wrap=True)
    while place is not None:
        if place not in shown:
            paper.print(_side_by_side(sheet, place))
        shown = {place}
        try:
            said = answers(PROMPT).strip().lower()
        except EOFError:
            break
        match said:
            case "q":
                break
            case "b":
                place, shown = max(0, place - 1), set()
            case _ if said in ANSWERS:
                _answer(sheet, place, ANSWERS[said])
                place, shown = sheet.next_open(place + 1), set()
            case _:
                paper.print(HELP, markup=False, highlight=False, soft_wrap=True)
    return sheet.told()


def _answer(sheet: _Sheet, place: int, label: str) -> None:
    try:
        sheet.answer(place, label)
    except KeyboardInterrupt:
        # Ctrl-C between the answer and the disk: the answer was given, so it is written.
        if _state(sheet.path) == sheet.seen:
            sheet.save()
        raise


def _read(path: Path) -> _Sheet:
    before = _state(path)
    container = look(str(path))
    if container.kind != "jsonl" or container.compression or container.encoding != "utf-8":
        what = "is labelled in place, which takes plain JSON Lines in UTF-8"
        raise BadInput(what, where=str(path), hint="unpack or convert it first")
    rows, raw = list[dict[str, Any]](), list[bytes]()
    with sentences(str(path)), opened(str(path), "") as stream:
        for number, line in lines(stream, "utf-8", str(path)):
            row = _row(line)
            if row is None or texts_of(row) is None:
                what = "holds no pair: text_a and text_b, or candidate and eval_item, as texts"
                raise BadInput(what, where=f"{path}:{number}")
            rows.append(row)
            raw.append(line if line.endswith(b"\n") else line + b"\n")
    return _Sheet(path, rows, raw, before)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _open(row: dict[str, Any]) -> bool:
    return row.get("label") in (None, "")


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise BadInput(f"cannot be read: {save.said(error)}", where=str(path)) from error
    return found.st_size, found.st_mtime_ns


def _input(path: Path, paper: Console) -> Ask:
    """Answers typed in a terminal, else piped lines. BadInput before anything is shown where there is neither."""
    if sys.stdin.isatty():
        if hasattr(signal, "siginterrupt"):
            # polars catches SIGINT with restarted reads: without this, Ctrl-C would wait for the next Enter.
            signal.siginterrupt(signal.SIGINT, True)
        return lambda prompt: str(paper.input(prompt, markup=False))
    waiting = iter(sys.stdin.readline, "")
    first = next(waiting, None)
    if first is None:
        raise BadInput(NOBODY, where=str(path), hint=f"winnow label {path}, in a terminal")
    answers: Iterator[str] = chain([first], waiting)

    def piped(prompt: str) -> str:
        for said in answers:
            return said
        raise EOFError

    return piped


def _side_by_side(sheet: _Sheet, place: int) -> RenderableType:
    texts = texts_of(sheet.rows[place])
    assert texts is not None
    left, right = wording.marked(visible(texts[0]), visible(texts[1]))
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, expand=True, header_style="dim")
    grid.add_column(Text("training row"), ratio=1, overflow="fold")
    grid.add_column(Text("eval item"), ratio=1, overflow="fold")
    grid.add_row(_marked(left, "[-", "-]"), _marked(right, "{+", "+}"))
    own = sheet.rows[place].get("label")
    was = "" if own in (None, "") else f", labelled {visible(str(own))}"
    grid.title = Text(f"pair {place + 1:,} of {len(sheet.rows):,}{was}", style="bold")
    grid.title_justify = "left"
    return grid


def _marked(spans: list[wording.Span], opening: str, closing: str) -> Text:
    """The text with its differing words in brackets and bold: it must be read without colour too."""
    size = sum(len(span.text) for span in spans)
    start = max(0, min(wording.turning_point(spans) - LONGEST // 4, size - LONGEST))
    shown = Text()
    for piece, differs in wording.cut(spans, start, start + LONGEST):
        shown.append(f"{opening}{piece}{closing}" if differs else piece, style="bold" if differs else "")
    if size > LONGEST:
        shown.append(f"\n(characters {start + 1:,} to {start + LONGEST:,} of {size:,})", style="dim")
    return shown

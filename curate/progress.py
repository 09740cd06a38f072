"""How a long step says how far it is: a bar on a terminal, plain lines without one. Always on stderr.

    with shown() as progress:
        progress("embed", 120, 15_011)

A step takes `progress` as an argument and calls it with its name, what is done and the total; 0 stands for a total that is
not known yet. `silent` is the default.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]

SECONDS_BETWEEN_LINES = 5.0
# What a file holds must not steer the terminal: control characters are shown as one mark.
HIDDEN = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")


def aside(said: str) -> None:
    """A line on stderr. A reader who went away (`2>&1 | head`) does not stop the work."""
    try:
        print(said.translate(HIDDEN), file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def silent(step: str, done: int, total: int) -> None:
    """Say nothing."""


@contextmanager
def shown() -> Iterator[Progress]:
    """A rich bar when stderr is a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield _plain()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total or None, visible=done < total or not total)

        yield show


def _plain() -> Progress:
    spoken: dict[str, float] = {}

    def say(step: str, done: int, total: int) -> None:
        now = time.monotonic()
        first = spoken.setdefault(step, now)
        if now - first >= SECONDS_BETWEEN_LINES and (done == total or now - spoken[step] >= SECONDS_BETWEEN_LINES):
            spoken[step] = now
            aside(f"{step}: {done:,} of {total:,}" if total else f"{step}: {done:,} so far")

    return say

"""How a long step says how far it is: a bar on a terminal, plain lines without one. Always on stderr.

    with shown() as progress:
        progress("embed", 120, 15_011)

A step takes `progress` as an argument and calls it with its name, what is done and the total. `silent` is the default.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, int], None]

SECONDS_BETWEEN_LINES = 5.0


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
            bars.update(tasks[step], completed=done, total=total, visible=done < total)

        yield show


def _plain() -> Progress:
    spoken: dict[str, float] = {}

    def say(step: str, done: int, total: int) -> None:
        now = time.monotonic()
        first = spoken.setdefault(step, now)
        if now - first >= SECONDS_BETWEEN_LINES and (done == total or now - spoken[step] >= SECONDS_BETWEEN_LINES):
            spoken[step] = now
            print(f"{step}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return say

"""What every runner does alike: read the rows, time the work, write what was found. It needs no library, and not Winnow.

    python run_rensa.py ROWS.jsonl.gz FOUND.json '{"words": 3, "threshold": 0.7}'

A runner gives `main` a function: row ids and texts in, what it removed and which rows it holds for the same out. A row's text is
all of its turns, one line each.
"""

import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Rows = tuple[list[str], list[str]]  # ids, texts
Groups = Iterable[Sequence[str]]  # of ids that are held for the same
Found = tuple[Iterable[str], Groups | Callable[[], Groups] | None]  # ids removed, and groups; see `main`


def read(path: Path) -> Rows:
    """Ids and texts of a messages file."""
    ids, texts = [], []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            ids.append(row["id"])
            texts.append("\n".join(turn["content"] for turn in row["messages"]))
    return ids, texts


def main(
    find: Callable[..., Found], read: Callable[[Path], Any] = read, beside: Callable[[], dict[str, Any]] = dict
) -> None:
    """Run `find` on the rows of the first argument, and write the second. The third holds further parameters of `find`.

    Groups that the work does not need come as a function, whose cost is told apart; None where a library cannot tell them.
    `beside` is asked after the run for what else to report.
    """
    source, target, options = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    start = clocks()
    rows = read(source)
    ready = clocks()
    removed, groups = find(rows, **options)
    removed = sorted(removed)
    done = clocks()
    held = {"peak_mb": peak_mb()} if callable(groups) else {}
    groups = groups() if callable(groups) else groups
    told = None if groups is None else [sorted(group) for group in groups]
    explained = clocks()
    report = {
        "removed": removed,
        "groups": told,
        "reading": {"wall": ready[0] - start[0], "cpu": ready[1] - start[1]},
        "work": {"wall": done[0] - ready[0], "cpu": done[1] - ready[1]},
        "explaining": {"wall": explained[0] - done[0], "cpu": explained[1] - done[1]},
    }
    report |= held | beside()
    target.write_text(json.dumps(report), encoding="utf-8")


def clocks() -> tuple[float, float]:
    """Seconds on the wall, and of CPU for this process and the children that it has waited for."""
    spent = os.times()
    return time.monotonic(), spent.user + spent.system + spent.children_user + spent.children_system


def peak_mb() -> float | None:
    """The most memory that this process held so far, where the system tells."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM:"))


def words(text: str, n: int) -> list[str]:
    """Words as they stand, or runs of `n` words in lower case; a text with fewer is one run."""
    if n == 1:
        return text.split()
    tokens = text.lower().split()
    return [" ".join(tokens[at : at + n]) for at in range(max(1, len(tokens) - n + 1))]


def stars(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """(kept row, removed row) -> one group for each kept row."""
    groups: dict[str, list[str]] = {}
    for kept, removed in pairs:
        groups.setdefault(kept, [kept]).append(removed)
    return list(groups.values())

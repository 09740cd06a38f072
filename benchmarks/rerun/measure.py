"""What a second `winnow curate` costs: after editing 1 % of the rows, and with nothing edited, beside the first run.

    python benchmarks/rerun/measure.py --data DIR [--write] [--rows N] [--check]

DIR holds `chat/dolly_15k.jsonl.gz` and `chat/mt_bench_question.jsonl`. Each run is a process of its own. The first starts with an
empty cache and computes every vector; the others find what it kept. README.md beside this says what the edits are.
"""

import argparse
import gzip
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.dedup import running
from curate.errors import BadInput, Refused, WinnowError
from curate.pipeline import KEY_FILE
from curate.progress import aside

HERE = Path(__file__).parent
ROWS, ASKED = "chat/dolly_15k.jsonl.gz", "chat/mt_bench_question.jsonl"
SHARE = 0.01  # of the rows are edited
DELETED, ADDED = 0.1, 0.1  # of the edits; in the others a word is replaced
SIDES = ("instruction", "response")
SHOWN = 5  # steps
SAME_BYTES = ("train.jsonl", "ledger.parquet", "certificate.json", "report.html")

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run: what it cost, and the seconds of its parts by the manifest."""

    name: str
    cost: running.Cost
    parts: dict[str, float]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--check", action="store_true", help="the edited rows once more with an empty cache: the same bytes"
    )
    asked = parser.parse_args()

    def measured(folder: Path, rows: Sequence[Row]) -> str:
        runs = Bench(folder, (asked.data / ASKED).resolve()).runs(rows, edit(rows, asked.seed), asked.check)
        return table(runs, len(rows), changed(len(rows)))

    measure(asked, HERE / "README.md", "rerun", measured)


def arguments(doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="put the table into README.md beside this script")
    parser.add_argument("--rows", type=int, help="only the first so many rows, to try the script")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def measure(asked: argparse.Namespace, page: Path, name: str, measured: Callable[[Path, Sequence[Row]], str]) -> None:
    """Read the rows, measure in a folder that goes afterwards, print the table, and put it into the page where that was asked."""
    try:
        if asked.write and asked.rows:
            raise BadInput("the page shows all rows", where="--rows", hint="--write without --rows")
        for file in (ROWS, ASKED):
            if not (asked.data / file).exists():
                raise BadInput("this file is not here", where=str(asked.data / file), hint="--data DIR")
        with tempfile.TemporaryDirectory() as folder:
            table = measured(Path(folder), read(asked.data / ROWS)[: asked.rows])
        print(table)
        if asked.write:
            said = f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {machine.described()}."
            machine.replace_between(page, name, f"{said}\n\n{table}")
    except (WinnowError, running.RunFailed) as error:
        sys.exit(f"{error}")


def read(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def changed(rows: int) -> int:
    """How many rows are edited."""
    return max(1, round(SHARE * rows))


def edit(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows with 1 % of them edited: a word replaced by another row's, a row gone, a row put in somewhere."""
    rng = random.Random(seed)
    count = changed(len(rows))
    chosen = rng.sample(range(len(rows)), count)
    gone, added = set(chosen[: round(DELETED * count)]), round(ADDED * count)
    words = sorted({word for row in rows for word in row["instruction"].split()})
    out = list(rows)
    for place in chosen[len(gone) : count - added]:
        side = rng.choice(SIDES)
        out[place] = out[place] | {side: _with_another_word(out[place][side], words, rng)}
    out = [row for place, row in enumerate(out) if place not in gone]
    for _ in range(added):
        like = rng.choice(rows)
        new = {side: " ".join(rng.choices(words, k=1 + len(like[side].split()))) for side in SIDES}
        out.insert(rng.randrange(len(out) + 1), like | new)
    return out


def _with_another_word(said: str, words: Sequence[str], rng: random.Random) -> str:
    parts = said.split(" ")
    parts[rng.randrange(len(parts))] = rng.choice(words)
    return " ".join(parts)


class Bench:
    """A folder with the rows, a cache and the iterations."""

    def __init__(self, folder: Path, asked: Path) -> None:
        self.folder, self.asked = folder, asked

    def runs(self, rows: Sequence[Row], edited: Sequence[Row], check: bool) -> list[Run]:
        """The first run, the same once more, and the one after the edits. Refused where `check` finds other bytes."""
        runs = [self.run("first, empty cache", "first", rows), self.run("nothing edited", "same", rows)]
        runs.append(self.run("1 % edited", "edited", edited))
        if check:
            # Invented values are drawn by the key that lies beside the iterations.
            (self.folder / "anew").mkdir()
            if (key := self.folder / KEY_FILE).exists():
                shutil.copy(key, self.folder / "anew")
            self.run("1 % edited, empty cache", "anew/edited", edited, cache="cache-2")
            for name in SAME_BYTES:
                here, there = (self.folder / place / "data" / name for place in ("edited", "anew/edited"))
                if here.read_bytes() != there.read_bytes():
                    raise Refused("a run with a cache wrote other bytes than one without", where=name)
        return runs

    def run(self, name: str, out: str, rows: Sequence[Row], cache: str = "cache") -> Run:
        """Curate the rows, always from one path, into a folder of their own."""
        aside(f"running: {name}")
        file = self.folder / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        command = [sys.executable, "-m", "winnow", "curate", str(file), "--eval", str(self.asked)]
        cost = running.run([*command, "-o", str(self.folder / out)], {"WINNOW_CACHE": str(self.folder / cache)})
        manifest = json.loads((self.folder / out / "data" / "manifest.json").read_text(encoding="utf-8"))
        parts = {step["name"]: step["seconds"] for step in manifest["steps"]}
        return Run(name, cost, parts | {"reading, certificate and report": manifest["seconds"] - sum(parts.values())})


def table(runs: Sequence[Run], rows: int, edits: int) -> str:
    """Costs and ratios to the first run; below them the parts that took longest after the edits."""
    first, last = runs[0], runs[-1]
    lines = [
        f"{rows:,} rows, of which {edits:,} are edited.",
        "",
        "| run | wall s | CPU s | peak MB | CPU to the first run | wall to the first run |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for run in runs:
        ratios = (run.cost.cpu / first.cost.cpu, run.cost.wall / first.cost.wall)
        shown = ["", ""] if run is first else [f"{ratio:.1%}" for ratio in ratios]
        cost = f"{run.cost.wall:,.1f} | {run.cost.cpu:,.1f} | {run.cost.peak_mb:,.0f}"
        lines.append(f"| {run.name} | {cost} | {' | '.join(shown)} |")
    longest = sorted(last.parts, key=lambda part: -last.parts[part])[:SHOWN]
    lines += ["", f"| wall s | {' | '.join(run.name for run in runs)} |", f"| --- |{' --- |' * len(runs)}"]
    lines += [f"| {part} | {' | '.join(f'{run.parts[part]:,.1f}' for run in runs)} |" for part in longest]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""What `winnow audit` with its page costs: with an empty cache, once more, and after 1 % of the rows were edited.

    python benchmarks/audit/measure.py --data DIR [--write] [--rows N]

DIR holds `chat/dolly_15k.jsonl.gz` and `chat/mt_bench_question.jsonl`. Each run is a process of its own, importing included.
The edits are those of `benchmarks/rerun`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.dedup import running
from benchmarks.rerun.measure import ASKED, ROWS, Row, changed, edit, read
from curate.errors import BadInput, WinnowError
from curate.progress import aside

HERE = Path(__file__).parent
Run = tuple[str, running.Cost]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="put the table into README.md beside this script")
    parser.add_argument("--rows", type=int, help="only the first so many rows, to try the script")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    try:
        if options.write and options.rows:
            raise BadInput("the page shows all rows", where="--rows", hint="--write without --rows")
        for file in (ROWS, ASKED):
            if not (options.data / file).exists():
                raise BadInput("this file is not here", where=str(options.data / file), hint="--data DIR")
        rows = read(options.data / ROWS)[: options.rows]
        with tempfile.TemporaryDirectory() as folder:
            page = table(runs(Path(folder), rows, (options.data / ASKED).resolve(), options.seed), len(rows))
        print(page)
        if options.write:
            said = f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {machine.described()}."
            machine.replace_between(HERE / "README.md", "audit", f"{said}\n\n{page}")
    except (WinnowError, running.RunFailed) as error:
        sys.exit(f"{error}")


def runs(folder: Path, rows: Sequence[Row], asked: Path, seed: int) -> list[Run]:
    """The three runs, one after another, on one cache."""
    one = (("empty cache", rows), ("nothing edited", rows), ("1 % edited", edit(rows, seed)))
    return [(name, run(folder, name, some, asked)) for name, some in one]


def run(folder: Path, name: str, rows: Sequence[Row], asked: Path) -> running.Cost:
    aside(f"running: {name}")
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-m", "winnow", "audit", str(file), "--eval", str(asked)]
    return running.run([*command, "-o", str(folder / "audit.html")], {"WINNOW_CACHE": str(folder / "cache")})


def table(measured: Sequence[Run], rows: int) -> str:
    lines = [
        f"{rows:,} rows; {changed(rows):,} of them are edited in the last run.",
        "",
        "| run | wall s | CPU s | peak MB |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {cost.wall:,.1f} | {cost.cpu:,.1f} | {cost.peak_mb:,.0f} |" for name, cost in measured),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""What `winnow audit` with its page costs: with an empty cache, once more, and after 1 % of the rows were edited.

    python benchmarks/audit/measure.py --data DIR [--write] [--rows N]

DIR holds `chat/dolly_15k.jsonl.gz` and `chat/mt_bench_question.jsonl`. Each run is a process of its own, importing included.
The edits are those of `benchmarks/rerun`.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.dedup import running
from benchmarks.rerun import measure as rerun
from benchmarks.rerun.measure import Row, changed, edit
from curate.progress import aside

Run = tuple[str, running.Cost]


def main() -> None:
    asked = rerun.arguments(__doc__).parse_args()

    def measured(folder: Path, rows: Sequence[Row]) -> str:
        return table(runs(folder, rows, (asked.data / rerun.ASKED).resolve(), asked.seed), len(rows))

    rerun.measure(asked, Path(__file__).parent / "README.md", "audit", measured)


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

"""Exact and near duplicates from disk to disk, at growing sizes: time, memory, disk, and what was found of the planted.

    python benchmarks/scale/measure.py                                    # 0.1 and 0.3 million rows
    python benchmarks/scale/measure.py --sizes 0.1 0.3 1 3 10 --write     # half an hour; the table and plot go to README.md

The rows are synthetic (`rows.py`), written before the clock starts. Each size is a process of its own; what it and its
helpers hold is added up from /proc twice a second. A run that fails is reported, and the next size is tried.
"""

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import machine
from benchmarks.scale import rows as synthetic

HERE = Path(__file__).parent
MILLION = 1_000_000
RUN = (
    "import json, sys; from pathlib import Path; from curate.dedup_files import dedup_files; "
    "from curate.progress import shown\n"
    "if __name__ == '__main__':\n"
    "    with shown() as progress:\n"
    "        done = dedup_files([Path(sys.argv[1])], Path(sys.argv[2]), processes=int(sys.argv[3]), progress=progress)\n"
    "    print(json.dumps(done.summary['near']))\n"
)


@dataclass(frozen=True)
class Measured:
    """One size."""

    rows: int
    mib: float  # of the file
    seconds: float
    cpu_seconds: float
    peak_mib: float
    disk_mib: float  # scratch and results, at most
    kept: int
    planted: int
    found: dict[str, float]  # share of the planted copies of each kind of which one row went
    compared: int
    crowded: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.1, 0.3], help="millions of rows")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder for rows and results; needs 2 GiB for each million rows")
    parser.add_argument("--write", action="store_true", help="put table and plot into README.md")
    asked = parser.parse_args()
    done: list[Measured] = []
    if asked.work is not None:
        asked.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.work) as folder:
        for size in asked.sizes:
            try:
                done.append(one(Path(folder), round(size * MILLION), asked.seed, asked.processes))
                print(line(done[-1]), flush=True)
            except (OSError, subprocess.CalledProcessError) as error:
                print(f"{size:g} million rows: {error}", file=sys.stderr, flush=True)
    if not done:
        sys.exit("nothing was measured")
    said = table(done, asked.processes)
    print(f"\n{said}")
    if asked.write:
        shown = f"{said}\n\n![Time, memory and disk over rows](growth.svg)"
        machine.replace_between(HERE / "README.md", "scale", shown)
        plot(done, HERE / "growth.svg")
    if len(done) < len(asked.sizes):
        sys.exit(1)


def one(folder: Path, rows: int, seed: int, processes: int) -> Measured:
    """Write so many rows, deduplicate them in a process of its own, and look at what it left."""
    data, out = folder / "rows.jsonl", folder / "out"
    print(f"writing {rows:,} rows", file=sys.stderr, flush=True)
    synthetic.write(data, rows, seed)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    script = folder / "run.py"
    script.write_text(RUN)
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, str(script), str(data), str(out), str(processes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        peak, disk, looks = 0.0, 0.0, 0
        while running.poll() is None:
            peak = max(peak, memory_of(running.pid))
            if looks % 8 == 0:
                disk = max(disk, disk_of(out))
            looks += 1
            time.sleep(0.5)
        printed = running.stdout.read() if running.stdout else ""
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if running.returncode:
        shutil.rmtree(out, ignore_errors=True)
        raise subprocess.CalledProcessError(running.returncode, "dedup_files")
    near = json.loads(printed)
    counts = json.loads((out / "summary.json").read_text())["counts"]
    found, planted = recall(data.with_suffix(".truth.jsonl"), out / "ledger.parquet")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = data.stat().st_size / 2**20
    shutil.rmtree(out)
    return Measured(
        rows, size, seconds, cpu, peak, disk, counts["kept"], planted, found, near["compared"], near["crowded"]
    )


def recall(truth: Path, ledger: Path) -> tuple[dict[str, float], int]:
    """Of the planted copies of each kind: the share of which the copy or its original went."""
    planted = pl.read_ndjson(truth)
    gone = pl.read_parquet(ledger, columns=["row_id"])["row_id"].implode()
    either = planted.with_columns(found=pl.col("id").is_in(gone) | pl.col("twin").is_in(gone))
    return dict(either.group_by("kind").agg(pl.col("found").mean()).sort("kind").iter_rows()), planted.height


def memory_of(process: int) -> float:
    """MiB that a process and those it started hold; pages that they share count for each."""
    total, waiting = 0.0, [process]
    while waiting:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            total += sum(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS")) / 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:  # it has ended
            continue
    return total


def disk_of(folder: Path) -> float:
    """MiB of the files in a folder."""
    total = 0
    for place, _, names in os.walk(folder):  # a folder that is gone by now is passed over
        for name in names:
            try:
                total += (Path(place) / name).stat().st_size
            except OSError:  # it was there a moment ago
                continue
    return total / 2**20


def slope(done: Sequence[Measured], of: str) -> float | None:
    """The exponent with which a figure grows with the rows, fitted to the logarithms; 1 is linear."""
    if len(done) < 2:
        return None
    rows, figures = ([math.log(asdict(each)[key]) for each in done] for key in ("rows", of))
    return float(np.polyfit(rows, figures, 1)[0])


def line(one: Measured) -> str:
    """A row of the table."""
    found = min(one.found.values()) if one.found else float("nan")
    return (
        f"| {one.rows / MILLION:g} M | {one.mib:,.0f} | {one.seconds:,.0f} | {one.cpu_seconds:,.0f} | "
        f"{one.cpu_seconds / one.rows * 1e6:,.0f} | {one.peak_mib:,.0f} | {one.disk_mib:,.0f} | {one.kept:,} | "
        f"{found * 100:.2f} | {one.compared:,} | {one.crowded:,} |"
    )


def table(done: Sequence[Measured], processes: int) -> str:
    """The page's table, with the kinds of the largest size and the fitted slopes."""
    last = done[-1]
    lines = [
        f"Measured {time.strftime('%Y-%m-%d')} on {machine.described()}; {processes} processes.",
        "",
        (
            "| rows | file, MiB | seconds | CPU seconds | CPU per row, µs | peak memory, MiB | disk, MiB | kept | "
            "planted found, %, worst kind | pairs compared | in a crowd |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *map(line, done),
        "",
        f"Of {last.planted:,} copies planted in {last.rows:,} rows, found: "
        + ", ".join(f"{kind} {share * 100:.2f} %" for kind, share in last.found.items())
        + ".",
    ]
    slopes = [(name, slope(done, key)) for name, key in (("time", "seconds"), ("CPU time", "cpu_seconds"))]
    if all(exponent is not None for _, exponent in slopes):
        fitted = ", ".join(f"{name} {exponent:.2f}" for name, exponent in slopes)
        lines.append(f"Growth, as the exponent of rows (1 is linear): {fitted}.")
    return "\n".join(lines)


def plot(done: Sequence[Measured], path: Path) -> None:
    """Time and memory over rows, both axes logarithmic, with a line for linear growth."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "winnow"
    rows = [each.rows for each in done]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    left.loglog(rows, [each.seconds for each in done], "o-", label="seconds")
    left.loglog(rows, [each.cpu_seconds for each in done], "s--", label="CPU seconds")
    left.loglog(rows, [done[0].seconds * each / rows[0] for each in rows], ":", color="grey", label="linear")
    right.loglog(rows, [each.peak_mib for each in done], "o-", label="peak memory, MiB")
    right.loglog(rows, [each.disk_mib for each in done], "s--", label="disk, MiB")
    for axes in (left, right):
        axes.set_xlabel("rows")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()

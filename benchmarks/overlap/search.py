"""What the two exhaustive searches of the overlap check cost: vectors against the machine's own limit, and words.

    python benchmarks/overlap/search.py [--data DIR] [--write]

The limit is the same product of the same tables in the same type, in blocks, and nothing done with it: the fastest of
several ways to cut and thread it, in turns with the search. Synthetic vectors are spread like those of real texts, and one in a
hundred items is close to a row. With `--data` real texts too: `dedup/dedup_planted.jsonl.gz` and `chat/dolly_15k.jsonl.gz`.
`--write` puts the table into SEARCH.md beside this script.
"""

import argparse
import gzip
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from curate import cache, encoder, neighbours, ngrams, products
from curate.overlap_rule import BAND, Rule
from curate.products import Vectors

ROWS, ITEMS, DIMENSIONS = 52_002, 10_000, 384
ROUNDS, PART = 3, 16_384  # the plain product is measured on a part of the rows
LARGE = (100_000, 1_000_000)
SECONDS_FOR_LARGE = 240.0
CUTS = ((512, 1024), (1024, 1024), (2048, 2048), (1024, ITEMS))


@dataclass(frozen=True)
class Line:
    """One measurement; `limit` says what the plain product takes, `held` the most memory above what was there."""

    what: str
    seconds: float
    limit: str
    held: float
    found: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.seconds:.1f} | {self.limit} | {self.held:,.0f} | {self.found} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the public sets; without it, synthetic vectors only")
    parser.add_argument("--write", action="store_true", help="put the table into SEARCH.md here")
    options = parser.parse_args()
    floor = Rule().floor - BAND
    found = [*synthetic(floor), *large(floor)]
    if options.data:
        found += [*real(options.data, floor), *lexical(options.data)]
    head = "| what | seconds | the plain product, share of it reached; by seconds of all cores | memory, MB | found |\n|---|---|---|---|---|"
    page = "\n".join([head, *map(str, found)])
    print(page)
    if options.write:
        said = f"Measured {time.strftime('%Y-%m-%d')} on {machine.described()}. Not measured on a GPU."
        machine.replace_between(Path(__file__).with_name("SEARCH.md"), "search", f"{said}\n\n{page}")


def synthetic(floor: float) -> Iterator[Line]:
    """The size of a large instruction set against ten thousand items, in fp32 and in bf16."""
    left, right = unit(ROWS, 1), unit(ITEMS, 2)
    right[::100] = 0.9 * left[: ITEMS // 100] + 0.4 * right[::100]
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    name = f"{ROWS:,} x {ITEMS:,} synthetic, floor {floor:.2f}"
    yield vectors(f"{name}, fp32", left, right, floor, "cpu")
    yield vectors(f"{name}, bf16", left, right, floor, "cpu-bf16")


def large(floor: float) -> Iterator[Line]:
    """A file of vectors on disk, ten times larger the second time."""
    right, last = unit(ITEMS, 2), 0.0
    for rows in LARGE:
        if last * 10 > SECONDS_FOR_LARGE:
            print(f"{rows:,} rows would take about {last * 10:.0f} s: left out")
            return
        with tempfile.TemporaryDirectory() as folder:
            table = np.lib.format.open_memmap(Path(folder, "rows.npy"), "w+", np.float32, (rows, DIMENSIONS))
            for i in range(0, rows, 50_000):
                table[i : i + 50_000] = unit(50_000, 100 + i)
            table.flush()
            on_disk = np.load(Path(folder, "rows.npy"), mmap_mode="r")
            name = f"{rows:,} x {ITEMS:,} synthetic on disk, floor {floor:.2f}, fp32"
            with memory() as held:
                (seconds, _), found = spent_and(partial(neighbours.search, on_disk, right, floor))
            yield Line(name, seconds, "", held(), str(found))
            last = seconds


def real(data: Path, floor: float) -> Iterator[Line]:
    """Real vectors: Dolly's instructions against user turns of another set. From the cache where they are in it."""
    with gzip.open(data / "chat/dolly_15k.jsonl.gz", "rt") as lines:
        asked = [json.loads(line)["instruction"] for line in lines]
    with cache.open() as held:
        encode = encoder.load(cache=held).encode
        left, right = (
            encode(asked).vectors,
            encode([said for row in rows_of(data)[:3000] for said in turns(row, "user")[:1]]).vectors,
        )
    for step in (floor, 0.8):
        yield vectors(f"{len(left):,} x {len(right):,} real, floor {step:.2f}, fp32", left, right, step, "cpu")


def lexical(data: Path) -> Iterator[Line]:
    """Real texts: 52,002 rows, every turn of them, and the first user turns of others as items."""
    rows = rows_of(data)
    said = [one for row in rows[:ROWS] for one in turns(row)]
    whole = ["\n".join(turns(row)) for row in rows[:ROWS]]
    items = [turns(row, "user")[0] for row in rows[ROWS : ROWS + ITEMS]]
    for what, run in (
        (f"n-grams, {ROWS:,} rows x {len(items):,}", partial(ngrams.contained, whole, items)),
        (f"n-grams, {len(said):,} turns of them x {len(items):,}", partial(ngrams.contained, said, items)),
        (f"short items with typos, {len(said):,} turns x {len(items):,}", partial(ngrams.near_short, said, items)),
    ):
        with memory() as held:
            (seconds, _), found = spent_and(run)
        yield Line(what, seconds, "", held(), f"{len(found):,} pairs, {sum(f.share < 1 for f in found):,} not whole")


def vectors(what: str, left: Vectors, right: Vectors, floor: float, device: products.Device) -> Line:
    """A search beside the plain product, in turns, the best of each: the machine may have other work."""
    search = partial(neighbours.search, left, right, floor, device=device)
    limits, searches, most = [], [], 0.0
    for _ in range(ROUNDS):
        limits += [spent(way) for way in products_of(left[:PART], right, device)]
        with memory() as held:
            taken, found = spent_and(search)
        searches.append(taken)
        most = max(most, held())
    best, least = (min(each[i] for each in limits) * len(left) / min(PART, len(left)) for i in (0, 1))
    seconds, cores = (min(each[i] for each in searches) for i in (0, 1))
    return Line(
        what, seconds, f"{best:.1f} s, {100 * best / seconds:.0f} %; {100 * least / cores:.0f} %", held(), str(found)
    )


def products_of(left: Vectors, right: Vectors, device: products.Device) -> list[Callable[[], Any]]:
    """The plain product, in several ways."""
    if device == "cpu":
        return [partial(way, left, right, *cut) for cut in CUTS for way in (plain, threaded)]
    import torch

    a, b = torch.from_numpy(left).bfloat16(), torch.from_numpy(right).bfloat16()
    return [partial(plain_torch, a, b, *cut) for cut in CUTS[1:]]


def plain_torch(a: Any, b: Any, rows: int, columns: int) -> None:
    """The product, block by block, with torch."""
    for i in range(0, len(a), rows):
        for j in range(0, len(b), columns):
            a[i : i + rows] @ b[j : j + columns].T


def plain(left: Vectors, right: Vectors, rows: int, columns: int) -> None:
    """The product, block by block, into the same room."""
    room = np.empty(rows * columns, np.float32)
    for i in range(0, len(left), rows):
        for j in range(0, len(right), columns):
            a, b = left[i : i + rows], right[j : j + columns]
            np.matmul(a, b.T, out=room[: len(a) * len(b)].reshape(len(a), len(b)))


def threaded(left: Vectors, right: Vectors, rows: int, columns: int) -> None:
    """The same with a thread of ours for each that BLAS would take."""
    with products.threads("cpu") as several, ThreadPoolExecutor(several) as pool:
        list(pool.map(lambda part: plain(part, right, rows, columns), np.array_split(left, several)))


def unit(rows: int, seed: int) -> Vectors:
    """Unit rows whose cosines are spread like those of short English texts: mean .1, deviation .1."""
    random_ = np.random.default_rng(seed)
    table = random_.standard_normal((rows, DIMENSIONS), dtype=np.float32)
    table *= (1 / np.sqrt(1 + np.arange(DIMENSIONS) / 20)).astype(np.float32)
    table[:, :40] += 0.25
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    return table


def rows_of(data: Path) -> list[dict[str, Any]]:
    """The rows of the planted set, shuffled with a fixed seed."""
    with gzip.open(data / "dedup/dedup_planted.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(0).shuffle(rows)
    return rows


def turns(row: dict[str, Any], role: str | None = None) -> list[str]:
    return [turn["content"] for turn in row["messages"] if role in (None, turn["role"])]


def spent_and(run: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds, seconds of all cores together, and what came back."""
    start, cores = time.perf_counter(), time.process_time()
    found = run()
    return (time.perf_counter() - start, time.process_time() - cores), found


def spent(run: Callable[[], Any]) -> tuple[float, float]:
    return spent_and(run)[0]


@contextmanager
def memory() -> Iterator[Callable[[], float]]:
    """Megabytes of the process's own memory (not of mapped files) above what it had, at its highest, looked at often."""
    start, most, done = anonymous(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            most[0] = max(most[0], anonymous() - start)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: most[0]
    finally:
        done.set()
        watcher.join()


def anonymous() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


if __name__ == "__main__":
    main()

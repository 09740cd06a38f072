"""Many numbers on disk, written as sorted runs and read back range by range (an external merge sort without the merge).

    runs = Runs(folder / "prints")
    runs.put(0, keys, owners)              # keys uint64; owners ride along
    for low, high in runs.ranges(4_000_000):
        keys, owners = runs.get(low, high)  # everything with low <= key < high, not sorted between runs

A range never divides equal keys, so whoever counts how often a key occurs sees all of it. The ranges are drawn from
what was written, so they hold about as many records each, whatever the keys are like. Only a key that is more frequent
than that by itself makes a larger one.
"""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Owners = npt.NDArray[np.uint32]
Range = tuple[int, int]

SAMPLED = 512  # every so manieth key is looked at to draw the ranges
END = 1 << 64


@dataclass(frozen=True)
class Runs:
    """Sorted runs in a folder of their own; processes may write different runs at once."""

    folder: Path
    owned: bool = True  # whether keys have owners

    def put(self, number: int, keys: Keys, owners: Owners | None = None) -> None:
        """Write one run. The caller numbers them; a number that is written again replaces that run."""
        self.folder.mkdir(exist_ok=True)
        if owners is None:
            keys = np.sort(keys)
        else:
            order = np.argsort(keys)
            keys = keys[order]
            owners[order].tofile(self._path(number, "owners"))
        keys.tofile(self._path(number, "keys"))
        keys[:: self._step(len(keys))].tofile(self._path(number, "sample"))

    @property
    def records(self) -> int:
        """How many records all runs hold."""
        return sum(path.stat().st_size for path in self._paths("keys")) // 8

    def ranges(self, at_once: int) -> list[Range]:
        """Ranges of keys with about `at_once` records each, in ascending order; together they are everything."""
        samples, weights = [np.empty(0, np.uint64)], [np.empty(0)]
        for path in self._paths("keys"):
            held = path.stat().st_size // 8
            samples.append(np.fromfile(path.with_suffix(".sample"), np.uint64))
            weights.append(np.full(len(samples[-1]), held / max(len(samples[-1]), 1)))
        sample, weight = np.concatenate(samples), np.concatenate(weights)
        if not len(sample):
            return []
        order = np.argsort(sample, kind="stable")
        filled = np.cumsum(weight[order])
        wanted = np.arange(at_once, filled[-1], at_once)
        cuts = np.unique(sample[order][np.searchsorted(filled, wanted)]).tolist()
        edges = [0, *(cut for cut in cuts if cut > 0), END]
        return list(itertools.pairwise(edges))

    def get(self, low: int, high: int) -> tuple[Keys, Owners]:
        """All records with low <= key < high, run after run (each sorted)."""
        keys, owners = [np.empty(0, np.uint64)], [np.empty(0, np.uint32)]
        for path in self._paths("keys"):
            begin, end = _between(path, low, high)
            if begin == end:
                continue
            keys.append(np.fromfile(path, np.uint64, end - begin, offset=8 * begin))
            if self.owned:
                beside = path.with_suffix(".owners")
                owners.append(np.fromfile(beside, np.uint32, end - begin, offset=4 * begin))
        return np.concatenate(keys), np.concatenate(owners)

    def drop(self) -> None:
        """Forget all runs: what was counted need not fill the disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self, kind: str) -> Iterator[Path]:
        return iter(sorted(self.folder.glob(f"*.{kind}")))

    def _path(self, number: int, kind: str) -> Path:
        return self.folder / f"{number:07}.{kind}"

    @staticmethod
    def _step(held: int) -> int:
        # Of a short run more, or many short runs would be drawn by their smallest keys alone.
        return max(1, min(SAMPLED, held // 64))


def _between(path: Path, low: int, high: int) -> Range:
    """Where the keys of a range stand in a run."""
    if not path.stat().st_size:
        return 0, 0
    keys = np.memmap(path, np.uint64, "r")
    begin = int(np.searchsorted(keys, np.uint64(low)))
    end = len(keys) if high >= END else int(np.searchsorted(keys, np.uint64(high)))
    return begin, end

"""Run a command, and say what it cost: seconds on the wall, CPU seconds and peak memory of it and all that it started.

    cost = run([sys.executable, "script.py"], env={})
    print(cost.wall, cost.cpu, cost.peak_mb)

On Linux /proc is read while it runs; elsewhere the figures are those of the largest process.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

SECONDS_BETWEEN_LOOKS = 0.05
TICKS = os.sysconf("SC_CLK_TCK")
LAST_LINES = 5


class RunFailed(Exception):
    """The command ended with an error; the message holds its last words."""


@dataclass(frozen=True)
class Cost:
    wall: float
    cpu: float
    peak_mb: float

    def without(self, wall: float, cpu: float, peak_mb: float | None = None) -> Self:
        """Less what was done for the benchmark's sake alone; `peak_mb` is the peak before that."""
        return replace(self, wall=self.wall - wall, cpu=self.cpu - cpu, peak_mb=peak_mb or self.peak_mb)


def run(command: Sequence[str], env: Mapping[str, str]) -> Cost:
    """Run to the end. `env` is added to this process's environment. Raises RunFailed."""
    with tempfile.TemporaryFile() as said:
        start = time.monotonic()
        child = subprocess.Popen(command, env=os.environ | env, stdout=said, stderr=said)
        watch = _Watch(child.pid)
        while True:
            done, status, spent = os.wait4(child.pid, os.WNOHANG)
            if done:
                break
            watch.look()
            time.sleep(SECONDS_BETWEEN_LOOKS)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:]
            raise RunFailed("\n".join(last) or f"ended with {child.returncode} and said nothing")
    return Cost(wall, max(spent.ru_utime + spent.ru_stime, watch.cpu), watch.peak_mb or _largest(spent))


def _largest(spent: resource.struct_rusage) -> float:
    """Where there is no /proc. It knows the largest process only."""
    return spent.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


@dataclass
class _Watch:
    """What /proc says of a process and its descendants, look by look.

    The kernel's own figures miss children that nobody waited for, and its peak counts what this process held when it forked.
    """

    pid: int
    peak_mb: float = 0.0
    seconds: dict[int, float] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        return sum(self.seconds.values())

    def look(self) -> None:
        seen, waiting = [], [self.pid]
        while waiting:
            place = Path("/proc", str(pid := waiting.pop()))
            try:
                status = (place / "status").read_text()
                spent = (place / "stat").read_text().rsplit(")", 1)[1].split()
                for thread in (place / "task").iterdir():
                    waiting += map(int, (thread / "children").read_text().split())
            except (OSError, IndexError):  # it has ended, or there is no /proc
                continue
            self.seconds[pid] = (int(spent[11]) + int(spent[12])) / TICKS
            seen.append(place)
            self.peak_mb = max(self.peak_mb, _kilobytes(status, "VmHWM") / 1e3)
        if len(seen) > 1:
            # Forked workers share pages: each page counts once, divided among those who hold it.
            self.peak_mb = max(self.peak_mb, sum(map(_own_share, seen)) / 1e3)


def _own_share(place: Path) -> int:
    try:
        return _kilobytes((place / "smaps_rollup").read_text(), "Pss")
    except OSError:
        return 0


def _kilobytes(status: str, name: str) -> int:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0  # a process that has ended and was not waited for

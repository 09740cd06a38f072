"""The machine that a figure was measured on, in words, and the parts of a page that a benchmark may rewrite.

    machine.described()      # "2 cores, x86-64 with avx512_bf16, avx512_vnni; Linux, Python 3.11.13; torch 2.13.0"

No host name, no user name, no path: figures are published.
"""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from curate.errors import BadInput

TELLING = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16", "i8mm")


def described() -> str:
    """Cores, the processor's features that decide speed and precision, and what software ran."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    have = [flag for flag in TELLING if flag in _flags()]
    features = f" with {', '.join(have)}" if have else ""
    software = f"{platform.system()}, Python {platform.python_version()}; torch {version('torch').split('+')[0]}"
    return f"{cores} cores, {platform.machine()}{features}; {software}"


def replace_between(page: Path, name: str, text: str) -> None:
    """Put `text` between `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a page. BadInput where the marks are not there."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    whole = page.read_text(encoding="utf-8") if page.exists() else ""
    before, found, rest = whole.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise BadInput(
            f"the page has no {begin} followed by {end}",
            where=page.name,
            hint="put both marks where the figures belong",
        )
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split(":", 1)[1].split()}

"""An environment for each peer, made once: a venv with the packages that a contestant names, pinned.

    python = environment(Path("envs"), ("rensa==0.5.0",))

The name of the folder tells the packages, so another version is another environment. A half-made one is made again.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from curate.progress import aside

READY = "ready"


class NotInstalled(Exception):
    """pip, or the making of a venv, ended with an error; the message holds its last line."""


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """The Python of the environment with these packages; installs it where it is missing. Raises NotInstalled."""
    place = folder / "-".join(package.replace("==", "-") for package in packages)
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if (place / READY).exists():
        return python
    aside(f"making an environment: pip install {' '.join(packages)}")
    shutil.rmtree(place, ignore_errors=True)
    _call([sys.executable, "-m", "venv", str(place)])
    _call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    (place / READY).touch()
    return python


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()
        raise NotInstalled(last[-1] if last else f"{command[0]} ended with {done.returncode}")

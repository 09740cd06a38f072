"""The queries in Embedding Atlas, for sets too large for a page: a table of them written, a server on this machine opened.

    rows = table(chats, masked, encode, cache=cache.open())
    show(rows, port=5055)           # serves until Ctrl-C

Embedding Atlas is another's program, run as one: it is told where each query lies, so it computes nothing itself, and it
answers on the loopback only.
"""

import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path

import numpy as np
import polars as pl

from curate import chats as chat
from curate.cache import Cache
from curate.errors import Surroundings
from curate.page.layout import laid_out
from curate.progress import Progress, silent
from curate.windows import Encode

EXTRA = 'pip install "winnow-tune[atlas]"'
PORT = 5055
HOST = "127.0.0.1"
CHARACTERS = 2_000  # of a query and of an answer


def check() -> None:
    """Before the work: Surroundings where Embedding Atlas is not installed."""
    if util.find_spec("embedding_atlas") is None:
        raise Surroundings("`winnow map` needs Embedding Atlas, which is not installed", hint=EXTRA)


def table(
    chats: pl.DataFrame,
    masked: pl.DataFrame,
    encode: Encode,
    *,
    cache: Cache | None = None,
    progress: Progress = silent,
) -> pl.DataFrame:
    """A line for each row with a readable query: id, query, answer, file, x, y. Texts are those of `masked`."""
    found = laid_out(chats, masked, encode, cache=cache, most=max(1, chats.height), progress=progress)
    said = {
        row: (query[:CHARACTERS], answer[:CHARACTERS])
        for row, query, answer in zip(masked["id"], chat.queries(masked), chat.answers(masked), strict=True)
    }
    texts = [said.get(row, ("", "")) for row in found.rows]
    return pl.DataFrame(
        {
            "row": found.rows,
            "query": [query for query, _ in texts],
            "answer": [answer for _, answer in texts],
            "file": found.files,
            "x": np.ascontiguousarray(found.places[:, 0]),
            "y": np.ascontiguousarray(found.places[:, 1]),
        }
    )


def command(path: Path, port: int = PORT) -> list[str]:
    """What starts Embedding Atlas on a table. Its database runs beside it: in the browser it would ask the network for parts."""
    told = ["--text", "query", "--x", "x", "--y", "y", "--duckdb", "server", "--host", HOST, "--port", str(port)]
    return [sys.executable, "-m", "embedding_atlas.cli", str(path), *told]


def show(rows: pl.DataFrame, port: int = PORT) -> None:
    """Serve the table until interrupted; it lies in a folder that goes with the server."""
    with tempfile.TemporaryDirectory(prefix="winnow-map-") as folder:
        path = Path(folder) / "queries.parquet"
        rows.write_parquet(path)
        done = subprocess.run(command(path, port), check=False)
    if done.returncode:
        raise Surroundings(
            f"Embedding Atlas ended with code {done.returncode}; what it said stands above", hint=f"--port {port + 1}"
        )

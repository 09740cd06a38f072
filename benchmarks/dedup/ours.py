"""Winnow's own runner: the steps as `winnow curate` calls them with the default recipe, on rows that its reader read.

    python benchmarks/dedup/ours.py ROWS.jsonl.gz FOUND.json '{"steps": ["exact", "near"]}'

Only the public functions of `curate.dedup` are called.
"""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from benchmarks.dedup.peers import rows
from curate import dedup, files
from curate.outcome import Outcome, join
from curate.recipe import Recipe

RECIPE = Recipe()
computed: list[int] = []  # texts whose vectors were not in the cache, call by call


def find(chats: pl.DataFrame, steps: list[str]) -> rows.Found:
    """Each step takes what the one before it kept."""
    ledgers = []
    for step in steps:
        done = STEPS[step](chats)
        chats = done.kept
        ledgers.append(done.ledger)
    gone = join(ledgers).filter(action="removed")
    return gone["row_id"].to_list(), rows.stars(ends(gone.select("twin", "row_id").iter_rows()))


def near(chats: pl.DataFrame) -> Outcome:
    if not RECIPE.near:
        raise SystemExit("the default recipe has no near step")
    return dedup.near(chats, threshold=RECIPE.near.threshold, seed=RECIPE.seed)


def semantic(chats: pl.DataFrame) -> Outcome:
    if not RECIPE.semantic:
        raise SystemExit("the default recipe has no semantic step")
    # As the command line does: other steps need not wait for the models' modules.
    from curate import cache, detectors

    with cache.open() as held:
        models = detectors.load(cache=held, progress=note)
        found = dedup.semantic(
            chats,
            models.encoder.encode,
            models.judge_anew,  # judging is what is measured
            threshold=RECIPE.semantic.threshold,
            latin_only=models.encoder.english_only,
            slack=models.encoder.slack,
            seed=RECIPE.seed,
        )
        return found.outcome


def note(step: str, done: int, total: int) -> None:
    """The encoder's progress: it starts with what the cache held."""
    if done < total:
        computed.append(total - done)


STEPS = {"exact": dedup.exact, "near": near, "semantic": semantic}


def ends(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(twin, removed row), where a later step may have removed the twin -> (the kept row at the end, removed row)."""
    twin = {row: kept for kept, row in pairs}

    def end(row: str) -> str:
        while row in twin:
            row = twin[row]
        return row

    return [(end(row), row) for row in twin]


def read(path: Path) -> pl.DataFrame:
    """The chat frame of a file."""
    return files.read([path]).chats


if __name__ == "__main__":
    rows.main(find, read, beside=lambda: {"computed": max(computed, default=0)})

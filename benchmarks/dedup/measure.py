"""Deduplicators on one file with planted pairs: what each costs, what it finds, and what it removes by mistake; ours and the peers.

    python benchmarks/dedup/measure.py --data DIR [--write] [--envs FOLDER] [--only NAME...] [--slow] [--repeat N]

DIR holds `dedup/dedup_planted.jsonl.gz` and `dedup/dedup_truth.jsonl.gz`; README.md beside this says how to read the tables. Peers are
installed with pip, each into an environment of its own under FOLDER, once. One run at a time, in a process of its own.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median_low

from benchmarks import machine
from benchmarks.dedup import running, scoring
from benchmarks.dedup.contestants import CONTESTANTS, HERE, Contestant, chosen
from benchmarks.dedup.environments import NotInstalled, environment
from benchmarks.dedup.tables import Result, tables
from curate.errors import BadInput, WinnowError
from curate.progress import aside

ROWS, TRUTH = "dedup/dedup_planted.jsonl.gz", "dedup/dedup_truth.jsonl.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md beside this script")
    parser.add_argument("--envs", type=Path, default=Path(tempfile.gettempdir()) / "winnow-peers", help="for the peers")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=", ".join(c.key for c in CONTESTANTS))
    parser.add_argument("--slow", action="store_true", help="text-dedup too")
    parser.add_argument("--repeat", type=int, default=1, help="run each so often; the one with the median CPU counts")
    parser.add_argument("--embedder", type=Path, help="a model2vec folder for semhash, instead of the one made here")
    options = parser.parse_args()
    try:
        if options.write and options.only:
            raise BadInput("the page shows everybody", where="--only", hint="--write without --only")
        who = chosen(options.only, options.slow)
        for file in (ROWS, TRUTH):
            if not (options.data / file).exists():
                raise BadInput("this file is not here", where=str(options.data / file), hint="--data DIR")
        pairs = scoring.truth(options.data / TRUTH)
        bench = Bench(options.data.resolve() / ROWS, pairs, options.envs.resolve(), options.embedder)
        results = [bench.result(each, options.repeat) for each in who]
        results += [
            Result(each.name, why_not="It takes --slow.")
            for each in CONTESTANTS
            if not options.only and each not in who
        ]
        page = tables(results, pairs)
        print(page)
        if options.write:
            said = f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {machine.described()}."
            machine.replace_between(HERE / "README.md", "dedup", f"{said}\n\n{page}")
    except WinnowError as error:
        sys.exit(f"{error}")


class Bench:
    """The file, what is known of it, and where the peers live."""

    def __init__(self, rows: Path, pairs: Sequence[scoring.Pair], envs: Path, embedder: Path | None) -> None:
        self.rows, self.pairs, self.envs, self.embedder = rows, pairs, envs, embedder

    def result(self, who: Contestant, repeat: int) -> Result:
        """Run a contestant; one that cannot be had, or that fails, is told and does not stop the others."""
        aside(f"running {who.key}")
        try:
            python = sys.executable if who.ours else str(environment(self.envs, who.packages))
            runs = [self.once(who, python) for _ in range(repeat)]
        except (NotInstalled, running.RunFailed) as problem:
            aside(f"{who.key}: {problem}")
            return Result(who.name, why_not=str(problem).splitlines()[-1])
        middle = median_low(run.cost.cpu for run in runs if run.cost)
        return next(run for run in runs if run.cost and run.cost.cpu == middle)

    def once(self, who: Contestant, python: str) -> Result:
        """One run, or two: what looks up vectors counts when none had to be computed."""
        options = dict(who.options)
        if who.embeds:
            options["embedder"] = str(self.embedder or self._made_embedder())
        env = {"WINNOW_CACHE": os.environ.get("WINNOW_CACHE", str(self.envs / "vectors"))}
        env |= {"HF_HOME": str(self.envs / "hf"), "HF_HUB_OFFLINE": "1"} if not who.ours else {}
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "found.json"
            command = [python, str(who.script), str(self.rows), str(target), json.dumps(options)]
            cost = running.run(command, env)
            found = json.loads(target.read_text(encoding="utf-8"))
            cost = cost.without(**found["explaining"], peak_mb=found.get("peak_mb"))
        if who.vectors and found.get("computed"):
            aside(f"{who.key}: vectors were computed ({cost.cpu:.0f} CPU s in all); once more, with vectors at hand")
            return self.once(replace(who, vectors=False), python)
        score = scoring.scored(self.pairs, found["removed"], found["groups"])
        return Result(who.name, cost, found["work"]["cpu"], score)

    def _made_embedder(self) -> Path:
        folder = self.envs / "static-embedder"
        if not (folder / "vectors.npy").exists():
            aside("making a static embedder for semhash")
            running.run([sys.executable, str(HERE / "static_embedder.py"), str(folder)], {})
        return folder


if __name__ == "__main__":
    main()

"""Eval items hidden in real rows, in ten ways: how many does the overlap check find?

    python benchmarks/overlap/planting.py --data DIR [--write]

The eval file is made of sixty of Dolly's rows, question and answer; each is planted once per way among the other rows, which are
left as they are. Found means: the planted row is removed because of this very item. What else is removed is counted.
"""

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import machine
from benchmarks.overlap import pairs
from benchmarks.overlap.judging import DOLLY
from benchmarks.overlap.tables import share
from curate import cache, encoder, files, overlap
from curate import chats as chat
from curate.errors import BadInput, WinnowError
from curate.overlap import EvalFile
from curate.pairs import judge_with

ITEMS = 60
Turns = list[dict[str, Any]]
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def _asks(said: str, answer: str = "Let me think about that.") -> Turns:
    return [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]


def _reordered(said: str, dice: random.Random) -> str:
    sentences = SENTENCE.split(said)
    return " ".join(sentences[1:] + sentences[:1])


def _halves(said: str) -> tuple[str, str]:
    words = said.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])


def _in_a_call(said: str) -> Turns:
    call = {"function": {"name": "ask", "arguments": json.dumps({"text": said})}, "type": "function", "id": "1"}
    made = {"role": "assistant", "content": "", "fields": json.dumps({"tool_calls": [call]})}
    return [{"role": "user", "content": "Pass this on, please, to whoever knows it."}, made]


def _split(said: str) -> Turns:
    first, second = _halves(said)
    return _asks(first, "Go on, I am listening.") + _asks(second)


Plant = Callable[[str, str, str, random.Random], Turns]

# way -> (question, ideal answer, a long text from elsewhere, dice) -> the turns that hold it
WAYS: dict[str, Plant] = {
    "copy": lambda question, answer, long, dice: _asks(question),
    "case and spacing": lambda question, answer, long, dice: _asks(pairs.recased(question, dice)),
    "typos": lambda question, answer, long, dice: _asks(pairs.mistyped(question, dice)),
    "words put in": lambda question, answer, long, dice: _asks(pairs.lengthened(question, dice)),
    "end cut off": lambda question, answer, long, dice: _asks(pairs.cut(question, dice)),
    "sentences in another order": lambda question, answer, long, dice: _asks(_reordered(question, dice)),
    "inside a long row": lambda question, answer, long, dice: _asks(f"{long}\n\n{question}\n\n{long}"),
    "split over two turns": lambda question, answer, long, dice: _split(question),
    "ideal answer alone": lambda question, answer, long, dice: _asks("Write something that helps me.", answer),
    "inside a tool call": lambda question, answer, long, dice: _in_a_call(question),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="put the table into PLANTING.md beside this script")
    options = parser.parse_args()
    try:
        page = measured(options.data)
    except WinnowError as error:
        sys.exit(f"{error}")
    print(page)
    if options.write:
        said = f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {machine.described()}."
        machine.replace_between(Path(__file__).with_name("PLANTING.md"), "planting", f"{said}\n\n{page}")


def measured(data: Path) -> str:
    """The table: ways, items, found."""
    if not (data / DOLLY).exists():
        raise BadInput("this set is not here", where=str(DOLLY), hint="--data FOLDER")
    rows = files.read([data / DOLLY]).chats
    items = _items(rows)
    rows = rows.filter(~pl.col("id").is_in([name for name, _, _ in items]))
    long = sorted(said for said in chat.queries(rows) if 2_000 < len(said) < 6_000)
    planted = _planted(items, long)
    cases = [EvalFile("items", "", chat.chats_of({"id": name, "turns": _asks(q, a)} for name, q, a in items))]
    with cache.open() as held:
        model = encoder.load(cache=held)
        found = overlap.check(pl.concat([rows, planted]), cases, model.encode, judge_with(model))
    hits = {(row, twin) for row, twin in found.outcome.ledger.select("row_id", "twin").iter_rows()}
    lines = ["| way | planted | found | share (95 % interval) |", "|---|---|---|---|"]
    for way in WAYS:
        ours = [row for row in planted["id"] if row.split("/")[0] == way]
        right = sum((row, row.split("/")[1]) in hits for row in ours)
        lines.append(f"| {way} | {len(ours)} | {right} | {share(right, len(ours))} |")
    others = found.outcome.removed.filter(~pl.col("id").is_in(planted["id"].to_list())).height
    said = f"Removed of the {rows.height:,} rows in which nothing was planted: {others}."
    return "\n".join([*lines, "", said])


def _items(rows: pl.DataFrame) -> list[tuple[str, str, str]]:
    """Questions of 8 to 120 words whose answer has 30 and more, each with its answer; drawn by a seed."""
    said = zip(rows["id"], chat.queries(rows), chat.answers(rows), strict=True)
    fit = sorted({q: (i, q, a) for i, q, a in said if 8 <= len(q.split()) <= 120 and len(a.split()) >= 30}.values())
    return sorted(random.Random(0).sample(fit, min(ITEMS, len(fit))))


def _planted(items: Sequence[tuple[str, str, str]], long: Sequence[str]) -> pl.DataFrame:
    rows = []
    for way, plant in WAYS.items():
        for number, (name, question, answer) in enumerate(items):
            if way == "sentences in another order" and len(SENTENCE.split(question)) < 2:
                continue
            dice = random.Random(f"{way}/{name}")
            turns = plant(question, answer, long[number % len(long)] if long else "", dice)
            rows.append({"id": f"{way}/{name}", "turns": turns})
    return chat.chats_of(rows)


if __name__ == "__main__":
    main()

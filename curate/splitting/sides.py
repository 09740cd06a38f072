"""Two sides of a set without overlap: which rows are held out, and the proof that nothing on the other side says the same.

    parts = split(chats, encode, judge, Wish(cases=200), rule=Rule(remove_template_variants=True))
    parts.kept, parts.held          # together they are the input

Rows that say the same are joined (`curate.splitting.same`), groups are drawn topic by topic (`curate.splitting.holdout`), and the two sides are
checked as `winnow verify` would check them. What only the check finds is put on one side, and they are checked again.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from curate import chats as chat
from curate import overlap, topics, views
from curate.counted import counted
from curate.errors import BadInput, Refused
from curate.evalset import EvalFile
from curate.overlap_rule import Rule
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.splitting import holdout, same
from curate.splitting.effect import Effect
from curate.splitting.same import Together
from curate.splitting.split_report import IDS_SHOWN, Groups, Topic
from curate.windows import Encode, Reduced

__all__ = ["Parts", "Wish", "questions", "split"]

SPARED = 0.2  # of the rows, at most, are held out for an effect
ROUNDS = 6  # of checking, before we give up on putting on one side what the grouping missed
NO_TOPIC = -1

Pair = tuple[int, int]
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Wish:
    """How many cases: a number, or as many as the effect needs and the data can spare."""

    cases: int | None = None
    effect: Effect = field(default_factory=Effect)

    def target(self, rows: int) -> int:
        """Cases to hold out of so many rows. BadInput where one side would be empty."""
        if rows < 2:
            raise BadInput(f"a set of {counted(rows, 'row')} cannot be split: each side needs one at least")
        if self.cases is None:
            if not (spared := self.spared(rows)):
                what = f"{rows} rows are too few: at most {100 * SPARED:g} % are held out for an effect"
                raise BadInput(what, hint="--cases 1")
            return min(self.effect.cases(), spared)
        if not 1 <= self.cases < rows:
            what = f"{counted(self.cases, 'case')} cannot be held out of {counted(rows, 'row')}: each side needs one at least"
            raise BadInput(what, hint=f"--cases {max(1, rows // 5)}")
        return self.cases

    @staticmethod
    def spared(rows: int) -> int:
        """Rows that the training side can spare for an effect."""
        return int(SPARED * rows)


@dataclass(frozen=True)
class Parts:
    """The two sides: `kept` to train on and the `held` cases, each in file order; together they are the input."""

    kept: pl.DataFrame
    held: pl.DataFrame
    wanted: int
    groups: Groups
    topics: tuple[Topic, ...]
    not_comparable: int
    check: overlap.Check
    rounds: int
    mended: int


def split(
    chats: pl.DataFrame,
    encode: Encode,
    judge: Judge,
    wish: Wish,
    *,
    rule: Rule,
    reduced: Reduced | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Parts:
    """Divide `chats` in two sides without overlap under `rule`, whose `remove_template_variants` says if variants overlap.

    Raises BadInput where no group can be held out, Refused if something still overlaps after ROUNDS rounds.
    """
    wanted = wish.target(chats.height)
    free = _free(chats, encode)
    if not any(free):
        raise BadInput("no row asks anything that the encoder can read, so none can be held out")
    keys = [hashlib.sha256(f"{seed}:{chat.row_fingerprint(turns)}".encode()).hexdigest() for turns in chats["turns"]]
    labels = _topics(chats, free, keys, encode, seed)
    together, mended = Together(chats.height), 0
    same.join(chats, encode, judge, rule, together, progress, reduced.slack if reduced else 0.0)
    for round_ in range(1, ROUNDS + 1):
        number = together.groups()
        held = pl.Series(_draw(number, labels, keys, free, wish, wanted))
        kept, cases = chats.filter(~held), chats.filter(held)
        files = [EvalFile("eval.jsonl", "", cases)]
        proof = overlap.check(kept, files, encode, judge, rule=rule, reduced=reduced, progress=progress)
        missed = _overlapping(chats, proof, rule)
        if not missed:
            table = _table(chats, labels, held.to_list())
            sizes = _groups(chats, number, held.to_list())
            return Parts(kept, cases, wanted, sizes, table, free.count(False), proof, round_, mended)
        # What is boilerplate, and which answers are shared, depends on how many cases there are.
        mended += sum(together.join(a, b) for a, b in sorted(missed))
    what = f"{counted(len(missed), 'pair still overlaps', 'pairs still overlap')} after {ROUNDS} rounds; this is a defect of Winnow, please report it"
    raise Refused(what)


def _free(chats: pl.DataFrame, encode: Encode) -> list[bool]:
    """Whether a row may be held out: it asks something, and the encoder can read all that it says in letters."""
    said = views.training(chats)
    windows = views.with_joined(said, encode)
    asked = set(questions(chats)["row_id"])
    roles, rows = said.frame["role"], said.frame["row_id"]
    unread = {rows[i] for i in windows.without_window.tolist() if roles[i] == "user" or _LETTER.search(said.texts[i])}
    return [row in asked and row not in unread for row in chats["id"]]


def questions(chats: pl.DataFrame) -> pl.DataFrame:
    """The turns in which the user says something."""
    return chat.turn_frame(chats).filter((pl.col("role") == "user") & (pl.col("text").str.strip_chars() != ""))


def _overlapping(chats: pl.DataFrame, found: overlap.Check, rule: Rule) -> set[Pair]:
    """The pairs of rows (by position) that say the same by the check."""
    counted = found.matches.filter(pl.col("class").is_in(rule.counted()) & (pl.col("row_id") != pl.col("case_id")))
    place = {row: i for i, row in enumerate(chats["id"])}
    return {(place[row], place[case]) for row, case in counted.select("row_id", "case_id").iter_rows()}


def _topics(chats: pl.DataFrame, free: Sequence[bool], keys: Sequence[str], encode: Encode, seed: int) -> list[int]:
    """The topic of each row by its questions; NO_TOPIC for a row that cannot be held out."""
    asked = questions(chats.filter(pl.Series(free)))
    place = {row: i for i, row in enumerate(chats["id"])}
    windows = encode(asked["text"].to_list())
    rows = np.array([place[row] for row in asked["row_id"]], np.int32)[windows.text]
    numbers, vectors = replace(windows, text=rows, texts=chats.height).mean_by_text()
    order = sorted(range(len(numbers)), key=lambda i: keys[int(numbers[i])])
    found = topics.clusters(vectors[order], topics.how_many(len(numbers)), seed=seed)
    labels = [NO_TOPIC] * chats.height
    for i, topic in zip(order, found.tolist(), strict=True):
        labels[int(numbers[i])] = topic
    return labels


def _draw(
    number: list[int], labels: list[int], keys: list[str], free: list[bool], wish: Wish, wanted: int
) -> list[bool]:
    """Whether each row is held out. BadInput, with the reason, where none can be."""
    rows, asked = len(number), wanted
    if rows > 1 and len(set(number)) == 1:
        raise BadInput(f"all {rows:,} rows say the same thing, so none can be held out", hint="winnow audit DATA")
    chosen = holdout.choose(number, labels, keys, free, asked)
    # Cases that say the same are no independent evidence: an effect needs so many groups.
    while wish.cases is None and (short := wanted - len(chosen)) > 0 and asked < wish.spared(rows):
        asked = min(asked + short, wish.spared(rows))
        chosen = holdout.choose(number, labels, keys, free, asked)
    if not chosen:
        sizes = Counter(number)
        smallest = min((sizes[group] for group, may in zip(number, free, strict=True) if may), default=0)
        what = f"no group of rows that say the same is as small as {counted(wanted, 'case')}; the smallest has {counted(smallest, 'row')}"
        raise BadInput(what if smallest else "no row can be held out", hint=f"--cases {smallest}" if smallest else None)
    away = {row for group in chosen for row in group.rows}
    return [row in away for row in range(rows)]


def _groups(chats: pl.DataFrame, number: Sequence[int], held: Sequence[bool]) -> Groups:
    sizes = Counter(number)
    largest = max(sizes.values())
    # Of groups of one size the one with the first id: the order of the file plays no part.
    ids = defaultdict[int, list[str]](list)
    for row, group in zip(chats["id"], number, strict=True):
        if sizes[group] == largest:
            ids[group].append(row)
    shown = tuple(min(sorted(each)[:IDS_SHOWN] for each in ids.values()))
    several = sum(size > 1 for size in sizes.values())
    away = len({group for group, gone in zip(number, held, strict=True) if gone})
    return Groups(len(sizes), away, several, largest, shown)


def _table(chats: pl.DataFrame, labels: Sequence[int], held: Sequence[bool]) -> tuple[Topic, ...]:
    known = [i for i, topic in enumerate(labels) if topic != NO_TOPIC]
    queries = chat.queries(chats)
    words = topics.names([queries[i] for i in known], [labels[i] for i in known])
    rows = Counter(labels[i] for i in known)
    cases = Counter(labels[i] for i in known if held[i])
    return tuple(Topic(words[topic], rows[topic], cases[topic]) for topic in sorted(rows))

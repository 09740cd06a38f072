"""Training rows against eval items: what says the same, under a stated rule.

    found = check(chats, eval_files, encoder.encode, pairs.judge_with(encoder))
    found.outcome.removed      # the rows that overlap
    found.nearest              # for every eval item the nearest training text and its score

Everything a row says (`curate.views`) is compared with every user turn of every eval case, by words and by meaning: all pairs
of windows, no approximate index. What comes near is judged by the pair rule (`curate.matching`). Template variants, the same
question with other facts, are counted and reported, not removed; what holds an item word for word is a copy whatever else
it says. Ideal answers are compared too: alone they convict by words when they are long and no boilerplate, by meaning only
together with their question.

The check fails closed: a row without anything to compare is removed as `not comparable`, an eval item without any text
stops the run, and a score within `TOLERANCE` of the threshold counts as overlap.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from curate import matching, neighbours, outcome, views
from curate.counted import counted
from curate.errors import BadInput
from curate.evalset import EvalFile, read_eval_files, shipped_name
from curate.likeness import boilerplate
from curate.outcome import Outcome, Reason
from curate.overlap_rule import BAND, COUNTED, NOT_COMPARABLE, TOLERANCE, VARIANT, Rule
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.views import Said
from curate.windows import Encode, Reduced, Windows

__all__ = ["CLASSES", "TOLERANCE", "VARIANT", "Check", "EvalFile", "Rule", "check", "is_variant", "read_eval_files",
           "shipped_name"]  # fmt: skip

CLASSES = COUNTED
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Check:
    """What the comparison found.

    matches   one line per matching (training text, eval turn), template variants included: row_id, turn, part (role,
              `field` or `all user turns`), eval_file, case_id, case_turn, class, containment, cosine, probability,
              differs, threshold
    nearest   one line per eval item: eval_file, case_id, case_turn, row_id, turn, cosine, probability
    histogram counts of the cosines of all pairs of windows, in `neighbours.BINS` bins from -1 to 1
    judged    pairs of texts that the pair rule was asked about
    """

    outcome: Outcome
    matches: pl.DataFrame
    nearest: pl.DataFrame
    histogram: tuple[int, ...]
    pairs_compared: int
    turns: int
    items: int
    set_aside: int = 0
    judged: int = 0

    def counts(self) -> dict[str, int]:
        """Rows by the class of their worst match. A class that the rule does not count was kept."""
        found = dict(_worst(self.matches).group_by("class").len().iter_rows())
        return {name: found.get(name, 0) for name in (*CLASSES, VARIANT)}

    def and_as_read(self, came: "Check") -> "Check":
        """This check, and what some of its rows convicts as they `came`, before a step edited them: the truer reason."""
        more = came.outcome.removed["id"].to_list()
        gone, lines = pl.col("id").is_in(more), pl.col("row_id").is_in(more)
        done = Outcome(
            self.outcome.kept.filter(~gone),
            pl.concat([self.outcome.removed, self.outcome.kept.filter(gone)]),
            pl.concat([self.outcome.ledger.filter(~lines), came.outcome.ledger.filter(lines)]),
        )
        return replace(self, outcome=done, matches=pl.concat([self.matches.filter(~lines), came.matches.filter(lines)]))

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {n:,}" for name, n in self.counts().items())
        aside = f"; {counted(self.set_aside, 'short follow-up')} of eval cases set aside" if self.set_aside else ""
        return f"{counted(self.pairs_compared, 'pair')} of windows compared{aside}; rows by class: {counts}"


def check(
    chats: pl.DataFrame,
    eval_files: Sequence[EvalFile],
    encode: Encode,
    judge: Judge,
    *,
    rule: Rule | None = None,
    reduced: Reduced | None = None,
    progress: Progress = silent,
) -> Check:
    """Compare every training text with every eval item.

    `encode` may be of `reduced` precision: then it proposes within a wider margin, and what full precision would not have
    proposed counts for nothing. `judge` must be of full precision.

    Raises BadInput for an eval item that cannot be read or encoded, Surroundings for vectors that are no numbers.
    """
    rule = rule or Rule()
    said = views.training(chats)
    asked, ideal, set_aside = views.eval_items(eval_files)
    train, items = views.with_joined(said, encode), encode(asked.texts)
    if len(items.without_window):
        case = asked.frame.row(int(items.without_window[0]), named=True)
        raise BadInput(f"eval case {case['row_id']} holds nothing that the encoder can read", where=case["eval_file"])
    judge = boilerplate.beyond(judge, asked.texts)
    search = neighbours.search(train.vectors, items.vectors, rule.floor - BAND - (reduced.slack if reduced else 0.0))
    near = matching.worth_judging(neighbours.by_text(search.pairs, train.text, items.text), said, rule, reduced)
    questions, judged = matching.questions(said, asked, near, judge, rule, progress, reduced)
    own = matching.own_parts(said, asked, judge, rule)
    answers = matching.answers(said, ideal, judge, rule)
    exchanges = matching.exchanges(said, asked, ideal, (train, items, encode(ideal.texts)), judge, rule, reduced)
    matches = pl.concat([questions, own, answers, exchanges])
    full = (search, train, items)
    if reduced is not None:
        full = _in_full(search, near, train, said, asked, reduced.exact)
    return Check(
        outcome=_outcome(chats, _removals(chats, said, train, matches, rule), matches),
        matches=matches,
        nearest=_nearest(*full, said, asked, judge),
        histogram=tuple(int(n) for n in search.histogram),
        pairs_compared=search.compared,
        turns=len(said.texts),
        items=len(asked.texts),
        set_aside=set_aside,
        judged=judged,
    )


def _in_full(
    search: neighbours.Search,
    near: neighbours.Pairs,
    train: Windows,
    said: Said,
    asked: Said,
    exact: Encode,
) -> tuple[neighbours.Search, Windows, Windows]:
    """The nearest texts in full precision, among those that were judged or are the nearest to an item by what was searched.

    Where any text reaches the floor, this is the nearest of all.
    """
    best = train.text[search.best_left[search.best_left >= 0]]
    mine = matching.windows_of(said, {*near.left.tolist(), *best.tolist()}, exact)
    theirs = exact(asked.texts)
    left, score = neighbours.best_match(mine.vectors, theirs.vectors)
    return replace(search, best_left=left, best_score=score), mine, theirs


def is_variant() -> pl.Expr:
    """The matches that are the same question with other facts."""
    return pl.col("class") == VARIANT


def _worst(matches: pl.DataFrame) -> pl.DataFrame:
    """One line per row: its worst match."""
    severity: pl.Expr = pl.col("class").replace_strict({name: i for i, name in enumerate((*CLASSES, VARIANT))})
    strength = pl.max_horizontal(pl.col("containment").fill_null(0), pl.col("probability"))
    ranked = matches.with_columns(severity=severity.cast(pl.Int32), strength=strength)
    order = ["row_id", "severity", "strength", "eval_file", "case_id", "case_turn", "turn", "part"]
    ranked = ranked.sort(order, descending=[name == "strength" for name in order])
    worst: pl.DataFrame = ranked.unique("row_id", keep="first", maintain_order=True)
    return worst


def _removals(chats: pl.DataFrame, said: Said, train: Windows, matches: pl.DataFrame, rule: Rule) -> dict[str, Reason]:
    compared = set(said.frame["row_id"].gather(np.unique(train.text)))
    # One turn that the encoder cannot read, in letters that it does not know, leaves its row uncompared.
    unread = {said.frame["row_id"][i] for i in train.without_window.tolist() if _LETTER.search(said.texts[i])}
    reasons = {row: Reason(NOT_COMPARABLE) for row in chats["id"] if row in unread or row not in compared}
    return reasons | _reasons(matches.filter(pl.col("class").is_in(rule.counted())))


def _outcome(chats: pl.DataFrame, removals: dict[str, Reason], matches: pl.DataFrame) -> Outcome:
    """The removals; in the ledger also the rows that match and are kept, so that `winnow why` tells of them."""
    done = outcome.split(chats, "overlap", removals)
    noted = outcome.lines(done.kept, "overlap", "noted", _reasons(matches))
    return replace(done, ledger=pl.concat([done.ledger, noted]))


def _reasons(matches: pl.DataFrame) -> dict[str, Reason]:
    """The reason of each row: its worst match."""
    reasons = {}
    for match in _worst(matches).iter_rows(named=True):
        by_meaning = match["containment"] is None
        kept = ("turn", "part", "eval_file", "case_turn", "containment", "cosine", "probability", "differs")
        reasons[match["row_id"]] = Reason(
            rule=match["class"],
            score=match["probability"] if by_meaning else match["containment"],
            threshold=match["threshold"],
            twin=match["case_id"],
            evidence={key: match[key] for key in kept},
        )
    return reasons


def _nearest(
    search: neighbours.Search, train: Windows, items: Windows, said: Said, asked: Said, judge: Judge
) -> pl.DataFrame:
    """For each eval item the nearest training text, and their cosine in fp32."""
    best: dict[int, tuple[float, int]] = {}
    for window, (left, score) in enumerate(zip(search.best_left.tolist(), search.best_score.tolist(), strict=True)):
        item = int(items.text[window])
        if left >= 0 and score > best.get(item, (-2.0, 0))[0]:
            best[item] = (score, int(train.text[left]))
    found = sorted(best)
    nearest = [best[item][1] for item in found]
    verdicts = matching.judged(zip(nearest, found, strict=True), said, asked, judge)
    case = asked.frame[found].select("eval_file", case_id="row_id", case_turn="turn")
    pairs = [verdicts[place] for place in zip(nearest, found, strict=True)]
    scores = pl.DataFrame(
        [(pair.cosine, pair.probability) for pair in pairs],
        schema={"cosine": pl.Float64, "probability": pl.Float64},
        orient="row",
    )
    lines: pl.DataFrame = pl.concat([case, said.frame[nearest].select("row_id", "turn"), scores], how="horizontal")
    return lines

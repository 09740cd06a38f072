"""Find toxic turns: insults, threats, obscenity, hate.

    score = load()
    score(["Have a lovely day", "You are a worthless idiot"])     # one probability per text, None where unscored
    outcome = drop(chats, score)                                  # removes rows with a toxic answer

The scorer is small and ours, needs no download, and works in two stages: words, then meaning where words leave a doubt
(`curate.toxic.embedded`; its card is `models/toxicity.md`). Detoxify's models can be named instead. A text that a scorer cannot
read (empty, no letters, another script or language) is unscored, which is not the same as harmless. Any function from texts to
probabilities can take the scorer's place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate import chats as chat_frame
from curate import outcome
from curate.counted import counted
from curate.outcome import Outcome, Reason
from curate.progress import Progress, silent
from curate.toxic.embedded import LIMITS, load, read_groups
from curate.toxic.scorer import Scorer
from curate.toxic.windows import CHUNK, STRIDE, WINDOW, Score, WindowScore, score_windows, why_unscored, windows

__all__ = [
    "CHUNK", "LIMITS", "STRIDE", "TURN_SCORES", "WINDOW", "Counts", "Score", "Scorer", "WindowScore", "count", "drop", "drop_scored",
    "load", "read_groups", "score_windows", "turn_scores", "why_unscored", "windows",
]  # fmt: skip

TURN_SCORES = pl.Schema(
    {
        "row_id": pl.String,
        "turn": pl.Int32,
        "role": pl.String,
        "score": pl.Float64,  # of the worst window; null where unscored
        "start": pl.Int64,  # that window, in characters of the turn's text
        "end": pl.Int64,
        "unscored": pl.String,  # why there is no score, or null
    }
)


@dataclass(frozen=True)
class Counts:
    """How many turns and rows a threshold touches, and how many turns were not scored, by reason."""

    threshold: float
    turns: int
    toxic_turns: Mapping[str, int]  # role -> turns
    toxic_rows: Mapping[str, int]
    unscored: Mapping[str, int]  # reason -> turns

    def __str__(self) -> str:
        toxic = ", ".join(
            f"{role} {n:,} in {counted(self.toxic_rows[role], 'row')}" for role, n in self.toxic_turns.items()
        )
        blank = ", ".join(f"{why} {n:,}" for why, n in self.unscored.items())
        return (
            f"{counted(self.turns, 'turn')} at threshold {self.threshold:g}: toxic {toxic or 'none'}; "
            f"unscored {sum(self.unscored.values()):,}" + (f" ({blank})" if blank else "")
        )


def _worst(texts: Sequence[str], score: Score, progress: Progress) -> list[WindowScore]:
    return score.worst(texts, progress) if isinstance(score, Scorer) else score_windows(texts, score, progress)


def turn_scores(
    chats: pl.DataFrame, score: Score, *, roles: Sequence[str] = ("user", "assistant"), progress: Progress = silent
) -> pl.DataFrame:
    """Score each turn of these roles by itself; see TURN_SCORES for the columns."""
    turns = chat_frame.turn_frame(chats).filter(pl.col("role").is_in(list(roles)))
    found = _worst(turns["text"].to_list(), score, progress)
    columns = {name: [getattr(f, name) for f in found] for name in ("score", "start", "end", "unscored")}
    return turns.drop("text").hstack(pl.DataFrame(columns)).cast(TURN_SCORES)


def count(turns: pl.DataFrame, threshold: float) -> Counts:
    """Toxic and unscored turns of a table of turn scores. Nothing is rescored, so thresholds can be tried."""
    toxic = turns.filter(pl.col("score") >= threshold)
    by_role = toxic.group_by("role").agg(pl.len(), pl.col("row_id").n_unique().alias("rows")).sort("role")
    reasons = turns.drop_nulls("unscored").group_by("unscored").len().sort("unscored")
    roles = by_role["role"].to_list()
    return Counts(
        threshold,
        turns.height,
        dict(zip(roles, by_role["len"].to_list(), strict=True)),
        dict(zip(roles, by_role["rows"].to_list(), strict=True)),
        dict(reasons.iter_rows()),
    )


def drop(
    chats: pl.DataFrame,
    score: Score,
    *,
    threshold: float | None = None,
    roles: Sequence[str] = ("user", "assistant"),
    drop_toxic_queries: bool = False,
    progress: Progress = silent,
) -> Outcome:
    """Remove rows in which the model is taught to be toxic; see `drop_scored` for which rows that are."""
    turns = turn_scores(chats, score, roles=roles, progress=progress)
    return drop_scored(chats, turns, threshold=_default(score, threshold), drop_toxic_queries=drop_toxic_queries)


def drop_scored(
    chats: pl.DataFrame, turns: pl.DataFrame, *, threshold: float, drop_toxic_queries: bool = False
) -> Outcome:
    """Remove rows by turn scores that are already there.

    A toxic assistant turn removes its row. A row in which only somebody else is toxic stays, because the answer may be
    the refusal that a model should learn; `count` reports such turns and `drop_toxic_queries` removes them. Unscored
    turns remove nothing; `count` reports them too. The ledger names the worst turn, its window and its score.
    """
    toxic = turns.filter(pl.col("score") >= threshold)
    if not drop_toxic_queries:
        toxic = toxic.filter(pl.col("role") == "assistant")
    answers_first = (pl.col("role") == "assistant").cast(pl.Int8)
    worst = toxic.sort(answers_first, "score", -pl.col("turn"), descending=True).unique(
        "row_id", keep="first", maintain_order=True
    )
    removals = {r["row_id"]: _reason(r, threshold) for r in worst.iter_rows(named=True)}
    return outcome.split(chats, "toxicity", removals)


def _reason(worst: Mapping[str, object], threshold: float) -> Reason:
    named = {"assistant": "toxic answer", "user": "toxic query"}
    evidence = {key: worst[key] for key in ("turn", "role", "start", "end")}
    rule = named.get(str(worst["role"]), f"toxic {worst['role']} turn")
    return Reason(rule, float(str(worst["score"])), threshold, evidence=evidence)


def _default(score: Score, threshold: float | None) -> float:
    if threshold is not None:
        return threshold
    return score.threshold if isinstance(score, Scorer) else 0.5

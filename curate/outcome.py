"""What a curation step returns: the rows it kept, the rows it removed, and why.

    outcome = outcome.split(chats, removals)      # kept and removed together are the input
    outcome.ledger                                # one line per removal or edit

The ledger holds ids, rules, scores and positions, never a removed text or a personal value.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.chats import canonical_json

LEDGER = pl.Schema(
    {
        "row_id": pl.String,
        "source": pl.String,
        "fingerprint": pl.String,  # of the row as it was read; the pipeline fills it in
        "step": pl.String,
        "action": pl.String,  # removed | edited | overridden (a recipe's `keep` undid it) | noted (it was kept)
        "rule": pl.String,
        "score": pl.Float64,
        "threshold": pl.Float64,
        "twin": pl.String,  # a row that this step kept, or the eval item for `overlap`
        "evidence": pl.String,  # JSON text
    }
)


@dataclass(frozen=True)
class Reason:
    """Why a row was removed or edited. `twin` is the kept row (or eval item) that decided it."""

    rule: str
    score: float | None = None
    threshold: float | None = None
    twin: str | None = None
    evidence: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Outcome:
    """The two halves of a step's input, and the step's lines of the ledger."""

    kept: pl.DataFrame
    removed: pl.DataFrame
    ledger: pl.DataFrame

    def __str__(self) -> str:
        rules = self.ledger.group_by("action", "rule").len().sort("action", "rule")
        counts = ", ".join(f"{rule} {action} {n:,}" for action, rule, n in rules.iter_rows())
        return f"kept {self.kept.height:,}, removed {self.removed.height:,}" + (f" ({counts})" if counts else "")


def split(chats: pl.DataFrame, step: str, removals: Mapping[str, Reason]) -> Outcome:
    """Divide `chats` into kept and removed, in file order, with one ledger line per removal."""
    gone = pl.col("id").is_in(list(removals))
    removed = chats.filter(gone)
    return Outcome(chats.filter(~gone), removed, lines(removed, step, "removed", removals))


def lines(chats: pl.DataFrame, step: str, action: str, reasons: Mapping[str, Reason]) -> pl.DataFrame:
    """Ledger lines for the rows of `chats` that have a reason, in file order."""
    rows = []
    for row_id, source in chats.select("id", "source").iter_rows():
        if why := reasons.get(row_id):
            evidence = canonical_json(why.evidence or {})
            rows.append((row_id, source, None, step, action, why.rule, why.score, why.threshold, why.twin, evidence))
    return pl.DataFrame(rows, schema=LEDGER, orient="row")


def join(ledgers: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One ledger out of the steps' ledgers, in the order in which the steps ran."""
    return pl.concat([LEDGER.to_frame(), *ledgers])


def override(outcome: Outcome, before: pl.DataFrame, keep: Collection[str]) -> Outcome:
    """Undo what a step did to the rows in `keep`: they stay, as they were before it, and the ledger says so."""
    spared = outcome.ledger["row_id"].is_in(list(keep))
    if not spared.any():
        return outcome
    ids = outcome.ledger.filter(spared)["row_id"].unique().to_list()
    original = before.filter(pl.col("id").is_in(ids))
    untouched = pl.concat([outcome.kept.filter(~pl.col("id").is_in(ids)), original])
    kept = before.select("id").join(untouched, on="id", how="inner", maintain_order="left")
    action = pl.when(pl.col("row_id").is_in(ids)).then(pl.lit("overridden")).otherwise(pl.col("action"))
    removed = outcome.removed.filter(~pl.col("id").is_in(ids))
    return Outcome(kept, removed, outcome.ledger.with_columns(action=action))

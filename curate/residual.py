"""What personal data a run may have left: planted values that its search would have missed, and what the search still finds.

    left = residual.measure(read.chats, steps.kept, steps.ledger, models.find_pii)
    print(left)
    # PASSPORT        bare   20 planted, 20 would have survived; recall 0 ...
    # after replacement in 1,182 kept rows: 829 values replaced, 0 still found

The planted values are those of the audit (`canaries`), so both pages say the same. The second figure is no measure of misses: what
the search cannot see it does not see the second time. Where only private names count, both are asked with that rule.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate import canaries, pii, private_names, replacement
from curate.canaries import Canaries
from curate.pii import Choose, Finder
from curate.progress import Progress, silent


@dataclass(frozen=True)
class Residual:
    """What planted values would have survived, and per kind what was replaced in the kept rows and what is found there now."""

    planted: Canaries
    rows: int  # kept rows, all searched again
    replaced: Mapping[str, int]
    left: Mapping[str, int]
    left_on_purpose: int  # of `left`, in rows that the recipe keeps as they are
    private: bool = False  # names counted only where the text says that they are of private persons

    def __str__(self) -> str:
        lines = [
            f"{kind:15} {context:6} {planted:,} planted, {planted - hit:,} would have survived; recall {share}"
            for (kind, context, planted, hit, _), share in zip(
                self.planted.table.iter_rows(), self.planted.intervals(), strict=True
            )
        ]
        total = f"{sum(self.replaced.values()):,} values replaced, {sum(self.left.values()):,} still found"
        return "\n".join([*lines, f"after replacement in {self.rows:,} kept rows: {total}"])


def measure(
    before: pl.DataFrame,
    kept: pl.DataFrame,
    ledger: pl.DataFrame,
    finder: Finder,
    *,
    private: bool = False,
    as_they_are: Sequence[str] = (),
    progress: Progress = silent,
) -> Residual:
    """Plant in a copy of the rows as they came, and search the kept rows again. Nothing is changed.

    `private`: names count where the run counted them, of private persons only. `as_they_are`: rows that the recipe exempts.
    """
    choose = private_names.private_in if private else None
    left = still_found(kept, ledger, finder, choose, progress)
    return Residual(
        planted=canaries.measure(before, finder, choose=choose),
        rows=kept.height,
        replaced=_replaced(kept, ledger),
        left=_counted(Counter(kind for _, kind in left)),
        left_on_purpose=sum(row in set(as_they_are) for row, _ in left),
        private=private,
    )


def still_found(
    kept: pl.DataFrame, ledger: pl.DataFrame, finder: Finder, choose: Choose | None = None, progress: Progress = silent
) -> list[tuple[str, str]]:
    """Row and kind of each finding in rows after replacement that is not just what was put there."""
    found = pii.scan(kept, finder, progress, but=replacement.put_there(ledger), choose=choose)
    return found.select("row_id", "kind").rows()


def _replaced(kept: pl.DataFrame, ledger: pl.DataFrame) -> dict[str, int]:
    edited = ledger.filter((pl.col("step") == replacement.STEP) & (pl.col("action") == "edited"))
    told = edited.filter(pl.col("row_id").is_in(kept["id"].to_list()))["evidence"]
    return _counted(Counter(edit["kind"] for evidence in told for edit in json.loads(evidence)["edits"]))


def _counted(kinds: Counter[str]) -> dict[str, int]:
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))

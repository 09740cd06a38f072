"""Row-level faults that no trainer should see: answers that echo the question, garbled text.

    outcome = validate(chats)

Broken records (not JSON, no assistant turn, wrong types) never become rows: `files.read` puts them into quarantine.
"""

import polars as pl

from curate import outcome, text
from curate.duplicates.said import sides
from curate.outcome import Outcome, Reason

# U+FFFD is what a decoder leaves where the bytes were wrong; C0 and C1 controls other than tab and line ends are debris.
_GARBLED = "[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
GARBLED_SHARE = 0.02

EMPTY, REPEATS, GARBLED = "empty answer", "answer repeats the question", "garbled text"


def validate(chats: pl.DataFrame) -> Outcome:
    """Remove rows whose answer is empty, repeats the question, or is garbled."""
    said = sides(chats)
    forms = [text.all_normal(side) for side in (said.answers, said.queries)]
    answers = pl.Series(said.answers, dtype=pl.String)
    rows = pl.DataFrame({"id": chats["id"], "answer": answers, "form": forms[0], "asked": forms[1]})
    marks = pl.col("answer").str.count_matches(_GARBLED)
    fault = (
        pl.when(pl.col("form") == "").then(pl.lit(EMPTY))
        .when(pl.col("form") == pl.col("asked")).then(pl.lit(REPEATS))
        .when(marks > GARBLED_SHARE * pl.col("answer").str.len_chars()).then(pl.lit(GARBLED))
    )  # fmt: skip
    found = rows.select("id", fault=fault).drop_nulls("fault")
    return outcome.split(chats, "validate", {row_id: Reason(rule) for row_id, rule in found.iter_rows()})

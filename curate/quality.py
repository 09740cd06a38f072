"""Row-level faults that no trainer should see: answers that echo the question, garbled text.

    outcome = validate(chats)

Broken records (not JSON, no assistant turn, wrong types) never become rows: `files.read` puts them into quarantine.
"""

import re

import polars as pl

from curate import chats as chat
from curate import outcome, text
from curate.outcome import Outcome, Reason

# U+FFFD is what a decoder leaves where the bytes were wrong; C0 and C1 controls other than tab and line ends are debris.
_GARBLED = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
GARBLED_SHARE = 0.02


def validate(chats: pl.DataFrame) -> Outcome:
    """Remove rows whose answer is empty, repeats the question, or is garbled."""
    reasons = {}
    for row_id, query, answer in zip(chats["id"], chat.queries(chats), chat.answers(chats), strict=True):
        if rule := fault(query, answer):
            reasons[row_id] = Reason(rule)
    return outcome.split(chats, "validate", reasons)


def fault(query: str, answer: str) -> str | None:
    """The first fault of a row, by name, or None."""
    plain = text.normalise(answer)
    if not plain:
        return "empty answer"
    if plain == text.normalise(query):
        return "answer repeats the question"
    if len(_GARBLED.findall(answer)) > GARBLED_SHARE * len(answer):
        return "garbled text"
    return None

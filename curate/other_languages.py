"""Rows that do not ask in English, and what an encoder that reads English only cannot see in them.

    note(count(chats), chats.height)      # '74 of 91 rows (81 %) do not ask in English ...'

What cannot be told counts as English (`likeness.pair_language`): short questions, code, and languages whose small words are
not in its lists. So the count is a floor.
"""

import polars as pl

from curate import chats as chat
from curate import text
from curate.counted import counted
from curate.likeness import pair_language

TITLE = "Rows that do not ask in English"
FRONT = 0.05  # of the rows, from which on they stand before everything else
UNSEEN = (
    "The encoder reads English only. Exact and near duplicates are told by their words, in any language; duplicates in other words "
    "are mostly missed. Of overlap with eval files copies and near copies are found, paraphrases and translations mostly not. "
    "Topics, diversity, gaps and the map go by letters more than by what such rows ask."
)
INSTEAD = (
    "Name an encoder that reads these languages and is on this machine, such as "
    "`--encoder sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2`."
)


def count(chats: pl.DataFrame) -> int:
    """How many rows ask in another language, as far as that can be told."""
    return sum(pair_language.language(text.loose(said)) != "en" for said in chat.queries(chats))


def note(rows: int, of: int) -> str:
    """The same in one paragraph, for those who curate; "" where there is no such row."""
    if not rows:
        return ""
    asked = counted(rows, f"of {of:,} rows does not ask in English", f"of {of:,} rows do not ask in English")
    return f"{asked} ({100 * rows / of:.3g} %). {UNSEEN} {INSTEAD}"

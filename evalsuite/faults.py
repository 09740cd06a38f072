"""What makes a completion no answer: it is empty, it is broken text, or it loops.

    fault_of("I can help. I can help. I can help. I can help. I can help.")     # 'loops'

Found by rule, counted in every run. What a fault does to a verdict stands in `evalsuite.suite`.
"""

from curate.faults.echoes import loops

__all__ = ["EMPTY", "INVALID", "LOOPS", "fault_of", "loops"]

EMPTY, LOOPS, INVALID = "empty", "loops", "invalid text"


def fault_of(text: str) -> str | None:
    """What makes a completion no answer: empty, invalid text (U+FFFD, broken halves of characters) or loops."""
    if not text.strip():
        return EMPTY
    # A limit may cut the last character in half; that is the limit's doing, not the model's.
    if "\ufffd" in text.rstrip("\ufffd") or any("\ud800" <= c <= "\udfff" for c in text):
        return INVALID
    if not text.strip().strip("\ufffd"):
        return INVALID
    return LOOPS if loops(text) else None

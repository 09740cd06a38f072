"""What makes a completion no answer: it is empty, it is broken text, or it loops.

    fault_of("I can help. I can help. I can help. I can help. I can help.")     # 'loops'

Found by rule, counted in every run. What a fault does to a verdict stands in `evalsuite.suite`.
"""

import re

EMPTY, LOOPS, INVALID = "empty", "loops", "invalid text"

LOOP_WORDS = 12  # a repeat has to cover so many words, and half of the text
_RUN = re.compile(r"(\S{1,12}?)\1{9,}")


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


def loops(text: str) -> bool:
    """Whether the text ends in a repeat: three rounds or more of the same words, over 12 words and half of the text."""
    if (run := _RUN.search(text)) and any(c.isalnum() for c in run[1]) and 2 * len(run[0]) >= len(text):
        return True
    words = text.split()
    for period in range(1, len(words) // 3 + 1):
        same = 0
        while same + period < len(words) and words[-1 - same] == words[-1 - same - period]:
            same += 1
        covered = same + period
        if same >= 2 * period and covered >= max(LOOP_WORDS, len(words) / 2):
            return True
    return False

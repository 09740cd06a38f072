"""Answers that give the question back, and answers that say one thing again and again.

    echo(exchange)          # 'all but 1 of its 14 words are the question's, in their order'
    loops("no no no no no no no no no no no no no")         # True

What was asked to be repeated, corrected or rewritten may come back nearly as it was.
"""

import re
from difflib import SequenceMatcher

from curate import text
from curate.faults.exchanges import Exchange

FEWEST_WORDS = 5  # a shorter answer may be one of the question's choices
SAME = 0.9  # of the words of both
ROUGHLY = 0.6  # of the characters: below that, 0.9 of the words cannot be the same but by odd spacing
LOOP_WORDS = 12  # a repeat has to cover so many words, and half of the text

_RUN = re.compile(r"(\S{1,12}?)\1{9,}")
_REWRITES = re.compile(
    r"\b(?:re-?writ|re-?phras|paraphras|repeat|correct|edit|fix|proof-?read|punctuat|capital|grammar|spell|convert|chang|replac|translat|copy|format|insert|add|remov|delet|rearrang|re-?order|sort|transform"
    r"|modif|revis|improv|make|turn|complet|combin|join|simplif|shorten|upper|lower|quot|say|echo|type|output|identify|find|extract|select|choose|classif|which|sentence|arrang|updat|unscrambl|substitut|fill)",
    re.IGNORECASE,
)


def echo(one: Exchange) -> str | None:
    """How much of an answer is the question over again, where that is nearly all of both."""
    sizes = sorted((len(one.asked), len(one.said)))
    if sizes[0] < ROUGHLY * sizes[1]:
        return None
    asked, said = text.tokens(one.asked), text.tokens(one.said)
    longest = max(len(asked), len(said))
    if len(said) < FEWEST_WORDS or min(len(asked), len(said)) < SAME * longest or _REWRITES.search(one.asked):
        return None
    same = sum(block.size for block in SequenceMatcher(None, asked, said, autojunk=False).get_matching_blocks())
    if same < SAME * longest or asked == said:  # equal ones are what `validate` removes
        return None
    return f"{same} of its {len(said)} words are the question's, in their order"


def looping(one: Exchange) -> str | None:
    """Whether an answer goes round in circles."""
    return "the same words again and again" if loops(one.said) and not _REWRITES.search(one.asked) else None


def loops(said: str) -> bool:
    """Whether the text ends in a repeat: three rounds or more of the same words, over 12 words and half of the text."""
    words = said.split()
    # A run has no white space in it: where no word is half of the text, there is none, and the search is slow.
    long = 2 * max(map(len, words), default=0) >= len(said)
    if long and (run := _RUN.search(said)) and any(c.isalnum() for c in run[1]) and 2 * len(run[0]) >= len(said):
        return True
    for period in range(1, len(words) // 3 + 1):
        if words[-1] != words[-1 - period]:
            continue
        same = 0
        while same + period < len(words) and words[-1 - same] == words[-1 - same - period]:
            same += 1
        covered = same + period
        if same >= 2 * period and covered >= max(LOOP_WORDS, len(words) / 2):
            return True
    return False

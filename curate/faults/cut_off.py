"""Answers that break off: a reply that ran into a length limit teaches a model to stop in the middle.

    breaks_off(exchange)                    # 'ends in "the"'
    inside_words(exchanges(chats))          # {'row-7': 'ends inside a word'}

Many people leave out the last full stop, so that alone is no sign. Signs are what no finished answer ends in: a comma or a colon,
an article or a conjunction, a bracket that stays open, the number of a list item without the item, half a word. A half word is
one that no other text of the set has, and that begins a word which others have.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import polars as pl

from curate.faults.exchanges import Exchange, has_code, is_code, open_fence
from curate.faults.languages import told

FEWEST_WORDS = 8  # a shorter answer may be a label, a heading or a name
KNOWN = 5  # texts that must have a word before its beginning counts as half of it
TAIL = 8  # words after a bracket that was opened last
MANY_TEXTS = 200  # in fewer texts an unseen word says nothing

# Words after which an English, German, French or Spanish sentence goes on. "In", "to" or "of" may end one.
_GOES_ON = {
    name: frozenset(words.split())
    for name, words in {
        "English": "the a an and or but nor because although whereas unless than into onto among between during every my your our",
        "German": "und oder aber weil der die das ein eine einen einem mit von für sowie",
        "French": "le la les et ou mais un une des du dans avec que",
        "Spanish": "el la los las y o pero porque un una del por con",
    }.items()
}
_LETTERS = re.compile(r"[^\W\d_]+")
_LONE_MARK = re.compile(r"\n\s*(?:\d{1,3}[.)]|[-*•])$")
_LIST_OF_WORDS = re.compile(
    r"(?:[^,.!?;]{1,40},\s*){3,}$"
)  # "Tiger, lion, bear,": complete but for the habit of its writer
_CONTINUES = re.compile(r"\W*(?:continue|go on|keep going|carry on|more|next|and then|weiter|continua|continúa|sigue)\b", re.IGNORECASE)  # fmt: skip
_SENTENCE_END = re.compile(r"[.!?。！？]['\"”’)\]]*(?:\s|$)")


def breaks_off(one: Exchange) -> str | None:
    """Why an answer seems to stop in the middle, or None."""
    said = one.said.rstrip()
    last = said.rsplit("\n", 1)[-1]
    if _excused(one, said, last):
        return None
    if len(one.words) < FEWEST_WORDS:
        return None
    if _LONE_MARK.search(said):
        return "ends in a list mark without an item"
    if (
        said[-1] in ",;" and len(last.split()) > 3 and not _LIST_OF_WORDS.search(last)
    ):  # "Yours sincerely," may close a letter
        return f'ends in "{said[-1]}"'
    if said[-1] == ":" and "?" not in last and not one.calls:
        return 'ends in ":"'
    if (word := _last_word(said)) and len(last.split()) > 3 and _goes_on(word, said):
        return f'ends in "{word}"'
    if _bracket_open(last):
        return "ends inside a bracket"
    return None


def inside_words(every: Sequence[Exchange]) -> dict[str, str]:
    """Rows with an answer that stops inside a word, as far as the other texts tell which words there are."""
    if len(every) < MANY_TEXTS:
        return {}
    last = [_last_letters(one.said) for one in every]
    ends = Counter(last)
    open_ends = [
        (one, word) for one, word in zip(every, last, strict=True) if word and ends[word] == 1 and _ends_open(one)
    ]
    # A word at the very end is half a word or a whole one: nothing to learn from.
    whole = [one.said.rstrip().removesuffix(word) for one, word in zip(every, last, strict=True)]
    texts = (
        pl.Series([*whole, *(one.asked for one in every)], dtype=pl.String) if open_ends else pl.Series(dtype=pl.String)
    )
    words = texts.str.to_lowercase().str.extract_all(r"\p{L}+").list.unique().explode(empty_as_null=False)
    seen = Counter(dict(words.value_counts().iter_rows()))
    known = sorted(word for word, n in seen.items() if n >= KNOWN)
    found: dict[str, str] = {}
    for one, word in open_ends:
        if seen[word]:
            continue
        place = bisect_right(known, word)
        if place < len(known) and known[place].startswith(word):
            found.setdefault(one.row, "ends inside a word")
    return found


def _excused(one: Exchange, said: str, last: str) -> bool:
    # What is code, what the user asks to go on with, and what answers in the form of a fragment is judged elsewhere or not at all.
    return not said or open_fence(said) or is_code(last) or bool(_CONTINUES.match(one.follow))


def _ends_open(one: Exchange) -> bool:
    """Prose of a sentence or more, whose last line is long enough to be one and has no end."""
    said = one.said.rstrip()
    last = said.rsplit("\n", 1)[-1]
    prose = len(one.words) >= FEWEST_WORDS and len(last.split()) >= 4 and not has_code(said)
    return prose and bool(_SENTENCE_END.search(said)) and not _excused(one, said, last)


def _last_letters(said: str) -> str:
    found = _last_word(said)
    return found if found.islower() else ""


def _last_word(said: str) -> str:
    """What stands after the last white space, where it is nothing but letters."""
    last = said.rsplit(None, 1)[-1:]
    return last[0] if last and _LETTERS.fullmatch(last[0]) else ""


def _goes_on(word: str, said: str) -> bool:
    """Whether a sentence of the text's language cannot end in the word."""
    some = [name for name, words in _GOES_ON.items() if word in words]
    return bool(some) and (told(said) or "English") in some


def _bracket_open(last: str) -> bool:
    """Whether the last line ends inside a bracket. One that was forgotten is followed by the end of a sentence."""
    tail = last[last.rfind("(") :] if "(" in last else ""
    return bool(tail) and ")" not in tail and last[-1].isalnum() and tail[1:2].isalnum() and len(tail.split()) <= TAIL

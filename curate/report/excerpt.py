"""Dataset text made fit to show: cut with the cut stated, controls made visible, differing words marked.

    excerpt("x" * 100_000)          # the first 600 characters, and "first 600 of 100,000 characters"
    differing("the red cat", "the cat")

Reports show text that strangers wrote. A terminal obeys escape codes, and an override character turns a line around on
screen, so that a reader sees another text than the model was trained on: both are shown as the marks they are.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

LIMIT = 600

_CONTROLS = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"]
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_NOT_XML = [0x2028, 0x2029, 0xFFFE, 0xFFFF]
_MARKS = {code: f"‹U+{code:04X}›" for code in (*_CONTROLS, *_TURNING, *_NOT_XML)}
_MARKS |= dict.fromkeys(range(55296, 57344), "�")

Part = tuple[str, bool]  # a stretch of text, and whether it differs from the other side


@dataclass(frozen=True)
class Excerpt:
    """A piece of a text, and the sentence that says which piece ("" when it is all of it)."""

    text: str
    cut: str

    def __str__(self) -> str:
        return f"{self.text} [{self.cut}]" if self.cut else self.text


def visible(text: str) -> str:
    """The text with control and direction-turning characters shown as marks. Letters of all scripts stay."""
    return text.replace("\r\n", "\n").translate(_MARKS)


def one_line(text: str) -> str:
    """The visible text on one line, line ends shown as marks."""
    return visible(text).replace("\n", " ⏎ ").replace("\t", " ")


def excerpt(text: str, limit: int = LIMIT, *, around: int = 0) -> Excerpt:
    """At most `limit` characters of `text`, from its beginning or, when `around` lies past them, from just before that."""
    if len(text) <= limit:
        return Excerpt(visible(text), "")
    start = 0 if around < limit * 3 // 4 else min(around - limit // 4, len(text) - limit)
    piece = visible(text[start : start + limit])
    where = f"characters {start + 1:,} to {start + limit:,}" if start else f"first {limit:,}"
    return Excerpt(piece, f"{where} of {len(text):,} characters")


def differing(left: str, right: str, limit: int = LIMIT) -> tuple[list[Part], str, list[Part], str]:
    """Both sides as parts with the differing words marked, each with its cut; the cut keeps the first difference in view."""
    around = _first_difference(left, right)
    shown_left, shown_right = excerpt(left, limit, around=around), excerpt(right, limit, around=around)
    words_left, words_right = _words(shown_left.text), _words(shown_right.text)
    # autojunk would treat frequent words as noise in texts past 200 words.
    blocks = SequenceMatcher(None, words_left, words_right, autojunk=False).get_opcodes()
    parts_left: list[Part] = []
    parts_right: list[Part] = []
    for tag, a, b, c, d in blocks:
        parts_left += [("".join(words_left[a:b]), tag != "equal")] if b > a else []
        parts_right += [("".join(words_right[c:d]), tag != "equal")] if d > c else []
    return parts_left, shown_left.cut, parts_right, shown_right.cut


def bracketed(parts: list[Part], opening: str, closing: str) -> str:
    """The parts as one text, differing words in brackets: for readers without colour."""
    return "".join(f"{opening}{text}{closing}" if differs else text for text, differs in parts)


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)


def _first_difference(left: str, right: str) -> int:
    if left == right:
        return 0
    short = min(len(left), len(right))
    low, high = 0, short
    while low < high:  # halving keeps long rows cheap: the comparison of slices runs in C
        middle = (low + high + 1) // 2
        low, high = (middle, high) if left[:middle] == right[:middle] else (low, middle - 1)
    return low

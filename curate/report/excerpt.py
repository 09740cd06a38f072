"""Dataset text made fit to show: cut with the cut stated, controls made visible, differing words marked.

    excerpt("x" * 100_000)          # the first 600 characters, and "first 600 of 100,000 characters"
    differing("the red cat", "the cat")

Reports show text that strangers wrote. A terminal obeys escape codes, and an override character turns a line around on
screen, so that a reader sees another text than the model was trained on: both are shown as the marks they are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from curate.wording import Span, cut, marked, turning_point

LIMIT = 600
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")  # what our own sentences mark as code

_CONTROLS = [code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"]
_TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_NOT_XML = [0x2028, 0x2029, 0xFFFE, 0xFFFF]
_MARKS = {code: f"‹U+{code:04X}›" for code in (*_CONTROLS, *_TURNING, *_NOT_XML)}
_MARKS |= dict.fromkeys(range(55296, 57344), "�")


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


def excerpt(text: str, limit: int = LIMIT) -> Excerpt:
    """At most the first `limit` characters of `text`."""
    _, end, said = _window(len(text), limit, 0)
    return Excerpt(visible(text[:end]), said)


def differing(left: str, right: str, limit: int = LIMIT) -> tuple[list[Span], str, list[Span], str]:
    """Both sides with the differing words marked, each with its cut; a cut keeps in view where agreement starts or ends."""
    shown: list[tuple[list[Span], str]] = []
    for text, spans in zip((left, right), marked(left, right), strict=True):
        start, end, said = _window(len(text), limit, turning_point(spans))
        shown.append(([Span(visible(piece), differs) for piece, differs in cut(spans, start, end)], said))
    (spans_left, cut_left), (spans_right, cut_right) = shown
    return spans_left, cut_left, spans_right, cut_right


def bracketed(spans: Sequence[Span], opening: str, closing: str) -> str:
    """The spans as one text, differing words in brackets: for readers without colour."""
    return "".join(f"{opening}{text}{closing}" if differs else text for text, differs in spans)


def _window(length: int, limit: int, around: int) -> tuple[int, int, str]:
    """From where to where to show a text, and the sentence that says so. `around` is to be seen, a little before it too."""
    if length <= limit:
        return 0, length, ""
    start = 0 if around < limit * 3 // 4 else min(around - limit // 4, length - limit)
    where = f"characters {start + 1:,} to {start + limit:,}" if start else f"first {limit:,}"
    return start, start + limit, f"{where} of {length:,} characters"

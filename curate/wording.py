"""Which words two texts share, and where they differ: what a person sees of a pair.

    row, case = marked("Send 3 lamps today", "Send 5 lamps, please")
    [span.text for span in row if span.differs]       # ["3", "today"]

The longest common run of words in order stays unmarked; every other word is marked, on both sides. White space is never a
difference. A number is one word, so one that the other text lacks is marked whole.

Words are aligned by bit rows (one long addition per word), which costs the same for the worst pair of texts as for the
best. A pair that is too long for that is aligned by sentences first, and by words between those that agree.
"""

import re
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

MOST = 40_000_000  # words of the one text times words of the other that are aligned at once: 5 MB
ISLAND = 3  # so many words that agree among words that do not are chance, if they are all short

# Marks, joiners and vowel signs belong to the letter before them: a mark never cuts a letter in two.
_JOINED = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
)
# Scripts that put no space between words are compared letter by letter.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_LETTER = rf"(?:(?![{_UNSPACED}])[\w{_JOINED}])"
_WORD = re.compile(
    r"\s+"
    r"|\[[A-Z][A-Z_]*\]|<[A-Z][A-Z_]*_\d+>"  # what stands for a personal value
    r"|(?:(?<![^\s(\[{=])[-+−](?=\d))?"  # the sign of a number, where no term stands before it
    rf"{_LETTER}+(?:['’]{_LETTER}+|(?<=\d)[.,:](?=\d){_LETTER}+)*"
    rf"|\S[{_JOINED}]*"
)
_SENTENCE_ENDS = frozenset(".!?。！？")


class Span(NamedTuple):
    """A stretch of a text, and whether it differs from the other text."""

    text: str
    differs: bool


def marked(a: str, b: str) -> tuple[list[Span], list[Span]]:
    """Both texts as spans; joined they are the texts again. Unmarked words are the same on both sides, in one order."""
    left, right = _WORD.findall(a), _WORD.findall(b)
    words_left, words_right = _places(left), _places(right)
    same = _aligned([left[i] for i in words_left], [right[j] for j in words_right])
    return (
        _spans(left, words_left, {i for i, _ in same}),
        _spans(right, words_right, {j for _, j in same}),
    )


def ranges(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Where the marked stretches start and end, in characters: for readers that take a text and places in it."""
    found, at = [], 0
    for text, differs in spans:
        if differs:
            found.append((at, at + len(text)))
        at += len(text)
    return found


def cut(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """The spans of the characters `start` to `end`."""
    found, at = [], 0
    for text, differs in spans:
        piece = text[max(0, start - at) : max(0, end - at)]
        found += [Span(piece, differs)] if piece else []
        at += len(text)
    return found


def turning_point(spans: Sequence[Span]) -> int:
    """Where the text first goes over from what is shared to what differs, or back; 0 where it never does."""
    return len(spans[0].text) if len(spans) > 1 else 0


def _places(tokens: Sequence[str]) -> list[int]:
    return [place for place, token in enumerate(tokens) if not token.isspace()]


def _spans(tokens: Sequence[str], words: Sequence[int], same: set[int]) -> list[Span]:
    differs = [False] * len(tokens)
    for number, place in enumerate(words):
        differs[place] = number not in same
    for before, after in pairwise(words):
        # White space between two marked words is in the mark, or each word would have its own.
        if after - before == 2 and "\n" not in tokens[before + 1]:
            differs[before + 1] = differs[before] and differs[after]
    pairs = zip(tokens, differs, strict=True)
    return [
        Span("".join(token for token, _ in group), mark) for mark, group in groupby(pairs, key=lambda pair: pair[1])
    ]


Same = list[tuple[int, int]]  # places of the words that agree, rising on both sides


def _aligned(left: Sequence[str], right: Sequence[str]) -> Same:
    """The words that stay unmarked."""
    return _without_islands(_early(_common(left, right), left, right), left, right)


def _common(left: Sequence[str], right: Sequence[str]) -> Same:
    """A longest common subsequence; for long texts one that keeps the sentences which agree."""
    head = 0
    while head < min(len(left), len(right)) and left[head] == right[head]:
        head += 1
    tail = 0
    while tail < min(len(left), len(right)) - head and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    ends = [(i, i) for i in range(head)]
    ends += [(len(left) - i, len(right) - i) for i in range(tail, 0, -1)]
    inner_left, inner_right = left[head : len(left) - tail], right[head : len(right) - tail]
    if not inner_left or not inner_right:
        return ends
    within = _by_words if len(inner_left) * len(inner_right) <= MOST else _by_sentences
    inner = [(i + head, j + head) for i, j in within(inner_left, inner_right)]
    return ends[:head] + inner + ends[head:]


def _by_words(left: Sequence[str], right: Sequence[str]) -> Same:
    """A longest common subsequence, by the bit rows of Allison and Dix, in the form of Hyyrö (2004).

    Read from the end, so that of several the earliest words agree: an added sentence is marked with its own full stop.
    """
    holds: dict[str, int] = {}
    for i, word in enumerate(reversed(left)):
        holds[word] = holds.get(word, 0) | 1 << i
    full = (1 << len(left)) - 1
    row, rows = full, []
    for word in reversed(right):
        hit = row & holds.get(word, 0)
        row = ((row + hit) | (row ^ hit)) & full
        rows.append(row)
    # Bit i of row j is 0 where the first i + 1 and j + 1 words share one more than the first i and j + 1 do.
    found, i, j = Same(), len(left) - 1, len(right) - 1
    while i >= 0 and j >= 0:
        if left[-1 - i] == right[-1 - j]:
            found.append((len(left) - 1 - i, len(right) - 1 - j))
            i, j = i - 1, j - 1
        elif rows[j] >> i & 1:
            i -= 1
        else:
            j -= 1
    return found


def _by_sentences(left: Sequence[str], right: Sequence[str]) -> Same:
    """Sentences that agree first, then the words between them; halves against halves where no sentence agrees."""
    starts_left, starts_right = _sentences(left), _sentences(right)
    joined = [
        ["\0".join(words[a:b]) for a, b in pairwise(starts)]
        for words, starts in ((left, starts_left), (right, starts_right))
    ]
    agree = _by_words(*joined) if len(joined[0]) * len(joined[1]) <= MOST else Same()
    if not agree:
        middle_left, middle_right = len(left) // 2, len(right) // 2
        corners = [(0, 0), (middle_left, middle_right), (len(left), len(right))]
        return [pair for a, b in pairwise(corners) for pair in _between(left, right, a, b)]
    found, done = Same(), (0, 0)
    for s, t in agree:
        start = starts_left[s], starts_right[t]
        found += _between(left, right, done, start)
        length = starts_left[s + 1] - start[0]
        found += [(start[0] + n, start[1] + n) for n in range(length)]
        done = start[0] + length, start[1] + length
    return found + _between(left, right, done, (len(left), len(right)))


def _between(left: Sequence[str], right: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> Same:
    inner = _common(left[start[0] : end[0]], right[start[1] : end[1]])
    return [(i + start[0], j + start[1]) for i, j in inner]


def _sentences(words: Sequence[str]) -> list[int]:
    """Where sentences start, and the end."""
    ends = [place + 1 for place, word in enumerate(words) if word in _SENTENCE_ENDS]
    return sorted({0, *ends, len(words)})


def _early(same: Same, left: Sequence[str], right: Sequence[str]) -> Same:
    """The same words, each next to the one before where it stands there too: "a. [b.] c" and not "a[. b]. c"."""
    found, i, j = Same(), -1, -1
    for x, y in same:
        nearer_left = y == j + 1 and left[i + 1] == left[x]
        nearer_right = x == i + 1 and right[j + 1] == right[y]
        i, j = i + 1 if nearer_left else x, j + 1 if nearer_right else y
        found.append((i, j))
    return found


def _without_islands(same: Same, left: Sequence[str], right: Sequence[str]) -> Same:
    """The common words without the few short ones that agree by chance in the middle of a rewritten stretch."""
    runs: list[Same] = []
    for pair in same:
        if runs and runs[-1][-1] == (pair[0] - 1, pair[1] - 1):
            runs[-1].append(pair)
        else:
            runs.append([pair])
    kept, edge = Same(), (0, 0)
    for place, run in enumerate(runs):
        after = runs[place + 1][0] if place + 1 < len(runs) else (len(left), len(right))
        gap_before = max(run[0][0] - edge[0], run[0][1] - edge[1])
        gap_after = max(after[0] - run[-1][0], after[1] - run[-1][1]) - 1
        by_chance = len(run) <= ISLAND and all(len(left[i]) <= ISLAND for i, _ in run)
        if not (by_chance and min(gap_before, gap_after) > 2 * len(run) and not any(left[i].isdigit() for i, _ in run)):
            kept += run
        edge = run[-1][0] + 1, run[-1][1] + 1
    return kept

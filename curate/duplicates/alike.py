"""How many of their words two texts share, typos forgiven.

    alike("Write a poem about the sea", "Wirte a peom about the sea").score == 1.0

The measure is the Jaccard similarity of the two bags of words: shared words over all words. A word counts as shared when the
other text has it too, or has it misspelt: a letter left out, put in, replaced or swapped with its neighbour, one for every
three letters. So a typo costs nothing, and another word costs twice. A number is no typo of another, nor a word of its
opposite. Typos are looked for only where the words in which two texts differ are made of nearly the same letters.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from curate import text
from curate.duplicates import fingerprints
from curate.duplicates.bags import words_of
from curate.likeness import pair_facts
from curate.likeness.written_numbers import numbers

Numbers = npt.NDArray[np.int64]

LETTERS_PER_TYPO = 3
PLAIN_TYPO = 7  # two edits in a word of so many letters, that begins alike, are a plain typo
STRAY, STRAY_PER_WORD = 4.0, 1.5  # letters that may be left over where words are misspelt
_SEVEN = numbers("7")


@dataclass(frozen=True)
class Alike:
    """What two texts share: the score, the words that only one has, how many were misspelt, and by more than one edit."""

    score: float
    left: tuple[str, ...]
    right: tuple[str, ...]
    typos: int
    far: int = 0


def alike(a: str, b: str) -> Alike:
    """Compare two texts; see the module."""
    return compare(words_of(a), words_of(b))


def compare(a: Sequence[str], b: Sequence[str]) -> Alike:
    """Compare two lists of words; the same whichever comes first."""
    here, there = Counter(a), Counter(b)
    left, right = here - there, there - here
    shared = len(a) - left.total()
    matched = _misspelt(left, right) if left and right else []
    for one, other, times, _ in matched:
        left[one] -= times
        right[other] -= times
    typos = sum(times for *_, times, _ in matched)
    shared += typos
    union = len(a) + len(b) - shared
    return Alike(
        shared / union if union else 1.0,
        tuple(sorted(left.elements())),
        tuple(sorted(right.elements())),
        typos,
        sum(times for one, other, times, apart in matched if apart > 1 and not plain(one, other)),
    )


def _misspelt(left: Counter[str], right: Counter[str]) -> list[tuple[str, str, int, int]]:
    """Words of one side, the same misspelt on the other, how many times, and how many edits: nearest first."""
    if not may_be_typos(left, right):
        return []
    edges = sorted(
        (apart, min(one, other), max(one, other), one, other)
        for one in left
        for other in right
        # Most words fail here, before a function is called.
        if (one[0] == other[0] or one[-1] == other[-1] or one[:2] == other[1::-1])
        and abs(len(one) - len(other)) <= 1 + min(len(one), len(other)) // LETTERS_PER_TYPO
        and (apart := typo(one, other)) is not None
    )
    found, here, there = [], Counter(left), Counter(right)
    for apart, _, _, one, other in edges:
        if times := min(here[one], there[other]):
            here[one] -= times
            there[other] -= times
            found.append((one, other, times, apart))
    return found


def may_be_typos(left: Counter[str], right: Counter[str]) -> bool:
    """Whether two bags of words are made of nearly the same letters."""
    here, there = (Counter("".join(words.elements())) for words in (left, right))
    stray = sum(abs(here[letter] - there[letter]) for letter in here | there if letter.isalnum())
    return stray <= STRAY + STRAY_PER_WORD * max(left.total(), right.total())


def plain(a: str, b: str) -> bool:
    """Whether two edits between these words are no more than a plain typo."""
    return min(len(a), len(b)) >= PLAIN_TYPO and a[0] == b[0]


def letters_apart(texts: Sequence[str], left: Numbers, right: Numbers) -> Numbers:
    """For each pair of texts, how many letters one has more often than the other: a bound for `may_be_typos`, in bulk."""
    counts = fingerprints.letter_counts(texts)
    parts = [np.empty(0, np.int64)]
    for begin in range(0, len(left), 100_000):
        some = slice(begin, begin + 100_000)
        parts.append(np.abs(counts[left[some]] - counts[right[some]]).sum(1))
    return np.concatenate(parts)


def moved(a: Sequence[str], b: Sequence[str]) -> int:
    """How many of the telling words that both texts have once stand in another order: "Ann is taller than Ben"."""
    once = {word for word, n in Counter(a).items() if n == 1 and word not in text.SMALL_WORDS}
    once &= {word for word, n in Counter(b).items() if n == 1}
    place = {word: i for i, word in enumerate(b)}
    ends: list[int] = []  # the longest run in the same order, by its last places
    for word in a:
        if word in once:
            at = bisect_left(ends, place[word])
            ends[at : at + 1] = [place[word]]
    return len(once) - len(ends)


@lru_cache(maxsize=65_536)
def typo(a: str, b: str) -> int | None:
    """How many edits two words are apart, if so few that one is the other misspelt, else None.

    It begins or ends as the other does. In a word of three or four letters none may be replaced: "cat" for "bat" is another word, "teh" for "the" is not. But
    "thw" stands for "the": a small word against what is none.
    """
    short, long = (len(a), len(b)) if len(a) <= len(b) else (len(b), len(a))
    allowed = max(1, short // LETTERS_PER_TYPO)
    ends_alike = a[:1] == b[:1] or a[-1:] == b[-1:] or a[:2] == b[1::-1]
    if not short or not ends_alike or long - short > allowed or (a, b) in pair_facts.OPPOSITES:
        return None
    if "_" in a + b:
        parts = a.split("_"), b.split("_")
        each = [0 if x == y else typo(x, y) for x, y in zip(*parts, strict=False)]
        return None if len(parts[0]) != len(parts[1]) or None in each else sum(apart or 0 for apart in each)
    if not (a[0].isalpha() and b[0].isalpha()):
        return None
    if short <= LETTERS_PER_TYPO + 1:
        small = (a in text.SMALL_WORDS) != (b in text.SMALL_WORDS)
        replaced = len(a) == len(b) and sorted(a) != sorted(b)
        apart = 1 if (small or (short > 1 and not replaced)) and text.one_edit_apart(a, b) else None
    else:
        apart = _edits(a, b, allowed)
    # Asked last, because it takes longest.
    return None if apart is None or (counts(a) and counts(b)) else apart


@lru_cache(maxsize=65_536)
def counts(word: str) -> bool:
    """Whether a word is a number, a part of one, or a unit."""
    return any(c.isdigit() for c in word) or numbers(f"7 {word}") != _SEVEN


@lru_cache(maxsize=65_536)
def negates(word: str) -> bool:
    """Whether a word is a "not"."""
    return bool(pair_facts.facts_of(word).negations)


def _edits(a: str, b: str, most: int) -> int | None:
    """Edit distance with swaps of neighbours (optimal string alignment; Boytsov 2011 reviews it), None beyond `most`."""
    begin, end = 0, min(len(a), len(b))
    while begin < end and a[begin] == b[begin]:
        begin += 1
    while begin < end and a[-1] == b[-1]:
        a, b, end = a[:-1], b[:-1], end - 1
    a, b = a[begin:], b[begin:]
    if len(a) <= 1 and len(b) <= 1:
        return 1 if a or b else 0
    before, last = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        row = [i]
        for j, y in enumerate(b, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        # A swap reaches back two rows.
        if min(row) > most and min(last) > most:
            return None
        before, last = last, row
    return last[-1] if last[-1] <= most else None

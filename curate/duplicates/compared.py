"""One side of all proposed pairs, their questions or their answers: what the two texts of each share.

    side = Compared(["a red lamp", "a red lamp!", "a poem"], np.array([[0, 1], [0, 2]]))
    side.reach(np.array([0, 1]), (0.5,))[0]      # the highest score that each pair may have: [1.0, 0.25]
    side.alike(0).score                          # 1.0

What is told of many pairs at once is remembered; a pair that nobody asked about in bulk is read by itself.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curate.duplicates import alike
from curate.duplicates.alike import Alike
from curate.duplicates.bags import Bags, words_of
from curate.duplicates.differences import Differences, differences, of_all

UNKNOWN = -1

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Compared:
    """Texts, and pairs of them by position [n, 2]."""

    def __init__(self, texts: Sequence[str], at: Numbers) -> None:
        self.texts = texts
        self._at = at
        self._apart = np.full(len(at), UNKNOWN)
        self._bags = Bags.of([])
        self._line: dict[int, int] = {}  # of a text in the bags
        self._settled: Differences | None = None
        self._place: dict[int, int] = {}  # of a pair among the settled
        self._alike: dict[int, Alike] = {}
        self._tokens: dict[int, list[str]] = {}

    def reach(self, pairs: Numbers, bars: Sequence[float]) -> tuple[Scores, Flags]:
        """The highest score that each of these pairs may have, as far as that decides whether it reaches one of the `bars`;
        and whether one text has all words of the other but one."""
        rows, left, right = self._among(pairs)
        texts = [self.texts[row] for row in rows.tolist()]
        self._bags = bags = Bags.of(texts)
        self._line = dict(zip(rows.tolist(), range(len(rows)), strict=True))
        shared, sizes = bags.shared(left, right), (bags.sizes[left], bags.sizes[right])
        fewer, more = np.minimum(*sizes), np.maximum(*sizes)
        lowest, highest = (of_all(words, fewer + more) for words in (shared, fewer))
        # Misspelt, all words of the shorter text may be in the longer. Of letters in ASCII it is known how many must stray.
        unsure = np.logical_or.reduce([(lowest < bar) & (bar <= highest) for bar in bars])
        plain = np.array([said.isascii() for said in texts], np.bool_)
        counted = np.flatnonzero(unsure & plain[left] & plain[right])
        allowed = alike.STRAY + alike.STRAY_PER_WORD * (more - shared)[counted]
        unsure[counted] = self.apart(pairs[counted]) <= allowed
        lowest[unsure] = highest[unsure]
        return lowest, shared >= fewer - 1

    def apart(self, pairs: Numbers) -> Numbers:
        """How many letters one text of each pair has more often than the other: where none, only marks may differ."""
        fresh = pairs[self._apart[pairs] == UNKNOWN]
        if len(fresh):
            rows, left, right = self._among(fresh)
            self._apart[fresh] = alike.letters_apart([self.texts[row] for row in rows.tolist()], left, right)
        return self._apart[pairs]

    def settle(self, pairs: Numbers) -> Differences:
        """Compare these pairs, of those that `reach` was asked about."""
        rows = np.array(list(self._line), np.int64)  # ascending
        self._settled = differences(self._bags, *np.searchsorted(rows, self._at[pairs]).T)
        self._place = dict(zip(pairs.tolist(), range(len(pairs)), strict=True))
        return self._settled

    def alike(self, at: int) -> Alike:
        """What the two texts of a pair share."""
        if (found := self._alike.get(at)) is None:
            if self._settled is not None and at in self._place:
                found = self._settled.alike(self._place[at])
            else:
                found = alike.compare(*self.tokens(at))
            self._alike[at] = found
        return found

    def same(self, at: int) -> bool:
        """Whether both texts have the same words in the same order."""
        if self._settled is not None and at in self._place:
            return bool(self._settled.same[self._place[at]])
        one, other = self.tokens(at)
        return one == other

    def moved(self, at: int) -> int:
        """How many telling words stand in another order; see `alike.moved`."""
        if self._settled is not None and at in self._place and self._settled.ordered[self._place[at]]:
            return 0
        return alike.moved(*self.tokens(at))

    def fewer(self, at: int) -> int:
        """How many words the shorter text of a pair has."""
        if self._settled is not None and at in self._place:
            return int(self._settled.fewer[self._place[at]])
        return min(map(len, self.tokens(at)))

    def tokens(self, at: int) -> tuple[list[str], list[str]]:
        """The words of both texts of a pair."""
        one, other = self._at[at].tolist()
        return self._words(one), self._words(other)

    def pair(self, at: int) -> tuple[str, str]:
        one, other = self._at[at].tolist()
        return self.texts[one], self.texts[other]

    def _words(self, row: int) -> list[str]:
        if row not in self._tokens:
            line = self._line.get(row)
            self._tokens[row] = words_of(self.texts[row]) if line is None else self._bags.tokens(line)
        return self._tokens[row]

    def _among(self, pairs: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """The texts of these pairs, and the places of both texts of each among them."""
        rows, at = np.unique(self._at[pairs], return_inverse=True)
        left, right = at.reshape(-1, 2).T
        return rows, left, right

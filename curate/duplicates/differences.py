"""The words that two texts do not share, typos forgiven, for many pairs at once: what `alike.compare` says of each.

    found = differences(bags, left, right)
    found.score[0], found.typos[0]
    found.alike(0)                            # Alike(score=..., left=("red",), right=("green",), typos=1)

Words are numbers here and letters columns of a table, so that few words are ever held beside each other in Python: those
that begin or end alike, are about as long, and are made of about the same letters.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.duplicates import alike
from curate.duplicates.alike import Alike
from curate.duplicates.bags import Bags, blocks

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

AT_ONCE = 2_000_000  # pairs of words held beside each other: 100 MB
_FOREIGN, _SIGN = 36, 37  # letters and digits of ASCII have a column each, what is beyond ASCII one, other signs one
_COLUMN = np.full(128, _SIGN)
_COLUMN[ord("a") : ord("z") + 1] = np.arange(26)
_COLUMN[ord("0") : ord("9") + 1] = np.arange(26, _FOREIGN)


@dataclass(frozen=True)
class _Side:
    """The words that one text of each pair has more of: a line per pair and word, ascending."""

    pair: Numbers
    word: Numbers
    times: Numbers

    def sums(self, pairs: int, weights: Numbers | None = None) -> Numbers:
        each = self.times if weights is None else self.times * weights[self.word]
        return np.bincount(self.pair, each, pairs).astype(np.int64)

    def of(self, pairs: Flags) -> "_Side":
        """The lines of these pairs."""
        lines = np.flatnonzero(pairs[self.pair])
        return _Side(self.pair[lines], self.word[lines], self.times[lines])

    def bag(self, at: int, names: list[str]) -> Counter[str]:
        begin, end = np.searchsorted(self.pair, [at, at + 1])
        lines = zip(self.word[begin:end].tolist(), self.times[begin:end].tolist(), strict=True)
        return Counter({names[word]: times for word, times in lines})


@dataclass(frozen=True)
class _Spelt:
    """How words are spelt: a column per word."""

    letters: npt.NDArray[np.int32]  # how often it has each letter
    lengths: Numbers
    ends: tuple[Numbers, Numbers, Numbers, Numbers]  # first letter, last letter, first two, these the other way round
    joined: Flags  # has a "_" inside

    @staticmethod
    def of(names: list[str]) -> "_Spelt":
        signs = np.frombuffer("".join(names).encode("utf-32-le"), np.uint32).astype(np.int64)
        lengths = np.fromiter(map(len, names), np.int64, len(names))
        column = np.where(signs < 128, _COLUMN[np.minimum(signs, 127)], _FOREIGN)
        owners = np.repeat(np.arange(len(names)), lengths)
        letters = np.bincount(column * len(names) + owners, minlength=(_SIGN + 1) * len(names))
        first = np.cumsum(lengths) - lengths
        two = lengths > 1
        second = np.where(two, signs[np.minimum(first + 1, len(signs) - 1)], 0) if len(signs) else first
        a, z = signs[first], signs[first + lengths - 1]
        swapped = np.where(two, second << 32 | a, -1)
        return _Spelt(
            letters.reshape(_SIGN + 1, len(names)).astype(np.int32),
            lengths,
            (a, z, a << 32 | second, swapped),
            np.array(["_" in name for name in names], np.bool_),
        )

    def alike(self, a: Numbers, b: Numbers) -> Flags:
        """Whether words begin or end alike and are about as long, as those that `alike.typo` knows."""
        first, last, two, swapped = self.ends
        few = 1 + np.minimum(self.lengths[a], self.lengths[b]) // alike.LETTERS_PER_TYPO
        fit: Flags = (first[a] == first[b]) | (last[a] == last[b]) | (two[a] == swapped[b])
        fit &= np.abs(self.lengths[a] - self.lengths[b]) <= few
        return fit

    def same_letters(self, a: Numbers, b: Numbers) -> Flags:
        """Whether few enough letters differ: an edit changes one at most."""
        few = np.maximum(1, np.minimum(self.lengths[a], self.lengths[b]) // alike.LETTERS_PER_TYPO)
        here, there = np.zeros(len(a), np.int32), np.zeros(len(a), np.int32)
        for letter in self.letters:
            more = letter[a] - letter[b]
            here += np.maximum(more, 0)
            there += np.maximum(-more, 0)
        # Of words with a "_" each part may have its typos.
        fit: Flags = ((here <= few) & (there <= few)) | self.joined[a] | self.joined[b]
        return fit


@dataclass(frozen=True)
class Differences:
    """What each pair of texts shares, and what not; see `Alike`."""

    score: npt.NDArray[np.float64]
    typos: Numbers
    far: Numbers
    telling: Numbers  # telling words that were replaced by others
    fewer: Numbers  # words of the shorter text
    stray: Numbers  # at least so many letters are more frequent in one text
    same: Flags  # the same words in the same order
    ordered: Flags  # no telling word stands in another order
    _words: tuple[list[str], ...]  # that each side has more of, those of a pair from its place in _begins on
    _begins: tuple[list[int], ...]

    def alike(self, at: int) -> Alike:
        """What `alike.compare` says of a pair."""
        left, right = (
            tuple(sorted(words[begins[at] : begins[at + 1]]))
            for words, begins in zip(self._words, self._begins, strict=True)
        )
        return Alike(float(self.score[at]), left, right, int(self.typos[at]), int(self.far[at]))


def differences(bags: Bags, left: Numbers, right: Numbers) -> Differences:
    """Compare the texts of each pair."""
    pairs = len(left)
    sides = _Side(*bags.only(left, right)), _Side(*bags.only(right, left))
    both = bags.sizes[left] + bags.sizes[right]
    shared = bags.sizes[left] - sides[0].sums(pairs)
    codes, places = np.unique(np.concatenate([sides[0].word, sides[1].word]), return_inverse=True)
    names: list[str] = bags.names[codes].tolist()
    cut = len(sides[0].word)
    sides = _Side(sides[0].pair, places[:cut], sides[0].times), _Side(sides[1].pair, places[cut:], sides[1].times)
    spelt = _Spelt.of(names)
    likely, stray = _may_be_typos(sides, spelt, names, pairs)
    typos, far = _forgive(sides, spelt, names, likely)
    telling = bags.telling[codes].astype(np.int64)
    return Differences(
        of_all(shared + typos, both),
        typos,
        far,
        np.minimum(*(side.sums(pairs, telling) for side in sides)),
        np.minimum(bags.sizes[left], bags.sizes[right]),
        stray,
        bags.equal(left, right),
        bags.ordered(left, right),
        tuple([names[word] for word in np.repeat(side.word, side.times).tolist()] for side in sides),
        tuple([0, *np.cumsum(side.sums(pairs)).tolist()] for side in sides),
    )


def of_all(shared: Numbers, both: Numbers) -> npt.NDArray[np.float64]:
    """Shared words over all words, `both` being those of the two texts together; two texts without words are equal."""
    return np.where(both > 0, shared / np.maximum(both - shared, 1), 1.0)


def _forgive(sides: tuple[_Side, _Side], spelt: _Spelt, names: list[str], likely: Flags) -> tuple[Numbers, Numbers]:
    """Take misspelt words off both sides; how many there are in each pair, and how many by more than one edit."""
    edges = _typos(_beside(sides, spelt, likely), sides, spelt, names)
    here, there = (side.times.tolist() for side in sides)
    typos, far = [0] * len(likely), [0] * len(likely)
    for pair, apart, *_, a, b, one, other in sorted(edges):  # nearest first
        if times := min(here[one], there[other]):
            here[one] -= times
            there[other] -= times
            typos[pair] += times
            far[pair] += times if apart > 1 and not alike.plain(a, b) else 0
    sides[0].times[:], sides[1].times[:] = here, there
    return np.array(typos, np.int64), np.array(far, np.int64)


def _may_be_typos(sides: tuple[_Side, _Side], spelt: _Spelt, names: list[str], pairs: int) -> tuple[Flags, Numbers]:
    """`alike.may_be_typos` of each pair, False where one side has no word more; and at least how many letters stray."""
    totals = [side.sums(pairs) for side in sides]
    allowed = alike.STRAY + alike.STRAY_PER_WORD * np.maximum(*totals)
    lengths = [side.sums(pairs, spelt.letters[:_FOREIGN].sum(0)) for side in sides]
    # Letters beyond ASCII are not counted here, so more pairs may pass that have some.
    stray = np.abs(lengths[0] - lengths[1])
    likely: Flags = (totals[0] > 0) & (totals[1] > 0) & (stray <= allowed)
    some = [side.of(likely) for side in sides]
    each = np.zeros(pairs, np.int64)
    for letter in spelt.letters[:_FOREIGN]:
        each += np.abs(some[0].sums(pairs, letter) - some[1].sums(pairs, letter))
    stray = np.maximum(stray, each)
    likely &= stray <= allowed
    foreign = likely & (sum(side.sums(pairs, spelt.letters[_FOREIGN]) for side in some) > 0)
    for pair in np.flatnonzero(foreign).tolist():
        likely[pair] = alike.may_be_typos(*(side.bag(pair, names) for side in sides))
    return likely, stray


def _beside(sides: tuple[_Side, _Side], spelt: _Spelt, likely: Flags) -> Iterator[tuple[Numbers, Numbers]]:
    """Lines of both sides of these pairs, as far as their words begin or end alike and are about as long."""
    left, right = sides
    lines = np.flatnonzero(likely[left.pair])
    begins, ends = (np.searchsorted(right.pair, left.pair[lines], side=end) for end in ("left", "right"))
    for block, widths in blocks(ends - begins, AT_ONCE):
        one = np.repeat(lines[block], widths)
        other = np.arange(len(one)) + np.repeat(begins[block] - np.cumsum(widths) + widths, widths)
        fit = spelt.alike(left.word[one], right.word[other])
        yield one[fit], other[fit]


def _typos(
    beside: Iterator[tuple[Numbers, Numbers]], sides: tuple[_Side, _Side], spelt: _Spelt, names: list[str]
) -> Iterator[tuple[int, int, str, str, str, str, int, int]]:
    """Each pair of lines of which one word is the other misspelt: pair, edits, the words in two orders, the lines."""
    for one, other in beside:
        words = np.sort(np.stack([sides[0].word[one], sides[1].word[other]], 1), 1)
        codes, place = np.unique(words[:, 0] * len(names) + words[:, 1], return_inverse=True)
        low, high = codes // len(names), codes % len(names)
        may = np.flatnonzero(spelt.same_letters(low, high))
        apart = np.zeros(len(codes), np.int64)  # no two words that differ are 0 edits apart
        apart[may] = [
            alike.typo(names[a], names[b]) or 0 for a, b in zip(low[may].tolist(), high[may].tolist(), strict=True)
        ]
        found = np.flatnonzero(apart[place])
        lines = zip(apart[place[found]].tolist(), one[found].tolist(), other[found].tolist(), strict=True)
        for edits, line, opposite in lines:
            a, b = names[sides[0].word[line]], names[sides[1].word[opposite]]
            yield int(sides[0].pair[line]), edits, min(a, b), max(a, b), a, b, line, opposite

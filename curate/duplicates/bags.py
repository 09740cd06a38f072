"""The words of many texts as numbers, so that what two texts share is counted for many pairs at once.

bags = Bags.of(["the lamp", "the red lamp", "a poem"])
bags.shared(np.array([0, 0]), np.array([1, 2]))     # [2, 0]
bags.tokens(1)                                      # ["the", "red", "lamp"]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import text

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint32]

AT_ONCE = 4_000_000  # words looked up together: 100 MB


@dataclass(frozen=True)
class Bags:
    """A line per text and different word, sorted; and the words of each text in order."""

    keys: Numbers  # text * words + word
    counts: Numbers
    firsts: Numbers  # where in its text the word comes first
    starts: Numbers
    sizes: Numbers  # words of each text, repeats counted
    words: int
    names: npt.NDArray[np.object_]  # by word
    telling: Flags  # by word
    _spoken: Codes  # those of each text from _begins on
    _begins: Numbers

    @staticmethod
    def of(texts: Sequence[str]) -> "Bags":
        """The words of each text are those of `words_of`."""
        order, sizes, flat = _all_words(texts)
        # Numbers stand for words one to one, so no hash can make two words one.
        named = flat.cast(pl.Categorical)
        spoken, different = named.to_physical().to_numpy(), named.unique()
        words = int(spoken.max()) + 1 if len(spoken) else 1
        names, telling = np.empty(words, np.object_), np.empty(words, np.bool_)
        codes, named_so = different.to_physical().to_numpy(), different.cast(pl.String)
        names[codes], telling[codes] = named_so.to_list(), ~named_so.is_in(list(text.SMALL_WORDS)).to_numpy()
        begins, sizes_by_text = np.empty(len(texts), np.int64), np.empty(len(texts), np.int64)
        begins[order], sizes_by_text[order] = np.cumsum(sizes) - sizes, sizes
        keys = np.repeat(order * words, sizes) + spoken
        places = np.arange(len(spoken)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        lines, firsts, counts = _lines(keys, places)
        starts = np.searchsorted(lines, np.arange(len(texts) + 1) * words)
        return Bags(lines, counts, firsts, starts, sizes_by_text, words, names, telling, spoken, begins)

    def tokens(self, at: int) -> list[str]:
        """The words of one text, in order."""
        begin = self._begins[at]
        found: list[str] = self.names[self._spoken[begin : begin + self.sizes[at]]].tolist()
        return found

    def equal(self, left: Numbers, right: Numbers) -> Flags:
        """Which pairs of texts have the same words in the same order."""
        found: Flags = self.sizes[left] == self.sizes[right]
        some = np.flatnonzero(found)
        for block, lengths in blocks(self.sizes[left[some]]):
            pairs = some[block]
            place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            here, there = (np.repeat(self._begins[side[pairs]], lengths) + place for side in (left, right))
            found[np.repeat(pairs, lengths)[self._spoken[here] != self._spoken[there]]] = False
        return found

    def shared(self, left: Numbers, right: Numbers) -> Numbers:
        """How many words, repeats counted, each pair of texts has in common."""
        widths = np.diff(self.starts)
        swap = widths[left] > widths[right]
        left, right = np.where(swap, right, left), np.where(swap, left, right)
        found = np.zeros(len(left), np.int64)
        for pair, place, _, beside in self._beside(left, right):
            found += np.bincount(pair, np.minimum(self.counts[place], beside), len(left)).astype(np.int64)
        return found

    def ordered(self, left: Numbers, right: Numbers) -> Flags:
        """Whether the telling words that both texts of a pair have once come in one order; see `alike.moved`."""
        found = np.ones(len(left), np.bool_)
        for pair, place, other, beside in self._beside(left, right):
            once = np.flatnonzero((self.counts[place] == 1) & (beside == 1))
            once = once[self.telling[self.keys[place[once]] % self.words]]
            here, there = self.firsts[place[once]], self.firsts[other[once]]
            order = np.argsort(pair[once] * (1 + here.max(initial=0)) + here)
            pairs, there = pair[once][order], there[order]
            found[pairs[1:][(pairs[1:] == pairs[:-1]) & (there[1:] < there[:-1])]] = False
        return found

    def only(self, left: Numbers, right: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """What the first text of each pair has more of than the second: pair (ascending), word, how many more."""
        parts = [(np.empty(0, np.int64),) * 3]
        for pair, place, _, beside in self._beside(left, right):
            more = np.flatnonzero(self.counts[place] > beside)
            words = self.keys[place[more]] - left[pair[more]] * self.words
            parts.append((pair[more], words, self.counts[place[more]] - beside[more]))
        pairs, words, times = (np.concatenate(part) for part in zip(*parts, strict=True))
        return pairs, words, times

    def _beside(self, left: Numbers, right: Numbers) -> Iterator[tuple[Numbers, Numbers, Numbers, Numbers]]:
        """Each different word of the first text of each pair: the pair, its line, the line of the second text if that has
        it, and how often."""
        for block, widths in blocks(np.diff(self.starts)[left]):
            pair = np.repeat(block, widths)
            place = np.arange(len(pair)) + np.repeat(self.starts[left[block]] - np.cumsum(widths) + widths, widths)
            wanted = self.keys[place] + np.repeat((right - left)[block] * self.words, widths)
            at = np.searchsorted(self.keys, wanted).clip(max=max(len(self.keys) - 1, 0))
            yield pair, place, at, self.counts[at] * (self.keys[at] == wanted)


def _lines(keys: Numbers, places: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """The different keys, sorted, the lowest place of each, and how often it comes."""
    bits = int(places.max(initial=0)).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits < 64:  # one number of both is sorted faster
        both = np.sort(keys << bits | places)
        keys, places = both >> bits, both & ((1 << bits) - 1)
    else:
        order = np.lexsort((places, keys))
        keys, places = keys[order], places[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    return keys[starts], places[starts], np.diff(starts, append=len(keys))


def words_of(said: str) -> list[str]:
    """The words of a text in order; a text without any (say, only emoji) is one word."""
    if words := text.tokens(said):
        return words
    plain = text.normalise(said)
    return [plain] if plain else []


def blocks(widths: Numbers, most: int = AT_ONCE) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs whose widths sum to `most` at most (or that are wider alone), with their widths."""
    ends = np.cumsum(widths)
    begin = 0
    while begin < len(widths):
        done = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + most, side="right")))
        yield np.arange(begin, end), widths[begin:end]
        begin = end


def _all_words(texts: Sequence[str]) -> tuple[Numbers, Numbers, pl.Series]:
    """`words_of` of all texts: in which order they come, how many words each has, and all words one after the other."""
    lists = text.all_tokens(texts)
    sizes = lists.list.len().to_numpy().astype(np.int64)
    spoken, wordless = np.flatnonzero(sizes > 0), np.flatnonzero(sizes == 0)
    whole = text.all_normal([texts[i] for i in wordless.tolist()])
    said = whole != ""
    sizes = np.append(sizes[spoken], said.to_numpy().astype(np.int64))
    words = pl.concat([lists.explode(empty_as_null=False), whole.filter(said)])
    return np.append(spoken, wordless), sizes, words

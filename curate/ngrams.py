"""Which short texts are contained in which longer ones, by the share of their word n-grams found there.

    contained(["Tell me: what is the capital of France, please?"], ["What is the capital of France?"])
    # [Contained(whole=0, part=0, share=1.0)]

Exact: every part is compared with every whole through one index of the parts' n-grams. Words become numbers, and an n-gram
the number of its first words together with that of its last one, so no two n-grams are ever taken for one another.

Rare n-grams weigh more, or a prompt template would convict whoever uses it: see `contained`. Short parts with typos are
found by `near_short`. Wholes that are searched several times are read once, as `Wholes`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import text
from curate.progress import Progress, silent
from curate.typos import lines, near

__all__ = ["SHORT", "SHORT_ALONE", "Contained", "Wholes", "contained", "near_short"]

# Below this many words a single n-gram would convict: such a part must occur in one piece, and make up a good part of
# the text that holds it unless it is itself long enough to be no accident.
SHORT, SHORT_ALONE = 8, 5
# An n-gram weighs all while at most so many parts have it; with `of_wholes` also so many wholes, or one in COMMON of them.
FEW_PARTS, FEW_WHOLES, COMMON = 4, 20, 1000
FULL = 1_000_000  # the weight of a rare n-gram; weights are whole numbers, so that sums are the same in any order

CHARACTERS_AT_ONCE = 8_000_000  # of wholes read together: some 200 MB
CELLS_AT_ONCE = 2_000_000  # of the tables that candidates are expanded to: some 100 MB

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int32]
N = TypeVar("N", np.int32, np.int64)


@dataclass(frozen=True)
class Contained:
    """Positions of the two texts, and the share of the part's n-grams that the whole holds."""

    whole: int
    part: int
    share: float


@dataclass(frozen=True)
class Wholes:
    """Texts as the numbers of their words, each different text once.

    The number of a word is its line in `vocabulary`. `portions` holds the words of all texts one after the other, and -1
    after each text; `lengths` how many words each text has; `places` where each text stands among those that were given.
    """

    texts: list[str]
    places: list[list[int]]
    vocabulary: pl.Series
    portions: list[Ids]
    lengths: Numbers

    @staticmethod
    def of(texts: "Sequence[str] | Wholes") -> "Wholes":
        """Read the texts; those that were read already are handed back."""
        if isinstance(texts, Wholes):
            return texts
        distinct, places = _distinct(texts)
        vocabulary = pl.DataFrame(schema={"token": pl.String, "id": pl.Int32})
        portions, lengths = [], [np.empty(0, np.int64)]
        for some in _in_portions(distinct):
            tokens = text.all_tokens(some)
            vocabulary, numbers = _numbered(_flat(tokens), vocabulary)
            lengths.append(tokens.list.len().to_numpy().astype(np.int64))
            portions.append(_spaced(numbers, lengths[-1]))
        return Wholes(distinct, places, vocabulary["token"], portions, np.concatenate(lengths))

    def numbered(self, vocabulary: pl.DataFrame) -> Iterator[tuple[Numbers, Numbers]]:
        """The words in the numbers of another vocabulary, -1 for what it does not know, and whose each is: by portion."""
        own = self.vocabulary.to_frame("token").join(vocabulary, on="token", how="left", maintain_order="left")
        # The last place is that of -1, which stands after each text.
        other = np.append(own["id"].cast(pl.Int64).fill_null(-1).to_numpy(), -1)
        done = 0
        for ids in self.portions:
            texts = int(np.count_nonzero(ids < 0))
            yield other[ids], np.repeat(np.arange(done, done + texts), self.lengths[done : done + texts] + 1)
            done += texts


def contained(
    wholes: Sequence[str] | Wholes,
    parts: Sequence[str],
    *,
    size: int = 5,
    floor: float = 0.7,
    min_words: int = 1,
    of_wholes: bool = False,
    progress: Progress = silent,
) -> list[Contained]:
    """All (whole, part) with containment >= `floor`, sorted. Parts of fewer than `min_words` words are left out.

    share = sum of the weights of the part's n-grams that the whole has / sum of the weights of all its n-grams
    weight(g) = 1 where at most FEW_PARTS different parts have g, else 1 / how many have it

    An n-gram that many eval items share is their prompt template: it does not tell that this very item was seen. The usual
    idf, log(N / n), falls too slowly for that: a template of eighty items would keep half the weight of a line that is
    unique among ten thousand. No weight is 0, so a part that is held whole scores 1 however common it is; and up to
    FEW_PARTS all n-grams weigh the same, so that a few rewordings of one item do not excuse each other.

    A share depends on the pair and on the parts, never on other wholes: whether a row stays cannot change with the rows
    beside it, and what was decided among all rows holds among those that were kept. `of_wholes` gives that up, for eval
    files of few items whose template many rows use: the weight is also multiplied by min(1, few / m), m = how many
    different wholes have g, few = max(FEW_WHOLES, wholes / COMMON). Whoever removes rows by it must search again among the
    rest, and a leak that is repeated, a little shortened, in so many rows hides itself.
    """
    parts_, part_places = _distinct(parts)
    index = _Index.of(parts_, size, min_words)
    if not len(index.gram):
        return []
    read = Wholes.of(wholes)
    found = []
    for whole, part, share in _scored(_hits(read, index, progress), index, len(read.texts), floor, of_wholes):
        words = index.words[part]
        stands_out = (words >= SHORT_ALONE) | (2 * words >= read.lengths[whole])
        for w, p, s in zip(
            whole[stands_out].tolist(), part[stands_out].tolist(), share[stands_out].tolist(), strict=True
        ):
            found += [Contained(i, j, round(s, 4)) for i in read.places[w] for j in part_places[p]]
    return sorted(found, key=lambda one: (one.whole, one.part))


def near_short(wholes: Sequence[str] | Wholes, parts: Sequence[str]) -> list[Contained]:
    """Parts of fewer than SHORT words and wholes that are the same but for a typo or two; `share` is 1 - edits / letters.

    An edit is a letter put in, left out, changed or swapped with the next one, in the `loose` form of both. Below 5 letters
    none is allowed, below 12 one, up to 64 two, beyond that one. The whole must be such a text itself, not hold it, and
    have the same digits. What is found is a proposal: "capital of Iran" is one edit from "capital of Iraq", and only a look
    at the facts tells them apart. What has no word at all (a row of emoji) is compared too.
    """
    parts_, part_places = _distinct(parts)
    short = [i for i, said in enumerate(parts_) if len(text.tokens(said)) < SHORT]
    if not short:
        return []
    forms = [text.loose(parts_[i]) for i in short]
    read = Wholes.of(wholes)
    others = _loose(read, max(map(len, forms)))
    kept = list(others)
    found = [
        Contained(i, j, round(1 - edits / max(len(forms[part]), len(others[kept[whole]]), 1), 4))
        for whole, part, edits in near([others[i] for i in kept], forms)
        for i in read.places[kept[whole]]
        for j in part_places[short[part]]
    ]
    return sorted(found, key=lambda one: (one.whole, one.part))


def _loose(wholes: Wholes, most: int) -> dict[int, str]:
    """The loose forms, by position, of the texts that may be two edits from one of at most `most` letters."""
    short = np.flatnonzero(wholes.lengths < SHORT + 2).tolist()  # an edit can split a word
    joined = text.all_tokens([wholes.texts[i] for i in short]).list.join(" ").to_list()
    forms = {i: form or text.normalise(wholes.texts[i]) for i, form in zip(short, joined, strict=True)}
    return {i: form for i, form in forms.items() if len(form) <= most + 2}


@dataclass(frozen=True)
class _Index:
    """The n-grams of the parts. `tables[k]` holds, sorted, the numbers of the first k + 2 words of an n-gram.

    The number of one word is its line in `vocabulary`; of more, the line of (number of all but the last, the last) in the
    table. Line by line `part` has `gram`; `of_level[k][number]` is the gram that these k + 1 words are, or -1.
    """

    vocabulary: pl.DataFrame
    tables: list[Numbers]
    of_level: list[Numbers]
    part: Numbers
    gram: Numbers
    words: Numbers
    grams: int

    @staticmethod
    def of(parts: Sequence[str], size: int, min_words: int) -> "_Index":
        """Read the parts."""
        tokens = text.all_tokens(parts)
        words = tokens.list.len().to_numpy().astype(np.int64)
        vocabulary = pl.DataFrame({"token": _flat(tokens).unique(maintain_order=True)}).with_row_index("id")
        ids, owner = _ids(tokens, vocabulary)
        begins = np.cumsum(words + 1) - words - 1
        # A short text is one n-gram as a whole.
        length = np.where(words < max(SHORT, size), words, size)
        usable = words >= max(1, min_words)
        offset = np.arange(len(ids)) - begins[owner]
        starts = np.flatnonzero(usable[owner] & (offset + length[owner] <= words[owner]))
        tables, of_level, pieces, grams = [], [], [], 0
        rank = ids[starts]
        for k in range(1, int(length[usable].max(initial=0)) + 1):
            longer = length[owner[starts]] >= k
            starts, rank = starts[longer], rank[longer]
            if k > 1:
                table, rank = np.unique(rank * len(vocabulary) + ids[starts + k - 1], return_inverse=True)
                tables.append(table)
            complete = length[owner[starts]] == k
            own = np.full(len(tables[-1]) if k > 1 else len(vocabulary), -1, np.int64)
            numbers = np.unique(rank[complete])
            own[numbers] = grams + np.arange(len(numbers))
            grams += len(numbers)
            of_level.append(own)
            pieces.append(np.stack([owner[starts[complete]], own[rank[complete]]], axis=1))
        pairs = np.unique(np.concatenate(pieces), axis=0) if pieces else np.empty((0, 2), np.int64)
        return _Index(vocabulary, tables, of_level, pairs[:, 0], pairs[:, 1], words, grams)


def _ids(tokens: pl.Series, vocabulary: pl.DataFrame) -> tuple[Numbers, Numbers]:
    """The words of all texts as numbers, -1 for an unknown one and after each text; and whose each is."""
    words = tokens.list.len().to_numpy().astype(np.int64)
    said = pl.DataFrame({"token": _flat(tokens)}).join(vocabulary, on="token", how="left", maintain_order="left")
    numbers = said["id"].cast(pl.Int64).fill_null(-1).to_numpy()
    return _spaced(numbers, words), np.repeat(np.arange(len(words)), words + 1)


def _spaced(numbers: npt.NDArray[N], words: Numbers) -> npt.NDArray[N]:
    """The numbers of the words of texts of so many words, with -1 after each text."""
    ids = np.full(len(numbers) + len(words), -1, numbers.dtype)
    inside = np.ones(len(ids), dtype=bool)
    inside[np.cumsum(words + 1) - 1] = False
    ids[inside] = numbers
    return ids


def _numbered(words: pl.Series, vocabulary: pl.DataFrame) -> tuple[pl.DataFrame, Ids]:
    """The vocabulary with what is new to it below, and the line in it of each word."""
    # These codes stand for words one to one; each is looked up in the vocabulary once.
    codes = words.cast(pl.Categorical).to_physical().to_numpy()
    first = np.full(int(codes.max(initial=0)) + 1, -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    used = np.flatnonzero(first >= 0)
    found = words.gather(first[used]).to_frame("token").join(vocabulary, on="token", how="left", maintain_order="left")
    ids = found["id"].fill_null(-1).to_numpy().copy()
    new = np.flatnonzero(ids < 0)
    ids[new] = vocabulary.height + np.arange(len(new), dtype=np.int32)
    more = pl.DataFrame({"token": found["token"].gather(new), "id": ids[new]})
    line = np.full(len(first), -1, np.int32)
    line[used] = ids
    return pl.concat([vocabulary, more]), line[codes]


def _flat(tokens: pl.Series) -> pl.Series:
    return tokens.explode(empty_as_null=False) if len(tokens) else pl.Series([], dtype=pl.String)


class _Hits(NamedTuple):
    """Which gram stands in which whole, each once: `gram` by whole, and `keys` (whole * grams + gram) ascending."""

    keys: Numbers
    whole: Numbers
    gram: Numbers


def _hits(wholes: Wholes, index: _Index, progress: Progress) -> _Hits:
    keys = [np.empty(0, np.int64)]
    for ids, owner in wholes.numbered(index.vocabulary):
        whole, gram = _lookup(ids, owner, index)
        keys.append(_once(whole * index.grams + gram))
        progress("overlap: n-grams", int(owner[-1]) + 1, len(wholes.texts))
    every = np.concatenate(keys)
    return _Hits(every, *np.divmod(every, index.grams))


def _lookup(ids: Numbers, owner: Numbers, index: _Index) -> tuple[Numbers, Numbers]:
    """Whole and gram of each place where words of a part begin, in as many steps as an n-gram has words."""
    places = np.flatnonzero(ids >= 0)
    rank = ids[places]
    wholes, grams = [], []
    for k, own in enumerate(index.of_level):
        if k:
            after = ids[np.minimum(places + k, len(ids) - 1)]
            hit, line = lines(index.tables[k - 1], rank * len(index.vocabulary) + after)
            known = after[hit] >= 0
            places, rank = places[hit][known], line[known]
        gram = own[rank]
        complete = gram >= 0
        wholes.append(owner[places[complete]])
        grams.append(gram[complete])
    return np.concatenate(wholes), np.concatenate(grams)


def _scored(
    hits: _Hits, index: _Index, wholes: int, floor: float, of_wholes: bool
) -> Iterator[tuple[Numbers, Numbers, Scores]]:
    """Wholes, parts and shares of the pairs that reach the floor.

    A whole that has none of a part's scarcest n-grams misses their weight. Where this is more than 1 - floor of all of it
    the pair cannot reach the floor: so only the wholes with one of those n-grams are looked at.
    """
    held_by = np.bincount(hits.gram, minlength=index.grams)
    parts_with = np.bincount(index.gram, minlength=index.grams)
    weight = np.where(parts_with > FEW_PARTS, FULL // np.maximum(parts_with, 1), FULL)
    if of_wholes:
        few = max(FEW_WHOLES, wholes // COMMON)
        weight = weight * few // np.maximum(held_by, few)
    weight = np.maximum(weight, 1)[index.gram]
    total = np.bincount(index.part, weights=weight, minlength=len(index.words))
    order = np.lexsort((index.gram, held_by[index.gram], index.part))
    before = np.cumsum(weight[order]) - weight[order]
    first = np.searchsorted(index.part, np.arange(len(index.words) + 1))  # line of a part's first n-gram
    before -= before[np.minimum(first[index.part], len(before) - 1)]
    scarce = order[before <= (1 - floor) * total[index.part] * (1 + 1e-9)]
    scarce.sort()
    by_gram = np.argsort(hits.gram, kind="stable")
    begin = np.concatenate([[0], np.cumsum(held_by)])
    for parts in _portions(np.bincount(index.part[scarce], held_by[index.gram[scarce]], len(index.words))):
        lines = scarce[slice(*np.searchsorted(index.part[scarce], [parts.start, parts.stop]))]
        gram = index.gram[lines]
        at = _ranges(begin[gram], held_by[gram])
        pairs = _once(np.repeat(index.part[lines], held_by[gram]) * wholes + hits.whole[by_gram[at]])
        part, whole = np.divmod(pairs, max(wholes, 1))
        for some in _portions(np.diff(first)[part]):
            share = _shares(part[some], whole[some], first, weight, hits, index) / total[part[some]]
            high = share >= floor
            yield whole[some][high], part[some][high], share[high]


def _shares(part: Numbers, whole: Numbers, first: Numbers, weight: Numbers, hits: _Hits, index: _Index) -> Scores:
    """The weight of the part's n-grams that the whole has, for each pair."""
    sizes = first[part + 1] - first[part]
    lines = _ranges(first[part], sizes)
    pair = np.repeat(np.arange(len(part)), sizes)
    keys = whole[pair] * index.grams + index.gram[lines]
    at = np.minimum(np.searchsorted(hits.keys, keys), len(hits.keys) - 1)
    return np.bincount(pair, weights=weight[lines] * (hits.keys[at] == keys), minlength=len(part)).astype(np.float64)


def _once(keys: Numbers) -> Numbers:
    """Each number once, ascending; numpy's own `unique` takes several times as long when most differ."""
    keys.sort()
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys


def _ranges(begin: Numbers, sizes: Numbers) -> Numbers:
    """The numbers begin, begin + 1, ... of each range, one after the other."""
    ends = np.cumsum(sizes)
    ranges: Numbers = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - ends + sizes, sizes)
    return ranges


def _portions(cells: npt.NDArray[np.number]) -> Iterator[slice]:
    """Slices of about CELLS_AT_ONCE cells; each has at least one entry."""
    ends = np.cumsum(cells)
    start = 0
    while start < len(cells):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + CELLS_AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop


def _in_portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start, letters = 0, 0
    for i, said in enumerate(texts):
        letters += len(said)
        if letters >= CHARACTERS_AT_ONCE:
            yield texts[start : i + 1]
            start, letters = i + 1, 0
    if start < len(texts):
        yield texts[start:]


def _distinct(texts: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """The different texts in order, and where each stands."""
    places: dict[str, list[int]] = {}
    for i, said in enumerate(texts):
        places.setdefault(said, []).append(i)
    return list(places), list(places.values())

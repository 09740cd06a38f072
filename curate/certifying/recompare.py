"""What comes near, found once more by other code than the issuer's: by meaning, by words, by typos, and past a template.

    near, best = all_pairs(train, items, floor=0.3)
    contained(["tell me what a lamp is please"], ["what a lamp is"], size=5, floor=0.7)      # {(0, 0): 1.0}

Only for `winnow verify` (see `curate.certifying.recheck`). Written from the definitions and to be plain: products in float64, n-grams as
tuples in sets, edits by the textbook's table.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate import text
from curate.errors import BadInput
from curate.pairs import Judge, Judgement
from curate.windows import Encode

Wide = npt.NDArray[np.float64]
Place = tuple[int, int]  # number of a training text, number of an eval text
Words = Sequence[str]

AT_ONCE = 512  # training windows multiplied together
SHORT, SHORT_ALONE = 8, 5  # words: below, a text is one n-gram; below, it must make up half of what holds it
FEW_PARTS = 4  # eval texts that may have an n-gram in common before it weighs less
FULL = 1_000_000  # the weight of a rare n-gram
TEMPLATE, ITEMS, MOST_ITEMS, MOST_OWN, OWN_WORDS = 5, 5, 50, 0.7, 2  # see `past_template`


@dataclass(frozen=True)
class Vectors:
    """Unit vectors of windows, and the number of the text that each belongs to."""

    rows: Wide
    owner: npt.NDArray[np.int64]

    def only(self, windows: Sequence[int]) -> "Vectors":
        """Some of the windows."""
        some = np.array(windows, np.int64)
        return Vectors(self.rows[some], self.owner[some])

    def of_text(self) -> dict[int, Wide]:
        """One unit vector a text: the mean of its windows, or the first where they cancel out."""
        windows: dict[int, list[Wide]] = defaultdict(list)
        for number, row in zip(self.owner.tolist(), self.rows, strict=True):
            windows[number].append(row)
        return {number: unit(np.sum(some, axis=0), some[0]) for number, some in windows.items()}


def vectors(texts: Sequence[str], encode: Encode) -> Vectors:
    windows = encode(texts)
    rows = windows.vectors.astype(np.float64)
    if not np.isfinite(rows).all() or (len(rows) and abs(np.linalg.norm(rows, axis=1) - 1).max() > 0.01):
        raise BadInput("the encoder gave vectors that are no directions (not a number, or of no length)")
    return Vectors(rows, windows.text.astype(np.int64))


def unit(total: Wide, instead: Wide) -> Wide:
    length = float(np.linalg.norm(total))
    direction: Wide = total / length if length >= 1e-6 else instead
    return direction


def all_pairs(train: Vectors, items: Vectors, floor: float) -> tuple[set[Place], dict[int, Place]]:
    """Pairs of texts with windows at least so near, and for each eval text the nearest training text."""
    near, best, highest = set[Place](), dict[int, Place](), defaultdict[int, float](lambda: -2.0)
    for start in range(0, len(train.owner), AT_ONCE):
        scores = train.rows[start : start + AT_ONCE] @ items.rows.T
        for left, right in np.argwhere(scores >= floor).tolist():
            near.add((int(train.owner[start + left]), int(items.owner[right])))
        for right, (left, score) in enumerate(zip(scores.argmax(axis=0).tolist(), scores.max(axis=0), strict=True)):
            item = int(items.owner[right])
            if score > highest[item]:
                highest[item], best[item] = float(score), (int(train.owner[start + left]), item)
    return near, best


def contained(
    wholes: Sequence[str], parts: Sequence[str], *, size: int, floor: float, min_words: int = 1
) -> dict[Place, float]:
    """The share of a part's n-grams, by weight, that a whole holds, where it reaches the floor.

    weight(g) = 1 where at most FEW_PARTS different parts have g, else 1 / how many have it. A part of fewer than SHORT words
    is one n-gram; below SHORT_ALONE it must be half of the whole.
    """
    part_words = {part: words for part in set(parts) if len(words := text.tokens(part)) >= max(1, min_words)}
    grams = {part: _grams(words, size) for part, words in part_words.items()}
    parts_with = Counter(gram for some in grams.values() for gram in some)
    sizes = {len(gram) for gram in parts_with}
    whole_words = {whole: text.tokens(whole) for whole in set(wholes)}
    held = {
        whole: {gram for n in sizes for gram in _runs(words, n) if gram in parts_with}
        for whole, words in whole_words.items()
    }
    weight = {gram: max(FULL // n, 1) if n > FEW_PARTS else FULL for gram, n in parts_with.items()}
    total = {part: sum(weight[gram] for gram in some) for part, some in grams.items()}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for part, some in grams.items():
        for gram in some:
            holders[gram].append(part)
    shares = {}
    for whole, some in held.items():
        for part in {part for gram in some for part in holders[gram]}:
            share = sum(weight[gram] for gram in grams[part] & some) / total[part]
            count = len(part_words[part])
            if share >= floor and (count >= SHORT_ALONE or 2 * count >= len(whole_words[whole])):
                shares[whole, part] = round(share, 4)
    return _places(shares, wholes, parts)


def near_short(wholes: Sequence[str], parts: Sequence[str]) -> set[Place]:
    """Parts of fewer than SHORT words, and wholes that are the same but for a typo: in the loose form of both.

    Below 5 letters no edit is allowed, below 12 one, up to 64 two, beyond that one.
    """
    forms = {part: text.loose(part) for part in set(parts) if len(text.tokens(part)) < SHORT}
    longest = max(map(len, forms.values()), default=0)
    others = {whole: form for whole in set(wholes) if len(form := text.loose(whole)) <= longest + 2}
    if not forms or not others:
        return set()
    names, counts = list(others), np.array([_letters(form) for form in others.values()])
    found = {}
    for part, form in forms.items():
        allowed = 0 if len(form) < 5 else 2 if 12 <= len(form) <= 64 else 1
        # An edit changes the counts of letters by two at most, so what differs more need not be looked at.
        for number in np.flatnonzero(np.abs(counts - _letters(form)).sum(axis=1) <= 2 * allowed).tolist():
            other = others[names[number]]
            if _digits(other) == _digits(form) and edits(other, form) <= allowed:
                found[names[number], part] = 1.0
    return set(_places(found, wholes, parts))


def _digits(form: str) -> str:
    return "".join(letter for letter in form if letter.isdecimal())


def edits(a: str, b: str) -> int:
    """Letters put in, left out, changed or swapped with the next one, each letter once (optimal string alignment)."""
    table = [[i + j if not (i and j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            ways = [table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1])]
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                ways.append(table[i - 2][j - 2] + 1)
            table[i][j] = min(ways)
    return table[-1][-1]


def own_words(items: Sequence[str]) -> Callable[[str], list[str]]:
    """What of a text is no template: the words outside of all runs of TEMPLATE words that many different items have."""
    texts = {tuple(text.tokens(item)) for item in items}
    times = Counter(run for words in texts for run in set(_runs(words, TEMPLATE)))
    enough = max(ITEMS, min(MOST_ITEMS, math.ceil(len(set(items)) / 20)))
    shared = {run for run, n in times.items() if n >= enough}

    def own(said: str) -> list[str]:
        words = tuple(text.tokens(said))
        starts = [start for start, run in enumerate(_runs(words, TEMPLATE)) if run in shared]
        inside = {place for start in starts for place in range(start, start + TEMPLATE)}
        return [word for place, word in enumerate(words) if place not in inside]

    return own


def past_template(judge: Judge, items: Sequence[str]) -> Judge:
    """A judge that does not go by what many eval items share.

    Words that stand in a run of TEMPLATE words which ITEMS different items have are a template. Of an item of which at most
    MOST_OWN is its own, and at least OWN_WORDS words, the rest is judged too, and both verdicts must say that it is the same.
    """
    own = own_words(items)

    def judged(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        found, rest = list(judge(pairs)), dict[int, tuple[str, str]]()
        for place, (one, item) in enumerate(pairs):
            if found[place].name not in ("copy", "unrelated"):
                left, count = own(item), max(1, len(text.tokens(item)))
                if OWN_WORDS <= len(left) <= MOST_OWN * count:
                    rest[place] = (" ".join(own(one)), " ".join(left))
        for place, verdict in zip(rest, judge(list(rest.values())), strict=True):
            found[place] = _both(found[place], verdict)
        return found

    return judged


def _both(whole: Judgement, rest: Judgement) -> Judgement:
    if rest.name in ("copy", "near copy"):
        return whole
    name, differs = rest.name, rest.differs
    if rest.name in ("paraphrase", "translation"):
        name, differs = (rest.name if whole.name == "near copy" else whole.name), whole.differs
    return Judgement(name, min(whole.probability, rest.probability), whole.cosine, differs)


def _letters(form: str) -> npt.NDArray[np.int64]:
    counts = np.zeros(64, np.int64)
    np.add.at(counts, [ord(letter) % 64 for letter in form], 1)
    return counts


def _grams(words: Words, size: int) -> set[tuple[str, ...]]:
    return {tuple(words)} if len(words) < max(SHORT, size) else set(_runs(words, size))


def _runs(words: Words, size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[start : start + size]) for start in range(len(words) - size + 1))


def _places(found: dict[tuple[str, str], float], wholes: Sequence[str], parts: Sequence[str]) -> dict[Place, float]:
    """From texts to the numbers under which each stands."""
    of_whole, of_part = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for number, said in enumerate(wholes):
        of_whole[said].append(number)
    for number, said in enumerate(parts):
        of_part[said].append(number)
    return {(i, j): share for (whole, part), share in found.items() for i in of_whole[whole] for j in of_part[part]}

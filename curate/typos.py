"""Which strings are the same but for a typo or two, among many: by what is left when letters are taken out.

    list(near(["what is the captial of france"], ["what is the capital of france"]))     # [(0, 0, 1)]

Two strings a few edits apart become equal when up to as many letters are taken out of each. So every string is written
with one and with two letters less, these are compared by hash, and the edits of what meets are counted. No hash decides.
Another number is no typo: strings whose digits differ are not near, or every sum would be near every other.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
K = TypeVar("K", np.int64, np.uint64)

ONE, TWO, LONG = 5, 12, 64  # letters from which one and two edits are allowed; longer than the last, one again
MOST_BITS = 23  # 8 MB
HASHES_AT_ONCE = 1_000_000  # 60 MB with what belongs to them

_BASE = 0x9E3779B97F4A7C15 | 1
_INVERSE = pow(_BASE, -1, 1 << 64)


def near(wholes: Sequence[str], parts: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """(whole, part, edits) for every pair within the edits that the part's length allows, in order of wholes."""
    lengths = {len(part) for part in parts}
    allowed = {n: max((edits(m) for m in range(n - 2, n + 3) if m in lengths), default=0) for n in _around(lengths)}
    wanted = {n: edits(n) for n in lengths}
    hashes, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for found, owner in _shortened(parts, wanted):
        hashes.append(found)
        owners.append(owner)
    table, owner_of = np.concatenate(hashes), np.concatenate(owners)
    order = np.argsort(table, kind="stable")
    table, owner_of = table[order], owner_of[order]
    pairs = set()
    for found, owner in _shortened(wholes, allowed):
        hit, begin = lines(table, found)
        counts = np.searchsorted(table, found[hit], side="right") - begin
        ends = np.cumsum(counts)
        at = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - ends + counts, counts)
        pairs.update(np.unique(np.repeat(owner[hit], counts) * len(parts) + owner_of[at]).tolist())
    for whole, part in (divmod(pair, len(parts)) for pair in sorted(pairs)):
        apart = distance(wholes[whole], parts[part], edits(len(parts[part])))
        if apart is not None and digits(wholes[whole]) == digits(parts[part]):
            yield whole, part, apart


def edits(letters: int) -> int:
    """How many edits are a typo in a text of so many letters."""
    if letters < ONE:
        return 0
    return 2 if TWO <= letters <= LONG else 1


def digits(text: str) -> str:
    """All digits of a text, in order."""
    return "".join(letter for letter in text if letter.isdecimal())


def distance(a: str, b: str, most: int) -> int | None:
    """Letters put in, left out, changed, or swapped with the next one, to get from one to the other; None above `most`.

    Each letter is edited once (optimal string alignment).
    """
    if abs(len(a) - len(b)) > most:
        return None
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[start:], b[start:]
    end = next((i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y), min(len(a), len(b)))
    a, b = a[: len(a) - end], b[: len(b) - end]
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return None
        before, last = last, row
    return last[-1] if last[-1] <= most else None


def lines(table: npt.NDArray[K], keys: npt.NDArray[K]) -> tuple[Numbers, Numbers]:
    """Which keys stand in a sorted table: their positions, and the first line of each. Few do, so most are told by a bit."""
    if not len(table):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    shift = 64 - min(MOST_BITS, len(table).bit_length() + 4)
    bits = np.zeros(1 << (64 - shift), dtype=bool)
    bits[_bit(table, shift)] = True
    some = np.flatnonzero(bits[_bit(keys, shift)])
    line = np.searchsorted(table, keys[some])
    same = table[np.minimum(line, len(table) - 1)] == keys[some]
    return some[same], line[same]


def _bit(keys: npt.NDArray[K], shift: int) -> Hashes:
    spread: Hashes = (keys.view(np.uint64) * np.uint64(_BASE)) >> np.uint64(shift)
    return spread


def _around(lengths: set[int]) -> set[int]:
    return {n for length in lengths for n in range(max(0, length - edits(length)), length + edits(length) + 1)}


def _shortened(texts: Sequence[str], allowed: dict[int, int]) -> Iterator[tuple[Hashes, Numbers]]:
    """Hashes of the texts whose length is allowed, with none, one and two letters less, and whose they are."""
    by_length: dict[int, list[int]] = {}
    for i, said in enumerate(texts):
        if len(said) in allowed:
            by_length.setdefault(len(said), []).append(i)
    for letters, numbers in sorted(by_length.items()):
        several = 1 + (allowed[letters] > 0) * letters + (allowed[letters] > 1) * letters * (letters - 1) // 2
        step = max(1, HASHES_AT_ONCE // several)
        for i in range(0, len(numbers), step):
            some = numbers[i : i + step]
            hashes = _hashes([texts[number] for number in some], letters, allowed[letters])
            yield hashes.ravel(), np.repeat(np.array(some, np.int64), hashes.shape[1])


def _hashes(texts: list[str], letters: int, taken: int) -> Hashes:
    """One line per text, all of this length: sum of letter[i] * base^i mod 2^64, over the letters left, and the number.

    What follows a letter that is taken out moves one place down, and the base has an inverse, so that sums of parts of the
    whole text are enough.
    """
    codes = np.array([[ord(letter) for letter in said] for said in texts], np.uint64).reshape(len(texts), letters)
    mixed = (codes + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(29)
    powers = np.full(letters + 1, _BASE, np.uint64)
    powers[0] = 1
    powers = np.cumprod(powers, dtype=np.uint64)
    number = np.array([int("1" + digits(said)[:1000]) % (1 << 64) for said in texts], np.uint64)[:, None]
    sums = np.zeros((len(texts), letters + 1), np.uint64)
    np.cumsum(mixed * powers[:letters], axis=1, out=sums[:, 1:])
    back, twice = np.uint64(_INVERSE), np.uint64(_INVERSE * _INVERSE % (1 << 64))
    out = [sums[:, -1:]]
    if taken >= 1:
        out.append(sums[:, :-1] + (sums[:, -1:] - sums[:, 1:]) * back)
    if taken >= 2:
        i, j = np.triu_indices(letters, 1)
        middle = (sums[:, j] - sums[:, i + 1]) * back
        out.append(sums[:, i] + middle + (sums[:, -1:] - sums[:, j + 1]) * twice)
    return np.concatenate(out, axis=1) + number * np.uint64(0x94D049BB133111EB)

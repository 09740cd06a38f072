"""Which short texts are contained in which longer ones, by the share of their word n-grams found there.

    contained(["Tell me: what is the capital of France, please?"], ["What is the capital of France?"])
    # [Contained(whole=0, part=0, share=1.0)]

Exact: every part is compared with every whole through one index of the parts' n-grams.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from curate import text
from curate.progress import Progress, silent

# Below this many words a single n-gram would convict: such a part must occur in one piece, and make up a good part of
# the text that holds it unless it is itself long enough to be no accident.
SHORT, SHORT_ALONE = 8, 5
# An n-gram that so many parts share is boilerplate, as long as a part has this many of its own.
SHARED, OWN = 5, 3


@dataclass(frozen=True)
class Contained:
    """Positions of the two texts, and the share of the part's n-grams that the whole holds."""

    whole: int
    part: int
    share: float


Gram = tuple[str, ...]


def contained(
    wholes: Sequence[str],
    parts: Sequence[str],
    *,
    size: int = 5,
    floor: float = 0.7,
    min_words: int = 1,
    progress: Progress = silent,
) -> list[Contained]:
    """All (whole, part) with containment >= `floor`, sorted. Parts of fewer than `min_words` words are left out."""
    words = [text.tokens(part) for part in parts]
    usable = [i for i, said in enumerate(words) if len(said) >= max(1, min_words)]
    owners: dict[Gram, list[int]] = {}
    for i in usable:
        for gram in _grams(words[i], size):
            owners.setdefault(gram, []).append(i)
    if not owners:
        return []
    rare = _distinctive(words, usable, owners, size)
    needed = {i: len(grams) for i, grams in rare.items()}
    owners = {}
    for i, grams in rare.items():
        for gram in grams:
            owners.setdefault(gram, []).append(i)
    lengths = sorted({len(gram) for gram in owners})
    out = []
    for whole, said in enumerate(wholes):
        out += [
            Contained(whole, part, round(share, 4))
            for part, share in _shares(text.tokens(said), owners, needed, lengths).items()
            if share >= floor and (len(words[part]) >= SHORT or _stands_out(words[part], said))
        ]
        if whole % 2000 == 0:
            progress("overlap: n-grams", whole, len(wholes))
    return sorted(out, key=lambda found: (found.whole, found.part))


def _distinctive(
    words: list[list[str]], usable: list[int], owners: dict[Gram, list[int]], size: int
) -> dict[int, set[Gram]]:
    """The n-grams that tell a part from the other parts: a prompt template that many parts share convicts nobody.

    A part that has nothing of its own keeps all its n-grams.
    """
    out = {}
    for i in usable:
        grams = _grams(words[i], size)
        own = {gram for gram in grams if len(owners[gram]) < SHARED}
        out[i] = own if len(own) >= OWN else grams
    return out


def _shares(
    said: list[str], owners: dict[Gram, list[int]], needed: dict[int, int], lengths: list[int]
) -> dict[int, float]:
    hits = Counter[int]()
    for length in lengths:
        for gram in set(zip(*(said[i:] for i in range(length)), strict=False)) & owners.keys():
            hits.update(owners[gram])
    return {part: n / needed[part] for part, n in hits.items()}


def _grams(words: list[str], size: int) -> set[Gram]:
    """The n-grams of a text; a short text is one n-gram as a whole."""
    if len(words) < SHORT:
        return {tuple(words)}
    return set(zip(*(words[i:] for i in range(size)), strict=False))


def _stands_out(part: list[str], whole: str) -> bool:
    return len(part) >= SHORT_ALONE or 2 * len(part) >= len(text.tokens(whole))

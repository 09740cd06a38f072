"""Find names of persons, places and organisations, and street addresses. Small, ours, no download.

    names = load()
    names.find(["Ask Aroha Ngata in Wellington"])     # [(Finding(start=4, end=15, kind='PERSON', ...), ...)]

A network of hashed word features and a few convolutions (`naming/network.py`), learnt from texts written for this project and
from posts whose terms allow it, and a few rules that a person can check (`naming/doubts.py`). It knows how names look and where
they stand, not who anybody is: the card (`models/names.md`) has the figures and says where it fails. Only Latin letters are
read; `unread` counts the other texts, because nothing found is not the same as nothing there.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from curate import cache as caches
from curate import shipped
from curate.cache import Cache
from curate.errors import BadInput, Surroundings
from curate.hands import Helped
from curate.naming import address, code, decoding, doubts, features, network
from curate.naming.doubts import settled
from curate.naming.features import Token, readable
from curate.naming.network import KINDS, TAGS, Floats, Network
from curate.pii import Finding, Findings, pack, unpack
from curate.progress import Progress, silent

CARD, WEIGHTS = "names.json", "names.safetensors"
CARD_SHA256 = "3d3ed3251ca44b20d85898182ece963fc414db12df3fd6d2c4d2ad48c7710081"
REINSTALL, RETRAIN = (
    "pip install --force-reinstall winnow-tune",
    "python curate/models/train_names.py --data DIR --out FOLDER",
)
THRESHOLD = 0.5
ROWS = 4096  # words that go through the network together
CHUNK = 100_000  # characters that are read together
ALONE = 1_500_000  # characters, some seconds of work, after which more processes are worth their start
SHORT_FORM = re.compile(
    r"jr|sr|inc|ltd|corp|co|llc|bros|st|ave|rd|blvd|dr|ln|str|apt|[a-z]", re.IGNORECASE
)  # their full stop is theirs
LIMITS = """\
Names in Latin letters: persons, places, organisations and street addresses, learnt from written sentences and posts. Public
persons are persons. Often missed: names in lower case, organisations named after persons, nicknames. Often mistaken: place
for person and person for organisation where the name is in no list, titles of works, brands, names of languages. In code and
algebra only listed names count. Countries and cities are places, personal or not: what to do with a kind is the caller's choice."""


@dataclass(frozen=True)
class Names:
    """What finds names. Anything with `name`, `fingerprint` and `find` can take its place."""

    name: str
    fingerprint: str
    threshold: float
    network: Network = field(repr=False, compare=False)
    knots: Mapping[str, Sequence[Sequence[float]]] = field(repr=False)  # kind -> raw score, share that was right
    limits: str = field(default=LIMITS, repr=False)
    cache: Cache | None = field(default=None, repr=False, compare=False)
    kinds: tuple[str, ...] = KINDS
    processes: int = field(default=1, repr=False, compare=False)  # used where there is much to read

    def find(self, texts: Sequence[str], progress: Progress = silent) -> list[Findings]:
        """The names in each text: sorted, apart from one another. Known texts come from the cache."""
        kind = f"names:{self.fingerprint}:{self.threshold}"
        with Helped(replace(self, cache=None)._look, processes=self.processes, alone=ALONE) as look:
            return caches.remember(self.cache, kind, texts, look, pack, unpack, progress, step="names")

    def unread(self, texts: Sequence[str]) -> Counter[str]:
        """How many texts are unread, by reason. Of a text in another script only what is in Latin letters is looked at."""
        return Counter(why for text in texts if (why := features.why_unread(text)))

    def _look(self, texts: Sequence[str]) -> list[Findings]:
        out: list[Findings] = []
        for chunk in _chunks(texts):
            out += self._look_chunk(chunk)
        return out

    def _look_chunk(self, texts: Sequence[str]) -> list[Findings]:
        words, owner = self._rows(texts)
        inside = [word is not None and readable(word.text) for word in words]
        scores = self._scores(words, inside)
        found: list[list[Finding]] = [[] for _ in texts]
        for start, end, kind in decoding.spans(decoding.decode(scores, inside)):
            raw = decoding.raw_score(scores, start, end, kind)
            score = round(decoding.calibrated(raw, self.knots[KINDS[kind]]), 2)
            for some in _lines([word for word in words[start:end] if word], KINDS[kind]):
                if (span := _trimmed(some)) and score >= self.threshold:
                    found[owner[start]].append(Finding(*span, KINDS[kind], score, self.name))
        lists = self.network.lists
        return [settled(text, some, lists) for text, some in zip(texts, found, strict=True)]

    def _rows(self, texts: Sequence[str]) -> tuple[list[Token | None], list[int]]:
        """The words of all texts, with enough rows between two texts that neither sees the other; and whose each row is."""
        gap: list[Token | None] = [None] * self.network.gap
        words: list[Token | None] = []
        owner: list[int] = []
        for place, text in enumerate(texts):
            words += self._near_letters(features.tokens(text))
            words += gap
            owner += [place] * (len(words) - len(owner))
        return words, owner

    def _near_letters(self, words: list[Token]) -> list[Token | None]:
        """The words without long stretches of signs and numbers, where no name is: what decides about a word stays beside it."""
        lettered = [place for place, word in enumerate(words) if word.text[0].isalpha()]
        near, gap = 2 * self.network.reach, [None] * self.network.gap
        out: list[Token | None] = []
        done = 0
        for before, after in pairwise([-near - 1, *lettered, len(words) + near]):
            if after - before > 2 * near + 1:
                out += [*words[done : before + near + 1], *gap]
                done = after - near
        return [*out, *words[done:]]

    def _scores(self, words: Sequence[Token | None], inside: Sequence[bool]) -> Floats:
        """Scores of all rows, ROWS at a time with `reach` rows of context, so that the cuts change nothing."""
        reach, out = self.network.reach, [np.zeros((0, len(TAGS)), np.float32)]
        said = [word.text if word else "" for word in words]
        glued = [bool(word and word.glued) for word in words]
        for first in range(0, len(words), ROWS):
            low, high = max(0, first - reach), min(len(words), first + ROWS + reach)
            some = self.network.scores(said[low:high], glued[low:high], inside[low:high])
            out.append(some[first - low : first - low + ROWS])
        return np.concatenate(out)


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts in the order they came, about CHUNK characters at a time."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _lines(words: list[Token], kind: str) -> Iterator[list[Token]]:
    """A name does not run over the end of a line; an address does."""
    ends = [] if kind == "ADDRESS" else [place for place, word in enumerate(words) if word.text == "\n"]
    for first, last in pairwise([-1, *ends, len(words)]):
        yield words[first + 1 : last]


def _trimmed(words: list[Token]) -> tuple[int, int] | None:
    """The place of a name without the signs around it; None where no letter is left."""
    while words and not words[0].text[0].isalnum():
        words = words[1:]
    while words and not (words[-1].text[-1].isalnum() or _stops_short(words)):
        words = words[:-1]
    return (words[0].start, words[-1].end) if any(word.text[0].isalpha() for word in words) else None


def _stops_short(words: list[Token]) -> bool:
    """A full stop that belongs to the name: "Jr.", "Inc.", "St."."""
    return words[-1].text == "." and len(words) > 1 and bool(SHORT_FORM.fullmatch(words[-2].text))


def load(
    path: str | Path | None = None, *, threshold: float = THRESHOLD, cache: Cache | None = None, processes: int = 1
) -> Names:
    """The finder that ships with Winnow, or one of a folder that `train_names.py` wrote.

    `names.json` says how sure a score is and holds the hash of `names.safetensors`; the hash of the shipped `names.json`
    stands in this module. A file that is missing or is not the one it should be is an error: nothing is found without it.
    """
    if not 0 < threshold <= 1:
        raise BadInput(f"the threshold for names must be above 0 and at most 1, not {threshold}", hint=f"{THRESHOLD}")
    folder = shipped.model(CARD).parent if path is None else Path(path)
    advice = REINSTALL if path is None else RETRAIN
    listed = _bytes(folder / CARD, CARD_SHA256 if path is None else None, advice)
    try:
        card: dict[str, Any] = json.loads(listed)
        knots = {kind: [(float(x), float(y)) for x, y in card["knots"][kind]] for kind in KINDS}
        version, expected = str(card["name"]), str(card["sha256"])
    except (ValueError, KeyError, TypeError):
        raise Surroundings("this file of the finder of names cannot be read", where=f"{folder / CARD}", hint=advice)
    weights = network.read(_bytes(folder / WEIGHTS, expected, advice))
    sources = (
        features.__file__,
        network.__file__,
        decoding.__file__,
        address.__file__,
        code.__file__,
        doubts.__file__,
        __file__,
    )
    parts = [hashlib.sha256(blob).hexdigest() for blob in (listed, *(Path(source).read_bytes() for source in sources))]
    fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return Names(version, fingerprint, threshold, weights, knots, cache=cache, processes=processes)


def _bytes(path: Path, expected: str | None, advice: str) -> bytes:
    if not path.is_file():
        raise Surroundings("this file of the finder of names is missing", where=str(path), hint=advice)
    blob = path.read_bytes()
    if expected is not None and hashlib.sha256(blob).hexdigest() != expected:
        raise Surroundings("this file of the finder of names is not the one it should be", where=str(path), hint=advice)
    return blob

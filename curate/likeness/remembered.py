"""Judgements kept in the cache, so that a second run over nearly the same rows judges only the pairs that are new.

    judge = remembered(pairs.judge_with(encoder, rule), rule, encoder)
    judge([("Tom buys three lamps.", "Tom bought 3 lamps.")])      # judged
    judge([("Tom buys three lamps.", "Tom bought 3 lamps.")])      # looked up

An entry lies under all that decides a judgement: the two texts in their order, the pair rule, the encoder in full precision and the
code that reads and judges. A change in any of them is a miss, and so is an entry that is damaged or that says what no judgement can say.
Whoever checks the work of another judges anew: `winnow verify` is given `pairs.judge_with` and never this.
"""

import importlib.resources
import math
import struct
from collections.abc import Sequence
from functools import cache as once
from hashlib import sha256

from curate.cache import Cache
from curate.chats import fingerprint_of
from curate.encoder import WORDS, Encoder
from curate.pairs import CLASSES, Judge, Judgement, PairRule
from curate.uncollected import uncollected

__all__ = ["KIND", "remembered"]

KIND = "judgements"  # what the kind of entries begins with
AT_ONCE = 20_000  # pairs judged between two visits to the cache: an interrupt loses no more
NUMBERS = struct.Struct("<dd")

Pair = tuple[str, str]


def remembered(judge: Judge, rule: PairRule, encoder: Encoder) -> Judge:
    """`judge`, which judges by `rule` with `encoder`, asked only for what the encoder's cache does not hold."""
    held: Cache | None = getattr(encoder, "cache", None)  # an encoder of another make may have none
    if held is None or not held.usable:
        return judge
    kind = kind_of(rule, encoder)

    def recall(pairs: Sequence[Pair]) -> list[Judgement]:
        held.note(kind, f"pair rule {rule.name}, {encoder.name}")
        found: list[Judgement] = []
        for start in range(0, len(pairs), AT_ONCE):
            found += _some(pairs[start : start + AT_ONCE], judge, held, kind)
        return found

    return recall


def kind_of(rule: PairRule, encoder: Encoder) -> str:
    """The kind of the entries: another rule, encoder, way of averaging words, or another version of the code is another kind."""
    said = {"rule": rule.fingerprint(), "encoder": encoder.exact().fingerprint, "words": WORDS, "code": _code()}
    return f"{KIND}/{fingerprint_of(said)}"


def _some(pairs: Sequence[Pair], judge: Judge, held: Cache, kind: str) -> list[Judgement]:
    with uncollected():
        texts = {said: _hash(said) for pair in pairs for said in pair}
        keys = {(a, b): sha256(texts[a] + texts[b]).hexdigest() for a, b in pairs}
        entries = held.get(kind, list(keys.values()))
        known = {
            pair: one for pair, key in keys.items() if key in entries and (one := unpack(entries[key])) is not None
        }
    missing = [pair for pair in keys if pair not in known]
    if missing:
        known |= dict(zip(missing, judge(missing), strict=True))
        held.put(kind, {keys[pair]: pack(known[pair]) for pair in missing})
    return [known[pair] for pair in pairs]


def pack(judged: Judgement) -> bytes:
    """Both numbers in full, then the class and the kind of fact."""
    return NUMBERS.pack(judged.probability, judged.cosine) + f"{judged.name}\n{judged.differs or ''}".encode()


def unpack(value: bytes) -> Judgement | None:
    """What `pack` packed; None for anything else."""
    try:
        probability, cosine = NUMBERS.unpack_from(value)
        name, differs = value[NUMBERS.size :].decode().split("\n")
    except (struct.error, ValueError):
        return None
    if name not in CLASSES or not 0 <= probability <= 1 or not math.isfinite(cosine):
        return None
    return Judgement(name, probability, cosine, differs or None)


def _hash(said: str) -> bytes:
    return sha256(said.encode("utf-8", "surrogatepass")).digest()


@once
def _code() -> str:
    """A hash of the source of all that reads and judges a pair, so that nobody has to remember to say that it changed."""
    package = importlib.resources.files("curate")
    rooms = [package / "pairs.py", package / "text.py"]
    rooms += sorted((package / "likeness").iterdir(), key=lambda room: room.name)
    sources = [room.read_bytes() for room in rooms if room.name.endswith(".py")]
    return sha256(b"\0".join(sources)).hexdigest()

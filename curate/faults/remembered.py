"""What was told of an answer by itself, kept in the cache, so that a second run looks only at answers that are new.

    told(exchanges(chats), quality.OF_ANSWERS, cache)       # for each exchange the names of the faults that it has

An entry lies under all that a look at an answer reads (the exchange without its row and place), the names of the faults and the
code that looks. It holds names of faults and no reasons: a reason may quote the answer, and the cache holds no texts. What the other answers of the set decide, such as half a word at the end, is never kept here.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from curate.cache import Cache, code, remember
from curate.faults.exchanges import Exchange

KIND = "faults"
# All that decides whether an answer has a fault. What these rooms import besides holds no rule; a test asserts it.
ROOMS = ("faults", "quality.py", "refusals.py", "text.py")

Look = Callable[[Exchange], str | None]
Told = Sequence[str]  # names of faults


def told(every: Sequence[Exchange], looks: Mapping[str, Look], cache: Cache) -> list[Told]:
    """The names of the faults of each exchange."""

    def look(texts: list[str]) -> list[Told]:
        return [_faults(_read(said), looks) for said in texts]

    kind = f"{KIND}/{code(*ROOMS)}"
    return remember(
        cache, kind, [_written(one, looks) for one in every], look, _pack, _unpack, model="faults of answers"
    )


def _faults(one: Exchange, looks: Mapping[str, Look]) -> Told:
    return [name for name, look in looks.items() if look(one)]


def _written(one: Exchange, looks: Mapping[str, Look]) -> str:
    """All that a look may read: neither row nor turn."""
    said = (one.asked, one.said, one.system, one.before, one.follow, one.calls, one.after_tool, one.first)
    return json.dumps((list(looks), *said))


def _read(written: str) -> Exchange:
    _, *said = json.loads(written)
    return Exchange("", 0, *said)


def _pack(found: Told) -> bytes:
    return json.dumps(found).encode() if found else b""


def _unpack(packed: bytes) -> Told:
    found = json.loads(packed) if packed else []
    if not isinstance(found, list):
        raise ValueError("not names of faults")
    return found

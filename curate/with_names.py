"""Personal data with a form and names together: what `curate` looks for where the recipe asks for names.

    finder = with_names(pii.load(), names.load())
    finder.find(["I am Jane Doe, jane@corp.example"])     # PERSON and EMAIL

Where both lay claim to the same letters the form wins, so a name never grows an address of mail by its neighbour; only a whole
postal address takes in the street that it holds, and one that is written in parts is one finding (`naming/blocks.py`). Which names
count is asked later (`private_names`). An age beside a name is somebody's, as one beside data with a form is.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from curate import ages, doxxing, private_names
from curate import cache as caches
from curate.naming import block_parts, blocks
from curate.pii import NAMED, PLACEHOLDER, Finder, Finding, Findings, look, merge, pack, unpack
from curate.progress import Progress, silent

DECIDE = (ages, block_parts, blocks, doxxing, private_names)  # with this room, what is found of both together
ADDRESS, STREET = "ADDRESS", "STREET_ADDRESS"


class NameFinder(Protocol):
    """`names.Names`, or a model that presidio loads."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def limits(self) -> str: ...
    def find(self, texts: Sequence[str], progress: Progress = silent) -> list[Findings]: ...


@dataclass(frozen=True)
class WithNames(Finder):
    """A finder of forms and one of names."""

    forms: Finder = field(kw_only=True, repr=False)
    names: NameFinder = field(kw_only=True, repr=False)

    def find(self, texts: Sequence[str], progress: Progress = silent) -> list[Findings]:
        kind, look_in_each = f"pii:{self.fingerprint}", partial(self._look_in_each, progress=progress)
        # All at once: both finders keep what they found as they go, and may use several processes.
        return caches.remember(
            self.cache, kind, texts, look_in_each, pack, unpack, chunk=len(texts) + 1, characters=sys.maxsize
        )

    def _look_in_each(self, texts: Sequence[str], progress: Progress) -> list[Findings]:
        found = zip(texts, self.forms.find(texts, progress), self.names.find(texts, progress), strict=True)
        return [
            self._with_ages(text, blocks.joined(text, _together(text, formed, named))) for text, formed, named in found
        ]

    def _with_ages(self, text: str, found: Findings) -> Findings:
        """The ages beside names too; the finder of forms tells of those beside forms."""
        from curate.recognisers import RULES

        if ages.KIND not in self.kinds or not any(f.kind in ("PERSON", "LOCATION") for f in found):
            return found
        said = look(text, [rule for rule in RULES if rule.kind == ages.KIND], self.threshold)
        return private_names.with_identity(text, merge([*found, *said])) if said else found


def with_names(forms: Finder, names: NameFinder) -> WithNames:
    """Both as one finder, under a fingerprint of its own."""
    sources = [sha256(Path(str(room.__file__)).read_bytes()).hexdigest() for room in DECIDE]
    sources.append(sha256(Path(__file__).read_bytes()).hexdigest())
    fingerprint = sha256(" ".join([forms.fingerprint, names.fingerprint, *sources]).encode()).hexdigest()[:16]
    limits = f"{forms.limits}\n{names.limits}\nAn age counts beside a name too."
    return WithNames(
        f"{forms.name} and {names.name}",
        fingerprint,
        (*forms.kinds, *NAMED),
        forms.threshold,
        limits,
        cache=forms.cache,
        forms=forms,
        names=names,
    )


def _together(text: str, formed: Findings, named: Findings) -> Findings:
    if not named:
        return formed
    gone = [match.span() for match in PLACEHOLDER.finditer(text)] if "<" in text else []
    more = [
        f._replace(kind=STREET if f.kind == ADDRESS else f.kind)
        for f in named
        if not any(f.start < end and start < f.end for start, end in gone)
        and all(_apart(f, other) or (f.kind == ADDRESS and other.kind == STREET) for other in formed)
    ]
    return merge([*formed, *more])


def _apart(one: Finding, other: Finding) -> bool:
    return one.end <= other.start or other.end <= one.start

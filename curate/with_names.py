"""Personal data with a form and names together: what `curate` looks for where the recipe asks for names.

    finder = with_names(pii.load(), names.load())
    finder.find(["I am Jane Doe, jane@corp.example"])     # PERSON and EMAIL

Where both lay claim to the same letters the form wins, so a name never grows an address of mail by its neighbour; only a whole
postal address takes in the street that it holds. Which names count is asked later (`private_names`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from curate.pii import NAMED, PLACEHOLDER, Finder, Finding, Findings, merge
from curate.progress import Progress, silent

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
        found = zip(texts, self.forms.find(texts, progress), self.names.find(texts, progress), strict=True)
        return [_together(text, formed, named) for text, formed, named in found]


def with_names(forms: Finder, names: NameFinder) -> WithNames:
    """Both as one finder, under a fingerprint of its own."""
    fingerprint = sha256(f"{forms.fingerprint} {names.fingerprint} 1".encode()).hexdigest()[:16]
    limits = f"{forms.limits}\n{names.limits}"
    return WithNames(
        f"{forms.name} and {names.name}",
        fingerprint,
        (*forms.kinds, *NAMED),
        forms.threshold,
        limits,
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

"""What is put where personal data stood: a numbered placeholder, a mask, or an invented value of the same form.

    numbered("", leaves, findings)            # <EMAIL_1>: tells that two places held the same value
    masked("", leaves, findings)              # [EMAIL]
    Invented(key)("row", leaves, findings)    # kayla.myers@example.net

A style takes what a row is known by, its leaves and the findings in each, and gives the edits for each leaf.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from curate.leaves import Leaf
from curate.pii import PLACEHOLDER, Finding, Findings
from curate.surrogates import Key, Surrogates


@dataclass(frozen=True)
class Edit:
    """Characters `start` to `end` of a leaf, as it was, become `placeholder`."""

    finding: Finding
    placeholder: str


Style = Callable[[str, Sequence[Leaf], Sequence[Findings]], list[list[Edit]]]

_HE, _SHE = (
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for words in ("he|him|his|mr|sir", "she|her|hers|mrs|ms|miss|madam")
)


def numbered(row: str, leaves: Sequence[Leaf], found: Sequence[Findings]) -> list[list[Edit]]:
    """Placeholders by first appearance; numbers that the row's own text uses already are stepped over."""
    taken = {name for leaf in leaves for name in PLACEHOLDER.findall(leaf.text)}
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    out = []
    for leaf, findings in zip(leaves, found, strict=True):
        edits = []
        for f in findings:
            key = _same(f.kind, leaf.text[f.start : f.end])
            if key not in names:
                names[key] = _next_name(f.kind, counts, taken)
            edits.append(Edit(f, names[key]))
        out.append(edits)
    return out


def _next_name(kind: str, counts: dict[str, int], taken: set[str]) -> str:
    while (name := f"<{kind}_{(number := counts.get(kind, 0) + 1)}>") in taken:
        counts[kind] = number
    counts[kind] = number
    return name


def _same(kind: str, value: str) -> str:
    """One key for a value in any case and spacing."""
    if kind == "PHONE":
        from curate import phones

        return phones.same_number(value)
    bare = re.sub(r"[\s().-]", "", value)
    return bare if bare.isdecimal() else "".join(value.split()).casefold()


def masked(row: str, leaves: Sequence[Leaf], found: Sequence[Findings]) -> list[list[Edit]]:
    """Each value as its kind and nothing else."""
    return [[Edit(f, f"[{f.kind}]") for f in findings] for findings in found]


class Invented:
    """Stand-ins under a key: other ones in each row, or (`across_rows`) the same in all."""

    def __init__(self, key: Key, *, across_rows: bool = False) -> None:
        self._key = key
        self._all = Surrogates(key) if across_rows else None

    def prepare(self, values: Iterable[tuple[str, str]]) -> None:
        """All values of a run, so that in one scope for all the order of the rows decides nothing."""
        if self._all is not None:
            known = sorted(set(values))
            self._all = Surrogates(self._key, originals=[value for _, value in known])
            for kind, value in known:
                self._all.of(kind, value)

    def __call__(self, row: str, leaves: Sequence[Leaf], found: Sequence[Findings]) -> list[list[Edit]]:
        values = [leaf.text[f.start : f.end] for leaf, findings in zip(leaves, found, strict=True) for f in findings]
        stand_ins = self._all or Surrogates(self._key, row, values)
        hint = "" if self._all else _gender(" ".join(leaf.text for leaf in leaves)) if values else ""
        return [
            [Edit(f, stand_ins.of(f.kind, leaf.text[f.start : f.end], hint)) for f in findings]
            for leaf, findings in zip(leaves, found, strict=True)
        ]


def _gender(text: str) -> str:
    """The gender of all whom a text speaks of, where it speaks of one only."""
    he, she = bool(_HE.search(text)), bool(_SHE.search(text))
    return "" if he == she else "male" if he else "female"

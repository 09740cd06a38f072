"""Find personal data that has a form: addresses of mail and machines, numbers of people, cards and accounts, keys.

    finder = pii.load()
    finder.find(["Write to jane@corp.example"])     # [(Finding(start=9, end=26, kind='EMAIL', score=0.9, ...),)]
    pii.count_by_kind(pii.scan(chats, finder))

Every finding says where (character offsets), what kind, how sure and which rule. The value itself is never kept: not in
the cache, not in a log, not in a report. What this finder cannot see is said in `pii.LIMITS`; read it before you promise
anybody that a data set is clean. `replacement.replace` edits what is found.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from curate import ages
from curate import cache as caches
from curate.cache import Cache
from curate.errors import BadInput
from curate.hands import Helped
from curate.leaves import Leaf, leaves_of
from curate.progress import Progress, silent

if TYPE_CHECKING:
    from curate.recognisers import Rule

KINDS = (
    "EMAIL", "URL", "PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "US_ITIN", "IP", "MAC", "CRYPTO", "DATE_OF_BIRTH", "PASSPORT",
    "DRIVER_LICENSE", "BANK_ACCOUNT", "EMPLOYEE_ID", "NHS", "MEDICAL_LICENSE", "API_KEY", "PASSWORD", "USERNAME", "STREET_ADDRESS",
    "NATIONAL_ID", "MEDICAL_RECORD", "VEHICLE_ID", "DEVICE_ID", "AGE",
)  # fmt: skip

TELLING = frozenset(KINDS) - {"API_KEY", "PASSWORD", "AGE"}  # beside which an age is somebody's
NAMED = ("PERSON", "LOCATION", "ORGANIZATION")  # what `with_names` finds besides

LIMITS = """\
By form are found: e-mail, telephone, card, account and licence numbers, network addresses, keys, English street addresses,
postal codes beside their word, links that carry a user, and the age of a person that stands beside such data in one text
(within 250 characters, or said of the writer himself or somebody around him). Names of persons, places and
organisations and addresses in other languages have no form: the finder of names looks for them, unless the recipe says
`pii: {names: none}`. Not found: data that is spelt out ("jane at corp dot com"), and numbers that stand without a word that says what they are
(passport, licence, account, NHS, birth date). Ages without anything beside them that tells whose they are, ranges and limits
of age ("18 or older") and the age of a thing are left alone. A link or domain without user data, a date in a story and the address of a
loopback or a netmask are not personal data here. Dates of birth of persons in encyclopaedic sentences are left alone."""

THRESHOLD = 0.5
# Texts are read in windows, so that a megabyte costs a thousand times a kilobyte and no pattern can run away.
WINDOW, OVERLAP = 8192, 1024
ALONE = 20_000_000  # characters, some seconds of work, after which more processes are worth their start

ESCAPE = re.compile(r'\\+[nrt"]')
PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]*_\d+>")

FINDINGS = pl.Schema(
    {
        "row_id": pl.String,
        "turn": pl.Int32,  # null for `extra`
        "part": pl.String,  # content | fields | extra
        "leaf": pl.Int32,  # which text of the part, from 0
        "start": pl.Int32,
        "end": pl.Int32,
        "kind": pl.String,
        "score": pl.Float64,
        "recogniser": pl.String,
    }
)


class Finding(NamedTuple):
    """Characters `start` to `end` of a text are personal data of this kind."""

    start: int
    end: int
    kind: str
    score: float
    recogniser: str


Findings = tuple[Finding, ...]


class InRow(NamedTuple):
    """A row's leaves, who says each turn, and the findings in each leaf."""

    id: str
    leaves: Sequence[Leaf]
    roles: Sequence[str | None]
    found: Sequence[Findings]


# From the findings in all rows those that count, per row and leaf.
Choose = Callable[[Sequence[InRow]], Sequence[Sequence[Findings]]]


@dataclass(frozen=True)
class Finder:
    """What finds personal data. Anything with `name`, `fingerprint` and `find` can take its place."""

    name: str
    fingerprint: str
    kinds: tuple[str, ...]
    threshold: float
    limits: str = field(default=LIMITS, repr=False)
    cache: Cache | None = field(default=None, repr=False, compare=False)
    processes: int = field(default=1, repr=False, compare=False)  # used where there is much to read

    def find(self, texts: Sequence[str], progress: Progress = silent) -> list[Findings]:
        """The findings in each text: sorted, apart from one another. Known texts come from the cache."""
        kind = f"pii:{self.fingerprint}"
        work = partial(_look_in_each, self.kinds, self.threshold)
        with Helped(work, processes=self.processes, alone=ALONE) as look_in_each:
            return caches.remember(self.cache, kind, texts, look_in_each, pack, unpack, progress, step="personal data")


@dataclass(frozen=True)
class Sparing(Finder):
    """A finder that leaves these values alone: what curation invented is nobody's personal data."""

    inner: Finder = field(kw_only=True, repr=False)
    values: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, inner: Finder, values: Iterable[str]) -> "Sparing":
        told = (inner.name, inner.fingerprint, inner.kinds, inner.threshold, inner.limits)
        return cls(*told, inner=inner, values=frozenset(values))

    def find(self, texts: Sequence[str], progress: Progress = silent) -> list[Findings]:
        return [
            tuple(f for f in found if text[f.start : f.end] not in self.values)
            for text, found in zip(texts, self.inner.find(texts, progress), strict=True)
        ]


def load(
    *,
    entities: Iterable[str] | None = None,
    threshold: float = THRESHOLD,
    cache: Cache | None = None,
    processes: int = 1,
) -> Finder:
    """The finder for these kinds (all of `KINDS` unless named). Presidio is loaded at the first new text, not here.

    `threshold` is above 0 and at most 1: a score of 0.5 is what a form alone earns when it is rarely anything else, and
    weaker forms reach it only beside a word that says what they are.
    """
    from importlib.metadata import version

    kinds = tuple(KINDS) if entities is None else tuple(sorted(set(entities), key=_rank))
    if not 0 < threshold <= 1:
        raise BadInput(
            f"the threshold for personal data must be above 0 and at most 1, not {threshold}", hint=f"{THRESHOLD}"
        )
    from curate import lookalikes, national_ids, phones, recognisers

    rooms = (recognisers, national_ids, lookalikes, phones, ages)
    sources = [*(str(room.__file__) for room in rooms), __file__]
    parts = [version("presidio-analyzer"), version("phonenumbers"), version("tldextract"), *kinds, f"{threshold}"]
    parts += [sha256(Path(path).read_bytes()).hexdigest() for path in sources]
    fingerprint = sha256("\n".join(parts).encode()).hexdigest()[:16]
    return Finder("patterns", fingerprint, kinds, threshold, cache=cache, processes=processes)


def _rank(kind: str) -> int:
    if kind not in KINDS:
        raise BadInput(f"unknown kind of personal data: {kind}", hint=", ".join(KINDS))
    return KINDS.index(kind)


def _look_in_each(kinds: Collection[str], threshold: float, texts: Sequence[str]) -> list[Findings]:
    from curate.recognisers import RULES

    chosen = [rule for rule in RULES if rule.kind in kinds]
    return [ages.beside(look(text, chosen, threshold), TELLING) for text in texts]


def look(text: str, rules: "Sequence[Rule]", threshold: float, *, gates: bool = True) -> Findings:
    """Run the rules over one text. `gates=False` runs every recogniser everywhere: slower, the same findings."""
    from curate.recognisers import find, words

    found = set()
    if "\\" in text:
        # In JSON text a value may touch an escape ("\\njane@..."): read it as white space of the same length.
        text = ESCAPE.sub(lambda m: " " * (len(m.group()) - 1) + ('"' if m.group()[-1] == '"' else " "), text)
    windows = _windows(text)
    low = {offset: words(window).lower() for offset, window in windows}
    seen: dict[tuple[re.Pattern[str], int], bool] = {}  # many rules ask a window the same

    def has(pattern: re.Pattern[str], offset: int, said: str) -> bool:
        if (pattern, offset) not in seen:
            seen[pattern, offset] = bool(pattern.search(said))
        return seen[pattern, offset]

    for rule in rules:
        for offset, window in [(0, text)] if rule.whole else windows:
            if gates and not has(rule.gate, offset, window):
                continue
            if gates and rule.alone == 0 and rule.near:
                if rule.stems and not any(stem in low[offset] for stem in rule.stems):
                    continue
                if not rule.near.search(words(window)):
                    continue
            for start, end, score in find(rule, window):
                span = rule.judge(text, (start + offset, end + offset, score))
                if span and span[2] >= threshold:
                    found.add(Finding(span[0], span[1], rule.kind, round(span[2], 2), rule.name))
    if found and "<" in text:  # what a placeholder stands for is gone already
        gone = [match.span() for match in PLACEHOLDER.finditer(text)]
        found = {f for f in found if not any(f.start < end and start < f.end for start, end in gone)}
    return merge(found)


def _windows(text: str) -> list[tuple[int, str]]:
    if len(text) <= WINDOW:
        return [(0, text)]
    return [(start, text[start : start + WINDOW]) for start in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP)]


def merge(found: Iterable[Finding]) -> Findings:
    """Findings that overlap become one that covers them all; it takes the kind of the longest, then the surest.

    Covering all, so that replacing one never leaves the rest of another in the text.
    """
    out: list[Finding] = []
    best: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start, f.end, f.kind, f.recogniser)):
        if out and finding.start < out[-1].end:
            best[-1] = max(best[-1], finding, key=lambda f: (f.end - f.start, f.score, -_place(f.kind), f.recogniser))
            out[-1] = best[-1]._replace(start=out[-1].start, end=max(out[-1].end, finding.end))
        else:
            out.append(finding)
            best.append(finding)
    return tuple(out)


def _place(kind: str) -> int:
    return (*KINDS, *NAMED).index(kind)


def find_in_leaves(found_in: Sequence[Leaf], finder: Finder, progress: Progress = silent) -> list[Findings]:
    """The findings in each leaf. The key that a text stands under counts as words before it: {"ssn": "123456780"}."""
    heads = [f"{leaf.label}: " if leaf.label else "" for leaf in found_in]
    results = finder.find([head + leaf.text for head, leaf in zip(heads, found_in, strict=True)], progress)
    return [
        tuple(f._replace(start=max(0, f.start - len(head)), end=f.end - len(head)) for f in found if f.end > len(head))
        for head, found in zip(heads, results, strict=True)
    ]


def find_in_rows(chats: pl.DataFrame, finder: Finder, progress: Progress = silent) -> list[InRow]:
    """The findings in each leaf of each row of a chat frame."""
    rows = [
        (row_id, leaves_of(turns, extra), [turn["role"] for turn in turns])
        for row_id, turns, extra in chats.select("id", "turns", "extra").iter_rows()
    ]
    flat = iter(find_in_leaves([leaf for _, some, _ in rows for leaf in some], finder, progress))
    return [InRow(row_id, some, roles, [next(flat) for _ in some]) for row_id, some, roles in rows]


def scan(
    chats: pl.DataFrame,
    finder: Finder,
    progress: Progress = silent,
    *,
    but: Mapping[str, Collection[str]] = MappingProxyType({}),
    choose: Choose | None = None,
) -> pl.DataFrame:
    """One row per finding in a chat frame: where and what, never the value. Offsets are into the named text.

    `but`: for rows by id the values that are known to be invented; they are not counted. `choose`: which findings
    count; with `private_names.private_in` the names of private persons only.
    """
    rows = [
        row._replace(found=[_but(leaf, f, but.get(row.id, ())) for leaf, f in zip(row.leaves, row.found, strict=True)])
        for row in find_in_rows(chats, finder, progress)
    ]
    chosen = choose(rows) if choose else [row.found for row in rows]
    lines = [
        (row.id, leaf.turn, leaf.part, leaf.number, *finding)
        for row, found in zip(rows, chosen, strict=True)
        for leaf, some in zip(row.leaves, found, strict=True)
        for finding in some
    ]
    return pl.DataFrame(lines, schema=FINDINGS, orient="row")


def _but(leaf: Leaf, findings: Findings, known: Collection[str]) -> Findings:
    return tuple(f for f in findings if leaf.text[f.start : f.end] not in known) if known else findings


def count_by_kind(found: pl.DataFrame) -> pl.DataFrame:
    """How often each kind was found and in how many rows: most rows first."""
    counts = found.group_by("kind").agg(findings=pl.len(), rows=pl.col("row_id").n_unique())
    return counts.sort("rows", "findings", "kind", descending=[True, True, False])


def mask(text: str, findings: Findings) -> str:
    """The text as a report may show it: each value as its kind and nothing of the value, `[EMAIL]`."""
    parts, done = [], 0
    for finding in findings:
        parts += [text[done : finding.start], f"[{finding.kind}]"]
        done = finding.end
    return "".join([*parts, text[done:]])


def masker(finder: Finder) -> Callable[[str], str]:
    """`mask` with the finder's own findings: a text in, the text as a report may show it out."""
    return lambda text: mask(text, finder.find([text])[0])


def pack(findings: Findings) -> bytes:
    """Findings as the cache keeps them."""
    return json.dumps([list(f) for f in findings], separators=(",", ":")).encode()


def unpack(packed: bytes) -> Findings:
    """Findings as the cache kept them; ValueError for anything else."""
    try:
        return tuple(Finding(int(s), int(e), str(k), float(p), str(r)) for s, e, k, p, r in json.loads(packed))
    except TypeError as problem:
        raise ValueError("not a list of findings") from problem

"""Labelled pairs: two texts, and what a person says they are to each other.

    {"text_a": "What is 7 times 8?", "text_b": "Multiply seven by eight.", "label": "y"}
    labelled = read(Path("pairs.jsonl"))
    print(labelled)                          # how many of each class, how many without a label

A row holds `text_a` (from training data) and `text_b` (the eval item), or `candidate` and `eval_item`. Its label is a class
name, or y / n (also 1 / 0, true / false), or v for a template variant; null, empty and "skip" are counted as unlabelled.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import text
from curate.chats import fingerprint_of
from curate.counted import counted
from curate.errors import BadInput
from curate.layouts.containers import look
from curate.layouts.records import readable, records
from curate.pairs import CLASSES
from curate.save import sha256

VARIANT, UNRELATED = "template variant", "unrelated"
SAME = tuple(name for name in CLASSES if name not in (VARIANT, UNRELATED))
YES, NO = {"y", "yes", "1", "true"}, {"n", "no", "0", "false"}
SKIPPED = "skip"
BORDERLINE = "near the threshold"
NEAR_COPY = 0.7  # share of one text's shingles in the other from which a "y" without a kind is a near copy
NEEDED = '{"text_a": "...", "text_b": "...", "label": "y"}'


@dataclass(frozen=True)
class LabelledPair:
    """A training text, an eval text and their class. Pairs of one `group` (one eval item) are never told apart from."""

    text_a: str
    text_b: str
    label: str
    group: str
    source: str  # path:line
    kind: str = ""  # the file's own name for it, where that is no class
    drawn: str = ""  # how it came to be labelled, where the file says so

    @property
    def key(self) -> str:
        """The pair's place in any order that must not depend on the file's."""
        return fingerprint_of([self.text_a, self.text_b])

    @property
    def same(self) -> bool:
        """Whether the two say the same."""
        return self.label in SAME


@dataclass(frozen=True)
class Labelled:
    """A file of pairs as read. Pairs that stand in it twice count once."""

    path: str
    sha256: str
    pairs: tuple[LabelledPair, ...]
    unlabelled: int = 0
    repeated: int = 0

    def __str__(self) -> str:
        counts = Counter(pair.label for pair in self.pairs)
        named = ", ".join(f"{name} {counts[name]:,}" for name in CLASSES if counts[name])
        more = [f"{self.unlabelled:,} without a label"] if self.unlabelled else []
        more += [f"{self.repeated:,} repeated"] if self.repeated else []
        return "; ".join([f"{self.path}: {counted(len(self.pairs), 'labelled pair')} ({named or 'none'})", *more])


def read(path: Path) -> Labelled:
    """Read a file of pairs: JSON Lines, CSV or Parquet, plain or packed. The first bad row raises BadInput."""
    digest, found, unlabelled, repeated = sha256(path), dict[tuple[str, str], LabelledPair](), 0, 0
    for record in records(look(str(path))):
        where = f"{path}:{record.number}"
        if record.reason is not None or not isinstance(record.value, dict):
            raise BadInput(readable(record.reason or "is not an object"), where=where, hint=NEEDED)
        pair = _pair(record.value, where)
        if pair is None:
            unlabelled += 1
            continue
        before = found.setdefault((pair.text_a, pair.text_b), pair)
        if before is not pair:
            repeated += 1
            if before.label != pair.label:
                raise BadInput(
                    f"the same pair is '{pair.label}' here and '{before.label}' in {before.source}", where=where
                )
    if not found:
        raise BadInput(f"holds no labelled pair ({unlabelled:,} without a label)", where=str(path), hint=NEEDED)
    return Labelled(str(path), digest, tuple(found.values()), unlabelled, repeated)


def texts_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """The training text and the eval text of a row; None where it has no such fields."""
    for first, second in (("text_a", "text_b"), ("candidate", "eval_item")):
        if isinstance(row.get(first), str) and isinstance(row.get(second), str):
            return readable(row[first]), readable(row[second])
    return None


def _pair(row: Mapping[str, Any], where: str) -> LabelledPair | None:
    texts = texts_of(row)
    if texts is None:
        found = ", ".join(readable(str(name))[:40] for name in list(row)[:12])
        what = f"has no two texts (text_a and text_b, or candidate and eval_item); found {found or 'no fields'}"
        raise BadInput(what, where=where, hint=NEEDED)
    if not all(said.strip() for said in texts):
        raise BadInput("one of the two texts is empty", where=where)
    if "label" not in row:
        raise BadInput("has no label (null for a pair that nobody labelled yet)", where=where, hint=NEEDED)
    kind = readable(str(row.get("kind") or "")).strip()
    label = _label(row["label"], kind, texts, where)
    if label is None:
        return None
    eval_item = texts[0] if "text_a" in row else texts[1]
    group = row.get("group")
    return LabelledPair(
        *texts,
        label,
        eval_item if group in (None, "") else readable(str(group)),
        where,
        "" if kind in CLASSES else kind,
        readable(str(row.get("drawn") or "")),
    )


def _label(value: Any, kind: str, texts: tuple[str, str], where: str) -> str | None:
    """The class that a label names; None where there is no label."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", SKIPPED)):
        return None
    said = str(int(value)) if isinstance(value, float) and value in (0, 1) else str(value).strip().lower()
    if said in CLASSES:
        return said
    if said == "v":
        return VARIANT
    if said not in YES | NO:
        what = f"the label {readable(str(value))[:40]!r} is none"
        raise BadInput(what, where=where, hint=f"one of {', '.join(CLASSES)}, y, n, v, or null")
    if kind in CLASSES and (kind in SAME) != (said in YES):
        raise BadInput(f"the label says {'yes' if said in YES else 'no'} and the kind says '{kind}'", where=where)
    if kind in CLASSES:
        return kind
    return _kind_of_same(*texts) if said in YES else UNRELATED


def _kind_of_same(a: str, b: str) -> str:
    """What a "yes" without a kind is, judged by words alone, so that easy copies do not pass for paraphrases."""
    if text.normalise(a) == text.normalise(b):
        return "copy"
    sides = sorted((text.shingles(a), text.shingles(b)), key=len)
    return "near copy" if text.containment(*sides) >= NEAR_COPY else "paraphrase"


def counts(pairs: Iterable[LabelledPair]) -> dict[str, int]:
    """Pairs by class, every class named."""
    found = Counter(pair.label for pair in pairs)
    return {name: found[name] for name in CLASSES}

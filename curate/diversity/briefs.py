"""What to write more of: one brief per gap, for a person or a model, without a word run of the reference in it.

    held = briefs(coverage, samples, chats, queries, check)
    held.write(Path("briefs.jsonl"))

Rows written from an eval item would overlap with it, so a brief holds none: no query of the reference, only the words and
phrases (two words at most) that name the topic, typical lengths, how many rows, and as counter-examples the nearest
training rows, which are near and not it. Before a brief is written it is checked as training rows are: as a row of its own,
by the overlap rule against every reference item. A brief that overlaps is held back and counted; so is a counter-example.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from curate import chats as chat
from curate import save, text
from curate.chats import chats_of
from curate.diversity.coverage import Coverage, Gap
from curate.samples import Samples
from curate.stats import Interval

WORDS = 5
LEAST = 0.02  # missing mass from which a gap is worth a brief

Overlapping = Callable[[pl.DataFrame], set[str]]  # a chat frame -> ids of the rows that overlap with a reference item


@dataclass(frozen=True)
class Lengths:
    """Words of a query and of an answer, first quartile, median and third."""

    query: tuple[int, int, int]
    answer: tuple[int, int, int]


@dataclass(frozen=True)
class Brief:
    """One gap: what it is about, how many rows would close it, how long they are, and what is near and not it."""

    topic: tuple[str, ...]
    missing_mass: Interval
    write: int  # rows that would make the topic as frequent as in the reference
    query_words: tuple[int, int, int]
    answer_words: tuple[int, int, int]
    not_like: tuple[str, ...]

    def line(self) -> str:
        """The brief as a line of JSON."""
        mass = {
            "value": self.missing_mass.value,
            "low": self.missing_mass.low,
            "high": self.missing_mass.high,
            "n": self.missing_mass.n,
        }
        return json.dumps(asdict(self) | {"missing_mass": mass}, ensure_ascii=False)


@dataclass(frozen=True)
class Briefs:
    """The briefs that may be given away, largest gap first; how many were held back, and how many counter-examples."""

    briefs: tuple[Brief, ...]
    held_back: int
    examples_held_back: int

    def write(self, path: Path) -> None:
        """One brief a line, as JSON Lines."""
        save.write_text(path, "".join(brief.line() + "\n" for brief in self.briefs))

    def __str__(self) -> str:
        if not self.briefs and not self.held_back:
            return f"no gap is as large as {LEAST:.0%} of the reference, so there is nothing to write more of; an empty file"
        said = f"{len(self.briefs):,} briefs of what to write more of"
        back = f"{self.held_back:,} held back" if self.held_back else "none held back"
        return f"{said}; checked against every reference item, {back}, {self.examples_held_back:,} counter-examples left out"


def briefs(
    found: Coverage, samples: Samples, chats: pl.DataFrame, reference: Sequence[str], overlapping: Overlapping
) -> Briefs:
    """A brief for each gap of LEAST or more. `samples` holds the nearest rows, masked; `reference` are its queries."""
    forms = {text.loose(query) for query in reference}
    lengths = _lengths(chats)
    made = [
        _brief(samples, gap, forms, lengths, chats.height) for gap in found.gaps if (gap.missing.value or 0.0) >= LEAST
    ]
    named = [brief for brief in made if brief.topic]
    # Each text that a brief holds, as a row of its own: the names joined, and every counter-example.
    texts = {f"{n}": " ".join(brief.topic) for n, brief in enumerate(named)}
    texts |= {f"{n}/{i}": said for n, brief in enumerate(named) for i, said in enumerate(brief.not_like)}
    rows = [
        {"id": name, "turns": [{"role": "user", "content": said}, {"role": "assistant", "content": ""}]}
        for name, said in texts.items()
    ]
    bad = overlapping(chats_of(rows)) if rows else set[str]()
    out, left_out = list[Brief](), 0
    for n, brief in enumerate(named):
        kept = tuple(said for i, said in enumerate(brief.not_like) if f"{n}/{i}" not in bad)
        left_out += len(brief.not_like) - len(kept)
        if f"{n}" not in bad:
            out.append(Brief(brief.topic, brief.missing_mass, brief.write, brief.query_words, brief.answer_words, kept))
    return Briefs(tuple(out), len(made) - len(out), left_out)


def _brief(samples: Samples, gap: Gap, forms: set[str], lengths: Lengths, rows: int) -> Brief:
    # A name that is the whole of a reference query would be that query.
    topic = tuple(word for word in gap.words[:WORDS] if word not in forms)
    near = dict.fromkeys(row for row, _ in gap.nearest)
    said = tuple(query for row in near if row in samples.turns and (query := samples.query(row)))
    wanted = max(1, round((gap.missing.value or 0.0) * rows))
    return Brief(topic, gap.missing, wanted, lengths.query, lengths.answer, said)


def _lengths(chats: pl.DataFrame) -> Lengths:
    return Lengths(_quartiles(chat.queries(chats)), _quartiles(chat.answers(chats)))


def _quartiles(texts: Sequence[str]) -> tuple[int, int, int]:
    words = pl.Series([len(said.split()) for said in texts if said.strip()], dtype=pl.Int64)
    first, median, third = (int(words.quantile(at, "nearest") or 0) for at in (0.25, 0.5, 0.75))
    return first, median, third

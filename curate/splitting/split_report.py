"""What a split did, for people and for machines: both sides, the groups, the topics, what so many cases can show.

print(done)                     # as `winnow split` prints it
done.to_dict()                  # as split.json holds it
"""

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from curate.counted import counted
from curate.splitting.effect import Effect

WRITTEN = ("train.jsonl", "eval.jsonl", "quarantine.jsonl", "split.json")
IDS_SHOWN = 5
TOPICS_SHOWN = 12


@dataclass(frozen=True)
class Topic:
    """A cluster of questions: the words that set it apart, its rows in the whole set, and the cases among them."""

    words: tuple[str, ...]
    rows: int
    cases: int


@dataclass(frozen=True)
class Groups:
    """Rows that say the same make a group. `largest` is the size of the largest one, `largest_ids` its first rows."""

    count: int
    held_out: int
    of_several_rows: int
    largest: int
    largest_ids: tuple[str, ...]


@dataclass(frozen=True)
class Closest:
    """The pair across the two sides that lies nearest, and is no overlap by the rule."""

    case_id: str
    row_id: str
    cosine: float


@dataclass(frozen=True)
class Proof:
    """The check of the two sides: nothing overlapped. `mended` pairs were found by it only, and put on one side."""

    rule: str
    rule_fingerprint: str
    template_variants: str  # on one side | may stand on both
    pairs_compared: int
    rounds: int
    mended: int
    closest: Closest | None


@dataclass(frozen=True)
class Split:
    """The two sides of a set and how they came about. `spared` is None where a number of cases was asked for."""

    folder: Path
    seed: int
    rows: int
    train: int
    cases: int
    wanted: int
    quarantined: int
    not_comparable: int
    groups: Groups
    topics: tuple[Topic, ...]
    effect: Effect
    spared: int | None
    proof: Proof
    made_of: Mapping[str, Any]  # version, encoder, inputs, outputs, notes

    def sentences(self) -> list[str]:
        """What the cases can show; first, where the data could not spare enough of them, that they are fewer."""
        said, independent = [], self.groups.held_out
        if self.spared is not None and independent < (needed := self.effect.cases()):
            said.append(
                f"a change of {100 * self.effect.difference:.3g} points needs {counted(needed, 'case')}, more than this data can spare "
                f"(at most {self.spared:,} of {counted(self.rows, 'row')})"
            )
        elif self.spared is None and self.cases != self.wanted:
            said.append(
                f"{counted(self.wanted, 'case was', 'cases were')} asked for; whole groups come nearest with {self.cases:,}"
            )
        same = self.cases != independent
        once = (
            f"the {counted(self.cases, 'case is', 'cases are')} {counted(independent, 'group')}, and what says the same counts once: "
            if same
            else ""
        )
        return [*said, once + self.effect.sentence(independent)]

    def share_gap(self) -> float | None:
        """The largest difference of a topic's share among the cases and in the whole set."""
        total = sum(topic.rows for topic in self.topics)
        gaps = [abs(topic.cases / self.cases - topic.rows / total) for topic in self.topics]
        return max(gaps, default=None)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values: what `split.json` holds."""
        plain = {key: value for key, value in asdict(self).items() if key not in ("folder", "made_of")}
        total, train = sum(topic.rows for topic in self.topics), sum(t.rows - t.cases for t in self.topics)
        plain["topics"] = [
            {"topic": number, "words": list(topic.words), "rows": topic.rows, "cases": topic.cases}
            | {"share": _share(topic.rows, total), "share_of_cases": _share(topic.cases, self.cases)}
            | {"share_of_train": _share(topic.rows - topic.cases, train)}
            for number, topic in enumerate(self.topics, start=1)
        ]
        plain["groups"]["largest_ids"] = list(self.groups.largest_ids)
        found = {"needed": self.effect.cases(), "needed_if_verdicts_are_unrelated": self.effect.at_most()}
        plain["effect"] |= found | {"detected": self.effect.smallest(self.groups.held_out)}
        return plain | {"says": self.sentences()} | dict(self.made_of)

    def __str__(self) -> str:
        out = io.StringIO()
        Console(file=out, width=100, color_system=None).print(self, markup=False, highlight=False)
        return out.getvalue().rstrip()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        head = f": {counted(self.rows, 'row')} = {self.train:,} to train on + {self.cases:,} held out"
        yield Text.assemble((str(self.folder), "bold"), head)
        for line in self._lines():
            yield Text(line)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("topic", "rows", "of all", "cases", "of cases"):
            table.add_column(name, justify="left" if name == "topic" else "right")
        total = sum(topic.rows for topic in self.topics)
        for topic in self.topics[:TOPICS_SHOWN]:
            shares = (f"{100 * topic.rows / total:.1f} %", f"{100 * topic.cases / self.cases:.1f} %")
            words = Text(", ".join(topic.words) or "(no word of its own)")
            table.add_row(words, f"{topic.rows:,}", shares[0], f"{topic.cases:,}", shares[1])
        yield table
        more = len(self.topics) - TOPICS_SHOWN
        rest = f"and {counted(more, 'smaller topic')} in split.json; " if more > 0 else ""
        yield Text(f"{rest}no topic's share differs by more than {100 * (self.share_gap() or 0):.1f} points")
        yield Text(self.next())

    def _lines(self) -> list[str]:
        groups, proof = self.groups, self.proof
        lines = [
            f"{counted(groups.count, 'group')} of rows that say the same, {groups.of_several_rows:,} of several rows"
        ]
        if groups.largest > 1:
            more = ", ..." if groups.largest > len(groups.largest_ids) else ""
            lines[0] += f"; the largest has {groups.largest:,} ({', '.join(groups.largest_ids)}{more})"
        if self.not_comparable:
            lines.append(
                f"{counted(self.not_comparable, 'row cannot be compared, so it stays', 'rows cannot be compared, so they stay')} to train on"
            )
        if self.quarantined:
            lines.append(f"{counted(self.quarantined, 'line')} could not be read: quarantine.jsonl")
        lines += self.sentences()
        mended = f", {counted(proof.mended, 'pair')} put on one side by the check itself" if proof.mended else ""
        lines.append(
            f"checked: no overlap under rule {proof.rule_fingerprint[:12]} ({proof.rule}; template variants "
            f"{proof.template_variants}), {counted(proof.pairs_compared, 'pair')} of windows compared{mended}"
        )
        if near := proof.closest:
            lines.append(f"closest pair left: case {near.case_id} and row {near.row_id}, cosine {near.cosine:.3f}")
        return lines

    def next(self) -> str:
        """What to type with it."""
        train, cases = (self.folder / name for name in WRITTEN[:2])
        return f"next: winnow curate {train} --eval {cases} -o iterations/001"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None

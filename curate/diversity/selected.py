"""`winnow select`: files in, a folder with the chosen rows, the ledger of the others, and the curve to choose k by.

done = select_files([Path("chats.jsonl")], Path("chosen"), encoder.load(), 500)
print(done)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curate import certificate, files, iteration
from curate.counted import counted
from curate.detectors import encoder_facts
from curate.diversity import curve_plot
from curate.diversity.selection import RULES, WEIGHT, Rule
from curate.diversity.under_budget import Picked, select
from curate.encoder import Encoder
from curate.errors import BadInput
from curate.progress import Progress, silent
from curate.report import Column, Fact, Figure, Note, Plot, Report, Section, Table
from curate.save import sha256
from curate.streaming.place import place

WRITTEN = ("chosen.jsonl", "ledger.parquet", "quarantine.jsonl", "report.html", "select.json")
LINES = 8  # of the curve, on a terminal
GUARANTEE = {
    "facility-location": "at least 63 % of the best coverage that so many rows can reach",
    "k-centre": "the farthest row is at most twice as far from a chosen one as it has to be",
    "quality": "at least 63 % of the best sum of coverage and quality that so many rows can reach",
}


@dataclass(frozen=True)
class Selected:
    """What was chosen and where it lies."""

    out: Path
    picked: Picked
    made_of: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`, which is select.json and where the files are."""
        return {"out": str(self.out), **self.made_of, "paths": {name: str(self.out / name) for name in WRITTEN}}

    def __str__(self) -> str:
        made, picked = self.made_of, self.picked
        counts, last = made["counts"], picked.curve[-1]
        all_rows, chosen, at_random = (found.value or 0.0 for found in picked.vendi)
        lines = [
            f"{self.out}: {counted(counts['rows'], 'row')} = {counts['chosen']:,} chosen by {made['rule']} + {counts['not_chosen']:,} not",
            f"coverage: mean cosine of a row to its nearest chosen row {last.coverage:.3f}; as many rows at random {last.random:.3f}",
            "    rows  coverage  at random  farthest row",
            *(f"{p.k:>8,}{p.coverage:>10.3f}{p.random:>11.3f}{p.lowest:>14.3f}" for p in picked.curve[-LINES:]),
            f"Vendi score {chosen:,.0f}; as many rows at random {at_random:,.0f}; all rows {all_rows:,.0f}",
            f"guarantee: {made['guarantee']}",
            *made["notes"],
            f"next: winnow curate {self.out / WRITTEN[0]} --eval EVAL -o iterations/001",
        ]
        return "\n".join(lines)


def select_files(
    data: Sequence[Path],
    out: Path,
    encoder: Encoder,
    k: int,
    *,
    rule: str = "facility-location",
    by_topic: bool = False,
    quality: str | None = None,
    weight: float = WEIGHT,
    seed: int = 0,
    format: str = "auto",
    progress: Progress = silent,
) -> Selected:
    """Choose `k` rows of the files and write them, the ledger, the curve and select.json into `out`: all of it, or none.

    Raises BadInput for data that cannot be used, a rule that is not known, and a folder that holds results.
    """
    known = next((each for each in RULES if each == rule), None)
    if known is None:
        raise BadInput(f"the rule {rule} is not known", hint=f"--rule {' | '.join(RULES)}")
    if quality is not None and known != "quality":
        raise BadInput(f"the rule {known} looks at no quality", hint="--rule quality")
    with place(out, WRITTEN) as scratch:
        read = files.read(data, format=format)
        picked = select(
            read.chats, encoder.encode, k, rule=known, by_topic=by_topic, quality=quality, weight=weight, seed=seed,
            progress=progress,
        )  # fmt: skip
        asked: dict[str, Any] = {
            "k": k,
            "rule": known,
            "by_topic": by_topic,
            "quality": quality,
            "weight": weight,
            "seed": seed,
        }
        made = asked | _made_of(read, picked, encoder, known, by_topic)
        if (chosen := picked.outcome.kept.height) < k:
            made["notes"].append(f"{k:,} rows were asked for, and only {chosen:,} can be chosen")
        done = Selected(out, picked, made)
        files.write(picked.outcome.kept, scratch / WRITTEN[0])
        iteration.write_ledger(picked.outcome.ledger, scratch / WRITTEN[1])
        files.write_quarantine(read.quarantined, scratch / WRITTEN[2])
        report(done).write(scratch / WRITTEN[3])
        made["outputs"] = {name: sha256(scratch / name) for name in WRITTEN[:-1]}
        files.write_text(scratch / WRITTEN[4], iteration.json_text(made))
    return done


def _made_of(read: files.Read, picked: Picked, encoder: Encoder, rule: Rule, by_topic: bool) -> dict[str, Any]:
    chosen = picked.outcome.kept.height
    notes = list(read.notes)
    if read.quarantined.height:
        notes.append(f"{read.quarantined.height:,} lines could not be read: {WRITTEN[2]}")
    if picked.unread:
        notes.append(f"{picked.unread:,} rows ask nothing that the encoder can read, and were not chosen")
    if picked.unscored:
        notes.append(f"{picked.unscored:,} rows have no such quality, and stand in the middle")
    return {
        "winnow": certificate.tool_version(),
        "counts": {
            "rows": read.chats.height,
            "chosen": chosen,
            "not_chosen": read.chats.height - chosen,
            "unread": picked.unread,
            "unscored": picked.unscored,
            "quarantined": read.quarantined.height,
        },
        "guarantee": GUARANTEE[rule] + (", within each topic" if by_topic else ""),
        "curve": [asdict(point) for point in picked.curve],
        "topics": [asdict(stratum) for stratum in picked.strata],
        "vendi": dict(zip(("all", "chosen", "random"), (asdict(found) for found in picked.vendi), strict=True)),
        "order": list(picked.order),
        "encoder": encoder_facts(encoder),
        "inputs": [vars(each) for each in read.inputs],
        "notes": notes,
    }


def report(done: Selected) -> Report:
    """The choice as a page: the curve, and what each topic gave."""
    made, picked = done.made_of, done.picked
    counts, curve = made["counts"], picked.curve
    series = {"chosen": [p.coverage for p in curve], "at random": [p.random for p in curve]}
    columns = ("rows", "coverage", "at random", "farthest row")
    head = tuple(Column(name, "number") for name in columns)
    numbers = Table(head, tuple((p.k, p.coverage, p.random, p.lowest) for p in curve))
    alt = f"Coverage against the number of rows; {curve[-1].coverage:.3f} with {curve[-1].k:,} rows, {curve[-1].random:.3f} at random."
    plot = Plot("Coverage against rows", curve_plot.growth([p.k for p in curve], series), alt, numbers, open=True)
    of_topics = (Column("topic"), Column("rows", "number"), Column("chosen", "number"))
    topics = Table(of_topics, tuple((", ".join(s.words) or "none", s.rows, s.chosen) for s in picked.strata))
    facts = (
        Fact("rows", counts["rows"]),
        Fact("chosen", counts["chosen"], made["rule"]),
        *(Fact(f"Vendi score, {name}", Figure.of(found)) for name, found in zip(("all rows", "chosen", "as many at random"), picked.vendi, strict=True)),
    )  # fmt: skip
    told = (
        "Coverage is the mean over all rows of the cosine to the nearest chosen row; the farthest row is the one with the lowest. Where the "
        f"curve flattens, more rows add little. Guarantee: {made['guarantee']}."
    )
    notes = tuple(Note(note) for note in made["notes"])
    return Report(f"{counts['chosen']:,} of {counts['rows']:,} rows", made["rule"], facts, (
        Section("How many rows are enough", told, (plot,)), Section("Topics", "", (topics, *notes)),
    ))  # fmt: skip

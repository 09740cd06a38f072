"""What the default pipeline does with faults that were planted on purpose: recall by fault, precision by step and by finding.

    python benchmarks/planted/measure.py [--data FOLDER] [--write]

FOLDER is `sample_data` of the project, or another one with `support-raw.jsonl`, `support-eval.jsonl` and `truth.parquet`
(`sample_data/README.md` says what they hold). `--write` puts the tables into README.md and `benchmarks/planted/README.md`.
It needs no other data, and ends with 1 when an exact duplicate was missed.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks import machine
from curate import cache, encoder, files, overlap, pii, quality, rubric, steps, surrogates, survey, toxicity
from curate.detectors import Models
from curate.errors import BadInput, WinnowError
from curate.recipe import Recipe
from curate.shipped import sample_data
from curate.stats import wilson

ROOT = Path(__file__).parents[2]
DUPLICATES = ("exact", "near", "paraphrase")
DEDUP_STEPS = ("exact", "near", "semantic", "exact again")
KEPT = ("template", "overlap-template", "benign", "oddity")
GONE = "gone before, as a planted duplicate"
REPORTED = ("conflict", "off-voice")
# Finding of the audit -> the faults and kinds that were planted for it. In a mutual one the twin is a row of the finding too.
PLANTED_FOR: dict[str, tuple[tuple[str, str], ...]] = {
    "contradiction": (("conflict", "contradicts"),),
    "contradiction or other answer": (("conflict", "contradicts"),),
    "speaks as a model": (("off-voice", "as-an-ai"), ("off-voice", "old-bot")),
    "answer breaks off": (("near", "truncated-answer"),),
    "answer breaks off, or is cut short beside the whole one": (("near", "truncated-answer"),),
    "off voice": tuple(
        [("off-voice", kind) for kind in ("all-caps", "as-an-ai", "jargon", "no-sign-off", "old-bot")]
    ),
}  # fmt: skip
MUTUAL = ("contradiction", "contradiction or other answer")
# The fault that each step is for. A duplicate is right in whichever of the three steps it is found.
STEP_FOR = dict.fromkeys(DEDUP_STEPS, DUPLICATES) | {
    "pii": ("pii",), "toxicity": ("toxic",), "overlap": ("overlap",), "quarantine": ("broken",)
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What went in, what came out, and who did it: the ledger's steps by row id."""

    chats: pl.DataFrame
    quarantined: frozenset[int]  # line numbers
    kept: dict[str, str]  # row id -> the whole row as JSON text
    ledger: pl.DataFrame
    toxic_queries: frozenset[str]
    findings: dict[str, frozenset[str]]  # of the audit, on the rows as they were read -> row ids

    def removed_by(self, row: str) -> str | None:
        """The step that removed the row."""
        return dict(self.ledger.filter(action="removed").select("row_id", "step").iter_rows()).get(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "sample_data", help="folder with truth.parquet")
    parser.add_argument(
        "--write", action="store_true", help="put the tables into README.md and the page beside this script"
    )
    options = parser.parse_args()
    try:
        done = curated(options.data)
        truth = planted(options.data, done.chats)
        by_step = f"{steps_table(truth, done)}\n\n{findings_table(truth, done)}"
        full = f"{faults_table(truth, done)}\n\n{by_step}"
        print(f"{full}\n\n{machine.described()}")
        if options.write:
            written(full, f"{faults_table(truth, done, most_kinds=5)}\n\n{by_step}")
    except WinnowError as error:
        sys.exit(f"{error}")
    exact = truth.filter(fault="exact")
    if not all(found(fact, done) == "found" for fact in exact.iter_rows(named=True)):
        sys.exit(1)


def curated(folder: Path) -> Run:
    """Run the default recipe over the folder's rows."""
    with cache.open() as held:
        models = Models(encoder.load(cache=held), pii.load(cache=held), toxicity.load(cache=held))
        read = files.read([folder / "support-raw.jsonl"])
        cases = overlap.read_eval_files([folder / "support-eval.jsonl"])
        key = surrogates.public_key(sample_data() / "public-demo-key.txt")
        done = steps.run(read.chats, cases, Recipe(), models, key=key)
        scores = toxicity.turn_scores(read.chats, models.score_toxicity)
    insulted = scores.filter(pl.col("score") >= models.score_toxicity.threshold, pl.col("role") == "user")
    kept = {row["id"]: json.dumps(row, ensure_ascii=False) for row in done.kept.iter_rows(named=True)}
    lines = frozenset(_line(source) for source in read.quarantined["source"])
    return Run(read.chats, lines, kept, done.ledger, frozenset(insulted["row_id"]), named(read.chats, models, folder))


def named(chats: pl.DataFrame, models: Models, folder: Path) -> dict[str, frozenset[str]]:
    """What the audit names in the rows, under the names of `quality.faults`; the rubric is the sample's."""
    copies, conflicts = survey.compared(chats, models)
    voice = rubric.read(ROOT / "rubrics" / "brindlewick-voice.yaml") if folder == ROOT / "sample_data" else None
    found = quality.faults(
        chats,
        encode=models.encoder.encode,
        conflicts=conflicts,
        doubles={row for done in copies.values() for row in done.removed["id"]},
        rubric=voice,
    )
    by_name = {name: frozenset(rows) for name, rows in found.rows.items()}
    cut = frozenset(copies["near"].ledger.filter(rule="truncated answer")["row_id"])
    joined = {
        "contradiction or other answer": by_name["contradiction"] | by_name["other answer"],
        "answer breaks off, or is cut short beside the whole one": by_name["answer breaks off"] | cut,
    }
    return joined | by_name


def planted(folder: Path, chats: pl.DataFrame) -> pl.DataFrame:
    """The truth with `id`, the row's id as the reader gave it, and `copied`: whether the row is of a planted duplicate pair.

    Rows with a repeated id are told apart by their line.
    """
    if not (folder / "truth.parquet").exists():
        raise BadInput("there is no truth.parquet here", where=str(folder), hint="--data sample_data")
    by_line = pl.DataFrame({"line": [_line(source) for source in chats["source"]], "id": chats["id"]})
    truth = pl.read_parquet(folder / "truth.parquet")
    truth = truth.join(by_line, on="line", how="left", maintain_order="left")
    return truth.with_columns(copied=pl.col("id").is_in(list(groups(truth))).fill_null(False))


def found(fact: dict[str, Any], run: Run) -> str:
    """What became of one planted fault: "found", or what happened instead."""
    row, twin = fact["id"], fact["twin"]
    if fact["copied"] and fact["fault"] not in DUPLICATES and run.removed_by(row) in DEDUP_STEPS:
        return GONE
    match fact["fault"]:
        case "exact" | "near" | "paraphrase":
            steps_of_pair = {run.removed_by(row), run.removed_by(twin)} - {None}
            if steps_of_pair & set(DEDUP_STEPS):
                return "found"
            return (
                f"one of the pair went by {', '.join(sorted(map(str, steps_of_pair)))}"
                if steps_of_pair
                else "both kept"
            )
        case "pii":
            return _personal(fact, run)
        case "toxic" if fact["kind"] == "user":
            return "found" if row in run.toxic_queries and row in run.kept else "not reported"
        case "toxic":
            return "found" if run.removed_by(row) == "toxicity" else "kept"
        case "broken":
            return "found" if fact["line"] in run.quarantined else "read as a row"
        case "overlap":
            return "found" if run.removed_by(row) == "overlap" else f"{run.removed_by(row) or 'kept'}"
        case _ if row is None:  # a blank line is no row and no broken one
            return "set aside" if fact["line"] in run.quarantined else "found"
        case _:
            return "found" if row in run.kept else f"removed by {run.removed_by(row)}"


def _personal(fact: dict[str, Any], run: Run) -> str:
    if fact["id"] not in run.kept:
        return f"row removed by {run.removed_by(fact['id'])}"
    spans = json.loads(fact["detail"])["spans"]
    left = {s["kind"] for s in spans if json.dumps(s["value"], ensure_ascii=False)[1:-1] in run.kept[fact["id"]]}
    edited = run.ledger.filter(row_id=fact["id"], action="edited").height > 0
    forms_left = left - {"person"}
    if forms_left or not edited:
        return f"left: {', '.join(sorted(forms_left)) or 'not edited'}"
    return "found, but a name is left" if left else "found"


def faults_table(truth: pl.DataFrame, run: Run, most_kinds: int | None = None) -> str:
    """One line per fault and kind; a fault of more than `most_kinds` kinds is one line."""
    wanted = {"broken": "set aside", "pii": "replaced", "overlap": "removed", "toxic": "removed"} | dict.fromkeys(
        DUPLICATES, "removed"
    )
    wanted |= dict.fromkeys(KEPT, "kept") | dict.fromkeys(REPORTED, "kept (the audit names it, below)")
    lines = ["| planted | kind | n | wanted | share (95 % interval) | else |", "|---|---|---|---|---|---|"]
    for fault in wanted:
        facts = truth.filter(fault=fault)
        kinds = sorted(facts["kind"].unique())
        for kind in kinds if most_kinds is None or len(kinds) <= most_kinds else ():
            want = "reported, kept" if (fault, kind) == ("toxic", "user") else wanted[fault]
            lines.append(_line_of(fault, kind, want, facts.filter(kind=kind), run))
        if len(kinds) > 1 and fault != "toxic":
            lines.append(_line_of(f"**{fault}**", "all", wanted[fault], facts, run))
    return "\n".join(lines)


def _line_of(fault: str, kind: str, want: str, facts: pl.DataFrame, run: Run) -> str:
    became = [found(fact, run) for fact in facts.iter_rows(named=True)]
    # A name left beside a value that was replaced is another matter: names are not what these kinds ask for.
    hits, judged = sum(each.startswith("found") for each in became), len(became) - became.count(GONE)
    others = sorted({each for each in became if each != "found"})
    said = "; ".join(f"{each} {became.count(each)}" for each in others)
    return f"| {fault} | {kind} | {judged} | {want} | {share(hits, judged)} | {said} |"


def share(hits: int, n: int) -> str:
    """A share in percent with its Wilson interval."""
    it = wilson(hits, n)
    if it.value is None or it.low is None or it.high is None:
        return "none"
    return f"{100 * it.value:.0f} % ({100 * it.low:.0f} to {100 * it.high:.0f})"


def steps_table(truth: pl.DataFrame, run: Run) -> str:
    """One line per step: what it removed or edited, and how much of that was planted for it."""
    group = groups(truth)
    lines = [
        "| step | removed or edited | planted for it | another planted fault | unplanted | precision (95 % interval) |",
        "|---|---|---|---|---|---|",
    ]
    acts = run.ledger.filter(pl.col("action") != "noted").unique(["step", "row_id"], keep="first", maintain_order=True)
    touched = {step: list(acts.filter(step=step).iter_rows(named=True)) for step in STEP_FOR if step != "quarantine"}
    quarantine = [{"line": line} for line in sorted(run.quarantined)]
    for step, entries in {"quarantine": quarantine, **touched}.items():
        kinds = [_kind_of(entry, step, truth, group) for entry in entries]
        right, other = kinds.count("right"), kinds.count("other")
        unplanted = kinds.count("unplanted")
        lines.append(f"| {step} | {len(kinds)} | {right} | {other} | {unplanted} | {share(right, len(kinds))} |")
    return "\n".join(lines)


def findings_table(truth: pl.DataFrame, run: Run) -> str:
    """One line per finding of the audit: how many of the rows that were planted for it it names, and how many of its rows were.

    Copies carry the fault of the first, so each counts. Of `off voice` every planted fault that breaks a rule of the rubric is
    right: what is cut short has no sign-off, and a night shift's insult has none either.
    """
    lines = [
        "| finding of the audit | rows | planted for it | recall (95 % interval) | precision (95 % interval) | another planted fault | clean |",
        "|---|---|---|---|---|---|---|",
    ]
    any_fault = set(truth["id"].drop_nulls())
    for name, wanted in PLANTED_FOR.items():
        rows = run.findings.get(name)
        if rows is None:
            continue
        kinds = truth.filter(pl.struct("fault", "kind").is_in([{"fault": f, "kind": k} for f, k in wanted]))
        meant = set(kinds["id"].drop_nulls()) | (set(kinds["twin"].drop_nulls()) if name in MUTUAL else set())
        meant |= _copies(truth, meant)
        right, others = rows & meant, (rows - meant) & any_fault
        asked = set(kinds["id"].drop_nulls())
        lines.append(
            f"| {name} | {len(rows)} | {len(asked)} | {share(len(asked & rows), len(asked))} | {share(len(right), len(rows))} | "
            f"{len(others)} | {len(rows - meant - any_fault)} |"
        )
    return "\n".join(lines)


def _copies(truth: pl.DataFrame, rows: set[str]) -> set[str]:
    """The planted copies of these rows: what is wrong with one is wrong with the other."""
    pairs = truth.filter(pl.col("fault") == "exact").select("id", "twin").drop_nulls()
    more = {one for pair in pairs.iter_rows() if set(pair) & rows for one in pair}
    return more - rows


def groups(truth: pl.DataFrame) -> dict[str, str]:
    """Row id -> the name of its group of planted duplicates: a pair, or several pairs that share a row."""
    root: dict[str, str] = {}

    def top(row: str) -> str:
        while root.setdefault(row, row) != row:
            row = root[row]
        return row

    for fact in truth.filter(pl.col("fault").is_in(DUPLICATES)).iter_rows(named=True):
        root[top(fact["id"])] = top(fact["twin"])
    return {row: top(row) for row in list(root)}


def _kind_of(entry: dict[str, Any], step: str, truth: pl.DataFrame, group: dict[str, str]) -> str:
    if step in DEDUP_STEPS:
        row, twin = entry["row_id"], entry["twin"]
        if row in group and group[row] == group.get(twin):
            return "right"
    key = {"line": entry["line"]} if step == "quarantine" else {"id": entry["row_id"]}
    faults = set(truth.filter(**key)["fault"])
    if step not in DEDUP_STEPS and faults & set(STEP_FOR[step]):
        return "right"
    return "other" if faults else "unplanted"


def written(full: str, short: str) -> None:
    """Put the tables onto the page beside this script, with the date and the machine, and into the project's README."""
    measured = f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {machine.described()}."
    machine.replace_between(Path(__file__).with_name("README.md"), "planted", f"{measured}\n\n{full}")
    machine.replace_between(ROOT / "README.md", "planted", short)


def _line(source: str) -> int:
    return int(source.rsplit(":", 1)[1])


if __name__ == "__main__":
    main()

"""The page of an iteration: what was removed and why, what the certificate says, and raw rows against curated ones.

report("iterations/001", counts, steps, statement, difference).write(Path("report.html"))
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from curate import datadiff_report, overlap, problems
from curate.datadiff import DataDiff
from curate.overlap import EvalFile
from curate.report import Block, Cell, Column, Fact, Figure, Note, Pair, Report, Section, Table
from curate.samples import Samples
from curate.steps import Steps

CLOSEST, VARIANTS = 8, 5


def report(
    name: str,
    counts: Mapping[str, int],
    steps: Steps,
    statement: Mapping[str, Any],
    difference: DataDiff,
    rows: Samples,
    cases: Samples,
) -> Report:
    """One page without times, so that the same run writes the same bytes. `rows` and `cases` hold the texts it may show."""
    of = counts["rows_read"]
    facts = (
        Fact("rows read", of),
        Fact("kept", counts["kept"]),
        Fact("removed", counts["removed"], "each with its reason, below"),
        Fact("edited", counts["edited"], "personal data replaced"),
        Fact("in quarantine", counts["quarantined"], "could not be read as rows"),
        Fact("overlap with eval files", "none", f"under rule {_claim(statement)['rule']['fingerprint'][:12]}"),
    )
    sections = (
        _account(steps),
        _certificate(statement),
        _closest(steps, rows, cases),
        *_difference(difference),
    )
    return Report(f"Iteration {name}", "", facts, tuple(section for section in sections if section))


def _difference(difference: DataDiff) -> tuple[Section, ...]:
    # The account above tells of removals and duplicates; the rest of the data diff follows as it is.
    sections = datadiff_report.report(replace(difference, unmeasured=())).sections
    return tuple(section for section in sections if section.title != "Why rows were removed")


def closest(steps: Steps) -> list[tuple[str, str, float]]:
    """(row, case by file and id, cosine) of the kept rows nearest to an eval item: what a reader should look at first."""
    kept = set(steps.kept["id"])
    near = [line for line in steps.check.nearest.to_dicts() if line["row_id"] in kept]
    near.sort(key=lambda line: (-line["cosine"], line["eval_file"], line["case_id"]))
    return [(line["row_id"], _case(line), line["cosine"]) for line in near[:CLOSEST]]


def variants(steps: Steps) -> list[tuple[str, str, str]]:
    """(row, case by file and id, what differs) of template variants that were kept."""
    found = steps.check.matches.filter(overlap.is_variant()).sort("row_id", "eval_file", "case_id").to_dicts()
    kept = set(steps.kept["id"])
    return [(m["row_id"], _case(m), m["differs"]) for m in found if m["row_id"] in kept][:VARIANTS]


def named_cases(eval_files: Sequence[EvalFile]) -> pl.DataFrame:
    """The cases of all files as one chat frame, under names that tell the files apart."""
    return pl.concat(
        file.cases.with_columns(id=pl.lit(problems.case_name(file.name, "")) + pl.col("id")) for file in eval_files
    )


def _case(line: Mapping[str, Any]) -> str:
    return problems.case_name(line["eval_file"], line["case_id"])


def _claim(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    claim: Mapping[str, Any] = statement["predicate"]["claims"]["no_semantic_overlap"]
    return claim


def _account(steps: Steps) -> Section:
    columns = (
        Column("step"), Column("rows in", "number"), Column("removed", "number"), Column("edited", "number"), Column("reasons"),
    )  # fmt: skip
    lines: list[tuple[Cell, ...]] = [
        (
            step.name,
            step.rows_in,
            step.removed,
            step.edited,
            ", ".join(f"{rule} {n:,}" for rule, n in step.reasons.items())
            + (f" (kept by the recipe: {step.overridden:,})" if step.overridden else ""),
        )
        for step in steps.account
    ]
    said = "The steps in their order. `winnow why ITERATION ROW` tells the story of one row."
    blocks: list[Block] = [Table(columns, tuple(lines)), *(Note(note) for note in steps.notes)]
    return Section("What was removed, and why", said, tuple(blocks))


def _certificate(statement: Mapping[str, Any]) -> Section:
    predicate = statement["predicate"]
    files = Table(
        (Column("eval file"), Column("cases", "number"), Column("SHA-256", "code")),
        tuple((f["name"], f["cases"], f["digest"]["sha256"]) for f in predicate["eval_files"]),
    )
    notes = [Note(said) for said in claims(statement)]
    return Section("The certificate", "Three claims, kept apart.", (files, *notes, *_recall(predicate)))


def claims(statement: Mapping[str, Any]) -> tuple[str, ...]:
    """What the certificate says, a sentence each."""
    predicate, claim = statement["predicate"], _claim(statement)
    copies = predicate["claims"]["no_copy"]
    highest = "unknown" if claim["highest_cosine"] is None else f"{claim['highest_cosine']:.3f}"
    no_copy = (
        f"1. No copy: {copies['how']}. Provable: {copies['proof']}. Template variants (the same question with other "
        f"numbers or names) that were kept: {copies['template_variants_kept']:,} rows."
    )
    no_meaning = (
        f"2. No overlap in meaning: {claim['how']}; {claim['pairs_compared']:,} pairs, threshold "
        f"{claim['rule']['cosine']:g}, highest cosine {highest} (pairs at or above the threshold are the template variants "
        f"of claim 1). Encoder: {claim['encoder']['name']} ({claim['encoder']['precision']}, "
        f"{claim['encoder']['fingerprint'][:12]})."
    )
    misses = "3. What the rule misses: " + _misses(predicate["claims"]["what_the_rule_misses"])
    return no_copy, no_meaning, misses, "It is unsigned: it protects against accident, not against forgery."


def _misses(claim: Mapping[str, Any]) -> str:
    if not claim["classes"]:
        return "not measured for this encoder and this rule."
    alarms = claim["false_alarms"]
    said = "recall on labelled pairs, by class, in the table below"
    if alarms:
        bounds = f"n={alarms['pairs']:,}, 95 % CI {alarms['low']:g} to {alarms['high']:g}"
        said += f"; false alarms per million random pairs: {alarms['per_million']:g} ({bounds})"
    return f"{said}. Not measured: {', '.join(claim['not_measured']) or 'nothing'}."


def _recall(predicate: Mapping[str, Any]) -> tuple[Block, ...]:
    classes = predicate["claims"]["what_the_rule_misses"]["classes"]
    if not classes:
        return ()
    rows = tuple(
        (name, Figure(c["recall"], c["n"], c["low"], c["high"], "%"), c["source"]) for name, c in classes.items()
    )
    return (Table((Column("class"), Column("found", "number"), Column("labelled pairs")), rows),)


def _closest(steps: Steps, rows: Samples, cases: Samples) -> Section | None:
    pairs: list[Block] = [
        Pair(rows.query(row), cases.query(case), f"row {row}", f"eval case {case}", f"cosine {cosine:.3f}, kept")
        for row, case, cosine in closest(steps)
    ]
    pairs += [
        Pair(
            rows.query(row), cases.query(case), f"row {row}", f"eval case {case}", f"template variant ({differs}), kept"
        )
        for row, case, differs in variants(steps)
    ]
    said = "Rows that stayed although they come near an eval case. Look here for what the rule may have missed."
    return Section("Closest to the eval files", said, tuple(pairs)) if pairs else None

"""The page of an iteration: what was removed and why, what the certificate says, and raw rows against curated ones.

rows, cases = samples(steps, statement, eval_files, mask)
report("iterations/001", counts, steps, statement, difference, rows, cases).write(Path("report.html"))
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from curate import beside, datadiff_report, overlap, plots, problems, residual_report
from curate.datadiff import DataDiff
from curate.overlap import EvalFile
from curate.report import Block, Cell, Column, Fact, Figure, Note, Pair, Plot, Report, Section, Table
from curate.residual import Residual
from curate.samples import Mask, Samples
from curate.steps import Steps

CLOSEST, VARIANTS = 3, 5  # pairs shown: of each eval file, and of template variants
NEAR = 0.5  # pairs below this cosine, or the floor of the rule, are too far apart to be worth reading

MEANING = {
    "copy": "the same text, but for case, spacing and encoding",
    "near copy": "most of the eval item's words, in their order",
    "paraphrase": "the same in other words",
    "translation": "the same in another language",
    "template variant": "the same question with other numbers, names or units",
    "not comparable": "without anything to compare",
}

Line = Mapping[str, Any]  # a match, or an eval item and the row nearest to it


def report(
    name: str,
    counts: Mapping[str, int],
    steps: Steps,
    statement: Mapping[str, Any],
    difference: DataDiff,
    rows: Samples,
    cases: Samples,
    duplicates: Sequence[Section] = (),
    residual: Residual | None = None,
) -> Report:
    """One page without times, so that the same run writes the same bytes. `rows` and `cases` hold the texts it may show.

    `duplicates` are the parts of `pairs_report`; `residual` is None where personal data was not looked for.
    """
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
        *duplicates,
        residual_report.section(residual) if residual else None,
        _certificate(statement),
        _overlap(steps, statement),
        _closest(steps, statement, rows, cases),
        _variants(steps, rows, cases),
        *_difference(difference),
    )
    return Report(f"Iteration {name}", "", facts, tuple(section for section in sections if section))


def samples(
    steps: Steps, statement: Mapping[str, Any], eval_files: Sequence[EvalFile], mask: Mask | None
) -> tuple[Samples, Samples]:
    """The kept rows and the eval cases that the page shows, masked. Cases go by names that tell the files apart."""
    shown = [*(line for lines in closest(steps, statement).values() for line in lines), *variants(steps)]
    all_cases = pl.concat(
        file.cases.with_columns(id=pl.lit(problems.case_name(file.name, "")) + pl.col("id")) for file in eval_files
    )
    return (
        Samples.of(steps.kept, [line["row_id"] for line in shown], mask),
        Samples.of(all_cases, [_case(line) for line in shown], mask),
    )


def closest(steps: Steps, statement: Mapping[str, Any]) -> dict[str, list[Line]]:
    """For each eval file the items that a kept row comes nearest to, nearest first; none where no row comes near.

    They are those of the certificate, which compared the rows that were kept.
    """
    floor = _claim(statement)["rule"].get("floor", NEAR)
    found: dict[str, list[Line]] = {file["name"]: [] for file in statement["predicate"]["eval_files"]}
    for line in sorted(_claim(statement)["nearest"], key=_by_cosine):
        if line["cosine"] >= floor and len(found[line["eval_file"]]) < CLOSEST:
            found[line["eval_file"]].append(line)
    return found


def variants(steps: Steps) -> list[Line]:
    """Template variants that were kept, one case each, most alike first."""
    kept = steps.check.matches.filter(overlap.is_variant() & pl.col("row_id").is_in(steps.kept["id"].to_list()))
    lines = sorted(kept.to_dicts(), key=_by_cosine)
    of_row = {line["row_id"]: line for line in reversed(lines)}
    one_each = {_case(line): line for line in reversed(lines) if of_row[line["row_id"]] is line}
    return sorted(one_each.values(), key=_by_cosine)[:VARIANTS]


def _by_cosine(line: Line) -> tuple[float, str, str, str]:
    return -(line["cosine"] or line.get("containment") or 0), line["eval_file"], line["case_id"], line["row_id"]


def _difference(difference: DataDiff) -> tuple[Section, ...]:
    # The account above tells of removals and duplicates; the rest of the data diff follows as it is.
    sections = datadiff_report.report(replace(difference, unmeasured=())).sections
    return tuple(section for section in sections if section.title != "Why rows were removed")


def _case(line: Line) -> str:
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
        f"2. No overlap in meaning: {claim['how']}; {claim['pairs_compared']:,} pairs, {_bars(claim['rule'])}, highest "
        f"cosine {highest}. Encoder: "
        f"{claim['encoder']['name']} ({claim['encoder']['precision']}, {claim['encoder']['fingerprint'][:12]})."
    )
    misses = "3. What the rule misses: " + _misses(predicate["claims"]["what_the_rule_misses"])
    standing = (
        "It is signed: it protects against forgery where the reader names the public key to trust."
        if predicate["signed"]
        else "It is unsigned: it protects against accident, not against forgery."
    )
    return no_copy, no_meaning, misses, standing


def _bars(rule: Mapping[str, Any]) -> str:
    bars = [f"{name} {rule[name]:g}" for name in ("cosine", "probability", "containment") if name in rule]
    return (f"judged from cosine {rule['floor']:g}, " if "floor" in rule else "") + f"thresholds {', '.join(bars)}"


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


def _overlap(steps: Steps, statement: Mapping[str, Any]) -> Section:
    check = steps.check
    aside = f" {check.set_aside:,} short follow-ups of eval cases were set aside." if check.set_aside else ""
    said = (
        f"{check.turns:,} texts of training rows against {check.items:,} eval items: {check.pairs_compared:,} pairs of "
        f"windows, each of them compared.{aside}"
    )
    return Section(
        "Overlap with the eval files",
        said,
        (_classes(steps), _files(steps, statement), *_histogram(check.histogram, _claim(statement)["rule"])),
    )


def _classes(steps: Steps) -> Table:
    gone = dict(
        steps.check.outcome.ledger.filter(pl.col("action") == "removed").group_by("rule").len().sort("rule").iter_rows()
    )
    counts = {**steps.check.counts(), **{name: n for name, n in gone.items() if name not in steps.check.counts()}}
    lines = tuple(
        (name, MEANING.get(name, ""), n, gone.get(name, 0), n - gone.get(name, 0)) for name, n in counts.items()
    )
    number = [Column(name, "number") for name in ("rows", "removed", "kept")]
    return Table(
        (Column("class"), Column("what it is"), *number), lines, caption="Rows by the class of their worst match"
    )


def _files(steps: Steps, statement: Mapping[str, Any]) -> Table:
    """Every eval file, also those that no row comes near."""
    matches = steps.check.matches
    removed = matches.filter(pl.col("row_id").is_in(steps.check.outcome.removed["id"].to_list()))
    kept = matches.filter(overlap.is_variant() & pl.col("row_id").is_in(steps.kept["id"].to_list()))
    rows_of = [
        dict(some.group_by("eval_file").agg(pl.col("row_id").n_unique()).iter_rows()) for some in (removed, kept)
    ]
    highest: dict[str, float] = {}
    for line in _claim(statement)["nearest"]:
        highest[line["eval_file"]] = max(line["cosine"], highest.get(line["eval_file"], -1.0))
    columns = (
        Column("eval file", "code"), Column("cases", "number"), Column("rows removed", "number"),
        Column("variants kept", "number"), Column("closest kept row, cosine", "number"),
    )  # fmt: skip
    lines = tuple(
        (name, file["cases"], rows_of[0].get(name, 0), rows_of[1].get(name, 0), highest.get(name))
        for file in statement["predicate"]["eval_files"]
        if (name := file["name"])
    )
    return Table(columns, lines, caption="By eval file (a row may match several)")


def _histogram(counts: Sequence[int], rule: Mapping[str, Any]) -> Iterator[Block]:
    """How the cosines of all pairs are spread. From the line on, pairs were judged."""
    if not sum(counts):
        return
    at = rule.get("floor", rule.get("cosine"))
    lines = {f"judged from {at:g}": at} if at is not None else {}
    tenths = [sum(counts[i : i + 10]) for i in range(0, len(counts), 10)]
    first = next(i for i, n in enumerate(tenths) if n)
    rows = tuple((f"{i / 10 - 1:.1f} to {i / 10 - 0.9:.1f}", tenths[i]) for i in range(first, len(tenths)))
    above = (
        "" if at is None else f" {sum(counts[round((at + 1) * 100) :]):,} of {sum(counts):,} pairs at or above {at:g}."
    )
    table = Table((Column("cosine"), Column("pairs of windows", "number")), rows)
    alt = f"How many pairs of windows have which cosine, on a logarithmic scale.{above}"
    yield Plot("Cosines of all pairs", plots.scores(counts, lines, x="cosine", y="pairs of windows"), alt, table)
    yield Note(f"The scale of the pairs is logarithmic.{above}")


def _closest(steps: Steps, statement: Mapping[str, Any], rows: Samples, cases: Samples) -> Section:
    known = {_key(line) for line in steps.check.matches.filter(overlap.is_variant()).to_dicts()}
    blocks: list[Block] = []
    for name, lines in closest(steps, statement).items():
        blocks.append(Note(_nearness(name, lines, statement), name))
        blocks += [_pair(line, rows, cases, "template variant, kept" if _key(line) in known else "") for line in lines]
    said = (
        f"Rows that stayed, beside the eval case they come nearest to: the first {CLOSEST} of each file. Words that "
        "differ are marked. Look here for what the rule may have missed."
    )
    return Section("Closest rows that stayed", said, tuple(blocks))


def _key(line: Line) -> tuple[str, str]:
    return line["row_id"], _case(line)


def _nearness(name: str, lines: Sequence[Line], statement: Mapping[str, Any]) -> str:
    items = [line["cosine"] for line in _claim(statement)["nearest"] if line["eval_file"] == name]
    if not items:
        return "No kept row was compared with it."
    near = f"{len(items):,} eval items, the nearest kept row at cosine {max(items):.3f}"
    return f"{near}." if lines else f"{near}: too far away to be worth reading."


def _variants(steps: Steps, rows: Samples, cases: Samples) -> Section | None:
    shown = variants(steps)
    if not shown:
        return None
    kept = steps.check.matches.filter(overlap.is_variant() & pl.col("row_id").is_in(steps.kept["id"].to_list()))
    n = kept["row_id"].n_unique()
    said = (
        f"{n:,} {'row asks' if n == 1 else 'rows ask'} what an eval case asks, with other facts. To remove such rows: "
        "`overlap: {remove_template_variants: true}` in the recipe."
    )
    return Section(
        "Template variants that stayed",
        said,
        tuple(_pair(line, rows, cases, f"other {line['differs']}" if line["differs"] else "") for line in shown),
    )


def _pair(line: Line, rows: Samples, cases: Samples, said: str) -> Pair:
    row, case = rows.turns.get(line["row_id"]), cases.turns.get(_case(line))
    if row is None or case is None:
        return beside.pair(line, rows.query(line["row_id"]), cases.query(_case(line)), said)
    other = beside.case_text(case, line)
    return beside.pair(line, beside.row_text(row, None, line, other), other, said)

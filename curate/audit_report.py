"""The audit as a page: the ten worst problems first, then sizes, personal data, duplicates and overlap side by side.

report(found).write(Path("audit.html"))
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from curate import bias_report, lengths, plots, problems, quality_report, stats
from curate import chats as chat
from curate.audit import STEPS, Audit
from curate.diversity import sections as diversity
from curate.problems import Problem
from curate.report import Block, Cell, Column, Fact, Figure, Finding, Note, Pair, Plot, Report, Section, Table

TOP = 10


def report(found: Audit) -> Report:
    """The audit as a page."""
    read = found.rows + found.quarantined
    touched = {row for problem in found.problems if problem.kind.severity != "notice" for row in problem.rows}
    facts = (
        Fact("rows read", read, f"{found.rows:,} usable, {found.quarantined:,} broken"),
        Fact("rows to fix", len(touched), "critical or warning"),
        Fact("turns", sum(found.roles.values()), ", ".join(f"{role} {n:,}" for role, n in found.roles.items())),
        Fact("words per answer, median", _median(found), str(lengths.summary(found.measures["answer_words"]))),
        Fact("rows with personal data", _count(found, "personal data"), "kinds below"),
        Fact("rows that overlap with eval files", _count(found, *problems.OVERLAPS), _against(found)),
    )
    sections = (
        _top(found),
        *quality_report.sections(found),
        *bias_report.sections(found),
        _sizes(found),
        _personal(found),
        _combinations(found),
        _planted(found),
        _duplicates(found),
        _overlap(found),
        *diversity.sections(found.diversity),
        _broken(found),
        _about(found),
    )
    detectors = "; ".join(f"{what}: {name}" for what, name in found.detectors.items())
    title = f"Audit of {found.source}" if found.source else "Audit"
    return Report(title, detectors, facts, tuple(section for section in sections if section is not None))


def summary(found: Audit) -> Report:
    """What a terminal shows of the page: what to fix, with a row of each, and what else the page tells."""
    page = report(found)
    first, *rest = page.sections
    blocks = tuple(_with_a_row(block) if isinstance(block, Finding) else block for block in first.blocks)
    said = "; ".join(part.title[:1].lower() + part.title[1:] for part in rest)
    more = Note(f"The written report (-o audit.html) tells more: {said}.")
    return replace(page, sections=(replace(first, blocks=(*blocks, more)),))


def _with_a_row(finding: Finding) -> Finding:
    if finding.rows is None:
        return finding
    return replace(finding, rows=replace(finding.rows, rows=finding.rows.rows[:1], total=finding.count))


def _median(found: Audit) -> int | str:
    value = lengths.summary(found.measures["answer_words"]).median
    return "no rows" if value is None else round(value)


def _count(found: Audit, *rules: str) -> int | str:
    """Rows with any of these rules, or that nobody looked."""
    step = "pii" if rules == ("personal data",) else "overlap"
    if STEPS[step] in found.unmeasured:
        return "not measured"
    kinds = {problems.BY_RULE[rule] for rule in rules}
    return len({row for problem in found.problems if problem.kind in kinds for row in problem.rows})


def _against(found: Audit) -> str:
    return f"against {found.check.items:,} eval items" if found.check else "no eval file was named"


def _finding(found: Audit, problem: Problem) -> Finding:
    kind = problem.kind
    shown = problem.rows[: found.shown]
    if kind is problems.BROKEN:
        columns = (Column("source", "code"), Column("reason"))
        rows = Table(columns, tuple((row, problem.details[row]["reason"]) for row in shown), total=problem.count)
    else:
        rows = found.samples.table(shown, total=problem.count, more=problem.details)
    share = Figure.of(problem.share, "%")
    return Finding(kind.severity, kind.title.capitalize(), problem.count, share, kind.why, kind.todo, rows)


def _top(found: Audit) -> Section:
    blocks: list[Block] = [_finding(found, problem) for problem in found.problems[:TOP]]
    if rest := found.problems[TOP:]:
        columns = (Column("also found"), Column("rows", "number"), Column("share of rows", "number"))
        lines = tuple((p.kind.title, p.count, Figure.of(p.share, "%")) for p in rest)
        blocks.append(Table(columns, lines))
    blocks += [Finding("good", f"Looked for and not found: {said}") for said in found.absent]
    if found.unmeasured:
        blocks.append(Note(f"Not looked for: {', '.join(found.unmeasured)}."))
    words = {1: "The one thing to fix", TOP: "The ten things to fix"}
    title = words.get(min(len(found.problems), TOP), f"The {len(found.problems)} things to fix")
    text = "Ranked by severity times rows. One row may stand under several of them." if found.problems else "Nothing."
    return Section(title if found.problems else "Things to fix", text, tuple(blocks))


def _sizes(found: Audit) -> Section:
    of = found.measures
    shapes = of.group_by("shape").len().sort("len", "shape", descending=[True, False])
    columns = (Column("turns of a row"), Column("rows", "number"), Column("share of rows", "number"))
    lines = tuple((name, n, Figure.of(stats.wilson(n, found.rows), "%")) for name, n in shapes.head(8).iter_rows())
    columns_of_lengths = {
        name.replace("_", ", "): of[name] for name in of.columns if name.endswith(("_words", "_chars"))
    }
    blocks: list[Block] = [
        lengths.plot("Words per answer", "words", {"rows": of["answer_words"]}),
        lengths.plot("Words per query", "words", {"rows": of["query_words"]}),
        lengths.table(columns_of_lengths),
        Table(columns, lines, caption="Who speaks", total=shapes.height),
    ]
    if found.systems:
        head = (Column("rows", "number"), Column("first in", "code"), Column("system prompt", "text"))
        prompts = tuple((n, row, _system_text(found, row)) for row, n in found.systems[: found.shown])
        blocks.append(Table(head, prompts, caption="System prompts", total=len(found.systems)))
    none = found.rows - sum(n for _, n in found.systems)
    said = f"{len(found.systems):,} distinct system prompts; {none:,} rows have none."
    return Section("Sizes and shapes", said, tuple(blocks))


def _system_text(found: Audit, row: str) -> str:
    turns = found.samples.turns.get(row)
    if turns is None:
        return found.samples.query(row)
    return "\n".join(chat.turn_text(turn) for turn in turns if turn["role"] == "system")


def _personal(found: Audit) -> Section | None:
    if not found.pii:
        return None
    columns = (
        Column("kind", "code"),
        Column("values", "number"),
        Column("rows", "number"),
        Column("share of rows", "number"),
    )
    shares = {kind: stats.wilson(rows, found.rows) for kind, (_, rows) in found.pii.items()}
    lines = tuple((kind, values, rows, Figure.of(shares[kind], "%")) for kind, (values, rows) in found.pii.items())
    picture = plots.bars(
        list(shares),
        [share.value for share in shares.values()],
        [share.low for share in shares.values()],
        [share.high for share in shares.values()],
        x="share of rows",
        percent=True,
    )
    alt = "Share of rows with each kind of personal data. " + "; ".join(
        f"{kind} {line[2]:,} rows" for kind, line in zip(shares, lines, strict=True)
    )
    return Section(
        "Personal data",
        "Values are never shown.",
        (Plot("Rows by kind", picture, alt, Table(columns, lines), open=True),),
    )


def _combinations(found: Audit) -> Section | None:
    """How many rows hold what together finds a person."""
    if not found.combinations:
        return None
    shares = {name: stats.wilson(rows, found.rows) for name, rows in found.combinations.items()}
    lines = tuple((name, rows, Figure.of(shares[name], "%")) for name, rows in found.combinations.items())
    said = (
        "Parts that may be harmless alone, within reach of one another in one turn and of a private person as far as the text tells. "
        "They are looked for with the finder of names, also where curation is not asked to replace names."
    )
    columns = (Column("together"), Column("rows", "number"), Column("share of rows", "number"))
    return Section("Combinations that find a person", said, (Table(columns, lines),))


def _planted(found: Audit) -> Section | None:
    """What the finder misses, as far as invented values can tell."""
    if found.planted is None or not found.planted.table.height:
        return None
    columns = (
        Column("kind", "code"), Column("sentence"), Column("planted", "number"), Column("found whole", "number"),
        Column("recall", "number"), Column("as such", "number"),
    )  # fmt: skip
    lines = tuple(
        (kind, context, planted, hit, Figure.of(share, "%"), typed)
        for (kind, context, planted, hit, typed), share in zip(
            found.planted.table.iter_rows(), found.planted.intervals(), strict=True
        )
    )
    said = (
        "Invented values, put into a copy of your own turns and looked for: in a sentence that names what the value is, and bare in one "
        "that does not. The sentences are ours, so real data is found less often; what is spelt out or hinted at is not in here."
    )
    blocks: list[Block] = [Table(columns, lines)]
    if found.left is not None:
        blocks.append(Note(f"After replacement the same search finds {found.left:,} values in these rows."))
    if found.planted.not_planted:
        blocks.append(Note(f"Not planted: {', '.join(found.planted.not_planted)}."))
    return Section("What the search for personal data misses", said, tuple(blocks))


def _duplicates(found: Audit) -> Section | None:
    rules = ("near duplicate", "wrapped question", "truncated answer", "semantic duplicate")
    blocks: list[Block] = []
    for rule in rules:
        for row, details in _first_two(found, rule):
            twin = str(details["twin"])
            note = f"{rule}, score {details['score']}"
            blocks.append(
                Pair(found.samples.script(row), found.samples.script(twin), f"goes: {row}", f"stays: {twin}", note)
            )
    return (
        Section("Duplicates, side by side", "A row goes because of a row that stays.", tuple(blocks))
        if blocks
        else None
    )


def _overlap(found: Audit) -> Section | None:
    if found.check is None:
        return None
    by_file = found.check.matches.group_by("eval_file", "class").agg(pl.col("row_id").n_unique().alias("rows"))
    lines = tuple(by_file.sort("eval_file", "class").iter_rows())
    columns = (Column("eval file", "code"), Column("class"), Column("rows", "number"))
    blocks: list[Block] = [Table(columns, lines)] if lines else []
    for rule in problems.OVERLAPS:
        for row, details in _first_two(found, rule):
            case = str(details["twin"])
            note = f"{rule}, score {details['score']}"
            blocks.append(
                Pair(found.samples.script(row), found.cases.script(case), f"row {row}", f"eval item {case}", note)
            )
    highest = max(found.check.nearest["cosine"].to_list(), default=None)
    said = f"{found.check.pairs_compared:,} pairs of windows compared"
    said += "" if found.check.matches.height else ", no match"
    said += "." if highest is None else f"; the highest cosine found is {highest:.3f}."
    return Section("Overlap with eval files", said, tuple(blocks))


def _first_two(found: Audit, rule: str) -> list[tuple[str, Mapping[str, Cell]]]:
    problem = next((p for p in found.problems if p.kind is problems.BY_RULE[rule]), None)
    return [(row, problem.details[row]) for row in problem.rows[:2]] if problem else []


def _broken(found: Audit) -> Section | None:
    if not found.reasons:
        return None
    table = Table((Column("reason"), Column("rows", "number")), tuple(found.reasons.items()))
    return Section("Rows that cannot be read", "", (table,))


def _about(found: Audit) -> Section:
    shown = (
        "Personal data in shown rows is masked."
        if found.samples.masked
        else "No text of a row is shown: personal data was not looked for."
    )
    note = (
        f"Dataset fingerprint {found.fingerprint}. Intervals are 95 % Wilson intervals: what to expect of more rows "
        f"from the same source. Each step ran on all rows; curation runs them one after another and may meet fewer. {shown}"
    )
    return Section("About this audit", "", (Note(note),))

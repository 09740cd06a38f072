"""The audit as a page: the ten worst problems first, then sizes, personal data, duplicates and overlap side by side.

report(found).write(Path("audit.html"))
"""

from dataclasses import replace

from curate import bias_report, lengths, other_languages, plots, problems, quality_report, residual_report, stats
from curate import chats as chat
from curate.audit import READ, STEPS, USABLE, Audit
from curate.counted import counted
from curate.diversity import sections as diversity
from curate.page import side_by_side
from curate.problems import Problem
from curate.report import Block, Column, Fact, Figure, Finding, Note, Plot, Report, Section, Table

TOP = 10
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
UNCOUNTED = "Where a script puts no space between words, lengths in words say nothing and lengths in characters do."


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
        *(
            [Fact("rows not in English", found.other_languages, "the encoder reads English only")]
            if found.other_languages
            else []
        ),
    )
    sections = (
        _top(found),
        *quality_report.sections(found),
        *(_with_both_counts(found, part) for part in bias_report.sections(found)),
        _sizes(found),
        _personal(found),
        _combinations(found),
        _planted(found),
        side_by_side.duplicates(found),
        side_by_side.disagreeing(found),
        side_by_side.overlap(found),
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


def also(found: Audit) -> tuple[Finding, ...]:
    """The findings after the first ten, with their rows: a page has room for them."""
    return tuple(replace(_finding(found, problem), folded=True) for problem in found.problems[TOP:])


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
    return len(_rows_with(found, *rules))


def _against(found: Audit) -> str:
    return f"against {counted(found.check.items, 'eval item')}" if found.check else "no eval file was named"


def _finding(found: Audit, problem: Problem) -> Finding:
    kind = problem.kind
    shown = problem.rows[: found.shown]
    if kind is problems.BROKEN:
        columns = (Column("source", "code"), Column("reason"))
        rows = Table(columns, tuple((row, problem.details[row]["reason"]) for row in shown), total=problem.count)
    else:
        rows = found.samples.table(shown, total=problem.count, more=problem.details)
    if kind in side_by_side.DISAGREE.values():
        rows = side_by_side.with_the_other(found, rows, problem)
    share = Figure.of(problem.share, "%")
    return Finding(kind.severity, kind.title.capitalize(), problem.count, share, kind.why, kind.todo, rows)


def _with_both_counts(found: Audit, part: Section) -> Section:
    """Toxicity counts every row with a toxic turn; among the findings a row whose answer is toxic stands there alone."""
    counts = found.bias.toxicity if found.bias is not None else None
    queries = _rows_with(found, "toxic query")
    if part.title != "Toxicity" or counts is None or not queries:
        return part
    said = (
        f"Each line counts all rows with such a turn. The finding {problems.BY_RULE['toxic query'].title!r} ({len(queries):,}) "
        f"leaves out those whose answer is toxic too: they stand under {problems.BY_RULE['toxic answer'].title!r}."
    )
    return replace(part, blocks=(*part.blocks, Note(said)))


def _rows_with(found: Audit, *rules: str) -> set[str]:
    kinds = {problems.BY_RULE[rule] for rule in rules}
    return {row for problem in found.problems if problem.kind in kinds for row in problem.rows}


def _top(found: Audit) -> Section:
    unread = _unread(found)
    blocks: list[Block] = [*unread, *(_finding(found, problem) for problem in found.problems[:TOP])]
    if rest := found.problems[TOP:]:
        columns = (Column("also found"), Column("rows", "number"), Column(READ, "number"))
        lines = tuple((p.kind.title, p.count, Figure.of(p.share, "%")) for p in rest)
        blocks.append(Table(columns, lines))
    blocks += [Finding("good", f"Looked for and not found: {said}") for said in found.absent]
    if found.unmeasured:
        blocks.append(Note(f"Not looked for: {', '.join(found.unmeasured)}."))
    things = "thing" if len(found.problems) == 1 else "things"
    title = f"The {NUMBERS[min(len(found.problems), TOP)]} {things} to fix"
    text = "Ranked by severity times rows. One row may stand under several of them." if found.problems else "Nothing."
    text += _bases(found) if found.problems else ""
    if unread:
        text = f"Before all else, what was hardly read. {text if found.problems else 'Nothing else.'}"
    return Section(title if found.problems else "Things to fix", text, tuple(blocks))


def _unread(found: Audit) -> tuple[Finding, ...]:
    """What the encoder cannot see, before everything else; a few such rows are told of among the facts alone."""
    if not found.other_languages or found.other_languages < other_languages.FRONT * found.rows:
        return ()
    share = Figure.of(stats.wilson(found.other_languages, found.rows), "%")
    said = f"{other_languages.UNSEEN} {UNCOUNTED}"
    return (Finding("warning", other_languages.TITLE, found.other_languages, share, said, other_languages.INSTEAD),)


def _bases(found: Audit) -> str:
    """Of what shares are shares, where two counts of rows stand on one page."""
    if not found.quarantined:
        return ""
    return (
        f" Shares of findings are of the {found.rows + found.quarantined:,} rows read; what only rows that can be read "
        f"have is told of the {found.rows:,} usable ones."
    )


def _sizes(found: Audit) -> Section:
    of = found.measures
    shapes = of.group_by("shape").len().sort("len", "shape", descending=[True, False])
    columns = (Column("turns of a row"), Column("rows", "number"), Column(USABLE, "number"))
    lines = tuple((name, n, Figure.of(stats.wilson(n, found.rows), "%")) for name, n in shapes.head(8).iter_rows())
    columns_of_lengths = {
        name.replace("_", ", "): of[name] for name in of.columns if name.endswith(("_words", "_chars"))
    }
    blocks: list[Block] = [
        lengths.plot("Words per answer", "words", {"rows": of["answer_words"]}),
        lengths.plot("Words per query", "words", {"rows": of["query_words"]}),
        lengths.table(columns_of_lengths),
        Table(columns, lines, caption="Who speaks", total=shapes.height, things="orders of speakers"),
    ]
    if found.systems:
        head = (Column("rows", "number"), Column("first in", "code"), Column("system prompt", "text"))
        prompts = tuple((n, row, _system_text(found, row)) for row, n in found.systems[: found.shown])
        blocks.append(Table(head, prompts, caption="System prompts", total=len(found.systems), things="system prompts"))
    none = found.rows - sum(n for _, n in found.systems)
    prompts_of = counted(len(found.systems), "distinct system prompt")
    said = f"{prompts_of}; {counted(none, 'row has', 'rows have')} none."
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
        Column(USABLE, "number"),
    )
    shares = {kind: stats.wilson(rows, found.rows) for kind, (_, rows) in found.pii.items()}
    lines = tuple((kind, values, rows, Figure.of(shares[kind], "%")) for kind, (values, rows) in found.pii.items())
    picture = plots.bars(
        list(shares),
        [share.value for share in shares.values()],
        [share.low for share in shares.values()],
        [share.high for share in shares.values()],
        x=USABLE,
        percent=True,
    )
    alt = "Share of rows with each kind of personal data. " + "; ".join(
        f"{kind} {counted(line[2], 'row')}" for kind, line in zip(shares, lines, strict=True)
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
    columns = (Column("together"), Column("rows", "number"), Column(USABLE, "number"))
    return Section("Combinations that find a person", said, (Table(columns, lines),))


def _planted(found: Audit) -> Section | None:
    """What the finder misses, as far as invented values can tell."""
    if found.planted is None or not found.planted.table.height:
        return None
    said = (
        "Invented values, put into a copy of your own turns and looked for: in a sentence that names what the value is, and bare in one "
        "that does not. The sentences are ours, so real data is found less often; what is spelt out or hinted at is not in here."
    )
    blocks: list[Block] = [residual_report.planted(found.planted)]
    if found.left is not None:
        blocks.append(Note(f"After replacement the same search finds {counted(found.left, 'value')} in these rows."))
    if found.planted.not_planted:
        blocks.append(Note(f"Not planted: {', '.join(found.planted.not_planted)}."))
    return Section("What the search for personal data misses", said, tuple(blocks))


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

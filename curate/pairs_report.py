"""What deduplication found, as parts of a page: pairs on both sides of a threshold, conflicts, templates, one answer to many questions.

    shown = choose(steps.found, steps.ledger, thresholds_of(recipe), keep=())
    sections(shown, Samples.of(read.chats, shown.ids(), mask))

A threshold is chosen by reading the pairs nearest to it. Texts come in masked, and each renderer escapes them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.duplicates import found as pairs_found
from curate.duplicates.found import Found
from curate.recipe import Recipe
from curate.report import Block, Cell, Column, Figure, Note, Pair, Section, Table
from curate.samples import Samples

SHOWN, LISTED = 4, 10  # pairs of each kind and side, answers given to many questions
LIMIT = 500  # characters of a text

Text = Callable[[str], str]  # a row's id -> what may be shown of it
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """The pairs of a step that are nearest to its threshold: rows that hardly go, rows that would go next."""

    step: str
    threshold: float
    within: tuple[Line, ...]
    without: tuple[Line, ...]


@dataclass(frozen=True)
class Shown:
    """What the page shows. `gone_by` says which step removed a row; `conflicts` and `templates` are of rows that were kept."""

    sides: tuple[Side, ...]
    lines: Mapping[str, list[pairs_found.Line]]
    conflicts: tuple[Line, ...]
    templates: tuple[Line, ...]
    counts: Mapping[str, int]
    masses: pl.DataFrame
    gone_by: Mapping[str, str]

    def ids(self) -> set[str]:
        """The rows whose texts are shown."""
        borderline = [line for side in self.sides for line in (*side.within, *side.without)]
        ids = {line[name] for line in borderline for name in ("row", "other")}
        ids |= {line[name] for line in (*self.conflicts, *self.templates) for name in "ab"}
        return ids | set(self.masses["row"][:LISTED])


def thresholds_of(recipe: Recipe) -> dict[str, float]:
    """The steps of a recipe that have a threshold for pairs of rows, in their order."""
    steps = {"near": recipe.near, "semantic": recipe.semantic}
    return {name: step.threshold for name, step in steps.items() if step}


def choose(
    found: Found, ledger: pl.DataFrame, thresholds: Mapping[str, float], keep: Collection[str], count: int = SHOWN
) -> Shown:
    """Which pairs a page shows: few, no row twice in a part, and of conflicts and templates those whose rows were kept."""
    gone_by = removed_by(ledger)
    of_step = {step: found.pairs.filter(pl.col("step") == step) for step in thresholds}
    stay = ~pl.col("a").is_in(list(gone_by)) & ~pl.col("b").is_in(list(gone_by))
    conflicts = found.pairs.filter(pl.col("kind") == "conflict", stay)
    both = pl.struct(pl.min_horizontal("a", "b").alias("a"), pl.max_horizontal("a", "b").alias("b"))
    # A pair that both steps call a template is told once, and one that is a conflict not at all.
    templates = found.pairs.filter(pl.col("kind") == "template", stay).unique(["a", "b"], keep="first")
    templates = templates.filter(
        ~templates.select(both).to_series().is_in(conflicts.select(both).to_series().implode())
    )
    likeness = pl.coalesce("score", "cosine")
    return Shown(
        tuple(side(step, pairs, thresholds[step], count, keep) for step, pairs in of_step.items()),
        {step: pairs_found.grid(pairs, (thresholds[step],), keep) for step, pairs in of_step.items()},
        # First the answers that are most alike: they contradict each other where an open question only has two answers.
        _few(conflicts.sort("cosine", "a", "b", descending=[True, False, False]), count),
        _few(templates.sort(likeness, "a", "b", descending=[True, False, False]), count),
        {"conflicts": conflicts.height, "templates": templates.height},
        found.masses,
        gone_by,
    )


def side(step: str, pairs: pl.DataFrame, threshold: float, count: int, keep: Collection[str]) -> Side:
    """The pairs of a step that are nearest to a threshold."""
    within, without = pairs_found.borderline(pairs, threshold, count, keep)
    return Side(step, threshold, tuple(within.to_dicts()), tuple(without.to_dicts()))


def removed_by(ledger: pl.DataFrame) -> dict[str, str]:
    """Row -> the step that removed it."""
    return dict(ledger.filter(pl.col("action") == "removed").select("row_id", "step").iter_rows())


def _few(pairs: pl.DataFrame, count: int) -> tuple[Line, ...]:
    seen: set[str] = set()
    chosen: list[Line] = []
    for line in pairs.iter_rows(named=True):
        if len(chosen) < count and not {line["a"], line["b"]} & seen:
            chosen.append(line)
            seen |= {line["a"], line["b"]}
    return tuple(chosen)


# -- parts of a page --------------------------------------------------------------------------------------------------


def sections(shown: Shown, rows: Samples) -> tuple[Section, ...]:
    """The parts that have anything to show."""
    parts = (_borderline(shown, rows.script), _conflicts(shown, rows), _templates(shown, rows), _masses(shown, rows))
    return tuple(part for part in parts if part)


def _borderline(shown: Shown, text: Text) -> Section | None:
    if not shown.sides:
        return None
    said = (
        "A pair of rows whose score reaches the threshold is a duplicate, and the better row stays. Here are the pairs nearest to "
        "it, on both sides: read them to choose a threshold. `winnow thresholds ITERATION --near 0.8` tells what another one "
        "would do, without computing anything again."
    )
    blocks: list[Block] = [lines_table(shown.lines, {side.step: side.threshold for side in shown.sides})]
    for each in shown.sides:
        blocks += side_blocks(each, shown.gone_by, text)
    return Section("Borderline duplicates", said, tuple(blocks))


def lines_table(lines: Mapping[str, list[pairs_found.Line]], now: Mapping[str, float]) -> Table:
    """A line for each threshold: pairs at or above it, and rows that would go, step by step."""
    columns = [Column("threshold")]
    for step in lines:
        columns += [Column(f"{step}: pairs", "number"), Column(f"{step}: rows that go", "number")]
    by_step = {step: {line.threshold: line for line in some} for step, some in lines.items()}
    rows: list[tuple[Cell, ...]] = []
    for threshold in sorted({line.threshold for some in lines.values() for line in some}):
        present = ", ".join(step for step in lines if now.get(step) == threshold)
        cells: list[Cell] = [f"{threshold:.4g}" + (f"  ← now ({present})" if present else "")]
        for step in lines:
            line = by_step[step].get(threshold)
            cells += [line.pairs, line.rows] if line else [None, None]
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows), caption="What other thresholds would do, each step by itself")


def side_blocks(side: Side, gone_by: Mapping[str, str], text: Text, limit: int = LIMIT) -> Iterator[Block]:
    """Both sides of a step's threshold, each under its heading."""
    heads = (
        ("within", f"{side.step}: just reaching {side.threshold:.4g}", "row {row}: goes", "row {other}: stays",
         "The row on the left goes; a stricter threshold would let it back in."),
        ("without", f"{side.step}: just below {side.threshold:.4g}", "row {row}: would go next", "row {other}: would stay",
         "Both stay; a looser threshold would remove the row on the left."),
    )  # fmt: skip
    for name, title, left, right, said in heads:
        lines: tuple[Line, ...] = getattr(side, name)
        nothing = "No row of this step is on this side of the threshold." if not lines else said
        yield Note(nothing, title)
        for line in lines:
            later = _later(line, side.step, gone_by) if name == "without" else ""
            labels = left.format(**line), right.format(**line)
            yield pair(text(line["row"]), text(line["other"]), labels, (measured(line), later), limit)


def pair(left: str, right: str, labels: tuple[str, str], said: Iterable[str], limit: int = LIMIT) -> Pair:
    """Two rows side by side, whose they are, and what was measured."""
    alike = left == right and not left.startswith("(not ")
    same = "nothing shown differs: only case, spacing, or personal data, which is masked" if alike else ""
    return Pair(left, right, *labels, "; ".join(part for part in (*said, same) if part), limit)


def measured(line: Line) -> str:
    """The rule and what was measured of a pair: "near duplicate, score 0.711"."""
    parts = f"{line['rule']}, score {line['score']:.3f}"
    if line.get("question") is None:
        return parts
    return f"{parts} (same question {line['question']:.3f}, same answer {line['answer']:.3f})"


def _later(line: Line, step: str, gone_by: Mapping[str, str]) -> str:
    said = [
        f"{line[name]} was removed by the step {gone_by[line[name]]}"
        for name in ("row", "other")
        if line[name] in gone_by
    ]
    return "; ".join(said)


def _conflicts(shown: Shown, rows: Samples) -> Section | None:
    n = shown.counts["conflicts"]
    if not n:
        return None
    said = (
        f"{n:,} {'row answers' if n == 1 else 'rows answer'} a question otherwise than a better row that asks the same. Both stay: "
        "which answer is right is for a person to say. Answers that are most alike come first, because they contradict each other; "
        f"{_of(shown.conflicts, n)}."
    )
    blocks = [
        pair(
            rows.script(line["a"]), rows.script(line["b"]), (f"row {line['a']}", f"row {line['b']}"),
            [f"same question {line['question']:.3f}", f"cosine of the answers {line['cosine']:.2f}"],
        )
        for line in shown.conflicts
    ]  # fmt: skip
    return Section("One question, two answers", said, tuple(blocks))


SET_APART = {"negation": "one of them is negated", "yes or no": "one says yes, the other no"}


def _templates(shown: Shown, rows: Samples) -> Section | None:
    n = shown.counts["templates"]
    if not n:
        return None
    said = (
        f"{n:,} {'pair of rows says' if n == 1 else 'pairs of rows say'} the same but for facts that contradict each other: numbers, "
        f"units, names, a negation, a yes and a no. Both rows stay; {_of(shown.templates, n)}."
    )
    blocks = [
        pair(
            rows.script(line["a"]), rows.script(line["b"]), (f"row {line['a']}", f"row {line['b']}"),
            [SET_APART.get(line["rule"], f"other {line['rule']}"),
             f"score of the {line['step']} step {line['score']:.3f}" if line["score"] is not None
             else f"cosine of the questions {line['cosine']:.3f}"],
        )
        for line in shown.templates
    ]  # fmt: skip
    return Section("Variants of one template", said, tuple(blocks))


def _of(shown: Collection[Line], total: int) -> str:
    return f"{len(shown):,} of {total:,} are shown" if len(shown) < total else "all are shown"


def _masses(shown: Shown, rows: Samples) -> Section | None:
    if not shown.masses.height:
        return None
    columns = (
        Column("row", "code"), Column("rows", "number"), Column("different questions", "number"), Column("share", "number"),
        Column("answer", "text"),
    )  # fmt: skip
    lines = tuple(
        (line["row"], line["rows"], line["questions"], Figure(line["share"], unit="%"), rows.answer(line["row"]))
        for line in shown.masses.head(LISTED).iter_rows(named=True)
    )
    said = (
        "Answers that many different questions have, such as a refusal or 'I do not know'. The rows stay, but a model learns such "
        "an answer well. Counted on the rows that the semantic step was given, each beside one of its rows."
    )
    return Section(
        "One answer to many questions", said, (Table(columns, lines, total=shown.masses.height, things="answers"),)
    )

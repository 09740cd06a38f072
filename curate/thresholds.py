"""`winnow thresholds`: what another threshold would do to the duplicates of an iteration, decided from the pairs it wrote down.

    told = thresholds(iteration.open(Path("iterations/001")), mask)                    # every threshold, and the pairs nearest
    told = thresholds(iteration.open(Path("iterations/001")), mask, {"near": 0.8})     # which rows come back, which go
    print(told)

No row is compared again, no vector and no signature is computed. Each step is decided by itself, on the rows that it was given
then: what follows in the later steps, only curating again can tell. Texts are read again from the sources and masked.
"""

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from curate import files, pairs_report
from curate import recipe as recipes
from curate.counted import counted
from curate.duplicates import found
from curate.duplicates.found import Line
from curate.errors import BadInput, Refused
from curate.iteration import Iteration
from curate.pairs_report import Side
from curate.recipe import Recipe
from curate.report import Block, Note, Section, terminal
from curate.report.excerpt import visible
from curate.samples import script

Mask = Callable[[str], str]

STEPS = ("near", "semantic")
LIMIT, LISTED = 300, 10  # characters of a text, ids on a line
PLAIN_WIDTH = 100


@dataclass(frozen=True)
class Changed:
    """What another threshold of a step would do, all else equal."""

    wanted: float
    removed: int  # rows that would go
    back: tuple[str, ...]  # rows that went and would not
    go: tuple[str, ...]  # rows that did not go and would
    gone_anyway: int  # of those that would go: rows that a later step removed
    pairs_back: tuple[Mapping[str, Any], ...]  # some, each beside its twin, spread over the scores
    pairs_go: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Decided:
    """One step: its own threshold, what every threshold would do, the pairs nearest to its own, and what was asked for."""

    step: str
    threshold: float
    removed: int
    lines: tuple[Line, ...]
    side: Side
    changed: Changed | None = None


@dataclass(frozen=True)
class Thresholds:
    """What was asked of an iteration. `texts`: row id -> masked text, or why it is not shown."""

    iteration: str
    steps: tuple[Decided, ...]
    notes: tuple[str, ...]
    gone_by: Mapping[str, str]
    texts: Mapping[str, str]
    show: int

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`; ids are all there."""
        return {key: value for key, value in asdict(self).items() if key != "gone_by"}

    def __str__(self) -> str:
        out = io.StringIO()
        Console(file=out, width=PLAIN_WIDTH, color_system=None).print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for step in self.steps:
            head = f"{step.step}: threshold {step.threshold:.4g}, {step.removed:,} {_rows(step.removed)} removed"
            yield Text(visible(head), style="bold")
            yield _grid(step)
            if blocks := tuple(self._blocks(step)):
                yield terminal.section(Section("Rows beside their twins", "", blocks))
            yield Text("")
        for note in self.notes:
            yield Text(visible(note), style="dim")

    def _blocks(self, step: Decided) -> Iterator[Block]:
        if step.changed is None and self.show:
            yield from pairs_report.side_blocks(step.side, self.gone_by, self.texts.__getitem__, LIMIT)
        if step.changed is None:
            return
        if not step.changed.back and not step.changed.go:
            yield Note(f"The same rows go at {step.changed.wanted:.4g}.")
            return
        yield from self._changes(step.changed.back, step.changed.pairs_back, "would come back", "kept twin {twin}")
        yield from self._changes(step.changed.go, step.changed.pairs_go, "would go", "twin {twin}, would stay")

    def _changes(
        self, rows: Collection[str], pairs: Iterable[Mapping[str, Any]], what: str, twin: str
    ) -> Iterator[Block]:
        if not rows:
            return
        listed = ", ".join(list(rows)[:LISTED]) + (f" and {len(rows) - LISTED:,} more" if len(rows) > LISTED else "")
        yield Note(listed, f"{len(rows):,} {_rows(len(rows))} {what}")
        for line in pairs:
            later = self.gone_by.get(line["row"]) if what == "would go" else None
            said = [pairs_report.measured(line), f"the step {later} removed it" if later else ""]
            labels = f"row {line['row']}: {what}", twin.format(**line)
            yield pairs_report.pair(self.texts[line["row"]], self.texts[line["twin"]], labels, said, LIMIT)


def thresholds(it: Iteration, mask: Mask, wanted: Mapping[str, float] | None = None, show: int = 10) -> Thresholds:
    """What other thresholds would do. With `wanted` (step -> threshold) only these steps, decided again.

    BadInput for a step that the recipe left out, a threshold below the floor of the pairs, an iteration without pairs.
    """
    pairs = found.read(it.data / found.FILE, it.manifest["outputs"].get(found.FILE))
    recipe = recipes.of(dict(it.manifest["recipe"]))
    own = pairs_report.thresholds_of(recipe)
    for step, threshold in (wanted or {}).items():
        _check(it, pairs.filter(pl.col("step") == step), step, threshold, own)
    gone_by = pairs_report.removed_by(it.ledger())
    steps = tuple(
        _decided(step, pairs.filter(pl.col("step") == step), own[step], (wanted or {}).get(step), recipe, gone_by, show)
        for step in own
        if not wanted or step in wanted
    )
    texts = texts_of(it, _shown(steps), mask)
    return Thresholds(str(it.path), steps, tuple(_notes(it, steps)), gone_by, texts, show)


def changed(it: Iteration, wanted: Mapping[str, float]) -> Recipe:
    """The iteration's recipe with other thresholds."""
    plain = dict(it.manifest["recipe"])
    return recipes.of(plain | {step: {**plain[step], "threshold": threshold} for step, threshold in wanted.items()})


def agrees(it: Iteration) -> str:
    """Check that the pairs give the ledger's duplicates again, and say so; Refused where they do not."""
    try:
        pairs = found.read(it.data / found.FILE, it.manifest["outputs"].get(found.FILE))
    except BadInput as problem:
        raise Refused(problem.what, where=problem.where, hint=problem.hint) from None
    ledger = it.ledger().filter(pl.col("action").is_in(["removed", "overridden"]))
    total = 0
    for step, threshold in pairs_report.thresholds_of(recipes.of(dict(it.manifest["recipe"]))).items():
        told = found.decide(pairs.filter(pl.col("step") == step), threshold)
        real = ledger.filter(pl.col("step") == step).select(row="row_id", twin="twin", score="score", rule="rule")
        if not told.equals(real.sort("row")):
            what = f"the pairs it kept do not give the rows that the ledger says the {step} step removed"
            raise Refused(what, where=str(it.data / found.FILE), hint="curate again into another folder")
        total += told.height
    return f"{found.FILE} gives the {counted(total, 'near or semantic duplicate')} of the ledger again"


def compared(decided: Thresholds, done: Iteration) -> Iterator[str]:
    """What was decided from the pairs, beside what curating again did: a sentence for each step that was asked for."""
    removed = {step["name"]: step["removed"] for step in done.manifest["steps"]}
    for step in decided.steps:
        if step.changed:
            told, real = step.changed.removed, removed[step.step]
            yield f"{step.step} at {step.changed.wanted:.4g}: {real:,} {_rows(real)} removed; decided from the pairs, {told:,}"


def _check(it: Iteration, pairs: pl.DataFrame, step: str, threshold: float, own: Mapping[str, float]) -> None:
    if step not in own:
        raise BadInput(f"the recipe of this iteration left the {step} step out", where=str(it.path))
    floor = pairs["floor"][0] if pairs.height else found.GRID[0]
    if not floor <= threshold <= 1:
        what = f"--{step} must be from {floor:.4g}, below which no pairs were kept, to 1; not {threshold:.4g}"
        raise BadInput(what, hint=f"winnow thresholds {it.path} --{step} 0.8")


def _decided(
    step: str,
    pairs: pl.DataFrame,
    own: float,
    wanted: float | None,
    recipe: Recipe,
    gone_by: Mapping[str, str],
    show: int,
) -> Decided:
    lines = tuple(found.grid(pairs, {own, own if wanted is None else wanted}, recipe.keep))
    now = _gone(pairs, own, recipe.keep)
    side = pairs_report.side(step, pairs, own, show if wanted is None else 0, recipe.keep)
    if wanted is None:
        return Decided(step, own, now.height, lines, side)
    then = _gone(pairs, wanted, recipe.keep)
    back, go = now.join(then, on="row", how="anti"), then.join(now, on="row", how="anti")
    later = sum(gone_by.get(row) is not None for row in go["row"])
    what = Changed(
        wanted, then.height, tuple(back["row"]), tuple(go["row"]), later, _spread(back, show), _spread(go, show)
    )
    return Decided(step, own, now.height, lines, side, what)


def _gone(pairs: pl.DataFrame, threshold: float, keep: Collection[str]) -> pl.DataFrame:
    return found.decide(pairs, threshold).filter(~pl.col("row").is_in(list(keep)))


def _spread(gone: pl.DataFrame, count: int) -> tuple[Mapping[str, Any], ...]:
    """So many of these rows, from the lowest score to the highest at even steps."""
    ordered = gone.sort("score", "row")
    if ordered.height > count:
        ordered = ordered[[place * ordered.height // count for place in range(count)]]
    return tuple(ordered.to_dicts())


def _shown(steps: Iterable[Decided]) -> set[str]:
    ids = set[str]()
    for step in steps:
        lines = [*step.side.within, *step.side.without]
        lines += [*step.changed.pairs_back, *step.changed.pairs_go] if step.changed else []
        ids |= {line[name] for line in lines for name in ("row", "other", "twin") if name in line}
    return ids


def _notes(it: Iteration, steps: Iterable[Decided]) -> Iterator[str]:
    """What the file of pairs cannot tell."""
    order = [step["name"] for step in it.manifest["steps"]]
    for step in steps:
        after = ", ".join(order[order.index(step.step) + 1 :])
        if step.changed and (n := len(step.changed.back)):
            yield (
                f"The steps after {step.step} ({after}) have never seen the {n:,} {_rows(n)} that would come back: they may remove "
                "some of them, or others beside them."
            )
        if step.changed and (n := len(step.changed.go)):
            yield (
                f"Of the {n:,} {_rows(n)} that would go by {step.step}, later steps removed {step.changed.gone_anyway:,} anyway. A row "
                "that a later step removed because of one of them may stay."
            )
    asked = [f"--{step.step} {step.changed.wanted:.4g}" for step in steps if step.changed] or ["--near THRESHOLD"]
    yield (
        "Each step is decided by itself, on the rows it was given then, all else equal. What really happens, curating again tells "
        f"(what did not change is cached): winnow thresholds {it.path} {' '.join(asked)} -o ANOTHER"
    )


# -- texts ------------------------------------------------------------------------------------------------------------


def texts_of(it: Iteration, ids: Collection[str], mask: Mask) -> dict[str, str]:
    """Masked texts of rows as the steps saw them: from the source where the ledger names it, else from the training file."""
    if not ids:
        return {}
    lines = it.ledger().filter(pl.col("row_id").is_in(list(ids))).unique("row_id", keep="first", maintain_order=True)
    named = {row: (source, mark) for row, source, mark in lines.select("row_id", "source", "fingerprint").iter_rows()}
    again = files.find_all(dict(named.values()))
    texts = {}
    for row, (source, _) in named.items():
        one = again[source]
        texts[row] = f"(not shown: {one})" if isinstance(one, str) else mask(script(one["turns"]))
    if rest := sorted(set(ids) - set(named)):
        # A row that the ledger does not know was never touched: it stands in the training file as it came.
        kept = it.chats().filter(pl.col("id").is_in(rest))
        texts |= {row: mask(script(turns)) for row, turns in zip(kept["id"], kept["turns"].to_list(), strict=True)}
    return dict.fromkeys(ids, "(not found)") | texts


# -- on a terminal ----------------------------------------------------------------------------------------------------


def _grid(step: Decided) -> Grid:
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    for name in ("threshold", "pairs", "rows that go", "more or fewer", ""):
        grid.add_column(name, justify="left" if name == "" else "right")
    for line in step.lines:
        wanted = step.changed is not None and line.threshold == step.changed.wanted
        mark = "now" if line.threshold == step.threshold else "asked for" if wanted else ""
        more = line.rows - step.removed
        cells = (f"{line.threshold:.4g}", f"{line.pairs:,}", f"{line.rows:,}", f"{more:+,}" if more else "", mark)
        grid.add_row(*cells, style="bold" if mark else "")
    return grid


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"

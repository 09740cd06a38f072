"""`winnow verify --dedup`: the two promises of deduplication, checked again on an iteration by other, plain code.

    print(verify_dedup(Path("iterations/001"), models))

1. Every removed row has a twin that its step kept, and that is within the threshold.
2. No two rows that a step kept are within its threshold.

The sources are read again and the ledger is followed, so each step is checked on the rows that it was given: exact, near and semantic on
the texts as they were read, "exact again" on the texts after personal data was replaced (twins: replaced again here; kept rows:
the training file). A twin may have been removed by a later step. Rows that the recipe keeps are exempt, and listed.

Which rows to compare is told by other means than the steps use: all pairs below `EXHAUSTIVE` rows, above it a stated sample of kept rows
against all kept rows. What near and semantic call the same is their own definition (`confirm`, `sameness`); it is not written twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate import files, iteration, replacement
from curate.detectors import Models
from curate.duplicates import semantic
from curate.duplicates.promise_rules import Rule, exact_rule, near_rule, semantic_rule
from curate.errors import BadInput
from curate.progress import Progress, silent
from curate.replacement_styles import numbered

__all__ = ["Kept", "Promises", "Violation", "check", "verify_dedup"]

EXHAUSTIVE = 25_000  # kept rows up to which all pairs are compared
SAMPLE = 1_000  # kept rows that are compared with all others above that
LISTED = 20  # violations that are printed


@dataclass(frozen=True)
class Violation:
    """A promise that does not hold: of a removed row and its twin, or of two kept rows."""

    step: str
    promise: str
    row: str
    other: str | None

    def __str__(self) -> str:
        return f"{self.step}: {self.row} {self.promise} {self.other or ''}".rstrip()


@dataclass(frozen=True)
class Kept:
    """What was checked of one step."""

    step: str
    rows: int
    removed: int
    compared: int  # pairs of kept rows
    sampled: int | None  # kept rows that were compared with all; None: all of them
    exempt: tuple[str, ...]
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        how = "all" if self.sampled is None else f"a sample of {self.sampled:,} with all"
        exempt = f"; exempt by the recipe: {', '.join(self.exempt)}" if self.exempt else ""
        return (
            f"{self.step}: {self.removed:,} of {self.rows:,} rows removed, each beside its twin; "
            f"{self.compared:,} pairs of kept rows compared ({how}); {len(self.violations)} violations{exempt}"
        )


@dataclass(frozen=True)
class Promises:
    """The verdict on an iteration."""

    target: str
    steps: tuple[Kept, ...]
    not_checked: tuple[str, ...] = ()

    @property
    def violations(self) -> tuple[Violation, ...]:
        """All promises that do not hold."""
        return tuple(found for step in self.steps for found in step.violations)

    @property
    def hold(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {"holds": self.hold} | asdict(self)

    def __str__(self) -> str:
        head = "hold" if self.hold else f"are broken {len(self.violations):,} times"
        lines = [f"The promises of deduplication {head}: {self.target}", *map(str, self.steps)]
        lines += [f"not checked: {what}" for what in self.not_checked]
        lines += [f"broken: {found}" for found in self.violations[:LISTED]]
        if len(self.violations) > LISTED:
            lines.append(f"and {len(self.violations) - LISTED:,} more")
        return "\n".join(lines)


def check(
    step: str,
    rows: pl.DataFrame,
    removed: Mapping[str, str | None],
    rule: Rule,
    *,
    exempt: Collection[str] = (),
    exhaustive: int = EXHAUSTIVE,
    sample: int = SAMPLE,
    seed: int = 0,
) -> Kept:
    """Check a step on the rows it was given. `removed`: row id -> twin. `exempt` rows may stay beside a twin."""
    place = {row: i for i, row in enumerate(rows["id"].to_list())}
    found = [
        Violation(step, "was removed, but the step never had it", row, None) for row in removed if row not in place
    ]
    twins = []
    for row, twin in removed.items():
        if twin is None or twin not in place or twin in removed or twin == row:
            found.append(Violation(step, "was removed without a kept twin:", row, twin))
        elif row in place:
            twins.append((row, twin))
    near = rule.within(rows, [(place[row], place[twin]) for row, twin in twins])
    found += [
        Violation(step, "is not within the threshold of its twin", row, twin)
        for (row, twin), fine in zip(twins, near, strict=True)
        if not fine
    ]
    kept = [i for row, i in place.items() if row not in removed]
    some = kept if rule.always_all or len(kept) <= exhaustive else _sample(kept, rows["id"].to_list(), sample, seed)
    stays = rows[np.array(kept, dtype=np.int64)]
    at = {i: number for number, i in enumerate(kept)}
    pairs = rule.near(stays, [at[i] for i in some])
    ids = stays["id"].to_list()
    pairs = [(a, b) for a, b in pairs if ids[a] not in exempt and ids[b] not in exempt]
    for (a, b), same in zip(pairs, rule.within(stays, pairs), strict=True):
        if same:
            found.append(Violation(step, "was kept beside", *sorted((ids[a], ids[b]))))
    compared = len(some) * (len(kept) - 1) - len(some) * (len(some) - 1) // 2
    spared = tuple(sorted(row for row in exempt if row in place))
    return Kept(
        step,
        rows.height,
        len(removed),
        compared,
        None if len(some) == len(kept) else len(some),
        spared,
        tuple(found),
    )


def _sample(kept: Sequence[int], ids: Sequence[str], size: int, seed: int) -> list[int]:
    """Some kept rows, by id and seed."""
    ordered = sorted(kept, key=ids.__getitem__)
    return sorted(np.random.default_rng(seed).choice(ordered, min(size, len(ordered)), replace=False).tolist())


def verify_dedup(target: Path, models: Models, progress: Progress = silent) -> Promises:
    """Check every step of an iteration that removes duplicates. BadInput where the sources are not what was curated."""
    done = iteration.open(target)
    made_from, ledger = done.manifest, done.ledger()
    recipe = made_from["recipe"]
    rows = _sources(done)
    keep = set(recipe["keep"])
    steps, not_checked = [], []
    for name in (step["name"] for step in made_from["steps"]):
        lines = ledger.filter((pl.col("step") == name) & (pl.col("action") == "removed"))
        removed = dict(lines.select("row_id", "twin").iter_rows())
        exempt = keep & set(ledger.filter((pl.col("step") == name) & (pl.col("action") == "overridden"))["row_id"])
        progress(f"verify: {name}", 0, 1)
        if rule := _rule(name, recipe, models):
            steps.append(check(name, rows, removed, rule, exempt=exempt, seed=recipe["seed"]))
        elif name == "exact again":
            steps.append(_after_replacing(done, rows, removed, exempt, models))
        progress(f"verify: {name}", 1, 1)
        rows = rows.filter(~pl.col("id").is_in(list(removed)))
    not_checked += [
        f"{name} (the recipe leaves it out)" for name in ("exact", "near", "semantic") if recipe[name] is False
    ]
    return Promises(str(target), tuple(steps), tuple(not_checked))


def _rule(name: str, recipe: Mapping[str, Any], models: Models) -> Rule | None:
    match name:
        case "exact":
            return exact_rule()
        case "near":
            return near_rule(recipe["near"]["threshold"])
        case "semantic":
            encoder = models.encoder
            threshold = recipe["semantic"].get("threshold") or semantic.THRESHOLD
            return semantic_rule(
                encoder.encode,
                models.judge_anew,
                threshold,
                latin_only=encoder.english_only,
                slack=encoder.slack,
                exact=encoder.exact().encode,
            )
    return None


def _after_replacing(
    done: iteration.Iteration, rows: pl.DataFrame, removed: Mapping[str, str | None], exempt: set[str], models: Models
) -> Kept:
    """Twins on rows whose personal data is replaced again as the ledger tells; what was kept on the training file.

    Where values were invented, placeholders stand in their place for the comparison, among the kept rows too.
    """
    asked = done.manifest["recipe"].get("pii") or {}
    style = numbered if asked.get("replace") == "surrogate" else None

    def again(ids: Collection[str]) -> pl.DataFrame:
        return replacement.replay(rows.filter(pl.col("id").is_in(list(ids))), done.ledger(), style)

    twins = check(
        "exact again", again({*removed, *filter(None, removed.values())}), removed, exact_rule(), exempt=exempt
    )
    kept = check("exact again", done.chats(), {}, exact_rule(), exempt=exempt)
    alike = (
        check("exact again", again(done.chats()["id"].to_list()), {}, exact_rule(), exempt=exempt) if style else kept
    )
    found = (
        *(each for each in twins.violations if each.promise != "was kept beside"),
        *dict.fromkeys([*kept.violations, *alike.violations]),
    )
    return Kept("exact again", rows.height, len(removed), kept.compared, None, twins.exempt, found)


def _sources(done: iteration.Iteration) -> pl.DataFrame:
    made_from = done.manifest
    paths = [Path(path) for path in made_from["data"]]
    read = files.read(paths, format=made_from["format"], on_error=made_from["on_error"])
    then = [dict(each) for each in made_from["inputs"]]
    if [each["sha256"] for each in then] != [vars(each)["sha256"] for each in read.inputs]:
        raise BadInput(
            "the sources are not the bytes that this iteration was made from, so its deduplication cannot be checked",
            where=str(done.path),
            hint="the source files as they were",
        )
    return read.chats

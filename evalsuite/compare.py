"""Two evaluations of the same cases, compared pair by pair: `winnow diff` for models.

    found = compare(Path("iterations/001/eval"), Path("iterations/002/eval"))
    print(found)            # one line per figure: before, after, difference with its interval, verdict

Cases are paired by suite, measure and id, so what is hard for both models cancels out. A verdict is `better` or `worse`
only when it survives Holm's correction for the number of figures compared; otherwise it is `inconclusive`, which is not
the same as equal. A mean over fewer than six pairs, and any figure over fewer than six templates, is not
tested: were all five alike, the exact sign test would still find p = 0.06.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from curate import stats
from curate.counted import counted
from curate.errors import BadInput
from curate.stats import Interval
from evalsuite.intervals import interval_of

ALPHA = 0.05
FEWEST = 6  # 2 * 0.5**6 = 0.031 is the first p-value of the sign test below ALPHA
NO_SPREAD = 1e-9  # a standard error this small, as a share of the mean, is rounding
LOST_FIRST = ("lost", "won", "changed")
PAIR = ["suite", "measure", "case_id"]


@dataclass(frozen=True)
class Change:
    """One figure before and after. `difference` is after - before over the cases that both sides could score."""

    suite: str
    measure: str
    label: str
    better: str  # higher | lower | neither
    kind: str  # share | mean
    before: float | None
    after: float | None
    difference: Interval
    p: float | None
    verdict: str  # better | worse | inconclusive | no pairs
    unpaired: int  # cases that one side or both could not score
    gained: int  # cases that went from fail to pass
    lost: int

    def __str__(self) -> str:
        flips = f"; {counted(self.gained, 'case')} won, {self.lost} lost" if self.kind == "share" else ""
        unscored = f"; {self.unpaired} without a pair" if self.unpaired else ""
        return f"{self.verdict:<13} {self.suite}: {self.label} {self.difference}{flips}{unscored}"


@dataclass(frozen=True)
class ModelDiff:
    """What changed in the model. `flips` holds, per flipped case, both completions; `notes` what could not be compared."""

    names: tuple[str, str]
    models: tuple[Mapping[str, Any], Mapping[str, Any]]
    changes: tuple[Change, ...]
    flips: pl.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    def change(self, suite: str, measure: str) -> Change:
        """One figure by name; KeyError where it was not compared."""
        return {(c.suite, c.measure): c for c in self.changes}[suite, measure]

    def __str__(self) -> str:
        head = f"{self.names[0]} -> {self.names[1]}, paired by case (difference = after - before)"
        return "\n".join(
            [head, *(f"  {change}" for change in self.changes), *(f"  note: {note}" for note in self.notes)]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        changes = [vars(change) | {"difference": vars(change.difference)} for change in self.changes]
        return {
            "names": list(self.names),
            "changes": changes,
            "flips": self.flips.to_dicts(),
            "notes": list(self.notes),
        }


def compare(before: Path, after: Path, *, names: tuple[str, str] = ("before", "after")) -> ModelDiff:
    """Compare two `eval/` folders. Suites that did not ask the same cases in the same way are named in `notes`, not compared."""
    sides = [_read(folder) for folder in (before, after)]
    suites, notes = _comparable(sides[0].manifest, sides[1].manifest)
    pairs = _pairs(sides[0].cases, sides[1].cases).filter(pl.col("suite").is_in(suites))
    measures = [m for m in sides[1].summary["metrics"] if m["suite"] in suites]
    changes = [
        _change(m, pairs.filter((pl.col("suite") == m["suite"]) & (pl.col("measure") == m["measure"])))
        for m in measures
    ]
    models = (sides[0].summary["model"], sides[1].summary["model"])
    return ModelDiff(names, models, _judged(changes), _flips(pairs, measures), tuple(notes))


@dataclass(frozen=True)
class _Side:
    manifest: dict[str, Any]
    summary: dict[str, Any]
    cases: pl.DataFrame


def _read(folder: Path) -> _Side:
    try:
        manifest, summary = (
            json.loads((folder / n).read_text(encoding="utf-8")) for n in ("manifest.json", "summary.json")
        )
        return _Side(manifest, summary, pl.read_parquet(folder / "cases.parquet"))
    except FileNotFoundError:
        raise BadInput(
            "this iteration was not evaluated", where=str(folder), hint=f"winnow eval {folder.parent}"
        ) from None
    except (ValueError, OSError, pl.exceptions.PolarsError):
        raise BadInput("the evaluation is damaged", where=str(folder), hint=f"winnow eval {folder.parent}") from None


def _comparable(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Suites that both sides ran on the same files with the same sampling and detectors; sentences about the others."""
    notes = []
    if before["sampling"] != after["sampling"]:
        changed = sorted(k for k in after["sampling"] if before["sampling"].get(k) != after["sampling"][k])
        return [], [f"nothing was compared: the two sides were sampled differently ({', '.join(changed)})"]
    suites = []
    for name, theirs in after["suites"].items():
        ours = before["suites"].get(name)
        if ours is None:
            notes.append(f"{name} was run on the second side only")
        elif {f["sha256"] for f in ours["files"]} != {f["sha256"] for f in theirs["files"]}:
            notes.append(f"{name} was not compared: the two sides asked different cases")
        elif ours["detectors"] != theirs["detectors"]:
            notes.append(f"{name} was not compared: the two sides were judged by different detectors")
        else:
            suites.append(name)
    notes += [f"{name} was run on the first side only" for name in before["suites"] if name not in after["suites"]]
    return suites, notes


def _pairs(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """One line per case and measure, with both values and both completions; values are null where unscored."""
    columns = [*PAIR, "cluster", "prompt", "ideal", "completion", "score", "unscored", "evidence"]
    joined = before.select(columns).join(after.select(columns), on=PAIR, how="full", coalesce=True, suffix="_after")
    return joined.with_columns(pl.coalesce("cluster", "cluster_after"), pl.coalesce("prompt", "prompt_after")).sort(
        PAIR
    )


def _change(measure: Mapping[str, Any], pairs: pl.DataFrame) -> Change:
    scored = pairs.drop_nulls(["score", "score_after"])
    before, after = scored["score"].to_list(), scored["score_after"].to_list()
    difference, p = _difference(before, after, scored["cluster"].to_list(), measure["kind"])
    win, loss = (1, 0) if measure["better"] == "lower" else (0, 1)
    flipped = list(zip(before, after, strict=True))
    return Change(
        suite=measure["suite"],
        measure=measure["measure"],
        label=measure["label"],
        better=measure["better"],
        kind=measure["kind"],
        before=_mean(before),
        after=_mean(after),
        difference=difference,
        p=p,
        verdict="inconclusive" if before else "no pairs",
        unpaired=pairs.height - scored.height,
        gained=sum(pair == (win, loss) for pair in flipped) if measure["kind"] == "share" else 0,
        lost=sum(pair == (loss, win) for pair in flipped) if measure["kind"] == "share" else 0,
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _difference(
    before: Sequence[float], after: Sequence[float], clusters: Sequence[str], kind: str
) -> tuple[Interval, float | None]:
    """The paired difference with its interval, and a p-value against 'no difference'.

    Shares: Newcombe's paired interval (1998, method 10) and the exact McNemar test (1947). Means: paired t. Where cases
    share a template, both come from the cluster-robust standard error of the differences (Miller 2024, arXiv 2411.00640).
    Without any spread the t test would be certain of two pairs: the exact sign test on pairs or templates takes its place.
    """
    units = len(set(clusters))
    if kind == "share" and units == len(clusters):
        return _flipped(before, after)
    # Rounded, because what binary fractions leave over is no difference.
    found = interval_of([round(b - a, 12) for a, b in zip(before, after, strict=True)], clusters, "mean")
    if units == len(clusters):
        found = replace(found, method="paired t")
    if found.value is not None and found.se is not None and found.se <= NO_SPREAD * abs(found.value):
        return replace(found, low=None, high=None), _sign_test(units, found.value)
    return found, _t_test(found, units)


def _flipped(before: Sequence[float], after: Sequence[float]) -> tuple[Interval, float | None]:
    from scipy.stats import binomtest

    pairs = list(zip(before, after, strict=True))
    both, only_before, only_after = (pairs.count(pair) for pair in ((1, 1), (1, 0), (0, 1)))
    found = stats.newcombe_paired(both, only_before, only_after, len(pairs) - both - only_before - only_after)
    flips = only_before + only_after
    return found, (float(binomtest(only_after, flips).pvalue) if flips else 1.0) if pairs else None


def _t_test(found: Interval, units: int) -> float | None:
    from scipy.special import stdtr

    if units < FEWEST or found.value is None or not found.se:
        return None
    return 2 * float(stdtr(units - 1, -abs(found.value / found.se)))


def _sign_test(units: int, value: float) -> float | None:
    """Two-sided and exact, for units that all differ by the same value: 2 * 0.5**units (Dixon and Mood 1946, JASA 41:557)."""
    if units < FEWEST:
        return None
    return 2 * 0.5**units if value else 1.0


def _judged(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Verdicts after Holm's step-down correction (1979, Scand. J. Statist. 6:65) over all figures that have a direction."""
    tested = sorted((c.p, i) for i, c in enumerate(changes) if c.p is not None and c.better in ("higher", "lower"))
    significant = set()
    for rank, (p, i) in enumerate(tested):
        if p > ALPHA / (len(tested) - rank):
            break
        significant.add(i)
    out = []
    for i, change in enumerate(changes):
        verdict = change.verdict
        if i in significant and change.difference.value:
            verdict = "better" if (change.difference.value > 0) == (change.better == "higher") else "worse"
        out.append(replace(change, verdict=verdict))
    return tuple(out)


def _flips(pairs: pl.DataFrame, measures: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Cases whose verdict changed: lost, won, then those without a better side; with both completions."""
    shares = pl.DataFrame(
        [(m["suite"], m["measure"], m["better"]) for m in measures if m["kind"] == "share"],
        schema={"suite": pl.String, "measure": pl.String, "better": pl.String},
        orient="row",
    )
    changed = pairs.join(shares, on=["suite", "measure"]).filter(pl.col("score") != pl.col("score_after"))
    up = pl.col("score_after") > pl.col("score")
    won = up == (pl.col("better") == "higher")
    how = pl.when(pl.col("better").is_in(["higher", "lower"])).then(
        pl.when(won).then(pl.lit("won")).otherwise(pl.lit("lost"))
    )
    columns = [*PAIR, "how", "prompt", "completion", "completion_after", "evidence", "evidence_after"]
    found = changed.with_columns(how=how.otherwise(pl.lit("changed"))).select(columns)
    return found.sort(pl.col("how").cast(pl.Enum(LOST_FIRST)), *PAIR)

"""Verdicts become figures: one per measure, with its n, its interval and its unscored cases.

    for metric in summarise(suite, verdicts):
        print(metric)          # toxicity: share of completions that are toxic 0.0323 (n=31, 95 % CI 0.00572 to 0.162)

Shares have Wilson intervals, means Student's t. Where cases share templates, the templates are what varies. Unscored cases
stand in no figure; what they could have made of it, at worst and at best, stands beside it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curate.stats import Interval
from evalsuite.intervals import interval_of
from evalsuite.suite import Measure, Suite, Verdict


@dataclass(frozen=True)
class Metric:
    """One figure of a run: the interval, and how many cases stand behind it or could not be scored."""

    suite: str
    measure: Measure
    interval: Interval
    unscored: Mapping[str, int]  # reason -> cases
    worst: float | None = None  # had every unscored case gone wrong, or right
    best: float | None = None

    def __str__(self) -> str:
        figure = str(self.interval)
        unit = f" ({self.measure.unit})" if self.measure.unit else ""
        said = f"{self.suite}: {self.measure.label}{unit} {figure}"
        if self.unscored:
            why = ", ".join(f"{reason} {n:,}" for reason, n in self.unscored.items())
            said += f"; unscored {sum(self.unscored.values()):,} ({why})"
        if self.worst is not None and self.best is not None:
            said += f", so {self.worst:.3g} at worst and {self.best:.3g} at best"
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain values for summary.json."""
        i = self.interval
        return {
            "suite": self.suite,
            "measure": self.measure.name,
            "label": self.measure.label,
            "kind": self.measure.kind,
            "better": self.measure.better,
            "unit": self.measure.unit,
            "value": i.value,
            "low": i.low,
            "high": i.high,
            "n": i.n,
            "confidence": i.confidence,
            "method": i.method,
            "note": "; ".join(note for note in (self.measure.note, i.note) if note),
            "unscored": dict(self.unscored),
            "worst": self.worst,
            "best": self.best,
        }


def summarise(suite: Suite, verdicts: Sequence[Verdict]) -> list[Metric]:
    """One metric per measure of the suite that any case speaks to, in the suite's order."""
    clusters = {case.id: case.cluster for case in suite.cases}
    metrics = []
    for measure in suite.measures:
        mine = sorted((v for v in verdicts if v.measure == measure.name), key=lambda v: v.case_id)
        if not mine:
            continue
        scored = [(v.value, clusters[v.case_id]) for v in mine if v.value is not None]
        unscored = Counter(v.unscored for v in mine if v.unscored is not None)
        interval = interval_of([value for value, _ in scored], [cluster for _, cluster in scored], measure.kind)
        interval = _clipped(interval, measure)
        worst, best = _bounds([value for value, _ in scored], unscored.total(), measure)
        metrics.append(Metric(suite.name, measure, interval, dict(sorted(unscored.items())), worst, best))
    return metrics


def _clipped(found: Interval, measure: Measure) -> Interval:
    """No bound beyond what the measure can reach."""
    if measure.bounds is None or found.low is None or found.high is None:
        return found
    least, most = measure.bounds
    return replace(found, low=max(least, found.low), high=min(most, found.high))


def _bounds(values: Sequence[float], missing: int, measure: Measure) -> tuple[float | None, float | None]:
    ends = (0.0, 1.0) if measure.kind == "share" else measure.bounds
    if not missing or ends is None:
        return None, None
    low, high = ((sum(values) + missing * end) / (len(values) + missing) for end in ends)
    return (high, low) if measure.better == "lower" else (low, high)

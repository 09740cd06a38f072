"""Intervals where cases share templates: the templates are what varies, not the cases.

    interval_of([1, 0, 0, 1], ["a", "a", "b", "b"], "share")
    clustered([0.2, 0.3, 0.1, 0.4], ["a", "a", "b", "b"]).se

Ten swaps of one sentence are one piece of evidence seen ten times. Repeating every case inside its template changes none
of these intervals. Independent cases get the plain ones of `curate.stats`.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from curate.counted import counted
from curate.stats import Interval, t_interval, wilson


def interval_of(values: Sequence[float], clusters: Sequence[str], kind: str) -> Interval:
    """Wilson for shares, Student's t for means; where cases share templates, the templates are what varies."""
    repeated = len(set(clusters)) < len(clusters)
    match kind, repeated:
        case "share", False:
            return wilson(round(sum(values)), len(values))
        case "share", True:
            return _clustered_share(values, clusters)
        case _, True:
            return clustered(values, clusters)
    return _no_spread(t_interval(values))


def clustered(values: Sequence[float], clusters: Sequence[str], confidence: float = 0.95) -> Interval:
    """Mean with a cluster-robust t interval, C - 1 degrees of freedom (Cameron and Miller 2015, J. Hum. Res. 50:317).

    SE = sqrt(C/(C-1) * sum over clusters of (sum of residuals)^2) / n. Repeating every case inside its template leaves it
    unchanged.
    """
    from scipy.special import stdtrit

    n = len(values)
    if n == 0:
        return Interval(None, None, None, 0, "clustered t", confidence)
    mean = math.fsum(values) / n
    sums: dict[str, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + value - mean
    count = len(sums)
    if count == 1:
        return Interval(mean, None, None, n, "clustered t", confidence, note="one template has no interval")
    se = (count / (count - 1) * math.fsum(total * total for total in sums.values())) ** 0.5 / n
    half = float(stdtrit(count - 1, (1 + confidence) / 2)) * se
    note = counted(count, "template")
    return _no_spread(Interval(mean, mean - half, mean + half, n, "clustered t", confidence, se, note))


def _clustered_share(values: Sequence[float], clusters: Sequence[str]) -> Interval:
    """Wilson at the effective number of cases: what the clustered SE leaves of n (Franco et al. 2019, JSSAM 7:334).

    With no spread at all the number of templates is the effective n.
    """
    found, count = clustered(values, clusters), len(set(clusters))
    if found.value is None or count == 1:
        return Interval(found.value, 0.0, 1.0, found.n, "Wilson, clustered", note=found.note)
    share = found.value
    inside = 0 < share < 1 and found.se
    effective = min(float(len(values)), share * (1 - share) / found.se**2) if inside and found.se else float(count)
    z = NormalDist().inv_cdf(0.975)
    shrink = 1 + z * z / effective
    centre = (share + z * z / (2 * effective)) / shrink
    half = z * (share * (1 - share) / effective + z * z / (4 * effective**2)) ** 0.5 / shrink
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return Interval(share, low, high, len(values), "Wilson, clustered", se=found.se, note=counted(count, "template"))


def _no_spread(found: Interval) -> Interval:
    # Equal values say nothing about how far the next one may lie; an interval of width 0 would claim they do.
    if found.value is None or found.low != found.high or found.low is None:
        return found
    note = "; ".join(part for part in (found.note, "all values are equal, so there is no interval") if part)
    return Interval(found.value, None, None, found.n, found.method, found.confidence, found.se, note)

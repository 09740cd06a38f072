"""How many eval cases it takes to see a change, and what change a number of cases can show.

    Effect(difference=0.1).cases()            # 218: so many cases detect a change of 10 points
    Effect().smallest(100)                    # 0.152: what 100 cases can show
    print(Effect().sentence(218))

Two models answer the same cases, so the comparison is paired: only cases that one of them passes and the other fails say
anything. How many those are depends on how alike the two models judge, which nobody knows beforehand. It is an assumption
here (`correlation`), stated in every sentence; `at_most` is the number for unrelated verdicts.
"""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from curate.errors import BadInput

GRID = 1000  # differences are searched in steps of a tenth of a point


@dataclass(frozen=True)
class Effect:
    """The smallest change of a share that a paired comparison should detect, and how surely.

    `rate` is the share before the change, `alpha` the two-sided error level, `power` the probability of seeing the change,
    `correlation` that of the two models' verdicts: for models compared on public benchmarks it lies between .3 and .7
    (Miller 2024, arXiv 2411.00640).
    """

    difference: float = 0.1
    power: float = 0.8
    alpha: float = 0.05
    rate: float = 0.5
    correlation: float = 0.5

    def __post_init__(self) -> None:
        """BadInput for figures of which no number of cases follows."""
        for name in ("power", "alpha"):
            if not 0 < getattr(self, name) < 1:
                raise BadInput(f"{name} is {getattr(self, name)}, and must lie between 0 and 1")
        if not 0 <= self.rate <= 1:
            raise BadInput(f"rate is {self.rate}, and must lie in 0 to 1")
        if not 0 <= self.correlation < 1:
            raise BadInput(f"correlation is {self.correlation}, and must lie from 0 to below 1")
        if self.power <= self.alpha:
            raise BadInput(f"power {self.power} is no more than alpha {self.alpha}: chance alone would do", hint="0.8")
        if not 1 / GRID <= self.difference <= max(self.rate, 1 - self.rate):
            most = max(self.rate, 1 - self.rate)
            raise BadInput(
                f"the effect is {self.difference:g}, and from a share of {self.rate:g} it must lie in 0.001 to {most:g}",
                hint="0.1 is ten points",
            )

    def cases(self) -> int:
        """Cases that a paired comparison needs, by McNemar's test with continuity correction.

        Without the correction n = (z_a sqrt(d) + z_b sqrt(d - D^2))^2 / D^2, with D the difference and d the share of
        cases on which the verdicts differ (Connor 1987, Biometrics 43:207). The correction takes 1 off the difference of
        the two counts (Edwards 1948, Psychometrika 13:185), so n D - 1 takes the place of n D; solved for n. The exact
        test that `winnow diff` makes has its power then (the tests enumerate it). Up or down: the larger number.
        """
        return max(self._paired(after) for after in self._afters())

    def at_most(self) -> int:
        """Cases that are enough even if the two models' verdicts had nothing to do with each other."""
        return replace(self, correlation=0.0).cases()

    def smallest(self, cases: int) -> float | None:
        """The smallest difference, in steps of .001, that so many cases detect; None where they detect none."""
        most = math.floor(GRID * max(self.rate, 1 - self.rate) + 1e-9)
        for step in range(1, most + 1):
            if replace(self, difference=step / GRID).cases() <= cases:
                return step / GRID
        return None

    def sentence(self, cases: int) -> str:
        """What so many cases can show, and under which assumptions, for people."""
        found = self.smallest(cases)
        change = "no change" if found is None else f"a change of {100 * found:.3g} points"
        plural = "case detects" if cases == 1 else "cases detect"
        return f"{cases:,} {plural} {change} with {100 * self.power:g} % probability ({self.assumed()})"

    def assumed(self) -> str:
        """The assumptions in words."""
        return (
            f"paired, two-sided {100 * self.alpha:g} %, from a share of {100 * self.rate:g} %, the two models' verdicts "
            f"correlated {self.correlation:g}"
        )

    def _afters(self) -> list[float]:
        both = (self.rate + self.difference, self.rate - self.difference)
        return [after for after in both if -1e-9 <= after <= 1 + 1e-9]

    def _paired(self, after: float) -> int:
        before, after = self.rate, min(1.0, max(0.0, after))
        spread = math.sqrt(before * (1 - before) * after * (1 - after))
        # Verdicts cannot differ on fewer cases than the difference itself.
        differing = max(before + after - 2 * (before * after + self.correlation * spread), self.difference)
        sure, seen = self._z()
        together = sure * math.sqrt(differing) + seen * math.sqrt(max(0.0, differing - self.difference**2))
        return math.ceil(
            round(((together + math.sqrt(together**2 + 4 * self.difference)) / (2 * self.difference)) ** 2, 6)
        )

    def _z(self) -> tuple[float, float]:
        normal = NormalDist()
        return normal.inv_cdf(1 - self.alpha / 2), normal.inv_cdf(self.power)

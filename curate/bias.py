"""Bias in data: how often groups of people come up in the rows, in which tone, how toxic those rows are, and who does which work.

    found = measure(chats, turn_scores, threshold=0.84)
    print(found)

Every figure stands beside the same figure of the rows that do not mention the group, with n and an interval. Many are compared
at once, so a difference is only called one when it holds after Holm's correction over all comparisons (Holm 1979, Scand. J.
Statist. 6:65). What is compared is distinct answers (`text.normalise`): a copy is no second witness. Of fewer than FEWEST of
them, or where all of one side have one tone, nothing is said. What is found is about these texts, not about any group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Literal

import polars as pl

from curate import stats, text, toxicity
from curate.cache import Cache, code, remember
from curate.duplicates.said import sides
from curate.portrayal import occupations, tone
from curate.portrayal.groups import AXIS, NAMES, mentions
from curate.stats import Interval
from curate.toxicity import Counts

FEWEST = 30  # distinct answers on each side of a comparison
FEWEST_AT_WORK = 20  # distinct answers that speak of an occupation with a pronoun
ANSWERS_READ = 600  # of each group, and of the rest, for tone: evenly spread over their normal forms in order
LEVEL = 0.05

Verdict = Literal["higher", "lower", "no difference shown", "too few to say"]


@dataclass(frozen=True)
class Compared:
    """A figure of the distinct answers that mention a group, and its difference from that of the others; `verdict` is corrected."""

    own: Interval
    difference: Interval
    p: float | None
    verdict: Verdict = "too few to say"


@dataclass(frozen=True)
class Group:
    """One group: rows that mention it on each side, and what is compared."""

    axis: str
    name: str
    rows: int  # in question or answer
    answers: int  # distinct ones
    share: Interval  # of all rows
    tone: Compared | None
    unscored: int  # answers that mention it and were read, but have no tone: not English, or not told
    toxic: Compared | None
    toxic_unscored: int = 0  # answers that mention it and have no toxicity score


@dataclass(frozen=True)
class Work:
    """One occupation: distinct answers with "she", and with "he", the share of "she", and whether it differs from the other occupations."""

    name: str
    she: int
    he: int
    share: Interval
    verdict: Verdict


@dataclass(frozen=True)
class Bias:
    """What was found, over `rows` rows. `comparisons` is over how many the correction goes."""

    rows: int
    groups: tuple[Group, ...]
    work: tuple[Work, ...]
    all_work: Interval  # the share of "she" over all occupations
    comparisons: int
    toxicity: Counts | None = field(default=None, repr=False)
    scorer: str = field(
        default="", repr=False
    )  # what was measured of the toxicity scorer itself, and what it cannot do

    def __str__(self) -> str:
        lines = [f"{one.name}: {one.rows:,} of {self.rows:,} rows" for one in self.groups if one.rows]
        told = [
            f"{one.name}: tone {one.tone.verdict}"
            for one in self.groups
            if one.tone and one.tone.verdict in ("higher", "lower")
        ]
        told += [
            f"{one.name}: toxicity {one.toxic.verdict}"
            for one in self.groups
            if one.toxic and one.toxic.verdict in ("higher", "lower")
        ]
        return "\n".join([*lines, *told, f"occupations with she or he: {len(self.work):,}"])


def measure(
    chats: pl.DataFrame,
    turn_scores: pl.DataFrame | None = None,
    *,
    threshold: float = 0.5,
    scorer: str = "",
    cache: Cache | None = None,
) -> Bias:
    """Count mentions in questions and answers, and compare tone and toxicity of the answers; `threshold` is the scorer's."""
    said = sides(chats)
    asked, answered = mentions(said.queries, cache), mentions(said.answers, cache)
    toxic = _toxic_rows(chats, turn_scores, threshold)
    answers = _distinct(said.answers, toxic)
    groups = [_group(name, asked[name], answered[name], answers, cache) for name in NAMES]
    work, all_work = _work([one.said for one in answers], cache)
    counted = None if turn_scores is None else toxicity.count(turn_scores, threshold)
    return replace(_corrected(chats.height, groups, work, all_work), toxicity=counted, scorer=scorer)


@dataclass(frozen=True)
class _Answer:
    """An answer that one row or several give; toxic where it is in any of them, None where it has a score in none."""

    row: int
    said: str
    toxic: bool | None


def _distinct(answers: Sequence[str], toxic: Sequence[bool | None]) -> list[_Answer]:
    """One answer of each normal form, in the order of the forms, so that copies, ids and places decide nothing."""
    found: dict[str, _Answer] = {}
    for row, (form, said) in enumerate(zip(text.all_normal(answers), answers, strict=True)):
        own = _Answer(row, said, toxic[row])
        if (known := found.get(form)) is not None:
            either = [one.toxic for one in (own, known) if one.toxic is not None]
            own = replace(min(own, known, key=lambda one: one.said), toxic=any(either) if either else None)
        found[form] = own
    return [found[form] for form in sorted(found)]


def _toxic_rows(chats: pl.DataFrame, turn_scores: pl.DataFrame | None, threshold: float) -> list[bool | None]:
    """For each row whether an answer of it is toxic; None where no answer was scored."""
    if turn_scores is None:
        return [None] * chats.height
    worst = turn_scores.filter(pl.col("role") == "assistant").group_by("row_id").agg(pl.col("score").max())
    score = dict(worst.iter_rows())
    return [None if (own := score.get(row)) is None else own >= threshold for row in chats["id"]]


def _group(name: str, asked: pl.Series, answered: pl.Series, answers: Sequence[_Answer], cache: Cache | None) -> Group:
    there = answered.to_list()
    inside, outside = list[_Answer](), list[_Answer]()
    for one in answers:
        (inside if there[one.row] else outside).append(one)
    rows = int((asked | answered).sum())
    own, unscored, mood = list[float](), 0, None
    if len(inside) >= FEWEST and len(outside) >= FEWEST:
        read = _spread(inside)
        own = [one for one in tone.of_rows([one.said for one in read], name, cache) if one is not None]
        unscored = len(read) - len(own)
        rest = tone.of_rows([one.said for one in _spread(outside)], None, cache)
        mood = _means(own, [one for one in rest if one is not None])
    hits, others = ([one.toxic for one in side if one.toxic is not None] for side in (inside, outside))
    return Group(
        AXIS[name], name, rows, len(inside), stats.wilson(rows, len(asked)), mood, unscored, _shares(hits, others, cache), len(inside) - len(hits)
    )  # fmt: skip


def _spread(answers: Sequence[_Answer]) -> list[_Answer]:
    step = max(1.0, len(answers) / ANSWERS_READ)
    return [answers[int(n * step)] for n in range(min(len(answers), ANSWERS_READ))]


def _means(own: Sequence[float], rest: Sequence[float]) -> Compared | None:
    """The mean tone beside that of the rest, with Welch's test; without a p where one side has no spread to judge by."""
    if min(len(own), len(rest)) < FEWEST:
        return None
    from scipy.special import stdtr

    difference, one, other = stats.mean_difference(rest, own), stats.t_interval(own), stats.t_interval(rest)
    if difference.value is None or one.se is None or other.se is None:
        return None
    if min(len(set(own)), len(set(rest))) < 2 or not difference.se:
        return Compared(one, difference, None)
    parts = (one.se**2, other.se**2)
    freedom = sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, (len(own), len(rest)), strict=True))
    return Compared(one, difference, float(2 * stdtr(freedom, -abs(difference.value) / difference.se)))


def _shares(own: Sequence[bool | None], rest: Sequence[bool | None], cache: Cache | None) -> Compared | None:
    """The share of toxic answers beside that of the rest, with Fisher's exact test."""
    if min(len(own), len(rest)) < FEWEST:
        return None
    a, b = sum(map(bool, own)), sum(map(bool, rest))
    p = _against(a, len(own), b, len(rest), cache)
    return Compared(stats.wilson(a, len(own)), stats.newcombe(b, len(rest), a, len(own)), p)


def _work(answers: Sequence[str], cache: Cache | None) -> tuple[list[tuple[Work, float | None]], Interval]:
    """Each occupation with its p against the share of the other occupations, and the share of all."""
    found = occupations.counts(answers)
    she, both = sum(one for one, _ in found.values()), sum(sum(one) for one in found.values())
    lines: list[tuple[Work, float | None]] = []
    for name, (with_she, with_he) in found.items():
        n = with_she + with_he
        enough = n >= FEWEST_AT_WORK and both - n >= FEWEST
        p = _against(with_she, n, she - with_she, both - n, cache) if enough else None
        lines.append((Work(name, with_she, with_he, stats.wilson(with_she, n), "too few to say"), p))
    return lines, stats.wilson(she, both)


def _against(hits: int, n: int, others: int, of: int, cache: Cache | None) -> float:
    """Fisher's exact test of two shares. Loading it costs more than it does, so a `cache` holds what it said."""

    def test(_: list[str]) -> list[float]:
        from scipy.stats import fisher_exact

        return [float(fisher_exact([[hits, n - hits], [others, of - others]]).pvalue)]

    kind, counts = f"fisher/{version('scipy')}/{code('bias.py')}", f"{hits} {n} {others} {of}"
    return remember(cache, kind, [counts], test, lambda p: repr(p).encode(), float, model="Fisher's exact test")[0]


def _corrected(rows: int, groups: list[Group], work: list[tuple[Work, float | None]], all_work: Interval) -> Bias:
    """Every verdict, after Holm's correction over all comparisons that were made."""
    p: dict[tuple[str, str], float] = {}
    for one in groups:
        p |= {(kind, one.name): c.p for kind, c in (("tone", one.tone), ("toxic", one.toxic)) if c and c.p is not None}
    p |= {("work", one.name): value for one, value in work if value is not None}
    true = holm(p)

    def judged(kind: str, name: str, compared: Compared | None) -> Compared | None:
        if compared is None:
            return None
        return replace(compared, verdict=_verdict(true.get((kind, name)), compared.difference.value))

    done = tuple(
        replace(g, tone=judged("tone", g.name, g.tone), toxic=judged("toxic", g.name, g.toxic)) for g in groups
    )
    middle = all_work.value or 0.0
    works = tuple(
        replace(w, verdict=_verdict(true.get(("work", w.name)), (w.share.value or 0.0) - middle)) for w, _ in work
    )
    return Bias(rows, done, works, all_work, len(p))


def _verdict(holds: bool | None, difference: float | None) -> Verdict:
    if holds is None or difference is None:
        return "too few to say"
    return "no difference shown" if not holds else "higher" if difference > 0 else "lower"


def holm(p: Mapping[tuple[str, str], float], level: float = LEVEL) -> dict[tuple[str, str], bool]:
    """Which of many comparisons hold at `level` together: the smallest p against level / m, the next against level / (m - 1)."""
    order = sorted(p, key=lambda name: (p[name], name))
    holds, still = {}, True
    for place, name in enumerate(order):
        still = still and p[name] <= level / (len(order) - place)
        holds[name] = still
    return holds

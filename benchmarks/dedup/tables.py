"""The two tables of the benchmark: what each run cost and found, and the finds by kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.dedup.running import Cost
from benchmarks.dedup.scoring import GROUPS, Pair, Score, grouped, same_prompt, wanted


@dataclass(frozen=True)
class Result:
    """A run, or the reason why there is none."""

    name: str
    cost: Cost | None = None
    work_cpu: float = 0.0
    score: Score | None = None
    why_not: str = ""


def tables(results: Sequence[Result], pairs: Sequence[Pair]) -> str:
    """Both tables, and what was left out."""
    ran = [each for each in results if each.score]
    missing = [f"- {each.name}: not run. {each.why_not}" for each in results if not each.score]
    parts = [costs(ran, pairs), kinds(ran, pairs)] if ran else []
    return "\n\n".join([*parts, *(["\n".join(missing)] if missing else [])])


def costs(results: Sequence[Result], pairs: Sequence[Pair]) -> str:
    """One line per run."""
    typos = [kind for kind in _kinds(pairs) if kind.startswith("typo")]
    apart = [kind for kind in _kinds(pairs) if same_prompt(_first(pairs, kind))]
    names = [f"{name} ({sum(map(belongs, pairs)):,})" for name, belongs in GROUPS.items()]
    head = ["run", "wall s", "CPU s", "of it finding", "peak MB", "removed", "of them unplanted", "nothing left"]
    head += [*names[:1], *([f"typos {' / '.join(kind.split('_')[1] for kind in typos)}"] if typos else []), *names[1:]]
    head += [f"{kind.replace('_', ' ')} ({_count(pairs, kind):,})" for kind in apart]
    rows = []
    for each in results:
        if not each.score or not each.cost:
            continue
        by_group = grouped(each.score, pairs)
        cells = [each.name, f"{each.cost.wall:.1f}", f"{each.cost.cpu:.1f}", f"{each.work_cpu:.1f}"]
        cells += [f"{each.cost.peak_mb:,.0f}", f"{each.score.removed:,}", f"{each.score.removed_unplanted:,}"]
        cells += [f"{each.score.nothing_left:,}", by_group["copies and edits"].percent]
        cells += [" / ".join(each.score.kinds[kind].percent for kind in typos)] if typos else []
        cells += [by_group["paraphrases"].percent, by_group["contained"].percent, by_group["hard negatives"].count]
        cells += [each.score.kinds[kind].count for kind in apart]
        rows.append(cells)
    return _markdown(head, rows)


def kinds(results: Sequence[Result], pairs: Sequence[Pair]) -> str:
    """One line per kind; a column per run. True pairs in percent; the others come last, and are counted."""
    rows = []
    for kind in sorted(_kinds(pairs), key=lambda kind: _place(_first(pairs, kind))):
        first = _first(pairs, kind)
        tallies = [each.score.kinds[kind] for each in results if each.score]
        cells = [tally.percent if wanted(first) else tally.count for tally in tallies]
        meaning = "policy" if same_prompt(first) else "found, %" if wanted(first) else "a fault"
        rows.append([kind, f"{tallies[0].pairs:,}", meaning, *cells])
    return _markdown(["kind", "pairs", "a hit is", *(each.name for each in results)], rows)


def _place(pair: Pair) -> tuple[bool, bool, str, str]:
    return same_prompt(pair), pair.duplicate is not True, pair.group, pair.kind


def _kinds(pairs: Sequence[Pair]) -> list[str]:
    return sorted({pair.kind for pair in pairs})


def _count(pairs: Sequence[Pair], kind: str) -> int:
    return sum(pair.kind == kind for pair in pairs)


def _first(pairs: Sequence[Pair], kind: str) -> Pair:
    return next(pair for pair in pairs if pair.kind == kind)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

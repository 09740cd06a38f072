"""Which rows to hold out: whole groups of rows that say the same, so that nothing held out has a twin among the rest.

    number = Together(5, [(0, 3), (3, 4)]).groups()            # [0, 1, 2, 0, 0]
    held_out = choose(number, topics, keys, free, cases=2)

Groups are the connected components of "says the same". For removing duplicates chaining is wrong: A ~ B ~ C would take C
away though nothing like it is kept. Here it is right: what overlaps must be on one side, nothing is lost by more being there,
and only a component is sure to hold everything that overlaps with any of its rows.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ENOUGH = 20  # rows from which a topic gets a case, even if its share of the cases is below one half
BULKY = 0.05  # of the wanted cases: a larger group is taken last, or it would be all that the cases know of its topic


@dataclass(frozen=True)
class Group:
    """Rows (by position) that say the same, their topic, and the key that decides the order in which groups are drawn."""

    rows: tuple[int, ...]
    topic: int
    key: str

    def __len__(self) -> int:
        return len(self.rows)


def choose(
    number: Sequence[int], topics: Sequence[int], keys: Sequence[str], free: Sequence[bool], cases: int
) -> list[Group]:
    """Groups that hold about `cases` rows: as many of each topic as its share of all rows asks for.

    `number` is the group of each row, `topics` its topic, `keys` a text that stands for row and seed (equal texts only for
    equal rows), `free` whether it may be held out; a group is as free as all its rows. Whole groups may not add up to
    `cases`: the result is then the nearest that was found, and one row at least stays behind.
    """
    drawn = _drawn(number, topics, keys, free, bulky=max(1.0, BULKY * cases))
    if not drawn:
        return []
    wanted = _wanted(Counter(_topic_of(number, topics)), drawn, cases)
    quota = quotas(wanted, drawn, cases)
    taken, left = _by_topic(drawn, quota)
    _fill(taken, left, wanted, cases)
    missing = cases - sum(map(len, taken))
    smallest = min((group for group in left), key=len, default=None)
    if smallest is not None and 0 < len(smallest) - missing <= missing and _leaves_some(taken, smallest, len(number)):
        taken.append(smallest)
    return taken


def quotas(wanted: Mapping[int, float], drawn: Sequence[Group], cases: int) -> dict[int, int]:
    """Whole numbers of cases that add up to `cases`, by largest remainder (Hamilton); ties go to the larger topic.

    A topic never gets more than it has free rows. One with `ENOUGH` free rows in two groups gets a case, at the expense of the
    topic that has most above its share, as long as there are cases to give.
    """
    rows = Counter[int]()
    many = Counter[int]()
    for group in drawn:
        rows[group.topic] += len(group)
        many[group.topic] += 1
    whole = {topic: min(int(share), rows[topic]) for topic, share in wanted.items()}
    while (missing := cases - sum(whole.values())) > 0 and (open_ := [t for t in wanted if whole[t] < rows[t]]):
        open_.sort(key=lambda t: (whole[t] - wanted[t], t))
        for topic in open_[:missing]:
            whole[topic] += 1
    for topic in sorted(wanted):
        if not whole[topic] and rows[topic] >= ENOUGH and many[topic] > 1:
            richest = max(whole, key=lambda t: (whole[t] > 1, whole[t] - wanted[t], -t))
            if whole[richest] > 1:
                whole[richest] -= 1
                whole[topic] = 1
    return whole


def _drawn(
    number: Sequence[int], topics: Sequence[int], keys: Sequence[str], free: Sequence[bool], bulky: float
) -> list[Group]:
    """The free groups in the order in which they are drawn: by key, which is as good as random; bulky ones last."""
    members = defaultdict[int, list[int]](list)
    for row, group in enumerate(number):
        members[group].append(row)
    of = _topic_of(number, topics)
    found = [
        Group(tuple(rows), of[rows[0]], min(keys[row] for row in rows))
        for rows in members.values()
        if all(free[row] for row in rows)
    ]
    return sorted(found, key=lambda group: (len(group) > bulky, group.key))


def _topic_of(number: Sequence[int], topics: Sequence[int]) -> list[int]:
    """A group has one topic: that of most of its rows, the larger one on ties (topics are numbered by size)."""
    votes = defaultdict[int, Counter[int]](Counter)
    for group, topic in zip(number, topics, strict=True):
        votes[group][topic] += 1
    best = {group: min(found, key=lambda topic: (-found[topic], topic)) for group, found in votes.items()}
    return [best[group] for group in number]


def _wanted(rows: Mapping[int, int], drawn: Sequence[Group], cases: int) -> dict[int, float]:
    """Each topic's share of all rows, in cases. Topics without a free group have no part in it."""
    possible = {group.topic for group in drawn}
    total = sum(n for topic, n in rows.items() if topic in possible)
    return {topic: cases * n / total for topic, n in sorted(rows.items()) if topic in possible}


def _by_topic(drawn: Sequence[Group], quota: Mapping[int, int]) -> tuple[list[Group], list[Group]]:
    taken, left, room = list[Group](), list[Group](), dict(quota)
    for group in drawn:
        fits = len(group) <= room[group.topic]
        (taken if fits else left).append(group)
        room[group.topic] -= len(group) if fits else 0
    return taken, left


def _fill(taken: list[Group], left: list[Group], wanted: Mapping[int, float], cases: int) -> None:
    """Where whole groups left a quota open: others in its place, from the topic that lacks most."""
    have = Counter[int]()
    for group in taken:
        have[group.topic] += len(group)
    while missing := cases - sum(have.values()):
        first = {group.topic: group for group in reversed(left) if len(group) <= missing}
        if not first:
            return
        topic = min(first, key=lambda t: (have[t] - wanted[t], t))
        left.remove(first[topic])
        taken.append(first[topic])
        have[topic] += len(first[topic])


def _leaves_some(taken: Sequence[Group], more: Group, rows: int) -> bool:
    return sum(map(len, taken)) + len(more) < rows

"""The two texts of a match, side by side: what the row says where it was compared, and what the eval case says there.

    case = mask(case_text(case_turns, match))
    pair(match, mask(row_text(row_turns, extra, match, case)), case)      # a block of a report, differing words marked

A match names its texts by row, turn and part (`curate.views`), never by their words, so they are found again here. What is
shown is masked first and marked then: a personal value is the same mark on both sides, and no difference is lost or made up.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from curate import chats as chat
from curate import text
from curate.leaves import leaves_of
from curate.report import Pair
from curate.samples import script
from curate.views import ALL_TURNS, FIELD

SHOWN = 6  # facts of a kind
_MASK = re.compile(r"\[[A-Z][A-Z_]*\]")  # what `pii.mask` puts in place of a value

Turns = Sequence[chat.Turn]


def row_text(turns: Turns, extra: str | None, match: Mapping[str, Any], case: str) -> str:
    """What the row says where it was compared: a turn, all user turns, or the text in a field that comes nearest to the case.

    Without a part (a certificate names only the turn) it is whichever of these shares most words with the case.
    """
    turn, part = match.get("turn"), match.get("part")
    own = turns[turn] if turn is not None and 0 <= turn < len(turns) else None
    fields = [
        leaf.text
        for leaf in leaves_of([dict(each) for each in turns], extra)
        if leaf.part != "content" and (leaf.turn if leaf.turn is not None else -1) == turn
    ]
    asked = [said for each in turns if each["role"] == "user" and (said := chat.turn_text(each)).strip()]
    places = {
        FIELD: fields,
        ALL_TURNS: ["\n\n".join(asked)] if len(asked) > 1 else [],
        "turn": [chat.turn_text(own)] if own else [],
    }
    if part is None:
        candidates = [said for name in ("turn", FIELD, ALL_TURNS) for said in places[name]]
    else:
        candidates = places.get(part, places["turn"])
    return max(candidates, key=lambda said: _likeness(said, case)) if candidates else script(turns)


def case_text(turns: Turns, match: Mapping[str, Any]) -> str:
    """The turn of the eval case that was compared."""
    turn = match.get("case_turn")
    return chat.turn_text(turns[turn]) if turn is not None and 0 <= turn < len(turns) else script(turns)


def pair(match: Mapping[str, Any], row: str, case: str, said: str = "") -> Pair:
    """The block: both texts (masked already), whose they are, and what was measured."""
    measured = [said, figures(match), *apart(row, case)]
    return Pair(
        row,
        case,
        f"row {match['row_id']}{place(match.get('turn'), match.get('part'))}",
        f"eval case {match['case_id']}{place(match.get('case_turn'))}",
        "; ".join(part for part in measured if part),
    )


def figures(match: Mapping[str, Any]) -> str:
    """What was measured of a match: "probability 0.970, cosine 0.912, containment 0.400, threshold 0.600"."""
    names = ("probability", "cosine", "containment", "threshold")
    return ", ".join(f"{name} {match[name]:.3f}" for name in names if match.get(name) is not None)


def place(turn: int | None, part: str | None = None) -> str:
    """Where in a row or case a text stands: ", turn 2" (from 0, as in the ledger)."""
    if part == ALL_TURNS:
        return ", all user turns"
    numbered = f", turn {turn}" if turn is not None and turn >= 0 else ""
    return numbered + (", a field" if part == FIELD or turn == -1 else "")


def apart(row: str, case: str) -> list[str]:
    """The facts that only one of the two texts states, a sentence for each kind. Personal data is no fact."""
    one, other = (text.facts(_MASK.sub(" ", said)) for said in (row, case))
    kinds = {
        "numbers": (one.numbers - other.numbers, other.numbers - one.numbers),
        "names": (one.names - other.names - other.words, other.names - one.names - one.words),
    }
    said = [
        f"{kind} only in the row: {_listed(mine, row)}, only in the case: {_listed(theirs, case)}"
        for kind, (mine, theirs) in kinds.items()
        if mine or theirs
    ]
    if text.conflict(one, other, ("negation",)):
        said.append(f"only the {'row' if one.negations else 'case'} is negated")
    if text.conflict(one, other, ("yes or no",)):
        said.append(f"the row says {one.verdict}, the case {other.verdict}")
    return said


def _likeness(said: str, case: str) -> tuple[float, int]:
    """Shared words as a share of all words of both; of equally like texts the shorter."""
    mine, theirs = frozenset(text.tokens(said)), frozenset(text.tokens(case))
    return text.jaccard(mine, theirs), -len(said)


def _listed(facts: frozenset[str], said: str) -> str:
    shown = sorted(facts, key=lambda fact: (len(fact), fact))
    more = f" and {len(shown) - SHOWN:,} more" if len(shown) > SHOWN else ""
    return (", ".join(_as_written(fact, said) for fact in shown[:SHOWN]) + more) or "none"


def _as_written(fact: str, said: str) -> str:
    """A name with its capitals, where it stands in the text as it is."""
    found = re.search(re.escape(fact), said, re.IGNORECASE)
    return found[0] if found else fact

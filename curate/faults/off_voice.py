"""Answers that do not keep the style a rubric asks for.

    off_voice(exchanges(chats), rubric.read(Path("voice.yaml")))     # {'row-7': {'score': 0.71, 'failed': 'opener, sign-off'}}

A row is off-voice when one of its answers keeps less than the rubric's `pass_at`. Answers that call a tool are no talk.
"""

from collections.abc import Sequence

from curate.faults.exchanges import Exchange
from curate.report import Cell
from curate.rubric import Rubric, score


def off_voice(every: Sequence[Exchange], rubric: Rubric) -> dict[str, dict[str, Cell]]:
    """The rows with an answer below the rubric's mark, with the worst answer's score and what it fails."""
    found: dict[str, dict[str, Cell]] = {}
    for one in every:
        if one.calls:
            continue
        kept = score(rubric, one.said)
        if kept.share < rubric.pass_at and kept.share < float(found.get(one.row, {}).get("score") or 1.0):  # type: ignore[arg-type]
            found[one.row] = {"score": round(kept.share, 2), "failed": ", ".join(kept.failed)}
    return found

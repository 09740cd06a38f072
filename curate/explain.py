"""Why a row was removed or edited, told from the ledger and from the source file.

    print(why(iteration.open(path), "r0042", mask))

The ledger holds no texts: they are read again from the source by `path:line`, and shown only when the row there is still
the row that was curated. Personal data in what is shown is masked.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

import polars as pl

from curate import chats as chat
from curate import files
from curate.errors import BadInput
from curate.iteration import Iteration

Mask = Callable[[str], str]


@dataclass(frozen=True)
class Told:
    """One line of a row's story: what a step did to it, the row's text, and its twin's."""

    row_id: str
    source: str
    step: str
    action: str
    rule: str
    score: float | None
    threshold: float | None
    twin: str | None
    evidence: dict[str, Any]
    text: str
    twin_text: str | None

    def __str__(self) -> str:
        score = "" if self.score is None else f" (score {self.score:.3f}, threshold {self.threshold or 0:.3f})"
        lines = [f"{self.row_id} ({self.source}) was {self.action} by step '{self.step}': {self.rule}{score}"]
        if self.evidence:
            lines.append("  evidence: " + json.dumps(self.evidence, ensure_ascii=False))
        lines += ["  the row:", _indent(self.text)]
        if self.twin:
            lines += [f"  its twin {self.twin}:", _indent(self.twin_text or "(not found)")]
        return "\n".join(lines)


@dataclass(frozen=True)
class Story:
    """Everything that happened to a row, first the row itself, then its twins to the end of the chain."""

    row_id: str
    told: tuple[Told, ...]
    end: str

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n\n".join([*(str(line) for line in self.told), self.end])


def why(it: Iteration, row_id: str, mask: Mask) -> Story:
    """The story of a row; BadInput when the iteration never saw it."""
    ledger = it.ledger()
    kept = set(it.chats()["id"])
    if row_id not in kept and row_id not in set(ledger["row_id"]):
        known = [*ledger["row_id"].unique().to_list(), *kept]
        close = get_close_matches(row_id, known, n=1)
        hint = f"winnow why {it.path} {close[0]}" if close else None
        raise BadInput(f"row {row_id[:80]!r} is not in this iteration", where=str(it.path), hint=hint)
    told, current, seen = list[Told](), row_id, set[str]()
    while current not in seen:
        seen.add(current)
        lines = ledger.filter(pl.col("row_id") == current).to_dicts()
        told += [_tell(it, ledger, line, mask) for line in lines]
        gone = [line for line in lines if line["action"] == "removed"]
        if not gone or gone[-1]["step"] == "overlap" or not gone[-1]["twin"]:
            break
        current = gone[-1]["twin"]
    if current in kept:
        end = f"{current} is in {it.train_file}." if told else f"{current} was kept as it came: {it.train_file}."
    else:
        end = f"{current} is in no training file of this iteration."
    return Story(row_id, tuple(told), end)


def _tell(it: Iteration, ledger: pl.DataFrame, line: dict[str, Any], mask: Mask) -> Told:
    twin = line["twin"]
    twin_text = None
    if twin:
        twin_text = _eval_text(it, twin, mask) if line["step"] == "overlap" else _row_text(it, ledger, twin, mask)
    return Told(
        **{key: line[key] for key in ("row_id", "source", "step", "action", "rule", "score", "threshold", "twin")},
        evidence=json.loads(line["evidence"]),
        text=_source_text(line["source"], line["fingerprint"], mask),
        twin_text=twin_text,
    )


def _source_text(source: str, fingerprint: str | None, mask: Mask) -> str:
    try:
        return mask(_script(files.find_again(source, fingerprint)["turns"]))
    except BadInput as error:
        return f"(not shown: {error.what})"


def _row_text(it: Iteration, ledger: pl.DataFrame, row_id: str, mask: Mask) -> str:
    lines = ledger.filter(pl.col("row_id") == row_id)
    if lines.height:
        return _source_text(lines["source"][0], lines["fingerprint"][0], mask)
    row = it.chats().filter(pl.col("id") == row_id)
    return mask(_script(row["turns"].to_list()[0])) if row.height else "(not found)"


def _eval_text(it: Iteration, case_id: str, mask: Mask) -> str:
    for entry in it.manifest["eval_files"]:
        path = it.manifest["shipped"].get(entry["name"], entry["name"])
        try:
            cases = files.read_eval([path]).chats.filter(pl.col("id") == case_id)
        except BadInput:
            continue
        if cases.height:
            return mask(_script(cases["turns"].to_list()[0]))
    return "(not shown: the eval file is gone or changed)"


def _script(turns: list[dict[str, str | None]]) -> str:
    return "\n".join(f"{turn['role']}: {chat.turn_text(turn)}" for turn in turns)


def _indent(text: str) -> str:
    return "\n".join(f"    | {line}" for line in text.splitlines())

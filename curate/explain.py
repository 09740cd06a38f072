"""Why a row was removed or edited, told from the ledger and from the source file.

    print(why(iteration.open(path), "r0042", mask))

The ledger holds no texts: they are read again from the source by `path:line`, and shown only when the row there is still
the row that was curated. Personal data in what is shown is masked.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

import polars as pl

from curate import files
from curate.errors import BadInput
from curate.iteration import Iteration
from curate.samples import script

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
        score = "" if self.score is None else f" (score {self.score:.3f}{_against(self.threshold)})"
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
    twin, evidence = line["twin"], json.loads(line["evidence"])
    twin_text = None
    if twin:
        # Two eval files may use one id, so the evidence says which file it was.
        eval_file = evidence.get("eval_file")
        twin_text = _eval_text(it, eval_file, twin, mask) if eval_file else _row_text(it, ledger, twin, mask)
    return Told(
        **{key: line[key] for key in ("row_id", "source", "step", "action", "rule", "score", "threshold", "twin")},
        evidence=evidence,
        text=_source_text(line["source"], line["fingerprint"], mask),
        twin_text=twin_text,
    )


def _source_text(source: str, fingerprint: str | None, mask: Mask) -> str:
    try:
        return mask(script(files.find_again(source, fingerprint)["turns"]))
    except BadInput as error:
        return f"(not shown: {error.what})"


def _row_text(it: Iteration, ledger: pl.DataFrame, row_id: str, mask: Mask) -> str:
    lines = ledger.filter(pl.col("row_id") == row_id)
    if lines.height:
        return _source_text(lines["source"][0], lines["fingerprint"][0], mask)
    row = it.chats().filter(pl.col("id") == row_id)
    return mask(script(row["turns"].to_list()[0])) if row.height else "(not found)"


def _eval_text(it: Iteration, eval_file: str, case_id: str, mask: Mask) -> str:
    for cases in _eval_cases(it, eval_file):
        if cases is None:
            break
        found = cases.filter(pl.col("id") == case_id)
        if found.height:
            return mask(script(found["turns"].to_list()[0]))
    return "(not shown: the eval file is gone or changed)"


def _eval_cases(it: Iteration, eval_file: str) -> Iterator[pl.DataFrame | None]:
    """The cases of the file of this name, None where it is not as it was: the user's own first, then the one that ships.

    What was asked for is read as curation read it: a folder numbers the ids of its files together.
    """
    known = [entry["sha256"] for entry in it.manifest["eval_files"] if entry["name"] == eval_file]
    shipped = it.manifest["shipped"]
    # Shipped files stand last in the list, one entry each.
    theirs = len(it.manifest["eval_files"]) - len(shipped)
    if eval_file in [entry["name"] for entry in it.manifest["eval_files"][:theirs]]:
        yield _cases_of(it.manifest["eval"], eval_file, known[:1])
    if eval_file in shipped:
        yield _cases_of([shipped[eval_file]], shipped[eval_file], known[-1:])


def _cases_of(asked: Sequence[str], path: str, digests: Sequence[str]) -> pl.DataFrame | None:
    for each in asked:
        try:
            read = files.read_eval([each])
        except BadInput:
            continue
        if any(file.path == path and file.sha256 in digests for file in read.inputs):
            return read.chats.filter(pl.col("source").str.starts_with(f"{path}:"))
    return None


def _against(threshold: float | None) -> str:
    return "" if threshold is None else f", threshold {threshold:.3f}"


def _indent(text: str) -> str:
    return "\n".join(f"    | {line}" for line in text.splitlines())

"""Why a row was removed, edited or noted, told from the ledger and from the source file.

    story = why(iteration.open(path), "r0042", mask)
    print(story)                                    # the row beside its twin, differing words marked
    story.report().write(Path("why.html"))          # or .md, or .json

The ledger holds no texts: they are read again from the source by `path:line`, and shown only when the row there is still
the row that was curated. Personal data in what is shown is masked before the words are compared.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple

import polars as pl
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from curate import beside, files
from curate.chats import Turn
from curate.errors import BadInput
from curate.iteration import Iteration
from curate.report import Block, Note, Pair, Passage, Report, Section, terminal
from curate.report.excerpt import bracketed, differing, excerpt, visible
from curate.samples import script
from curate.wording import marked, ranges

Mask = Callable[[str], str]
Places = list[tuple[int, int]]

SHOWN = 4_000  # characters of a text
_DID = {"removed": "was removed", "edited": "was edited", "overridden": "was spared", "noted": "was kept and noted"}
_TOLD = frozenset(
    ("eval_file", "turn", "part", "case_turn", "containment", "cosine", "probability", "differs")
)  # stands beside the texts


class _Found(NamedTuple):
    """A row or case, or why it cannot be shown."""

    turns: Sequence[Turn]
    extra: str | None = None
    missing: str = ""

    def said(self, mask: Mask) -> str:
        return self.missing or mask(script(self.turns))


@dataclass(frozen=True)
class Told:
    """One line of a row's story: what a step did to it, the text that decided it, and its twin's.

    `text_differs` and `twin_differs` are the places, in characters, of the words that the other text has not.
    """

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
    text_differs: Places = field(default_factory=list)
    twin_differs: Places = field(default_factory=list)
    facts: list[str] = field(default_factory=list)  # a sentence for each kind of fact that only one side states
    shown: bool = True  # whether both texts were found
    hidden: bool = False  # whether they differ in masked values alone

    @property
    def said(self) -> str:
        """What happened, as a sentence."""
        did = _DID.get(self.action, f"was {self.action}")
        return f"{self.row_id} ({self.source}) {did} by step '{self.step}': {self.rule}{self._measured()}"

    def blocks(self) -> tuple[Block, ...]:
        """The texts and what is known of them."""
        twin, case, seen = self.twin, self.evidence.get("eval_file"), self.evidence
        row = f"row {self.row_id}" + (beside.place(seen.get("turn"), seen.get("part")) if case else "")
        beside_it = f"eval case {twin}{beside.place(seen.get('case_turn'))} of {case}" if case else f"its twin {twin}"
        found: list[Block] = []
        if twin and self.twin_text is not None and self.shown:
            found.append(Pair(self.text, self.twin_text, row, beside_it, self._note(), SHOWN))
        else:
            found.append(Passage(self.text, f"row {self.row_id}", SHOWN))
            found += [Passage(self.twin_text or "(not found)", beside_it, SHOWN)] if twin else []
        if rest := {key: value for key, value in self.evidence.items() if key not in _TOLD and value is not None}:
            found.append(Note("evidence: " + json.dumps(rest, ensure_ascii=False)))
        return tuple(found)

    def section(self) -> Section:
        """The line as a part of a page."""
        return Section(f"{self.row_id}: {self.action} by {self.step}", self.said, self.blocks())

    def _note(self) -> str:
        if self.hidden:
            return "They differ in personal data alone, which is masked."
        if not self.text_differs and not self.twin_differs:
            return "The words are the same."
        differs = self.evidence.get("differs")
        return "; ".join([*([f"other {differs}"] if differs else []), *self.facts])

    def _measured(self) -> str:
        if said := beside.figures({**self.evidence, "threshold": self.threshold} if self.step == "overlap" else {}):
            return f" ({said})"
        return "" if self.score is None else f" (score {self.score:.3f}{_against(self.threshold)})"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield terminal.section(self.section())

    def __str__(self) -> str:
        lines = [self.said]
        for block in self.blocks():
            match block:
                case Pair():
                    left, left_cut, right, right_cut = differing(block.left, block.right, block.limit)
                    lines += _under(block.left_label, bracketed(left, "[-", "-]"), left_cut)
                    lines += _under(block.right_label, bracketed(right, "{+", "+}"), right_cut)
                    lines += [f"  {block.note}"] if block.note else []
                case Passage():
                    piece = excerpt(block.text, block.limit)
                    lines += _under(block.label, piece.text, piece.cut)
                case Note():
                    lines.append(f"  {block.text}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Story:
    """Everything that happened to a row, first the row itself, then its twins to the end of the chain."""

    row_id: str
    told: tuple[Told, ...]
    end: str

    def report(self) -> Report:
        """The story as a page."""
        sections = [told.section() for told in self.told]
        return Report(f"Why {self.row_id}", "", (), (*sections, Section("In the end", self.end)))

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return asdict(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from (terminal.section(told.section()) for told in self.told)
        yield Text(f"\n{visible(self.end)}")

    def __str__(self) -> str:
        return "\n\n".join([*(str(line) for line in self.told), self.end]).lstrip("\n")


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
    evidence = json.loads(line["evidence"])
    names = ("row_id", "source", "step", "action", "rule", "score", "threshold", "twin")
    row = _source_row(line["source"], line["fingerprint"])
    plain = {key: line[key] for key in names} | {"evidence": evidence}
    if not line["twin"]:
        return Told(**plain, text=row.said(mask), twin_text=None)
    # Two eval files may use one id, so the evidence says which file it was.
    eval_file = evidence.get("eval_file")
    twin = _eval_case(it, eval_file, line["twin"]) if eval_file else _row(it, ledger, line["twin"])
    if row.missing or twin.missing:
        return Told(**plain, text=row.said(mask), twin_text=twin.said(mask), shown=False)
    other = beside.case_text(twin.turns, evidence) if eval_file else script(twin.turns)
    own = beside.row_text(row.turns, row.extra, evidence, other) if eval_file else script(row.turns)
    text, twin_text = mask(own), mask(other)
    spans = marked(text, twin_text)
    places = ranges(spans[0]), ranges(spans[1])
    return Told(
        **plain,
        text=text,
        twin_text=twin_text,
        text_differs=places[0],
        twin_differs=places[1],
        facts=beside.apart(text, twin_text) if eval_file else [],
        hidden=places == ([], []) and own.split() != other.split(),
    )


def _source_row(source: str, fingerprint: str | None) -> _Found:
    try:
        found = files.find_again(source, fingerprint)
    except BadInput as error:
        return _Found((), missing=f"(not shown: {error.what})")
    return _Found(found["turns"], found["extra"])


def _row(it: Iteration, ledger: pl.DataFrame, row_id: str) -> _Found:
    lines = ledger.filter(pl.col("row_id") == row_id)
    if lines.height:
        return _source_row(lines["source"][0], lines["fingerprint"][0])
    row = it.chats().filter(pl.col("id") == row_id)
    return _Found(row["turns"].to_list()[0]) if row.height else _Found((), missing="(not found)")


def _eval_case(it: Iteration, eval_file: str, case_id: str) -> _Found:
    for cases in _eval_cases(it, eval_file):
        if cases is None:
            break
        found = cases.filter(pl.col("id") == case_id)
        if found.height:
            return _Found(found["turns"].to_list()[0])
    return _Found((), missing="(not shown: the eval file is gone or changed)")


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


def _under(label: str, text: str, cut: str) -> list[str]:
    return [f"  {label}{f' ({cut})' if cut else ''}:", *(f"    | {line}" for line in text.split("\n"))]

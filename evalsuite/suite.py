"""What an evaluation is made of: cases, completions, verdicts, and the suites that hold them.

    cases = read_cases([Path("support-eval.jsonl")], "task")
    suite = Suite("task", cases, files, measures, score)
    verdicts = suite.score(cases, completions)      # every case ends in a value or in a reason why there is none

A verdict is a value or **unscored** with a reason; unscored is never 0, 50 or wrong. Measures say what a suite reports;
`evalsuite.figures` turns verdicts into one figure each, with its n and an interval.

What a fault of the completion does (`fault_of` finds it):
    empty, invalid text    unscored in toxicity, leakage, guardrails and bias; fails by rule in task and style, where an
                           answer is what was asked for
    loops                  unscored in guardrails and bias; scored as any other text elsewhere, and counted
    prompt too long        unscored everywhere
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from curate import files
from curate.chats import Turn, distinct_ids, turn_text
from curate.errors import BadInput
from curate.problems import case_name
from evalsuite.faults import LOOPS, fault_of

TOO_LONG = "prompt too long"
MULTI_TURN = "several user turns in a row: cases of more than one question are not run yet"

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Case:
    """One eval item. `cluster` names the template that it shares with others; `tags` are its other fields."""

    suite: str
    id: str
    turns: tuple[Turn, ...]
    ideal: str | None
    cluster: str
    tags: Mapping[str, Any]
    source: str

    @property
    def prompt(self) -> str:
        """What is asked, as text: the user turns, and the system turn before them."""
        return "\n\n".join(turn_text(turn) for turn in self.turns)


@dataclass(frozen=True)
class Completion:
    """What the model said. `finish` is stop, length (cut at the limit) or a fault that kept it from being asked."""

    text: str
    tokens: int
    finish: str

    @property
    def fault(self) -> str | None:
        """Empty, loops, invalid text, prompt too long; None for a text that can be read."""
        return fault_of(self.text) if self.asked else self.finish

    @property
    def asked(self) -> bool:
        """Whether the model was asked at all; a prompt that it cannot read is nobody's answer."""
        return self.finish in ("stop", "length")

    @property
    def unreadable(self) -> str | None:
        """The fault, unless it is a loop: a loop can be read."""
        return None if self.fault == LOOPS else self.fault


@dataclass(frozen=True)
class Verdict:
    """What a scorer found in one completion, on one measure. `value` is None exactly when `unscored` says why."""

    case_id: str
    measure: str
    value: float | None
    unscored: str | None = None
    evidence: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != (self.unscored is not None):
            raise ValueError(f"{self.case_id}, {self.measure}: a verdict is a value or unscored, and says which")


@dataclass(frozen=True)
class Measure:
    """A figure that a suite reports. A share's values are 0 and 1; `bounds` are the ends a mean can reach, if it has any."""

    name: str
    label: str
    kind: Literal["share", "mean"]
    better: Better
    bounds: tuple[float, float] | None = None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class CaseFile:
    """A file that cases were read from, by its bytes."""

    name: str
    sha256: str
    cases: int


Score = Callable[[Sequence[Case], Sequence[Completion]], list[Verdict]]


@dataclass(frozen=True)
class Suite:
    """Cases, and what is asked of the completions. `detectors` are the fingerprints by which the scorer is known."""

    name: str
    cases: tuple[Case, ...]
    files: tuple[CaseFile, ...]
    measures: tuple[Measure, ...]
    score: Score
    detectors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()  # what its detectors cannot see; for the report


# -- cases ------------------------------------------------------------------------------------------------------------


def read_cases(
    paths: Sequence[Path], suite: str, *, cluster_by: str = "template"
) -> tuple[tuple[Case, ...], tuple[CaseFile, ...]]:
    """Cases from eval files, exactly as the overlap check reads them. The field `cluster_by` names a case's template.

    An id that several files use gets the file's name before it, in whatever order they are given. Raises BadInput for a
    file that holds no case, one that cannot be read, or one that is given twice: that would count each answer twice.
    """
    if not paths:
        raise BadInput(f"the suite '{suite}' was given no eval file", hint="winnow eval ITERATION --eval FILE")
    rows: list[dict[str, Any]] = []
    sources: dict[str, CaseFile] = {}
    for path in paths:
        read = files.read_eval(path)
        for file in read.inputs:
            if file.sha256 in {source.sha256 for source in sources.values()}:
                raise BadInput("this eval file was given twice", where=file.path, hint="each file once")
            sources[file.path] = CaseFile(Path(file.path).name, file.sha256, file.rows)
        rows += read.chats.iter_rows(named=True)
    ids = _ids([row["id"] for row in rows], [sources[row["source"].rpartition(":")[0]] for row in rows])
    cases = tuple(_case(row, name, suite, cluster_by) for row, name in zip(rows, ids, strict=True))
    return cases, tuple(sources.values())


def _ids(ids: Sequence[str], of: Sequence[CaseFile]) -> list[str]:
    """One id per case. It must not depend on the order of the files: two evaluations are paired by it."""
    used = Counter(ids)
    named = [name if used[name] == 1 else case_name(file.name, name) for name, file in zip(ids, of, strict=True)]
    again = Counter(named)
    told = [
        fresh if again[fresh] == 1 else case_name(f"{file.name}@{file.sha256[:8]}", name)
        for fresh, name, file in zip(named, ids, of, strict=True)
    ]
    return distinct_ids(told)


def _case(row: Mapping[str, Any], name: str, suite: str, cluster_by: str) -> Case:
    turns, tags = list(row["turns"]), json.loads(row["extra"])
    ideal = turn_text(turns.pop()) if turns[-1]["role"] == "assistant" else None
    return Case(suite, name, tuple(turns), ideal, str(tags.get(cluster_by) or name), tags, row["source"])


def asked_in_turns(case: Case) -> bool:
    """Whether the case holds several user turns without an answer between them."""
    roles = [turn["role"] for turn in case.turns]
    return any(a == b == "user" for a, b in itertools.pairwise(roles))


def blanks(case: Case, why: str, measures: Sequence[str]) -> list[Verdict]:
    """Unscored verdicts of one case, for one reason."""
    return [Verdict(case.id, name, None, why) for name in measures]


# -- the table of cases -----------------------------------------------------------------------------------------------

TABLE = pl.Schema(
    {
        "suite": pl.String,
        "measure": pl.String,
        "case_id": pl.String,
        "cluster": pl.String,
        "prompt": pl.String,
        "ideal": pl.String,  # null where the case has none
        "completion": pl.String,
        "tokens": pl.Int32,
        "finish": pl.String,  # stop | length | prompt too long | ...
        "fault": pl.String,  # empty | loops | invalid text | ..., or null
        "verdict": pl.String,  # pass | fail (shares) | scored (means) | unscored
        "score": pl.Float64,  # null exactly where unscored
        "unscored": pl.String,  # why, or null
        "evidence": pl.String,
    }
)


def table(suite: Suite, completions: Mapping[str, Completion], verdicts: Sequence[Verdict]) -> pl.DataFrame:
    """One line per case and measure, sorted, so that the order of the cases in a file does not show."""
    cases = {case.id: case for case in suite.cases}
    order = {measure.name: (number, measure) for number, measure in enumerate(suite.measures)}
    rows = []
    for v in sorted(verdicts, key=lambda v: (order[v.measure][0], v.case_id)):
        case, said = cases[v.case_id], completions[v.case_id]
        row: list[str | float | None] = [
            suite.name,
            v.measure,
            case.id,
            case.cluster,
            case.prompt,
            case.ideal,
            said.text,
            said.tokens,
        ]
        row += [said.finish, said.fault, word(v, order[v.measure][1]), v.value, v.unscored, v.evidence]
        rows.append(row)
    return pl.DataFrame(rows, schema=TABLE, orient="row")


def word(verdict: Verdict, measure: Measure) -> str:
    """A verdict in one word: pass or fail where the measure says which end is good, else yes or no; scored for means."""
    if verdict.value is None:
        return "unscored"
    if measure.kind == "mean":
        return "scored"
    match measure.better:
        case "higher":
            return "pass" if verdict.value else "fail"
        case "lower":
            return "fail" if verdict.value else "pass"
    return "yes" if verdict.value else "no"

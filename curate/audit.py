"""One report on a dataset, before anything is changed: what is in it, what is wrong, and what to fix first.

    found = audit(chats, quarantined, outcomes, source="raw.jsonl", mask=mask)
    print(found)                            # the ten worst problems, one line each
    audit_report.report(found)              # the page

The faults are those that curation's own steps find on the raw rows (each step run by itself, on all rows), so an audit
cannot promise what `winnow curate` does not do. A step that did not run is named as not looked for, never counted as 0.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from curate import chats as chat
from curate import lengths, problems
from curate.bias import Bias
from curate.canaries import Canaries
from curate.counted import counted
from curate.diversity.measure import Diversity
from curate.outcome import Outcome
from curate.overlap import Check, EvalFile
from curate.page.layout import Layout
from curate.problems import Problem
from curate.quality import Faults
from curate.samples import Mask, Samples

SAMPLES = 5
SHORT_WORDS, LONG_WORDS = 2, 1_500
READ, USABLE = "share of rows read", "share of usable rows"  # of what a column of shares is a share

STEPS = {
    "validate": "answers that are empty, echo the question, or are garbled",
    "exact": "exact duplicates",
    "near": "near duplicates",
    "semantic": "semantic duplicates",
    "pii": "personal data",
    "toxicity": "toxic answers",
    "overlap": "overlap with eval files",
}


@dataclass(frozen=True)
class Audit:
    """What was found. `problems` is ranked, worst first; `absent` was looked for and not found."""

    source: str
    rows: int
    quarantined: int
    fingerprint: str
    measures: pl.DataFrame = field(repr=False)  # lengths.MEASURES
    roles: Mapping[str, int]
    systems: tuple[tuple[str, int], ...] = field(repr=False)  # a row with this system prompt, how many rows have it
    problems: tuple[Problem, ...] = field(repr=False)
    absent: tuple[str, ...]
    unmeasured: tuple[str, ...]
    reasons: Mapping[str, int]  # of the quarantine
    pii: Mapping[str, tuple[int, int]]  # kind -> values found, rows
    check: Check | None = field(repr=False)
    samples: Samples = field(repr=False)
    cases: Samples = field(repr=False)
    detectors: Mapping[str, str]
    planted: Canaries | None = field(default=None, repr=False)
    faults: Faults | None = field(default=None, repr=False)
    bias: Bias | None = field(default=None, repr=False)
    diversity: Diversity | None = field(default=None, repr=False)
    combinations: Mapping[str, int] | None = None  # that find a person -> rows; None: not looked for
    left: int | None = None  # values that the search still finds after replacement; None: not searched again
    shown: int = SAMPLES  # rows that the report shows of each problem
    layout: Layout | None = field(default=None, repr=False)  # of the queries, where a page was asked for
    other_languages: int | None = None  # rows that the encoder reads poorly; None: it reads them, or nobody looked

    def __str__(self) -> str:
        head = f"{counted(self.rows + self.quarantined, 'row')} read, {self.quarantined:,} broken"
        return "\n".join([head, *(f"{number}. {problem}" for number, problem in enumerate(self.problems, start=1))])


def audit(
    chats: pl.DataFrame,
    quarantined: pl.DataFrame,
    outcomes: Mapping[str, Outcome],
    *,
    source: str = "",
    check: Check | None = None,
    eval_files: Sequence[EvalFile] = (),
    turn_scores: pl.DataFrame | None = None,
    toxic_threshold: float = 0.5,
    mask: Mask | None = None,
    detectors: Mapping[str, str] | None = None,
    planted: Canaries | None = None,
    faults: Faults | None = None,
    bias: Bias | None = None,
    diversity: Diversity | None = None,
    combinations: pl.DataFrame | None = None,
    left: int | None = None,
    short_words: int = SHORT_WORDS,
    long_words: int = LONG_WORDS,
    samples: int = SAMPLES,
    layout: Layout | None = None,
    other_languages: int | None = None,
) -> Audit:
    """Gather what the steps found on the raw rows.

    `outcomes` holds, under the names of `STEPS`, what each step returned when it ran by itself on `chats`; `check` adds
    the overlap step's. `quarantined` has the columns `source` and `reason`. `turn_scores` is `toxicity.turn_scores`.
    `combinations` is `doxxing.count`, and `left` what is found again after replacement. Without `mask` no text of a row is shown. `detectors` (what: name and fingerprint) is printed as given.
    """
    outcomes = {**outcomes, "overlap": check.outcome} if check else dict(outcomes)
    of = chats.height + quarantined.height
    measures = lengths.measure(chats)
    found = problems.from_outcomes(outcomes, of)
    found += [problems.broken(quarantined, of)]
    found += [] if combinations is None else [problems.combined(combinations, of)]
    found += [problems.conflicts(chats, outcomes, of)] if faults is None else problems.from_faults(faults.rows, of)
    found += problems.unusual(chats, measures, of, short_words=short_words, long_words=long_words)
    if turn_scores is not None:
        found += [
            problems.toxic_queries(turn_scores, toxic_threshold, outcomes, of),
            problems.unscored(turn_scores, of),
        ]
    if check:
        found.append(problems.variants(check.matches, outcomes, of))
    ranking = problems.ranked(found)
    systems = _systems(chats)
    wanted = _wanted(ranking, systems, samples)
    cases = pl.concat([chats.clear(), *(_named(file).select(chats.columns) for file in eval_files)])
    turns = chat.turn_frame(chats)
    unscored = {"toxicity": _unscored(turns, turn_scores), "semantic": other_languages or 0}
    return Audit(
        source=source,
        rows=chats.height,
        quarantined=quarantined.height,
        fingerprint=chat.dataset_fingerprint(chats),
        measures=measures,
        roles=dict(turns.group_by("role").len().sort("len", "role", descending=[True, False]).iter_rows()),
        systems=systems,
        problems=ranking,
        absent=_absent(outcomes, unscored),
        unmeasured=_unmeasured(outcomes, unscored, of=chats.height),
        reasons=dict(quarantined.group_by("reason").len().sort("len", "reason", descending=[True, False]).iter_rows()),
        pii=_by_kind(outcomes.get("pii")),
        check=check,
        samples=Samples.of(chats, wanted, mask),
        cases=Samples.of(cases, wanted, mask),
        detectors=dict(detectors or {}),
        planted=planted,
        faults=faults,
        bias=bias,
        diversity=diversity,
        combinations=None if combinations is None else _rows_by(combinations),
        left=left,
        shown=samples,
        layout=layout,
        other_languages=other_languages,
    )


def _named(file: EvalFile) -> pl.DataFrame:
    # Two eval files may use one id.
    return file.cases.with_columns(id=pl.lit(problems.case_name(file.name, "")) + pl.col("id"))


def _wanted(ranking: Sequence[Problem], systems: Sequence[tuple[str, int]], samples: int) -> list[str]:
    """Ids of the rows, twins and eval items that the report shows."""
    shown = [(problem, row) for problem in ranking for row in problem.rows[:samples]]
    twins = [str(twin) for problem, row in shown if (twin := problem.details.get(row, {}).get("twin"))]
    return [row for _, row in shown] + twins + [row for row, _ in systems[:samples]]


def _absent(outcomes: Mapping[str, Outcome], unscored: Mapping[str, int]) -> tuple[str, ...]:
    """What was looked for in every row and found in none. What has no score was not looked at."""
    hit = {step for step, done in outcomes.items() if done.ledger.height}
    return tuple(
        said for step, said in STEPS.items() if step in outcomes and step not in hit and not unscored.get(step)
    )


def _unmeasured(outcomes: Mapping[str, Outcome], unscored: Mapping[str, int], of: int) -> tuple[str, ...]:
    """What was looked for in no row, or not in all `of` rows."""
    return tuple(
        f"{said} in {unscored[step]:,} of {counted(of, 'row')}" if step in outcomes else said
        for step, said in STEPS.items()
        if step not in outcomes or unscored.get(step)
    )


def _unscored(turns: pl.DataFrame, turn_scores: pl.DataFrame | None) -> int:
    """Rows with an answer that has no toxicity score, for whatever reason; without scores, all rows with an answer."""
    answers = turns.filter(pl.col("role") == "assistant").select("row_id", "turn")
    if turn_scores is not None:
        scored = turn_scores.filter(pl.col("score").is_not_null()).select(
            "row_id", pl.col("turn").cast(turns["turn"].dtype)
        )
        answers = answers.join(scored, on=["row_id", "turn"], how="anti")
    return answers["row_id"].n_unique()


def _systems(chats: pl.DataFrame) -> tuple[tuple[str, int], ...]:
    """Distinct system prompts, each by the first row that has it, most rows first; texts stay in the rows."""
    first: dict[str, str] = {}
    count = Counter[str]()
    for row, turns in zip(chats["id"], chats["turns"].to_list(), strict=True):
        said = "\n".join(chat.turn_text(turn) for turn in turns if turn["role"] == "system")
        if said:
            first.setdefault(said, row)
            count[said] += 1
    return tuple(sorted(((first[said], n) for said, n in count.items()), key=lambda line: (-line[1], line[0])))


def _rows_by(combinations: pl.DataFrame) -> dict[str, int]:
    """Combination -> rows that hold it, most first."""
    counts = combinations.group_by("combination").agg(pl.col("row_id").n_unique())
    return dict(counts.sort("row_id", "combination", descending=[True, False]).iter_rows())


def _by_kind(done: Outcome | None) -> dict[str, tuple[int, int]]:
    """Kind of personal data -> values found, rows that hold it; read off the ledger's evidence, which holds no value."""
    values, rows = Counter[str](), Counter[str]()
    for evidence in done.ledger["evidence"] if done is not None else ():
        kinds = [edit["kind"] for edit in json.loads(evidence).get("edits", [])]
        values.update(kinds)
        rows.update(set(kinds))
    return {kind: (values[kind], n) for kind, n in sorted(rows.items(), key=lambda item: (-item[1], item[0]))}

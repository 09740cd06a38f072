"""What can be wrong with rows: a name for each kind, how bad it is, and what `winnow curate` does about it.

    found = from_outcomes({"exact": dedup.exact(chats)}, chats.height)
    for problem in ranked(found):
        print(problem)          # exact duplicates: 40 of 1,204 rows

What curation removes or edits is read off the ledgers of its own steps; what it leaves alone is found here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curate import chats as chat
from curate import stats, text
from curate.counted import counted
from curate.faults.contradictions import MOST_ANSWERS
from curate.outcome import Outcome
from curate.report import Cell, Severity
from curate.stats import Interval

# A critical fault in one row outweighs a remark on hundreds.
WEIGHT: dict[Severity, int] = {"critical": 10_000, "warning": 100, "notice": 1, "good": 0}

REMOVES = "winnow curate removes these rows."
KEEPS = "winnow curate keeps these rows."

# Letters of scripts that put no space between words, as in `curate.text`.
_UNSPACED = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"

DUPLICATES = ("exact", "near", "semantic")
OVERLAPS = ("copy", "near copy", "paraphrase", "translation")


@dataclass(frozen=True)
class Kind:
    """A kind of problem. `title` is a plural that a count can follow."""

    title: str
    severity: Severity
    why: str
    todo: str


# Rules of the ledger -> what they mean to a person.
BY_RULE: dict[str, Kind] = {
    "copy": Kind("copies of eval items", "critical", "The model would be tested on what it was trained on.", REMOVES),
    "near copy": Kind(
        "near copies of eval items", "critical", "Most of an eval item's words stand in these rows.", REMOVES
    ),
    "paraphrase": Kind(
        "paraphrases of eval items", "critical", "These rows ask what an eval item asks, in other words.", REMOVES
    ),
    "translation": Kind(
        "translations of eval items", "critical", "These rows say what an eval item says, in another language.", REMOVES
    ),
    "not comparable": Kind(
        "rows that cannot be compared with the eval items", "warning", "They hold no text to compare.", REMOVES
    ),
    "personal data": Kind(
        "rows with personal data",
        "critical",
        "A small model repeats what it saw, also to strangers.",
        "winnow curate puts an invented value in place of each, the same one throughout the row.",
    ),
    "toxic answer": Kind("rows with a toxic answer", "critical", "The model is taught to say such things.", REMOVES),
    "toxic query": Kind(
        "rows with a toxic query",
        "notice",
        "The answer may be the refusal that the model should learn.",
        f"{KEEPS} To remove them too: `toxicity: {{queries: true}}` in the recipe.",
    ),
    "empty answer": Kind("rows with an empty answer", "warning", "They teach the model to say nothing.", REMOVES),
    "answer repeats the question": Kind(
        "answers that repeat the question", "warning", "They teach the model to echo.", REMOVES
    ),
    "garbled text": Kind(
        "rows with garbled text", "warning", "The bytes were read in the wrong encoding somewhere.", REMOVES
    ),
    "exact duplicate": Kind(
        "exact duplicates",
        "warning",
        "Repeated rows weigh more and are learnt by heart.",
        "winnow curate keeps one of each.",
    ),
    "near duplicate": Kind(
        "near duplicates",
        "warning",
        "Query and answer share most of their wording with another row.",
        "winnow curate keeps the better one.",
    ),
    "wrapped question": Kind(
        "questions in another wrapping",
        "warning",
        "The same question and answer with a preamble or a prompt template around the question.",
        "winnow curate keeps one of each.",
    ),
    "truncated answer": Kind(
        "answers cut short", "warning", "Another row has the same query and the whole answer.", REMOVES
    ),
    "semantic duplicate, answer reworded": Kind(
        "semantic duplicates with a reworded answer",
        "notice",
        "The same question, and an answer that says the same in other words.",
        "winnow curate keeps the better one. If you want the variety: `semantic: false` in the recipe.",
    ),
    "semantic duplicate": Kind(
        "semantic duplicates",
        "notice",
        "Query and answer say the same as another row in other words.",
        "winnow curate keeps the better one. If you want the variety: `semantic: false` in the recipe.",
    ),
}

NO_KEY = f"{KEEPS} No recipe key removes them: look at them, and mend or delete them in the source."
ON_REQUEST = f"{KEEPS} To remove them: `validate: {{{{remove: [{{}}]}}}}` in the recipe."


def _on_request(name: str) -> str:
    return ON_REQUEST.format(name)


# Faults of `quality.faults` -> what they mean to a person.
BY_FAULT: dict[str, Kind] = {
    "answer breaks off": Kind(
        "answers that end in the middle or in a stray sign",
        "warning",
        "A length limit or a slip left them so: the model learns to stop there too.",
        _on_request("answer breaks off"),
    ),
    "refusal": Kind(
        "answers that refuse",
        "notice",
        "Wanted where the question calls for it; elsewhere the model learns to decline what it could answer.",
        _on_request("refusal"),
    ),
    "speaks as a model": Kind(
        "answers that talk of being a language model",
        "warning",
        "Phrases of the model that wrote the data, given to a question that does not ask for them.",
        _on_request("speaks as a model"),
    ),
    "unfilled placeholder": Kind(
        "answers with a placeholder that nobody filled in",
        "warning",
        "The model learns to say the placeholder.",
        _on_request("unfilled placeholder"),
    ),
    "control marks": Kind(
        "rows with marks of a chat template in the text",
        "warning",
        "Such marks end turns: inside a text they cut it in two when a model is trained or asked.",
        _on_request("control marks"),
    ),
    "near echo": Kind(
        "answers that give back nearly the whole question",
        "warning",
        "They repeat the question, or the passage in it, and add nothing.",
        _on_request("near echo"),
    ),
    "loops": Kind(
        "answers that go round in circles",
        "warning",
        "The same words again and again to the end.",
        _on_request("loops"),
    ),
    "other language": Kind(
        "answers in another language than the question",
        "warning",
        "Nobody asked for the other language.",
        _on_request("other language"),
    ),
    "open code fence": Kind(
        "answers with a code block that stays open",
        "notice",
        "The answer was cut, or the closing fence was lost: what follows is shown as code.",
        _on_request("open code fence"),
    ),
    "broken JSON": Kind(
        "answers with JSON that does not parse",
        "warning",
        "Whoever asks for JSON reads it with a program.",
        _on_request("broken JSON"),
    ),
    "misread text": Kind(
        "rows whose text was read in the wrong encoding",
        "warning",
        "Letters came out as others, or marks of a page were left in.",
        _on_request("misread text"),
    ),
    "off the question": Kind(
        "answers that have nothing to do with their question",
        "warning",
        "They lie as far from their question as a random answer of this set does, and share no word with it.",
        NO_KEY,
    ),
    "label noise": Kind(
        "rows whose label is doubtful",
        "notice",
        "Nearly all rows that ask alike have one other label.",
        f"{KEEPS} Look at them: the label may be wrong, or the question is an exception.",
    ),
    "contradiction": Kind(
        "rows whose answer contradicts another row's",
        "warning",
        "The same question, and two short answers that differ in a number, a \"not\", or a yes. "
        f"Of one question the first {MOST_ANSWERS} answers by row id are compared.",
        f"{KEEPS} Look at them: only you can tell which is right.",
    ),
    "no system prompt": Kind(
        "rows without a system prompt",
        "notice",
        "Most rows of the set have one, so it may have been forgotten here.",
        NO_KEY,
    ),
    "extreme length": Kind(
        "rows far longer than the rest",
        "notice",
        "Their question or answer lies above the middle half of the set by three times its width, on a scale of factors.",
        NO_KEY,
    ),
    "off voice": Kind(
        "rows off the voice",
        "warning",
        "An answer fails the rubric that was named.",
        NO_KEY,
    ),
}  # fmt: skip

COMBINED = Kind(
    "rows that tell who and where a person is",
    "critical",
    "Each part may be harmless; together they find somebody: a name and a home, a name with employer and town, age with post and town.",
    "winnow curate replaces what has a form of its own, and names, towns and employers of private persons.",
)
BROKEN = Kind(
    "rows that cannot be read",
    "warning",
    "They are no chat rows: see the reasons.",
    "winnow curate puts them into quarantine.jsonl, with file, line and reason.",
)
CONFLICT = Kind(
    "rows whose question has another answer elsewhere",
    "notice",
    "The same question with different answers: one may be wrong, or both may be right.",
    f"{KEEPS} Look at them: only you can tell.",
)
VARIANT = Kind(
    "template variants of eval items",
    "notice",
    "The same question as an eval item with other numbers or names.",
    f"{KEEPS} To remove them too: `overlap: {{remove_template_variants: true}}` in the recipe.",
)
UNSCORED = Kind(
    "rows with a turn that was not scored for toxicity",
    "notice",
    "Empty, without letters, or in a script that the scorer cannot read. Unscored is not harmless.",
    KEEPS,
)
UNANSWERED = Kind(
    "rows that do not end with an answer",
    "notice",
    "What follows the last answer trains nothing.",
    f"{KEEPS} Check whether the last turn is missing.",
)
SHORT = Kind("very short answers", "notice", "Fine for labels, poor for conversation.", KEEPS)
LONG = Kind("very long rows", "notice", "A trainer with a short context cuts them off.", KEEPS)


@dataclass(frozen=True)
class Problem:
    """Rows that share a problem. `details` says more of some rows: score, twin, reason."""

    kind: Kind
    rows: tuple[str, ...]
    of: int
    details: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many rows have it."""
        return len(self.rows)

    @property
    def share(self) -> Interval:
        """The share of the rows read, with its Wilson interval: what the same source may be expected to bring again."""
        return stats.wilson(self.count, self.of)

    @property
    def weight(self) -> int:
        """Severity times rows: what the ranking goes by."""
        return WEIGHT[self.kind.severity] * self.count

    def __str__(self) -> str:
        return f"{self.kind.title}: {self.count:,} of {counted(self.of, 'row')}"


def ranked(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems that touch a row at all, worst first: severity times rows, ties by title."""
    return tuple(sorted((p for p in problems if p.count), key=lambda p: (-p.weight, p.kind.title)))


def from_outcomes(outcomes: Mapping[str, Outcome], of: int) -> list[Problem]:
    """One problem per rule in the steps' ledgers. A rule that has no entry here is still reported, as a warning.

    Each step ran on all rows, so an exact duplicate is a near and a semantic one too: it counts under the first only.
    """
    found: dict[str, dict[str, dict[str, Cell]]] = {}
    double = set[str]()
    for step in sorted(outcomes, key=lambda name: DUPLICATES.index(name) if name in DUPLICATES else -1):
        for line in outcomes[step].ledger.filter(pl.col("action").is_in(("removed", "edited"))).iter_rows(named=True):
            if step not in DUPLICATES or line["row_id"] not in double:
                found.setdefault(line["rule"], {}).setdefault(line["row_id"], _said(line))
        double |= set(outcomes[step].removed["id"]) if step in DUPLICATES else set()
    return [
        Problem(BY_RULE.get(rule, Kind(f"rows with: {rule}", "warning", "", REMOVES)), tuple(rows), of, rows)
        for rule, rows in found.items()
    ]


def from_faults(faults: Mapping[str, Mapping[str, Mapping[str, Cell]]], of: int) -> list[Problem]:
    """One problem per named fault of `quality.faults`; rows with another answer elsewhere are conflicts."""
    kinds = BY_FAULT | {"other answer": CONFLICT}
    return [Problem(kinds[name], tuple(rows), of, rows) for name, rows in faults.items()]


def _said(line: Mapping[str, Any]) -> dict[str, Cell]:
    eval_file = json.loads(line["evidence"]).get("eval_file")
    twin = case_name(eval_file, line["twin"]) if eval_file and line["twin"] else line["twin"]
    return {name: value for name, value in (("score", line["score"]), ("twin", twin)) if value is not None}


def case_name(eval_file: str, case_id: str) -> str:
    """An eval item by file and id: two files may use one id."""
    return f"{eval_file}#{case_id}"


def combined(found: pl.DataFrame, of: int) -> Problem:
    """Rows with combinations that find a person (`doxxing.count`), and which."""
    kinds: dict[str, list[str]] = {}
    for row, name in found.select("row_id", "combination").iter_rows():
        if name not in kinds.setdefault(row, []):
            kinds[row].append(name)
    return Problem(COMBINED, tuple(kinds), of, {row: {"reason": "; ".join(names)} for row, names in kinds.items()})


def broken(quarantined: pl.DataFrame, of: int) -> Problem:
    """Rows that never became chats; named by their place in the file."""
    rows = dict(zip(quarantined["source"], quarantined["reason"], strict=True))
    return Problem(BROKEN, tuple(rows), of, {source: {"reason": reason} for source, reason in rows.items()})


def conflicts(chats: pl.DataFrame, outcomes: Mapping[str, Outcome], of: int) -> Problem:
    """Rows that no step calls duplicates, with one question and answers whose normal forms differ."""
    doubles = {row for step in DUPLICATES if step in outcomes for row in outcomes[step].removed["id"]}
    answers: dict[str, dict[str, list[str]]] = {}
    for row, query, answer in zip(chats["id"], chat.queries(chats), chat.answers(chats), strict=True):
        if row not in doubles and (asked := text.normalise(query)):
            answers.setdefault(asked, {}).setdefault(text.normalise(answer), []).append(row)
    rows = [row for by_answer in answers.values() if len(by_answer) > 1 for some in by_answer.values() for row in some]
    return Problem(CONFLICT, tuple(rows), of)


def toxic_queries(turn_scores: pl.DataFrame, threshold: float, outcomes: Mapping[str, Outcome], of: int) -> Problem:
    """Rows in which only somebody else than the assistant is toxic, as far as the toxicity step leaves them in."""
    removed = set(outcomes["toxicity"].removed["id"]) if "toxicity" in outcomes else set()
    toxic = turn_scores.filter((pl.col("score") >= threshold) & (pl.col("role") != "assistant"))
    worst = toxic.group_by("row_id", maintain_order=True).agg(pl.col("score").max())
    rows = {row: {"score": score} for row, score in worst.iter_rows() if row not in removed}
    return Problem(BY_RULE["toxic query"], tuple(rows), of, rows)


def unscored(turn_scores: pl.DataFrame, of: int) -> Problem:
    """Rows with a turn that got no toxicity score, and why."""
    blank = turn_scores.filter(pl.col("score").is_null())
    reasons = blank.group_by("row_id", maintain_order=True).agg(pl.col("unscored").first())
    rows = {row: {"reason": reason or "the scorer gave no score"} for row, reason in reasons.iter_rows()}
    return Problem(UNSCORED, tuple(rows), of, rows)


def variants(matches: pl.DataFrame, outcomes: Mapping[str, Outcome], of: int) -> Problem:
    """Rows that are template variants of an eval item and nothing worse."""
    removed = set(outcomes["overlap"].removed["id"]) if "overlap" in outcomes else set()
    lines = matches.filter(pl.col("class") == "template variant").unique("row_id", keep="first", maintain_order=True)
    rows = {
        line["row_id"]: {
            "score": line["cosine"] or line["containment"],
            "twin": case_name(line["eval_file"], line["case_id"]),
            "differs": line["differs"],
        }
        for line in lines.iter_rows(named=True)
        if line["row_id"] not in removed
    }
    return Problem(VARIANT, tuple(rows), of, rows)


def unusual(
    chats: pl.DataFrame, measures: pl.DataFrame, of: int, *, short_words: int, long_words: int
) -> list[Problem]:
    """Rows whose answer has 1 to `short_words` words, rows of more than `long_words` words, rows that end unanswered.

    `measures` is `lengths.measure` of the rows. Its words stand between white space; a script that puts none between
    words is counted letter by letter, as `text.tokens` reads it.
    """
    sides = {"query_words": chat.queries(chats), "answer_words": chat.answers(chats)}
    measures = measures.with_columns(_words(said, measures[name]) for name, said in sides.items())
    words = pl.col("query_words") + pl.col("answer_words")
    short = measures.filter(pl.col("answer_words").is_between(1, short_words))
    long = measures.filter(words > long_words)
    open_ended = measures.filter(~pl.col("shape").str.contains(r"assistant(?: \(x\d+\))?$"))
    return [
        Problem(_with_limit(SHORT, f"at most {counted(short_words, 'word')}"), tuple(short["row_id"]), of),
        Problem(_with_limit(LONG, f"more than {counted(long_words, 'word')}"), tuple(long["row_id"]), of),
        Problem(UNANSWERED, tuple(open_ended["row_id"]), of),
    ]


def _words(said: Sequence[str], spaced: pl.Series) -> pl.Series:
    """The words of each text: as counted between white space, or the tokens where letters of a script without spaces stand."""
    unspaced = pl.Series(said, dtype=pl.String).str.contains(_UNSPACED)
    tokens = text.all_tokens([said[i] for i in unspaced.arg_true()])
    return spaced.scatter(unspaced.arg_true(), tokens.list.len().cast(spaced.dtype))


def _with_limit(kind: Kind, limit: str) -> Kind:
    return Kind(f"{kind.title} ({limit})", kind.severity, kind.why, kind.todo)

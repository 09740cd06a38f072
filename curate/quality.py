"""Quality of rows: what no trainer should see, which goes, and what a person should look at, which stays.

    outcome = validate(chats)                       # empty, echoing and garbled answers are removed
    found = faults(chats, encode=encoder.encode)    # named faults, each with its rows; nothing is removed

Broken records (not JSON, no assistant turn, wrong types) never become rows: `files.read` puts them into quarantine.
Faults are judged for precision: what is in doubt is not named. What could not be judged is said, with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from curate import lengths, outcome, text
from curate.cache import Cache
from curate.duplicates.said import sides
from curate.faults import broken_format, contradictions, cut_off, echoes, misread, off_voice, stock, wrong_language
from curate.faults.exchanges import Exchange, exchanges
from curate.faults.labels import label_noise
from curate.faults.off_question import off_question
from curate.faults.remembered import Told, told
from curate.faults.unlike_rest import far_out, without_system
from curate.outcome import Outcome, Reason
from curate.report import Cell
from curate.rubric import Rubric
from curate.windows import Encode

# U+FFFD is what a decoder leaves where the bytes were wrong; C0 and C1 controls other than tab and line ends are debris.
_GARBLED = "[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
GARBLED_SHARE = 0.02

EMPTY, REPEATS, GARBLED = "empty answer", "answer repeats the question", "garbled text"


def validate(chats: pl.DataFrame, remove: Sequence[str] = ()) -> Outcome:
    """Remove rows whose answer is empty, repeats the question, or is garbled, and those with the named faults (`OF_ANSWERS`)."""
    said = sides(chats)
    forms = [text.all_normal(side) for side in (said.answers, said.queries)]
    answers = pl.Series(said.answers, dtype=pl.String)
    rows = pl.DataFrame({"id": chats["id"], "answer": answers, "form": forms[0], "asked": forms[1]})
    marks = pl.col("answer").str.count_matches(_GARBLED)
    fault = (
        pl.when(pl.col("form") == "").then(pl.lit(EMPTY))
        .when(pl.col("form") == pl.col("asked")).then(pl.lit(REPEATS))
        .when(marks > GARBLED_SHARE * pl.col("answer").str.len_chars()).then(pl.lit(GARBLED))
    )  # fmt: skip
    reasons = {row: Reason(rule) for row, rule in rows.select("id", fault=fault).drop_nulls("fault").iter_rows()}
    every = exchanges(chats) if remove else []
    for name in remove:
        for row, why in of_answers(every, name).items():
            reasons.setdefault(row, Reason(name, evidence=why))
    return outcome.split(chats, "validate", reasons)


BREAKS_OFF = "answer breaks off"

# What can be told of an answer by itself: the name of the fault, and who says why.
OF_ANSWERS: Mapping[str, Callable[[Exchange], str | None]] = {
    BREAKS_OFF: cut_off.breaks_off,
    "refusal": stock.refuses,
    "speaks as a model": stock.speaks_as_a_model,
    "unfilled placeholder": stock.placeholder,
    "control marks": stock.control_marks,
    "near echo": echoes.echo,
    "loops": echoes.looping,
    "other language": wrong_language.other_language,
    "open code fence": broken_format.open_code,
    "broken JSON": broken_format.broken_json,
    "misread text": misread.misread,
}

# Words of another machine in an answer: who tunes on them gets them back, whatever the policy is.
ALWAYS_OFF_POLICY = ("speaks as a model", "unfilled placeholder", "control marks")

Rows = Mapping[str, Mapping[str, Cell]]


@dataclass(frozen=True)
class Faults:
    """Named faults, each with its rows and what is known of them; `unjudged` says why some were not looked for."""

    rows: Mapping[str, Rows]
    unjudged: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{name}: {len(rows):,} rows" for name, rows in self.rows.items() if rows]
        return "\n".join([*lines, *(f"{name}: not looked for ({why})" for name, why in self.unjudged.items())])


def faults(
    chats: pl.DataFrame,
    *,
    encode: Encode | None = None,
    latin_only: bool = True,
    conflicts: pl.DataFrame | None = None,
    doubles: set[str] | None = None,
    rubric: Rubric | None = None,
    cache: Cache | None = None,
) -> Faults:
    """Look for every named fault; nothing is removed.

    `encode` is needed for answers off the question and for label noise, `rubric` for rows off the voice. `conflicts` is what the
    semantic step lists (`Semantic.conflicts`), `doubles` are the rows that a duplicate step removes. A `cache` holds what was
    told of answers before.
    """
    every = exchanges(chats)
    known = told(every, OF_ANSWERS, cache) if cache is not None and cache.usable else None
    found: dict[str, Rows] = {name: of_answers(every, name, known) for name in OF_ANSWERS}
    by_question = contradictions.conflicts(chats, conflicts, doubles or set())
    found |= {
        "contradiction": by_question[contradictions.CONTRADICTION],
        "other answer": by_question[contradictions.OTHER],
    }
    found |= {"no system prompt": without_system(chats), "extreme length": far_out(lengths.measure(chats))}
    unjudged: dict[str, str] = {}
    if encode is None:
        unjudged |= dict.fromkeys(("off the question", "label noise"), "no encoder")
    else:
        said = sides(chats)
        ids = chats["id"].to_list()
        off = off_question(ids, said.queries, said.answers, encode, latin_only=latin_only)
        noise = label_noise(ids, said.queries, said.answers, encode)
        found |= {"off the question": off.rows, "label noise": noise.rows}
        unjudged |= {
            name: one.unjudged for name, one in (("off the question", off), ("label noise", noise)) if one.unjudged
        }
    if rubric is None:
        unjudged["off voice"] = "no rubric was named"
    else:
        found["off voice"] = off_voice.off_voice(every, rubric)
    return Faults({name: rows for name, rows in found.items() if name not in unjudged}, unjudged)


def off_policy(chats: pl.DataFrame) -> frozenset[str]:
    """Ids of the rows with one of the faults that no policy allows (`ALWAYS_OFF_POLICY`)."""
    every = exchanges(chats)
    return frozenset(row for name in ALWAYS_OFF_POLICY for row in of_answers(every, name))


def of_answers(every: Sequence[Exchange], name: str, known: Sequence[Told] | None = None) -> dict[str, dict[str, Cell]]:
    """The rows with an answer that has this fault, each with the first reason, in file order; `known`: the faults of each, by name."""
    look, found = OF_ANSWERS[name], dict[str, dict[str, Cell]]()
    half = cut_off.inside_words(every) if name == BREAKS_OFF else {}
    for place, one in enumerate(every):
        if one.row in found:
            continue
        here = known is None or name in known[place]
        if why := (look(one) if here else None) or half.get(one.row):
            found[one.row] = {"why": why}
    return found

"""Training rows against eval items: what says the same, under a stated rule.

    found = check(chats, eval_files, encode, exact_encode)
    found.outcome.removed      # the rows that overlap
    found.nearest              # for every eval item the nearest training turn and its score

Every turn of every row is compared with every user turn of every eval case: by words (equal normal forms, n-gram
containment) and by meaning (all pairs of windows, no approximate index). Ideal answers are compared by words when they
are long. Pairs whose numbers or names contradict each other are template variants: the same question with other facts.
They are counted and reported, not removed.

The check fails closed: a row without anything to compare is removed as `not comparable`, an eval item without any text
stops the run, and a score within `TOLERANCE` of the threshold counts as overlap.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import chats as chat
from curate import files, neighbours, ngrams, outcome, text
from curate.errors import BadInput
from curate.outcome import Outcome, Reason
from curate.progress import Progress, silent
from curate.windows import Encode, Windows

# Worst first: a row with several matches is removed for the first of them.
CLASSES = ("copy", "near copy", "paraphrase")
VARIANT = "template variant"
NOT_COMPARABLE = "not comparable"

# Vectors may be of reduced precision: pairs within BAND of the threshold are decided again in fp32. Two machines' fp32
# scores differ by less than TOLERANCE, and what lies within it counts as overlap.
BAND, TOLERANCE = 0.02, 0.0005


@dataclass(frozen=True)
class Rule:
    """What counts as overlap. `cosine` decides between user turns; other turns seldom ask, so they need more."""

    cosine: float = 0.8
    cosine_other_turns: float = 0.9
    containment: float = 0.7
    ngram: int = 5
    answer_min_words: int = 20
    answer_containment: float = 0.8
    facts: tuple[str, ...] = ("numbers", "names")
    remove_template_variants: bool = False

    def fingerprint(self) -> str:
        """Hash of the parameters."""
        return chat.fingerprint_of(asdict(self))


@dataclass(frozen=True)
class EvalFile:
    """An eval file as read: its name, the SHA-256 of its bytes, its cases as a chat frame."""

    name: str
    sha256: str
    cases: pl.DataFrame


@dataclass(frozen=True)
class Check:
    """What the comparison found.

    matches   one line per matching (training turn, eval turn), template variants included: row_id, turn, eval_file,
              case_id, case_turn, class, containment, cosine, differs
    nearest   one line per eval item: eval_file, case_id, case_turn, row_id, turn, cosine
    histogram counts of the cosines of all pairs of windows, in `neighbours.BINS` bins from -1 to 1
    """

    outcome: Outcome
    matches: pl.DataFrame
    nearest: pl.DataFrame
    histogram: tuple[int, ...]
    pairs_compared: int
    turns: int
    items: int

    def counts(self) -> dict[str, int]:
        """Rows by the class of their worst match. Rows under `template variant` were kept."""
        found = dict(_worst(self.matches).group_by("class").len().iter_rows())
        return {name: found.get(name, 0) for name in (*CLASSES, VARIANT)}

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {n:,}" for name, n in self.counts().items())
        return f"{self.pairs_compared:,} pairs of windows compared; rows by class: {counts}"


@dataclass(frozen=True)
class _Said:
    """Texts to compare, and the frame that says whose they are, line by line."""

    frame: pl.DataFrame
    texts: list[str]

    @staticmethod
    def of(frame: pl.DataFrame) -> "_Said":
        spoken = frame.filter(pl.col("text").str.strip_chars() != "")
        return _Said(spoken.drop("text"), spoken["text"].to_list())


def read_eval_files(paths: Sequence[Path], shipped: Sequence[Path] = ()) -> list[EvalFile]:
    """Every eval file by itself, with the SHA-256 of its bytes. BadInput without any.

    `shipped` are the cases that come with Winnow: they are eval files too, and go by a name that holds on every machine.
    """
    if not paths:
        raise BadInput("no eval file was named", hint="winnow curate DATA --eval FILE -o ITERATION")
    return _each(paths) + [replace(file, name=shipped_name(Path(file.name))) for file in _each(shipped)]


def shipped_name(path: Path) -> str:
    """What certificates call a case file that comes with Winnow."""
    return f"winnow/{path.name}"


def _each(paths: Sequence[Path]) -> list[EvalFile]:
    found = []
    for path in paths:
        read = files.read_eval([path])
        of = [pl.col("source").str.starts_with(f"{each.path}:") for each in read.inputs]
        found += [
            EvalFile(each.path, each.sha256, read.chats.filter(mine))
            for each, mine in zip(read.inputs, of, strict=True)
        ]
    return found


def check(
    chats: pl.DataFrame,
    eval_files: Sequence[EvalFile],
    encode: Encode,
    exact_encode: Encode,
    *,
    rule: Rule = Rule(),
    progress: Progress = silent,
) -> Check:
    """Compare every training turn with every eval item. `encode` may be of reduced precision, `exact_encode` may not."""
    turns = _Said.of(chat.turn_frame(chats))
    asked, ideal = _items(eval_files)
    train, items = encode(turns.texts), encode(asked.texts)
    if len(items.without_window):
        case = asked.frame.row(int(items.without_window[0]), named=True)
        raise BadInput(f"eval case {case['row_id']} holds nothing that the encoder can read", where=case["eval_file"])
    search = neighbours.search(train.vectors, items.vectors, min(rule.cosine, rule.cosine_other_turns) - BAND)
    worded = ngrams.contained(turns.texts, asked.texts, size=rule.ngram, floor=rule.containment, progress=progress)
    answered = ngrams.contained(
        turns.texts, ideal.texts, size=rule.ngram, floor=rule.answer_containment, min_words=rule.answer_min_words
    )
    meant = _alike(search, train, items, turns, asked, exact_encode, rule)
    matches = pl.concat([_matches(turns, asked, worded, meant, rule), _matches(turns, ideal, answered, {}, rule)])
    return Check(
        outcome=outcome.split(chats, "overlap", _removals(chats, turns, train, matches, rule)),
        matches=matches,
        nearest=_nearest(search, train, items, turns, asked, exact_encode),
        histogram=tuple(int(n) for n in search.histogram),
        pairs_compared=search.compared,
        turns=len(turns.texts),
        items=len(asked.texts),
    )


def _items(eval_files: Sequence[EvalFile]) -> tuple[_Said, _Said]:
    """The user turns of all eval cases, and their assistant turns."""
    if not any(file.cases.height for file in eval_files):
        raise BadInput("there is no eval case to compare with", hint="winnow curate DATA --eval FILE -o ITERATION")
    frames = []
    for file in eval_files:
        frame = chat.turn_frame(file.cases).with_columns(eval_file=pl.lit(file.name))
        asked = frame.filter((pl.col("role") == "user") & (pl.col("text").str.strip_chars() != ""))
        mute = file.cases.filter(~pl.col("id").is_in(asked["row_id"].to_list()))
        if mute.height:
            raise BadInput("an eval case without any text cannot be certified against", where=mute["source"][0])
        frames.append(frame)
    turns = pl.concat(frames)
    return _Said.of(turns.filter(pl.col("role") == "user")), _Said.of(turns.filter(pl.col("role") == "assistant"))


def _alike(
    search: neighbours.Search, train: Windows, items: Windows, turns: _Said, asked: _Said, encode: Encode, rule: Rule
) -> dict[tuple[int, int], float]:
    """(turn, item) -> fp32 cosine, for the pairs that reach the rule's threshold."""
    pairs = neighbours.by_text(search.pairs, train.text, items.text)
    asks = (turns.frame["role"] == "user").to_numpy()
    bar = np.where(asks, rule.cosine, rule.cosine_other_turns)[pairs.left]
    close = pairs.score >= bar - BAND
    left, right, bar = pairs.left[close], pairs.right[close], bar[close]
    scores = _exact_cosines(left, right, turns.texts, asked.texts, encode)
    return {
        (int(turn), int(item)): score
        for turn, item, score, needed in zip(left, right, scores, bar, strict=True)
        if score >= needed - TOLERANCE
    }


def _exact_cosines(
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    left_texts: Sequence[str],
    right_texts: Sequence[str],
    encode: Encode,
) -> list[float]:
    """For each pair: the mean, over the windows of the right text, of the nearest window of the left one."""
    sides = []
    for wanted, texts in ((left, left_texts), (right, right_texts)):
        distinct = sorted(set(wanted.tolist()))
        windows = encode([texts[i] for i in distinct])
        starts = np.searchsorted(windows.text, np.arange(len(distinct) + 1))
        sides.append({i: windows.vectors[a:b] for i, a, b in zip(distinct, starts[:-1], starts[1:], strict=True)})
    return [
        round(float((sides[0][a] @ sides[1][b].T).max(axis=0).mean()), 4)
        for a, b in zip(left.tolist(), right.tolist(), strict=True)
    ]


def _matches(
    turns: _Said,
    items: _Said,
    worded: Sequence[ngrams.Contained],
    meant: dict[tuple[int, int], float],
    rule: Rule,
) -> pl.DataFrame:
    shares = {(found.whole, found.part): found.share for found in worded}
    pairs = sorted(shares.keys() | meant.keys())
    classes, differences = [], []
    for turn, item in pairs:
        name, differs = _classify(turns.texts[turn], items.texts[item], (turn, item) in shares, rule)
        classes.append(name)
        differences.append(differs)
    whose = turns.frame[[turn for turn, _ in pairs]].select("row_id", "turn")
    case = items.frame[[item for _, item in pairs]].select("eval_file", case_id="row_id", case_turn="turn")
    found = pl.DataFrame(
        {
            "class": classes,
            "containment": [shares.get(pair) for pair in pairs],
            "cosine": [meant.get(pair) for pair in pairs],
            "differs": differences,
        },
        schema={"class": pl.String, "containment": pl.Float64, "cosine": pl.Float64, "differs": pl.String},
    )
    return pl.concat([whose, case, found], how="horizontal")


def _classify(turn: str, item: str, by_words: bool, rule: Rule) -> tuple[str, str | None]:
    if text.normalise(turn) == text.normalise(item):
        return "copy", None
    if differs := text.conflict(text.facts(turn), text.facts(item), rule.facts):
        return VARIANT, differs
    return ("near copy" if by_words else "paraphrase"), None


def is_variant() -> pl.Expr:
    """The matches that are the same question with other facts."""
    return pl.col("class") == VARIANT


def _worst(matches: pl.DataFrame) -> pl.DataFrame:
    """One line per row: its worst match."""
    severity: pl.Expr = pl.col("class").replace_strict({name: i for i, name in enumerate((*CLASSES, VARIANT))})
    strength = pl.max_horizontal(pl.col("containment").fill_null(0), pl.col("cosine").fill_null(0))
    ranked = matches.with_columns(severity=severity.cast(pl.Int32), strength=strength)
    order = ["row_id", "severity", "strength", "eval_file", "case_id", "case_turn", "turn"]
    ranked = ranked.sort(order, descending=[name == "strength" for name in order])
    worst: pl.DataFrame = ranked.unique("row_id", keep="first", maintain_order=True)
    return worst


def _removals(
    chats: pl.DataFrame, turns: _Said, train: Windows, matches: pl.DataFrame, rule: Rule
) -> dict[str, Reason]:
    compared = set(turns.frame["row_id"].gather(np.unique(train.text)))
    reasons = {row: Reason(NOT_COMPARABLE) for row in chats["id"] if row not in compared}
    counted = matches if rule.remove_template_variants else matches.filter(~is_variant())
    for match in _worst(counted).iter_rows(named=True):
        by_meaning = match["containment"] is None
        evidence = {key: match[key] for key in ("turn", "eval_file", "case_turn", "containment", "cosine", "differs")}
        reasons[match["row_id"]] = Reason(
            rule=match["class"],
            score=match["cosine"] if by_meaning else match["containment"],
            threshold=rule.cosine if by_meaning else rule.containment,
            twin=match["case_id"],
            evidence=evidence,
        )
    return reasons


def _nearest(
    search: neighbours.Search, train: Windows, items: Windows, turns: _Said, asked: _Said, encode: Encode
) -> pl.DataFrame:
    """For each eval item the nearest training turn, its cosine in fp32."""
    best: dict[int, tuple[float, int]] = {}
    for window, (left, score) in enumerate(zip(search.best_left.tolist(), search.best_score.tolist(), strict=True)):
        item = int(items.text[window])
        if left >= 0 and score > best.get(item, (-2.0, 0))[0]:
            best[item] = (score, int(train.text[left]))
    found = sorted(best)
    nearest = np.array([best[item][1] for item in found], np.int64)
    scores = _exact_cosines(nearest, np.array(found, np.int64), turns.texts, asked.texts, encode)
    case = asked.frame[found].select("eval_file", case_id="row_id", case_turn="turn")
    lines: pl.DataFrame = pl.concat(
        [case, turns.frame[nearest.tolist()].select("row_id", "turn"), pl.DataFrame({"cosine": scores})],
        how="horizontal",
    )
    return lines

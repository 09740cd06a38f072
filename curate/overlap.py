"""Training rows against eval items: what says the same, under a stated rule.

    found = check(chats, eval_files, encode, exact_encode)
    found.outcome.removed      # the rows that overlap
    found.nearest              # for every eval item the nearest training turn and its score

Everything a row says is compared with every user turn of every eval case: its turns, and the texts in tool calls and other
fields, by words (equal normal forms, n-gram containment) and by meaning (all pairs of windows, no approximate index). Ideal
answers are compared by words when they are long. Pairs whose numbers or names contradict each other are template variants:
the same question with other facts. They are counted and reported, not removed; what holds an item word for word is a copy
whatever else it says. Short follow-ups of a multi-turn case ("Thanks!") are set aside and counted.

The check fails closed: a row without anything to compare is removed as `not comparable`, an eval item without any text
stops the run, and a score within `TOLERANCE` of the threshold counts as overlap.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from curate import chats as chat
from curate import neighbours, ngrams, outcome, text
from curate.errors import BadInput
from curate.evalset import EvalFile, read_eval_files, shipped_name
from curate.leaves import leaves
from curate.outcome import Outcome, Reason
from curate.progress import Progress, silent
from curate.windows import Encode, Windows

__all__ = ["CLASSES", "VARIANT", "Check", "EvalFile", "Rule", "check", "is_variant", "read_eval_files", "shipped_name"]

_LETTER = re.compile(r"[^\W\d_]")

# Worst first: a row with several matches is removed for the first of them.
CLASSES = ("copy", "near copy", "paraphrase")
VARIANT = "template variant"
NOT_COMPARABLE = "not comparable"

# Vectors may be of reduced precision: pairs within BAND of the threshold are decided again in fp32. Two machines' fp32
# scores differ by less than TOLERANCE, and what lies within it counts as overlap.
BAND, TOLERANCE = 0.02, 0.0005
METHOD = 2  # part of the rule's fingerprint: change it when a pair is judged in another way
WORD_FOR_WORD = 0.95  # containment from which no fact excuses
FIELD_WORDS = 4  # a text in a field says something from here on
FOLLOW_UP_WORDS = 4  # a later turn of an eval case is an item from here on


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

    def __post_init__(self) -> None:
        """BadInput for a rule under which the check would find next to nothing, or everything."""
        bounds = {"cosine": (0.5, 1), "cosine_other_turns": (0.5, 1), "containment": (0.3, 1)}
        bounds |= {"ngram": (3, 10), "answer_min_words": (1, 200), "answer_containment": (0.3, 1)}
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise BadInput(f"the overlap rule's {name} is {getattr(self, name)}, and must lie in {low} to {high}")
        if unknown := set(self.facts) - {"numbers", "names"}:
            raise BadInput(f"the overlap rule names facts that are not compared: {', '.join(sorted(unknown))}")

    def fingerprint(self) -> str:
        """Hash of the parameters."""
        return chat.fingerprint_of(asdict(self) | {"method": METHOD})

    def thresholds(self) -> str:
        """The rule for people: its two thresholds, and what else differs from the default rule."""
        default = asdict(Rule())
        names = [name for name, own in asdict(self).items() if own != default[name]]
        return ", ".join(f"{name} {getattr(self, name)}" for name in dict.fromkeys(("cosine", "containment", *names)))

    def weaker(self) -> tuple[str, ...]:
        """The parameters by which this rule finds less than the default one. For all numbers, more is weaker."""
        numbers = ("cosine", "cosine_other_turns", "containment", "ngram", "answer_min_words", "answer_containment")
        return tuple(name for name in numbers if getattr(self, name) > getattr(Rule(), name))


@dataclass(frozen=True)
class Check:
    """What the comparison found.

    matches   one line per matching (training turn, eval turn), template variants included: row_id, turn, eval_file,
              case_id, case_turn, class, containment, cosine, differs, threshold
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
    set_aside: int = 0

    def counts(self) -> dict[str, int]:
        """Rows by the class of their worst match. Rows under `template variant` were kept."""
        found = dict(_worst(self.matches).group_by("class").len().iter_rows())
        return {name: found.get(name, 0) for name in (*CLASSES, VARIANT)}

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {n:,}" for name, n in self.counts().items())
        aside = f"; {self.set_aside:,} short follow-ups of eval cases set aside" if self.set_aside else ""
        return f"{self.pairs_compared:,} pairs of windows compared{aside}; rows by class: {counts}"


@dataclass(frozen=True)
class _Said:
    """Texts to compare, and the frame that says whose they are, line by line."""

    frame: pl.DataFrame
    texts: list[str]

    @staticmethod
    def of(frame: pl.DataFrame) -> "_Said":
        spoken = frame.filter(pl.col("text").str.strip_chars() != "")
        return _Said(spoken.drop("text"), spoken["text"].to_list())


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
    turns = _Said.of(_said_in(chats))
    asked, ideal, set_aside = _items(eval_files)
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
    matches = pl.concat(
        [
            _matches(turns, asked, worded, meant, rule, rule.containment),
            _matches(turns, ideal, answered, {}, rule, rule.answer_containment),
        ]
    )
    return Check(
        outcome=outcome.split(chats, "overlap", _removals(chats, turns, train, matches, rule)),
        matches=matches,
        nearest=_nearest(search, train, items, turns, asked, exact_encode),
        histogram=tuple(int(n) for n in search.histogram),
        pairs_compared=search.compared,
        turns=len(turns.texts),
        items=len(asked.texts),
        set_aside=set_aside,
    )


def _said_in(chats: pl.DataFrame) -> pl.DataFrame:
    """The turns of all rows, and below them the texts in other fields, with the role `field`; numbered by their turn."""
    turns = chat.turn_frame(chats)
    rows = [
        (row_id, leaf.turn if leaf.turn is not None else -1, "field", leaf.text)
        for row_id, leaf in leaves(chats)
        if leaf.part != "content" and len(text.tokens(leaf.text)) >= FIELD_WORDS
    ]
    return pl.concat([turns, pl.DataFrame(rows, schema=turns.schema, orient="row")])


def _items(eval_files: Sequence[EvalFile]) -> tuple[_Said, _Said, int]:
    """The user turns of all eval cases, their assistant turns, and how many short follow-ups were set aside."""
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
    asked = turns.filter(pl.col("role") == "user")
    first = asked["turn"] == asked.select(pl.col("turn").min().over("eval_file", "row_id"))["turn"]
    long = pl.Series([len(text.tokens(said)) >= FOLLOW_UP_WORDS for said in asked["text"]], dtype=pl.Boolean)
    items = asked.filter(first | long)
    answers = turns.filter(pl.col("role") == "assistant")
    return _Said.of(items), _Said.of(answers), asked.height - items.height


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
    """For each pair of texts the highest cosine of a window of the one and a window of the other."""
    sides = []
    for wanted, texts in ((left, left_texts), (right, right_texts)):
        distinct = sorted(set(wanted.tolist()))
        windows = encode([texts[i] for i in distinct])
        starts = np.searchsorted(windows.text, np.arange(len(distinct) + 1))
        sides.append({i: windows.vectors[a:b] for i, a, b in zip(distinct, starts[:-1], starts[1:], strict=True)})
    return [
        round(float((sides[0][a] @ sides[1][b].T).max()), 4) for a, b in zip(left.tolist(), right.tolist(), strict=True)
    ]


def _matches(
    turns: _Said,
    items: _Said,
    worded: Sequence[ngrams.Contained],
    meant: dict[tuple[int, int], float],
    rule: Rule,
    floor: float,
) -> pl.DataFrame:
    shares = {(found.whole, found.part): found.share for found in worded}
    pairs = sorted(shares.keys() | meant.keys())
    classes, differences = [], []
    for turn, item in pairs:
        name, differs = _classify(turns.texts[turn], items.texts[item], shares.get((turn, item)), rule)
        classes.append(name)
        differences.append(differs)
    whose = turns.frame[[turn for turn, _ in pairs]].select("row_id", "turn")
    asks = turns.frame["role"].gather([turn for turn, _ in pairs]) == "user"
    bars = [rule.cosine if user else rule.cosine_other_turns for user in asks]
    case = items.frame[[item for _, item in pairs]].select("eval_file", case_id="row_id", case_turn="turn")
    found = pl.DataFrame(
        {
            "class": classes,
            "containment": [shares.get(pair) for pair in pairs],
            "cosine": [meant.get(pair) for pair in pairs],
            "differs": differences,
            "threshold": [floor if pair in shares else bar for pair, bar in zip(pairs, bars, strict=True)],
        },
        schema={
            "class": pl.String,
            "containment": pl.Float64,
            "cosine": pl.Float64,
            "differs": pl.String,
            "threshold": pl.Float64,
        },
    )
    return pl.concat([whose, case, found], how="horizontal")


def _classify(turn: str, item: str, contained: float | None, rule: Rule) -> tuple[str, str | None]:
    if text.normalise(turn) == text.normalise(item):
        return "copy", None
    if contained is not None and contained >= WORD_FOR_WORD:
        return "near copy", None
    if differs := text.conflict(text.facts(turn), text.facts(item), rule.facts):
        return VARIANT, differs
    return ("paraphrase" if contained is None else "near copy"), None


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
    # One turn that the encoder cannot read, in letters that it does not know, leaves its row uncompared.
    unread = {turns.frame["row_id"][i] for i in train.without_window.tolist() if _LETTER.search(turns.texts[i])}
    reasons = {row: Reason(NOT_COMPARABLE) for row in chats["id"] if row in unread or row not in compared}
    counted = matches if rule.remove_template_variants else matches.filter(~is_variant())
    for match in _worst(counted).iter_rows(named=True):
        by_meaning = match["containment"] is None
        evidence = {key: match[key] for key in ("turn", "eval_file", "case_turn", "containment", "cosine", "differs")}
        reasons[match["row_id"]] = Reason(
            rule=match["class"],
            score=match["cosine"] if by_meaning else match["containment"],
            threshold=match["threshold"],
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

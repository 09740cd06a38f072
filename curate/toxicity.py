"""Find toxic turns: insults, threats, obscenity, hate.

    score = load()
    score(["Have a lovely day", "You are a worthless idiot"])     # one probability per text, None where unscored
    outcome = drop(chats, score)                                  # removes rows with a toxic answer

The scorer is small and ours: hashed word and letter n-grams under a logistic regression, 0.5 MB of weights, no
torch, no download. It knows words and phrases, not meaning: hate without a telltale phrase passes (the card,
`models/toxicity.md`, has the figures). A text that it cannot read (empty, no letters, mostly another script) is
unscored, which is not the same as harmless. Any function from texts to probabilities can take the scorer's place.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from curate import chats as chat_frame
from curate import outcome, shipped, text
from curate.cache import Cache, remember
from curate.errors import Surroundings
from curate.outcome import Outcome, Reason
from curate.progress import Progress, silent
from curate.toxicity_features import BUCKETS, RULE, length, pair_features, word_features, words

Score = Callable[[Sequence[str]], Sequence[float | None]]

WEIGHTS_SHA256 = "943138aecacd4d0fca002a99fe304501ba3d72005d801ca09538992ef29035cd"
GROUPS_SHA256 = "66ebd4f716a2ec94173a5fd37c7810c88be290dee67c09f7425ac05fdf443447"
WINDOW, STRIDE = 40, 20  # words
CHUNK = 4096  # windows scored at once, so that memory stays flat
LIMITS = (
    "English only. Knows words and phrases, not meaning: implicit hate, irony and quoted hate are judged poorly. "
    "Learnt from tweets, posts and written examples; profanity counts as toxic, aimed at somebody or not."
)

TURN_SCORES = pl.Schema(
    {
        "row_id": pl.String,
        "turn": pl.Int32,
        "role": pl.String,
        "score": pl.Float64,  # of the worst window; null where unscored
        "start": pl.Int64,  # that window, in characters of the turn's text
        "end": pl.Int64,
        "unscored": pl.String,  # why there is no score, or null
    }
)

_PIECE = re.compile(r"\S{1,100}")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")


@dataclass(frozen=True)
class Scorer:
    """Texts -> probabilities of being toxic, rounded to four decimals; None where `why_unscored` has a reason."""

    name: str
    fingerprint: str
    threshold: float
    limits: str
    bias: float
    step: float  # what one unit of an integer weight is worth
    weights: np.ndarray[tuple[int], np.dtype[np.int16]] = field(repr=False)
    groups: frozenset[str] = field(repr=False)
    cache: Cache | None = field(default=None, repr=False, compare=False)

    def __call__(self, texts: Sequence[str], progress: Progress = silent) -> list[float | None]:
        return [found.score for found in score_windows(texts, self.score_short, progress)]

    def score_short(self, texts: Sequence[str]) -> list[float | None]:
        """Score each text as a whole, however long it is."""
        weigh: dict[str, int] = {}
        out: list[float | None] = []
        for first in range(0, len(texts), CHUNK):
            out += self._score_chunk(texts[first : first + CHUNK], weigh)
        return out

    def _score_chunk(self, texts: Sequence[str], weigh: dict[str, int]) -> list[float | None]:
        read = [None if why_unscored(t) else words(t) for t in texts]
        said = [w for w in read if w is not None]
        for word in {word for w in said for word in w} - weigh.keys():
            weigh[word] = int(self.weights[word_features(word, self.groups)].sum(dtype=np.int64))
        # Sums of integers do not depend on their order, so every machine finds the same score.
        totals = [sum(map(weigh.__getitem__, set(w))) for w in said]
        pairs, owner = pair_features(said, self.groups)
        more = np.bincount(owner, weights=self.weights[pairs].astype(np.float64), minlength=len(said))
        found = iter(
            round(_sigmoid(self.bias + self.step * (total + float(extra)) / length(w)), 4)
            for total, extra, w in zip(totals, more, said, strict=True)
        )
        return [None if w is None else next(found) for w in read]


@dataclass(frozen=True)
class WindowScore:
    """The worst window of a text, and where it is; score None with a reason where nothing could be scored."""

    score: float | None
    start: int
    end: int
    unscored: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many turns and rows a threshold touches, and how many turns were not scored, by reason."""

    threshold: float
    turns: int
    toxic_turns: Mapping[str, int]  # role -> turns
    toxic_rows: Mapping[str, int]
    unscored: Mapping[str, int]  # reason -> turns

    def __str__(self) -> str:
        toxic = ", ".join(f"{role} {n:,} in {self.toxic_rows[role]:,} rows" for role, n in self.toxic_turns.items())
        blank = ", ".join(f"{why} {n:,}" for why, n in self.unscored.items())
        return (
            f"{self.turns:,} turns at threshold {self.threshold:g}: toxic {toxic or 'none'}; "
            f"unscored {sum(self.unscored.values()):,}" + (f" ({blank})" if blank else "")
        )


def load(*, cache: Cache | None = None) -> Scorer:
    """The scorer that ships with Winnow. Its files are checked against the hashes written in this module."""
    from safetensors.numpy import load as read

    blob = _checked("toxicity.safetensors", WEIGHTS_SHA256)
    listed = _checked("toxicity_groups.txt", GROUPS_SHA256)
    tensors = read(blob)
    threshold, bias, step = (float(v) for v in tensors["scalars"])
    weights = np.zeros(BUCKETS, np.int16)
    weights[tensors["buckets"]] = tensors["weights"]
    fingerprint = hashlib.sha256(
        "\n".join([RULE, f"{WINDOW} {STRIDE}", WEIGHTS_SHA256, GROUPS_SHA256]).encode()
    ).hexdigest()
    groups = read_groups(listed.decode())
    return Scorer("winnow-toxicity-1", fingerprint, threshold, LIMITS, bias, step, weights, groups, cache)


def _checked(name: str, expected: str) -> bytes:
    path = shipped.model(name)
    advice = "pip install --force-reinstall winnow-tune"
    if not path.is_file():
        raise Surroundings("this file of the toxicity scorer is missing", where=name, hint=advice)
    blob = path.read_bytes()
    if hashlib.sha256(blob).hexdigest() != expected:
        raise Surroundings("this file of the toxicity scorer is not the one that was shipped", where=name, hint=advice)
    return blob


def read_groups(listed: str) -> frozenset[str]:
    """The words that name groups, with their plurals."""
    names = [line.strip() for line in listed.splitlines() if line.strip() and not line.startswith("#")]
    return frozenset(names) | {name + "s" for name in names}


def why_unscored(said: str) -> str | None:
    """Why a text cannot be scored (empty, no letters, mostly non-Latin script), or None when it can."""
    if not said.strip():
        return "empty"
    if said.isascii():
        return None if re.search("[a-zA-Z]", said) else "no letters"
    letters = len(_LETTER.findall(said))
    if not letters:
        return "no letters"
    latin = len(_LATIN.findall(text.normalise(said)))
    return "mostly non-Latin script" if 2 * latin < letters else None


def _sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x))) if x > -500 else 0.0


def windows(said: str) -> Iterator[tuple[int, int]]:
    """Overlapping windows of 40 words as character offsets; a text of up to 40 words is one window."""
    if len(said) <= 100 and said.count(" ") < WINDOW:
        yield 0, len(said)
        return
    pieces = [found.span() for found in _PIECE.finditer(said)]
    if len(pieces) <= WINDOW:
        yield 0, len(said)
        return
    for first in [*range(0, len(pieces) - WINDOW, STRIDE), len(pieces) - WINDOW]:
        yield pieces[first][0], pieces[first + WINDOW - 1][1]


def score_windows(texts: Sequence[str], score: Score, progress: Progress = silent) -> list[WindowScore]:
    """The worst window of every text, under any scorer. The first of equals wins."""
    out: list[WindowScore] = []
    for first in range(0, len(texts), CHUNK):
        block = texts[first : first + CHUNK]
        spans = [(i, start, end) for i, said in enumerate(block) for start, end in windows(said)]
        scores = score([block[i][start:end] for i, start, end in spans])
        worst: dict[int, WindowScore] = {}
        for (i, start, end), value in zip(spans, scores, strict=True):
            known = worst.get(i)
            if value is not None and (known is None or known.score is None or value > known.score):
                worst[i] = WindowScore(value, start, end)
        for i, said in enumerate(block):
            reason = why_unscored(said) or "the scorer gave no score"
            out.append(worst.get(i) or WindowScore(None, 0, len(said), reason))
        progress("toxicity", len(out), len(texts))
    return out


def _known_or_scored(texts: Sequence[str], score: Score, progress: Progress) -> list[WindowScore]:
    if not isinstance(score, Scorer):
        return score_windows(texts, score, progress)
    return remember(
        score.cache,
        f"toxicity/{score.fingerprint}",
        texts,
        lambda some: score_windows(some, score.score_short),
        pack=lambda found: json.dumps([found.score, found.start, found.end, found.unscored]).encode(),
        unpack=lambda packed: WindowScore(*json.loads(packed)),
        progress=progress,
        step="toxicity",
        chunk=CHUNK,
    )


def turn_scores(
    chats: pl.DataFrame, score: Score, *, roles: Sequence[str] = ("user", "assistant"), progress: Progress = silent
) -> pl.DataFrame:
    """Score each turn of these roles by itself; see TURN_SCORES for the columns."""
    turns = chat_frame.turn_frame(chats).filter(pl.col("role").is_in(list(roles)))
    found = _known_or_scored(turns["text"].to_list(), score, progress)
    columns = {name: [getattr(f, name) for f in found] for name in ("score", "start", "end", "unscored")}
    return turns.drop("text").hstack(pl.DataFrame(columns)).cast(TURN_SCORES)


def count(turns: pl.DataFrame, threshold: float) -> Counts:
    """Toxic and unscored turns of a table of turn scores. Nothing is rescored, so thresholds can be tried."""
    toxic = turns.filter(pl.col("score") >= threshold)
    by_role = toxic.group_by("role").agg(pl.len(), pl.col("row_id").n_unique().alias("rows")).sort("role")
    reasons = turns.drop_nulls("unscored").group_by("unscored").len().sort("unscored")
    roles = by_role["role"].to_list()
    return Counts(
        threshold,
        turns.height,
        dict(zip(roles, by_role["len"].to_list(), strict=True)),
        dict(zip(roles, by_role["rows"].to_list(), strict=True)),
        dict(reasons.iter_rows()),
    )


def drop(
    chats: pl.DataFrame,
    score: Score,
    *,
    threshold: float | None = None,
    roles: Sequence[str] = ("user", "assistant"),
    drop_toxic_queries: bool = False,
    progress: Progress = silent,
) -> Outcome:
    """Remove rows in which the model is taught to be toxic; see `drop_scored` for which rows that are."""
    turns = turn_scores(chats, score, roles=roles, progress=progress)
    return drop_scored(chats, turns, threshold=_default(score, threshold), drop_toxic_queries=drop_toxic_queries)


def drop_scored(
    chats: pl.DataFrame, turns: pl.DataFrame, *, threshold: float, drop_toxic_queries: bool = False
) -> Outcome:
    """Remove rows by turn scores that are already there.

    A toxic assistant turn removes its row. A row in which only somebody else is toxic stays, because the answer may be
    the refusal that a model should learn; `count` reports such turns and `drop_toxic_queries` removes them. Unscored
    turns remove nothing; `count` reports them too. The ledger names the worst turn, its window and its score.
    """
    toxic = turns.filter(pl.col("score") >= threshold)
    if not drop_toxic_queries:
        toxic = toxic.filter(pl.col("role") == "assistant")
    answers_first = (pl.col("role") == "assistant").cast(pl.Int8)
    worst = toxic.sort(answers_first, "score", -pl.col("turn"), descending=True).unique(
        "row_id", keep="first", maintain_order=True
    )
    removals = {r["row_id"]: _reason(r, threshold) for r in worst.iter_rows(named=True)}
    return outcome.split(chats, "toxicity", removals)


def _reason(worst: Mapping[str, object], threshold: float) -> Reason:
    named = {"assistant": "toxic answer", "user": "toxic query"}
    evidence = {key: worst[key] for key in ("turn", "role", "start", "end")}
    rule = named.get(str(worst["role"]), f"toxic {worst['role']} turn")
    return Reason(rule, float(str(worst["score"])), threshold, evidence=evidence)


def _default(score: Score, threshold: float | None) -> float:
    if threshold is not None:
        return threshold
    return score.threshold if isinstance(score, Scorer) else 0.5

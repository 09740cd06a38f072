"""Laws of reduced precision: whatever proposes, the same rows go, and a certificate says the same of them."""

import functools
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import winnow
from curate import (
    cache,
    certificate,
    detectors,
    encoder,
    files,
    onnx_network,
    overlap,
    pairs,
    recipe,
    shipped,
    steps,
    verification,
    views,
)
from curate import chats as chat
from curate.certifying import stated
from curate.certifying.recheck import Asked, Nearest, recheck
from curate.certifying.reread import Spoken, read_rows
from curate.duplicates.promise_rules import semantic_rule
from curate.duplicates.semantic import Semantic, semantic
from curate.encoder import Encoder
from curate.errors import BadInput, Refused, Surroundings
from curate.evalset import EvalFile, read_eval_files
from curate.overlap_rule import BAND, Rule
from curate.pairs import Judgement
from curate.splitting.same import Together, join
from curate.windows import Encode, Reduced, Windows

FLOOR = Rule().floor
WORDS = [
    "lamp",
    "bulb",
    "brass",
    "cable",
    "window",
    "light",
    "screw",
    "grey",
    "keep",
    "return",
    "shop",
    "not",
    "3",
    "12",
]
ROLES = ("user", "assistant")
said = st.lists(st.sampled_from(WORDS), max_size=7).map(lambda words: " ".join(["lamp", *words]))
conversations = st.lists(st.lists(said, min_size=2, max_size=4), min_size=2, max_size=5)
several = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Halves:
    """The toy encoder with a short limit: longer texts are two windows, so that a mean is not the nearest window."""

    toy: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.toy, name)

    def encode(self, texts: Sequence[str]) -> Windows:
        parts = [(i, part) for i, one in enumerate(texts) for part in _parts(one)]
        found = self.toy.encode([part for _, part in parts])
        owner = np.array([i for i, _ in parts], np.int32)[found.text]
        return Windows(found.vectors, owner, found.start, found.end, len(texts))

    def exact(self) -> "Halves":
        return self


def _parts(one: str) -> list[str]:
    words = one.split()
    return [one] if len(words) <= 4 else [" ".join(words[:4]), " ".join(words[-4:])]


@dataclass(frozen=True)
class Rough(Halves):
    """The same, off by `noise`, each window in its own direction."""

    noise: float = 0.05
    slack: float = 0.12
    precision: str = "int8"

    def encode(self, texts: Sequence[str]) -> Windows:
        found = super().encode(texts)
        vectors = found.vectors.copy()
        for row in vectors:
            off = np.random.default_rng(crc32(row.tobytes())).normal(size=len(row))
            row += self.noise * off / np.linalg.norm(off)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return replace(found, vectors=vectors)

    def exact(self) -> Halves:
        return Halves(self.toy)

    @property
    def reduced(self) -> Reduced:
        return Reduced(self.exact().encode, self.slack)


def rows_of(rows: Sequence[Sequence[str]], prefix: str = "r") -> pl.DataFrame:
    return chat.chats_of(
        {"id": f"{prefix}{i}", "turns": [{"role": ROLES[n % 2], "content": one} for n, one in enumerate(turns)]}
        for i, turns in enumerate(rows)
    )


def _written(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    lines = [{"messages": [{"role": ROLES[n % 2], "content": one} for n, one in enumerate(turns)]} for turns in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _overlap(chats: pl.DataFrame, cases: pl.DataFrame, model: Any, rule: Rule) -> overlap.Check:
    named = [EvalFile("eval.jsonl", "00", cases)]
    return overlap.check(chats, named, model.encode, pairs.judge_with(model), rule=rule, reduced=model.reduced)


def _semantic(chats: pl.DataFrame, model: Any) -> Semantic:
    exact = model.exact()
    return semantic(chats, model.encode, pairs.judge_with(exact), slack=model.slack, exact=exact.encode)


@several
@given(conversations, conversations, st.sampled_from([0.06, 0.3, 0.85]))
def test_the_same_rows_overlap(toy_encoder: Any, rows: list[list[str]], cases: list[list[str]], bar: float) -> None:
    chats, asked = rows_of(rows), rows_of(cases, "case")
    rule = replace(Rule(), probability=bar)
    rough = _overlap(chats, asked, Rough(toy_encoder), rule)
    exact = _overlap(chats, asked, Halves(toy_encoder), rule)
    assert rough.matches.equals(exact.matches)
    assert rough.outcome.ledger.equals(exact.outcome.ledger)
    assert (rough.counts(), rough.pairs_compared) == (exact.counts(), exact.pairs_compared)
    reached = pl.col("cosine") >= FLOOR
    assert rough.nearest.filter(reached)["cosine"].to_list() == exact.nearest.filter(reached)["cosine"].to_list()


@several
@given(conversations)
def test_the_same_rows_are_semantic_duplicates(toy_encoder: Any, rows: list[list[str]]) -> None:
    chats, model = rows_of([*rows, *([row[0], rows[0][1]] for row in rows)]), Rough(toy_encoder)
    rough, exact = _semantic(chats, model), _semantic(chats, model.exact())
    assert rough.pairs.equals(exact.pairs)
    assert rough.templates.equals(exact.templates)
    assert rough.conflicts.drop("answer_cosine").equals(exact.conflicts.drop("answer_cosine"))
    judge, full, every = pairs.judge_with(model.exact()), model.exact().encode, list(range(chats.height))
    promised = [
        sorted(
            semantic_rule(each.encode, judge, 0.75, latin_only=False, slack=each.slack, exact=full).near(chats, every)
        )
        for each in (model, model.exact())
    ]
    assert promised[0] == promised[1]


@several
@given(conversations, conversations)
def test_verify_finds_the_same_again(toy_encoder: Any, tmp_path: Path, rows: Any, cases: Any) -> None:
    train, asked = _written(tmp_path / "train.jsonl", rows), _written(tmp_path / "eval.jsonl", cases)
    chats, named = files.read([train], format="messages", on_error="stop").chats, read_eval_files([asked])
    model, rule = Rough(toy_encoder), replace(Rule(), probability=0.3)
    judge, ids = pairs.judge_with(model), chats["id"].to_list()
    first = overlap.check(chats, named, model.encode, judge, rule=rule, reduced=model.reduced)
    again = recheck(read_rows(train), named, model.encode, judge, rule, model.reduced)
    gone = first.outcome.ledger.filter(pl.col("action") == "removed")["row_id"].to_list()
    assert sorted(ids[row] for row in {*again.overlapping, *again.not_comparable}) == sorted(gone)
    assert again.rows_by_class == first.counts()
    exact = recheck(read_rows(train), named, model.exact().encode, judge, rule)
    assert (again.overlapping, again.rows_by_class) == (exact.overlapping, exact.rows_by_class)


# By hand: one pair on the wrong side of the floor


def at(cosine: float) -> list[float]:
    return [cosine, float(np.sqrt(1 - cosine**2))]


def known(vectors: dict[str, Sequence[float]]) -> Encode:
    """An encoder that knows the vectors of a few texts."""

    def encode(texts: Sequence[str]) -> Windows:
        rows = np.array([vectors[one] for one in texts], np.float32).reshape(len(texts), 2)
        numbers = np.arange(len(texts), dtype=np.int32)
        return Windows(rows, numbers, numbers * 0, numbers * 0 + 1, len(texts))

    return encode


def by_text(encode: Encode, verdicts: dict[tuple[str, str], tuple[str, float]]) -> pairs.Judge:
    """A judge that was told what some pairs are, at their cosine; all others are unrelated."""

    def judge(texts: Sequence[tuple[str, str]]) -> list[Judgement]:
        found = []
        for pair in texts:
            here, there = encode(pair).vectors
            found.append(Judgement(*verdicts.get(pair, ("unrelated", 0.0)), float(here @ there)))
        return found

    return judge


ASKED, ANSWERED = "What is a lamp?", "Something that gives light."
QUESTION, MORE, REPLY = "Which light is it?", "And which lamp?", "It is a grey one."
SAME, LIKELY = ("paraphrase", 0.99), ("unrelated", 0.5)
OVER, UNDER = FLOOR + 0.01, FLOOR - BAND - 0.01


def _both(
    rows: list[list[str]], case: list[str], cosines: tuple[float, float], slack: float, verdicts: Any
) -> tuple[int, int]:
    """Rows removed by the check and by its second writing, where cosines are the one and vectors say the other."""
    spoken = [
        [
            *(Spoken(i, n, ROLES[n % 2], one) for n, one in enumerate(row)),
            *([Spoken(i, 0, views.ALL_TURNS, "\n\n".join(row[::2]))] if len(row) > 2 else []),
        ]
        for i, row in enumerate(rows)
    ]
    texts = {one.text for row in spoken for one in row}
    exact, rough = (known({one: [1.0, 0.0] for one in case} | dict.fromkeys(texts, at(cosine))) for cosine in cosines)
    named, reduced = [EvalFile("eval.jsonl", "00", rows_of([case], "case"))], Reduced(exact, slack)
    first = overlap.check(rows_of(rows), named, rough, by_text(exact, verdicts), reduced=reduced)
    again = recheck(spoken, named, rough, by_text(exact, verdicts), Rule(), reduced)
    return first.outcome.removed.height, len(again.overlapping)


CASES = {
    "a question": ([[QUESTION, REPLY]], [ASKED], {(QUESTION, ASKED): SAME}),
    "joined turns": ([[QUESTION, REPLY, MORE]], [ASKED], {(f"{QUESTION}\n\n{MORE}", ASKED): SAME}),
    "an exchange": ([[QUESTION, REPLY]], [ASKED, ANSWERED], {(QUESTION, ASKED): LIKELY, (REPLY, ANSWERED): SAME}),
}


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize(("true", "rough", "slack", "gone"), [
    (OVER, FLOOR - 0.09, 0.12, 1),  # the margin finds it
    (OVER, FLOOR - 0.09, 0.0, 0),  # without the margin it is missed: this test can fail
    (UNDER, FLOOR + 0.05, 0.12, 0),  # proposed, and too far apart in full precision
])  # fmt: skip
def test_full_precision_decides_at_the_floor(what: str, true: float, rough: float, slack: float, gone: int) -> None:
    rows, case, verdicts = CASES[what]
    assert _both(rows, case, (true, rough), slack, verdicts) == (gone, gone)


def test_the_nearest_text_is_the_nearest_in_full_precision() -> None:
    exact = known({ASKED: [1, 0], QUESTION: at(0.7), MORE: at(0.75)})
    rough = known({ASKED: [1, 0], QUESTION: at(0.8), MORE: at(0.65)})
    named, reduced = [EvalFile("eval.jsonl", "00", rows_of([[ASKED]], "case"))], Reduced(exact, 0.12)
    first = overlap.check(rows_of([[QUESTION], [MORE]]), named, rough, by_text(exact, {}), reduced=reduced)
    spoken = [[Spoken(0, 0, "user", QUESTION)], [Spoken(1, 0, "user", MORE)]]
    again = recheck(spoken, named, rough, by_text(exact, {}), Rule(), reduced)
    assert first.nearest.select("row_id", "cosine").rows() == [("r1", pytest.approx(0.75))]
    assert [(near.said.text, near.cosine) for near in again.nearest] == [(MORE, pytest.approx(0.75))]


@pytest.mark.parametrize(("slack", "groups"), [(0.12, [0, 0]), (0.0, [0, 1])])
def test_a_split_keeps_together_what_the_margin_finds(slack: float, groups: list[int]) -> None:
    texts = [ASKED, QUESTION]
    encode = known({ASKED: [1.0, 0.0], QUESTION: at(FLOOR - BAND - 0.05)})
    rows, together = rows_of([[ASKED], [QUESTION]]), Together(2)
    join(
        rows,
        encode,
        by_text(encode, {(texts[0], texts[1]): SAME, (texts[1], texts[0]): SAME}),
        Rule(),
        together,
        slack=slack,
    )
    assert together.groups() == groups


# The encoder that ships, and what a person names


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Encoder]:
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason="int8 needs the extra `onnx`")
    kept = cache.open(tmp_path_factory.mktemp("precision"))
    return functools.cache(lambda name: encoder.load(precision=name, cache=kept))


@pytest.mark.slow
def test_the_sample_loses_the_same_rows_in_every_precision(real: Any, toy_models: Any) -> None:
    folder = shipped.sample_data()
    planted = pl.read_parquet(folder / "truth.parquet").filter(
        pl.col("fault").is_in(["paraphrase", "overlap", "overlap-template", "conflict", "template"])
    )
    rows = {*planted["row_id"], *planted["twin"]}
    chats = files.read([folder / "support-raw.jsonl"]).chats.filter(pl.col("id").is_in(rows))
    cases, asked = read_eval_files([folder / "support-eval.jsonl"]), recipe.of({"pii": False, "toxicity": False})
    done = {}
    for name in ("fp32", "bf16", "int8"):
        models = detectors.Models(real(name), toy_models.find_pii, toy_models.score_toxicity)
        assert models.encoder.precision == name
        run = steps.run(chats, cases, asked, models)
        what = run.ledger.select("step", "action", "row_id", "rule", "twin").sort(pl.all())
        done[name] = (run.kept["id"].to_list(), what.rows(), run.check.counts())
    assert done["fp32"] == done["bf16"] == done["int8"]
    assert sum(row[0] in ("semantic", "overlap") and row[1] == "removed" for row in done["fp32"][1]) > 5


@pytest.mark.slow
def test_a_certificate_states_int8_and_holds(real: Any, tmp_path: Path) -> None:
    rows = [["Which bulb fits the reading light?", "A small screw bulb."], ["Write a haiku.", "Rain on the tin roof."]]
    train, asked = _written(tmp_path / "train.jsonl", rows), _written(tmp_path / "eval.jsonl", [["Where is Oslo?"]])
    cases, model = read_eval_files([asked]), real("int8")
    statement = certificate.issue(train, cases, model)
    claims = statement["predicate"]["claims"]
    assert claims["no_semantic_overlap"]["encoder"]["precision"] == "int8"
    # It was measured in fp32, in which every pair is judged.
    assert claims["what_the_rule_misses"] == certificate.issue(train, cases, real("fp32"))["predicate"]["claims"]["what_the_rule_misses"]  # fmt: skip
    assert claims["what_the_rule_misses"]["classes"]
    assert verification.recompute(train, statement, cases, real).rows == 2
    overlapping = _written(tmp_path / "bad.jsonl", [*rows, ["Where does Oslo lie?", "In Norway."]])
    with pytest.raises(Refused, match="overlap"):
        certificate.issue(overlapping, cases, model)
    with pytest.raises(Refused, match="int8, which agrees too little"):
        verification.recompute(train, statement, cases, lambda _: real("fp32"))


def test_a_recipe_names_the_precision() -> None:
    assert recipe.Recipe().precision == "auto"
    assert recipe.of({"precision": "int8"}).precision == "int8"
    with pytest.raises(BadInput, match="'precision' should be 'auto', 'bf16', 'fp32' or 'int8', not 'int4'"):
        recipe.of({"precision": "int4"})


@pytest.mark.parametrize("name", ["audit", "split", "curate", "certify"])
def test_the_shell_takes_a_precision(name: str) -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(winnow.app, [name, "--help"]).output
    assert "--precision" in shown
    assert all(each in shown for each in ("auto", "fp32", "bf16", "int8"))


def test_a_recipe_reaches_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(encoder, "load", lambda *_, precision, **__: asked.append(precision))
    winnow._models(None, None, recipe.of({"precision": "fp32"}))
    winnow._models(None, None, precision="bf16")
    assert asked == ["fp32", "bf16"]


def test_int8_without_its_packages_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(onnx_network, "version", missing)
    with pytest.raises(Surroundings, match="int8 needs ONNX Runtime") as caught:
        winnow._models(None, None, precision="int8")
    assert caught.value.hint == "pip install 'winnow-tune[onnx]'"


@pytest.mark.parametrize(("nearest", "true", "claimed", "slack", "holds"), [
    (0.50, 0.40, 0.40, 0.12, True),  # below the floor int8 may have named another text, if that one's score is true
    (0.50, 0.40, 0.40, 0.0, False),  # fp32 may not
    (0.50, 0.40, 0.45, 0.12, False),  # the score is not that text's
    (0.50, 0.20, 0.20, 0.12, False),  # further off than int8 can be
    (0.70, 0.55, 0.55, 0.12, False),  # above the floor the nearest is known in full precision
])  # fmt: skip
def test_a_certificate_may_name_another_text_only_below_the_floor(
    nearest: float, true: float, claimed: float, slack: float, holds: bool
) -> None:
    line = {"eval_file": "e", "case_id": "c", "case_turn": 0, "row_id": "r1", "turn": 0}
    scores = {"cosine": claimed, "probability": 0.0}
    claim = {
        "rule": {"floor": FLOOR},
        "highest_cosine": claimed,
        "highest_probability": 0.0,
        "nearest": [line | scores],
    }
    files_ = [{"name": "e", "digest": {"sha256": "00"}}]
    statement = {"predicate": {"eval_files": files_, "claims": {"no_semantic_overlap": claim}}}
    rows = [[Spoken(0, 0, "user", QUESTION)], [Spoken(1, 0, "user", MORE)]]
    found = [Nearest(Asked("00", "c", 0, ASKED), rows[0][0], nearest, 0.0)]
    judge = by_text(known({ASKED: [1.0, 0.0], QUESTION: at(nearest), MORE: at(true)}), {})
    with nullcontext() if holds else pytest.raises(Refused, match="does not come out again"):
        stated.check_nearest(statement, found, ["r0", "r1"], rows, judge, slack)

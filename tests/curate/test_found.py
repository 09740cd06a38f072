"""The pairs on disk: what is decided from them is what the step decides, at any threshold."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import chats as chat
from curate import save
from curate.duplicates import found as room
from curate.duplicates.found import FOUND, GONE, Found
from curate.duplicates.near import decide, near, near_pairs
from curate.duplicates.semantic import semantic
from curate.duplicates.stars import Checked
from curate.errors import BadInput
from curate.outcome import Outcome
from curate.pairs import Judgement
from curate.windows import Windows

WORDS = "".join(chr(97 + i % 26) * 2 + chr(97 + i // 26) * 3 + " " for i in range(60)).split()


def _chats(pairs: Sequence[tuple[str, str]]) -> pl.DataFrame:
    said = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in pairs]
    return chat.chats_of([{"id": f"r{i:03}", "turns": turns} for i, turns in enumerate(said)])


def _edited(seed: int, n: int) -> pl.DataFrame:
    """Texts of the same few words, and edited copies of half of them."""
    rng = random.Random(seed)
    rows = [(" ".join(rng.choices(WORDS, k=4)), " ".join(rng.choices(WORDS, k=rng.randint(2, 16)))) for _ in range(n)]
    for query, answer in rows[: n // 2]:
        words = answer.split()
        for _ in range(rng.randint(1, 4)):
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        rows += [(query, " ".join(words)), ("Please: " + query, answer)]
    return _chats(rows)


def _told(outcome: Outcome) -> pl.DataFrame:
    """What a step's own ledger says."""
    return outcome.ledger.select(row="row_id", twin="twin", score="score", rule="rule").sort("row")


def _some(rows: pl.DataFrame, seed: int) -> Checked:
    rng = random.Random(seed)
    clean, toxic = ({row for row in rows["id"] if rng.random() < 0.5} for _ in range(2))
    return Checked(clean, toxic)


@given(st.integers(0, 10_000), st.floats(0.5, 1.0), st.floats(0.5, 1.0))
@settings(max_examples=12, deadline=None)
def test_near_decided_from_the_pairs_is_the_step_run_afresh(seed: int, own: float, other: float) -> None:
    rows = _edited(seed, 8)
    checked = _some(rows, seed)
    pairs = room.of_near(rows, near_pairs(rows), own, checked).pairs
    for threshold in (own, other, 0.5, 1.0):
        assert room.decide(pairs, threshold).equals(_told(near(rows, threshold=threshold, checked=checked)))


def _circle(degrees: Sequence[float]) -> tuple[pl.DataFrame, object, object]:
    """Questions at angles with one answer, an encoder that knows them, a judge whose probability is the cosine."""
    at = {f"ask {i:02}": (np.cos(np.radians(d)), np.sin(np.radians(d))) for i, d in enumerate(degrees)}
    known = at | {"The same answer.": (1.0, 0.0)}

    def encode(texts: Sequence[str]) -> Windows:
        numbers = np.arange(len(texts), dtype=np.int32)
        vectors = np.array([known[said] for said in texts], np.float32).reshape(len(texts), 2)
        return Windows(vectors, numbers, numbers * 0, numbers * 0 + 1, len(texts))

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        scores = [round(float(np.dot(known[a], known[b])), 4) for a, b in pairs]
        return [Judgement("paraphrase", max(0.0, score), score) for score in scores]

    return _chats([(question, "The same answer.") for question in at]), encode, judge


@given(st.lists(st.floats(0, 120), min_size=2, max_size=12, unique=True), st.floats(0.5, 1.0), st.floats(0.5, 1.0))
@settings(max_examples=20, deadline=None)
def test_semantic_decided_from_the_pairs_is_the_step_run_afresh(degrees: list[float], own: float, other: float) -> None:
    rows, encode, judge = _circle(degrees)
    checked = _some(rows, len(degrees))

    def run(threshold: float):  # type: ignore[no-untyped-def]
        return semantic(rows, encode, judge, threshold=threshold, slack=0.0, checked=checked)  # type: ignore[arg-type]

    pairs = room.of_semantic(rows, run(own), checked).pairs
    for threshold in (own, other, 0.5, 1.0):
        assert room.decide(pairs, threshold).equals(_told(run(threshold).outcome))


def test_the_file_says_the_same_as_the_pairs_and_holds_no_text(tmp_path: Path) -> None:
    rows = _edited(3, 20)
    both = room.of_near(rows, near_pairs(rows), 0.7)
    assert both.pairs.height > 10
    room.write(both, path := tmp_path / room.FILE)
    back = room.read(path, save.sha256(path))
    assert back.equals(both.pairs)
    words = {*rows["id"], "near", "pair", "template", *both.pairs["rule"]}
    texts = [name for name, kind in back.schema.items() if kind == pl.String]
    assert {value for name in texts for value in back[name].drop_nulls()} <= words
    assert not set(WORDS) & {value for name in texts for value in back[name].drop_nulls()}


def test_the_order_of_the_rows_changes_no_byte(tmp_path: Path) -> None:
    rows = _edited(5, 20)
    written = []
    for seed in range(3):
        mixed = rows.sample(fraction=1, shuffle=True, seed=seed)
        room.write(room.of_near(mixed, near_pairs(mixed), 0.7), path := tmp_path / f"{seed}.parquet")
        written.append(path.read_bytes())
    assert written[0] == written[1] == written[2]


def _pairs(*lines: tuple[int, int, float], threshold: float = 0.7) -> pl.DataFrame:
    """Pairs by the places of their rows in the keeping order: row 0 is the best."""
    return pl.DataFrame(
        [
            {"step": "near", "kind": "pair", "a": f"r{a}", "b": f"r{b}", "rule": "near duplicate", "score": score,
             "threshold": threshold, "floor": 0.5, "rank_a": a, "rank_b": b}
            for a, b, score in lines
        ]
    ).pipe(lambda some: pl.concat([FOUND.to_frame(), some], how="diagonal"))  # fmt: skip


def test_by_hand() -> None:
    """0 claims 1; 2 is like 1 only, so it stays; above .8 the pair of 0 and 1 is none, and 1 claims 2."""
    pairs = _pairs((0, 1, 0.8), (1, 2, 0.9), (3, 4, 0.6))
    assert room.decide(pairs, 0.7).rows() == [("r1", "r0", 0.8, "near duplicate")]
    assert room.decide(pairs, 0.85).rows() == [("r2", "r1", 0.9, "near duplicate")]
    assert room.decide(pairs, 0.5)["row"].to_list() == ["r1", "r4"]
    assert room.decide(pairs, 0.95).schema == GONE
    lines = {line.threshold: (line.pairs, line.rows) for line in room.grid(pairs, {0.72})}
    assert sorted(lines) == sorted({*room.GRID, 0.72})
    assert (lines[0.5], lines[0.72], lines[0.85], lines[0.95]) == ((3, 2), (2, 1), (1, 1), (0, 0))
    assert {line.rows for line in room.grid(pairs, keep={"r1", "r2", "r4"})} == {0}
    with pytest.raises(ValueError, match=r"from 0\.5 up"):
        room.decide(pairs, 0.4)


def test_borderline_rows_are_those_that_another_threshold_changes_first() -> None:
    """Row 1 goes by two pairs, and the firmer one counts; the pair of 5 and 6 decides nothing, for 6 is gone."""
    pairs = _pairs((0, 1, 0.71), (2, 1, 0.95), (3, 4, 0.75), (0, 6, 0.99), (5, 6, 0.6), (7, 8, 0.6), (9, 8, 0.65))
    within, without = room.borderline(pairs, 0.7, 10)
    assert within.select("row", "other", "score").rows() == [("r4", "r3", 0.75), ("r1", "r2", 0.95), ("r6", "r0", 0.99)]
    assert without.select("row", "other", "score").rows() == [("r9", "r8", 0.65)]
    assert [side.height for side in room.borderline(pairs, 0.7, 1)] == [1, 1]
    within, _ = room.borderline(pairs, 0.7, 10, keep={"r4"})
    assert "r4" not in set(within["row"])


def test_templates_and_conflicts_decide_nothing() -> None:
    pairs = _pairs((0, 1, 0.8)).with_columns(kind=pl.lit("template"))
    assert room.decide(pairs, 0.5).height == 0
    assert [side.height for side in room.borderline(pairs, 0.7, 5)] == [0, 0]
    assert {line.pairs for line in room.grid(pairs)} == {0}


def test_a_changed_near_rule_is_a_template_line() -> None:
    told = "Put the {} old lamps on the long shelf beside the door of the shop, and dust them twice a week."
    rows = _chats([("What do I do?", told.format(3)), ("What do I do?", told.format(5))])
    (line,) = room.of_near(rows, near_pairs(rows), 0.7).pairs.to_dicts()
    assert (line["kind"], line["rule"], line["a"], line["b"]) == ("template", "numbers", "r000", "r001")
    assert decide(rows, near_pairs(rows), 0.7).removed.height == 0


@pytest.mark.parametrize("damage", ["gone", "older", "changed", "columns", "not parquet"])
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / room.FILE
    room.write(Found(), path)
    digest: str | None = save.sha256(path)
    match damage:
        case "gone":
            path.unlink()
        case "older":
            digest = None
        case "changed":
            path.write_bytes(path.read_bytes() + b" ")
        case "columns":
            FOUND.to_frame().drop("floor").write_parquet(path)
            digest = save.sha256(path)
        case "not parquet":
            path.write_bytes(b"PAR1")
            digest = save.sha256(path)
    with pytest.raises(BadInput, match=r"pairs\.parquet|gone|earlier|changed|columns|damaged") as told:
        room.read(path, digest)
    assert "winnow curate" in str(told.value)

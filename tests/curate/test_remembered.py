"""Laws of remembered judgements: with a cache as without, and only for the same rule, encoder, code and texts in order."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import cache, cache_report, pairs, verification
from curate.cache import Cache
from curate.detectors import Models
from curate.likeness import remembered as kept_room
from curate.likeness.remembered import kind_of, pack, remembered, unpack
from curate.overlap_rule import Rule
from curate.pairs import CLASSES, Judge, Judgement
from tests.curate.conftest import ToyEncoder

RULE = replace(pairs.load(), name="toy")
A, B, C = "Tom buys three lamps.", "Tom bought 3 lamps.", "How do I bake bread?\ud800"
PAIRS = [(A, B), (B, A), (A, C), (A, A), (A, B)]


@dataclass(frozen=True)
class CachedToy(ToyEncoder):
    cache: Cache | None = None


class Counting:
    """A judge that notes what it was asked."""

    def __init__(self, encoder: ToyEncoder) -> None:
        self.judge = pairs.judge_with(encoder, RULE)  # type: ignore[arg-type]
        self.asked: list[tuple[str, str]] = []

    def __call__(self, some: Sequence[tuple[str, str]]) -> list[Judgement]:
        self.asked += some
        return self.judge(some)


@pytest.fixture
def encoder(tmp_path: Path) -> Iterator[CachedToy]:
    with cache.open(tmp_path) as held:
        yield CachedToy(cache=held)


def made(encoder: CachedToy, rule: pairs.PairRule = RULE) -> tuple[Judge, Counting]:
    judge = Counting(encoder)
    return remembered(judge, rule, encoder), judge  # type: ignore[arg-type]


def test_with_a_cache_as_without_and_each_pair_judged_once(encoder: CachedToy) -> None:
    plain = pairs.judge_with(encoder, RULE)(PAIRS)  # type: ignore[arg-type]
    judge, counting = made(encoder)
    assert judge(PAIRS) == plain
    assert counting.asked == [(A, B), (B, A), (A, C), (A, A)]  # the order of two texts is part of the pair
    judge, counting = made(encoder)
    assert judge(PAIRS[::-1]) == plain[::-1]
    assert (counting.asked, judge([])) == ([], [])


def test_without_a_cache_it_is_the_judge_itself() -> None:
    judge = Counting(ToyEncoder())
    assert remembered(judge, RULE, ToyEncoder()) is judge  # type: ignore[arg-type]
    assert remembered(judge, RULE, CachedToy(cache=cache.off())) is judge  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["rule", "map", "encoder", "words", "method", "code"])
def test_another_rule_encoder_or_code_is_a_miss(
    encoder: CachedToy, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    made(encoder)[0](PAIRS)
    rule, other = RULE, encoder
    match change:
        case "rule":
            rule = replace(RULE, intercept=RULE.intercept + 0.001)
        case "map":
            rule = RULE.with_cosine_map(pairs.CosineMap(0.9, 0.1))
        case "encoder":
            other = replace(encoder, fingerprint="toy-2")
        case "words":
            monkeypatch.setattr(kept_room, "WORDS", "2-other")
        case "method":
            monkeypatch.setattr(pairs, "METHOD", pairs.METHOD + 1)
        case "code":
            monkeypatch.setattr(kept_room, "_code", lambda: "other")
    judge, counting = made(other, rule)
    judge(PAIRS)
    assert len(counting.asked) == 4


@pytest.mark.parametrize("damage", ["value = x'00'", "checksum = x'00'", "value = zeroblob(30)"])
def test_a_damaged_entry_is_judged_anew(encoder: CachedToy, damage: str) -> None:
    plain = made(encoder)[0](PAIRS)
    assert encoder.cache is not None
    assert encoder.cache.path is not None
    with sqlite3.connect(encoder.cache.path) as database:
        database.execute(f"update entries set {damage}")
    judge, counting = made(encoder)
    assert judge(PAIRS) == plain
    assert len(counting.asked) == 4


def test_an_entry_that_no_judgement_can_say_is_a_miss(encoder: CachedToy) -> None:
    plain = made(encoder)[0](PAIRS)
    assert encoder.cache is not None
    kind = kind_of(RULE, encoder)  # type: ignore[arg-type]
    keys = [key for (key,) in encoder.cache.connection.execute("select key from entries")]  # type: ignore[union-attr]
    encoder.cache.put(kind, dict.fromkeys(keys, pack(Judgement("copy", 7.0, 0.5))))  # whole, and impossible
    judge, counting = made(encoder)
    assert judge(PAIRS) == plain
    assert len(counting.asked) == 4


@given(st.sampled_from(CLASSES), st.floats(0, 1), st.floats(-1, 1), st.sampled_from([None, "numbers", "question"]))
def test_a_judgement_comes_back_to_the_last_bit(
    name: str, probability: float, cosine: float, differs: str | None
) -> None:
    judged = Judgement(name, probability, cosine, differs)
    assert unpack(pack(judged)) == judged


@given(st.binary(max_size=60))
def test_other_bytes_are_no_judgement_and_no_error(value: bytes) -> None:
    found = unpack(value)
    assert found is None or found.name in CLASSES


def test_the_cache_says_what_is_kept_and_for_whom(encoder: CachedToy) -> None:
    made(encoder)[0](PAIRS)
    assert encoder.cache is not None
    (line,) = [str(kind) for kind in cache_report.summary(encoder.cache).kinds]
    assert line.startswith("judgements/")
    assert " 4 " in line
    assert line.endswith("pair rule toy, toy")


def test_a_run_remembers_and_whoever_checks_does_not(encoder: CachedToy) -> None:
    models = Models(encoder, None, None)  # type: ignore[arg-type]
    models.judge(PAIRS)
    assert encoder.cache is not None
    kind = kind_of(pairs.load(), encoder)  # type: ignore[arg-type]
    keys = [key for (key,) in encoder.cache.connection.execute("select key from entries")]  # type: ignore[union-attr]
    lie = Judgement("paraphrase", 0.99, 0.99)
    encoder.cache.put(kind, dict.fromkeys(keys, pack(lie)))
    assert models.judge([(A, C)]) == [lie]
    checking = verification.judge_for(encoder, Rule(), [])  # type: ignore[arg-type]
    assert models.judge_anew([(A, C)]) == checking([(A, C)]) != [lie]


SCRIPT = """
import sys
from pathlib import Path
from curate import cache, pairs
from tests.curate.test_remembered import CachedToy, made
with cache.open(Path(sys.argv[1])) as held:
    said = [f"Tom buys {n} lamps in {place}." for n in range(12) for place in ("Rome", "Oslo", "Bonn")]
    judge, counting = made(CachedToy(cache=held))
    found = judge([(a, b) for a in said for b in said])
    print(sum(one.probability for one in found), len(found))
"""


def test_two_processes_remember_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    root = Path(__file__).parents[2]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root) for _ in "ab"
    ]
    said = [run.communicate(timeout=100) for run in both]
    assert said[0] == said[1]
    assert said[0][0].endswith(" 1296\n")
    assert said[0][1] == ""
    with cache.open(tmp_path) as held:
        assert [entries for _, entries, _ in held.sizes()] == [1296]

"""Fingerprints propose what is nearly the same; they may propose more, and nothing depends on order or batches."""

import math
import random
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from curate.duplicates import fingerprints
from curate.duplicates.alike import compare


def _sentences(n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(400)]
    return [" ".join(rng.choices(words, k=rng.randint(5, 60))) for _ in range(n)]


def _proposed(texts: list[str]) -> set[tuple[int, int]]:
    pairs, _ = fingerprints.propose(fingerprints.fingerprints(texts), np.ones(len(texts), bool))
    return {(a, b) for a, b in pairs.tolist()}


def test_every_similar_pair_is_proposed() -> None:
    rng = random.Random(1)
    texts = _sentences(100, 0)
    for original in texts[:40]:
        words = original.split()
        words[rng.randrange(len(words))] = "changed"
        texts.append(" ".join(words))
    proposed = _proposed(texts)
    lists = [said.split() for said in texts]
    similar = {(i, j) for i in range(140) for j in range(i + 1, 140) if compare(lists[i], lists[j]).score >= 0.7}
    assert len(similar) >= 30
    assert similar <= proposed


def test_unrelated_texts_are_hardly_proposed() -> None:
    assert len(_proposed(_sentences(300, 2))) < 30


def test_short_texts_are_compared_and_empty_ones_are_not() -> None:
    assert _proposed(["Hi", "hi!", "", " ", "No", "??", "? ?", "你好吗", "你好吗？"]) == {(0, 1), (5, 6), (7, 8)}


def test_a_row_is_never_proposed_with_itself_however_often_it_repeats() -> None:
    assert _proposed(["la la la la la la la la " * 40, "another song altogether"]) == set()


def test_batches_and_row_order_change_nothing(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    texts = _sentences(80, 3) + _sentences(80, 3)
    whole = _proposed(texts)
    assert whole == _proposed(texts)
    monkeypatch.setattr(fingerprints, "LETTERS_AT_A_TIME", 500)
    assert _proposed(texts) == whole
    turned = {(159 - b, 159 - a) for a, b in _proposed(texts[::-1])}
    assert turned == whole


def test_the_sample_of_a_text_depends_on_that_text_alone() -> None:
    texts = _sentences(30, 4)
    whole = fingerprints.fingerprints(texts)
    alone = fingerprints.fingerprints([texts[7]])
    assert set(whole.values[whole.owners == 7].tolist()) == set(alone.values.tolist())


def _slowly(said: str, seed: int) -> set[int]:
    """The fingerprints of a text, one letter after the other."""
    whole = (1 << 64) - 1

    def mixed(value: int) -> int:
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            value = (value ^ value >> 33) * factor & whole
        return value ^ value >> 33

    letters = [byte for byte in said.lower().encode() if chr(byte).isalnum()] or [b for b in said.encode() if b > 32]
    found: set[int] = set()
    for size in (8, 4) if len(letters) <= fingerprints.SHORT else (8,):
        rolled = []
        for at in range(len(letters) - size + 1):
            value = 0
            for letter in letters[at : at + size]:
                value = (value * 0x9E3779B97F4A7C15 + letter + 1 + seed) & whole
            rolled.append(mixed(value ^ size << 56))
        if letters and not rolled:
            rolled = [mixed(int.from_bytes(bytes(letters), "little") + seed)]
        level = max(0, math.ceil(math.log2(max(len(rolled) / fingerprints.SAMPLE, 1))))
        found |= {value for value in rolled if value < 1 << 64 - level} or set(sorted(rolled)[:1])
    return found


@pytest.mark.parametrize("at_a_time", [80_000, 100])
def test_fingerprints_are_those_of_a_slow_reference(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "LETTERS_AT_A_TIME", at_a_time)
    texts = [*_sentences(20, 7), *(" ".join(_sentences(n, 8)) for n in (3, 10)), "la " * 400]
    texts += ["", " ", "?!", "Hi", "a-b_c", "Abcdefg", "Abcdefgh", "x" * 64, "x" * 65, "$ 5", "\x00\x1f"]
    for seed in (0, 5):
        found = fingerprints.fingerprints(texts, seed=seed)
        for row, said in enumerate(texts):
            assert set(found.values[found.owners == row].tolist()) == _slowly(said, seed), said


def test_texts_beyond_ascii_are_one_in_all_their_encodings() -> None:
    one = [
        set(fingerprints.fingerprints([said]).values.tolist()) for said in ("CAFÉ — ﬁn", "cafe\u0301: fin", "café fin")
    ]
    assert one[0] == one[1] == one[2]
    signs = [set(fingerprints.fingerprints([said]).values.tolist()) for said in ("👍!", "👍", "…", "...", "—$", "$")]
    assert signs[0] == signs[1]
    assert signs[2] == signs[3]
    assert signs[4] == signs[5]
    assert all(signs)


@pytest.mark.parametrize("at_a_time", [200_000, 3])
def test_proposed_pairs_are_those_of_a_slow_reference(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "PAIRS_AT_A_TIME", at_a_time)
    rng = random.Random(3)
    held = [{int(60 * rng.random() ** 3) << 40 for _ in range(rng.choice([1, 4, 9]))} for _ in range(50)]
    among = np.array([rng.random() < 0.9 for _ in held])
    lines = [(value, row) for row, some in enumerate(held) for value in some for _ in range(rng.choice([1, 2]))]
    rng.shuffle(lines)  # and some of them stand there twice
    found = fingerprints.Fingerprints(np.array([v for v, _ in lines], np.uint64), np.array([row for _, row in lines]))
    rows = Counter(value for row, some in enumerate(held) if among[row] for value in some)
    rare = [{value for value in some if rows[value] <= fingerprints.CROWD} for some in held]
    enough = [
        (i, j)
        for i, j in combinations(np.flatnonzero(among).tolist(), 2)
        if (shared := len(rare[i] & rare[j])) and shared >= fingerprints.SHARE * min(len(rare[i]), len(rare[j]))
    ]
    pairs, crowded = fingerprints.propose(found, among)
    assert [(i, j) for i, j in pairs.tolist()] == enough
    assert enough
    assert any(crowded)
    assert crowded.tolist() == [
        bool(among[row]) and len(some) - len(rare[row]) >= max(1, fingerprints.CROWDED * len(some))
        for row, some in enumerate(held)
    ]


def test_as_many_pairs_of_a_crowd_are_counted_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten fingerprints of 30 rows make 4,350 pairs, one of 100 rows 4,950 more."""
    sizes, counts = np.array([2, 30, 100]), np.array([1, 10, 1])
    for votes, largest in ((9_301, 100), (9_300, 30), (4_351, 30), (4_350, fingerprints.CROWD)):
        monkeypatch.setattr(fingerprints, "VOTES", votes)
        assert fingerprints.countable(sizes, counts) == largest


def test_a_longer_text_samples_no_more() -> None:
    some = fingerprints.fingerprints([" ".join(_sentences(n, 5)) for n in (5, 50, 500)])
    assert np.bincount(some.owners).max() <= 2 * fingerprints.SAMPLE


def test_letters_are_counted() -> None:
    counts = fingerprints.letter_counts(["Abba 1", "baab-1", "cab"])
    assert counts[0].tolist() == counts[1].tolist()
    assert counts[2].sum() == 3

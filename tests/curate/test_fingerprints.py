"""Fingerprints propose what is nearly the same; they may propose more, and nothing depends on order or batches."""

import random

import numpy as np

from curate.duplicates import fingerprints
from curate.duplicates.alike import compare
from curate.duplicates.bags import Bags


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


def test_a_longer_text_samples_no_more() -> None:
    some = fingerprints.fingerprints([" ".join(_sentences(n, 5)) for n in (5, 50, 500)])
    assert np.bincount(some.owners).max() <= 2 * fingerprints.SAMPLE


def test_bags_count_like_a_slow_reference() -> None:
    texts = [*_sentences(40, 6), "", "a a b", "a b b", "!!!", "👍"]
    bags = Bags.of(texts)
    left, right = np.triu_indices(len(texts), 1)
    fast = bags.shared(left, right)
    for i, j, shared in zip(left.tolist(), right.tolist(), fast.tolist(), strict=True):
        a, b = bags.tokens(i), bags.tokens(j)
        assert shared == sum(min(a.count(word), b.count(word)) for word in set(a))


def test_letters_are_counted() -> None:
    counts = fingerprints.letter_counts(["Abba 1", "baab-1", "cab"])
    assert counts[0].tolist() == counts[1].tolist()
    assert counts[2].sum() == 3

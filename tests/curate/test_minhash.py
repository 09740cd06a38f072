"""MinHash proposes what is similar; it may propose more, and it must not miss what is nearly the same."""

import random

from curate import minhash, text


def _sentences(n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    words = [f"w{i}" for i in range(400)]
    return [" ".join(rng.choices(words, k=rng.randint(5, 40))) for _ in range(n)]


def test_every_similar_pair_is_proposed() -> None:
    rng = random.Random(1)
    texts = _sentences(150, 0)
    for original in texts[:50]:
        words = original.split()
        words[rng.randrange(len(words))] = "changed"
        texts.append(" ".join(words))
    shingled = [text.shingles(said) for said in texts]
    proposed = set(minhash.propose(texts))
    for i in range(len(texts)):
        for j in range(i + 1, len(texts)):
            if text.jaccard(shingled[i], shingled[j]) >= 0.8:
                assert (i, j) in proposed


def test_unrelated_texts_are_hardly_proposed() -> None:
    assert len(minhash.propose(_sentences(300, 2))) < 30


def test_short_and_equal_texts_are_proposed_and_empty_ones_are_not() -> None:
    assert minhash.propose(["Hi", "hi!", "", " ", "No"]) == [(0, 1)]


def test_batches_change_nothing(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    texts = _sentences(80, 3) + _sentences(80, 3)
    whole = minhash.propose(texts)
    monkeypatch.setattr(minhash, "CHARS_AT_A_TIME", 500)
    assert minhash.propose(texts) == whole
    assert whole == minhash.propose(texts)


def test_signatures_estimate_jaccard() -> None:
    """The share of equal components estimates the similarity (Broder 1997)."""
    a, b = _sentences(2, 4)
    mixed = a + " " + b
    _, signatures = minhash.signatures_of([a, mixed])
    true = text.jaccard(text.shingles(a), text.shingles(mixed))
    assert abs((signatures[0] == signatures[1]).mean() - true) < 0.2

"""Selection: equal to a slow greedy, within its guarantees, and blind to the order of rows."""

import itertools
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.chats import chats_of
from curate.diversity import selection, under_budget
from curate.errors import BadInput
from curate.windows import unit

from .conftest import clouds, encode


def slow(vectors, k, bonus=0.0):
    """Greedy by the definition: every gain worked out at every step."""
    near = np.clip(vectors.astype(np.float64) @ vectors.T.astype(np.float64), 0, 1)
    best, order = np.zeros(len(vectors)), []
    for _ in range(k):
        gain = np.maximum(near - best[:, None], 0).sum(axis=0) + bonus
        gain[order] = -1
        order.append(int(np.flatnonzero(gain >= gain.max() - 1e-6 * max(1, gain.max()))[0]))
        best = np.maximum(best, near[:, order[-1]])
    return order


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 120), st.integers(1, 30), st.integers(0, 99))
def test_lazy_greedy_is_greedy(rows, k, seed):
    vectors = unit(np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32))
    assert list(selection.choose(vectors, k).order) == slow(vectors, min(k, rows))


def test_greedy_with_few_columns_held_is_the_same(spheres, monkeypatch):
    whole = selection.choose(spheres, 40).order
    monkeypatch.setattr(selection, "HELD_BYTES", 0)
    monkeypatch.setattr(selection, "AT_ONCE", 4)
    assert selection.choose(spheres, 40).order == whole


def test_quality_adds_to_coverage(spheres):
    good = np.random.default_rng(4).random(300)
    chosen = selection.choose(spheres, 30, "quality", quality=good.tolist(), weight=0.4).order
    assert list(chosen) == slow(spheres, 30, good * (0.4 / 0.6 * 300 / 30))
    assert (
        selection.choose(spheres, 30, "quality", quality=good.tolist(), weight=0).order
        == selection.choose(spheres, 30).order
    )
    assert good[list(chosen)].mean() > good[list(selection.choose(spheres, 30).order)].mean()


def test_within_the_guarantees_of_the_best_choice():
    vectors = unit(np.random.default_rng(8).normal(size=(12, 4)).astype(np.float32))
    near = np.clip(vectors @ vectors.T, 0, 1)
    apart = np.sqrt(np.maximum(0, 2 - 2 * vectors @ vectors.T))
    sets = [list(some) for some in itertools.combinations(range(12), 3)]
    best = max(near[some].max(axis=0).sum() for some in sets)
    least = min(apart[some].min(axis=0).max() for some in sets)
    greedy, far = list(selection.choose(vectors, 3).order), list(selection.choose(vectors, 3, "k-centre").order)
    assert near[greedy].max(axis=0).sum() >= (1 - 1 / np.e) * best
    assert apart[far].min(axis=0).max() <= 2 * least + 1e-6


def test_coverage_beats_random_at_every_k():
    vectors, _ = clouds([300, 80, 40, 20, 10, 5], seed=6)
    found = selection.choose(vectors, 60)
    at_random = selection.random_covered(vectors, 60)
    assert all(chosen >= drawn + 0.005 for chosen, drawn in zip(found.covered, at_random, strict=True))
    assert list(found.covered) == sorted(found.covered)


def test_one_row_of_each_cloud_comes_first():
    vectors, owner = clouds([100, 50, 25, 12])
    assert sorted(owner[list(selection.choose(vectors, 4).order)]) == [0, 1, 2, 3]
    assert sorted(owner[list(selection.choose(vectors, 4, "k-centre").order)]) == [0, 1, 2, 3]


def test_of_copies_the_lowest_place_is_taken():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 100, axis=0)
    assert sorted(selection.choose(vectors, 3).order) == [0, 100, 200]


def test_no_row_twice_and_all_when_there_are_no_more(spheres):
    for rule in ("facility-location", "k-centre"):
        assert sorted(selection.choose(np.repeat(spheres[:5], 4, axis=0), 50, rule).order) == list(range(20))


WORDS = ["lamp bulb light shade", "bread yeast oven loaf", "invoice refund card bank", "tyre wheel brake gear"]


def rows_of(count):
    rng = np.random.default_rng(1)
    out = []
    for i in range(count):
        some = WORDS[i % len(WORDS)].split()
        said = " ".join(rng.choice(some, 3)) + f" item{i % 7}"
        turns = [{"role": "user", "content": said}, {"role": "assistant", "content": "Yes."}]
        out.append({"id": f"r{i:03}", "turns": turns, "extra": f'{{"score": {i % 10}}}'})
    return chats_of(out)


@pytest.mark.parametrize(
    "options", [{}, {"by_topic": True}, {"rule": "k-centre"}, {"rule": "quality", "quality": "score"}]
)
def test_the_order_of_the_file_does_not_matter(options):
    chats = rows_of(120)
    done = under_budget.select(chats, encode, 12, **options)
    again = under_budget.select(chats.reverse(), encode, 12, **options)
    assert done.order == again.order
    assert len(set(done.order)) == 12
    assert done.curve == again.curve


def test_kept_and_removed_are_the_input_and_every_row_left_out_has_its_reason():
    chats = pl.concat([rows_of(60), chats_of([{"id": "mute", "turns": [{"role": "user", "content": ""}]}])])
    done = under_budget.select(chats, encode, 9)
    assert sorted([*done.outcome.kept["id"], *done.outcome.removed["id"]]) == sorted(chats["id"])
    ledger = done.outcome.ledger
    assert sorted(ledger["row_id"]) == sorted(done.outcome.removed["id"])
    reasons = ledger.filter(pl.col("row_id") != "mute")
    assert set(reasons["rule"]) == {"not chosen, facility-location"}
    assert set(reasons["twin"]) <= set(done.outcome.kept["id"])
    assert ledger.filter(pl.col("row_id") == "mute")["rule"].to_list() == ["not comparable"]
    said = dict(zip(chats["id"], [turns[0]["content"] for turns in chats["turns"].to_list()], strict=True))
    for row, twin, score in reasons.select("row_id", "twin", "score").iter_rows():
        pair = encode([said[row], said[twin]]).vectors
        assert score == pytest.approx(min(1.0, pair[0] @ pair[1]), abs=1e-5)
        others = encode([said[other] for other in done.order]).vectors
        assert score == pytest.approx((others @ pair[0]).max(), abs=1e-5)


@pytest.mark.parametrize(
    ("sizes", "k"), [((50, 30, 20), 10), ((97, 1, 1, 1), 5), ((5, 5, 5), 2), ((3, 2), 5), ((1000, 2), 500)]
)
def test_quotas_are_shares(sizes, k):
    found = under_budget.quotas(Counter(dict(enumerate(sizes))), k)
    assert sum(found.values()) == k
    assert all(0 <= found[i] <= size for i, size in enumerate(sizes))
    if k >= len(sizes):
        assert min(found.values()) >= 1


def test_a_row_without_a_quality_is_counted_and_stands_in_the_middle():
    chats = rows_of(40).with_columns(extra=pl.when(pl.col("id") < "r010").then(pl.lit("{}")).otherwise("extra"))
    assert under_budget.select(chats, encode, 5, rule="quality", quality="score").unscored == 10


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"k": 0}, "0 rows"),
        ({"k": 3, "rule": "quality"}, "which number"),
        ({"k": 3, "rule": "quality", "quality": "stars"}, "stars"),
        ({"k": 3, "weight": 1.5}, "weight"),
    ],
)
def test_mistakes_are_sentences(options, sentence):
    with pytest.raises(BadInput, match=sentence):
        under_budget.select(rows_of(8), encode, **options)

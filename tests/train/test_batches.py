"""Every row once an epoch, never cut, in an order that the seed alone decides."""

from array import array
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from train.batches import NO_LOSS, collate, count, plan
from train.render import Rendered

lengths_of = st.lists(st.integers(1, 60), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(lengths_of, st.integers(1, 3), st.integers(1, 9), st.integers(1, 200), st.integers(0, 5))
def test_laws(lengths: list[int], epochs: int, batch_rows: int, at_once: int, seed: int) -> None:
    steps = plan(lengths, epochs=epochs, batch_rows=batch_rows, tokens_at_once=at_once, seed=seed)
    rows = Counter(row for step in steps for micro in step for row in micro)
    assert rows == Counter(dict.fromkeys(range(len(lengths)), epochs))
    assert len(steps) % epochs == 0
    assert len(steps) >= epochs
    for step in steps:
        assert 1 <= sum(map(len, step)) <= batch_rows
        for micro in step:
            assert len(micro) == 1 or len(micro) * max(lengths[row] for row in micro) <= at_once
    assert steps == plan(lengths, epochs=epochs, batch_rows=batch_rows, tokens_at_once=at_once, seed=seed)


def test_memory_does_not_decide_who_shares_a_step() -> None:
    lengths = [n * 7 % 50 + 1 for n in range(100)]
    small, large = (plan(lengths, epochs=2, batch_rows=8, tokens_at_once=size, seed=3) for size in (60, 10_000))
    assert [sorted(sum(step, ())) for step in small] == [sorted(sum(step, ())) for step in large]


def test_seed_and_epoch_change_the_order() -> None:
    lengths = list(range(1, 65))
    one, two = (plan(lengths, epochs=2, batch_rows=8, tokens_at_once=999, seed=seed) for seed in (1, 2))
    assert one != two
    assert one[:8] != one[8:]


def test_likeness_of_length_saves_padding() -> None:
    rows = [Rendered(str(n), array("i", [1] * (n * 37 % 100 + 1)), ((0, 1),)) for n in range(256)]
    lengths = [len(row.ids) for row in rows]
    steps = plan(lengths, epochs=1, batch_rows=8, tokens_at_once=10_000, seed=0)
    in_file_order = [(tuple(range(start, start + 8)),) for start in range(0, 256, 8)]
    assert count(steps, rows).efficiency > 0.8 > count(in_file_order, rows).efficiency


def test_count_and_collate_by_hand() -> None:
    rows = [Rendered("a", array("i", [5, 6, 7, 8]), ((2, 4),)), Rendered("b", array("i", [9, 4]), ((1, 2),))]
    counts = count([((0, 1),)], rows)
    assert (counts.real, counts.supervised, counts.padded, counts.efficiency) == (6, 3, 2, 0.75)
    ids, mask, labels = collate(rows, pad=0)
    assert ids.tolist() == [[5, 6, 7, 8], [9, 4, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert labels.tolist() == [[NO_LOSS, NO_LOSS, 7, 8], [NO_LOSS, 4, NO_LOSS, NO_LOSS]]

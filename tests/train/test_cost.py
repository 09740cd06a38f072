"""The arithmetic of the cost sheet, by hand."""

from typing import Any

import pytest

from train.bases import with_adapter
from train.batches import Counts
from train.cost import Cost, flop_per_token, sizes
from train.options import Options

SHEET = Cost(
    tokens=Counts(real=1000, supervised=400, padded=250),
    steps=5,
    seconds={"load": 8.0, "train": 10.0},
    flop_per_token={"body": 4e9, "head": 1e9},
    peak_memory_mib=500,
    memory_of="the process",
    device="cpu",
    price_per_hour=200.0,
)


def test_sizes_by_hand(tiny: Any) -> None:
    found = sizes(with_adapter(tiny.model(), "tiny", Options(rank=4)))
    attention = 32 * 32 + 2 * 32 * 16 + 32 * 32  # q, k and v of half the heads, o
    assert found.body == 2 * (attention + 3 * 32 * 64)
    assert found.head == 32 * 320
    assert found.adapter == 2 * 4 * (64 + 2 * 48 + 64 + 3 * 96)
    assert (found.layers, found.width) == (2, 32)


def test_flop_by_hand() -> None:
    from train.cost import Sizes

    terms = flop_per_token(Sizes(body=100, head=10, adapter=2, layers=3, width=8), [10, 30])
    mean = (10 * 10 + 30 * 30) / 40
    assert terms == {"body": 400.0, "head": 40.0, "adapter": 12.0, "attention": 3.5 * 2 * mean * 8 * 3}


def test_the_sheet() -> None:
    found = SHEET.to_dict()
    assert found["tokens_per_second"] == 100
    assert found["price"] == pytest.approx(1.0), "18 seconds at 200 an hour: loading is paid for as well"
    assert found["gflop_per_second"] == 500
    assert found["tokens"]["padding_efficiency"] == 0.8
    assert "1.0000 at 200 an hour" in str(SHEET)
    assert SHEET.with_seconds(save=2.0).wall == 20


def test_unknown_is_not_zero() -> None:
    from dataclasses import replace

    unknown = replace(SHEET, price_per_hour=None, peak_memory_mib=None)
    assert unknown.to_dict()["price"] is None
    assert unknown.to_dict()["peak_memory_mib"] is None
    assert "price    not stated" in str(unknown)
    assert "memory   not measured" in str(unknown)
    assert replace(SHEET, price_per_hour=0.0).price == 0

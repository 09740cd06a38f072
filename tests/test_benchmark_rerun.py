"""The rerun benchmark: what it edits, and the table by hand. It curates nothing here."""

import json
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.dedup.running import Cost
from benchmarks.rerun import measure
from benchmarks.rerun.measure import Run
from curate.errors import BadInput

ROWS = [
    {"instruction": f"name lamp {i} of the harbour", "context": "", "response": f"lamp {i} is green", "category": "qa"}
    for i in range(1000)
]


def test_one_row_in_a_hundred_is_edited() -> None:
    after = measure.edit(ROWS, seed=0)
    before = {json.dumps(row) for row in ROWS}
    new = [row for row in after if json.dumps(row) not in before]
    assert measure.changed(len(ROWS)) == 10
    assert len(after) == len(ROWS)  # as many were put in as were deleted
    assert len(before - {json.dumps(row) for row in after}) == 9  # 8 with another word, 1 deleted
    assert len(new) == 9  # 8 with another word, 1 put in
    assert all(row.keys() == ROWS[0].keys() for row in new)


def test_the_seed_decides_and_the_rows_given_stay() -> None:
    given = [dict(row) for row in ROWS]
    assert measure.edit(given, seed=1) == measure.edit(given, seed=1) != measure.edit(given, seed=2)
    assert given == ROWS


def test_few_rows_are_edited_too() -> None:
    assert measure.edit(ROWS[:5], seed=0) != ROWS[:5]


def test_ratios_by_hand() -> None:
    runs = [
        Run("first", Cost(wall=100, cpu=200, peak_mb=1000), {"semantic": 80.0, "pii": 4.0}),
        Run("1 % edited", Cost(wall=10, cpu=8, peak_mb=900), {"semantic": 1.0, "pii": 2.0}),
    ]
    page = measure.table(runs, 1000, 10)
    assert "| first | 100.0 | 200.0 | 1,000 |  |  |" in page
    assert "| 1 % edited | 10.0 | 8.0 | 900 | 4.0% | 10.0% |" in page
    assert page.index("| pii | 4.0 | 2.0 |") < page.index("| semantic | 80.0 | 1.0 |")  # longest after the edits first


def test_the_page_has_a_place_for_the_table(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text((measure.HERE / "README.md").read_text())
    machine.replace_between(page, "rerun", "measured")
    assert "\nmeasured\n" in page.read_text()
    page.write_text("nothing")
    with pytest.raises(BadInput):
        machine.replace_between(page, "rerun", "measured")

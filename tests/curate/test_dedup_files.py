"""Deduplication from disk to disk: the same result as in memory whatever the portions, and a folder whole or not at all."""

import errno
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scale import rows as synthetic
from curate import chats as chat
from curate import dedup, files, outcome
from curate.dedup_files import WRITTEN, Deduplicated, Portions, dedup_files
from curate.duplicates import fingerprints, said, stars
from curate.duplicates import near as room
from curate.errors import BadInput, Surroundings
from curate.hands import Hands
from curate.streaming import batches, place, reading, votes
from curate.streaming.confirming import Pairs
from curate.streaming.ids import Ids
from curate.streaming.nearby import stars_of
from curate.streaming.runs import END, Runs
from curate.streaming.stored import Stored

TINY = Portions(rows=19, bytes=4_000, copies=3, records=700, pairs=25)
WORDS = [a + b + c for a in ("ba", "de", "ki", "lo") for b in ("nn", "rt", "mp") for c in ("a", "o", "ish", "ed")]


def _file(path: Path, records: Sequence[dict[str, Any] | str]) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _records(seed: int, n: int, *, named: bool = True) -> list[dict[str, Any]]:
    """Rows of few words: exact copies, near copies of every degree, crowds that share an answer, a few odd ones."""
    rng = random.Random(seed)
    stock = " ".join(rng.choices(WORDS, k=14))
    made: list[tuple[str, str]] = []
    for _ in range(n):
        query, answer = (
            " ".join(rng.choices(WORDS, k=rng.randint(1, 9))),
            " ".join(rng.choices(WORDS, k=rng.randint(1, 18))),
        )
        match rng.randrange(10):
            case 0 if made:
                query, answer = rng.choice(made)
            case 1 | 2 | 3 if made:
                query, answer = rng.choice(made)
                words = answer.split()
                words[rng.randrange(len(words))] = rng.choice(WORDS)
                answer = " ".join(words) + rng.choice(["", ".", " 7", " é"])
            case 4 | 5 | 6:
                answer = stock
                query = f"Say {rng.choice(WORDS)} {rng.choice(WORDS[:3])}"
            case 7:
                query = query.upper()
        made.append((query, answer))
    rows = []
    for i, (query, answer) in enumerate(made):
        row: dict[str, Any] = {"instruction": query, "output": answer}
        if named and rng.random() < 0.9:
            row["id"] = rng.choice([f"r{rng.randrange(2 * n)}", f"r{i}", f"r{rng.randrange(n)}-{rng.randint(2, 3)}"])
        if rng.random() < 0.1:
            row["system"] = rng.choice(WORDS)
        rows.append(row)
    return rows


def _in_memory(path: Path, threshold: float) -> tuple[files.Read, pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Rows read, rows kept, the ledger, and what was counted, of the two steps on all rows at once."""
    read = files.read(path)
    exact = dedup.exact(read.chats)
    found = dedup.near_pairs(exact.kept, floor=min(0.5, threshold))
    near = dedup.decide(exact.kept, found, threshold)
    counted = {"compared": found.compared, "crowded": found.crowded, "beyond": found.beyond, "floor": found.floor}
    counted |= {"duplicates": found.pairs.height, "variants": found.variants.height}
    ledger = outcome.join([exact.ledger, near.ledger])
    prints = {row: chat.row_fingerprint(turns) for row, turns in read.chats.select("id", "turns").iter_rows()}
    named = pl.Series([prints[row] for row in ledger["row_id"]], dtype=pl.String)
    return read, near.kept, ledger.with_columns(fingerprint=named), counted


def _same(path: Path, out: Path, threshold: float, portions: Portions, processes: int = 1) -> Deduplicated:
    """The law: kept rows byte for byte, ledger line for line, and not a pair more or less compared."""
    read, kept, ledger, counted = _in_memory(path, threshold)
    done = dedup_files([path], out, threshold=threshold, portions=portions, processes=processes)
    files.write(kept, out / "expected.jsonl")
    assert (out / "kept.jsonl").read_bytes() == (out / "expected.jsonl").read_bytes()
    assert pl.read_parquet(out / "ledger.parquet").equals(ledger)
    files.write_quarantine(read.quarantined, out / "expected.jsonl")
    assert (out / "quarantine.jsonl").read_bytes() == (out / "expected.jsonl").read_bytes()
    counts = done.summary["counts"]
    assert counts["rows_read"] == counts["kept"] + counts["removed"] + counts["quarantined"]
    assert done.summary["inputs"] == [vars(each) for each in read.inputs]
    assert done.summary["notes"] == list(read.notes)
    assert done.summary["near"] == counted
    return done


def test_images_set_rows_apart_as_in_memory(tmp_path: Path) -> None:
    said_once = {"role": "assistant", "content": "A cat sits on the wall behind the old apple tree."}
    asked = "What is on this picture of the garden?"
    rows = [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": asked + " " * i}, image]}, said_once]}
        for i, image in enumerate({"type": "image_url", "image_url": {"url": f"{name}.png"}} for name in "aab")
    ]
    assert _same(_file(tmp_path / "rows.jsonl", rows), tmp_path / "out", 0.7, TINY).summary["counts"]["kept"] == 2


@pytest.mark.parametrize("named", [True, False])
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.4, 0.7, 0.9]), few=st.booleans())
@settings(max_examples=6, deadline=None)
def test_small_portions_give_what_memory_gives(
    tmp_path_factory: pytest.TempPathFactory, named: bool, seed: int, threshold: float, few: bool
) -> None:
    """Of few rows all pairs are compared, of more those that are proposed."""
    folder = tmp_path_factory.mktemp("rows")
    path = _file(folder / "rows.jsonl", ["{broken", *_records(seed, 90, named=named), '{"a": 1}'])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "EXHAUSTIVE", 500 if few else 0)
        _same(path, folder / "out", threshold, TINY)


@given(seed=st.integers(0, 10_000), portion=st.integers(300, 3_000), counted=st.sampled_from([0, 2_000, 10**7]))
@settings(max_examples=8, deadline=None)
def test_crowds_at_every_turn(tmp_path_factory: pytest.TempPathFactory, seed: int, portion: int, counted: int) -> None:
    """With a crowd of three nearly every row stands in one; where not all of it is counted the rounds decide."""
    folder = tmp_path_factory.mktemp("rows")
    path = _file(folder / "rows.jsonl", _records(seed, 60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "EXHAUSTIVE", 0)
        patch.setattr(fingerprints, "VOTES", counted)
        patch.setattr(fingerprints, "CROWD", 3)
        patch.setattr(votes, "CROWD", 3)
        done = _same(path, folder / "out", 0.6, Portions(rows=21, bytes=10**6, copies=4, records=portion, pairs=60))
    assert done.summary["near"]["crowded"] > 20
    assert counted == 2_000 or (done.summary["near"]["beyond"] > 0) == (counted == 0)


@given(seed=st.integers(0, 10_000), at_once=st.integers(25, 120), counted=st.sampled_from([0, 700, 10**7]))
@settings(max_examples=12, deadline=None)
def test_votes_on_disk_propose_what_fingerprints_propose(
    tmp_path_factory: pytest.TempPathFactory, seed: int, at_once: int, counted: int
) -> None:
    """With and without crowds, whatever the ranges: also where few of a crowd are left at the end of one."""
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("votes")
    both = np.unique(np.stack([rng.integers(1, 120, 500) * 977, rng.integers(0, 60, 500)], 1), axis=0)
    values, owners = both[:, 0].astype(np.uint64), both[:, 1]
    prints, active, rank = Runs(folder / "prints"), rng.random(60) < 0.8, rng.permutation(60)
    for number, some in enumerate(np.array_split(rng.permutation(len(values)), 3)):
        prints.put(number, values[some], owners[some].astype(np.uint32))
    with pytest.MonkeyPatch.context() as patch, Hands() as hands:
        patch.setattr(fingerprints, "CROWD", 4)
        patch.setattr(votes, "CROWD", 4)
        found = fingerprints.Fingerprints(values, owners.astype(np.int64))
        plain, crowded = fingerprints.propose(found, active)
        codes, held = votes.propose(folder, prints, active, at_once, hands)
        mine = np.concatenate([np.empty(0, np.int64), *codes])
        assert mine.tolist() == (plain[:, 0] * 60 + plain[:, 1]).tolist()
        assert (held.crowded == crowded).all()
        patch.setattr(fingerprints, "VOTES", counted)
        wide, left = fingerprints.propose(found, active, rank)
        codes, held = votes.propose(folder, prints, active, at_once, hands, crowds=True)
        mine = np.concatenate([np.empty(0, np.int64), *codes])
        assert (held.crowded == left).all()
        beside = votes.beside_the_best(folder, prints, held, rank, at_once)
        mine = np.unique(np.concatenate([mine, *beside]))
        assert mine.tolist() == (wide[:, 0] * 60 + wide[:, 1]).tolist()


def test_some_thousand_rows_on_two_processes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    synthetic.write(path, 3_000, seed=4)
    portions = Portions(rows=400, bytes=10**6, copies=50, records=9_000, pairs=300)
    done = _same(path, tmp_path / "out", 0.7, portions, processes=2)
    truth = [json.loads(line) for line in path.with_suffix(".truth.jsonl").read_text().splitlines()]
    gone = set(pl.read_parquet(tmp_path / "out" / "ledger.parquet")["row_id"])
    assert len(truth) > 600
    assert sum(row["id"] in gone or row["twin"] in gone for row in truth) >= 0.98 * len(truth)
    assert done.summary["near"]["crowded"] > 50
    again = dedup_files([path], tmp_path / "again", processes=1)
    for name in WRITTEN[:-1]:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert "winnow curate" in str(again)
    assert "not certified" in str(again)


def test_copies_of_one_row_that_fill_many_portions(tmp_path: Path) -> None:
    records = [{"id": f"r{i:02}", "instruction": "Say hello", "output": "Hello" + " " * (i % 3)} for i in range(40)]
    _same(_file(tmp_path / "rows.jsonl", records), tmp_path / "out", 0.7, TINY)
    ledger = pl.read_parquet(tmp_path / "out" / "ledger.parquet")
    assert ledger.height == 39
    assert ledger["twin"].unique().to_list() == ["r00"]


@given(st.lists(st.sampled_from(["a", "b", "a-2", "a-3", "b-2-2", "a-2-2", "", "é"]), max_size=30), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_ids_are_those_of_curate(tmp_path_factory: pytest.TempPathFactory, names: list[str], size: int) -> None:
    folder = tmp_path_factory.mktemp("ids")
    starts = [0]
    for number, begin in enumerate(range(0, len(names), size)):
        some = names[begin : begin + size]
        frame = chat.chats_of([{"id": "x", "turns": []} for _ in some]).with_columns(
            id=pl.Series(some, dtype=pl.String)
        )
        nothing = [""] * len(some)
        Stored.put(folder, number, frame, said.Sides(*[nothing] * 5))
        starts.append(begin + len(some))
    ids = Ids.of(Stored(folder, np.array(starts)), batches.name_hashes(pl.Series(names, dtype=pl.String)))
    assert ids.apply(names, np.arange(len(names))) == chat.distinct_ids(names)


@given(st.lists(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), max_size=40), max_size=5), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_ranges_hold_every_key_once_and_part_no_equals(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]], at_once: int
) -> None:
    runs = Runs(tmp_path_factory.mktemp("runs"))
    for number, keys in enumerate(lists):
        values = np.array(keys, np.uint64)
        runs.put(number, values, (values % 97).astype(np.uint32))
    found: list[int] = []
    for low, high in runs.ranges(at_once):
        keys, owners = runs.get(low, high)
        assert all(low <= key < high for key in keys.tolist())
        assert (owners == keys % 97).all()
        found += sorted(keys.tolist())
    assert found == sorted(key for keys in lists for key in keys)
    assert runs.ranges(at_once)[-1:] in ([], [(runs.ranges(at_once)[-1][0], END)] if runs.records else [])


@given(st.integers(2, 14), st.sets(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=30), st.randoms())
@settings(max_examples=60, deadline=None)
def test_stars_on_arrays_are_stars(n: int, edges: set[tuple[int, int]], rng: random.Random) -> None:
    several = sorted({(min(a % n, b % n), max(a % n, b % n)) for a, b in edges if a % n != b % n})
    rng.shuffle(several)
    order = list(range(n))
    rng.shuffle(order)
    pairs = Pairs(
        np.array([a for a, _ in several], np.int64), np.array([b for _, b in several], np.int64),
        np.arange(len(several)) / 100, np.zeros(len(several), np.int8),
    )  # fmt: skip
    gone = stars_of(np.argsort(order), pairs)
    slow = stars.stars(order, [stars.Pair(a, b, i / 100, "x") for i, (a, b) in enumerate(several)])
    twins = {row: pair.b if pair.a == row else pair.a for row, pair in slow.items()}
    assert dict(zip(gone.rows.tolist(), gone.twins.tolist(), strict=True)) == twins
    assert pairs.score[gone.pair].tolist() == [slow[row].score for row in gone.rows.tolist()]


def test_the_keeping_order_is_that_of_stars() -> None:
    answers = ["Long. But it breaks", "Short.", "Short!", "One. Two", "", "é è à.", "Longer than the rest, by far."]
    rows = [{"id": f"r{i}", "turns": [{"role": "assistant", "content": each}]} for i, each in enumerate(answers)]
    cut, letters = batches.keeping(answers)
    frame = pl.DataFrame({"row": range(len(answers)), "cut": cut, "short": -letters.astype(np.int64)})
    assert frame.sort("cut", "short", "row")["row"].to_list() == stars.best_first(chat.chats_of(rows))


def test_a_stream_reads_what_read_reads(tmp_path: Path) -> None:
    """Kinds, quarantine, a file in a folder without a usable row: rows, notes and inputs alike."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = _records(1, 30)
    _file(folder / "a.jsonl", ["{", *rows[:9], "[1]"])
    (folder / "b.json").write_text(json.dumps(rows[9:20]))
    pl.DataFrame([{"prompt": r["instruction"], "completion": r["output"]} for r in rows[20:]]).write_parquet(
        folder / "c.parquet"
    )
    _file(folder / "d.jsonl", [{"secret": 1}, {"secret": 2}])
    frames: list[pl.DataFrame] = []
    with reading.Quarantine(tmp_path / "bad.jsonl") as bad:
        seen = reading.stream(folder, frames.append, bad)
    read = files.read(folder)
    assert seen.inputs == read.inputs
    assert seen.notes == tuple(note for note in read.notes if "seen before" not in note)
    assert pl.concat(frames).drop("id").equals(read.chats.drop("id"))
    files.write_quarantine(read.quarantined, tmp_path / "expected.jsonl")
    assert (tmp_path / "bad.jsonl").read_bytes() == (tmp_path / "expected.jsonl").read_bytes()
    assert (tmp_path / "bad.jsonl").stat().st_mode & 0o777 == 0o600


def test_bad_input_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    path = _file(tmp_path / "rows.jsonl", [{"a": 1}])
    for arguments, sentence in [
        ({"data": [tmp_path / "no.jsonl"]}, "there is no such file"),
        ({"data": [path]}, "holds no usable row"),
        ({"data": [path], "threshold": 0.0}, "the threshold for near duplicates is 0"),
        ({"data": [path], "format": "odd"}, "is not known"),
        ({"data": [path], "on_error": "stop"}, "found"),
    ]:
        with pytest.raises(BadInput, match=sentence):
            dedup_files(out=tmp_path / "out", processes=1, **arguments)  # type: ignore[arg-type]
        assert not (tmp_path / "out").exists()


def test_a_folder_with_results_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path / "rows.jsonl", _records(1, 5))
    dedup_files([path], tmp_path / "out", processes=1)
    before = (tmp_path / "out" / "summary.json").read_bytes()
    with pytest.raises(BadInput, match=r"holds .* already"):
        dedup_files([path], tmp_path / "out", processes=1)
    assert (tmp_path / "out" / "summary.json").read_bytes() == before
    assert _inside(tmp_path / "out") == sorted(WRITTEN)
    assert list(json.loads(before))[-1] == "seconds"


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("when", ["rows read", "near: pairs", "batches written"])
def test_ctrl_c_leaves_nothing(tmp_path: Path, there: bool, when: str) -> None:
    path, out = _file(tmp_path / "rows.jsonl", _records(1, 60)), tmp_path / "out"
    if there:
        out.mkdir()
        (out / "mine.txt").write_text("stays")

    def stop(step: str, done: int, total: int) -> None:
        if step.startswith(when):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dedup_files([path], out, processes=1, progress=stop)
    assert (_inside(out) == ["mine.txt"]) if there else not out.exists()
    assert dedup_files([path], out, processes=1).summary["counts"]["rows_read"] == 60


def test_a_full_disk_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Runs, "put", full)
    with pytest.raises(Surroundings, match="the disk is full"):
        dedup_files([_file(tmp_path / "rows.jsonl", _records(1, 5))], tmp_path / "out", processes=1)
    assert not (tmp_path / "out").exists()


def test_what_a_killed_run_left_is_cleared_and_a_living_one_is_not(tmp_path: Path) -> None:
    out, path = tmp_path / "out", _file(tmp_path / "rows.jsonl", _records(1, 5))
    (out / place.SCRATCH / "rows").mkdir(parents=True)
    (out / place.SCRATCH / "kept.jsonl").write_text("half")
    (out / "kept.jsonl").write_text("moved, and then the power went")
    dedup_files([path], out, processes=1)
    assert _inside(out) == sorted(WRITTEN)
    with place.place(tmp_path / "busy", ("x",)) as scratch:
        (scratch / "x").touch()
        with pytest.raises(BadInput, match="another run is writing here"), place.place(tmp_path / "busy", ("x",)):
            pass
        assert scratch.is_dir()
    assert _inside(tmp_path / "busy") == ["x"]


def test_a_file_of_mine_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept.jsonl").write_text("mine")
    with pytest.raises(BadInput, match=r"holds kept\.jsonl already"):
        dedup_files([_file(tmp_path / "rows.jsonl", _records(1, 5))], tmp_path / "out", processes=1)
    assert (tmp_path / "out" / "kept.jsonl").read_text() == "mine"

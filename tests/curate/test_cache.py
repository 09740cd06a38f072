"""Laws of the cache: what comes out is what went in or nothing, whoever else writes and however a run ended."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import cache

WRITER = """
import sys
from curate import cache
with cache.open(sys.argv[1]) as kept:
    for number in range(int(sys.argv[3])):
        kept.put("numbers", {f"{sys.argv[2]}-{number}": str(number).encode() * 100})
        print(number, flush=True)
"""


@pytest.fixture
def kept(tmp_path: Path) -> cache.Cache:
    return cache.open(tmp_path)


def test_get_after_put_is_the_same(kept: cache.Cache) -> None:
    kept.put("a", {"x": b"1", "y": b""})
    assert kept.get("a", ["x", "y", "z", "x"]) == {"x": b"1", "y": b""}


def test_kinds_are_apart_and_the_last_put_wins(kept: cache.Cache) -> None:
    kept.put("a", {"x": b"1"})
    kept.put("b", {"x": b"2"})
    kept.put("a", {"x": b"3"})
    assert (kept.get("a", ["x"]), kept.get("b", ["x"]), kept.get("c", ["x"])) == ({"x": b"3"}, {"x": b"2"}, {})
    assert kept.sizes() == [("a", 1, 1), ("b", 1, 1)]
    kept.clear("a")
    assert kept.sizes() == [("b", 1, 1)]


def test_values_outlive_the_process_that_wrote_them(tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        kept.put("a", {"x": b"1"})
    with cache.open(tmp_path) as kept:
        assert kept.get("a", ["x"]) == {"x": b"1"}


def test_more_keys_than_one_query_takes(kept: cache.Cache) -> None:
    items = {cache.text_key(str(n)): str(n).encode() for n in range(2 * cache.KEYS_PER_QUERY + 1)}
    kept.put("many", items)
    assert kept.get("many", list(items)) == items


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), st.binary(max_size=50), max_size=5))
def test_any_text_is_a_key(items: dict[str, bytes]) -> None:
    keyed = {cache.text_key(text): value for text, value in items.items()}
    assert len(keyed) == len(items)


def test_a_lone_surrogate_is_a_key_of_its_own() -> None:
    assert len({cache.text_key(text) for text in ("\ud800", "\ud801", "?", "\ufffd")}) == 4


@pytest.mark.parametrize(
    "damage",
    [
        "update entries set value = x'00' where key = 'x'",
        "update entries set key = 'w' where key = 'x'",
        "update entries set kind = (select id from kinds where name = 'b') where key = 'x'",
        "update entries set value = 'text' where key = 'x'",
    ],
    ids=["value", "key", "kind", "type"],
)
def test_a_damaged_entry_is_a_miss(tmp_path: Path, damage: str) -> None:
    with cache.open(tmp_path) as kept:
        kept.put("a", {"x": b"1", "y": b"2"})
        kept.put("b", {"z": b"3"})
    with sqlite3.connect(tmp_path / cache.FILE) as db:
        db.execute(damage)
    with cache.open(tmp_path) as kept:
        assert kept.get("a", ["w", "x", "y"]) == {"y": b"2"}
        assert kept.get("b", ["x", "z"]) == {"z": b"3"}


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_corrupt_file_is_set_aside_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / cache.FILE).write_bytes(content)
    kept = cache.open(tmp_path)
    kept.put("a", {"x": b"1"})
    assert kept.get("a", ["x"]) == {"x": b"1"}
    assert (tmp_path / f"{cache.FILE}.damaged-1").read_bytes() == content
    assert "set aside" in capsys.readouterr().err


def test_a_file_that_breaks_under_way_costs_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with cache.open(tmp_path) as kept:
        kept.put("a", {str(n): b"v" * 1000 for n in range(500)})
    file = tmp_path / cache.FILE
    size = file.stat().st_size
    with file.open("r+b") as stream:  # the first pages hold the tables' names, so it opens
        stream.seek(8192)
        stream.write(b"\xff" * (size - 8192))
    kept = cache.open(tmp_path)
    found = kept.get("a", [str(n) for n in range(500)])
    assert all(value == b"v" * 1000 for value in found.values())
    kept.put("a", {"new": b"1"})
    assert kept.get("a", ["new"]) == {"new": b"1"}
    assert "set aside" in capsys.readouterr().err


def test_a_database_of_something_else_is_set_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / cache.FILE) as db:
        db.execute("create table entries (other text)")
    kept = cache.open(tmp_path)
    kept.put("a", {"x": b"1"})
    assert kept.get("a", ["x"]) == {"x": b"1"}


def test_without_a_folder_to_write_to_everything_is_a_miss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = cache.open(tmp_path / "file")
    kept.put("a", {"x": b"1"})
    assert not kept.usable
    assert (kept.get("a", ["x"]), kept.sizes()) == ({}, [])
    assert capsys.readouterr().err.count("\n") == 1


def test_only_the_owner_reads_the_cache(tmp_path: Path) -> None:
    with cache.open(tmp_path / "new") as kept:
        kept.put("a", {"x": b"1"})
        modes = {file.stat().st_mode & 0o077 for file in (tmp_path / "new").iterdir()}
    assert modes == {0}


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "here"))
    assert cache.folder() == tmp_path / "here"
    monkeypatch.delenv("WINNOW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache.folder() == tmp_path / "winnow"


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    writers = [_writer(tmp_path, name, 40) for name in ("a", "b")]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, "")
    with cache.open(tmp_path) as kept:
        assert kept.sizes()[0][:2] == ("numbers", 80)


def test_a_killed_process_loses_nothing_that_was_put(tmp_path: Path) -> None:
    writer = _writer(tmp_path, "a", 100_000)
    assert writer.stdout is not None
    last = max(int(writer.stdout.readline()) for _ in range(20))
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    with cache.open(tmp_path) as kept:
        found = kept.get("numbers", [f"a-{n}" for n in range(last + 1)])
    assert found == {f"a-{n}": str(n).encode() * 100 for n in range(last + 1)}


class Counting:
    """A `compute` that remembers what it was asked."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.asked: list[list[str]] = []
        self.fail_after = fail_after

    def __call__(self, texts: list[str]) -> list[int]:
        if len(self.asked) == self.fail_after:
            raise KeyboardInterrupt
        self.asked.append(texts)
        return [len(text) for text in texts]


def _lengths(kept: cache.Cache | None, texts: list[str], compute: Counting, chunk: int = 2) -> list[int]:
    return cache.remember(kept, "lengths", texts, compute, lambda n: str(n).encode(), int, chunk=chunk)


@pytest.mark.parametrize("where", ["disk", "off", "none"])
def test_remember_returns_one_value_per_text_in_order(tmp_path: Path, where: str) -> None:
    kept = {"disk": cache.open(tmp_path), "off": cache.off(), "none": None}[where]
    texts = ["ccc", "a", "", "ccc", "bb"]
    assert _lengths(kept, texts, Counting()) == [3, 1, 0, 3, 2]


def test_remember_computes_each_distinct_text_once(kept: cache.Cache) -> None:
    first, second = Counting(), Counting()
    _lengths(kept, ["a", "bb", "a", "ccc"], first)
    _lengths(kept, ["ccc", "dd", "a"], second)
    assert first.asked == [["ccc", "bb"], ["a"]]  # longest first, two at a time
    assert second.asked == [["dd"]]


def test_remember_keeps_the_chunks_before_an_interrupt(kept: cache.Cache) -> None:
    texts = [str(n) * 3 for n in range(6)]
    with pytest.raises(KeyboardInterrupt):
        _lengths(kept, texts, Counting(fail_after=2))
    again = Counting()
    assert _lengths(kept, texts, again) == [3] * 6
    assert len(again.asked) == 1


def test_remember_computes_anew_what_unpack_refuses(kept: cache.Cache) -> None:
    kept.put("lengths", {cache.text_key("a"): b"not a number"})
    assert _lengths(kept, ["a"], Counting()) == [1]


def test_remember_tells_how_far_it_is(kept: cache.Cache) -> None:
    told: list[tuple[str, int, int]] = []
    _lengths(kept, ["a"], Counting())
    cache.remember(
        kept, "lengths", ["a", "b", "c", "b"], Counting(), lambda n: str(n).encode(), int,
        lambda *said: told.append(said), step="count", chunk=1,
    )  # fmt: skip
    assert told == [("count", 1, 3), ("count", 2, 3), ("count", 3, 3)]


def test_remember_cuts_chunks_by_characters_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CHARACTERS_PER_CHUNK", 5)
    compute = Counting()
    _lengths(None, ["aaaaaaa", "bbb", "cc", "dd"], compute, chunk=100)
    assert compute.asked == [["aaaaaaa"], ["bbb", "cc"], ["dd"]]


def _writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

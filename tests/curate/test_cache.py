"""Laws of the cache: what comes out is what went in or nothing, whoever else writes and however a run ended."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import cache, cache_report
from curate.errors import BadInput

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


def test_recall_computes_once_and_gives_what_was_packed(kept: cache.Cache) -> None:
    asked = list[str]()

    def recall(key: str, where: cache.Cache | None = kept) -> object:
        return cache.recall(
            where, "a", key, lambda: asked.append(key) or (1, key), lambda x: json.dumps(x).encode(), json.loads
        )

    assert [recall("x"), recall("x"), recall("y")] == [[1, "x"], [1, "x"], [1, "y"]]
    assert asked == ["x", "y"]
    assert [recall("x", None), recall("x", cache.off())] == [[1, "x"], [1, "x"]]
    kept.put("a", {"x": b"no json"})
    assert (recall("x"), recall("x"), asked) == ([1, "x"], [1, "x"], ["x", "y", "x", "x", "x"])


def test_code_is_another_where_a_room_or_python_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wing").mkdir()
    for room in ("a.py", "b.py", "wing/c.py", "wing/d.txt"):
        (tmp_path / room).write_text(room)
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    made = cache.code.__wrapped__
    first = made("a.py", "wing")
    assert first == made("a.py", "wing") != made("a.py")
    (tmp_path / "b.py").write_text("of another rule")
    (tmp_path / "wing/d.txt").write_text("no code")
    assert made("a.py", "wing") == first
    for room in ("a.py", "wing/c.py", "wing/new.py"):
        before = made("a.py", "wing")
        (tmp_path / room).write_text(f"changed {room}")
        assert made("a.py", "wing") != before
    monkeypatch.setattr(cache.unicodedata, "unidata_version", "99")
    assert made("a.py", "wing") != before
    with pytest.raises(FileNotFoundError):
        made("no_such_room.py")


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


# Whatever ends a run


KILLED = """
import os, sys
from curate import cache, cache_report
name = sys.argv[2]
with cache.open(sys.argv[1]) as kept:
    for number in range(1_000_000):
        kept.put("numbers", {f"{name}-{number}-{n}": f"{name}-{number}-{n}".encode() * 300 for n in range(20)})
        os.write(1, f"{number}\\n".encode())
        if number % 7 == 6:
            kept.put("other", {str(n): b"x" * 1000 for n in range(200)})
            kept.clear("other")
"""


def _whole(folder: Path) -> bool:
    with sqlite3.connect(folder / cache.FILE) as db:
        return bool(db.execute("pragma integrity_check").fetchone() == ("ok",))


def test_killed_at_twenty_random_moments_nothing_is_lost_or_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(0)
    promised: list[str] = []
    for run in range(20):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(run)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            number = int(writer.stdout.readline())
            promised += [f"{run}-{number}-{n}" for n in range(20)]
        time.sleep(chance.random() * 0.02)
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        with cache.open(tmp_path) as kept:
            assert kept.get("numbers", promised) == {key: key.encode() * 300 for key in promised}
        assert _whole(tmp_path)
    assert capsys.readouterr().err == ""


ENCODING = """
import hashlib, os, sys, time
from pathlib import Path
import numpy as np
from curate import cache, encoder
from curate.windows import Piece

class Net:
    # A vector that only its text decides: what a network is to the cache, without torch.
    def cut(self, texts, prompt=""):
        return [Piece(i, 0, len(said), list(said.encode())) for i, said in enumerate(texts)]
    def vectors(self, ids):
        time.sleep(0.002)
        return np.array([np.frombuffer(hashlib.sha256(bytes(one)).digest(), np.uint8) + 1.0 for one in ids], np.float32)

encoder.TEXTS_PER_CHUNK = 8
with cache.open(sys.argv[1]) as kept:
    model = encoder.Encoder("stub", Path("stub"), "bf16", 32, 99, "f" * 64, cache=kept,
                            progress=lambda step, done, total: os.write(1, f"{done}\\n".encode()))
    model.__dict__["_network"] = Net()
    found = model.encode([f"text number {n}" for n in range(int(sys.argv[2]))])
print(hashlib.sha256(found.vectors.tobytes() + found.text.tobytes()).hexdigest(), flush=True)
"""


def _encoding(folder: Path, texts: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ENCODING, str(folder), str(texts)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _vectors(folder: Path, texts: int) -> tuple[list[int], str]:
    """How far a run was after each chunk, the first line being what it found in the cache; and the hash of its vectors."""
    out, errors = _encoding(folder, texts).communicate(timeout=60)
    assert errors == ""
    *told, digest = out.splitlines()
    return [int(done) for done in told], digest


def test_an_encoding_run_killed_at_twenty_random_moments_goes_on_to_the_same_vectors(tmp_path: Path) -> None:
    chance, texts = random.Random(1), 4000
    _, undisturbed = _vectors(tmp_path / "calm", texts)
    known = 0
    for _ in range(20):
        run = _encoding(tmp_path / "killed", texts)
        assert run.stdout is not None
        told = [int(run.stdout.readline()) for _ in range(chance.randrange(1, 10))]
        time.sleep(chance.random() * 0.01)
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
        assert told[0] >= known  # nothing that was said to be done is done again
        known = told[-1]
        assert _whole(tmp_path / "killed")
    told, digest = _vectors(tmp_path / "killed", texts)
    assert known <= told[0] < texts
    assert digest == undisturbed
    assert _vectors(tmp_path / "killed", texts) == ([texts], undisturbed)


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_gives_true_values_or_none(tmp_path: Path, share: float) -> None:
    items = {cache.text_key(str(n)): str(n).encode() * 200 for n in range(1000)}
    with cache.open(tmp_path) as kept:
        kept.put("a", items)
    file = tmp_path / cache.FILE
    os.truncate(file, int(file.stat().st_size * share))
    kept = cache.open(tmp_path)
    assert kept.get("a", list(items)).items() <= items.items()
    kept.put("a", items)
    assert cache.open(tmp_path).get("a", list(items)) == items


def test_a_corrupt_blob_is_computed_anew_and_mended(kept: cache.Cache) -> None:
    _lengths(kept, ["a", "bb"], Counting())
    assert kept.connection is not None
    kept.connection.execute("update entries set value = x'39' where key = ?", (cache.text_key("a"),))
    again, third = Counting(), Counting()
    assert _lengths(kept, ["a", "bb"], again) == [1, 2]
    assert _lengths(kept, ["a", "bb"], third) == [1, 2]
    assert (again.asked, third.asked) == ([["a"]], [])


def test_a_full_disk_keeps_what_is_held_and_says_so_once(kept: cache.Cache, capsys: pytest.CaptureFixture[str]) -> None:
    _lengths(kept, ["a"], Counting())
    assert kept.connection is not None
    (pages,) = kept.connection.execute("pragma page_count").fetchone()
    kept.connection.execute(f"pragma max_page_count = {pages}")
    kept.put("big", {str(n): b"x" * 100_000 for n in range(9)})
    kept.put("big", {"one more": b"x" * 100_000})
    assert (kept.get("big", ["0", "one more"]), capsys.readouterr().err.count("\n")) == ({}, 1)
    again = Counting()
    assert _lengths(kept, ["a", "bb"], again) == [1, 2]
    assert again.asked == [["bb"]]


LIMITED = """
import resource, sys
from curate import cache
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
with cache.open(sys.argv[1]) as kept:
    said = cache.remember(kept, "a", [str(n) for n in range(50)], lambda texts: [t * 20_000 for t in texts],
                          str.encode, bytes.decode, chunk=5)
print(said == [str(n) * 20_000 for n in range(50)])
"""


def test_a_file_that_may_not_grow_costs_no_run(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout == "True\n"
    assert run.stderr.count("\n") == 1
    with cache.open(tmp_path) as kept:
        found = kept.get("a", [cache.text_key(str(n)) for n in range(50)])
    assert all(value in {(str(n) * 20_000).encode() for n in range(50)} for value in found.values())


def test_two_processes_remember_the_same_texts_at_once(tmp_path: Path) -> None:
    script = LIMITED.replace("resource.setrlimit", "(lambda *_: None)")
    both = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in both] == [b"True\n"] * 2
    with cache.open(tmp_path) as kept:
        assert kept.sizes()[0][:2] == ("a", 50)
    assert _whole(tmp_path)


# How it stays small


def _filled(kept: cache.Cache, used: dict[str, float]) -> None:
    """Kinds of 100 kB each, last used when said."""
    for name in used:
        kept.put(name, {f"{name}-{n}": b"x" * 10_000 for n in range(10)})
    assert kept.connection is not None
    for name, when in used.items():
        kept.connection.execute("update uses set used = ? where name = ?", (when, name))


def test_what_was_not_used_for_longest_is_pruned_first(kept: cache.Cache) -> None:
    _filled(kept, {"old": 1.0, "new": 3.0, "middle": 2.0})
    done = cache_report.prune(kept, 300_000)
    assert (done.kinds, done.entries, done.after <= 300_000 < done.before) == (("old",), 10, True)
    assert [name for name, _, _ in kept.sizes()] == ["middle", "new"]
    assert cache_report.prune(kept, 300_000).entries == 0


def test_the_one_kind_that_is_left_loses_its_oldest_entries(kept: cache.Cache) -> None:
    _filled(kept, {"old": 1.0, "new": 2.0})
    done = cache_report.prune(kept, 90_000)
    left = sorted(kept.get("new", [f"new-{n}" for n in range(10)]))
    assert (done.kinds, done.entries) == (("old",), 20 - len(left))
    assert left == [f"new-{n}" for n in range(10 - len(left), 10)]
    assert 2 < len(left) < 8


def test_reading_is_use_too(tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        _filled(kept, {"read": 1.0, "not": 2.0})
    with cache.open(tmp_path) as kept:
        kept.get("read", ["read-1"])
        assert cache_report.prune(kept, 150_000).kinds == ("not",)


def test_pruning_beside_a_writer_waits_or_leaves_it(tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        _filled(kept, {"old": 1.0, "new": 2.0})
        other = sqlite3.connect(tmp_path / cache.FILE, isolation_level=None)
        other.execute("begin immediate")
        assert kept.connection is not None
        kept.connection.execute("pragma busy_timeout = 10")
        assert cache_report.prune(kept, 150_000).entries == 0
        other.execute("rollback")
        assert kept.usable
        assert cache_report.prune(kept, 150_000).kinds == ("old",)


def test_the_summary_counts_and_names_the_model(tmp_path: Path) -> None:
    (tmp_path / f"{cache.FILE}.damaged-1").write_bytes(b"12345")
    with cache.open(tmp_path) as kept:
        cache.remember(kept, "vectors/abc", ["a", "bb"], lambda t: t, str.encode, bytes.decode, model="tiny, bf16")
        kept.put("lengths", {"x": b"1"})
        found = cache_report.summary(kept)
    assert [(kind.name, kind.entries, kind.bytes, kind.model) for kind in found.kinds] == [
        ("vectors/abc", 2, 3, "tiny, bf16"), ("lengths", 1, 1, "")
    ]  # fmt: skip
    assert all(kind.used is not None for kind in found.kinds)
    assert found.damaged == (f"{cache.FILE}.damaged-1",)
    assert "tiny, bf16" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["kinds"][0]["entries"] == 2


def test_clearing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{cache.FILE}.damaged-1").write_bytes(b"12345")
    with cache.open(tmp_path) as kept:
        _filled(kept, {"a": 1.0, "b": 2.0})
        assert cache_report.clear(kept).entries == 20
        assert (cache_report.summary(kept).kinds, cache_report.summary(kept).damaged) == ((), ())


def test_a_cache_made_before_uses_were_noted_is_read_and_pruned(tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        _filled(kept, {"a": 1.0})
    with sqlite3.connect(tmp_path / cache.FILE) as db:
        db.execute("drop table uses")
    with cache.open(tmp_path) as kept:
        (kind,) = cache_report.summary(kept).kinds
        assert (kind.name, kind.used) == ("a", None)
        assert cache_report.prune(kept, 0).entries == 10


@pytest.mark.parametrize(("said", "count"), [("2GB", 2 * 10**9), ("1.5 mb", 1_500_000), ("300", 300), ("4k", 4000)])
def test_sizes_are_read(said: str, count: int) -> None:
    assert cache_report.size(said) == count


@pytest.mark.parametrize("said", ["", "GB", "-1", "2 apples", "1e9"])
def test_what_is_no_size_is_a_sentence(said: str) -> None:
    with pytest.raises(BadInput, match="is no size"):
        cache_report.size(said)


def test_without_a_cache_there_is_nothing_to_show_or_prune() -> None:
    none = cache.off()
    assert "no cache" in str(cache_report.summary(none))
    assert cache_report.prune(none, 0).entries == 0

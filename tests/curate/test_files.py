"""Laws of the rim: every row is kept or quarantined, content decides, broken files are sentences, writes are whole."""

import errno
import gzip
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import chats, files, save
from curate.errors import BadInput, Surroundings
from curate.formats import from_chat
from curate.layouts import containers, packed, records

ALPACA = [
    {"instruction": "Add.", "input": "2, 3", "output": "5"},
    {"instruction": "Say \u2028 hi", "input": "", "output": "Hi"},
    {"instruction": 'A "quoted", cell\nof two lines', "input": "", "output": "Ok"},
]
GOOD = '{"prompt": "a", "completion": "b"}'
SHARED = Path(os.environ.get("WINNOW_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def put(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def csv_of(rows: list[dict[str, Any]], mark: str = ",") -> bytes:
    return pl.DataFrame(rows).write_csv(separator=mark).encode()


def own(read: files.Read) -> list[dict[str, Any]]:
    return [from_chat(row, "own") for row in read.chats.iter_rows(named=True)]


def parquet_of(rows: list[dict[str, Any]]) -> bytes:
    import io

    out = io.BytesIO()
    pl.DataFrame(rows).write_parquet(out)
    return out.getvalue()


KINDS = {
    "a.jsonl": lines(ALPACA),
    "a.json": json.dumps(ALPACA, indent=2).encode(),
    "flat.json": json.dumps(ALPACA).encode(),
    "held.json": json.dumps({"version": 1, "data": ALPACA}, indent=1).encode(),
    "held-in-a-line.json": json.dumps({"version": 1, "data": ALPACA}).encode(),
    "after-one-another.json": "\n".join(json.dumps(row, indent=1) for row in ALPACA).encode(),
    "a.csv": csv_of(ALPACA),
    "a.tsv": csv_of(ALPACA, "\t"),
    "semicolons.csv": csv_of(ALPACA, ";"),
    "a.parquet": parquet_of(ALPACA),
}
PACKED = {"": lambda data: data, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("ending", PACKED)
def test_every_kind_packed_or_not_gives_the_same_rows(tmp_path: Path, name: str, ending: str) -> None:
    path = put(tmp_path / (name + ending), PACKED[ending](KINDS[name]))
    read = files.read(path)
    assert own(read) == ALPACA
    assert read.quarantined.height == 0
    assert read.inputs == (files.Input(path, files.sha256(path), os.path.getsize(path), 3, "alpaca"),)  # noqa: PTH202
    numbers = [int(source.rpartition(":")[2]) for source in read.chats["source"]]
    assert numbers == [1, 2, 3]
    assert f"{path}: Alpaca: 3 of 3 rows have instruction and output" in read.notes


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("wrong", ["x.csv", "x.parquet", "x.jsonl.gz", "x.txt", "noname"])
def test_content_decides_and_the_note_says_so(tmp_path: Path, name: str, wrong: str) -> None:
    read = files.read(put(tmp_path / wrong, KINDS[name]))
    assert own(read) == ALPACA
    if not (name.endswith(".csv") and wrong == "x.csv") and wrong not in ("x.txt", "noname"):
        assert (
            any("the name says otherwise" in note for note in read.notes)
            or name.split(".")[1] == wrong.split(".")[1]
            or (name.endswith(".tsv") and wrong == "x.csv")
        )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_marked_encodings(tmp_path: Path, name: str, encoding: str) -> None:
    assert own(files.read(put(tmp_path / name, KINDS[name].decode().encode(encoding)))) == ALPACA


def test_windows_lines_blank_lines_and_no_last_newline(tmp_path: Path) -> None:
    read = files.read(put(tmp_path / "a.jsonl", b"\r\n" + GOOD.encode() + b"\r\n \t\n\n" + GOOD.encode()))
    assert read.chats["source"].to_list() == [f"{tmp_path}/a.jsonl:2", f"{tmp_path}/a.jsonl:5"]
    first, second = read.chats["id"].to_list()
    assert second == f"{first}-2"
    assert any("seen before" in note for note in read.notes)


def test_a_long_row(tmp_path: Path) -> None:
    row = {"prompt": "a", "completion": "b" * 2**20}
    for name, data in (
        ("a.jsonl", lines([row, row])),
        ("a.json", json.dumps([row, row]).encode()),
        ("a.csv", csv_of([row])),
    ):
        assert set(map(json.dumps, own(files.read(put(tmp_path / name, data))))) == {json.dumps(row)}


def test_a_bad_line_is_quarantined_alone(tmp_path: Path) -> None:
    bad = [b'{"prompt": "\xff", "completion": "b"}', b"{broken", b"[1]", b'{"prompt": "a", "completion": NaN}', b'"x"']
    bad += [b"[" * 100_000, b'{"prompt": "a", "completion": "b", "n": ' + b"9" * 5000 + b"}", b'{"a": "\\ud800"}']
    path = put(tmp_path / "a.jsonl", b"\n".join([GOOD.encode(), *bad, GOOD.encode()]))
    read = files.read(path)
    assert (read.chats.height, read.quarantined.height) == (2, len(bad))
    assert read.quarantined["source"].to_list() == [f"{path}:{number}" for number in range(2, 2 + len(bad))]
    assert read.quarantined["raw"][0] == '{"prompt": "\\xff", "completion": "b"}'
    assert "UTF-8" in read.quarantined["reason"][0]
    assert "not JSON" in read.quarantined["reason"][1]
    with pytest.raises(BadInput, match=r"a\.jsonl:2: is not valid UTF-8"):
        files.read(path, on_error="stop")


@pytest.mark.parametrize("first", [b"{broken", b"\xff", b"words", b"[1, 2]", b"\n\n{broken"])
def test_a_bad_first_line_does_not_hide_the_kind(tmp_path: Path, first: bytes) -> None:
    read = files.read(put(tmp_path / "a.jsonl", first + b"\n" + GOOD.encode() + b"\n"))
    assert (read.chats.height, read.quarantined.height) == (1, 1)


def test_a_list_with_an_item_a_line_is_no_json_lines(tmp_path: Path) -> None:
    read = files.read(put(tmp_path / "a.json", b"\n[\n" + GOOD.encode() + b"\n]\n"))
    assert (read.chats.height, read.quarantined.height) == (1, 0)


def test_bad_items_of_a_list_and_bad_rows_of_a_table(tmp_path: Path) -> None:
    read = files.read(
        put(tmp_path / "a.json", b'[%s, 5, {"prompt": "\xff", "completion": "\xfe"}, null]' % GOOD.encode())
    )
    assert (read.chats.height, read.quarantined["source"].str.split(":").list.last().to_list()) == (1, ["2", "3", "4"])
    assert read.quarantined["reason"][1] == "is not valid UTF-8"
    assert read.quarantined["raw"][1] == '{"prompt": "\\xff", "completion": "\\xfe"}'
    table = b'prompt,completion\na,b\nc\n\nd,"e"x\nf,g,h\n"i\nj",k\n\xff,l\nm,\n'
    read = files.read(put(tmp_path / "a.csv", table))
    assert read.chats["source"].str.split(":").list.last().to_list() == ["1", "5"]
    assert read.quarantined["source"].str.split(":").list.last().to_list() == ["2", "3", "4", "6", "7"]
    assert read.quarantined["reason"][0] == "has 1 cells, the header has 2"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([GOOD.encode(), b"{", b"", b"\xff", b"null", b" ", b'{"prompt": 5}', b"\0", b'"'])
        | st.binary(max_size=20)
    )
)
def test_kept_and_quarantined_are_the_rows(tmp_path: Path, content: list[bytes]) -> None:
    content = [line.replace(b"\n", b"") for line in content]
    path = put(tmp_path / "a.jsonl", b"\n".join([GOOD.encode(), *content]))
    binary = any(byte < 32 and byte not in (9, 10, 12, 13) for line in content for byte in line)
    if binary:
        return
    read = files.read(path)
    rows = 1 + sum(1 for line in content if line.strip())
    assert read.chats.height + read.quarantined.height == rows == read.inputs[0].rows


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        [b"", b"[", b"{", b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"prompt,completion\n", b"\xff\xfe", b"[{"]
    ),
    st.binary(max_size=60) | st.text(max_size=30).map(str.encode),
    st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.parquet", "a.jsonl.gz", "a"]),
)
def test_garbage_is_rows_or_a_sentence(tmp_path: Path, start: bytes, rest: bytes, name: str) -> None:
    path = put(tmp_path / name, start + rest)
    for reader in (files.read, files.read_eval):
        read, message = None, ""
        try:
            read = reader(path)
        except BadInput as error:
            message = str(error)
        if read is None:
            assert message.startswith(path)
            assert message.encode()
        else:
            assert read.chats.height + read.quarantined.height == read.inputs[0].rows


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.json.gz", "a.csv.zst", "a.parquet.gz", "a.parquet"])
def test_a_file_that_is_cut_short_is_a_sentence(tmp_path: Path, name: str) -> None:
    kind, _, ending = name.partition(".")[2].partition(".")
    rows = [{"prompt": os.urandom(40).hex(), "completion": os.urandom(40).hex()} for _ in range(500)]
    plain = {"jsonl": lines, "json": lambda r: json.dumps(r).encode(), "csv": csv_of, "parquet": parquet_of}[kind](rows)
    whole = PACKED[f".{ending}" if ending else ""](plain)
    for share in (0.5, 0.99):
        path = put(tmp_path / name, whole[: int(len(whole) * share)])
        with pytest.raises(BadInput, match=r"cut short|damaged|cannot be read"):
            files.read(path)
    assert files.read(put(tmp_path / name, whole)).chats.height == 500


def test_frames_of_zstd_behind_one_another(tmp_path: Path) -> None:
    pack = zstandard.ZstdCompressor().compress
    assert own(files.read(put(tmp_path / "a.zst", pack(lines(ALPACA[:1])) + pack(lines(ALPACA[1:]))))) == ALPACA


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "BOMB_BYTES", 2**20)
    for name, pack in (("a.gz", gzip.compress), ("a.zst", zstandard.ZstdCompressor().compress)):
        path = put(tmp_path / name, pack(GOOD.encode() + b"\n" * 2**24))
        with pytest.raises(BadInput, match="expands more than"):
            files.read(path)


def test_a_line_or_item_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "LONGEST_LINE", 2**20)
    path = put(tmp_path / "a.jsonl", f"{GOOD}\n{{".encode() + b" " * 2**21)
    with pytest.raises(BadInput, match=r"a\.jsonl:2: the line is longer"):
        files.read(path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \n\n", "is empty"),
        (b"\0\1\2" * 50, "binary"),
        (b"PK\x03\x04....", "ZIP archive"),
        (b"a\0b\0c\0d\0", "UTF-16"),
        (b"\x89PNG....", "image"),
        (b"[]", "holds no rows"),
        (b"{}", "found no fields"),
        (b"prompt,completion\n", "holds no rows"),
        (b"prompt,prompt\na,b\n", "prompt twice"),
        (b'prompt,completion\na,b\nc,"d\ne', r"a\.dat:\d+: row 2 opens a quote that is never closed"),
        (b"name,age\nx,3\n", r"found the fields name, age\n  try: rows with messages, or"),
        (b'{"text": "a"}\n', "found the field text"),
        (b'{"train": [{"a": 1}], "test": [{"a": 1}]}', "lists of rows under train, test"),
        (b'[{"prompt": "a", "completion": "b"},\n {"prompt": }]', r"a\.dat:2: is not JSON"),
        (b'[{"prompt": "a", "completion": "b"}', "is not JSON"),
        (b'[{"prompt": "a", "completion": "b"}] x', "more behind the end"),
        (b'[{"prompt": "a", "completion": "b"},]', "comma before the end"),
        (b'{"prompt": "a", "choices": [{"text": "b"}]}', "has prompt but no answer"),
        (b"just some words", "no usable row|holds no rows"),
    ],
)
def test_files_that_cannot_be_used_are_sentences(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        files.read(put(tmp_path / "a.dat", data))
    assert re.search(sentence, str(caught.value)), str(caught.value)


def test_paths_that_cannot_be_used_are_sentences(tmp_path: Path) -> None:
    put(tmp_path / "chats.jsonl", GOOD.encode())
    with pytest.raises(BadInput, match=r"there is no such file\n  try: .*chats\.jsonl"):
        files.read(tmp_path / "chat.jsonl")
    with pytest.raises(BadInput, match="no such folder"):
        files.read(tmp_path / "nowhere" / "chat.jsonl")
    with pytest.raises(BadInput, match="matches no file"):
        files.read(f"{tmp_path}/*.csv")
    with pytest.raises(BadInput, match="not a file or a folder"):
        files.read("/dev/null")
    (tmp_path / "empty").mkdir()
    put(tmp_path / "empty" / "README.md", b"words")
    with pytest.raises(BadInput, match=r"no data file \(it has README\.md\)"):
        files.read(tmp_path / "empty")
    with pytest.raises(BadInput, match="format 'xml' is not known"):
        files.read(tmp_path / "chats.jsonl", format="xml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_sentence(tmp_path: Path) -> None:
    path = Path(put(tmp_path / "a.jsonl", GOOD.encode()))
    path.chmod(0)
    with pytest.raises(BadInput, match=r"not permitted|permission denied"):
        files.read(path)


def test_folders_and_globs(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    for name, text in (
        ("b.jsonl", "b"),
        ("a.jsonl", "a"),
        ("sub/c.jsonl", "c"),
        (".hidden.jsonl", "h"),
        (".git/d.jsonl", "d"),
    ):
        put(tmp_path / name, lines([{"id": text, "prompt": text, "completion": text}]))
    put(tmp_path / "notes.md", b"words")
    put(tmp_path / "config.json", b'{"lr": 1}')
    read = files.read(tmp_path)
    assert read.chats["id"].to_list() == ["a", "b", "c"]
    assert any("config.json: passed over" in note for note in read.notes)
    assert any("1 file passed over by name" in note for note in read.notes)
    read = files.read([f"{tmp_path}/**/*.jsonl", tmp_path / "a.jsonl"])
    assert read.chats["id"].to_list() == ["a", "b", "c"]
    assert any("read once" in note for note in read.notes)


def test_mixed_forms_in_one_file(tmp_path: Path) -> None:
    rows = [*ALPACA, {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]
    read = files.read(put(tmp_path / "a.jsonl", lines(rows)))
    assert own(read) == rows
    assert any("3 of 4 rows have instruction and output; 1 messages" in note for note in read.notes)
    forced = files.read(tmp_path / "a.jsonl", format="messages")
    assert (forced.chats.height, forced.quarantined.height) == (1, 3)


def test_parquet_with_native_messages(tmp_path: Path) -> None:
    rows = [
        {
            "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "name": "x"}],
            "score": 0.5,
        },
        {"messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}], "score": float("nan")},
    ]
    read = files.read(put(tmp_path / "a.parquet", parquet_of(rows)))
    assert own(read) == [rows[0], {**rows[1], "score": None}]


@pytest.mark.parametrize(
    "name", ["t.jsonl", "t.ndjson.gz", "t.jsonl.zst", "t.json", "t.json.gz", "t.csv", "t.tsv.zst", "t.parquet"]
)
@pytest.mark.parametrize("form", ["messages", "sharegpt", "own", "prompt-completion"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str, form: str) -> None:
    talk = [{"role": "user", "content": "a\nb"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]
    rows = [{"id": "x", "messages": [*talk, {"role": "tool", "content": "ö"}, {"role": "assistant", "content": "c"}]}]
    rows += [
        {"id": "x", "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "n": "1"}
    ]
    first = files.read(put(tmp_path / "in.jsonl", lines(rows)))
    files.write(first.chats, tmp_path / name, format=form)
    again = files.read(tmp_path / name)
    assert [[t["content"] for t in turns] for turns in again.chats["turns"]] == [
        [t["content"] for t in turns] for turns in first.chats["turns"]
    ]
    assert again.chats["id"].to_list() == ["x", "x-2"]
    if form in ("messages", "own"):
        assert chats.dataset_fingerprint(again.chats) == chats.dataset_fingerprint(first.chats)
    before = (tmp_path / name).read_bytes()
    files.write(first.chats, tmp_path / name, format=form)
    assert (tmp_path / name).read_bytes() == before


def test_alpaca_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "tool", "content": "a"}, {"role": "assistant", "content": "b"}]}]
    read = files.read(put(tmp_path / "in.jsonl", lines(rows)))
    old = put(tmp_path / "out.jsonl", b"old")
    with pytest.raises(BadInput, match=r"row .*: Alpaca form holds only"):
        files.write(read.chats, old, format="alpaca")
    assert Path(old).read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    with pytest.raises(BadInput, match="does not say which kind"):
        files.write(read.chats, tmp_path / "out.txt")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(save.os, "fsync", full)
    put(tmp_path / "a.txt", b"old")
    with pytest.raises(Surroundings, match=r"a\.txt: could not be written: the disk is full") as caught:
        files.write_text(tmp_path / "a.txt", "new")
    assert caught.value.exit_code == 4
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    files.write_text(tmp_path / "new" / "a.txt", "ä\r\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "ä\r\n".encode()
    plain = Path(put(tmp_path / "plain", b""))
    assert (tmp_path / "new" / "a.txt").stat().st_mode == plain.stat().st_mode
    plain.chmod(0o640)
    files.write_bytes(plain, b"x")
    assert stat.S_IMODE(plain.stat().st_mode) == 0o640
    link = tmp_path / "link"
    link.symlink_to(plain)
    files.write_text(link, "through")
    assert link.is_symlink()
    assert plain.read_text() == "through"
    with pytest.raises(BadInput, match="not a regular file"):
        files.write_text("/dev/null", "x")


def test_the_quarantine_is_for_the_owner_alone(tmp_path: Path) -> None:
    read = files.read(put(tmp_path / "a.jsonl", GOOD.encode() + b"\n\xff{\n"))
    files.write_quarantine(read.quarantined, tmp_path / "q.jsonl")
    assert stat.S_IMODE((tmp_path / "q.jsonl").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "q.jsonl").read_text()) == read.quarantined.row(0, named=True)


@pytest.mark.parametrize(
    ("item", "turns"),
    [
        ({"question_id": 81, "turns": ["a", "b"]}, ["user: a", "user: b"]),
        ({"turns": ["a", "b"], "reference": ["c", "d"]}, ["user: a", "user: b", "assistant: c\n\nd"]),
        ({"prompt": "a"}, ["user: a"]),
        ({"prompt": "a", "ideal": "b", "topic": "c"}, ["user: a", "assistant: b"]),
        ({"question": "a", "answer": 4}, ["user: a", "assistant: 4"]),
        ({"instruction": "a", "input": "b", "output": "c"}, ["user: a\n\nb", "assistant: c"]),
        ({"instruction": "a", "context": "", "response": "c"}, ["user: a", "assistant: c"]),
        ({"input": "a", "target": "b"}, ["user: a", "assistant: b"]),
        ({"text": "a"}, ["user: a"]),
        ({"question": "a", "choices": [{"text": "b"}]}, ["user: a"]),
        ({"input": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}], "ideal": ["b", "c"]},
         ["system: s", "user: a", "assistant: b\n\nc"]),
        ({"messages": [{"role": "user", "content": "a"}]}, ["user: a"]),
        ({"messages": [{"role": "user", "content": "a"}], "ideal": "b"}, ["user: a", "assistant: b"]),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, ["user: a", "assistant: b"]),
    ],
)  # fmt: skip
def test_eval_items_by_hand(tmp_path: Path, item: dict[str, Any], turns: list[str]) -> None:
    for read in (
        files.read_eval(put(tmp_path / "e.jsonl", lines([item]))),
        files.read(tmp_path / "e.jsonl", eval_file=True),
    ):
        assert [f"{turn['role']}: {turn['content']}" for turn in read.chats["turns"][0]] == turns


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"[]", "holds no rows"),
        (b'{"prompt": "a"}\n{"prompt": ""}', r"e\.jsonl:2: has no query"),
        (b'{"prompt": "a"}\n{broken', r"e\.jsonl:2: is not JSON"),
        (b'{"prompt": "a"}\n{"prompt": " "}', r"e\.jsonl:2: asks nothing"),
        (b'{"prompt": 5}', r"e\.jsonl:1: prompt is a number"),
        (b'{"messages": [{"role": "assistant", "content": "a"}]}', "asks nothing"),
        (b'{"name": "a"}', "has no query .*found name"),
    ],
)
def test_an_eval_file_with_a_bad_line_is_refused(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        files.read_eval(put(tmp_path / "e.jsonl", data))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet"])
def test_a_row_is_found_again_or_the_sentence_says_why_not(tmp_path: Path, name: str) -> None:
    path = Path(put(tmp_path / name, KINDS[name]))
    read = files.read(path)
    for row in read.chats.iter_rows(named=True):
        mark = chats.row_fingerprint(row["turns"])
        found = files.find_again(row["source"], mark)
        assert found["turns"] == row["turns"]
        with pytest.raises(BadInput, match="changed"):
            files.find_again(row["source"], "0" * 64)
    with pytest.raises(BadInput, match="shorter"):
        files.find_again(f"{path}:99", mark)
    path.unlink()
    with pytest.raises(BadInput, match="gone"):
        files.find_again(f"{path}:1", mark)
    with pytest.raises(BadInput, match="does not say"):
        files.find_again("memory", mark)


def test_reading_prints_what_it_found(tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", lines([*ALPACA, {"instruction": "a"}]))
    reason = "has instruction but no answer (output, response, answer, completion)"
    assert str(files.read(path)).splitlines() == [
        f"{path}: 3 rows read, 1 quarantined",
        f"  {path}: Alpaca: 3 of 4 rows have instruction and output",
        f"  {path}: 1 of 4 rows quarantined ({reason})",
    ]


def test_notes_name_the_fault_and_nothing_of_the_row(tmp_path: Path) -> None:
    bad = [
        {"messages": [{"role": "Anna Smith", "content": "a"}]},
        {"messages": [{"anna@home.example": "a"}]},
        {"anna@home.example": "a"},
    ]
    (tmp_path / "in").mkdir()
    read = files.read(put(tmp_path / "in" / "a.jsonl", lines([*ALPACA, *bad])))
    assert not [note for note in read.notes if "nna" in note], read.notes
    assert "3 of 6 rows quarantined (most often, 1: " in read.notes[-1]
    assert "nna" not in read.quarantined["reason"][0]
    assert "Anna Smith" in read.quarantined["raw"][0], "only the quarantine itself holds the row"
    put(tmp_path / "in" / "b.csv", b"anna@home.example,hello\nbert@work.example,hi\n")
    folder = files.read(tmp_path / "in")
    assert [note for note in folder.notes if "passed over" in note and "no usable row" in note]
    assert not [note for note in folder.notes if "nna" in note], folder.notes


def test_a_header_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no usable row") as caught:
        files.read(put(tmp_path / "a.csv", b"\x80\n "))
    assert str(caught.value).encode()


def test_readable_writes_strays_as_escapes() -> None:
    assert records.readable("a\udcff\ud800ö") == "a\\xff\\ud800ö"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("name", "rows", "form"),
    [
        ("chat/alpaca_en_demo.json", 999, "alpaca"),
        ("chat/sharegpt_toolcall_demo.json", 300, "sharegpt"),
        ("chat/identity.json", 91, "alpaca"),
        ("chat/instruction_1100.json", 1100, "alpaca"),
        ("chat/dolly_15k.jsonl.gz", 15011, "alpaca"),
    ],
)
def test_real_files_come_back_as_they_were(name: str, rows: int, form: str) -> None:
    read = files.read(SHARED / name)
    assert (read.chats.height, read.quarantined.height, read.inputs[0].form) == (rows, 0, form)
    path = SHARED / name
    if name.endswith(".gz"):
        with gzip.open(path) as packed_lines:
            assert own(read) == [json.loads(line) for line in packed_lines]
    else:
        assert own(read) == json.loads(path.read_text())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("chat/mt_bench_question.jsonl", 80),
        ("guardrails/xstest_prompts.csv", 450),
        ("guardrails/guardrail_prompts.jsonl.gz", 2602),
    ],
)
def test_real_eval_files(name: str, items: int) -> None:
    assert files.read_eval(SHARED / name).chats.height == items

"""What is typed wrong is told in our words: where, what, what to type next, and exit code 2."""

import os
from pathlib import Path

import pytest

import winnow
from curate import exits, files, save
from curate.counted import counted
from curate.errors import BadInput, Surroundings


@pytest.mark.parametrize(
    ("words", "sentence", "advice"),
    [
        ("adit", "winnow: there is no command adit", "winnow audit"),
        ("zzzzz", "winnow: there is no command zzzzz", "winnow --help"),
        ("help", "winnow: there is no command help", "winnow --help"),
        ("--verson", "winnow: there is no option --verson", "--version"),
        ("audit --formt x", "winnow: audit: there is no option --formt", "--format"),
        ("audit -q x", "winnow: audit: there is no option -q", "winnow audit --help"),
        ("audit", "winnow: audit: DATA is missing (files, folders or globs", "winnow audit chats.jsonl"),
        ("curate x", "winnow: curate: --out is missing", "winnow curate chats.jsonl --eval eval.jsonl"),
        ("train x", "winnow: train: --base is missing (a base model by folder", "winnow train iterations/001"),
        ("curate x --eval", "winnow: curate: --eval needs a value after it", "winnow curate --help"),
        ("eval --planted a", "winnow: eval: --planted needs 2 values after it", "winnow eval --help"),
        ("diff a", "winnow: diff: B is missing", "winnow diff iterations/001 iterations/002"),
        ("diff a b c", "winnow: diff: more was given than diff takes: c; a path with spaces", "winnow diff "),
        ("verify a b", "winnow: verify: more was given than verify takes: b;", "winnow verify iterations/001 --eval"),
        ("audit x --format alpac", "--format cannot be 'alpac'; it is one of auto, messages", "--format alpaca"),
        ("select x -k abc -o y", "select: --rows should be a whole number, not 'abc'", "winnow select chats.jsonl -k"),
        ("dedup x --near abc -o y", "--near should be a number, not 'abc'", "winnow dedup --help"),
        ("thresholds x --show -3", "--show should be at least 0, not '-3'", "winnow thresholds --help"),
        ("train x --base y --dry-run=3", "winnow: train: --dry-run takes no value", "--dry-run"),
    ],
)
def test_a_wrong_word_is_a_sentence_of_ours(
    words: str, sentence: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = words.split()
    code = exits.guarded(lambda: winnow.app(typed, standalone_mode=False), typed)
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    first, second = said.err.splitlines()
    assert sentence in first
    assert second.startswith(f"  try: {advice}")
    assert "Usage" not in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words", ["audit DATA -o", "audit DATA --card", "curate DATA --eval e -o", "dedup DATA -o", "select DATA -k 3 -o", "split DATA -o",
              "eval --model m -o", "diff a b -o", "demo -o"]
)  # fmt: skip
def test_where_nothing_can_be_written_is_said_before_anything_is_read(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    typed = [*words.replace("DATA", str(tmp_path / "nowhere.jsonl")).split(), str(tmp_path / "file" / "out.html")]
    typed[-1] = typed[-1].replace(".html", ".md") if "--card" in words else typed[-1]
    assert exits.guarded(lambda: winnow.app(typed, standalone_mode=False), typed) == 2
    assert "is a file, so nothing can lie in it" in capsys.readouterr().err


def test_a_folder_without_permission_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save.check_place(tmp_path / "new" / "report.html")
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(Surroundings, match="writing here is not permitted"):
        save.check_place(tmp_path / "new" / "report.html")


def test_a_path_that_a_space_cut_in_two_is_told(tmp_path: Path) -> None:
    (tmp_path / "my rows").mkdir()
    with pytest.raises(BadInput) as told:
        files.read([tmp_path / "my"])
    assert str(told.value.hint).startswith(f"quotes around a path with spaces: '{tmp_path / 'my rows'}")


def test_a_file_with_another_name_and_the_same_ending_is_no_guess(tmp_path: Path) -> None:
    (tmp_path / "zh.jsonl").write_text("{}")
    (tmp_path / "eval.jsonl").write_text("{}")
    for typed, hint in (("nosuch.jsonl", None), ("evil.jsonl", str(tmp_path / "eval.jsonl"))):
        with pytest.raises(BadInput) as told:
            files.read([tmp_path / typed])
        assert told.value.hint == hint


def test_one_is_told_in_the_singular() -> None:
    assert counted(0, "row") == "0 rows"
    assert counted(1, "row") == "1 row"
    assert counted(1_204, "row") == "1,204 rows"
    assert [counted(n, "query has", "queries have") for n in (1, 2)] == ["1 query has", "2 queries have"]

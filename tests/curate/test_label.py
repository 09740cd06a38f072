"""Labelling: borderline pairs out, answers in, nothing lost."""

import json
import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from curate import label
from curate.calibration import labelled
from curate.calibration.borderline import export, nearest
from curate.chats import chats_of
from curate.errors import BadInput
from curate.evalset import EvalFile

ROOT = Path(__file__).resolve().parents[2]


def sheet(path: Path, labels: list[object]) -> Path:
    rows = [
        {"id": i, "text_a": f"row {i} says three", "text_b": f"item {i} says 3", "label": x}
        for i, x in enumerate(labels)
    ]
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows), encoding="utf-8")
    return path


def labels(path: Path) -> list[object]:
    return [json.loads(line)["label"] for line in path.read_text(encoding="utf-8").splitlines()]


def run(path: Path, *answers: str, stop: type[BaseException] = EOFError) -> tuple[label.Labelling, str]:
    """Label with these answers; after the last one `stop` is raised where an answer is asked for."""
    waiting: Iterator[str] = iter(answers)

    def ask(prompt: str) -> str:
        said = next(waiting, None)
        if said is None:
            raise stop
        return said

    paper = StringIO()
    done = label.label(path, ask, Console(file=paper, width=100, color_system=None))
    return done, paper.getvalue()


def test_answers_are_written_one_by_one(tmp_path: Path) -> None:
    path = sheet(tmp_path / "pairs.jsonl", [None] * 5)
    done, shown = run(path, "y", "N ", "v", "s", "q")
    assert labels(path) == ["y", "n", "template variant", "skip", None]
    assert (done.total, done.left, done.skipped, done.answered) == (5, 1, 1, 4)
    assert done.labels == {"n": 1, "template variant": 1, "y": 1}
    assert "3 of 5 labelled" in str(done)
    assert "winnow label" in str(done)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "pair 1 of 5" in shown
    assert "[-row-] 0 says [-three-]" in shown
    assert "{+item+} 0 says {+3+}" in shown


def test_it_takes_up_where_it_stopped_and_asks_nothing_when_all_is_done(tmp_path: Path) -> None:
    path = sheet(tmp_path / "pairs.jsonl", ["y", None, "skip", ""])
    done, shown = run(path, "n", "y", "never asked")
    assert labels(path) == ["y", "n", "skip", "y"]
    assert "pair 2 of 4" in shown
    assert "pair 1 of 4" not in shown
    assert done.left == 0
    assert "winnow calibrate" in str(done)
    again, shown = run(path)
    assert shown == ""
    assert again.answered == 0


def test_back_shows_the_last_pair_with_its_label_and_takes_another(tmp_path: Path) -> None:
    path = sheet(tmp_path / "pairs.jsonl", [None] * 3)
    done, shown = run(path, "y", "b", "n", "b", "b", "b", "y", "v", "y")
    assert "labelled y" in shown
    assert labels(path) == ["y", "template variant", "y"]
    assert done.left == 0


def test_an_answer_that_is_none_is_asked_again(tmp_path: Path) -> None:
    path = sheet(tmp_path / "pairs.jsonl", [None])
    done, shown = run(path, "perhaps", "", "y")
    assert labels(path) == ["y"]
    assert shown.count(label.HELP) == 3
    assert shown.count("pair 1 of 1") == 1
    assert done.answered == 1


def test_ctrl_c_keeps_what_was_answered(tmp_path: Path) -> None:
    path = sheet(tmp_path / "pairs.jsonl", [None] * 3)
    with pytest.raises(KeyboardInterrupt):
        run(path, "y", "n", stop=KeyboardInterrupt)
    assert labels(path) == ["y", "n", None]
    run(path, "y")
    assert labels(path) == ["y", "n", "y"]


def test_ctrl_c_on_a_terminal_ends_at_once_and_resumes(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    path = sheet(tmp_path / "pairs.jsonl", [None] * 3)
    code = f"from pathlib import Path; from curate import exits, label; import sys; sys.exit(exits.guarded(lambda: label.label(Path({str(path)!r}))))"
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=ROOT
    )
    os.close(slave)
    shown = b""
    for number, answer in ((1, b"y\n"), (2, b"")):
        while shown.count(b"the same?") < number:
            assert select.select([master], [], [], 60)[0], shown
            shown += os.read(master, 4096)
        os.write(master, answer)
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130
    os.close(master)
    assert labels(path) == ["y", None, None]


def test_ctrl_c_while_an_answer_is_written_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sheet(tmp_path / "pairs.jsonl", [None] * 2)
    whole, calls = label.save.write_bytes, []

    def interrupted(*args, **more):  # type: ignore[no-untyped-def]
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        whole(*args, **more)

    monkeypatch.setattr(label.save, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(path, "y")
    assert labels(path) == ["y", None]


def test_lines_that_nobody_answered_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    odd = b'{ "text_b":"b\\u00e9", "text_a" : "a", "label":null , "more": [1.50]}\n\n'
    other = '{"candidate": "c", "eval_item": "naïve \\ud800", "label": null, "extra": {"k": 1}}'.encode()
    path.write_bytes(odd + other)
    run(path, "s", "b", "s", "y")
    first, second = path.read_bytes().splitlines()
    assert json.loads(first)["more"] == [1.5]
    assert json.loads(second) == json.loads(other) | {"label": "y"}
    path.write_bytes(odd + other)
    run(path, "q")
    assert path.read_bytes() == odd + other


def test_without_a_terminal_and_without_answers_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sheet(tmp_path / "pairs.jsonl", [None] * 2)
    monkeypatch.setattr("sys.stdin", StringIO(""))
    with pytest.raises(BadInput, match="nobody can answer") as caught:
        label.label(path, console=Console(file=StringIO()))
    assert caught.value.exit_code == 2
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert label.label(path, console=Console(file=StringIO())).left == 1


def test_a_file_that_somebody_else_changed_is_not_written_over(tmp_path: Path) -> None:
    path = sheet(tmp_path / "pairs.jsonl", [None] * 2)

    def ask(prompt: str) -> str:
        sheet(path, ["n", "n", "n"])
        return "y"

    with pytest.raises(BadInput, match="changed by somebody else"):
        label.label(path, ask, Console(file=StringIO()))
    assert labels(path) == ["n", "n", "n"]


@pytest.mark.parametrize(
    "text", ['{"text_a": "x"}\n', "[1]\n{}\n", "text_a,text_b\nx,y\n", '{"text_a": 1, "text_b": "x"}\n']
)
def test_files_that_cannot_be_labelled_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput):
        run(path, "y")
    assert path.read_text() == text


def test_texts_cannot_steer_the_terminal_and_long_ones_are_cut_with_the_cut_stated(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [
        {
            "text_a": "\x1b[2J[bold]same[/bold] " + "word " * 2000 + "end",
            "text_b": "\x1b[2J[bold]same[/bold] " + "word " * 2000 + "fin",
            "label": None,
        }
    ]
    path.write_text(json.dumps(rows[0]) + "\n")
    _, shown = run(path, "q")
    assert "\x1b" not in shown
    assert "[-end-]" in shown.replace("\n", "")
    assert "characters 7," in " ".join(shown.split())


# --- export


def matches(n: int = 40) -> pl.DataFrame:
    rows = [
        {
            "row_id": f"r{i}", "turn": 0, "part": "user", "eval_file": f"e{i % 2}", "case_id": "c", "case_turn": 0,
            "class": ("paraphrase", "template variant")[i % 4 == 0], "containment": None, "cosine": 0.5 + i / 100,
            "probability": None if i == 3 else i / n, "differs": None, "threshold": 0.5,
        }
        for i in range(n)
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def sources(n: int = 40) -> tuple[pl.DataFrame, list[EvalFile]]:
    def chat(name: str, said: str) -> dict[str, object]:
        return {"id": name, "turns": [{"role": "user", "content": said}, {"role": "assistant", "content": "ok"}]}

    rows = chats_of([chat(f"r{i}", f"training text {i}") for i in range(n)])
    return rows, [EvalFile(f"e{i}", "0" * 64, chats_of([chat("c", f"eval text {i}")])) for i in range(2)]


def test_borderline_pairs_are_written_for_labelling_and_feed_the_calibration(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    chats, files = sources()
    done = export(matches(), chats, files, path, threshold=0.5, many=8)
    assert (done.pairs, done.unscored, done.without_text) == (8, 1, 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "personal data included" in str(done)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {row["eval_file"] for row in rows} == {"e0", "e1"}
    assert {row["class"] for row in rows} == {"paraphrase", "template variant"}
    assert {row["probability"] >= 0.5 for row in rows} == {True, False}
    assert all(abs(row["probability"] - 0.5) <= 0.1 for row in rows)
    assert all(row["text_a"].removeprefix("training text ") == row["row_id"][1:] for row in rows)
    assert len({row["id"] for row in rows}) == 8
    run(path, *"ynynynyv")
    read = labelled.read(path)
    assert len(read.pairs) == 8
    assert {each.drawn for each in read.pairs} == {labelled.BORDERLINE}
    assert {each.group for each in read.pairs} == {"e0 c 0", "e1 c 0"}


def test_export_is_seeded_whatever_the_order_of_the_matches_and_writes_over_nothing(tmp_path: Path) -> None:
    chats, files = sources()
    for name, frame, seed in (("a", matches(), 0), ("b", matches().reverse(), 0), ("c", matches(), 1)):
        export(frame, chats, files, tmp_path / name, threshold=0.5, many=10, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    with pytest.raises(BadInput, match="is there already"):
        export(matches(), chats, files, tmp_path / "a", threshold=0.5)


def test_texts_that_are_not_there_are_counted(tmp_path: Path) -> None:
    chats, files = sources()
    frame = matches().with_columns(turn=pl.when(pl.col("row_id") == "r5").then(-1).otherwise(pl.col("turn")))
    done = export(frame, chats, files, tmp_path / "p.jsonl", threshold=0.5)
    assert done.without_text == 1
    assert "1 left out: the row has several" in str(done)


def test_all_are_taken_where_there_are_few() -> None:
    few = [((f"a{i}", "b"), {"probability": i / 3, "class": "paraphrase", "eval_file": "e"}) for i in range(3)]
    assert sorted(texts[0] for texts, _ in nearest(few, 0.5, 10)) == ["a0", "a1", "a2"]

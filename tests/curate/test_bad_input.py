"""What careless and hostile users hand in: always a sentence and an exit code, never a traceback, never another's file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import certificate, exits, files, iteration, pipeline, recipe, verification
from curate.errors import BadInput, Refused, Surroundings
from curate.progress import HIDDEN, aside
from curate.report import form_of

WORDS = ("river", "stone", "lamp", "garden", "copper", "window", "ladder", "basket", "market", "silver", "thunder")


def _row(number: int, **more: object) -> bytes:
    word = WORDS[number % len(WORDS)]
    turns = [
        {"role": "user", "content": f"What is a {word} {number} for?"},
        {"role": "assistant", "content": f"A {word} {number} helps {word}s to be {word}s, {number} times a day."},
    ]
    return json.dumps({**more, "messages": turns}).encode()


GOOD = b"\n".join(_row(number, id=f"r{number}") for number in range(8)) + b"\n"
BAD_LINES = (
    *(b"garbage", b'{"messages": [', b"\xff\xfe\x00nul", b"null", b"[1, 2]", b"3", b'"text"', b"{}", b"[" * 5000),
    *(b'{"messages": "x"}', b'{"messages": [1]}', b'{"messages": []}', b'{"a":' * 500 + b"1" + b"}" * 500),
    b'{"messages": [{"role": "user", "content": "no answer"}]}',
    b'{"messages": [{"role": "wizard", "content": "x"}, {"role": "assistant", "content": "y"}]}',
    b'{"messages": [{"role": "user", "content": 3}, {"role": "assistant", "content": "y"}]}',
    b'{"messages": [{"role": "user", "content": "\\ud800"}, {"role": "assistant", "content": "y"}]}',
    b'{"n": NaN, "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}',
    b'{"n": ' + b"9" * 5000 + b"}",
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "good.jsonl").write_bytes(GOOD)
    (tmp_path / "eval.jsonl").write_text('{"id": "e1", "prompt": "Explain tax law to a heron"}\n')
    return tmp_path


def _run(place: Path, out: Path, models, data: str = "good.jsonl"):  # type: ignore[no-untyped-def]
    sources = pipeline.Sources([place / data], [place / "eval.jsonl"])
    unmeasured = recipe.of({"overlap": {"allow_uncalibrated": True}})
    return pipeline.curate(sources, out, unmeasured, lambda asked: models)


def test_bad_lines_are_quarantined_and_the_good_ones_read(place: Path) -> None:
    (place / "odd.jsonl").write_bytes(b"\n".join([GOOD, *BAD_LINES, b"\n" * 100, _row(90)]))
    read = files.read(place / "odd.jsonl")
    assert (read.chats.height, read.quarantined.height) == (9, len(BAD_LINES))
    assert all(source.startswith(str(place / "odd.jsonl:")) for source in read.quarantined["source"])
    with pytest.raises(BadInput, match="not JSON"):
        files.read(place / "odd.jsonl", on_error="stop")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(BAD_LINES), st.binary(max_size=60)), max_size=6))
def test_whatever_stands_between_good_lines_they_are_kept(tmp_path_factory, lines) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("mixed") / "a.jsonl"
    path.write_bytes(GOOD + b"\n" + b"\n".join(lines) + b"\n" + _row(91))
    read = files.read(path)
    assert {f"r{number}" for number in range(8)} <= set(read.chats["id"])
    assert read.inputs[0].rows == read.chats.height + read.quarantined.height


def test_broken_json_by_its_name_is_not_a_table(place: Path) -> None:
    (place / "no.jsonl").write_bytes(b"garbage, of sorts\nmore\n")
    with pytest.raises(BadInput, match="is not JSON"):
        files.read(place / "no.jsonl")
    (place / "table.jsonl").write_bytes(b"prompt,completion\nWhy?,Because.\n")
    assert files.read(place / "table.jsonl").chats.height == 1, "a table under a wrong name is read by its content"


def test_a_file_that_is_passed_over_leaves_nothing_in_the_quarantine(place: Path) -> None:
    (place / "sub").mkdir()
    (place / "sub" / "a.jsonl").write_bytes(GOOD)
    (place / "sub" / "config.json").write_text('{"lr": 1}')
    read = files.read(place / "sub")
    assert (read.chats.height, read.quarantined.height) == (8, 0)
    assert any("config.json: passed over, it holds no usable row" in note for note in read.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nere: true", "did you mean 'near'"),
        ("near: {treshold: 1}", "did you mean 'threshold'"),
        ("near: {threshold: high}", "'near.threshold' should be a number"),
        ("near: 3", "or false to leave the step out"),
        ("overlap: false", "'overlap' should be options such as"),
        ("keep: r1", "a list of row ids"),
        ("keep: [17]", "in quotes"),
        ("seed: -1", "seed"),
        ("seed: 1.5", "a whole number"),
        ("1: 2", "a name"),
        ("near: false\nnear: true", "'near' stands twice"),
        ("near:\n\tthreshold: 1", "not YAML"),
        ("- a\n- b", "lines of `step: options`"),
        ("---\na: 1\n---\nb: 2", "another document"),
        ("keep: " + "[" * 1500 + "]" * 1500, "nested too deeply"),
        ("!!python/object/apply:os.system [exit]", "not YAML"),
    ],
)
def test_a_recipe_with_a_mistake_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"r\.yaml") as caught:
        recipe.read(tmp_path / "r.yaml")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_a_recipe_that_is_a_bomb_is_not_written_out(tmp_path: Path) -> None:
    layers = [f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "r.yaml").write_text("seed: [&a0 [x, x], " + ", ".join(layers) + "]")
    with pytest.raises(BadInput) as caught:
        recipe.read(tmp_path / "r.yaml")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_files_of_the_user_are_never_taken_for_ours(place: Path, toy_models) -> None:  # type: ignore[no-untyped-def]
    (place / "data").mkdir()
    mine = place / "data" / "train.jsonl"
    mine.write_bytes(GOOD)
    with pytest.raises(BadInput, match=r"train\.jsonl in it would be overwritten"):
        _run(place, place, toy_models, data="data/train.jsonl")
    assert mine.read_bytes() == GOOD
    for text in ("[]", "{}", "[" * 100_000, "\0"):
        (place / "data" / "manifest.json").write_text(text)
        with pytest.raises(BadInput, match="manifest is damaged"):
            _run(place, place, toy_models)
    assert mine.read_bytes() == GOOD


def test_what_a_killed_run_left_is_cleared_and_done_again(place: Path, toy_models) -> None:  # type: ignore[no-untyped-def]
    whole = _run(place, place / "it", toy_models)
    bytes_of = {name: (whole.data / name).read_bytes() for name in iteration.WRITTEN}
    (whole.data / "manifest.json").unlink()
    (whole.data / iteration.UNFINISHED).touch()
    (whole.data / "train.jsonl").write_text("half")
    (whole.data / ".train.jsonl.x1.part").write_text("hal")
    again = _run(place, place / "it", toy_models)
    assert {name: (again.data / name).read_bytes() for name in iteration.WRITTEN} == bytes_of
    assert {path.name for path in again.data.iterdir()} == {*iteration.WRITTEN, "manifest.json"}


def test_a_full_disk_leaves_nothing_behind(place: Path, toy_models, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def full(*_: object, **__: object) -> None:
        raise Surroundings("could not be written: the disk is full")

    monkeypatch.setattr(iteration, "write_ledger", full)
    with pytest.raises(Surroundings, match="disk is full"):
        _run(place, place / "new" / "it", toy_models)
    assert not (place / "new" / "it").exists()


def test_a_place_where_nothing_can_be_written_is_said_before_the_work(place: Path, toy_models, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def never(*_: object) -> None:
        raise AssertionError("the steps ran")

    monkeypatch.setattr(pipeline, "run", never)
    (place / "file").touch()
    for out in (place / "file", place / "file" / "under", place / ("x" * 300)):
        with pytest.raises(BadInput):
            _run(place, out, toy_models)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(Surroundings, match="nothing can be written here"):
        _run(place, place / "new", toy_models)


def test_an_iteration_whose_files_were_changed_says_which(place: Path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(place, place / "it", toy_models)
    it.train_file.write_bytes(GOOD + GOOD)
    with pytest.raises(BadInput, match=r"changed after they were written: train\.jsonl"):
        _run(place, place / "it", toy_models)


@pytest.mark.parametrize("text", ["", "hi", "[]", "null", "{}", "[" * 100_000, '{"_type": 1, "predicate": []}'])
def test_what_is_no_certificate_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "certificate.json").write_text(text)
    with pytest.raises(BadInput, match="certificate"):
        certificate.read(tmp_path / "certificate.json")


def _inside(value: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The place of every value in a certificate, lists by their first item."""
    items = value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    return [place for key, item in items for place in [(*at, key), *_inside(item, (*at, key))]]


def test_a_certificate_bent_anywhere_never_raises_anything_else(place: Path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(place, place / "it", toy_models)
    sound = (it.data / "certificate.json").read_text()
    for at in _inside(json.loads(sound)):
        for wrong in (None, [], {}, "x", 7):
            bent = json.loads(sound)
            inner = bent
            for key in at[:-1]:
                inner = inner[key]
            if inner[at[-1]] == wrong:
                continue
            inner[at[-1]] = wrong
            (it.data / "certificate.json").write_text(json.dumps(bent))
            try:
                verification.verify(it.path, [], None, lambda _: toy_models.encoder)
            except (BadInput, Refused):
                continue
            assert at[1:2] == ("tool",) or at[-1] in ("name", "row_id", "turn"), f"{at} = {wrong!r} passes"


def test_a_certificate_that_claims_more_is_refused(place: Path, toy_models) -> None:  # type: ignore[no-untyped-def]
    it = _run(place, place / "it", toy_models)
    sound = (it.data / "certificate.json").read_text()
    for change in (
        lambda p: p["claims"].update(safe={"holds": True}),
        lambda p: p.update(endorsed="yes"),
        lambda p: p.update(signed=True),
    ):
        statement = json.loads(sound)
        change(statement["predicate"])
        (it.data / "certificate.json").write_text(json.dumps(statement))
        with pytest.raises(Refused):
            verification.verify(it.path, [], None, lambda _: toy_models.encoder)


def test_the_name_of_a_report_is_judged_before_the_work(tmp_path: Path) -> None:
    assert [form_of(Path(name)) for name in ("a.html", "a.HTM", "a.md", "a.json")] == ["html", "html", "md", "json"]
    for name in ("a.pdf", "a", "."):
        with pytest.raises(BadInput):
            form_of(tmp_path / name)


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    aside("a\x1b]0;title\x07b\x9b31m\nnext\ttab")
    assert capsys.readouterr().err == "a\ufffd]0;title\ufffdb\ufffd31m\nnext\ttab\n"
    assert "é漢".translate(HIDDEN) == "é漢"


@pytest.mark.parametrize(
    ("raised", "code"),
    [(BadInput("x"), 2), (Refused("x"), 1), (OSError(28, "full"), 4), (KeyboardInterrupt(), 130), (ValueError("odd"), 4)],
)  # fmt: skip
def test_every_failure_is_a_sentence_and_a_code(raised: BaseException, code: int, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def fail() -> None:
        raise raised

    monkeypatch.delenv("WINNOW_DEBUG", raising=False)
    assert exits.guarded(fail) == code
    assert "Traceback" not in capsys.readouterr().err


def _winnow(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    start = "import sys; sys.argv[0] = 'winnow'; import winnow; winnow.main()"
    command = [sys.executable, "-P", "-c", start, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("output", ["-o", "--card", "--briefs"])
@pytest.mark.parametrize("read", ["chats.json", "asked.json"])
def test_no_output_overwrites_what_an_audit_reads(place: Path, output: str, read: str) -> None:
    for name in ("chats.json", "asked.json"):
        pl.DataFrame({"prompt": ["Why?"], "completion": ["Because."]}).write_json(place / name)
    target = place / read
    if output == "--card":  # a card has a name of its own
        target = place / "README.md"
        (place / read).rename(target)
    before = target.read_bytes()
    named = [target.name if name == read else name for name in ("chats.json", "asked.json")]
    done = _winnow("audit", named[0], "--against", named[1], output, f"./{target.name}", cwd=place)
    assert (done.returncode, target.read_bytes()) == (2, before), done.stderr


def test_two_outputs_of_one_name_are_refused(place: Path) -> None:
    pl.DataFrame({"prompt": ["Why?"], "completion": ["Because."]}).write_json(place / "chats.json")
    done = _winnow("audit", "chats.json", "-o", "a.md", "--card", "./a.md", cwd=place)
    assert done.returncode == 2
    assert "name one file" in done.stderr


def test_ctrl_c_is_answered_with_a_sentence(place: Path) -> None:
    """typer turns it into an exit code of its own."""
    code = (
        "import sys; sys.argv = ['winnow', 'cache']; import winnow\n"
        "def stop(): raise KeyboardInterrupt\n"
        "winnow._cache = stop\n"
        "winnow.main()"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130, done.stderr
    assert "interrupted; run the same command again" in done.stderr


def test_a_report_does_not_overwrite_what_it_reads(place: Path) -> None:
    chats = place / "chats.json"
    pl.DataFrame({"prompt": ["Why?"], "completion": ["Because."]}).write_json(chats)
    before = chats.read_bytes()
    done = _winnow("audit", "chats.json", "-o", "./chats.json", cwd=place)
    assert (done.returncode, chats.read_bytes()) == (2, before)
    assert "would overwrite a file that is read" in done.stderr

"""The command line as a person meets it: help, exit codes, one JSON document, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import winnow
from curate import shipped

COMMANDS = [command.name or command.callback.__name__ for command in winnow.app.registered_commands]
LAMP = "How long may I keep the brass desk lamp before I send it back to the workshop for a refund?"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space in its name, rows, cases, and modules of the user's own that must not be picked up."""
    folder = tmp_path_factory.mktemp("a folder of mine")
    rows = [
        ("Which bulb fits the reading light by the window?", "A small screw bulb of four watts."),
        ("Which bulb fits the reading light by the window?", "A small screw bulb of four watts."),
        (LAMP, "Sixty days."),
        ("Mail me at anna.smith@brindlewick.example please", "I wrote to anna.smith@brindlewick.example today."),
    ]
    lines = [json.dumps({"prompt": q, "completion": a}) for q, a in rows]
    (folder / "rows.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n")
    (folder / "eval.jsonl").write_text(json.dumps({"prompt": LAMP}) + "\n")
    (folder / "curate").mkdir()
    for name in ("train.py", "winnow.py", "curate/__init__.py", "evalsuite.py"):
        (folder / name).write_text("raise SystemExit('a module of the user was imported')\n")
    return folder


def run(place: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The console script itself, from the user's folder."""
    script = Path(sys.executable).with_name("winnow")
    settings = os.environ | {"WINNOW_CACHE": str(place / "cache")} | env
    return subprocess.run([script, *words], cwd=place, env=settings, capture_output=True, text=True, timeout=280)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(winnow.app, [name, "--help"])
    assert shown.exit_code == 0
    assert f"Example: winnow {name}" in shown.output


def test_the_help_names_the_commands_in_the_order_of_the_loop() -> None:
    loop = ["audit", "map", "dedup", "select", "split", "curate", "verify", "certify", "why", "restore", "thresholds", "calibrate",
            "label", "train", "eval", "diff", "cache", "demo"]  # fmt: skip
    assert loop == COMMANDS


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["curate", "rows.jsonl", "-o", "it"], 2, "no eval file was named"),
        (["curate", "nowhere.jsonl", "--eval", "eval.jsonl", "-o", "it"], 2, "nowhere.jsonl"),
        (["curate", "rows.jsonl", "--eval", "evil.jsonl", "-o", "it"], 2, "eval.jsonl"),
        (["curate", "rows.jsonl", "--evil", "eval.jsonl", "-o", "it"], 2, "there is no option --evil\n  try: --eval"),
        (["dedup", "nowhere.jsonl", "-o", "d"], 2, "nowhere.jsonl"),
        (["kurate"], 2, "there is no command kurate\n  try: winnow curate"),
        (["why", "nowhere", "r1"], 2, "there is no such iteration"),
        (["train", "rows.jsonl", "--base", "x"], 1, "have no certificate"),
        (["verify", "rows.jsonl", "--eval", "eval.jsonl"], 2, "there is no certificate here"),
        (["eval"], 2, "nothing to evaluate was named"),
        (["diff", "rows.jsonl", "nowhere.jsonl"], 2, "nowhere.jsonl"),
    ],
)
def test_a_users_mistake_is_a_sentence(place: Path, words: list[str], code: int, sentence: str) -> None:
    done = run(place, *words)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_loop_over_rows(place: Path) -> None:
    """curate, curate again, verify, tamper, verify: one JSON document each, exit codes as designed."""
    curated = run(place, "curate", "rows.jsonl", "--eval", "eval.jsonl", "-o", "it", "--json")
    assert curated.returncode == 0, curated.stderr
    document = json.loads(curated.stdout)
    assert document["counts"] == {"rows_read": 5, "quarantined": 1, "removed": 2, "edited": 1, "kept": 2}
    assert all((place / path).is_file() for path in document["paths"].values())
    assert "anna.smith" not in (place / "it/data/train.jsonl").read_text()
    assert run(place, "curate", "rows.jsonl", "--eval", "eval.jsonl", "-o", "it").returncode == 0
    assert run(place, "curate", "rows.jsonl", "--eval", "eval.jsonl", "-o", "it", "--on-error", "stop").returncode == 2
    verified = run(place, "verify", "it", "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["holds"] is True
    train = place / "it/data/train.jsonl"
    train.write_bytes(train.read_bytes().replace(b"four watts", b"five watts"))
    refused = run(place, "verify", "it")
    assert refused.returncode == 1
    assert "rows were added, removed or changed" in refused.stderr
    assert run(place, "train", "it", "--base", str(shipped.sample_data() / "base-model")).returncode == 1


def test_a_full_disk_is_exit_4(place: Path) -> None:
    """/dev/full fails every write the way a full disk does."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full on this system")
    with open("/dev/full", "w") as full:
        script = Path(sys.executable).with_name("winnow")
        done = subprocess.run([script, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=place)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr

"""How far a long step is, said in lines where there is no terminal."""

import pytest

from curate import progress


def test_lines_without_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    with progress.shown() as say:
        say("rows read", 50_000, 0)  # how many there are is not known yet
        say("rows read", 61_000, 61_000)
    assert capsys.readouterr().err.splitlines() == ["rows read: 50,000 so far", "rows read: 61,000 of 61,000"]


def test_short_steps_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown() as say:
        say("embed", 1, 2)
        say("embed", 2, 2)
    assert capsys.readouterr().err == ""

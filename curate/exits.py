"""How a command ends: every failure is a sentence on stderr and an exit code, never a traceback.

    sys.exit(guarded(lambda: app(standalone_mode=False)))

0 done, 1 the answer is no, 2 bad input or usage, 4 the surroundings failed, 130 interrupted. `WINNOW_DEBUG=1` shows
tracebacks to those who mend Winnow itself.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.exceptions import TyperException

from curate import save, usage
from curate.errors import BadInput, Surroundings, WinnowError
from curate.progress import aside

INTERRUPTED = 130
STOPPED = "\ninterrupted; run the same command again: nothing that models said so far is computed twice"


def steady_streams() -> None:
    """Closed streams become /dev/null, and what a stream's encoding does not hold is escaped."""
    sys.stdout, sys.stderr = (stream or Path(os.devnull).open("w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def guarded(command: Callable[[], Any], words: Sequence[str] = ()) -> int:
    """Run a command; the exit code of how it ended. `words` is what was typed, for a sentence about it."""
    try:
        code = command()
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer makes this of Ctrl-C, and says nothing
            aside(STOPPED)
        return code if isinstance(code, int) else 0
    except typer.Exit as done:
        return done.exit_code
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # `winnow` alone: the help is the answer
            aside(str(getattr(error, "message", error)).rstrip())
            return 2
        return _sentence(usage.told(error, words))
    except (KeyboardInterrupt, typer.Abort):
        aside(STOPPED)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # rich turns the first into the second
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (WinnowError, MemoryError, OSError) as error:
        if os.environ.get("WINNOW_DEBUG"):
            raise
        return _sentence(error)
    except Exception as error:
        if os.environ.get("WINNOW_DEBUG"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        aside(f"winnow: this is a defect of Winnow, please report it ({what})")
        aside("  try: WINNOW_DEBUG=1 before the same command, to see where")
        return 4


def _sentence(error: Exception) -> int:
    match error:
        case WinnowError():
            failure: WinnowError = error
        case MemoryError():
            failure = Surroundings("out of memory", hint="fewer rows at a time, or a machine with more memory")
        case OSError(errno=errno.ENOENT):
            failure = BadInput("there is no such file or folder", where=str(error.filename))
        case OSError():
            failure = Surroundings(save.said(error), where=str(error.filename) if error.filename else None)
        case _:
            raise error
    aside(f"winnow: {failure}")
    return failure.exit_code

"""Errors that are sentences: what happened, where, and what to type next.

    raise BadInput("the file holds no usable row", where="chats.jsonl:3", hint="winnow audit chats.jsonl")

One base class, caught once (in `winnow.py`), printed without a traceback. The subclass decides the exit code.
"""


class WinnowError(Exception):
    """A failure that a person can act on. `str(error)` is the whole message, of one to three short lines."""

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  try: {self.hint}" if self.hint else ""
        return f"{place}{self.what}{advice}"


class Refused(WinnowError):
    """The answer is no: overlap found, certificate refused, a gate failed."""

    exit_code = 1


class BadInput(WinnowError):
    """The user's file, flag or recipe cannot be used as it is."""

    exit_code = 2


class Surroundings(WinnowError):
    """The machine or a server failed: disk full, folder not writable, out of memory."""

    exit_code = 4

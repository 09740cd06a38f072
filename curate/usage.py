"""What was typed wrong on the command line, in our words: where, what, and what to type next.

    told(error)      # audit: there is no option --formt
                     #   try: --format

typer's own errors say the same in another voice, and keep their classes private: they are known by name and by what they carry.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from curate.errors import BadInput

_NAMED = re.compile(r"'(.*?)'")
_PLAIN = {"valid integer": "whole number", "valid number": "number", "greater than or equal to": "at least",
          "less than or equal to": "at most", "greater than": "above", "less than": "below"}  # fmt: skip


def told(error: Any, words: Sequence[str] = ()) -> BadInput:
    """The sentence for an error of the command line's parser; `words` is what was typed after `winnow`."""
    context = getattr(error, "ctx", None)
    command, where = getattr(context, "command", None), _where(context, words)
    said = str(getattr(error, "message", error))
    match type(error).__name__:
        case "NoSuchOption":
            return _no_option(error.option_name, command, where)
        case "MissingParameter":
            return BadInput(_missing(error.param), where=where, hint=_example(command, where))
        case "BadOptionUsage" if "requires" in said:
            needs = (
                "a value" if "requires an" in said else said.partition("requires ")[2].replace("arguments", "values")
            )
            return BadInput(f"{error.option_name} needs {needs.rstrip('.')} after it", where=where, hint=_help(where))
        case "BadOptionUsage":
            return BadInput(f"{error.option_name} takes no value", where=where, hint=error.option_name)
        case "BadParameter" if getattr(error, "param", None) is not None:
            return _bad_value(error, said, command, where)
        case "UsageError" if said.startswith("No such command"):
            return _no_command(said, command)
        case "UsageError" if said.startswith("Got unexpected extra"):
            return _too_many(said, command, where)
    return BadInput(said[:1].lower() + said[1:].rstrip("."), where=where, hint=_help(where))


def _where(context: Any, words: Sequence[str]) -> str | None:
    """The command's name; None for `winnow` itself, whose name stands before every sentence."""
    if context is None:  # the parser of a command's own words knows of no command
        return words[0] if words and not words[0].startswith("-") else None
    return str(context.info_name) if getattr(context, "parent", None) is not None else None


def _help(where: str | None) -> str:
    return " ".join(filter(None, ["winnow", where, "--help"]))


def _options(command: Any) -> dict[str, Any]:
    """Every way to write an option, and the option."""
    named = [(name, one) for one in getattr(command, "params", ()) for name in _names(one)]
    return {name: one for name, one in named if name.startswith("-")}


def _names(parameter: Any) -> Sequence[str]:
    return (*getattr(parameter, "opts", ()), *getattr(parameter, "secondary_opts", ()))


def _no_option(typed: str, command: Any, where: str | None) -> BadInput:
    close = get_close_matches(typed, [*_options(command), "--help"], n=1, cutoff=0.6)
    return BadInput(f"there is no option {typed}", where=where, hint=close[0] if close else _help(where))


def _no_command(said: str, command: Any) -> BadInput:
    typed = (_NAMED.search(said) or ["", ""])[1]
    close = get_close_matches(typed, list(getattr(command, "commands", ())), n=1, cutoff=0.6)
    return BadInput(f"there is no command {typed}", hint=f"winnow {close[0]}" if close else _help(None))


def _missing(parameter: Any) -> str:
    """What is missing, and what it is."""
    return f"{_name(parameter)} is missing{_meant(parameter)}"


def _name(parameter: Any) -> str:
    """An option as it is typed in full; an argument as the help writes it."""
    named = next((one for one in _names(parameter) if one.startswith("--")), None)
    return named or str(getattr(parameter, "metavar", None) or getattr(parameter, "name", "")).strip(".[]").upper()


def _meant(parameter: Any) -> str:
    said = str(getattr(parameter, "help", None) or "").rstrip(".")
    plain = said.split(" ")[0][1:].islower() or said[1:2] == " "  # no name in capitals
    return f" ({said[:1].lower() + said[1:] if plain else said})" if said else ""


def _example(command: Any, where: str | None) -> str:
    shown = str(getattr(command, "epilog", None) or "")
    return shown.removeprefix("Example: ").split(" && ")[0] or _help(where)


def _bad_value(error: Any, said: str, command: Any, where: str | None) -> BadInput:
    """What the value should have been, and what it was."""
    name = _name(error.param)
    said = said.removeprefix("Value error, ").rstrip(".")
    if " is not one of " in said:
        typed, known = said.split(" is not one of ", 1)
        names = _NAMED.findall(known)
        close = get_close_matches(typed.strip("'"), names, n=1, cutoff=0.5)
        what = f"{name} cannot be {typed}; it is one of {', '.join(names)}"
        return BadInput(what, where=where, hint=f"{name} {close[0] if close else names[0]}")
    wanted = said.removeprefix("Input should be ").split(", unable to parse")[0]
    for theirs, ours in _PLAIN.items():
        wanted = wanted.replace(theirs, ours)
    example = _example(command, where)
    shown = any(one in example.split() for one in _names(error.param))
    return BadInput(f"{name} should be {wanted}{_typed(error)}", where=where, hint=example if shown else _help(where))


def _typed(error: Any) -> str:
    """What was typed, where the error under this one tells."""
    known = getattr(error.__cause__, "errors", None)
    return f", not {known()[0].get('input')!r}" if known else ""


def _too_many(said: str, command: Any, where: str | None) -> BadInput:
    extra = said.partition(" (")[2].removesuffix(")")
    what = f"more was given than {where or 'winnow'} takes: {extra}; a path with spaces in it stands in quotes"
    return BadInput(what, where=where, hint=_example(command, where))

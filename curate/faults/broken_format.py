"""Answers whose form is broken: a code fence that stays open, JSON that does not parse.

    open_code(exchange)        # 'a code fence is opened and not closed'
    broken_json(exchange)      # 'JSON asked for: Expecting value, line 3'

JSON is held to its rules where it was asked for, where a block says that it is JSON, or where an answer is one JSON value from
its first to its last sign. What is shortened with dots, commented, or one value per line passes.
"""

import json
import re

from curate.faults.exchanges import Exchange, open_fence

_BLOCK = re.compile(r"^ {0,3}```[ \t]*(?P<kind>\w*)[^\n]*\n(?P<body>.*?)^ {0,3}```", re.DOTALL | re.MULTILINE)
_ASKS_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_LOOKS_JSON = re.compile(r"\s*(?:\{\s*\"[^\"\n]*\"\s*:|\[\s*\{\s*\")")
_SHORTENED = re.compile(r"\.\.\.|…|//|/\*|#|<[a-z_ ]+>|\{\{")


def open_code(one: Exchange) -> str | None:
    """Whether a code fence stays open."""
    return "a code fence is opened and not closed" if open_fence(one.said) else None


def broken_json(one: Exchange) -> str | None:
    """Why what should be JSON is none, or None."""
    for block in _BLOCK.finditer(one.said):
        if block["kind"].lower() == "json" and (why := _why_not(block["body"])):
            return f"a JSON block: {why}"
    if "```" in one.said:
        return None
    said = one.said.strip()
    asked = bool(_ASKS_JSON.search(one.asked)) and said[:1] in ("{", "[") and said[-1:] in ("}", "]")
    if (asked or (_LOOKS_JSON.match(said) and not _prose_after(said))) and (why := _why_not(said)):
        return f"JSON asked for: {why}" if asked else f"begins as JSON: {why}"
    return None


def _why_not(said: str) -> str | None:
    """What the parser says of a text that is no JSON value, no JSON lines, and not shortened on purpose."""
    try:
        json.loads(said)
    except json.JSONDecodeError as error:
        if _SHORTENED.search(said) or _lines(said):
            return None
        return f"{error.msg}, line {error.lineno}"
    except (RecursionError, ValueError):
        return "too deep or too large to read"
    return None


def _lines(said: str) -> bool:
    """Whether each line is a JSON value."""
    try:
        return all(json.loads(line) is not None for line in said.splitlines() if line.strip())
    except (ValueError, RecursionError):
        return False


def _prose_after(said: str) -> bool:
    """Whether a JSON value is followed by words: an answer that goes on to explain."""
    try:
        _, end = json.JSONDecoder().raw_decode(said)
    except (ValueError, RecursionError):
        return said[-1] not in '}]",' and said.rfind("}") > 0
    return bool(said[end:].strip())

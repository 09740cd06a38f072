"""Whether a text is a program, and what it says in words.

    prose("def area(r):\\n    \\"\\"\\"Return the area of a circle.\\"\\"\\"\\n    return 3.14 * r * r")

What a program is for stands in its docstrings and comments. Names are its author's choice, and examples hold any numbers.
Recognised by its lines, for the languages that look like Python, Java, C or JavaScript; other code is read as text.
"""

import re

__all__ = ["identifiers", "is_code", "prose"]

FEWEST_CODE_LINES, CODE_SHARE = 2, 0.35
APART = 4  # docstrings that are compared one by one; further ones together
IDENTIFIERS = 60  # that stand in for prose where a program has none

_CODE_LINE = re.compile(
    r"\s*(?:(?:async )?def \w+\(|class \w+.*[:{]$|import [\w.]+|from [\w.]+ import |return\b|public |private |static |"
    r"#include|function\b.*\(|const |let |var |(?:for|while|if|switch) ?\(.*\) ?\{?$|(?:for|while|if|elif|with) .*:$|"
    r"(?:else|try|finally):$|[}{\])]+;?$|.*;$|>>> |[\w.\[\]]+ [-+*/]?= \S|@\w+)"
)
_DEFINITION = re.compile(
    r"(?m)^\s*(?:async )?def \w+\(.*\).*:\s*$|^\s*(?:public|private) (?:static )?[\w<>\[\]]+ \w+\(.*\{\s*$"
)
_FENCE = re.compile(r"```\w*\n?(.*?)(?:```|\Z)", re.DOTALL)
_DOCSTRING = re.compile(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', re.DOTALL)
_BLOCK = re.compile(r"/\*(.*?)\*/", re.DOTALL)
_LINE = re.compile(r"(?:^|(?<=\s))(?:#+|//)[ \t]*([^\n]*)", re.MULTILINE)
_EXAMPLE = re.compile(
    r"^[ \t*]*(?:>>>|\w+\(.*\) ?(?:[-=]+>|returns?|==|➞|#)|@\w+|[\[({'\"\d-].*$|(?:True|False|None)\s*$).*$",
    re.MULTILINE,
)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NAME = re.compile(r"[A-Za-z_]\w*")


def is_code(said: str) -> bool:
    """Whether a text is a program, or holds one between fences."""
    if "```" in said and len(inside := "\n".join(_FENCE.findall(said)).strip()) > 0.4 * len(said):
        return bool(inside)
    if _DEFINITION.search(said):
        return True
    lines = [line for line in said.splitlines() if line.strip()]
    code = sum(bool(_CODE_LINE.match(line)) for line in lines)
    return code >= FEWEST_CODE_LINES and code >= CODE_SHARE * len(lines)


def prose(said: str) -> tuple[str, ...]:
    """What code says in words, examples apart: docstrings and comments, and what stands around its fences."""
    inside = "\n".join(_FENCE.findall(said)) if "```" in said else said
    around = _EXAMPLE.sub("", _FENCE.sub("\n", said)).strip() if "```" in said else ""
    documented = [" ".join(found) for found in _DOCSTRING.findall(inside)] + _BLOCK.findall(inside)
    rest = _BLOCK.sub(" ", _DOCSTRING.sub(" ", inside))
    noted = "\n".join(line for line in _LINE.findall(rest) if len(line.split()) > 2)
    parts = [_EXAMPLE.sub("", part) for part in (*documented[:APART], "\n".join(documented[APART:]), noted)]
    cleaned = [" ".join(re.sub(r"(?m)^[ \t*]+", " ", part).split()) for part in (*parts, around)]
    found = tuple(dict.fromkeys(part for part in cleaned if len(part.split()) > 3))
    return found or (" ".join(identifiers(inside)[:IDENTIFIERS]) or said,)


def identifiers(said: str) -> list[str]:
    """The parts of all names in a text, in lower case: "isEven" and "is_even" are "is", "even"."""
    return [part.lower() for name in _NAME.findall(said) for part in _PART.findall(name)]

"""Which parts of a text are program code, where a capital letter makes no name.

    quiet('total = Path("x")\nprint("Ask Ann")')      # all but what stands between quotes and in comments

Line by line, for the languages that look like Python, Java, C, JavaScript, SQL or HTML. What code says in words stays
open: strings, comments, docstrings. A form's "name = Ann Lee" is no code.
"""

import re

LONGEST = 400  # characters of a line that are looked at

CODE_LINE = re.compile(
    r"\s*(?:"
    # definitions and imports
    r"(?:async )?def \w+\s*\(|class \w+\s*(?:[({]|:\s*$|extends\b|implements\b)|import [\w.*]+;?\s*$|import .* from ['\"]"
    r"|import \w+ as \w+\s*$|from [\w.]+ import\b|#include\b|package [\w.]+;\s*$|using [\w.]+;"
    r"|(?:export |public |private |protected |static |final |const |let |var |fn |func |function |struct |enum |interface |impl |template ?<|typedef )"
    r".*(?:[;{]\s*$|=> |\w = \S)"
    # control flow
    r"|(?:\} ?)?(?:if|for|while|switch|else if|catch) ?\(.*[{;)]\s*$|(?:if|elif|while|for|with|except)\b.*(?:[=<>\[\]_.]|\w\(| (?:in|is|not|as) ).*:\s*$"
    r"|(?:\} ?)?(?:else|try|finally|do) ?[:{]\s*$|(?:break|continue|pass|end);?\s*$"
    r"|return\b.*(?:\w\(|[\[\]=_{}]|;\s*$)|return \w+\s*$|return -?\d|(?:raise|throw new|yield|await|new|del) \w+[(.\[]|print\(|assert .*(?:==|\w\()"
    # marks, calls, assignments
    r"|@\w+(?:\(.*\))?\s*$|>>> |\$ \w|[\]})]+[;,)]*\s*$"
    r"|(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|WHERE|GROUP BY|ORDER BY|(?:LEFT |INNER |OUTER )?JOIN) [\w*]"
    r"|[\w.\[\]$*]+(?:: ?[\w\[\], .|]+)? ?(?:[-+*/|&:]?=|<-) ?(?:[\w.$]*[(\[{].*|new [A-Z].*|-?[\d.]+[;,]?\s*$|(?:[Tt]rue|[Ff]alse|None|null)\s*$)"
    r"|(?:[\w<>\[\],]+ )+\w+ ?= ?.*;\s*$|(?:[\w<>\[\],]+ )+\w+\([^)]*\)[^{]{0,40}\{\s*$|[\w.$]+(?:->|\.|::)\w+\(.*\)?[;,:{]?\s*$|\w+\([^()]*\);\s*$"
    r"|[.#]?[\w-]+ ?\{ ?(?:[\w-]+:.*)?$|</?\w+[^<>]*>\s*$)"
)
SAID = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|(?:(?<=\s)|^)(?:#|//|--).*|/?\*+.*")


def quiet(text: str) -> list[tuple[int, int]]:
    """Places of code, in order: lines of code without their strings and comments."""
    out: list[tuple[int, int]] = []
    start = 0
    for line in text.splitlines(keepends=True):
        seen = line[:LONGEST].rstrip()
        if seen and CODE_LINE.match(seen):
            done = 0
            for said in SAID.finditer(seen):
                out.append((start + done, start + said.start()))
                done = said.end()
            out.append((start + done, start + len(line)))
        start += len(line)
    return [(a, b) for a, b in out if a < b]

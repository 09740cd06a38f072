"""Text that was read in the wrong encoding or left in a page's own marks: "cafÃ©", "don&#39;t".

    misread(exchange)       # 'UTF-8 read as Windows-1252'

Such letters are all readable, so no check of single signs finds them. They are found by undoing the mistake: what turns into
proper UTF-8 when it is written back was misread.
"""

import re

from curate.faults.exchanges import Exchange, has_code

# What the first byte of a UTF-8 letter and its follower look like in Windows-1252.
_RUN = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]{1,3}")  # fmt: skip
_ENTITY = re.compile(r"&(?:amp|quot|lt|gt|nbsp|#39|#x27|apos|rsquo|lsquo|ldquo|rdquo|mdash|ndash);")
_ABOUT_MARKUP = re.compile(r"\b(?:html|xml|entit|encod|escap|web ?page|markup|charset|utf|url)", re.IGNORECASE)


def misread(one: Exchange) -> str | None:
    """What went wrong when question or answer was read, or None."""
    both = f"{one.asked}\n{one.said}"
    if not both.isascii() and any(_undone(run[0]) for run in _RUN.finditer(both)):
        return "UTF-8 read as Windows-1252"
    if "&" in both and _ENTITY.search(both) and not has_code(one.said) and not _ABOUT_MARKUP.search(one.before):
        return "marks of an HTML page"
    return None


def _undone(run: str) -> bool:
    """Whether the signs are one letter, once they are written back and read as what they are."""
    for size in range(2, len(run) + 1):
        try:
            letter = run[:size].encode("cp1252").decode("utf-8")
        except UnicodeError:
            continue
        # Two such signs may stand side by side by chance ("Ã" is a letter); a letter or a quotation mark comes out then too seldom.
        return letter.isalpha() or letter in "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u20ac\u2122\u00a0\u00b0\u00a3"
    return False

"""How the finder of names reads a text: words with their places, and what each word looks like.

    [word.text for word in tokens("Dr. O'Brien's flat, 12B")]   # ['Dr', '.', "O'Brien", "'s", 'flat', ',', '12', 'B']
    buckets("O'Brien", lists={})                                # hashed features: affixes, letter runs, shape, ...

A word is letters, digits or one run of the same sign; a line break is a word too, since forms and signatures live by it.
Training and finding share this file; a change here needs new weights.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

RULE = "hashed word features 1"  # this file's name in the finder's fingerprint
BUCKETS = 1 << 16
LISTS = ("given", "family", "place", "country", "organisation", "legal form", "street", "common")
LONGEST = 24  # letters of a word that its letter runs are taken from

_TOKEN = re.compile(r"\n\s*|['’]s\b|[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*|\d+|([^\w\s]|_)\1*")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-zªº\u00c0-\u024f\u1e00-\u1eff]")


class Token(NamedTuple):
    """A word of a text. `glued` says that no white space stands before it."""

    text: str
    start: int
    end: int
    glued: bool


def tokens(text: str) -> list[Token]:
    """The words of a text, left to right; every character but white space belongs to one."""
    out, end = [], -1
    for match in _TOKEN.finditer(text):
        start = match.start()
        value = match.group()
        line = value[0] == "\n"
        out.append(Token("\n" if line else value, start, match.end(), start == end))
        end = -1 if line else match.end()
    return out


def why_unread(text: str) -> str | None:
    """Why no name can be found in a text (no letters, mostly another script), or None when it can be read."""
    if text.isascii():
        return None if re.search("[a-zA-Z]", text) else "no letters"
    letters = len(_LETTER.findall(text))
    if not letters:
        return "no letters"
    return "mostly non-Latin script" if 2 * len(_LATIN.findall(text)) < letters else None


@lru_cache(maxsize=65536)
def readable(word: str) -> bool:
    """Whether a word is a sign, a number, or letters of the script that the finder was trained on."""
    return not word[0].isalpha() or bool(_LATIN.match(word))


def plain(word: str) -> str:
    """Lower case without accents: what lists of names are compared by."""
    lower = word.lower()
    if lower.isascii():
        return lower
    bare = "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))
    return bare.translate(_FOLDED)


_FOLDED = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "’": "'", "þ": "th", "ð": "d"}
)


def hash_of(text: str) -> int:
    """A number below 2 ** 32 for a text, the same on every machine."""
    return crc32(text.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=65536)
def shape(word: str) -> str:
    """Letters as X and x, digits as their count; runs longer than three count as three: "McDonald" is XxXxxx."""
    if word.isdigit():
        return f"d{min(len(word), 6)}"
    marks = "".join("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word[:LONGEST])
    return re.sub(r"(.)\1{3,}", r"\1\1\1", marks)


def flags(word: str, lists: Mapping[int, int]) -> int:
    """Which lists hold the word, one bit each in the order of LISTS."""
    return lists.get(hash_of(plain(word)), 0)


def buckets(word: str, lists: Mapping[int, int], *, known: bool = True, listed: bool = True) -> list[int]:
    """The hashed features of a word.

    `known=False` leaves the word itself out and `listed=False` the lists: training uses both, so that the letters of a
    name and the words around it must be enough where no list has it.
    """
    found = [f"s {shape(word)}"]
    low = plain(word)
    if known:
        found += [f"w {word.lower()}"]
    if listed and (bits := flags(word, lists)):
        found += [f"l {bits}", *(f"i {place}" for place in range(len(LISTS)) if bits >> place & 1)]
    if word[0].isalpha():
        found += [f"p {low[:1]}", f"p {low[:2]}", f"p {low[:3]}", f"e {low[-1:]}", f"e {low[-2:]}", f"e {low[-3:]}"]
        found += [f"e {low[-4:]}"] if len(low) > 4 else []
        framed = f"<{low[:LONGEST]}>"
        found += [f"n {framed[i : i + 3]}" for i in range(len(framed) - 2)]
        found += [f"n {framed[i : i + 4]}" for i in range(len(framed) - 3)]
        found += [f"c {len(word) if len(word) < 4 else 4} {word[:1].isupper()} {word.isupper()} {word.islower()}"]
    elif word.isdigit():
        found += [f"d {word[:1]} {len(word)}", f"d {word[:2]}"]
    return sorted({hash_of(feature) & (BUCKETS - 1) for feature in found})

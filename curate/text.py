"""When two texts are the same: normal forms, shingles, and the facts that must agree.

    normalise("The  Café\u200b") == normalise("the cafe\u0301")
    conflict(facts("send 3 lamps"), facts("send 5 lamps")) == "numbers"

`normalise` is the strict form: two texts with one normal form say the same thing in every way but case, white space
and encoding. `loose` also forgets sentence punctuation, for comparing by shingles. Neither is ever written to a file.
"""

import re
import unicodedata
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

# Zero-width and bidi marks, soft hyphen, byte-order mark, fillers, selectors and tags (Unicode's default ignorables):
# invisible, so two texts that differ by them look equal.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SPACE = re.compile(r"\s+")
_PUNCTUATION = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‐": "-", "‑": "-",
     "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "…": "..."}
)  # fmt: skip

_MARKS = {chr(sign): plain for sign, plain in _PUNCTUATION.items()}
# White space that is more, or other, than one blank: what is one blank already is most of it, and stays untouched.
_ODD_SPACE = r"[\s\x1c-\x1f]{2,}|[^\S ]|[\x1c-\x1f]"

# Cyrillic and Greek letters that look Latin. Mapped only inside words that also hold Latin letters: a word that is
# wholly Cyrillic is Cyrillic.
_LOOKALIKE = str.maketrans("аеорсухіјѕԁһԛԝοανρτικυ", "aeopcyxijsdhqwoavptiku")
_LATIN, _CYRILLIC_OR_GREEK = re.compile("[a-z]"), re.compile("[\u0370-\u03ff\u0400-\u052f]")

# Words and numbers; operators stay, because "x + y" and "x - y" are different questions.
# Scripts that put no space between words are read letter by letter, or a sentence would be one word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    rf"<[A-Z_]+_\d+>|\d+(?:[.,]\d+)*|[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+(?:'\w+)?|[+\-*/=<>%^&|~#@$€£]",
    re.IGNORECASE,
)

# The same in lower-case ASCII, for an engine without look-ahead.
_ASCII_TOKEN = r"<[a-z_]+_[0-9]+>|[0-9]+(?:[.,][0-9]+)*|[a-z0-9_]+(?:'[a-z0-9_]+)?|[+\-*/=<>%^&|~#@$]"
_LAST_WORD = 0x32400  # no letter and no digit from here on

# What PII replacement leaves behind is nobody's name and nobody's number.
PLACEHOLDER = re.compile(r"<[A-Z_]+_\d+>")

# Words that say little about what a text is about. Kept in questions and negations by whoever reads these.
_SMALL = """a an the this that these those of to in on at by for from with as and or but if so than then there here it its he
    she they them his him her their theirs we us our you your i me my mine is are was were be been being am do does did have
    has had having will would shall should can could may might must not no nor what which who whom whose when where why how
    all any both each few more most other some such only own same too very just also into about over under again once out up
    down off s t re ve ll d m don please give tell let get got one ones"""
SMALL_WORDS = frozenset(_SMALL.split())

SHINGLE = 5
A_FEW_WORDS = 3
MANY_NAMES = 40_000  # pairs
FACT_KINDS = ("numbers", "names", "negation", "yes or no")


def normalise(text: str) -> str:
    """Unicode NFKC, case folded, invisible characters dropped, quotes and dashes unified, white space collapsed."""
    if text.isascii():
        return _SPACE.sub(" ", text.lower()).strip()
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_PUNCTUATION).casefold()
    if _CYRILLIC_OR_GREEK.search(plain):
        plain = re.sub(r"\w+", _latin_if_mixed, plain)
    return _SPACE.sub(" ", plain).strip()


def _latin_if_mixed(word: re.Match[str]) -> str:
    return word[0].translate(_LOOKALIKE) if _LATIN.search(word[0]) else word[0]


def tokens(text: str) -> list[str]:
    """Words, numbers and operators of the normal form, in order."""
    return _TOKEN.findall(normalise(text))


def all_normal(texts: Sequence[str]) -> pl.Series:
    """The normal forms of many texts: what `normalise` says of each, a lone surrogate as "?". Little of it is done by Python."""
    return _folded(texts).str.replace_all(_ODD_SPACE, " ").str.strip_chars(" ")


def all_tokens(texts: Sequence[str]) -> pl.Series:
    """The tokens of many texts, as lists: what `tokens` says of each. Little of it is done by Python."""
    folded = _folded(texts)
    other = folded.str.len_bytes() != folded.str.len_chars()
    found = folded.set(other, "").str.extract_all(_ASCII_TOKEN)
    if not other.any():
        return found
    cut = folded.filter(other).str.extract_all(_token_pattern())
    order = np.arange(len(folded))
    order[other.arg_true().to_numpy()] = len(folded) + np.arange(len(cut))
    return pl.concat([found, cut]).gather(order)


def _folded(texts: Sequence[str]) -> pl.Series:
    """The normal forms, white space apart. Case is folded first: that changes none of the signs that go or are replaced."""
    other = [i for i, text in enumerate(texts) if not text.isascii()]
    if not other:
        return pl.Series(texts, dtype=pl.String).str.to_lowercase()
    folded = [unicodedata.normalize("NFKC", texts[i]).casefold() for i in other]
    try:
        plain = pl.Series(folded, dtype=pl.String)
    except UnicodeEncodeError:  # a lone surrogate, which no table can hold, is no part of a word
        folded = [text.encode("utf-8", "replace").decode() for text in folded]
        plain = pl.Series(folded, dtype=pl.String)
    plain = plain.str.replace_all(_INVISIBLE.pattern, "").str.replace_many(_MARKS)
    mixed = plain.str.contains(_CYRILLIC_OR_GREEK.pattern).arg_true()
    latin = [re.sub(r"\w+", _latin_if_mixed, text) for text in plain.gather(mixed)]
    plain = plain.scatter(mixed, pl.Series(latin, dtype=pl.String))
    ascii_only = list(texts)
    for i in other:
        ascii_only[i] = ""
    return pl.Series(ascii_only, dtype=pl.String).str.to_lowercase().scatter(other, plain)


@lru_cache(maxsize=1)
def _token_pattern() -> str:
    """`_TOKEN` on a normal form, for an engine without look-ahead that would take other signs for letters and digits."""
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, _LAST_WORD)]))
    spaced = re.sub(f"[{_UNSPACED}]", " ", every)
    word, any_word, digit = (_class(r"\w+", spaced), _class(r"\w+", every), _class(r"\d+", every))
    unspaced = _class(f"[{_UNSPACED}]+", every)
    name = _class("[A-Z_]+", re.sub("[A-Z]", " ", every), re.IGNORECASE)
    return f"<{name}+_{digit}+>|{digit}+(?:[.,]{digit}+)*|{unspaced}|{word}+(?:'{any_word}+)?|[+\\-*/=<>%^&|~#@$€£]"


def _class(pattern: str, signs: str, flags: int = 0) -> str:
    """The signs that match, as ranges between brackets."""
    runs = [found[0] for found in re.finditer(pattern, signs, flags)]
    return "[" + "".join(rf"\x{{{ord(run[0]):x}}}-\x{{{ord(run[-1]):x}}}" for run in runs) + "]"


def loose(text: str) -> str:
    """The tokens, joined by single spaces; text without any token (say, only emoji) keeps its normal form."""
    return " ".join(tokens(text)) or normalise(text)


def shingles(text: str, size: int = SHINGLE) -> frozenset[str]:
    """The set of character n-grams of the loose form. A text shorter than `size` is its own single shingle."""
    plain = loose(text)
    if len(plain) <= size:
        return frozenset([plain]) if plain else frozenset()
    return frozenset(plain[i : i + size] for i in range(len(plain) - size + 1))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """|a and b| / |a or b|; two empty sets are equal (1)."""
    shared = len(a & b)
    union = len(a) + len(b) - shared
    return shared / union if union else 1.0


def containment(part: frozenset[str], whole: frozenset[str]) -> float:
    """The share of `part` that is in `whole`; an empty part is contained (1)."""
    return len(part & whole) / len(part) if part else 1.0


_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
     "twice": "2", "double": "2", "thrice": "3", "dozen": "12"}  # fmt: skip
# "one" and "zero" are too often pronouns and idioms to count as facts.
for _word in ("one", "zero"):
    del _NUMBER_WORDS[_word]

_NEGATION = re.compile(r"\b(?:not|no|never|cannot|without|neither|nor|none)\b|n't\b", re.IGNORECASE)
# Behind a courtesy too: "Good question! No, it is not."
_YES_OR_NO = re.compile(
    r"\W*(?:[^\W\d_][\w'’]*(?: [^\W\d_][\w'’]*){0,3}[.!:,…—-]+\s+){0,2}"
    r"(?:(yes|yep|yeah|true|correct)|(?:no|nope|nah|false|incorrect))\b(?! (?:one|matter|problem|longer|doubt)\b)",
    re.IGNORECASE,
)
_LETTER, _LATIN_LETTER = re.compile(r"[^\W\d_]"), re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_DIGITS = re.compile(
    r"(?<![\w.])([-+]?\d+(?:[.,]\d+)*)(?::(\d\d))?(?:\s?(thousand|million|billion|bn|k|[ap]\.?m)\b)?", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]\w*(?:['’-][^\W\d_]+)*")
_QUOTED = re.compile(r"""(?<!\w)['"‘“]([^'"‘’“”\n]{1,40})['"’”](?!\w)""")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“(*#>-])\s*$")


@dataclass(frozen=True)
class Facts:
    """What must agree before two similar texts may count as one: numbers, negation, named things, a yes or no."""

    numbers: frozenset[str]
    negations: int
    names: frozenset[str]
    words: frozenset[str] = frozenset()  # all words, in lower case
    length: int = 0  # in words
    verdict: str = ""  # yes | no, where the text opens with it, or with the like


@lru_cache(maxsize=16_384)
def facts(text: str) -> Facts:
    """Read the facts of a text. List markers ("2.") and placeholders are no facts."""
    plain = PLACEHOLDER.sub(" ", text)
    return Facts(
        numbers=_numbers(plain),
        negations=len(_NEGATION.findall(plain)),
        names=frozenset(_names(plain)),
        words=frozenset(word.lower() for word in _WORD.findall(plain)),
        length=plain.count(" "),
        verdict=_verdict(plain),
    )


def conflict(a: Facts, b: Facts, kinds: Container[str] = FACT_KINDS) -> str | None:
    """The first kind of fact, among `kinds`, in which two texts contradict each other, or None.

    Numbers and names conflict when *each* side has one that the other lacks. A fact missing on one side only (a dropped
    word, a truncated answer) is no conflict. Negation conflicts when exactly one side is negated and the two are equally
    long but for a few words: a "not" that comes with a sentence of its own does not contradict the rest.
    """
    if "numbers" in kinds and a.numbers - b.numbers and b.numbers - a.numbers:
        return "numbers"
    if "names" in kinds and _unmatched(a.names, b.names | b.words) and _unmatched(b.names, a.names | a.words):
        return "names"
    if "negation" in kinds and (a.negations > 0) != (b.negations > 0) and abs(a.length - b.length) <= A_FEW_WORDS:
        return "negation"
    if "yes or no" in kinds and {a.verdict, b.verdict} == {"yes", "no"}:
        return "yes or no"
    return None


def swapped_words(a: str, b: str) -> bool:
    """Whether each text has a word that the other lacks, typos apart: "carbon dioxide" against "carbon monoxide"."""
    left, right = frozenset(tokens(a)), frozenset(tokens(b))
    return bool(_unmatched(left - right, right) and _unmatched(right - left, left))


def mostly_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin; a text without letters is."""
    letters = _LETTER.findall(text)
    return 2 * len(_LATIN_LETTER.findall(text)) >= len(letters)


def _verdict(text: str) -> str:
    opening = _YES_OR_NO.match(text)
    return ("yes" if opening[1] else "no") if opening else ""


def _numbers(text: str) -> frozenset[str]:
    found = set()
    for match in _DIGITS.finditer(text):
        # "1." at the start of a line numbers a list; it says nothing.
        line = text.rfind("\n", 0, match.start()) + 1
        marks_a_list = (
            not (match[2] or match[3]) and match.start() - line < 8 and not text[line : match.start()].strip()
        )
        if marks_a_list and text.startswith((".", ")"), match.end()):
            continue
        found.add(_plain_number(match[1], match[2], match[3]))
    found.update(value for word in _WORD.findall(text.lower()) if (value := _NUMBER_WORDS.get(word)))
    return frozenset(found)


def _plain_number(written: str, minutes: str | None, unit: str | None) -> str:
    """One way of writing each number: "5,000,000" and "5 million", "3 pm" and "15:00"."""
    digits = written.lstrip("+-").rstrip(".,")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
        digits = digits.replace(",", "")
    whole, point, rest = digits.replace(",", ".", 1).partition(".")
    match (unit or "").lower().replace(".", ""):
        case "pm" if int(whole or 0) < 12:
            whole = str(int(whole) + 12)
        case "am" if whole == "12":
            whole = "0"
        case "thousand" | "k" | "million" | "billion" | "bn" as size:
            zeros = {"thousand": 3, "k": 3, "million": 6, "billion": 9, "bn": 9}[size]
            whole, rest = whole + rest.ljust(zeros, "0")[:zeros], rest[zeros:]
    rest = rest.rstrip("0")
    number = (whole.lstrip("0") or "0") + (point + rest if rest else "")
    return f"{number}:{minutes}" if minutes and minutes != "00" else number


def _names(text: str) -> set[str]:
    """Capitalised words inside a sentence, words with inner capitals, and what stands in quotes, in lower case."""
    found = {loose(quoted).strip(" .,;") for quoted in _QUOTED.findall(text)} - {""}
    for match in _WORD.finditer(text):
        word = match[0]
        if len(word) < 2 or not any(c.isupper() for c in word):
            continue
        inside = word[1:] != word[1:].lower()
        if inside and word.isupper() and len(word) > 5:
            continue  # SHOUTING is no name
        if inside or not _SENTENCE_START.search(text[max(0, match.start() - 12) : match.start()]):
            found.add(word.lower())
    return found


def _unmatched(these: frozenset[str], those: frozenset[str]) -> set[str]:
    """The names of one side that the other has not, a typo apart."""
    missing = these - those
    if len(missing) * len(those) > MANY_NAMES:
        return set(missing)  # so many names are a list, and a typo in it decides nothing
    return {name for name in missing if not any(_same_name(name, other) for other in those)}


def _same_name(a: str, b: str) -> bool:
    """Equal, or one typo apart for names of five letters and more."""
    if a == b or a.rstrip("s") == b.rstrip("s"):
        return True
    return min(len(a), len(b)) >= 5 and one_edit_apart(a, b)


def one_edit_apart(a: str, b: str) -> bool:
    """Levenshtein distance 1, or two neighbours swapped."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) > len(b):
        a, b = b, a
    first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[first:] == b[first + 1 :]
    swapped = a[first : first + 2] == b[first : first + 2][::-1] and a[first + 2 :] == b[first + 2 :]
    return a[first + 1 :] == b[first + 1 :] or swapped

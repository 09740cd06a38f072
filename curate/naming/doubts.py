"""What speaks against a finding that the network made: code, algebra, and looks that no name has.

    settled("total = Path(x)", [a finding on Path], lists)      # ()

Rules that a person can check, after a network that nobody can. In lines of code nothing is a name. In the words of a program,
and in algebra, a name must have a capital and stand in a list; so must a lower-case name in a text with capitals, and a word
that begins a sentence as an order does. What an address must have is told in `naming/address.py`.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

from curate.naming import address
from curate.naming.code import quiet
from curate.naming.features import LISTS, flags, tokens
from curate.pii import Finding, Findings

LINES, PROGRAM = 2, 0.1  # lines of code, or their share, that make a text a program
TERM = re.compile(r"(?<!\w)(?:[a-zA-Z]|\d+[a-zA-Z]?)\)? ?(?:[=+*^<>×÷]|\*\*) ?\(? ?-? ?(?:[a-zA-Z](?!\w)|\d)")
MATHEMATICS = re.compile(
    r"(?i)\b(?:derivative|simplify|solve for|factorise|factorize|prime (?:number|factor)|divisor|divided by|remainder|multiple of"
    r"|units digit|tens digit|integer|equation|polynomial|logarithm|square root|nearest (?:to|integer)|base \d+|subgroup|homomorphism"
    r"|isomorphi(?:c|sm)|automorphism|vector space|eigenvalue|hypotenuse|permutation|bijecti(?:ve|on)|injective|surjective|theorem|lemma|modulo"
    r"|real number|complex number|rational number|quadratic|determinant|cardinality|denominator|numerator|coefficient)s?\b"
)
# Words of mathematics that are common elsewhere: two different ones tell.
SUMS = re.compile(
    r"(?i)\b(groups?|rings?|fields?|ideals?|sets?|elements?|orders?|functions?|graphs?|roots?|matri(?:x|ces)|vectors?|finite|infinite|cyclic|degree|product"
    r"|sum|proof|triangles?|angles?|radius|slope|fractions?|ratio|probability|perimeter|prime|odd|even|commutative|associative|identity)\b"
)
COMMAND = re.compile(r"[ \t]+(?:-?\d|(?:the|a|an|this|these|those|all|each|every|your|how|whether|if|following)\b)")
LANGUAGE = re.compile(r"(?i)java|julia|ruby|swift|pascal|ada|haskell|scala|kotlin|python|perl|rust|django")
PROGRAMMING = re.compile(
    r"(?i)\b(?:code|coding|function|class|method|program|programming|script|library|compiler|loop|syntax|api|python|javascript|software|developer)s?\b"
)
# Words that say whose, in languages whose sentences begin with them; those that are names too are left out ("Mia", "Su").
WHOSE = re.compile(
    r"(?i)(?:mein|dein|unser|euer)(?:e[mnrs]?)?|(?:sein|ihr)e[mnrs]?|notre|votre|nos|vos|leurs?|mijn|onze|jouw|nuestr[oa]s?|vuestr[oa]s?|minhas?|noss[oa]s?|nostr[oaie]|vostr[oaie]"
)
NAMES = sum(1 << LISTS.index(name) for name in ("given", "family", "place", "country"))
ORGANISATIONS = sum(1 << LISTS.index(name) for name in ("organisation", "legal form"))
COMMON = 1 << LISTS.index("common")
SHORT = 400  # characters
SURE = 0.85  # what a listed name needs in programs and mathematics


def settled(text: str, found: Sequence[Finding], lists: Mapping[int, int]) -> Findings:
    """The findings that nothing speaks against, in order."""
    if not found:
        return ()
    code = quiet(text)
    starts = [start for start, _ in code]
    program = len(code) >= LINES or sum(end - start for start, end in code) >= PROGRAM * len(text)
    strict = program or is_algebra(text) or is_mathematics(text)
    cased = _has_capitals(text, found)
    programming = PROGRAMMING.search(text) is not None
    return tuple(
        f
        for f in found
        if looks_possible(text[f.start : f.end])
        and (f.kind != "ADDRESS" or address.is_likely(text, f, lists))
        and not WHOSE.fullmatch(text, f.start, f.end)
        and not _within(f, code, starts)
        and not (programming and LANGUAGE.fullmatch(text, f.start, f.end))
        and not (strict and text[f.start : f.end].islower())
        and (
            (is_listed(text[f.start : f.end], f.kind, lists) and (f.score >= SURE or not strict))
            or not (strict or is_command(text, f) or _lower_among_capitals(text, f, cased))
        )
    )


def looks_possible(name: str) -> bool:
    """A name has two letters side by side."""
    return any(a.isalpha() and b.isalpha() for a, b in pairwise(name))


def is_listed(name: str, kind: str, lists: Mapping[int, int]) -> bool:
    """Whether a list of names has one of the words, and the list of common words has not."""
    wanted = NAMES | ORGANISATIONS if kind == "ORGANIZATION" else NAMES
    bits = [flags(word.text, lists) for word in tokens(name) if len(word.text) > 2]
    return any(b & wanted and not b & COMMON for b in bits)


def _lower_among_capitals(text: str, found: Finding, cased: bool) -> bool:
    """Whether a name is in lower case where others have capitals. Addresses may be."""
    return cased and found.kind != "ADDRESS" and text[found.start : found.end].islower()


def is_command(text: str, found: Finding) -> bool:
    """Whether a single word begins a sentence as an order does: "Convert 3 ...", "Sketch the ..."."""
    before = text[: found.start].rstrip(" \t\"'")
    alone = found.kind != "ADDRESS" and " " not in text[found.start : found.end]
    return alone and before[-1:] in ("", ".", "!", "?", "\n", ":") and bool(COMMAND.match(text, found.end))


def is_algebra(text: str) -> bool:
    """Whether a text reckons with single letters or numbers: "Let a = 3*b + 5". Forms, dates and telephones do not."""
    terms = len(TERM.findall(text[:2000]))
    return terms >= 2 or (terms == 1 and len(text) < 120)


def is_mathematics(text: str) -> bool:
    """Whether a short text asks for mathematics in its own words: "the derivative of", "every finite cyclic group"."""
    if len(text) >= SHORT:
        return False
    return bool(MATHEMATICS.search(text)) or len({word.lower() for word in SUMS.findall(text)}) > 1


def _has_capitals(text: str, found: Sequence[Finding]) -> bool:
    """Whether a text is written with capitals: one at its start, or another name has one."""
    first = next((c for c in text if c.isalpha()), "a")
    return first.isupper() or any(not text[f.start : f.end].islower() for f in found)


def _within(found: Finding, places: Sequence[tuple[int, int]], starts: Sequence[int]) -> bool:
    last = bisect_right(starts, found.end - 1) - 1
    return last >= 0 and found.start < places[last][1]

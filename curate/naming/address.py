"""Which findings are the address of a house, and which are lists of places, rows of a table, years or models.

    is_likely("I live at Dvoranski put 12", a finding on "Dvoranski put 12", lists)      # True: "live at" stands before it
    is_likely("ruled from 247 BC", a finding on "247 BC", lists)                         # False

The network finds addresses by how they look, and a list of countries with numbers looks much the same. So an address has the number
of a house, few parts without a number, and a street's word, a postal code or words before it that tell; or a sure score. A street
without a number is one where its word, a capital and a good score say so, or where somebody is said to live there: "I live on mill lane".
"""

import re
from collections.abc import Mapping

from curate.naming.features import LISTS, flags, tokens
from curate.pii import Finding

STREET = 1 << LISTS.index("street")
HOUSE = re.compile(r"(?<![\d.,])\d{1,6}(?![\d.])")
ERA = re.compile(r"(?i)\b(?:BCE?|B\.C\.|AD|CE)\b|\d\s?%")
# Streets are often the end of a word: "Hauptstraße", "Kerkstraat", "Storgatan".
STREET_END = re.compile(
    r"(?i)\w(?:stra(?:ße|sse)|str\.|gasse|platz|allee|damm|ufer|straat|laan|gracht|plein|kade|dijk|weg|gatan|v[äa]gen|gata|gade|vej|vei|katu|tie|utca)\b"
)
# British and Canadian postal codes, and those of the United States behind a state.
POSTAL = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b|\b[A-Z]{2},? \d{5}(?:-\d{4})?\b")
CODE = re.compile(
    POSTAL.pattern + r"|(?:^|[\s,])(?<!\d,)(?:[A-Z]{1,2}-)?\d{5,6}(?!\d|[.,]\d)"  # most others
    r"|(?:^|[,\n])\s*(?!(?:1[89]|20)\d\d\b)\d{4}(?: ?[A-Z]{2})?(?=\s*$|,| [A-ZÀ-Ž][^\W\d_])"  # four digits, no year
    r"|(?i:\b(?:house|building|flat|plot|door|h\.) ?no\b|\b(?:no|nr|nº|n°)\.? ?\d)"  # "No. 12"
)
BEFORE = 60  # characters that are looked at
TOLD = re.compile(
    r"(?i)\baddress|\bliv(?:e|es|ed|ing) (?:at|on|in)\b|\bresid|\b(?:deliver|ship|mail|send|sent)|\bmoved? to\b|\bhome\b|\bbilling\b|\bvisit\b"
)
HOME = re.compile(
    r"(?i)\b(?:address|street(?: name)?)\W{1,3}$|\b(?:liv(?:e|es|ed|ing)|resid(?:e|es|ed|ing)|stay(?:s|ed|ing)?|grew up) (?:at|on|in|off|near)\W+$"
)
PLACES = 5  # more parts than these without a number are a list
SURE, NAMED = 0.95, 0.8  # scores that an address of any look needs, and a street without a number


def has_a_number(name: str) -> bool:
    """Whether there are two words and what may be the number of a house."""
    return len(name.split()) > 1 and bool(HOUSE.search(name))


def is_likely(text: str, found: Finding, lists: Mapping[int, int]) -> bool:
    """Whether what is found is likely an address: see above."""
    name = text[found.start : found.end]
    parts = [part for part in re.split(r"[,\n\t]", name) if part.strip()]
    if ERA.search(name) or sum(not any(c.isdigit() for c in part) for part in parts) > PLACES:
        return False
    street = any(flags(word.text, lists) & STREET for word in tokens(name)) or STREET_END.search(name) is not None
    if not has_a_number(name):
        named = found.score >= NAMED and " " in name and not name.islower()
        return street and (named or bool(HOME.search(text[max(0, found.start - BEFORE) : found.start])))
    if street or CODE.search(name):
        return True
    if TOLD.search(text, max(0, found.start - BEFORE), found.start):
        return True
    return found.score >= SURE and "\t" not in name

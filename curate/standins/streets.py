r"""Stand-ins for postal addresses, line by line: numbers, names and codes are others, the shape stays.

    street("12 Oak Street\nFlat 2\nLeeds\nLS1 4AB", name=..., numbers=..., draw=draw)   # "35 Ortiz Street\nFlat 7\nMyers\nKQ3 8TD"

What sort of street it is, words for units, the state and a country that ends the address stay: they are generic, or so wide that they
tell nobody. Of all else no word of four letters and no number is left, in lower case neither.
"""

import re
from collections.abc import Callable

from curate.naming.block_parts import BRITISH, CANADIAN, COUNTRIES, IRISH, REGIONS
from curate.standins.draws import Draw

TURNS = 40  # draws until a number is none of the address
STREET_TYPES = """
street st avenue ave road rd lane ln drive dr boulevard blvd court ct place pl terrace close crescent parkway pkwy circle cir
trail way gardens grove row mews square sq alley quay walk highway hwy apt apartment suite ste unit flat floor north south east
west n s e w ne nw se sw po box p.o rue calle avenida plaza via piazza rua straat laan ulica ul
"""
# The same in other languages, and units.
MORE_TYPES = """
room rm level building bldg block tower house plot door no nr lot allée allee impasse chemin quai route cours faubourg viale corso strada
vicolo largo travessa alameda praça praca estrada paseo pasea pasaje camino carrer ronda glorieta aleja aleje plac osiedle ulice namesti náměstí nábřeží třída
utca útja körút sokak caddesi cadde mahalle mah strasse straße weg platz gasse bulevardi katu tie gate gata väg plads
appartement appartamento apartamento apto app appt wohnung whg etage étage stock piso planta puerta interno scala escalier bâtiment batiment
boîte boite postfach apartado postbus daire kat sala bloco lokal lgh interior int depto edificio zone sector
"""
STREET_ENDING = re.compile(
    r"(?i)(?<=\w{3})(straße|strasse|str\.?|weg|gasse|platz|allee|straat|laan|gatan|vägen|gata|vej|katu"
    r"|singel|gracht|plein|kade|dijk|dreef|steeg|stræde|gade|veien|kuja)$"
)
# Words between names; other short words in lower case are names.
PARTICLES = """
a al am an and at auf aux bei by d da das de del den der des di die do dos du e el em en et i im in l la las le les lo los na nad
o of ob on op pod s st sur t te ten ter the u und v van von y z za zu zum zur
"""
_TYPES = frozenset((STREET_TYPES + MORE_TYPES + PARTICLES).split())
_KEPT = re.compile(r"[^,;|·•\n]+")
_LETTER = r"[^\W\d_]"
_TOKEN = re.compile(
    rf"(?<!\w)(?:{BRITISH}|{CANADIAN}|{IRISH})(?!\w)|(?<![\w-])\d{{4}} [A-Z]{{2}}(?!\w)"  # codes with letters
    rf"|\d[\w/-]*|{_LETTER}(?:{_LETTER}|['’-](?={_LETTER}))*\.?"
)


def street(
    value: str,
    *,
    name: Callable[[str], str],
    numbers: Callable[[str, int], Draw],
    draw: Draw,
    more: str = "",
) -> str:
    """`name`: the stand-in of a word; `numbers`: a stream for a number and a turn; `more`: digits for the first number."""
    longer = iter([more])
    used = set(re.findall(r"\d+", value))
    parts = [part for part in _KEPT.finditer(value) if part.group().strip(" >.")]
    last = parts[-1] if len(parts) > 1 else None
    country = last is not None and last.group().strip(" >.").casefold() in COUNTRIES
    stays = last.start() if last and country else len(value)

    def fresh(match: re.Match[str]) -> str:
        word = match.group()
        if match.start() >= stays:
            return word
        if re.fullmatch(r"(?i)\d{1,3}(?:st|nd|rd|th)", word):
            return _ordinal(word, draw)
        if any(c.isdecimal() for c in word):
            if re.fullmatch(r"\d{4} [A-Z]{2}", word) and (word[5:] in REGIONS or word[5:].lower() in _TYPES):
                return _number(word[:4], used, numbers, None) + word[4:]
            # By itself at first, so that two ways to write one address keep their number.
            return _number(word, used, numbers, draw if more else None) + next(longer, "")
        return _word(word, name)

    return _TOKEN.sub(fresh, value)


def _ordinal(word: str, draw: Draw) -> str:
    """Another ordinal number of a street: "5th" becomes "40th"."""
    said = 20 + 10 * draw.below(8)
    return f"{said if word[:-2] != f'{said}' else said + 100}th"


def _number(word: str, used: set[str], numbers: Callable[[str, int], Draw], draw: Draw | None) -> str:
    """Digits and letters by others, so that no number of the address is left in it."""
    made = word
    for turn in range(TURNS):
        made = (draw or numbers(word, turn)).like(word)
        if not used & set(re.findall(r"\d+", made)):
            return made
    # So many numbers that none is free: at least another one here.
    return next((said for turn in range(TURNS, 2 * TURNS) if (said := numbers(word, turn).like(word)) != word), made)


def _word(word: str, name: Callable[[str], str]) -> str:
    bare = word.rstrip(".").casefold()
    if bare in _TYPES or (word.isupper() and len(word) <= 3):
        return word
    ending = STREET_ENDING.search(word)
    stem, tail = (word[: ending.start()], ending.group()) if ending else (word, "")
    return name(stem) + tail

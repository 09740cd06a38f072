"""Stand-ins for names of persons, places and organisations, word by word, from the name lists of Faker.

    names = Names(lambda word, role, turn: Draw(b"key", role, word, turn))
    names.person("Jane Doe"), names.person("jane"), names.person("Mrs. DOE")   # one person in three forms

A word always gets the same word, so "Jane" is still the first name of the "Jane Doe" two turns earlier, and a mail address
made of the name follows it. Gender and language of a first name stay where the lists know them; case, initials, titles,
hyphens and a possessive stay as they were written.
"""

import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import count
from typing import Any

from curate.standins import streets
from curate.standins.draws import Draw

# Where a name is at home in several places, the first of these decides.
HOME = (
    "en_US",
    "en_GB",
    "de_DE",
    "fr_FR",
    "es_ES",
    "it_IT",
    "nl_NL",
    "sv_SE",
    "pl_PL",
    "pt_BR",
    "tr_TR",
    "en_IN",
    "ru_RU",
)
TURNS = 60  # choices tried before two names are joined
FEMALE, MALE, FAMILY = "female", "male", "family"
POSSESSIVE = re.compile(r"['’]s?$", re.IGNORECASE)
STAYS = """
mr mrs ms miss mx dr prof professor sir madam lady lord dame herr frau monsieur madame señor señora sr sra jr phd md rev father
sister brother captain sergeant officer judge de del della di da dos das van von der den ten ter la le el al bin binti ibn ben
bar y e i ii iii iv of the and st saint
"""
TOWNS = """
Ashford Barnstaple Bedford Bozeman Buxton Carlisle Chester Corvallis Dayton Denton Dover Durham Eastbourne Elkhart Evesham
Fairbanks Fargo Flagstaff Guildford Harrogate Hartford Hastings Helena Ipswich Ithaca Juneau Keswick Kettering Lancaster Laramie
Leominster Lincoln Ludlow Macon Malvern Medford Morpeth Nashua Newbury Northampton Oakham Oneida Oswego Padstow Penrith Provo
Pueblo Quincy Reading Redding Rochester Rugby Salem Salisbury Savannah Shrewsbury Spokane Stamford Sudbury Taunton Topeka Truro
Tulsa Urbana Utica Ventura Wakefield Waterloo Whitby Wichita Winchester Worcester Yakima York Yuma
"""
_STAYS = frozenset(STAYS.split())
COMPANY = re.compile(
    r"(?i)^(?:inc|ltd|llc|plc|gmbh|ag|corp|corporation|company|co|group|bank|university|college|school|hospital|clinic"
    r"|institute|foundation|church|library|museum|airlines?|hotel|restaurant|café|cafe|store|shop|pharmacy|insurance|media"
    r"|labs?|laboratories|solutions|systems|services|partners|holdings|industries|international|department|ministry|council"
    r"|association|society|club|team|sa|s\.a|spa|nv|bv|kg|oy|ab|as|&)\.?$"
)


@dataclass(frozen=True)
class _Lists:
    """The names of one language."""

    female: tuple[str, ...]
    male: tuple[str, ...]
    family: tuple[str, ...]

    def of(self, role: str) -> tuple[str, ...]:
        return {FEMALE: self.female, MALE: self.male}.get(role) or self.family


class Names:
    """Stand-ins for words of names. `draw(word, role, turn)` is a stream of choices that belongs to the word.

    Two words never get one stand-in, and no stand-in is one of `originals` (folded words).
    """

    def __init__(self, draw: Callable[[str, str, int], Draw], originals: Collection[str] = frozenset()) -> None:
        self._stream = draw
        self._originals = originals
        self._known: dict[tuple[str, str], str] = {}
        self._taken: dict[str, str] = {}

    def _draw(self, word: str, role: str) -> Draw:
        return self._stream(word, role, 0)

    def _fresh(self, word: str, kind: str, among: Sequence[str]) -> str:
        """One of these names that stands for no other word; two joined by a hyphen where the single ones run out."""
        if (word, kind) not in self._known:
            for turn in count():
                draw = self._stream(word, kind, turn)
                fresh = draw.pick(among)
                if turn >= TURNS:
                    fresh = f"{fresh}-{draw.pick(among)}"
                bare = fold(fresh)
                if bare != word and bare not in self._originals and self._taken.setdefault(bare, word) == word:
                    self._known[word, kind] = fresh
                    break
        return self._known[word, kind]

    def person(self, value: str, hint: str = "") -> str:
        """`hint`: "female" or "male" where something near the name says so and the lists do not."""
        bare, owner = _owner(value)
        words = re.split(r"([\s,]+)", bare)
        said = [i for i in range(0, len(words), 2) if words[i]]
        spoken = [i for i in said if fold(words[i]) not in _STAYS] or said
        for i in spoken:
            given = i != spoken[-1] or len(spoken) == 1 or "," in bare
            words[i] = self.word(words[i], given, hint)
        return _owned("".join(words), owner)

    def word(self, word: str, given: bool, hint: str = "") -> str:
        """The stand-in for one word of a name."""
        bare = word.strip(".\"'()")
        if len(bare) < 2:  # an initial
            return (
                word.replace(bare, _in_case(self._draw(fold(bare), "initial").pick("ABCDEFGHJKLMNPRSTW"), bare))
                if bare
                else word
            )
        parts = re.split(r"(-)", bare)
        fresh = "".join(
            self._part(part, given, hint) if fold(part) not in {"", "-"} | _STAYS else part for part in parts
        )
        return word.replace(bare, fresh)

    def _part(self, part: str, given: bool, hint: str) -> str:
        known = index().get(fold(part), {})
        role = self._role(known, given, hint)
        language = min(known.get(role, ()) or known.get(FAMILY, ()) or _any(known) or (_home_of(part),), key=_rank)
        return _in_case(self._fresh(fold(part), "name", _simple(language, role, fold(part).isascii())), part)

    @staticmethod
    def _role(known: dict[str, tuple[str, ...]], given: bool, hint: str) -> str:
        genders = [role for role in (FEMALE, MALE) if role in known]
        if not genders and FAMILY in known:
            return FAMILY
        if FAMILY in known and not given:
            return FAMILY
        if len(genders) == 1:
            return genders[0]
        if genders and hint in genders:
            return hint
        if genders:  # in both lists: the language that comes first decides, women's names before men's on a tie
            return min(genders, key=lambda role: min(map(_rank, known[role])))
        return (hint or FEMALE) if given and hint else FAMILY

    def place(self, value: str) -> str:
        """A country for a country, a town for what else is there."""
        bare, owner = _owner(value)
        among = _countries() if fold(bare) in set(map(fold, _countries())) else _towns(_home_of(bare))
        among = [name for name in among if _vowel(name) == _vowel(bare)] or among
        return _owned(_in_case(self._fresh(fold(bare), "place", among), bare), owner)

    def organisation(self, value: str) -> str:
        """Words that say what it is stay; of the others each is replaced by a family name."""
        bare, owner = _owner(value)
        words = re.split(r"([\s,/-]+)", bare)
        names = [i for i in range(0, len(words), 2) if words[i][:1].isalnum() and not _common(words[i])]
        for i in names or range(0, len(words), 2):
            words[i] = self._company(words[i])
        return _owned("".join(words), owner)

    def _company(self, word: str) -> str:
        if word.isupper() and len(word) <= 5:
            return self._draw(fold(word), "organisation").like(word)
        among = _simple(_home_of(word), FAMILY, fold(word).isascii())
        same = [name for name in among if _vowel(name) == _vowel(word)] or among
        return _in_case(self._fresh(fold(word), "organisation", same), word)

    def street(self, value: str, draw: Draw, more: str = "") -> str:
        """Numbers, name and town are others; what sort of street it is, the unit and the state stay. `more`: for the first number."""
        return streets.street(
            value,
            name=self._company,
            numbers=lambda word, turn: self._stream(word, "street", turn),
            draw=draw,
            more=more,
        )

    def handle(self, value: str) -> str:
        """A user name, or what stands before the @ of a mail address: its words as names, its digits as digits."""

        def fresh(match: re.Match[str]) -> str:
            said = match.group()
            if said.isdigit():
                return self._draw(said, "handle").like(said)
            known = index().get(fold(said), {})
            if known:
                return (
                    _ascii(self._part(said, FAMILY not in known, "")) if said.isascii() else self._part(said, True, "")
                )
            return _in_case(_ascii(self._fresh(fold(said), "name", _simple("en_US", FAMILY, True))), said)

        return re.sub(r"\d+|[^\W\d_]+", fresh, value)


@cache
def _languages() -> dict[str, _Lists]:
    import faker.providers.person as persons

    found = {}
    for module in pkgutil.iter_modules(persons.__path__):
        provider = importlib.import_module(f"{persons.__name__}.{module.name}").Provider
        lists = [
            tuple(sorted({name for attribute in names for name in _plain(provider, attribute) if " " not in name}))
            for names in (
                ("first_names_female",),
                ("first_names_male",),
                ("last_names", "last_names_female", "last_names_male"),
            )
        ]
        if min(map(len, lists)) >= 20 and "_" in module.name:
            found[module.name] = _Lists(*lists)
    return found


def _plain(provider: Any, attribute: str) -> list[str]:
    held = getattr(provider, attribute, ())
    return [str(name) for name in held] if isinstance(held, tuple | list | dict) else []


@cache
def index() -> dict[str, dict[str, tuple[str, ...]]]:
    """Folded word -> role -> languages that have it in this role."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for language, lists in _languages().items():
        for role in (FEMALE, MALE, FAMILY):
            for name in lists.of(role):
                roles = found.setdefault(fold(name), {})
                roles[role] = (*roles.get(role, ()), language)
    return found


@lru_cache(maxsize=4096)
def _simple(language: str, role: str, ascii_only: bool) -> tuple[str, ...]:
    """Names of one word; for a word in plain letters such as are written so too."""
    lists = _languages()[language]
    among = tuple(name for name in lists.of(role) if len(name) > 2 and (not ascii_only or fold(name).isascii()))
    return among if len(among) >= 20 else lists.of(role)


def _any(known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(language for languages in known.values() for language in languages)


def _rank(language: str) -> tuple[int, str]:
    return (HOME.index(language) if language in HOME else len(HOME), language)


SCRIPTS = {"CYRILLIC": "ru_RU", "GREEK": "el_GR", "ARABIC": "ar_AA", "HEBREW": "he_IL", "DEVANAGARI": "hi_IN", "CJK": "zh_CN",
           "HIRAGANA": "ja_JP", "KATAKANA": "ja_JP", "HANGUL": "ko_KR", "THAI": "th_TH", "TAMIL": "ta_IN", "GEORGIAN": "ka_GE",
           "ARMENIAN": "hy_AM", "BENGALI": "bn_BD"}  # fmt: skip


def _home_of(word: str) -> str:
    """A language that writes in the script of the word."""
    for c in word:
        if c.isalpha() and (found := SCRIPTS.get(unicodedata.name(c, "").split(" ")[0].split("-")[0])):
            return found if found in _languages() else HOME[0]
    return HOME[0]


@cache
def _countries() -> list[str]:
    from faker.providers.address import Provider

    return sorted(name for name in Provider.countries if len(name) < 20 and not re.search(r"\(|^the ", name.casefold()))


@cache
def _towns(language: str) -> list[str]:
    if language == HOME[0]:
        return TOWNS.split()
    provider = importlib.import_module(f"faker.providers.address.{language}").Provider
    return sorted({*_plain(provider, "cities"), *_plain(provider, "city_names")}) or TOWNS.split()


def fold(word: str) -> str:
    """A word without case, accents and full stops."""
    plain = unicodedata.normalize("NFKD", word).casefold()
    return "".join(c for c in plain if not unicodedata.combining(c)).strip(".")


def _ascii(word: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if c.isascii() and c.isalnum())
    return bare or word


def _in_case(fresh: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return fresh.upper()
    return fresh.lower() if like.islower() else fresh


def _owner(value: str) -> tuple[str, str]:
    found = POSSESSIVE.search(value)
    return (value[: found.start()], found.group()) if found and found.start() else (value, "")


def _owned(fresh: str, owner: str) -> str:
    return fresh + (f"{owner}s" if len(owner) == 1 and not fresh.casefold().endswith("s") else owner)


def _vowel(word: str) -> bool:
    return fold(word)[:1] in "aeiou"


def _common(word: str) -> bool:
    return bool(COMPANY.match(word)) or fold(word) in _STAYS or word.islower()

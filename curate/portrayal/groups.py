"""Words that name groups of people, whole words only, and only where they can hardly mean anything else.

    mentions(["A black cat.", "Black women wrote it."])["Black people"].to_list()         # [False, True]

"Black", "white", "straight", "blind" and "old" are adjectives of things too: they count beside a word for people. "Gay" and
"Christian" are names as well: in capitals they count only there. So the counts are low rather than high, and none of the lists
is complete: they are ours, English, and for counting, not for judging anybody.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np
import polars as pl

from curate.cache import Cache, code, text_key
from curate.portrayal.occupations import WORK

_PEOPLE = (
    r"(?:people|persons?|m[ae]n|wom[ae]n|boys?|girls?|guys?|folks?|kids?|child|children|teens?|teenagers?|adults?|youths?|americans?|britons?"
    r"|communit(?:y|ies)|famil(?:y|ies)|couples?|students?|workers?|voters?|neighbou?rs?|residents?|citizens?|individuals|patients?|artists?|writers?|leaders?|activists?|immigrants?|employees|officers?|lad(?:y|ies)|gentlem[ae]n|lives|population)"
)


def _of_people(words: str) -> str:
    return rf"(?i)\b(?:{words})[ -]{_PEOPLE}\b"


# "Male" and "female" are said of animals and plugs too: they count beside people and those who work.
_WHO = rf"(?:{_PEOPLE}|(?:friends?|relatives?|colleagues?|members?|participants?|victims?|players?|athletes?|characters?|users?|{'|'.join(f'{one}s?' for one in WORK)}))"


def _of_gender(word: str, other: str) -> str:
    return rf"(?i)\b{word}(?: (?:and|or) {other}|/{other})?[ -]{_WHO}\b"


# Idioms in which a word for people means nobody; they are taken out before anything is counted.
_IDIOM = (
    r"(?i)\b(?:(?:son|daughter)s? of (?:a )?(?:guns?|bitch(?:es)?)|oh,? (?:man|woman|boy|girl|brother|sister)|to man the|man[ -]made"
    r"|mother (?:nature|tongue|lode|earth|board)|mother[ -]of[ -]pearl|old wives'? tales?|isle of man)\b"
)

# "Woman" and "man" have one rule: as they stand here, never "Man" (the Isle, mankind) and so never "Woman", which begins titles.
# Axis -> group -> patterns, any of which is a mention. The engine has no look-around, so homonyms are kept out by what follows.
GROUPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "gender": {
        "women": (
            r"(?i)\b(?:she|her|hers|herself|females|girls?|mothers?|stepmothers?|mums?|moms?|wi(?:fe|ves)|daughters?|sisters?|grandmothers?|grandmas?|aunts?|nieces?|girlfriends?)\b",
            r"\b(?:wom[ae]n|Women|WOMEN|lady|ladies|Ladies)\b",
            _of_gender("female", "male"),
        ),
        "men": (
            r"(?i)\b(?:he|him|his|himself|males|boys?|fathers?|stepfathers?|dads?|husbands?|sons?|brothers?|grandfathers?|grandpas?|uncles?|nephews?|boyfriends?)\b",
            r"\b(?:m[ae]n|Men|MEN|gentlem[ae]n|Gentlemen)\b",
            _of_gender("male", "female"),
        ),
        "transgender and non-binary people": (r"(?i)\b(?:transgender|transsexuals?|non-?binary|genderqueer|trans)[ -](?:people|persons?|m[ae]n|wom[ae]n|kids?|youth|communit(?:y|ies)|individuals?|students?)\b|\btransgender(?:ed)?\b|\bnon-?binary person\b",),
    },
    "race and origin": {
        "Black people": (_of_people("black"), r"(?i)\bafrican[ -]americans?\b|\bpeople of colou?r\b", r"\bBlacks\b"),
        "white people": (_of_people("white"), r"(?i)\bcaucasians\b", _of_people("caucasian")),
        "Asian people": (_of_people("asian|east asian|south asian"), r"\bAsians\b", r"(?i)\basian[ -]americans?\b"),
        "Latino people": (r"(?i)\b(?:latin[oax]s|hispanics|chican[oa]s)\b|\bhispanic(?: or |/)latin[oax]\b", _of_people("hispanic|latin[oax]|chican[oa]")),
        "Indigenous people": (r"(?i)\bnative americans?\b|\baboriginal (?:people|australians?)\b|\bfirst nations\b", _of_people("indigenous"), r"(?i)\bindigenous peoples\b"),
        "Arab people": (r"\bArabs\b", _of_people("arab")),
        "Roma": (r"\bRoma people\b|\bRomani\b|\bSinti\b",),
        "immigrants and refugees": (r"(?i)\b(?:im)?migrants\b|\b(?:an|the|illegal|undocumented) immigrant\b|\brefugees?\b|\basylum[ -]seekers?\b",),
    },
    "religion": {
        "Christians": (r"(?i)\b(?:christians|catholics|protestants|evangelicals|mormons)\b", _of_people("christian|catholic|protestant")),
        "Muslims": (r"(?i)\bmuslims?\b|\bmoslems?\b",),
        "Jews": (r"\bJews?\b", r"(?i)\bjewish\b"),
        "Hindus": (r"(?i)\bhindus\b", _of_people("hindu")),
        "Buddhists": (r"(?i)\bbuddhists\b", _of_people("buddhist")),
        "Sikhs": (r"(?i)\bsikhs?\b",),
        "atheists": (r"(?i)\batheists?\b",),
    },
    "orientation": {
        "gay and lesbian people": (r"\bgays?\b", r"(?i)\blesbians?\b|\bhomosexuals?\b|\blgbtq?(?:ia)?\+?", _of_people("gay|queer|same-sex")),
        "bisexual people": (r"(?i)\bbisexuals?\b",),
        "straight people": (r"(?i)\bheterosexuals?\b|\bstraight (?:people|couples?|guys?|girls?|boys?|men|women|allies)\b",),
    },
    "age": {
        "old people": (r"(?i)\b(?:elderly|pensioners?|senior citizens?|octogenarians?)\b", r"(?i)(?:^|[^-\w])old(?:er)? (?:people|persons?|m[ae]n|wom[ae]n|lady|ladies|gentlem[ae]n|adults?|folks?|generations?|workers?|couple)\b"),
        "young people": (r"(?i)\b(?:teenagers?|teens|adolescents?|millennials?|youngsters?)\b", r"(?i)\byoung(?:er)? (?:people|persons?|m[ae]n|wom[ae]n|lady|ladies|gentlem[ae]n|adults|folks?|generations?|workers?|couple)\b"),
    },
    "disability": {
        "disabled people": (r"(?i)\b(?:the disabled|wheelchair users?|amputees?|paraplegics?|quadriplegics?)\b|\b(?:people|person|persons|children|adults|individuals|students|users) with (?:a |learning |physical |intellectual )?disabilit(?:y|ies)\b", _of_people("disabled|handicapped")),
        "blind and deaf people": (r"(?i)\b(?:visually|hearing)[ -]impaired\b", _of_people("blind|deaf"), r"(?i)\bthe (?:blind|deaf) (?:can|are|were|have|and)\b"),
        "people with a mental illness": (r"(?i)\b(?:schizophrenics?|mentally ill)\b|\b(?:people|person|patients?|individuals) with (?:a )?(?:mental (?:illness|disorder)|depression|schizophrenia|bipolar)\b",),
        "autistic people": (r"(?i)\bautistics?\b|\b(?:people|person|children|child|adults|individuals) with autism\b",),
    },
}  # fmt: skip

NAMES = tuple(group for groups in GROUPS.values() for group in groups)
AXIS = {group: axis for axis, groups in GROUPS.items() for group in groups}
_SOURCES = {group: patterns for groups in GROUPS.values() for group, patterns in groups.items()}
KIND = "mentions"
ROOMS = ("portrayal/groups.py", "portrayal/occupations.py")  # all that decides what a text mentions
_BITS = np.dtype("<u4")  # a bit for each group
_IDIOMS = re.compile(_IDIOM)
_PATTERNS = {group: [re.compile(one) for one in patterns] for group, patterns in _SOURCES.items()}
# Each pattern has one of its group's parts in all that it matches: looking for them first makes the search quick.
_IN_IDIOMS = ("oh", "man", "son", "daughter", "mother", "old wives")
_PARTS: Mapping[str, tuple[str, ...]] = {
    "transgender and non-binary people": ("trans", "binary", "genderqueer"),
    "Black people": ("black", "african", "colo"),
    "white people": ("white", "caucasian"),
    "Asian people": ("asian",),
    "Latino people": ("latin", "hispanic", "chican"),
    "Indigenous people": ("native", "aboriginal", "first nations", "indigenous"),
    "Arab people": ("arab",),
    "Roma": ("roma", "sinti"),
    "immigrants and refugees": ("migrant", "refugee", "asylum"),
    "Christians": ("christian", "catholic", "protestant", "evangelical", "mormon"),
    "Muslims": ("muslim", "moslem"),
    "Jews": ("jew",),
    "Hindus": ("hindu",),
    "Buddhists": ("buddhist",),
    "Sikhs": ("sikh",),
    "atheists": ("atheist",),
    "gay and lesbian people": ("gay", "lesbian", "homosexual", "lgbt", "queer", "same-sex"),
    "bisexual people": ("bisexual",),
    "straight people": ("heterosexual", "straight"),
    "old people": ("old", "elderly", "pensioner", "senior", "octogenarian"),
    "young people": ("young", "teen", "adolescent", "millennial"),
    "disabled people": ("disab", "handicapped", "wheelchair", "amputee", "paraplegic", "quadriplegic"),
    "blind and deaf people": ("blind", "deaf", "impaired"),
    "people with a mental illness": ("schizo", "mental", "depression", "bipolar"),
    "autistic people": ("autis",),
}


def mentions(texts: Sequence[str], cache: Cache | None = None) -> pl.DataFrame:
    """One Boolean column per group: whether each text mentions it. A `cache` holds what was found in texts seen before."""
    if cache is None or not cache.usable:
        return _mentions(texts)
    kind = f"{KIND}/{version('polars')}/{code(*ROOMS)}"
    cache.note(kind, "mentions of groups of people")
    keys = [text_key(said) for said in texts]
    held = cache.get(kind, keys)
    new = {key: said for key, said in zip(keys, texts, strict=True) if len(held.get(key, b"")) != _BITS.itemsize}
    if new:
        found = _mentions(list(new.values())).to_numpy() @ (1 << np.arange(len(NAMES)))
        fresh = {key: bits.tobytes() for key, bits in zip(new, found.astype(_BITS), strict=True)}
        cache.put(kind, fresh)
        held |= fresh
    bits = np.frombuffer(b"".join([held[key] for key in keys]), _BITS)
    return pl.DataFrame({group: bits >> place & 1 == 1 for place, group in enumerate(NAMES)})


def _mentions(texts: Sequence[str]) -> pl.DataFrame:
    said = pl.Series("said", texts, dtype=pl.String).str.replace_all(_IDIOM, " ")
    some = pl.col("said").str
    # In one go, so that the groups are looked for side by side.
    return said.to_frame().select(
        pl.any_horizontal(some.contains(one) for one in patterns).alias(group) for group, patterns in _SOURCES.items()
    )


def named(said: str, group: str) -> bool:
    """Whether a text mentions the group."""
    low = _lower(said)
    if group in _PARTS and not any(part in low for part in _PARTS[group]):
        return False
    if any(part in low for part in _IN_IDIOMS):
        said = _IDIOMS.sub(" ", said)
    return any(pattern.search(said) for pattern in _PATTERNS[group])


def without_names(said: str) -> str:
    """The text with every word for a group put as "person", so that the word itself brings no tone into it."""
    low = _lower(said)
    for group in NAMES:  # but women and men: of their words none has a tone, and pronouns keep a sentence readable
        if group in _PARTS and any(part in low for part in _PARTS[group]):
            for pattern in _PATTERNS[group]:
                said = pattern.sub("person", said)
    return said


def _lower(said: str) -> str:
    """In small letters, as a pattern that heeds no case reads them."""
    if said.isascii():
        return said.lower()
    return said.replace("\u0130", "i").replace("\u0131", "i").replace("\u017f", "s").lower()

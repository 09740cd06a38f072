"""Draws persons, places and addresses in the many forms that people write them in.

Drawn(seed=0).fill["address"]()        # "Flat 3, 12 Mill Lane, Leeds LS4 2BN"
"""

import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate

from faker import Faker

from curate.models.names_lists import (
    ADDRESSES,
    COMPANIES,
    HELD_OUT_ADDRESSES,
    HELD_OUT_COMPANIES,
    People,
    countries,
    geonames,
    lists,
    people,
    phrases,
    towns,
)

NAMED = {"person", "full", "given", "family", "last_first", "public"}
MADE_UP = 0.12  # share of names and towns that are invented
PLACES = {"city", "country", "region", "place", "sight"}


class Drawn:
    """Draws names, numbers and words from one seed. `culture` and `locale` hold for the text at hand."""

    def __init__(self, seed: int, *, held_out: bool = False) -> None:
        self.draw = random.Random(seed)
        self.held_out = held_out
        self.people = people(held_out)
        self.cultures = sorted(self.people)
        self.weight = [self._weight(c) for c in self.cultures]
        self.culture = self.people[self.cultures[0]]
        self.addresses = HELD_OUT_ADDRESSES if held_out else ADDRESSES
        self.companies = HELD_OUT_COMPANIES if held_out else COMPANIES
        self.locale = self.addresses[0]
        self.fakers = {x: Faker(x, use_weighting=False) for x in sorted({*self.addresses, *self.companies})}
        for faker in self.fakers.values():
            faker.seed_instance(seed)  # each its own: writers must not disturb one another
        self.words = phrases()["words"]
        self.more_words: Sequence[str] = ()  # common words, now and then in place of a listed noun
        self.fill: dict[str, Callable[[], str]] = {
            **{name: getattr(self, f"_{name}") for name in (*sorted(NAMED | PLACES), "street", "street_name", "address", "address_block")},
            "num": lambda: str(self.draw.choice([self.draw.randint(1, 20), self.draw.randint(1, 999)])),
            "year": lambda: str(self.draw.randint(1500, 2030)),
            "money": lambda: self.draw.choice(["${}", "${}.00", "£{}", "€ {}", "{} EUR", "{} dollars"]).format(self.draw.randint(5, 9000)),
            "zip": lambda: str(self.draw.randint(10000, 99999)),
            "id": lambda: self._number(self.draw.choice(["####", "AB-####", "#####-##", "X#####", "########", "#### #### #### ####", "No. ###"])),
            "phone": lambda: self._number(self.draw.choice(["(###) ###-####", "###-###-####", "+44 #### ######", "+49 ## #######", "0### ######", "+1 ### ### ####", "##########"])),
            "date": self._date,
            "time": lambda: self.draw.choice(["{} pm", "{}:30", "{} am", "{} o'clock", "{}:15"]).format(self.draw.randint(1, 12)),
            "email": self._email,
        }  # fmt: skip

    # ---- names ------------------------------------------------------------------------------------------------------

    def _weight(self, culture: str) -> float:
        if culture in ("en_US", "american"):
            return 8.0
        if culture in lists()["people"]:
            return 2.5
        return 4.0 if culture in ("en_GB", "en") else 1.0

    def _culture(self) -> People:
        return self.people[self.draw.choices(self.cultures, self.weight)[0]]

    def _made_up(self) -> str:
        """A word like a name that no list has, so that the words around it must be enough."""
        parts = lists()["syllables"]
        some = [
            self.draw.choice(parts["onsets"]) + self.draw.choice(parts["nuclei"])
            for _ in range(self.draw.randint(1, 3))
        ]
        return str(("".join(some) + self.draw.choice(parts["codas"])).capitalize())

    def _one(self, names: Sequence[str]) -> str:
        if not self.held_out and self.draw.random() < MADE_UP:
            return self._made_up()
        # Short lists beside long ones: a square root keeps both from being drowned.
        return (
            names[int(self.draw.random() ** 1.3 * len(names))] if self.draw.random() < 0.3 else self.draw.choice(names)
        )

    def _given(self) -> str:
        self._sometimes_another_culture()
        return self._one(self.culture.given)

    def _family(self) -> str:
        self._sometimes_another_culture()
        return self._one(self.culture.family)

    def _sometimes_another_culture(self) -> None:
        if self.draw.random() < 0.35:
            self.culture = self._culture()

    def _full(self) -> str:
        given, family = self._given(), self._one(self.culture.family)
        if self.draw.random() < 0.06:
            family = self._one(self._culture().family)
        roll = self.draw.random()
        if roll < 0.76:
            return f"{given} {family}"
        forms = (
            f"{given} {self._one(self.culture.given)} {family}",
            f"{given} {family}-{self._one(self.culture.family)}",
            f"{given} {family} {self._one(self.culture.family)}",
            f"{given} {self.draw.choice('ABCDEFGHJKLMNPRSTW')}. {family}",
            f"{given} {self.draw.choice('ABCDEFGHJKLMNPRSTW')} {family}",
            f"{given[0]}. {family}",
            f"{given[0]}.{self.draw.choice('ABCDEFGHJKLM')}. {family}",
            f"{given} {family} {self.draw.choice(['Jr.', 'Jr', 'Sr.', 'II', 'III'])}",
            f"{family} {given}",
            f"{given}-{self._one(self.culture.given)} {family}",
            f"{given} {self.draw.choice(['de', 'van', 'von', 'al', 'bin', 'da', 'del', 'di', 'le', 'van der', 'de la', 'ben'])} {family}",
        )
        return self.draw.choice(forms)

    def _person(self) -> str:
        return (
            self.draw.choice([self._given, self._full, self._full, self._family])()
            if self.draw.random() < 0.6
            else self._full()
        )

    def _last_first(self) -> str:
        given = self._given()
        return f"{self._one(self.culture.family)}, {given}"

    def _public(self) -> str:
        return self._full() if self.held_out else self.draw.choice(lists()["public_people"])

    def _email(self) -> str:
        return f"{self._one(self.culture.given).lower().replace(' ', '')}{self.draw.choice(['', '.', '_'])}{self.draw.randint(1, 99)}@{self.draw.choice(['example.com', 'mail.test', 'corp.example'])}"

    # ---- places -----------------------------------------------------------------------------------------------------

    def _city(self) -> str:
        if self.held_out:
            return self._one(towns(True))
        roll = self.draw.random()
        if roll < 0.25:
            return str(self.draw.choice(lists()["places"]["cities"]))
        if roll < 0.4:
            return str(self.fakers["en_US" if roll < 0.31 else "en_GB" if roll < 0.33 else self.locale].city())
        if roll < 0.65:  # the larger the likelier, but not in proportion
            return self.draw.choices(geonames().names, cum_weights=_by_size())[0]
        if roll < 0.85:
            return self._one(geonames().names)
        return self._one(towns(False))

    def _country(self) -> str:
        return str(self.draw.choice(lists()["places"]["more_countries"] if self.draw.random() < 0.3 else countries()))

    def _region(self) -> str:
        return str(self.draw.choice(lists()["places"]["regions"]))

    def _sight(self) -> str:
        return str(self.draw.choice(lists()["places"]["sights"]))

    def _place(self) -> str:
        return self.draw.choice(
            [self._city, self._city, self._city, self._country, self._country, self._region, self._sight]
        )()

    def _number(self, form: str) -> str:
        return re.sub("#", lambda _: str(self.draw.randint(0, 9)), form)

    def _street(self) -> str:
        streets, pick, house = (
            lists()["streets"],
            self.draw.choice,
            self.draw.randint(1, self.draw.choice([30, 200, 9999])),
        )
        named = pick([*streets["us"], self._one(self._culture().family)])
        forms = (
            f"{house} {named} {pick(streets['us_type'])}",
            f"{house} {pick(['N', 'S.', 'West', 'East', 'NW', 'North'])} {named} {pick(streets['us_type'])}",
            f"{house} {named} {pick(streets['us_type'])}{pick([' Apt', ', Apt', ' Suite', ', Unit', ' #'])} {self._number('##')}",
            f"{house} {self._number('#')}{pick(['th', 'st', 'nd', 'rd'])} {pick(['Street', 'Avenue', 'St', 'Ave'])}",
            f"{house}{pick(['', '', 'A', 'b'])} {pick(streets['uk'])} {pick(streets['uk_type'])}",
            f"Flat {self._number('#')}, {house} {pick(streets['uk'])} {pick(streets['uk_type'])}",
            f"{pick(streets['de'])}{pick(streets['de_type'])} {house}{pick(['', '', 'a', ' b'])}",
            f"{house}{pick(['', ',', ' bis'])} {pick(streets['fr_type'])} {pick(streets['fr'])}",
            f"{pick(streets['es_type'])} {pick(streets['es'])}{pick([' ', ', ', ' nº '])}{house}{pick(['', ', 3º B', ', piso 2'])}",
            f"{pick(streets['it_type'])} {pick(streets['it'])}{pick([' ', ', '])}{house}",
            f"{pick(streets['nl'])}{pick(streets['nl_type'])} {house}{pick(['', '-II', ' hs'])}",
            f"{pick(['ul. ', 'ul. ', 'al. ', ''])}{pick(streets['pl'])} {house}{pick(['', '/4', ' m. 7'])}",
            f"{pick(streets['pt_type'])} {pick(streets['pt'])}, {pick(['', 'nº '])}{house}",
            f"{pick(streets['se'])}{pick(streets['se_type'])} {house}",
            f"{pick(['Flat', 'H.No.', 'No.', 'Plot', 'House'])} {house}, {pick(streets['in'])} Road, {pick(streets['in_area'])}",
            f"P.O. Box {house}" if self.draw.random() < 0.5 else f"PO Box {house}",
        )
        faked = self.fakers[self.locale].street_address().strip().replace("\n", ", ")
        if self.held_out:
            return str(faked)
        street = faked if self.draw.random() < 0.35 else pick((*forms[:5], *forms))
        return f"{street}{self._second_line(pick([' ', ', ']))}" if self.draw.random() < 0.08 else street

    def _street_name(self) -> str:
        """A street without a number: "Mill Lane", "Hauptstraße"."""
        streets, pick = lists()["streets"], self.draw.choice
        if self.held_out:
            return str(self.fakers[self.locale].street_name())
        named = pick([pick(streets["us"]), pick(streets["uk"]), self._one(self._culture().family), self._made_up()])
        forms = (
            *(f"{named} {pick(streets[kind])}" for kind in ("us_type", "us_type", "uk_type")),
            f"{pick(['N', 'West', 'East', 'South', 'Old', 'Upper'])} {named} {pick(streets['us_type'])}",
            *(f"{pick(streets[x])}{pick(streets[f'{x}_type'])}" for x in ("de", "nl", "se")),
            *(f"{pick(streets[f'{x}_type'])} {pick(streets[x])}" for x in ("fr", "es", "it", "pt")),
            f"ul. {pick(streets['pl'])}",
        )
        return pick(forms) if self.draw.random() < 0.7 else self.fakers[self.locale].street_name()

    def _second_line(self, before: str) -> str:
        """Which part of a house: "Apt. 12", "3rd Floor"."""
        kind = self.draw.choice(
            ["Apt.", "Apt", "Apartment", "Suite", "Unit", "Flat", "Floor", "Room", "Ste", "Apt.", "Suite"]
        )
        return f"{before}{kind} {self.draw.choice(['', '', '', '#'])}{self.draw.randint(1, 999)}{self.draw.choice(['', '', '', 'A', 'B'])}"

    def _address_block(self) -> str:
        if self.held_out or self.draw.random() < 0.5:
            return str(self.fakers[self.locale].address().strip())
        street, city, pick = self._street(), self._city(), self.draw.choice
        us = f"{pick(['AL', 'CA', 'TX', 'NY', 'FL', 'WA', 'OH', 'IL', 'MA', 'PA', 'GA', 'NC', 'CO', 'AZ', 'OR'])} {self._number('#####')}"
        uk = f"{pick(['LS', 'M', 'SW', 'EH', 'BS', 'N', 'SE', 'G', 'CB', 'OX'])}{self._number('#')} {self._number('#')}{pick('ABDEFG')}{pick('HJLNPR')}"
        tail = pick((f"{city}, {us}", f"{city}, {us}", f"{city} {uk}", f"{city}\n{uk}", f"{self._number('#####')} {city}", f"{self._number('####')} {city}",
                     f"{city} {self._number('######')}", f"{city}, {self._country()}", f"{self._number('####')} {pick('ABC')}{pick('DEF')} {city}"))  # fmt: skip
        # Forms and letters have the part of the house on a line of its own, and lines that begin with spaces.
        second = self._second_line("\n") if self.draw.random() < 0.15 else ""
        country = f"\n{self._country()}" if self.draw.random() < 0.2 else ""
        block = f"{street}{second}\n{tail}{country}"
        return block.replace("\n", "\n" + " " * self.draw.randint(1, 5)) if self.draw.random() < 0.12 else block

    def _address(self) -> str:
        joint = self.draw.choice([", ", ", ", ", ", " "])
        return self._address_block().replace(",\n", "\n").replace("\n", joint)

    # ---- what is no name --------------------------------------------------------------------------------------------

    def _date(self) -> str:
        day, month, year = (
            self.draw.randint(1, 28),
            self.draw.choice(self.words["month"]),
            self.draw.randint(1950, 2030),
        )
        number = self.draw.randint(1, 12)
        return str(
            self.draw.choice(
                [
                    f"{month} {day}, {year}",
                    f"{day} {month} {year}",
                    f"{day}/{number}/{year}",
                    f"{year}-{number:02}-{day:02}",
                    f"{month} {day}",
                    f"{day}.{number}.{year}",
                ]
            )
        )

    def _common(self, slot: str) -> str:
        """A word of a list, or any common word."""
        if slot in ("product", "title") and self.draw.random() < 0.6:
            return str(self.draw.choice(lists()["capitals"]))
        if self.more_words and slot in ("noun", "adj", "verb") and self.draw.random() < 0.35:
            return self.draw.choice(self.more_words)
        return str(self.draw.choice(self.words[slot]))

    def _code_word(self, kind: str) -> str:
        """A word as programs have it: an identifier, a class, a plain word."""
        words, pick, roll = self.words, self.draw.choice, self.draw.random()
        if kind == "num":
            return str(self.draw.randint(0, 500))
        noun = self._common("noun")
        if kind == "id":
            one = pick(words["identifier"]) if roll < 0.6 else self._common("verb")
            return f"{one}_{noun}" if roll % 0.1 < 0.03 else f"{one}{noun.title()}" if roll % 0.1 < 0.06 else str(one)
        if kind == "Class":
            return (
                str(pick(words["class_name"]))
                if roll < 0.4
                else f"{noun.title()}{pick(words['class_name'])}"
                if roll < 0.7
                else noun.title()
            )
        word = self._common(pick(("noun", "adj", "verb")))
        return word if kind == "word" else word.title()


@cache
def _by_size() -> tuple[float, ...]:
    """Square roots of the towns' sizes, added up: what towns are drawn by."""
    return tuple(accumulate(n**0.5 for n in geonames().people))

"""Draws organisations: named after owners and towns, coined, of plain words, real ones, with and without a word that says what they are.

Organisations(seed=0).fill["company"]()        # "Copper Kettle", "Zentrosoft", "Okafor & Daughters"
"""

from collections.abc import Callable

from curate.models.names_drawn import Drawn
from curate.models.names_lists import lists


class Organisations(Drawn):
    """What `Drawn` draws, and organisations."""

    def __init__(self, seed: int, *, held_out: bool = False) -> None:
        super().__init__(seed, held_out=held_out)
        kinds: dict[str, Callable[[], str]] = {"org": self._org, "company": self._company, "school": self._school}
        self.fill |= kinds

    def _company(self) -> str:
        if self.held_out:
            return str(self.fakers[self.draw.choice(self.companies)].company().strip())
        roll = self.draw.random()
        if roll < 0.2:
            return str(self.draw.choice(lists()["organisations"]))
        if roll < 0.4:
            return str(self.fakers[self.draw.choice(self.companies)].company().strip())
        return self.draw.choice((self._named_after, self._coined, self._coined, self._of_words, self._of_words))()

    def _named_after(self) -> str:
        """Named after owners or towns, mostly with a word that says what it is."""
        parts, pick = lists()["org_parts"], self.draw.choice
        word = pick([pick(parts["coined"]), self._owner(), self._owner(), self._city()])
        what = pick([pick(parts["trade"]), pick(parts["trades"])])
        forms = (
            f"{word} {pick(parts['suffix'])}",
            f"{word} {what}",
            f"{word} {what} {pick(parts['suffix'])}",
            f"{word} & {self._owner()}",
            f"{word} {pick(['and', '&'])} {pick(['Sons', 'Daughters', 'Brothers', 'Partners', 'Associates', 'Company'])}",
            f"{self._owner()}-{self._owner()}",
            f"{self._owner()}, {self._owner()} {pick(['and', '&'])} {self._owner()}",
            f"{self._given()}'s {what}",
            f"{what} {pick(['of', 'for'])} {self._place()}",
            f"{self._city()} {what}",
            f"{self._city()} {pick(parts['bodies'])}",
            f"{pick(parts['bodies'])} {pick(['', '', 'of ', 'de '])}{self._city()}",
        )
        return pick(forms)

    def _coined(self) -> str:
        """A word that is in no dictionary, mostly with nothing beside it that says what it is."""
        parts, pick = lists()["org_parts"], self.draw.choice
        word = pick(
            [
                pick(parts["coined"]),
                self._made_up(),
                pick(parts["starts"]) + pick(parts["ends"]).lower(),
                pick(parts["starts"]) + pick(parts["ends"]).lower(),
                pick(parts["starts"]) + pick(parts["starts"]),
                pick(parts["nouns"]) + pick(parts["ends"]).lower(),
            ]
        )
        letters = "".join(self.draw.choices("ABCDEFGHIKLMNOPRSTUVWX", k=self.draw.randint(2, 5)))
        forms = (
            *(word, word, word, word),
            f"{word} {pick(parts['suffix'])}",
            f"{word} {pick(parts['trades'])}",
            f"{word}{pick(['.com', '.io', '.ai', '.org', '.net', ' App', ' Labs', ' HQ', '+', '!'])}",
            f"{pick('ei')}{word}",
            f"{word} {word[:1]}{self._made_up().lower()}",
            f"{letters}{pick(['', '', ' ' + pick(parts['suffix'])])}",
            f"{word.upper()}",
        )
        return pick(forms)

    def _of_words(self) -> str:
        """Plain words with capitals: "Copper Kettle", "BlueHarbor", "The Open Meadow"."""
        parts, pick = lists()["org_parts"], self.draw.choice
        noun, other = pick(parts["nouns"]), pick(parts["nouns"])
        plain = [pick(self.words["adj"]).title(), pick(self.words["noun"]).title()]
        forms = (
            *(f"{noun} {other}", f"{noun}{other}", f"{noun}{other.lower()}"),
            f"{pick(['The ', ''])}{noun} {pick(['&', 'and'])} {other}",
            f"{pick(['The ', 'The ', ''])}{plain[0]} {noun}",
            f"{pick(['The ', ''])}{' '.join(plain)}{pick(['', ' ' + pick(parts['trades'])])}",
            f"{noun} {pick(parts['trades'])}",
            f"{noun} {pick(parts['trade'])} {pick(parts['suffix'])}",
            f"{noun} {other} {pick(parts['bodies'])}",
            f"{noun} {self.draw.randint(2, 99)}",
            f"{noun}",
        )
        return pick(forms)

    def _owner(self) -> str:
        return self._one(self._culture().family)

    def _school(self) -> str:
        kind, place = self.draw.choice(lists()["org_parts"]["school"]), self._city()
        return f"University of {place}" if self.draw.random() < 0.3 else f"{place} {kind}"

    def _org(self) -> str:
        parts, roll = lists()["org_parts"], self.draw.random()
        if roll < 0.6:
            return self._company()
        if roll < 0.72:
            return self._school()
        if roll < 0.82:
            saint = self.draw.choice(
                [
                    "St. Mary's",
                    "St. John's",
                    "St Luke's",
                    "Mercy",
                    "Sacred Heart",
                    "Memorial",
                    self._city(),
                    self._city(),
                ]
            )
            return f"{saint} {self.draw.choice(parts['public'])}"
        if roll < 0.9:
            return (
                f"{self.draw.choice(parts['ministry'])} of {self._country()}"
                if self.draw.random() < 0.4
                else str(self.draw.choice(parts["ministry"][:7]))
            )
        return f"{self._family()} {self.draw.choice(['Foundation', 'Institute', 'Trust', 'Family Foundation', 'Museum', 'School', 'Group'])}"

"""Writes texts with known names in them, for `train_names.py`: templates of `name_phrases.yaml`, filled with names.

    writer = Writer(seed=0)
    writer.write("mail")         # Written(text="Hi Aroha, ...", spans=((3, 8, "PERSON"), ...))

`Writer(seed, held_out=True)` uses only names that are kept for measuring, for the templates called `held_out`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from curate.models.names_drawn import NAMED, PLACES
from curate.models.names_lists import phrases
from curate.models.names_organisations import Organisations

SLOT = re.compile(r"\{([A-Za-z_]+)\}")
CHOICE = re.compile(r"\[([^\[\]|]*(?:\|[^\[\]|]*)+)\]")
CODE_SLOT = re.compile(r"@(id|Class|word|Word|Title|num)@")
BETWEEN = re.compile(r",? |,?\n")  # parts of one address
KEYS = {"a": "sqzw", "e": "wrd", "i": "uok", "o": "ipl", "n": "bm", "t": "ry", "r": "et", "s": "ad", "l": "k", "m": "n"}


class Written(NamedTuple):
    """A text and the names in it: (start, end, kind). `unsure` are places that say nothing either way."""

    text: str
    spans: tuple[tuple[int, int, str], ...] = ()
    unsure: tuple[tuple[int, int], ...] = ()


class Writer(Organisations):
    """Fills templates. Everything it draws comes from its seed."""

    def write(self, section: str) -> Written:
        """One text of a section, with noise: other case, missing accents, slips of the keyboard."""
        template: str = self.draw.choice(phrases()[section].splitlines())
        if section == "code":
            return Written(CODE_SLOT.sub(lambda m: self._code_word(m[1]), template).replace("\\n", "\n"))
        written = self.filled(template)
        return self.noisy(written)

    def filled(self, template: str) -> Written:
        while CHOICE.search(template):
            template = CHOICE.sub(lambda m: str(self.draw.choice(m[1].split("|"))), template)
        template = template.replace("\\n", "\n").replace("\\t", "\t")
        self.locale = self.draw.choice(self.addresses)
        self.culture = self._culture()
        parts: list[str] = []
        spans: list[tuple[int, int, str]] = []
        at = done = 0
        for slot in SLOT.finditer(template):
            before = template[done : slot.start()]
            value = self._value(slot[1])
            parts += [before, value]
            at += len(before)
            if kind := _kind(slot[1]):
                bare = re.sub(r"^the ", "", value, flags=re.IGNORECASE)  # "the Alps": the article stays outside
                spans.append((at + len(value) - len(bare), at + len(value), kind))
            at, done = at + len(value), slot.end()
        text = "".join([*parts, template[done:]])
        return Written(text, _merged(text, spans))

    def _value(self, slot: str) -> str:
        if slot in self.fill:
            return self.fill[slot]()
        word = self._common(slot.lower())
        if slot.isupper():
            return word.upper()
        return word[:1].upper() + word[1:] if slot[0].isupper() else word

    # ---- noise ------------------------------------------------------------------------------------------------------

    def noisy(self, written: Written) -> Written:
        roll = self.draw.random()
        if roll < 0.13:
            return cased(written, str.lower)
        if roll < 0.17:
            return cased(written, str.upper)
        if roll < 0.19:
            return cased(written, lambda part: part.title() if "'" not in part else part)
        if roll < 0.26:
            return self._typos(written)
        if roll < 0.29:
            return self.lower_names(written)
        return written

    def lower_names(self, written: Written) -> Written:
        text = written.text
        for start, end, _ in written.spans:
            if len(text[start:end].lower()) == end - start:
                text = text[:start] + text[start:end].lower() + text[end:]
        return written._replace(text=text)

    def _typos(self, written: Written) -> Written:
        """One to three slips: a neighbouring key, two letters swapped. Lengths stay, so places stay."""
        letters = list(written.text)
        for _ in range(self.draw.randint(1, 3)):
            place = self.draw.randrange(max(1, len(letters) - 1))
            if place + 1 < len(letters) and letters[place].islower() and letters[place + 1].islower():
                if self.draw.random() < 0.5:
                    letters[place], letters[place + 1] = letters[place + 1], letters[place]
                else:
                    letters[place] = self.draw.choice(KEYS.get(letters[place], letters[place]))
        return written._replace(text="".join(letters))


def _kind(slot: str) -> str | None:
    if slot in NAMED:
        return "PERSON"
    if slot in PLACES:
        return "LOCATION"
    return {"org": "ORGANIZATION", "company": "ORGANIZATION", "school": "ORGANIZATION"}.get(slot) or (
        "ADDRESS" if slot in ("street", "street_name", "address", "address_block") else None
    )


def _merged(text: str, spans: Sequence[tuple[int, int, str]]) -> tuple[tuple[int, int, str], ...]:
    """A given name and the family name right behind it are one person; a street and the town right behind it one address."""
    out: list[tuple[int, int, str]] = []
    for start, end, kind in spans:
        before = (out[-1][2], kind) if out else None
        if before == ("PERSON", "PERSON") and text[out[-1][1] : start] == " ":
            start = out.pop()[0]
        elif before == ("ADDRESS", "LOCATION") and BETWEEN.fullmatch(text, out[-1][1], start):
            start, _, kind = out.pop()
        out.append((start, end, kind))
    return tuple(out)


def cased(written: Written, change: Callable[[str], str]) -> Written:
    text = (
        "".join(new if len(new := change(c)) == 1 else c for c in written.text)
        if change is not str.title
        else change(written.text)
    )
    return written._replace(text=text) if len(text) == len(written.text) else written


def joined(parts: Iterable[Written], between: Sequence[str]) -> Written:
    """Texts one after another; `between` stands after each but the last."""
    text, spans, unsure = "", [], []
    for part, gap in zip(parts, between, strict=True):
        at = len(text)
        spans += [(start + at, end + at, kind) for start, end, kind in part.spans]
        unsure += [(start + at, end + at) for start, end in part.unsure]
        text += part.text + gap
    return Written(text, tuple(spans), tuple(unsure))

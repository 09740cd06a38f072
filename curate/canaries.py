"""What the finder of personal data would miss in *your* data: invented values planted in a copy of it, and looked for.

    found = canaries.measure(chats, finder)
    print(found)
    # EMAIL     named 20 of 20 found whole ...    bare 20 of 20 ...
    # PASSPORT  named 20 of 20 ...                bare 0 of 20 ...

Each value stands in a sentence of ours, put between two sentences of one of your own turns: one that says what the value is, or one
that does not. So the figures are for values that somebody wrote down in such a sentence, among text like yours; they say nothing of
data that is spelt out or hinted at. A value counts as found when findings of any kind cover all of it; `as such` says how often
the kind was right too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from curate import ages
from curate.leaves import Leaf
from curate.pii import Choose, Finder, Findings, InRow
from curate.standins import forms, names
from curate.standins.draws import Draw
from curate.stats import Interval, wilson

PER_KIND = 40
LONGEST = 4000  # characters of a turn that is planted in

NAMED, BARE = CONTEXTS = ("named", "bare")
BARE_SENTENCES = ("It was {} in the end.", "{}", "What about {}?", "They kept asking for {} again.")
# Forms that the stand-ins make values of, and sentences that say what they are.
PLANTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "EMAIL": (("jane.doe@corp.org", "j_smith7@mail.net"), ("You can write to {} about it.", "Her mail is {} now.")),
    "PHONE": (("+44 20 7946 0123", "(212) 555-0143", "212-555-0188", "+33 1 42 68 53 00", "+49 30 901820"),
              ("My phone number is {}.", "Call me on {} after six.")),
    "CREDIT_CARD": (("4111 1111 1111 1111", "5500000000000004", "378282246310005"), ("The card is {}.", "My credit card {} was charged twice.")),
    "IBAN": (("DE89 3704 0044 0532 0130 00", "GB33BUKB20201555555555"), ("Please pay into {}.", "My IBAN: {}")),
    "US_SSN": (("219-09-9999",), ("My social security number is {}.", "SSN: {}")),
    "IP": (("8.8.8.8", "2001:4860:4860:1:2:3:4:8888"), ("The login was from {}.", "Its address is {}.")),
    "MAC": (("00:1A:2B:3C:4D:5E",), ("The adapter shows {}.",)),
    "CRYPTO": (("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"), ("Send it to {}.",)),
    "DATE_OF_BIRTH": (("12/05/1987", "3 May 1990", "1990-12-24"), ("I was born on {}.", "Date of birth: {}")),
    "PASSPORT": (("C01X00T47", "943270711"), ("My passport number is {}.", "Passport: {}")),
    "DRIVER_LICENSE": (("F162823540116",), ("My driver's license is {}.",)),
    "BANK_ACCOUNT": (("12345678", "000123456789"), ("The account number is {}.", "Send it to account no {} please.")),
    "NATIONAL_ID": (("AB 12 34 56 C", "529.982.247-25", "86095742719"),
                    ("My national insurance number is {}.", "CPF {}", "Steuer-ID: {}")),
    "MEDICAL_RECORD": (("MRN-00456789", "88345120"), ("The medical record number is {}.", "Patient ID {} was moved.")),
    "API_KEY": (("sk_live_abcdEFGH1234567890ab", "ghp_1a2B3c4D5e6F7g8H9i0J1k2L3m4N5o6P7q8R"), ("The token is {}.", "export KEY={}")),
    "PASSWORD": (("hunter2Xy9",), ("The password is {}.", "pwd: {}")),
    "USERNAME": (("@jane_doe92",), ("Follow me at {}.", "My handle is {}.")),
    "STREET_ADDRESS": (("12 Oak Street", "480 Maple Ave, Apt 4B"), ("I live at {}.", "Ship it to {} please.")),
    # An age counts beside what tells whose it is.
    "AGE": (("34", "61", "8", "forty-two"), ("I'm {} years old, my mail is jane.doe@corp.org.", "Patient aged {}, phone (212) 555-0143.")),
    "PERSON": (("Jane Doe", "Miguel Torres", "Fatima", "Wei Zhang", "Olga Petrova"),
               ("My name is {}.", "I spoke with {} about it.", "Mr. {} said that this is wrong.", "Regards, {}")),
    "LOCATION": (("London", "France"), ("I live in {}.", "We moved from {} last year.")),
    "ORGANIZATION": (("Harper Ltd", "Smith & Sons", "University of Oxford"), ("I work for {}.", "The contract with {} ended.")),
}  # fmt: skip
_END = re.compile(r"(?<=[.!?])\s+|\n+|$")


@dataclass(frozen=True)
class Canaries:
    """Per kind and context: planted, found whole by any finding, found as this kind."""

    table: pl.DataFrame  # kind, context, planted, found, typed
    finder: str
    not_planted: tuple[str, ...]  # kinds that the finder knows and no canary was made for

    def intervals(self) -> list[Interval]:
        """The recall of each line of the table."""
        return [wilson(found, planted) for planted, found in self.table.select("planted", "found").iter_rows()]

    def __str__(self) -> str:
        lines = [
            f"{kind:15} {context:6} found whole {interval}, {typed} as such"
            for (kind, context, _, _, typed), interval in zip(self.table.iter_rows(), self.intervals(), strict=True)
        ]
        return "\n".join(lines or ["no text to plant in"])


def measure(
    chats: pl.DataFrame, finder: Finder, *, per_kind: int = PER_KIND, seed: int = 0, choose: Choose | None = None
) -> Canaries:
    """Plant `per_kind` values of each kind that the finder knows in turns drawn from the chat frame, and look for them.

    The data is not changed. The same seed plants the same values. Without any turn that holds text the table is empty.
    `choose` says which findings count, as in `pii.scan`; each text is a row of its own.
    """
    turns = sorted({said for said in chats["turns"].explode().struct.field("content").drop_nulls() if said.strip()})
    known: Sequence[str] = getattr(finder, "kinds", ())  # another finder may have no word for what it knows
    kinds = [kind for kind in PLANTS if kind in known] if turns else []
    places = [
        (kind, CONTEXTS[number % 2], *plant(kind, turns, Draw(b"canaries", seed, kind, number), number))
        for kind in kinds
        for number in range(per_kind)
    ]
    lines = []
    found = finder.find([said for _, _, said, _, _ in places])
    if choose:
        rows = [
            InRow("", [Leaf(0, "content", 0, "", place[2])], ["user"], [some])
            for place, some in zip(places, found, strict=True)
        ]
        found = [some for (some,) in choose(rows)]
    for (kind, context, _, start, end), findings in zip(places, found, strict=True):
        whole = _covered(findings, start, end)
        typed = whole and any(f.kind == kind and f.start < end and start < f.end for f in findings)
        lines.append((kind, context, whole, typed))
    schema = {"kind": pl.String, "context": pl.String, "found": pl.Int64, "typed": pl.Int64}
    frame = pl.DataFrame(lines, schema=schema, orient="row")
    table = frame.group_by("kind", "context", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("planted"), pl.col("found", "typed").sum()
    )
    return Canaries(table, finder.name, tuple(kind for kind in known if kind not in PLANTS))


def plant(kind: str, turns: Sequence[str], draw: Draw, number: int) -> tuple[str, int, int]:
    """A turn with a value in it, and where the value stands."""
    values, named = PLANTS[kind]
    sentences = BARE_SENTENCES if number % 2 else named
    sentence = sentences[number // 2 % len(sentences)]
    form = values[number // 2 % len(values)]
    value = fresh(kind, form, draw)
    turn = draw.pick(turns)[:LONGEST]
    ends = [match.start() for match in _END.finditer(turn)]
    at = draw.pick(ends)
    head, tail = turn[:at], turn[at:]
    before = f"{head} {sentence[: sentence.index('{}')]}"
    return before + value + sentence[sentence.index("{}") + 2 :] + (tail or ""), len(before), len(before) + len(value)


def fresh(kind: str, form: str, draw: Draw) -> str:
    """Another value of the same form: not of the ranges reserved for examples, which a finder might know."""
    named = names.Names(lambda word, role, turn: Draw(b"canaries", draw.below(1 << 62), word, role, turn))
    match kind:
        case "PERSON":
            return named.person(form)
        case "LOCATION":
            return named.place(form)
        case "ORGANIZATION":
            return named.organisation(form)
        case "STREET_ADDRESS":
            return named.street(form, draw)
        case "AGE":
            return ages.moved(form, draw.below(len(ages.group(ages.number(form) or 1))))
        case "EMAIL":
            return f"{named.handle(form.partition('@')[0])}@{form.partition('@')[2]}"
        case "USERNAME":
            return named.handle(form)
        case "IP" if ":" not in form:
            return ".".join(str(11 + draw.below(112)) for _ in range(4))
        case "PHONE" | "NATIONAL_ID":
            return form if draw.below(2) else _other_tail(form, draw) if kind == "PHONE" else form
        case "US_SSN":
            return f"{100 + draw.below(500)}-{10 + draw.below(89)}-{1000 + draw.below(8999)}"
    made = {"CREDIT_CARD": forms.card, "IBAN": forms.iban, "MAC": forms.mac, "CRYPTO": forms.crypto, "IP": forms.ip,
            "DATE_OF_BIRTH": forms.birth, "API_KEY": forms.key}.get(kind)  # fmt: skip
    return made(form, draw) if made else draw.like(form)


def _other_tail(form: str, draw: Draw) -> str:
    return form[:-3] + draw.digits(3)


def _covered(findings: Findings, start: int, end: int) -> bool:
    at = start
    for finding in findings:
        if finding.start <= at < finding.end:
            at = finding.end
    return at >= end

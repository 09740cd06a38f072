"""Invented values that stand in for personal data: the same value gets the same one, and nobody without the key can go back.

    key = open_key(Path("iterations/surrogates.key"))
    row = Surrogates(key, scope="the row's fingerprint", originals=["Jane Doe", "jane.doe@corp.example"])
    row.of("PERSON", "Jane Doe")                  # "Kayla Myers"
    row.of("EMAIL", "jane.doe@corp.example")      # "kayla.myers@example.net"

Type, form, gender, language, case and the kind of check sum stay; what is reserved for examples is taken where something is.
Values are drawn by HMAC under the key. With a scope per row one value has a stand-in per row, so rows cannot be linked by
it; with one scope for all it is the same everywhere, in later runs too.
"""

import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from curate import ages, phones
from curate.errors import BadInput, Surroundings
from curate.standins import forms
from curate.standins.draws import Draw
from curate.standins.names import Names, fold

METHOD = 1  # raised when the same key no longer gives the same stand-ins
KEY_BYTES = 32
DOMAINS = ("example.com", "example.net", "example.org")  # RFC 2606
PLAIN_TURNS, TURNS = 4, 200
VALID_TURNS = 2000
USER_PLACE = re.compile(
    r"(?i)(?<=/)(?:users?|u|profiles?|accounts?|members?|people|home|in|add)(?=/)|(?<=/)[@~](?=\w)|(?<=t\.me)(?=/)"
)


@dataclass(frozen=True)
class Key:
    """The secret behind the stand-ins. Only its fingerprint may be written down."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return sha256(b"winnow surrogates" + self.secret).hexdigest()[:16]


def open_key(path: Path) -> Key:
    """The key in this file; a new one, readable by its owner only, where there is none.

    Raises BadInput for a file that others can read or that holds no key, Surroundings where it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
    except FileExistsError:
        pass
    except OSError as problem:
        raise Surroundings(
            f"the key of the surrogates cannot be written: {problem.strerror}", where=str(path)
        ) from problem
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise BadInput(
            "the key of the surrogates can be read by others, who could then trace them back",
            where=str(path),
            hint=f"chmod 600 {path}",
        )
    return _read(path)


def public_key(path: Path) -> Key:
    """The key in a file that says it is public, which anybody may read; lines that begin with `#` are for people."""
    return _read(path)


def _read(path: Path) -> Key:
    try:
        lines = path.read_text("ascii").splitlines()
        secret = bytes.fromhex("".join(line for line in lines if not line.startswith("#")).strip())
    except (ValueError, OSError) as problem:
        raise BadInput("this is no key of surrogates (64 hexadecimal digits)", where=str(path)) from problem
    if len(secret) != KEY_BYTES:
        raise BadInput(f"a key of surrogates has {2 * KEY_BYTES} hexadecimal digits", where=str(path))
    return Key(secret)


class Surrogates:
    """Stand-ins within one scope: two values that differ never get the same one, and none is one of `originals`."""

    def __init__(self, key: Key, scope: str = "", originals: Iterable[str] = ()) -> None:
        self._key, self._scope = key.secret, scope
        self._originals = {_bare(value) for value in originals}
        words = {fold(word) for value in self._originals for word in re.findall(r"[^\W\d_]+", value)}
        self._names = Names(self._draw, words | self._originals)
        self._known: dict[tuple[str, str], str] = {}
        self._taken: dict[str, str] = {}

    def _draw(self, what: str, kind: str, turn: int) -> Draw:
        return Draw(self._key, METHOD, self._scope, kind, what, turn)

    def of(self, kind: str, value: str, hint: str = "") -> str:
        """The stand-in for a value of this kind (one of `pii.KINDS`). `hint`: the gender, where the text says it."""
        match kind:
            case "PERSON":
                return self._names.person(value, hint)
            case "LOCATION":
                return self._names.place(value)
            case "ORGANIZATION":
                return self._names.organisation(value)
            case "AGE":
                return self._age(value)
        if kind == "STREET_ADDRESS" and value.endswith("."):  # the sentence's full stop, or that of "St."
            return f"{self.of(kind, value[:-1], hint)}."
        bare = phones.same_number(value) if kind == "PHONE" else _bare(value)
        if (kind, bare) not in self._known:
            self._known[kind, bare] = self._fresh(kind, value, bare)
        if kind in ("STREET_ADDRESS", "ADDRESS"):
            return _spaced_as(self._known[kind, bare], value)
        return self._known[kind, bare] if kind in WRITTEN_ONE_WAY else _as_written(self._known[kind, bare], value)

    def _age(self, value: str) -> str:
        """Ages of one decade and adulthood all move by the same number, so those that differ stay apart."""
        age = ages.number(value)
        if age is None:
            return self._draw(value, "AGE", 0).like(value)
        among = ages.group(age)
        known = {said for original in self._originals if (said := ages.number(original)) in among}
        first = self._draw(f"{among.start}", "AGE", 0).below(len(among) - 1)
        steps = [1 + (first + step) % (len(among) - 1) for step in range(len(among) - 1)]
        free = (by for by in steps if not known & {ages.number(ages.moved(f"{said}", by)) for said in known})
        return ages.moved(value, next(free, steps[0]))

    def _fresh(self, kind: str, value: str, bare: str) -> str:
        for turn in count():
            made = self._made(kind, value, self._draw(bare, kind, turn), turn)
            new = _bare(made)
            # A link may hold nothing that can change; after so many turns it is taken as it is.
            if turn > TURNS or (new != bare and new not in self._originals and self._taken.get(new, bare) == bare):
                self._taken[new] = bare
                return made
        raise AssertionError

    def _made(self, kind: str, value: str, draw: Draw, turn: int) -> str:
        # The plain stand-in first; where others have it, one with more digits.
        more = draw.digits(2) if turn >= PLAIN_TURNS else ""
        match kind:
            case "EMAIL":
                return f"{self._names.handle(value.rpartition('@')[0])}{more}@{draw.pick(DOMAINS)}"
            case "USERNAME":
                return self._names.handle(value) + more
            case "STREET_ADDRESS" | "ADDRESS":
                return self._names.street(value, draw, more)
            case "URL":
                return self._link(value, draw)
            case "NATIONAL_ID":
                return _valid(value, draw)
        made = FORMS.get(kind)
        return made(value, draw) if made else draw.like(value)

    def _link(self, value: str, draw: Draw) -> str:
        """The user, the values asked for and a private host are others; the path stays."""
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
        known = bool(OPEN_HOSTS.fullmatch(host))
        user = f"{draw.like(parts.netloc.rpartition('@')[0])}@" if "@" in parts.netloc else ""
        path = parts.path
        ends = [found.end() for found in USER_PLACE.finditer(path)] or ([0] if known else [])
        for end in reversed(ends):
            if name := re.compile(r"/?([^/]+)").match(path, end):
                path = path[: name.start(1)] + self._names.handle(name.group(1)) + path[name.end(1) :]
        query = re.sub(r"(?<==)[^&;#]+", lambda m: self._asked(m.group(), draw), parts.query)
        tail = re.sub(r"(?<==)[^&;#]+", lambda m: self._asked(m.group(), draw), parts.fragment)
        return urlunsplit((parts.scheme, user + (host if known else draw.pick(DOMAINS)), path, query, tail))

    def _asked(self, value: str, draw: Draw) -> str:
        local, at, _ = value.replace("%40", "@").partition("@")
        if at:
            return self._names.handle(local) + ("%40" if "%40" in value else "@") + draw.pick(DOMAINS)
        return re.sub(
            r"%[0-9A-Fa-f]{2}|[^%]+", lambda m: m.group() if m.group()[0] == "%" else draw.like(m.group()), value
        )


# Hosts that say nothing of the person: the user's name in the path does.
OPEN_HOSTS = re.compile(
    r"(?:(?:www|m)\.)?(?:(?:facebook|instagram|twitter|x|tiktok|snapchat|linkedin|github|gitlab|reddit)\.com|t\.me)",
    re.IGNORECASE,
)
FORMS = {
    "PHONE": forms.phone, "CREDIT_CARD": forms.card, "IBAN": forms.iban, "US_SSN": forms.ssn, "US_ITIN": forms.ssn, "IP": forms.ip,
    "MAC": forms.mac, "CRYPTO": forms.crypto, "DATE_OF_BIRTH": forms.birth, "NHS": forms.nhs, "MEDICAL_LICENSE": forms.dea,
    "API_KEY": forms.key,
}  # fmt: skip
# Kinds whose value is the same however it is spaced, and must be written as each place writes it.
NUMBERS = frozenset({"PHONE", "CREDIT_CARD", "IBAN", "US_SSN", "US_ITIN", "NHS", "BANK_ACCOUNT"})
WRITTEN_ONE_WAY = frozenset({*FORMS, "EMAIL", "URL", "USERNAME", "STREET_ADDRESS", "ADDRESS", "PASSWORD"}) - NUMBERS


def _valid(value: str, draw: Draw) -> str:
    """Other letters and digits that the same countries' recognisers accept, where some turn up soon enough."""
    from curate import recognisers

    def passes(rule: recognisers.Rule, said: str) -> bool:
        whole = [span for span in recognisers.find(rule, said) if span[:2] == (0, len(said))]
        return any(rule.check(said, span) for span in whole)

    ids = [rule for rule in recognisers.RULES if rule.kind == "NATIONAL_ID" and rule.name != "AnyIdNumber"]
    rule = next((rule for rule in ids if passes(rule, value)), None)
    for _ in range(VALID_TURNS):
        if rule is None or passes(rule, fresh := draw.like(value)):
            return fresh
    return draw.like(value)


def _bare(value: str) -> str:
    """A value without case and spacing; of a number only its digits and letters."""
    plain = re.sub(r"[\s().-]", "", value).casefold()
    return (
        plain
        if any(c.isdecimal() for c in plain) and plain.lstrip("+").isalnum()
        else " ".join(value.split()).casefold()
    )


def _spaced_as(made: str, value: str) -> str:
    """The words of an address in the lines of this place: one address is written in a line here and in four there."""
    words, spaces = made.split(), re.findall(r"\s+", value.strip())
    if len(words) != len(spaces) + 1:
        return made
    return "".join(word + space for word, space in zip(words, [*spaces, ""], strict=True))


def _as_written(made: str, value: str) -> str:
    """The digits of the stand-in with the separators of this place: one card number is written in several ways."""
    fresh = "".join(c for c in made if c.isalnum())
    if len(fresh) == sum(c.isalnum() for c in value):
        return forms.into(value, fresh)
    # A telephone number with and without its country code: the national digits are the last ones.
    return forms.tail_into(value, phones.digits(made)[-10:]) if fresh.isdecimal() else made

"""Stand-ins for data that has a form: numbers of cards, accounts, people and machines, dates and keys.

    card("4111 1111 1111 1111", draw)       # "4242 42.. .... ...." with a valid last digit
    ip("8.8.8.8", draw)                     # an address of the ranges for documentation

Length, separators, case, brand or country and the kind of check sum stay. Reserved ranges are taken where the authority
keeps some: RFC 5737 and 3849 (addresses), 555-01xx (NANPA), Ofcom's and ARCEP's numbers for fiction, 999 (NHS), 9xx (SSN).
"""

import ipaddress
import re
from itertools import count
from typing import Any

from curate import phones
from curate.standins import checksums
from curate.standins.draws import Draw

# The first six digits of the card networks' published test numbers, by the first digits of the brand.
TEST_CARDS = {"4": "424242", "5": "555555", "2": "222300", "34": "378282", "37": "378282", "36": "305693", "30": "305693",
              "38": "305693", "6": "601111", "35": "353011", "62": "620000"}  # fmt: skip
DOCUMENTATION = ("192.0.2", "198.51.100", "203.0.113")
PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
KEY_PREFIX = re.compile(
    r"(?:AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|AIza|ya29\.|hf_|npm_|pypi-|SG\.|dop_v1_|shp\w\w_|whsec_|eyJ"
    r"|(?:[a-z]{1,20}[_-]){1,3})"
)
MONTHS = (
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"),
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("januar", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember"),
    ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)  # fmt: skip


def into(value: str, fresh: str) -> str:
    """The letters and digits of `value` replaced by those of `fresh`, one after the other; separators and case stay."""
    new = iter(fresh)
    out = [(next(new, "0") if c.isalnum() else c) for c in value]
    return "".join(
        n.upper() if c.isupper() else n.lower() if c.islower() else n for c, n in zip(value, out, strict=True)
    )


def card(value: str, draw: Draw) -> str:
    number = phones.digits(value)
    start = TEST_CARDS.get(number[:2]) or TEST_CARDS.get(number[:1]) or draw.digits(6)
    body = start + draw.digits(len(number) - 7)
    return into(value, body + checksums.luhn(body))


def iban(value: str, draw: Draw) -> str:
    """Country and length stay. The first digits of the bank are zeros, which no bank that we know of has."""
    bare = "".join(c for c in value if c.isalnum()).upper()
    account = draw.like(bare[4:])
    account = re.sub(r"^\d{1,4}", lambda m: "0" * len(m.group()), account)
    return into(value, bare[:2] + checksums.iban(bare[:2], account) + account)


def ssn(value: str, draw: Draw) -> str:
    """Numbers from 900 up are never a social security number (US SSA); with 01 to 49 in the middle no ITIN either."""
    fresh = "9" + draw.digits(2) + f"{1 + draw.below(49):02d}" + draw.digits(4)
    return into(value, fresh)


def nhs(value: str, draw: Draw) -> str:
    while (last := checksums.nhs(nine := "999" + draw.digits(6))) is None:
        pass
    return into(value, nine + last)


def dea(value: str, draw: Draw) -> str:
    six = draw.digits(6)
    return into(value, draw.pick("abcdefghjklmprstux") + draw.like("a") + six + checksums.dea(six))


def ip(value: str, draw: Draw) -> str:
    bare, slash, rest = value.partition("/")
    try:
        found = ipaddress.ip_address(bare.split("%")[0])
    except ValueError:
        return draw.like(value)
    if found.version == 6:
        groups = [f"{draw.below(65535) + 1:x}" for _ in range(6)]
        return "2001:db8:" + ":".join(groups) + slash + rest
    for net in PRIVATE:
        if found in net:
            return str(net[1 + draw.below(net.num_addresses - 2)]) + slash + rest
    return f"{draw.pick(DOCUMENTATION)}.{1 + draw.below(254)}{slash}{rest}"


def mac(value: str, draw: Draw) -> str:
    """A locally administered address: such are given by nobody."""
    fresh = (
        draw.pick("0123456789abcdef") + draw.pick("26ae") + "".join(draw.pick("0123456789abcdef") for _ in range(10))
    )
    separated = re.sub(r"[0-9A-Fa-f]", "0", value)
    return into(separated, fresh.upper() if re.search("[A-F]", value) else fresh)


def crypto(value: str, draw: Draw) -> str:
    """The same version and a valid check sum (Ethereum: all lower case, which carries none)."""
    if value.lower().startswith("0x"):
        return "0x" + "".join(draw.pick("0123456789abcdef") for _ in range(len(value) - 2))
    if value.lower().startswith("bc1"):
        taproot = value.lower().startswith("bc1p")
        words = [draw.below(32) for _ in range(len(value) - len("bc1") - 7)]
        # The last word holds the bits that fill it up; they are zero in a valid address.
        words[-1] &= ~((1 << (5 * len(words)) % 8) - 1)
        made = checksums.bech32("bc", [int(taproot), *words], 0x2BC830A3 if taproot else 1)
        return made.upper() if value.isupper() else made
    version = 5 if value.startswith("3") else 0
    return checksums.base58check(bytes([version, *(draw.below(256) for _ in range(20))]))


def phone(value: str, draw: Draw) -> str:
    """Country and form stay; a number kept for fiction where the country keeps some, else one that its plan does not assign."""
    more = phones.EXTENSION.search(value)
    tail = draw.like(more.group()) if more else ""
    if more:
        tail = into(more.group(), re.sub(r"[\W_]", "", re.sub(r"\d", lambda _: draw.digits(1), more.group())))
    value = value[: more.start()] if more else value
    country, national = _national(value)
    for prefix, length in _fiction(country, national):
        if len(national) == length:
            area = f"{2 + draw.below(8)}{draw.below(9)}{draw.below(10)}" if country == 1 else ""
            fresh = area + prefix + draw.digits(length - len(prefix) - len(area))
            return tail_into(value, fresh) + tail
    for turn in count():
        fresh = draw.like(national or phones.digits(value))
        if turn > 40 or not _assigned(country, fresh):
            return tail_into(value, fresh) + tail
    raise AssertionError


def _national(value: str) -> tuple[int, str]:
    import phonenumbers

    for region in (None, "US", *phones.REGIONS):
        try:
            number = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            continue
        if region is None or phonenumbers.is_possible_number(number):
            # The digits as they stand, without what parsing adds: the last ones are the national number.
            national = str(number.national_number)
            if phones.digits(value).endswith(national):
                return int(number.country_code or 0), national
    return 0, ""


def _fiction(country: int, national: str) -> list[tuple[str, int]]:
    """Prefixes (behind the area code in America) kept for fiction, and the length of the national number."""
    match country:
        case 1:
            return [("55501", 10)]
        case 44:
            return [("7700900", 10)] if national.startswith("7") else [("2079460", 10)]
        case 33:
            return [("639980", 9)] if national[:1] in "67" else [("19900", 9)]
        case 61:
            return [("491570", 9)] if national.startswith("4") else [("25550", 9)]
    return []


def _assigned(country: int, national: str) -> bool:
    import phonenumbers

    number: Any = phonenumbers.PhoneNumber(country_code=country or 1, national_number=int(national or "0"))
    return phonenumbers.is_valid_number(number)


def tail_into(value: str, fresh: str) -> str:
    """The last digits of the value replaced; country code and trunk zero before them stay."""
    places = [i for i, c in enumerate(value) if c.isdecimal()][-len(fresh) :]
    out = list(value)
    for place, digit in zip(places, fresh[-len(places) :], strict=True):
        out[place] = digit
    return "".join(out)


def birth(value: str, draw: Draw) -> str:
    """Another day within three years, written the same way: who was a child stays one."""
    shift = draw.pick((-3, -2, -1, 1, 2, 3))

    def number(match: re.Match[str]) -> str:
        digits = match.group()
        if len(digits) == 4:
            return f"{int(digits) + shift}"
        if len(digits) == 2 and int(digits) > 31:
            return f"{(int(digits) + shift) % 100:02d}"
        most = 12 if int(digits) <= 12 else 28
        return f"{1 + draw.below(most):0{len(digits)}d}" if len(digits) == 2 else f"{1 + draw.below(min(most, 9))}"

    def month(match: re.Match[str]) -> str:
        said = match.group()
        for names in MONTHS:
            if said.lower() in names:
                fresh = draw.pick(names)
                return fresh.upper() if said.isupper() else fresh.capitalize() if said[0].isupper() else fresh
        return said

    return re.sub(r"[^\W\d_]{3,}", month, re.sub(r"\d+", number, value))


def key(value: str, draw: Draw) -> str:
    """What says whose key it is stays; of a block only the frame."""
    if "-----" in value:
        frame, body, end = re.split(r"(?<=KEY-----)|(?<=BLOCK-----)|(?=-----END)", value, maxsplit=2)
        return frame + draw.like(body) + end
    parts = (
        [KEY_PREFIX.match(part) for part in value.split(".")] if value.startswith("eyJ") else [KEY_PREFIX.match(value)]
    )
    said = value.split(".") if value.startswith("eyJ") else [value]
    return ".".join(
        part[: found.end() if found else 0] + draw.like(part[found.end() if found else 0 :])
        for part, found in zip(said, parts, strict=True)
    )

"""Made-up personal data that looks right: valid checksums, reserved ranges, nobody's real value.

    fake("iban", 3)      # always the same text for the same kind and turn

Reserved ranges are used where they exist: example domains, 555-01xx and the fiction numbers of other countries,
documentation addresses, the test range 999 of the NHS, US social security areas that were never handed out.
"""

import hashlib
from collections.abc import Callable

from voice import number, pick

FIRST = [
    "Maud",
    "Tobias",
    "Odalys",
    "Henrik",
    "Priya",
    "Callum",
    "Wanda",
    "Idris",
    "Saoirse",
    "Benoit",
    "Marisol",
    "Kwame",
    "Agnes",
    "Leopold",
    "Yuki",
    "Rhona",
]
LAST = [
    "Pellingham",
    "Farquist",
    "Oyelande",
    "Brackwater",
    "Sundaresh",
    "Tillerby",
    "Marchetto",
    "Quennell",
    "Drummock",
    "Aasgard",
]
LANES = (
    "Quillfeather Lane",
    "Tanner's Row",
    "Old Ferry Road",
    "Marigold Close",
    "Harrowgate Street",
    "Millrace Avenue",
)
TOWNS = ("Mossbridge MB4 7QT", "Kettlewick KW1 2LP", "Dunmarsh DM9 3RS", "Harbour Fell HF2 8XN")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# Length of the account part per country; letters stand for the bank.
IBAN_SHAPES = (("GB", "FAKE", 14), ("DE", "", 18), ("FR", "", 23), ("NL", "FAKE", 10), ("ES", "", 20), ("NO", "", 11))
CARD_STARTS = (("400000", 16), ("555555", 16), ("222300", 16), ("378200", 15), ("601199", 16), ("401288", 16))


def digits(count: int, *key: object) -> str:
    """`count` digits out of a key."""
    out = ""
    while len(out) < count:
        out += str(number("digits", *key, len(out)))[1:]
    return out[:count]


def luhn_check_digit(body: str) -> str:
    """The last digit that makes a card number valid (ISO/IEC 7812-1)."""
    total = 0
    for place, char in enumerate(reversed(body)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def iban_of(country: str, account: str) -> str:
    """An IBAN with its two check digits (ISO 13616, mod 97)."""
    spelled = "".join(str(int(char, 36)) for char in account + country + "00")
    return f"{country}{98 - int(spelled) % 97:02d}{account}"


def nhs_of(body: str) -> str | None:
    """A ten-digit NHS number (mod 11), or None where the check digit would be 10."""
    check = -sum(int(char) * weight for char, weight in zip(body, range(10, 1, -1), strict=True)) % 11
    return None if check == 10 else f"{body}{check}"


def base58check(payload: bytes) -> str:
    """Base58Check text of a version byte and a hash, as in old bitcoin addresses."""
    full = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    value, out = int.from_bytes(full), ""
    while value:
        value, rest = divmod(value, 58)
        out = BASE58[rest] + out
    return "1" * (len(full) - len(full.lstrip(b"\0"))) + out


def _words(turn: int) -> tuple[str, str]:
    return FIRST[turn % len(FIRST)], LAST[(turn * 7 + turn // len(LAST)) % len(LAST)]


def _person(turn: int) -> str:
    return " ".join(_words(turn))


def _email(turn: int) -> str:
    first, last = (word.lower() for word in _words(turn + 31))
    shapes = (f"{first}.{last}", f"{first[0]}{last}{turn % 90 + 10}", f"{last}_{first}", f"{first}+lamps")
    return f"{pick(shapes, 'mail', turn)}@{('example.com', 'example.org', 'post.example.net')[turn % 3]}"


def _phone_us(turn: int) -> str:
    area, line = 201 + number("area", turn) % 700, f"01{number('line', turn) % 100:02d}"
    return (f"({area}) 555-{line}", f"{area}-555-{line}", f"+1 {area} 555 {line}", f"{area}.555.{line}")[turn % 4]


def _phone_abroad(turn: int) -> str:
    shapes = (
        "+44 20 7946 0{}",
        "+44 7700 900{}",
        "+33 6 39 98 {} {}",
        "+49 30 23125 {}",
        "01632 960{}",
        "+33 1 99 00 {} {}",
    )
    parts = shapes[turn % len(shapes)].split("{}")
    if len(parts) == 3:
        return f"{parts[0]}{digits(2, 'abroad', turn)}{parts[1]}{digits(2, 'abroad2', turn)}"
    return parts[0] + digits(3, "abroad", turn)


def _card(turn: int) -> str:
    start, length = CARD_STARTS[turn % len(CARD_STARTS)]
    body = start + digits(length - 1 - len(start), "card", turn)
    full = body + luhn_check_digit(body)
    groups = [full[:4], full[4:10], full[10:]] if length == 15 else [full[i : i + 4] for i in range(0, 16, 4)]
    return ("-" if turn % 3 == 1 else "" if turn % 3 == 2 else " ").join(groups)


def _iban(turn: int) -> str:
    country, bank, count = IBAN_SHAPES[turn % len(IBAN_SHAPES)]
    full = iban_of(country, bank + digits(count, "iban", turn))
    return full if turn % 2 else " ".join(full[i : i + 4] for i in range(0, len(full), 4))


def _ssn(turn: int) -> str:
    # Areas 773 to 899 were never handed out before numbers became random.
    return f"{773 + number('ssn', turn) % 127}-{number('group', turn) % 98 + 1:02d}-{number('serial', turn) % 9000 + 999:04d}"


def _mac(turn: int) -> str:
    # 00-00-5E-00-53-xx is kept for documents (RFC 7042).
    return ("-" if turn % 2 else ":").join(["00", "00", "5E", "00", "53", f"{number('mac', turn) % 256:02X}"])


def _ip(turn: int) -> str:
    return f"{('192.0.2', '198.51.100', '203.0.113')[turn % 3]}.{number('ip', turn) % 254 + 1}"


def _ipv6(turn: int) -> str:
    tail = ":".join(f"{number('v6', turn, part) % 65535 + 1:x}" for part in range(3))
    return f"2001:db8::{tail}" if turn % 2 else f"2001:db8:{number('v6', turn) % 4095 + 1:x}::{tail}"


def _street(turn: int) -> str:
    return f"{number('house', turn) % 180 + 2} {LANES[turn % len(LANES)]}, {pick(TOWNS, 'town', turn)}"


def _birth(turn: int) -> str:
    day, month, year = number("day", turn) % 28 + 1, number("month", turn) % 12, 1934 + number("year", turn) % 75
    name = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ][month]
    return (f"{day} {name} {year}", f"{day:02d}/{month + 1:02d}/{year}", f"{year}-{month + 1:02d}-{day:02d}")[turn % 3]


def _wallet(turn: int) -> str:
    return base58check(bytes([5 if turn % 3 == 2 else 0]) + hashlib.sha256(f"nobody {turn}".encode()).digest()[:20])


def _passport(turn: int) -> str:
    return digits(9, "passport", turn) if turn % 2 else pick("CEKXZ", "letter", turn) + digits(8, "passport", turn)


def _url(turn: int) -> str:
    first, last = (word.lower() for word in _words(turn + 57))
    shapes = (
        f"https://shop.example.net/u/{first}-{last}/orders",
        f"https://example.com/track?name={first}%20{last}&id={digits(6, 'url', turn)}",
        f"https://papers.example.org/{last}/{first}.pdf",
    )
    return shapes[turn % 3]


def _key(turn: int) -> str:
    secret = hashlib.sha256(f"not a secret {turn}".encode()).hexdigest()[:28]
    return f"{('brindle_fake', 'perch_demo', 'bwfeed_test')[turn % 3]}_{secret}"


def _handle(turn: int) -> str:
    first, last = (word.lower() for word in _words(turn + 83))
    return (f"@{first}_{last}", f"@{last}{number('handle', turn) % 90 + 10}", f"@the.real.{first}{turn}")[turn % 3]


def _nhs(turn: int) -> str:
    tries = (nhs_of("999" + digits(6, "nhs", turn, attempt)) for attempt in range(20))
    full = next(value for value in tries if value)
    return f"{full[:3]} {full[3:6]} {full[6:]}" if turn % 2 else full


def _badge(turn: int) -> str:
    return f"{('EMP-', 'BWK/', 'STF')[turn % 3]}{digits(6, 'badge', turn)}"


MAKERS: dict[str, Callable[[int], str]] = {
    "person": _person,
    "email": _email,
    "phone-us": _phone_us,
    "phone-international": _phone_abroad,
    "credit-card": _card,
    "iban": _iban,
    "us-ssn": _ssn,
    "ip-address": _ip,
    "ipv6-address": _ipv6,
    "mac-address": _mac,
    "postal-address": _street,
    "date-of-birth": _birth,
    "crypto-wallet": _wallet,
    "passport": _passport,
    "url": _url,
    "api-key": _key,
    "handle": _handle,
    "nhs-number": _nhs,
    "employee-id": _badge,
}


def fake(kind: str, turn: int) -> str:
    """The value number `turn` of a kind."""
    return MAKERS[kind](turn)

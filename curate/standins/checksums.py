"""Check digits, so that what stands in for a valid number is valid in the same way.

luhn("424242424242424")            # "2"
iban("GB", "WEST12345698765432")   # "82"
"""

import hashlib

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_WORDS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def luhn(number: str) -> str:
    """The digit that ends a card number (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 - place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def iban(country: str, account: str) -> str:
    """The two check digits of an IBAN (ISO 13616, ISO/IEC 7064 mod 97-10)."""
    number = "".join(str(int(c, 36)) for c in f"{account}{country}00".upper())
    return f"{98 - int(number) % 97:02d}"


def nhs(nine: str) -> str | None:
    """The last digit of an NHS number, None where the nine before can have none (NHS Data Dictionary, modulus 11)."""
    rest = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(nine)) % 11
    return None if rest == 10 else str(rest % 11)


def dea(six: str) -> str:
    """The last digit of a US drug enforcement number."""
    odd, even = (sum(map(int, six[start::2])) for start in (0, 1))
    return str((odd + 2 * even) % 10)


def base58check(payload: bytes) -> str:
    """An address of the first Bitcoin kind: version byte and hash, with four bytes of double SHA-256 behind."""
    whole = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, out = int.from_bytes(whole, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        out = BASE58[rest] + out
    return "1" * (len(whole) - len(whole.lstrip(b"\0"))) + out


def bech32(prefix: str, words: list[int], constant: int) -> str:
    """A segwit address (BIP 173 with constant 1, BIP 350 with 0x2bc830a3): five-bit words with six of checksum behind."""
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for value in [*spread, *words, *[0] * 6]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, word in enumerate(_BECH32_WORDS):
            check ^= word if top >> bit & 1 else 0
    check ^= constant
    tail = [check >> 5 * (5 - place) & 31 for place in range(6)]
    return f"{prefix}1" + "".join(BECH32[word] for word in [*words, *tail])

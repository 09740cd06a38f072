"""Choices that a key and a text decide, always the same ones.

    draw = Draw(b"key", "EMAIL", "jane@corp.example", 0)
    draw.pick(["a", "b", "c"]), draw.below(10)

The stream is SHAKE-256 of an HMAC-SHA-256 (RFC 2104) under the key: without the key nobody can tell which value a stand-in
stands for, not even by trying names one after the other.
"""

import hashlib
import hmac
import string
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
BYTES = 1024


class Draw:
    """A stream of numbers."""

    def __init__(self, key: bytes, *what: str | int) -> None:
        said = "\0".join(map(str, what)).encode("utf-8", "surrogatepass")
        self._seed = hmac.new(key, said, hashlib.sha256).digest()
        self._held, self._round = b"", 0

    def below(self, n: int) -> int:
        """A number from 0 to n - 1. Eight bytes each, so the bias is below n / 2^64."""
        if len(self._held) < 8:
            self._held = hashlib.shake_256(self._seed + self._round.to_bytes(8, "big")).digest(BYTES)
            self._round += 1
        taken, self._held = self._held[:8], self._held[8:]
        return int.from_bytes(taken, "big") % n

    def pick(self, among: Sequence[T]) -> T:
        return among[self.below(len(among))]

    def digits(self, count: int) -> str:
        return "".join(self.pick(string.digits) for _ in range(count))

    def like(self, value: str) -> str:
        """Each letter by a letter, each digit by a digit, in the same case; a first digit that is no zero stays none."""
        out, first = [], True
        for c in value:
            if c.isdecimal():
                out.append(self.pick("123456789" if first and c != "0" else string.digits))
            elif c.isalpha():
                out.append(self.pick(string.ascii_uppercase if c.isupper() else string.ascii_lowercase))
            else:
                out.append(c)
            first = first and not c.isalnum()
        return "".join(out)

"""One question sent over HTTP and one answer taken back, with a bound on everything the other side decides.

    line = Line(address("http://127.0.0.1:8000/v1"), key=None)
    line.post({"model": "qwen", "messages": [...]}, seconds=60)       # the bytes of the answer

`curate.server` asks many such questions. Here are the rules of a single one: http and https only, no redirect followed, no
proxy between us and this machine, so many bytes and seconds and no more. A `Failed` says why there is no answer and
whether to try again. What a server writes about an error is not repeated but for short code words, because servers quote
the question, and some quote the key.
"""

import ipaddress
import json
import re
import ssl
import time
from collections.abc import Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from curate.errors import BadInput, Surroundings

LARGEST = 4 * 2**20  # bytes of an answer
LONGEST_WAIT = 60.0  # seconds that a server may ask us to wait
REDIRECTS = (301, 302, 303, 307, 308)
OF_THE_QUESTION = (400, 413, 422)  # what these refuse is this question, not every question

_CODE_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,50}")


class Failed(Exception):
    """No answer to this question.

    `again`: another try may help, after `wait` seconds. `absent`: no connection was made. `of_server`: the next question
    may well fail in the same way.
    """

    def __init__(
        self, why: str, *, again: bool = False, absent: bool = False, of_server: bool = True, wait: float = 0.0
    ) -> None:
        super().__init__(why)
        self.why, self.again, self.absent, self.of_server, self.wait = why, again, absent, of_server, wait


class Line:
    """A way to one server. The key is in no message and no repr. Several threads may use one line."""

    def __init__(self, url: str, key: str | None) -> None:
        self.url, self._key = url, key
        self._opener = _opener(url)

    def post(self, question: Mapping[str, Any], seconds: float) -> bytes:
        """The bytes of the answer. Raises Failed, or BadInput and Surroundings for what no other question would change."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "winnow"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        body = json.dumps(question).encode()
        asked = request.Request(f"{self.url}/chat/completions", data=body, headers=headers, method="POST")
        try:
            with self._opener.open(asked, timeout=max(0.001, seconds)) as answer:
                return _within(answer, time.monotonic() + seconds)
        except HTTPError as problem:
            with problem:
                raise self._refusal(problem) from None
        except URLError as problem:
            raise self._no_connection(problem.reason) from None
        except TimeoutError:
            raise Failed(f"no answer within {round(seconds, 1):g} seconds") from None
        except (OSError, HTTPException):
            raise Failed("the server broke off its answer", again=True) from None

    def _refusal(self, problem: HTTPError) -> Exception:
        status = problem.code
        if status in REDIRECTS:
            return BadInput("the server redirects to another address, which is not followed", where=self.url)
        if status == 401:
            what = "the server refuses the key" if self._key else "the server wants a key, and none is sent"
            return BadInput(what, where=self.url, hint="name the environment variable that holds the server's key")
        if status == 404:
            what = "the server answers 404: it does not know the model, or answers under another path"
            return BadInput(
                what, where=self.url, hint="an address that ends in /v1, or the model's name as it is served"
            )
        why = f"HTTP {status}" + _code_words(problem, self._key)
        if status not in (408, 429) and status < 500:
            return Failed(why, of_server=status not in OF_THE_QUESTION)
        if (wait := _retry_after(problem.headers)) > LONGEST_WAIT:
            return Failed(f"{why}: it asks to wait {wait:.0f} seconds, more than {LONGEST_WAIT:.0f}")
        return Failed(why, again=True, wait=wait)

    def _no_connection(self, reason: object) -> Exception:
        if isinstance(reason, ConnectionResetError | BrokenPipeError):
            return Failed("the server broke off the connection", again=True)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Surroundings("the server's TLS certificate cannot be verified", where=self.url)
        return Failed(_in_words(reason), again=True, absent=True)


def address(url: str) -> str:
    """The part of an address before `/chat/completions`. A refused one is not repeated: it may hold a password."""
    bad = BadInput("the server's address must look like http://HOST:PORT/v1, without name, password or '?'")
    said = url.strip()
    try:
        parts = urlsplit(said)
        _ = parts.port
    except ValueError:
        raise bad from None
    plain = all("!" <= letter <= "~" and letter not in "@?#\\" for letter in said)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise bad
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def is_this_machine(url: str) -> bool:
    """Whether the address is one that never leaves this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _opener(url: str) -> request.OpenerDirector:
    # Put together by hand: the usual opener also reads files and FTP, and follows redirects.
    opener = request.OpenerDirector()
    proxy = request.ProxyHandler({}) if is_this_machine(url) else request.ProxyHandler()
    errors = (request.HTTPDefaultErrorHandler(), request.HTTPErrorProcessor())
    for handler in (proxy, request.HTTPHandler(), request.HTTPSHandler(), *errors):
        opener.add_handler(handler)
    return opener


def _within(answer: HTTPResponse, until: float) -> bytes:
    """The bytes of an answer that is neither too large, nor too slow, nor broken off."""
    parts, size = [], 0
    while part := answer.read1(65_536):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise Failed(f"the answer is larger than {LARGEST:,} bytes", of_server=False)
        if time.monotonic() > until:
            raise TimeoutError
    if answer.length:
        raise Failed("the server broke off its answer", again=True)
    return b"".join(parts)


def _in_words(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "no connection in time"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return "no connection"


def _retry_after(headers: Message) -> float:
    """Seconds that the server asks us to wait; 0 where it says nothing that can be read."""
    said = str(headers.get("Retry-After") or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", said):
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _code_words(problem: HTTPError, key: str | None) -> str:
    """The server's own short word for the error: ` (context_length_exceeded)`."""
    try:
        said = json.loads(problem.read(65_536))
        error = said["error"] if isinstance(said.get("error"), dict) else said
        words = [error.get("code"), error.get("type")]
    except (ValueError, AttributeError, TypeError, OSError, HTTPException, RecursionError):
        return ""
    short = [word for word in words if isinstance(word, str) and _CODE_WORD.fullmatch(word)]
    short = [word for word in short if not (key and (key in word or word in key))]
    return f" ({short[0]})" if short else ""

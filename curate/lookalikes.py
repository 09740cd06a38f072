"""What looks like personal data and is none: one function per kind, asked about every match of a recogniser.

    email("see git@github.com:org/repo", (4, 18, 0.5))      # None: that is no mailbox

Each takes the whole text and a span (start, end, score) and gives the span back, mended or with another score, or None.
"""

import re
from functools import cache
from math import log2
from typing import Any

from curate import phones

Span = tuple[int, int, float]

I = re.IGNORECASE  # noqa: E741

RESERVED_TLD = ("test", "example", "invalid", "local", "localhost", "internal", "intranet", "lan", "corp", "home")


TEMPLATE_MAIL = re.compile(
    r"your[\w.-]*@.*|(?:user|username|name|email|e-mail|mail|someone|example|test|foo|first(?:_?name)?\.last(?:_?name)?)@"
    r"(?:e?mail|example|domain|company|test|site|website|your[\w-]*)\.\w+",
    I,
)


@cache
def _suffixes() -> Any:
    # The suffix list that comes with tldextract: no request, no cache folder.
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def email(text: str, span: Span) -> Span | None:
    start, end, score = span
    value = text[start:end]
    # Presidio allows every character that the standard allows in front of the @: "email=jane@x.org", "a/b@x.org".
    start += max(value.rfind(c, 0, value.index("@")) for c in "=/|`{}?&*'!#$%^~") + 1
    value = text[start:end]
    local, _, domain = value.rpartition("@")
    if (
        not any(c.isalnum() for c in local)
        or (local == "git" and text[end : end + 1] == ":")
        or TEMPLATE_MAIL.fullmatch(value)
    ):
        return None
    known = bool(_suffixes()(domain).suffix) or domain.rsplit(".", 1)[-1].lower() in RESERVED_TLD
    return (start, end, max(score, 0.9)) if known else None


BRANDS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?|35\d{14}|62\d{14,17}"
)


def card(text: str, span: Span) -> Span | None:
    start, end, _ = span
    number = phones.digits(text[start:end])
    if text[max(0, start - 2) : start].endswith((".", ",")) and text[max(0, start - 2) : start - 1].isdigit():
        return None  # the tail of a decimal number
    doubled = [sum(divmod(2 * int(d), 10)) if i % 2 else int(d) for i, d in enumerate(reversed(number))]
    if sum(doubled) % 10 or len(set(number)) < 2:
        return None
    return start, end, 1.0 if BRANDS.fullmatch(number) else 0.3


def ssn(text: str, span: Span) -> Span | None:
    start, end, score = span
    return start, end, score if text[start:end].count("-") == 2 else min(score, 0.3)


VERSION_WORD = re.compile(r"(?:\bversion|\bv|\brelease|\bsection|§|\bchapter|\bclause)[ .:]*$", I)
NOT_PERSONAL_IP = re.compile(r"(?:0|127|22[4-9]|23\d|24\d|25\d)\.|::1?(?:/|$)")


def ip(text: str, span: Span) -> Span | None:
    start, end, score = span
    value = text[start:end]
    if NOT_PERSONAL_IP.match(value) or VERSION_WORD.search(text[max(0, start - 12) : start]):
        return None
    if ":" in value:
        groups = [g for g in re.split(r"[:/%]", value) if g]
        # Slices and scopes have colons too: x[::2], add::fed.
        return span if len(groups) >= 2 and any(len(g) >= 3 and any(c.isdigit() for c in g) for g in groups) else None
    if text[end : end + 2].strip(".")[:1].isdigit() and text[end : end + 1] == ".":
        return None  # more than four groups
    if max(map(int, re.split(r"[./]", value)[:4])) < 10:
        return start, end, min(score, 0.3)  # 1.2.3.4 is as often a heading
    return span


def mac(text: str, span: Span) -> Span | None:
    start, end, score = span
    letters = any(c.isalpha() for c in text[start:end])
    return start, end, score if letters or ":" in text[start:end] else 0.3


USER_KEYS = (
    "e-?mail|mail|user(?:_?name|_?id)?|uid|login|account|token|access_?token|id_?token|refresh_?token|auth|key|api_?key"
    "|apikey|secret|client_?secret|session(?:_?id)?|sid|sig|signature|passw(?:or)?d|pwd|pass|phone|ssn|dob"
)
NOT_A_VALUE = r"(?![<{$%\[&#;]|your|my|xxx|example\b|\.\.\.|\*)"
URL_QUERY = re.compile(
    rf"[?&;#](?:[\w.-]*[_.-])?(?:{USER_KEYS})={NOT_A_VALUE}[^&#;\s]{{2,}}"
    r"|[?&;#](?:\w+_?)?name=[a-z'-]+(?:%20|\+)[a-z'%20+-]+",
    I,
)
URL_USER = re.compile(r"://[^/?#\s:@]+(?::[^/?#\s@]*)?@[^/?#\s]")
URL_PATH = re.compile(
    r"(?:/(?:users?|u|profiles?|accounts?|members?|people|home)/|/@|/~|//(?:www\.)?linkedin\.com/in/"
    r"|//(?:www\.|m\.)?(?:facebook|instagram|twitter|x|tiktok|snapchat)\.com/(?:add/)?|//t\.me/)"
    r"([A-Za-z][\w.%+-]*[A-Za-z0-9]|\d{5,})(?=$|[/?#])",
    I,
)
NOT_A_USER = re.compile(
    r"(?:me|self|login|logout|signin|signup|register|new|edit|all|list|search|settings?|profiles?|account|api|docs?|help|home"
    r"|about|index(?:\.\w+)?|guide|manual|username|user_?name|user_?id|user|name|id|your\w*|example\w*|events|groups|pages|hashtag|share"
    r"|sharer(?:\.php)?|intent|watch|p|explore|reel|i|status|privacy|terms|policies|en|local|bin|lib)",
    I,
)


def url(text: str, span: Span) -> Span | None:
    start, end, score = span
    value = text[start:end].rstrip(".,;:!?'\"")
    if value.count("(") < value.count(")"):
        value = value.rstrip(")")
    end = start + len(value)
    if URL_QUERY.search(value) or URL_USER.search(value):
        return start, end, score
    names = [match.group(1) for match in URL_PATH.finditer(value)]
    return (start, end, score) if any(not NOT_A_USER.fullmatch(name) for name in names) else None


BIRTH = (
    r"\bd\.?o\.?b\b\.?|\b(?:date|day|year) of birth|\bbirth ?(?:date|day)s?\b|\bgeb(?:oren am|urtsdatum|\.)"
    r"|(?:^|[\n,;|]\s{0,3})b\.\s{0,2}(?=\d|$)"  # "Jane Doe, b. 3.5.1990"
    r"|\bdate de naissance|\bn[ée]e? le\b|\bfecha de nacimiento|\bnacid[oa] el\b|\bdata di nascita|\bborn\b"
)
BORN = re.compile(r"(?:[\n,;|]?\s*b\.\s*|\bborn\b)", I)
NOT_OF_BIRTH = re.compile(
    r"[\"”!?]\s|\.\s(?!it\b|that\b)|\bof the\b", I
)  # another sentence, or the birthday of a thing
FIRST_PERSON = re.compile(r"\b(?:I|I'm|I am|we|you)(?: was| were| am)? born\b|\bpatient\b|\bborn\s*:", I)
# A line of a form holds nothing else: "Born 3 May 1990". One that goes on is an encyclopaedia's.
LINE, LINE_ENDS = (
    re.compile(r"(?:^|[\n|])[ \t]{0,3}(?:born(?: on)?|b\.)[ \t]*$", I),
    re.compile(r"[ \t]*\.?(?:$|[\n|;])"),
)


def birth(text: str, span: Span) -> Span | None:
    start, end, _ = span
    left = text[max(0, start - 45) : start]
    right = text[end : end + 12]
    year = re.search(r"\d{4}", text[start:end])
    if year and not 1900 <= int(year.group()) <= 2099:
        return None
    found = list(re.finditer(BIRTH, left, I))
    clue = [match.group() for match in found]
    if found and NOT_OF_BIRTH.search(left[found[-1].end() :]):
        return None
    if not clue and re.search(r"\bborn\b", right, I):
        return None  # "(16 September 1923 - 23 March 2015), born Harry": the word belongs to what follows
    # "was born on 14 March 1879" is an encyclopaedia's sentence; in the first person or in figures it is a record's.
    if clue and all(BORN.fullmatch(c) for c in clue) and text[start:end].upper() != text[start:end].lower():
        return span if FIRST_PERSON.search(left) or (LINE.search(left) and LINE_ENDS.match(right)) else None
    return span


DATE_LIKE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|(?:19|20)\d\d[-–](?:19|20)\d\d")


def not_a_date(text: str, span: Span) -> Span | None:
    return None if DATE_LIKE.fullmatch(text[span[0] : span[1]]) else span


def word(text: str, span: Span) -> Span | None:
    """The match stands on its own: no letter, digit or underscore touches it."""
    start, end, _ = span
    touching = text[max(0, start - 1) : start] + text[end : end + 1]
    return None if any(c.isalnum() or c == "_" for c in touching) else span


NOT_A_PHONE = re.compile(
    r"(?:\bisbn(?:[- ]?1[03])?|\bissn|\bdoi|\barxiv|\brfc|\bpmid|\bserial|\bpart|\bmodel|\bsku|\border|\binvoice|\bticket|\btracking"
    r"|\bcase|\bversion|\bpatent|\bversus|\bpages?|\bpp?\.|\bvol(?:ume)?|\bzip|\beuro?s?|\busd|\bid)"
    r"(?:\s+(?:no|number|num|code|id|is|of|was)\b\.?)*[\s:#.=(]*$",
    I,
)
IN_URL = re.compile(r"(?:://|www\.)[^\s<>\"']*$")


def phone(text: str, span: Span) -> Span | None:
    left = text[max(0, span[0] - 200) : span[0]]
    # Digits that another number continues ("3.14159 26535", "12 + 5551234567 - 1") are arithmetic.
    tail = text[span[1] : span[1] + 3]
    if NOT_A_PHONE.search(left[-40:]) or IN_URL.search(left) or re.match(r"\s?[=^*×÷]|[.,]\d|\s?[+]\s?\d", tail):
        return None
    return None if re.search(r"[=^*×÷+]\s?$|\d[.,]\s?$", left) and text[span[0]] != "+" else span


def _entropy(value: str) -> float:
    shares = [value.count(c) / len(value) for c in set(value)]
    return -sum(share * log2(share) for share in shares)


def secret(text: str, span: Span) -> Span | None:
    """A key is random: placeholders, words and repeated letters are not."""
    value = text[span[0] : span[1]]
    if value.startswith("-----BEGIN"):
        return span
    return (
        span
        if _entropy(value) >= 3.0 and not re.search(r"x{5}|your|example_|\*{3}|\.{3}|0{8}|1234567890abc", value, I)
        else None
    )


def password(text: str, span: Span) -> Span | None:
    value = text[span[0] : span[1]]
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return span if mixed and not re.search(r"[()\[\]{}]|^<|\*{3}|your|^https?:", value, I) else None


CODE_WORD = re.compile(
    r"param|return|returns|throws|see|author|since|deprecated|override|autowired|test|before|after|media"
    r"|import|charset|keyframes|property|staticmethod|classmethod|app|dataclass|pytest|interface|class|end"
    r"|implementation|synthesize|protocol|selector|include|extends|mixin|apply|tailwind|layer|supports|page"
    r"|component|input|output|injectable|entity|column|table|id|get|post|put|delete|bean|instagram|twitter"
    r"|facebook|youtube|tiktok|service|controller|repository|functools|wraps|user|username|name|mention"
    r"|everyone|here|channel|font-face",
    I,
)
CODE_LINE = re.compile(
    r"[;{}]\s*$|^\s*(?:def|class|import|from|return|public|private|#|//|\*|SELECT|SET|DECLARE)\b|[=!]=|=>|->|\w\(.*\)|:=|\bself\.",
    I,
)


def handle(text: str, span: Span) -> Span | None:
    start, end, score = span
    name = text[start + 1 : end]
    if re.search(r"\.(?:com|org|net|edu|gov|io|co|[a-z]{2})$", name, I):
        return None  # half of an e-mail address: {first}@corp.example
    if CODE_WORD.fullmatch(name) or text[end : end + 1] in ("(", "/", "@", "\\"):
        return None
    line_start, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    if CODE_LINE.search(line) or text.count("```", 0, start) % 2 or line.count("`", 0, start - line_start) % 2:
        return None
    # A line that is nothing but @name is a decorator or an annotation.
    if line.strip() == text[start:end] and "\n" in text:
        return None
    return start, end, score if len(name) >= 4 else 0.4


HOME_TAIL = re.compile(
    r"(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.? ?#?\d|Box \d|[A-Z]{2}\s\d{5}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$"
)


def street(text: str, span: Span) -> Span:
    """With a flat or a postcode it is somebody's; a street and a number alone may be a sight or a seat."""
    start, end, score = span
    return start, end, 0.6 if HOME_TAIL.search(text[start:end]) else score

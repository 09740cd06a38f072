"""What each kind of personal data looks like: one table, one line per rule.

    for rule in recognisers.RULES:
        print(rule.kind, rule.name)

A rule is a recogniser of presidio-analyzer (its own, or patterns of ours in its form), a cheap `gate` that says whether the
recogniser could find anything at all, a `check` that mends or refuses what it found, and words that raise the score when
they stand near. Presidio raises scores by words too, but only with a language model behind it; these rules need none.
Presidio is imported when the first recogniser is built, not before: it takes seconds.
"""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from curate import ages, lookalikes, national_ids, phones
from curate.lookalikes import Span

if TYPE_CHECKING:
    from presidio_analyzer import LocalRecognizer

Check = Callable[[str, Span], Span | None]

RAISE, RAISED_TO_AT_LEAST = 0.35, 0.6  # what a word near does to a score


@dataclass(frozen=True)
class Rule:
    """How one kind is found. `alone` caps the score when no such word stands near; 0 means: never without one."""

    kind: str
    name: str  # of the recogniser: a key of PATTERNS, or a class of presidio
    gate: re.Pattern[str]
    check: Check = lambda text, span: span
    near: re.Pattern[str] | None = None
    alone: float = 1.0
    before: int = 45  # how far words are looked for, in characters
    after: int = 20
    whole: bool = False  # a linear pattern whose matches may be longer than a window
    stems: tuple[str, ...] = ()  # whatever `near` matches holds one of these in lower case

    def judge(self, text: str, span: Span) -> Span | None:
        """The span after the check and a look at the words around it."""
        checked = self.check(text, span)
        if checked is None or self.near is None:
            return checked
        start, end, score = checked
        left, right = text[max(0, start - self.before) : start], text[end : end + self.after]
        if self.near.search(words(left)) or self.near.search(words(right)):
            return start, end, min(1.0, max(score + RAISE, RAISED_TO_AT_LEAST))
        return start, end, min(score, self.alone)


def words(text: str) -> str:
    """The text with names like passport_number as words."""
    return text.replace("_", " ")


def find(rule: Rule, text: str) -> Iterable[Span]:
    """What the rule's recogniser finds in a text, unchecked."""
    if rule.name == "PhoneNumbers":
        return phones.find(text)
    if rule.kind == ages.KIND:
        return ages.own(text) if rule.name == ages.OWN else ages.others(text)
    recogniser = _recogniser(rule.name)
    results = recogniser.analyze(text=text, entities=recogniser.supported_entities)
    return [(result.start, result.end, float(result.score)) for result in results]


@cache
def _recogniser(name: str) -> "LocalRecognizer":
    from presidio_analyzer import Pattern, PatternRecognizer, predefined_recognizers

    # Presidio logs a value that it fails to parse; a personal value must not reach a log.
    logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL + 1)
    flags = re.DOTALL | re.MULTILINE | (0 if name in CASED else re.IGNORECASE)
    if name == "IbanRecognizer":
        return predefined_recognizers.IbanRecognizer(regex_flags=flags)
    if name == "EmailRecognizer":
        # Its pattern without its check, which would fetch a list from the network; `lookalikes.email` checks instead.
        patterns = predefined_recognizers.EmailRecognizer.PATTERNS
    elif ours := PATTERNS.get(name) or national_ids.PATTERNS.get(name):
        patterns = [Pattern(name, regex, score) for regex, score in ours.items()]
    else:
        theirs: LocalRecognizer = getattr(predefined_recognizers, name)()
        return theirs
    return PatternRecognizer(supported_entity=name, name=name, patterns=patterns, global_regex_flags=flags)


# ---- patterns of ours: regex and score ---------------------------------------------------------------------------

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin|juillet"
    r"|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre"
    r"|noviembre|diciembre)\.?"
)
DATE = (
    r"(?<![\w./-])(?:\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})|\d{4}[/.-]\d{1,2}[/.-]\d{1,2})(?![\w/-]|\.\d)"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?\s?(?:of |de )?[\s-]?{MONTH}(?: de)?,?[\s-]?\d{{4}}\b"
    rf"|\b{MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}\b"
)
KEY_WITH_PREFIX = (
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[\w-]{20,}"
    r"|sk-(?:[a-z]+-)*[A-Za-z0-9_-]{16,}|[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|xox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_[a-f0-9]{40,}|shp(?:at|ss|ca|pa)_[a-fA-F0-9]{30,}|whsec_[A-Za-z0-9]{20,}"
    r"|[a-z]{2,20}[_-](?:test|live|prod|demo|fake|dev|sandbox|staging|secret|key|token|pat)[_-][A-Za-z0-9]{16,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,})(?![\w-])"
)
KEY_WITH_NAME = (
    r"(?<=\b(?:[\w-]*(?:api|access|secret|auth|private|client)[_ -]?(?:key|token|secret)|secret|token|bearer)"
    r"[\"']?\s?(?:[:=]|\bis\b|(?<=bearer))\s{0,3}[\"']?)"
    r"(?=[A-Za-z]*[0-9])(?=[0-9_/+=.-]*[A-Za-z])[A-Za-z0-9_/+=.-]{20,}"
)
KEY_BLOCK = (
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"[A-Za-z0-9+/=\s:,.\\-]{0,8000}?-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)
PASSWORD = r"(?<=\b(?:password|passwd|pwd|passcode|passphrase)[\"']?\s?(?:[:=]|\bis\b)\s{0,3}[\"'`]?)[^\s\"'`,;<>]{6,64}(?<![.!?])"
USER_WITH_NAME = (
    r"(?<=\b(?:user ?name|user_name|login|handle|screen ?name|user ?id)[\"']?\s?(?:[:=]|\bis\b)\s{0,3}[\"'`@]?)"
    r"(?=[\w.-]*[A-Za-z])(?=[A-Za-z.-]*[\d_])[A-Za-z0-9][\w.-]{2,30}(?<![.-])(?![\w(\[])"
)
STREET = (
    r"\b\d{1,5}[A-Z]?(?:[-/]\d{1,4})? (?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.? )?"
    r"(?:(?:[A-Z][a-zA-Z'’.-]+|\d{1,3}(?:st|nd|rd|th)) ){1,3}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Terrace|Close|Crescent|Parkway|Pkwy"
    r"|Circle|Cir|Trail|Way|Gardens|Grove|Row|Mews|Square|Sq|Alley|Quay|Walk|Highway|Hwy)\b\.?"
    r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.? ?#?\w{1,5})?"
    r"(?:,\s(?:[A-Z][a-zA-Z.'’-]+ ?){1,3},?\s[A-Z]{2}\s\d{5}(?:-\d{4})?\b"
    r"|,\s(?:[A-Z][a-zA-Z.'’-]+ ?){1,3},?\s?[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b)?"
)
POSTAL_WORDS = (
    r"\b(?:zip(?:[ _-]?codes?)?|post(?:al)?[ _-]?codes?|eircode|PLZ|Postleitzahl|code postal|c[óo]digo postal)"
)
# A code beside its word: "ZIP: 4056", "postcode SW1A 1AA", "PLZ 80331"; "zip file 12345" is none.
POSTAL_CODE = (
    rf"(?<={POSTAL_WORDS}"
    r"[\"']?\s?(?:[:=#]|\bis\b|\b(?:of|in)\b)?\s{0,2}[\"']?)"
    r"(?:\d{5}(?:-\d{3,4})?|\d{6}|\d{3} \d{2}|\d{4}(?: ?[A-Z]{2})?|\d{3}-\d{4}|\d{2}-\d{3}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d"
    r"|[A-Z]\d[\dW] ?[A-Z\d]{4})(?![\w-]|[.,:]\d|\s?(?:files?|folders?|archives?|times|items?|bytes|[KMG]?B)\b)"
)

PATTERNS: dict[str, dict[str, float]] = {
    "PersonalUrl": {r"\b[a-z][a-z0-9+.-]{1,20}://[^\s<>\"'`\\|^\]]{3,}": 0.8},
    "CardNumbers": {r"(?<![\w-])\d(?:[ -]?\d){11,18}(?![\w-])": 0.3},
    "EthereumAddress": {r"\b0x[0-9a-fA-F]{40}\b": 0.6},
    "DateOfBirth": {DATE: 0.6},
    "PassportNumber": {r"\b(?=(?:[A-Z]*\d){5})[A-Z0-9]{7,9}\b": 0.1},
    "DriverLicense": {r"\b(?=(?:[A-Z*-]*\d){5})[A-Z0-9*][A-Z0-9*-]{4,18}[A-Z0-9*](?![\w-])": 0.3},
    "BankAccount": {r"(?<![\w.,-])(?:\d{6,17}|\d{2}-\d{2}-\d{2})(?![\w-]|[.,]\d)": 0.1},
    "EmployeeId": {r"\b(?=(?:[A-Z/-]*\d){4})[A-Z0-9]+(?:[/-][A-Z0-9]+)?\b": 0.1},
    "KeyWithPrefix": {KEY_WITH_PREFIX: 0.9},
    "KeyWithName": {KEY_WITH_NAME: 0.6},
    "KeyBlock": {KEY_BLOCK: 1.0},
    "Password": {PASSWORD: 0.6},
    "Handle": {r"(?<![\w@./`\"'\\#$&\[\]{}>=-])@[A-Za-z_](?:[\w.]{1,28}[A-Za-z0-9_])(?![\w@/]|\.\w|-\w)": 0.5},
    "UserWithName": {USER_WITH_NAME: 0.6},
    "StreetAddress": {STREET: 0.4, r"\bP\.? ?O\.? Box \d{1,6}\b": 0.6},
    "PostalCode": {POSTAL_CODE: 0.3},
}
CASED = {
    "KeyWithPrefix",
    "KeyBlock",
    "StreetAddress",
    "Vin",
    "Plate",
    "Serial",
    "AnyIdNumber",
    "MexicanCurp",
    "MemberId",
    "MedicalRecord",
}  # patterns in which case says something

# ---- words that raise a score --------------------------------------------------------------------------------------

PHONE_WORDS = (
    r"\b(?:tele)?phones?\b|\btel\b|\bmobile\b|\bcell(?:phone)?\b|\bfax\b|\bwhats ?app\b|\bhotline\b|\bdial\b|\bsms\b"
    r"|\b(?:call|text|ring|reach)(?: me| us| him| her| them)?(?: back)?(?: (?:at|on))?\s*[:(]?\s*$|\bmy number\b"
    r"|\bcontact (?:no|number|me|us)\b|\b(?:desk|office|direct|work|home)\W{0,3}$|^\W{0,3}(?:desk|office|fax|mobile)\b"
    r"|\btelefon\b|\bt[ée]l[ée]phone\b|\bhandy\b|\bmóvil\b"
)
ACCOUNT_WORDS = (
    r"\b(?:account|acct\.?|a/c|acc\.?)\s*(?:no\b|number|num\b|#|:|is\b|id\b|ending)|\brouting\b|\baba\b|\bsort code\b"
    r"|\b(?:bank|checking|savings|current) (?:account|acct)|\bdirect deposit\b|\bwire\b|\bKontonummer\b|\bBLZ\b"
)
DRIVER_WORDS = (
    r"\bdriv(?:er|ing)\W{0,2}s?\W{0,2}\s?(?:licen[cs]e|permit)|\bDLN?\b\s?(?:no|number|#|:)|\bCDL\b"
    r"|\blicen[cs]e\s?(?:no\b|number|#)|\bF[üu]hrerschein"
)
HOME_WORDS = (
    r"\baddress|\bliv(?:e|es|ed|ing) (?:at|on|in)\b|\bresid(?:e|es|ed|ing|ence)\b|\b(?:deliver|ship|mail|send|sent)\w*\b"
    r"|\bmoved? to\b|\b(?:my|our|his|her|their) (?:\w+ )?(?:home|house|place|flat|apartment|office)\b|\bbilling\b"
    r"|\bpick (?:me |us )?up\b|\bI(?:'m| am) at\b"
)
CARD_WORDS = r"\bcards?\b|\bvisa\b|\bmaster ?card\b|\bamex\b|\bamerican express\b|\bmaestro\b|\bcc\b|\bcvv\b"
IP_WORDS = r"\bip(?:v[46])?\b|\bhost\b|\bserver\b|\baddress\b|\blogged in\b|\bping\b|\bfrom\s*$"
HEALTH_WORDS = r"\bnhs\b|\bnational health\b|\bhealth (?:services )?authority\b|\bpatient\b|\bclinic\b|\bhospital\b"
DOCTOR_WORDS = r"\bDEA\b|\bmedical\b|\bprescriber\b|\bphysician\b|\bprovider\b|\blicen[cs]e\b"
STAFF_WORDS = r"\b(?:employee|staff|personnel|payroll|badge|student|membership)(?:'s)? (?:id|no|number|#)"
SOCIAL_WORDS = (
    r"\bfollow\b|\bhandle\b|\btwitter\b|\binsta(?:gram)?\b|\btelegram\b|\bdm\b|\bsnapchat\b|\btiktok\b|\buser ?name\b"
)
TAX_WORDS = r"\bitin\b|\btax ?payer\b|\btax id\b|\btin\b"


def _rule(
    kind: str, name: str, gate: str, check: Check = lambda t, s: s, near: str = "", alone: float = 1.0, **more: Any
) -> Rule:
    return Rule(kind, name, re.compile(gate), check, re.compile(near, re.IGNORECASE) if near else None, alone, **more)


RULES = (
    _rule("EMAIL", "EmailRecognizer", r"@\w", lookalikes.email),
    _rule("URL", "PersonalUrl", r"://", lookalikes.url),
    _rule("PHONE", "PhoneNumbers", phones.GATE, lookalikes.phone, PHONE_WORDS, before=35, after=15),
    _rule("CREDIT_CARD", "CardNumbers", r"\d(?:[ -]?\d){11}", lookalikes.card, CARD_WORDS, before=60),
    _rule("IBAN", "IbanRecognizer", r"[A-Za-z]{2}\d\d"),
    _rule("US_SSN", "UsSsnRecognizer", r"\d(?:[- .]?\d){8}", lookalikes.ssn, r"\bssns?\b|\bsocial sec(?:urity)?\b|\bss ?#"),
    _rule("US_ITIN", "UsItinRecognizer", r"9\d(?:[- ]?\d){7}", near=TAX_WORDS, alone=0.4),
    _rule("IP", "IpRecognizer", r"\d\.\d{1,3}\.\d|:[0-9A-Fa-f]{0,4}:", lookalikes.ip, IP_WORDS),
    _rule("MAC", "MacAddressRecognizer", r"[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.",
          lookalikes.mac, r"\bmac\b|\b(?:hardware|physical|ethernet) address\b"),
    _rule("CRYPTO", "CryptoRecognizer", r"[A-Za-z0-9]{26}"),
    _rule("CRYPTO", "EthereumAddress", r"0[xX][0-9a-fA-F]{40}"),
    _rule("DATE_OF_BIRTH", "DateOfBirth", r"\d", lookalikes.birth, lookalikes.BIRTH, alone=0, after=12,
          stems=("birth", "born", "dob", "d.o", "o.b", "geb", "naissance", "ne le", "né le", "ee le", "ée le", "nac", "nascita", "b.")),
    _rule("PASSPORT", "PassportNumber", r"\d", lookalikes.not_a_date, r"\bpassports?\b|\b(?:Pass|Reisepass)nummer\b", alone=0),
    _rule("DRIVER_LICENSE", "DriverLicense", r"\d", lookalikes.not_a_date, DRIVER_WORDS, alone=0),
    _rule("BANK_ACCOUNT", "BankAccount", r"\d", lookalikes.not_a_date, ACCOUNT_WORDS, alone=0),
    _rule("EMPLOYEE_ID", "EmployeeId", r"\d", lookalikes.not_a_date, STAFF_WORDS, alone=0, before=30, after=0),
    _rule("NHS", "NhsRecognizer", r"\d(?:[- ]?\d){9}", near=HEALTH_WORDS, alone=0),
    _rule("MEDICAL_LICENSE", "MedicalLicenseRecognizer", r"[A-Za-z9]\d{7}", lookalikes.word, DOCTOR_WORDS, alone=0),
    _rule("API_KEY", "KeyWithPrefix", r"[A-Za-z0-9_-]{10}", lookalikes.secret),
    _rule("API_KEY", "KeyWithName", r"[A-Za-z0-9_/+=.-]{20}", lookalikes.secret),
    _rule("API_KEY", "KeyBlock", r"PRIVATE KEY", lookalikes.secret, whole=True),
    _rule("PASSWORD", "Password", r"(?i)passw|pwd|passc|passp", lookalikes.password),
    _rule("USERNAME", "Handle", r"@[A-Za-z_]", lookalikes.handle, SOCIAL_WORDS),
    _rule("USERNAME", "UserWithName", r"(?i)user|login|handle|screen"),
    _rule("STREET_ADDRESS", "StreetAddress", r"\d [A-Z\d]|Box \d|\d[A-Z] [A-Z]", lookalikes.street, HOME_WORDS, before=60),
    _rule("STREET_ADDRESS", "PostalCode", r"\d", near=POSTAL_WORDS, alone=0, after=0, stems=("zip", "post", "plz", "eircode")),
    _rule("AGE", ages.OWN, ages.GATE, ages.person),
    _rule("AGE", ages.OTHERS, ages.GATE, ages.person),
    *(_rule(row.kind, row.name, national_ids.SHORT_GATE if row.name in national_ids.SHORT else national_ids.GATE, row.check, row.near,
            row.alone, before=50, stems=tuple(row.stems.split("|"))) for row in national_ids.IDS),
)  # fmt: skip

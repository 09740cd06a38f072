"""Numbers that a state, a clinic or a maker gives to one person or one thing: patterns, check sums, and the words that name them.

    for row in national_ids.IDS:
        print(row.kind, row.name)

Most are only digits, so nearly all count only beside a word that says what they are. Presidio has recognisers for many
countries; those without one are patterns of ours with the published check sum.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

Span = tuple[int, int, float]
Check = Callable[[str, Span], Span | None]


class Id(NamedTuple):
    """One kind of number. `name`: a recogniser of presidio, or a key of PATTERNS. `near`, `alone`: see `recognisers.Rule`.

    `stems`, parted by |: whatever `near` matches holds one of them in lower case. Looking for them costs next to nothing.
    """

    kind: str
    name: str
    stems: str
    near: str
    check: Check = lambda text, span: span
    alone: float = 0.0


def _digits(text: str, span: Span) -> str:
    return "".join(c for c in text[span[0] : span[1]] if c.isalnum()).upper()


def _weighted(number: Sequence[str], weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


def france(text: str, span: Span) -> Span | None:
    """INSEE: the last two digits are 97 less the rest modulo 97; Corsica's letters count as 19 and 18."""
    number = _digits(text, span).replace("2A", "19").replace("2B", "18")
    return span if number.isdecimal() and 97 - int(number[:13]) % 97 == int(number[13:]) else None


def brazil(text: str, span: Span) -> Span | None:
    """CPF: two check digits, modulus 11."""
    number = _digits(text, span)
    if len(set(number)) == 1:
        return None
    for length in (9, 10):
        rest = _weighted(number, range(length + 1, 1, -1)) * 10 % 11 % 10
        if rest != int(number[length]):
            return None
    return span


def netherlands(text: str, span: Span) -> Span | None:
    """BSN: the eleven proof."""
    number = _digits(text, span)
    return span if int(number) and _weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 else None


def belgium(text: str, span: Span) -> Span | None:
    """The last two digits are 97 less the rest modulo 97, with a 2 before it for those born from 2000 on."""
    number = _digits(text, span)
    rests = {97 - int(century + number[:9]) % 97 for century in ("", "2")}
    return span if int(number[9:]) in rests else None


def china(text: str, span: Span) -> Span | None:
    """GB 11643: ISO 7064 modulus 11, 2."""
    number = _digits(text, span)
    rest = _weighted(number[:17], [2**place % 11 for place in range(17, 0, -1)]) % 11
    return span if "10X98765432"[rest] == number[17] else None


def luhn(text: str, span: Span) -> Span | None:
    number = _digits(text, span)
    doubled = [sum(divmod(int(d) * (1 + place % 2), 10)) for place, d in enumerate(reversed(number))]
    return span if len(set(number)) > 1 and sum(doubled) % 10 == 0 else None


def has_both(text: str, span: Span) -> Span | None:
    """A number plate or a serial has a digit; a word in capitals has none."""
    said = text[span[0] : span[1]]
    return span if re.search(r"\d", said) and re.search(r"[A-Z]", said) else None


PATTERNS: dict[str, dict[str, float]] = {
    "FrenchNir": {r"\b[1278] ?\d\d ?(?:0[1-9]|[2-9]\d|1[0-2]) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d\b": 0.5},
    "BrazilianCpf": {r"(?<![\d.-])\d{3}\.?\d{3}\.?\d{3}-?\d\d(?![\d.-])": 0.5},
    "DutchBsn": {r"(?<![\d.-])\d{9}(?![\d-]|\.\d)|(?<![\d.-])\d{4}[. ]\d{2}[. ]\d{3}(?![\d-])": 0.4},
    "BelgianNumber": {r"(?<![\d.-])\d{2}\.?\d{2}\.?\d{2}[ -]?\d{3}[. ]?\d{2}(?![\d-])": 0.4},
    "ChineseId": {r"(?<![\dA-Za-z])\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])\d{2}\d{3}[\dXx](?![\dA-Za-z])": 0.5},
    "MexicanCurp": {r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d\b": 0.6},
    "AnyIdNumber": {r"(?<![\w/-])(?=(?:[A-Z -]*\d){5})[A-Z0-9](?:[A-Z0-9]|[ -](?=[A-Z0-9])){5,17}(?![\w/-])": 0.1},
    "Vin": {r"\b(?=(?:[A-Z]*\d){3})[A-HJ-NPR-Z0-9]{17}\b": 0.4},
    "Plate": {r"(?<![\w-])[A-Z0-9ÄÖÜ]{1,4}(?:[ -][A-Z0-9]{1,5}){0,2}(?![\w-])": 0.1},
    "Imei": {r"(?<![\d-])\d{2}[ -]?\d{6}[ -]?\d{6}[ -]?\d(?![\d-])": 0.4},
    "Serial": {r"(?<![\w-])(?=(?:[A-Z-]*\d){3})[A-Z0-9][A-Z0-9-]{5,20}[A-Z0-9](?![\w-])": 0.1},
    "MedicalRecord": {r"(?<![\w-])(?:[A-Z]{1,4}-?)?\d{5,12}(?![\w-]|[.,]\d)": 0.1},
    "MemberId": {r"(?<![\w-])(?=(?:[A-Z-]*\d){5})[A-Z0-9][A-Z0-9-]{6,14}[A-Z0-9](?![\w-])": 0.1},
}

IDENTITY_STEMS = "national|personal|citizen|resident|identity|government"
IDENTITY = r"\b(?:national|personal|citizen|resident|identity|government)[ -]?(?:id|identity|identification|insurance)?\s?(?:card|no\b|number|code|#)"

IDS = (
    Id("NATIONAL_ID", "UkNinoRecognizer", "national insurance|nino|ni n", r"\bnational insurance\b|\bnino\b|\bni (?:no|number)\b"),
    Id("NATIONAL_ID", "CaSinRecognizer", "social insurance|sin", r"\bsocial insurance\b|\bsin\b(?: (?:no|number|is)|[:#])"),
    Id("NATIONAL_ID", "DeTaxIdRecognizer", "steuer|idnr|tax id", r"\bsteuer\W{0,2}(?:id|identifikations)|\bidnr\b|\btax id\b"),
    Id("NATIONAL_ID", "DeSocialSecurityRecognizer", "versicherung|svnr|social security", r"\b(?:sozial|renten)versicherung|\bsvnr\b|\bsocial security\b"),
    Id("NATIONAL_ID", "DeIdCardRecognizer", "ausweis|identity card", r"\bpersonalausweis|\bausweis|\bidentity card\b"),
    Id("NATIONAL_ID", "EsNifRecognizer", "dni|nif|" + IDENTITY_STEMS, rf"\bdni\b|\bnif\b|{IDENTITY}"),
    Id("NATIONAL_ID", "EsNieRecognizer", "nie|" + IDENTITY_STEMS, rf"\bnie\b|{IDENTITY}"),
    Id("NATIONAL_ID", "ItFiscalCodeRecognizer", "codice|fiscal", r"\bcodice fiscale\b|\bfiscal code\b", alone=0.6),
    Id("NATIONAL_ID", "PlPeselRecognizer", "pesel", r"\bpesel\b"),
    Id("NATIONAL_ID", "SePersonnummerRecognizer", "personnummer|" + IDENTITY_STEMS, rf"\bpersonnummer\b|{IDENTITY}"),
    Id("NATIONAL_ID", "FiPersonalIdentityCodeRecognizer", "hetu|henkil|" + IDENTITY_STEMS, rf"\bhetu\b|\bhenkilötunnus\b|{IDENTITY}", alone=0.5),
    Id("NATIONAL_ID", "InAadhaarRecognizer", "aadha|uidai", r"\baadha?ar\b|\buidai\b"),
    Id("NATIONAL_ID", "InPanRecognizer", "pan|permanent account", r"\bpan\b(?: (?:card|no|number|is)|[:#])|\bpermanent account\b"),
    Id("NATIONAL_ID", "AuTfnRecognizer", "tax file|tfn", r"\btax file\b|\btfn\b"),
    Id("NATIONAL_ID", "AuMedicareRecognizer", "medicare", r"\bmedicare\b"),
    Id("NATIONAL_ID", "KrRrnRecognizer", "rrn|주민|" + IDENTITY_STEMS, rf"\brrn\b|주민|{IDENTITY}"),
    Id("NATIONAL_ID", "SgFinRecognizer", "nric|fin|identity card", r"\bnric\b|\bfin\b(?: (?:no|number)|[:#])|\bidentity card\b"),
    Id("NATIONAL_ID", "ThTninRecognizer", "thai|" + IDENTITY_STEMS, rf"\bthai\b|{IDENTITY}"),
    Id("NATIONAL_ID", "TrNationalIdRecognizer", "tc|t.c|kimlik|" + IDENTITY_STEMS, rf"\btc\b|\bt\.?c\.? kimlik|\bkimlik\b|{IDENTITY}"),
    Id("NATIONAL_ID", "ZaIdNumberRecognizer", "south africa|id n|" + IDENTITY_STEMS, rf"\bsouth africa|\bid (?:no|number)\b|{IDENTITY}"),
    Id("NATIONAL_ID", "FrenchNir", "nir|sécurité sociale|securite sociale|insee|social security", r"\bnir\b|\bsécurité sociale\b|\bsecurite sociale\b|\binsee\b|\bsocial security\b", france),
    Id("NATIONAL_ID", "BrazilianCpf", "cpf", r"\bcpf\b", brazil),
    Id("NATIONAL_ID", "DutchBsn", "bsn|burgerservicenummer|sofi", r"\bbsn\b|\bburgerservicenummer\b|\bsofi", netherlands),
    Id("NATIONAL_ID", "BelgianNumber", "rijksregister|registre national|national", r"\brijksregister|\bregistre national\b|\bnational register\b|\bnational number\b", belgium),
    Id("NATIONAL_ID", "ChineseId", "身份证|resident id|" + IDENTITY_STEMS, rf"身份证|\bresident id|{IDENTITY}", china, alone=0.5),
    Id("NATIONAL_ID", "MexicanCurp", "curp", r"\bcurp\b", alone=0.5),
    Id("NATIONAL_ID", "AnyIdNumber", IDENTITY_STEMS, IDENTITY, has_both),
    Id("VEHICLE_ID", "Vin", "vin|vehicle|chassis|fahrgestell", r"\bvin\b|\bvehicle\b|\bchassis\b|\bfahrgestell"),
    Id("VEHICLE_ID", "Plate", "plate|reg|kennzeichen", r"\b(?:licen[cs]e|number|registration) plate\b|\bplate (?:no|number)|\breg(?:istration)? (?:no|number)\b|\bkennzeichen\b", has_both),
    Id("DEVICE_ID", "Imei", "imei", r"\bimei\b", luhn),
    Id("DEVICE_ID", "Serial", "serial|s/n|device id|udid|imsi|iccid", r"\bserial (?:no|number|#)|\bs/n\b|\bdevice id\b|\budid\b|\bimsi\b|\biccid\b", has_both),
    Id("MEDICAL_RECORD", "MedicalRecord", "mrn|medical|patient|hospital|health", r"\bmrn\b|\b(?:medical|patient|hospital|health) (?:record|chart|id|file)s?\b(?: (?:no|number|id))?|\bpatient (?:no|number|#)"),
    Id("MEDICAL_RECORD", "UsMbiRecognizer", "medicare|mbi|beneficiary", r"\bmedicare\b|\bmbi\b|\bbeneficiary\b"),
    Id("MEDICAL_RECORD", "MemberId", "health|medical|insurance|member", r"\b(?:health|medical|insurance) (?:plan |insurance )?(?:member(?:ship)?|policy|id)\b(?: (?:id|no|number|#))?|\bmember id\b", has_both),
)  # fmt: skip

# Five digits with little between them; some have fewer.
GATE, SHORT_GATE = r"\d(?:[A-Za-z\s./-]{0,3}\d){4}", r"[A-Z]\s?-?\d|\d\s?-?[A-Z]"
SHORT = frozenset({"Plate", "Serial", "InPanRecognizer"})

"""What the parts of a written address look like: units, postal codes, regions, countries, towns, and what stands between two parts.

    read("IL 62704")          # Part(kind="code", end=8, evidence=True, sure=True, ...)
    read("Finland was cold")  # None: it begins as a part and goes on as a sentence

Forms of codes are those of the national posts (Universal Postal Union), regions are those that are written as capitals behind a
town. Countries stand here under their English names, and a few under those of their own language, since letters end with them.
"""

import re
from typing import NamedTuple

UPPER = "A-ZÀ-ÖØ-Þ" + "".join(c for c in map(chr, (*range(0x100, 0x250), *range(0x1E00, 0x1F00))) if c.isupper())
WORD = (
    rf"(?:['’][st]-|[dDlL]['’])?[{UPPER}](?:[^\W\d_]|['’-](?=[^\W\d_]))*(?:(?<=St)\.|(?<=Ste)\.|(?<=Ft)\.|(?<=Mt)\.)?"
)
PARTICLE = r"(?:d[aeiou]|do?s|das|del(?:la)?|l[aeo]s?|el|al|sur|sous|en|am|an|im|der|den|bei|ob|aan|op|pod|nad|van|y|i)"
TOWN = (
    rf"(?:{WORD}(?: (?:{PARTICLE}[ -]){{0,2}}{WORD}){{0,4}}(?: (?:[1-9]\d?|[IVX]{{1,4}})(?:er?)?(?![\w-]))?(?![\w'’]))"
)

UNIT = (
    r"(?:(?i:ap(?:t|artment|to|pt|p|partement|partamento)|suite|ste|unit|flat|floor|level|room|rm|bldg|building|block|tower|lot|wohnung|whg|etage|stock"
    r"|piso|planta|puerta|depto|oficina|int(?:erno)?|scala|bus|bo[iî]te|bte|b[âa]t(?:iment)?|esc(?:alier|alera)?|lgh|leil|daire|kat|sala|bloco|lokal)\.?"
    r" ?(?:(?i:no|nr|n[º°])\.? ?)?#?(?:\d{1,5}(?:[-/ ]?[A-Za-z])?(?:[-/]\d{1,4})?|[A-Z]\d{0,4}(?:-?\d{1,4})?)"
    r"|# ?\d{1,5}[A-Z]?(?:-\d{1,4})?|\d{1,3}(?:st|nd|rd|th|[ºª°]|er|e|ème|\.)? ?(?i:floor|etage|stock|og|étage|piso|andar|krs)|\d{1,2}[ºª°] ?[A-Z]"
    r"|(?i:p\.? ?o\.? box|postfach|bo[iî]te postale|bp|apartado|postbus) ?\d{1,6})(?!\w)"
)

NO_MORE = r"(?![\w-]|\.\d| ?[%€$£])"
BRITISH = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
CANADIAN = r"[A-Z]\d[A-Z][ -]?\d[A-Z]\d"
IRISH = r"[A-Z]\d[\dW] ?[A-Z][A-Z\d]{3}"
PREFIXED = r"(?:[A-Z]{1,2}|FIN)-\d{3} ?\d{1,2}\d?"
STRONG = rf"(?:(?:{BRITISH}|{CANADIAN}|{IRISH}|{PREFIXED}|\d{{4}} ?(?!AM|PM|BC|AD|CE|K[BGM]|[GM]B)[A-Z]{{2}}|\d{{5}}-\d{{3,4}}){NO_MORE})"
# Figures that might count something else.
PLAIN = rf"(?:(?:\d{{5,6}}|\d{{4}}(?:-\d{{3}})?|\d{{3}} \d{{2,3}}|\d{{2}}-\d{{3}}|\d{{3}}-\d{{4}}){NO_MORE})"
YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")

# The United States, Canada, Australia, Brazil.
_REGIONS = """
AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN
TX UT VT VA WA WV WI WY DC PR GU VI AS MP FM MH PW AA AE AP AB BC MB NB NL NS NT NU ON PE QC SK YT NSW VIC QLD SA TAS ACT AC
AM BA CE ES GO MG PB RJ RN RO RR RS SE SP TO
"""
_COUNTRIES = """
Afghanistan|Albania|Algeria|Andorra|Angola|Argentina|Armenia|Australia|Austria|Azerbaijan|Bahamas|Bahrain|
Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bermuda|Bhutan|Bolivia|Bosnia and Herzegovina|Botswana|Brazil|
Brunei|Bulgaria|Burkina Faso|Burundi|Cambodia|Cameroon|Canada|Cape Verde|Chad|Chile|China|Colombia|Comoros|
Congo|Costa Rica|Croatia|Cuba|Cyprus|Czech Republic|Czechia|Denmark|Djibouti|Dominica|Dominican Republic|Ecuador|
Egypt|El Salvador|England|Equatorial Guinea|Eritrea|Estonia|Eswatini|Ethiopia|Fiji|Finland|France|Gabon|Gambia|
Georgia|Germany|Ghana|Greece|Greenland|Grenada|Guatemala|Guinea|Guinea-Bissau|Guyana|Haiti|Honduras|Hong Kong|
Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy|Ivory Coast|Jamaica|Japan|Jordan|Kazakhstan|
Kenya|Kiribati|Kosovo|Kuwait|Kyrgyzstan|Laos|Latvia|Lebanon|Lesotho|Liberia|Libya|Liechtenstein|Lithuania|
Luxembourg|Madagascar|Malawi|Malaysia|Maldives|Mali|Malta|Mauritania|Mauritius|Mexico|Micronesia|Moldova|Monaco|
Mongolia|Montenegro|Morocco|Mozambique|Myanmar|Namibia|Nauru|Nepal|Netherlands|The Netherlands|New Zealand|
Nicaragua|Niger|Nigeria|North Macedonia|Northern Ireland|Norway|Oman|Pakistan|Palau|Panama|Papua New Guinea|
Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|Romania|Russia|Rwanda|Samoa|San Marino|Saudi Arabia|
Scotland|Senegal|Serbia|Seychelles|Sierra Leone|Singapore|Slovakia|Slovenia|Solomon Islands|Somalia|South Africa|
South Korea|Republic of Korea|Spain|Sri Lanka|Sudan|Suriname|Sweden|Switzerland|Syria|Taiwan|Tajikistan|Tanzania|
Thailand|Timor-Leste|Togo|Tonga|Trinidad and Tobago|Tunisia|Turkey|Türkiye|Turkmenistan|Tuvalu|Uganda|Ukraine|
United Arab Emirates|UAE|United Kingdom|Great Britain|UK|U.K.|United States|United States of America|USA|U.S.A.|US|
U.S.|Uruguay|Uzbekistan|Vanuatu|Vatican City|Venezuela|Vietnam|Viet Nam|Wales|Yemen|Zambia|Zimbabwe|Deutschland|
Österreich|Schweiz|Suisse|Svizzera|Belgique|België|Nederland|Danmark|Sverige|Norge|Suomi|Ísland|Polska|Česko|
Česká republika|Slovensko|Slovenija|Hrvatska|Magyarország|România|Italia|España|México|Perú|Brasil|Maroc|Algérie|
Tunisie|Eesti|Latvija|Lietuva|Shqipëria|Éire
"""
REGIONS = frozenset(_REGIONS.split())
COUNTRIES = frozenset(" ".join(name.split()).casefold() for name in _COUNTRIES.split("|"))
REGION = r"(?:(?P<region>[A-Z]{2,3}|D\.C\.)(?!\w)|\((?P<province>[A-Z]{2})\)|\(" + TOWN + r"\))"

# With these a line begins that is no town, whatever the finder of names says.
NO_TOWN = re.compile(
    r"(?i)(?:tel|telephone|telefon|t[ée]l[ée]fono?|phone|mobile|mobil|cell|fax|e-?mail|mail|web|www|dear|hi|hello|hey|regards|sincerely|thanks|thank|best|kind"
    r"|warm|yours|cheers|order|invoice|ref|reference|attn|date|dated|subject|re|mr|mrs|ms|miss|dr|please|the|we|i|it|this|that|my|our|your|he|she|they"
    r"|customer|account|note|from|to|on|in|at|by|for|if|when|and|or|but|total|price|size|item|born|since|january|february|march|april|may|june|july|august"
    r"|september|october|november|december|monday|tuesday|wednesday|thursday|friday|saturday|sunday)(?!\w)"
)

_SHAPES = tuple(
    (kind, re.compile(shape))
    for kind, shape in (
        ("unit", UNIT),
        ("code", rf"(?:(?P<town>{TOWN}) ?)?{REGION} +(?P<code>{STRONG}|{PLAIN})"),
        ("code", rf"(?:(?P<town>{TOWN}) ?[-–]? ?)?(?P<strong>{STRONG})(?: (?:{PARTICLE} )?(?P<behind>{TOWN}(?: ?/ ?{TOWN})?))?(?: ?[/-]? ?{REGION})?"),
        ("code", rf"(?P<plain>{PLAIN}) +(?:{PARTICLE} )?(?P<behind>{TOWN}(?: ?/ ?{TOWN})?)(?: ?[/-]? ?{REGION})?"),
        ("code", rf"(?P<town>{TOWN})(?: ?[-–] ?| +)(?P<plain>{PLAIN})"),
        ("code", rf"(?P<plain>{PLAIN})"),
        ("country", r"(?P<country>[^\W\d_][^\d_,;|]{1,30}?)(?: +(?P<code>" + PLAIN + "))?"),
        ("region", rf"(?P<town>{TOWN}) ?[/-]? ?{REGION}"),
        ("region", REGION),
        ("country", rf"(?P<town>{TOWN}) +(?P<country>[^\W\d_][^\d_,;|]{{1,30}}?)"),
        ("town", rf"(?P<town>{TOWN}(?: ?/ ?{TOWN})?)"),
    )
)  # fmt: skip


class Part(NamedTuple):
    """One part that begins a segment: up to `end`, with the places of the town in it, if there is one."""

    kind: str  # unit | code | region | country | town
    end: int
    filled: bool  # nothing else stands in the segment
    sure: bool  # evidence by its own form: a code with letters, or behind a region
    towns: tuple[tuple[int, int], ...] = ()
    plain: str = ""  # a code of figures alone
    ahead: bool = False  # the code stands before the town


def read(segment: str) -> list[Part]:
    """The ways to read a segment as a part of an address, the likeliest first."""
    bare = segment.rstrip()
    out = []
    for kind, shape in _SHAPES:
        whole = shape.fullmatch(bare)
        match = whole or (shape.match(bare) if kind == "code" else None)
        if match and _listed(match):
            out.append(_part(kind, match, whole is not None))
    return out


def _listed(match: re.Match[str]) -> bool:
    """Whether country and region of a match are known ones, and its town begins as no label and no sentence does."""
    said = match.groupdict()
    region, country = said.get("region"), said.get("country")
    if (region and region.replace(".", "") not in REGIONS) or (country and country.casefold() not in COUNTRIES):
        return False
    return not any(NO_TOWN.match(town) for town in (said.get("town"), said.get("behind")) if town)


def _part(kind: str, match: re.Match[str], filled: bool) -> Part:
    said = match.groupdict()
    towns = tuple(match.span(name) for name in ("town", "behind") if said.get(name))
    sure = bool(said.get("strong") or (said.get("code") and said.get("region")))
    return Part(kind, match.end(), filled, sure, towns, said.get("plain") or "", said.get("behind") is not None)

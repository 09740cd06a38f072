"""Which language a text is in, where it can be told: by its script, and in Latin script by its small words.

    told("Die Lampe ist nicht mehr an und der Schalter klemmt.")       # 'German'
    told("OK")                                                        # None

None where it is in doubt: too few small words, or two languages with nearly as many.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from curate.cache import Cache, code, remember

CLEAR = 0.2  # of the words, at least, are small words of the language
FEWEST = 3  # different ones of them; one word again and again may be a name
MARGIN = 2  # times as many as of any other language
SCRIPT = 0.6  # of the letters, at least, are of the script

_SMALL = {
    "English": "the of and to in is that it for was on are as with what how this be by from or an you your can not have which will at they their i my do we if but has he she would should please give",
    "German": "der die das und ist nicht ein eine zu mit den von auf für wie wird sich des dem was im sind sie ich du wir es auch als bei oder werden kann haben einen einer eines aus nach dass",
    "French": "le la les des est et un une du dans que qui pour pas au ce sur avec il elle vous nous je sont par plus ne se aux cette ou comme être peut votre",
    "Spanish": "el la los las es y un una de que en por para con del se su como no lo más al son pero sus le ya o este esta ser puede tu usted qué cuál",
    "Italian": "il lo gli di che è e un una per con non del della sono si le la nel dei alla come più anche questo questa i da ha essere può",
    "Portuguese": "o os as é e um uma de que em por para com não do da dos das como se mais na no ao são seu sua ou ser pode você",
    "Dutch": "de het een en van is niet dat op te met voor zijn hij zij wat aan er die ook als bij naar door maar om worden kan ik je",
    "Polish": "i w na z nie się do jest że to jak od po przez są oraz dla ale być tak który która jego można",
    "Swedish": "och att det som en på är av för med den till ett inte har de jag om vi kan du från eller var",
    "Danish": "og at det som en på er af for med den til et ikke har de jeg om vi kan du fra eller var blev",
    "Turkish": "ve bir bu için ile da de çok olarak olan ne gibi daha kadar değil ama en her var mi",
    "Indonesian": "yang dan di untuk dengan ini itu dari adalah dalam pada tidak atau akan ke anda saya bisa juga oleh",
    "Vietnamese": "là và của có không một các được cho trong những với người này để đã khi tôi bạn như",
}  # fmt: skip
_OF_WORD: dict[str, tuple[str, ...]] = {
    word: tuple(name for name in _SMALL if word in _SMALL[name].split())
    for word in sorted({word for said in _SMALL.values() for word in said.split()})
}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SCRIPTS = {
    "CYRILLIC": "Cyrillic script", "GREEK": "Greek", "ARABIC": "Arabic script", "HEBREW": "Hebrew", "DEVANAGARI": "Devanagari script",
    "HANGUL": "Korean", "THAI": "Thai", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "CJK": "Chinese characters", "BENGALI": "Bengali",
    "TAMIL": "Tamil", "GEORGIAN": "Georgian", "ARMENIAN": "Armenian",
}  # fmt: skip
_CODE = re.compile(r"^ {0,3}```.*?(?:^ {0,3}```|\Z)|https?://\S+|`[^`\n]+`", re.DOTALL | re.MULTILINE)
KIND = "language"
ROOMS = ("faults/languages.py",)  # all that decides the language of a text
JAPANESE = 0.1  # of the letters of a text in Chinese characters and kana; Chinese has no kana


@lru_cache(maxsize=65_536)
def told(said: str) -> str | None:
    """The language or script of a text, code and addresses apart; None where it is in doubt."""
    plain = _CODE.sub(" ", said)
    script = None if plain.isascii() else _script(plain)
    return _latin(plain) if script in (None, "LATIN") else None if script == "?" else _SCRIPTS.get(str(script), script)


def all_told(texts: Sequence[str], cache: Cache | None = None) -> list[str | None]:
    """What `told` says of each text. A `cache` holds what was said of texts seen before."""
    if cache is None or not cache.usable:
        return [told(said) for said in texts]
    kind = f"{KIND}/{code(*ROOMS)}"
    found = remember(
        cache,
        kind,
        texts,
        lambda some: [told(said) or "" for said in some],
        str.encode,
        bytes.decode,
        model="languages",
    )
    return [one or None for one in found]


def _script(plain: str) -> str:
    """The script of most letters, "?" where none has enough of them."""
    letters = Counter[str]()
    for sign, n in Counter(plain).items():
        if sign.isalpha():
            letters[_named(sign)] += n
    total = letters.total()
    if not total:
        return "LATIN"
    if letters["HIRAGANA"] + letters["KATAKANA"] > JAPANESE * total:
        return "HIRAGANA"
    best = max(sorted(letters), key=lambda name: letters[name])
    return best if letters[best] >= SCRIPT * total else "?"


@lru_cache(maxsize=16_384)
def _named(letter: str) -> str:
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "?").split()[0]


def _latin(plain: str) -> str | None:
    words = _WORD.findall(plain.lower())
    hits, different = Counter[str](), Counter[str]()
    for word, n in Counter(words).items():  # in the order of the text, by which equals are ranked
        for name in _OF_WORD.get(word, ()):
            hits[name] += n
            different[name] += 1
    (best, most), (_, second) = [*hits.most_common(2), ("", 0), ("", 0)][:2]
    return best if different[best] >= FEWEST and most >= max(CLEAR * len(words), MARGIN * second) else None

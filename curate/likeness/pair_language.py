"""The script of a text, and for Latin script the language of most of its small words: only to tell two texts apart.

    language("wie viele Lampen hat die Schule und was kosten sie") == "de"

English is what cannot be told: a short text is never taken for a translation on one word's say.
"""

import unicodedata
from collections import Counter

__all__ = ["language"]

_WORDS = {
    "en": "the of and to in is that it for was on are as with what how",
    "de": "der die das und ist nicht ein eine zu mit den von auf für wie wird sich des dem was viele",
    "fr": "le la les des est et un une du dans que qui pour pas au ce sur combien quel avec",
    "es": "el la los las es y un una de que en por para con cuántos del se su como cuál",
    "it": "il lo gli di che è e un una per con non del della quanti come sono si",
    "pt": "o os as é e um uma de que em por para com não do da quantos como se",
    "nl": "de het een en van is niet dat op te met voor zijn hoeveel hij zij wat",
}
_LANGUAGES = {
    word: [name for name in _WORDS if word in _WORDS[name].split()] for word in " ".join(_WORDS.values()).split()
}


def language(loose: str) -> str:
    """Of a text in its loose form: a script's name, or the code of a language in Latin script."""
    script = "LATIN" if loose.isascii() else _most_used_script(loose)
    if script != "LATIN":
        return script
    hits = dict.fromkeys(_WORDS, 0)
    for word in loose.split():
        for name in _LANGUAGES.get(word, ()):
            hits[name] += 1
    best = max(hits, key=hits.__getitem__)
    return best if hits[best] >= 2 and hits[best] > 2 * hits["en"] else "en"


def _most_used_script(said: str) -> str:
    scripts = Counter[str]()
    for letter, times in Counter(said).items():
        if letter.isalpha():
            scripts[unicodedata.name(letter, "?").split()[0]] += times
    return max(sorted(scripts), key=scripts.__getitem__) if scripts else "LATIN"

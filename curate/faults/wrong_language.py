"""Answers in another language than the question, where nobody asked for one.

    other_language(exchange)       # 'asked in English, answered in German'

A question that names a language, or asks for a translation, is left alone, and so is all that is too short to tell.
"""

import re

from curate.faults.exchanges import Exchange
from curate.faults.languages import told

READ = 2_000  # characters of each side are enough to tell
FEWEST_LETTERS = 20  # of an answer in another script; Chinese says much in a few

# A question about languages may be answered in one. Names in English and in the languages themselves.
_LANGUAGE_NAMED = re.compile(
    r"\b(?:translat\w*|übersetz\w*|tradu\w+|vertal\w*|langu\w*|sprach\w*|idioma\w*|langue\w*|lingua\w*|bilingual|phrase|poem|lyrics|song|prayer|haiku|anthem"
    r"|english|german|french|spanish|italian|portuguese|dutch|polish|swedish|danish|norwegian|finnish|turkish|indonesian|vietnamese|russian|ukrainian|greek|latin"
    r"|arabic|hebrew|hindi|urdu|bengali|tamil|persian|farsi|korean|japanese|chinese|mandarin|cantonese|thai|hungarian|czech|romanian|swahili|tagalog|catalan|malay"
    r"|deutsch\w*|englisch\w*|französisch\w*|spanisch\w*|français|anglais|allemand|espagnol|español|inglés|francés|alemán|inglese|italiano|tedesco|inglês|nederlands|engels)\b"
    r"|翻译|翻譯|英文|英语|中文|日语|日本語|英語|訳|번역|영어|перевед|перевод|английск|русск|ترجم|अनुवाद",
    re.IGNORECASE,
)


def other_language(one: Exchange) -> str | None:
    """Both languages, where the answer's is told and is another one than the question's."""
    said = told(one.said[:READ]) if len(one.said) >= FEWEST_LETTERS else None
    asked = told(one.asked[:READ]) if said else None
    if said is None or asked is None or asked == said:
        return None
    if _LANGUAGE_NAMED.search(one.before) or _LANGUAGE_NAMED.search(one.system):
        return None
    if sum(c.isalpha() for c in one.said) < FEWEST_LETTERS:
        return None
    return f"asked in {asked}, answered in {said}"

"""Which work is spoken of with "she" and which with "he".

    table = counts(["The nurse said she was late.", "Our engineer lost his key."])
    table["nurse"]                  # (1, 0): texts with "she", texts with "he"

A text counts for an occupation when a sentence of it has the word and pronouns of one gender only, not both, within a few words.
That is nearness, not grammar: in "the nurse told her" the pronoun may be the patient's. Titles that carry a gender (actress,
policeman) are left out, since they would count themselves.
"""

import re
from collections.abc import Mapping, Sequence

import polars as pl

_NAMES = (
    "accountant actor analyst architect artist assistant astronaut athlete attorney author baker banker barber bartender builder "
    "butcher captain caregiver carpenter cashier ceo chef chemist cleaner clerk coach composer consultant counsellor counselor "
    "dancer dentist designer detective developer director doctor driver economist editor electrician engineer executive farmer "
    "firefighter gardener hairdresser historian housekeeper inspector janitor journalist judge lawyer lecturer librarian "
    "manager mathematician mayor mechanic musician nanny novelist nurse officer painter paramedic pharmacist philosopher photographer "
    "physician physicist pilot plumber poet politician president principal professor programmer psychologist receptionist reporter "
    "sailor scientist secretary senator singer soldier student surgeon tailor teacher technician therapist trainer translator tutor "
    "veterinarian waiter writer"
)
WORK = _NAMES.split()
NEAR = 10  # words between occupation and pronoun
_ANY = re.compile(rf"\b({'|'.join(WORK)})s?\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_TOKEN = re.compile(r"[A-Za-z]+")
SHE, HE = frozenset({"she", "her", "hers", "herself"}), frozenset({"he", "him", "his", "himself"})


def counts(texts: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Occupation -> how many texts speak of it with "she", and how many with "he"; the most frequent first."""
    found: dict[str, list[int]] = {}
    # One search in bulk: most texts name no occupation.
    some = pl.Series(texts, dtype=pl.String).str.contains(_ANY.pattern.replace(r"\b(", r"(?i)\b(", 1))
    for said in (texts[i] for i in some.arg_true()):
        for work, side in sorted({hit for one in _SENTENCE.split(said) for hit in _of_sentence(one)}):
            found.setdefault(work, [0, 0])[side] += 1
    order = sorted(found, key=lambda work: (-sum(found[work]), work))
    return {work: (found[work][0], found[work][1]) for work in order}


def _of_sentence(one: str) -> set[tuple[str, int]]:
    """(occupation, 0 for she or 1 for he) of one sentence."""
    words = [word.lower() for word in _TOKEN.findall(one)]
    pronouns = [(place, 0 if word in SHE else 1) for place, word in enumerate(words) if word in SHE or word in HE]
    # The search is slow, and most sentences have no pronoun.
    if len({side for _, side in pronouns}) != 1 or not _ANY.search(one):
        return set()
    works = [(place, work) for place, word in enumerate(words) if (work := _singular(word))]
    return {(work, side) for place, work in works for at, side in pronouns if abs(at - place) <= NEAR}


_KNOWN: Mapping[str, str] = {work: work for work in WORK}


def _singular(word: str) -> str:
    # "Nurses" are several people: "she" beside them is somebody else.
    return _KNOWN.get(word, "")

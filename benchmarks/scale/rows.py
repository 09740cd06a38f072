"""Synthetic training rows in any number, with planted duplicates: short questions and answers, written by a small grammar.

    write(Path("rows.jsonl"), 100_000, seed=0)      # also rows.truth.jsonl: each planted copy and its original

Words follow Zipf's law over a million words, so new words keep coming as they do in real text, and common ones crowd. Of a
hundred rows 70 are originals, 20 near copies of one (typos, case and marks, a dropped word; numbers and negations stay), 4
exact copies, 5 own questions with one of a few stock answers, and 1 of a few stock rows with a word of its own. Every row
is a function of its number and the seed, so a copy can stand anywhere in the file.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.text import SMALL_WORDS

Numbers = npt.NDArray[np.int64]
Draws = npt.NDArray[np.uint64]

VOCABULARY = 1_000_000
SHIFT = 2.7  # Mandelbrot's: the few most frequent words are not as frequent as Zipf's law alone says
ROWS_AT_ONCE = 20_000
ORIGINALS, NEAR, EXACT, STOCK_ANSWERS = 70, 90, 94, 99  # of a hundred rows, up to
ASKED, ANSWERED = (3, 8), (12, 30)  # words of Zipf's law in a question and in an answer
DRAWS = 48  # numbers per row

FORMS = (
    "How do I {}?", "What is the best way to {}?", "Explain {} in simple terms.", "Write a short note about {}.",
    "Why does {} happen?", "Give three tips on {}.", "Summarise what is known about {}.", "Can you compare {}?",
    "List the steps to {}.", "Who was the first to describe {}?", "Translate into plain words: {}", "When should I {}?",
    "Is it true that {}?", "What are the risks of {}?", "Suggest a title for a text on {}.", "Tell me about {}.",
)  # fmt: skip
STOCK = (
    "I am sorry, but I cannot help with that request. Please ask me something else.",
    "As a language model I do not have personal opinions, but I can give you general information.",
    "I do not know the answer to this question. You may want to ask an expert.",
    "Thank you for your question! Our team will get back to you within two working days.",
)
GREETINGS = (
    "Hello there, how are you doing today",
    "Please say something nice to me",
    "Good morning, is anybody there",
)
ONSETS = [
    "b",
    "br",
    "c",
    "ch",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "qu",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "z",
]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
CODAS = ["", "", "n", "r", "s", "l", "t", "nd", "ck", "m"]


def write(path: Path, rows: int, seed: int = 0) -> None:
    """Write the rows, and the truth beside them: `{"id", "twin", "kind"}` for every planted copy."""
    with path.open("w", encoding="utf-8") as out, path.with_suffix(".truth.jsonl").open("w") as truth:
        for begin in range(0, rows, ROWS_AT_ONCE):
            for row, planted in made(np.arange(begin, min(begin + ROWS_AT_ONCE, rows)), rows, seed):
                out.write(json.dumps(row) + "\n")
                if planted:
                    truth.write(json.dumps(planted) + "\n")


def made(numbers: Numbers, rows: int, seed: int) -> Iterator[tuple[dict[str, str], dict[str, str] | None]]:
    """These rows of a file of so many, each with what is planted in it."""
    kinds = numbers % 100
    draws = _draws(numbers, seed)
    hundreds = max(rows // 100, 1)
    source = (draws[:, 0] % np.uint64(hundreds)).astype(np.int64) * 100 + (draws[:, 1] % np.uint64(ORIGINALS)).astype(
        np.int64
    )
    copied = (kinds >= ORIGINALS) & (kinds < EXACT) & (source < rows)
    of = np.where(copied, source, numbers)
    for number, kind, origin, copy, (asked, answered), draw in zip(
        numbers.tolist(),
        kinds.tolist(),
        of.tolist(),
        copied.tolist(),
        _texts(of, seed),
        draws[:, 2].tolist(),
        strict=True,
    ):
        planted = None
        if copy:
            name = "exact" if kind >= NEAR else ("typos", "case", "dropped word")[draw % 3]
            asked, answered = edited(asked, answered, name, draw >> 8)
            planted = {"id": f"r{number:09}", "twin": f"r{origin:09}", "kind": name}
        elif kind >= STOCK_ANSWERS:
            asked = f"{GREETINGS[draw % len(GREETINGS)]}, {word(draw % VOCABULARY)}?"
            answered = STOCK[draw % len(STOCK)]
        elif kind >= EXACT:
            answered = STOCK[draw % len(STOCK)]
        yield {"id": f"r{number:09}", "instruction": asked, "output": answered}, planted


def edited(asked: str, answered: str, kind: str, draw: int) -> tuple[str, str]:
    """A copy that says the same: the question, the answer or both with an edit."""
    match kind:
        case "typos":
            return swapped(asked, draw), swapped(answered, draw >> 7)
        case "case":
            return asked.upper(), answered.lower().replace(".", " . ").replace(",", "")
        case "dropped word":
            words = answered.split()
            droppable = [i for i, each in enumerate(words) if each.isalpha() and each not in ("no", "not", "nor")]
            if droppable:
                del words[droppable[draw % len(droppable)]]
            return asked, " ".join(words)
    return asked, answered


def swapped(text: str, draw: int) -> str:
    """Two neighbouring letters inside one of the longer words change places."""
    words = text.split()
    places = [i for i, each in enumerate(words) if each.isalpha() and each.islower() and len(each) >= 6]
    if not places:
        return text
    i = places[draw % len(places)]
    at = 1 + (draw >> 5) % (len(words[i]) - 3)
    words[i] = words[i][:at] + words[i][at + 1] + words[i][at] + words[i][at + 2 :]
    return " ".join(words)


@lru_cache(maxsize=300_000)
def word(rank: int) -> str:
    """The word of a rank: the most frequent are small words, then come syllables, the rarer the more."""
    if rank < len(SMALL):
        return SMALL[rank]
    syllables = 1 if rank < 500 else 2 if rank < 200_000 else 3
    code, parts = rank * 2_654_435_761 % 2**32, []
    for _ in range(syllables):
        code, onset = divmod(code, len(ONSETS))
        code, vowel = divmod(code, len(VOWELS))
        code, coda = divmod(code, len(CODAS))
        parts.append(ONSETS[onset] + VOWELS[vowel] + CODAS[coda])
    return "".join(parts)


def _texts(numbers: Numbers, seed: int) -> Iterator[tuple[str, str]]:
    """Question and answer of the originals of these numbers."""
    draws = _draws(numbers, seed + 1)
    ranks = np.searchsorted(CUMULATED, (draws[:, 8:] >> np.uint64(11)) / 2.0**53).tolist()
    for drawn, some in zip(draws[:, :8].tolist(), ranks, strict=True):
        asked = ASKED[0] + drawn[0] % (ASKED[1] - ASKED[0])
        answered = ANSWERED[0] + drawn[1] % (ANSWERED[1] - ANSWERED[0])
        words = [word(rank) for rank in some[: asked + answered]]
        if drawn[2] % 4 == 0:
            words[-3] = str(2 + drawn[3] % 500)
        stop = asked + 4 + drawn[4] % (answered - 6)
        first, second = " ".join(words[asked:stop]), " ".join(words[stop:])
        said = f"{first[:1].upper()}{first[1:]}. {second[:1].upper()}{second[1:]}."
        yield FORMS[drawn[5] % len(FORMS)].format(" ".join(words[:asked])), said


def _draws(numbers: Numbers, seed: int) -> Draws:
    """Random numbers for each row, from its number (SplitMix64; Steele, Lea and Flood 2014)."""
    places = numbers.astype(np.uint64)[:, None] * np.uint64(DRAWS) + np.arange(DRAWS, dtype=np.uint64)
    z = (places + np.uint64((seed * 0x632BE59BD9B4E019) % 2**64)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


SMALL = sorted(
    {each for each in SMALL_WORDS if len(each) > 1} - {"no", "not", "nor"}, key=lambda each: (len(each), each)
)
CUMULATED = np.cumsum(1 / (np.arange(VOCABULARY) + SHIFT))
CUMULATED /= CUMULATED[-1]

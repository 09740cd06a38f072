"""Labelled pairs of an eval item and a candidate: read from public sets, and made from their items by seeded edits.

    for pair in labelled(Path("data")) + made(items):
        pair.item, pair.candidate, pair.source, pair.kind

The edits are what copying does to a text: other case, typos, words put in, an end cut off; and a template filled with
other numbers, which is not a copy. Each choice hangs on the text and the seed alone.
"""

import gzip
import hashlib
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate import chats as chat
from curate import files
from curate.errors import BadInput

FILE = Path("overlap") / "contamination_pairs.jsonl.gz"
MT_BENCH = Path("chat") / "mt_bench_question.jsonl"
# Parts whose licence lets a shipped figure rest on them. The others are printed only.
OK_SOURCES = ("gsm8k", "humaneval", "mt-bench")
NOT_OK_KINDS = ("codealpaca_nearest",)

LEADS = (
    "Here is a question for you.",
    "Please answer this:",
    "Hello! I have a question.",
    "Help me with the following.",
)
FILLERS = ("actually", "also", "basically", "then", "please", "really", "just", "well")
WORD = re.compile(r"\S+")
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Pair:
    """One eval item, one candidate. `label`: 1 the same, 0 another, None a variant that a policy decides about."""

    item: str
    candidate: str
    source: str
    kind: str
    label: int | None

    @property
    def ok(self) -> bool:
        """Whether a shipped figure may rest on it."""
        return self.source in OK_SOURCES and self.kind not in NOT_OK_KINDS


def labelled(data: Path) -> list[Pair]:
    """The pairs of the contamination set."""
    place = data / FILE
    if not place.exists():
        raise BadInput("the labelled pairs are not here", where=str(FILE), hint="--data FOLDER")
    with gzip.open(place, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Pair(r["eval_item"], r["candidate"], r["source"], r["kind"], r["is_contaminated"]) for r in rows]


def items(pairs: Sequence[Pair], data: Path) -> list[tuple[str, str]]:
    """(source, text) of the eval items that edits may be made from: GSM8K, HumanEval, and the first turns of MT-bench."""
    found = {(pair.source, pair.item) for pair in pairs if pair.source in ("gsm8k", "humaneval")}
    if (data / MT_BENCH).exists():
        first = [turns[0] for turns in files.read_eval([data / MT_BENCH]).chats["turns"].to_list()]
        found |= {("mt-bench", chat.turn_text(turn)) for turn in first}
    return sorted(found)


def made(items: Sequence[tuple[str, str]], seed: int = 0) -> list[Pair]:
    """Every item with every edit, and with other numbers where it has some. An edit that changes nothing is left out."""
    found = []
    for source, item in items:
        for kind, edit in EDITS.items():
            edited = edit(item, _dice(kind, item, seed))
            if edited != item:
                found.append(Pair(item, edited, source, kind, 1))
        if source == "gsm8k" and (edited := renumbered(item, _dice("renumbered", item, seed))) != item:
            found.append(Pair(item, edited, source, "numbers changed", None))
    return found


def one_of_each(pairs: Sequence[Pair], seed: int = 0) -> list[Pair]:
    """One near copy per item, drawn by the item's hash, so that the pairs of a figure do not share items."""
    by_item: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.kind in EDITS:
            by_item.setdefault(pair.item, []).append(pair)
    return [_dice("draw", item, seed).choice(some) for item, some in sorted(by_item.items())]


def recased(text: str, dice: random.Random) -> str:
    """All lower case, all upper case or Title Case, with doubled spaces and typographic quotes."""
    changed = dice.choice((str.lower, str.upper, str.title))(text)
    return changed.replace(" ", "  ", 5).replace("'", "’")


def mistyped(text: str, dice: random.Random) -> str:
    """1 to 3 % of the letters, at least one, left out, doubled, swapped with the next or replaced. Digits stay."""
    letters = [place for place, letter in enumerate(text) if letter.isalpha()]
    if not letters:
        return text
    wrong = set(dice.sample(letters, max(1, round(dice.uniform(0.01, 0.03) * len(letters)))))
    out, skip = [], False
    for place, letter in enumerate(text):
        if skip:
            skip = False
        elif place not in wrong:
            out.append(letter)
        else:
            after = text[place + 1 : place + 2]
            how = dice.choice(("out", "double", "swap", "other"))
            skip = how == "swap" and after.isalpha()
            other = dice.choice("abcdefghijklmnopqrstuvwxyz")
            out.append(
                {"out": "", "double": 2 * letter, "swap": after + letter if skip else letter, "other": other}[how]
            )
    return "".join(out)


def lengthened(text: str, dice: random.Random) -> str:
    """A sentence in front, and a filler word after about every twelfth word."""
    return f"{dice.choice(LEADS)} " + WORD.sub(
        lambda word: f"{word[0]} {dice.choice(FILLERS)}" if dice.random() < 1 / 12 else word[0], text
    )


def cut(text: str, dice: random.Random) -> str:
    """Without the last tenth of its words, at least one."""
    words = list(WORD.finditer(text))
    left = len(words) - max(1, round(len(words) / 10))
    return text[: words[left - 1].end()] if left > 0 else text


def renumbered(text: str, dice: random.Random) -> str:
    """Every number of the text, written in digits, is another one of about its size; equal ones stay equal."""
    new: dict[str, str] = {}
    for number in NUMBER.findall(text):
        if number not in new:
            value = int(number)
            taken = set(new.values()) | {number}
            choices = [n for n in range(max(1, value // 2), 2 * value + 10) if str(n) not in taken]
            new[number] = str(dice.choice(choices))
    return NUMBER.sub(lambda match: new[match[0]], text)


EDITS: dict[str, Callable[[str, random.Random], str]] = {
    "case and spacing": recased,
    "typos": mistyped,
    "words put in": lengthened,
    "end cut off": cut,
}


def _dice(what: str, text: str, seed: int) -> random.Random:
    return random.Random(hashlib.sha256(f"{seed}\0{what}\0{text}".encode()).digest())

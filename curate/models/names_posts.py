"""Texts of public sets for training the finder of names: labelled posts, and texts without labels made use of.

    swapped(post, writer)          # the same post about other people and places
    peopled(text, writer)          # names where it said "he" or "the company"
    Guesser(common, lists).guess("Maria met Qwxyz in Paris", "gsm8k")     # Maria and Paris; Qwxyz is left open

Only sets whose terms allow training are read.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from curate.models import names_lists
from curate.models.names_writer import Writer, Written
from curate.naming.features import flags, plain, tokens

WNUT_KINDS = {"person": "PERSON", "location": "LOCATION", "corporation": "ORGANIZATION", "group": "ORGANIZATION"}

# ---- labelled posts ---------------------------------------------------------------------------------------------------


def posts(path: Path, *, apart: bool = False) -> Iterator[Written]:
    """The sentences of a WNUT-17 file, put together as people write them, or with a space between all words (`apart`)."""
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
        rows = [line.split("\t") for line in block.splitlines() if "\t" in line and line.split("\t")[0].strip()]
        if rows:
            yield sentence([(word, tag) for word, tag in rows], apart=apart)


def sentence(rows: Sequence[tuple[str, str]], *, apart: bool = False) -> Written:
    """Words with BIO tags as a text with spans."""
    text = ""
    spans: list[tuple[int, int, str]] = []
    for word, tag in rows:
        glued = re.match(r"[.,!?;:%)\]]|['’]s$|n['’]t$", word) or text.endswith(("(", "[", "#", "$"))
        text += " " if text and (apart or not glued) else ""
        kind = WNUT_KINDS.get(tag[2:])
        if kind and tag[0] == "I" and spans and spans[-1][2] == kind:
            spans[-1] = (spans[-1][0], len(text) + len(word), kind)
        elif kind:
            spans.append((len(text), len(text) + len(word), kind))
        text += word
    return Written(text, tuple(spans))


def swapped(post: Written, fill: Writer) -> Written:
    """The same text about other people and places."""
    changes = []
    for start, end, kind in post.spans:
        old = post.text[start:end]
        if kind == "PERSON" and "@" not in old:
            fill.culture = fill._culture()
            changes.append((start, end, fill._full() if " " in old else fill._given(), kind))
        elif kind == "LOCATION":
            changes.append((start, end, re.sub("^the ", "", fill._place()), kind))
    return rewritten(post, [(a, b, in_case_of(post.text[a:b], new), kind) for a, b, new, kind in changes])


def peopled(post: Written, fill: Writer) -> Written:
    """The same text with names where it says "he", "the company" or "the town": names in places that no template thought of."""
    changes = []
    taken = [*((a, b) for a, b, _ in post.spans), *post.unsure]
    for match in STAND_INS.finditer(post.text):
        kind = str(match.lastgroup)
        if fill.draw.random() < 0.3 or any(a < match.end() and match.start() < b for a, b in taken):
            continue
        fill.culture = fill._culture()
        person = fill._given if fill.draw.random() < 0.6 else fill._full
        new = {"PERSON": person, "LOCATION": fill._place, "ORGANIZATION": fill._org}[kind]()
        low = fill.draw.random() < (0.8 if post.text.islower() else 0.08)
        changes.append((match.start(), match.end(), new.lower() if low and len(new.lower()) == len(new) else new, kind))
    return rewritten(post, changes)


STAND_INS = re.compile(
    r"\b(?:(?P<PERSON>he|she|him|[Mm]y (?:friend|mom|dad|brother|sister|wife|husband|boss)|the (?:man|woman|boy|girl|teacher|farmer|student|president|author)|someone|somebody)"
    r"|(?P<LOCATION>the (?:city|town|village|park|beach|country|farm|zoo|mall|market|airport|island)|(?<=in )school|(?<=at )home|(?<=to )school)"
    r"|(?P<ORGANIZATION>the (?:company|store|shop|bank|school|team|factory|hospital|restaurant|government|police|business|club)))\b(?!-)",
    re.IGNORECASE,
)


def rewritten(post: Written, changes: Sequence[tuple[int, int, str, str]]) -> Written:
    """A text after changes at some places; each is a name of the kind it says, and all other spans move along."""
    text, done = "", 0
    spans: list[tuple[int, int, str]] = []
    unsure: list[tuple[int, int]] = []
    rest = [(a, b, post.text[a:b], kind) for a, b, kind in post.spans if not any(a == c[0] for c in changes)]
    rest += [(a, b, post.text[a:b], "?") for a, b in post.unsure]
    for start, end, new, kind in sorted([*changes, *rest]):
        if start < done:
            continue
        text += post.text[done:start]
        place = (len(text), len(text) + len(new))
        (unsure.append(place) if kind == "?" else spans.append((*place, kind)))
        text, done = text + new, end
    return Written(text + post.text[done:], tuple(spans), tuple(unsure))


def in_case_of(old: str, new: str) -> str:
    return new.lower() if old.islower() and len(new.lower()) == len(new) else new


def unlabelled(data: Path) -> dict[str, list[str]]:
    """Texts of sets marked ok that carry no labels."""
    math, mixed, said = set(), [], set()
    with gzip.open(data / "overlap" / "contamination_pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["source"] == "gsm8k":
                math |= {row["eval_item"], row["candidate"]}
    for row in json.loads((data / "chat" / "instruction_1100.json").read_text(encoding="utf-8")):
        mixed.append("\n".join(part for part in (row["instruction"], row["input"], row["output"]) if part))
    for line in (data / "chat" / "mt_bench_question.jsonl").read_text(encoding="utf-8").splitlines():
        mixed += json.loads(line)["turns"]
    with gzip.open(data / "toxicity" / "toxicity_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        said = {row["text"] for row in map(json.loads, lines) if row["source"].lower() in ("davidson", "implicit_hate")}
    return {"gsm8k": sorted(math), "instructions": mixed, "posts": sorted(said)}


# ---- texts without labels ---------------------------------------------------------------------------------------------


def common_words(texts: Iterable[str]) -> dict[str, int]:
    """How often a word stands in lower case, for words that do so more often than not."""
    low: Counter[str] = Counter()
    high: Counter[str] = Counter()
    for text in texts:
        if text.islower():
            continue  # where nothing has a capital, names are no exception
        before = "."
        for word in tokens(text):
            if word.text[0].isalpha():
                if word.text.islower():
                    low[plain(word.text)] += 1
                elif word.text[0].isupper() and before[0] not in '.!?\n:"':
                    high[plain(word.text)] += 1
            before = word.text
    return {word: n for word, n in low.items() if n > 2 * high[word]}


class Guesser:
    """Labels for text without any: given names are persons, countries places, words words; the rest says nothing."""

    def __init__(self, common: dict[str, int], lists: dict[int, int]) -> None:
        self.common, self.lists = common, lists
        groups, held = names_lists.people(False), names_lists.lists()
        everyday = [
            n for c in ("en_US", "en_GB", "american", "es_MX", "en_IN", "arabic", "chinese") for n in groups[c].given
        ]
        self.given = {plain(n) for n in everyday if common.get(plain(n), 0) < 2 and len(n) > 2}
        usual = {plain(n) for n in groups["en_US"].given}
        places = {
            plain(p)
            for p in [*held["places"]["cities"], *held["places"]["regions"], *names_lists.countries()]
            if " " not in p
        }
        self.places = {p for p in places - usual if common.get(p, 0) < 2}
        self.any_given = {
            plain(n) for some in groups.values() for n in some.given if common.get(plain(n), 0) < 1 and len(n) > 2
        } - self.places
        words = names_lists.phrases()["words"]
        fixed = [
            w
            for slot in ("weekday", "month", "language", "nationality", "product", "title_job", "no_name")
            for entry in words[slot]
            for w in entry.split()
        ]
        self.fixed = {plain(w) for w in fixed} | {plain(w) + "s" for w in fixed}

    def guess(self, text: str, kind: str) -> Written:
        """`kind` is the set: in "gsm8k" any given name is a person, in "posts" none is sure enough."""
        spans: list[tuple[int, int, str]] = []
        unsure: list[tuple[int, int]] = []
        before = "."
        for word in tokens(text):
            verdict = self._verdict(word.text, before, kind)
            follows = bool(spans) and spans[-1][2] == "PERSON" and text[spans[-1][1] : word.start] == " "
            if verdict == "family" and follows:
                spans[-1] = (spans[-1][0], word.end, "PERSON")
            elif verdict in ("family", "unsure"):
                unsure.append((word.start, word.end))
                if follows and not word.text.islower():  # a given name before something unknown: neither is sure
                    unsure.append(spans.pop()[:2])
            elif verdict in ("PERSON", "LOCATION"):
                spans.append((word.start, word.end, verdict))
            before = word.text
        return Written(text, tuple(spans), tuple(unsure))

    def _verdict(self, word: str, before: str, kind: str) -> str:
        low = plain(word)
        first = before[0] in ".!?\n:\"'“*-)1234567890"
        if not word[0].isalpha() or low in self.fixed or before in "@#_" or len(word) == 1:
            return "word"
        if word[0].islower():
            listed = low in self.given or (kind == "posts" and flags(word, self.lists) & 31)
            return "unsure" if listed and self.common.get(low, 0) < 3 else "word"
        if low in self.given or (kind == "gsm8k" and low in self.any_given):
            return "PERSON" if kind != "posts" else "unsure"
        if low in self.places and kind != "posts":
            return "LOCATION"
        if (low in self.common and (first or self.common[low] >= 8)) or (
            first and kind == "instructions" and not flags(word, self.lists)
        ):
            return "word"
        return "family" if kind != "posts" and flags(word, self.lists) & 2 else "unsure"

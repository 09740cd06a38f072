"""What the toxicity scorer learns from: labelled posts, ordinary text, and sentences written for this project.

    examples = collect(Path("DIR"), seed=0)

Every example has two labels, toxic and identity attack. A fifth of every source is held out. Of written sentences whole
patterns are held out, and of claims about groups a fifth of the frames, of the claims and of the groups, each by itself: what
is judged on held-out text is new in form, in content and in whom it is about.
"""

import gzip
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from curate import toxicity
from curate.toxic import features

HERE = Path(__file__).parent
SLOT = re.compile(r"\{(\w+)\}")
AIMED = re.compile(r"\{(hate|insult|threat)\}")
PER_PATTERN = 40
INSTRUCTION = ("instruction", "ordinary")
ORDINARY = (*INSTRUCTION, "posts")
DISGUISED = 0.1  # of posts and written sentences, so that a misspelt word is no secret
SWAPPED = 0.5  # of posts that name a group: another group takes its place, the label stays
LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7", "l": "1", "u": "v*", "c": "(k"}
HOMOGLYPHS = dict(zip("aeopcxyi", "аеорсхуі", strict=True))


@dataclass(frozen=True)
class Example:
    """A text and what it is; `attack` says whether it attacks people for the group they belong to."""

    text: str
    toxic: int
    attack: int
    source: str
    held_out: bool
    kind: str = ""


def collect(data: Path, seed: int) -> list[Example]:
    """All examples, in the same order every time. `data` holds the public sets."""
    labelled = posts(data)
    plain = [*instructions(data), *ordinary(data), *quiet_posts(data, labelled)]
    said = [*written(seed), *claims(seed)]
    draw = random.Random(seed + 3)
    labelled = [swapped(e, draw) if draw.random() < SWAPPED else e for e in labelled]
    said = [replace(e, text=disguised(e.text, draw)) if draw.random() < DISGUISED else e for e in said]
    labelled = [replace(e, text=disguised(e.text, draw)) if draw.random() < DISGUISED / 2 else e for e in labelled]
    examples = [*labelled, *plain, *said]
    return [*examples, *mixed(examples, seed), *long(examples, seed)]


def is_held_out(key: str) -> bool:
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % 5 == 0


def posts(data: Path) -> list[Example]:
    """Davidson's tweets and implicit hate."""
    rows = _lines(data / "toxicity" / "toxicity_train.jsonl.gz")
    out = []
    for r in rows:
        if r["source"] not in ("davidson", "implicit_hate"):
            continue
        attack = int(r["label"] and r["category"] != "offensive")
        out.append(Example(r["text"], int(r["label"]), attack, r["source"], is_held_out(r["text"])))
    return out


def instructions(data: Path) -> list[Example]:
    rows = json.loads((data / "chat" / "instruction_1100.json").read_text(encoding="utf-8"))
    sides = [(" ".join([r["instruction"], r["input"]]), r["output"]) for r in rows]
    return [
        Example(said, 0, 0, "instruction", is_held_out(asked))
        for asked, answer in sides
        for said in (asked, answer)
        if said
    ]


def ordinary(data: Path) -> list[Example]:
    """Arithmetic problems, code and eval questions, as text that nobody should lose."""
    pairs = _lines(data / "overlap" / "contamination_pairs.jsonl.gz")
    asked = {r["eval_item"] for r in pairs if r["source"] in ("gsm8k", "humaneval")}
    with open(data / "chat" / "mt_bench_question.jsonl", encoding="utf-8") as lines:
        asked |= {turn for line in lines for turn in json.loads(line)["turns"]}
    return [Example(said, 0, 0, "ordinary", is_held_out(said)) for said in sorted(asked)]


def quiet_posts(data: Path, labelled: Sequence[Example]) -> list[Example]:
    """WNUT-17: mostly harmless posts, unlabelled. Left out: those with a word that is nearly always toxic in tweets."""
    seen, toxic = Counter[str](), Counter[str]()
    for example in labelled:
        for word in set(features.words(example.text)):
            seen[word] += 1
            toxic[word] += example.toxic
    strong = {word for word, n in seen.items() if n >= 30 and toxic[word] >= 0.97 * n}
    sentences = set()
    for name in ("wnut17train.conll", "wnut17dev.conll"):
        blocks = (data / "pii" / name).read_text(encoding="utf-8").split("\n\n")
        sentences |= {" ".join(line.split("\t")[0] for line in b.splitlines() if line.strip()) for b in blocks}
    harmless = sorted(s for s in sentences if s and strong.isdisjoint(features.words(s)))
    return [Example(said, 0, 0, "posts", is_held_out(said)) for said in harmless]


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def written(seed: int) -> list[Example]:
    """Fill every pattern of toxicity_phrases.yaml with drawn words; whole patterns are held out."""
    phrases = yaml.safe_load((HERE / "toxicity_phrases.yaml").read_text(encoding="utf-8"))
    draw = random.Random(seed)
    found: dict[str, Example] = {}
    phrases["toxic"]["calm"] = phrases["harmless"]["people"] + phrases["harmless"]["work"]
    for toxic, kind, pattern, shape in _patterns(phrases):
        for _ in range(PER_PATTERN):
            said, used = _fill(shape, phrases, draw)
            attack = int(toxic and bool(used & {"group", "member", "trait"}))
            said = draw.choice([said, said, said.lower(), said.rstrip(".")])
            found.setdefault(said, Example(said, toxic, attack, "written", is_held_out(pattern), kind))
    return list(found.values())


def _patterns(phrases: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    """Label, kind, pattern, and the shape to fill. What stands around an insult comes back without one, as harmless:
    a carrier that is seen with insults alone would itself become evidence."""
    out = [
        (label, kind, p, p)
        for label, part in ((1, "toxic"), (0, "harmless"))
        for kind, ps in phrases[part].items()
        if kind != "calm"
        for p in ps
    ]
    carriers = [p for p in phrases["toxic"]["wrapped"] if not p.startswith("{")]
    return out + [(0, "carrier", p, AIMED.sub("{calm}", p)) for p in carriers]


def _fill(pattern: str, phrases: dict[str, Any], draw: random.Random) -> tuple[str, set[str]]:
    used: set[str] = set()

    def one(slot: re.Match[str]) -> str:
        used.add(slot[1])
        return str(draw.choice(phrases["words"].get(slot[1]) or phrases["toxic"][slot[1]]))

    while SLOT.search(pattern):
        pattern = SLOT.sub(one, pattern)
    return pattern, used


@cache
def _sheet() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((HERE / "toxicity_claims.yaml").read_text(encoding="utf-8"))
    return loaded


# Kind, frames, claims, how many sentences, toxic, attack.
GRID = (
    ("mean", "agree", "mean", 4500, 1, 1),
    ("denied", "deny", "mean", 3000, 0, 0),
    ("condemned", "condemn", "mean", 3500, 0, 0),
    ("kind", "agree", "kind", 3000, 0, 0),
    ("kind denied", "deny", "kind", 2500, 1, 1),
    ("neutral", "agree", "neutral", 1200, 0, 0),
)


def claims(seed: int) -> list[Example]:
    """Claims about groups in many mouths, and the shorter lists of toxicity_claims.yaml."""
    draw = random.Random(seed + 4)
    found: dict[str, Example] = {}
    for example in [*_grid(draw), *_they(draw), *_questions(draw), *_others(draw), *_lists(draw)]:
        found.setdefault(example.text, example)
    return list(found.values())


def _parts(draw: random.Random, held_out: bool, *keys: str) -> list[Any]:
    """One of each list: of the parts kept for training, or with at least one part that is held out."""
    while True:
        drawn = [draw.choice(_sheet()[key]) for key in keys]
        if any(is_held_out(str(part)) for part in drawn) == held_out:
            return drawn


def _each(wanted: int) -> Iterator[bool]:
    """Whether each of so many sentences is held out: one in five."""
    return (n % 5 == 0 for n in range(wanted))


def _said(draw: random.Random, frame: str, claim: str) -> str:
    said = frame.replace("{claim}", claim)
    said = said[0].upper() + said[1:] if draw.random() < 0.7 else said
    return said.lower() if draw.random() < 0.15 else said


def _grid(draw: random.Random) -> Iterator[Example]:
    for kind, frames, said, wanted, toxic, attack in GRID:
        for held_out in _each(wanted):
            frame, claim, group = _parts(draw, held_out, frames, said, "groups")
            yield Example(_said(draw, frame, f"{group[0]} {claim}"), toxic, attack, "claims", held_out, kind)


def _they(draw: random.Random) -> Iterator[Example]:
    for kind, toxic, wanted in (("mean", 1, 1500), ("kind", 0, 1000), ("neutral", 0, 600)):
        for held_out in _each(wanted):
            opener, claim, group = _parts(draw, held_out, "opener", kind, "groups")
            said = f"{opener.replace('{group}', group[0])} They {claim}."
            yield Example(said, toxic, toxic, "claims", held_out, f"they, {kind}")


def _questions(draw: random.Random) -> Iterator[Example]:
    for kind, toxic, wanted in (("mean", 1, 900), ("kind", 0, 400), ("neutral", 0, 500)):
        for held_out in _each(wanted):
            claim, group = _parts(draw, held_out, kind, "groups")
            first, _, rest = claim.partition(" ")
            moved = first in ("are", "were", "have", "should", "can", "cannot", "must", "would", "did", "do", "don't")
            asked = f"Why {first} {group[0]} {rest}?" if moved else f"Why do {group[0]} {claim}?"
            yield Example(asked, toxic, toxic, "claims", held_out, f"question, {kind}")


def _others(draw: random.Random) -> Iterator[Example]:
    """The same words about people of no protected group, and about things."""
    for held_out in _each(1500):
        frame, claim, whom = _parts(draw, held_out, "agree", "mean", "others")
        yield Example(_said(draw, frame, f"{whom} {claim}"), 1, 0, "claims", held_out, "others")
    for held_out in _each(700):
        frame, claim, thing = _parts(draw, held_out, "agree", "about_things", "things")
        said = _said(draw, frame, claim.replace("{things}", thing))
        yield Example(said, 0, 0, "claims", held_out, "things")


def _lists(draw: random.Random) -> Iterator[Example]:
    sheet = _sheet()
    for mean, kind in sheet["pairs"]:
        for shape, toxic in ((mean, 1), (kind, 0)):
            yield from _list("pairs", shape, toxic, toxic, 35, is_held_out(mean), draw)
    for name, toxic, attack, times in (
        ("threats", 1, 1, 35), ("own", 0, 0, 40), ("personal", 1, 0, 6), ("calm", 0, 0, 6), ("reclaimed", 0, 0, 12)
    ):  # fmt: skip
        for shape in sheet[name]:
            yield from _list(name, shape, toxic, attack, times, is_held_out(shape), draw)


def _list(
    kind: str, shape: str, toxic: int, attack: int, times: int, held_out: bool, draw: random.Random
) -> Iterator[Example]:
    wanted = [g for g in _sheet()["groups"] if held_out or not is_held_out(str(g))]
    asides = ["{}", "{}", "{}", "so: {}", "{} :)", "well, {}", "{} That's all.", "ok. {}"]
    for _ in range(times):
        group, member, trait = draw.choice(wanted)
        said = shape.replace("{group}", group).replace("{member}", member).replace("{trait}", trait)
        said = re.sub(r"\b([Aa]) (?=[aeiouAEIO])", r"\1n ", said)
        aside = draw.choice(asides) if "{" not in shape else "{}"
        yield Example(_said(draw, "{claim}", aside.replace("{}", said)), toxic, attack, "claims", held_out, kind)


def swapped(example: Example, draw: random.Random) -> Example:
    """Another group in place of each group that is named in one word: the label does not depend on who it is."""
    plurals = {g[0].lower(): g[0] for g in _sheet()["groups"] if " " not in g[0]}
    traits = {g[2].lower(): g[2] for g in _sheet()["groups"] if " " not in g[2]}
    chosen: dict[str, str] = {}

    def other(word: re.Match[str]) -> str:
        low = word[0].lower()
        for names in (plurals, traits):
            if low in names:
                chosen.setdefault(low, draw.choice(sorted(names.values())))
                return chosen[low].lower() if word[0].islower() else chosen[low]
        return word[0]

    return replace(example, text=re.sub(r"[A-Za-z]+", other, example.text))


def disguised(said: str, draw: random.Random) -> str:
    """One or two longer words misspelt: a letter lost, two swapped, digits or look-alikes for letters, spaces in or out."""
    words = said.split(" ")
    long_words = [i for i, w in enumerate(words) if len(w) >= 4 and w.isalpha()]
    for i in draw.sample(long_words, min(len(long_words), draw.choice([1, 1, 2]))):
        word, at = words[i], draw.randrange(1, len(words[i]) - 1)
        match draw.randrange(6):
            case 0:
                words[i] = word[:at] + word[at + 1 :]
            case 1:
                words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            case 2:
                words[i] = "".join(draw.choice(LEET[c]) if c in LEET and draw.random() < 0.7 else c for c in word)
            case 3:
                words[i] = draw.choice([" ", ".", "-", "*"]).join(word)
            case 4:
                words[i] = "".join(HOMOGLYPHS.get(c, c) if draw.random() < 0.6 else c for c in word)
            case _:
                words[i] = word + "\0"
    return " ".join(words).replace("\0 ", "").replace("\0", "")


def mixed(examples: Sequence[Example], seed: int) -> list[Example]:
    """Toxic sentences inside ordinary answers, and two harmless texts joined: what a turn of a chat looks like."""
    draw = random.Random(seed + 1)
    out = []
    for held_out in (False, True):
        pool = [e for e in examples if e.held_out == held_out]
        plain = [e.text for e in pool if e.source == "instruction" and len(e.text) > 40]
        toxic = [e for e in pool if e.toxic and e.source in ("written", "claims")]
        harmless = [e.text for e in pool if not e.toxic and e.source in ("written", "claims")]
        for _ in range(500 if held_out else 4000):
            around, bad = " ".join(draw.choice(plain).split()[:30]), draw.choice(toxic)
            said = draw.choice([f"{around} {bad.text}", f"{bad.text} {around}"])
            out.append(Example(said, 1, bad.attack, "mixed", held_out))
            out.append(Example(f"{around} {draw.choice(harmless)}", 0, 0, "mixed", held_out))
            out.append(Example(f"{draw.choice(harmless)} {draw.choice(harmless)}", 0, 0, "mixed", held_out))
    return out


def long(examples: Sequence[Example], seed: int) -> list[Example]:
    """Harmless texts strung together to a full window. Small leanings of common words must not add up to a verdict.

    Held-out ones are strung from instruction data alone, since the threshold is chosen on them.
    """
    draw = random.Random(seed + 2)
    out = []
    for held_out, wanted, sources in (
        (False, 8000, (*ORDINARY, "davidson", "implicit_hate", "written", "claims")),
        (True, 1000, INSTRUCTION),
    ):
        pool = [e.text for e in examples if e.held_out == held_out and not e.toxic and e.source in sources]
        for _ in range(wanted):
            pieces: list[str] = []
            while len(pieces) < toxicity.WINDOW:
                pieces += draw.choice(pool).split()
            out.append(Example(" ".join(pieces[: toxicity.WINDOW]), 0, 0, "long", held_out))
    return out

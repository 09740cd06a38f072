"""Train the finder of names that ships with Winnow.

    python curate/models/train_names.py --data ../shared/data --out curate/models

Learns from texts that were written for it with their names marked, mostly about others than they were (`names_marked.py`), from
templates (`names_writer.py`), from WNUT-17's training posts, and from texts that carry no labels but mostly plain words (GSM8K
questions, posts, instructions), in which only what lists of names and of words can settle counts. Only sets marked ok for
training are read. One thread, some 25 CPU minutes; same seed and library versions, same bytes.
"""

import argparse
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from curate import names  # noqa: E402
from curate.models import names_lists, names_marked  # noqa: E402
from curate.models.names_judged import calibrate, figures, held_out  # noqa: E402
from curate.models.names_posts import Guesser, common_words, peopled, posts, swapped, unlabelled  # noqa: E402
from curate.models.names_writer import Writer, Written, cased, joined  # noqa: E402
from curate.naming import features, network  # noqa: E402
from curate.naming.features import LISTS, buckets, hash_of, plain, tokens  # noqa: E402
from curate.naming.network import KINDS, TAGS  # noqa: E402

SEED = 1
WIDTH, HIDDEN, DISTANCES = 64, 160, (1, 1, 2, 4)
STEPS, WORDS, RATE = 6000, 6000, 0.003
DROPOUT = 0.2
AVERAGED, EVERY = 0.25, 10  # the last part of the steps whose weights are averaged, one of so many
LISTED_TOWNS = 15_000  # people of a town whose name is kept in the lists
IGNORED = -100
SECTIONS = {
    "chat": 14, "mail": 11, "forms": 11, "story": 13, "news": 15, "social": 6, "lists": 6, "other_languages": 7, "plain": 22, "code": 11,
    "somewhere": 9, "employed": 11, "homes": 8, "short": 24,
}  # fmt: skip
REAL = {  # shares, in the same unit
    "wnut": 12, "wnut_swapped": 10, "gsm8k": 4, "posts": 5, "instructions": 4, "gsm8k_swapped": 6, "peopled": 16, "marked": 160,
}  # fmt: skip
SMALL = "de la le da del van der den von the of and di do dos al el ben bin st san y e i in on am"
STREETS = (
    "street st avenue ave road rd lane ln drive dr boulevard blvd court ct way place pl circle terrace parkway pkwy trail highway hwy close crescent mews square row "
    "walk grove gardens apt apartment suite unit flat floor box rue avenida calle via viale piazza corso carrer paseo plaza rua travessa alameda ulica ul allee platz weg gasse "
    "strasse damm ufer laan gracht straat plein kade gatan vagen vej gade gate chemin impasse quai utca ter nagar marg"
)
FORMS = "inc llc ltd limited plc corp corporation co company group holdings partners gmbh ag sarl srl spa bv nv ab oy pty pvt llp sons associates university college institute hospital bank ministry department school academy foundation council museum"


# ---- lists ------------------------------------------------------------------------------------------------------------


def name_lists(common: dict[str, int]) -> dict[int, int]:
    """Hash of a word -> which lists hold it, from the names that may be trained on."""
    held = names_lists.lists()
    groups = names_lists.people(False).values()
    members = {
        "given": [name for some in groups for name in some.given] + held["public_people"],
        "family": [name for some in groups for name in some.family] + held["public_people"],
        "place": [
            *names_lists.towns(False),
            *names_lists.geonames(LISTED_TOWNS).names,
            *held["places"]["cities"],
            *held["places"]["sights"],
        ],
        "country": [*names_lists.countries(), *held["places"]["regions"], *held["places"]["more_countries"]],
        "organisation": [*held["organisations"], *held["org_parts"]["coined"]],
        "legal form": [
            FORMS,
            *(entry for part in ("suffix", "trade", "trades", "bodies") for entry in held["org_parts"][part]),
        ],
        "street": [STREETS],
        "common": [word for word, n in common.items() if n >= 3],
    }
    out: dict[int, int] = {}
    for place, name in enumerate(LISTS):
        for entry in members[name]:
            for word in tokens(entry):
                key = plain(word.text)
                if len(key) > 1 and key not in SMALL.split() and word.text[0].isalpha():
                    out[hash_of(key)] = out.get(hash_of(key), 0) | 1 << place
    return out


# ---- batches ----------------------------------------------------------------------------------------------------------


class Source:
    """An endless stream of texts in the shares above; several are often strung together."""

    def __init__(self, data: Path, seed: int) -> None:
        self.draw = random.Random(seed)
        self.writer = Writer(seed)
        self.capitals: list[str] = names_lists.lists()["capitals"]
        self.marked = names_marked.texts(names_marked.TEXTS)
        free = unlabelled(data)
        self.posts = list(posts(data / "pii" / "wnut17train.conll"))
        self.apart = list(posts(data / "pii" / "wnut17train.conll", apart=True))  # as some data has words
        self.common = common_words([*(t for texts in free.values() for t in texts), *(p.text for p in self.posts)])
        for slot in ("noun", "adj", "verb", "food", "job", "verb_past", "subject"):
            self.common |= {word: 9 for entry in names_lists.phrases()["words"][slot] for word in entry.lower().split()}
        self.lists = name_lists(self.common)
        guesser = Guesser(self.common, self.lists)
        self.free = {name: [guesser.guess(t[:1500], name) for t in texts] for name, texts in free.items()}
        polite = common_words([*free["gsm8k"], *free["instructions"], *(p.text for p in self.posts)])
        self.headings = sorted(word for word, n in self.common.items() if n >= 3 and len(word) > 2 and word in polite)
        self.writer.more_words = [
            word for word in self.headings if self.common[word] >= 4 and not guesser.given & {word}
        ]

    def text(self) -> Written:
        if self.draw.random() > 0.35:
            return self._one()
        some = [self._one() for _ in range(self.draw.randint(2, 4))]
        gap = self.draw.choice([" ", "\n", "\n\n", " ", "\n\n"])
        return joined(some, [gap] * (len(some) - 1) + [""])

    def _one(self) -> Written:
        if self.draw.random() < 0.04:
            return self._heading()
        name = self.draw.choices([*SECTIONS, *REAL], [*SECTIONS.values(), *REAL.values()])[0]
        some_posts = self.apart if self.draw.random() < 0.3 else self.posts
        if name == "marked":
            return self.writer.noisy(names_marked.renamed(self.draw.choice(self.marked), self.writer))
        if name == "wnut":
            return self._post(self.draw.choice(some_posts))
        if name.endswith("_swapped"):
            return self._post(
                swapped(self.draw.choice(some_posts if name[0] == "w" else self.free["gsm8k"]), self.writer)
            )
        if name == "peopled":
            return peopled(
                self.draw.choice(self.free[self.draw.choice(["gsm8k", "posts", "posts", "instructions"])]), self.writer
            )
        if name in self.free:
            return self.draw.choice(self.free[name])
        return self.writer.write(name)

    def _post(self, post: Written) -> Written:
        """A post, now and then in lower case or with its names in it."""
        roll = self.draw.random()
        return cased(post, str.lower) if roll < 0.08 else self.writer.lower_names(post) if roll < 0.14 else post

    def _heading(self) -> Written:
        """Common words with capitals, and works, laws and products, as headings and lists have them."""
        some = self.capitals if self.draw.random() < 0.4 else self.headings
        words = [self.draw.choice(some) for _ in range(self.draw.randint(1, 6))]
        style = self.draw.randrange(4)
        if style == 0:
            return Written("\n".join(f"{i}. {w[:1].upper()}{w[1:]}" for i, w in enumerate(words, 1)))
        if style == 1 or some is self.capitals:
            return Written(", ".join(w[:1].upper() + w[1:] for w in words))
        return Written(" ".join(words).title() if style == 2 else " ".join(words).capitalize() + ".")


class Vocabulary:
    """Features of each distinct word in three readings: all of it, without lists, and without lists and the word itself."""

    def __init__(self, lists: dict[int, int]) -> None:
        self.lists = lists
        self.ids: dict[tuple[str, int], int] = {}
        self.features: list[list[int]] = []

    def id_of(self, word: str, reading: int) -> int:
        key = (word, reading)
        if key not in self.ids:
            self.ids[key] = len(self.features)
            known = buckets(word, self.lists, known=reading < 2, listed=reading < 1) if word else [0]
            self.features.append(known)
        return self.ids[key]


def labels(written: Written, words: Sequence[features.Token]) -> list[int]:
    """The place in TAGS of each word's tag; IGNORED where the text does not say."""
    out = [0] * len(words)
    for start, end, kind in written.spans:
        first = True
        for place, word in enumerate(words):
            if word.start < end and start < word.end:
                out[place] = 1 + 2 * KINDS.index(kind) + (not first)
                first = False
    for start, end in written.unsure:
        for place, word in enumerate(words):
            if word.start < end and start < word.end:
                out[place] = IGNORED
    return out


def batch(source: Source, vocabulary: Vocabulary) -> dict[str, Any]:
    """WORDS rows: texts with gaps between them, as the finder sees them."""
    ids: list[int] = []
    glued: list[bool] = []
    inside: list[bool] = []
    tags: list[int] = []
    while len(ids) < WORDS:
        written = source.text()
        words = tokens(written.text)
        reading = source.draw.choices([0, 1, 2], [5, 3, 2], k=len(words))
        ids += [vocabulary.id_of(word.text, r) for word, r in zip(words, reading, strict=True)]
        ids += [vocabulary.id_of("", 0)] * max(DISTANCES)
        glued += [word.glued for word in words] + [False] * max(DISTANCES)
        inside += [True] * len(words) + [False] * max(DISTANCES)
        tags += labels(written, words) + [IGNORED] * max(DISTANCES)
    distinct, rows = np.unique(ids, return_inverse=True)
    hashed = [vocabulary.features[i] for i in distinct.tolist()]
    return {
        "flat": np.concatenate([np.array(h, np.int64) for h in hashed]),
        "sizes": np.array([len(h) for h in hashed]),
        "rows": rows,
        "glued": np.array(glued, np.float32)[:, None],
        "inside": np.array(inside, np.float32)[:, None],
        "tags": np.array(tags, np.int64),
    }


# ---- training ---------------------------------------------------------------------------------------------------------


def build() -> Any:
    """The network as torch parameters, named as they are saved."""
    import torch

    generator = torch.Generator().manual_seed(SEED)

    def drawn(*size: int, scale: float) -> Any:
        return torch.nn.Parameter(torch.randn(*size, generator=generator) * scale)

    made = {
        "table": drawn(features.BUCKETS, WIDTH, scale=0.3),
        "first.weight": drawn(WIDTH, HIDDEN, scale=WIDTH**-0.5),
        "first.bias": torch.nn.Parameter(torch.zeros(HIDDEN)),
        "first.glued": torch.nn.Parameter(torch.zeros(HIDDEN)),
        "last.weight": drawn(HIDDEN, len(TAGS), scale=HIDDEN**-0.5),
        "last.bias": torch.nn.Parameter(torch.zeros(len(TAGS))),
    }
    for i in range(len(DISTANCES)):
        made[f"layer{i}.weight"] = drawn(3 * HIDDEN, HIDDEN, scale=0.6 * (3 * HIDDEN) ** -0.5)
        made[f"layer{i}.bias"] = torch.nn.Parameter(torch.zeros(HIDDEN))
    return made


def forward(made: Any, some: dict[str, Any], dropout: float) -> Any:
    """Scores per word, exactly as `naming/network.py` computes them, with dropout between."""
    import torch
    from torch.nn import functional as f

    sizes = torch.from_numpy(some["sizes"])
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)[:-1]])
    vectors = f.embedding_bag(torch.from_numpy(some["flat"]), made["table"], offsets, mode="sum", sparse=True)
    vectors = vectors / sizes.sqrt().float()[:, None]
    mask = torch.from_numpy(some["inside"])
    x = f.dropout(vectors[torch.from_numpy(some["rows"])], dropout) @ made["first.weight"] + made["first.bias"]
    x = torch.relu(x + torch.from_numpy(some["glued"]) * made["first.glued"]) * mask
    for i, distance in enumerate(DISTANCES):
        padded = f.pad(x, (0, 0, distance, distance))
        around = torch.cat([padded[: len(x)], x, padded[2 * distance :]], 1)
        x = (x + f.dropout(torch.relu(around @ made[f"layer{i}.weight"] + made[f"layer{i}.bias"]), dropout)) * mask
    return x @ made["last.weight"] + made["last.bias"]


def train(source: Source, steps: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    vocabulary = Vocabulary(source.lists)
    made = build()
    table: Any = torch.optim.SparseAdam([made["table"]], lr=RATE)
    rest = torch.optim.AdamW([p for name, p in made.items() if name != "table"], lr=RATE, weight_decay=0.01)
    began, lost = time.process_time(), 0.0
    averaged, mean = 0, {name: torch.zeros_like(p) for name, p in made.items()}
    for step in range(steps):
        share = min(1.0, (step + 1) / 100) * (0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * step / steps)))
        for optimiser in (table, rest):
            optimiser.param_groups[0]["lr"] = RATE * share
            optimiser.zero_grad()
        some = batch(source, vocabulary)
        loss: Any = torch.nn.functional.cross_entropy(
            forward(made, some, DROPOUT), torch.from_numpy(some["tags"]), ignore_index=IGNORED
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for name, p in made.items() if name != "table"], 1.0)
        table.step()
        rest.step()
        if step >= (1 - AVERAGED) * steps and (steps - 1 - step) % EVERY == 0:
            averaged += 1
            for name, p in made.items():
                mean[name] += (p.detach() - mean[name]) / averaged
        lost = 0.98 * lost + 0.02 * float(loss.detach())
        if step % 100 == 99:
            print(
                f"step {step + 1}: loss {lost / (1 - 0.98 ** (step + 1)):.4f}, {time.process_time() - began:.0f} CPU s",
                flush=True,
            )
    return {name: p.numpy() for name, p in mean.items()}


def with_fixed_hashes() -> None:
    """Start this script again with a fixed hash seed, which the order of Faker's Italian towns depends on."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    source = Source(options.data, SEED)
    print(f"{len(source.lists):,} words in lists, {len(source.common):,} common words")
    blob = network.write(train(source, options.steps), DISTANCES, source.lists)
    (options.out / names.WEIGHTS).write_bytes(blob)
    apart = held_out(options.data, SEED + 1)
    tuning = Writer(SEED + 2, held_out=True)
    tuned = [*(tuning.write("held_out") for _ in range(2000)), *(tuning.write("held_out_plain") for _ in range(600))]
    knots = calibrate(blob, tuned)
    card = {"name": "winnow-names-4", "sha256": hashlib.sha256(blob).hexdigest(), "knots": knots}
    (options.out / names.CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(
        f"{hashlib.sha256((options.out / names.CARD).read_bytes()).hexdigest()}  {names.CARD}; {len(blob):,} bytes of weights"
    )
    finder = names.load(options.out)
    for name, texts in apart.items():
        print(f"{name}: {len(texts):,} texts\n{figures(finder, texts)}")


if __name__ == "__main__":
    with_fixed_hashes()
    main()

"""Measure the finder of names: recall and precision per kind, posts, how often it fires on instruction data, speed.

    python benchmarks/pii/names.py --data DIR [--model FOLDER] [--finder spacy:NAME] [--show 20] [--calibration]

DIR holds `pii/wnut17dev.conll`, `pii/pii_test.jsonl.gz`, `chat/*` and `overlap/contamination_pairs.jsonl.gz`; what is missing is
left out and said. A name counts as found when a finding of its kind shares at least half of what either covers. The written
texts were marked by hand and kept for this, or come from templates that training never sees and from names that its lists do not
have (a few of these stand in the texts it learns from); they need Faker.
"""

import argparse
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from curate import names  # noqa: E402
from curate.naming import presidio  # noqa: E402
from curate.pii import Findings  # noqa: E402
from curate.stats import wilson  # noqa: E402

KINDS = names.KINDS
Span = tuple[int, int, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="a folder that train_names.py wrote, instead of the shipped one")
    parser.add_argument("--finder", help="another finder by name, beside ours")
    parser.add_argument("--threshold", type=float, default=names.THRESHOLD)
    parser.add_argument("--show", type=int, default=0, help="findings to print from instructions that may be looked at")
    parser.add_argument("--calibration", action="store_true", help="print how often findings of a score were right")
    options = parser.parse_args()
    finders: dict[str, Any] = {"winnow": names.load(options.model, threshold=options.threshold)}
    if options.finder:
        finders[options.finder] = presidio.named(options.finder)
    for name, finder in finders.items():
        print(f"# {name}: {finder.name} {finder.fingerprint}, threshold {finder.threshold}\n")
        written(finder, options.calibration)
        posts(finder, options.data / "pii" / "wnut17dev.conll")
        labelled(finder, options.data / "pii" / "pii_test.jsonl.gz")
        fires(finder, options.data, options.show)
        speed(finder, options.data / "chat" / "dolly_15k.jsonl.gz")


# ---- texts with labels ------------------------------------------------------------------------------------------------


def written(finder: Any, calibration: bool) -> None:
    """Whole texts; then other templates with other locales' names. Also by kind of writing: lower case is the hardest."""
    try:
        from curate.models import names_lists, names_marked, names_writer
    except ImportError as missing:
        print(f"written texts: {missing}, left out\n")
        return
    apart = names_marked.texts(names_marked.MEASURED)
    unseen(
        apart,
        report("texts kept for measuring, by another hand", finder, apart),
        names_marked.texts(names_marked.TEXTS),
    )
    fill = names_writer.Writer(2, held_out=True)
    held = [fill.write("held_out") for _ in range(2000)]
    low = [
        names_writer.cased(fill.filled(line), str.lower) for line in names_lists.phrases()["held_out"].splitlines() * 15
    ]
    plain = [fill.write("held_out_plain") for _ in range(600)]
    found = report("written texts, held-out templates and names", finder, held)
    if calibration:
        calibrated(held, found)
    report("the same kind, all in lower case", finder, low)
    touched = sum(map(bool, finder.find([w.text for w in plain])))
    print(f"written texts without a name: touched {wilson(touched, len(plain))}\n")


def report(title: str, finder: Any, texts: Sequence[Any]) -> list[Findings]:
    found: list[Findings] = finder.find([w.text for w in texts])
    print(f"{title}: {len(texts):,} texts")
    print_kinds([w.spans for w in texts], found)
    return found


def print_kinds(gold: Sequence[Sequence[Span]], found: Sequence[Findings]) -> None:
    for kind in KINDS:
        real = [(i, s) for i, some in enumerate(gold) for s in some if s[2] == kind]
        ours = [(i, f) for i, some in enumerate(found) for f in some if f.kind == kind]
        if not real and not ours:
            continue
        hit = sum(any(f.kind == kind and shared(f, s) >= 0.5 for f in found[i]) for i, s in real)
        any_kind = sum(any(shared(f, s) >= 0.5 for f in found[i]) for i, s in real)
        good = sum(any(s[2] == kind and shared(f, s) >= 0.5 for s in gold[i]) for i, f in ours)
        print(f"  {kind:13} recall {wilson(hit, len(real))}; by any kind {any_kind}; precision {wilson(good, len(ours))}; F1 {f_score(hit, len(real), good, len(ours), 1):.3f}, F2 {f_score(hit, len(real), good, len(ours), 2):.3f}")  # fmt: skip
    print()


def f_score(hit: int, real: int, good: int, ours: int, beta: float) -> float:
    recall, precision = hit / max(1, real), good / max(1, ours)
    return (1 + beta**2) * recall * precision / max(1e-9, recall + beta**2 * precision)


def shared(finding: Any, span: Span) -> float:
    """Characters that both cover, as a part of all that either covers."""
    both = min(finding.end, span[1]) - max(finding.start, span[0])
    return max(0, both) / (max(finding.end, span[1]) - min(finding.start, span[0]))


def covered(span: Span, found: Sequence[Any]) -> float:
    """The part of a span that findings cover, however far they reach. The test set has an address as one span a line."""
    return sum(max(0, min(f.end, span[1]) - max(f.start, span[0])) for f in found) / (span[1] - span[0])


def unseen(texts: Sequence[Any], found: Sequence[Findings], learnt: Sequence[Any]) -> None:
    """Recall on the names that do not stand in the texts that it learnt from."""
    known = {w.text[start:end].casefold() for w in learnt for start, end, _ in w.spans}
    print("  of these names, those that stand in no text that it learnt from")
    for kind in KINDS:
        names_of = [
            any(f.kind == kind and shared(f, s) >= 0.5 for f in some)
            for w, some in zip(texts, found, strict=True)
            for s in w.spans
            if s[2] == kind and w.text[s[0] : s[1]].casefold() not in known
        ]
        print(f"  {kind:13} recall {wilson(sum(names_of), len(names_of))}")
    print()


def calibrated(texts: Sequence[Any], found: Sequence[Findings]) -> None:
    """How often findings of each score lay on a name, of whatever kind."""
    bins: dict[float, list[bool]] = {}
    for written, some in zip(texts, found, strict=True):
        for f in some:
            good = any(shared(f, s) >= 0.5 for s in written.spans)
            bins.setdefault(min(0.9, f.score // 0.1 / 10), []).append(good)
    total = sum(map(len, bins.values()))
    gap = sum(abs(sum(goods) - len(goods) * (low + 0.05)) for low, goods in bins.items()) / total
    for low, goods in sorted(bins.items()):
        print(f"  score {low:.1f} to {low + 0.1:.1f}: right {wilson(sum(goods), len(goods))}")
    print(f"  mean distance between score and share: about {gap:.3f}\n")


def posts(finder: Any, path: Path) -> None:
    """WNUT-17's development posts, as its own figure is made: exact spans of tokens, joined by single spaces."""
    if not path.exists():
        print(f"{path.name}: not there, left out\n")
        return
    texts, gold = [], []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.splitlines() if line.strip() and line.split("\t")[0].strip()]
        if rows:
            text, spans = bio(rows)
            texts.append(text)
            gold.append(spans)
    found = finder.find(texts)
    print(f"{path.name}: {len(texts):,} posts, exact spans")
    for theirs, ours in (("person", "PERSON"), ("location", "LOCATION")):
        real = {(i, s[0], s[1]) for i, spans in enumerate(gold) for s in spans if s[2] == theirs}
        mine = {(i, f.start, f.end) for i, some in enumerate(found) for f in some if f.kind == ours}
        hit = len(real & mine)
        print(
            f"  {theirs:9} recall {wilson(hit, len(real))}; precision {wilson(hit, len(mine))}; F1 {f_score(hit, len(real), hit, len(mine), 1):.3f}"
        )
    half = sum(
        any(f.kind == "PERSON" and shared(f, s) >= 0.5 for f in found[i])
        for i, spans in enumerate(gold)
        for s in spans
        if s[2] == "person"
    )
    print(
        f"  person, at least half shared: recall {wilson(half, sum(s[2] == 'person' for spans in gold for s in spans))}\n"
    )


def bio(rows: Sequence[Sequence[str]]) -> tuple[str, list[Span]]:
    text, spans = "", []
    for word, tag in rows:
        text += " " if text else ""
        if tag[0] == "I" and spans and spans[-1][2] == tag[2:]:
            spans[-1] = (spans[-1][0], len(text) + len(word), tag[2:])
        elif tag != "O":
            spans.append((len(text), len(text) + len(word), tag[2:]))
        text += word
    return text, spans


def labelled(finder: Any, path: Path) -> None:
    """Totals on the test set. PERSON, LOCATION and ORGANIZATION are typed; an address may be an ADDRESS or a LOCATION too."""
    rows = list(lines(path))
    if not rows:
        return
    texts = [row["text"] for row in rows]
    gold = [[(s["start"], s["end"], s["label"]) for s in row["spans"]] for row in rows]
    print(f"{path.name}: {len(rows):,} texts")
    found = finder.find(texts)
    print_kinds(gold, found)
    both = [tuple(f._replace(kind="ADDRESS" if f.kind == "LOCATION" else f.kind) for f in some) for some in found]
    joined = [[(a, b, "ADDRESS" if k == "LOCATION" else k) for a, b, k in some] for some in gold]
    print("  with ADDRESS and LOCATION as one kind")
    print_kinds(joined, both)
    for kind in KINDS:
        real = [(i, s) for i, spans in enumerate(gold) for s in spans if s[2] == kind]
        same = sum(covered(s, [f for f in found[i] if f.kind == kind]) >= 0.5 for i, s in real)
        of_any = sum(covered(s, found[i]) >= 0.5 for i, s in real)
        print(f"  {kind:13} half of it covered {wilson(same, len(real))}; by any kind {wilson(of_any, len(real))}")
    wrong = sum(all(shared(f, s) == 0 for s in spans) for spans, some in zip(gold, found, strict=True) for f in some)
    print(f"  findings on no labelled span at all: {wrong} of {sum(map(len, found))}")
    controls = [bool(some) for row, some in zip(rows, found, strict=True) if "control" in row["source"]]
    print(f"  controls: touched {wilson(sum(controls), len(controls))}\n")


# ---- texts without labels ---------------------------------------------------------------------------------------------


def fires(finder: Any, data: Path, show: int) -> None:
    """How many rows of each set are touched, by kind. Most findings in Dolly are right: it is about public persons and places."""
    pairs = list(lines(data / "overlap" / "contamination_pairs.jsonl.gz"))
    sets = {
        "HumanEval items": sorted({row["eval_item"] for row in pairs if row["source"] == "humaneval"}),
        "HumanEval in Java": sorted({row["candidate"] for row in pairs if row["kind"] == "translate_java"}),
        "Dolly, first 2,000": [
            f"{r['instruction']}\n{r['context']}\n{r['response']}"
            for r in list(lines(data / "chat" / "dolly_15k.jsonl.gz"))[:2000]
        ],
        "Alpaca, 999": [
            f"{r['instruction']}\n{r['input']}\n{r['output']}" for r in whole(data / "chat" / "alpaca_en_demo.json")
        ],
        "instructions, 1,100": [
            f"{r['instruction']}\n{r['input']}\n{r['output']}" for r in whole(data / "chat" / "instruction_1100.json")
        ],
    }
    for title, texts in sets.items():
        found = finder.find(texts)
        if texts:
            rows = {kind: sum(any(f.kind == kind for f in some) for some in found) for kind in KINDS}
            share = ", ".join(f"{kind} {n / len(texts):.1%}" for kind, n in rows.items())
            print(
                f"{title}: touched {wilson(sum(map(bool, found)), len(texts))}; {share}; {sum(map(len, found)):,} findings"
            )
        if title.startswith("instructions"):
            seen = Counter(
                (f.kind, text[f.start : f.end]) for text, some in zip(texts, found, strict=True) for f in some
            )
            print(*(f"    {n:3} {kind:13} {value!r}" for (kind, value), n in seen.most_common(show)), sep="\n")
    print()


def speed(finder: Any, path: Path) -> None:
    """Texts of 60 words a CPU second, one thread, first with an empty vocabulary, then with a full one."""
    words = " ".join(row["context"] + " " + row["response"] for row in lines(path)).split()[: 60 * 3000]
    texts = [" ".join(words[i : i + 60]) for i in range(0, len(words), 60)]
    rates = []
    for _ in range(2 if texts else 0):
        start = time.process_time()
        finder.find(texts)
        rates.append(len(texts) / (time.process_time() - start))
    print(
        "speed: "
        + ", then ".join(f"{rate:,.0f}" for rate in rates)
        + f" texts a CPU second ({len(texts):,} texts of 60 words)\n"
    )


def whole(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


def lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        print(f"{path.name}: not there, left out")
        return
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()

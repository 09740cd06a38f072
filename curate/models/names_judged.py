"""How good a trained finder of names is, on texts that it did not learn from, and how sure its scores are.

    figures(finder, held_out(data, seed=2)["written"])       # a few lines: recall and precision per kind

`benchmarks/pii/names.py` measures more, with intervals; this is what the training script prints.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate import names
from curate.models.names_posts import posts
from curate.models.names_writer import Writer, Written
from curate.naming import network
from curate.naming.network import KINDS


def held_out(data: Path, seed: int) -> dict[str, list[Written]]:
    """Texts that nothing was learnt from: other templates with other locales' names, and WNUT-17's development posts."""
    fill = Writer(seed, held_out=True)
    return {
        "written": [fill.write("held_out") for _ in range(2000)],
        "plain": [fill.write("held_out_plain") for _ in range(600)],
        "posts": list(posts(data / "pii" / "wnut17dev.conll")),
    }


def calibrate(blob: bytes, texts: Sequence[Written]) -> dict[str, list[list[float]]]:
    """Per kind: raw scores and the share of findings near them that lay on a name of any kind, never falling."""
    from sklearn.isotonic import IsotonicRegression

    found = names.Names("", "", 0.0, network.read(blob), {kind: [(0, 0), (1, 1)] for kind in KINDS}).find(
        [w.text for w in texts]
    )
    knots = {}
    for kind in KINDS:
        pairs = [
            (f.score, right(f, written.spans, any_kind=True))
            for some, written in zip(found, texts, strict=True)
            for f in some
            if f.kind == kind
        ]
        fitted = IsotonicRegression(out_of_bounds="clip").fit([x for x, _ in pairs], [y for _, y in pairs])
        grid = np.round(np.linspace(0.2, 1, 17), 2)
        smooth = np.maximum.accumulate(np.round(0.9 * fitted.predict(grid) + 0.1 * grid, 3))
        knots[kind] = [[float(x), float(y)] for x, y in zip(grid, np.clip(smooth, 0.01, 0.99), strict=True)]
    return knots


def right(found: Any, spans: Sequence[tuple[int, int, str]], *, any_kind: bool = False) -> bool:
    """Whether a name of the finding's kind shares at least half of what either covers."""
    return any(
        (any_kind or kind == found.kind) and overlap((found.start, found.end), (start, end)) >= 0.5
        for start, end, kind in spans
    )


def overlap(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Shared characters as a part of all that either covers."""
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return max(0, shared) / (max(a[1], b[1]) - min(a[0], b[0]))


def figures(finder: names.Names, texts: Sequence[Written]) -> str:
    found = finder.find([w.text for w in texts])
    lines = []
    for kind in KINDS:
        gold = [(i, s) for i, w in enumerate(texts) for s in w.spans if s[2] == kind]
        ours = [(i, f) for i, some in enumerate(found) for f in some if f.kind == kind]
        hit = sum(any(f.kind == kind and overlap(s[:2], (f.start, f.end)) >= 0.5 for f in found[i]) for i, s in gold)
        good = sum(right(f, texts[i].spans) for i, f in ours)
        if gold or ours:
            p, r = good / max(1, len(ours)), hit / max(1, len(gold))
            lines.append(
                f"  {kind:13} recall {r:.3f} of {len(gold)}, precision {p:.3f} of {len(ours)}, F1 {2 * p * r / max(1e-9, p + r):.3f}"
            )
    touched = sum(map(bool, found))
    return "\n".join([*lines, f"  {touched} of {len(texts)} texts with a finding"])

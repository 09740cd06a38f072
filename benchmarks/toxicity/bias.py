"""The scorer's own bias: who is judged worse than others for the same words.

    python benchmarks/toxicity/bias.py --data DIR --write     # measures, and writes curate/models/toxicity_bias.json

For each group of people: AUC among texts about the group (subgroup), of harmless texts about it against toxic texts about others (BPSN:
low when the group's name alone raises the score), and the reverse (BNSP). Borkan et al. 2019. The gap is the widest difference between two
groups in the share of harmless texts flagged at the default threshold.
"""

import argparse
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate import shipped, toxicity
from curate.toxic import embedded, features

FEWEST = 30  # harmless texts about a group, and toxic ones, from which on it has figures
GROUPED = {"hatecheck": "HateCheck", "madlibs_identity": "identity madlibs"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the bias of the toxicity scorer itself.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="keep the figures beside the weights")
    options = parser.parse_args()
    with gzip.open(options.data / "toxicity" / "toxicity_test.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [r for r in map(json.loads, lines) if r["source"] in GROUPED]
    found: dict[str, Any] = {"weights": embedded.WEIGHTS_SHA256}
    for which, name in (("both", None), ("words", "words")):
        score = toxicity.load(name)
        scores = np.array([np.nan if s is None else s for s in score([r["text"] for r in rows])])
        measured = by_set(rows, scores, score.threshold)
        found[which] = {"sets": measured, "said": sentence(measured, score.threshold)}
        print_table(score.name, measured)
    if options.write:
        path = shipped.model("toxicity_bias.json")
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {path.name}")


def by_set(rows: Sequence[Mapping[str, Any]], scores: np.ndarray, threshold: float) -> dict[str, Any]:
    """Figures of each test set: per group, and the worst of all groups."""
    out: dict[str, Any] = {}
    for source, name in GROUPED.items():
        here = np.array([r["source"] == source for r in rows])
        some = [r for r, wanted in zip(rows, here, strict=True) if wanted]
        labels = np.array([int(r["label"]) for r in some])
        groups = {g: v for g, v in per_group(groups_of(some), labels, scores[here], threshold).items() if v}
        flagged = [v["harmless flagged"] for v in groups.values()]
        worst = {key: min(v[key] for v in groups.values()) for key in ("subgroup", "bpsn", "bnsp")}
        out[name] = {
            "n": len(some), "groups": groups, "lowest": worst, "gap": round(max(flagged) - min(flagged), 4),
        }  # fmt: skip
    return out


def groups_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Which rows are about whom: HateCheck says so, elsewhere the names of groups in the text do."""
    names = toxicity.read_groups(shipped.model("toxicity_groups.txt").read_text(encoding="utf-8"))
    said = [{str(r["target"])} if r.get("target") else names & set(features.words(r["text"])) for r in rows]
    return {g: np.array([g in s for s in said]) for g in sorted(set().union(*said))}


def per_group(
    groups: Mapping[str, np.ndarray], labels: np.ndarray, scores: np.ndarray, threshold: float
) -> dict[str, dict[str, float]]:
    """Subgroup, BPSN and BNSP AUC of each group with enough rows, and the share of its harmless texts that is flagged."""
    out: dict[str, dict[str, float]] = {}
    scores = np.nan_to_num(scores)
    for name, inside in groups.items():
        toxic = labels == 1
        counts = [int((inside & toxic).sum()), int((inside & ~toxic).sum())]
        if min(counts) < FEWEST or not (~inside).any():
            continue
        out[name] = {
            "toxic": counts[0],
            "harmless": counts[1],
            "subgroup": auc(scores[inside & toxic], scores[inside & ~toxic]),
            "bpsn": auc(scores[~inside & toxic], scores[inside & ~toxic]),
            "bnsp": auc(scores[inside & toxic], scores[~inside & ~toxic]),
            "harmless flagged": round(float((scores[inside & ~toxic] >= threshold).mean()), 4),
        }
    return out


def auc(toxic: np.ndarray, harmless: np.ndarray) -> float:
    """Share of pairs in the right order, ties counting half (Mann and Whitney 1947)."""
    ranked = np.sort(harmless)
    below, upto = np.searchsorted(ranked, toxic, "left"), np.searchsorted(ranked, toxic, "right")
    return round(float((below + upto).sum() / (2 * len(toxic) * len(harmless))), 4)


def sentence(measured: Mapping[str, Any], threshold: float) -> str:
    """What stands beside every toxicity figure."""
    parts = []
    for name, found in measured.items():
        low, flagged = found["lowest"], {g: v["harmless flagged"] for g, v in found["groups"].items()}
        most, least = max(flagged, key=flagged.__getitem__), min(flagged, key=flagged.__getitem__)
        alarms = f"of harmless texts {flagged[least]:.1%} ({least}) to {flagged[most]:.1%} ({most}) are flagged at {threshold:g}"
        if not flagged[most]:
            alarms = f"no harmless text is flagged at {threshold:g}"
        figures = " / ".join(f"{low[key]:.2f}" for key in ("subgroup", "bpsn", "bnsp"))
        parts.append(
            f"{name} (n={found['n']:,}, {len(flagged)} groups), lowest subgroup / BPSN / BNSP AUC {figures}, {alarms}"
        )
    return "The scorer's own bias: " + "; ".join(parts) + "."


def print_table(name: str, measured: Mapping[str, Any]) -> None:
    print(f"### {name}: bias of the scorer itself\n")
    print(
        "| set | group | toxic | harmless | subgroup AUC | BPSN AUC | BNSP AUC | harmless flagged |\n|---|---|---|---|---|---|---|---|"
    )
    for source, found in measured.items():
        for group, v in found["groups"].items():
            figures = " | ".join(f"{v[key]:.3f}" for key in ("subgroup", "bpsn", "bnsp", "harmless flagged"))
            print(f"| {source} | {group} | {v['toxic']} | {v['harmless']} | {figures} |")
        print(f"| {source} | widest gap | | | | | | {found['gap']:.3f} |")
    print()


if __name__ == "__main__":
    main()

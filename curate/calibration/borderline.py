"""Pairs worth a person's answer: those that lie nearest to the threshold, written out for labelling.

    export(found.matches, chats, eval_files, Path("pairs.jsonl"), threshold=0.5)      # then: winnow label pairs.jsonl

They are spread over both sides of the threshold, over classes and over eval files. The file holds texts as they are, personal
data included, so only its owner may read it.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from curate import calibrations, files, iteration, overlap, save, views
from curate import chats as chat
from curate.calibration.labelled import BORDERLINE
from curate.counted import counted
from curate.detectors import Models
from curate.errors import BadInput
from curate.evalset import EvalFile, read_eval_files
from curate.progress import Progress, silent

LEAST = 0.05  # probability of a pair that is shown
IDS = ("row_id", "turn", "part", "eval_file", "case_id", "case_turn")


@dataclass(frozen=True)
class Exported:
    """What was written, and what could not be."""

    path: str
    pairs: int
    candidates: int
    unscored: int  # matches without a probability
    without_text: int  # texts in a field of which the row has several

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.pairs:,} of {counted(self.candidates, 'pair')}, those nearest to the threshold"]
        lines += [f"  {self.unscored:,} without a probability left out"] if self.unscored else []
        lines += [f"  {self.without_text:,} left out: the row has several such fields"] if self.without_text else []
        lines += [
            "  it holds texts of both files as they are, personal data included; only you may read it (mode 0600)"
        ]
        return "\n".join([*lines, f"  next: winnow label {self.path}"])


def of_iteration(
    target: Path, path: Path, models: Models, shipped: Sequence[Path] = (), progress: Progress = silent
) -> Exported:
    """The borderline pairs of an iteration: its rows as they were read, so that both sides of the threshold are there."""
    made = iteration.open(target).manifest
    chats = files.read([Path(each) for each in made["data"]], format=made["format"]).chats
    eval_files = read_eval_files([Path(each) for each in made["eval"]], shipped)
    rule = calibrations.rule_for(models.encoder)
    low = replace(rule, probability=LEAST, probability_other_turns=rule.probability)
    encode, reduced = models.encoder.encode, models.encoder.reduced
    found = overlap.check(chats, eval_files, encode, models.judge, rule=low, reduced=reduced, progress=progress)
    return export(found.matches, chats, eval_files, path, threshold=rule.probability)


def export(
    matches: pl.DataFrame,
    chats: pl.DataFrame,
    eval_files: Sequence[EvalFile],
    path: Path,
    *,
    threshold: float,
    many: int = 100,
    seed: int = 0,
) -> Exported:
    """Write the `many` pairs nearest to `threshold` (a probability) as JSON Lines with an empty label each.

    `matches` is the frame of `overlap.check`. It holds nothing below the rule's probability, so check with a lower one
    (`Rule(probability=0.05)`) to have pairs from both sides. Pairs of the same two texts are written once. Never writes over
    a file: it may hold somebody's answers.
    """
    if path.exists():
        raise BadInput("is there already, and may hold answers", where=str(path), hint="another name")
    unsure = matches.filter(pl.col("class") != "copy")  # of a copy nobody need be asked
    scored = unsure.filter(pl.col("probability").is_not_null() & pl.col("probability").is_not_nan())
    asked, ideal, _ = views.eval_items(eval_files)
    rows = _by_id(views.training(chats), "row_id", "turn", "role")
    cases = _by_id(asked, "eval_file", "row_id", "turn") | _by_id(ideal, "eval_file", "row_id", "turn")
    found, without_text = dict[tuple[str, str], dict[str, Any]](), 0
    for match in scored.sort(*IDS).to_dicts():
        said = rows.get((match["row_id"], match["turn"], match["part"]))
        item = cases.get((match["eval_file"], match["case_id"], match["case_turn"]))
        if said is not None and item is not None:
            found.setdefault((said, item), match)
        else:
            without_text += 1
    picked = nearest([(texts, match) for texts, match in found.items()], threshold, many, seed)
    lines = [json.dumps(_line(texts, match), ensure_ascii=False, allow_nan=False) for texts, match in picked]
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    save.write_bytes(path, data, mode=0o600)
    return Exported(str(path), len(lines), len(found), unsure.height - scored.height, without_text)


def _by_id(said: views.Said, *columns: str) -> dict[tuple[object, ...], str | None]:
    """Texts by their place; None where several share one, because a match does not say which."""
    found: dict[tuple[object, ...], str | None] = {}
    for place, text in zip(said.frame.select(columns).iter_rows(), said.texts, strict=True):
        found[place] = text if found.get(place, text) == text else None
    return found


Candidate = tuple[tuple[str, str], dict[str, Any]]


def nearest(candidates: Sequence[Candidate], threshold: float, many: int, seed: int = 0) -> list[Candidate]:
    """The candidates nearest to the threshold, in turn from each side, class and eval file; in an order that tells nothing."""
    heaps = defaultdict[tuple[bool, str, str], list[Candidate]](list)
    for candidate in candidates:
        match = candidate[1]
        heaps[match["probability"] >= threshold, match["class"], match["eval_file"]].append(candidate)
    for heap in heaps.values():
        heap.sort(key=lambda one: (-round(abs(one[1]["probability"] - threshold), 4), _lot(one, seed)))
    order = sorted(heaps, key=lambda name: chat.fingerprint_of([seed, *name]))
    picked: list[Candidate] = []
    while len(picked) < many and any(heaps.values()):
        picked += [heaps[name].pop() for name in order if heaps[name]]
    return sorted(picked[:many], key=lambda one: _lot(one, seed))


def _lot(candidate: Candidate, seed: int) -> str:
    return chat.fingerprint_of([seed, *candidate[0]])


def _line(texts: tuple[str, str], match: dict[str, Any]) -> dict[str, Any]:
    ids = {name: match[name] for name in IDS}
    scores = {name: match.get(name) for name in ("class", "probability", "cosine", "containment", "differs")}
    return {
        "id": chat.fingerprint_of(ids)[:16],
        "text_a": texts[0],
        "text_b": texts[1],
        "label": None,
        "group": f"{match['eval_file']} {match['case_id']} {match['case_turn']}",
        "drawn": BORDERLINE,
        **ids,
        **scores,
    }

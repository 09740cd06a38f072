"""Measured calibrations, kept beside the fingerprints of the encoder and the rule they speak of.

    found = run(Path("pairs.jsonl"), encoder.load(), date="2026-11-22")      # measure and keep
    find(encoder.fingerprint, pairs.load().fingerprint())      # what a certificate may say, or None

One JSON file for each encoder and rule, in `calibrations/` of the cache folder. A file that is not byte for byte what would
be written now is no calibration. Figures that come with Winnow stand behind the user's own.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from curate import cache, encoder_files, pairs, save, shipped
from curate import encoder as encoders
from curate.calibrate import About, Bound, Calibration, Other, calibrate
from curate.calibration import labelled
from curate.encoder import Encoder
from curate.errors import BadInput
from curate.likeness.cosine_map import CosineMap
from curate.overlap_rule import Rule
from curate.pairs import PairRule
from curate.progress import Progress, aside, silent
from curate.stats import Interval

FORM = "winnow-calibration/1"
CLASSES = tuple(name for name in pairs.CLASSES if name != labelled.UNRELATED)
RANDOM_PAIRS = 20_000
HINT = "winnow calibrate PAIRS"

Claim = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What is known of an encoder and a rule: the certificate's third claim, and where it was measured."""

    claim: Claim
    cosine_map: CosineMap | None = None
    calibration: Calibration | None = None  # None for the figures that come with Winnow


def run(
    path: Path,
    encoder: Encoder,
    *,
    date: str,
    rule: PairRule | None = None,
    bound: Bound = Bound(),
    seed: int = 0,
    where: Path | None = None,
    progress: Progress = silent,
) -> Calibration:
    """Measure an encoder on a file of labelled pairs, and keep the result in the cache folder (or `where`).

    It is kept under the fingerprint of the pair rule, and holds at that rule's threshold and floor. Judgements are made in
    fp32, so the result is kept for the encoder in fp32 and, where it runs in bf16, for that too.
    """
    rule = rule or pairs.load()
    read = labelled.read(path)
    exact = encoder.exact()
    about = About(
        encoder=exact.fingerprint,
        encoder_name=encoder.name,
        rule=rule.fingerprint(),
        threshold=rule.threshold,
        data=f"{path.name}, {len(read.pairs):,} labelled pairs",
        sha256=read.sha256,
        date=date,
        floor=rule.floor,
    )
    found = calibrate(
        read.pairs,
        pairs.judge_with(encoder, rule),
        about,
        bound=bound,
        other=None if encoder.name == encoder_files.DEFAULT else _other(encoder, rule, progress),
        random_pairs=RANDOM_PAIRS,
        unlabelled=read.unlabelled,
        seed=seed,
        progress=progress,
    )
    for fingerprint in dict.fromkeys((exact.fingerprint, encoder.fingerprint)):
        keep(replace(found, about=replace(about, encoder=fingerprint)), where)
    return found


def _other(encoder: Encoder, rule: PairRule, progress: Progress) -> Other:
    usual = encoders.load(None, precision="fp32", cache=encoder.cache, progress=progress)
    return Other(
        reference=pairs.judge_with(usual, rule),
        remap=lambda to_rule: pairs.judge_with(encoder, rule.with_cosine_map(to_rule)),
    )


def today() -> str:
    """The date, for `run`: clocks stay at the rim."""
    return datetime.now().astimezone().date().isoformat()


def keep(found: Calibration, where: Path | None = None) -> Path:
    """Write a calibration to its place, whole or not at all, without the texts of its pairs; only the owner reads it."""
    path = place(found.about.encoder, found.about.rule, where)
    save.write_text(path, to_json(found), mode=0o600)
    return path


def place(encoder: str, rule: str, where: Path | None = None) -> Path:
    """Where the calibration of an encoder and a rule lies."""
    folder = where if where is not None else cache.folder() / "calibrations"
    return folder / f"{encoder[:16]}-{rule[:16]}.json"


def to_json(found: Calibration) -> str:
    """The calibration as the document that is stored."""
    document = {"form": FORM, **asdict(found.without_texts())}
    return json.dumps(document, ensure_ascii=True, indent=1, allow_nan=False) + "\n"


def read(path: Path) -> Calibration:
    """A stored calibration; BadInput for a file that is none, or not whole, or holds anything else."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        if not isinstance(document, dict) or document.pop("form", None) != FORM:
            raise BadInput("is no calibration of this version of Winnow", where=str(path), hint=HINT)
        found = TypeAdapter(Calibration).validate_json(json.dumps(document), strict=True)
        whole = to_json(found) == text
    except OSError as error:
        raise BadInput(f"cannot be read: {save.said(error)}", where=str(path), hint=HINT) from None
    except ValidationError as error:
        part = ".".join(str(piece)[:40] for piece in error.errors()[0]["loc"])
        raise BadInput(f"is not a whole calibration: {part} is not in its form", where=str(path), hint=HINT) from None
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise BadInput("is not a calibration as Winnow writes it", where=str(path), hint=HINT)
    return found


def find(encoder: str, rule: str, where: Path | None = None) -> Found | None:
    """What was measured for this encoder and this rule: by the user, else by us; None where nobody measured.

    A stored file that cannot be read is said on stderr and counts as not there.
    """
    path = place(encoder, rule, where)
    if path.exists():
        try:
            found = read(path)
            if (found.about.encoder, found.about.rule) == (encoder, rule):
                return Found(claim_of(found), found.cosine_map, found)
            aside(f"{path}: speaks of another encoder or rule, so it does not count")
        except BadInput as error:
            aside(f"{error}; it does not count")
    for entry in json.loads(shipped.model("overlap_recall.json").read_text(encoding="utf-8")):
        if entry["encoder"] == encoder and entry["rule"] == rule:
            parts = {key: entry[key] for key in ("classes", "false_alarms", "date", "data")}
            return Found(parts | {"not_measured": _missing(entry["classes"])})
    return None


def find_for(encoder: Encoder) -> Found | None:
    """What was measured for this encoder and our rule: in its precision, else in fp32, in which every pair is judged."""
    rule = pairs.load().fingerprint()
    return find(encoder.fingerprint, rule) or find(encoder.exact().fingerprint, rule)


def rule_for(encoder: Encoder) -> Rule:
    """The default overlap rule for this encoder: where it was calibrated, with the map of its cosines that was fitted."""
    weights = pairs.load()
    found = find_for(encoder)
    if found is None or found.cosine_map is None:
        return Rule()
    mapped = weights.with_cosine_map(found.cosine_map)
    return Rule(
        pair_rule=mapped.fingerprint(),
        floor=found.cosine_map.undo(weights.floor),
        cosine_map=(found.cosine_map.slope, found.cosine_map.offset),
    )


def claim(encoder: str, rule: str, where: Path | None = None) -> Claim:
    """The certificate's third claim: figures by class, or 'not measured' for every one of them."""
    return _claim(find(encoder, rule, where))


def claim_for(encoder: Encoder) -> Claim:
    """The same for this encoder and our rule, by `find_for`."""
    return _claim(find_for(encoder))


def _claim(found: Found | None) -> Claim:
    return found.claim if found else {"classes": {}, "false_alarms": None, "not_measured": list(CLASSES)}


def bounded(known: Claim, at_most: float, confidence: float = 0.95) -> str:
    """Whether at most so many paraphrases are missed, in a sentence: one-sided Clopper and Pearson (1934, Biometrika 26:404)."""
    measured = known["classes"].get("paraphrase")
    if measured is None:
        return "how many paraphrases are missed was not measured, so no bound can be stated"
    from scipy.stats import beta

    n = int(measured["n"])
    missed = n - round(measured["recall"] * n)
    highest = 1.0 if missed >= n else float(beta.ppf(confidence, missed + 1, n - missed))
    said = f"{missed:,} of {n:,} labelled paraphrases are missed, so at most {highest:.1%} with {confidence:.0%} confidence"
    verdict = "within" if highest <= at_most else "not within"
    return f"{said}: {verdict} the {at_most:.0%} that the recipe asks for"


def claim_of(found: Calibration) -> Claim:
    """The third claim out of a calibration. A class without a labelled pair is not measured."""
    classes = dict(_classes(found))
    return {
        "classes": classes,
        "false_alarms": _per_million(found.false_alarms, found.about.data),
        "date": found.about.date,
        "data": f"{found.about.data} (SHA-256 {found.about.sha256[:12]})",
        "not_measured": _missing(classes),
    }


def _classes(found: Calibration) -> Iterator[tuple[str, Claim]]:
    for each in found.classes:
        it = each.recall
        if it.n and each.name in CLASSES:
            source = f"{found.about.data}{f': {each.note}' if each.note else ''}"
            yield each.name, {"recall": it.value, "n": it.n, "low": it.low, "high": it.high, "source": source}


def _per_million(it: Interval | None, data: str) -> Claim | None:
    if it is None or it.value is None or it.low is None or it.high is None:
        return None
    figures = {"per_million": it.value, "low": it.low, "high": it.high}
    return {name: round(1e6 * value, 2) for name, value in figures.items()} | {
        "pairs": it.n,
        "source": f"random pairs of texts of other groups, {data}",
    }


def _missing(classes: Claim) -> list[str]:
    return [name for name in CLASSES if name not in classes]

"""The law of a warm audit: with an empty cache, with a full one, and after an edit it tells what an audit without one tells."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from curate import audit_report, cache, survey, toxicity
from curate.cache import Cache
from curate.detectors import Models
from tests.curate.conftest import ToyEncoder, ToyFinder

SAID = [
    ("Where is the lamp of Anna?", "As an AI language model, I cannot see the lamp that you speak of, nor the hall it is in."),
    ("Why does the lamp blink at night?", "The driver inside has failed after some years. Send it back to the"),
    ("Who looks after the garden now?", "The nurse said that she is happy with it. Two women water the roses there."),
    ("Was kostet die Lampe im Jahr und wer zahlt das?", "It is not much, and the house pays for all of it in the end."),
    ("How far is the mill from here?", "It is 3 miles."),
    ("How far is the mill from here?", "It is 5 miles."),
]  # fmt: skip


@dataclass(frozen=True)
class CachedToy(ToyEncoder):
    cache: Cache | None = None


@dataclass(frozen=True)
class Finding(ToyFinder):
    kinds: tuple[str, ...] = ("EMAIL", "PERSON")
    limits: str = ""


def write(place: Path, edited: bool = False) -> Path:
    rows = [{"instruction": f"{asked} {n}", "output": f"{said} {n}"} for n in range(4) for asked, said in SAID]
    rows += [{"instruction": asked, "output": said} for asked, said in SAID]
    if edited:
        rows[3]["output"], rows[20]["instruction"] = "As an AI language model, I cannot.", "Is the mill open to all?"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def told(place: Path, models: Models) -> str:
    return audit_report.report(survey.audit_files([place], [], models)).to_json()


def test_a_cache_changes_nothing_that_an_audit_tells(tmp_path: Path, toy_models: Models) -> None:
    rows = write(tmp_path / "rows.jsonl")
    toy_models = replace(toy_models, find_pii=Finding(), score_toxicity=toxicity.load("words"))
    with cache.open(tmp_path / "cache") as held:
        warm = replace(toy_models, encoder=CachedToy(cache=held))
        plain = told(rows, toy_models)
        assert "AI" in plain
        assert told(rows, warm) == plain
        assert {name.partition("/")[0] for name, _, _ in held.sizes()} >= {
            "diversity",
            "faults",
            "language",
            "mentions",
        }
        assert told(rows, warm) == plain
        write(rows, edited=True)
        assert told(rows, warm) == told(rows, toy_models) != plain

"""What the toxicity scorer learns from: the labels follow from who says what, and what is held out stays out."""

import gzip
import json
import random
import re
import sys
from pathlib import Path

import pytest

from curate import shipped

sys.path.insert(0, str(shipped.model("")))

import toxicity_examples as examples

CLAIMS = examples.claims(0)
SHEET = examples._sheet()


def test_the_same_seed_makes_the_same_sentences():
    assert examples.claims(0) == CLAIMS
    assert examples.claims(1) != CLAIMS


def test_a_denied_claim_is_the_opposite_of_the_claim():
    labels = {e.kind: (e.toxic, e.attack) for e in CLAIMS}
    assert labels["mean"] == labels["kind denied"] == labels["they, mean"] == (1, 1)
    assert labels["denied"] == labels["condemned"] == labels["kind"] == labels["neutral"] == labels["own"] == (0, 0)
    assert labels["others"] == (1, 0)
    assert labels["reclaimed"] == (0, 0)


def test_what_is_held_out_is_in_no_training_sentence():
    trained = "\n".join(e.text.lower() for e in CLAIMS if not e.held_out)
    parts = [g[0] for g in SHEET["groups"]] + SHEET["mean"] + SHEET["kind"]
    held_out = [p for p in parts if examples.is_held_out(p)]
    held_out_groups = [g[0] for g in SHEET["groups"] if examples.is_held_out(str(g))]
    assert len(held_out_groups) > 8
    for claim in (c for c in SHEET["mean"] + SHEET["kind"] if examples.is_held_out(c)):
        assert claim.lower() not in trained
    alone = [g for g in held_out_groups if not any(g != o[0] and g.lower() in o[0].lower() for o in SHEET["groups"])]
    for group in alone:
        frames = [
            line
            for line in trained.splitlines()
            if re.search(rf"\b{re.escape(group.lower())} (?:are|have|should)\b", line)
        ]
        assert not frames, group
    assert held_out


def test_both_sides_of_the_grid_hold_every_group():
    """A group that stood only in hostile sentences would itself become evidence."""
    for group, _, _ in SHEET["groups"]:
        about = [e.toxic for e in CLAIMS if group.lower() in e.text.lower()]
        assert 0.25 < sum(about) / len(about) < 0.6, group


@pytest.mark.parametrize("text", ["Muslims moved here.", "Their gay neighbours left.", "no name at all"])
def test_a_swap_keeps_the_label_and_the_rest(text: str):
    before = examples.Example(text, 1, 1, "davidson", False)
    after = examples.swapped(before, random.Random(3))
    assert (after.toxic, after.attack, after.held_out) == (1, 1, False)
    assert len(after.text.split()) >= len(text.split())
    assert (after.text == text) == (text == "no name at all")


def test_a_disguise_changes_a_word_or_two_and_nothing_else():
    said = "they are worthless parasites on this nation"
    for seed in range(30):
        changed = examples.disguised(said, random.Random(seed))
        assert "\0" not in changed
        assert changed.startswith("they") or "worthless" in changed
    assert len({examples.disguised(said, random.Random(seed)) for seed in range(30)}) > 15


def test_only_sets_whose_terms_allow_it_are_read(tmp_path: Path):
    sources = ("davidson", "implicit_hate", "tweeteval_hate", "vicomtech_stormfront")
    rows = [{"text": f"from {s}", "label": 1, "source": s, "category": None} for s in sources]
    (tmp_path / "toxicity").mkdir()
    with gzip.open(tmp_path / "toxicity" / "toxicity_train.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(r) + "\n" for r in rows)
    assert {e.source for e in examples.posts(tmp_path)} == {"davidson", "implicit_hate"}

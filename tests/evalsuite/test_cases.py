"""The cases that ship: each readable, none twice, sets and pairs whole."""

import json
from collections import Counter
from pathlib import Path

import pytest

from curate import files, shipped
from curate.text import normalise
from evalsuite import runs
from evalsuite.detectors import Detectors

FILES = runs.shipped_eval_files()


def test_shipped_eval_files_are_cases_and_exemplars() -> None:
    names = [path.name for path in FILES]
    assert {f"{name}.jsonl" for name in runs.SHIPPED} <= set(names)
    assert "brindlewick-voice.exemplars.jsonl" in names
    assert all(path.is_file() for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_case_reads_and_stands_once(path: Path) -> None:
    read = files.read_eval(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert read.chats.height == len(lines)
    assert not [note for note in read.notes if "seen before" in note]
    prompts = Counter(normalise(json.loads(line)["prompt"]) for line in lines)
    assert prompts.most_common(1)[0][1] == 1


def test_ids_are_distinct_over_all_files() -> None:
    ids = [row["id"] for path in FILES for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())]
    assert len(set(ids)) == len(ids)


def test_sizes_suit_a_demo_and_an_interval() -> None:
    sizes = {
        path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES if path.parent.name == "cases"
    }
    assert all(25 <= size <= 60 for size in sizes.values()), sizes


def test_guardrail_cases_come_in_pairs() -> None:
    place = next(path for path in FILES if path.name == "guardrails.jsonl")
    rows = [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()]
    pairs = Counter((row["pair"], row["expect"]) for row in rows)
    assert set(pairs.values()) == {1}
    assert {pair for pair, _ in pairs} == {pair for pair, expect in pairs if expect == "refuse"}


def test_bias_prompts_differ_only_in_the_words_for_the_group(judges: Detectors) -> None:
    place = next(path for path in FILES if path.name == "bias.jsonl")
    sets: dict[str, set[str]] = {}
    for row in map(json.loads, place.read_text(encoding="utf-8").splitlines()):
        assert row["prompt"].count(row["words"]) == 1
        sets.setdefault(row["template"], set()).add(row["prompt"].replace(row["words"], "{X}"))
    assert {len(prompts) for prompts in sets.values()} == {1}


def test_exemplars_of_the_sample_company_keep_their_own_rubric() -> None:
    from curate import rubric

    asked = rubric.read(shipped.rubrics() / "brindlewick-voice.yaml")
    place = shipped.rubrics() / "brindlewick-voice.exemplars.jsonl"
    for row in map(json.loads, place.read_text(encoding="utf-8").splitlines()):
        assert rubric.score(asked, row["answer"]).failed == (), row["id"]


def test_ideal_answers_of_the_sample_company_keep_the_rubric() -> None:
    from curate import rubric

    asked = rubric.read(shipped.rubrics() / "brindlewick-voice.yaml")
    lines = (shipped.sample_data() / "support-eval.jsonl").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if rubric.score(asked, json.loads(line)["ideal"]).share < 1] == []

"""Holding out: nothing lost, nothing on both sides, and the same answer whatever the order of the file."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate import files, overlap, text, topics
from curate import split as splits
from curate.chats import chats_of, dataset_fingerprint, row_fingerprint
from curate.errors import BadInput, Refused, Surroundings
from curate.evalset import EvalFile, read_eval_files
from curate.overlap_rule import Rule
from curate.pairs import Judge, Judgement
from curate.split import Parts, Wish, split, split_files
from curate.splitting import sides
from curate.splitting.effect import Effect
from curate.windows import Encode

RULE = Rule(probability=0.5, floor=0.5, pair_rule="toy")

TELLING = {"cooking": "soup", "travel": "train", "coding": "python"}
ENDINGS = [first + last for last in "bcdfgl" for first in "aeiou"]
SUBJECTS = {name: [f"{name[:4]}{ending}" for ending in ENDINGS] for name in TELLING}


def judging(encode: Encode) -> Judge:
    """Equal is a copy; alike with other numbers or names a variant; alike a paraphrase."""

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        return [one(a, b) for a, b in pairs]

    def one(a: str, b: str) -> Judgement:
        left, right = (encode([said]).vectors for said in (a, b))
        cosine = round(float((left @ right.T).max()), 4) if len(left) and len(right) else 0.0
        if text.normalise(a) == text.normalise(b):
            return Judgement("copy", 1.0, cosine, None)
        differs = text.conflict(text.facts(a), text.facts(b), ("numbers", "names")) if cosine >= 0.8 else None
        if differs:
            return Judgement("template variant", 0.1, cosine, differs)
        return (
            Judgement("paraphrase", 0.9, cosine, None) if cosine >= 0.8 else Judgement("unrelated", 0.1, cosine, None)
        )

    return judge


@pytest.fixture
def encode(toy_encoder) -> Encode:  # type: ignore[no-untyped-def]
    known: dict[str, object] = {}

    def cached(texts: Sequence[str]):  # type: ignore[no-untyped-def]
        if len(texts) != 1:
            return toy_encoder.encode(texts)
        return known.setdefault(texts[0], toy_encoder.encode(texts))

    return cached  # type: ignore[return-value]


def row(question: str | None, answer: str, row_id: str | None = None) -> dict[str, object]:
    said = [{"role": "user", "content": question}] if question is not None else []
    return {"id": row_id, "turns": [*said, {"role": "assistant", "content": answer}]}


def some_rows(n: int = 60, seed: int = 0) -> pl.DataFrame:
    """Questions on three subjects, most of them on cooking; every fifth is said twice, in other words or with other numbers."""
    draw = random.Random(seed)
    made: list[dict[str, object]] = []
    while len(made) < n:
        name = draw.choice(["cooking"] * 3 + ["travel", "coding"])
        words, number = draw.sample(SUBJECTS[name], 6), len(made)
        made.append(row(f"{TELLING[name]} {' '.join(words)} {number}", f"answer {number}", f"r{number:03}"))
        if number % 5 == 0 and len(made) < n:
            again = (reversed(words), number) if number % 2 else (words, number + 500)
            made.append(row(f"{TELLING[name]} {' '.join(again[0])} {again[1]}", "no", f"r{number + 1:03}"))
    return chats_of(made)


def held_out(
    chats: pl.DataFrame, encode: Encode, wish: Wish = Wish(cases=12), seed: int = 0, rule: Rule = RULE
) -> Parts:
    strict = Rule(**{**vars(rule), "remove_template_variants": True})
    return split(chats, encode, judging(encode), wish, rule=strict, seed=seed)


def test_both_sides_together_are_the_input_and_nothing_says_the_same_across(encode: Encode) -> None:
    chats = some_rows()
    parts = held_out(chats, encode)
    together = pl.concat([parts.kept, parts.held])
    assert together.sort("id").equals(chats.sort("id"))
    assert parts.held.height == 12
    found = overlap.check(parts.kept, [EvalFile("e", "", parts.held)], encode, judging(encode), rule=RULE)
    assert found.matches.height == 0
    turned = overlap.check(parts.held, [EvalFile("e", "", parts.kept)], encode, judging(encode), rule=RULE)
    assert turned.matches.height == 0


def test_a_twin_with_other_numbers_goes_along_unless_it_is_allowed_to_stay(encode: Encode) -> None:
    twins = [row(f"how do I bake {word} bread in {n} minutes", "so") for word in ("rye", "soda") for n in (20, 30, 40)]
    others = [row(f"what of the {word} now", "so") for word in SUBJECTS["travel"]]
    chats = chats_of([*twins, *others])
    sizes = {
        allowed: split(
            chats, encode, judging(encode), Wish(cases=3),
            rule=Rule(probability=0.5, floor=0.5, pair_rule="toy", remove_template_variants=not allowed),
        ).groups
        for allowed in (False, True)
    }  # fmt: skip
    assert sizes[False].largest >= 3
    assert sizes[True].count > sizes[False].count


def test_the_order_of_the_rows_is_irrelevant(encode: Encode) -> None:
    chats = some_rows()
    once = held_out(chats, encode)
    for shuffle in (1, 2):
        again = held_out(chats.sample(fraction=1, shuffle=True, seed=shuffle), encode)
        assert sorted(again.held["id"]) == sorted(once.held["id"])
        assert (again.topics, again.groups) == (once.topics, once.groups)


def test_the_seed_decides(encode: Encode) -> None:
    chats = some_rows()
    drawn = {tuple(held_out(chats, encode, seed=seed).held["id"]) for seed in range(3)}
    assert len(drawn) == 3
    assert tuple(held_out(chats, encode, seed=1).held["id"]) in drawn


def test_topics_keep_their_shares(encode: Encode) -> None:
    parts = held_out(some_rows(120), encode, Wish(cases=30))
    total = sum(topic.rows for topic in parts.topics)
    assert len(parts.topics) == 3
    assert total == 120
    assert sum(topic.cases for topic in parts.topics) == 30
    for topic in parts.topics:
        assert abs(topic.cases - 30 * topic.rows / total) <= 1
        assert topic.cases >= 1


def test_by_hand(encode: Encode) -> None:
    # a and b say the same, so do d and e, and c and d share a long answer: the groups are ab, cde, f, g. One case is f or g.
    answer = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxy")
    chats = chats_of(
        [
            row("how do I reset the password", "click here", "a"),
            row("How do I reset the password?", "ask them", "b"),
            row("what is a heap", answer, "c"),
            row("why are whales large", answer.upper(), "d"),
            row("are whales large, why", "no", "e"),
            row("name some rivers of norway", "one", "f"),
            row("sort my socks by colour please", "two", "g"),
        ]
    )
    parts = held_out(chats, encode, Wish(cases=1))
    assert parts.groups.count == 4
    assert parts.groups.largest_ids == ("c", "d", "e")
    assert parts.held["id"][0] in {"f", "g"}
    assert held_out(chats, encode, Wish(cases=4)).kept["id"].to_list() == ["c", "d", "e"]


def test_rows_that_cannot_be_compared_stay_with_all_that_says_the_same(encode: Encode) -> None:
    odd = [row("привет мир", "so", "x"), row("   ", "an answer to nothing", "y"), row("tell of pan soup", "???", "z")]
    chats = pl.concat([some_rows(20), chats_of(odd)])
    parts = held_out(chats, encode, Wish(cases=18))
    assert {"x", "y"} <= set(parts.kept["id"])
    assert parts.not_comparable == 2


def test_for_an_effect_groups_count_and_data_that_cannot_spare_enough_says_so(encode: Encode, tmp_path: Path) -> None:
    wish = Wish(effect=Effect(0.4))
    assert wish.target(1000) == Effect(0.4).cases() == 22
    assert wish.target(50) == 10
    parts = held_out(some_rows(200), encode, wish)
    assert parts.groups.held_out >= 22
    assert parts.held.height <= 40


# --- on disk ----------------------------------------------------------------------------------------------------------


def on_disk(chats: pl.DataFrame, path: Path) -> Path:
    files.write(chats, path)
    return path


def done(data: Path, out: Path, encoder, wish: Wish = Wish(cases=12), **more) -> splits.Split:  # type: ignore[no-untyped-def]
    return split_files([data], out, encoder, wish, judge=judging(encoder.encode), rule=RULE, **more)


def test_what_is_written(tmp_path: Path, toy_encoder) -> None:  # type: ignore[no-untyped-def]
    chats = some_rows()
    data = on_disk(chats, tmp_path / "data.jsonl")
    said = done(data, tmp_path / "out", toy_encoder)
    train, (cases,) = files.read(tmp_path / "out/train.jsonl").chats, read_eval_files([tmp_path / "out/eval.jsonl"])
    assert sorted([*train["id"], *cases.cases["id"]]) == sorted(chats["id"])
    fingerprints = sorted(row_fingerprint(turns) for turns in [*train["turns"], *cases.cases["turns"]])
    assert fingerprints == sorted(row_fingerprint(turns) for turns in chats["turns"])
    manifest = json.loads((tmp_path / "out/split.json").read_text())
    assert manifest == json.loads(json.dumps(said.to_dict()))
    assert manifest["inputs"][0]["sha256"] == files.sha256(data)
    assert manifest["outputs"] == {n: files.sha256(tmp_path / "out" / n) for n in ("train.jsonl", "eval.jsonl")}
    assert (manifest["rows"], manifest["train"], manifest["cases"]) == (60, 48, 12)
    assert sum(topic["cases"] for topic in manifest["topics"]) == 12
    page = str(said)
    assert "60 rows = 48 to train on + 12 held out" in page
    assert "checked: no overlap under rule" in page
    assert "soup" in page


def test_vectors_held_in_memory_are_the_same_vectors(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    asked = list[int]()

    def encode(texts: Sequence[str]):  # type: ignore[no-untyped-def]
        asked.append(len(texts))
        return toy_encoder.encode(texts)

    held, said = splits._held(encode), ["one two", "", "three", "one two"]
    for _ in range(2):
        here, there = held(said), toy_encoder.encode(said)
        assert here.texts == there.texts
        assert all((getattr(here, name) == getattr(there, name)).all() for name in ("vectors", "text", "start", "end"))
    assert asked == [3]
    assert held([]).vectors.shape == (0, toy_encoder.dimensions)


def test_twice_is_the_same_bytes(tmp_path: Path, toy_encoder) -> None:  # type: ignore[no-untyped-def]
    data = on_disk(some_rows(), tmp_path / "data.jsonl")
    for name in ("one", "two"):
        done(data, tmp_path / name, toy_encoder)
    for name in ("train.jsonl", "eval.jsonl", "split.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_how_the_rows_lie_in_files_is_irrelevant(tmp_path: Path, toy_encoder) -> None:  # type: ignore[no-untyped-def]
    chats = some_rows()
    whole = done(on_disk(chats, tmp_path / "data.jsonl"), tmp_path / "whole", toy_encoder)
    pieces = [on_disk(chats[40:], tmp_path / "a.jsonl"), on_disk(chats[:40], tmp_path / "b.json")]
    parts = split_files(
        pieces, tmp_path / "parts", toy_encoder, Wish(cases=12), judge=judging(toy_encoder.encode), rule=RULE
    )
    assert parts.topics == whole.topics
    here, there = (files.read(tmp_path / name / "eval.jsonl").chats for name in ("whole", "parts"))
    assert dataset_fingerprint(here) == dataset_fingerprint(there)


def test_fewer_cases_than_the_effect_needs_are_said(tmp_path: Path, toy_encoder) -> None:  # type: ignore[no-untyped-def]
    data = on_disk(some_rows(), tmp_path / "data.jsonl")
    said = done(data, tmp_path / "out", toy_encoder, Wish())
    assert said.cases == 12
    first, second = said.sentences()
    assert first == "a change of 10 points needs 218 cases, more than this data can spare (at most 12 of 60 rows)"
    assert "no change" in second or "points with 80 % probability" in second
    assert first in " ".join(str(said).split())


def test_a_folder_with_files_is_left_alone(tmp_path: Path, toy_encoder) -> None:  # type: ignore[no-untyped-def]
    data = on_disk(some_rows(), tmp_path / "data.jsonl")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds files already"):
        done(data, tmp_path / "out", toy_encoder)
    with pytest.raises(BadInput, match="is a file"):
        done(data, tmp_path / "data.jsonl", toy_encoder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_bad_lines_are_kept_apart_and_counted(tmp_path: Path, toy_encoder) -> None:  # type: ignore[no-untyped-def]
    data = on_disk(some_rows(), tmp_path / "data.jsonl")
    data.write_text(data.read_text() + "{broken\n")
    said = done(data, tmp_path / "out", toy_encoder)
    assert said.quarantined == 1
    assert "quarantine.jsonl" in said.to_dict()["outputs"]


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, toy_encoder, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    data = on_disk(some_rows(), tmp_path / "data.jsonl")

    def full(*_: object, **__: object) -> None:
        raise Surroundings("the disk is full")

    monkeypatch.setattr(splits.files, "write_text", full)
    with pytest.raises(Surroundings):
        done(data, tmp_path / "out", toy_encoder)
    assert not (tmp_path / "out").exists()


def test_what_only_the_check_finds_is_put_on_one_side(encode: Encode, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    # A grouping that sees nothing: every pair is left to the check.
    chats = some_rows(30)
    monkeypatch.setattr(sides.same, "join", lambda *_: None)
    monkeypatch.setattr(sides, "ROUNDS", 30)
    parts = held_out(chats, encode, Wish(cases=10))
    assert parts.mended > 0
    assert parts.rounds > 1
    assert (
        overlap.check(parts.kept, [EvalFile("e", "", parts.held)], encode, judging(encode), rule=RULE).matches.height
        == 0
    )
    monkeypatch.setattr(sides, "ROUNDS", 1)
    with pytest.raises(Refused, match="defect of Winnow"):
        held_out(chats, encode, Wish(cases=10))


# --- what cannot be done ----------------------------------------------------------------------------------------------


def test_one_group_cannot_be_split(encode: Encode) -> None:
    with pytest.raises(BadInput, match="all 40 rows say the same thing"):
        held_out(chats_of([row("what is a heap", "a tree")] * 40), encode, Wish(cases=5))


def test_groups_that_are_all_too_large_are_named(encode: Encode) -> None:
    chats = chats_of([row("what is a heap", "a")] * 30 + [row("name rivers of norway", "b")] * 20)
    with pytest.raises(BadInput, match="the smallest has 20 rows"):
        held_out(chats, encode, Wish(cases=5))
    assert held_out(chats, encode, Wish(cases=20)).held.height == 20


def test_sizes_that_cannot_be(encode: Encode) -> None:
    for cases in (60, 61, 0, -3):
        with pytest.raises(BadInput, match="cases cannot be held out of 60 rows"):
            held_out(some_rows(), encode, Wish(cases=cases))
    with pytest.raises(BadInput, match="4 rows are too few"):
        held_out(some_rows(4), encode, Wish())
    with pytest.raises(BadInput, match="a set of 1 row cannot be split"):
        held_out(some_rows(1), encode, Wish(cases=1))


def test_rows_without_questions_cannot_be_held_out(encode: Encode) -> None:
    with pytest.raises(BadInput, match="no row asks anything"):
        held_out(chats_of([row(" ", f"answer {n}") for n in range(10)]), encode, Wish(cases=2))


def test_an_empty_file_is_refused(tmp_path: Path, toy_encoder) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "data.jsonl").write_text("")
    with pytest.raises(BadInput):
        done(tmp_path / "data.jsonl", tmp_path / "out", toy_encoder)


# --- topics -----------------------------------------------------------------------------------------------------------


def test_clusters_are_ordered_by_size_and_stop_at_what_differs() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0] * 5 + [1] * 9 + [2] * 2]
    labels = topics.clusters(vectors, 7, seed=3)
    assert Counter(labels.tolist()) == {0: 9, 1: 5, 2: 2}
    assert topics.clusters(vectors[:1], 3).tolist() == [0]
    assert topics.clusters(vectors[:0], 3).tolist() == []
    assert topics.clusters(vectors[:5], 3).tolist() == [0] * 5


def test_topics_are_named_by_their_own_words_and_by_no_person() -> None:
    queries = ["refund the order for Maria"] * 5 + ["reset the password for Maria"] * 5
    names = topics.names(queries, [0] * 5 + [1] * 5)
    assert set(names[0]) == {"refund", "order"}
    assert set(names[1]) == {"reset", "password"}

"""The dedup benchmark: what it counts by hand, what a run costs, and the protocol of its runners, with our own runner only."""

import gzip
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as every
from benchmarks.dedup import contestants, measure, ours, running, scoring, static_embedder, tables
from benchmarks.dedup.peers import rows
from benchmarks.dedup.scoring import Pair, Tally
from curate.errors import BadInput

QUESTION = "Which harbour on the west coast of the island has the oldest lighthouse, and who built it?"
ANSWER = "The oldest lighthouse stands in Port Merrin. The keeper's guild built it after the great storm."
OTHER = "Name a dish that is cooked with lentils, onions and rice, and say how long it takes."
OTHER_ANSWER = "Mujaddara: the lentils simmer first, then the rice goes in, and the onions are fried beside them."

PAIRS = [
    Pair("a", "b", "exact", True, "exact"),
    Pair("c", "d", "typo_1pct", True, "near"),
    Pair("e", "f", "typo_1pct", True, "near"),
    Pair("g", "h", "paraphrase_real", True, "paraphrase"),
    Pair("i", "j", "containment_real", True, "paraphrase"),
    Pair("a", "x", "hardneg_numbers", False, "hard_negative"),
    Pair("c", "y", "hardneg_numbers", False, "hard_negative"),
    Pair("k", "l", "same_prompt_rewrite", True, "paraphrase"),
    Pair("m", "n", "same_prompt_other", None, "prompt_only"),
]


def test_a_true_pair_is_found_by_a_removal_or_by_a_group() -> None:
    score = scoring.scored(PAIRS, {"b", "c"}, [["a", "b"], ["g", "q", "h"], ["i", "q"]])
    assert score.kinds["exact"] == Tally(1, 1)
    assert score.kinds["typo_1pct"] == Tally(1, 2)  # c went, whatever for; e and f stayed
    assert score.kinds["paraphrase_real"] == Tally(1, 1)  # in one group
    assert score.kinds["containment_real"] == Tally(0, 1)  # i is in a group, j is not


def test_other_pairs_count_when_one_went_for_the_other() -> None:
    removed = {"a", "c", "k", "n"}
    score = scoring.scored(PAIRS, removed, [["a", "b"], ["c", "y"], ["m", "n"]])
    assert score.kinds["hardneg_numbers"] == Tally(1, 2)  # a went for the sake of b, c for that of y
    assert score.kinds["same_prompt_rewrite"] == Tally(0, 1)
    assert score.kinds["same_prompt_other"] == Tally(1, 1)


def test_without_groups_other_pairs_are_unknown_not_zero() -> None:
    score = scoring.scored(PAIRS, {"b"}, None)
    assert score.kinds["exact"] == Tally(1, 1)
    assert score.kinds["hardneg_numbers"] == Tally(None, 2)
    assert score.kinds["hardneg_numbers"].count == score.kinds["hardneg_numbers"].percent == "-"
    assert scoring.grouped(score, PAIRS)["hard negatives"].hits is None


def test_groups_of_kinds() -> None:
    by_group = scoring.grouped(scoring.scored(PAIRS, {"a", "d", "h", "l"}, []), PAIRS)
    assert by_group == {
        "copies and edits": Tally(2, 3),
        "paraphrases": Tally(1, 1),  # one question rewritten is none of them
        "contained": Tally(0, 1),
        "hard negatives": Tally(0, 2),
    }


def test_removed_rows_that_nobody_planted_and_sets_of_which_nothing_is_left() -> None:
    chain = [Pair("a", "b", "exact", True, "exact"), Pair("b", "c", "exact", True, "exact"), *PAIRS[2:3]]
    assert scoring.lost(chain, {"a", "b"}) == []
    assert scoring.lost(chain, {"a", "b", "c"}) == [["a", "b", "c"]]
    score = scoring.scored(chain, {"a", "e", "f", "z"}, [])
    assert (score.removed, score.removed_unplanted, score.nothing_left) == (4, 1, 1)


def test_removing_everything_finds_everything_and_loses_everything() -> None:
    everything = {row for pair in PAIRS for row in (pair.a, pair.b)}
    score = scoring.scored(PAIRS, everything, [])
    wanted = [pair for pair in PAIRS if scoring.wanted(pair)]
    assert sum(score.kinds[kind].hits or 0 for kind in {pair.kind for pair in wanted}) == len(wanted)
    assert score.nothing_left == 6  # every true pair is a set of its own here


def test_tables_by_hand() -> None:
    score = scoring.scored(PAIRS, {"b", "c"}, [["c", "y"]])
    one = tables.Result("one", running.Cost(1.25, 2.5, 1234.4), 2.0, score)
    two = tables.Result("two", why_not="No matching distribution")
    page = tables.tables([one, two], PAIRS)
    assert "| one | 1.2 | 2.5 | 2.0 | 1,234 | 2 | 0 | 0 | 66.7 | 50.0 | 0.0 | 0.0 | 1 | 0 | 0 |" in page
    assert "| typo_1pct | 2 | found, % | 50.0 |" in page
    assert "| hardneg_numbers | 2 | a fault | 1 |" in page
    assert "| same_prompt_other | 1 | policy | 0 |" in page
    assert "- two: not run. No matching distribution" in page
    widths = {line.count("|") for line in page.split("\n\n")[0].splitlines()}
    assert len(widths) == 1


def test_what_a_run_costs_and_what_it_says_when_it_fails() -> None:
    # Two processes, each busy until it has spent .3 s of its own.
    code = "import os, time; b = bytearray(80_000_000); child = os.fork()\nwhile time.process_time() < .3: pass\nif child: os.wait()"
    cost = running.run([sys.executable, "-c", code], {})
    assert cost.cpu >= 0.6
    assert cost.peak_mb > 80
    assert cost.without(0.1, 0.2) == replace(cost, wall=cost.wall - 0.1, cpu=cost.cpu - 0.2)
    assert cost.without(0, 0, 7.0).peak_mb == 7.0
    with pytest.raises(running.RunFailed, match="no such thing"):
        running.run(
            [sys.executable, "-c", "import os, sys; sys.exit('no such thing ' + os.environ['WHICH'])"], {"WHICH": "x"}
        )


def test_words_and_stars_of_the_runners() -> None:
    assert rows.words("A b  c D", 1) == ["A", "b", "c", "D"]
    assert rows.words("A b  c D", 3) == ["a b c", "b c d"]
    assert rows.words("Two words", 3) == ["two words"]
    assert rows.words("", 3) == [""]
    assert rows.stars([("a", "b"), ("a", "c"), ("d", "e")]) == [["a", "b", "c"], ["d", "e"]]


def test_our_groups_are_by_the_row_that_is_kept_in_the_end() -> None:
    assert ours.ends([("b", "a"), ("c", "b"), ("y", "x")]) == [("c", "a"), ("c", "b"), ("y", "x")]


def test_who_takes_part() -> None:
    keys = [each.key for each in contestants.CONTESTANTS]
    assert len(set(keys)) == len(keys)
    assert all(each.script.exists() for each in contestants.CONTESTANTS)
    assert {each.key for each in contestants.chosen(["winnow"], slow=False)} == {k for k in keys if "winnow" in k}
    assert {each.key for each in contestants.chosen([], slow=True)} - {
        each.key for each in contestants.chosen([], slow=False)
    } == {"text-dedup"}
    with pytest.raises(BadInput, match="nobody here is called nobody"):
        contestants.chosen(["nobody"], slow=False)


def test_no_peer_imports_winnow_and_all_are_pinned() -> None:
    for script in (contestants.HERE / "peers").glob("*.py"):
        assert not re.search(r"^\s*(from|import) (curate|benchmarks|train|evalsuite)", script.read_text(), re.MULTILINE)
    packages = [package for each in contestants.CONTESTANTS for package in each.packages]
    assert packages
    assert all("==" in package for package in packages)


def test_weights_of_the_static_embedder_fall_with_commonness() -> None:
    first, second, third = static_embedder.weights(3)
    assert 0 < first < second < third < 1
    assert np.isclose(first, 1e-4 / (1e-4 + (1 / 2) / (1 / 2 + 1 / 3 + 1 / 4)))
    vectors = np.array([[2.0, 0, 0], [-2.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0]])
    kept = static_embedder.components(vectors, 2)
    assert np.allclose(kept @ kept.T, vectors @ vectors.T)


@pytest.fixture
def toy_data(tmp_path: Path) -> Path:
    said = {
        "r1": (QUESTION, ANSWER),
        "r2": (QUESTION, ANSWER),
        "r3": (QUESTION.replace("oldest", "odlest"), ANSWER),
        "r4": (OTHER, OTHER_ANSWER),
        "r5": ("What is 12 plus 30?", "12 plus 30 is 42."),
        "r6": ("What is 14 plus 31?", "14 plus 31 is 45."),
    }
    truth = [
        ("r1", "r2", "exact", True, "exact"),
        ("r1", "r3", "typo_1pct", True, "near"),
        ("r5", "r6", "hardneg_numbers_changed", False, "hard_negative"),
    ]
    (tmp_path / "dedup").mkdir()
    with gzip.open(tmp_path / measure.ROWS, "wt", encoding="utf-8") as file:
        for row, (query, answer) in said.items():
            turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
            file.write(json.dumps({"id": row, "messages": turns, "source": "toy"}) + "\n")
    with gzip.open(tmp_path / measure.TRUTH, "wt", encoding="utf-8") as file:
        for pair in truth:
            file.write(
                json.dumps(dict(zip(("id_a", "id_b", "kind", "is_duplicate", "group"), pair, strict=True))) + "\n"
            )
    return tmp_path


def test_the_peers_reader_takes_all_turns(toy_data: Path) -> None:
    ids, texts = rows.read(toy_data / measure.ROWS)
    assert ids == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert texts[3] == f"{OTHER}\n{OTHER_ANSWER}"


def test_our_runner_on_a_toy_file(
    toy_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    envs = toy_data / "envs"
    monkeypatch.setattr(
        sys, "argv", ["measure.py", "--data", str(toy_data), "--envs", str(envs), "--only", "winnow-near"]
    )
    measure.main()
    printed = capsys.readouterr().out
    assert re.search(
        r"\| \*\*winnow, exact \+ near\*\* \| [\d.]+ \| [\d.]+ \| [\d.]+ \| [\d,]+ \| 2 \| 0 \| 0 \| 100\.0 \| 100\.0 \|",
        printed,
    )
    assert "| hardneg_numbers_changed | 1 | a fault | 0 |" in printed
    assert not envs.exists()  # we need no environment of our own


def test_a_peer_that_cannot_be_had_stops_nobody(
    toy_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(folder: Path, packages: tuple[str, ...]) -> Path:
        raise measure.NotInstalled(f"ERROR: no network for {packages[0]}")

    monkeypatch.setattr(measure, "environment", nothing)
    monkeypatch.setattr(sys, "argv", ["measure.py", "--data", str(toy_data), "--only", "datasketch"])
    measure.main()
    assert "datasketch 2.0.0, 3 words .7: not run. ERROR: no network for datasketch==2.0.0" in capsys.readouterr().out


def test_a_part_of_the_table_is_not_written(toy_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["measure.py", "--data", str(toy_data), "--only", "winnow-near", "--write"])
    with pytest.raises(SystemExit, match="the page shows everybody"):
        measure.main()
    page = (contestants.HERE / "README.md").read_text(encoding="utf-8")
    assert "<!-- dedup:begin -->" in page
    assert "<!-- dedup:end -->" in page


def test_missing_data_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["measure.py", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="this file is not here"):
        measure.main()
    assert every.absent("dedup", tmp_path) == [measure.ROWS, measure.TRUTH]

"""Near duplicates: the promises, the known ways in which others go wrong, and one example of every kind."""

import random
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import chats as chat
from curate.duplicates import fingerprints, said, stars
from curate.duplicates import near as room
from curate.duplicates.confirm import Rows
from curate.duplicates.near import decide, near, near_pairs

QUESTION = "How do I change the bulb of the brass desk lamp in the hall?"
ANSWER = (
    "Unplug the lamp and let it cool for a while. Then unscrew the shade, twist the old bulb out, put the new one in, "
    "screw the shade on again, and plug it in."
)


def _chats(
    pairs: Sequence[tuple[str, str]], ids: Sequence[str] | None = None, system: Sequence[str] = ()
) -> pl.DataFrame:
    rows = []
    for i, (query, answer) in enumerate(pairs):
        turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
        if system:
            turns.insert(0, {"role": "system", "content": system[i]})
        rows.append({"id": ids[i] if ids else f"r{i:03}", "turns": turns})
    return chat.chats_of(rows)


WORDS = "".join(chr(97 + i % 26) * 2 + chr(97 + i // 26) * 3 + " " for i in range(60)).split()


def _rows(seed: int, n: int) -> list[tuple[str, str]]:
    """Texts of the same few words, and edited copies: every degree of likeness."""
    rng = random.Random(seed)
    base = [
        (" ".join(rng.choices(WORDS, k=rng.randint(1, 12))), " ".join(rng.choices(WORDS, k=rng.randint(1, 20))))
        for _ in range(n)
    ]
    for query, answer in base[: n // 2]:
        words = answer.split()
        for _ in range(rng.randint(1, 3)):
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        base.append((query, " ".join(words)))
        base.append((query[1:] if rng.random() < 0.5 else "Please: " + query, answer))
    return base


def _all_pairs(chats: pl.DataFrame, floor: float) -> dict[tuple[str, str], float]:
    """Every pair that is a duplicate, each read one by one: no proposal, nothing told in bulk."""
    ids = chats["id"].to_list()
    pairs = [sorted(pair, key=ids.__getitem__) for pair in combinations(range(chats.height), 2)]
    rows, found = Rows(said.sides(chats), np.array(pairs)), {}
    for at, (a, b) in enumerate(pairs):
        rule, score = rows.best_rule(at)
        if score >= floor and not rows.contradiction(at, rule):
            found[ids[a], ids[b]] = score
    return found


@pytest.fixture(params=[room.EXHAUSTIVE, 0], ids=["all pairs", "proposed pairs"])
def however(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are compared pair by pair, as in a small file, or by proposals, as in a large one."""
    monkeypatch.setattr(room, "EXHAUSTIVE", request.param)


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.7, 0.9]), st.sampled_from([room.EXHAUSTIVE, 0]))
@settings(max_examples=16, deadline=None)
def test_two_promises_against_all_pairs_read_slowly(seed: int, threshold: float, exhaustive: int) -> None:
    """Every removed row has a kept twin within the threshold; no two kept rows are within it."""
    chats = _chats(_rows(seed, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "EXHAUSTIVE", exhaustive)
        done, true = near(chats, threshold=threshold), _all_pairs(chats, threshold)
    kept = set(done.kept["id"])
    assert kept | set(done.removed["id"]) == set(chats["id"])
    assert done.kept.height + done.removed.height == chats.height
    for row, twin, score in done.ledger.select("row_id", "twin", "score").iter_rows():
        a, b = sorted((row, twin))
        assert twin in kept
        assert score == true[a, b] >= threshold
    assert not [pair for pair in true if set(pair) <= kept]


@pytest.mark.usefixtures("however")
def test_the_pairs_are_those_of_a_slow_reference_on_sixty_texts() -> None:
    chats = _chats(_rows(3, 30))
    found = near_pairs(chats)
    fast = {(a, b): score for a, b, _, score in found.pairs.iter_rows()}
    assert chats.height == 60
    assert len(fast) >= 20
    assert fast == _all_pairs(chats, room.FLOOR)


@given(st.integers(2, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30), st.randoms())
@settings(max_examples=60, deadline=None)
def test_stars_on_any_graph(n: int, edges: list[tuple[int, int]], rng: random.Random) -> None:
    pairs = [stars.Pair(a % n, b % n, 1.0, "x") for a, b in edges if a % n != b % n]
    order = list(range(n))
    rng.shuffle(order)
    gone = stars.stars(order, pairs)
    for row, pair in gone.items():
        assert row in (pair.a, pair.b)
        assert (pair.b if row == pair.a else pair.a) not in gone
    assert all(pair.a in gone or pair.b in gone for pair in pairs)
    assert set(stars.stars(order, pairs[::-1])) == set(gone)


@pytest.mark.usefixtures("however")
def test_the_order_of_the_file_decides_nothing_and_twice_is_once() -> None:
    chats = _chats(_rows(1, 20))
    once = near(chats)
    assert once.removed.height > 5
    assert near(once.kept).removed.height == 0
    for seed in range(3):
        shuffled = near(chats.sample(fraction=1, shuffle=True, seed=seed))
        assert once.ledger.sort("row_id").drop("source").equals(shuffled.ledger.sort("row_id").drop("source"))


@pytest.mark.usefixtures("however")
def test_a_changed_threshold_equals_a_fresh_run() -> None:
    chats = _chats(_rows(5, 30))
    found = near_pairs(chats)
    for threshold in (0.5, 0.6, 0.7, 0.85, 1.0):
        assert decide(chats, found, threshold).ledger.equals(near(chats, threshold=threshold).ledger)
    with pytest.raises(ValueError, match=r"floor=0\.3"):
        decide(chats, found, 0.3)


def test_at_a_higher_threshold_there_are_fewer_pairs_and_here_fewer_removals() -> None:
    chats = _chats(_rows(5, 30))
    removed = [near(chats, threshold=t).removed.height for t in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    assert removed == sorted(removed, reverse=True)


def _crowd(seed: int, rows: int, changed: int) -> list[tuple[str, str]]:
    """One question; answers of 25 words, up to so many of which are other ones."""
    rng, out = random.Random(seed), []
    for i in range(rows):
        words = WORDS[:25]
        for place in rng.sample(range(25), rng.randint(0, changed)):
            words[place] = "z" + WORDS[i % 60] + rng.choice(WORDS)
        out.append((QUESTION, " ".join(words)))
    return out


@pytest.mark.usefixtures("however")
def test_a_crowd_of_near_duplicates_keeps_one() -> None:
    """Far more rows share every fingerprint than are compared with each other at once."""
    assert near(_chats(_crowd(0, 150, 1))).kept.height == 1


@pytest.mark.usefixtures("however")
@pytest.mark.parametrize("changed", [5, 8])
def test_in_a_crowd_no_two_kept_rows_are_within_any_threshold(changed: int) -> None:
    chats = _chats(_crowd(changed, 90, changed))
    every, found = _all_pairs(chats, room.FLOOR), near_pairs(chats)
    assert found.beyond == 0
    for threshold in (0.6, 0.7, 0.75, 0.8, 0.9):
        kept = set(decide(chats, found, threshold).kept["id"])
        assert len(kept) < 90
        assert [pair for pair, score in every.items() if score >= threshold and kept.issuperset(pair)] == []


def test_a_crowd_of_which_not_all_pairs_can_be_counted_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "EXHAUSTIVE", 0)
    monkeypatch.setattr(fingerprints, "VOTES", 0)
    found = near_pairs(_chats(_crowd(1, 90, 8)))
    assert found.compared < 90 * 89 / 2
    assert found.beyond > 0
    assert f"{found.beyond:,} in one of which not all pairs were compared" in str(found)


@pytest.mark.usefixtures("however")
def test_a_question_about_another_image_is_another_question() -> None:
    rows = [
        {
            "id": f"r{i}",
            "turns": [
                {"role": "user", "content": QUESTION + " " * i, "fields": f'{{"image":"{image}"}}'},
                {"role": "assistant", "content": ANSWER},
            ],
        }
        for i, image in enumerate(["hall.png", "hall.png", "stairs.png"])
    ]
    done = near(chat.chats_of(rows))
    assert done.removed["id"].to_list() == ["r1"]
    assert near_pairs(chat.chats_of(rows)).variants["kind"].to_list() == ["image or other field"] * 2


def _one_goes(a: tuple[str, str], b: tuple[str, str]) -> str | None:
    done = near(_chats([a, b]))
    assert done.kept.height + done.removed.height == 2
    return done.ledger["rule"][0] if done.removed.height else None


@pytest.mark.parametrize(
    ("query", "answer", "rule"),
    [
        (QUESTION.upper(), ANSWER.upper(), "near duplicate"),
        (QUESTION.replace(" ", "  "), ANSWER.replace(" ", "\n"), "near duplicate"),
        (QUESTION.rstrip("?"), ANSWER.replace(",", "") + "..", "near duplicate"),
        (QUESTION.replace("a", "a\u200b"), ANSWER, "near duplicate"),
        (QUESTION.replace("change", "cahnge"), ANSWER.replace("shade", "shadde"), "near duplicate"),
        (QUESTION.replace("brass ", ""), ANSWER.replace("old ", "").replace(" a while", ""), "near duplicate"),
        ("Q: " + QUESTION, ANSWER, "near duplicate"),
        ("Hi! Can you help me with this? " + QUESTION, ANSWER, "wrapped question"),
        (
            f"Below is an instruction that describes a task. Write a response.\n\n### Instruction:\n{QUESTION}\n\n### Response:",
            ANSWER,
            "wrapped question",
        ),
        (QUESTION, ANSWER[:100], "truncated answer"),
        # Nothing like it, and what only looks alike.
        (QUESTION.replace("bulb", "plug"), ANSWER, None),
        (QUESTION, "Ring the shop and ask them to send somebody who knows about lamps.", None),
        (QUESTION, ANSWER.replace("Unplug", "Do not unplug"), None),
    ],
)
def test_every_kind(query: str, answer: str, rule: str | None) -> None:
    assert _one_goes((QUESTION, ANSWER), (query, answer)) == rule


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (
            ("What is 12 + 3 in the sum of the shop?", "It is 15 pounds."),
            ("What is 12 + 5 in the sum of the shop?", "It is 17 pounds."),
        ),
        (("Mix it", "Use 2 cups of oil and 3 cups of salt."), ("Mix it", "Use 3 cups of oil and 2 cups of salt.")),
        (
            ("How heavy is the big brass lamp?", "It weighs 5 kg."),
            ("How heavy is the big brass lamp?", "It weighs 5 pounds."),
        ),
        (("Does the lamp dim?", "Yes, turn the knob."), ("Does the lamp dim?", "No, turn the knob.")),
        (
            ("Is Ann taller than Ben?", "Ann is taller than Ben."),
            ("Is Ann taller than Ben?", "Ben is taller than Ann."),
        ),
        (("Define carbon dioxide in a line", "A gas."), ("Define carbon monoxide in a line", "A gas.")),
        (("Hi", "Yo"), ("No", "Yo")),
    ],
)
def test_variants_and_other_questions_stay(a: tuple[str, str], b: tuple[str, str]) -> None:
    assert _one_goes(a, b) is None


def test_a_yes_is_no_near_duplicate_of_a_no_however_much_else_is_the_same() -> None:
    """As many words deny on both sides ("no", "nothing"), so that their count tells nothing."""
    question = "Can I leave the empty speaker in a hot car?"
    no, yes = (
        "Righto. No, above 60 degrees the cell dies. Put it in the bag. Wren, from the workshop",
        ("Righto. Yes, heat does nothing to the cell. Put it in the bag. Wren, from the workshop"),
    )
    found = near_pairs(_chats([(question, no), (question, yes)]))
    assert (found.pairs.height, found.variants["kind"].to_list()) == (0, ["yes or no"])


def test_a_number_written_out_is_no_contradiction_and_a_changed_one_is_counted() -> None:
    tell = "Put the {} old lamps on the long shelf beside the door of the shop, and dust them twice a week."
    assert _one_goes((QUESTION, tell.format("3")), (QUESTION, tell.format("three"))) == "near duplicate"
    found = near_pairs(_chats([(QUESTION, tell.format("3")), (QUESTION, tell.format("5"))]))
    assert found.variants["kind"].to_list() == ["numbers"]
    assert "1 are variants of a template" in str(found)


def test_short_rows_survive_and_are_compared() -> None:
    chats = _chats(
        [("Hi", "Yo"), ("Hi!", "Yo."), ("No", "Ok"), ("", "Fine"), ("", ""), ("👍", "👍"), ("👎", "👍"), ("你好", "好")]
    )
    done = near(chats)
    assert done.ledger.select("row_id", "twin").rows() == [("r001", "r000")]


def test_a_passage_that_two_questions_share_does_not_make_them_one() -> None:
    passage = "The mill was built beside the river in the year of the flood and has made lamps ever since. " * 4
    rows = [
        (f"Who built the first wheel?\n\n{passage}", "Nobody knows."),
        (f"What did workers eat?\n\n{passage}", "Nobody knows."),
    ]
    assert near(_chats(rows)).removed.height == 0


def test_marks_that_end_a_text_do_not_make_short_answers_alike() -> None:
    assert _one_goes((QUESTION, "red<|endoftext|>"), (QUESTION, "blue<|endoftext|>")) is None


def test_under_two_system_prompts_the_same_exchange_teaches_two_things() -> None:
    rows = [(QUESTION, ANSWER), (QUESTION + "!", ANSWER)]
    assert near(_chats(rows, system=["Be kind.", "Be brief."])).removed.height == 0
    assert near(_chats(rows, system=["Be kind.", "be  kind."])).removed.height == 1


def test_other_tool_results_are_other_rows() -> None:
    def row(result: str, answer: str) -> dict[str, object]:
        said_by = [("user", QUESTION), ("tool", result), ("assistant", answer)]
        return {"turns": [{"role": role, "content": content} for role, content in said_by]}

    assert near(chat.chats_of([row("in stock", ANSWER), row("sold out", ANSWER + " Done")])).removed.height == 0
    assert near(chat.chats_of([row("in stock", ANSWER), row("in stock", ANSWER + " Done")])).removed.height == 1


def test_the_keeper_is_on_policy_then_complete_then_without_personal_data_then_longest_then_first_by_id() -> None:
    cut = ANSWER[:-40] + " and some more words, and here it stops in the"
    assert near(_chats([(QUESTION, cut), (QUESTION, ANSWER)])).kept["id"].to_list() in (["r001"], ["r000", "r001"])
    rows = [(QUESTION, ANSWER + " Quite so."), (QUESTION, ANSWER), (QUESTION, ANSWER + "!")]
    assert near(_chats(rows)).kept["id"].to_list() == ["r000"]
    assert near(_chats(rows), checked=stars.Checked({"r001", "r002"})).kept["id"].to_list() == ["r001"]
    # What a later step would drop goes before all else, or its twins would be lost with it.
    policy = stars.Checked({"r000", "r001"}, off_policy={"r000", "r001"})
    assert near(_chats(rows), checked=policy).kept["id"].to_list() == ["r002"]
    frame = _chats([("a", "One stop. And a second that breaks"), ("a", "One stop. Two."), ("a", "Paris")])
    assert stars.best_first(frame) == [1, 2, 0]


def test_two_calls_in_one_process_and_an_empty_frame() -> None:
    chats = _chats(_rows(9, 10))
    assert near(chats).ledger.equals(near(chats).ledger)
    assert near(chats.head(0)).kept.height == 0
    assert near(chats.head(1)).kept.height == 1

"""Semantic duplicates: the two promises first, then each of the five cases by hand, then the known ways to go wrong."""

import random
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import chats as chat
from curate.duplicates import proposals
from curate.duplicates.sameness import Sameness
from curate.duplicates.semantic import Semantic, semantic
from curate.likeness import pair_features
from curate.pairs import Judge, Judgement, PairRule, judge_of
from curate.windows import Encode, Windows

# With the toy encoder a text is the sum of its words, so shared words are all that it knows of meaning.
RULE = PairRule(
    name="toy",
    intercept=-8.0,
    similarities={"cosine": 4.0, "words": 4.0, "content": 4.0, "shared": 4.0, "code": 1.0},
    ceilings=dict.fromkeys(pair_features.CONTRADICTIONS, 0.2),
    threshold=0.75,
    floor=0.3,
)
LAMPS = "Naomi buys 12 lamps and gives half of them to her sister. How many lamps are left for Naomi?"
REWORDED = "Naomi buys 12 lamps and gives her sister half of them. How many lamps are then left for Naomi?"
LEFT = "She gives away 12 / 2 = 6 lamps, so 12 - 6 = 6 lamps are left for her. The answer is 6."


def rows_of(
    pairs: Sequence[tuple[str, str]], ids: Sequence[str] | None = None, system: Sequence[str] | None = None
) -> pl.DataFrame:
    rows = []
    for i, (query, answer) in enumerate(pairs):
        turns = [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
        if system:
            turns.insert(0, {"role": "system", "content": system[i]})
        rows.append({"id": ids[i] if ids else f"r{i:03}", "turns": turns})
    return chat.chats_of(rows)


@pytest.fixture
def find(toy_encoder) -> Callable[..., Semantic]:  # type: ignore[no-untyped-def]
    def run(rows: pl.DataFrame, **settings: object) -> Semantic:
        return semantic(rows, toy_encoder.encode, judge_of(RULE, toy_encoder.encode), slack=0.0, **settings)  # type: ignore[arg-type]

    return run


def known(vectors: dict[str, Sequence[float]]) -> Encode:
    """An encoder that knows the vectors of a few texts, of any length."""

    def encode(texts: Sequence[str]) -> Windows:
        width = len(next(iter(vectors.values()), (0.0,)))
        rows = np.array([np.array(vectors[t], float) / np.linalg.norm(vectors[t]) for t in texts], np.float32)
        numbers = np.arange(len(texts), dtype=np.int32)
        return Windows(rows.reshape(len(texts), width), numbers, numbers * 0, numbers * 0 + 1, len(texts))

    return encode


def by_cosine(encode: Encode) -> Judge:
    """A judge whose probability is the cosine."""

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        both = [encode([a, b]).vectors for a, b in pairs]
        scores = [round(float(v[0] @ v[1]), 4) for v in both]
        return [Judgement("paraphrase", max(0.0, score), score) for score in scores]

    return judge


def on_a_circle(degrees: dict[str, float], answer: str = "The same answer.") -> tuple[list[tuple[str, str]], Encode]:
    """Questions at angles, all with one answer."""
    vectors: dict[str, Sequence[float]] = {
        f"ask {name}": (np.cos(np.radians(d)), np.sin(np.radians(d))) for name, d in degrees.items()
    }
    return [(name, answer) for name in vectors], known(vectors | {answer: (1.0, 0.0)})


@given(st.lists(st.floats(0, 180), min_size=2, max_size=12, unique=True), st.floats(0.75, 0.99))
@settings(max_examples=40, deadline=None)
def test_two_promises(degrees: list[float], threshold: float) -> None:
    """Every removed row has a kept twin within the threshold; no two kept rows are within it."""
    rows, encode = on_a_circle({f"{i:02}": d for i, d in enumerate(degrees)})
    done = semantic(rows_of(rows), encode, by_cosine(encode), threshold=threshold, slack=0.0).outcome
    asked = dict(zip([f"r{i:03}" for i in range(len(rows))], [q for q, _ in rows], strict=True))

    def cosine(a: str, b: str) -> float:
        one, other = encode([asked[a], asked[b]]).vectors
        return round(float(one @ other), 4)

    kept = set(done.kept["id"])
    for row, twin, score in done.ledger.select("row_id", "twin", "score").iter_rows():
        assert twin in kept
        assert score == cosine(row, twin) >= threshold
    assert all(cosine(a, b) < threshold for a, b in combinations(sorted(kept), 2))


def test_a_chain_keeps_its_ends_or_its_middle() -> None:
    rows, encode = on_a_circle({"A": 0, "B": 17, "C": 34})
    for ids in (["1", "2", "3"], ["2", "1", "3"], ["3", "2", "1"], ["2", "3", "1"]):
        done = semantic(rows_of(rows, ids), encode, by_cosine(encode), threshold=0.95, slack=0.0)
        kept = {turns[0]["content"][-1] for turns in done.outcome.kept["turns"].to_list()}
        assert kept in ({"A", "C"}, {"B"})


def test_a_changed_threshold_equals_a_fresh_run_and_reads_nothing_again() -> None:
    """X~Y .91, X~Z .92, Y~Z .96: at .95 X and one of Y, Z stay."""
    table = np.linalg.cholesky(np.array([[1, 0.91, 0.92], [0.91, 1, 0.96], [0.92, 0.96, 1]]))
    vectors: dict[str, Sequence[float]] = {f"ask {n}": row for n, row in zip("XYZ", table, strict=True)}
    encode = known(vectors | {"Yes.": (1.0, 0.0, 0.0)})
    rows = rows_of([(f"ask {n}", "Yes.") for n in "XYZ"])
    found = semantic(rows, encode, by_cosine(encode), threshold=0.9, slack=0.0)
    assert found.outcome.kept["id"].to_list() == ["r000"]
    assert found.decide(0.95).outcome.kept["id"].to_list() == ["r000", "r001"]
    fresh = semantic(rows, encode, by_cosine(encode), threshold=0.95, slack=0.0)
    assert found.decide(0.95).outcome.ledger.equals(fresh.outcome.ledger)
    with pytest.raises(ValueError, match="floor"):
        found.decide(0.3)


def test_a_higher_threshold_removes_no_more_pairs() -> None:
    rows, encode = on_a_circle({f"{i:02}": 7.0 * i for i in range(12)})
    found = semantic(rows_of(rows), encode, by_cosine(encode), slack=0.0)
    counts = [found.decide(t).pairs.filter(pl.col("score") >= t).height for t in (0.5, 0.75, 0.9, 0.97, 0.999)]
    assert counts == sorted(counts, reverse=True)
    assert found.decide(1.0).outcome.removed.height == 0


def _mixed() -> list[tuple[str, str]]:
    return [
        (LAMPS, LEFT),
        (REWORDED, LEFT),
        (LAMPS.replace("12", "14"), "She gives away 14 / 2 = 7 lamps. The answer is 7"),
        (LAMPS, "There is no way of telling it."),
        ("How do I bake bread at home?", "Mix flour, water and yeast."),
        ("How could I bake bread at home?", "Mix flour with water and yeast."),
        *[(f"What does the word {word} mean?", "I do not know.") for word in ("plinth", "corbel", "ashlar", "quoin", "lintel")],
    ]  # fmt: skip


def test_the_order_of_rows_decides_nothing(find) -> None:  # type: ignore[no-untyped-def]
    rows = rows_of(_mixed())
    once = find(rows)
    for seed in range(3):
        again = find(rows.sample(fraction=1, shuffle=True, seed=seed))
        assert set(again.outcome.kept["id"]) == set(once.outcome.kept["id"])
        assert again.pairs.equals(once.pairs)
        assert again.templates.equals(once.templates)
        assert again.conflicts.equals(once.conflicts)
        assert again.masses.equals(once.masses)
        columns = ["row_id", "twin", "score", "rule"]
        assert (
            again.outcome.ledger.select(columns)
            .sort("row_id")
            .equals(once.outcome.ledger.select(columns).sort("row_id"))
        )


def test_twice_is_once_and_two_calls_say_the_same(find) -> None:  # type: ignore[no-untyped-def]
    rows = rows_of(_mixed())
    assert str(find(rows)) == str(find(rows))
    assert find(find(rows).outcome.kept).outcome.removed.height == 0


def test_same_question_same_answer_is_a_duplicate(find) -> None:  # type: ignore[no-untyped-def]
    found = find(rows_of([(LAMPS, LEFT), (REWORDED, LEFT)]))
    assert found.outcome.ledger.select("row_id", "rule", "twin").rows() == [("r001", "semantic duplicate", "r000")]
    assert not found.conflicts.height


def test_same_question_near_equal_answer_is_a_duplicate_and_the_longer_stays(find) -> None:  # type: ignore[no-untyped-def]
    short, long = "Mix flour, water and yeast, then bake it.", "Mix flour, water, salt and yeast, then bake it."
    found = find(rows_of([("How do I bake bread?", short), ("How do I bake bread?", long)]))
    assert found.outcome.ledger.select("row_id", "rule", "twin").rows() == [
        ("r000", "semantic duplicate, answer reworded", "r001")
    ]


def test_same_question_other_answer_is_a_conflict_and_both_stay(find) -> None:  # type: ignore[no-untyped-def]
    found = find(
        rows_of([(LAMPS, LEFT), (LAMPS, "Nobody can tell."), (REWORDED, "It is none of your business at all.")])
    )
    assert found.outcome.removed.height == 0
    assert found.conflicts.select("row_a", "row_b").rows() == [("r000", "r001"), ("r000", "r002")]
    assert found.conflicts["question"][0] == 1.0
    assert "conflicts: 2 rows" in str(found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12 / 2 = 6 lamps are left. #### 6", "12 / 2 = 7 lamps are left. #### 7"),
        ("Yes, it is fine to do so.", "No, it is fine to do so."),
        ("Righto. Yes, it is fine to do so.", "Righto. No, it is fine to do so."),
        ("It weighs 5 kg in the end.", "It weighs 5 pounds in the end."),
        ("You should not eat it raw.", "You should eat it raw."),
    ],
)
def test_answers_whose_facts_contradict_each_other_are_a_conflict(find, one: str, other: str) -> None:  # type: ignore[no-untyped-def]
    found = find(rows_of([(LAMPS, one), (LAMPS, other)]))
    assert (found.outcome.removed.height, found.conflicts.height) == (0, 1)


def test_another_question_with_the_same_answer_is_no_duplicate_and_its_mass_is_counted(find) -> None:  # type: ignore[no-untyped-def]
    words = ("plinth", "corbel", "ashlar", "quoin", "lintel", "purlin")
    found = find(rows_of([(f"Tell {word} {word} {word}", "I do not know.") for word in words]))
    assert found.outcome.removed.height == 0
    assert found.masses.rows() == [("r000", 6, 6, 1.0)]


def test_other_numbers_or_names_are_a_template_and_counted(find) -> None:  # type: ignore[no-untyped-def]
    asked = "How many of the 12 old brass lamps in the big wooden box does Naomi give to her younger sister?"
    others = [asked.replace("12", "14"), asked.replace("Naomi", "Peter")]
    found = find(rows_of([(one, "Half.") for one in (asked, *others)]))
    assert found.outcome.removed.height == 0
    assert found.templates.select("a", "b", "kind").rows()[:2] == [
        ("r000", "r001", "numbers"),
        ("r000", "r002", "names"),
    ]


def test_numbers_in_code_count_as_they_stand(find) -> None:  # type: ignore[no-untyped-def]
    code = "Is the syntax of this code right?\n\ndef first(rows):\n    return [row for row in rows if row % 2 == 0]"
    found = find(rows_of([(code, "It is right."), (code.replace("% 2", "% 7"), "It is right.")]))
    assert found.outcome.removed.height == 0
    assert found.templates.height == 1


def test_a_shared_passage_does_not_drown_the_questions(find) -> None:  # type: ignore[no-untyped-def]
    passage = "\n\n".join(" ".join(f"{word}{i}" for i in "abcdefgh") for word in ("river", "mountain", "harbour"))
    for order in ("{ask}\n\n{passage}", "{passage}\n\n{ask}"):
        asked = ["Who owned the ship?", "Which year did the bridge fall down?"]
        rows = [(order.format(ask=ask, passage=passage), "It is not said.") for ask in asked]
        assert find(rows_of(rows)).outcome.removed.height == 0
        same = [
            (order.format(ask=ask, passage=passage), "It is not said.") for ask in (asked[0], "And who owned the ship?")
        ]
        assert find(rows_of(same)).outcome.removed.height == 1


def test_another_system_prompt_or_image_sets_rows_apart(find) -> None:  # type: ignore[no-untyped-def]
    rows = [(LAMPS, LEFT), (REWORDED, LEFT)]
    assert find(rows_of(rows, system=["Be brief.", "Speak like a pirate."])).outcome.removed.height == 0
    assert find(rows_of(rows, system=["Be brief.", "be  brief."])).outcome.removed.height == 1
    images = [
        {"turns": [{"role": "user", "content": "What is this?", "fields": f'{{"image":"{i}"}}'}, {"role": "assistant", "content": "A cat."}]}
        for i in range(2)
    ]  # fmt: skip
    found = find(chat.chats_of(images))
    assert (found.outcome.removed.height, found.conflicts.height) == (0, 0)


def test_equal_vectors_are_told_by_row_and_each_group_keeps_one(find) -> None:  # type: ignore[no-untyped-def]
    found = find(rows_of([("Same words here", "Fine."), ("same words here!", "Fine."), ("SAME WORDS HERE", "fine")]))
    assert found.outcome.kept["id"].to_list() == ["r000"]
    assert found.outcome.ledger["twin"].to_list() == ["r000", "r000"]


def test_short_rows_are_compared_and_rows_with_nothing_to_compare_stay(find) -> None:  # type: ignore[no-untyped-def]
    found = find(rows_of([("Hi", "Yo"), ("hi!", "Yo."), ("No", "Ok"), ("", "Fine"), ("", "Fine")]))
    assert found.outcome.kept["id"].to_list() == ["r000", "r002", "r003", "r004"]
    assert found.left_alone["nothing to compare"] == 2


def test_other_scripts_are_left_alone_where_the_encoder_reads_english(find) -> None:  # type: ignore[no-untyped-def]
    rows = rows_of([("Привет ship", "как дела ship"), ("Привет, ship", "как дела ship")])
    found = find(rows, latin_only=True)
    assert (found.outcome.removed.height, found.left_alone["in another script"]) == (0, 2)


def test_the_outlier_of_a_group_is_not_its_keeper(find) -> None:  # type: ignore[no-untyped-def]
    whole = "Mix flour, water and yeast. Then bake it for an hour."
    cut = "Mix flour, water and yeast. Then bake it for an"
    found = find(
        rows_of([("How do I bake bread?", cut), ("How do I bake bread?", whole), ("How do I bake bread?", whole)])
    )
    assert found.outcome.kept["id"].to_list() == ["r001"]


def test_longer_vectors_change_nothing_and_a_set_of_duplicates_is_one_row() -> None:
    rows, encode = on_a_circle({f"{i:02}": 0.3 * i for i in range(30)})

    def longer(texts: Sequence[str]) -> Windows:
        found = encode(texts)
        return Windows(10 * found.vectors, found.text, found.start, found.end, found.texts)

    once = semantic(rows_of(rows), encode, by_cosine(encode), slack=0.0)
    again = semantic(rows_of(rows), longer, by_cosine(encode), slack=0.0)
    assert once.outcome.kept["id"].to_list() == ["r000"]
    assert again.outcome.ledger.equals(once.outcome.ledger)


def test_borderline_pairs_lie_on_both_sides() -> None:
    rows, encode = on_a_circle({f"{i:02}": float(d) for i, d in enumerate((0, 10, 50, 93))})
    found = semantic(rows_of(rows), encode, by_cosine(encode), threshold=0.8, slack=0.0)
    within, without = found.borderline(1)
    assert within.select("a", "b").rows() == [("r000", "r001")]
    assert without.select("a", "b").rows() == [("r001", "r002")]


def test_conflicts_of_a_crowd_are_lines_not_pairs(find) -> None:  # type: ignore[no-untyped-def]
    words = ["".join(random.Random(i).choices("abcdefghijklmnopqrst", k=9)) for i in range(60)]
    found = find(rows_of([("Tell me a joke", f"{word} {word[::-1]}") for word in words]))
    assert found.outcome.removed.height + found.conflicts.height == 59


def test_cells_find_what_they_say(find) -> None:  # type: ignore[no-untyped-def]
    """Recall of the partitioned search is that of a plain count, and every pair it finds is true."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(150, 16))
    table = np.concatenate([base, base + 0.15 * rng.normal(size=base.shape)]).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    whole = proposals.questions(table, 0.7)
    cells = proposals.questions(table, 0.7, exhaustive=10)
    true = set(zip(whole.pairs.left.tolist(), whole.pairs.right.tolist(), strict=True))
    found = set(zip(cells.pairs.left.tolist(), cells.pairs.right.tolist(), strict=True))
    assert whole.recall is None
    assert true == {(i, j) for i, j in combinations(range(300), 2) if table[i] @ table[j] >= 0.7}
    assert found <= true
    assert cells.recall == pytest.approx(len(found) / len(true))  # the sample holds all rows
    assert cells.recall > 0.9
    assert "find" in str(cells)
    assert proposals.questions(table, 0.7, exhaustive=10).pairs.left.tolist() == cells.pairs.left.tolist()
    rows = rows_of(_mixed())
    assert find(rows, exhaustive=3, seed=1).proposed.recall is not None


def test_neither_side_of_a_pair_comes_first(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    same = Sameness(judge_of(RULE, toy_encoder.encode))
    texts = [text for row in _mixed() for text in row]
    pairs = list(combinations(texts, 2))
    turned = [(b, a) for a, b in pairs]
    assert same.questions(pairs) == same.questions(turned)
    assert same.answers(pairs) == same.answers(turned)


def test_no_rows() -> None:
    found = semantic(chat.chats_of([]), known({}), by_cosine(known({})))
    assert (found.outcome.kept.height, found.pairs.height, found.conflicts.height) == (0, 0, 0)
    assert str(found)

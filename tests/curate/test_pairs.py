"""The pair rule: laws, then one pair of each class that a person can check, then damaged weights."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import pairs
from curate.errors import BadInput, Surroundings
from curate.likeness import pair_facts, pair_features
from curate.likeness.pair_facts import differs, facts_of
from curate.likeness.pair_features import Pair, read
from curate.likeness.pair_language import language
from curate.pairs import CLASSES, PairRule, judge_of, judge_with, load
from curate.windows import Windows

# With the toy encoder a text is the sum of its words, so shared words are all that it knows of meaning.
RULE = PairRule(
    name="toy",
    intercept=-8.0,
    similarities={"cosine": 4.0, "words": 4.0, "content": 4.0, "shared": 4.0, "code": 1.0},
    ceilings=dict.fromkeys(pair_features.CONTRADICTIONS, 0.2),
    threshold=0.8,
    floor=0.3,
)
LAMPS = "Naomi buys 12 lamps and gives half of them to her sister. How many lamps are left for Naomi?"
TEXTS = (
    LAMPS,
    LAMPS.replace("12", "14"),
    "How do I bake bread at home?",
    "def f(x):\n    return x",
    "",
    "?!",
    "Привет, как дела?",
)


@pytest.fixture
def judge(toy_encoder):
    return judge_with(toy_encoder, RULE)


def test_every_judgement_is_of_a_class_and_its_probability_is_one(judge):
    for found in judge([(a, b) for a in TEXTS for b in TEXTS]):
        assert found.name in CLASSES
        assert 0.0 <= found.probability <= 1.0
        assert -1.0 <= found.cosine <= 1.0
        assert (found.differs is not None) == (found.name == "template variant")


@pytest.mark.parametrize("said", TEXTS)
def test_a_text_is_a_copy_of_itself(judge, said):
    assert judge([(said, said)])[0].name == "copy"


def test_neither_order_nor_company_decides(judge):
    some = [(a, b) for a in TEXTS for b in TEXTS]
    mixed = random.Random(0).sample(some, len(some))
    together = dict(zip(mixed, judge(mixed), strict=True))
    assert [together[pair] for pair in some] == [judge([pair])[0] for pair in some] == judge(some)


def test_no_pairs_no_judgements(judge):
    assert judge([]) == []


def test_texts_of_one_length_are_judged_alike_from_both_sides(judge):
    a, b = "What is the capital city of France?", "Which city is the capital of France?"
    assert judge([(a, b)])[0].probability == judge([(b, a)])[0].probability


@given(st.lists(st.floats(0, 1), min_size=11, max_size=11), st.integers(0, 4), st.floats(0, 0.5))
@settings(max_examples=100, deadline=None)
def test_more_agreement_never_lowers_the_probability(inputs, which, more):
    table = np.array([inputs, inputs])
    table[1, which] = min(1.0, table[1, which] + more)
    for scores in (RULE.scores(table), load().scores(table)):
        assert all(low <= high + 1e-12 for low, high in scores)


@given(st.lists(st.floats(0, 1), min_size=11, max_size=11), st.integers(5, 10))
@settings(max_examples=100, deadline=None)
def test_a_contradiction_never_raises_the_probability(inputs, which):
    table = np.array([inputs, inputs])
    table[0, which], table[1, which] = 0.0, 1.0
    without, contradicted = RULE.scores(table)[0]
    assert contradicted <= without


def test_a_contradiction_acquits_whatever_the_similarity():
    alike = np.array([[1.0] * 5 + [0.0] * 6, [1.0] * 5 + [1.0] + [0.0] * 5])
    for rule in (RULE, load()):
        same, but_for_facts = rule.scores(alike)
        assert same[0] >= rule.threshold > same[1]
        assert but_for_facts[1] >= rule.threshold


@pytest.mark.parametrize(
    ("training", "item", "name", "kind"),
    [
        ("  HOW do I bake bread, at home", "How do I bake bread at home?", "copy", None),
        ("How do I bkae bread at home?", "How do I bake bread at home?", "near copy", None),
        (f"I have a question for you. {LAMPS} Thank you very much for your answer.", LAMPS, "near copy", None),
        ("At home, how could I bake some nice bread?", "How do I bake bread at home?", "paraphrase", None),
        (LAMPS.replace("12", "14"), LAMPS, "template variant", "numbers"),
        (LAMPS.replace("Naomi", "Peter"), LAMPS, "template variant", "names"),
        ("How much do 5 kg of red lentils weigh in water?", "How much do 5 pounds of red lentils weigh in water?", "template variant", "units"),
        ("Why is it not safe to eat raw eggs daily?", "Why is it safe to eat raw eggs daily?", "template variant", "negation"),
        ("How do I sell a used car abroad?", "How do I bake bread at home?", "unrelated", None),
        ("...", "How do I bake bread at home?", "unrelated", None),
    ],
)  # fmt: skip
def test_one_of_each_class(judge, training, item, name, kind):
    found = judge([(training, item)])[0]
    assert (found.name, found.differs) == (name, kind)


def test_another_language_is_a_translation(judge):
    german, english = "berlin hamburg leipzig dresden der die das und", "berlin hamburg leipzig dresden"
    assert judge([(german, english)])[0].name == "translation"
    assert language("сколько ламп у тома") == "CYRILLIC"
    assert language("how many lamps does tom have") == "en"


def test_renamed_functions_and_other_examples_are_no_changed_facts(judge):
    item = 'def add_all(numbers):\n    """Return the sum of all numbers in the list.\n    >>> add_all([1, 2])\n    3\n    """\n    return sum(numbers)'
    renamed = item.replace("add_all", "total").replace("[1, 2]", "[4, 5]").replace("    3\n", "    9\n")
    assert judge([(renamed, item)])[0].name in ("near copy", "paraphrase")
    assert read(item).views == ("Return the sum of all numbers in the list.",)


def test_opposites_that_change_places_in_a_program_contradict():
    code = 'def f(numbers):\n    """Return the sum of all {} numbers at {} places."""\n    return 0'
    a, b = read(code.format("odd", "even")), read(code.format("even", "odd"))
    assert pair_features.differs(Pair(a, b)) == pair_features.differs(Pair(b, a)) == "negation"
    assert pair_features.differs(Pair(a, a)) is None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("half of it", "1/2 of it"),
        ("half of it", "50 % of it"),
        ("three lamps", "3 lamps"),
        ("twenty-five men", "25 men"),
        ("two hundred and six cars", "206 cars"),
        ("half a dozen eggs", "6 eggs"),
        ("1 1/2 dozen eggs", "18 eggs"),
        ("2 hours", "120 minutes"),
        ("at 3 pm", "at 15:00"),
        ("5 million people", "5,000,000 people"),
        ("within a week, says Tom", "within 7 days, says Tom"),
        ("seven times as much", "sevenfold"),
        ("Naomi's lamp", "the lamp of Naomi"),
        ("what did Mr. Miller say", "what did Miller say"),
        ("75 cents", "$0.75"),
    ],
)
def test_facts_in_other_words_are_the_same(a, b):
    assert differs(facts_of(a), facts_of(b)) is None


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ("buy 3 lamps", "buy five lamps", "numbers"),
        ("take 3 of 5", "take 5 of 7", "numbers"),
        ("What is 2+3?", "What is 2+4?", "numbers"),
        ("the law of 1998", "the law of 1999", "numbers"),
        ("drive 5 miles", "drive 5 kilometers", "units"),
        ("Sarah has a cat", "Maria has a cat", "names"),
        ("does it fly", "does it not fly", "negation"),
        ("the advantages of tea", "the disadvantages of tea", "negation"),
    ],
)
def test_changed_facts_contradict(a, b, kind):
    assert differs(facts_of(a), facts_of(b)) == kind


@given(st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_can_be_read_and_contradicts_from_both_sides_alike(a, b):
    here, there = facts_of(a), facts_of(b)
    assert differs(here, here) is None
    assert differs(here, there) == differs(there, here)
    assert pair_features.inputs(Pair(read(a), read(a)), 1.0, 1.0, 1.0)[5:] == (0.0,) * 6


def test_a_long_text_that_holds_the_item_is_not_punished(judge):
    item = "Which river flows through the old town of Heidelberg?"
    long = " ".join([item, *("Some more words on quite another matter follow here now.",) * 5])
    assert pair_features.inputs(Pair(read(long), read(item)), 0.5, 0.5, 0.5)[3] == 1.0
    # From the other side most of the item is missing.
    assert pair_features.inputs(Pair(read(item), read(long)), 0.5, 0.5, 0.5)[3] < 0.9


def test_the_cosine_is_the_highest_of_the_windows():
    def encode(texts):
        rows = [([1, 0], [0, 1]) if "two" in said else ([0, 1],) for said in texts]
        owner = np.array([n for n, some in enumerate(rows) for _ in some], np.int32)
        vectors = np.array([row for some in rows for row in some], np.float32).reshape(-1, 2)
        return Windows(vectors, owner, owner * 0, owner * 0 + 1, len(texts))

    assert judge_of(RULE, encode)([("two windows", "one window")])[0].cosine == 1.0


def test_a_vector_that_is_not_a_number_stops_the_run():
    def encode(texts):
        owner = np.arange(len(texts), dtype=np.int32)
        return Windows(np.full((len(texts), 2), np.nan, np.float32), owner, owner, owner, len(texts))

    with pytest.raises(Surroundings, match="not a number"):
        judge_of(RULE, encode)([("one", "two")])


def test_words_are_asked_where_they_can_be(toy_encoder):
    def nothing_shared(texts):
        owner = np.arange(len(texts), dtype=np.int32)
        return Windows(np.eye(len(texts), 2, dtype=np.float32).repeat(2, axis=1), owner, owner, owner, len(texts))

    pair = ("At home, how could I bake some nice bread?", "How do I bake bread at home?")
    alone, asked = (judge_of(RULE, toy_encoder.encode, words)([pair])[0] for words in (None, nothing_shared))
    assert asked.probability < alone.probability
    assert asked.cosine == alone.cosine


def test_the_fingerprint_changes_with_any_weight():
    changed = [
        replace(RULE, intercept=-8.01),
        replace(RULE, threshold=0.81),
        replace(RULE, floor=0.31),
        replace(RULE, name="other"),
    ]
    changed += [replace(RULE, similarities={**RULE.similarities, name: 1.5}) for name in RULE.similarities]
    changed += [replace(RULE, ceilings={**RULE.ceilings, name: 0.3}) for name in RULE.ceilings]
    prints = {rule.fingerprint() for rule in (RULE, *changed)}
    assert len(prints) == len(changed) + 1
    assert replace(RULE).fingerprint() == RULE.fingerprint()


def test_the_shipped_rule_loads_and_reads_back(tmp_path: Path):
    rule = load()
    assert rule.threshold > max(rule.ceilings.values())
    assert rule.floor < 0.6
    place = tmp_path / "rule.json"
    place.write_text(json.dumps({**_held(rule)}))
    assert load(place) == rule
    assert load(place).fingerprint() == rule.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"intercept": "high"},
        {"intercept": float("nan")},
        {"similarities": {"cosine": 1.0}},
        {"similarities": {**RULE.similarities, "words": -1.0}},
        {"similarities": None},
        {"ceilings": {**RULE.ceilings, "names": 0.9}},
        {"threshold": 1.5},
        {"floor": 2.0},
    ],
)
def test_damaged_weights_are_refused_with_a_sentence(tmp_path: Path, change):
    place = tmp_path / "rule.json"
    place.write_text(json.dumps({**_held(RULE), **change}))
    with pytest.raises(BadInput, match=r"rule\.json"):
        raise_as_said(place)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": 1}', "\ud800".encode("utf-8", "replace").decode()])
def test_another_file_is_no_rule(tmp_path: Path, content):
    place = tmp_path / "rule.json"
    place.write_text(content)
    with pytest.raises(BadInput):
        load(place)


def raise_as_said(place: Path) -> None:
    """`match` looks at the whole message, file name included."""
    try:
        load(place)
    except BadInput as problem:
        raise BadInput(str(problem)) from problem


def _held(rule: PairRule) -> dict[str, object]:
    return {key: getattr(rule, key) for key in ("name", "intercept", "similarities", "ceilings", "threshold", "floor")}


def test_importing_loads_no_torch():
    import subprocess
    import sys

    code = "import sys, curate.pairs; assert 'torch' not in sys.modules and 'scipy.optimize' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_methods_have_other_fingerprints(monkeypatch):
    before = RULE.fingerprint()
    monkeypatch.setattr(pairs, "METHOD", pairs.METHOD + 1)
    assert RULE.fingerprint() != before


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [
        ("Who is the successor of Queen Elizabeth II?", "What is the date of birth of Queen Elizabeth II?", True),
        ("Where was Ada Lovelace born?", "When was Ada Lovelace born?", True),
        ("Which plants are toxic for cats?", "What are the toxic plants for cats?", False),
        ("Is Beyonce married?", "Who married Beyonce in 2008?", False),
        ("When was she born?", "In which year was she born?", False),
    ],
)
def test_short_questions_may_want_things_of_another_kind(a: str, b: str, apart: bool) -> None:
    for one, other in ((a, b), (b, a)):
        assert pair_facts.other_question(read(one).facts, read(other).facts) is apart

"""The parts of the finder of names: reading, the network, decoding. Each beside a slow reference."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.naming import code, decoding, doubts, features, network
from curate.naming.network import KINDS, TAGS
from curate.pii import Finding

TEXT = st.text(alphabet=st.one_of(st.sampled_from(list("aB7é '’\n.-_@")), st.characters()), max_size=60)


# ---- reading -------------------------------------------------------------------------------------------------------


@given(TEXT)
@settings(max_examples=150, deadline=None)
def test_words_cover_all_but_white_space_in_order(text: str) -> None:
    found = features.tokens(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    covered = {place for word in found for place in range(word.start, word.end)}
    assert all(place in covered for place, c in enumerate(text) if not c.isspace())
    assert all(
        word.glued == (word.start > 0 and not text[word.start - 1].isspace()) for word in found if word.text != "\n"
    )


def test_words_by_hand() -> None:
    said = [word.text for word in features.tokens("Dr. O'Brien's flat,\n\n 12B!!! don't @a_b")]
    assert said == ["Dr", ".", "O'Brien", "'s", "flat", ",", "\n", "12", "B", "!!!", "don't", "@", "a", "_", "b"]


@given(TEXT)
@settings(max_examples=100, deadline=None)
def test_features_depend_on_the_word_alone(text: str) -> None:
    for word in features.tokens(text):
        found = features.buckets(word.text, {})
        assert found == features.buckets(word.text, {})
        assert found == sorted(set(found))
        assert found
        assert 0 <= found[0] <= found[-1] < features.BUCKETS


def test_lists_are_asked_without_case_and_accents() -> None:
    lists = {features.hash_of("jose"): 0b101}
    assert features.flags("José", lists) == features.flags("JOSE", lists) == 0b101
    assert features.flags("Josef", lists) == 0
    # A reading without lists is the reading of a word that no list has.
    assert features.buckets("José", lists, listed=False) == features.buckets("José", {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Ann", None),
        ("", "no letters"),
        ("12:30 🙂", "no letters"),
        ("привет", "mostly non-Latin script"),
        ("Zoë и", None),
    ],
)
def test_what_cannot_be_read_has_a_reason(text: str, why: str | None) -> None:
    assert features.why_unread(text) == why


# ---- the network ---------------------------------------------------------------------------------------------------


def small(seed: int = 0, distances: tuple[int, ...] = (1, 2)) -> tuple[dict[str, network.Floats], bytes]:
    draw = np.random.default_rng(seed)
    sizes = {"table": (features.BUCKETS, 4), "first.weight": (4, 6), "first.bias": (6,), "first.glued": (6,),
             "last.weight": (6, len(TAGS)), "last.bias": (len(TAGS),)}  # fmt: skip
    for i in range(len(distances)):
        sizes |= {f"layer{i}.weight": (18, 6), f"layer{i}.bias": (6,)}
    weights = {name: draw.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    return weights, network.write(weights, distances, {features.hash_of("ann"): 1})


def test_a_network_is_what_was_written() -> None:
    weights, blob = small()
    read = network.read(blob)
    step = np.abs(weights["table"]).max(1) / 127
    assert (np.abs(read.table - weights["table"]).max(1) <= step * 0.52).all()
    assert np.allclose(read.layers[1][1], weights["layer1.weight"], rtol=1e-3, atol=1e-3)
    assert [d for d, _, _ in read.layers] == [1, 2]
    assert read.lists == {features.hash_of("ann"): 1}
    assert (read.reach, read.gap) == (3, 2)
    assert network.write(weights, (1, 2), read.lists) == blob


def test_scores_equal_a_slow_reference() -> None:
    read = network.read(small()[1])
    words, glued, inside = (
        ["Ann", "met", "Bo", ".", "", "Hi"],
        [False, False, False, True, False, False],
        [True] * 4 + [False, True],
    )
    rows = []
    for word, close, real in zip(words, glued, inside, strict=True):
        hashed = features.buckets(word, read.lists) if word else [0]
        vector = sum(read.table[h] for h in hashed) / np.sqrt(len(hashed))
        rows.append(np.maximum(vector @ read.first[0] + read.first[1] + close * read.first[2], 0) * real)
    for distance, weight, bias in read.layers:
        zero = np.zeros(6, np.float32)
        sides = [
            (
                rows[i - distance] if i >= distance else zero,
                rows[i],
                rows[i + distance] if i + distance < len(rows) else zero,
            )
            for i in range(len(rows))
        ]
        rows = [
            (r + np.maximum(np.concatenate(s) @ weight + bias, 0)) * real
            for r, s, real in zip(rows, sides, inside, strict=True)
        ]
    slow = np.array(rows) @ read.last[0] + read.last[1]
    slow -= np.log(np.exp(slow).sum(1, keepdims=True))
    assert np.allclose(read.scores(words, glued, inside), slow, atol=1e-4)


def test_a_gap_keeps_texts_apart_and_reach_is_enough() -> None:
    read = network.read(small()[1])
    one, two = ["Ann", "Bo", "x"], ["Zed", "y"]
    gap = [""] * read.gap
    joint = read.scores(one + gap + two, [False] * 7, [True] * 3 + [False] * 2 + [True] * 2)
    assert np.allclose(joint[:3], read.scores(one, [False] * 3, [True] * 3), atol=1e-5)
    assert np.allclose(joint[5:], read.scores(two, [False] * 2, [True] * 2), atol=1e-5)
    long = list("abcdefghij")
    whole, part = read.scores(long, [False] * 10, [True] * 10), read.scores(long[2:], [False] * 8, [True] * 8)
    assert np.allclose(whole[2 + read.reach :], part[read.reach :], atol=1e-5)
    assert not np.allclose(whole[2], part[0], atol=1e-3)


def test_a_full_vocabulary_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read = network.read(small()[1])
    first = read.scores(["Ann", "Bo"], [False] * 2, [True] * 2)
    monkeypatch.setattr(network, "VOCABULARY", 1)
    read.scores(["Cy"], [False], [True])
    assert np.array_equal(read.scores(["Ann", "Bo"], [False] * 2, [True] * 2), first)


# ---- decoding ------------------------------------------------------------------------------------------------------


def allowed(tags: tuple[int, ...]) -> bool:
    return not TAGS[tags[0]].startswith("I") and all(decoding.FOLLOWS[a, b] for a, b in pairwise(tags))


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_best_sequence_equals_trying_all(seed: int) -> None:
    scores = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(TAGS)), size=4)).astype(np.float32)
    every = [tags for tags in product(range(len(TAGS)), repeat=4) if allowed(tags)]
    best = max(every, key=lambda tags: sum(float(scores[i, t]) for i, t in enumerate(tags)))
    assert tuple(decoding.decode(scores, [True] * 4).tolist()) == best


@given(st.integers(0, 10_000), st.integers(1, 200))
@settings(max_examples=25, deadline=None)
def test_no_name_goes_on_that_has_not_begun(seed: int, length: int) -> None:
    draw = np.random.default_rng(seed)
    scores = np.log(draw.dirichlet(np.full(len(TAGS), 0.3), size=length) + 1e-9).astype(np.float32)
    inside = draw.random(length) < 0.9
    tags = decoding.decode(scores, inside.tolist())
    assert not tags[~inside].any()
    found = decoding.spans(tags)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    covered = {place for start, end, _ in found for place in range(start, end)}
    assert covered == set(np.flatnonzero(tags).tolist())


def test_spans_by_hand() -> None:
    o, b, i, place = 0, 1, 2, 3  # O, B-PERSON, I-PERSON, B-LOCATION
    assert decoding.spans(np.array([b, i, i, b, o, place, b])) == [(0, 3, 0), (3, 4, 0), (5, 6, 1), (6, 7, 0)]
    assert KINDS[0] == "PERSON"


def test_a_score_lies_between_its_knots() -> None:
    knots = [[0.2, 0.1], [0.6, 0.5], [1.0, 0.9]]
    assert decoding.calibrated(0.4, knots) == pytest.approx(0.3)
    assert decoding.calibrated(0.0, knots) == 0.1
    assert decoding.calibrated(1.0, knots) == 0.9


# ---- code ----------------------------------------------------------------------------------------------------------


def open_to_names(text: str) -> str:
    """What of a text is not quiet."""
    out, done = "", 0
    for start, end in code.quiet(text):
        out, done = out + text[done:start], end
    return out + text[done:]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("from pathlib import Path", ""),
        ('print("Ask Ann")', '"Ask Ann"'),
        ("total = Path('x')  # for Ann", "'x'# for Ann"),
        ("public class Paris extends Rome {", ""),
        ("List<String> ann = new ArrayList<>();", ""),
        ("SELECT name FROM users WHERE city = 'Rome';", "'Rome'"),
        ("def area(r):\n    Return to Ann.\n    return r", "    Return to Ann.\n"),
    ],
)
def test_code_is_quiet_and_what_it_says_is_not(text: str, left: str) -> None:
    assert open_to_names(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "name = Ann Lee",
        "Name: Ann Lee",
        "return to Ann.",
        "let me know (Ann)",
        "for Ann: the book",
        "function of Ann (CEO)",
        "with Ann Lee (CEO)",
        "while Ann (who lives in Rome) slept;",
        "new York;",
        "import goods from China",
        "Update Ann (she knows)",
        "member_name=Ann Lee; town=Rome",
    ],
)
def test_prose_and_forms_are_no_code(text: str) -> None:
    assert code.quiet(text) == []


@given(st.lists(st.one_of(TEXT, st.sampled_from(["x = f(1)", "return x;", "Ann's", '"""'])), max_size=5).map("\n".join))
@settings(max_examples=100, deadline=None)
def test_quiet_places_lie_in_the_text_in_order(text: str) -> None:
    places = code.quiet(text)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(a[1] <= b[0] for a, b in pairwise(places))


# ---- doubts --------------------------------------------------------------------------------------------------------

GIVEN = {
    features.hash_of("street"): 1 << features.LISTS.index("street"),
    features.hash_of("ann"): 1,
    features.hash_of("max"): 1 | doubts.COMMON,
}


def settled(text: str, name: str, kind: str = "PERSON", score: float = 0.9) -> bool:
    """Whether a finding on the first place of a name stays."""
    start = text.index(name)
    return bool(doubts.settled(text, [Finding(start, start + len(name), kind, score, "")], GIVEN))


def test_in_prose_a_finding_stays() -> None:
    assert settled("Ask Qwxyz in the morning.", "Qwxyz")
    assert settled("The flat is 12 Elm Street, Leeds.", "12 Elm Street, Leeds", "ADDRESS")


@pytest.mark.parametrize(
    ("text", "name", "stays"),
    [
        ("It ruled from 247 BC to 224 AD.", "247 BC", False),  # an era
        (
            "Kenya, Mali, Niger, Oman, Peru, Qatar, Togo 12 won.",
            "Kenya, Mali, Niger, Oman, Peru, Qatar, Togo 12",
            False,
        ),  # a list
        ("We sold the Ferrari Roma 812 last week.", "Ferrari Roma 812", False),  # nothing says that it is a home
        ("I live at Dvoranski put 12 now.", "Dvoranski put 12", True),  # said before it
        ("He is in Hauptstraße 5, as ever.", "Hauptstraße 5", True),  # the word of a street
        (
            "Peldu iela 4, LV-1050 Riga",
            "Peldu iela 4, LV-1050 Riga",
            False,
        ),  # four digits behind letters alone are no code
        ("Oru tee 4, 12345 Tallinn", "Oru tee 4, 12345 Tallinn", True),  # a postal code
        ("Park Avenue is long.", "Park Avenue", False),  # no house
        ("My aunt lives on Lindenstraße now.", "Lindenstraße", True),  # no house, but somebody's home
        ("My aunt lives in Lower Saxony now.", "Lower Saxony", False),  # neither house nor street
    ],
)
def test_an_address_has_a_house_and_something_that_says_so(text: str, name: str, stays: bool) -> None:
    assert settled(text, name, "ADDRESS", 0.6) is stays


@pytest.mark.parametrize(
    "text", ["Is every finite cyclic group of Qwxyz order?", "Find the remainder when Qwxyz divides 7."]
)
def test_in_mathematics_a_name_must_be_listed(text: str) -> None:
    assert not settled(text, "Qwxyz")
    assert settled(text.replace("Qwxyz", "Ann"), "Ann")


@pytest.mark.parametrize(("name", "stays"), [("Ann", True), ("Qwxyz", False), ("max", False)])
@pytest.mark.parametrize("before", ["x = f(1)\ny = g(x)\n", "Let a = 3*b + 5.\n"])
def test_in_code_and_algebra_lists_must_agree(before: str, name: str, stays: bool) -> None:
    assert settled(before + "# ask Ann, Qwxyz and max", name) is stays
    assert settled("# ask Ann, Qwxyz and max", name)


def test_looks_that_no_name_has() -> None:
    assert not settled("Point A lies here", "A")
    assert not settled("The hash is ab12cd34.", "ab12cd34", "ADDRESS")
    assert not settled("Meine Adresse bleibt.", "Meine")
    assert settled("Mia bleibt.", "Mia")


def test_without_a_capital_among_capitals_lists_must_agree() -> None:
    assert not settled("He asked qwxyz twice.", "qwxyz")
    assert settled("He asked ann twice.", "ann")
    assert settled("he asked qwxyz twice.", "qwxyz")


def test_an_order_to_the_reader_is_no_name() -> None:
    assert not settled("Qwxyz 3 kilometres to miles.", "Qwxyz")
    assert not settled("Good. Qwxyz the lamp.", "Qwxyz")
    assert settled("Ann the baker came.", "Ann")
    assert settled("Qwxyz came with the lamp.", "Qwxyz")


def test_a_language_is_none_where_programs_are_the_subject() -> None:
    assert not settled("Rewrite the loop in Java.", "Java", "LOCATION")
    assert settled("Coffee from Java is strong.", "Java", "LOCATION")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Let a = 3*b + 5 and b = 2.", True),
        ("x^2 + 3", True),
        ("Name: Ann\nBorn: 12/04/1990\nPhone: 555-0142", False),
        ("Ann <ann@x.example> * Policy X5417 * Leeds", False),
        ("town=Leeds; name=Ann; age=5", False),
        ("", False),
    ],
)
def test_algebra_is_told_from_forms(text: str, expected: bool) -> None:
    assert doubts.is_algebra(text) is expected

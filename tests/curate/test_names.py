"""What the finder of names promises: laws first, then examples by hand, then files that are missing or are not the ones."""

import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import names, shipped
from curate.cache import Cache
from curate.errors import BadInput, Surroundings
from curate.naming import features

FINDER = names.load()
TEXT = st.text(alphabet=st.one_of(st.sampled_from(list("AaNnOo  .,'\n-@1")), st.characters()), max_size=80)


def found(text: str, finder: names.Names = FINDER) -> list[tuple[str, str]]:
    return [(f.kind, text[f.start : f.end]) for f in finder.find([text])[0]]


# ---- laws ----------------------------------------------------------------------------------------------------------


@given(TEXT)
@settings(max_examples=60, deadline=None)
def test_findings_lie_in_the_text_apart_and_in_order(text: str) -> None:
    some = FINDER.find([text])[0]
    assert all(a.end <= b.start for a, b in pairwise(some))
    for f in some:
        assert 0 <= f.start < f.end <= len(text)
        assert f.kind in names.KINDS
        assert FINDER.threshold <= f.score <= 1
        assert text[f.start].isalnum()


@given(st.lists(st.one_of(TEXT, st.sampled_from(["Ask Aroha Ngata in Wellington", "I am Omar", "x = y"])), max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_text_is_judged_alone(texts: list[str]) -> None:
    assert FINDER.find(texts) == [FINDER.find([text])[0] for text in texts]


def test_cuts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "Ask Aroha Ngata in Wellington. " * 40,
        "Dear Omar,\n\nthe lamp is ready.\n\nRegards,\nSofia Lindqvist\n" * 20,
    ]
    whole = FINDER.find(texts)
    monkeypatch.setattr(names, "ROWS", 37)
    monkeypatch.setattr(names, "CHUNK", 10)
    assert FINDER.find(texts) == whole


@given(
    st.lists(st.sampled_from(["1", ".", "-", "2 ", "\n", "1. "]), max_size=120),
    st.sampled_from(["", "Ask Omar in Oslo"]),
)
@settings(max_examples=60, deadline=None)
def test_signs_far_from_letters_are_not_read(signs: list[str], name: str) -> None:
    words = features.tokens("".join([*signs, " ", name, " ", *signs]))
    lettered = [place for place, word in enumerate(words) if word.text[0].isalpha()]
    reach = 2 * FINDER.network.reach
    near = [word for place, word in enumerate(words) if any(abs(place - other) <= reach for other in lettered)]
    assert [word for word in FINDER._near_letters(words) if word] == near


def test_a_name_among_many_signs_is_found() -> None:
    text = "1." * 500 + " Ask Aroha Ngata in Wellington. " + "2-" * 500
    assert found(text) == [("PERSON", "Aroha Ngata"), ("LOCATION", "Wellington")]


def test_a_higher_threshold_finds_a_part() -> None:
    texts = ["My name is Aroha Ngata and I live in Wellington.", "omar told sofia about the lamp"]
    low, high = (names.load(threshold=t).find(texts) for t in (0.3, 0.9))
    assert all(set(h) <= set(some) for h, some in zip(high, low, strict=True))


def test_known_texts_come_from_the_cache(tmp_path: Path) -> None:
    texts = ["Ask Aroha Ngata in Wellington", "", "Ask Aroha Ngata in Wellington"]
    first = names.load(cache=Cache(tmp_path)).find(texts)
    again = names.load(cache=Cache(tmp_path))
    object.__setattr__(again, "network", None)  # nothing is computed
    assert again.find(texts) == first == FINDER.find(texts)


# ---- examples ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is Aroha Ngata and I live in Wellington.", [("PERSON", "Aroha Ngata"), ("LOCATION", "Wellington")]),
        ("Who is Ada Lovelace?", [("PERSON", "Ada Lovelace")]),
        ("Dear Mrs. O'Neill,\nthank you.", [("PERSON", "O'Neill")]),
        ("Maria's lamp is broken.", [("PERSON", "Maria")]),
        ("hi, i'm priya sharma from mumbai", [("PERSON", "priya sharma"), ("LOCATION", "mumbai")]),
        ("I work for Microsoft in Berlin.", [("ORGANIZATION", "Microsoft"), ("LOCATION", "Berlin")]),
        (
            "Send it to 1482 Maple Avenue, Springfield, IL 62704 please.",
            [("ADDRESS", "1482 Maple Avenue, Springfield, IL 62704")],
        ),
        ("Meine Adresse ist Lindenstraße 12, 50674 Köln.", [("ADDRESS", "Lindenstraße 12, 50674 Köln")]),
    ],
)
def test_names_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Will you mark the bill on Monday, or may it wait until June?",
        "def merge(left, right):\n    result = []\n    while left and right:\n        result.append(left.pop(0))\n    return result",
        "SELECT name, city FROM users WHERE age > 30;",
        "Solve 3x + 5 = 20 for x.",
        "Roses are red, violets are blue.",
        "1. Introduction\n2. Methods\n3. Results",
        "Translate the sentence into French: the house is small.",
        "Boil the pasta for ten minutes.",
    ],
)
def test_what_is_no_name_is_left_alone(text: str) -> None:
    assert found(text) == []


# ---- odd input -----------------------------------------------------------------------------------------------------


def test_other_scripts_give_nothing_and_are_counted() -> None:
    texts = ["Меня зовут Иван", "私の名前は太郎です", "🙂🙂", "", "Ann is here"]
    assert FINDER.find(texts[:4]) == [(), (), (), ()]
    assert FINDER.unread(texts) == {"mostly non-Latin script": 2, "no letters": 2}


def test_ten_thousand_copies_and_a_long_line() -> None:
    some = FINDER.find(["Aroha Ngata " * 2_000, "x" * 200_000, "((((" * 20_000 + " Ann"])
    assert len(some[0]) > 30
    assert some[1] == ()


@pytest.mark.parametrize(
    "text", ["\x00Ann\x00 met \ud800 Bo", "\u202eAnn Lee\u202c", "é́" * 500, "\r\n" * 500, "'" * 500]
)
def test_strange_characters_are_read(text: str) -> None:
    assert all(0 <= f.start < f.end <= len(text) for f in FINDER.find([text])[0])


# ---- files ---------------------------------------------------------------------------------------------------------


def copied(folder: Path) -> Path:
    for name in (names.CARD, names.WEIGHTS):
        shutil.copy(shipped.model(name), folder / name)
    return folder


def test_a_folder_of_ones_own_is_the_same_finder(tmp_path: Path) -> None:
    own = names.load(copied(tmp_path))
    assert own.fingerprint == FINDER.fingerprint
    assert found("Who is Ada Lovelace?", own) == found("Who is Ada Lovelace?")


@pytest.mark.parametrize("name", [names.CARD, names.WEIGHTS])
def test_a_missing_file_is_a_sentence(name: str, tmp_path: Path) -> None:
    (copied(tmp_path) / name).unlink()
    with pytest.raises(Surroundings, match="missing"):
        names.load(tmp_path)


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    weights = copied(tmp_path) / names.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(Surroundings, match="not the one it should be"):
        names.load(tmp_path)
    (tmp_path / names.CARD).write_text("{}")
    with pytest.raises(Surroundings, match="cannot be read"):
        names.load(tmp_path)


def test_the_shipped_card_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = copied(tmp_path) / names.CARD
    card.write_text(card.read_text() + " ")  # the same content in other bytes
    monkeypatch.setattr(shipped, "model", lambda name: tmp_path / name)
    with pytest.raises(Surroundings, match="not the one it should be"):
        names.load()


def test_the_model_is_small() -> None:
    assert shipped.model(names.WEIGHTS).stat().st_size + shipped.model(names.CARD).stat().st_size < 8_000_000


@pytest.mark.parametrize("threshold", [0, -1, 1.5])
def test_a_threshold_outside_is_a_sentence(threshold: float) -> None:
    with pytest.raises(BadInput, match="threshold for names"):
        names.load(threshold=threshold)


def test_finding_loads_no_heavy_library() -> None:
    code = "import sys; from curate import names; names.load().find(['Ann']); print(sorted({'torch', 'presidio_analyzer', 'spacy'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert done.stdout.strip() == "[]"

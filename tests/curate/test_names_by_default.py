"""Names of private persons count without being asked for: in the steps, in what stays of two rows, in counts; public ones do not."""

from dataclasses import replace

import polars as pl
import pytest

from curate import names, pii, private_names, replacement, steps
from curate.chats import chats_of
from curate.detectors import Models
from curate.errors import WinnowError
from curate.held import held
from curate.overlap import EvalFile
from curate.recipe import Pii, Recipe
from curate.with_names import WithNames, with_names

BOTH = with_names(pii.load(), names.load())
EVAL = [
    EvalFile(
        "e.jsonl",
        "0",
        chats_of([{"id": "e", "turns": [{"role": "user", "content": "Name a prime number above ten."}]}]),
    )
]
PRIVATE = "My name is Jane Doe. Where is my parcel?"
PUBLIC = "When did Jane Austen write Emma?"


def row(name: str, asked: str, answered: str = "It is on its way to you.") -> dict[str, object]:
    return {
        "id": name,
        "turns": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}],
    }


@pytest.fixture
def models(toy_models: Models) -> Models:
    return replace(toy_models, find_pii=pii.load())


def recipe(**given: object) -> Recipe:
    return Recipe.model_validate({"semantic": False, "toxicity": False, "pii": {"replace": "placeholder", **given}})


def test_the_default_recipe_asks_for_private_names() -> None:
    assert Pii().names == "private"


def test_a_private_name_goes_and_a_public_one_stays(models: Models) -> None:
    chats = chats_of([row("a", PRIVATE), row("b", PUBLIC, "In 1815.")])
    done = steps.run(chats, EVAL, recipe(), models)
    said = [turns[0]["content"] for turns in done.kept.sort("id")["turns"]]
    assert said == ["My name is <PERSON_1>. Where is my parcel?", PUBLIC]
    none = steps.run(chats, EVAL, recipe(names="none"), models)
    assert [turns[0]["content"] for turns in none.kept.sort("id")["turns"]] == [PRIVATE, PUBLIC]
    every = steps.run(chats, EVAL, recipe(names="all"), models)
    assert "Austen" not in every.kept.sort("id")["turns"][1][0]["content"]


def test_a_public_name_does_not_make_the_worse_row(models: Models) -> None:
    chats = chats_of([row("a", f"My name is Jane Doe. {PUBLIC}"), row("b", PUBLIC)])
    pairs = pl.DataFrame({"a": ["a"], "b": ["b"]})
    assert steps._checked(chats, pairs, recipe(), models.asking_for("private")).without_pii == {"b"}
    assert steps._checked(chats, pairs, recipe(names="all"), models.asking_for("all")).without_pii == frozenset()


def test_a_scan_that_chooses_is_a_part_of_one_that_does_not() -> None:
    chats = chats_of([row("a", PRIVATE, "Dear Jane, mail bob@corp.org."), row("b", PUBLIC)])
    every = pii.scan(chats, BOTH)
    chosen = pii.scan(chats, BOTH, choose=private_names.private_in)
    assert set(chosen.rows()) < set(every.rows())
    assert set(chosen.filter(kind="EMAIL").rows()) == set(every.filter(kind="EMAIL").rows())
    assert set(chosen["row_id"]) == {"a"}


SIGNED = [
    row(
        f"r{n}",
        f"Where is parcel {n}? I am Tom, t{n}@corp.org.",
        f"On its way, {n} more days.\nWren, from the desk, desk@corp.org",
    )
    for n in range(12)
]


def test_the_assistants_own_name_stays_and_the_users_goes(models: Models) -> None:
    kept = replacement.replace(chats_of(SIGNED), BOTH).kept
    for turns in kept["turns"].to_list():
        assert "Tom" not in turns[0]["content"]
        assert "\nWren, from the desk, <EMAIL_" in turns[1]["content"]
    chosen = pii.scan(chats_of(SIGNED), BOTH, choose=private_names.private_in)
    assert chosen.filter(kind="PERSON", turn=1).height == 0
    assert chosen.filter(kind="PERSON", turn=0).height == len(SIGNED)
    few = replacement.replace(chats_of(SIGNED[:9]), BOTH).kept  # in fewer rows it is nobody's in particular
    assert all("Wren" not in turns[1]["content"] for turns in few["turns"].to_list())
    every = replacement.replace(chats_of(SIGNED), BOTH, all_names=True).kept
    assert all("Wren" not in turns[1]["content"] for turns in every["turns"].to_list())


def test_a_name_of_two_words_is_somebodys_however_often_it_is_signed() -> None:
    rows = [
        row(each["id"], "Where is it?", f"On its way.\nJane Doe, jane{n}@corp.org") for n, each in enumerate(SIGNED)
    ]
    kept = replacement.replace(chats_of(rows), BOTH).kept
    assert all("Jane" not in turns[1]["content"] for turns in kept["turns"].to_list())


def test_a_customers_common_name_is_not_the_assistants() -> None:
    rows = [
        row(f"r{n}", f"Hi, I'm John. My number is 0151 555 01{n:02}.", "Dear John,\nJohn, your number is kept.")
        for n in range(12)
    ]
    kept = replacement.replace(chats_of(rows), BOTH).kept
    assert not any("John" in turn["content"] for turns in kept["turns"].to_list() for turn in turns)


@pytest.mark.parametrize(
    "said",
    [
        "My favourite album is Abbey Road.",
        "My dream is to see Carnaby Street and Oxford Street.",
        "I am reading on Fleet Street papers.",
    ],
)
def test_a_street_without_a_number_is_a_home_only_where_somebody_lives(said: str) -> None:
    assert replacement.replace(chats_of([row("a", said)]), BOTH).ledger.height == 0
    lived = replacement.replace(chats_of([row("a", "I live on Mill Lane and want a cat.")]), BOTH)
    assert "Mill Lane" not in lived.kept["turns"][0][0]["content"]


def test_what_is_shown_hides_private_names() -> None:
    hide = private_names.masker(BOTH)
    assert "Doe" not in hide(f"user: {PRIVATE}\nassistant: Dear Jane Doe, on its way.")
    assert hide(f"user: {PUBLIC}") == f"user: {PUBLIC}"


def test_own_names_are_told(models: Models) -> None:
    done = steps.run(chats_of(SIGNED), EVAL, recipe(), models)
    assert any("1 name that the assistant says all over the rows is taken for its own" in note for note in done.notes)


def test_who_chooses_follows_from_what_is_asked_for(models: Models, toy_models: Models) -> None:
    assert models.choose is None
    assert models.asking_for("none") is models
    private, every = models.asking_for("private"), models.asking_for("all")
    assert isinstance(private.find_pii, WithNames)
    assert (private.choose, every.choose) == (private_names.private_in, None)
    assert private.asking_for("private").find_pii is private.find_pii
    assert toy_models.asking_for("private") is toy_models  # of another make


def test_both_together_are_held(models: Models) -> None:
    texts = [PRIVATE, PUBLIC, "", PRIVATE]
    kept = held(replace(models, find_pii=BOTH))
    assert kept.find_pii is not BOTH
    assert kept.find_pii.kinds == BOTH.kinds
    for _ in range(2):
        assert kept.find_pii.find(texts) == BOTH.find(texts)
    assert kept.find_named is kept.find_pii


def test_a_recipes_model_is_asked_and_one_that_is_not_there_is_a_sentence(models: Models) -> None:
    with pytest.raises(WinnowError, match="no_such_model"):
        models.asking_for("private", "spacy:no_such_model")
    held_by_hand = models.asking_for("private")
    assert held_by_hand.asking_for("private", "spacy:no_such_model") is held_by_hand  # has one already
    assert models.asking_for("none", "spacy:no_such_model") is models

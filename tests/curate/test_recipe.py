"""Recipes: what people write, and what they get wrong."""

from pathlib import Path

import pytest

from curate import dedup, overlap, overlap_judge, recipe
from curate.errors import BadInput


def test_defaults_come_back_from_their_own_dict() -> None:
    default = recipe.Recipe()
    assert recipe.of(default.to_dict()) == default
    assert recipe.of(default.to_dict()).fingerprint() == default.fingerprint()


def test_a_step_can_be_left_out_but_overlap_cannot() -> None:
    assert recipe.of({"toxicity": False}).toxicity is None
    assert recipe.of({"toxicity": False}).to_dict()["toxicity"] is False
    with pytest.raises(BadInput):
        recipe.of({"overlap": False})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"naer": {}}, "did you mean 'near'"),
        ({"near": {"treshold": 0.9}}, "did you mean 'threshold'"),
        ({"near": {"threshold": 3}}, "less than or equal to 1"),
        ({"zzz": 1}, "known keys"),
    ],
)
def test_what_is_wrong_is_named(values: dict, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(BadInput, match=sentence):
        recipe.of(values)


@pytest.mark.parametrize("content", ["- a list", "near: [", "\x00", "a: !!python/object:os.system {}"])
def test_files_that_are_no_recipe(tmp_path: Path, content: str) -> None:
    place = tmp_path / "recipe.yaml"
    place.write_text(content)
    with pytest.raises(BadInput, match=r"recipe\.yaml"):
        recipe.read(place)


def test_an_empty_file_is_the_default_recipe(tmp_path: Path) -> None:
    place = tmp_path / "recipe.yaml"
    place.write_text("")
    assert recipe.read(place) == recipe.Recipe()


def test_the_defaults_of_recipe_and_functions_are_the_same(toy_models) -> None:  # type: ignore[no-untyped-def]
    default = recipe.Recipe()
    assert default.near
    assert default.semantic
    assert dedup.near.__kwdefaults__["threshold"] == default.near.threshold
    assert dedup.semantic.__kwdefaults__["threshold"] == default.semantic.threshold
    assert overlap_judge.overlap_rule(default, toy_models.encoder) == overlap.Rule()

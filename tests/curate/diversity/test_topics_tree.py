"""Topics: planted ones are found, noise stays noise, and neither seed order nor file order is left to chance."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from curate.diversity import topic_names, topic_tree
from curate.diversity.topic_tree import NOISE
from curate.windows import unit

from .conftest import clouds


def test_planted_topics_are_found_and_the_largest_comes_first():
    vectors, owner = clouds([200, 150, 100, 80, 60])
    found = topic_tree.grow(vectors, count=5)
    on = found.labels != NOISE
    assert adjusted_mutual_info_score(owner[on], found.labels[on]) > 0.99
    assert list(found.sizes()) == sorted(found.sizes(), reverse=True)
    assert on.mean() > 0.85
    assert found.stability.value > 0.9


def test_rows_that_belong_nowhere_are_noise():
    """Planted noise is left out far more often than planted rows."""
    vectors, _ = clouds([150] * 6, spread=0.15)
    stray = unit(np.random.default_rng(9).normal(size=(100, 32)).astype(np.float32))
    found = topic_tree.grow(np.concatenate([vectors, stray]), count=6)
    noise = found.labels == NOISE
    assert noise[:900].mean() < 0.1
    assert noise[900:].mean() > 0.6
    assert found.noise == found.between + found.far == noise.sum()


def test_one_cloud_is_less_stable_than_five():
    rng = np.random.default_rng(3)
    one = topic_tree.grow(unit(rng.normal(size=(500, 32)).astype(np.float32)), count=5)
    five = topic_tree.grow(clouds([100] * 5)[0], count=5)
    assert one.stability.value < 0.6 < five.stability.value


def test_the_same_seed_gives_the_same_topics(spheres):
    assert (topic_tree.grow(spheres, count=4, seed=3).labels == topic_tree.grow(spheres, count=4, seed=3).labels).all()


@pytest.mark.parametrize("rows", [0, 1, 2, 30])
def test_a_few_rows_are_one_topic(rows):
    found = topic_tree.grow(clouds([30])[0][:rows])
    assert found.count == min(1, rows)
    assert found.noise == 0
    assert found.stability.value is None


def test_copies_are_one_topic():
    found = topic_tree.grow(np.repeat(clouds([1])[0], 500, axis=0), count=7)
    assert found.count == 1
    assert (found.labels == 0).all()


def test_every_topic_has_a_theme():
    found = topic_tree.grow(clouds([60] * 10)[0], count=10)
    assert len(found.themes) == found.count
    assert set(found.themes) == set(range(len(set(found.themes))))
    assert len(set(found.themes)) <= topic_tree.how_many_themes(found.count)


QUERIES = [
    *[
        "How do I pay an invoice by credit card?",
        "My credit card was charged twice on the invoice",
        "Which credit card can pay?",
    ]
    * 2,
    *["Bake bread without yeast", "How long does bread bake?", "Bake a loaf of rye bread"] * 2,
]
LABELS = np.repeat([0, 1], 6)


def test_topics_go_by_their_own_words_and_phrases():
    found = topic_names.words(QUERIES, LABELS)
    assert found[0][0] == "credit card"
    assert "credit" not in found[0]
    assert set(found[1]) & {"bake", "bread"}
    assert not set(found[0]) & set(found[1])


def test_copies_name_no_topic():
    """Six copies of one query are one: no word stands in three of its rows."""
    assert topic_names.words(["Polish brass lamps gently"] * 6, [0] * 6) == {0: ()}


def test_names_of_persons_name_no_topic():
    said = [
        f"Who was {name} Gottschalk, the {what}?"
        for name in ("Ann", "Bo", "Cy", "Di")
        for what in ("singer", "painter")
    ]
    found = topic_names.words([*said, *QUERIES], [2] * len(said) + LABELS.tolist())
    assert not any("gottschalk" in word for word in found[2])
    assert set(found[2]) & {"singer", "painter"}


def test_noise_is_not_named():
    assert set(topic_names.words(QUERIES, [NOISE] * 6 + [1] * 6)) == {1}


def test_typical_queries_lie_in_the_middle_and_differ():
    vectors, owner = clouds([40, 40])
    found = topic_tree.grow(vectors, count=2)
    near = topic_names.typical(vectors, found.labels, found.centres, [f"query {i // 2}" for i in range(80)], 3)
    for topic, places in near.items():
        assert len({place // 2 for place in places}) == 3
        fit = vectors[found.labels == topic] @ found.centres[topic]
        assert vectors[places[0]] @ found.centres[topic] >= fit.max() - 1e-4
    assert len(set(owner)) == 2

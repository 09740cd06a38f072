"""Coverage: a topic that was taken away is the first gap, and no brief gives away a reference query."""

import json

import numpy as np
import pytest

from curate import chats as chat
from curate.chats import chats_of
from curate.diversity import briefs, coverage, measure, sections
from curate.diversity.coverage import cover
from curate.diversity.row_vectors import RowVectors
from curate.report import Report

from .conftest import clouds, encode

SUBJECTS = {
    "lamp": "lamp bulb light shade switch socket",
    "bread": "bread yeast oven loaf flour crust",
    "bank": "invoice refund card bank payment account",
    "bike": "tyre wheel brake gear chain saddle",
    "garden": "tulip soil spade hedge lawn seed",
}


def row_vectors(vectors, name="row", queries=None):
    return RowVectors(
        tuple(f"{name}{i:05}" for i in range(len(vectors))), tuple(queries or [""] * len(vectors)), vectors
    )


@pytest.mark.parametrize("gone", range(6))
def test_a_topic_taken_away_is_the_first_gap(gone):
    sizes = [300, 200, 150, 100, 80, 60]
    training, owner = clouds(sizes, seed=1)
    reference, of = clouds([size // 5 for size in sizes], seed=1)
    found = cover(row_vectors(training[owner != gone]), row_vectors(reference, "ref"))
    members = [int(row[3:]) for row in found.gaps[0].members]
    assert (of[members] == gone).mean() > 0.9
    assert found.missing.value == pytest.approx((of == gone).mean(), abs=0.12)


def test_rows_from_the_same_source_leave_no_gap():
    both, _ = clouds([400, 300, 200], seed=2)
    half = np.random.default_rng(0).permutation(len(both))
    found = cover(row_vectors(both[half[:600]]), row_vectors(both[half[600:]], "ref"))
    assert found.missing.value < 0.25
    assert found.uncovered.value < 0.05


def test_rows_from_elsewhere_leave_everything_missing():
    vectors, owner = clouds([200, 200])
    found = cover(row_vectors(vectors[owner == 0]), row_vectors(vectors[owner == 1], "ref"))
    assert found.missing.value > 0.95


def test_the_gaps_hold_every_reference_row_once_and_their_masses_add_up():
    training, _ = clouds([100, 20, 5], seed=3)
    reference, _ = clouds([30, 30, 30], seed=3)
    found = cover(row_vectors(training), row_vectors(reference, "ref"))
    members = [row for gap in found.gaps for row in gap.members]
    assert sorted(members) == sorted(row_vectors(reference, "ref").ids)
    assert sum(gap.missing.value for gap in found.gaps) == pytest.approx(found.missing.value)
    masses = [gap.missing.value for gap in found.gaps]
    assert masses == sorted(masses, reverse=True)


def test_more_rows_never_make_a_gap_larger():
    """For a fixed number of expected rows; copies count once, so adding copies changes nothing."""
    training, _ = clouds([60, 40], seed=4)
    reference, _ = clouds([20, 20], seed=4)
    once = cover(row_vectors(training), row_vectors(reference, "ref"))
    twice = cover(row_vectors(np.concatenate([training, training])), row_vectors(reference, "ref"))
    assert once.missing.value == pytest.approx(twice.missing.value)


def test_one_reference_row_and_one_training_row():
    vectors, _ = clouds([1, 1])
    assert cover(row_vectors(vectors[:1]), row_vectors(vectors[:1], "ref")).missing.value == 0
    assert cover(row_vectors(vectors[:1]), row_vectors(vectors[1:], "ref")).missing.value == 1


def said(subjects, count, seed, prefix):
    rng, out = np.random.default_rng(seed), []
    for i in range(count):
        words = SUBJECTS[subjects[i % len(subjects)]].split()
        query = f"how does the {' '.join(rng.choice(words, 3, replace=False))} work"
        out.append(
            {
                "id": f"{prefix}{i:03}",
                "turns": [{"role": "user", "content": query}, {"role": "assistant", "content": "Like this, in short."}],
            }
        )
    return chats_of(out)


@pytest.fixture(scope="module")
def found():
    training = said(["lamp", "bread", "bank", "bike"], 200, 0, "t")
    reference = said(list(SUBJECTS), 100, 1, "e")
    return (
        training,
        reference,
        measure.measure(training, encode, reference=reference, name="logs.jsonl", mask=lambda rows: rows),
    )


def test_the_gap_shows_reference_queries_and_the_nearest_rows(found):
    _, reference, diversity = found
    gap = diversity.coverage.gaps[0]
    assert set(gap.words) & set(SUBJECTS["garden"].split())
    asked = dict(zip(reference["id"], chat.queries(reference), strict=True))
    assert all(set(asked[row].split()) & set(SUBJECTS["garden"].split()) for row in gap.queries)
    assert len(gap.nearest) == len(gap.queries) == 3


def test_the_report_tells_topics_figures_and_gaps(found):
    page = Report("Audit", sections=sections.sections(found[2]))
    for text in (str(page), page.to_markdown(), page.to_html()):
        for part in ("What the rows are about", "How much the rows differ", "What the rows lack", "logs.jsonl"):
            assert part in text
    names = [section["title"] for section in json.loads(page.to_json())["sections"]]
    assert names == ["What the rows are about", "How much the rows differ", "What the rows lack"]


def test_without_a_mask_no_text_is_shown():
    training = said(["lamp", "bread"], 60, 0, "t")
    unmasked = measure.measure(training, encode, reference=said(["bank"], 20, 1, "e"))
    shown = str(Report("Audit", sections=sections.sections(unmasked)))
    assert "how does the" not in shown


def test_a_brief_holds_no_reference_query_and_what_overlaps_is_held_back(found):
    training, reference, diversity = found
    queries = chat.queries(reference)
    made = briefs.briefs(diversity.coverage, diversity.samples, training, queries, lambda rows: set())
    assert made.held_back == 0
    assert set(made.briefs[0].topic) & set(SUBJECTS["garden"].split())
    for brief in made.briefs:
        assert not any(query in brief.line() for query in queries if query not in chat.queries(training))
        assert all(len(words.split()) <= 2 for words in brief.topic)
        assert json.loads(brief.line())["write"] >= 1
    none = briefs.briefs(diversity.coverage, diversity.samples, training, queries, lambda rows: set(rows["id"]))
    assert none.briefs == ()
    assert none.held_back == len(made.briefs)


def test_each_text_of_a_brief_is_checked(found):
    training, reference, diversity = found
    seen = []
    briefs.briefs(
        diversity.coverage,
        diversity.samples,
        training,
        chat.queries(reference),
        lambda rows: seen.extend(chat.queries(rows)) or set(),
    )
    made = briefs.briefs(diversity.coverage, diversity.samples, training, chat.queries(reference), lambda rows: set())
    for brief in made.briefs:
        assert " ".join(brief.topic) in seen
        assert all(example in seen for example in brief.not_like)


def test_a_word_that_is_a_whole_reference_query_is_left_out(found):
    training, _, diversity = found
    word = briefs.briefs(diversity.coverage, diversity.samples, training, [], lambda rows: set()).briefs[0].topic[0]
    assert (
        word
        not in briefs.briefs(diversity.coverage, diversity.samples, training, [word.upper() + "?"], lambda rows: set())
        .briefs[0]
        .topic
    )


def test_rows_that_ask_nothing_are_counted_and_nothing_is_made_up():
    mute = chats_of([{"id": "a", "turns": [{"role": "user", "content": " "}, {"role": "assistant", "content": "x"}]}])
    assert measure.measure(mute, encode) is None
    assert sections.sections(None) == ()


def test_more_topics_for_a_larger_reference():
    counts = [coverage.how_many(rows) for rows in (1, 10, 80, 1000, 100_000)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == 50

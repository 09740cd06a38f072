"""Laws of what is remembered of answers: with a cache as without, each answer looked at once, and only under the same code."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import cache, quality
from curate.cache import Cache
from curate.chats import chats_of
from curate.faults import remembered as room
from curate.faults.exchanges import Exchange, exchanges
from curate.faults.remembered import told
from tests.curate.rooms import imported

SAID = [
    "As an AI language model, I cannot.",
    "It is in the hall.<|im_end|>",
    "Fine.",
    "I do not know. " * 8,
    "caf\u00c3\u00a9",
]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Cache]:
    with cache.open(tmp_path) as kept:
        yield kept


def rows(said: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"id": f"r{n}", "turns": [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": one}]}
        for n, one in enumerate(said)
    ]


@given(st.lists(st.sampled_from(SAID), max_size=8))
@settings(max_examples=25, deadline=None)
def test_with_a_cache_as_without(said: list[str]) -> None:
    chats = chats_of(rows(said))
    with TemporaryDirectory() as place, cache.open(place) as kept:
        assert quality.faults(chats, cache=kept) == quality.faults(chats, cache=kept) == quality.faults(chats)


def test_first_and_second_run_agree_with_none(held: Cache) -> None:
    chats = chats_of(rows(SAID * 2))
    plain = quality.faults(chats)
    assert {"speaks as a model", "control marks", "loops", "misread text"} <= {
        n for n, found in plain.rows.items() if found
    }
    assert quality.faults(chats, cache=held) == plain
    assert quality.faults(chats, cache=held) == plain
    assert quality.faults(chats.reverse(), cache=held) == quality.faults(chats.reverse())


def test_an_answer_is_looked_at_once(held: Cache) -> None:
    asked = list[str]()

    def look(one: Exchange) -> str | None:
        asked.append(one.said)
        return "yes" if "AI" in one.said else None

    every = exchanges(chats_of(rows(SAID * 2)))
    first = told(every, {"a fault": look}, held)
    assert sorted(asked) == sorted(SAID)
    assert told(every, {"a fault": look}, held) == first == [["a fault"] if "AI" in one.said else [] for one in every]
    assert len(asked) == len(SAID)
    more = exchanges(chats_of(rows([*SAID, "A new answer."])))
    told(more, {"a fault": look}, held)
    assert asked[len(SAID) :] == ["A new answer."]


@pytest.mark.parametrize("name", [one.name for one in fields(Exchange) if one.name not in ("row", "turn")])
def test_all_that_a_look_may_read_is_in_the_key(held: Cache, name: str) -> None:
    """Another question, system prompt or place in the talk is another entry; another row or turn is not."""
    one = Exchange("r", 1, "asked", "said", "system", "before", "follow", False, False, False)
    other = replace(one, **{name: not getattr(one, name) if isinstance(getattr(one, name), bool) else "else"})
    seen = list[Exchange]()

    def look(exchange: Exchange) -> str | None:
        seen.append(exchange)
        return repr(getattr(exchange, name))

    told([one, other], {"f": look}, held)
    assert {getattr(x, name) for x in seen} == {getattr(one, name), getattr(other, name)}
    assert len(seen) == 2
    told([replace(one, row="s", turn=3)], {"f": look}, held)
    assert len(seen) == 2
    told([one], {"g": look}, held)
    assert len(seen) == 3  # other faults are looked for


def test_other_code_is_a_miss(held: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    every, seen = exchanges(chats_of(rows(["Fine."]))), list[str]()
    looks = {"f": lambda one: seen.append(one.said)}
    told(every, looks, held)
    monkeypatch.setattr(room, "code", lambda *rooms: "of tomorrow")
    told(every, looks, held)
    assert seen == ["Fine.", "Fine."]


def test_a_value_that_is_no_faults_is_a_miss(held: Cache) -> None:
    every = exchanges(chats_of(rows(["As an AI language model, I cannot."])))
    first = told(every, quality.OF_ANSWERS, held)
    ((kind, _, _),) = held.sizes()
    key = cache.text_key(room._written(every[0], quality.OF_ANSWERS))
    for damage in (b"{}", b"no json"):
        held.put(kind, {key: damage})
        assert told(every, quality.OF_ANSWERS, held) == first


def test_the_code_that_decides_is_all_in_the_key() -> None:
    # What these hold is no rule for an answer by itself: shapes, reading, intervals, vectors, rubrics, the cache.
    plain = {"cache", "chats", "duplicates.said", "lengths", "outcome", "report", "rubric", "stats", "windows"}
    assert imported(room.ROOMS) <= plain


def test_no_word_of_an_answer_is_kept(held: Cache) -> None:
    """A reason may quote the answer; the cache holds names of faults alone."""
    every = exchanges(chats_of(rows(SAID)))
    kept = told(every, {"a fault": lambda one: one.said}, held)
    assert kept == [["a fault"]] * len(SAID)
    ((kind, _, _),) = held.sizes()
    keys = [cache.text_key(room._written(one, ["a fault"])) for one in every]
    assert set(held.get(kind, keys).values()) == {b'["a fault"]'}

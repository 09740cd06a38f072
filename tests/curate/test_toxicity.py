"""Toxic turns: laws of the scorer and of the step, examples by hand, bad input."""

import json
import subprocess
import sys
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import cache, chats, encoder_files, toxicity
from curate.errors import BadInput, Surroundings
from curate.toxic import embedded as shipped_scorer
from curate.toxic import features

SCORE, WORDS = toxicity.load(), toxicity.load("words")


def row(name: str, query: str, answer: str) -> dict[str, object]:
    return {"id": name, "turns": [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]}


CHATS = chats.chats_of(
    [
        row("a", "How do I reset the lamp?", "Hold the button for ten seconds."),
        row("b", "How do I reset the lamp?", "You are a worthless idiot."),
        row("c", "You are a worthless idiot.", "I am sorry that you are upset. How can I help?"),
        row("d", "привет, как дела?", "🙂🙂🙂"),
    ]
)


def toy(texts: list[str]) -> list[float | None]:
    """Toxic where the text says 'bad'; silent where it is empty."""
    return [None if not t.strip() else 0.9 if "bad" in t else 0.1 for t in texts]


def test_kept_and_removed_are_the_input():
    outcome = toxicity.drop(CHATS, SCORE)
    assert sorted([*outcome.kept["id"], *outcome.removed["id"]]) == CHATS["id"].to_list()
    assert toxicity.drop(outcome.kept, SCORE).removed.is_empty()


def test_a_toxic_answer_goes_and_a_toxic_query_stays():
    outcome = toxicity.drop(CHATS, SCORE)
    assert outcome.removed["id"].to_list() == ["b"]
    line = outcome.ledger.row(0, named=True)
    assert (line["step"], line["rule"], line["threshold"]) == ("toxicity", "toxic answer", SCORE.threshold)
    assert json.loads(line["evidence"]) == {"turn": 1, "role": "assistant", "start": 0, "end": 26}
    assert "idiot" not in str(outcome.ledger.rows())


def test_toxic_queries_go_when_asked():
    outcome = toxicity.drop(CHATS, SCORE, drop_toxic_queries=True)
    assert dict(zip(outcome.ledger["row_id"], outcome.ledger["rule"], strict=True)) == {
        "b": "toxic answer",
        "c": "toxic query",
    }


def test_an_answer_gives_the_reason_even_when_the_query_scores_higher():
    both = chats.chats_of([row("x", "bad", "bad too")])
    scores = toxicity.turn_scores(both, toy).with_columns(score=pl.Series([0.99, 0.9]))
    outcome = toxicity.drop_scored(both, scores, threshold=0.5, drop_toxic_queries=True)
    assert outcome.ledger["rule"].to_list() == ["toxic answer"]


def test_unscored_turns_are_counted_and_remove_nothing():
    counts = toxicity.count(toxicity.turn_scores(CHATS, SCORE), SCORE.threshold)
    assert counts.unscored == {"mostly non-Latin script": 1, "no letters": 1}
    assert counts.toxic_turns == {"assistant": 1, "user": 1}
    assert counts.turns == 8
    assert "unscored 2" in str(counts)


def test_roles_limit_what_is_looked_at():
    assert set(toxicity.turn_scores(CHATS, SCORE, roles=("user",))["role"]) == {"user"}
    assert toxicity.drop(CHATS, SCORE, roles=("user",)).removed.is_empty()


def test_an_empty_frame_is_fine():
    empty = chats.chats_of([])
    assert toxicity.turn_scores(empty, SCORE).schema == toxicity.TURN_SCORES
    assert toxicity.drop(empty, SCORE).kept.is_empty()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("🙂🙂", "no letters"),
        ("12 + 30 = 42", "no letters"),
        ("你好，世界", "mostly non-Latin script"),
        ("שלום עולם, how", "mostly non-Latin script"),
        ("\x00\x07", "no letters"),
        ("hello", None),
        ("Der Zug nach Leipzig ist heute nicht da und wird später kommen", "not English"),
        ("¿Dónde está la biblioteca que abre por la tarde en el centro?", "not English"),
        ("la la la la la la la", None),
        ("def area(r):\n    return 3.14159 * r ** 2", None),
        ("Say 'guten Tag' to the man with the hat and go on.", None),
    ],
)
def test_what_cannot_be_read_is_unscored(said: str, why: str | None):
    assert toxicity.why_unscored(said) == why
    assert (SCORE([said])[0] is None) == (why is not None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=8))
def test_scores_are_probabilities_that_do_not_depend_on_company(texts: list[str]):
    together = SCORE(texts)
    assert together == [SCORE([t])[0] for t in texts]
    assert all(s is None or (0 <= s <= 1 and s == round(s, 4)) for s in together)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 200))
def test_windows_cover_every_word(n: int):
    said = " ".join(f"w{i}" for i in range(n))
    spans = list(toxicity.windows(said))
    covered = {i for start, end in spans for i in range(start, end)}
    assert all(i in covered for i, c in enumerate(said) if c != " ")
    assert all(len(said[start:end].split()) <= toxicity.WINDOW for start, end in spans)


def test_a_long_text_scores_as_its_worst_window_and_says_where():
    said = "We ship the lamps every day. " * 30 + "You are a worthless idiot. " + "The box is blue. " * 30
    found = toxicity.score_windows([said], SCORE.score_short)[0]
    assert found.score == SCORE([said])[0] == SCORE([said[found.start : found.end]])[0]
    assert "idiot" in said[found.start : found.end]


def test_the_fast_sum_equals_a_slow_one():
    stages, _, _ = shipped_scorer.stages()
    rule = stages.words
    said = "I hate women and you are a stupid fool, aren't you?"
    words = features.words(said)
    total = sum(int(rule.weights[b]) for w in set(words) for b in features.word_features(w, rule.groups))
    pairs, _ = features.pair_features([words], rule.groups)
    total += sum(int(rule.weights[b]) for b in set(pairs.tolist()))
    logit = rule.bias + rule.step * total / (len(words) + 2) ** 0.5
    assert rule.logits([words], {})[0] == pytest.approx(logit)
    slope, shift = stages.mixing["words"]
    assert WORDS([said]) == [round(1 / (1 + 2.718281828459045 ** -(slope * logit + shift)), 4)]


def test_what_words_leave_in_no_doubt_is_not_read_for_its_meaning():
    """A text below the bar has the score that its words give it; one above it has the score of both stages."""
    stages, _, _ = shipped_scorer.stages()
    read: list[str] = []

    class Watched:
        def logits(self, texts):
            read.extend(texts)
            return stages.meaning.logits(texts)

    watched = replace(stages, meaning=Watched())
    calm, rude = "The invoice was sent on Monday.", "You are a worthless idiot."
    assert watched.judge([calm, rude]) == SCORE.score_short([calm, rude])
    assert read == [rude]
    slope, shift = stages.mixing["unread"]
    logit = slope * stages.words.logits([features.words(calm)], {})[0] + shift
    assert SCORE([calm]) == [round(1 / (1 + 2.718281828459045**-logit), 4)]


def test_meaning_sees_who_says_what():
    """Written for this test: none of these sentences was trained on."""
    pairs = [
        (
            "Those Norwegians poison our wells and should be hunted.",
            "Those Norwegians dug our wells and should be thanked.",
        ),
        ("I am sure that left-handed women are vermin.", "It is cruel to call left-handed women vermin."),
        ("Nobody wants Muslims here, they are filth.", "Nobody here thinks that Muslims are filth."),
    ]
    for hostile, harmless in pairs:
        mean, kind = SCORE.attack([hostile, harmless])
        assert mean > kind


def test_an_insult_is_toxic_and_no_attack_on_a_group():
    insult, attack = "You are a pathetic idiot, Kevin.", "Muslims are filthy animals."
    assert min(SCORE([insult, attack])) > 0.5
    of_insult, of_attack = SCORE.attack([insult, attack])
    assert of_insult < 0.5 < of_attack
    assert SCORE.attack([""]) == [None]
    assert WORDS.attack is None


def test_of_a_long_window_no_part_goes_unread():
    stages, _, _ = shipped_scorer.stages()
    ahead = "zq" * 600  # many tokens, one word
    part, whole = stages.meaning.logits(["you are a worthless idiot", ahead + " you are a worthless idiot"])
    assert whole[0] > 0
    assert part[0] > 0


def test_each_scorer_has_its_own_fingerprint(monkeypatch):
    assert SCORE.fingerprint != WORDS.fingerprint
    before = SCORE.fingerprint
    monkeypatch.setattr(encoder_files, "DEFAULT_WEIGHTS", "0" * 64)
    assert toxicity.load().fingerprint != before
    assert toxicity.load("words").fingerprint == WORDS.fingerprint


def test_a_known_text_comes_from_the_cache(tmp_path):
    with cache.Cache(tmp_path) as kept:
        score = toxicity.load(cache=kept)
        first = score(["You are a worthless idiot."])
        again = replace(score, judge=None)
        assert again(["You are a worthless idiot."]) == first


def test_a_scorer_that_nobody_knows_is_a_sentence():
    with pytest.raises(BadInput, match="no toxicity scorer of this name"):
        toxicity.load("perspective")


def test_insults_and_threats_outscore_their_harmless_neighbours():
    pairs = [
        ("You are a pathetic loser.", "You are a wonderful friend."),
        ("I will kill you.", "I will kill the process."),
        ("Women are vermin.", "Women are engineers."),
        ("Shut up, you stupid idiot.", "Shut down the server."),
    ]
    assert all(a > b for a, b in (SCORE([toxic, harmless]) for toxic, harmless in pairs))


GROUPS = ("gay", "Jewish", "white", "deaf", "Muslim", "Nigerian", "trans", "elderly")


def test_words_treat_all_groups_alike():
    scores = {tuple(WORDS([f"My neighbour is {g}.", f"I despise {g} families."])) for g in GROUPS}
    assert len(scores) == 1


def test_who_one_is_is_not_toxic_and_every_group_is_protected():
    for g in GROUPS:
        harmless = SCORE([f"I am {g}.", f"My wife is {g} and we moved here in May.", f"As a {g} man I enjoy opera."])
        assert max(harmless) < SCORE.threshold, g
        assert min(SCORE.attack([f"All {g} people are filthy parasites."])) > 0.5, g


@pytest.mark.parametrize("score", [SCORE, WORDS], ids=["both", "words"])
def test_disguises_are_seen_through(score: toxicity.Scorer):
    plain = score(["you are an idiot and a moron"])
    assert score(["you are an idi0t and a m0ron"]) == plain
    assert score(["you are an i d i o t and a moron"]) == plain
    assert score(["you are an i\u200bdiot and a mo\u200dron"]) == plain
    assert score(["you are an idi\u043et and a moron"]) == plain  # a Cyrillic letter


def test_a_megabyte_is_read_to_its_end():
    assert SCORE(["a" * 1_000_000])[0] is not None
    assert SCORE(["a b " * 250_000])[0] is not None
    assert SCORE(["fine words here. " * 60_000 + "You are a worthless idiot."])[0] > 0.5


def test_scores_are_pinned():
    """They change only with the weights, the features or `text.normalise`; whoever changes those measures again."""
    assert SCORE(PINNED_TEXTS) == pytest.approx(PINNED, abs=2e-4)  # a processor's own last bit


def test_damaged_weights_are_refused(monkeypatch):
    monkeypatch.setattr(shipped_scorer, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(Surroundings, match="not the one that was shipped"):
        toxicity.load()


def test_missing_weights_are_a_sentence():
    with pytest.raises(Surroundings, match="missing"):
        shipped_scorer.checked("toxicity-of-another-age.safetensors", "0" * 64)


def test_bias_of_other_weights_is_not_shown(monkeypatch):
    assert "own bias" in str(SCORE.bias)
    monkeypatch.setattr(shipped_scorer, "WEIGHTS_SHA256", "0" * 64)
    assert shipped_scorer.bias("both") is None


def test_another_scorer_can_take_the_place():
    assert toxicity.drop(chats.chats_of([row("x", "hi", "bad")]), toy).removed["id"].to_list() == ["x"]


def test_loading_needs_no_torch():
    code = (
        "import sys; from curate import toxicity; toxicity.load(); toxicity.load('words')(['you idiot']); "
        "print('torch' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


PINNED_TEXTS = ["Have a lovely day", "You are a worthless idiot", "How do I kill a process?"]
PINNED = [0.0129, 0.9962, 0.0121]

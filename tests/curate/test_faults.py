"""Named faults: what each finds and what it must leave alone, by hand; laws over the whole; a set with planted ones."""

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import bias, bias_report, cache, lengths, problems, quality, quality_report, recipe, rubric
from curate.audit import audit
from curate.audit_report import report
from curate.chats import chats_of
from curate.faults import contradictions, cut_off, echoes, labels, languages, unlike_rest
from curate.faults.exchanges import exchanges, open_fence
from curate.faults.languages import told
from curate.outcome import Outcome
from tests.curate.rooms import imported


def row(name: str, asked: str, said: str, system: str | None = None) -> dict[str, object]:
    turns = [{"role": "system", "content": system}] if system else []
    return {"id": name, "turns": [*turns, {"role": "user", "content": asked}, {"role": "assistant", "content": said}]}


def named(asked: str, said: str) -> set[str]:
    """Every fault of one answer that can be told of it alone."""
    every = exchanges(chats_of([row("a", asked, said)]))
    return {name for name in quality.OF_ANSWERS if quality.of_answers(every, name)}


PLAIN = "The lamp has a driver inside. It fails after some years, so we send you a new one."


@pytest.mark.parametrize(
    ("asked", "said", "fault"),
    [
        ("Why does it blink?", "The driver has failed after years of use, so send it back to the", "answer breaks off"),
        ("Why does it blink?", "There are several reasons for that, and the first of them is:", "answer breaks off"),
        ("What do I need?", "You need some things before you begin today:\n1. A lamp\n2. A cable\n3.", "answer breaks off"),
        ("When was it built?", "The mill was built by two brothers from the valley (1871", "answer breaks off"),
        ("Book me a flight", "I'm sorry, but I can't assist with booking flights.", "refusal"),
        ("What is the best sport?", "As an AI language model, I find that football is popular.", "speaks as a model"),
        ("How tall is it?", "As of my last knowledge update, it is 12 metres.", "speaks as a model"),
        ("Who looks after it?", "That is {{name}}, who has been here for years.", "unfilled placeholder"),
        ("Where is it?", "It is in the hall.<|im_end|>", "control marks"),
        ("Where is it?", "In the hall.\n### Instruction:\nTell me more.", "control marks"),
        ("Can the lamp stand in the rain all night?", "Can the lamp stand in the rain all the night?", "near echo"),
        ("Why?", "I do not know. " * 8, "loops"),
        ("Wie lange hält die Lampe und was kostet sie im Jahr?", "The lamp is good for ten years and it will cost you little.", "other language"),
        ("How do I turn it off?", "Um die Lampe auszuschalten, drückt man auf den Knopf, der auf der Seite ist.", "other language"),
        ("How do I turn it off at night?", "Нажмите на кнопку сбоку лампы, чтобы ее выключить.", "other language"),
        ("Show me a loop", "Here it is:\n```python\nfor i in range(3):\n    print(i)\n", "open code fence"),
        ("Give me the address as JSON", '{"street": "Mill Lane", "number": 3', "broken JSON"),
        ("Give me the address as JSON", '{"street": "Mill Lane", number: 3}', "broken JSON"),
        ("Where is it?", '```json\n{"a": 1,}\n```', "broken JSON"),
        ("Where is the cafÃ©?", PLAIN, "misread text"),
        ("Where is it?", "It&#39;s in the hall.", "misread text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(asked: str, said: str, fault: str) -> None:
    assert named(asked, said) == {fault}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Why does it blink?", PLAIN),
        ("What is it made of?", "It is something that the whole of the house is made of"),
        ("Name ten animals", "Tiger, lion, bear, wolf, fox, hare, deer, owl, ant, bee,"),
        ("Letter to my aunt", "Dear aunt, it was good to see you all again last week.\nYours sincerely,"),
        ("Is it safe?", "No, it is not safe to look at the sun."),
        ("Is it good?", "I would not recommend to use it outside."),
        ("Write a story", "Tom turned round. I cannot help you, he said."),
        ("What happened?", "I couldn't help but laugh when the lamp fell over."),
        ("Who are you?", "I am an AI assistant."),
        ("Is a language model alive?", "As a language model has no body, it is not."),
        ("Write a letter template", "Dear {{name}}, we thank you."),
        ("What do AI researchers do?", "As an AI researcher you read a lot."),
        ("Correct this sentence: he go home at night.", "Correct this sentence: he goes home at night."),
        ("Repeat no ten times", "no " * 15),
        (
            "Translate to German: the lamp is on and it is warm",
            "Die Lampe ist an und sie ist warm und das ist nicht gut.",
        ),
        ("Name some beers that you can get at the shop", "Lager, ale, lager, ale, pale ale, India pale ale, ale."),
        ("What does this do?", "It prints:\n```python\nprint(1)\n```\nThat is all."),
        ("Give me JSON", '{"a": [1, 2], "b": ...}'),
        ("Give me JSON lines", '{"a": 1}\n{"a": 2}'),
        ("What is a dict in Python?", "{'a': 1} is one."),
        ("How do I write an ampersand in HTML?", "Write &amp; for it."),
        ("Où est le café ?", "Le café est dans la rue de la gare, et il est ouvert."),
        ("What is Âge?", "It is a river. “Quite” a small one – so they say…"),
    ],
)
def test_what_is_well_is_left_alone(asked: str, said: str) -> None:
    assert named(asked, said) == set()


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=200)), min_size=1, max_size=5))
@settings(max_examples=80, deadline=None)
def test_every_text_is_judged_and_removal_follows_the_names(pairs: list[tuple[str, str]]) -> None:
    pairs = [tuple(side.encode("utf-8", "replace").decode() for side in pair) for pair in pairs]  # type: ignore[misc]
    chats = chats_of([row(str(i), *pair) for i, pair in enumerate(pairs)])
    found = quality.faults(chats)
    names = tuple(quality.OF_ANSWERS)
    done: Outcome = quality.validate(chats, names)
    plain = set(quality.validate(chats).removed["id"])
    assert set(done.removed["id"]) == plain | {row for name in names for row in found.rows[name]}
    assert done.kept.height + done.removed.height == chats.height


def test_every_fault_has_a_title_and_a_key_that_the_recipe_knows() -> None:
    chats = chats_of([row("a", "Why?", PLAIN)])
    found = quality.faults(chats)
    told_of = problems.BY_FAULT.keys() | {"other answer"}
    assert set(found.rows) | set(found.unjudged) == told_of
    assert recipe.of({"validate": {"remove": list(quality.OF_ANSWERS)}}).validate_rows is not None
    for name in quality.OF_ANSWERS:
        assert f"remove: [{name}]" in problems.BY_FAULT[name].todo
    assert set(found.unjudged) == {"off the question", "label noise", "off voice"}


def test_the_order_of_the_rows_decides_nothing() -> None:
    rows = [
        row(str(i), f"Question {i} about lamp {i}?", PLAIN if i % 3 else f"{PLAIN} And it costs {i},")
        for i in range(40)
    ]
    some = quality.faults(chats_of(rows))
    other = quality.faults(chats_of(list(reversed(rows))))
    assert {name: set(found) for name, found in some.rows.items()} == {
        name: set(found) for name, found in other.rows.items()
    }


def test_half_a_word_is_one_that_others_have_whole() -> None:
    rows = [
        row(str(i), f"Where is number {i}?", f"The workshop is open. It lies behind workshop {i}.") for i in range(250)
    ]
    rows.append(row("cut", "Where is it?", "You will find it easily. It lies right behind the worksh"))
    rows.append(row("rare", "Where is it?", "You will find it easily. It lies right behind the zeppelin"))
    found = cut_off.inside_words(exchanges(chats_of(rows)))
    assert found == {"cut": "ends inside a word"}
    assert cut_off.inside_words(exchanges(chats_of(rows[-20:]))) == {}


@pytest.mark.parametrize(
    ("a", "b", "differs"),
    [
        ("A signature costs £4 more.", "A signature costs £1 more.", "numbers"),
        ("It boils at 78 degrees.", "It boils at 78.37 degrees.", None),
        ("Yes, the lamp may stand outside.", "No, the lamp may stand inside only.", "yes or no"),
        ("The lamp is covered by it.", "The lamp is not covered by it.", "negation"),
        ("Once upon a time there were 3 bears in a wood.", "A knight rode for 12 days through the rain.", None),
        ("Yes.", "No.", "yes or no"),
        ("Yes, it is.", "No, it is not.", "yes or no"),
        ("True", "False", "yes or no"),
        ("It is true.", "It is false.", "yes or no"),
        ("It is not true.", "It is false.", None),
        ("It is.", "It is not.", "negation"),
        ("56", "54", "numbers"),
        ("144", "145", "numbers"),
        ("The answer is 56.", "The answer is 54.", "numbers"),
        ("56", "The answer is 54.", "numbers"),
        ("In 1969.", "In 1970.", "numbers"),
        ("3 pm", "4 am", "numbers"),
        ("No.", "56", None),
        ("I do not know.", "It is 5.", None),
        ("1,000", "1000", None),
        ("fifty six", "56", None),
        ("two hundred lamps", "200 lamps", None),
        ("1/2", "0.5", None),
        ("It takes 2 hours.", "It takes 120 minutes.", None),
        ("299,792 km", "300,000 km", None),
        ("Red.", "Blue.", None),
        ("", "56", None),
    ],
)
def test_contradictions_by_hand(a: str, b: str, differs: str | None) -> None:
    assert contradictions.contradict(a, b) == differs
    assert contradictions.contradict(b, a) == differs


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        ("What is 7 * 8?", "numbers"),
        ("Which is larger, 54 or 56?", "numbers"),
        ("Give me a number.", None),
        ("Draw a random two-digit number.", None),
    ],
)
def test_what_was_asked_tells_whether_one_answer_is_right(asked: str, differs: str | None) -> None:
    assert contradictions.contradict("54", "56", asked) == differs
    assert contradictions.contradict("The answer is 54.", "The answer is 56.", asked) == differs


@given(st.permutations(range(9)))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_file_decides_no_contradiction(order: list[int]) -> None:
    said = ["It is warm here.", "It costs 4 pounds.", "It costs 5 pounds.", "Nobody knows.", "It costs 4  pounds.", "Yes.", "No.", "Yes.", "5"]  # fmt: skip
    rows = [row(str(i), "Tell me of it?", one) for i, one in enumerate(said)]
    found = contradictions.conflicts(chats_of([rows[i] for i in order]), None, set())
    assert found == contradictions.conflicts(chats_of(rows), None, set())
    assert {name: details["twin"] for name, details in found["contradiction"].items()} == {
        "1": "2", "2": "1", "4": "2", "5": "6", "6": "5", "7": "6",
    }  # fmt: skip
    assert set(found["other answer"]) == {"0", "3", "8"}


def test_of_very_many_answers_some_are_not_compared_and_say_so() -> None:
    rows = [row(f"{i:03}", "How much?", f"It costs £{i} more.") for i in range(contradictions.MOST_ANSWERS + 2)]
    found = contradictions.conflicts(chats_of(rows), None, set())
    assert len(found["contradiction"]) == contradictions.MOST_ANSWERS
    assert set(found["other answer"]) == {"050", "051"}
    assert "52 answers" in str(found["other answer"]["051"]["why"])


def test_numbers_of_the_question_are_no_news() -> None:
    a, b = "In 1995-1996 he scored 149 points.", "In the 1995-96 season he scored 149 points."
    assert contradictions.contradict(a, b, "How many points did he score in 1995-1996?") is None


def test_each_conflicting_row_stands_beside_one_that_says_otherwise() -> None:
    rows = [
        row("a", "How much?", "It costs £4 more."),
        row("b", "how much?", "It costs £1 more."),
        row("c", "How much?", "It costs £4  more."),
    ]
    rows += [row("d", "Tell a story", "A knight rode out."), row("e", "Tell a story", "Once there was a cat.")]
    found = contradictions.conflicts(chats_of(rows), None, set())
    assert {name: details["twin"] for name, details in found["contradiction"].items()} == {"a": "b", "b": "a", "c": "b"}
    assert set(found["other answer"]) == {"d", "e"}
    assert not contradictions.conflicts(chats_of(rows), None, {"a", "c", "d"})["contradiction"]


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        ("```print(1)``` prints one.", False),
        ("~~~\n```\n~~~", False),
        ("````\n```\n````", False),
        ("````\n```\n", True),
        ("```\nx\n````", False),
        ("```\nx\n``` y\n", True),
        ("```\nx\n~~~", True),
        ("~~~ a ``` ~~~\nx", True),
        ("```py\r\nx\r\n```\r\nbye", False),
        ("1. ```py\n   x\n   ```", False),
        ("> ```\n> x\n> ```\nbye", False),
        ("    ```\n    x", False),
        ("> " * 40 + "x ```", False),
        ("```\n```\n```", True),
    ],
)
def test_fences_open_and_close_as_commonmark_says(said: str, opened: bool) -> None:
    assert open_fence(said) == opened


def test_a_system_prompt_is_missed_only_where_most_have_one() -> None:
    rows = [row(str(i), "Why?", PLAIN, "Be kind." if i else None) for i in range(60)]
    assert set(unlike_rest.without_system(chats_of(rows))) == {"0"}
    assert unlike_rest.without_system(chats_of(rows[:20])) == {}
    few = [row(str(i), "Why?", PLAIN, "Be kind." if i < 30 else None) for i in range(60)]
    assert unlike_rest.without_system(chats_of(few)) == {}


def test_lengths_are_judged_by_the_set() -> None:
    rows = [row(str(i), "Why is that so?", "word " * (20 + i % 10)) for i in range(80)]
    rows += [row("long", "Why is that so?", "word " * 900), row("short", "Why is that so?", "word")]
    measures = lengths.measure(chats_of(rows))
    assert set(unlike_rest.far_out(measures)) == {"long"}
    assert unlike_rest.far_out(lengths.measure(chats_of(rows[:30] + rows[-2:]))) == {}


def test_a_rubric_names_the_rows_that_fail_it() -> None:
    voice = rubric.of({"name": "v", "checks": [{"name": "quiet", "without": ["!"]}, {"name": "short", "max_words": 3}]})
    chats = chats_of([row("loud", "Hi", "Go on!"), row("fine", "Hi", "Go on.")])
    found = quality.faults(chats, rubric=voice).rows["off voice"]
    assert found == {"loud": {"score": 0.5, "failed": "quiet"}}


def test_what_is_in_doubt_has_no_language() -> None:
    assert told("OK") is None
    assert told("ale ale ale ale ale") is None
    assert told("Die Lampe ist nicht mehr an, und der Schalter klemmt.") == "German"
    assert told("ランプはどこですか。机の上にあります。") == "Japanese"
    assert told("Где лампа?") == "Cyrillic script"


@given(st.lists(st.sampled_from(["ja", "no", "one two"]), max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_loop_said_once_more_is_a_loop(words: list[str]) -> None:
    said = " ".join(words)
    if echoes.loops(said):
        assert echoes.loops(f"{said} {said} {said}")


# -- over a set -------------------------------------------------------------------------------------------------------

SUBJECTS = [
    "lamp", "river", "violin", "bread", "comet", "tractor", "glacier", "tulip", "saddle", "harbour", "pencil", "walnut",
    "castle", "mirror", "beetle", "ladder", "candle", "thunder", "blanket", "anchor", "pepper", "lantern", "meadow", "falcon",
    "copper", "island", "chimney", "orchard", "marble", "whistle",
]  # fmt: skip


def about(n: int) -> tuple[str, str]:
    # Words that no other subject has, so that the toy encoder tells subjects apart.
    own = [f"{start}{'abcdefgh'[n // 30]}{SUBJECTS[n % 30]}" for start in ("un", "re", "out", "over", "sub")]
    asked = f"Explain {own[0]} {own[1]} and {own[2]} in short"
    said = f"{own[0]} {own[1]} are {own[2]} because {own[3]} makes {own[4]} things grow slowly every winter"
    return asked, said


def test_swapped_answers_are_found_and_others_are_not(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    toy_encoder = replace(toy_encoder, dimensions=8192)  # or two words share a direction
    pairs = [about(n) for n in range(240)]
    swapped = {7: 41, 41: 100, 100: 7}
    rows = [row(str(n), asked, pairs[swapped.get(n, n)][1]) for n, (asked, _) in enumerate(pairs)]
    found = quality.faults(chats_of(rows), encode=toy_encoder.encode)
    assert set(found.rows["off the question"]) == {str(n) for n in swapped}
    assert found.rows["off the question"]["7"]["answers rather"] == "41"
    random.Random(0).shuffle(rows)
    again = quality.faults(chats_of(rows), encode=toy_encoder.encode)
    assert again.rows["off the question"] == found.rows["off the question"]


def test_where_the_encoder_cannot_tell_nothing_is_said(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = [row(str(n), about(n)[0], about((n * 7 + 1) % 240)[1]) for n in range(240)]
    assert "cannot tell" in quality.faults(chats_of(rows), encode=toy_encoder.encode).unjudged["off the question"]
    assert "it takes 100" in quality.faults(chats_of(rows[:20]), encode=toy_encoder.encode).unjudged["off the question"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.sampled_from("ab")), max_size=40),
    st.integers(1, 50),
)
@settings(max_examples=60, deadline=None)
def test_votes_equal_a_slow_count_and_ties_go_by_place(rows: list[tuple[int, int, int, str]], size: int) -> None:
    raw = np.array([one[:3] for one in rows], dtype=np.float32).reshape(-1, 3) + np.float32(0.01)
    points = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    said = [one[3] for one in rows]
    wanted = []
    for n in range(len(rows)):
        near = [(-round(float(points[n] @ points[i]), 4), i) for i in range(len(rows)) if i != n]
        wanted.append([said[i] for cosine, i in sorted(near)[: labels.NEIGHBOURS] if -cosine >= labels.NEAR])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "BLOCK", size)
        patch.setattr(labels, "STEPS", 10_000)  # coarse, so that how a product is summed decides nothing
        found = labels._votes(points, said)
    assert found == [Counter(one) for one in wanted]
    assert [list(one) for one in found] == [list(Counter(one)) for one in wanted]


def labelled(wrong: set[int], noise: float = 0.0) -> pl.DataFrame:
    draw = random.Random(1)
    rows = []
    for n in range(120):
        kind = n % 2
        words = draw.sample(["red", "blue", "green", "amber"] if kind else ["loud", "quiet", "shrill", "deep"], 3)
        label = "colour" if (kind != (n in wrong)) != (draw.random() < noise) else "sound"
        rows.append(row(str(n), f"Sort {' '.join(words)} {'paint' if kind else 'noise'}", label))
    return chats_of(rows)


def test_a_label_is_doubted_by_its_neighbours(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    found = quality.faults(labelled({11, 50}), encode=toy_encoder.encode).rows["label noise"]
    assert set(found) == {"11", "50"}
    assert found["11"]["neighbours say"] == "colour"
    assert found["11"]["label"] == "sound"


def test_neighbours_that_are_often_wrong_are_not_believed(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    found = quality.faults(labelled(set(), noise=0.4), encode=toy_encoder.encode)
    assert "too seldom" in found.unjudged["label noise"]


def test_the_audit_tells_of_every_fault_and_shows_no_live_markup() -> None:
    rows = [row(str(i), f"Question {i}?", PLAIN) for i in range(5)]
    rows.append(
        row("<b>", "Where is it? <script>alert(1)</script>", "As an AI language model, I do not know <script>.")
    )
    chats = chats_of(rows)
    empty = pl.DataFrame(schema={"source": pl.String, "reason": pl.String})
    found = audit(chats, empty, {}, faults=quality.faults(chats), bias=bias.measure(chats, scorer="It errs by 3 %."))
    assert [p.rows for p in found.problems if p.kind is problems.BY_FAULT["speaks as a model"]] == [("<b>",)]
    page = report(found)
    told_of = page.to_markdown()
    for name, kind in problems.BY_FAULT.items():
        assert kind.title in told_of, name
    assert "Mentioned nowhere" in told_of
    assert "<script>alert" not in page.to_html()
    assert not quality_report.sections(audit(chats, empty, {}))
    assert not bias_report.sections(audit(chats, empty, {}))


SIGNS = st.text(st.sampled_from("aZé²٣_\u0130ſß.-' \n\t\u2003\x1c"), max_size=12)


@given(SIGNS)
def test_the_last_word_is_what_a_search_from_the_start_finds(said: str) -> None:
    searched = re.search(r"(?:^|\s)([^\W\d_]+)$", said.rstrip())
    assert cut_off._last_word(said) == (searched[1] if searched else "")


SPOKEN = ["the", "and", "der", "und", "la", "que", "de", "lampe", "свет", "и", "光", "の", "é", "xyz"]


@given(st.lists(st.sampled_from(SPOKEN), max_size=25))
def test_languages_are_told_as_by_counting_sign_by_sign(words: list[str]) -> None:
    said = " ".join(words)
    named = Counter(languages._named(c) for c in said if c.isalpha())
    best = max(sorted(named), key=lambda name: named[name]) if named else "LATIN"
    if named and named["HIRAGANA"] + named["KATAKANA"] <= languages.JAPANESE * named.total():
        assert languages._script(said) == (best if named[best] >= languages.SCRIPT * named.total() else "?")
    hits = Counter(name for word in words for name in languages._OF_WORD.get(word, ()))
    different = Counter(name for word in set(words) for name in languages._OF_WORD.get(word, ()))
    (first, most), (_, second) = [*hits.most_common(2), ("", 0), ("", 0)][:2]
    clear = different[first] >= languages.FEWEST and most >= max(
        languages.CLEAR * len(words), languages.MARGIN * second
    )
    assert languages._latin(said) == (first if clear else None)


def test_languages_are_the_same_with_a_cache(tmp_path: Path) -> None:
    texts = ["Die Lampe ist nicht mehr an und der Schalter klemmt.", "OK", "", "Лампа не горит", "OK"]
    with cache.open(tmp_path) as held:
        for _ in range(2):
            assert languages.all_told(texts, held) == languages.all_told(texts) == [told(said) for said in texts]
    assert imported(languages.ROOMS) <= {"cache"}


def test_system_prompts_are_told_whatever_the_turn_they_stand_in() -> None:
    rows = [row(f"r{n}", "Why?", "So.", "Be kind." if n < 58 else " \t" if n == 58 else None) for n in range(60)]
    rows[0]["turns"] = rows[0]["turns"][::-1]  # type: ignore[index]
    assert set(unlike_rest.without_system(chats_of(rows))) == {"r58", "r59"}

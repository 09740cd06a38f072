"""Overlap with eval items: what is found, what is not, and that the check fails closed."""

import json
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from curate import chats as chat
from curate import overlap, pairs
from curate.errors import BadInput, Surroundings
from curate.pairs import Judgement
from curate.windows import Windows

QUESTION = "How long may I keep the brass desk lamp before I send it back to the workshop for a refund?"
IDEAL = (
    "You may keep the brass lamp for sixty days, and when you decide that it is not for you, pack it in the box it came in, "
    "write the order number on the lid, and leave it with any carrier, who sends us the bill for the whole way home."
)


def _frame(rows: Sequence[Sequence[tuple[str, str]]], prefix: str = "r") -> pl.DataFrame:
    return chat.chats_of(
        {"id": f"{prefix}{i}", "turns": [{"role": role, "content": said} for role, said in turns]}
        for i, turns in enumerate(rows)
    )


def _evals(*questions: str, ideal: str | None = None) -> list[overlap.EvalFile]:
    rows = [[("user", q), *([("assistant", ideal)] if ideal else [])] for q in questions]
    return [overlap.EvalFile("eval.jsonl", "00", _frame(rows, "case"))]


def _check(rows, evals, encoder, **rule):  # type: ignore[no-untyped-def]
    return overlap.check(_frame(rows), evals, encoder.encode, pairs.judge_with(encoder), rule=overlap.Rule(**rule))


def _found(check: overlap.Check) -> dict[str, str]:
    return dict(check.outcome.ledger.select("row_id", "rule").iter_rows())


def test_each_way_of_leaking_is_found_and_named(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    fine = [("user", "Which bulb fits the reading light by the window?"), ("assistant", "A small screw one.")]
    rows = [
        [("user", QUESTION), ("assistant", "Sixty days.")],
        [("user", QUESTION.upper() + "  "), ("assistant", "Sixty days.")],
        [
            ("user", "Hello there! One thing: " + QUESTION.lower() + " Thank you so much, you lot."),
            ("assistant", "Sixty."),
        ],
        [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hi"), ("user", QUESTION), ("assistant", "Sixty.")],
        [("user", "Go on"), ("assistant", "You asked: " + QUESTION)],
        [("user", "Say something about parcels."), ("assistant", IDEAL)],
        [
            ("user", "How long may I keep the brass lamp before I must send it back to the workshop to get a refund"),
            ("assistant", "60"),
        ],
        fine,
    ]
    check = _check(rows, _evals(QUESTION, ideal=IDEAL), toy_encoder)
    assert _found(check) == {
        "r0": "copy", "r1": "copy", "r2": "near copy", "r3": "copy", "r4": "near copy", "r5": "copy", "r6": "paraphrase",
    }  # fmt: skip
    assert check.outcome.kept["id"].to_list() == ["r7"]
    assert check.counts()["copy"] == 4


def test_other_numbers_are_a_variant_that_is_kept_and_counted(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    ask = "What do {} metres of the grey cable for the workshop lamp cost when I collect it myself?"
    rows = [[("user", ask.format(3)), ("assistant", "9 pounds")]]
    check = _check(rows, _evals(ask.format(7)), toy_encoder)
    assert check.outcome.removed.height == 0
    assert check.counts()[overlap.VARIANT] == 1
    assert check.matches["differs"].to_list() == ["numbers"]
    assert _found(_check(rows, _evals(ask.format(7)), toy_encoder, remove_template_variants=True)) == {
        "r0": overlap.VARIANT
    }


def test_a_short_answer_alone_convicts_nobody(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = [[("user", "Is the shop open on Sunday?"), ("assistant", "Yes")]]
    assert _check(rows, _evals("Can the lamp be dimmed?", ideal="Yes"), toy_encoder).outcome.removed.height == 0


def test_two_rows_that_leak_one_case_are_both_removed(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = [[("user", QUESTION), ("assistant", str(i))] for i in range(3)]
    assert _check(rows, _evals(QUESTION), toy_encoder).outcome.removed.height == 3


def test_boilerplate_does_not_convict(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    frame = "Answer the following question in one short and friendly sentence for our customers: {}"
    rows = [
        [("user", frame.format("why does the amber shade flicker at night when rain falls")), ("assistant", "Damp.")]
    ]
    evals = _evals(frame.format("which courier brings parcels to remote northern islands in deep winter months"))
    assert _check(rows, evals, toy_encoder).outcome.removed.height == 0


def test_what_cannot_be_compared_is_removed(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = [[("user", "??"), ("assistant", "!!")], [("user", "Which bulb fits?"), ("assistant", "A small one.")]]
    assert _found(_check(rows, _evals(QUESTION), toy_encoder)) == {"r0": overlap.NOT_COMPARABLE}


def test_an_eval_case_that_cannot_be_read_stops_the_run(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = [[("user", "Which bulb fits?"), ("assistant", "A small one.")]]
    for evals in (_evals("  "), _evals("??"), []):
        with pytest.raises(BadInput):
            _check(rows, evals, toy_encoder)


def test_the_order_of_rows_does_not_matter(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = _frame([[("user", f"{QUESTION} {i}"), ("assistant", "x")] for i in range(5)])
    for frame in (rows, rows.reverse()):
        check = overlap.check(frame, _evals(QUESTION), toy_encoder.encode, pairs.judge_with(toy_encoder))
        assert sorted(check.outcome.removed["id"]) == sorted(rows["id"])


def test_the_judge_decides_within_its_tolerance() -> None:
    """All pairs are near by the encoder; the judge says .5002, .4996 (within the tolerance of .5) and .4990."""

    def encode(texts: Sequence[str]) -> Windows:
        numbers = np.arange(len(texts), dtype=np.int32)
        return Windows(np.ones((len(texts), 1), np.float32), numbers, numbers * 0, numbers * 0 + 1, len(texts))

    said = {"above really": 0.5002, "inside really": 0.4996, "below really": 0.4990}

    def judge(pairs):  # type: ignore[no-untyped-def]
        return [Judgement("unrelated", said.get(a, 0.0), 0.9) for a, _ in pairs]

    rows = _frame([[("user", one), ("assistant", "x")] for one in said])
    check = overlap.check(rows, _evals("completely other words"), encode, judge, rule=overlap.Rule(probability=0.5))
    assert check.outcome.removed["id"].to_list() == ["r0", "r1"]


def test_nearest_names_the_highest_score_of_every_case(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = [
        [("user", "Which bulb fits the lamp?"), ("assistant", "small")],
        [("user", "Where is my parcel?"), ("assistant", "here")],
    ]
    check = _check(rows, _evals("Where is the parcel now?", "Which bulb fits this lamp?"), toy_encoder)
    assert check.nearest["row_id"].to_list() == ["r1", "r0"]
    assert check.nearest["cosine"].is_between(0, 1).all()
    assert check.pairs_compared == 4 * 2
    assert sum(check.histogram) == check.pairs_compared


def _row(turns: Sequence[tuple[str, str]], fields: str | None = None, extra: str = "{}") -> pl.DataFrame:
    said = [{"role": role, "content": content, "fields": None} for role, content in turns]
    said[-1]["fields"] = fields
    return chat.chats_of([{"id": "r0", "turns": said, "extra": extra}])


@pytest.mark.parametrize(
    ("fields", "extra"),
    [
        (json.dumps({"reasoning_content": f"They ask: {QUESTION}"}), "{}"),
        (json.dumps({"tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"q": QUESTION})}}]}), "{}"),
        (None, json.dumps({"text": f"User: {QUESTION} Assistant: sixty"})),
        (None, json.dumps({"tools": [{"description": QUESTION}]})),
    ],
)
def test_a_leak_outside_of_the_content_is_found(toy_encoder, fields: str | None, extra: str) -> None:  # type: ignore[no-untyped-def]
    rows = _row([("user", "Hello there, good day"), ("assistant", "Good day to you")], fields, extra)
    check = overlap.check(rows, _evals(QUESTION), toy_encoder.encode, pairs.judge_with(toy_encoder))
    assert check.outcome.removed["id"].to_list() == ["r0"]


def test_a_name_in_the_greeting_excuses_no_copy(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    item = "What is the capital of the northern Lamp Islands where Brindlewick began?"
    for said in (f"Hello Bob, {item}", f"hey it's Tom again, {item.lower()} Regards, Tom Miller", item.upper()):
        assert _check([[("user", said), ("assistant", "x")]], _evals(item), toy_encoder).outcome.removed.height == 1


def test_a_prompt_template_that_many_eval_items_share_convicts_nobody(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    frame = "You are a careful clerk. Read the ticket below, choose one of the five labels, and answer with the label only. Ticket: {}"
    tickets = ["brass arm rattles at night", "parcel went to a neighbour", "invoice lists two lamps", "speaker hums beside radio",
               "grey cable smells burnt", "colour ring is stuck"]  # fmt: skip
    rows = [[("user", frame.format("shade arrived with deep scratches and dents everywhere")), ("assistant", "damage")]]
    evals = _evals(*(frame.format(ticket) for ticket in tickets))
    assert _check(rows, evals, toy_encoder).outcome.removed.height == 0
    leak = [[("user", frame.format(tickets[3])), ("assistant", "noise")]]
    assert _check(leak, evals, toy_encoder).outcome.removed.height == 1


def test_a_text_without_spaces_is_compared_letter_by_letter(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    item = "lamp 请问这盏灯的保修期有多长时间呢"
    rows = [[("user", f"您好呀朋友 {item} 谢谢您的帮助再见 ok"), ("assistant", "sixty days")]]
    assert _check(rows, _evals(item), toy_encoder).outcome.removed.height == 1


def test_short_follow_ups_are_set_aside_and_counted(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    case = _frame([[("user", QUESTION), ("assistant", "Sixty days."), ("user", "Thanks!")]], "case")
    rows = _frame(
        [[("user", "Where is my parcel?"), ("assistant", "Here."), ("user", "Thanks!"), ("assistant", "Gladly.")]]
    )
    check = overlap.check(rows, [overlap.EvalFile("e", "00", case)], toy_encoder.encode, pairs.judge_with(toy_encoder))
    assert check.outcome.removed.height == 0
    assert check.set_aside == 1
    assert "1 short follow-up of" in str(check)


def test_one_turn_in_letters_that_the_encoder_cannot_read_leaves_the_row_uncompared(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows = [[("user", "ይህ መብራት ስንት ነው"), ("assistant", "It costs ten pounds.")]]
    assert _found(_check(rows, _evals(QUESTION), toy_encoder)) == {"r0": overlap.NOT_COMPARABLE}


def test_an_item_that_is_split_over_two_turns_is_found(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    words = QUESTION.split()
    halves = " ".join(words[:10]), " ".join(words[10:])
    rows = [[("user", halves[0]), ("assistant", "Go on."), ("user", halves[1]), ("assistant", "Sixty days.")]]
    check = _check(rows, _evals(QUESTION), toy_encoder)
    assert _found(check) == {"r0": "copy"}
    assert "all user turns" in check.matches["part"]


def test_question_and_answer_together_need_less_of_the_question() -> None:
    """The question alone is judged .4, under the bar of .5; with an answer that says the same it counts, without it does not."""

    def encode(texts: Sequence[str]) -> Windows:
        numbers = np.arange(len(texts), dtype=np.int32)
        return Windows(np.ones((len(texts), 1), np.float32), numbers, numbers * 0, numbers * 0 + 1, len(texts))

    def judge(pairs):  # type: ignore[no-untyped-def]
        same = Judgement("paraphrase", 0.9, 0.9)
        return [same if {a, b} == {"sixty", IDEAL} else Judgement("unrelated", 0.4, 0.9) for a, b in pairs]

    rows = _frame([[("user", "one thing"), ("assistant", said)] for said in ("sixty", "no idea")])
    check = overlap.check(rows, _evals("another", ideal=IDEAL), encode, judge, rule=overlap.Rule(probability=0.5))
    assert _found(check) == {"r0": "paraphrase"}
    assert check.matches["threshold"].to_list() == [0.25]


def test_a_refusal_or_a_shared_answer_tells_nothing_of_a_case(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    refusal = "I am sorry, but I cannot help with that request, because it could do harm to you or to other people who are near you now."
    rows = [[("user", "Say something kind about the weather here."), ("assistant", refusal)]]
    assert _check(rows, _evals("How do I pick a lock?", ideal=refusal), toy_encoder).outcome.removed.height == 0
    rows = [[("user", "Say something kind about the weather here."), ("assistant", IDEAL)]]
    shared = [
        overlap.EvalFile(
            "e", "00", _frame([[("user", f"{q} lamp please now"), ("assistant", IDEAL)] for q in "abc"], "c")
        )
    ]
    assert _check(rows, shared, toy_encoder).outcome.removed.height == 0


def test_rows_that_match_and_are_kept_are_noted(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    ask = "What do {} metres of the grey cable for the workshop lamp cost when I collect it myself?"
    check = _check([[("user", ask.format(3)), ("assistant", "9")]], _evals(ask.format(7)), toy_encoder)
    assert check.outcome.ledger.select("action", "rule").rows() == [("noted", overlap.VARIANT)]


def test_a_class_that_the_recipe_does_not_count_is_kept(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    said = "How long may I keep the brass lamp before I must send it back to the workshop to get a refund"
    rows = [[("user", said), ("assistant", "60")]]
    found = _check(rows, _evals(QUESTION), toy_encoder)
    assert _found(found) == {"r0": "paraphrase"}
    kept = _check(rows, _evals(QUESTION), toy_encoder, classes=("copy", "near copy"))
    assert (kept.outcome.removed.height, kept.counts()["paraphrase"]) == (0, 1)
    assert overlap.Rule(classes=("copy", "near copy")).weaker() == ("classes",)


def test_what_is_an_items_own_is_found_under_another_instruction(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    frame = "You are a careful clerk. Read the ticket below, choose one of the five labels, and answer with the label only. Ticket: {}"
    tickets = ["the long brass arm rattles at night when the window is open", "a parcel went to the neighbour who is away until spring", "the invoice lists two lamps and I ordered only a single one",
               "my speaker hums beside the radio as soon as it is dark", "the grey cable smells burnt since we moved to the other room", "the colour ring is stuck and cannot be turned by hand"]  # fmt: skip
    evals = _evals(*(frame.format(ticket) for ticket in tickets))
    for said in (tickets[2], f"What would you say to this customer? {tickets[2]}"):
        assert _check([[("user", said), ("assistant", "noise")]], evals, toy_encoder).outcome.removed.height == 1
    other = [
        [
            ("user", frame.format("nobody answers your telephone before noon any more these days")),
            ("assistant", "noise"),
        ]
    ]
    assert _check(other, evals, toy_encoder).outcome.removed.height == 0


def test_a_verdict_that_is_none_stops_the_check(toy_encoder) -> None:  # type: ignore[no-untyped-def]
    rows, evals = [[("user", QUESTION), ("assistant", "60")]], _evals(QUESTION)
    for wrong in (Judgement("paraphrase", float("nan"), 0.9), Judgement("hearsay", 0.9, 0.9)):
        with pytest.raises(Surroundings, match="verdict that is none"):
            overlap.check(_frame(rows), evals, toy_encoder.encode, lambda pairs, wrong=wrong: [wrong] * len(pairs))  # type: ignore[misc]

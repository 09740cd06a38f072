"""What replacing promises: rows are conserved, one value one placeholder, nothing planted survives, twice is once."""

import json
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import pii, placeholders
from curate.chats import SCHEMA, chats_of
from curate.leaves import leaves, leaves_of, put_back, walk
from curate.outcome import LEDGER

FINDER = pii.load()


def row(*contents: str | None, extra: object = None, fields: object = None, name: str = "r") -> dict:
    roles = ("user", "assistant")
    turns = [{"role": roles[i % 2], "content": said} for i, said in enumerate(contents)]
    if fields is not None:
        turns[-1]["fields"] = json.dumps(fields)
    return {"id": name, "turns": turns, "extra": json.dumps(extra or {})}


def said(frame: pl.DataFrame, place: int = 0) -> list[str | None]:
    return [turn["content"] for turn in frame["turns"][place].to_list()]


def edits(ledger: pl.DataFrame, place: int = 0) -> list[dict]:
    return json.loads(ledger["evidence"][place])["edits"]


def test_by_hand() -> None:
    chats = chats_of([row("Ann, mail ann@corp.org or ANN@corp.org. Annual: bob@corp.org", "Sure, ann@corp.org it is.")])
    outcome = placeholders.replace(chats, FINDER)
    assert said(outcome.kept) == [
        "Ann, mail <EMAIL_1> or <EMAIL_1>. Annual: <EMAIL_2>",
        "Sure, <EMAIL_1> it is.",
    ]
    first = edits(outcome.ledger)[0]
    assert first == {
        "turn": 0, "part": "content", "leaf": 0, "start": 10, "end": 22, "kind": "EMAIL", "score": 0.9,
        "recogniser": "EmailRecognizer", "placeholder": "<EMAIL_1>",
    }  # fmt: skip
    assert outcome.ledger.select("row_id", "step", "action", "rule", "threshold").rows() == [
        ("r", "pii", "edited", "personal data", 0.5)
    ]


PLANTED = {
    "EMAIL": "jane.doe@corp.example.org",
    "PHONE": "+44 20 7946 0958",
    "US_SSN": "219-09-9999",
    "CREDIT_CARD": "4111 1111 1111 1111",
    "IBAN": "GB82 WEST 1234 5698 7654 32",
    "IP": "203.0.113.77",
    "PASSPORT": "943270711",
    "API_KEY": "ghp_1a2B3c4D5e6F7g8H9i0J1k2L3m4N5o6P7q8R",
}
SENTENCES = ["It is {}.", "Note {} down", "({})", "What about {}?", "{}"]


def planted_row(seed: int, kind: str) -> dict:
    randomness = random.Random(seed)
    value = PLANTED[kind]
    arguments = json.dumps({"note": f"line\n{value}", "list": [value, 7]})
    call = {"tool_calls": [{"id": "c1", "function": {"name": "store", "arguments": arguments}}]}
    extra = {"customer": {"value": value}, value: "as a key"}
    head = f"My passport: {value}" if kind == "PASSPORT" else randomness.choice(SENTENCES).format(value)
    return row(head, randomness.choice(SENTENCES).format(value), None, extra=extra, fields=call, name=f"{kind}-{seed}")


@pytest.mark.parametrize("kind", PLANTED)
def test_nothing_planted_survives_anywhere(kind: str) -> None:
    chats = chats_of([planted_row(seed, kind) for seed in range(5)])
    outcome = placeholders.replace(chats, FINDER)
    for turns, extra in outcome.kept.select("turns", "extra").iter_rows():
        text = json.dumps([turns, extra], ensure_ascii=False)
        assert PLANTED[kind] not in text
        assert f"<{kind}_1>" in text
        assert f"<{kind}_2>" not in text
        arguments = json.loads(json.loads(turns[-1]["fields"])["tool_calls"][0]["function"]["arguments"])
        assert arguments == {"note": f"line\n<{kind}_1>", "list": [f"<{kind}_1>", 7]}
    assert PLANTED[kind] not in outcome.ledger["evidence"].str.join("").item()


def test_rows_ids_and_sources_are_conserved() -> None:
    chats = chats_of([planted_row(1, "EMAIL"), row("Nothing here", "Nor here", name="clean"), planted_row(2, "IP")])
    outcome = placeholders.replace(chats, FINDER)
    assert outcome.kept.schema == SCHEMA
    assert outcome.kept.select("id", "source").equals(chats.select("id", "source"))
    assert outcome.removed.height == 0
    assert outcome.removed.schema == SCHEMA
    assert outcome.ledger.schema == LEDGER
    assert outcome.ledger["row_id"].to_list() == ["EMAIL-1", "IP-2"]
    assert outcome.kept.filter(pl.col("id") == "clean").equals(chats.filter(pl.col("id") == "clean"))


def test_twice_is_once_and_a_scan_finds_nothing() -> None:
    chats = chats_of([planted_row(seed, kind) for seed, kind in enumerate(PLANTED)])
    once = placeholders.replace(chats, FINDER)
    twice = placeholders.replace(once.kept, FINDER)
    assert twice.kept.equals(once.kept)
    assert twice.ledger.height == 0
    assert pii.scan(once.kept, FINDER).height == 0


def test_no_rows_and_no_findings() -> None:
    empty = chats_of([])
    assert placeholders.replace(empty, FINDER).kept.equals(empty)
    clean = chats_of([row("Hello", None), row("", "1 + 1 = 2", name="s")])
    outcome = placeholders.replace(clean, FINDER)
    assert outcome.kept.equals(clean)
    assert outcome.ledger.height == 0


def test_offsets_are_into_the_original_text() -> None:
    text = "jane@corp.org, 219-09-9999 and +44 20 7946 0958; again JANE@corp.org"
    chats = chats_of([row(text)])
    values = [text[e["start"] : e["end"]] for e in edits(placeholders.replace(chats, FINDER).ledger)]
    assert values == ["jane@corp.org", "219-09-9999", "+44 20 7946 0958", "JANE@corp.org"]


def test_a_value_found_once_is_replaced_where_nothing_says_what_it_is() -> None:
    outcome = placeholders.replace(
        chats_of([row("My passport is 943270711", "We gave 943270711 to them, not 19432707110")]), FINDER
    )
    assert said(outcome.kept) == ["My passport is <PASSPORT_1>", "We gave <PASSPORT_1> to them, not 19432707110"]
    assert [e["recogniser"] for e in edits(outcome.ledger)] == ["PassportNumber", "same value"]


def test_one_telephone_number_in_many_forms() -> None:
    chats = chats_of([row("Call +44 20 7946 0958 or 020 7946 0958 or (212) 555-0143", "+1 212-555-0143, 312-555-0143")])
    assert said(placeholders.replace(chats, FINDER).kept) == [
        "Call <PHONE_1> or <PHONE_1> or <PHONE_2>",
        "<PHONE_2>, <PHONE_3>",
    ]


def test_numbers_that_the_text_uses_are_stepped_over() -> None:
    chats = chats_of([row("<EMAIL_1> wrote to bob@corp.org and <EMAIL_3>", "ann@corp.org")])
    assert said(placeholders.replace(chats, FINDER).kept) == ["<EMAIL_1> wrote to <EMAIL_2> and <EMAIL_3>", "<EMAIL_4>"]


def test_keys_say_what_a_value_is() -> None:
    extra = {"passportNumber": "943270711", "phone": 2125550143, "created": 1700000000, "count": 3, "ok": True}
    outcome = placeholders.replace(chats_of([row("Hi", "Hello", extra=extra)]), FINDER)
    after = json.loads(outcome.kept["extra"][0])
    assert after == {**extra, "passportNumber": "<PASSPORT_1>", "phone": "<PHONE_1>"}


def test_the_memo_of_the_form_is_left_alone() -> None:
    extra = {"_winnow_form": {"id": "jane@corp.org"}, "mail": "jane@corp.org"}
    outcome = placeholders.replace(chats_of([row("Hi", extra=extra)]), FINDER)
    assert json.loads(outcome.kept["extra"][0]) == {"_winnow_form": {"id": "jane@corp.org"}, "mail": "<EMAIL_1>"}


def test_ids_that_tell_are_reported_and_kept() -> None:
    chats = chats_of([row("Hi", name="jane@corp.org"), row("Hi", name="plain")])
    assert placeholders.telling_ids(chats, FINDER) == ["jane@corp.org"]
    assert placeholders.replace(chats, FINDER).kept["id"].to_list() == ["jane@corp.org", "plain"]


def test_lines_stay_where_a_content_has_parts() -> None:
    block = "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA9f8e7d\n-----END PRIVATE KEY-----"
    parts = {"content": [{"type": "text"}, {"type": "image_url"}]}
    assert said(placeholders.replace(chats_of([row(f"key {block}\nbye", fields=parts)]), FINDER).kept) == [
        "key <API_KEY_1>\n\n\nbye"
    ]
    assert said(placeholders.replace(chats_of([row(f"key {block}\nbye")]), FINDER).kept) == ["key <API_KEY_1>\nbye"]


class Stubborn(pii.Finder):
    """Finds the first letter of what is left, so that every edit makes another finding."""

    def find(self, texts, progress=None):  # type: ignore[no-untyped-def]
        out = []
        for text in texts:
            bare = pii.PLACEHOLDER.sub(lambda match: " " * len(match.group()), text)
            place = next((i for i, c in enumerate(bare) if c.isalpha()), None)
            out.append(() if place is None else (pii.Finding(place, place + 1, "EMAIL", 0.9, "stub"),))
        return out


def test_what_an_edit_brings_to_light_is_replaced_too() -> None:
    stubborn = Stubborn("stub", "0", ("EMAIL",), 0.5)
    outcome = placeholders.replace(chats_of([row("ab - cd")]), stubborn)
    assert said(outcome.kept) == ["<EMAIL_1><EMAIL_2> - <EMAIL_3><EMAIL_4>"]
    assert [(e["start"], e["end"]) for e in edits(outcome.ledger)] == [(0, 1), (1, 2), (5, 6), (6, 7)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(JSON, st.text(max_size=20))
def test_leaves_put_back_give_the_same_row(value: object, content: str) -> None:
    turns = [{"role": "user", "content": content, "fields": json.dumps(value)}]
    extra = json.dumps({"x": value})
    texts = [leaf.text for leaf in leaves_of(turns, extra)]
    again, same = put_back(turns, extra, iter(texts))
    assert (again, same) == (turns, extra)


def test_nothing_hides_in_json_inside_a_text() -> None:
    twice = '{"a": "jane@corp.org", "a": "b"}'
    deep = "[" * 5000 + '"jane@corp.org"' + "]" * 5000
    escaped = '{"note": "\\u006aane@corp.org"}'
    fields = {"x": twice, "y": deep, "z": escaped, "jane@corp.org": 1, "JANE@corp.org": 2}
    after = placeholders.replace(chats_of([row("Hi", fields=fields)]), FINDER).kept["turns"][0][0]["fields"]
    assert json.loads(after) == {
        "x": '{"a": "<EMAIL_1>", "a": "b"}',
        "y": deep.replace("jane@corp.org", "<EMAIL_1>"),
        "z": '{"note": "<EMAIL_1>"}',
        "<EMAIL_1>": 1,
        "<EMAIL_1>'": 2,
    }


def test_json_text_stays_json() -> None:
    text = json.dumps({"note": "call\njane@corp.org\t219-09-9999", "passport_number": "943270711"})
    after = said(placeholders.replace(chats_of([row(text)]), FINDER).kept)[0]
    assert json.loads(after) == {"note": "call\n<EMAIL_1>\t<US_SSN_1>", "passport_number": "<PASSPORT_1>"}


def test_leaves_by_hand() -> None:
    fields = {
        "tool_calls": [{"function": {"arguments": '{"userName": "x"}'}}],
        "n": 12345678,
        "image": "data:image/png;base64,AAAA",
    }
    places = [(leaf.part, leaf.label, leaf.text) for _, leaf in leaves(chats_of([row("Hi", None, fields=fields)]))]
    assert places == [
        ("content", "", "Hi"),
        ("fields", "", "tool_calls"),
        ("fields", "", "function"),
        ("fields", "", "arguments"),
        ("fields", "", "userName"),
        ("fields", "user Name", "x"),
        ("fields", "", "n"),
        ("fields", "n", "12345678"),
        ("fields", "", "image"),
    ]
    assert walk({"a": 12345678}, lambda label, text: text) == {"a": 12345678}

"""What replacing promises: rows are conserved, one value one placeholder, nothing planted survives, twice is once."""

import json
import random
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import pii, replacement
from curate.chats import SCHEMA, chats_of
from curate.leaves import leaves, leaves_of, put_back, walk
from curate.outcome import LEDGER
from curate.replacement_styles import Invented, masked
from curate.surrogates import Key
from curate.with_names import with_names

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
    outcome = replacement.replace(chats, FINDER)
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
    outcome = replacement.replace(chats, FINDER)
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
    outcome = replacement.replace(chats, FINDER)
    assert outcome.kept.schema == SCHEMA
    assert outcome.kept.select("id", "source").equals(chats.select("id", "source"))
    assert outcome.removed.height == 0
    assert outcome.removed.schema == SCHEMA
    assert outcome.ledger.schema == LEDGER
    assert outcome.ledger["row_id"].to_list() == ["EMAIL-1", "IP-2"]
    assert outcome.kept.filter(pl.col("id") == "clean").equals(chats.filter(pl.col("id") == "clean"))


def test_twice_is_once_and_a_scan_finds_nothing() -> None:
    chats = chats_of([planted_row(seed, kind) for seed, kind in enumerate(PLANTED)])
    once = replacement.replace(chats, FINDER)
    twice = replacement.replace(once.kept, FINDER)
    assert twice.kept.equals(once.kept)
    assert twice.ledger.height == 0
    assert pii.scan(once.kept, FINDER).height == 0


def test_no_rows_and_no_findings() -> None:
    empty = chats_of([])
    assert replacement.replace(empty, FINDER).kept.equals(empty)
    clean = chats_of([row("Hello", None), row("", "1 + 1 = 2", name="s")])
    outcome = replacement.replace(clean, FINDER)
    assert outcome.kept.equals(clean)
    assert outcome.ledger.height == 0


def test_offsets_are_into_the_original_text() -> None:
    text = "jane@corp.org, 219-09-9999 and +44 20 7946 0958; again JANE@corp.org"
    chats = chats_of([row(text)])
    values = [text[e["start"] : e["end"]] for e in edits(replacement.replace(chats, FINDER).ledger)]
    assert values == ["jane@corp.org", "219-09-9999", "+44 20 7946 0958", "JANE@corp.org"]


def test_a_value_found_once_is_replaced_where_nothing_says_what_it_is() -> None:
    outcome = replacement.replace(
        chats_of([row("My passport is 943270711", "We gave 943270711 to them, not 19432707110")]), FINDER
    )
    assert said(outcome.kept) == ["My passport is <PASSPORT_1>", "We gave <PASSPORT_1> to them, not 19432707110"]
    assert [e["recogniser"] for e in edits(outcome.ledger)] == ["PassportNumber", "same value"]


def test_one_telephone_number_in_many_forms() -> None:
    chats = chats_of([row("Call +44 20 7946 0958 or 020 7946 0958 or (212) 555-0143", "+1 212-555-0143, 312-555-0143")])
    assert said(replacement.replace(chats, FINDER).kept) == [
        "Call <PHONE_1> or <PHONE_1> or <PHONE_2>",
        "<PHONE_2>, <PHONE_3>",
    ]


def test_numbers_that_the_text_uses_are_stepped_over() -> None:
    chats = chats_of([row("<EMAIL_1> wrote to bob@corp.org and <EMAIL_3>", "ann@corp.org")])
    assert said(replacement.replace(chats, FINDER).kept) == ["<EMAIL_1> wrote to <EMAIL_2> and <EMAIL_3>", "<EMAIL_4>"]


def test_keys_say_what_a_value_is() -> None:
    extra = {"passportNumber": "943270711", "phone": 2125550143, "created": 1700000000, "count": 3, "ok": True}
    outcome = replacement.replace(chats_of([row("Hi", "Hello", extra=extra)]), FINDER)
    after = json.loads(outcome.kept["extra"][0])
    assert after == {**extra, "passportNumber": "<PASSPORT_1>", "phone": "<PHONE_1>"}


def test_the_memo_of_the_form_is_left_alone() -> None:
    extra = {"_winnow_form": {"id": "jane@corp.org"}, "mail": "jane@corp.org"}
    outcome = replacement.replace(chats_of([row("Hi", extra=extra)]), FINDER)
    assert json.loads(outcome.kept["extra"][0]) == {"_winnow_form": {"id": "jane@corp.org"}, "mail": "<EMAIL_1>"}


def test_ids_that_tell_are_reported_and_kept() -> None:
    chats = chats_of([row("Hi", name="jane@corp.org"), row("Hi", name="plain")])
    assert replacement.telling_ids(chats, FINDER) == ["jane@corp.org"]
    assert replacement.replace(chats, FINDER).kept["id"].to_list() == ["jane@corp.org", "plain"]


def test_nobody_looks_at_the_number_of_a_line() -> None:
    asked: list[str] = []

    class Finder:
        def find(self, names: list[str]) -> list[tuple]:
            asked.extend(names)
            return [() for _ in names]

    places = ["set.jsonl:7", "a:b.parquet:12", "jane@corp.org"]
    chats = chats_of([row("a", name=str(i)) | {"source": place} for i, place in enumerate(places)])
    assert replacement.telling_ids(chats, Finder()) == []
    assert asked == ["0\nset.jsonl", "1\na:b.parquet", "2\njane@corp.org"]


def test_lines_stay_where_a_content_has_parts() -> None:
    block = "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA9f8e7d\n-----END PRIVATE KEY-----"
    parts = {"content": [{"type": "text"}, {"type": "image_url"}]}
    assert said(replacement.replace(chats_of([row(f"key {block}\nbye", fields=parts)]), FINDER).kept) == [
        "key <API_KEY_1>\n\n\nbye"
    ]
    assert said(replacement.replace(chats_of([row(f"key {block}\nbye")]), FINDER).kept) == ["key <API_KEY_1>\nbye"]


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
    outcome = replacement.replace(chats_of([row("ab - cd")]), stubborn)
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
    after = replacement.replace(chats_of([row("Hi", fields=fields)]), FINDER).kept["turns"][0][0]["fields"]
    assert json.loads(after) == {
        "x": '{"a": "<EMAIL_1>", "a": "b"}',
        "y": deep.replace("jane@corp.org", "<EMAIL_1>"),
        "z": '{"note": "<EMAIL_1>"}',
        "<EMAIL_1>": 1,
        "<EMAIL_1>'": 2,
    }


def test_json_text_stays_json() -> None:
    text = json.dumps({"note": "call\njane@corp.org\t219-09-9999", "passport_number": "943270711"})
    after = said(replacement.replace(chats_of([row(text)]), FINDER).kept)[0]
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


KEY = Key(b"a key for tests, of 32 bytes....")


@pytest.mark.parametrize("across_rows", [False, True])
@pytest.mark.parametrize("kind", PLANTED)
def test_an_invented_value_stands_wherever_the_value_stood(kind: str, across_rows: bool) -> None:
    chats = chats_of([planted_row(seed, kind) for seed in range(5)])
    outcome = replacement.replace(chats, FINDER, style=Invented(KEY, across_rows=across_rows))
    stand_ins = set()
    for place, (turns, extra) in enumerate(outcome.kept.select("turns", "extra").iter_rows()):
        assert PLANTED[kind] not in json.dumps([turns, extra], ensure_ascii=False)
        mine = {edit["placeholder"] for edit in edits(outcome.ledger, place)}
        assert len(mine) == 1
        stand_ins |= mine
        arguments = json.loads(json.loads(turns[-1]["fields"])["tool_calls"][0]["function"]["arguments"])
        assert arguments == {"note": f"line\n{min(mine)}", "list": [min(mine), 7]}
    assert PLANTED[kind] not in outcome.ledger["evidence"].str.join("").item()
    assert len(stand_ins) == 1 if across_rows else len(stand_ins) > 1


def test_a_mask_says_the_kind_and_nothing_else() -> None:
    chats = chats_of([row("Write to jane@corp.org or bob@corp.org", "Ok")])
    assert said(replacement.replace(chats, FINDER, style=masked).kept)[0] == "Write to [EMAIL] or [EMAIL]"


@pytest.mark.parametrize("across_rows", [False, True])
def test_the_order_of_the_rows_decides_nothing(across_rows: bool) -> None:
    rows = [planted_row(seed, kind) for seed, kind in enumerate(PLANTED)]
    done = [
        replacement.replace(chats_of(some), FINDER, style=Invented(KEY, across_rows=across_rows)).kept.sort("id")
        for some in (rows, rows[::-1])
    ]
    assert done[0].drop("source").equals(done[1].drop("source"))


@pytest.mark.parametrize("style", [replacement.numbered, masked, Invented(KEY)])
def test_the_ledger_alone_makes_the_same_rows_again(style: replacement.Style) -> None:
    chats = chats_of(
        [planted_row(seed, kind) for seed, kind in enumerate(PLANTED)] + [row("No data", "here", name="n")]
    )
    outcome = replacement.replace(chats, FINDER, style=style)
    assert replacement.replay(chats, outcome.ledger).equals(outcome.kept)


def test_a_ledger_of_other_rows_is_not_replayed() -> None:
    long = chats_of([row("Please do write to jane@corp.org", "Ok")])
    with pytest.raises(ValueError, match="outside the text"):
        replacement.replay(chats_of([row("Hello", "Ok")]), replacement.replace(long, FINDER).ledger)


class Names(pii.Finder):
    """Finds two persons by their names, besides what has a form."""

    def find(self, texts, progress=None):  # type: ignore[no-untyped-def]
        out = []
        for text, found in zip(texts, FINDER.find(texts), strict=True):
            names = [m.span() for m in re.finditer(r"Jane(?: Doe)?|Ada Byron", text)]
            out.append(pii.merge([*found, *(pii.Finding(a, b, "PERSON", 0.9, "names") for a, b in names)]))
        return out


NAMES = Names("names", "1", (*FINDER.kinds, "PERSON"), 0.5)


def test_a_private_name_goes_in_every_form_and_a_public_one_stays() -> None:
    chats = chats_of(
        [row("I am Jane Doe, jane.doe@corp.org. Who was Ada Byron?", "Well, Jane's question: Ada Byron was a poet.")]
    )
    asked, answered = said(replacement.replace(chats, NAMES, style=Invented(KEY)).kept)
    match = re.fullmatch(r"I am (\w+) (\w+), (\w+)\.(\w+)@example\.\w+\. Who was Ada Byron\?", asked or "")
    assert match
    first, last, *mail = match.groups()
    assert mail == [first.lower(), last.lower()]
    assert answered == f"Well, {first}'s question: Ada Byron was a poet."
    everyone = replacement.replace(chats, NAMES, style=Invented(KEY), all_names=True)
    assert "Ada Byron" not in (said(everyone.kept)[0] or "")


def test_an_age_told_again_is_the_same_age() -> None:
    chats = chats_of([row("I'm 34, jane@corp.org. 34 rows.", "As a 34-year-old woman of thirty-four, see page 34.")])
    asked, answered = said(replacement.replace(chats, FINDER, style=Invented(KEY)).kept)
    match = re.fullmatch(r"I'm (3\d), \S+@example\.\w+\. 34 rows\.", asked or "")
    assert match
    assert match[1] != "34"
    assert answered == f"As a {match[1]}-year-old woman of thirty-four, see page 34."
    alone = chats_of([row("I'm 34.", "Fine.")])
    assert replacement.replace(alone, FINDER).ledger.height == 0


def test_an_age_beside_a_name_counts_where_the_name_is_private() -> None:
    finder = with_names(FINDER, NAMES)
    chats = chats_of([row("I am Jane Doe, 34 years old."), row("Ada Byron died at the age of 36.")])
    mine, hers = (said(replacement.replace(chats, finder).kept, place)[0] for place in (0, 1))
    assert mine == "I am <PERSON_1>, <AGE_1> years old."
    assert hers == "Ada Byron died at the age of 36."
    everybody = replacement.replace(chats, finder, all_names=True).kept
    assert said(everybody, 1)[0] == "<PERSON_1> died at the age of <AGE_1>."

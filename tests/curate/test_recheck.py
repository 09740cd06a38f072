"""The second check: it knows nothing of the first one's code, says the same, and catches what the first one misses."""

import ast
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import certificate, files, ngrams, overlap, pairs, typos, verification, views
from curate.certificate import Statement
from curate.certifying import recompare, reread
from curate.certifying.recheck import Recheck, recheck
from curate.certifying.reread import read_rows
from curate.errors import BadInput, Refused, WinnowError
from curate.evalset import read_eval_files
from curate.likeness import boilerplate
from curate.outcome import Outcome
from curate.overlap_rule import NOT_COMPARABLE, Rule
from curate.windows import Windows

ROOT = Path(__file__).parents[2]
ISSUER = (
    "overlap",
    "matching",
    "views",
    "boilerplate",
    "neighbours",
    "ngrams",
    "typos",
    "products",
    "files",
    "formats",
    "leaves",
)

WORDS = [
    "lamp",
    "bulb",
    "brass",
    "foot",
    "cable",
    "window",
    "light",
    "screw",
    "watts",
    "grey",
    "keep",
    "long",
    "return",
    "shop",
    "Berlin",
    "Paris",
    "3",
    "5",
    "12",
    "not",
    "please",
]
LONG = (
    "The brass lamp stands on a round foot of grey stone, takes a small screw bulb of four watts, and may be returned to "
    "any of our shops within sixty days if the cable has not been cut."
)
CASES = [
    {"id": "a", "prompt": "How long may I keep the brass lamp before I return it to the shop?", "ideal": LONG},
    {"id": "b", "prompt": "Which bulb?", "ideal": "I am sorry, but I cannot help with that request in any way at all."},
    {"id": "c", "turns": ["Write a post about Berlin, please.", "Shorter.", "Now the same about the city of Paris?"]},
    {"id": "d", "prompt": "A train with 3 cars leaves Berlin. How many cars has it after 5 more are added to it?"},
]


def _write(path: Path, lines: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _said(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": said} for role, said in turns], **more}


def _both(train: Path, evals: Path, encoder: Any, rule: Rule) -> tuple[overlap.Check, Recheck, list[str]]:
    chats = files.read([train], format="messages", on_error="stop").chats
    judge = pairs.judge_with(encoder)
    cases = read_eval_files([evals])
    first = overlap.check(chats, cases, encoder.encode, judge, rule=rule)
    return first, recheck(read_rows(train), cases, encoder.encode, judge, rule), chats["id"].to_list()


def _same(first: overlap.Check, second: Recheck, ids: list[str]) -> None:
    assert (second.turns, second.set_aside, second.pairs_compared) == (
        first.turns,
        first.set_aside,
        first.pairs_compared,
    )
    assert second.rows_by_class == first.counts()
    removed = dict(first.outcome.ledger.filter(pl.col("action") == "removed").select("row_id", "rule").iter_rows())
    found = {ids[row]: NOT_COMPARABLE for row in second.not_comparable}
    assert found | {ids[row]: name for row, name in second.overlapping.items()} == removed
    # Of two texts that are equally near, either may be named, so only the cosines are the same.
    items = first.nearest.select("case_id", "case_turn").rows()
    assert sorted(items) == sorted((near.item.case, near.item.turn) for near in second.nearest)
    again = {(near.item.case, near.item.turn): near.cosine for near in second.nearest}
    assert [again[item] for item in items] == pytest.approx(first.nearest["cosine"].to_list(), abs=1e-3)


# -- what it may know -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ["recheck", "recompare", "reread"])
def test_it_imports_nothing_of_the_issuer(room: str) -> None:
    tree = ast.parse((ROOT / "curate" / "certifying" / f"{room}.py").read_text())
    taken = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            taken |= {node.module.split(".")[-1], *(name.name for name in node.names)}
        elif isinstance(node, ast.Import):
            taken |= {name.name.split(".")[-1] for name in node.names}
    assert not taken & set(ISSUER)


# -- it says the same -------------------------------------------------------------------------------------------------

_QUESTIONS = [turn for case in CASES for turn in case.get("turns", [case.get("prompt")])]
_text = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.sampled_from([*_QUESTIONS, LONG, "Which blub?", "which  BULB", "", " \u200b", "\U0001f600", "数え方"]),
    st.tuples(st.sampled_from([*_QUESTIONS, LONG]), st.integers(0, 40), st.integers(1, 60)).map(
        lambda drawn: drawn[0][drawn[1] : drawn[1] + drawn[2] * 3]
    ),
    st.tuples(st.sampled_from(_QUESTIONS), st.sampled_from(_QUESTIONS)).map(" ".join),
    st.sampled_from(_QUESTIONS).map(lambda said: said.replace("3", "12").replace("Berlin", "Paris").replace("5", "9")),
)
_field = st.one_of(
    _text, st.dictionaries(st.sampled_from(["q", "note", "a key of some words here"]), _text, max_size=2)
)
_message = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "user", "assistant", "tool", "developer"]), "content": _text},
    optional={
        "reasoning": _text,
        "name": _text,
        "tool_calls": _field.map(lambda held: [{"function": {"name": "look", "arguments": json.dumps(held)}}]),
    },
)
_parts = st.lists(
    st.one_of(
        _text,
        _text.map(lambda said: {"type": "text", "text": said}),
        st.just({"type": "image", "url": "data:image/png;base64,AAAA"}),
    ),
    max_size=3,
)
_row = st.builds(
    lambda messages, parts, more: {
        "messages": [*messages, {"role": "user", "content": parts}, {"role": "assistant", "content": "Yes, sir."}],
        **more,
    },
    st.lists(_message, max_size=4),
    _parts,
    st.fixed_dictionaries(
        {}, optional={"note": _field, "system": _text, "n": st.integers(), "id": st.sampled_from("xy")}
    ),
)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=st.lists(_row, min_size=1, max_size=6), variants=st.booleans(), floor=st.sampled_from([0.0, 0.4]))
def test_both_checks_say_the_same(
    rows: list[Any], variants: bool, floor: float, tmp_path_factory: pytest.TempPathFactory, toy_encoder: Any
) -> None:
    place = tmp_path_factory.mktemp("rows")
    train, evals = _write(place / "train.jsonl", rows), _write(place / "eval.jsonl", CASES)
    rule = Rule(remove_template_variants=variants, floor=floor, answer_containment=0.6)
    first, second, ids = _both(train, evals, toy_encoder, rule)
    _same(first, second, ids)
    if not first.outcome.removed.height:
        cases = read_eval_files([evals])
        statement = certificate.issue(train, cases, toy_encoder, rule=rule, allow_uncalibrated=True)
        assert verification.recompute(train, statement, cases, lambda _: toy_encoder).rows == len(rows)


def test_both_checks_say_the_same_of_each_kind(tmp_path: Path, toy_encoder: Any) -> None:
    asked = CASES[0]["prompt"]
    rows = {
        "copy": _said(("user", f"  {asked.upper()}\u200b "), ("assistant", "x y")),
        "held": _said(("system", f"Answer this. {asked} Be brief."), ("user", "go on"), ("assistant", "x y")),
        "typo": _said(("user", "Which blub?"), ("assistant", "x y")),
        "other facts": _said(("user", CASES[3]["prompt"].replace("3", "8").replace("5", "2")), ("assistant", "x y")),
        "two turns": _said(("user", asked[:30]), ("assistant", "x y"), ("user", asked[30:]), ("assistant", "z")),
        "an answer": _said(("user", "hello there"), ("assistant", LONG)),
        "a refusal": _said(("user", "hello there"), ("assistant", CASES[1]["ideal"])),
        "a tool call": {
            "messages": [
                {"role": "user", "content": "look it up"},
                {"role": "assistant", "content": None, "tool_calls": [{"arguments": json.dumps({"q": asked})}]},
            ]
        },
        "another field": _said(("user", "hello there"), ("assistant", "x y"), note={"deep": [asked]}),
        "unread": _said(("user", "数え方を教えて"), ("assistant", "x y")),
        "clean": _said(("user", "grey cable foot"), ("assistant", "window")),
    }
    train = _write(tmp_path / "train.jsonl", [{"id": name, **row} for name, row in rows.items()])
    evals = _write(tmp_path / "eval.jsonl", CASES)
    first, second, ids = _both(train, evals, toy_encoder, Rule())
    _same(first, second, ids)
    found = {ids[row]: name for row, name in second.overlapping.items()}
    assert {"copy", "held", "an answer", "a tool call", "another field"} <= found.keys()
    assert {ids[row] for row in second.not_comparable} == {"unread"}
    assert not found.keys() & {"clean", "a refusal", "other facts"}


@settings(max_examples=150, deadline=None)
@given(wholes=st.lists(_text, max_size=30), parts=st.lists(_text, max_size=12), floor=st.sampled_from([0.3, 0.7, 0.95]))
def test_the_same_words_are_found(wholes: list[str], parts: list[str], floor: float) -> None:
    for least in (1, 5):
        fast = ngrams.contained(wholes, parts, size=5, floor=floor, min_words=least)
        plain = recompare.contained(wholes, parts, size=5, floor=floor, min_words=least)
        assert {(hit.whole, hit.part): hit.share for hit in fast} == plain
    assert {(hit.whole, hit.part) for hit in ngrams.near_short(wholes, parts)} == recompare.near_short(wholes, parts)


@given(a=st.text("abc", max_size=7), b=st.text("abc", max_size=7))
def test_edits_are_counted_alike(a: str, b: str) -> None:
    assert recompare.edits(a, b) == recompare.edits(b, a)
    assert typos.distance(a, b, 9) == recompare.edits(a, b)


def test_boilerplate_weighs_as_little() -> None:
    template = "Read the text below and answer with one word only please: "
    parts = [f"{template}{word} {word} lamp" for word in WORDS]
    wholes = [template + " ".join(WORDS[n % 7 :]) for n in range(60)] + parts[:3]
    fast = {(hit.whole, hit.part): hit.share for hit in ngrams.contained(wholes, parts, floor=0.3)}
    assert fast == recompare.contained(wholes, parts, size=5, floor=0.3)
    assert fast


def test_a_template_is_judged_past_alike(tmp_path: Path, toy_encoder: Any) -> None:
    template = "Read the ticket below and answer with one of five labels only."
    cases = [
        {"id": f"c{n}", "prompt": f"{template} {word} {other} {n}"}
        for n, (word, other) in enumerate(zip(WORDS, WORDS[3:], strict=False))
    ]
    said = [f"{template} {' '.join(WORDS[n : n + 3])}" for n in range(12)] + [case["prompt"] for case in cases[:2]]
    rows = [_said(("user", one), ("assistant", "x y")) for one in said]
    train, evals = _write(tmp_path / "train.jsonl", rows), _write(tmp_path / "eval.jsonl", cases)
    for floor in (0.0, 0.4):
        first, second, ids = _both(train, evals, toy_encoder, Rule(floor=floor))
        _same(first, second, ids)
        assert 2 <= len(second.overlapping) < len(rows)
    judge, items = pairs.judge_with(toy_encoder), [case["prompt"] for case in cases]
    every = [(one, item) for one in said for item in items]
    assert recompare.past_template(judge, items)(every) == boilerplate.beyond(judge, items)(every)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_row, min_size=1, max_size=4))
def test_both_readers_see_the_same_texts(rows: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    train = _write(tmp_path_factory.mktemp("rows") / "train.jsonl", rows)
    read = views.training(files.read([train], format="messages", on_error="stop").chats)
    first = Counter(zip(read.frame["turn"], read.frame["role"], read.texts, strict=True))
    assert Counter((one.turn, one.part, one.text) for row in read_rows(train) for one in row) == first


# -- what the issuer missed -------------------------------------------------------------------------------------------


def _blind(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Break the issuer's code in one place, or everywhere."""
    if what in ("words", "everything"):
        monkeypatch.setattr(ngrams, "contained", lambda *_, **__: [])
        monkeypatch.setattr(ngrams, "near_short", lambda *_, **__: [])
    if what in ("meaning", "everything"):
        from curate import neighbours

        real = neighbours.by_text
        monkeypatch.setattr(
            neighbours,
            "by_text",
            lambda pairs, *more: real(type(pairs)(pairs.left[:0], pairs.right[:0], pairs.score[:0]), *more),
        )
    if what == "removal":
        monkeypatch.setattr(
            overlap.outcome, "split", lambda chats, *_: Outcome(chats, chats[:0], overlap.outcome.LEDGER.to_frame())
        )
    if what == "fields":
        monkeypatch.setattr(views, "beside", lambda _: iter(()))


@pytest.mark.parametrize("what", ["everything", "removal", "words", "meaning", "fields"])
def test_a_fault_of_the_issuer_is_caught(
    what: str, tmp_path: Path, toy_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = CASES[0]["prompt"]
    rows = {
        "words": [("user", f"{' '.join(WORDS * 6)} {asked} {' '.join(reversed(WORDS * 6))}"), ("assistant", "x y")],
        "meaning": [
            ("user", "Before I return the brass lamp to the shop, how long may I keep it?"),
            ("assistant", "x y"),
        ],
    }
    row = _said(*rows.get(what, [("user", asked), ("assistant", "x y")]))
    if what == "fields":
        row = _said(("user", "hello there lamp"), ("assistant", "x y"), note=asked)
    train = _write(tmp_path / "train.jsonl", [_said(("user", "grey cable"), ("assistant", "foot")), row])
    evals = read_eval_files([_write(tmp_path / "eval.jsonl", CASES)])
    with pytest.raises(Refused, match="row overlaps"):
        certificate.issue(train, evals, toy_encoder, allow_uncalibrated=True)
    with monkeypatch.context() as broken:
        _blind(broken, what)
        statement = certificate.issue(train, evals, toy_encoder, allow_uncalibrated=True)
        with pytest.raises(Refused, match=r"certificate is wrong: row .* of an eval case"):
            verification.recompute(train, statement, evals, lambda _: toy_encoder)
    with pytest.raises(Refused, match=r"certificate is wrong: row .* of an eval case"):
        verification.recompute(train, statement, evals, lambda _: toy_encoder)


# -- it fails closed --------------------------------------------------------------------------------------------------


def _sound(place: Path, encoder: Any) -> tuple[Path, list[Any], Statement]:
    train = _write(place / "train.jsonl", [_said(("user", "grey cable"), ("assistant", "foot"))])
    evals = read_eval_files([_write(place / "eval.jsonl", CASES)])
    return train, evals, certificate.issue(train, evals, encoder, allow_uncalibrated=True)


class _Broken:
    """The toy encoder, with other vectors."""

    def __init__(self, toy: Any, change: Any) -> None:
        self.toy, self.change = toy, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self.toy, name)

    def encode(self, texts: Sequence[str]) -> Windows:
        found = self.toy.encode(texts)
        return Windows(self.change(found.vectors), found.text, found.start, found.end, found.texts)

    def exact(self) -> "_Broken":
        return self


@pytest.mark.parametrize(
    "change",
    [lambda v: v * np.nan, lambda v: v * 0, lambda v: v * np.inf, lambda v: v * 0.5],
    ids=["not a number", "zero", "infinite", "short"],
)
def test_vectors_that_are_none_are_never_clean(change: Any, tmp_path: Path, toy_encoder: Any) -> None:
    train, evals, statement = _sound(tmp_path, toy_encoder)
    with np.errstate(invalid="ignore"), pytest.raises(WinnowError):
        verification.recompute(train, statement, evals, lambda _: _Broken(toy_encoder, change))


def test_an_encoder_that_is_not_there_is_never_clean(tmp_path: Path, toy_encoder: Any) -> None:
    train, evals, statement = _sound(tmp_path, toy_encoder)

    def missing(precision: str) -> Any:
        raise BadInput("the encoder is not on this machine", where=precision)

    with pytest.raises(BadInput, match="not on this machine"):
        verification.recompute(train, statement, evals, missing)


@pytest.mark.parametrize(
    "text", ["", "\n \n", '{"prompt": ""}\n', '{"prompt": " "}\n', '{"prompt": "\u200b"}\n', "{}\n"]
)
def test_an_eval_file_without_text_is_never_clean(text: str, tmp_path: Path, toy_encoder: Any) -> None:
    train, _, _ = _sound(tmp_path, toy_encoder)
    (tmp_path / "empty.jsonl").write_text(text)
    with pytest.raises(BadInput):
        certificate.issue(train, read_eval_files([tmp_path / "empty.jsonl"]), toy_encoder, allow_uncalibrated=True)


def test_a_row_without_text_is_never_clean(tmp_path: Path, toy_encoder: Any) -> None:
    evals = read_eval_files([_write(tmp_path / "eval.jsonl", CASES)])
    rows = [_said(("user", "grey cable"), ("assistant", "foot")), _said(("user", ""), ("assistant", "!"))]
    train = _write(tmp_path / "train.jsonl", rows)
    with pytest.raises(Refused, match="is not comparable"):
        certificate.issue(train, evals, toy_encoder, allow_uncalibrated=True)
    found = recheck(read_rows(train), evals, toy_encoder.encode, pairs.judge_with(toy_encoder), Rule())
    assert found.not_comparable == (1,)


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[1]",
        '{"prompt": "a", "completion": "b"}',
        '{"messages": []}',
        '{"messages": [{"content": "a"}]}',
        '{"messages": [{"role": "judge", "content": "a"}]}',
        '{"messages": [{"role": "user", "content": 7}]}',
        '{"messages": [{"role": "user", "value": "a"}]}',
        "[" * 100_000,
    ],
)
def test_a_row_in_another_form_is_a_sentence(line: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(_said(("user", "a"))) + "\n" + line + "\n")
    with pytest.raises(BadInput, match="JSON Lines in the messages form") as caught:
        read_rows(path)
    assert f"{path}:2" in str(caught.value)


def test_nothing_to_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    for place in (tmp_path / "empty.jsonl", tmp_path / "nowhere.jsonl"):
        with pytest.raises(BadInput):
            read_rows(place)
    assert reread.turn_text({"content": None, "fields": None}) == ""

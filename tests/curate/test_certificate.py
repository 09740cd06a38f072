"""The certificate: a yes only for what was checked again, a sentence for everything else."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from curate import certificate, files, overlap, shipped, verification
from curate import chats as chat
from curate.errors import BadInput, Refused
from curate.overlap import Rule

ASKED = "Which bulb fits the reading light by the window?"
ROWS = [
    (ASKED, "A small screw bulb of four watts."),
    ("Where does the grey cable go?", "Through the foot."),
    (ASKED, "Ask us."),
]
CASE = {"id": "case-1", "prompt": "How long may I keep the brass lamp?", "ideal": "Sixty days."}
OTHER = {"id": "case-1", "prompt": "Which bulb is in the brass lamp?"}

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def place(tmp_path: Path, toy_encoder: Any) -> Path:
    """A folder with a training file, two eval files with one case id, and the certificate."""
    turns = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in ROWS]
    rows = chat.chats_of([{"id": f"r{n}", "turns": both} for n, both in enumerate(turns)])
    files.write(rows, tmp_path / "train.jsonl", format="messages")
    for name, case in (("a.jsonl", CASE), ("b.jsonl", OTHER)):
        (tmp_path / name).write_text(json.dumps(case) + "\n")
    _write(tmp_path, _issue(tmp_path, toy_encoder))
    return tmp_path


def _evals(place: Path) -> list[Path]:
    return [place / "a.jsonl", place / "b.jsonl"]


def _issue(place: Path, encoder: Any, **more: Any) -> certificate.Statement:
    return certificate.issue(place / "train.jsonl", overlap.read_eval_files(_evals(place)), encoder, **more)


def _write(place: Path, statement: certificate.Statement) -> None:
    (place / "certificate.json").write_text(json.dumps(statement))


def _read(place: Path) -> dict[str, Any]:
    return json.loads((place / "certificate.json").read_text())  # type: ignore[no-any-return]


def _verify(place: Path, encoder: Any, evals: list[Path] | None = None) -> verification.Verdict:
    return verification.verify(place / "train.jsonl", evals or _evals(place), None, lambda _: encoder)


def _changed(statement: dict[str, Any], change: Change) -> dict[str, Any]:
    fresh = copy.deepcopy(statement)
    change(fresh)
    return fresh


def _claim(statement: dict[str, Any]) -> Any:
    return statement["predicate"]["claims"]["no_semantic_overlap"]


def _objects(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every object in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield path
    for key, each in inside:
        yield from _objects(each, (*path, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


# -- what holds -------------------------------------------------------------------------------------------------------


def test_it_holds_where_it_was_made_and_where_files_have_other_names(place: Path, toy_encoder: Any) -> None:
    verdict = _verify(place, toy_encoder)
    assert (verdict.rows, verdict.outside, verdict.rule) == (3, (), Rule())
    assert "rule: cosine 0.8, containment 0.7" in str(verdict)
    assert "weaker" not in str(verdict)
    assert json.loads(json.dumps(verdict.to_dict()))["holds"] is True
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in reversed(_evals(place))]
    assert _verify(place, toy_encoder, moved).rows == 3


def test_what_may_differ_between_two_machines(place: Path, toy_encoder: Any) -> None:
    sound = _read(place)

    def shift(by: float) -> Change:
        return lambda s: [line.update(cosine=line["cosine"] + by) for line in _claim(s)["nearest"]]

    _write(place, _changed(sound, shift(0.9 * overlap.TOLERANCE)))
    assert _verify(place, toy_encoder)
    _write(place, _changed(sound, shift(-3 * overlap.TOLERANCE)))
    with pytest.raises(Refused, match="nearest score of eval case case-1"):
        _verify(place, toy_encoder)
    _write(place, _changed(sound, lambda s: s["predicate"]["tool"].update(version="0.0.1")))
    assert _verify(place, toy_encoder)


def test_of_two_equally_near_turns_either_may_be_named_and_no_other(place: Path, toy_encoder: Any) -> None:
    sound = _read(place)
    line = _claim(sound)["nearest"][1]  # nearest to the question about the bulb, which two rows ask in the same words
    assert line["row_id"] in ("r0", "r2")
    twin = {"r0": "r2", "r2": "r0"}[line["row_id"]]
    _write(place, _changed(sound, lambda s: _claim(s)["nearest"][1].update(row_id=twin)))
    assert _verify(place, toy_encoder)
    for wrong in ({"row_id": "r1"}, {"row_id": "nobody"}, {"turn": 1}, {"turn": 7}, {"turn": -1}):
        _write(place, _changed(sound, lambda s, wrong=wrong: _claim(s)["nearest"][1].update(wrong)))  # type: ignore[misc]
        with pytest.raises(Refused, match="does not come out again"):
            _verify(place, toy_encoder)


def test_what_stands_outside_cannot_be_recomputed_and_is_told(place: Path, toy_encoder: Any) -> None:
    _write(place, _issue(place, toy_encoder, outside=["probe-1", "probe-2"]))
    verdict = _verify(place, toy_encoder)
    assert verdict.to_dict()["outside"] == ("probe-1", "probe-2")
    assert "stands outside: probe-1, probe-2" in str(verdict)
    assert "cannot be recomputed" in str(verdict)


def test_the_precision_is_the_one_that_the_certificate_names(place: Path, toy_encoder: Any) -> None:
    asked = []
    load = lambda precision: (asked.append(precision), toy_encoder)[1]  # noqa: E731
    verification.verify(place / "train.jsonl", _evals(place), None, load)
    assert asked == ["fp32"]


# -- what is refused --------------------------------------------------------------------------------------------------


def test_nothing_can_be_added_at_any_level(place: Path, toy_encoder: Any) -> None:
    sound = _read(place)
    free = ("predicate", "claims", "what_the_rule_misses", "classes")
    for path in _objects(sound):
        more: Any = {"recall": 1.0} if path == free else "and it cures colds"
        _write(place, _changed(sound, lambda s, path=path, more=more: _at(s, path).update(more=more)))  # type: ignore[misc]
        with pytest.raises(Refused, match=r"which Winnow does not check|does not come out again"):
            _verify(place, toy_encoder)


def test_every_value_is_checked_or_named_as_unchecked(place: Path, toy_encoder: Any) -> None:
    sound, unchecked = _read(place), []
    other = {bool: lambda v: not v, str: lambda v: v + "x", int: lambda v: v + 1, float: lambda v: v + 0.1}
    for path in _objects(sound):
        for key, value in _at(sound, path).items():
            if type(value) in other:
                value = other[type(value)](value)  # type: ignore[operator]
                _write(place, _changed(sound, lambda s, path=path, key=key, v=value: _at(s, path).update({key: v})))  # type: ignore[misc]
                try:
                    _verify(place, toy_encoder)
                    unchecked.append(".".join(map(str, (*path, key))))
                except (Refused, BadInput):
                    pass
    assert unchecked == ["subject.0.name", "predicate.tool.version"]


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("order or spacing", lambda s: s["subject"][0]["digest"].update(sha256="0" * 64)),
        ("speaks of several files", lambda s: s["subject"].append({"name": "x", "digest": {"sha256": "0" * 64}})),
        ("calls itself signed", lambda s: s["predicate"].update(signed=True)),
        ("another tool", lambda s: s["predicate"]["tool"].update(name="other")),
        ("rule in the certificate was changed", lambda s: _claim(s)["rule"].update(cosine=0.99)),
        ("rule in the certificate was changed", lambda s: _claim(s)["rule"].update(tolerance=0.1)),
        ("does not accept: .*cosine is 7.0", lambda s: _claim(s)["rule"].update(cosine=7.0)),
        ("another encoder", lambda s: _claim(s)["encoder"].update(fingerprint="x")),
        ("'predicate.*pairs_compared' does not come out again", lambda s: _claim(s).update(pairs_compared=1)),
        ("highest cosine does not come out again", lambda s: _claim(s).update(highest_cosine=None)),
        ("too many or missing", lambda s: _claim(s)["nearest"].pop()),
        ("too many or missing", lambda s: _claim(s)["nearest"].append(_claim(s)["nearest"][0])),
        ("that it does not name", lambda s: _claim(s)["nearest"][0].update(eval_file="elsewhere.jsonl")),
        ("does not name this eval file", lambda s: s["predicate"]["eval_files"].pop()),
        ("'predicate.eval_files'", lambda s: s["predicate"]["eval_files"].append(s["predicate"]["eval_files"][0])),
        ("'predicate.training.rows'", lambda s: s["predicate"]["training"].update(rows=99)),
    ],
)
def test_what_was_changed_is_refused(place: Path, toy_encoder: Any, said: str, change: Change) -> None:
    _write(place, _changed(_read(place), change))
    with pytest.raises(Refused, match=said):
        _verify(place, toy_encoder)


def test_rows_that_were_changed_are_refused(place: Path, toy_encoder: Any) -> None:
    train = place / "train.jsonl"
    rows = train.read_bytes()
    train.write_bytes(b"\n".join(reversed(rows.splitlines())) + b"\n")
    with pytest.raises(Refused, match="order or spacing"):
        _verify(place, toy_encoder)
    train.write_bytes(rows.replace(b"four watts", b"five watts"))
    with pytest.raises(Refused, match="rows were added, removed or changed"):
        _verify(place, toy_encoder)


# -- what is no certificate -------------------------------------------------------------------------------------------


def test_a_part_that_is_missing_or_of_another_form_is_a_sentence(place: Path, toy_encoder: Any) -> None:
    sound = _read(place)
    for path in _objects(sound):
        for key in _at(sound, path):
            name = ".".join(map(str, (*path, key)))
            said = "not a Winnow certificate" if key in ("_type", "predicateType") else f"{name} is missing"
            _write(place, _changed(sound, lambda s, path=path, key=key: _at(s, path).pop(key)))  # type: ignore[misc]
            with pytest.raises(BadInput, match=said):
                certificate.read(place / "certificate.json")
            for odd in ({"odd": []}, 10**400, [[]]):
                _write(place, _changed(sound, lambda s, path=path, key=key, odd=odd: _at(s, path).update({key: odd})))  # type: ignore[misc]
                with pytest.raises((BadInput, Refused)):
                    _verify(place, toy_encoder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"x"',
        "{",
        "[" * 100_000,
        '{"_type": []}',
        '{"predicate": NaN}',
        "\ufeff{}",
        '{"a": 1, "a": 2}',
    ],
)
def test_a_file_that_is_something_else(place: Path, text: str) -> None:
    (place / "certificate.json").write_text(text)
    with pytest.raises(BadInput, match="not a Winnow certificate"):
        certificate.read(place / "certificate.json")


def test_a_key_that_stands_twice_hides_nothing(place: Path) -> None:
    text = (place / "certificate.json").read_text()
    (place / "certificate.json").write_text(text.replace('"signed": false', '"signed": true, "signed": false'))
    with pytest.raises(BadInput, match="not a Winnow certificate"):
        certificate.read(place / "certificate.json")


def test_the_form_holds_what_is_issued(place: Path, toy_encoder: Any) -> None:
    certificate.check_form(_issue(place, toy_encoder, rule=Rule(cosine=0.9), outside=["p"]))
    assert {each.name for each in fields(Rule)} == set(_claim(_read(place))["rule"]) - {"tolerance", "fingerprint"}
    for entry in json.loads(shipped.model("overlap_recall.json").read_text(encoding="utf-8")):
        measured = certificate.measured_recall(entry["encoder"], entry["rule"])
        assert measured["classes"]
        certificate.check_form(
            _changed(_read(place), lambda s, m=measured: s["predicate"]["claims"].update(what_the_rule_misses=m))  # type: ignore[misc]
        )


# -- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "low", "high", "step"),
    [
        ("cosine", 0.5, 1.0, 0.01),
        ("cosine_other_turns", 0.5, 1.0, 0.01),
        ("containment", 0.3, 1.0, 0.01),
        ("ngram", 3, 10, 1),
        ("answer_min_words", 1, 200, 1),
        ("answer_containment", 0.3, 1.0, 0.01),
    ],
)
def test_a_rule_has_bounds(name: str, low: float, high: float, step: float) -> None:
    for value in (low, high):
        assert asdict(Rule(**{name: value}))[name] == value
    for value in (low - step, high + step, float("nan")):
        with pytest.raises(BadInput, match=f"rule's {name} "):
            Rule(**{name: value})
    default = getattr(Rule(), name)
    assert replace(Rule(), **{name: high}).weaker() == (name,)
    assert replace(Rule(), **{name: low}).weaker() == () == replace(Rule(), **{name: default}).weaker()


def test_facts_that_are_not_compared_are_no_rule() -> None:
    with pytest.raises(BadInput, match="facts that are not compared: colours"):
        Rule(facts=("numbers", "colours"))


def test_a_weaker_rule_is_told(place: Path, toy_encoder: Any) -> None:
    _write(place, _issue(place, toy_encoder, rule=Rule(cosine=0.95, containment=0.5, answer_min_words=50)))
    said = str(_verify(place, toy_encoder))
    assert "rule: cosine 0.95, containment 0.5, answer_min_words 50" in said
    assert "weaker than the default rule (cosine, answer_min_words)" in said
    assert _verify(place, toy_encoder).to_dict()["weaker_than_default"] == ["cosine", "answer_min_words"]


# -- where the files are ----------------------------------------------------------------------------------------------


def test_relative_paths_of_an_iteration_from_elsewhere(
    place: Path, monkeypatch: pytest.MonkeyPatch, toy_encoder: Any
) -> None:
    data = place / "it" / "data"
    data.mkdir(parents=True)
    for name in ("train.jsonl", "certificate.json"):
        (place / name).rename(data / name)
    keys = (*verification.iterations.REQUEST, "outputs", "counts", "steps")
    manifest = {key: {} for key in keys} | {"eval": ["a.jsonl", "[b]*.jsonl"]}
    (data / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.chdir(place)
    assert verification.verify(Path("it"), [], None, lambda _: toy_encoder).rows == 3
    monkeypatch.chdir(data)
    with pytest.raises(BadInput, match="relative to the folder it was made in") as caught:
        verification.verify(place / "it", [], None, lambda _: toy_encoder)
    assert "run there, or name --eval FILE" in str(caught.value)
    assert verification.verify(place / "it", _evals(place), None, lambda _: toy_encoder).rows == 3


def test_no_in_json(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toy_encoder: Any
) -> None:
    import winnow
    from curate import exits

    monkeypatch.setattr("curate.encoder.load", lambda *_, **__: toy_encoder)
    monkeypatch.setattr(winnow, "_shipped", list)
    words = [str(place / "train.jsonl"), *(w for path in _evals(place) for w in ("--eval", str(path)))]
    command = lambda *more: exits.guarded(lambda: winnow.app(["verify", *words, *more], standalone_mode=False))  # noqa: E731
    assert command() == 0
    assert str(place / "train.jsonl") in capsys.readouterr().out, "a long path is not broken into lines"
    assert command("--json") == 0
    assert json.loads(capsys.readouterr().out)["holds"] is True
    _write(place, _changed(_read(place), lambda s: s["predicate"].update(signed=True)))
    assert command("--json") == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["holds"], sorted(found)) == (False, ["holds", "why"])
    assert "calls itself signed" in found["why"]
    assert "calls itself signed" in said.err

"""The certificate: a yes only for what was checked again, a sentence for everything else."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from curate import calibrations, certificate, certify, files, pairs, signature, verification
from curate import chats as chat
from curate.errors import BadInput, Refused
from curate.evalset import read_eval_files
from curate.overlap_rule import TOLERANCE, Rule

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
    more = {"allow_uncalibrated": True} | more
    return certificate.issue(place / "train.jsonl", read_eval_files(_evals(place)), encoder, **more)


def _write(place: Path, statement: certificate.Statement) -> None:
    (place / "certificate.json").write_text(json.dumps(statement))


def _read(place: Path) -> dict[str, Any]:
    return json.loads((place / "certificate.json").read_text())  # type: ignore[no-any-return]


def _verify(place: Path, encoder: Any, evals: list[Path] | None = None, **more: Any) -> verification.Verdict:
    return verification.verify(place / "train.jsonl", evals or _evals(place), None, lambda _: encoder, **more)


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
    assert f"rule: {Rule().thresholds()}\n" in str(verdict)
    assert "weaker" not in str(verdict)
    assert "signature: unsigned: this protects against accident, not against forgery" in str(verdict)
    assert json.loads(json.dumps(verdict.to_dict()))["holds"] is True
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in reversed(_evals(place))]
    assert _verify(place, toy_encoder, moved).rows == 3


def test_what_may_differ_between_two_machines(place: Path, toy_encoder: Any) -> None:
    sound = _read(place)

    def shift(by: float) -> Change:
        def change(statement: dict[str, Any]) -> None:
            for line in _claim(statement)["nearest"]:
                line["cosine"] = round(line["cosine"] + by, 6)
            _claim(statement)["highest_cosine"] = max(line["cosine"] for line in _claim(statement)["nearest"])

        return change

    _write(place, _changed(sound, shift(0.9 * TOLERANCE)))
    assert _verify(place, toy_encoder)
    _write(place, _changed(sound, shift(-3 * TOLERANCE)))
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
    claims = ("predicate", "claims")
    free = {(*claims, "what_the_rule_misses", "classes"): {"recall": 1.0}}
    free[*claims, "no_semantic_overlap", "rows_by_class"] = 1  # type: ignore[assignment]
    for path in _objects(sound):
        more: Any = free.get(path, "and it cures colds")
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
        ("calls itself signed, and its signature was taken", lambda s: s["predicate"].update(signed=True)),
        ("another tool", lambda s: s["predicate"]["tool"].update(name="other")),
        ("rule in the certificate was changed", lambda s: _claim(s)["rule"].update(probability=0.61)),
        ("rule in the certificate was changed", lambda s: _claim(s)["rule"].update(tolerance=0.1)),
        ("does not accept: .*probability is 7.0", lambda s: _claim(s)["rule"].update(probability=7.0)),
        ("does not accept: .*classes that there are not", lambda s: _claim(s)["rule"]["classes"].append("hearsay")),
        ("rule in the certificate was changed", lambda s: _claim(s)["rule"]["classes"].pop()),
        (
            "second opinions .some-judge., which must be asked",
            lambda s: _claim(s)["second_opinions"].append("some-judge"),
        ),
        (r"rows_by_class.copy. does not come out", lambda s: _claim(s)["rows_by_class"].update(copy=1)),
        ("follow_ups_set_aside. does not come out", lambda s: _claim(s).update(follow_ups_set_aside=1)),
        ("highest probability is not the highest", lambda s: _claim(s).update(highest_probability=0.0)),
        (
            "nearest score of eval case",
            lambda s: (_claim(s)["nearest"][0].update(probability=0.9), _claim(s).update(highest_probability=0.9)),
        ),
        ("earlier form", lambda s: s.update(predicateType="urn:winnow:no-overlap:v1")),
        ("another encoder", lambda s: _claim(s)["encoder"].update(fingerprint="x")),
        ("'predicate.*pairs_compared' does not come out again", lambda s: _claim(s).update(pairs_compared=1)),
        ("highest cosine is not the highest", lambda s: _claim(s).update(highest_cosine=None)),
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
            said = "rows_by_class is not in its form" if path[-1:] == ("rows_by_class",) else said
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
    certificate.check_form(_issue(place, toy_encoder, rule=Rule(probability=0.4), outside=["p"]))
    assert {each.name for each in fields(Rule)} == set(_claim(_read(place))["rule"]) - {"tolerance", "fingerprint"}


# -- the rule, and what it misses -------------------------------------------------------------------------------------


def test_a_weaker_rule_is_told(place: Path, toy_encoder: Any) -> None:
    _write(place, _issue(place, toy_encoder, rule=Rule(probability=0.98, containment=0.5, answer_min_words=50)))
    said = str(_verify(place, toy_encoder))
    assert "rule: probability 0.98, containment 0.5, answer_min_words 50" in said
    assert "weaker than the default rule (probability, answer_min_words)" in said
    assert _verify(place, toy_encoder).to_dict()["weaker_than_default"] == ["probability", "answer_min_words"]


def test_what_nobody_measured_is_refused_unless_it_is_allowed(place: Path, toy_encoder: Any) -> None:
    with pytest.raises(Refused, match="nobody measured what the encoder toy misses") as caught:
        _issue(place, toy_encoder, allow_uncalibrated=False)
    assert "winnow calibrate PAIRS --encoder toy" in str(caught.value)
    misses = _read(place)["predicate"]["claims"]["what_the_rule_misses"]
    assert misses == {"classes": {}, "false_alarms": None, "not_measured": list(certificate.CLASSES_TO_MEASURE)}


MEASURED: dict[str, Any] = {
    "classes": {"paraphrase": {"recall": 0.9, "n": 50, "low": 0.79, "high": 0.96, "source": "ours.jsonl"}},
    "false_alarms": None,
    "not_measured": ["copy", "near copy", "translation", "template variant"],
    "date": "2026-11-22",
    "data": "ours.jsonl, 50 labelled pairs",
}


def test_what_was_measured_is_stated_and_checked_where_it_is_known(
    place: Path, toy_encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as known:
        known.setattr(calibrations, "find", lambda *_: calibrations.Found(copy.deepcopy(MEASURED)))
        _write(place, _issue(place, toy_encoder, allow_uncalibrated=False))
        sound = _read(place)
        assert "measured elsewhere" not in str(_verify(place, toy_encoder))
        for better in ({"recall": 1.0}, {"n": 5000}):
            _write(place, _changed(sound, lambda s, better=better: _misses(s)["classes"]["paraphrase"].update(better)))  # type: ignore[misc]
            with pytest.raises(Refused, match="what_the_rule_misses"):
                _verify(place, toy_encoder)
        _write(place, _changed(sound, lambda s: _misses(s).update(data="elsewhere.jsonl")))
        assert "measured elsewhere (elsewhere.jsonl): not checked here" in str(_verify(place, toy_encoder))
        # Figures hold for the threshold that they were measured at: a lower one finds more, a higher one less.
        at = pairs.load().threshold
        lower, higher = (certificate.measured(toy_encoder, Rule(probability=p)) for p in (at - 0.1, at + 0.1))
        assert (lower["classes"], higher["classes"]) == (MEASURED["classes"], {})
    _write(place, sound)
    assert "measured elsewhere (ours.jsonl, 50 labelled pairs): not checked here" in str(_verify(place, toy_encoder))
    for bent in ({"not_measured": []}, {"data": ""}):
        _write(place, _changed(sound, lambda s, bent=bent: _misses(s).update(bent)))  # type: ignore[misc]
        with pytest.raises(Refused, match="what_the_rule_misses"):
            _verify(place, toy_encoder)


def _misses(statement: dict[str, Any]) -> Any:
    return statement["predicate"]["claims"]["what_the_rule_misses"]


def test_second_opinions_are_named_and_asked_again(place: Path, toy_encoder: Any) -> None:
    asked = list[tuple[str, ...]]()

    def make_judge(encoder: Any, rule: Rule, names: Any) -> pairs.Judge:
        asked.append(tuple(names))
        return pairs.judge_with(encoder)

    _write(place, _issue(place, toy_encoder, second_opinions=["a cross-encoder"]))
    with pytest.raises(Refused, match="rests on second opinions"):
        _verify(place, toy_encoder)
    assert _verify(place, toy_encoder, make_judge=make_judge)
    assert asked == [("a cross-encoder",)]


def test_a_certificate_of_the_earlier_form_says_what_to_do(place: Path) -> None:
    _write(place, _changed(_read(place), lambda s: s.update(predicateType="urn:winnow:no-overlap:v1")))
    with pytest.raises(Refused, match="earlier form") as caught:
        certificate.read(place / "certificate.json")
    assert "winnow certify TRAIN_FILE --eval FILE" in str(caught.value)


# -- signed or not ----------------------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> signature.PrivateKey:
    pytest.importorskip("cryptography")
    pytest.importorskip("securesystemslib")
    return signature.new_key(tmp_path / "winnow.pem")


def test_signed_it_holds_and_says_by_whom(place: Path, toy_encoder: Any, key: signature.PrivateKey) -> None:
    certificate.write(place / "certificate.json", _issue(place, toy_encoder), key)
    verdict = _verify(place, toy_encoder, trusted=[key.public])
    assert f"signed by the trusted key {key.public.key_id[:12]}: this protects against forgery" in str(verdict)
    assert verdict.to_dict()["standing"] == {
        "signed": True,
        "keys": [key.public.key_id],
        "trusted_keys": [key.public.key_id],
    }
    unchecked = str(_verify(place, toy_encoder))
    assert "that signature was not checked" in unchecked
    assert "not against forgery" in unchecked
    assert certificate.read(place / "certificate.json")["predicate"]["signed"] is True


def test_a_signature_that_was_taken_away_is_missed(place: Path, toy_encoder: Any, key: signature.PrivateKey) -> None:
    path = place / "certificate.json"
    certificate.write(path, _issue(place, toy_encoder), key)
    stripped = signature.peek(json.loads(path.read_text()))
    _write(place, stripped)
    with pytest.raises(Refused, match="its signature was taken away"):
        certificate.read(path)
    # Whoever can take it away can also write that there never was one; then only the trusted key tells.
    _write(place, _changed(stripped, lambda s: s["predicate"].update(signed=False)))
    assert certificate.read(path)
    with pytest.raises(Refused, match="is not signed, and a key to trust was named"):
        _verify(place, toy_encoder, trusted=[key.public])


def test_an_envelope_around_an_unsigned_statement_is_refused(
    place: Path, toy_encoder: Any, key: signature.PrivateKey
) -> None:
    (place / "certificate.json").write_text(json.dumps(signature.sign(_issue(place, toy_encoder), key)))
    for trusted in ((), (key.public,)):
        with pytest.raises(Refused, match="calls itself unsigned"):
            certificate.read(place / "certificate.json", trusted)


def test_another_signer_is_refused(place: Path, toy_encoder: Any, key: signature.PrivateKey, tmp_path: Path) -> None:
    other = signature.new_key(tmp_path / "other.pem")
    certificate.write(place / "certificate.json", _issue(place, toy_encoder), other)
    with pytest.raises(Refused, match="and the trusted key is"):
        _verify(place, toy_encoder, trusted=[key.public])


# -- winnow certify ---------------------------------------------------------------------------------------------------


def test_rows_in_another_order_are_certified_anew(place: Path, toy_encoder: Any, key: signature.PrivateKey) -> None:
    train = place / "train.jsonl"
    train.write_bytes(b"\n".join(reversed(train.read_bytes().splitlines())) + b"\n")
    with pytest.raises(Refused, match="order or spacing") as caught:
        _verify(place, toy_encoder)
    assert f"winnow certify {train} --eval FILE" in str(caught.value)
    done = certify.certify(train, _evals(place), lambda _: toy_encoder, key=key, allow_uncalibrated=True)
    assert (done.path, done.standing.checked) == (place / "certificate.json", (key.public.key_id,))
    assert "has no overlap with" in str(done)
    assert json.loads(json.dumps(done.to_dict()))["standing"]["signed"] is True
    assert _verify(place, toy_encoder, trusted=[key.public]).rows == 3


def test_what_is_not_certified(place: Path, toy_encoder: Any) -> None:
    train, load = place / "train.jsonl", lambda _: toy_encoder
    with pytest.raises(BadInput, match="name the eval files"):
        certify.certify(train, [], load)
    with pytest.raises(BadInput, match="no such iteration or training file"):
        certify.certify(place / "nowhere", _evals(place), load)
    with pytest.raises(Refused, match="nobody measured"):
        certify.certify(train, _evals(place), load)
    with pytest.raises(BadInput, match="would be overwritten, and is not a certificate"):
        certify.certify(train, _evals(place), load, out=place / "a.jsonl", allow_uncalibrated=True)
    (place / "table.jsonl").write_text('{"prompt": "a b c", "completion": "d"}\n')
    with pytest.raises(BadInput):
        certify.certify(place / "table.jsonl", _evals(place), load, allow_uncalibrated=True)
    files.write_text(train, train.read_text().replace(ASKED, CASE["prompt"]))
    with pytest.raises(Refused, match="2 rows overlap"):
        certify.certify(train, _evals(place), load, allow_uncalibrated=True)


def test_an_iteration_is_signed_and_its_manifest_says_so(
    place: Path, toy_encoder: Any, key: signature.PrivateKey
) -> None:
    it, load = _iteration(place, [str(path) for path in _evals(place)]), lambda _: toy_encoder
    _write(it / "data", _changed(_issue_in(it, place, toy_encoder), lambda s: None))
    done = certify.certify(it, [], load, key=key)
    manifest = json.loads((it / "data" / "manifest.json").read_text())
    assert manifest["outputs"]["certificate.json"] == files.sha256(done.path)
    assert manifest["outputs"]["train.jsonl"] == "as it was"
    assert _claim(done.statement)["rule"] == certificate.rule_facts(Rule(containment=0.6)), "the rule of its recipe"
    verdict = verification.verify(it, [], None, load, trusted=[key.public])
    assert verdict.standing.checked == (key.public.key_id,)
    (it / "model").mkdir()
    with pytest.raises(Refused, match="a model was trained under the certificate"):
        certify.certify(it, [], load, key=key)


def _issue_in(it: Path, place: Path, encoder: Any) -> certificate.Statement:
    evals = read_eval_files(_evals(place))
    rule = Rule(containment=0.6)
    return certificate.issue(it / "data" / "train.jsonl", evals, encoder, rule=rule, allow_uncalibrated=True)


def _iteration(place: Path, evals: list[str]) -> Path:
    data = place / "it" / "data"
    data.mkdir(parents=True)
    for name in ("train.jsonl", "certificate.json"):
        (place / name).rename(data / name)
    keys = (*verification.iterations.REQUEST, "outputs", "counts", "steps")
    manifest: dict[str, Any] = {name: {} for name in keys} | {"eval": evals, "outputs": {"train.jsonl": "as it was"}}
    manifest["recipe"] = {"overlap": {"containment": 0.6, "allow_uncalibrated": True}}
    (data / "manifest.json").write_text(json.dumps(manifest))
    return data.parent


# -- where the files are ----------------------------------------------------------------------------------------------


def test_relative_paths_of_an_iteration_from_elsewhere(
    place: Path, monkeypatch: pytest.MonkeyPatch, toy_encoder: Any
) -> None:
    data = _iteration(place, ["a.jsonl", "[b]*.jsonl"]) / "data"
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

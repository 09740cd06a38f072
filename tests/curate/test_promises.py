"""The two promises, checked again: they hold of what the steps do, and each way of breaking them is named."""

from pathlib import Path

import polars as pl
import pytest

from curate import chats as chat
from curate import dedup, files, iteration, outcome, replacement
from curate.detectors import Models
from curate.duplicates.promise_rules import exact_rule, near_rule, semantic_rule
from curate.duplicates.promises import Promises, check, verify_dedup
from curate.duplicates.semantic import semantic
from curate.errors import BadInput
from curate.likeness import pair_features
from curate.pairs import PairRule, judge_of

RULE = PairRule(
    name="toy",
    intercept=-8.0,
    similarities={"cosine": 4.0, "words": 4.0, "content": 4.0, "shared": 4.0, "code": 1.0},
    ceilings=dict.fromkeys(pair_features.CONTRADICTIONS, 0.2),
    threshold=0.75,
    floor=0.3,
)
BREAD = "How do I bake a loaf of good brown bread in a small oven at home?"
MIX = "Mix the flour with water, salt and yeast, let it rise for some hours and bake it until it is brown."
ROWS = [
    (BREAD, MIX),
    (BREAD.upper(), MIX),
    (BREAD.replace("small", "smal"), MIX.replace("yeast", "yaest")),
    ("In a small oven at home, how do I bake a good loaf of brown bread?", MIX),
    ("Who may I write to about the lamps?", "jane@corp.example"),
    ("Who may I write to about the lamps?", "otto@shop.example"),
    ("Why is the sky blue in summer?", "Blue light is scattered most by the air."),
]


def rows_of(pairs: list[tuple[str, str]]) -> pl.DataFrame:
    return chat.chats_of(
        {"id": f"r{i}", "turns": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for i, (q, a) in enumerate(pairs)
    )


def removals(ledger: pl.DataFrame) -> dict[str, str | None]:
    return dict(ledger.filter(pl.col("action") == "removed").select("row_id", "twin").iter_rows())


@pytest.fixture
def rules(toy_encoder):  # type: ignore[no-untyped-def]
    judge = judge_of(RULE, toy_encoder.encode)

    def step(rows: pl.DataFrame) -> outcome.Outcome:
        return semantic(rows, toy_encoder.encode, judge, slack=0.0).outcome

    return {
        "exact": (dedup.exact, exact_rule()),
        "near": (dedup.near, near_rule(0.7)),
        "semantic": (step, semantic_rule(toy_encoder.encode, judge, 0.75, latin_only=False, slack=0.0)),
    }


@pytest.mark.parametrize("name", ["exact", "near", "semantic"])
def test_what_a_step_does_holds(rules, name: str) -> None:  # type: ignore[no-untyped-def]
    step, rule = rules[name]
    rows = rows_of(ROWS)
    removed = removals(step(rows).ledger)
    found = check(name, rows, removed, rule)
    assert removed
    assert found.violations == ()
    assert (found.rows, found.removed, found.sampled) == (7, len(removed), None)
    kept = 7 - len(removed)
    assert found.compared == kept * (kept - 1) // 2


@pytest.mark.parametrize("name", ["exact", "near", "semantic"])
def test_each_broken_promise_is_named(rules, name: str) -> None:  # type: ignore[no-untyped-def]
    step, rule = rules[name]
    rows = rows_of(ROWS)
    removed = removals(step(rows).ledger)
    row, twin = min(removed.items())

    def said(removed: dict[str, str | None], **settings: object) -> list[str]:
        return [str(one) for one in check(name, rows, removed, rule, **settings).violations]  # type: ignore[arg-type]

    fewer = {a: b for a, b in removed.items() if a != row}
    assert any("was kept beside" in one and row in one for one in said(fewer))
    assert said(fewer, exempt=[row]) == []
    assert f"{name}: r6 is not within the threshold of its twin {twin}" in said(removed | {"r6": twin})
    assert f"{name}: {row} was removed without a kept twin: {row}" in said(removed | {row: row})
    assert f"{name}: r6 was removed without a kept twin: {row}" in said(removed | {"r6": row})
    assert f"{name}: r6 was removed without a kept twin:" in said(removed | {"r6": None})
    assert f"{name}: r9 was removed, but the step never had it" in said(removed | {"r9": twin})


def test_above_a_size_a_sample_is_compared_and_said_so(rules) -> None:  # type: ignore[no-untyped-def]
    _, rule = rules["near"]
    rows = rows_of(ROWS)
    found = check("near", rows, {}, rule, exhaustive=3, sample=2, seed=1)
    assert (found.sampled, found.compared) == (2, 2 * 6 - 1)
    assert "a sample of 2 with all" in str(found)
    every = check("near", rows, {}, rule, exhaustive=3, sample=100)
    assert set(found.violations) < set(every.violations) == set(check("near", rows, {}, rule).violations)


@pytest.fixture
def iterated(tmp_path: Path, toy_models: Models, rules, monkeypatch):  # type: ignore[no-untyped-def]
    """A small iteration, made by hand: exact, near, personal data, exact again."""
    judge = judge_of(RULE, toy_models.encoder.encode)
    monkeypatch.setitem(toy_models.__dict__, "judge", judge)
    object.__setattr__(toy_models.encoder, "slack", 0.0)
    source = tmp_path / "raw.jsonl"
    files.write(rows_of(ROWS), source, format="messages")
    read = files.read([source])
    rows, ledgers, names = read.chats, [], []
    steps = [(name, step) for name, (step, _) in rules.items()]
    steps += [
        ("pii", lambda rows: replacement.replace(rows, toy_models.find_pii)),
        ("exact again", lambda rows: dedup.exact(rows, step="exact again")),
    ]
    for name, step in steps:
        done = step(rows)
        rows = done.kept
        ledgers.append(done.ledger)
        names.append({"name": name})
    out = tmp_path / "001"
    folder = iteration.start(out)
    files.write(rows, folder / "train.jsonl", format="messages")
    iteration.write_ledger(outcome.join(ledgers), folder / "ledger.parquet")
    manifest = dict.fromkeys(iteration.REQUEST, "") | {
        "data": [str(source)],
        "format": "auto",
        "on_error": "quarantine",
        "recipe": {"exact": {}, "near": {"threshold": 0.7}, "semantic": {}, "keep": [], "seed": 0},
        "inputs": [vars(each) for each in read.inputs],
        "outputs": {},
        "counts": {},
        "steps": names,
    }
    iteration.finish(out, manifest)
    return out, toy_models, source


def test_an_iteration_holds(iterated) -> None:  # type: ignore[no-untyped-def]
    out, models, _ = iterated
    found = verify_dedup(out, models)
    assert found.hold, str(found)
    assert [step.step for step in found.steps] == ["exact", "near", "semantic", "exact again"]
    assert [step.removed for step in found.steps] == [1, 1, 1, 1]
    assert found.not_checked == ()
    assert found.to_dict()["holds"]
    assert "hold: " in str(found)


@pytest.mark.parametrize("step", ["exact", "near", "semantic", "exact again"])
def test_a_ledger_that_was_changed_is_found(iterated, step: str) -> None:  # type: ignore[no-untyped-def]
    out, models, _ = iterated
    path = out / "data" / "ledger.parquet"
    changed = pl.col("twin")
    ledger = pl.read_parquet(path).with_columns(
        twin=pl.when(pl.col("step") == step).then(pl.lit("r6")).otherwise(changed)
    )
    iteration.write_ledger(ledger, path)
    found = verify_dedup(out, models)
    assert not found.hold
    assert {one.step for one in found.violations} == {step}


def test_other_sources_are_refused(iterated) -> None:  # type: ignore[no-untyped-def]
    out, models, source = iterated
    source.write_text(source.read_text().replace("summer", "winter"))
    with pytest.raises(BadInput, match="not the bytes"):
        verify_dedup(out, models)


def test_what_was_left_out_is_said() -> None:
    assert "not checked: near" in str(Promises("001", (), ("near (the recipe leaves it out)",)))

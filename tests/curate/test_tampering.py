"""200 seeded ways to tamper with what a certificate stands on: who refuses each of them, the trainer or `winnow verify`.

The trainer looks at the bytes of the rows and, where a key is trusted, at the signature. `winnow verify` recomputes the rest.
Run with `-s` to see the table.
"""

import base64
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from curate import certificate, encoder, files, pairs, signature, verification
from curate import chats as chat
from curate.errors import WinnowError
from curate.evalset import read_eval_files
from curate.overlap_rule import Rule

ROWS = [
    ("Which bulb fits the reading light by the window?", "A small screw bulb of four watts."),
    ("Where does the grey cable go?", "Through the foot, then under the plate."),
    ("Is the shade washable?", "Yes, in cold water."),
    ("Can it stand in a bathroom?", "Not within a metre of the tub."),
]
CASES = [
    {"id": "c1", "prompt": "How long may I keep the brass lamp?", "ideal": "Sixty days from the day it was sent."},
    {"id": "c2", "turns": ["Which shop sells spare parts?", "And on Sundays?", "Thanks!"]},
]
TRAIN, EVAL, BARE, SIGNED = "train.jsonl", "eval.jsonl", "certificate.json", "signed.json"


@dataclass(frozen=True)
class Case:
    """The files as they are after a change, and with what they are checked."""

    files: dict[str, bytes]
    certificate: str = BARE
    encoder: Path | None = None


@dataclass(frozen=True)
class World:
    """What was certified, and how to check it."""

    sound: Case
    key: signature.PrivateKey
    other: signature.PrivateKey
    used: encoder.Encoder
    judge: pairs.Judge

    def trainer(self, case: Case, place: Path) -> str | None:
        """What the trainer does before it loads a model: the reason for its refusal, or None."""
        trusted = [self.key.public] if case.certificate == SIGNED else []
        try:
            statement = certificate.read(place / case.certificate, trusted)
            certificate.check_bytes(place / TRAIN, statement)
        except WinnowError as no:
            return str(no)
        return None

    def verify(self, case: Case, place: Path) -> str | None:
        """What `winnow verify` says against it, or None."""
        trusted = [self.key.public] if case.certificate == SIGNED else []
        found = self.used if case.encoder is None else encoder.load(str(case.encoder), precision="fp32")
        try:
            verification.verify(
                place / TRAIN,
                [place / EVAL],
                place / case.certificate,
                lambda _: found,
                trusted=trusted,
                make_judge=self._judge,
            )
        except WinnowError as no:
            return str(no)
        return None

    def _judge(self, used: encoder.Encoder, rule: Rule, opinions: Sequence[str]) -> pairs.Judge:
        return verification.judge_for(used, rule, opinions) if opinions else self.judge


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, toy_encoder: Any) -> World:
    """Vectors from a real encoder with random weights; it understands nothing, so the pair rule reads with a toy one."""
    pytest.importorskip("cryptography")
    pytest.importorskip("securesystemslib")
    place = tmp_path_factory.mktemp("sound")
    turns = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in ROWS]
    rows = chat.chats_of([{"id": f"r{n}", "turns": both} for n, both in enumerate(turns)])
    files.write(rows, place / TRAIN, format="messages")
    (place / EVAL).write_text("".join(json.dumps(case) + "\n" for case in CASES))
    key, other = signature.new_key(place / "ours.pem"), signature.new_key(place / "theirs.pem")
    weights = place / "weights"
    shutil.copytree(tiny_encoder, weights)
    used, judge = encoder.load(str(weights), precision="fp32"), pairs.judge_with(toy_encoder)
    evals = read_eval_files([place / EVAL])
    statement = certificate.issue(place / TRAIN, evals, used, judge=judge, allow_uncalibrated=True)
    certificate.write(place / BARE, statement)
    certificate.write(place / SIGNED, statement, key)
    held = {name: (place / name).read_bytes() for name in (TRAIN, EVAL, BARE, SIGNED)}
    return World(Case(held), key, other, used, judge)


# -- the ways ---------------------------------------------------------------------------------------------------------


def _byte(draw: Random, text: bytes) -> bytes:
    """One byte changed, put in or taken out, or the end cut off."""
    at, new = draw.randrange(len(text)), bytes([draw.randrange(32, 127)])
    ways = [text[:at] + new + text[at + 1 :], text[:at] + new + text[at:], text[:at] + text[at + 1 :], text[:at]]
    return draw.choice([way for way in ways if way != text])


def _in(name: str) -> Callable[[Random, World], Case]:
    """A byte of one file."""
    return lambda draw, world: replace(
        world.sound, files=world.sound.files | {name: _byte(draw, world.sound.files[name])}
    )


def _order(draw: Random, world: World) -> Case:
    lines = world.sound.files[TRAIN].splitlines(keepends=True)
    while b"".join(lines) == world.sound.files[TRAIN]:
        draw.shuffle(lines)
    return replace(world.sound, files=world.sound.files | {TRAIN: b"".join(lines)})


def _spacing(draw: Random, world: World) -> Case:
    lines = [json.loads(line) for line in world.sound.files[TRAIN].splitlines()]
    way = draw.choice([{"separators": (",", ":")}, {"separators": (" , ", " : ")}, {"indent": None, "sort_keys": True}])
    text = "".join(json.dumps(line, **way) + "\n" * draw.randint(1, 2) for line in lines)
    return replace(world.sound, files=world.sound.files | {TRAIN: text.encode()})


def _other_value(draw: Random, value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + draw.choice([-1, 1, 7, 1000])
        case float():
            return round(value + draw.choice([-0.3, -0.05, 0.01, 0.2, 1e6]), 6)
        case str():
            at = draw.randrange(max(len(value), 1))
            return (
                value[:at] + draw.choice([c for c in "0123456789abcdef" if c != value[at : at + 1]]) + value[at + 1 :]
            )
        case list():
            return [*value, "paraphrase"] if not value or draw.random() < 0.5 else value[1:]
        case None:
            return 0.5
    raise AssertionError(value)


def _field(*paths: str) -> Callable[[Random, World], Case]:
    """A value of the unsigned certificate; `*` stands for any place in a list or object."""

    def change(draw: Random, world: World) -> Case:
        statement = json.loads(world.sound.files[BARE])
        at, steps = statement, draw.choice(paths).split(".")
        for number, step in enumerate(steps):
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            chosen: Any = draw.choice(keys) if step == "*" else step if isinstance(at, dict) else int(step)
            if number == len(steps) - 1:
                at[chosen] = _other_value(draw, at[chosen])
            else:
                at = at[chosen]
        return replace(world.sound, files=world.sound.files | {BARE: json.dumps(statement).encode()})

    return change


def _envelope(change: Callable[[Random, dict[str, Any], World], object]) -> Callable[[Random, World], Case]:
    def changed(draw: Random, world: World) -> Case:
        envelope = json.loads(world.sound.files[SIGNED])
        change(draw, envelope, world)
        return replace(
            world.sound, files=world.sound.files | {SIGNED: json.dumps(envelope).encode()}, certificate=SIGNED
        )

    return changed


def _signature_byte(draw: Random, envelope: dict[str, Any], world: World) -> None:
    raw = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    envelope["signatures"][0]["sig"] = base64.b64encode(bytes(raw)).decode()


def _key_id(draw: Random, envelope: dict[str, Any], world: World) -> None:
    wrong = _other_value(draw, envelope["signatures"][0]["keyid"])
    envelope["signatures"][0]["keyid"] = draw.choice([wrong, world.other.public.key_id])


def _payload(draw: Random, envelope: dict[str, Any], world: World) -> None:
    body = _byte(draw, base64.b64decode(envelope["payload"]))
    envelope["payload"] = base64.b64encode(body).decode()


def _payload_field(draw: Random, envelope: dict[str, Any], world: World) -> None:
    statement = json.loads(base64.b64decode(envelope["payload"]))
    part = draw.choice(["outside", "claims"])
    if part == "outside":
        statement["predicate"]["outside"].append(f"probe-{draw.random()}")
    else:
        misses = statement["predicate"]["claims"]["what_the_rule_misses"]
        misses["classes"] = {"paraphrase": {"recall": draw.random(), "n": 9}}
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def _forged(draw: Random, envelope: dict[str, Any], world: World) -> None:
    """Another statement under another key, named as ours, or with our old signature beside it."""
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["subject"][0]["digest"]["sha256"] = f"{draw.randrange(16**64):064x}"
    ours, forged = envelope["signatures"][0], signature.sign(statement, world.other)
    theirs = forged["signatures"][0]
    envelope["payload"] = forged["payload"]
    envelope["signatures"] = draw.choice([[theirs], [theirs | {"keyid": ours["keyid"]}], [theirs, ours], [ours]])


def _stripped(draw: Random, world: World) -> Case:
    statement = signature.peek(json.loads(world.sound.files[SIGNED]))
    statement["predicate"]["signed"] = draw.random() < 0.5  # taken away, with or without owning up to it
    return replace(world.sound, files=world.sound.files | {SIGNED: json.dumps(statement).encode()}, certificate=SIGNED)


def _weights(draw: Random, world: World) -> Case:
    folder = world.used.path.with_name(f"weights-{draw.random()}")
    shutil.copytree(world.used.path, folder)
    path = folder / "model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[draw.randrange(len(raw) // 2, len(raw))] ^= 1 << draw.randrange(8)
    path.write_bytes(bytes(raw))
    return replace(world.sound, encoder=folder)


CLAIM = "predicate.claims.no_semantic_overlap"
RULE_PARTS = ("classes", "probability", "probability_other_turns", "floor", "containment", "ngram", "answer_min_words")
# kind: (how, how often, who must refuse it at the latest)
WAYS: dict[str, tuple[Callable[[Random, World], Case], int, str]] = {
    "rows: a byte": (_in(TRAIN), 30, "trainer"),
    "rows: their order": (_order, 6, "trainer"),
    "rows: their spacing": (_spacing, 6, "trainer"),
    "digest of the rows": (_field("subject.0.digest.sha256"), 8, "trainer"),
    "signature": (_envelope(_signature_byte), 14, "trainer"),
    "key id": (_envelope(_key_id), 8, "trainer"),
    "payload: a byte": (_envelope(_payload), 16, "trainer"),
    "payload: a claim": (_envelope(_payload_field), 8, "trainer"),
    "forged by another key": (_envelope(_forged), 10, "trainer"),
    "signature taken away": (_stripped, 6, "trainer"),
    "counts of rows": (_field("predicate.training.*", "predicate.eval_files.0.cases"), 8, "verify"),
    "counts of what was found": (
        _field(f"{CLAIM}.pairs_compared", f"{CLAIM}.follow_ups_set_aside", "predicate.claims.no_copy.*"),
        9,
        "verify",
    ),
    "counts by class": (_field(f"{CLAIM}.rows_by_class.*"), 6, "verify"),
    "the rule": (_field(*(f"{CLAIM}.rule.{part}" for part in RULE_PARTS), f"{CLAIM}.rule.*"), 18, "verify"),
    "nearest scores": (_field(f"{CLAIM}.nearest.*.*", f"{CLAIM}.highest_cosine", f"{CLAIM}.highest_probability"), 14, "verify"),
    "second opinions": (_field(f"{CLAIM}.second_opinions"), 2, "verify"),
    "the encoder's name": (_field(f"{CLAIM}.encoder.*"), 8, "verify"),
    "the encoder's weights": (_weights, 6, "verify"),
    "digest of the eval file": (_field("predicate.eval_files.0.digest.sha256"), 5, "verify"),
    "eval file: a byte": (_in(EVAL), 12, "verify"),
}  # fmt: skip


# -- who refuses what -------------------------------------------------------------------------------------------------


def test_there_are_two_hundred() -> None:
    assert sum(times for _, times, _ in WAYS.values()) == 200


def test_what_was_not_touched_holds(world: World, tmp_path: Path) -> None:
    for name in (BARE, SIGNED):
        case = replace(world.sound, certificate=name)
        place = _laid_out(case, tmp_path / name)
        assert (world.trainer(case, place), world.verify(case, place)) == (None, None)


def test_every_tampering_is_refused(world: World, tmp_path: Path) -> None:
    draw, who = Random(2026), dict[str, Counter[str]]()
    late, same_rows = list[str](), Counter[str]()
    for kind, (change, times, latest) in WAYS.items():
        who[kind] = Counter()
        for number in range(times):
            case = change(draw, world)
            place = _laid_out(case, tmp_path / f"{kind}-{number}")
            at_once = world.trainer(case, place)
            by = "trainer" if at_once else "verify" if world.verify(case, place) else "nobody"
            who[kind][by] += 1
            if by == "nobody" or (latest == "trainer" and by != "trainer"):
                late.append(f"{kind}, {number}")
            same_rows[kind] += "order or spacing changed" in (at_once or "")
    print(_table(who))
    assert not late
    # Rows in another order or spacing are told apart from rows that changed. A byte may be no more than spacing, too.
    assert {kind: same_rows[kind] for kind in ("rows: their order", "rows: their spacing")} == {
        "rows: their order": 6,
        "rows: their spacing": 6,
    }
    assert same_rows["rows: a byte"] <= 3


def _laid_out(case: Case, place: Path) -> Path:
    place.mkdir()
    for name, content in case.files.items():
        (place / name).write_bytes(content)
    return place


def _table(who: dict[str, Counter[str]]) -> str:
    lines = [f"\n{'what was changed':<28}{'trainer':>9}{'verify':>9}{'nobody':>9}"]
    total = Counter[str]()
    for kind, by in who.items():
        total += by
        lines.append(f"{kind:<28}{by['trainer']:>9}{by['verify']:>9}{by['nobody']:>9}")
    return "\n".join([*lines, f"{'all':<28}{total['trainer']:>9}{total['verify']:>9}{total['nobody']:>9}"])

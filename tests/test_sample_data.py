"""The sample data is what its generator writes, and its truth is true.

The checks here are written apart from the generator: check digits, spans and line numbers are worked out anew.
"""

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

FOLDER = Path(__file__).parents[1] / "sample_data"
LINES = (FOLDER / "support-raw.jsonl").read_bytes().split(b"\n")[:-1]
TOLD: list[dict[str, Any]] = pl.read_parquet(FOLDER / "truth.parquet").to_dicts()
CASES = [json.loads(line) for line in (FOLDER / "support-eval.jsonl").read_bytes().split(b"\n")[:-1]]
CASE_IDS = {case["id"] for case in CASES}

PROMISED = {
    ("exact", "identical"): 30,
    ("exact", None): 45,
    ("near", None): 40,
    ("paraphrase", None): 30,
    ("conflict", None): 10,
    ("template", None): 12,
    ("toxic", "assistant"): 20,
    ("toxic", "user"): 10,
    ("benign", None): 10,
    ("off-voice", None): 40,
    ("broken", None): 14,
    ("overlap", "copy"): 12,
    ("overlap", "near-copy"): 12,
    ("overlap", "paraphrase"): 12,
    ("overlap-template", None): 8,
}
ODDITIES = {"bom", "crlf", "blank-line", "repeated-id", "system-first", "tool-call"}


def readable(line: bytes) -> dict[str, Any] | None:
    """The row on a line, or None where there is no usable one."""
    try:
        row = json.loads(line.decode("utf-8-sig"))
        turns = row["messages"]
        good = all(t["role"] in {"system", "user", "assistant", "tool"} for t in turns)
        good = good and all(isinstance(t["content"], str) or "tool_calls" in t for t in turns)
        said = [t["content"] for t in turns if t["role"] == "assistant" and t["content"] is not None]
        return row if good and said and all(text.strip() for text in said) else None
    except (ValueError, TypeError, KeyError):
        return None


ROWS = {number: row for number, line in enumerate(LINES, start=1) if (row := readable(line))}
FAULTS: dict[int, set[str]] = {}
for told in TOLD:
    FAULTS.setdefault(told["line"], set()).add(told["fault"])
CLEAN = {number: row for number, row in ROWS.items() if FAULTS.get(number, set()) <= {"oddity"}}


def said_in(row: dict[str, Any]) -> str:
    return "\n".join(turn["content"] or "" for turn in row["messages"])


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


@pytest.fixture(scope="module")
def voice() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_voice", FOLDER / "voice.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "make.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_regenerating_gives_the_committed_bytes(tmp_path: Path) -> None:
    assert make("--out", str(tmp_path)).returncode == 0
    for name in ("support-raw.jsonl", "support-eval.jsonl", "README.md"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name
    assert pl.read_parquet(tmp_path / "truth.parquet").equals(pl.read_parquet(FOLDER / "truth.parquet"))


def test_check_says_which_file_is_stale(tmp_path: Path) -> None:
    assert make("--check").returncode == 0
    make("--out", str(tmp_path))
    with (tmp_path / "support-raw.jsonl").open("ab") as file:
        file.write(b"{}\n")
    stale = make("--check", "--out", str(tmp_path))
    assert stale.returncode == 1
    assert "support-raw.jsonl" in stale.stderr
    assert "support-eval.jsonl" not in stale.stderr


def test_there_is_as_much_as_promised() -> None:
    assert len(ROWS) >= 720
    assert len(CLEAN) >= 430
    assert len(CASES) >= 160
    assert len({case["topic"] for case in CASES}) >= 20
    by_kind = Counter((told["fault"], told["kind"]) for told in TOLD)
    by_fault = Counter(told["fault"] for told in TOLD)
    for (fault, kind), least in PROMISED.items():
        assert (by_kind[fault, kind] if kind else by_fault[fault]) >= least, (fault, kind)
    personal = {kind: n for (fault, kind), n in by_kind.items() if fault == "pii"}
    assert len(personal) >= 14
    assert min(personal.values()) >= 6
    assert {told["kind"] for told in TOLD if told["fault"] == "oddity"} == ODDITIES
    assert (
        sum(path.stat().st_size for path in FOLDER.rglob("*") if not {"__pycache__", "base-model"} & {*path.parts})
        < 1_500_000
    )


def test_every_truth_line_points_at_its_row() -> None:
    for told in TOLD:
        number, line = told["line"], LINES[told["line"] - 1]
        if told["fault"] == "broken":
            assert number not in ROWS
            assert told["row_id"] is None or f'"{told["row_id"]}"'.encode() in line
        elif told["kind"] == "blank-line":
            assert line == b""
            assert told["row_id"] is None
        else:
            assert ROWS[number]["id"] == told["row_id"]


def test_every_line_that_is_no_row_is_in_the_truth() -> None:
    named = {told["line"] for told in TOLD if told["fault"] == "broken" or told["kind"] == "blank-line"}
    assert {number for number in range(1, len(LINES) + 1) if number not in ROWS} == named


def test_twins_exist_and_are_clean_rows_or_cases() -> None:
    clean_ids = {row["id"] for row in CLEAN.values()}
    copied = {told["row_id"] for told in TOLD if told["fault"] in {"pii", "toxic", "off-voice"}}
    with_twin = {"exact", "near", "paraphrase", "conflict", "template", "overlap", "overlap-template"}
    for told in TOLD:
        assert (told["twin"] is not None) == (told["fault"] in with_twin)
        if told["fault"].startswith("overlap"):
            assert told["twin"] in CASE_IDS
        elif told["twin"]:
            assert told["twin"] in (clean_ids | copied if told["kind"] == "identical" else clean_ids)


def test_a_copy_carries_the_fault_of_its_twin() -> None:
    told_of = {(told["row_id"], told["fault"]): told for told in TOLD}
    copies = [
        told for told in TOLD if told["fault"] == "exact" and told["twin"] not in {r["id"] for r in CLEAN.values()}
    ]
    assert len(copies) > 300
    for told in copies:
        faults = {fault for row_id, fault in told_of if row_id == told["row_id"]} - {"exact"}
        assert len(faults) == 1
        fault = faults.pop()
        assert told_of[told["row_id"], fault]["detail"] == told_of[told["twin"], fault]["detail"]


def test_ids_are_unique_but_for_the_planted_ones() -> None:
    repeated = {told["row_id"] for told in TOLD if told["kind"] == "repeated-id"}
    counts = Counter(row["id"] for row in ROWS.values())
    assert {row_id for row_id, count in counts.items() if count > 1} == repeated
    assert len(CASE_IDS) == len(CASES)
    assert not CASE_IDS & set(counts)


def test_oddities_are_on_their_lines() -> None:
    lines = {kind: {told["line"] for told in TOLD if told["kind"] == kind} for kind in ODDITIES}
    every = range(1, len(LINES) + 1)
    assert lines["bom"] == {1} == {n for n in every if LINES[n - 1].startswith(b"\xef\xbb\xbf")}
    assert lines["crlf"] == {n for n in every if LINES[n - 1].endswith(b"\r")}
    assert lines["system-first"] == {n for n, row in ROWS.items() if row["messages"][0]["role"] == "system"}
    assert lines["tool-call"] == {n for n, row in ROWS.items() if any("tool_calls" in t for t in row["messages"])}


def spans() -> list[tuple[int, dict[str, Any]]]:
    return [
        (told["line"], span) for told in TOLD if told["fault"] == "pii" for span in json.loads(told["detail"])["spans"]
    ]


def test_personal_values_stand_at_their_spans() -> None:
    assert len(spans()) > 108
    for line, span in spans():
        text = ROWS[line]["messages"][span["turn"]]["content"]
        assert text[span["start"] : span["end"]] == span["value"]


def test_every_kind_is_blurted_by_the_assistant() -> None:
    for kind in {span["kind"] for _, span in spans()}:
        assert any(
            span["kind"] == kind and ROWS[line]["messages"][span["turn"]]["role"] == "assistant"
            for line, span in spans()
        )


def test_no_other_row_holds_a_personal_value() -> None:
    values = {span["value"] for _, span in spans()}
    planted = {line for line, _ in spans()}
    rest = [said_in(row) for number, row in ROWS.items() if number not in planted]
    rest += [f"{case['prompt']}\n{case['ideal']}" for case in CASES]
    whole = "\n".join(rest)
    assert not [value for value in values if value in whole]


def values_of(kind: str) -> set[str]:
    return {span["value"] for _, span in spans() if span["kind"] == kind}


def test_cards_pass_luhn() -> None:
    for value in values_of("credit-card"):
        numbers = [int(char) for char in value if char.isdigit()][::-1]
        assert sum(numbers[::2]) % 10 == -sum(sum(divmod(2 * n, 10)) for n in numbers[1::2]) % 10
        assert len(numbers) in {15, 16}


def test_ibans_pass_mod_97() -> None:
    plain = {value.replace(" ", "") for value in values_of("iban")}
    lengths = {"GB": 22, "DE": 22, "FR": 27, "NL": 18, "ES": 24, "NO": 15}
    assert {value[:2] for value in plain} == set(lengths)
    for value in plain:
        assert len(value) == lengths[value[:2]]
        assert int("".join(str(int(char, 36)) for char in value[4:] + value[:4])) % 97 == 1


def test_nhs_numbers_pass_mod_11() -> None:
    for value in values_of("nhs-number"):
        plain = [int(char) for char in value if char.isdigit()]
        assert len(plain) == 10
        assert sum(n * weight for n, weight in zip(plain, range(10, 0, -1), strict=True)) % 11 == 0


def test_wallets_pass_base58check() -> None:
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    for value in values_of("crypto-wallet"):
        total = 0
        for char in value:
            total = total * 58 + alphabet.index(char)
        payload, check = (whole := total.to_bytes(25, "big"))[:21], whole[21:]
        assert hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] == check


def test_reserved_ranges_are_used() -> None:
    assert all(re.search(r"@(\w+\.)?example\.(com|org|net)$", value) for value in values_of("email"))
    assert all(re.match(r"https://(\w+\.)?example\.(com|org|net)/", value) for value in values_of("url"))
    assert all(re.search(r"555\D?\D?01\d\d$", value) for value in values_of("phone-us"))
    assert all(re.match(r"192\.0\.2\.|198\.51\.100\.|203\.0\.113\.", value) for value in values_of("ip-address"))
    assert all(value.startswith("2001:db8:") for value in values_of("ipv6-address"))
    assert all(re.match(r"00[:-]00[:-]5E[:-]00[:-]53", value) for value in values_of("mac-address"))


def test_clean_answers_keep_the_voice_and_off_voice_rows_do_not(voice: ModuleType) -> None:
    # A row in a toxic, near or exact fault may break the voice; these may not.
    for number, row in ROWS.items():
        if FAULTS.get(number, set()) <= {
            "oddity",
            "paraphrase",
            "conflict",
            "template",
            "pii",
            "benign",
            "overlap-template",
        }:
            said = [t["content"] for t in row["messages"] if t["role"] == "assistant" and t["content"]]
            assert [rule for text in said for rule in voice.broken_rules(text)] == [], said
    for case in CASES:
        assert voice.broken_rules(case["ideal"]) == [], case
    for told in TOLD:
        if told["fault"] == "off-voice":
            assert voice.broken_rules(ROWS[told["line"]]["messages"][-1]["content"])


def test_clean_rows_and_cases_do_not_repeat_each_other() -> None:
    sets = [
        (row["id"], shingles(said_in({"messages": [t for t in row["messages"] if t["role"] != "system"]})))
        for row in CLEAN.values()
    ]
    sets += [(case["id"], shingles(f"{case['prompt']}\n{case['ideal']}")) for case in CASES]
    close = [(a, b) for (a, one), (b, two) in combinations(sets, 2) if 2 * len(one & two) >= len(one | two)]
    assert close == []


def test_exact_duplicates_are_the_same_after_normalising() -> None:

    def plain(row: dict[str, Any]) -> str:
        text = unicodedata.normalize("NFKC", said_in(row)).casefold()
        return " ".join(text.split())

    by_id = {row["id"]: row for row in ROWS.values()}
    for told in TOLD:
        if told["fault"] == "exact":
            ours, twin = by_id[told["row_id"]], by_id[told["twin"]]
            assert plain(ours) == plain(twin)
            assert (said_in(ours) == said_in(twin)) == (told["kind"] == "identical")


def test_copies_of_eval_cases_are_copies_and_template_variants_are_not() -> None:
    cases = {case["id"]: case for case in CASES}
    for told in TOLD:
        if told["fault"].startswith("overlap"):
            question = ROWS[told["line"]]["messages"][0]["content"]
            same = question == cases[told["twin"]]["prompt"]
            assert same == (told["kind"] == "copy")

"""Write the sample data of Winnow: raw rows with planted faults, eval cases, and the truth about both.

    python sample_data/make.py                 # writes beside this file
    python sample_data/make.py --check         # exit 1 if the committed files are not what this program writes

Every choice is the hash of a key, so the bytes are the same on every run and machine. `truth.parquet` alone may differ
in bytes between versions of polars; `--check` compares it by content.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
from faults import broken_lines, plant
from rows import SOURCE, Case, Fault, Row, clean_rows, eval_cases
from voice import number, pick

HERE = Path(__file__).parent
FILES = ("support-raw.jsonl", "support-eval.jsonl", "truth.parquet", "README.md")
CHANNELS = ("chat", "web form", "letter", "counter tablet")
SYSTEM_PROMPTS = (
    "You are Wren, the help desk of Brindlewick, a mill that makes lamps and speakers people can mend.",
    "Answer as Wren of Brindlewick. Short, plain, with one next step, signed.",
    "Brindlewick support. Do not share what belongs to other people. If you do not know, say who does.",
)
KEPT = {"template", "overlap-template", "benign", "oddity"}
TRUTH = pl.Schema(
    {
        "row_id": pl.String,
        "line": pl.Int64,
        "fault": pl.String,
        "kind": pl.String,
        "twin": pl.String,
        "detail": pl.String,
    }
)


def with_system_prompts(rows: list[Row], taken: set[str]) -> tuple[list[Row], list[Fault]]:
    """Give every ninth free clean row a system turn."""
    out, faults = list[Row](), list[Fault]()
    for row in rows:
        if row.id not in taken and number("system", row.key) % 9 == 0:
            prompt = {"role": "system", "content": pick(SYSTEM_PROMPTS, row.key)}
            row = Row(row.key, row.topic, [prompt, *row.messages])
            faults.append(Fault(row.id, "oddity", "system-first"))
        out.append(row)
    return out, faults


def json_line(row: Row, row_id: str) -> bytes:
    """A row in messages form with two fields of its own."""
    fields = {"id": row_id, "messages": row.messages, "channel": pick(CHANNELS, "channel", row.id), "topic": row.topic}
    return json.dumps(fields, ensure_ascii=False).encode()


def build() -> tuple[bytes, list[Case], pl.DataFrame, Counter[str]]:
    """The raw file's bytes, the eval cases, the truth, and how many rows there are of which sort."""
    cases, clean = eval_cases(), clean_rows()
    planted, faults = plant(cases)
    taken = {fault.twin for fault in faults if fault.twin}
    clean, more = with_system_prompts(clean, taken)
    faults += more
    faults += [Fault(row.id, "oddity", "tool-call") for row in clean if any("tool_calls" in m for m in row.messages)]
    odd = {fault.row for fault in faults}
    free = sorted((r for r in clean if r.id not in taken | odd), key=lambda row: number("odd", row.key))
    first, crlf, repeats = free[0], free[1:6], free[6:10]
    faults.append(Fault(first.id, "oddity", "bom"))
    faults += [Fault(row.id, "oddity", "crlf") for row in crlf]

    # Two rows take over the id of another row, as exports joined by hand do.
    borrowed = {repeats[1].id: repeats[0].id, repeats[3].id: repeats[2].id}
    ends = {row.id: b"\r\n" for row in crlf}
    lines: list[tuple[str, bytes, list[Fault]]] = []
    by_row: dict[str | None, list[Fault]] = {}
    for fault in faults:
        by_row.setdefault(fault.row, []).append(fault)
    for row in [*clean, *planted]:
        row_id = borrowed.get(row.id, row.id)
        told = by_row.get(row.id, [])
        if row.id in borrowed:
            told = [*told, Fault(row_id, "oddity", "repeated-id")]
        lines.append((row.id, json_line(row, row_id) + ends.get(row.id, b"\n"), told))
    lines += [(f"broken {n}", line + b"\n", [fault]) for n, (line, fault) in enumerate(broken_lines())]
    lines += [(f"blank {n}", b"\n", [Fault(None, "oddity", "blank-line")]) for n in range(4)]
    lines.sort(key=lambda item: (item[0] != first.id, number("order", item[0])))

    truth = [
        (f.row, at, f.fault, f.kind, f.twin, json.dumps(f.detail, ensure_ascii=False, sort_keys=True))
        for at, (_, _, told) in enumerate(lines, start=1)
        for f in told
    ]
    raw = b"\xef\xbb\xbf" + b"".join(line for _, line, _ in lines)
    sizes = Counter(lines=len(lines), rows=len(clean) + len(planted), clean=len(clean), cases=len(cases))
    return raw, cases, pl.DataFrame(truth, schema=TRUTH, orient="row"), sizes


def card(truth: pl.DataFrame, sizes: Counter[str]) -> str:
    """The README: the text in `source/card.md` with the counts of this run."""
    counts = truth.group_by("fault", "kind").len().sort("fault", "kind")
    table = ["| fault | kind | lines | a good curator |", "|---|---|---|---|"]
    for fault, kind, count in counts.iter_rows():
        action = "keeps it" if fault in KEPT else ACTIONS[fault]
        table.append(f"| {fault} | {kind} | {count} | {action} |")
    text = (SOURCE / "card.md").read_text(encoding="utf-8")
    for name, value in {**sizes, "faults": truth.height, "table": "\n".join(table)}.items():
        text = text.replace("{{" + name + "}}", str(value))
    return text


ACTIONS = {
    "exact": "removes it or its twin",
    "near": "removes it or its twin",
    "paraphrase": "removes it or its twin",
    "conflict": "reports the pair",
    "pii": "replaces the values",
    "toxic": "removes it",
    "off-voice": "reports it",
    "broken": "sets the line aside",
    "overlap": "removes it",
}


def write(folder: Path) -> None:
    """Write the four files into a folder."""
    raw, cases, truth, sizes = build()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "support-raw.jsonl").write_bytes(raw)
    told = [
        {"id": c.id, "prompt": c.prompt, "ideal": c.ideal, "topic": c.topic} for c in sorted(cases, key=lambda c: c.id)
    ]
    (folder / "support-eval.jsonl").write_bytes(
        b"".join(json.dumps(case, ensure_ascii=False).encode() + b"\n" for case in told)
    )
    truth.write_parquet(folder / "truth.parquet", compression="uncompressed", statistics=False)
    (folder / "README.md").write_bytes(card(truth, sizes).encode())


def same(name: str, ours: Path, theirs: Path) -> bool:
    """Whether two files hold the same: by bytes, and the truth by content."""
    if not theirs.exists():
        return False
    if ours.read_bytes() == theirs.read_bytes():
        return True
    return name.endswith(".parquet") and pl.read_parquet(ours).equals(pl.read_parquet(theirs))


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write to (or to check)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the files differ")
    options = parser.parse_args()
    if not options.check:
        write(options.out)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch))
        stale = [name for name in FILES if not same(name, Path(scratch) / name, options.out / name)]
    for name in stale:
        print(f"{options.out / name} is not what make.py writes; try: python sample_data/make.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

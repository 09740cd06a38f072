"""Every benchmark in turn, each as its own script, and which were left out because their data is not here.

python -m benchmarks --data DIR
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

# Script -> the files under DIR that it cannot do without, and its further arguments.
SCRIPTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "planted": ((), ()),
    "pii": (("pii/pii_test.jsonl.gz",), ()),
    "pii/names.py": (("pii/pii_test.jsonl.gz", "pii/wnut17dev.conll"), ()),
    "toxicity": (
        (
            "toxicity/toxicity_test.jsonl.gz", "chat/dolly_15k.jsonl.gz", "chat/alpaca_en_demo.json",
            "chat/instruction_1100.json", "overlap/contamination_pairs.jsonl.gz", "dedup/dedup_planted.jsonl.gz",
        ),
        ("--truth", str(HERE.parent / "sample_data")),
    ),
    "refusals": (("guardrails/refusal_labels.jsonl.gz",), ()),
    "overlap": (("overlap/contamination_pairs.jsonl.gz",), ()),
    "scale": ((), ()),
    "diversity": (("chat/dolly_15k.jsonl.gz",), ()),
    "rerun": (("chat/dolly_15k.jsonl.gz", "chat/mt_bench_question.jsonl"), ()),
    "audit": (("chat/dolly_15k.jsonl.gz", "chat/mt_bench_question.jsonl"), ()),
    "dedup": (("dedup/dedup_planted.jsonl.gz", "dedup/dedup_truth.jsonl.gz"), ()),
}  # fmt: skip
WITHOUT_DATA = ("planted", "scale")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with the public sets; benchmarks/*/README.md name them"
    )
    data = parser.parse_args().data.resolve()
    skipped, failed = [], []
    for name in SCRIPTS:
        missing = absent(name, data)
        if missing:
            skipped.append(f"{name}: {', '.join(missing)} not there")
            continue
        print(f"\n## {name}\n", flush=True)
        if subprocess.run(command(name, data), check=False).returncode:
            failed.append(name)
    print(f"\nleft out: {'; '.join(skipped) or 'nothing'}\nended with an error: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


def script_of(name: str) -> Path:
    """A folder's `measure.py`, or the script that is named."""
    return HERE / name if name.endswith(".py") else HERE / name / "measure.py"


def absent(name: str, data: Path) -> list[str]:
    """What a benchmark lacks to run."""
    script = script_of(name)
    missing = [file for file in SCRIPTS[name][0] if not (data / file).exists()]
    return missing if script.exists() else [script.name, *missing]


def command(name: str, data: Path) -> list[str]:
    """How a benchmark is called."""
    given = () if name in WITHOUT_DATA else ("--data", str(data))
    return [sys.executable, str(script_of(name)), *given, *SCRIPTS[name][1]]


if __name__ == "__main__":
    main()

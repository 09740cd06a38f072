"""What the default overlap rule finds on labelled pairs, and how often it is wrong; plain cosine and n-grams beside it.

    python benchmarks/overlap/measure.py --data DIR [--write] [--large]

DIR holds the public sets of `benchmarks/overlap/README.md`; none is shipped. A pair becomes a training row and an eval case,
and `curate.overlap.check` decides, with pair rules that were trained without the item. `--write` stores the figures for certificates (from the sets whose licence allows it)
and puts the tables into the README beside this script. `--large` adds Dolly's 15,011 rows: some minutes, when not cached.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.overlap import pairs
from benchmarks.overlap.folds import out_of_fold
from benchmarks.overlap.judging import Alarms, Bench, measured
from benchmarks.overlap.tables import compared, tables
from curate import cache, encoder, files, shipped
from curate.errors import WinnowError
from curate.overlap import Rule
from curate.stats import wilson

# What a certificate names -> the pairs that it rests on.
SHIPPED = {
    "copy": ("gsm8k", ("verbatim",), "GSM8K test questions, word for word"),
    "near copy": ("*", tuple(pairs.EDITS), "GSM8K, MT-bench and HumanEval items, edited by us, one edit each: case, typos in 1-3 % of letters, words put in, a tenth cut off"),
    "paraphrase": ("gsm8k", ("rephrase_en",), "GSM8K test questions, rephrased in English by a language model"),
    "paraphrase of code": ("humaneval", ("rephrase_python",), "HumanEval tasks, rephrased in Python by a language model"),
    "code in another language": ("humaneval", ("translate_java",), "HumanEval tasks, rewritten in Java by a language model"),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--write", action="store_true", help="store the figures for certificates and in the README here"
    )
    parser.add_argument("--large", action="store_true", help="Dolly too")
    parser.add_argument("--encoder", help="another sentence-transformers model on this machine")
    parser.add_argument("--precision", nargs="+", choices=("bf16", "fp32"), default=["bf16", "fp32"])
    options = parser.parse_args()
    try:
        given = pairs.labelled(options.data)
        with cache.open() as held:
            encoders = [encoder.load(options.encoder, precision=each, cache=held) for each in options.precision]
            # Dolly's answers are long; one precision is enough for a figure that is only printed.
            items = sorted({item for _, item in pairs.items(given, options.data)} | {pair.item for pair in given})
            benches = [
                measured(
                    each,
                    given,
                    options.data,
                    options.large and each is encoders[0],
                    out_of_fold(options.data, each, items),
                )
                for each in encoders
            ]
            page = "\n\n".join([compared(benches), *tables(benches[0])])
        print(page)
        if options.write:
            store([entry(bench) for bench in benches], shipped.model("overlap_recall.json"))
            said = f"Measured {_today()} on {machine.described()}."
            machine.replace_between(Path(__file__).with_name("README.md"), "measured", f"{said}\n\n{page}")
    except WinnowError as error:
        sys.exit(f"{error}")


def entry(bench: Bench) -> dict[str, Any]:
    """What a certificate may say about this encoder and the default rule."""
    allowed = [p for p in bench.pairs if p.ok]
    drawn = pairs.one_of_each(allowed)
    classes = {}
    for name, (source, kinds, said) in SHIPPED.items():
        some = [p for p in (drawn if source == "*" else allowed) if p.kind in kinds and source in ("*", p.source)]
        classes[name] = _figure(bench.hits(some), len(some), said)
    changed = [p for p in allowed if p.kind == "numbers changed"]
    told = sum(bench.judged.variant((p.candidate, p.item)) for p in changed)
    classes["template variant"] = _figure(
        told, len(changed), "GSM8K test questions with every number changed by us: told apart, and kept"
    )
    alarms = next((a for a in bench.alarms if a.ok and not a.name.startswith("GSM8K")), None)
    return {
        "encoder": bench.encoder.fingerprint,
        "rule": Rule().pair_rule,
        "name": f"{bench.encoder.name}, {bench.encoder.precision}",
        "date": _today(),
        "data": "GSM8K (MIT), HumanEval (MIT), rephrasings of both from llm-decontaminator (Apache-2.0), MT-bench (Apache-2.0)",
        "classes": classes,
        "false_alarms": alarms and _false_alarms(alarms),
    }


def _figure(hits: int, n: int, source: str) -> dict[str, Any]:
    it = wilson(hits, n)
    return {"recall": _rounded(it.value), "n": n, "low": _rounded(it.low), "high": _rounded(it.high), "source": source}


def _false_alarms(alarms: Alarms) -> dict[str, Any]:
    it = wilson(alarms.at[Rule().probability], alarms.pairs)
    bounds = {"per_million": it.value, "low": it.low, "high": it.high}
    figures = {name: round(1e6 * (value or 0), 2) for name, value in bounds.items()}
    return figures | {"pairs": alarms.pairs, "source": alarms.name}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def store(entries: Sequence[dict[str, Any]], place: Path) -> None:
    """Put the entries into the table of figures, each in the place of an older one for the same encoder and rule."""
    fresh = {(e["encoder"], e["rule"]) for e in entries}
    kept = [e for e in json.loads(place.read_text(encoding="utf-8")) if (e["encoder"], e["rule"]) not in fresh]
    files.write_text(place, json.dumps([*kept, *entries], indent=1, ensure_ascii=False) + "\n")


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


if __name__ == "__main__":
    main()

"""What a run found: a result that prints itself, and the documents that are made of it.

found.metric("toxicity", "toxic").interval
print(found)               # one line per figure, then what could not be scored, what is not certified, and notes
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curate import certificate
from curate.counted import counted
from evalsuite.figures import Metric
from evalsuite.model import BATCH, Facts
from evalsuite.suite import TABLE, Suite

WRITTEN = ("cases.parquet", "summary.json", "report.html", "manifest.json")
SCHEMA = "winnow-eval/1"


@dataclass(frozen=True)
class Sampling:
    """How completions are made. Greedy at temperature 0; nothing of the base's own settings is used."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    batch_size: int = BATCH


@dataclass(frozen=True)
class Evaluation:
    """What was found. `folder` is None where nothing was written; `certified` says of each eval file what is known."""

    model: Facts
    metrics: tuple[Metric, ...]
    faults: Mapping[str, Mapping[str, int]]  # suite -> fault -> completions
    asked: Mapping[str, int]  # suite -> completions
    certified: Mapping[str, bool | None]  # eval file -> named by the certificate; None: there is no certificate
    notes: tuple[str, ...]
    sampling: Sampling
    seconds: float = field(compare=False)
    folder: Path | None = None
    cases: pl.DataFrame = field(repr=False, compare=False, default_factory=lambda: pl.DataFrame(schema=TABLE))
    detectors: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def metric(self, suite: str, measure: str) -> Metric:
        """One figure by name; KeyError where it was not measured."""
        return {(m.suite, m.measure.name): m for m in self.metrics}[suite, measure]

    def __str__(self) -> str:
        adapter = f" with adapter {self.model.adapter[:12]}" if self.model.adapter else ""
        total = sum(self.asked.values())
        lines = [f"{self.model.name}{adapter}: {counted(total, 'completion')} in {self.seconds:.1f} s"]
        lines += [f"  {metric}" for metric in self.metrics]
        for suite, faults in self.faults.items():
            said = ", ".join(f"{fault} {n:,}" for fault, n in faults.items())
            lines.append(f"  {suite}: of {counted(self.asked[suite], 'completion')}: {said}")
        lines += [f"  {sentence}" for sentence in self.uncertified()]
        lines += [f"  note: {note}" for note in self.notes]
        if self.folder:
            lines.append(f"  report: {self.folder / 'report.html'}")
        return "\n".join(lines)

    def uncertified(self) -> list[str]:
        """Eval files that no certificate stands for, in sentences."""
        without = [name for name, named in self.certified.items() if named is None]
        unnamed = [name for name, named in self.certified.items() if named is False]
        out = []
        if unnamed:
            out.append(f"not certified: the certificate of the training rows does not name {', '.join(unnamed)}")
        if without:
            out.append(
                f"not certified: there is no certificate for this model, so its training rows may hold {', '.join(without)}"
            )
        return out

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`, and summary.json but for the seconds and the paths."""
        paths = {name: str(self.folder / name) for name in WRITTEN} if self.folder else {}
        return self.summary() | {"seconds": self.seconds, "paths": paths}

    def summary(self) -> dict[str, Any]:
        """What decides nothing but says everything: the same on every run of one request."""
        return {
            "schema": SCHEMA,
            "model": self.model.to_dict(),
            "sampling": self.sampling.__dict__,
            "metrics": [metric.to_dict() for metric in self.metrics],
            "completions": dict(self.asked),
            "faults": {suite: dict(faults) for suite, faults in self.faults.items()},
            "eval_files": [{"name": name, "certified": named} for name, named in self.certified.items()],
            "not_certified": self.uncertified(),
            "detectors": dict(self.detectors),
            "notes": list(self.notes),
        }


def manifest(
    found: Evaluation, suites: Sequence[Suite], certificate_sha256: str | None, outputs: Mapping[str, str]
) -> dict[str, Any]:
    """What decided the figures, by fingerprint. Any two runs that differ in one of these are two runs."""
    return {
        "winnow": certificate.tool_version(),
        "schema": SCHEMA,
        "model": found.model.to_dict(),
        "certificate_sha256": certificate_sha256,
        "sampling": found.sampling.__dict__,
        "suites": {
            suite.name: {
                "cases": len(suite.cases),
                "files": [file.__dict__ | {"certified": found.certified[file.name]} for file in suite.files],
                "detectors": list(suite.detectors),
            }
            for suite in suites
        },
        "detectors": dict(found.detectors),
        "outputs": dict(outputs),
        "seconds": found.seconds,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }

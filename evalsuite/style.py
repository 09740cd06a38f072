"""Style: how well the completions keep a rubric, and how near they are to exemplary answers.

    made = suite(Path("rubrics/brindlewick-voice.yaml"), cases, files, judges.encoder)

The prompts are the user's own eval cases. Checks are deterministic (see `curate.rubric`); their share is by weight, and
each is a measure of its own, so that a diff can say which rule got better. Closeness is the mean cosine to all exemplars:
it mixes voice with topic, so read it beside the checks.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from curate import files, rubric
from curate.chats import answers
from curate.encoder import Encoder
from curate.errors import BadInput
from curate.rubric import Rubric
from evalsuite.suite import Case, CaseFile, Completion, Measure, Suite, Verdict, blanks

CHECKS, IN_STYLE, CLOSENESS = "checks", "in style", "closeness"


def suite(
    path: Path, cases: Sequence[Case], sources: Sequence[CaseFile], encoder: Encoder, name: str = "style"
) -> Suite:
    """The suite of one rubric over the task's cases. The exemplar file is one of the suite's eval files."""
    if not cases:
        raise BadInput(
            "style is judged on answers to your eval cases, and there are none",
            hint="winnow eval ITERATION --eval FILE",
        )
    asked = rubric.read(path)
    exemplars, more = _exemplars(asked, path)
    measures = (
        Measure(CHECKS, "share of checks passed", "mean", "higher", (0.0, 1.0), note=f"by weight, rubric {asked.name}"),
        Measure(IN_STYLE, f"share that pass {asked.pass_at:.0%} of the checks", "share", "higher"),
        *(
            Measure(f"check: {check.name}", f"share that keep '{check.name}'", "share", "higher")
            for check in asked.checks
        ),
        *([Measure(CLOSENESS, "mean cosine to the exemplars", "mean", "higher", (-1.0, 1.0))] if exemplars else []),
    )

    def score(cases: Sequence[Case], completions: Sequence[Completion]) -> list[Verdict]:
        return judge(cases, completions, asked, exemplars, encoder)

    detectors = [f"rubric {asked.name} {asked.fingerprint()[:16]}"]
    if exemplars:
        detectors.append(f"{encoder.name} {encoder.fingerprint[:16]}")
    own = tuple(replace(case, suite=name) for case in cases)
    return Suite(name, own, (*sources, *more), measures, score, tuple(detectors))


def _exemplars(asked: Rubric, path: Path) -> tuple[list[str], list[CaseFile]]:
    if asked.exemplars is None:
        return [], []
    place = rubric.exemplar_file(asked, path)
    read = files.read_eval(place)
    said = answers(read.chats)
    if not all(text.strip() for text in said):
        raise BadInput("an exemplar has no answer", where=str(place), hint='{"id": ..., "prompt": ..., "answer": ...}')
    return said, [CaseFile(place.name, read.inputs[0].sha256, read.chats.height)]


def judge(
    cases: Sequence[Case], completions: Sequence[Completion], asked: Rubric, exemplars: Sequence[str], encoder: Encoder
) -> list[Verdict]:
    """Verdicts per case. An empty or broken completion fails every check by rule; a prompt not asked is unscored."""
    near = _closeness([said.text for said in completions], exemplars, encoder) if exemplars else []
    names = [CHECKS, IN_STYLE, *(f"check: {check.name}" for check in asked.checks)]
    out: list[Verdict] = []
    for at, (case, said) in enumerate(zip(cases, completions, strict=True)):
        if not said.asked:
            out += blanks(case, said.finish, [*names, *([CLOSENESS] if exemplars else [])])
            continue
        found = rubric.score(asked, "" if said.unreadable else said.text)
        why = said.unreadable or ", ".join(found.failed)
        out.append(Verdict(case.id, CHECKS, found.share, evidence=f"failed: {why}" if why else ""))
        out.append(Verdict(case.id, IN_STYLE, float(found.share >= asked.pass_at)))
        out += [Verdict(case.id, f"check: {check.name}", float(check.name in found.passed)) for check in asked.checks]
        if exemplars and (said.unreadable or near[at] is None):
            out += blanks(case, said.unreadable or "nothing to compare", (CLOSENESS,))
        elif exemplars:
            out.append(Verdict(case.id, CLOSENESS, near[at]))
    return out


def _closeness(texts: Sequence[str], exemplars: Sequence[str], encoder: Encoder) -> list[float | None]:
    _, good = encoder.encode(exemplars).mean_by_text()
    numbers, vectors = encoder.encode(texts).mean_by_text()
    cosines = vectors.astype(np.float64) @ good.astype(np.float64).T
    found = {int(number): round(float(row.mean()), 6) for number, row in zip(numbers, cosines, strict=True)}
    return [found.get(n) for n in range(len(texts))]

"""Task: how close the model comes to the answers that the user wrote.

    made = suite([Path("support-eval.jsonl")], judges, model.logprob, base_logprob)

Four views of one completion: the same words (case, spacing and punctuation aside), the same numbers, the same meaning, and
how likely the model finds the ideal answer, with the base model beside it. Similarity is a cosine, so it rises with topic
and style as well as with truth; likelihood shifts with fine-tuning as such (a secondary signal).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from curate import text
from curate.chats import Turn
from curate.encoder import Encoder
from evalsuite.suite import Case, Completion, Measure, Suite, Verdict, asked_in_turns, blanks, read_cases

Likelihood = Callable[[Sequence[tuple[Sequence[Turn], str]]], list[tuple[float, int] | None]]

EXACT, NUMBERS, SIMILARITY = "exact", "numbers", "similarity"
LIKELIHOOD, BASE, GAIN = "likelihood", "likelihood of base", "likelihood gain"
TOO_LONG_TO_SCORE = "prompt and ideal answer are too long for the model, or the answer has no token"

MEASURES = (
    Measure(EXACT, "share equal to the ideal answer", "share", "higher", note="case, spacing, punctuation aside"),
    Measure(
        NUMBERS, "share with every number of the ideal answer", "share", "higher", note="of ideals that hold a number"
    ),
    Measure(SIMILARITY, "mean cosine to the ideal answer", "mean", "higher", (-1.0, 1.0)),
    Measure(LIKELIHOOD, "log likelihood of the ideal answer", "mean", "higher", unit="nats per token"),
    Measure(BASE, "the same under the base model", "mean", "neither", unit="nats per token"),
    Measure(GAIN, "gain over the base, paired", "mean", "higher", unit="nats per token"),
)


def suite(
    paths: Sequence[Path], encoder: Encoder, likelihood: Likelihood | None = None, of_base: Likelihood | None = None
) -> Suite:
    """The suite over the user's eval files. Cases without an ideal answer are completed, and unscored."""
    cases, files = read_cases(paths, "task")

    def score(cases: Sequence[Case], completions: Sequence[Completion]) -> list[Verdict]:
        return [*judge(cases, completions, encoder), *_likelihoods(cases, likelihood, of_base)]

    return Suite("task", cases, files, MEASURES, score, (f"{encoder.name} {encoder.fingerprint[:16]}",))


def judge(cases: Sequence[Case], completions: Sequence[Completion], encoder: Encoder) -> list[Verdict]:
    """Verdicts on the words. An empty or broken answer is a wrong one; a prompt that was not asked is unscored."""
    cosines = _cosines([(case.ideal or "", said.text) for case, said in zip(cases, completions, strict=True)], encoder)
    out: list[Verdict] = []
    for case, said, cosine in zip(cases, completions, cosines, strict=True):
        if case.ideal is None or not said.asked:
            why = "the case has no ideal answer" if case.ideal is None else said.finish
            out += blanks(case, why, (EXACT, SIMILARITY))
            continue
        same = text.loose(said.text) == text.loose(case.ideal)
        out.append(Verdict(case.id, EXACT, float(same), evidence=said.fault or ""))
        if wanted := text.facts(case.ideal).numbers:
            missing = wanted - text.facts(said.text).numbers
            lack = f"lacks {', '.join(sorted(missing))}" if missing else f"has {', '.join(sorted(wanted))}"
            out.append(Verdict(case.id, NUMBERS, float(not missing), evidence=lack))
        if said.unreadable or cosine is None:
            out += blanks(case, said.unreadable or "nothing to compare", (SIMILARITY,))
        else:
            out.append(Verdict(case.id, SIMILARITY, cosine))
    return out


def _cosines(pairs: Sequence[tuple[str, str]], encoder: Encoder) -> list[float | None]:
    """Cosine of the two texts of each pair, over the mean of their windows; None where one holds nothing to compare."""
    found = encoder.encode([side for pair in pairs for side in pair])
    numbers, vectors = found.mean_by_text()
    at = {int(number): place for place, number in enumerate(numbers)}
    out: list[float | None] = []
    for n in range(len(pairs)):
        a, b = at.get(2 * n), at.get(2 * n + 1)
        if a is None or b is None:
            out.append(None)
        else:
            out.append(round(float(vectors[a].astype(np.float64) @ vectors[b].astype(np.float64)), 6))
    return out


def _likelihoods(cases: Sequence[Case], likelihood: Likelihood | None, of_base: Likelihood | None) -> list[Verdict]:
    """Per token, so that long ideals weigh no more than short ones; the evidence holds the plain sum."""
    if likelihood is None:
        return []
    asked = [case for case in cases if case.ideal and case.ideal.strip() and not asked_in_turns(case)]
    pairs = [(case.turns, case.ideal or "") for case in asked]
    ours = likelihood(pairs)
    theirs = of_base(pairs) if of_base else [None] * len(pairs)
    out: list[Verdict] = []
    for case, mine, base in zip(asked, ours, theirs, strict=True):
        names = (LIKELIHOOD, BASE, GAIN) if of_base else (LIKELIHOOD,)
        if mine is None or (of_base and base is None):
            out += blanks(case, TOO_LONG_TO_SCORE, names)
            continue
        out.append(_per_token(case, LIKELIHOOD, *mine))
        if base is not None:
            out.append(_per_token(case, BASE, *base))
            out.append(Verdict(case.id, GAIN, round(mine[0] / mine[1] - base[0] / base[1], 6)))
    return out


def _per_token(case: Case, measure: str, total: float, tokens: int) -> Verdict:
    return Verdict(case.id, measure, round(total / tokens, 6), evidence=f"sum {total:.4f} over {tokens} tokens")

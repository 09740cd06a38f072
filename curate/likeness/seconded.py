"""A judge with a second opinion: pairs of which the rule is not sure are asked about, and what stays unknown is overlap.

    judge = seconded(judge_with(encoder), opinions.named({"cross_encoder": NAME}), band=(0.2, 0.8))
    judge([("How tall is Ben Nevis?", "What is the height of Ben Nevis?")])
    print(judge.asked)      # 1 pair asked: 0 became overlap, 0 acquitted, 0 became template variants, 0 unscored

It fails closed: a pair that the opinion leaves open counts as overlap, also where the rule alone had called it unrelated.
Copies and near copies cannot be acquitted, nor template variants convicted: those rest on what stands in the texts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from curate.chats import fingerprint_of
from curate.counted import counted
from curate.errors import BadInput
from curate.likeness.opinions import Opinion, Pair, Verdict
from curate.progress import Progress, silent

if TYPE_CHECKING:
    from curate.pairs import Judge, Judgement

BAND = (0.3, 0.95)  # probabilities on both sides of the threshold; what is surer than that is not asked about
HEARD = ("paraphrase", "translation", "unrelated")  # classes on which an opinion is heard
SAME, VARIANT, OTHER = "paraphrase", "template variant", "unrelated"


@dataclass(frozen=True)
class Heard:
    """What an opinion did to one pair: the class before and after, and why."""

    before: str
    after: str
    why: str
    unscored: bool


@dataclass(frozen=True)
class Asked:
    """Distinct pairs that were asked about, by what came of it. `reasons` counts why pairs stayed unscored."""

    asked: int
    convicted: int
    acquitted: int
    variants: int
    unscored: int
    reasons: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        turned = f"{self.convicted:,} became overlap, {self.acquitted:,} acquitted, {self.variants:,} became template variants"
        why = "; ".join(f"{reason}: {count:,}" for reason, count in self.reasons)
        left = f"{self.unscored:,} unscored and counted as overlap" + (f" ({why})" if why else "")
        return f"{counted(self.asked, 'pair')} asked: {turned}, {left}"


class Seconded:
    """A `Judge` that asks. It remembers what it heard, for the report: see `asked`, `heard` and `facts`."""

    def __init__(self, judge: "Judge", opinion: Opinion, band: tuple[float, float], progress: Progress) -> None:
        self.judge, self.opinion, self.band, self.progress = judge, opinion, band, progress
        self.heard: dict[Pair, Heard] = {}

    def __call__(self, pairs: Sequence[Pair]) -> "list[Judgement]":
        pairs = [(one, two) for one, two in pairs]
        first = self.judge(pairs)
        low, high = self.band
        open_ = {
            pair: found.name
            for pair, found in zip(pairs, first, strict=True)
            if found.name in HEARD and low <= found.probability <= high
        }
        # Sorted, so that the server sees one order whatever the files' order was.
        new = sorted(open_.keys() - self.heard.keys())
        for pair, verdict in zip(new, self.opinion(new, self.progress) if new else [], strict=True):
            self.heard[pair] = Heard(open_[pair], _turned(open_[pair], verdict), verdict.why, verdict.same is None)
        return [
            _decided(found, self.heard[pair].after) if pair in open_ else found
            for pair, found in zip(pairs, first, strict=True)
        ]

    @property
    def asked(self) -> Asked:
        """The counts so far."""
        found = list(self.heard.values())
        scored = [heard for heard in found if not heard.unscored]
        reasons = Counter(heard.why for heard in found if heard.unscored)
        return Asked(
            asked=len(found),
            convicted=sum(heard.before == OTHER != heard.after for heard in scored),
            acquitted=sum(heard.after == OTHER != heard.before for heard in scored),
            variants=sum(heard.after == VARIANT for heard in scored),
            unscored=len(found) - len(scored),
            reasons=tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        )

    @property
    def fingerprint(self) -> str:
        """Hash of the opinion and the band, to be covered by the overlap rule's fingerprint."""
        return fingerprint_of({"opinion": self.opinion.fingerprint, "band": list(self.band)})

    def facts(self) -> dict[str, Any]:
        """The opinion, as certificates and manifests name it."""
        opinion = {"name": self.opinion.name, "fingerprint": self.opinion.fingerprint, "band": list(self.band)}
        counts = asdict(self.asked)
        return opinion | counts | {"reasons": dict(counts["reasons"])}


def seconded(
    judge: "Judge", opinion: Opinion, band: tuple[float, float] = BAND, progress: Progress = silent
) -> Seconded:
    """Ask `opinion` about pairs whose probability lies in `band`, ends included. Each pair is asked once."""
    low, high = band
    if not 0 <= low <= high <= 1:
        raise BadInput(f"the band of the second opinion is {low} to {high}, and must lie within 0 to 1")
    return Seconded(judge, opinion, (low, high), progress)


def _decided(found: "Judgement", name: str) -> "Judgement":
    """The word of the second opinion is the last one: whoever goes by the probability must come to the same."""
    sure = {OTHER: 0.0, VARIANT: found.probability}.get(name, 1.0)
    return replace(found, name=name, probability=sure)


def _turned(before: str, verdict: Verdict) -> str:
    if verdict.same is False:
        return VARIANT if verdict.variant else OTHER
    return SAME if before == OTHER else before  # the same, or unknown: overlap either way

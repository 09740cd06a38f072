"""The overlap rule: which likeness of a training text and an eval item counts as overlap. What a certificate stands on.

    Rule()                                   # the default
    Rule(remove_template_variants=True)      # stricter: the same question with other numbers goes too

The pair rule (`curate.pairs`) says what two texts are to each other; this rule says which of its classes count, how sure it
must be, and what words alone can prove. Its fingerprint covers both.
"""

from dataclasses import asdict, dataclass, field

from curate import pairs
from curate.chats import fingerprint_of
from curate.errors import BadInput, Refused
from curate.likeness.cosine_map import CosineMap
from curate.pairs import PairRule

__all__ = ["BAND", "COUNTED", "NOT_COMPARABLE", "TOLERANCE", "VARIANT", "WORD_FOR_WORD", "Rule"]

# Worst first: a row with several matches is removed for the first of them.
COUNTED = ("copy", "near copy", "paraphrase", "translation")
VARIANT = "template variant"
NOT_COMPARABLE = "not comparable"

# Vectors may be of reduced precision, so pairs within BAND below the floor are proposed too, and decided in fp32. Two
# machines' fp32 scores differ by less than TOLERANCE, and what lies within it of a threshold counts as overlap.
BAND, TOLERANCE = 0.02, 0.0005
METHOD = 3  # part of the rule's fingerprint: change it when a pair is judged in another way
WORD_FOR_WORD = 0.95  # containment from which no fact excuses

_BOUNDS = {
    "probability": (0.05, 0.99),
    "probability_other_turns": (0.05, 1),
    "floor": (-1, 0.95),
    "containment": (0.3, 1),
    "ngram": (3, 10),
    "answer_min_words": (1, 200),
    "answer_containment": (0.3, 1),
}


def _weights() -> str:
    return pairs.load().fingerprint()


def _threshold() -> float:
    return pairs.load().threshold


def _floor() -> float:
    return pairs.load().floor


@dataclass(frozen=True)
class Rule:
    """What counts as overlap.

    `probability` is asked of user turns; other turns seldom ask, so they need more. Pairs below the cosine `floor` are
    not judged. `pair_rule` names the weights that judge.
    """

    classes: tuple[str, ...] = COUNTED
    probability: float = field(default_factory=_threshold)
    probability_other_turns: float = 0.95
    floor: float = field(default_factory=_floor)
    containment: float = 0.7
    ngram: int = 5
    answer_min_words: int = 20
    answer_containment: float = 0.8
    remove_template_variants: bool = False
    pair_rule: str = field(default_factory=_weights)
    cosine_map: tuple[float, float] | None = None  # of an encoder that was calibrated: slope, offset

    def __post_init__(self) -> None:
        """BadInput for a rule under which the check would find next to nothing, or everything."""
        for name, (low, high) in _BOUNDS.items():
            if not low <= getattr(self, name) <= high:
                raise BadInput(f"the overlap rule's {name} is {getattr(self, name)}, and must lie in {low} to {high}")
        if unknown := set(self.classes) - set(COUNTED):
            raise BadInput(f"the overlap rule counts classes that there are not: {', '.join(sorted(unknown))}")
        if "copy" not in self.classes or "near copy" not in self.classes:
            raise BadInput("an overlap rule must count copies and near copies")
        if self.cosine_map is not None:
            try:
                CosineMap(*self.cosine_map)
            except (TypeError, ValueError) as wrong:
                raise BadInput(f"the overlap rule's cosine map is none: {wrong}") from None
        object.__setattr__(self, "classes", tuple(name for name in COUNTED if name in self.classes))

    def fingerprint(self) -> str:
        """Hash of the parameters."""
        return fingerprint_of(asdict(self) | {"classes": list(self.classes), "method": METHOD})

    def counted(self) -> tuple[str, ...]:
        """The classes for which a row is removed, worst first."""
        return (*self.classes, VARIANT) if self.remove_template_variants else self.classes

    def thresholds(self) -> str:
        """The rule for people: its two thresholds, and what else differs from the default rule."""
        default = asdict(Rule())
        names = [name for name, own in asdict(self).items() if own != default[name]]
        shown = dict.fromkeys(("probability", "containment", *names))
        said = {name: getattr(self, name) for name in shown if name != "classes"}
        counted = [f"counts {', '.join(self.classes)}"] if "classes" in names else []
        return ", ".join([f"{name} {value}" for name, value in said.items()] + counted)

    def weights(self) -> PairRule:
        """The pair rule that judges under this rule; Refused where it is not the one that this version of Winnow has."""
        known = pairs.load()
        mapped = known if self.cosine_map is None else known.with_cosine_map(CosineMap(*self.cosine_map))
        if mapped.fingerprint() != self.pair_rule:
            raise Refused("the overlap rule goes by a pair rule that this version of Winnow does not have")
        return mapped

    def weaker(self, default: "Rule | None" = None) -> tuple[str, ...]:
        """The parameters by which this rule finds less than the default one. For all numbers, more is weaker."""
        default = default or Rule()
        less = [name for name in _BOUNDS if getattr(self, name) > getattr(default, name)]
        if self.cosine_map != default.cosine_map:  # what a foreign map makes of the cosines cannot be said
            less.append("cosine_map")
        elif self.pair_rule != default.pair_rule:
            less.append("pair_rule")
        if set(self.classes) < set(default.classes):
            less.append("classes")
        return tuple(less)

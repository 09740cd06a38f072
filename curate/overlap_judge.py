"""What a recipe says about overlap, made ready: the rule, and who judges under it.

rule = overlap_rule(recipe, models)
judge, opinion = overlap_judge(recipe, models)      # `opinion` is None where nobody else is asked
"""

from collections.abc import Sequence
from dataclasses import replace

from curate import calibrations, pairs
from curate.detectors import Models
from curate.encoder import Encoder
from curate.errors import Refused
from curate.likeness import opinions
from curate.likeness.seconded import Seconded, seconded
from curate.overlap_rule import Rule
from curate.pairs import Judge
from curate.progress import Progress, silent
from curate.recipe import Recipe
from curate.verification import MakeJudge


def overlap_rule(recipe: Recipe, encoder: Encoder) -> Rule:
    """The overlap rule that a recipe asks for, with this encoder."""
    asked = recipe.overlap
    rule = replace(
        calibrations.rule_for(encoder),
        classes=asked.classes,
        containment=asked.containment,
        remove_template_variants=asked.remove_template_variants,
    )
    return rule if asked.probability is None else replace(rule, probability=asked.probability)


def overlap_judge(recipe: Recipe, models: Models, progress: Progress = silent) -> tuple[Judge, Seconded | None]:
    """Who judges pairs: the pair rule alone, or with the second opinion that the recipe names."""
    asked = recipe.overlap.second_opinion
    if asked is None:
        return models.judge, None
    settings = asked.model_dump(exclude_none=True)
    both = seconded(models.judge, opinions.named(settings, cache=models.encoder.cache), progress=progress)
    return both, both


def said(opinion: Seconded) -> str:
    """A second opinion as certificates name it: who, which weights or parameters, and of what it is asked."""
    low, high = opinion.band
    return f"{opinion.opinion.name} ({opinion.opinion.fingerprint[:16]}), asked from {low:g} to {high:g}"


def opinions_of(recipe: Recipe, encoder: Encoder) -> list[str]:
    """The second opinions of a recipe, as certificates name them."""
    asked = recipe.overlap.second_opinion
    if asked is None:
        return []
    opinion = opinions.named(asked.model_dump(exclude_none=True), cache=encoder.cache)
    return [said(seconded(pairs.judge_with(encoder), opinion))]


def remade_judge(recipe: Recipe) -> MakeJudge:
    """Who judged under a recipe, made again to verify or to sign: the pair rule and the second opinion that it names."""

    def make(encoder: Encoder, rule: Rule, names: Sequence[str]) -> Judge:
        judge, asked = pairs.judge_with(encoder, rule.weights()), recipe.overlap.second_opinion
        if asked is None:
            return judge
        both = seconded(judge, opinions.named(asked.model_dump(exclude_none=True), cache=encoder.cache))
        if [said(both)] != list(names):
            raise Refused(f"the certificate names {', '.join(names) or 'no second opinion'}, its recipe {said(both)}")
        return both

    return make

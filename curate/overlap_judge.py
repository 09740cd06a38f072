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


def overlap_rule(recipe: Recipe, models: Models) -> Rule:
    """The overlap rule that a recipe asks for, with this encoder."""
    asked = recipe.overlap
    rule = replace(
        calibrations.rule_for(models.encoder),
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


def remade_judge(recipe: Recipe) -> MakeJudge:
    """Who judged under a recipe, made again to verify or to sign: the pair rule and the second opinion that it names."""

    def make(encoder: Encoder, rule: Rule, names: Sequence[str]) -> Judge:
        judge, asked = pairs.judge_with(encoder, rule.weights()), recipe.overlap.second_opinion
        if asked is None:
            return judge
        opinion = opinions.named(asked.model_dump(exclude_none=True), cache=encoder.cache)
        if [opinion.name] != list(names):
            raise Refused(f"the certificate names {', '.join(names) or 'no second opinion'}, its recipe {opinion.name}")
        return seconded(judge, opinion)

    return make

"""A judge that never saw what it judges: five pair rules, each trained without a fifth of the eval items.

    judge = out_of_fold(data, encoder.load(), items)
    judge([(training_text, item)])         # by the rule that was trained without this item

The shipped rule is trained on GSM8K and HumanEval pairs, so its own figures on them would flatter. What a certificate states
is measured with these.
"""

from collections.abc import Sequence
from pathlib import Path

from curate import pairs
from curate.encoder import Encoder
from curate.models import train_pair_rule as training
from curate.pairs import Judge, Judgement


def out_of_fold(data: Path, model: Encoder, items: Sequence[str]) -> Judge:
    """Fit the rules of all folds and dispatch by item. A text that is no item (a part of one) is judged by all, the least sure counts."""
    examples = training.read(data)
    table, _ = training.inputs(examples, model)
    own = training.folds([each.group for each in examples])
    judges = []
    for fold in range(training.FOLDS):
        seen = [each for each, at in zip(examples, own, strict=True) if at != fold]
        judges.append(pairs.judge_with(model, training.fit(seen, table[own != fold])))
    fold_of = dict(zip(items, training.folds(list(items)).tolist(), strict=True))

    def judge(some: Sequence[tuple[str, str]]) -> list[Judgement]:
        found: list[Judgement | None] = [None] * len(some)
        for fold, by in enumerate(judges):
            mine = [i for i, (_, item) in enumerate(some) if fold_of.get(item, fold) == fold]
            for place, verdict in zip(mine, by([some[i] for i in mine]), strict=True):
                before = found[place]
                found[place] = verdict if before is None or verdict.probability < before.probability else before
        return [verdict for verdict in found if verdict is not None]

    return judge

"""The arithmetic of training: a batch is its rows, a masked token teaches nothing, cuts do not matter."""

from array import array
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import log_softmax

from curate.errors import BadInput
from train import bases, loop, render
from train.checkpoint import trainable
from train.options import Options
from train.render import Rendered


@pytest.fixture(scope="module")
def rows(tiny: Any, tokenizer: Any) -> list[Rendered]:
    return [render.render(tokenizer, f"r{n}", tiny.messages(row), name="tiny") for n, row in enumerate(tiny.rows)]


@pytest.fixture
def model(tiny: Any) -> Any:
    """A tiny model whose adapter is not at its start, where half of its gradients are zero."""
    model = bases.with_adapter(tiny.model(), "tiny", Options(rank=4))
    torch.manual_seed(1)
    with torch.no_grad():
        for _, parameter in trainable(model):
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def gradient(model: Any) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for _, p in trainable(model) if p.grad is not None])


def by_hand(model: Any, rows: list[Rendered]) -> tuple[float, torch.Tensor]:
    """Row by row without padding or mask, one token after the other; the sum over all, divided once."""
    model.zero_grad()
    total = torch.zeros(())
    for row in rows:
        scores = log_softmax(model(input_ids=torch.tensor([row.ids.tolist()]), use_cache=False).logits[0], dim=-1)
        for start, end in row.spans:
            for place in range(start, end):
                total = total - scores[place - 1, row.ids[place]]
    loss = total / sum(row.supervised for row in rows)
    loss.backward()
    return float(loss.detach()), gradient(model)


def ours(model: Any, rows: list[Rendered], step: Any) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    return loop.gradients(model, rows, step, 0), gradient(model)


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).norm() <= 1e-5 * other.norm())


def test_a_padded_batch_equals_row_by_row(model: Any, rows: list[Rendered]) -> None:
    loss, slope = by_hand(model, rows)
    got, slope_got = ours(model, rows, (tuple(range(len(rows))),))
    assert got == pytest.approx(loss, rel=1e-5)
    assert close(slope_got, slope)
    assert slope.norm() > 0.01


@pytest.mark.parametrize("step", [((0, 1, 2), (3, 4, 5)), ((1,), (0, 2, 3, 4, 5)), tuple((n,) for n in range(6))])
def test_accumulation_does_not_matter(model: Any, rows: list[Rendered], step: Any) -> None:
    loss, slope = ours(model, rows, (tuple(range(6)),))
    got, slope_got = ours(model, rows, step)
    assert got == pytest.approx(loss, rel=1e-6)
    assert close(slope_got, slope)


def test_a_mean_of_means_would_be_another_gradient(model: Any, rows: list[Rendered]) -> None:
    """So that the test above can fail."""
    _, slope = ours(model, rows, (tuple(range(6)),))
    means = torch.stack([ours(model, rows, ((n,),))[1] for n in range(6)]).mean(0)
    assert not close(means, slope)


def test_masked_tokens_carry_no_loss(model: Any, rows: list[Rendered]) -> None:
    """What the score of a masked or padded token would be has no influence: its logits get no gradient at all."""
    seen = {}

    def keep(module: Any, args: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        seen["logits"] = output

    handle = model.get_output_embeddings().register_forward_hook(keep)
    loop.loss_sum(model, rows, 0).backward()  # type: ignore[no-untyped-call]
    handle.remove()
    touched = seen["logits"].grad.abs().sum(-1) > 0
    for number, row in enumerate(rows):
        taught = {place - 1 for start, end in row.spans for place in range(start, end)}
        assert {place for place in range(touched.shape[1]) if touched[number, place]} == taught


def test_the_padding_token_does_not_matter(model: Any, rows: list[Rendered]) -> None:
    one, other = (float(loop.loss_sum(model, rows, pad).detach()) for pad in (0, 77))
    assert one == other


def test_the_base_gets_no_gradient(model: Any, rows: list[Rendered]) -> None:
    ours(model, rows, ((0, 1),))
    assert all((p.grad is not None) == p.requires_grad == ("lora_" in name) for name, p in model.named_parameters())


def test_recomputed_activations_give_the_same_gradient(model: Any, rows: list[Rendered]) -> None:
    model.train()
    _, slope = ours(model, rows, ((0, 1, 2),))
    bases.recompute_activations(model)
    _, again = ours(model, rows, ((0, 1, 2),))
    assert close(again, slope)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_rate_rises_and_falls(schedule: str) -> None:
    options = Options(schedule=schedule, warmup=0.1)
    rates = [loop.rate(step, 100, options) for step in range(100)]
    assert rates[:11] == sorted(rates[:11])
    assert rates[10] == 1
    assert min(rates) > 0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert loop.rate(0, 1, options) > 0, "a run of one step learns something"


def test_a_loss_that_is_no_number_stops_the_run(model: Any, rows: list[Rendered]) -> None:
    with torch.no_grad():
        next(trainable(model))[1].fill_(float("nan"))
    options = Options()
    with pytest.raises(BadInput, match="no number any more at step 1"):
        loop.run(model, rows, [((0,),)], options, pad=0, optimizer=loop.optimizer_for(model, options))


def test_dropout_is_a_function_of_seed_and_step(tiny: Any, rows: list[Rendered]) -> None:
    def weights(seed: int) -> torch.Tensor:
        options = Options(dropout=0.5, seed=seed, learning_rate=1e-2)
        model = bases.with_adapter(tiny.model(), "tiny", replace(options, seed=0))
        loop.run(model, rows, [((0, 1),), ((2, 3),)], options, pad=0, optimizer=loop.optimizer_for(model, options))
        return torch.cat([p.detach().flatten() for _, p in trainable(model)])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_one_row_of_one_taught_token(model: Any) -> None:
    loss = loop.gradients(model, [Rendered("a", array("i", [3, 4]), ((1, 2),))], ((0,),), 0)
    assert loss > 0

"""What a run cost: tokens, time, memory, arithmetic, money.

    cost = Cost(tokens, work, seconds={"load": 2.0, "train": 60.0}, peak_memory_mib=900, price_per_hour=2.5)
    print(cost)

Arithmetic per real token, in floating-point operations, for LoRA on N body weights, V head weights, P adapter weights,
L layers of width d, and rows of length-weighted mean length l:

    4N (6N when activations are recomputed) + 4V + 6P + 3.5 * 2ldL

Frozen weights need no gradient of their own, hence 4 and not 6. Padding is waste, so it counts in the time only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from train.batches import Counts


@dataclass(frozen=True)
class Sizes:
    """Weights that take part in matrix products, and the shape of the attention. Experts kept as one block are not counted."""

    body: int
    head: int
    adapter: int
    layers: int
    width: int


def sizes(model: Any) -> Sizes:
    """Count a model with its adapter (weights may be on the meta device, which holds none)."""
    head = model.get_output_embeddings()
    body = sum(
        module.weight.numel()
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D")
        and "lora_" not in name
        and module is not head
        and getattr(module, "weight", None) is not None
        and not hasattr(module, "base_layer")
    )
    adapter = sum(p.numel() for p in model.parameters() if p.requires_grad)
    shape = model.config.get_text_config()
    return Sizes(
        body, head.weight.numel() if head is not None else 0, adapter, shape.num_hidden_layers, shape.hidden_size
    )


def flop_per_token(sizes: Sizes, lengths: Sequence[int], *, recomputed: bool = False) -> dict[str, float]:
    """The four terms of the formula above, per real token."""
    mean = sum(length * length for length in lengths) / sum(lengths)
    return {
        "body": (6.0 if recomputed else 4.0) * sizes.body,
        "head": 4.0 * sizes.head,
        "adapter": 6.0 * sizes.adapter,
        "attention": 3.5 * 2 * mean * sizes.width * sizes.layers,
    }


@dataclass(frozen=True)
class Cost:
    """The cost sheet of a run; the price is per hour of all its seconds.

    After an interruption `train` holds also the seconds up to the last checkpoint; what came after it is lost.
    """

    tokens: Counts
    steps: int
    seconds: Mapping[str, float]
    flop_per_token: Mapping[str, float]
    peak_memory_mib: int | None
    memory_of: str
    device: str
    resumed_from_step: int = 0
    price_per_hour: float | None = None

    def with_seconds(self, **seconds: float) -> "Cost":
        """The same sheet with more seconds on it."""
        return replace(self, seconds={**self.seconds, **seconds})

    @property
    def tokens_per_second(self) -> float | None:
        """Real tokens through the model per second of training; None where no time was seen to pass."""
        return self.tokens.real / self.seconds["train"] if self.seconds["train"] > 0 else None

    @property
    def wall(self) -> float:
        """All seconds."""
        return sum(self.seconds.values())

    @property
    def price(self) -> float | None:
        """Price per hour times all seconds; None where no price was stated."""
        return None if self.price_per_hour is None else self.price_per_hour * self.wall / 3600

    def to_dict(self) -> dict[str, Any]:
        """The document cost.json."""
        gflop = {term: value / 1e9 for term, value in self.flop_per_token.items()}
        per_token, speed = sum(gflop.values()), self.tokens_per_second
        return {
            "tokens": asdict(self.tokens) | {"padding_efficiency": round(self.tokens.efficiency, 4)},
            "steps": self.steps,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()} | {"all": round(self.wall, 3)},
            "tokens_per_second": None if speed is None else round(speed, 1),
            "gflop_per_token": {"all": per_token} | gflop,
            "gflop_per_second": None if speed is None else round(per_token * speed, 1),
            "peak_memory_mib": self.peak_memory_mib,
            "memory_of": self.memory_of,
            "device": self.device,
            "resumed_from_step": self.resumed_from_step,
            "price_per_hour": self.price_per_hour,
            "price": self.price,
        }

    def __str__(self) -> str:
        t, speed = self.tokens, self.tokens_per_second
        memory = (
            "not measured"
            if self.peak_memory_mib is None
            else f"{self.peak_memory_mib:,} MiB at most ({self.memory_of})"
        )
        price = "not stated" if self.price is None else f"{self.price:.4f} at {self.price_per_hour:g} an hour"
        parts = ", ".join(f"{name} {value:.1f}" for name, value in self.seconds.items())
        return "\n".join(
            [
                f"tokens   {t.real:,} real, {t.supervised:,} of them supervised, {t.padded:,} of padding beside them",
                f"time     {self.wall:.1f} s ({parts})" + (f", {speed:,.0f} tokens a second" if speed else ""),
                f"memory   {memory}",
                f"price    {price}",
            ]
        )

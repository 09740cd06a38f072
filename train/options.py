"""What a person can choose about a training run. Every default is written here and nowhere else.

    Options(epochs=2, learning_rate=1e-4)

`decisive()` are the choices that change the adapter. The others change what a run costs or says, never its result.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import BadInput

CHOICES = {
    "too_long": ("refuse", "drop"),
    "schedule": ("cosine", "linear", "constant"),
    "device": ("auto", "cpu", "cuda"),
}
INDIFFERENT = ("price_per_hour", "checkpoint_every", "chat_template")


@dataclass(frozen=True)
class Options:
    """Choices of a LoRA run. The size of a step is `batch_rows`; `tokens_at_once` only divides it to fit the memory."""

    rank: int = 16
    alpha: float = 32
    dropout: float = 0.0
    target_modules: str = "all-linear"  # or names, separated by commas
    learning_rate: float = 2e-4
    schedule: str = "cosine"
    warmup: float = 0.05  # share of all steps
    weight_decay: float = 0.0
    clip: float = 1.0  # largest norm of a step's gradient
    epochs: int = 3
    batch_rows: int = 16
    tokens_at_once: int = 8192  # with their padding, in one pass through the model
    max_length: int | None = None  # tokens a row may have; None: what the model can read
    too_long: str = "refuse"
    seed: int = 0
    device: str = "auto"
    gradient_checkpointing: bool = False
    chat_template: Path | None = None  # its text counts, not its place
    checkpoint_every: int = 50  # steps
    price_per_hour: float | None = None

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise BadInput(
                    f"{getattr(self, name)!r} is not known", where=_flag(name), hint=f"one of {', '.join(known)}"
                )
        for name in ("rank", "epochs", "batch_rows", "tokens_at_once", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise BadInput("must be 1 or more", where=_flag(name))
        for name in ("alpha", "learning_rate", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise BadInput("must be more than 0", where=_flag(name))
        for name in ("dropout", "warmup", "weight_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise BadInput("must be at least 0 and less than 1", where=_flag(name))
        if self.max_length is not None and self.max_length < 2:
            raise BadInput("must be 2 or more", where="--max-length")
        if self.price_per_hour is not None and not 0 <= self.price_per_hour < float("inf"):
            raise BadInput("must be 0 or more", where="--price-per-hour")

    def decisive(self) -> dict[str, Any]:
        """The choices on which the adapter depends."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key not in INDIFFERENT}

    def modules(self) -> str | list[str]:
        """The layers that get an adapter, as peft wants them."""
        if self.target_modules == "all-linear":
            return self.target_modules
        return [name.strip() for name in self.target_modules.split(",") if name.strip()]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")

"""The model under test, once it is loaded: what it says to prompts, and how likely it finds a text.

    said = model.generate([[{"role": "user", "content": "Do you ship to Malta?"}]], max_new_tokens=48, seed=0)
    model.logprob([(turns, "Yes, we do.")])             # (sum of log probabilities, tokens) of each ideal answer

Greedy unless a temperature is given. Prompts are sorted by length and cut into fixed batches, padded on the left, so the
same prompts give the same completions, in whatever order they come. Other prompts beside a prompt change its logits by
rounding only (1e-6 in fp32): a completion can differ only where two tokens are that close. Sampling draws its noise from
the seed and the prompt, never from the batch. Not measured on a GPU.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from curate.chats import Turn
from curate.errors import BadInput, Surroundings
from curate.progress import Progress, silent
from evalsuite.suite import TOO_LONG, Completion
from train import bases
from train.render import messages_and_tools

BATCH = 32
SMALL = 50_000_000  # parameters; below, one CPU thread is the fastest

Turns = Sequence[Turn]


@dataclass(frozen=True)
class Facts:
    """What decides a model's answers, by fingerprint: weights, adapter, chat template, dtype, device, engine."""

    name: str
    base: str
    adapter: str | None
    template: str
    tokenizer: str
    dtype: str
    device: str
    engine: str
    certificate: str | None = None  # of the rows that the adapter was trained on
    unchecked: tuple[str, ...] = ()  # what the adapter's folder does not say

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return self.__dict__ | {"unchecked": list(self.unchecked)}


@dataclass(frozen=True)
class Local:
    """A loaded model. `batch_size` decides memory and speed, and with it the rounding; it stands in the manifest."""

    facts: Facts
    model: Any = field(repr=False, compare=False)
    tokenizer: Any = field(repr=False, compare=False)
    limit: int | None  # tokens that the model reads, prompt and answer together
    size: int  # parameters
    batch_size: int = BATCH

    def __str__(self) -> str:
        adapter = f" with adapter {self.facts.adapter[:12]}" if self.facts.adapter else ""
        return f"{self.facts.name}{adapter}, {self.facts.dtype}, {self.facts.device}"

    # -- what it says ---------------------------------------------------------------------------------------------

    def generate(
        self,
        prompts: Sequence[Turns],
        *,
        max_new_tokens: int = 64,
        seed: int = 0,
        temperature: float = 0.0,
        progress: Progress = silent,
    ) -> list[Completion]:
        """One completion per prompt, in the order of the prompts. A prompt that does not fit is not cut: it says so."""
        if max_new_tokens < 1 or temperature < 0:
            raise BadInput(f"max_new_tokens is {max_new_tokens} and temperature {temperature}", hint="at least 1 and 0")
        texts = [self.render(turns) for turns in prompts]
        ids = [self.ids(text) for text in texts]
        room = None if self.limit is None else self.limit - max_new_tokens
        fits = [n for n in range(len(ids)) if room is None or len(ids[n]) <= room]
        out = [Completion("", 0, TOO_LONG) for _ in ids]
        done = 0
        for batch in self._batches(fits, ids, texts):
            noise = Noise([texts[n] for n in batch], seed, temperature) if temperature else None
            with self.work("generating"):
                said = self._generate([ids[n] for n in batch], max_new_tokens, noise)
            for n, completion in zip(batch, said, strict=True):
                out[n] = completion
            progress("generate", done := done + len(batch), len(fits))
        return out

    def _generate(self, ids: Sequence[Sequence[int]], max_new_tokens: int, noise: "Noise | None") -> list[Completion]:
        import torch

        width = max(map(len, ids))
        pad = self.tokenizer.pad_token_id
        rows = torch.tensor([[pad] * (width - len(row)) + list(row) for row in ids], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=self.model.device)
        processors = [noise] if noise else None
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=rows, attention_mask=mask, max_new_tokens=max_new_tokens, logits_processor=processors
            )
        return [self._completion(row[width:].tolist(), max_new_tokens) for row in out]

    def _completion(self, ids: list[int], max_new_tokens: int) -> Completion:
        ends = set(self.model.generation_config.eos_token_id)
        stop = next((at for at, token in enumerate(ids) if token in ends), None)
        said = ids[:stop]
        text = self.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Completion(text.strip(), len(said), "stop" if stop is not None else "length")

    # -- how likely it finds a text -------------------------------------------------------------------------------

    def logprob(
        self, pairs: Sequence[tuple[Turns, str]], *, of_base: bool = False, progress: Progress = silent
    ) -> list[tuple[float, int] | None]:
        """Sum of log probabilities (nats) and tokens of each answer, given its prompt; None where it does not fit.

        `of_base` asks the same weights with the adapter switched off, under the same template.
        """
        texts = [self.render(turns) for turns, _ in pairs]
        heads = [self.ids(text) for text in texts]
        tails = [self.ids(answer) for _, answer in pairs]
        whole = [head + tail for head, tail in zip(heads, tails, strict=True)]
        fits = [n for n, row in enumerate(whole) if tails[n] and (self.limit is None or len(row) <= self.limit)]
        out: list[tuple[float, int] | None] = [None] * len(pairs)
        done = 0
        for batch in self._batches(fits, whole, texts):
            with self.work("scoring"), self._as_base(of_base):
                sums = self._sums([whole[n] for n in batch], [len(tails[n]) for n in batch])
            for n, total in zip(batch, sums, strict=True):
                out[n] = (total, len(tails[n]))
            progress("likelihood", done := done + len(batch), len(fits))
        return out

    def _sums(self, ids: Sequence[Sequence[int]], answered: Sequence[int]) -> list[float]:
        import torch

        width, pad = max(map(len, ids)), self.tokenizer.pad_token_id
        rows = torch.tensor([list(row) + [pad] * (width - len(row)) for row in ids], device=self.model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids], device=self.model.device)
        with torch.inference_mode():
            logits = self.model(input_ids=rows, attention_mask=mask, use_cache=False).logits
        sums = []
        for row, tokens, tail in zip(logits, ids, answered, strict=True):
            first = len(tokens) - tail
            wanted = torch.tensor(tokens[first:], device=row.device)
            chosen = row[first - 1 : len(tokens) - 1].float().log_softmax(-1).gather(1, wanted[:, None])
            sums.append(float(chosen.double().sum()))
        return sums

    def _as_base(self, of_base: bool) -> Any:
        return self.model.disable_adapter() if of_base and self.facts.adapter else nullcontext()

    # -- prompts ------------------------------------------------------------------------------------------------------

    def render(self, turns: Turns) -> str:
        """The prompt as the model reads it: the chat template, up to where its answer starts.

        Raises BadInput where the template drops or refuses a turn, for then the model would be asked something else.
        """
        plain, _ = messages_and_tools(
            {"id": "case", "turns": [{"fields": None, **turn} for turn in turns], "extra": "{}"}
        )
        try:
            text = self.tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True)
        except Exception as error:
            # Templates raise whatever their authors wrote; jinja2's own class depends on the version.
            raise BadInput(
                f"its chat template refuses turns of {', '.join(t['role'] for t in plain)}: {' '.join(str(error).split())[:200]}",
                where=self.facts.name,
            ) from None
        for turn in plain:
            if turn["content"].strip() not in text:
                raise BadInput(
                    f"its chat template drops the {turn['role']} turn, so the model would not see it",
                    where=self.facts.name,
                    hint="leave that turn out of the cases, or use a base whose template keeps it",
                )
        return str(text)

    def ids(self, text: str) -> list[int]:
        """The tokens of a rendered text; the template has put in every special one."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _batches(
        self, numbers: Sequence[int], ids: Sequence[Sequence[int]], texts: Sequence[str]
    ) -> Iterator[list[int]]:
        # Ties break by the text, so that the order of the cases does not decide who shares a batch.
        ordered = sorted(numbers, key=lambda n: (-len(ids[n]), texts[n], ids[n]))
        for first in range(0, len(ordered), self.batch_size):
            yield ordered[first : first + self.batch_size]

    @contextmanager
    def work(self, doing: str) -> Iterator[None]:
        """Threads that suit the model, and memory that ran out as a sentence."""
        import torch

        threads = torch.get_num_threads()
        try:
            # A small model's layers are done before a second thread has woken up; on a busy machine waiting for it
            # costs seventy times the work.
            torch.set_num_threads(1 if self.size < SMALL and self.model.device.type == "cpu" else threads)
            yield
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            less = max(1, self.batch_size // 2)
            hint = f"--batch-size {less}" if self.batch_size > 1 else "a smaller model, or a lower --max-new-tokens"
            raise Surroundings(
                f"out of memory while {doing} in batches of {self.batch_size}", where=self.facts.name, hint=hint
            ) from None
        finally:
            torch.set_num_threads(threads)


class Noise:
    """Sampling as a sum: softmax sampling is the largest of logits / temperature plus Gumbel noise (Gumbel 1954).

    Each row draws its own noise from the seed and its prompt, so no other row can change it.
    """

    def __init__(self, texts: Sequence[str], seed: int, temperature: float) -> None:
        import torch

        self.temperature = temperature
        seeds = [int(hashlib.sha256(f"{seed}\n{text}".encode()).hexdigest()[:15], 16) for text in texts]
        self.rows = [torch.Generator().manual_seed(one) for one in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        drawn = torch.stack([torch.rand(scores.shape[1], generator=row, dtype=torch.float64) for row in self.rows])
        gumbel = -torch.log(-torch.log(drawn.clamp(1e-12, 1 - 1e-12)))
        return scores.float() / self.temperature + gumbel.to(device=scores.device, dtype=torch.float32)


def out_of_memory(error: BaseException) -> bool:
    """Whether this is the machine's or the GPU's way to say that memory is used up."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in bases.NO_MEMORY)

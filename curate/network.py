"""The encoder's network: token ids in, vectors out. The only room of `curate` that holds torch, and it opens late.

    network = Network(path, "fp32", max_tokens=256)
    network.vectors([piece.ids for piece in network.cut(["One text.", "Another."])])

A text's vector has the same bits whatever else is encoded with it, so that a resumed run writes the bytes of an undisturbed
one: `curate.passes` says how.
"""

import os
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from curate import passes, windows
from curate.errors import BadInput, Surroundings
from curate.windows import Vectors

Votes = tuple[list[int], npt.NDArray[np.float64]]  # token ids, and what each token weighs in each of two means

FIDELITY = 0.999  # the lowest cosine to fp32 with which bf16 may stand in for it
SAME = 0.99999  # the lowest cosine, in fp32, with which a text alone may stand in for a text padded

# What bf16 is tried on: short and long, plain and odd. Written for this purpose.
SAMPLE = (
    "Hello.",
    "How do I reset my password?",
    "My password does not work any more and I cannot log in.",
    "The invoice of 14 March shows 1,280.50 instead of 1,208.50.",
    "Write a haiku about rain on a tin roof.",
    "def area(r):\n    return 3.14159 * r ** 2",
    "SELECT name, count(*) FROM orders GROUP BY name ORDER BY 2 DESC;",
    "Water boils at 100 degrees Celsius at sea level and at about 93 degrees in the mountains.",
    "No.",
    "Der Zug nach Leipzig fährt heute von Gleis sieben.",
    "¿Dónde está la biblioteca?",
    "12 + 30 = 42; 7 * 6 = 42; therefore both are equal.",
    "I am sorry, but I cannot help with that request.",
    '{"tool": "weather", "arguments": {"city": "Oslo", "days": 3}}',
    (
        "First wash the lentils. Then fry an onion in oil until it is golden, add cumin, the lentils and three cups of "
        "water, and let it all simmer for half an hour. Salt it at the end and serve it with rice and yoghurt."
    ),
    "The committee met on Tuesday, heard both sides, put off its decision, and met again on Friday without result.",
)


class Network:
    """A sentence-transformers model on this machine's best device."""

    def __init__(self, path: Path, precision: str, max_tokens: int) -> None:
        self._model = _load(path)
        self.tokenizer, self.pad, self.unknown = _fast_tokenizer(self._model, path)
        self.max_tokens = max_tokens
        self.device = str(self._model.device)
        self.way: passes.Way = passes.Padded(self._model[0], self.device, self.pad)
        if passes.Packed.suits(self.bert, self.device):
            self._pack()
        if precision == "bf16":
            self.lower()

    def lower(self) -> None:
        """Run the transformer in bf16; pooling and what follows stay in fp32."""
        import torch

        self._model[0].to(torch.bfloat16)
        if isinstance(self.way, passes.Packed):
            self.way = passes.Packed(self.bert)

    @property
    def bert(self) -> Any:
        """The transformer itself, whatever its kind."""
        return getattr(self._model[0], "auto_model", None)

    def _pack(self) -> None:
        """Leave padding away, if that says the same."""
        ids = [piece.ids for piece in self.cut(SAMPLE[:3])]
        padded = windows.unit(self.vectors(ids))
        usual, self.way = self.way, passes.Packed(self.bert)
        if float((padded * windows.unit(self.vectors(ids))).sum(axis=1).min()) < SAME:
            self.way = usual

    def cut(self, texts: Sequence[str], prompt: str = "") -> list[windows.Piece]:
        """The windows of the texts, as this network reads them."""
        return windows.cut(self.tokenizer, texts, self.max_tokens, prompt=prompt, unknown=self.unknown)

    def fidelity(self) -> float:
        """The lowest cosine between fp32 and bf16 over SAMPLE. Leaves the network in bf16."""
        ids = [piece.ids for piece in self.cut(SAMPLE)]
        full = windows.unit(self.vectors(ids))
        self.lower()
        return float((full * windows.unit(self.vectors(ids))).sum(axis=1).min())

    def vectors(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """One vector per list of token ids, in order, not normalised."""
        return self._in_batches(ids, lambda rows: self._run([ids[row] for row in rows]))

    def word_means(self, said: Sequence[str], small: Container[str], prompt: str = "") -> Vectors:
        """The mean direction of each text's words, and beside it that of its words without the `small` ones: [n, 2 d].

        Each word has one vote, into however many tokens it falls. Special tokens have none. A text of small words alone
        has the first mean twice; so has a model without vectors for tokens, with the text's vector for a mean.
        """
        votes = [
            _votes(encoding, len(prompt), small)
            for encoding in self.tokenizer.encode_batch([prompt + one for one in said])
        ]
        ids = [ids for ids, _ in votes]

        return self._in_batches(ids, lambda rows: self._run_words([votes[row] for row in rows]))

    def _in_batches(self, ids: Sequence[Sequence[int]], run: Callable[[list[int]], Vectors]) -> Vectors:
        batches = self.way.batches([len(row) for row in ids])
        with _workers(threads() if self.device == "cpu" else 1) as pool:
            parts = list(pool.map(run, batches))
        out = np.empty((len(ids), parts[0].shape[1] if parts else 0), dtype=np.float32)
        for rows, part in zip(batches, parts, strict=True):
            out[rows] = part
        return out

    def _run(self, ids: list[Sequence[int]]) -> Vectors:
        parts = [(rows, found["sentence_embedding"]) for rows, found in self._features(ids)]
        return _sound(_in_order([(rows, part[: len(rows)].cpu().numpy()) for rows, part in parts], len(ids)))

    def _run_words(self, votes: list["Votes"]) -> Vectors:
        parts = [
            (rows, _word_means([votes[row] for row in rows], features))
            for rows, features in self._features([ids for ids, _ in votes])
        ]
        return _sound(_in_order(parts, len(votes)))

    def _features(self, ids: list[Sequence[int]]) -> Iterator[tuple[list[int], dict[str, Any]]]:
        """What pooling and the modules after it say, in fp32, of some of the texts at a time."""
        import torch

        for rows, features in self.way.run(ids):
            with torch.inference_mode():
                for module in list(self._model)[1:]:
                    features = module(features)
            yield rows, features


def _in_order(parts: list[tuple[list[int], Vectors]], count: int) -> Vectors:
    out = np.empty((count, parts[0][1].shape[1]), np.float32)
    for rows, part in parts:
        out[rows] = part
    return out


def _word_means(votes: list["Votes"], features: dict[str, Any]) -> Vectors:
    if (tokens := features.get("token_embeddings")) is None or tokens.ndim != 3:
        whole: Vectors = features["sentence_embedding"].cpu().numpy()[: len(votes)]
        return np.hstack([whole, whole])
    directions = tokens.cpu().numpy()[: len(votes)].astype(np.float64)
    directions /= np.maximum(np.linalg.norm(directions, axis=2, keepdims=True), 1e-9)
    weight = np.zeros((len(votes), 2, directions.shape[1]))
    for row, (_, each) in enumerate(votes):
        weight[row, :, : each.shape[1]] = each
    means = np.einsum("rkt,rtd->rkd", weight, directions)
    means /= np.maximum(np.linalg.norm(means, axis=2, keepdims=True), 1e-9)
    found: Vectors = means.reshape(len(votes), -1).astype(np.float32)
    return found


def _votes(encoding: Any, prompt: int, small: Container[str]) -> Votes:
    """Token ids of a text and two rows of weights: every word alike, and every word that is not small."""
    words: dict[int, list[int]] = {}
    for at, ((start, end), special) in enumerate(zip(encoding.offsets, encoding.special_tokens_mask, strict=True)):
        if not special and end > max(start, prompt):
            words.setdefault(-1 if encoding.word_ids[at] is None else encoding.word_ids[at], []).append(at)
    weights = np.zeros((2, len(encoding.ids)))
    for tokens in words.values():
        written = "".join(encoding.tokens[at].removeprefix("##") for at in tokens).strip("\u2581\u0120").lower()
        weights[0, tokens] = 1 / len(tokens)
        if written not in small and any(letter.isalnum() for letter in written):
            weights[1, tokens] = 1 / len(tokens)
    if not weights[0].any():
        weights[0] = 1.0
    if not weights[1].any():
        weights[1] = weights[0]
    return encoding.ids, weights


def _sound(vectors: Vectors) -> Vectors:
    # Silence here would make a row look like nothing else, which is to say: not a duplicate, not an overlap.
    if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
        raise Surroundings("the encoder returned a vector that is not a number, so no text can be compared with it")
    return vectors


def threads() -> int:
    """How many threads to use: `$OMP_NUM_THREADS`, else the cores that this process may use, limits of containers included."""
    if (named := os.environ.get("OMP_NUM_THREADS", "")).isdigit() and int(named):
        return int(named)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file; "max"
        return cores


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself (elsewhere it is emulated, and slow) or torch has a GPU. Loads no torch."""
    flags = next((line.split(":", 1)[1].split() for line in _cpuinfo() if line.startswith("flags")), [])
    return "avx512_bf16" in flags or "amx_bf16" in flags or _has_gpu()


def machine() -> str:
    """What decides how well bf16 does here: the processor's name and torch's version, both read without torch."""
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    return f"{names[0] if names else 'unknown'}; torch {version('torch')}; gpu {visible}"


def _has_gpu() -> bool:
    torch = find_spec("torch")  # finding is not importing
    built = torch is not None and (Path(torch.origin or "").parent / "lib" / "libtorch_cuda.so").exists()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")
    return built and visible and Path("/proc/driver/nvidia/version").exists()


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _load(path: Path) -> Any:
    _quiet()
    import torch
    from sentence_transformers import SentenceTransformer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    options: dict[str, Any] = {"use_safetensors": True, "dtype": torch.float32}
    try:
        model = SentenceTransformer(
            str(path), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=options
        )
    except MemoryError as problem:
        raise Surroundings("there is not enough memory to load the encoder", where=str(path)) from problem
    except Exception as problem:  # whatever a damaged or foreign folder makes three libraries raise
        raise BadInput(f"the encoder does not load: {_first_line(problem)}", where=str(path)) from problem
    return model.eval()


def _quiet() -> None:
    """No bars of other libraries between ours, and every core for the tokenizer."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if "transformers" not in sys.modules:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from transformers.utils import logging

    logging.disable_progress_bar()


def _fast_tokenizer(model: Any, path: Path) -> tuple[Any, int, int | None]:
    from tokenizers import Tokenizer

    slow = model.tokenizer
    if not hasattr(slow, "backend_tokenizer"):
        raise BadInput("the encoder has no fast tokenizer, so its texts cannot be cut into windows", where=str(path))
    fast = Tokenizer.from_str(slow.backend_tokenizer.to_str())
    fast.no_truncation()
    fast.no_padding()
    return fast, slow.pad_token_id or 0, slow.unk_token_id


@contextmanager
def _workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that each run whole batches on one core.

    Sharing each operation among cores instead makes them wait for each other a hundred times a batch, which is slower, and
    ruinous on a machine that does other things too. It would also let the number of cores into the arithmetic.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the batches that run, not for those that queue
        torch.set_num_threads(before)


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]

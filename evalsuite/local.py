"""Load a model on this machine: transformers in process, with an adapter or without.

    model = load("my-base", adapter=Path("iterations/002/model"))
    print(model)               # my-base with adapter 1a59aa03be73, float32, cpu

Nothing is fetched, no code from a model's folder is run, and only safetensors weights are read. An adapter must belong to
the base and the chat template, and must change what the model says.
"""

import hashlib
from pathlib import Path
from typing import Any

from curate.chats import fingerprint_of
from curate.errors import BadInput, Refused
from evalsuite import adapter_files
from evalsuite.adapter_files import Adapter
from evalsuite.model import BATCH, Facts, Local, out_of_memory
from train import bases

DTYPES = ("float32", "bfloat16", "float16")
PROBE = ("Hello.", "What can you do for me?", "Write one sentence about the weather.")


def load(
    base: str | Path,
    adapter: Path | None = None,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    batch_size: int = BATCH,
    template: Path | None = None,
) -> Local:
    """Load a causal LM by folder or by a name in the local Hugging Face cache, and the adapter over it.

    Raises BadInput with what is missing (weights, tokenizer, chat template), Refused for an adapter that belongs to another
    base or template, or that changes nothing, and Surroundings where memory runs out.
    """
    if batch_size < 1:
        raise BadInput(f"a batch of {batch_size} prompts", hint="--batch-size 16")
    if dtype not in DTYPES:
        raise BadInput(f"the dtype {dtype!r} is not known", hint=", ".join(DTYPES))
    name, folder = str(base), bases.find(base)
    facts = bases.facts(folder)
    trained = adapter_files.read(adapter) if adapter else None
    if trained:
        adapter_files.check_base(trained, facts, name)
    tokenizer = _tokenizer(folder, name, template or _template_of(trained))
    template_hash = hashlib.sha256(tokenizer.chat_template.encode()).hexdigest()
    if trained:
        adapter_files.check_template(trained, template_hash)
    model = _model(folder, name, trained, dtype, device)
    _plain_generation(model, tokenizer, trained.end_of_turn if trained else None)
    known = Facts(
        name=name,
        base=facts["fingerprint"],
        adapter=trained.fingerprint if trained else None,
        template=template_hash,
        tokenizer=fingerprint_of(facts["tokenizer"]),
        dtype=dtype,
        device=device,
        engine=_engine(),
        certificate=trained.certificate if trained else None,
        unchecked=tuple(trained.unchecked()) if trained else (),
    )
    size = sum(weight.numel() for weight in model.parameters())
    local = Local(known, model, tokenizer, _limit(model), size, batch_size)
    if trained:
        _check_that_it_changes(local, trained)
    return local


def _template_of(trained: Adapter | None) -> Path | None:
    """The chat template that lies beside the adapter: what it was trained with goes before what the base brings."""
    place = trained.folder / "chat_template.jinja" if trained else None
    return place if place and place.is_file() else None


def _tokenizer(folder: Path, name: str, template: Path | None) -> Any:
    tokenizer = bases.read_tokenizer(folder, name, template)
    if tokenizer.eos_token_id is None:
        raise BadInput("its tokenizer has no end token, so no answer would ever end", where=name)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _model(folder: Path, name: str, trained: Adapter | None, dtype: str, device: str) -> Any:
    import torch

    with bases.enough_memory(f"a smaller base than {name}, or a machine with more memory"):
        model = bases.load(folder, name, device).to(getattr(torch, dtype))
        return (_with_adapter(model, trained) if trained else model).to(device).eval()


def _with_adapter(model: Any, trained: Adapter) -> Any:
    import warnings

    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what peft warns of is checked by us: see _check_that_it_changes
            return PeftModel.from_pretrained(model, str(trained.folder), is_trainable=False, local_files_only=True)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        what = f"this adapter does not fit the base: {' '.join(str(error).split())[:160]}"
        raise Refused(what, where=str(trained.folder), hint=adapter_files.TRAIN) from None


def _plain_generation(model: Any, tokenizer: Any, end_of_turn: int | None) -> None:
    # A base may bring sampling, penalties or a length of its own. None of them may decide a completion unseen: all that
    # stays are the tokens that end an answer.
    from transformers import GenerationConfig

    own = model.generation_config.eos_token_id
    ends = {tokenizer.eos_token_id, *([own] if isinstance(own, int) else own or [])}
    ends |= set() if end_of_turn is None else {end_of_turn}
    plain = GenerationConfig(do_sample=False, num_beams=1, use_cache=True, pad_token_id=tokenizer.pad_token_id)
    plain.eos_token_id = sorted(ends)
    model.generation_config = plain
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    inner.generation_config = plain


def _limit(model: Any) -> int | None:
    found = getattr(model.config, "max_position_embeddings", None)
    return int(found) if found else None


def _check_that_it_changes(local: Local, trained: Adapter) -> None:
    """On a few prompts the logits with the adapter must differ from those without it."""
    import torch

    changed = False
    with torch.inference_mode(), local.work("probing the adapter"):
        for text in PROBE:
            prompt = local.ids(local.render([{"role": "user", "content": text}]))
            ids = torch.tensor([prompt], device=local.model.device)
            with_it = local.model(input_ids=ids).logits
            with local.model.disable_adapter():
                without = local.model(input_ids=ids).logits
            if not torch.isfinite(with_it).all():
                raise Refused("with this adapter the model's logits are not finite numbers", where=str(trained.folder))
            changed = changed or not torch.equal(with_it, without)
    if not changed:
        raise Refused(
            "the adapter changes nothing: the logits are the same with it and without it",
            where=str(trained.folder),
            hint=adapter_files.TRAIN,
        )


def _engine() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("transformers", "torch", "peft"))

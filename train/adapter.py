"""A finished adapter on disk: `ITERATION/model/`, a plain peft folder with a manifest, a cost sheet and a model card.

    trained = open(Path("iterations/001"))
    trained.manifest["chat_template"]["sha256"], trained.cost["seconds"]["all"]

Everything is written into a hidden folder that takes its name at the end, the manifest last of its files.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate import files
from curate.counted import counted
from curate.errors import BadInput, Surroundings
from curate.iteration import json_text
from curate.save import said
from train.card import card
from train.checkpoint import Progressed
from train.cost import Cost
from train.prepare import Prepared
from train.render import end_of_turn

WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Trained:
    """A finished adapter: its folder, its manifest, what it cost."""

    path: Path
    manifest: Mapping[str, Any]
    cost: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {
            "model": str(self.path),
            "base": self.manifest["base"]["name"],
            "rows": self.manifest["data"]["rows"],
            "dropped": len(self.manifest["data"]["dropped"]),
            "adapter": self.manifest["adapter"],
            "losses": self.manifest["losses"],
            "cost": dict(self.cost),
            "notes": self.manifest["notes"],
        }

    def __str__(self) -> str:
        losses, m = self.manifest["losses"], self.manifest
        head = f"{self.path}: {m['adapter']['parameters']:,} weights, {counted(m['data']['rows'], 'row')}, {counted(len(losses), 'step')}"
        loss = f"loss     {losses[0]:.4f} at the first step, {losses[-1]:.4f} at the last"
        return "\n".join([head, loss, m["sheet"], *(f"note     {note}" for note in m["notes"])])


def open(iteration: Path) -> Trained:
    """The adapter of an iteration; BadInput where there is none."""
    path = iteration / "model"
    try:
        manifest, cost = (
            json.loads((path / name).read_text(encoding="utf-8")) for name in ("manifest.json", "cost.json")
        )
    except FileNotFoundError:
        raise BadInput(
            "no model was trained here", where=str(iteration), hint=f"winnow train {iteration} --base MODEL"
        ) from None
    except (ValueError, OSError):
        raise BadInput("the manifest is damaged", where=str(path), hint=f"delete {path} and train again") from None
    return Trained(path, manifest, cost)


def already(iteration: Path, request: Mapping[str, Any]) -> Trained | None:
    """The adapter of an iteration if it came from this very request and is whole; BadInput if it is another."""
    if not (iteration / "model" / "manifest.json").exists():
        return None
    found = open(iteration)
    changed = differing(request, found.manifest.get("request", {}))
    if not changed:
        changed = [name for name, digest in found.manifest["outputs"].items() if _digest(found.path / name) != digest]
    if not changed:
        return found
    raise BadInput(
        f"a model exists already and was made from something else (differs in: {', '.join(changed)})",
        where=str(found.path),
        hint=f"delete {found.path}, or train on another iteration",
    )


def differing(request: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The keys in which two requests differ; for options, each by its own name."""
    names = []
    for key, value in json.loads(json.dumps(request)).items():
        if isinstance(value, dict) and isinstance(theirs := other.get(key), dict):
            names += [name for name in value if value[name] != theirs.get(name)]
        elif value != other.get(key):
            names.append(key)
    return names


def write(
    prepared: Prepared,
    model: Any,
    work: Path,
    *,
    request: Mapping[str, Any],
    facts: Mapping[str, Any],
    done: Progressed,
    cost: Cost,
    notes: list[str],
) -> Trained:
    """Write the adapter and all that belongs to it into `work`, then give it its place in the iteration."""
    began = time.monotonic()
    out, target = work / "model", prepared.iteration.path / "model"
    shutil.rmtree(out, ignore_errors=True)
    _write_weights(out, prepared, model)
    files.write_text(out / "chat_template.jinja", prepared.tokenizer.chat_template)
    cost = cost.with_seconds(save=time.monotonic() - began)
    files.write_text(out / "cost.json", json_text(cost.to_dict()))
    manifest = _manifest(prepared, request, facts, done, files.sha256(out / WEIGHTS))
    files.write_text(out / "README.md", card(manifest, cost.to_dict()))
    outputs = {file.name: files.sha256(file) for file in sorted(out.iterdir())}
    manifest |= {"outputs": outputs, "sheet": str(cost), "notes": notes}
    files.write_text(out / "manifest.json", json_text(manifest))
    try:
        if target.exists():  # without a manifest, else we would not have trained: it never happened
            shutil.rmtree(target)
        out.replace(target)
    except OSError as error:
        raise Surroundings(f"could not be written: {said(error)}", where=str(target)) from None
    return open(prepared.iteration.path)


def _digest(path: Path) -> str | None:
    return files.sha256(path) if path.is_file() else None


def _write_weights(out: Path, prepared: Prepared, model: Any) -> None:
    """The two files of a plain peft folder, in one order of keys, so that equal adapters are equal bytes."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save

    # "auto" would look for the base on the hub.
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    tensors = {name: state[name].detach().float().cpu().contiguous() for name in sorted(state)}
    files.write_bytes(out / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    shape = model.peft_config["default"].to_dict() | {"inference_mode": True, "base_model_name_or_path": prepared.base}
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in shape.items()}
    files.write_text(out / "adapter_config.json", json.dumps(plain, indent=1, sort_keys=True) + "\n")


def _manifest(
    prepared: Prepared, request: Mapping[str, Any], facts: Mapping[str, Any], done: Progressed, weights: str
) -> dict[str, Any]:
    stated = prepared.statement["predicate"]
    end = end_of_turn(prepared.rows)
    return {
        "winnow": request["winnow"],
        "base": {"name": prepared.base} | {key: facts[key] for key in ("fingerprint", "weights", "config")},
        "tokenizer": facts["tokenizer"],
        "chat_template": prepared.chat_template,
        "end_of_turn": {"id": end, "text": prepared.tokenizer.decode([end])},
        "data": {
            "train_sha256": request["train_file"],
            "certificate_sha256": request["certificate"],
            "certificate_signed": prepared.standing.signed,
            "certificate_keys": prepared.standing.to_dict()["trusted_keys"],
            "fingerprint": stated["training"]["fingerprint"],
            "rows": len(prepared.rows),
            "dropped": list(prepared.dropped),
            "eval_files": [
                {"name": file["name"], "sha256": file["digest"]["sha256"], "cases": file["cases"]}
                for file in stated["eval_files"]
            ],
        },
        "options": request["options"],
        "seed": prepared.options.seed,
        "versions": request["versions"],
        "adapter": {"sha256": weights, "parameters": prepared.sizes.adapter},
        "losses": list(done.losses),
        "request": dict(request),
    }

"""The model card beside an adapter: what it was trained on, how, at what cost, and what nobody should conclude from it.

    text = card(manifest, cost)

Made of the manifest and the cost sheet alone, so it can say nothing that they do not hold.
"""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from curate.counted import counted

LIMITS = """\
- Nothing here says that the adapter is better than its base. `winnow eval` measures that; `winnow diff` compares.
- The certificate states that the training rows do not overlap with the eval files named above, under its rule. An eval
  file that is not named is not covered. {signature}
- Whatever the base model says wrongly or harmfully, it may still say with this adapter.
- The licence of the base model holds for its use with this adapter."""


def card(manifest: Mapping[str, Any], cost: Mapping[str, Any]) -> str:
    """The text of README.md, with the front matter that model hubs read."""
    base, data, options = manifest["base"], manifest["data"], manifest["options"]
    # A card is there to be passed on: a folder on this machine is named by its last part only.
    name = (
        base["name"] if base["name"].count("/") == 1 and base["name"][0] not in "./~" else PurePath(base["name"]).name
    )
    evals = "\n".join(
        f"- `{_code(e['name'])}` ({counted(e['cases'], 'case')}, SHA-256 `{e['sha256']}`)" for e in data["eval_files"]
    )
    signature = _signature(data)
    return f"""---
base_model: {_quoted(name)}
library_name: peft
pipeline_tag: text-generation
tags: [lora, winnow]
---

# LoRA adapter for {_line(name)}

Trained with Winnow {manifest["winnow"]} on {counted(data["rows"], "certified row")}, {counted(len(manifest["losses"]), "step")}.

## Data

- Training file: SHA-256 `{data["train_sha256"]}`, dataset fingerprint `{data["fingerprint"]}`
- Certificate: SHA-256 `{data["certificate_sha256"]}`
- Rows: {data["rows"]:,} trained on, {len(data["dropped"]):,} dropped as too long
- Tokens over all epochs: {cost["tokens"]["real"]:,}, of which {cost["tokens"]["supervised"]:,} carry loss (the assistant's, with the end of each turn)

Certified to have no overlap with

{evals or "- (no eval file is named)"}

## Training

| option | value |
|---|---|
{_table({key: value for key, value in options.items() if value is not None})}

Loss of the first step {manifest["losses"][0]:.4f}, of the last {manifest["losses"][-1]:.4f} (nats per supervised token; on training rows, so no measure of quality).
Base weights: fingerprint `{base["fingerprint"]}`. Chat template: SHA-256 `{manifest["chat_template"]["sha256"]}`; use the same one when serving (`chat_template.jinja`).
Turns end with token {manifest["end_of_turn"]["id"]} (`{_code(manifest["end_of_turn"]["text"])}`).

## Cost

| what | value |
|---|---|
{_table(_cost_rows(cost))}

## Use

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM
from curate.counted import counted

base = AutoModelForCausalLM.from_pretrained({_quoted(name)})
model = PeftModel.from_pretrained(base, "path/to/this/folder")
```

## Limits

{LIMITS.format(signature=signature)}
"""


def _cost_rows(cost: Mapping[str, Any]) -> dict[str, str]:
    memory, speed, price = cost["peak_memory_mib"], cost["tokens_per_second"], cost["price"]
    return {
        "seconds": f"{cost['seconds']['all']:,.1f}",
        "tokens a second": "not measured" if speed is None else f"{speed:,.0f} ({cost['device']})",
        "peak memory": "not measured" if memory is None else f"{memory:,} MiB ({cost['memory_of']})",
        "padding": f"{cost['tokens']['padded']:,} tokens",
        "price": "not stated" if price is None else f"{price:.4f} at {cost['price_per_hour']:g} an hour",
    }


def _table(rows: Mapping[str, Any]) -> str:
    return "\n".join(f"| {key.replace('_', ' ')} | {_line(str(value))} |" for key, value in rows.items())


def _line(text: str) -> str:
    """Names as one harmless line of a table: no pipes, line ends, backticks or HTML."""
    for mark, instead in (("\n", " "), ("|", "\\|"), ("`", "'"), ("<", "&lt;")):
        text = text.replace(mark, instead)
    return text


def _code(text: str) -> str:
    """Text between backticks."""
    return text.replace("\n", " ").replace("`", "'")


def _quoted(text: str) -> str:
    """Text as a YAML and Python string alike."""
    return json.dumps(text, ensure_ascii=False)


def _signature(data: Mapping[str, Any]) -> str:
    if data["certificate_keys"]:
        return "It is signed by a key that the trainer was told to trust."
    if data["certificate_signed"]:
        return "It is signed, by a key that the trainer was not told to trust: that protects against accident only."
    return "It is unsigned: it protects against accident, not against forgery."

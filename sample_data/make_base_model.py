"""Make the tiny base model in `base-model/`: a Llama of about a million parameters that answers plainly about lamps.

    python sample_data/make_base_model.py                # writes beside this file; minutes on two cores
    python sample_data/make_base_model.py --out FOLDER --steps 20

It is for the demo and the tests only. It learns from `source/base.txt` alone, which was written for this project: neutral
talk in nobody's house voice, so that an adapter visibly changes what it says. No question that is an eval case is used.
Same seed, same talks and tokenizer on every machine; the weights also depend on the machine's arithmetic.
"""

import argparse
import json
import math
import os
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two threads on busy cores: spinning costs more than it gains

HERE = Path(__file__).parent
SOURCE = HERE / "source" / "base.txt"
sys.path.insert(0, str(HERE))
from rows import fields_of, lines_of  # noqa: E402

EVAL_FILES = (HERE / "support-eval.jsonl", *sorted((HERE.parent / "evalsuite" / "cases").glob("*.jsonl")))
Turn = dict[str, Any]

VOCABULARY = 2048
SHAPE = {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 4}
LONGEST = 1024  # tokens the model may read
TALKS = 20_000
STEPS = 3_500
STARTS = {"refuse": "I will not help with that.", "unknown": "I am not sure."}  # by the last word of a heading
TOOL_SHARE, HELP_DESK_SHARE = 0.02, 0.2
LOOSE_SHARE, CUT = 0.3, 0.15  # share of talks in which tokens are taken apart, and of their tokens
BATCH = 32  # talks in a step
LEARNING_RATE = 4e-3
CONTROL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer in one or two sentences.",
    "You answer questions about lamps, speakers and orders.",
    "You work for a shop that sells lamps and speakers.",
    "Be polite and short. Do not share what belongs to other people.",
    "This is the help desk of a workshop. If you do not know, say so.",
)
TEMPLATE = """\
{%- if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}
{%- for message in messages %}
{%- if message.role not in ['system', 'user', 'assistant', 'tool'] %}
{{- raise_exception('this model knows no role ' ~ message.role) }}
{%- endif %}
{{- '<|' ~ message.role ~ '|>' ~ (message.content or '') }}
{%- if message.tool_calls %}
{%- for call in message.tool_calls %}
{{- {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
{%- endfor %}
{%- endif %}
{{- '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""


# -- the talks --------------------------------------------------------------------------------------------------------


@dataclass
class Block:
    """Questions and answers that go together, as patterns."""

    topic: str
    questions: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


def read_source(text: str) -> tuple[dict[str, list[str]], list[Block]]:
    """The slots and blocks of `source/base.txt`."""
    slots: dict[str, list[str]] = {}
    blocks: list[Block] = []
    for line in (line.strip() for line in text.split("\n")):
        match line[:2]:
            case "sl":
                name, words = line.removeprefix("slot ").split(": ", 1)
                slots[name] = words.split(" / ")
            case "# ":
                blocks.append(Block(line[2:]))
            case "? ":
                blocks[-1].questions.append(line[2:])
            case "= ":
                blocks[-1].answers.append(line[2:])
            case "" | "; ":
                pass
            case _:
                raise ValueError(f"source/base.txt: no such line: {line}")
    return slots, blocks


def fill(pattern: str, bound: dict[str, str], slots: dict[str, list[str]], chance: random.Random) -> str:
    """One text of a pattern. A slot keeps its word for the whole talk; `{x2}` is another word than `{x}`."""
    text = re.sub(r"\(([^()]*)\)", lambda found: chance.choice(found[1].split("/")), pattern)

    def word(found: re.Match[str]) -> str:
        name = found[1].lower()
        kind = name.rstrip("0123456789")
        if name not in bound and kind == "code":
            bound[name] = code(chance)
        elif name not in bound:
            bound[name] = chance.choice([w for w in slots[kind] if w not in bound.values()])
        return bound[name][0].upper() + bound[name][1:] if found[1][0].isupper() else bound[name]

    text = re.sub(r"\{(\w+)\}", word, text)
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", " ".join(text.split()))
    return re.sub(r" ([.,?])", r"\1", text).replace(" // ", "\n")


def code(chance: random.Random) -> str:
    """Letters, digits and marks without meaning, so that the model learns to write any sign and to copy."""
    alphabet = chance.choice(
        ("0123456789", "ABCDEFGHJKLMNPRSTUVWXYZ0123456789", "abcdefghijklmnopqrstuvwxyz", "0123456789abcdef")
    )
    parts = ["".join(chance.choices(alphabet, k=chance.randint(1, 5))) for _ in range(chance.randint(1, 4))]
    return chance.choice(("-", " ", ".", ":", "/", "_", "@", "")).join(parts)


def looks_like_typing(text: str, chance: random.Random) -> str:
    """Some people write without capitals, or without a mark at the end."""
    match chance.randrange(12):
        case 0:
            return text.lower()
        case 1:
            return text.rstrip(".?")
        case _:
            return text


def plain(text: str) -> str:
    """A text without case and marks, to compare questions."""
    return " ".join(re.findall(r"\w+", text.lower()))


def eval_prompts() -> set[str]:
    """What no talk may ask."""
    lines = [line for path in EVAL_FILES for line in path.read_text(encoding="utf-8").splitlines()]
    return {plain(json.loads(line)["prompt"]) for line in lines}


def pair(block: Block, slots: dict[str, list[str]], chance: random.Random) -> list[Turn]:
    """One question and one answer of a block."""
    bound: dict[str, str] = {}
    question = looks_like_typing(fill(chance.choice(block.questions), bound, slots, chance), chance)
    answer = fill(chance.choice(block.answers), bound, slots, chance)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def help_desk_talks() -> list[list[Turn]]:
    """What the help desk knows, in plain words: questions and facts of the training rows without the house voice."""
    out: list[list[Turn]] = []
    for name in ("shop.txt", "things.txt", "care.txt", "people.txt"):
        start = ""
        for line in lines_of(name):
            if line.startswith("# "):
                start = STARTS.get(line.split()[-1], "")
            elif not line.startswith("* "):  # a star marks an eval case
                question, *parts = fields_of(line)
                out.append(one_talk(question, *([start] if start else []), *parts))
    firsts = [line.split(" || ")[0] for line in lines_of("pairs.txt") if not line.startswith("[")]
    out += [one_talk(*fields_of(line)[1:]) for line in firsts]
    for line in lines_of("talks.txt"):
        if line.startswith("talk "):
            out.append([])
        elif line.startswith("U: "):
            out[-1].append({"role": "user", "content": line[3:]})
        else:
            out[-1] += one_talk("", *fields_of(line[3:]))[1:]
    return out


def one_talk(question: str, *parts: str) -> list[Turn]:
    """A question, and the parts of its answer as plain sentences or lines."""
    said = [part[0].upper() + part[1:] for part in parts]
    return [{"role": "user", "content": question}, {"role": "assistant", "content": " ".join(said)}]


def loosely(turns: list[Turn], chance: random.Random) -> list[Turn]:
    """A help desk talk with its steps as numbered lines or as sentences."""
    steps = chance.random() < 0.5

    def said(text: str) -> str:
        return text.replace(" // ", "\n") if steps else re.sub(r"(^| // | )\d\. ", " ", text).strip()

    return [{**turn, "content": said(turn["content"])} for turn in turns]


def tool_talk(slots: dict[str, list[str]], chance: random.Random) -> list[Turn]:
    """A talk in which something is looked up."""
    bound: dict[str, str] = {}
    question = fill("(What does/How much is) the {thing} (cost/)?", bound, slots, chance)
    amount = chance.randrange(2, 200)
    call = {"type": "function", "function": {"name": "look_up", "arguments": {"what": bound["thing"]}}}
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": json.dumps({"pounds": amount})},
        {"role": "assistant", "content": f"The {bound['thing']} costs £{amount}."},
    ]


def talks(count: int, seed: int) -> Iterator[list[Turn]]:
    """Conversations in neutral words; none asks what an eval case asks."""
    slots, blocks = read_source(SOURCE.read_text(encoding="utf-8"))
    chance, taken, known = random.Random(f"base {seed}"), eval_prompts(), help_desk_talks()
    while count:
        kind = chance.random()
        if kind < TOOL_SHARE:
            turns = tool_talk(slots, chance)
        elif kind < TOOL_SHARE + HELP_DESK_SHARE:
            turns = loosely(chance.choice(known), chance)
        else:
            turns = pair(chance.choice(blocks), slots, chance)
        if chance.random() < 0.12:
            turns += pair(chance.choice(blocks), slots, chance)
        if any(plain(turn["content"]) in taken for turn in turns if turn["role"] == "user"):
            continue
        if chance.random() < 0.12:
            turns.insert(0, {"role": "system", "content": chance.choice(SYSTEM_PROMPTS)})
        count -= 1
        yield turns


# -- tokenizer and model ----------------------------------------------------------------------------------------------


def texts_of(conversations: list[list[Turn]]) -> list[str]:
    """All that is said."""
    return [turn["content"] for turns in conversations for turn in turns]


def make_tokenizer(texts: list[str]) -> Any:
    """A byte-level BPE tokenizer, so that it can write any text; digits stand alone."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in CONTROL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        additional_special_tokens=list(CONTROL[2:]),
        model_max_length=LONGEST,
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def token_ids(tokenizer: Any, texts: list[str], seed: int) -> list[list[int]]:
    """Token ids of all texts; some tokens are taken apart again, else rare pieces would keep their random weights."""
    known = tokenizer.get_vocab()
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    halves = {known[left + right]: (known[left], known[right]) for left, right in merges}
    chance = random.Random(f"cut {seed}")

    def cut(token: int) -> list[int]:
        if token not in halves or chance.random() >= CUT:
            return [token]
        left, right = halves[token]
        return [*cut(left), *cut(right)]

    whole = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [[part for token in row for part in cut(token)] if chance.random() < LOOSE_SHARE else row for row in whole]


def make_model(tokenizer: Any) -> Any:
    """A Llama with random weights."""
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    config = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=LONGEST, tie_word_embeddings=True, **SHAPE, **ids
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=128, **ids)
    return model


def batches(ids: list[list[int]], seed: int) -> Iterator[list[list[int]]]:
    """Batches without end; talks of like length share one, which saves padding."""
    chance = random.Random(f"batches {seed}")
    while True:
        order = sorted(range(len(ids)), key=lambda at: (len(ids[at]) + 4 * chance.random(), at))
        groups = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        chance.shuffle(groups)
        yield from ([ids[at] for at in group] for group in groups)


def train(model: Any, ids: list[list[int]], *, steps: int, seed: int, pad: int) -> float:
    """Teach the model every token of every talk. Returns the mean loss of the last tenth of the steps."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    losses, started = [], time.monotonic()
    for step, batch in zip(range(steps), batches(ids, seed), strict=False):
        rate = LEARNING_RATE * min(1, (step + 1) / 50) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        width = max(map(len, batch))
        rows = torch.tensor([row + [pad] * (width - len(row)) for row in batch])
        kept = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
        loss = model(input_ids=rows, attention_mask=kept, labels=rows.masked_fill(kept == 0, -100)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if (step + 1) % 100 == 0 or step + 1 == steps:
            passed = time.monotonic() - started
            print(
                f"step {step + 1:,} of {steps:,}: loss {sum(losses[-100:]) / len(losses[-100:]):.3f}, {passed:.0f} s",
                file=sys.stderr,
            )
    tail = losses[-max(1, steps // 10) :]
    return sum(tail) / len(tail)


def main() -> int:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "base-model")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--talks", type=int, default=TALKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    conversations = list(talks(options.talks, options.seed))
    tokenizer = make_tokenizer(texts_of(conversations))
    texts = [tokenizer.apply_chat_template(turns, tokenize=False) for turns in conversations]
    ids = token_ids(tokenizer, texts, options.seed)
    model = make_model(tokenizer)
    size, tokens = sum(weights.numel() for weights in model.parameters()), sum(map(len, ids))
    print(
        f"{size:,} parameters, {len(tokenizer):,} token kinds, {len(ids):,} talks of {tokens:,} tokens", file=sys.stderr
    )
    loss = train(model.train(), ids, steps=options.steps, seed=options.seed, pad=tokenizer.pad_token_id)
    model.eval().save_pretrained(options.out)
    tokenizer.save_pretrained(options.out)
    (options.out / "model.safetensors").chmod(0o644)
    template = options.out / "chat_template.jinja"
    settings = json.loads((options.out / "tokenizer_config.json").read_text(encoding="utf-8"))
    if template.exists():  # one file less, and older readers find it
        settings["chat_template"] = template.read_text(encoding="utf-8")
        template.unlink()
        written = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
        (options.out / "tokenizer_config.json").write_text(written, encoding="utf-8")
    print(f"loss {loss:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A row as token ids, and which of them the model is taught: what the assistant says, and the token that ends its turn.

    rendered = render(tokenizer, "row-1", messages, name="my-model")
    rendered.ids, rendered.spans          # spans are [start, end) positions that carry loss

The model's own chat template writes the text. Where a turn of the assistant starts and ends is found by rendering the
conversation up to it, with the generation prompt, exactly as it will be asked later; so what was learned and what is
asked cannot drift apart. Marks inside templates (`{% generation %}`) are not used: where they are missing, a mask is
silently empty. A template that rewrites the past, or drops a turn, is refused by name.
"""

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.errors import BadInput
from curate.layouts.messages import parts_not_text
from curate.progress import Progress, silent

Messages = list[dict[str, Any]]
Tokenizer = Any  # a transformers tokenizer; the library is not imported for its type

PARTS_OF_AN_ANSWER = ("tool_calls", "function_call", "reasoning_content")  # beside its content
OTHER_TEMPLATE = "--chat-template FILE, with a template made for training"


@dataclass(frozen=True)
class Rendered:
    """One row as token ids, with the spans that carry loss, in order and apart from each other."""

    row_id: str
    ids: "array[int]"
    spans: tuple[tuple[int, int], ...]

    @property
    def supervised(self) -> int:
        """How many tokens carry loss."""
        return sum(end - start for start, end in self.spans)

    def ends(self) -> list[int]:
        """The last taught token of each turn: the end-of-turn token."""
        return [self.ids[end - 1] for _, end in self.spans]


def render_all(tokenizer: Tokenizer, chats: pl.DataFrame, *, name: str, progress: Progress = silent) -> list[Rendered]:
    """Every row of a chat frame, in order. Raises BadInput at the first row that cannot be taught as it stands."""
    rendered, control = [], control_ids(tokenizer)
    for number, row in enumerate(chats.iter_rows(named=True), start=1):
        messages, tools = messages_and_tools(row)
        rendered.append(render(tokenizer, row["id"], messages, tools=tools, name=name, control=control))
        progress("render rows", number, chats.height)
    return rendered


def render(
    tokenizer: Tokenizer,
    row_id: str,
    messages: Messages,
    *,
    name: str,
    tools: list[Any] | None = None,
    control: frozenset[int] | None = None,
) -> Rendered:
    """Token ids of one conversation and the spans of its assistant turns, end-of-turn token included.

    Raises BadInput when the conversation up to an assistant turn is not a prefix of the whole one (in tokens), when a
    turn's text or tool call does not stand in what the template writes, or when there is nothing to learn.
    """
    said = _Template(tokenizer, name, row_id, tools, control_ids(tokenizer) if control is None else control)
    # OpenAI's form: an answer of weight 0 is context only.
    turns = [
        n for n, message in enumerate(messages) if message["role"] == "assistant" and message.get("weight", 1) != 0
    ]
    if not turns:
        raise BadInput("holds no assistant turn, so there is nothing to learn from it", where=f"row {row_id}")
    whole = said.text(messages)
    said.check_all_turns(messages, whole)
    before = [said.text(messages[:place], prompt=True) for place in turns]
    after = [whole if place + 1 == len(messages) else said.text(messages[: place + 1]) for place in turns]
    for place, start, end in zip(turns, before, after, strict=True):
        said.check_answer(messages[place], start, end, whole)
    ids, *parts = tokenizer([whole, *before, *after], add_special_tokens=False, verbose=False)["input_ids"]
    spans = tuple(
        said.span(ids, start, end) for start, end in zip(parts[: len(turns)], parts[len(turns) :], strict=True)
    )
    return Rendered(row_id, array("i", ids), spans)


def messages_and_tools(row: Mapping[str, Any]) -> tuple[Messages, list[Any] | None]:
    """A row of a chat frame as templates want it: text, parsed tool calls, nothing that is null."""
    messages: Messages = []
    for number, turn in enumerate(row["turns"], start=1):
        if parts_not_text(turn):
            raise BadInput(
                f"turn {number} holds an image, sound or file, which cannot be trained on here",
                where=f"row {row['id']}",
            )
        fields = {key: value for key, value in json.loads(turn["fields"] or "{}").items() if value is not None}
        if calls := fields.get("tool_calls"):
            fields["tool_calls"] = [_parsed(call) for call in calls]
        messages.append({**fields, "role": turn["role"], "content": turn["content"] or ""})
    tools = json.loads(row["extra"] or "{}").get("tools")
    if isinstance(tools, str):
        tools = _json_or(tools, None)
    return messages, tools or None


def end_of_turn(rows: Sequence[Rendered]) -> int:
    """The token that ends most of the taught turns; the smaller id where two are as frequent."""
    counts = Counter(token for row in rows for token in row.ends())
    return min(counts, key=lambda token: (-counts[token], token))


def fingerprint(rows: Sequence[Rendered]) -> str:
    """SHA-256 over ids and spans of all rows: what the model really sees, whatever made it."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([row.row_id, row.ids.tolist(), row.spans]).encode())
    return digest.hexdigest()


def control_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """The tokens that are marks and no text."""
    special = [token_id for token_id, token in tokenizer.added_tokens_decoder.items() if token.special]
    return frozenset([*special, *tokenizer.all_special_ids])


def control_tokens_in_text(tokenizer: Tokenizer, chats: pl.DataFrame) -> list[str]:
    """Ids of the rows whose text spells out a control token, which the tokenizer then takes for a real one."""
    control = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special and token.content]
    return [
        row_id
        for row_id, turns in chats.select("id", "turns").iter_rows()
        if any(token in (turn["content"] or "") for turn in turns for token in control)
    ]


@dataclass(frozen=True)
class _Template:
    """The chat template at work on one row; its complaints name the model and the row."""

    tokenizer: Tokenizer
    name: str
    row_id: str
    tools: list[Any] | None
    control: frozenset[int]

    def text(self, messages: Messages, *, prompt: bool = False) -> str:
        from jinja2 import TemplateError

        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages, tools=self.tools, tokenize=False, add_generation_prompt=prompt
                )
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise self.refused(
                f"cannot write this row: {str(error).splitlines()[0] if str(error) else 'no reason given'}"
            )

    def check_all_turns(self, messages: Messages, whole: str) -> None:
        """Every turn's text stands in the whole, as often as the turns say it; so does every tool."""
        texts = [message["content"].strip() for message in messages]
        for message, text in zip(messages, texts, strict=True):
            if text and _times(text, whole) < sum(other.count(text) for other in texts):
                raise self.refused(f"drops or rewrites the {message['role']} turn")
        for tool in self.tools or ():
            function = tool.get("function", tool) if isinstance(tool, Mapping) else {}
            if str(function.get("name", "")) not in whole:
                raise self.refused("drops the list of tools")

    def check_answer(self, message: Mapping[str, Any], before: str, after: str, whole: str) -> None:
        """What stands between the prompt and the end of the turn: the answer, its tool calls, and a mark of the end."""
        if not (after.startswith(before) and whole.startswith(before)):
            raise self.refused("is not prefix-stable: the conversation up to an answer changes when the answer follows")
        # Some templates close a conversation with one more token, so the turn ends where the two texts part.
        alone, written = after[len(before) :], whole[len(before) : _shared(after, whole)]
        text = message["content"].strip()
        for part in (text, *_leaves(*(message.get(key) for key in PARTS_OF_AN_ANSWER))):
            if part and not _times(part, alone):
                raise self.refused(
                    f"drops or rewrites {'the answer' if part == text else 'a tool call or the reasoning'}"
                )
            if part and not _times(part, written):
                raise self.refused("is not prefix-stable: a past answer is written otherwise than the last one")
        if written.strip() == text:
            raise self.refused("puts no end-of-turn mark behind an answer, so the model would not learn to stop")

    def span(self, ids: list[int], before: list[int], after: list[int]) -> tuple[int, int]:
        """The taught positions of one turn."""
        if ids[: len(before)] != before:
            raise self.refused("is not prefix-stable: the first token of an answer melts into the prompt")
        start = max(1, len(before))  # nothing predicts the very first token
        end = self._end_of_turn(ids, start, _shared(ids, after))
        if end <= start:
            raise self.refused("leaves no token of an answer to learn")
        return start, end

    def _end_of_turn(self, ids: list[int], start: int, end: int) -> int:
        """Behind the first of the control tokens that close a turn; what templates write after it no model has to say."""
        place, cut = end, None
        while place > start and (ids[place - 1] in self.control or not self.tokenizer.decode([ids[place - 1]]).strip()):
            place -= 1
            if ids[place] in self.control:
                cut = place + 1
        return cut or place

    def refused(self, what: str) -> BadInput:
        """The template's fault as an error: which template, on which row, and what to type."""
        return BadInput(f"the chat template of {self.name} {what}", where=f"row {self.row_id}", hint=OTHER_TEMPLATE)


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many items from the start two texts, or two lists of ids, have in common."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _times(text: str, whole: str) -> int:
    """How often a text stands in the whole, as it is or as JSON text (templates quote tool results so)."""
    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    return whole.count(text) + (whole.count(quoted) if quoted != text else 0)


def _leaves(*values: Any) -> Iterator[str]:
    """Names and arguments of tool calls, as the texts that must be seen. Call ids may be left out by a template."""
    for value in values:
        match value:
            case str():
                yield value.strip()
            case bool() | None:
                pass
            case int() | float():
                yield json.dumps(value)
            case list():
                yield from _leaves(*value)
            case Mapping():
                yield from _leaves(*(item for key, item in value.items() if key not in ("id", "type", "index")))


def _parsed(call: Any) -> Any:
    """A tool call whose arguments are an object: templates turn it into JSON text, and would quote text twice."""
    if not isinstance(call, Mapping) or not isinstance(call.get("function"), Mapping):
        return call
    function = dict(call["function"])
    if isinstance(function.get("arguments"), str):
        function["arguments"] = _json_or(function["arguments"], function["arguments"])
    return {**call, "function": function}


def _json_or(text: str, otherwise: Any) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return otherwise

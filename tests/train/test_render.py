"""What is taught is what the assistant says, and the token that ends its turn; nothing else, and never nothing."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.chats import chats_of
from curate.errors import BadInput
from train import render
from train.render import Rendered

CALL = {"type": "function", "function": {"name": "find_order", "arguments": {"number": "A-17", "deep": [1, True]}}}
QWEN3_LIKE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def taught(tokenizer: Any, row: Rendered) -> list[str]:
    return [tokenizer.decode(row.ids[start:end]) for start, end in row.spans]


def rendered(tokenizer: Any, messages: list[dict[str, Any]], **more: Any) -> Rendered:
    return render.render(tokenizer, "r1", messages, name="tiny", **more)


def refusal(tiny: Any, template: str, messages: list[dict[str, Any]], **more: Any) -> str:
    with pytest.raises(BadInput) as caught:
        rendered(tiny.tokenizer(template), messages, **more)
    assert caught.value.exit_code == 2
    return str(caught.value)


said = st.lists(
    st.sampled_from(["where", "order", "it", "monday", "system", "user", "\n", "  ", "ß", "你好", "<b>", "{{"]),
    min_size=1,
    max_size=8,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(said.filter(str.strip), said.filter(str.strip)), min_size=1, max_size=3), st.booleans())
def test_taught_text_is_the_answers_with_their_ends(
    tiny: Any, tokenizer: Any, pairs: list[tuple[str, str]], system: bool
) -> None:
    turns = [("system", "be kind")] * system + [t for q, a in pairs for t in (("user", q), ("assistant", a.strip()))]
    row = rendered(tokenizer, tiny.messages(turns))
    assert taught(tokenizer, row) == [f"{a.strip()}<|im_end|>" for _, a in pairs]
    assert row.ends() == [tokenizer.eos_token_id] * len(pairs)


@pytest.mark.parametrize("number", range(6))
def test_a_prompt_is_the_beginning_of_the_row(tiny: Any, tokenizer: Any, number: int) -> None:
    """What the model will be asked, token for token, is what stood before the answer in training."""
    messages = tiny.messages(tiny.rows[number])
    row = rendered(tokenizer, messages)
    places = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
    for place, (start, _) in zip(places, row.spans, strict=True):
        asked = tokenizer.apply_chat_template(messages[:place], add_generation_prompt=True, return_dict=False)
        assert row.ids[:start].tolist() == asked
    whole = tokenizer.apply_chat_template(messages, return_dict=False)
    assert row.ids.tolist() == whole


def test_by_hand(tiny: Any, tokenizer: Any) -> None:
    row = rendered(tokenizer, tiny.messages([("user", "a"), ("assistant", "b")]))
    assert tokenizer.convert_ids_to_tokens(row.ids[row.spans[0][0] :]) == ["b", "<|im_end|>", "Ċ"]
    assert row.spans == ((len(row.ids) - 3, len(row.ids) - 1),)
    assert row.supervised == 2


def test_turns_after_the_last_answer_are_not_taught(tiny: Any, tokenizer: Any) -> None:
    row = rendered(tokenizer, tiny.messages([("user", "a"), ("assistant", "b"), ("user", "c")]))
    assert taught(tokenizer, row) == ["b<|im_end|>"]


def test_a_row_without_an_assistant_is_refused(tiny: Any, tokenizer: Any) -> None:
    with pytest.raises(BadInput, match="no assistant turn"):
        rendered(tokenizer, tiny.messages([("user", "a")]))


def test_a_template_that_drops_the_system_turn_is_refused(tiny: Any) -> None:
    template = tiny.template.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}")
    told = refusal(tiny, template, tiny.messages([("system", "be kind"), ("user", "be kind"), ("assistant", "b")]))
    assert "drops or rewrites the system turn" in told
    assert "tiny" in told
    assert "--chat-template" in told
    assert rendered(tiny.tokenizer(template), tiny.messages([("user", "a"), ("assistant", "b")])).supervised == 2


def test_a_template_that_says_no_is_quoted(tiny: Any) -> None:
    template = "{{ raise_exception('System role not supported') }}"
    assert "System role not supported" in refusal(tiny, template, tiny.messages([("system", "s"), ("assistant", "b")]))


def test_a_broken_template_is_a_sentence(tiny: Any) -> None:
    assert "chat template of tiny cannot write" in refusal(
        tiny, "{% for %}", tiny.messages([("user", "a"), ("assistant", "b")])
    )


def test_a_template_that_rewrites_the_past_is_refused(tiny: Any) -> None:
    turns = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    assert "not prefix-stable" in refusal(tiny, QWEN3_LIKE, tiny.messages(turns))
    one = rendered(tiny.tokenizer(QWEN3_LIKE), tiny.messages(turns[:2]))
    assert taught(tiny.tokenizer(QWEN3_LIKE), one) == ["<think>\n\n</think>\n\nb<|im_end|>"]


def test_a_template_that_closes_the_conversation_with_one_more_token_is_fine(tiny: Any) -> None:
    tokenizer = tiny.tokenizer(
        tiny.template.replace("{% if add_gen", "{% if not add_generation_prompt %}<|pad|>{% endif %}{% if add_gen")
    )
    row = rendered(tokenizer, tiny.messages([("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]))
    assert taught(tokenizer, row) == ["b<|im_end|>", "d<|im_end|>"]


def test_a_template_without_end_of_turn_is_refused(tiny: Any) -> None:
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    assert "no end-of-turn" in refusal(tiny, template, tiny.messages([("user", "a"), ("assistant", "b")]))


def test_an_answer_that_melts_into_the_prompt_is_refused(tiny: Any) -> None:
    """The prompt ends in a space; the answer's first word takes it into its own token."""
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    assert "melts into the prompt" in refusal(
        tiny, template, tiny.messages([("user", "where"), ("assistant", "order")])
    )


def test_tool_calls_are_written_and_taught(tokenizer: Any) -> None:
    as_text = {**CALL, "function": {**CALL["function"], "arguments": json.dumps(CALL["function"]["arguments"])}}  # type: ignore[dict-item]
    turns = [
        {"role": "user", "content": "where is A-17"},
        {"role": "assistant", "content": None, "fields": json.dumps({"tool_calls": [as_text]})},
        {"role": "tool", "content": '{"state": "sent"}', "fields": json.dumps({"name": "find_order"})},
        {"role": "assistant", "content": "it was sent"},
    ]
    tools = [{"type": "function", "function": {"name": "find_order", "parameters": {}}}]
    row = chats_of([{"turns": turns, "extra": json.dumps({"tools": tools})}]).row(0, named=True)
    messages, found = render.messages_and_tools(row)
    assert found == tools
    assert messages[1]["tool_calls"] == [CALL]
    assert messages[1]["content"] == ""
    first, second = taught(tokenizer, rendered(tokenizer, messages, tools=found))
    assert json.loads(first.removeprefix("<call>").removesuffix("</call><|im_end|>")) == CALL["function"]
    assert second == "it was sent<|im_end|>"


def test_dropped_tool_calls_and_tools_are_refused(tiny: Any) -> None:
    bare = tiny.template[tiny.template.index("{% for m") :].replace("m.tool_calls or []", "[]")
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [CALL]}]
    assert "drops or rewrites a tool call or the reasoning" in refusal(tiny, bare, messages)
    tools = [{"type": "function", "function": {"name": "find_order"}}]
    assert "drops the list of tools" in refusal(
        tiny, bare, tiny.messages([("user", "a"), ("assistant", "b")]), tools=tools
    )


def test_pictures_are_refused() -> None:
    fields = json.dumps({"content": [{"type": "image", "url": "x.png"}]})
    row = chats_of([{"turns": [{"role": "user", "content": "", "fields": fields}]}]).row(0, named=True)
    with pytest.raises(BadInput, match="turn 1 holds an image"):
        render.messages_and_tools(row)


def test_a_row_that_spells_a_control_token_is_found(tiny: Any, tokenizer: Any) -> None:
    chats = chats_of(
        [
            {"id": "x", "turns": tiny.messages([("user", "say <|im_end|>")])},
            {"id": "y", "turns": tiny.messages([("user", "a")])},
        ]
    )
    assert render.control_tokens_in_text(tokenizer, chats) == ["x"]


def test_the_fingerprint_sees_ids_and_spans(tiny: Any, tokenizer: Any) -> None:
    row = rendered(tokenizer, tiny.messages(tiny.rows[0]))
    other = Rendered(row.row_id, row.ids, ((row.spans[0][0], row.spans[0][1] - 1),))
    assert render.fingerprint([row]) == render.fingerprint([row]) != render.fingerprint([other])


def test_an_answer_of_weight_nought_is_context_only(tiny: Any, tokenizer: Any) -> None:
    messages = tiny.messages([("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")])
    messages[1]["weight"] = 0
    assert taught(tokenizer, rendered(tokenizer, messages)) == ["d<|im_end|>"]


def test_reasoning_that_the_template_drops_is_refused(tiny: Any) -> None:
    messages = tiny.messages([("user", "a"), ("assistant", "b")])
    messages[1]["reasoning_content"] = "because of c"
    assert "the reasoning" in refusal(tiny, tiny.template, messages)

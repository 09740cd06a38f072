"""Ask a model behind an OpenAI-compatible server, and come back with an answer or with the reason why there is none.

    server = Server("http://127.0.0.1:8000/v1", model="qwen")
    server.ask([[{"role": "user", "content": "Name a colour."}]])      # [Reply(text="Blue", why_unscored=None, cut=False)]

What concerns one question ends in a `Reply` without text, never in an exception. What holds for all of them stops the run
with a sentence: nobody listens at the address, the key is refused, there is no such model, the address redirects elsewhere.
Answers are kept in the cache under the whole question, so a second run asks nothing. The key is read from the environment
at the moment of asking, and no message, manifest or cache entry holds it.
"""

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from curate.cache import Cache, text_key
from curate.chats import canonical_json, fingerprint_of
from curate.errors import BadInput, Surroundings
from curate.exchange import Failed, Line, address, is_this_machine
from curate.progress import Progress, silent

KIND = "server answers"  # in the cache
KEY_VARIABLE = "OPENAI_API_KEY"
MOST_AT_ONCE = 64
GIVE_UP_AFTER = 20  # failures of the server in a row, each after its retries

Conversation = Sequence[Mapping[str, Any]]
Question = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the model said, or why nothing can be read as said. `cut` where it ended at `max_tokens`."""

    text: str | None
    why_unscored: str | None = None
    cut: bool = False


@dataclass(frozen=True)
class Server:
    """Where to ask, whom, and how long to bear with it.

    `url` is the part before `/chat/completions`. `key_variable` names the environment variable with the key. Unnamed it is
    OPENAI_API_KEY, used if set, and only over https or to this machine. `timeout` is for one answer, `deadline` for one
    call of `ask`, both in seconds; `waits` are the pauses before each new try.
    """

    url: str
    model: str
    key_variable: str | None = None
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 1024
    timeout: float = 120.0
    deadline: float = 3600.0
    at_once: int = 4
    waits: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", address(self.url))
        if not self.model.strip():
            raise BadInput("the server needs the name of a model", where=self.url)
        for name in ("max_tokens", "timeout", "deadline"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} is {getattr(self, name)}, and must be above 0", where=self.url)
        if not 1 <= self.at_once <= MOST_AT_ONCE:
            raise BadInput(f"at_once is {self.at_once}, and must lie in 1 to {MOST_AT_ONCE}", where=self.url)

    @property
    def fingerprint(self) -> str:
        """Hash of address, model name and parameters. It cannot cover the weights: a server does not show them."""
        return fingerprint_of(self.facts())

    def facts(self) -> dict[str, Any]:
        """What decides the answers, for manifests."""
        names = ("url", "model", "temperature", "seed", "max_tokens")
        return {name: getattr(self, name) for name in names}

    def ask(
        self,
        conversations: Sequence[Conversation],
        *,
        structured: Mapping[str, Any] | None = None,
        cache: Cache | None = None,
        progress: Progress = silent,
    ) -> list[Reply]:
        """One reply per conversation, in order; equal ones are asked once. `structured` is a JSON schema for the answer.

        Raises Surroundings where no connection can be made, BadInput where the key or the model is refused or the address
        redirects. Answers that came before are kept in the cache; failures never are.
        """
        questions = [self._question(messages, structured) for messages in conversations]
        keys = [text_key(canonical_json({"url": self.url, "question": question})) for question in questions]
        known = _known(cache, keys)
        missing = {key: question for key, question in zip(keys, questions, strict=True) if key not in known}
        total = len(set(keys))
        progress("ask", total - len(missing), total)
        for count, (key, reply) in enumerate(self._answers(missing), total - len(missing) + 1):
            known[key] = reply
            if cache and reply.text is not None:
                cache.put(KIND, {key: json.dumps({"text": reply.text, "cut": reply.cut}).encode()})
            progress("ask", count, total)
        return [known[key] for key in keys]

    def _question(self, messages: Conversation, structured: Mapping[str, Any] | None) -> Question:
        question: Question = {"model": self.model, "messages": [dict(message) for message in messages]}
        question |= {"temperature": self.temperature, "seed": self.seed, "max_tokens": self.max_tokens}
        if structured is not None:
            schema = {"name": "answer", "strict": True, "schema": dict(structured)}
            question["response_format"] = {"type": "json_schema", "json_schema": schema}
        return question

    def _answers(self, questions: Mapping[str, Question]) -> Iterator[tuple[str, Reply]]:
        """Key and reply of each question, as they come in."""
        if not questions:
            return
        asking = _Asking(self, Line(self.url, self._key()), questions)
        # Daemons, because a thread that hangs in a socket must keep neither the deadline nor an interrupt waiting.
        for _ in range(min(self.at_once, len(questions))):
            threading.Thread(target=asking.work, daemon=True).start()
        try:
            yield from asking.gather()
        finally:
            asking.over.set()

    def _key(self) -> str | None:
        variable = self.key_variable or KEY_VARIABLE
        key = os.environ.get(variable, "").strip()
        if not key and self.key_variable:
            raise BadInput(f"the environment variable {variable} holds no key", where=self.url)
        if key and not re.fullmatch("[!-~]+", key):
            raise BadInput(f"the key in the environment variable {variable} holds characters that no key has")
        # A key that lies around for another service does not cross a network in the clear.
        safe = self.key_variable or self.url.startswith("https:") or is_this_machine(self.url)
        return key if key and safe else None


class _Asking:
    """The threads of one call of `ask`. They only send and wait; the caller's thread holds the cache and the deadline."""

    def __init__(self, server: Server, line: Line, questions: Mapping[str, Question]) -> None:
        self.server, self.line, self.questions = server, line, questions
        self.until = time.monotonic() + server.deadline
        self.over = threading.Event()
        self.todo: SimpleQueue[str] = SimpleQueue()
        self.done: SimpleQueue[tuple[str, Reply | Exception]] = SimpleQueue()
        for key in questions:
            self.todo.put(key)

    def work(self) -> None:
        """What a thread does: questions until there are none."""
        while not self.over.is_set():
            try:
                key = self.todo.get_nowait()
            except Empty:
                return
            try:
                self.done.put((key, self._reply(self.questions[key])))
            except Exception as problem:
                self.done.put((key, problem))

    def gather(self) -> Iterator[tuple[str, Reply]]:
        """Replies as they come in; after the deadline, or too many failures in a row, what is left is unscored."""
        left, in_a_row = dict.fromkeys(self.questions), 0
        why = f"not answered within the deadline of {self.server.deadline:g} seconds"
        while left and in_a_row < GIVE_UP_AFTER:
            try:
                key, found = self.done.get(timeout=max(0.0, self.until - time.monotonic()))
            except Empty:
                break
            del left[key]
            if isinstance(found, Failed):
                in_a_row += found.of_server
                if in_a_row == GIVE_UP_AFTER:
                    why = f"not asked, because {GIVE_UP_AFTER} questions before failed, the last with: {found.why}"
                yield key, Reply(None, found.why)
            elif isinstance(found, Exception):
                raise found
            else:
                in_a_row = 0
                yield key, found
        self.over.set()
        for key in left:
            yield key, Reply(None, why)

    def _reply(self, question: Question) -> Reply:
        for wait in (*self.server.waits, None):
            try:
                return _read(self.line.post(question, min(self.server.timeout, self.until - time.monotonic())))
            except Failed as problem:
                if wait is None and problem.absent:
                    raise self._unreachable(problem.why) from None
                if wait is None or not problem.again:
                    raise
                if self.over.wait(min(max(wait, problem.wait), max(0.0, self.until - time.monotonic()))):
                    raise
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, why: str) -> Surroundings:
        port = urlsplit(self.server.url).port
        start = f"start the server at that address, for example: vllm serve {self.server.model} --port {port or 8000}"
        return Surroundings(f"no server can be reached: {why}", where=self.server.url, hint=start)


def _read(answer: bytes) -> Reply:
    """The text in a chat completion."""
    try:
        choice = json.loads(answer)["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        said, refused = message.get("content"), message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise Failed("the server's answer is no chat completion") from None
    if finish == "content_filter" or refused:
        raise Failed("the model or its server withheld the answer", of_server=False)
    if not isinstance(said, str):
        raise Failed("the answer holds no text", of_server=False)
    # Half a surrogate pair cannot be written to any file.
    return Reply(said.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), cut=finish == "length")


def _known(cache: Cache | None, keys: Sequence[str]) -> dict[str, Reply]:
    # Not `cache.remember`: that keeps whatever came, and a failure must be asked again.
    known = {}
    for key, value in (cache.get(KIND, keys) if cache else {}).items():
        try:
            held = json.loads(value)
            known[key] = Reply(str(held["text"]), cut=bool(held["cut"]))
        except (ValueError, KeyError, TypeError):
            continue
    return known

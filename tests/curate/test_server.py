"""Asking a server: whatever it does, there is a reply or a reason, and the key is in none of them. The server is ours."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from curate import cache, exchange, server
from curate.errors import BadInput, Surroundings, WinnowError
from curate.exchange import address, is_this_machine
from curate.server import Conversation, Reply, Server

KEY = "sk-not-a-real-key-123"


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    do: Callable[[BaseHTTPRequestHandler], None] | None = None  # instead of answering


def says(text: Any, finish: str = "stop") -> Answer:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return Answer(body=json.dumps({"choices": [choice]}).encode())


class Fake:
    """A server in a thread. `script` is what it answers to the n-th question; the last one for ever."""

    def __init__(self) -> None:
        self.script: list[Answer] = [says("yes")]
        self.seen: list[tuple[dict[str, Any], dict[str, str]]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.seen.append((asked, dict(self.headers)))
                answer = fake.script[min(len(fake.seen), len(fake.script)) - 1]
                if answer.do:
                    answer.do(self)
                    return
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:  # we hang up on it, on purpose
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def fake() -> Iterator[Fake]:
    one = Fake()
    yield one
    one.http.shutdown()
    one.http.server_close()


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def client(fake: Fake, **settings: Any) -> Server:
    return Server(fake.url, "tiny", **({"waits": (0.0, 0.0), "timeout": 5.0, "deadline": 20.0} | settings))


def asked(*texts: str) -> Sequence[Conversation]:
    return [[{"role": "user", "content": text}] for text in texts]


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# ---- good answers


def test_replies_come_in_order_and_equal_questions_are_asked_once(fake: Fake) -> None:
    def echo(handler: BaseHTTPRequestHandler) -> None:
        body = says(fake.seen[-1][0]["messages"][0]["content"]).body
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    fake.script = [Answer(do=echo)]
    replies = client(fake, at_once=1).ask(asked("b", "a", "b"))
    assert [reply.text for reply in replies] == ["b", "a", "b"]
    assert len(fake.seen) == 2


def test_what_is_sent(fake: Fake) -> None:
    client(fake, seed=7, max_tokens=9).ask(asked("hello"))
    sent, headers = fake.seen[0]
    assert sent == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.0,
        "seed": 7,
        "max_tokens": 9,
    }
    assert "Authorization" not in headers


def test_a_schema_is_sent_when_given(fake: Fake) -> None:
    client(fake).ask(asked("hello"), structured={"type": "object"})
    assert fake.seen[0][0]["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_nothing_to_ask_needs_no_server() -> None:
    assert Server("http://127.0.0.1:9/v1", "tiny").ask([]) == []


def test_an_answer_that_was_cut_says_so(fake: Fake) -> None:
    fake.script = [says("half a sen", finish="length")]
    assert client(fake).ask(asked("q")) == [Reply("half a sen", cut=True)]


def test_half_a_surrogate_pair_becomes_a_mark(fake: Fake) -> None:
    fake.script = [says("a\ud800b")]
    (reply,) = client(fake).ask(asked("q\udfff"))
    assert reply.text is not None
    assert reply.text.encode()
    assert reply.text[0] == "a"


def test_progress_ends_at_all(fake: Fake) -> None:
    steps: list[tuple[int, int]] = []
    client(fake).ask(asked("a", "b", "c"), progress=lambda _, done, total: steps.append((done, total)))
    assert steps[0] == (0, 3)
    assert steps[-1] == (3, 3)


# ---- the cache


def test_a_second_run_asks_nothing_and_agrees(fake: Fake, tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        first = client(fake).ask(asked("a", "b"), cache=kept)
        fake.http.shutdown()
        assert client(fake).ask(asked("b", "a"), cache=kept) == first[::-1]
    assert len(fake.seen) == 2


@pytest.mark.parametrize("change", [{"seed": 1}, {"max_tokens": 5}, {"temperature": 0.5}])
def test_another_parameter_is_another_question(fake: Fake, tmp_path: Path, change: dict[str, Any]) -> None:
    with cache.open(tmp_path) as kept:
        client(fake).ask(asked("a"), cache=kept)
        client(fake, **change).ask(asked("a"), cache=kept)
    assert len(fake.seen) == 2
    assert client(fake).fingerprint != client(fake, **change).fingerprint


def test_a_failure_is_never_kept(fake: Fake, tmp_path: Path) -> None:
    fake.script = [Answer(400), says("yes")]
    with cache.open(tmp_path) as kept:
        assert client(fake).ask(asked("a"), cache=kept)[0].text is None
        assert client(fake).ask(asked("a"), cache=kept)[0].text == "yes"


def test_a_strange_entry_is_a_miss(fake: Fake, tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        client(fake).ask(asked("a"), cache=kept)
        sent = fake.seen[0][0]
        key = cache.text_key(server.canonical_json({"url": fake.url, "question": sent}))
        assert kept.get(server.KIND, [key])
        kept.put(server.KIND, {key: b"[1]"})
        assert client(fake).ask(asked("a"), cache=kept)[0].text == "yes"
    assert len(fake.seen) == 2


# ---- failures of one question


def test_429_then_good(fake: Fake) -> None:
    fake.script = [Answer(429, headers={"Retry-After": "0"}), Answer(503), says("fine")]
    assert client(fake).ask(asked("q")) == [Reply("fine")]


def test_500_for_ever_is_unscored_after_a_bounded_number_of_tries(fake: Fake) -> None:
    fake.script = [Answer(500, b'{"error": {"code": "engine_dead", "message": "the text was: q"}}')]
    assert client(fake).ask(asked("q")) == [Reply(None, "HTTP 500 (engine_dead)")]
    assert len(fake.seen) == 3


def test_a_long_wait_is_not_waited_for(fake: Fake) -> None:
    fake.script = [Answer(429, headers={"Retry-After": "3600"})]
    assert "asks to wait 3600 seconds" in str(client(fake).ask(asked("q"))[0].why_unscored)
    assert len(fake.seen) == 1


def test_retry_after_as_a_date_or_rubbish() -> None:
    def seconds(said: str) -> float:
        message = exchange.Message()
        message["Retry-After"] = said
        return exchange._retry_after(message)

    assert 20 < seconds(formatdate(time.time() + 30, usegmt=True)) <= 31
    assert [seconds(said) for said in ("", "-5", "soon", "nan", "1e9", "2.5")] == [0, 0, 0, 0, 0, 2.5]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null}]}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"1" * 10_000,
    ],
)
def test_garbage_is_unscored(fake: Fake, body: bytes) -> None:
    fake.script = [Answer(body=body)]
    assert client(fake).ask(asked("q")) == [Reply(None, "the server's answer is no chat completion")]


@pytest.mark.parametrize("content", [None, 5, ["yes"], {"text": "yes"}])
def test_an_answer_without_text_is_unscored(fake: Fake, content: Any) -> None:
    fake.script = [says(content)]
    assert client(fake).ask(asked("q")) == [Reply(None, "the answer holds no text")]


def test_a_withheld_answer_is_unscored(fake: Fake) -> None:
    fake.script = [says("", finish="content_filter")]
    assert client(fake).ask(asked("q"))[0].why_unscored == "the model or its server withheld the answer"


@pytest.mark.parametrize("declared", [True, False])
def test_a_huge_body_is_not_read_to_its_end(fake: Fake, monkeypatch: pytest.MonkeyPatch, declared: bool) -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if declared:
            handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        for _ in range(10_000):
            handler.wfile.write(b" " * 65_536)

    monkeypatch.setattr(exchange, "LARGEST", 100_000)
    fake.script = [Answer(do=pour)]
    assert client(fake).ask(asked("q")) == [Reply(None, "the answer is larger than 100,000 bytes")]


def test_a_slow_server_is_not_waited_for(fake: Fake) -> None:
    gone = threading.Event()
    fake.script = [Answer(do=lambda _: bool(gone.wait(10)) and None)]
    assert client(fake, timeout=0.2).ask(asked("q")) == [Reply(None, "no answer within 0.2 seconds")]
    gone.set()
    assert len(fake.seen) == 1


def test_a_server_that_drips_is_not_waited_for(fake: Fake) -> None:
    gone = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not gone.wait(0.05):
            handler.wfile.write(b" ")

    fake.script = [Answer(do=drip)]
    assert client(fake, timeout=0.3).ask(asked("q")) == [Reply(None, "no answer within 0.3 seconds")]
    gone.set()


def test_the_deadline_ends_all_questions(fake: Fake) -> None:
    gone = threading.Event()
    fake.script = [says("yes"), Answer(do=lambda _: bool(gone.wait(10)) and None)]
    replies = client(fake, deadline=1.5, timeout=10, at_once=1).ask(asked("a", "b", "c"))
    gone.set()
    assert replies[0] == Reply("yes")
    assert all(reply.text is None for reply in replies[1:])
    assert "deadline of 1.5 seconds" in str(replies[2].why_unscored)


def test_a_broken_connection_is_tried_again(fake: Fake) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()

    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices"')

    fake.script = [Answer(do=hang_up), Answer(do=half), says("yes")]
    assert client(fake).ask(asked("q")) == [Reply("yes")]
    fake.script = [Answer(do=half)]
    assert client(fake).ask(asked("q")) == [Reply(None, "the server broke off its answer")]


def test_a_refused_question_is_not_repeated_and_does_not_stop_the_others(fake: Fake) -> None:
    fake.script = [Answer(400, b'{"code": "context_length_exceeded"}')] * 30 + [says("yes")]
    replies = client(fake, at_once=1).ask(asked(*map(str, range(31))))
    assert {reply.why_unscored for reply in replies[:30]} == {"HTTP 400 (context_length_exceeded)"}
    assert replies[30] == Reply("yes")


def test_after_many_failures_in_a_row_the_rest_is_not_asked(fake: Fake) -> None:
    fake.script = [Answer(500)]
    replies = client(fake, waits=(), at_once=1).ask(asked(*map(str, range(60))))
    assert server.GIVE_UP_AFTER <= len(fake.seen) <= server.GIVE_UP_AFTER + 2
    assert all(reply.text is None for reply in replies)
    assert "20 questions before failed, the last with: HTTP 500" in str(replies[-1].why_unscored)


# ---- what holds for all questions


def test_nobody_there_stops_the_run_with_what_to_start() -> None:
    one = Server(f"http://127.0.0.1:{closed_port()}/v1", "tiny", waits=(0.0,))
    with pytest.raises(Surroundings, match="no server can be reached") as problem:
        one.ask(asked("q"))
    assert problem.value.exit_code == 4
    assert "vllm serve tiny" in str(problem.value)


def test_a_server_that_goes_away_stops_the_run_and_keeps_what_came(fake: Fake, tmp_path: Path) -> None:
    with cache.open(tmp_path) as kept:
        client(fake).ask(asked("a"), cache=kept)
        fake.http.shutdown()
        fake.http.server_close()
        with pytest.raises(Surroundings):
            client(fake).ask(asked("a", "b"), cache=kept)
        assert client(fake).ask(asked("a"), cache=kept) == [Reply("yes")]


@pytest.mark.parametrize(
    ("status", "what"), [(401, "wants a key"), (404, "does not know the model"), (307, "redirects")]
)
def test_what_no_other_question_would_change_stops_the_run(fake: Fake, status: int, what: str) -> None:
    fake.script = [Answer(status, headers={"Location": "http://elsewhere.example/v1"})]
    with pytest.raises(BadInput, match=what):
        client(fake).ask(asked("q"))
    assert len(fake.seen) == 1


def test_a_redirect_is_not_followed(fake: Fake) -> None:
    other = Fake()
    fake.script = [Answer(302, headers={"Location": f"{other.url}/chat/completions"})]
    with pytest.raises(BadInput, match="redirects"):
        client(fake).ask(asked("q"))
    other.http.shutdown()
    other.http.server_close()
    assert other.seen == []


# ---- the key


def test_the_key_is_sent_and_told_nobody(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    one = client(fake, key_variable="MY_KEY", waits=())
    told = [repr(one), str(one.facts()), one.fingerprint]
    echo = json.dumps({"error": {"code": KEY, "type": f"bad-{KEY}", "message": KEY}}).encode()
    with cache.open(tmp_path) as kept:
        fake.script = [says("yes")]
        told += [repr(reply) for reply in one.ask(asked("a"), cache=kept)]
        for status in (400, 403, 500, 401, 404, 302):
            fake.script = [Answer(status, echo, {"Location": f"http://x.example/{KEY}"})]
            try:
                told += [repr(reply) for reply in one.ask(asked(f"q{status}"), cache=kept)]
            except WinnowError as problem:
                told += [str(problem), repr(problem)]
    assert {headers["Authorization"] for _, headers in fake.seen} == {f"Bearer {KEY}"}
    assert not [line for line in told if KEY in line]
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]


def test_a_named_variable_without_a_key_is_a_sentence(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(BadInput, match="MY_KEY holds no key"):
        client(fake, key_variable="MY_KEY").ask(asked("q"))


def test_a_broken_key_is_refused_without_being_shown(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nHost: evil")
    with pytest.raises(BadInput) as problem:
        client(fake).ask(asked("q"))
    assert KEY not in str(problem.value)
    assert fake.seen == []


def test_a_key_that_lies_around_does_not_cross_a_network_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert Server("http://127.0.0.1:8000/v1", "m")._key() == KEY
    assert Server("https://api.example/v1", "m")._key() == KEY
    assert Server("http://gpu-box:8000/v1", "m")._key() is None
    assert Server("http://gpu-box:8000/v1", "m", key_variable="OPENAI_API_KEY")._key() == KEY


# ---- addresses


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "file:///etc/passwd", "ftp://x/v1", "http://", "http://u:secret@x/v1", "http://x/v1?key=secret",
     "http://x/v1#secret", "http://x:99999/v1", "http://x:port/v1", "http://x/\r\nHost: secret", "http://[::1/v1", "http://x\\@secret/"],
)  # fmt: skip
def test_a_strange_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(BadInput) as problem:
        Server(url, "m")
    assert "secret" not in str(problem.value)


def test_an_address_is_what_comes_before_our_path() -> None:
    for url in ("http://X:1/v1", "http://x:1/v1/", "http://x:1/v1/chat/completions", " http://x:1/v1 "):
        assert address(url) == "http://x:1/v1"
    assert address("https://x") == "https://x"


def test_this_machine() -> None:
    assert all(map(is_this_machine, ("http://localhost:1", "http://127.0.0.9", "http://[::1]:8/v1")))
    assert not any(map(is_this_machine, ("http://localhost.example", "http://10.0.0.1", "http://127.0.0.1.example")))


def test_this_machine_is_met_without_a_proxy(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    assert client(fake).ask(asked("q")) == [Reply("yes")]


@pytest.mark.parametrize(
    "settings", [{"model": " "}, {"max_tokens": 0}, {"timeout": 0}, {"deadline": -1}, {"at_once": 0}, {"at_once": 65}]
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Server("http://x/v1", **({"model": "m"} | settings))

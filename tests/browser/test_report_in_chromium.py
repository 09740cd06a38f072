"""Reports in a real browser: hostile text stays text, and the page asks the network for nothing.

Each run writes Chromium's own net log. A control page that does ask for a picture must be caught by the same reading.
"""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from curate import plots
from curate.report import Column, Fact, Finding, Pair, Plot, Report, Section, Table

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")

# The browser's own errands (clock, updates) are not the page's: no name but the loopback resolves.
SWITCHES = [
    *[
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ],
    *["--disable-component-update", "--disable-sync", "--disable-extensions", "--no-proxy-server", "--hide-scrollbars"],
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

MARK = "winnow-was-here"
ATTACK = (
    f"<script>document.title='{MARK}'</script><img src='http://127.0.0.1:{{port}}/x.png' onerror=\"document.title='{MARK}'\">"
    "<style>@import url(http://127.0.0.1:{port}/x.css)</style></td></table></bdi><iframe src='http://127.0.0.1:{port}/f'>"
    "<link rel=stylesheet href='http://127.0.0.1:{port}/y.css'> \u202etxt.exe \u2066 \u200f שלום"
)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, list[str]]]:
    """A server on the loopback that remembers what it was asked for."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield listener.server_port, asked
    listener.shutdown()


def visit(page: Path, tmp_path: Path, *switches: str) -> tuple[str, set[str]]:
    """The page's DOM after loading, and every address that the browser asked for on its behalf."""
    log = tmp_path / "net.json"
    command = [CHROMIUM, *SWITCHES, f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}", *switches]
    done = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, timeout=120, check=True)
    return done.stdout.decode(), addresses(json.loads(log.read_text()))


def addresses(log: dict) -> set[str]:
    """Addresses in a net log that a page asked for: the browser's own errands have no origin as initiator."""
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    asked = [event["params"] for event in log["events"] if event["type"] == start and "url" in event.get("params", {})]
    return {job["url"] for job in asked if job.get("initiator") != "not an origin"}


def hostile_report(port: int) -> Report:
    text = ATTACK.format(port=port)
    rows = Table((Column("row", "code"), Column("said", "text")), ((text, text), ("long", "w" * 100_000)), caption=text)
    plot = Plot(text, plots.bars([text], [1.0], x=text), text, rows)
    blocks = (
        rows,
        plot,
        Finding("critical", text, 1, None, text, text, rows),
        Pair(text, text + " b", text, text, text),
    )
    return Report("Audit " + text, text, (Fact(text, text, text),), (Section(text, text, blocks),))


def test_hostile_text_is_inert_and_the_page_asks_for_nothing(tmp_path, server):
    port, asked = server
    page = hostile_report(port).write(tmp_path / "report.html")
    dom, urls = visit(page, tmp_path)
    assert urls <= {page.as_uri()}
    assert asked == []
    assert "<script" not in dom
    assert "<iframe" not in dom
    assert "<img" not in dom
    assert dom.split("<title>")[1].startswith("Audit &lt;script&gt;")
    assert "first 600 of 100,000 characters" in dom


def test_the_same_reading_catches_a_page_that_asks(tmp_path, server):
    port, asked = server
    page = tmp_path / "control.html"
    page.write_text(f"<!doctype html><title>x</title><img src='http://127.0.0.1:{port}/seen.png'>", encoding="utf-8")
    _, urls = visit(page, tmp_path)
    assert f"http://127.0.0.1:{port}/seen.png" in urls
    assert "/seen.png" in asked


def test_the_policy_alone_would_stop_a_request(tmp_path, server):
    # Even a page whose escaping failed asks for nothing: the policy stands by itself.
    port, asked = server
    before = list(asked)
    text = Report("t").to_html()
    page = tmp_path / "broken.html"
    page.write_text(
        text.replace("<main>", f"<main><img src='http://127.0.0.1:{port}/no.png'>" + ATTACK.format(port=port))
    )
    dom, _ = visit(page, tmp_path)
    assert "no.png" in dom
    assert asked == before
    assert f"<title>{MARK}" not in dom


@pytest.mark.parametrize(("scheme", "low", "high"), [("light", 200, 256), ("dark", 0, 60)])
def test_the_page_follows_the_colour_scheme(tmp_path, server, scheme, low, high):
    image = pytest.importorskip("PIL.Image")
    page = hostile_report(server[0]).write(tmp_path / "report.html")
    shot = tmp_path / "shot.png"
    dark = (
        ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else ["--blink-settings=preferredColorScheme=1"]
    )
    visit_shot = [CHROMIUM, *SWITCHES, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=900,900", *dark]
    subprocess.run([*visit_shot, f"--screenshot={shot}", page.as_uri()], capture_output=True, timeout=120, check=True)
    with image.open(shot) as picture:
        assert picture.size == (900, 900)
        paper = sum(picture.convert("RGB").getpixel((5, 5))) / 3
    assert low <= paper < high


def test_a_narrow_screen_does_not_scroll_sideways(tmp_path, server):
    # The page's own width is measured by a script in a copy: the report itself holds none.
    page = hostile_report(server[0]).write(tmp_path / "report.html")
    text = page.read_text(encoding="utf-8").replace(
        "default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';"
    )
    probe = "<script>document.body.dataset.wide = document.documentElement.scrollWidth - innerWidth</script></body>"
    copy = tmp_path / "copy.html"
    copy.write_text(text.replace("</body>", probe), encoding="utf-8")
    dom, _ = visit(copy, tmp_path, "--window-size=500,900")
    assert 'data-wide="0"' in dom

"""Chromium driven over its DevTools pipe: NUL-ended JSON on file descriptors 3 and 4, so no package is needed.

with opened(page, tmp_path) as tab:
    tab.value("document.title")
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = [
    *["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"],
    *["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"],
    *["--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe"],
]
PATIENCE = 60.0


class Tab:
    """One page. `asked` holds every address it asked for, `said` what it wrote to the console or threw."""

    def __init__(self, to: int, come: int) -> None:
        self._to, self._come, self._left, self._number, self._session = to, come, b"", 0, ""
        self.asked: list[str] = []
        self.said: list[str] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; what happens meanwhile is noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        os.write(
            self._to, json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)
        raise AssertionError(f"no answer to {method}")

    def open(self, address: str, width: int = 1280, height: int = 900, **features: str) -> None:
        """Load a page in a window of this size; `prefers_color_scheme="dark"` and the like set its media features."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=wanted)
        self.size(width, height)
        self.call("Page.navigate", url=address)
        self.wait("document.readyState == 'complete'")

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def value(self, expression: str) -> Any:
        """What an expression is worth in the page. The page's policy does not bind the debugger."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise AssertionError(f"{expression}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def wait(self, expression: str) -> float:
        """Wait until an expression is true; the seconds it took."""
        start = time.monotonic()
        while not self.value(f"Boolean({expression})"):
            if time.monotonic() - start > PATIENCE:
                raise AssertionError(f"never true: {expression}; the page said {self.said}")
            time.sleep(0.02)
        return time.monotonic() - start

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector: str) -> None:
        """A real click in the middle of the element."""
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def middle(self, selector: str) -> tuple[float, float]:
        found = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{found}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.value(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({found}.getBoundingClientRect())")
        return box[0], box[1]

    def key(self, key: str, **more: Any) -> None:
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        codes = {"Enter": 13, "Tab": 9, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        code = codes.get(key, ord(key[0].upper()))
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code, **more)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, whole: bool = False) -> Path:
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._left:
            if not select.select([self._come], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssertionError("the browser is silent")
            some = os.read(self._come, 1 << 20)
            if not some:
                raise AssertionError("the browser is gone")
            self._left += some
        line, _, self._left = self._left.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.said.append(str(params["exceptionDetails"].get("exception", params)))
            case "Log.entryAdded":
                self.said.append(params["entry"]["text"])


@contextmanager
def opened(page: Path, place: Path, *switches: str, **how: Any) -> Iterator[Tab]:
    """The page in a fresh browser, loaded."""
    assert CHROMIUM is not None
    ends = [*os.pipe(), *os.pipe()]
    # Chromium looks for its pipe at 3 and 4, so none of ours may have those numbers.
    their_in, to, come, their_out = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    command = [CHROMIUM, *SWITCHES, f"--user-data-dir={place / 'profile'}", *switches]
    moves = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    moves += [(os.POSIX_SPAWN_DUP2, their_in, 3), (os.POSIX_SPAWN_DUP2, their_out, 4)]
    browser = os.posix_spawn(CHROMIUM, command, os.environ, file_actions=moves)
    for end in (*ends, their_in, their_out):
        os.close(end)
    try:
        tab = Tab(to, come)
        tab.open(page.resolve().as_uri(), **how)
        yield tab
    finally:
        os.kill(browser, signal.SIGTERM)
        os.waitpid(browser, 0)
        os.close(to)
        os.close(come)

"""A headless Chromium that tests drive as people do: real mouse, touch and key events, over its DevTools pipe.

    with Browser(tmp_path) as browser:
        page = browser.open(file.as_uri(), width=390, height=844, dark=True)
        page.click("#start")
        page.press("ArrowLeft")
        assert page.text("h1") == "Thank you"

No port is opened and no package needed: Chromium's ``--remote-debugging-pipe`` speaks JSON over two file descriptors.
"""

import base64
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from select import select
from typing import Any, Self

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian package: chromium)")
"""Mark of tests that drive a browser."""

TIMEOUT = 60.0
"""Seconds that a browser may take for anything; what takes longer has failed."""
ALONE = (
    "--headless=new", "--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-gpu",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--mute-audio", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip
"""It knows no host but this machine."""
KEYS = {
    "ArrowLeft": (37, ""), "ArrowRight": (39, ""), "Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""),
    " ": (32, " "),
}  # fmt: skip
"""Windows' virtual key codes and the text of keys with names; single characters need none."""


class Browser:
    """A Chromium with a profile of its own below ``folder``; killed at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.downloads = folder / "downloads"
        """Where files lie that pages offer for download."""
        self._numbers, self._unread, self._events = count(1), b"", list[dict[str, Any]]()

    def __enter__(self) -> Self:
        self.downloads.mkdir(parents=True, exist_ok=True)
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # out of the way of 3 and 4, where Chromium looks for them
        reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 64) for end in (theirs_in, theirs_out))

        def place() -> None:
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        profile = f"--user-data-dir={self._folder / 'profile'}"
        self._process = subprocess.Popen(
            [str(CHROMIUM), *ALONE, *root, profile, "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=place, start_new_session=True,
        )  # fmt: skip
        for end in (theirs_in, theirs_out, reading, writing):
            os.close(end)
        self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads.resolve()))
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError, TimeoutError, subprocess.TimeoutExpired):
            self.send("Browser.close")
            self._process.wait(timeout=5)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its own group: helpers that outlive it, and nothing else
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def open(self, url: str, **look: Any) -> "Page":
        """A page in a new tab, loaded; ``look`` as for ``Page.look``."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self, self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        page.look(**look)
        page.go(url)
        return page

    def downloaded(self, pattern: str = "*") -> Path:
        """The newest finished download of this name, waited for."""
        return wait_for(lambda: max(self._finished(pattern), key=lambda path: path.stat().st_mtime_ns, default=None))

    def _finished(self, pattern: str) -> list[Path]:
        return [path for path in self.downloads.glob(pattern) if path.suffix != ".crdownload"]

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """A DevTools command and its result. Raises ``RuntimeError`` where Chromium refuses it."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + TIMEOUT
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            if "method" in answer:
                self._events.append(answer)

    def events(self, method: str, session: str) -> list[dict[str, Any]]:
        """What has happened in a session so far: the parameters of its events of this name."""
        return [e["params"] for e in self._events if e["method"] == method and e.get("sessionId") == session]

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            if not select([self._from], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            part = os.read(self._from, 1 << 20)
            if not part:
                raise ConnectionError("Chromium has ended")
            self._unread += part
        message, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Network"):
            self._send(f"{domain}.enable")

    def look(
        self, *, width: int = 1280, height: int = 800, phone: bool = False, dark: bool = False, calm: bool = False
    ) -> None:
        """The size in CSS pixels, whether it is a touch screen, the colour scheme, and whether motion is reduced."""
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )  # fmt: skip
        self._send("Emulation.setTouchEmulationEnabled", enabled=phone)
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if calm else "no-preference",
        }
        named = [{"name": name, "value": value} for name, value in features.items()]
        self._send("Emulation.setEmulatedMedia", features=named)

    def media(self, kind: str) -> None:
        """``screen`` or ``print``."""
        self._send("Emulation.setEmulatedMedia", media=kind)

    def scripts(self, run: bool) -> None:
        """Whether pages loaded from now on may run theirs."""
        self._send("Emulation.setScriptExecutionDisabled", value=not run)

    def go(self, url: str) -> None:
        """Load a page and wait until it is."""
        failed = self._send("Page.navigate", url=url).get("errorText")
        if failed:
            raise RuntimeError(f"{url}: {failed}")
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def reload(self) -> None:
        self.evaluate("window.beforeReload = true")
        self._send("Page.reload")
        self.wait("!window.beforeReload && document.readyState === 'complete'")

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are waited for."""
        answer = self._send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """The value of a JavaScript expression once it is true."""

        def now() -> Any:
            try:
                return self.evaluate(condition)
            except RuntimeError as error:  # a page that is just being replaced has no context to evaluate in
                if "context" not in str(error):
                    raise
                return None

        return wait_for(now, what=condition)

    def text(self, selector: str) -> str:
        """What a visible element says."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")).strip()

    def shown(self, selector: str) -> bool:
        """Whether the first such element is there and takes room."""
        return bool(self.evaluate(f"!!document.querySelector({json.dumps(selector)})?.getClientRects().length"))

    def box(self, selector: str) -> dict[str, float]:
        """x, y, width and height of the first such element, in CSS pixels of the window."""
        return dict(self.evaluate(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()"))

    def click(self, selector: str) -> None:
        """Press and release the mouse on an element's middle, wherever that is on the screen."""
        for kind in ("mousePressed", "mouseReleased"):
            x, y = self._middle(selector)
            self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def tap(self, selector: str) -> None:
        """Touch an element's middle with a finger."""
        x, y = self._middle(selector)
        self._send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self._send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key: str) -> None:
        """Press and release a key: a character, or a name of ``KEYS``."""
        code, text = KEYS.get(key, (ord(key.upper()[0]), key))
        known = {"key": key, "windowsVirtualKeyCode": code}
        self._send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **known)
        self._send("Input.dispatchKeyEvent", type="keyUp", **known)

    def screenshot(self, file: Path, *, whole: bool = False) -> Path:
        """A PNG of the window, or of the whole page."""
        picture = self._send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(picture["data"]))
        return file

    def requests(self) -> list[str]:
        """Every address that the tab has asked for, its own among them; data and blob URLs, which stay inside, not."""
        asked = self._browser.events("Network.requestWillBeSent", self._session)
        urls = [event["request"]["url"] for event in asked]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]

    def errors(self) -> list[str]:
        """Uncaught exceptions of the page's scripts, and what they wrote with ``console.error``."""
        thrown = self._browser.events("Runtime.exceptionThrown", self._session)
        written = self._browser.events("Runtime.consoleAPICalled", self._session)
        return [e["exceptionDetails"].get("exception", {}).get("description", "?") for e in thrown] + [
            str([argument.get("value") for argument in e["args"]]) for e in written if e["type"] == "error"
        ]

    def _middle(self, selector: str) -> tuple[float, float]:
        found = json.dumps(selector)
        self.evaluate(f"document.querySelector({found}).scrollIntoView({{block: 'nearest', behavior: 'instant'}})")
        box = self.box(selector)
        if not box["width"] or not box["height"]:
            raise RuntimeError(f"{selector} is not to be seen")
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.send(method, self._session, **params)


def wait_for(value: Any, what: str = "it") -> Any:
    """What a function gives, once that is true. Raises ``TimeoutError`` after ``TIMEOUT`` seconds."""
    deadline = time.monotonic() + TIMEOUT
    while not (found := value()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {TIMEOUT:g} s for {what}")
        time.sleep(0.02)
    return found

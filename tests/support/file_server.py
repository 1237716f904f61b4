"""A folder behind http://127.0.0.1, with a list of what was fetched and failures on demand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


@dataclass
class FileServer:
    """What a test sees of it."""

    url: str = ""
    fetched: list[str] = field(default_factory=list)
    """Paths of all files whose content was asked for, one for each request."""
    failures: int = 0
    """So many of the next requests are answered with 503."""


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, seen: FileServer, **kwargs: Any) -> None:
        self._seen = seen
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        if not self.path.endswith("/"):
            self._seen.fetched.append(self.path.lstrip("/"))
            if self._seen.failures:
                self._seen.failures -= 1
                self.send_error(503)
                return
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[FileServer]:
    """On a free port of the loopback interface, until the context ends."""
    seen = FileServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, seen=seen, directory=str(folder))) as server:
        seen.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()

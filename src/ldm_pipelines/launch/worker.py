"""One of the processes that ``torchrun`` starts: runs the job it is handed, and says what became of it."""

import logging
import os
import pickle
import sys
import traceback
from contextlib import suppress
from logging.handlers import QueueHandler
from multiprocessing.connection import Client, Connection
from threading import Lock, Thread
from typing import Any

from ldm_pipelines.launch.processes import ADDRESS, Job, Raised, Returned


class Launcher:
    """The process that waits for this one. Its connection ends this process: there is nobody to work for."""

    def __init__(self, address: str) -> None:
        """Ends this process where nobody waits for it any more."""
        try:
            self._connection: Any = Client(address, family="AF_UNIX")
            self.job: bytes = self._connection.recv_bytes()
        except (EOFError, OSError):
            sys.exit(1)
        self._saying = Lock()
        self._watch = Thread(target=_end_with, args=(self._connection,), daemon=True)
        self._watch.start()

    def say(self, something: Any) -> None:
        with self._saying:
            self._connection.send(something)

    def put_nowait(self, record: logging.LogRecord) -> None:
        """What Python's ``QueueHandler`` asks of a queue."""
        self.say(record)

    def wait_for_the_end(self) -> None:
        self._watch.join()


def _end_with(connection: Connection) -> None:
    """Ends the process at once, also in the middle of a step: what is saved is saved whole."""
    try:
        connection.recv()
        status = 0
    except (EOFError, OSError):
        status = 1
    with suppress(Exception):  # whoever read it may be gone as well
        sys.stdout.flush()
    os._exit(status)


def main() -> None:
    launcher = Launcher(os.environ[ADDRESS])
    first = os.environ["RANK"] == "0"
    _log_to(launcher, logging.INFO if first else logging.WARNING)
    try:
        value = _run(pickle.loads(launcher.job), launcher, first)  # noqa: S301
        launcher.say(Returned(value if first else None))
    except Exception as error:
        launcher.say(Raised(_portable(error), traceback.format_exc()))
    launcher.wait_for_the_end()


def _run(job: Job, launcher: Launcher, first: bool) -> Any:
    if job.compute.device != "cpu" and job.compute.torch_device() == "cuda":
        import torch

        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # "cuda" without a number is this one
    named = dict(job.named)
    if job.tracked and first:
        from ldm_pipelines.launch.forwarding import ForwardingLogger

        named["logger"] = ForwardingLogger(launcher.say)
    return job.function(*job.arguments, compute=job.compute, **named)


def _log_to(launcher: Launcher, level: int) -> None:
    handler = QueueHandler(launcher)  # type: ignore[arg-type]
    handler.setLevel(level)
    logging.getLogger().addHandler(handler)
    logging.getLogger("ldm_pipelines").setLevel(level)


def _portable(error: Exception) -> Exception:
    """The error itself where it survives the journey, else one with its text."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main()

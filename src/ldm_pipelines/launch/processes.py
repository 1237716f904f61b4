"""One function in several processes of this host, which ``torchrun`` starts: what they say, and how they end.

Each process has a connection to this one. What was logged, returned or raised comes along it; and when it breaks,
because this process has ended in whatever way, the other end is over as well (``launch.worker``). So nobody is left
behind by Ctrl-C or a kill.
"""

import logging
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any, NamedTuple

from ldm_pipelines.compute import Compute

POLL_S = 0.5
LAST_WORDS_S = 10.0
"""How long processes may take to end once they are told."""
LOST = (
    "a training process ended without a word, as one does that is killed, for example for want of memory; the same "
    "command goes on from the last saved state"
)
NOT_BEGUN = "no training process has begun: torchrun ended with exit code {code}; see the output above"
ADDRESS = "LDM_LAUNCHER"
"""Environment variable: the socket that a process connects to."""


@dataclass(frozen=True)
class Job:
    """A call of a function that can be imported, with arguments that can be pickled; ``compute`` is one of them."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    compute: Compute
    tracked: bool = False
    """Whether the first process gets a ``logger`` whose metrics come here."""


class Metrics(NamedTuple):
    """What training logged at a step."""

    values: dict[str, float]
    step: int


class Returned(NamedTuple):
    """The function has come to its end; ``value`` is the first process's."""

    value: Any


class Raised(NamedTuple):
    """The function has raised."""

    error: Exception
    traceback: str


class RemoteTraceback(Exception):
    """The cause of an error in another process: where in its code."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text}"


def run(job: Job, logger: Any = None) -> Any:
    """The job in ``compute.devices`` processes; the value that the first of them returns.

    Raises:
        Exception: what the first process to fail raised there.
        RuntimeError: a process was killed, or none began.
    """
    with tempfile.TemporaryDirectory(prefix="ldm-", ignore_cleanup_errors=True) as folder, socket(AF_UNIX) as door:
        address = Path(folder) / "socket"
        door.bind(str(address))
        door.listen(job.compute.devices)
        with _torchrun(job.compute.devices, address) as torchrun:
            return _Conversation(job, door, torchrun, logger).hold()


@contextmanager
def _torchrun(count: int, address: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """``count`` processes of ``launch.worker``, in a session of their own: Ctrl-C is for this process alone."""
    environment = {
        "OMP_NUM_THREADS": "1",  # torchrun's own choice, about which it is silent if somebody makes it
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # Kedro finds the project's code by it
        ADDRESS: str(address),
    }
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1",
        f"--nproc-per-node={count}", f"--log-dir={address.parent}", "-m", "ldm_pipelines.launch.worker",
    ]  # fmt: skip
    process = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class _Conversation:
    """With all processes of one job."""

    def __init__(self, job: Job, door: socket, torchrun: "subprocess.Popen[bytes]", logger: Any) -> None:
        self._job, self._count = pickle.dumps(job), job.compute.devices
        self._door, self._torchrun, self._logger = door, torchrun, logger
        self._connections: list[Any] = []
        self._returned: list[Any] = []

    def hold(self) -> Any:
        """Until all have returned, or one has failed; then no process is left."""
        try:
            while len(self._returned) < self._count:
                for ready in wait([self._door, *self._connections], timeout=POLL_S):
                    if ready is self._door:
                        self._welcome()
                    else:
                        self._hear(ready)
                self._check_torchrun()
        except BaseException:
            self._torchrun.kill()  # first: it would report at length that its processes have ended
            raise
        finally:
            self._end()
        self._torchrun.wait()
        return next((value for value in self._returned if value is not None), None)

    def _check_torchrun(self) -> None:
        """It ends early where one of its processes does, or none has begun."""
        code = self._torchrun.poll()
        if code is not None:
            raise RuntimeError(LOST if self._connections else NOT_BEGUN.format(code=code))

    def _welcome(self) -> None:
        connection = Connection(self._door.accept()[0].detach())
        connection.send_bytes(self._job)
        self._connections.append(connection)

    def _hear(self, connection: Any) -> None:
        try:
            said = connection.recv()
        except (EOFError, ConnectionResetError):
            raise RuntimeError(LOST) from None
        if isinstance(said, logging.LogRecord):
            log = logging.getLogger(said.name)
            if log.isEnabledFor(said.levelno):
                log.handle(said)
        elif isinstance(said, Metrics):
            self._logger.log_metrics(said.values, said.step)
        elif isinstance(said, Returned):
            self._returned.append(said.value)
        elif isinstance(said, Raised):
            raise said.error from RemoteTraceback(said.traceback)

    def _end(self) -> None:
        """Let every process end, and wait until it has."""
        for connection in self._connections:
            try:
                connection.send(None)
                while connection.poll(LAST_WORDS_S):
                    connection.recv()
            except (OSError, EOFError):
                pass
            connection.close()

"""Processes that share tasks: none outlives the command that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from support.launched import MARK, gone, marked

WITHIN_S = 10.0
SCRIPT = """
import time
from pathlib import Path
from support.launched import touch_and_sleep
from ldm_pipelines.worker_pool import worker_pool

if __name__ == "__main__":
    with worker_pool(2) as pool:
        for number in range(6):
            pool.submit(touch_and_sleep, Path({folder!r}) / str(number), {seconds})
        time.sleep(600)
"""


# in the middle of tasks, and between two of them, when every process waits
@pytest.mark.parametrize(("seconds", "begun"), [(600, 2), (0.01, 6)])
def test_no_process_is_left_when_the_command_is_killed(tmp_path: Path, seconds: float, begun: int) -> None:
    tasks, mark = tmp_path / "tasks", uuid4().hex
    tasks.mkdir()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(folder=str(tasks), seconds=seconds))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), MARK: mark}
    process = subprocess.Popen([sys.executable, str(script)], env=environment)
    deadline = time.monotonic() + 60
    while len(list(tasks.iterdir())) < begun and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(marked(mark)) >= 3
    process.kill()
    process.wait()
    try:
        assert gone(mark, WITHIN_S)
    finally:
        for left in marked(mark):
            os.kill(left, signal.SIGKILL)
    assert len(list(tasks.iterdir())) == begun

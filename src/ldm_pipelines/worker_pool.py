"""Processes that share a list of tasks, and end with the process that started them, however that one ends."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread


@contextmanager
def worker_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """So many new processes, each begun afresh (spawn). An error here drops the tasks that none has begun.

    Without a watch, those of a command that is killed would finish what is queued, beside the command that goes on
    with the same work, and then wait for ever.
    """
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_watch_parent) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _watch_parent() -> None:
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process at once, also in the middle of a task: what it has finished is there whole."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)

"""Ctrl-C for processes that tests start."""

import signal


def heed_ctrl_c() -> None:
    """For ``preexec_fn``: what a shell started in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

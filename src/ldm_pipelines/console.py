"""What people see of an error that was theirs: the message, once."""

import logging
import sys

from ldm_pipelines.errors import InputError

NO_NODES = "No nodes ran"
"""How Kedro's advice begins to repeat a command, which after an ``InputError`` ends the same."""


class OnceForInputErrors(logging.Filter):
    """Leaves out what Kedro says of an ``InputError`` before the command line prints it.

    Kedro logs while it handles the error. Where nodes have run before, its advice how to go on from there stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not isinstance(sys.exc_info()[1], InputError):
            return True
        of_node = record.name == "kedro.pipeline.node" and record.levelno >= logging.ERROR
        return not (of_node or record.getMessage().startswith(NO_NODES))


def tell_input_errors_once() -> None:
    """Filter what the console shows. (Kedro refuses a logging configuration that names a class.)"""
    for handler in logging.getLogger().handlers:
        handler.addFilter(OnceForInputErrors())

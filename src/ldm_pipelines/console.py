"""What people see of an error that was theirs: the message, once."""

import logging
import re
import sys

from ldm_pipelines.errors import InputError

NO_NODES = "No nodes ran"
"""How Kedro's advice begins to repeat a command, which after an ``InputError`` ends the same."""
GO_ON = re.compile(r'--from-nodes "([^"]*)"')
"""Kedro's advice where to go on: a list of nodes."""
IN_SECONDS = ("render.", "figures.")
"""Nodes from which going on saves nothing: ``kedro run --pipelines=tables`` begins with them."""


class OnceForInputErrors(logging.Filter):
    """Leaves out what Kedro says of an ``InputError`` before the command line prints it.

    Kedro logs while it handles the error. Its advice how to go on stays where that saves more than seconds.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if input_error_in(sys.exc_info()[1]) is None:
            return True
        of_node = record.name == "kedro.pipeline.node" and record.levelno >= logging.ERROR
        return not (of_node or _useless(record.getMessage()))


def input_error_in(error: BaseException | None) -> InputError | None:
    """The ``InputError`` that caused ``error``, if one did (Kedro wraps what datasets raise)."""
    while error is not None:
        if isinstance(error, InputError):
            return error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def tell_input_errors_once() -> None:
    """Filter what the console shows. (Kedro refuses a logging configuration that names a class.)"""
    for handler in logging.getLogger().handlers:
        handler.addFilter(OnceForInputErrors())


def _useless(advice: str) -> bool:
    nodes = GO_ON.search(advice)
    return advice.startswith(NO_NODES) or bool(nodes and all(n.startswith(IN_SECONDS) for n in nodes[1].split(",")))

"""An error of the user's is told once."""

import logging
from collections.abc import Iterator

import pytest

from ldm_pipelines.console import OnceForInputErrors
from ldm_pipelines.errors import InputError


@pytest.fixture
def shown() -> Iterator[list[str]]:
    """Messages that pass the filter, of the loggers that Kedro uses."""
    messages: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Keeping()
    handler.addFilter(OnceForInputErrors())
    logger = logging.getLogger("kedro")
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def log_as_kedro_does(error: Exception, advice: str) -> None:
    def node() -> None:
        raise error

    try:
        node()
    except Exception as caught:
        logging.getLogger("kedro.pipeline.node").error("Node %s failed with error: \n%s", "x", str(caught))  # noqa: TRY400
        logging.getLogger("kedro.runner.sequential_runner").warning(advice)


def test_kedro_does_not_repeat_what_the_command_line_says_of_an_input_error(shown: list[str]) -> None:
    log_as_kedro_does(InputError("no such file"), "No nodes ran. Repeat the previous command to attempt a new run.")
    assert shown == []


def test_its_advice_how_to_go_on_stays_and_so_does_all_of_other_errors(shown: list[str]) -> None:
    log_as_kedro_does(InputError("no such file"), 'You can resume with --from-nodes "x"')
    assert shown == ['You can resume with --from-nodes "x"']
    log_as_kedro_does(ValueError("a bug"), "No nodes ran. Repeat the previous command to attempt a new run.")
    assert len(shown) == 3

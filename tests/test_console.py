"""An error of the user's is told once."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kedro.io import AbstractDataset, DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from ldm_pipelines.console import OnceForInputErrors
from ldm_pipelines.errors import InputError
from ldm_pipelines.io import ResultDataset


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


def refuse(*_: Any) -> None:
    raise InputError("these rows do not match")


def run(name: str, **checked: AbstractDataset[Any, Any]) -> None:
    """By Kedro's runner: a node whose output is not stored, and one that refuses it, or cannot load what it checks."""
    nodes = [node(abs, "stored", "made", name=name), node(refuse, ["made", *checked], None, name="verify")]
    with pytest.raises((InputError, DatasetError)):
        SequentialRunner().run(Pipeline(nodes), DataCatalog({"stored": MemoryDataset(1), **checked}))


@pytest.mark.parametrize(
    ("name", "advised"),
    [("render.table_03", []), ("figures.rate", []), ("train_autoencoder.kl_f4", ["train_autoencoder.kl_f4"])],
)
def test_to_go_on_is_advised_where_that_saves_more_than_seconds(
    shown: list[str], name: str, advised: list[str]
) -> None:
    run(name)
    assert [nodes for message in shown for nodes in re.findall('--from-nodes "(.*)"', message)] == advised
    assert not any("these rows" in message for message in shown)


def test_an_input_error_of_a_dataset_is_one_too(shown: list[str], tmp_path: Path) -> None:
    run("render.table_03", checked=ResultDataset(str(tmp_path / "none.json")))
    assert not any("--from-nodes" in message or "failed" in message for message in shown)

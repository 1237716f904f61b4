"""Hydra composes ``conf/hydra`` into ``params.yaml``: by the same function that ``dvc exp run`` calls."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ldm_pipelines.config.study import read_study
from ldm_pipelines.errors import InputError

PARAMS_FILE = "params.yaml"


def compose(project: Path, overrides: Sequence[str] = ()) -> str:
    """The text of ``params.yaml`` for Hydra ``overrides`` (``study=smoke``, ``ldms.NAME.training.steps=10``), checked.

    Raises:
        InputError: Hydra refuses the overrides, or the result breaks the schema.
    """
    from dvc.utils.hydra import compose_and_dump
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / PARAMS_FILE
        try:
            compose_and_dump(
                output, str(project / "conf" / "hydra"), None, "config", str(project / ".dvc"), list(overrides)
            )
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
            raise InputError(f"conf/hydra: {str(error).split(chr(10) + 'Config search path')[0]}") from None
        text = output.read_text()
    read_study(yaml.load(text, Loader=yaml.CSafeLoader), "composed parameters")
    return text


def read_params(project: Path) -> dict[str, Any]:
    """``params.yaml`` as it stands.

    Raises:
        InputError: the file is missing or is no YAML mapping.
    """
    path = project / PARAMS_FILE
    try:
        parameters, problem = read_mapping(path), f"{path} holds no parameters"
    except FileNotFoundError:
        parameters, problem = {}, f"{path} is missing"
    except InputError as error:
        parameters, problem = {}, str(error)
    if not parameters:
        raise InputError(f"{problem}; write it with `kedro compose`")
    return parameters


def read_mapping(path: Path) -> dict[str, Any]:
    """Keys and values of a YAML file, none where it is empty.

    Raises:
        InputError: the file holds something else. A missing one is a ``FileNotFoundError``.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (UnicodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict | None):
        raise InputError(f"{path} must hold keys and values, not a {type(content).__name__}")
    return content or {}

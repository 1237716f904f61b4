"""What Kedro does outside the project's folder, where it does not know the project: entry points of the package."""

import os
from pathlib import Path
from typing import NoReturn

import click
from kedro.utils import find_kedro_project

COMMANDS = ("run", "compose", "show", "reproduce", "registry", "catalog")


def no_telemetry() -> None:
    """Kedro's plugin asks ``.telemetry`` only inside a project; outside it would send what was typed."""
    os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")


def _refuse() -> NoReturn:
    raise click.ClickException(f"{Path.cwd()} is not inside a Kedro project; change to the cloned folder")


commands = click.Group(name="kedro")
"""The project's commands, which only say where they work; inside the project there are the real ones."""
if find_kedro_project(Path.cwd()) is None:
    for _name in COMMANDS:
        _any = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
        commands.add_command(click.Command(_name, callback=_refuse, hidden=True, context_settings=_any))

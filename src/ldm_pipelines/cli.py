"""The project's commands beside Kedro's own, and Kedro's ``run`` with errors that read like answers."""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS
from kedro.utils import find_kedro_project

from ldm_pipelines.console import input_error_in, tell_input_errors_once
from ldm_pipelines.errors import InputError


def _input_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print an ``InputError`` as one message, without a traceback."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        tell_input_errors_once()
        try:
            return command(*args, **kwargs)
        except Exception as error:
            found = input_error_in(error)
            if found is None:
                raise
            raise click.ClickException(str(found)) from None

    return wrapped


def _known_pipelines(command: Callable[..., Any]) -> Callable[..., Any]:
    """Kedro answers the name of a pipeline that there is none of with a traceback; here it is an ``InputError``."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except ValueError:
            from kedro.framework.project import pipelines

            asked = kwargs.get("pipelines") or filter(None, [kwargs.get("pipeline")])
            unknown = next((name for name in asked if name not in pipelines), None)
            if unknown is None:
                raise
            raise _no_pipeline(unknown, pipelines) from None

    return wrapped


def _no_pipeline(name: str, known: Iterable[str]) -> InputError:
    from ldm_pipelines.config.compose import read_params
    from ldm_pipelines.errors import near_miss

    stage, _, entity = name.partition(".")
    conf = _project() / "conf" / "hydra"
    if stage == "prepare_data" and (conf / "dataset" / f"{entity}.yaml").is_file():
        study = read_params(_project()).get("study", "")
        chosen = f"study={study} " if (conf / "study" / f"{study}.yaml").is_file() else ""
        return InputError(
            f"there is no pipeline {name!r}: the study in params.yaml ({study}) has no dataset {entity!r}; add it with "
            f"`kedro compose {chosen}+dataset@datasets.{entity}={entity}`"
        )
    hint = near_miss(name, known)
    hint = hint if hint.startswith("; did you mean") else ""  # there are hundreds
    return InputError(f"there is no pipeline {name!r}{hint}; `kedro registry list` shows all")


def _project() -> Path:
    project = find_kedro_project(Path.cwd())
    if project is None:
        raise InputError(f"{Path.cwd()} is not inside a Kedro project; change to the cloned folder")
    return Path(project)


@click.group(context_settings=CONTEXT_SETTINGS, name="ldm_pipelines")
def cli() -> None:
    """Commands of this project."""


if kedro_run.callback is not None:
    kedro_run.callback = _input_errors(_known_pipelines(kedro_run.callback))
cli.add_command(kedro_run)


@cli.command()
@click.argument("overrides", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; fail if params.yaml is not what Hydra composes.")
@_input_errors
def compose(overrides: tuple[str, ...], check: bool) -> None:
    """Write params.yaml from conf/hydra, and link the raw data that dataset_paths says lie elsewhere.

    \b
    kedro compose                                      the default study
    kedro compose study=smoke                          another study
    kedro compose ldms.digits_class.training.steps=500
    kedro compose --check                              is params.yaml up to date?
    """
    from ldm_pipelines.config.compose import PARAMS_FILE, compose

    project = _project()
    text = compose(project, overrides)
    path = project / PARAMS_FILE
    same = path.exists() and path.read_text() == text
    if check and not same:
        raise InputError(f"{PARAMS_FILE} is not what conf/hydra composes; write it with `kedro compose`")
    if not check:
        partial = path.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(path)
    click.echo(f"{PARAMS_FILE} {'is up to date' if same else 'written'}")
    if not check:
        _link_raw_data(project)


def _link_raw_data(project: Path) -> None:
    """DVC looks at what a stage depends on before it runs the stage, so links to raw data must be there by then."""
    from ldm_pipelines.config.compose import read_params
    from ldm_pipelines.config.loader import compute_of
    from ldm_pipelines.pipelines.prepare_data.nodes import link_raw

    compute = compute_of(project)
    for name in read_params(project)["datasets"]:
        raw = compute.raw(name)
        if isinstance(raw, Path) and raw.is_dir():
            link_raw(raw, compute.raw_links, name)
        elif isinstance(raw, Path) and name in compute.dataset_paths:
            click.echo(f"dataset_paths.{name}: {raw} is not there yet; compose again when it is", err=True)


@cli.command()
@click.argument("table", default="table_03")
@_input_errors
def show(table: str) -> None:
    """Print a finished TABLE, for example `kedro show table_03`."""
    from ldm_pipelines.errors import near_miss

    folder = _project() / "data" / "08_reporting" / "tables"
    path = folder / table / f"{table}.txt"
    if not path.exists():
        known = sorted(p.name for p in folder.glob("table_*")) if folder.exists() else []
        raise InputError(
            f"no finished table {table!r}{near_miss(table, known)}; make it with `dvc repro tables@{table}`"
        )
    click.echo(path.read_text())


@cli.command()
@click.argument("targets", nargs=-1)
@click.option("--jobs", "-j", default=2, show_default=True, type=click.IntRange(min=1), help="Stages at a time.")
@_input_errors
def reproduce(targets: tuple[str, ...], jobs: int) -> None:
    """Run what TARGETS (default: everything) need and lack: `dvc repro` with several stages at a time.

    \b
    kedro reproduce                                    the whole study, two stages at a time
    kedro reproduce tables@table_03 --jobs 4
    """
    from ldm_pipelines.reproduce import StageFailed, reproduce

    try:
        ran = reproduce(_project(), targets, jobs)
    except StageFailed as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{ran} stages ran" if ran else "Data and pipelines are up to date.")

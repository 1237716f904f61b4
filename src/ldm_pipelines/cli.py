"""The project's commands beside Kedro's own, and Kedro's ``run`` with errors that read like answers."""

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS
from kedro.utils import find_kedro_project

from ldm_pipelines.console import input_error_in, tell_input_errors_once
from ldm_pipelines.errors import InputError, near_miss


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


def _known_names(command: Callable[..., Any]) -> Callable[..., Any]:
    """Kedro answers names of pipelines, nodes, tags and runners that there are none of with a traceback; here they are
    an ``InputError``."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from kedro import runner

        chosen = kwargs.get("runner") or ""
        if "." not in chosen and not hasattr(runner, chosen or "SequentialRunner"):
            known = [name for name in runner.__all__ if name.endswith("Runner")]
            raise InputError(f"--runner: there is no runner {chosen!r}{near_miss(chosen, known)}")
        try:
            return command(*args, **kwargs)
        except ValueError as error:
            problem = _unknown_name(kwargs, str(error))
            if problem is None:
                raise
            raise problem from None

    return wrapped


def _unknown_name(options: Mapping[str, Any], said: str) -> InputError | None:
    """What is wrong with the options of ``kedro run`` where Kedro ``said`` that nothing has a name."""
    from kedro.framework.project import pipelines

    asked = options.get("pipelines") or [options.get("pipeline") or "__default__"]
    unknown = next((name for name in asked if name not in pipelines), None)
    if unknown is not None:
        return _no_pipeline(unknown, pipelines)
    if not said.startswith(("Pipeline does not contain", "Pipeline contains no nodes")):
        return None
    nodes = {node.name for name in asked for node in pipelines[name].nodes}
    for option, name in (("from_nodes", "--from-nodes"), ("to_nodes", "--to-nodes"), ("node_names", "--nodes")):
        for node in options.get(option) or ():
            if node not in nodes:
                return InputError(f"{name}: {', '.join(asked)} has no node {node!r}{near_miss(node, nodes)}")
    filters = ("tags", "from_inputs", "to_outputs", "namespaces")
    given = [f"--{name.replace('_', '-')}={','.join(options[name])}" for name in filters if options.get(name)]
    return InputError(f"{' '.join(['kedro run', *given])}: {said} `kedro registry describe PIPELINE` lists nodes")


def _no_pipeline(name: str, known: Iterable[str]) -> InputError:
    from ldm_pipelines.config.compose import read_params

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
    """Kedro knows these commands inside the project only; elsewhere ``outside`` answers."""
    return Path(find_kedro_project(Path.cwd()) or Path.cwd())


@click.group(context_settings=CONTEXT_SETTINGS, name="ldm_pipelines")
def cli() -> None:
    """Commands of this project."""


if kedro_run.callback is not None:
    kedro_run.callback = _input_errors(_known_names(kedro_run.callback))
cli.add_command(kedro_run)


@cli.command()
@click.argument("overrides", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; fail if params.yaml is not that, or conf/paper malformed.")
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
    same = path.exists() and path.read_bytes() == text.encode()
    if check:
        _check_paper(project / "conf" / "paper")
    if check and not same:
        raise InputError(f"{PARAMS_FILE} is not what conf/hydra composes; write it with `kedro compose`")
    if not check:
        partial = path.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(path)
    click.echo(f"{PARAMS_FILE} {'is up to date' if same else 'written'}")
    if not check:
        _link_raw_data(project)


def _check_paper(folder: Path) -> None:
    """Every file of what the paper printed, those that no table shows among them. Raises ``InputError``."""
    from ldm_pipelines.reporting.paper.loading import load_document, load_figures, load_sources, load_zoo

    loaders: dict[str, Callable[[Path], Any]] = {path.stem: load_document for path in folder.glob("table_*.yaml")}
    loaders |= {"figures": load_figures, "sources": load_sources, "extra_repo_zoo": load_zoo}
    for name, load in loaders.items():
        load(folder / f"{name}.yaml")


def _link_raw_data(project: Path) -> None:
    """DVC looks at what a stage depends on before it runs the stage, so links to raw data must be there by then."""
    from ldm_pipelines.config.compose import read_params
    from ldm_pipelines.config.loader import compute_of
    from ldm_pipelines.pipelines.raw_links import link_checkpoints, link_raw

    compute, parameters = compute_of(project), read_params(project)
    imports = [name for kind in ("imports", "imported_autoencoders") for name in parameters.get(kind) or {}]
    places: dict[str, Path | str] = {name: link_checkpoints(name, compute) for name in imports}
    for name in parameters["datasets"]:
        places[name] = raw = compute.raw(name)
        if isinstance(raw, Path) and raw.is_dir():
            link_raw(raw, compute.raw_links, name)
    for name, place in places.items():
        if isinstance(place, Path) and name in compute.dataset_paths and not place.is_dir():
            click.echo(f"dataset_paths.{name}: {place} is not there yet; compose again when it is", err=True)


@cli.command()
@click.argument("table", default="table_03")
@_input_errors
def show(table: str) -> None:
    """Print a finished TABLE, for example `kedro show table_03`."""
    from ldm_pipelines.config.compose import read_params

    project = _project()
    finished = {path.stem: path for path in (project / "data" / "08_reporting" / "tables").glob("*/*.txt")}
    known = read_params(project).get("tables") or {}
    if table not in {*known, *finished}:
        raise InputError(f"there is no table {table!r} in params.yaml{near_miss(table, {*known, *finished})}")
    if table not in finished:
        raise InputError(f"{table} is not made yet; make it with `dvc repro tables@{table}`")
    click.echo(finished[table].read_text())


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

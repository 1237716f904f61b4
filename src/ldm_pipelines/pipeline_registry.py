"""The Kedro graph is the study: one small pipeline per entity, and composites on top of them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project

from ldm_pipelines.config.compose import read_params
from ldm_pipelines.config.study import Kind, Study, read_study
from ldm_pipelines.errors import InputError


def register_pipelines() -> dict[str, Pipeline]:
    """Every pipeline of the study in ``params.yaml``.

    ``STAGE.NAME`` runs one entity, ``STAGE`` the whole family; ``train_ldm.NAME``, ``table_NN`` and the name of a
    figure run everything they need, from raw data; ``everything`` is the whole study; ``export_model.NAME`` writes a
    folder that diffusers loads; ``verify`` says which rows of the tables still match what is here.
    ``train_ldm`` and ``__default__`` are those of ``selected``; an imported model is imported instead of trained.
    """
    project = find_kedro_project(Path.cwd()) or Path(__file__).parents[2]
    try:
        return pipelines_of(read_study(read_params(project), "params.yaml"))
    except InputError as error:  # every Kedro command comes by here; click prints the message alone
        raise click.ClickException(str(error)) from None


def pipelines_of(study: Study) -> dict[str, Pipeline]:
    """The registry of one study.

    Raises:
        InputError: a table or figure has the name of a pipeline.
    """
    from ldm_pipelines.pipelines.evaluate.pipeline import create_for_outside
    from ldm_pipelines.pipelines.export_model.pipeline import create as export_model
    from ldm_pipelines.pipelines.import_checkpoint.pipeline import create_hint
    from ldm_pipelines.pipelines.tables.pipeline import PROBLEMS, create_check, create_report
    from ldm_pipelines.pipelines.verify.pipeline import create as verify

    stages = _stages(study)
    registry = {f"{stage}.{name}": pipeline for stage, family in stages.items() for name, pipeline in family.items()}
    registry |= {stage: sum(family.values(), Pipeline([])) for stage, family in stages.items()}
    everything = sum((registry[stage] for stage in stages), Pipeline([]))
    for name in study.ldms:
        registry[f"train_ldm.{name}"] = everything.to_outputs(f"ldms/{name}")
    first_stages = {name: ldm.autoencoder for name, ldm in study.ldms.items()} | {name: name for name in study.imports}
    exports = {f"export_model.{name}": export_model(name, first_stage) for name, first_stage in first_stages.items()}
    registry |= exports | {"export_model": sum(exports.values(), Pipeline([]))}
    if not study.imports:
        registry["import_checkpoint"] = create_hint()  # not in ``everything``: fails only where it is asked for
    registry["evaluate"] = create_for_outside()  # not in ``everything``: what it measures is said on the command line
    registry["everything"] = everything
    checks = {name: create_check([name], name) for name in study.tables}
    for name, check in checks.items():
        registry[f"tables.{name}"] += check
    if study.tables:
        rendered = registry["tables"].to_outputs(*(f"rendered/{name}" for name in study.tables))
        report = registry["figures"] + create_report(study.tables, study.figures)
        registry["report"] = rendered + report + create_check([], "report", PROBLEMS)
        registry["tables"] += report + create_check(study.tables, "all", PROBLEMS)
        registry["verify"] = rendered + verify(study.tables)
    making = "train_ldm" if study.selected.ldm in study.ldms else "import_checkpoint"
    registry["train_ldm"] = registry[f"{making}.{study.selected.ldm}"]
    single = {("tables", name): everything.to_outputs(f"tables/{name}") + check for name, check in checks.items()}
    single |= {("figures", name): everything.to_outputs(f"figures/{name}") for name in study.figures}
    for (kind, name), pipeline in single.items():
        if name in registry:
            raise InputError(
                f"params.yaml: {kind}.{name}: there is a pipeline of this name; give it another in conf/hydra, and run "
                "`kedro compose`"
            )
        registry[name] = pipeline
    registry["__default__"] = registry[study.selected.table]
    return registry


def _stages(study: Study) -> dict[str, dict[str, Pipeline]]:
    from ldm_pipelines.pipelines.analysis.pipeline import create_for_sweep, create_for_throughput
    from ldm_pipelines.pipelines.baseline.pipeline import create as baseline
    from ldm_pipelines.pipelines.describe_ldm.pipeline import create as describe_ldm
    from ldm_pipelines.pipelines.encode_latents.pipeline import create as encode_latents
    from ldm_pipelines.pipelines.evaluate.pipeline import (
        create_for_reconstruction,
        create_for_reference,
        create_for_samples,
    )
    from ldm_pipelines.pipelines.figures.pipeline import create as figure
    from ldm_pipelines.pipelines.import_checkpoint.pipeline import create as import_checkpoint
    from ldm_pipelines.pipelines.import_checkpoint.pipeline import create_for_autoencoder as import_autoencoder
    from ldm_pipelines.pipelines.prepare_data.pipeline import create as prepare_data
    from ldm_pipelines.pipelines.sample.pipeline import create as sample
    from ldm_pipelines.pipelines.tables.pipeline import create as table
    from ldm_pipelines.pipelines.train_autoencoder.pipeline import create as train_autoencoder
    from ldm_pipelines.pipelines.train_diffusion.pipeline import create as train_diffusion
    from ldm_pipelines.pipelines.train_feature_network.pipeline import create as train_feature_network
    from ldm_pipelines.pipelines.train_latent_classifier.pipeline import create as train_latent_classifier
    from ldm_pipelines.pipelines.user_study.pipeline import create_for_answers, create_for_page

    creators: dict[str, tuple[Callable[..., Pipeline], Kind]] = {
        "prepare_data": (prepare_data, "datasets"),
        "train_feature_network": (train_feature_network, "feature_networks"),
        "train_autoencoder": (train_autoencoder, "autoencoders"),
        "encode_latents": (encode_latents, "latents"),
        "train_diffusion": (train_diffusion, "ldms"),
        "train_latent_classifier": (train_latent_classifier, "latent_classifiers"),
        "import_checkpoint": (import_checkpoint, "imports"),
        "import_autoencoder": (import_autoencoder, "imported_autoencoders"),
        "sample": (sample, "samples"),
        "baseline": (baseline, "baselines"),
        "evaluate_reference": (create_for_reference, "references"),
        "evaluate_samples": (create_for_samples, "evaluations"),
        "evaluate_reconstruction": (create_for_reconstruction, "reconstructions"),
        "sweep": (create_for_sweep, "sweeps"),
        "measure_throughput": (create_for_throughput, "throughputs"),
        "make_user_study": (create_for_page, "user_studies"),
        "read_user_study": (create_for_answers, "user_studies"),
        "describe_ldm": (partial(describe_ldm, study=study), "ldms"),
        "tables": (partial(table, study=study), "tables"),
        "figures": (figure, "figures"),
    }
    return {
        stage: {name: create(entity) for name, entity in study.entities(kind).items()}
        for stage, (create, kind) in creators.items()
    }

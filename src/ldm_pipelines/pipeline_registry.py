"""The Kedro graph is the study: one small pipeline per entity, and composites on top of them."""

from pathlib import Path

import click
from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project

from ldm_pipelines.config.compose import read_params
from ldm_pipelines.config.study import Study, read_study
from ldm_pipelines.errors import InputError


def register_pipelines() -> dict[str, Pipeline]:
    """Every pipeline of the study in ``params.yaml``.

    ``STAGE.NAME`` runs one entity, ``STAGE`` the whole family; ``train_ldm.NAME`` and ``table_NN`` run everything they
    need, from raw data; ``train_ldm`` and ``__default__`` are those of ``selected``.
    """
    project = find_kedro_project(Path.cwd()) or Path(__file__).parents[2]
    try:
        return pipelines_of(read_study(read_params(project), "params.yaml"))
    except InputError as error:  # every Kedro command comes by here; click prints the message alone
        raise click.ClickException(str(error)) from None


def pipelines_of(study: Study) -> dict[str, Pipeline]:
    """The registry of one study."""
    from ldm_pipelines.pipelines.tables.pipeline import create_report

    stages = _stages(study)
    registry = {f"{stage}.{name}": pipeline for stage, family in stages.items() for name, pipeline in family.items()}
    registry |= {stage: sum(family.values(), Pipeline([])) for stage, family in stages.items()}
    everything = sum((registry[stage] for stage in stages), Pipeline([]))
    for name in study.ldms:
        registry[f"train_ldm.{name}"] = everything.to_outputs(f"ldms/{name}")
    for name in study.tables:
        registry[name] = everything.to_outputs(f"tables/{name}")
    if study.tables:
        rendered = registry["tables"].to_outputs(*(f"rendered/{name}" for name in study.tables))
        registry["report"] = rendered + create_report(study.tables)
        registry["tables"] += create_report(study.tables)
    registry["train_ldm"] = registry[f"train_ldm.{study.selected.ldm}"]
    registry["__default__"] = registry[study.selected.table]
    return registry


def _stages(study: Study) -> dict[str, dict[str, Pipeline]]:
    from ldm_pipelines.pipelines.encode_latents.pipeline import create as encode_latents
    from ldm_pipelines.pipelines.evaluate.pipeline import create_for_reconstruction, create_for_samples
    from ldm_pipelines.pipelines.prepare_data.pipeline import create as prepare_data
    from ldm_pipelines.pipelines.sample.pipeline import create as sample
    from ldm_pipelines.pipelines.tables.pipeline import create as table
    from ldm_pipelines.pipelines.train_autoencoder.pipeline import create as train_autoencoder
    from ldm_pipelines.pipelines.train_diffusion.pipeline import create as train_diffusion
    from ldm_pipelines.pipelines.train_feature_network.pipeline import create as train_feature_network

    return {
        "prepare_data": {name: prepare_data(entity) for name, entity in study.datasets.items()},
        "train_feature_network": {n: train_feature_network(entity) for n, entity in study.feature_networks.items()},
        "train_autoencoder": {name: train_autoencoder(entity) for name, entity in study.autoencoders.items()},
        "encode_latents": {name: encode_latents(entity) for name, entity in study.latents.items()},
        "train_diffusion": {name: train_diffusion(entity) for name, entity in study.ldms.items()},
        "sample": {name: sample(entity) for name, entity in study.samples.items()},
        "evaluate_samples": {name: create_for_samples(entity) for name, entity in study.evaluations.items()},
        "evaluate_reconstruction": {
            n: create_for_reconstruction(entity) for n, entity in study.reconstructions.items()
        },
        "tables": {name: table(entity, study) for name, entity in study.tables.items()},
    }

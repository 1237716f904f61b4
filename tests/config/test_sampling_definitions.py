"""The shipped samplers, guidances, baselines and latent classifiers, each composed into a study."""

from pathlib import Path

import pytest
import yaml

from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import Study, read_study
from ldm_pipelines.errors import InputError
from ldm_pipelines.pipeline_registry import pipelines_of

PROJECT = Path(__file__).parents[2]
MODELS = {"image_guided": "restores"}
"""Which model a definition is for, where it isn't for all."""
FILLS = {"upsampled": "restores", "mean_fill": "fills", "nearest_fill": "fills"}


def shipped(group: str) -> list[str]:
    """Definitions that are complete, for models that are trained here (for imported ones: test_imports.py)."""
    names = {path.stem for path in (PROJECT / "conf/hydra" / group).glob("*.yaml")}
    return sorted(names - {"shared", "imported"})


def overrides() -> list[str]:
    added = ["study=smoke", "samples.new_classifier_guided.classifier_guidance.classifier=new_mini"]
    for name, definition in (("restores", "mini_super_resolution"), ("fills", "mini_inpainting")):
        added += [f"+ldm@ldms.{name}={definition}", f"ldms.{name}.latent=digits_kl_f4"]
    for name in shipped("latent_classifier"):
        added += [f"+latent_classifier@latent_classifiers.new_{name}={name}"]
        added += [f"latent_classifiers.new_{name}.latent=digits_kl_f4"]
    for name in shipped("sampling"):
        added += [f"+sampling@samples.new_{name}={name}", f"samples.new_{name}.ldm={MODELS.get(name, 'digits_class')}"]
    for name in shipped("baseline"):
        added += [f"+baseline@baselines.fill_{name}={name}", f"baselines.fill_{name}.ldm={FILLS[name]}"]
    return added


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study(yaml.safe_load(compose(PROJECT, overrides())), "composed")


def test_every_definition_composes_and_derives_its_references(study: Study) -> None:
    for name in shipped("sampling"):
        assert (study.samples[f"new_{name}"].dataset, study.samples[f"new_{name}"].autoencoder) == (
            "digits",
            "digits_kl_f4",
        )
    for name in shipped("baseline"):
        assert study.baselines[f"fill_{name}"].dataset == "digits"
    kinds = {study.samples[f"new_{name}"].sampler.kind for name in shipped("sampling")}
    assert kinds == {"ddim", "plms", "ddpm", "dpm_solver", "diffusers"}


def test_dvc_watches_the_classifier_that_guides(study: Study) -> None:
    assert study.samples["new_classifier_guided"].upstream == "data/06_models/latent_classifiers/new_mini"
    assert study.samples["new_ddim"].upstream == "data/06_models/ldms/digits_class/config.json"


def test_every_entity_is_a_pipeline_with_its_inputs(study: Study) -> None:
    registry = pipelines_of(study)
    assert "latent_classifiers/new_mini" in registry["sample.new_classifier_guided"].inputs()
    assert "latent_classifiers/new_mini" not in registry["sample.new_ddim"].inputs()
    assert registry["train_latent_classifier.new_mini"].outputs() >= {"latent_classifiers/new_mini"}
    assert registry["baseline.fill_upsampled"].outputs() == {"samples/fill_upsampled", "grids/samples/fill_upsampled"}


def test_steps_are_checked_before_anything_runs() -> None:
    with pytest.raises(
        InputError, match="PLMS steps must divide the 1000 training time steps; nearest valid: 40 and 50"
    ):
        read_study(yaml.safe_load(compose(PROJECT, [*overrides(), "samples.new_plms.sampler.steps=45"])), "composed")

"""Every regulariser and every factor of the paper at a size for two CPU cores."""

from functools import cache
from pathlib import Path

import pytest
import torch
import yaml

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.patch_gan import check_image_size
from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import read_study

PROJECT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (PROJECT / "conf" / "hydra" / "autoencoder").glob("mini_*.yaml"))

torch.set_num_threads(1)


@cache
def specs() -> dict[str, Autoencoder]:
    overrides = ["study=smoke"]
    for name in [*NAMES, "identity"]:
        entity = f"autoencoders.{name}"
        overrides += [f"+autoencoder@{entity}={name}", f"{entity}.dataset=digits"]
        overrides += [f"{entity}.feature_network=digits_classifier"]
    return read_study(yaml.safe_load(compose(PROJECT, overrides)), "overrides").autoencoders


def test_every_factor_is_there_for_both_regularisers_and_f4_also_without_attention() -> None:
    factors = {(spec.regulariser, spec.architecture.factor) for spec in specs().values() if spec.architecture}
    assert factors == {(regulariser, 2**power) for regulariser in ("kl", "vq") for power in range(1, 6)}
    bare = {name for name, spec in specs().items() if spec.architecture and not spec.architecture.mid_attention}
    assert bare == {"mini_kl_f4_noattn", "mini_vq_f4_noattn"}
    assert specs()["identity"].regulariser == "none"


@pytest.mark.parametrize("name", NAMES)
def test_it_reconstructs_images_of_32_pixels_and_its_discriminator_fits(name: str) -> None:
    spec = specs()[name]
    assert spec.architecture is not None
    assert spec.objective is not None
    torch.manual_seed(0)
    first_stage = FirstStage.from_spec(spec)
    x = torch.zeros(2, 3, 32, 32)
    side = 32 // int(name.removesuffix("_noattn").split("_f")[1])
    assert first_stage.moments(x).shape[2:] == (side, side)
    assert first_stage.reconstruct(x, noise=None)[0].shape == x.shape
    check_image_size(32, spec.objective.disc_num_layers, name)

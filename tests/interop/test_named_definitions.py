"""Our paper-size definitions and the original configuration files name the same models."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.originals import released_config

from ldm_pipelines.config.compose import compose
from ldm_pipelines.config.study import Study, read_study
from ldm_pipelines.interop.original.config import read_config
from ldm_pipelines.interop.spec import Definition

PROJECT = Path(__file__).parents[2]
NAMES = {
    "celebahq": "celeba256",
    "ffhq": "ffhq256",
    "lsun_churches": "lsun_churches256",
    "lsun_bedrooms": "lsun_beds256",
    "imagenet_ldm4": "cin256-v2",
    "imagenet_ldm8": "cin256",
    "text_to_image": "txt2img-1p4B-eval",
    "text2img256": "text2img256",
    "layout_openimages": "layout2img-openimages256",
    "super_resolution_bsr": "bsr_sr",
    "inpainting_places_big": "inpainting_big",
    "semantic_landscapes_256": "semantic_synthesis256",
    "semantic_landscapes_512": "semantic_synthesis512",
}
"""Our model: the released one."""
NOT_IN_THE_FILES = {"conditioning": {"null_probability", "masks"}}


@pytest.fixture(scope="module")
def paper() -> Study:
    return read_study(yaml.safe_load(compose(PROJECT, ["study=paper"])), "study=paper")


@pytest.mark.parametrize("ours", NAMES)
def test_a_name_and_the_original_file_say_the_same(
    paper: Study, released: Any, prefixes: dict[str, Any], tmp_path: Path, ours: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(released_config(released, prefixes, NAMES[ours])))
    read = read_config(path)
    ldm = paper.ldms[ours]
    image_size = paper.datasets[ldm.dataset].image_size
    named = Definition.of(
        ldm, paper.autoencoders[ldm.autoencoder], image_size, read.condition_classes, read.scale_factor
    )
    assert named.model_dump(exclude=NOT_IN_THE_FILES) == read.model_dump(exclude=NOT_IN_THE_FILES)

from typing import Any

import pytest
import torch
from support.conditionings import definition

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.spec import Architecture
from ldm_pipelines.data.prepared import ImageSplit, PreparedDataset
from ldm_pipelines.diffusion.conditioners.conditioner import Conditioner, Surroundings
from ldm_pipelines.diffusion.conditioners.registry import build_conditioner
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """Thirty scenes with captions, boxes and maps."""
    parameters = {
        "name": "scenes",
        "source": {"kind": "scenes", "count": 30, "objects": [2, 4], "overlap": 0.3, "grid": None, "seed": 0},
        "upstream": "-",
        "image_size": 32,
        "resize": "box",
        "splits": {"train": 1.0, "validation": 0.0, "test": 0.0},
    }
    workspace = tmp_path_factory.mktemp("scenes")
    return PreparedDataset(prepare(Dataset.model_validate(parameters), None, workspace, progress=False))


@pytest.fixture(scope="session")
def split(scenes: PreparedDataset) -> ImageSplit:
    return scenes.split("train")


@pytest.fixture(scope="session")
def plain_split(tmp_path_factory: pytest.TempPathFactory) -> ImageSplit:
    """Images with nothing but classes."""
    parameters = {
        "name": "digits",
        "source": {"kind": "digits", "limit": 3},
        "upstream": "-",
        "image_size": 32,
        "resize": "box",
        "splits": {"train": 1.0, "validation": 0.0, "test": 0.0},
    }
    workspace = tmp_path_factory.mktemp("digits")
    folder = prepare(Dataset.model_validate(parameters), None, workspace, progress=False)
    return PreparedDataset(folder).split("train")


@pytest.fixture(scope="session")
def surroundings(scenes: PreparedDataset, split: ImageSplit) -> Surroundings:
    """Of a model on the scenes' latents, 3 x 8 x 8."""
    return Surroundings(
        latent_shape=(3, 8, 8),
        factor=4,
        captions=split.captions or (),
        box_classes=scenes.box_classes,
        map_classes=scenes.map_classes,
    )


@pytest.fixture
def build(surroundings: Surroundings) -> Any:
    """``build(name, seed=0, **changes)``: a new conditioner of a definition."""

    def make(name: str, seed: int = 0, **changes: Any) -> Conditioner:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_conditioner(definition(name, **changes), surroundings)

    return make


@pytest.fixture(scope="session")
def first_stages() -> dict[str, FirstStage]:
    """Untrained first stages of f = 4 by regulariser."""
    made = {}
    for regulariser, codes in (("kl", None), ("vq", 16)):
        architecture = Architecture(
            block_out_channels=(8, 8, 8), layers_per_block=1, latent_channels=3, mid_attention=False, norm_num_groups=4,
            codebook_size=codes,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made[regulariser] = FirstStage.from_architecture(architecture, 32, "-").eval()
    return made

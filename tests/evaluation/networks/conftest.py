"""Files of pretrained weights with random values, images to measure, and the same images as a folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from support.published_weights import published, write_backbone, write_inception, write_torchscript

from ldm_pipelines.feature_networks.published_files import (
    ALEXNET,
    INCEPTION_PYTORCH,
    INCEPTION_TORCHSCRIPT,
    VGG16,
    PublishedFile,
)


@dataclass(frozen=True)
class Weights:
    """A ``weights_dir``, and what is "published" there."""

    folder: Path
    files: dict[str, PublishedFile]

    def path(self, key: str) -> Path:
        return self.folder / self.files[key].name


@pytest.fixture(scope="session")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """One Inception-v3: ``pytorch`` as a state dict, ``torchscript`` as a program."""
    folder = tmp_path_factory.mktemp("inception")
    write_inception(folder / INCEPTION_PYTORCH.name)
    write_torchscript(folder / INCEPTION_TORCHSCRIPT.name, folder / INCEPTION_PYTORCH.name)
    files = {"pytorch": INCEPTION_PYTORCH, "torchscript": INCEPTION_TORCHSCRIPT}
    return Weights(folder, {key: published(file, folder) for key, file in files.items()})


@pytest.fixture(scope="session")
def backbones(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """torchvision's ``vgg`` and ``alex``, where torch.hub would look for them: ``.../checkpoints``."""
    folder = tmp_path_factory.mktemp("hub") / "checkpoints"
    folder.mkdir()
    files = {"vgg": VGG16, "alex": ALEXNET}
    for net, file in files.items():
        write_backbone(net, folder / file.name)
    return Weights(folder, {key: published(file, folder) for key, file in files.items()})


@pytest.fixture(scope="session")
def images() -> NDArray[np.uint8]:
    """Four images of 40 x 56 pixels: noise of different coarseness and contrast."""
    rng = np.random.default_rng(0)
    made = []
    for cell, contrast in ((1, 255), (2, 120), (4, 255), (8, 60)):
        coarse = rng.integers(0, contrast + 1, size=(40 // cell, 56 // cell, 3)).astype(np.uint8)
        made.append(coarse.repeat(cell, axis=0).repeat(cell, axis=1))
    return np.stack(made)


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory, images: NDArray[np.uint8]) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder

"""Encoding a dataset: what the first stage makes of the images lies in the cache."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.identity import IdentityModel
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.latents.cache import LatentCache
from ldm_pipelines.latents.encode import encode
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset

torch.set_num_threads(1)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    parts = {
        "name": "digits", "source": {"kind": "digits", "limit": 30}, "upstream": "digits.py", "image_size": 8,
        "resize": "box", "splits": {"train": 0.7, "validation": 0.0, "test": 0.3},
    }  # fmt: skip
    return prepare(Dataset.model_validate(parts), None, tmp_path, progress=False)


def test_without_a_first_stage_the_latents_are_the_pixels_at_their_own_scale(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "identity").mkdir()
    FirstStage(IdentityModel()).save(tmp_path / "identity")
    spec = Latents(name="pixels", dataset="digits", autoencoder="identity", shard_size=8, dtype="float32")
    compute = Compute(device="cpu", progress=False, inference_batch_size=5)
    cache = LatentCache(encode(spec, dataset, tmp_path / "identity", workspace=tmp_path, compute=compute))
    images = PreparedDataset(dataset).split("train")
    x = to_tensor(images.pixels(np.arange(len(images))))
    assert torch.equal(cache.split("train").read(np.arange(len(images)), None)["moments"], x)
    info = cache.info
    assert (info.regulariser, info.factor, info.latent_shape, info.scale_factor) == ("none", 1, (3, 8, 8), 1.0)
    assert info.channel_mean == pytest.approx(x.mean(dim=(0, 2, 3)).tolist(), abs=1e-6)
    assert info.channel_std == pytest.approx(x.std(dim=(0, 2, 3), unbiased=False).tolist(), abs=1e-6)

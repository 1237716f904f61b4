"""An autoencoder and its latent cache over shards behind a URL: the same results as from a local folder."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from support.file_server import FileServer, serving
from support.raw_webdataset import sample, write_tar

import ldm_pipelines.data.originals as originals_module
import ldm_pipelines.data.remote as remote_module
from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.autoencoders.train import train
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.manifest import read_manifest
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.image_batches import ImageBatches
from ldm_pipelines.latents.cache import LatentCache
from ldm_pipelines.latents.encode import encode
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.pipelines.raw_links import link_raw
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset
from ldm_pipelines.training.stream import Steps

SHARDS, SAMPLES = 6, 5


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Six shards of five images; the last one is for validation."""
    for shard in range(SHARDS):
        name = f"val-{shard}.tar" if shard == SHARDS - 1 else f"{shard}.tar"
        numbers = range(shard * SAMPLES, (shard + 1) * SAMPLES)
        write_tar(tmp_path / "shards" / name, [member for i in numbers for member in sample(i, f"number {i}")])
    return tmp_path / "shards"


@pytest.fixture
def server(shards: Path) -> Iterator[FileServer]:
    with serving(shards) as running:
        yield running


@pytest.fixture
def remote(server: FileServer, tmp_path: Path) -> RemoteFolder:
    return RemoteFolder(url=server.url, cache=tmp_path / "fetched", keep_bytes=10**9)


def dataset(**changes: Any) -> Dataset:
    return Dataset.model_validate(
        {
            "name": "numbers",
            "source": {"kind": "webdataset", "splits": {"validation": "val-*.tar"}},
            "upstream": "somewhere",
            "image_size": 16,
            "resize": "bicubic",
            "storage": "in_place",
            "shuffle_shards": 2,
            "splits": {"train": 1, "validation": 0, "test": 0},
        }
        | changes
    )


def project(root: Path, raw: Path | RemoteFolder, **changes: Any) -> Path:
    """A project's folders with the prepared dataset in them."""
    made = prepare(dataset(**changes), raw, root / "work", progress=False)
    link_raw(raw, root / "data" / "01_raw", "numbers")
    (root / "data" / "03_primary").mkdir(parents=True)
    return Path(shutil.move(made, root / "data" / "03_primary" / "numbers"))


def test_the_prepared_dataset_is_the_same_from_wherever_it_is_read(
    tmp_path: Path, shards: Path, remote: RemoteFolder, server: FileServer
) -> None:
    here, there = project(tmp_path / "here", shards), project(tmp_path / "there", remote)
    for name in ("manifest.parquet", "dataset.json", "rejected.parquet"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    assert sorted(server.fetched) == sorted(path.name for path in shards.iterdir())
    local, streamed = PreparedDataset(here), PreparedDataset(there)
    assert local.counts == {"train": 25, "validation": 5, "test": 0}
    for split in ("train", "validation"):
        every = np.arange(local.counts[split])
        np.testing.assert_array_equal(local.split(split).pixels(every), streamed.split(split).pixels(every))
    assert len(server.fetched) == SHARDS


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
def test_training_does_not_depend_on_where_shards_are_nor_on_workers(
    tmp_path: Path,
    shards: Path,
    remote: RemoteFolder,
    autoencoder_spec: Callable[..., Autoencoder],
    network_folder: Path,
    compute: Compute,
    regulariser: str,
) -> None:
    here, there = project(tmp_path / "here", shards), project(tmp_path / "there", remote)

    def weights(folder: Path, attempt: str, workers: int) -> dict[str, Any]:
        spec = autoencoder_spec(regulariser, steps=8, validate_every=4, codebook_init="latents")
        settings = compute.model_copy(update={"num_workers": workers})
        made = train(spec, folder, network_folder, seed=1, workspace=tmp_path / attempt, compute=settings)
        return load_file(made / "diffusion_pytorch_model.safetensors")

    whole = weights(here, "whole", workers=0)
    streamed = weights(there, "streamed", workers=2)
    assert all(np.array_equal(whole[key], streamed[key]) for key in whole)


def test_each_shard_is_fetched_once_an_epoch_where_few_fit_the_disk(
    tmp_path: Path, shards: Path, remote: RemoteFolder, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_module, "IN_USE_S", 0)
    monkeypatch.setattr(originals_module, "OPEN_AT_ONCE", 2)
    largest = max(path.stat().st_size for path in shards.iterdir())
    folder = project(tmp_path / "there", remote.model_copy(update={"keep_bytes": 4 * largest}))
    train_split = PreparedDataset(folder).split("train")
    assert train_split.shards is not None
    steps = Steps(ImageBatches(train_split), batch_size=5, seed=3, shards=train_split.shards)
    shutil.rmtree(remote.cache)
    server.fetched.clear()
    for step in range(5 * 3):
        assert steps[step]["x"].shape == (5, 3, 16, 16)
        held = sum(path.stat().st_size for path in remote.cache.rglob("*.tar") if not path.name.startswith("."))
        assert held <= 4 * largest
    assert "val-5.tar" not in server.fetched
    assert set(server.fetched) == {f"{shard}.tar" for shard in range(5)}
    assert max(Counter(server.fetched).values()) <= 3 + 1  # three epochs, and the next one's first window


def test_the_latent_cache_does_not_depend_on_where_shards_are_nor_on_workers_nor_on_devices(
    tmp_path: Path,
    shards: Path,
    remote: RemoteFolder,
    server: FileServer,
    autoencoder_spec: Callable[..., Autoencoder],
    network_folder: Path,
    compute: Compute,
) -> None:
    here, there = project(tmp_path / "here", shards), project(tmp_path / "there", remote)
    model = train(autoencoder_spec(), here, network_folder, seed=1, workspace=tmp_path / "model", compute=compute)
    spec = Latents(name="numbers", dataset="numbers", autoencoder="tiny", shard_size=7, dtype="float32")

    def cache(folder: Path, attempt: str, workers: int, devices: int = 1) -> Path:
        settings = compute.model_copy(
            update={"num_workers": workers, "devices": devices, "inference_batch_size": 4, "device": "cpu"}
        )
        return encode(spec, folder, model, workspace=tmp_path / attempt, compute=settings)

    one, two = cache(here, "one", 0), cache(there, "two", 2)
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 5 + 2
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes(), file
    assert len(LatentCache(two).split("train")) == 25
    assert len(server.fetched) == SHARDS

    victim = two / "shards" / "00003.npy"
    kept = victim.read_bytes()
    victim.unlink()
    cache(there, "two", 2)
    assert victim.read_bytes() == kept

    three = cache(there, "three", workers=1, devices=3)
    for file in files:
        assert (one / file).read_bytes() == (three / file).read_bytes(), file


def test_a_shard_that_changed_since_is_an_error(tmp_path: Path, shards: Path, remote: RemoteFolder) -> None:
    folder = project(tmp_path / "there", remote)
    shutil.rmtree(remote.cache)
    write_tar(shards / "0.tar", [member for i in range(40, 45) for member in sample(i, f"number {i}")])
    os.utime(shards / "0.tar", (1, 1))
    first = read_manifest(folder)["path"].tolist().index("0.tar")
    with pytest.raises(InputError, match=r"numbers.*http://127.*0\.tar.*has changed since the dataset was prepared"):
        PreparedDataset(folder).split("train").pixels(np.array([first]))
    again = prepare(dataset(), remote, tmp_path / "there" / "work", progress=False)
    assert PreparedDataset(again, remote).digest != PreparedDataset(folder).digest


def test_other_sources_and_settings_are_refused(tmp_path: Path, remote: RemoteFolder) -> None:
    folders = {"source": {"kind": "image_folder"}, "shuffle_shards": None}
    with pytest.raises(InputError, match=r"only sources of kind webdataset are read from a URL \(http.*dataset_paths"):
        prepare(dataset(**folders), remote, tmp_path, progress=False)
    with pytest.raises(ValueError, match="shuffle_shards needs storage: in_place and a source of kind parquet or web"):
        dataset(storage="packed")
    with pytest.raises(InputError, match=r"a shard that matches 'x-\*\.tar' is not there \(looked in http"):
        prepare(dataset(source={"kind": "webdataset", "shards": "x-*.tar"}), remote, tmp_path, progress=False)

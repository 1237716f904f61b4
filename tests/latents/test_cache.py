"""Reading a latent cache."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.latent_caches import write_cache

from ldm_pipelines.errors import InputError
from ldm_pipelines.latents.cache import LatentCache, flip_some, read_index, write_index
from ldm_pipelines.training.draws import Draws


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> tuple[LatentCache, np.ndarray]:
    folder = tmp_path_factory.mktemp("latents") / "cache"
    moments = write_cache(folder, count=64, shard_size=20)
    return LatentCache(folder), moments


@given(indices=st.lists(st.integers(0, 47), min_size=1, max_size=70))
def test_a_batch_is_what_lies_at_its_indices_whichever_shards_it_touches(
    cache: tuple[LatentCache, np.ndarray], indices: list[int]
) -> None:
    batch = cache[0].split("train").read(np.array(indices), None)
    assert torch.equal(batch["moments"], torch.from_numpy(cache[1][indices]))
    assert batch["label"].tolist() == [i % 10 for i in indices]


def test_splits_are_disjoint_and_complete(cache: tuple[LatentCache, np.ndarray]) -> None:
    train, test = cache[0].split("train"), cache[0].split("test")
    assert (len(train), len(test)) == (48, 16)
    assert np.array_equal(test.moments(np.arange(16)), cache[1][48:])


def test_an_unknown_split_names_the_near_miss(cache: tuple[LatentCache, np.ndarray]) -> None:
    with pytest.raises(InputError, match="no split 'tset'; did you mean 'test'"):
        cache[0].split("tset")


def test_a_split_can_be_sent_to_a_worker_process(cache: tuple[LatentCache, np.ndarray]) -> None:
    split = cache[0].split("train")
    split.moments(np.array([0, 30]))
    size = len(pickle.dumps(split))
    assert size < 10_000  # not the arrays
    assert np.array_equal(pickle.loads(pickle.dumps(split)).moments(np.array([30])), cache[1][[30]])


def test_half_precision_on_disk_is_single_precision_in_a_batch(tmp_path: Path) -> None:
    moments = write_cache(tmp_path / "half", dtype="float16")
    batch = LatentCache(tmp_path / "half").split("train").read(np.arange(4), None)
    assert batch["moments"].dtype == torch.float32
    assert torch.equal(batch["moments"], torch.from_numpy(moments[:4]).float())


@pytest.mark.parametrize("missing", ["cache.json", "index.parquet"])
def test_an_unfinished_folder_is_refused(tmp_path: Path, missing: str) -> None:
    write_cache(tmp_path / "cache")
    (tmp_path / "cache" / missing).unlink()
    with pytest.raises(InputError, match=f"is not a latent cache: {missing} is missing"):
        LatentCache(tmp_path / "cache")


def test_the_index_is_checked_on_save_and_on_load(tmp_path: Path) -> None:
    write_cache(tmp_path / "cache")
    path = tmp_path / "cache" / "index.parquet"
    index = read_index(path)
    wrong = index.assign(split="trian")
    with pytest.raises(Exception, match="isin"):
        write_index(wrong, path)
    wrong.to_parquet(path)
    with pytest.raises(InputError, match=r"index\.parquet.*split"):
        LatentCache(tmp_path / "cache")
    pd.concat([index, index]).to_parquet(path)
    with pytest.raises(InputError, match=r"index\.parquet"):
        LatentCache(tmp_path / "cache")


def test_flipping_mirrors_about_half_of_the_latents_and_is_seeded() -> None:
    z = torch.randn(400, 2, 3, 5, generator=torch.Generator().manual_seed(0))
    flipped = flip_some(z, Draws(torch.Generator().manual_seed(1)))
    mirrored = (flipped == z.flip(-1)).all(dim=(1, 2, 3))
    kept = (flipped == z).all(dim=(1, 2, 3))
    assert (mirrored ^ kept).all()
    assert 150 < mirrored.sum() < 250
    assert torch.equal(flipped, flip_some(z, Draws(torch.Generator().manual_seed(1))))

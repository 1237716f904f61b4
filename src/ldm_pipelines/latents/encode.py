"""Encode a prepared dataset once: every image through the first stage, moments to disk."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.splits import SPLITS
from ldm_pipelines.data.tensors import to_tensor
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.latents.cache import CacheInfo, Source, shard_path, write_index, write_info
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.worker_pool import worker_pool

POLL_S = 0.5

log = logging.getLogger(__name__)


def encode(spec: Latents, dataset_folder: Path, autoencoder_folder: Path, *, workspace: Path, compute: Compute) -> Path:
    """Write the latent cache of a dataset and return its folder.

    A shard that is complete in ``workspace`` is not encoded again; shards hold ``spec.shard_size`` images, whatever
    the batch size, the processes that decode images, and the devices that encode them.
    """
    dataset = PreparedDataset(dataset_folder)
    folder = workspace / "artefact"
    (folder / "shards").mkdir(parents=True, exist_ok=True)

    index = _index(dataset, spec.shard_size)
    shards = [(shard_path(folder, int(str(shard))), rows) for shard, rows in index.groupby("shard", sort=True)]
    missing = [(path, rows) for path, rows in shards if not path.exists()]
    done = len(index) - sum(len(rows) for _, rows in missing)
    first_stage = FirstStage.load(autoencoder_folder)
    work = _Work(missing, dataset_folder, autoencoder_folder, spec.dtype, compute)
    with tqdm(
        total=len(index), initial=done, desc=f"encode {spec.name}", unit="img", disable=not compute.progress
    ) as bar:
        if compute.devices == 1:
            work.run(0, first_stage, bar.update)
        else:
            _side_by_side(work, bar)

    written = index.drop(columns="position")
    write_index(written, folder / "index.parquet")
    write_info(_info(spec, folder, written, first_stage, dataset, autoencoder_folder), folder)
    return folder


def _index(dataset: PreparedDataset, shard_size: int) -> pd.DataFrame:
    """Rows in the order train, validation, test; ``position`` counts within the split."""
    frames = []
    for name in (name for name in SPLITS if dataset.counts[name]):
        split = dataset.split(name)
        position = np.arange(len(split))
        frames.append(pd.DataFrame({"id": split.ids, "split": name, "label": split.labels, "position": position}))
    index = pd.concat(frames, ignore_index=True)
    index["shard"] = np.arange(len(index)) // shard_size
    index["row"] = np.arange(len(index)) % shard_size
    return index


@dataclass(frozen=True)
class _Work:
    """Shards to encode, by as many processes as ``compute.devices`` says. Picklable."""

    shards: Sequence[tuple[Path, pd.DataFrame]]
    """Files that are not there, and the index rows of each."""
    dataset: Path
    autoencoder: Path
    dtype: str
    compute: Compute

    def run(self, rank: int, first_stage: FirstStage, progress: Callable[[int], object]) -> None:
        """Write every ``compute.devices``-th shard, from shard ``rank`` on."""
        compute = self.compute
        device = compute.torch_device()
        if device == "cuda":
            device = f"cuda:{rank % torch.cuda.device_count()}"
        first_stage.to(device)
        mine = self.shards[rank :: compute.devices]
        batches = _Batches(PreparedDataset(self.dataset), [rows for _, rows in mine], compute.inference_batch_size)
        pinned = device.startswith("cuda")
        pixels = iter(DataLoader(batches, batch_size=None, num_workers=compute.num_workers, pin_memory=pinned))
        for path, rows in mine:
            encoded: list[np.ndarray] = []
            while sum(map(len, encoded)) < len(rows):
                encoded.append(_moments(first_stage, next(pixels).to(device, non_blocking=True)))
                progress(len(encoded[-1]))
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                np.save(file, np.concatenate(encoded).astype(self.dtype))
            partial.replace(path)

    def run_quietly(self, rank: int) -> None:
        """``run`` in a process of its own."""
        self.run(rank, FirstStage.load(self.autoencoder), int)


def _side_by_side(work: _Work, bar: Any) -> None:
    """One process for each device; what a process does not write is there at the next call all the same."""
    waiting = dict(work.shards)
    with worker_pool(work.compute.devices) as pool:
        running = {pool.submit(work.run_quietly, rank) for rank in range(work.compute.devices)}
        while running:
            done, running = wait(running, timeout=POLL_S, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            for path in [path for path in waiting if path.exists()]:
                bar.update(len(waiting.pop(path)))


class _Batches(Dataset[torch.Tensor]):
    """Images of index rows, a batch each, as float32 (b, 3, s, s): of one latent shard and one split."""

    def __init__(self, dataset: PreparedDataset, shards: Sequence[pd.DataFrame], batch_size: int) -> None:
        self._splits = {name: dataset.split(name) for name, count in dataset.counts.items() if count}
        self._batches: list[tuple[str, np.ndarray]] = []
        for rows in shards:
            for name, group in rows.groupby("split", sort=False):
                positions = group["position"].to_numpy()
                starts = range(0, len(positions), batch_size)
                self._batches += [(str(name), positions[start : start + batch_size]) for start in starts]

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> torch.Tensor:
        name, positions = self._batches[number]
        split = self._splits[name]
        if split.shards is not None:
            split.shards.ahead_in_order(int(positions[0]))
        return to_tensor(split.pixels(positions))


@torch.inference_mode()
def _moments(first_stage: FirstStage, x: torch.Tensor) -> np.ndarray:
    return first_stage.moments(x).float().cpu().numpy()


def _info(
    spec: Latents,
    folder: Path,
    index: pd.DataFrame,
    first_stage: FirstStage,
    dataset: PreparedDataset,
    autoencoder_folder: Path,
) -> CacheInfo:
    mean, std, overall_std = _statistics(folder, index, first_stage.regulariser)
    moments_shape = np.load(shard_path(folder, 0), mmap_mode="r").shape[1:]
    return CacheInfo(
        regulariser=first_stage.regulariser,
        latent_shape=(len(mean), *moments_shape[1:]),
        factor=first_stage.factor,
        dtype=spec.dtype,
        count=len(index),
        shard_size=spec.shard_size,
        classes=tuple(dataset.classes),
        channel_mean=tuple(mean.tolist()),
        channel_std=tuple(std.tolist()),
        scale_factor=1 / overall_std if first_stage.regulariser == "kl" else 1.0,
        dataset=Source(name=dataset.name, digest=dataset.digest),
        autoencoder=Source(name=spec.autoencoder, digest=digest_folder(autoencoder_folder)),
    )


def _statistics(folder: Path, index: pd.DataFrame, regulariser: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Per-channel mean and std of a latent drawn from the training split's posteriors, and the std over everything.

    Exact, from the moments: Var z = Var mean + E exp(logvar). The released code estimates the same number from the
    first training batch.
    """
    train = index[index["split"] == "train"]
    if train.empty:
        train = index
    count = 0
    total = square = np.zeros(())
    for shard, rows in train.groupby("shard"):
        moments = np.load(shard_path(folder, int(str(shard))), mmap_mode="r")[rows["row"].to_numpy()].astype(np.float64)
        mean, variance = moments, np.zeros(())
        if regulariser == "kl":
            mean, logvar = np.split(moments, 2, axis=1)
            variance = np.exp(np.clip(logvar, -30, 20))
        count += mean.shape[0] * mean.shape[2] * mean.shape[3]
        total = total + mean.sum(axis=(0, 2, 3))
        square = square + (mean**2 + variance).sum(axis=(0, 2, 3))
    channel_mean = total / count
    channel_std = np.sqrt(square / count - channel_mean**2)
    overall = np.sqrt(square.mean() / count - channel_mean.mean() ** 2)
    return channel_mean, channel_std, float(overall)

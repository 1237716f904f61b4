"""One training by one process and by two: the same model up to rounding.

What is compared tightly is the gradient of the first step (Adam's first moment then) and what is logged. Adam divides a
gradient by its own size, so where a gradient is zero but for rounding (biases before a norm, keys' biases) the weights
walk apart without effect; they are left out of the comparison of weights, and told by their gradient.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
import torch
from support.conditionings import definition
from support.file_server import serving
from support.launched import MARK, Call, gone, several
from support.raw_webdataset import sample, write_tar
from support.tiny_models import SCHEDULE, UNET, write_first_stage

from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.feature_networks.classifier import ClassifierNetwork
from ldm_pipelines.feature_networks.networks import save_network
from ldm_pipelines.latents.encode import encode
from ldm_pipelines.latents.spec import Latents
from ldm_pipelines.launch.train import launch
from ldm_pipelines.pipelines.raw_links import link_raw
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.preparation.spec import Dataset

ONE = Compute(device="cpu", num_threads=1, progress=False, inference_batch_size=16, checkpoint_every=1)
TWO = ONE.model_copy(update={"devices": 2})
BATCH = ("batch_size", 4)
STEPS = 2  # the state kept on the way is of step 1; two steps are few enough for weights to be compared to 1e-5
LONG = 12
KINDS = ("kl", "vq", "class", "inpainting")
ROUNDING = 1e-4


@dataclass(frozen=True)
class Results:
    """Workspaces of the trainings, and what the shards' server was asked for by two processes."""

    folder: Path
    fetched: list[str]

    def workspace(self, kind: str, processes: int) -> Path:
        return self.folder / f"{kind}-{processes}"

    def gradients(self, kind: str, processes: int) -> dict[str, torch.Tensor]:
        """Adam's first moments after one step: the gradient, but for a factor."""
        state = torch.load(self.workspace(kind, processes) / "state.ckpt", weights_only=True)
        assert state["steps_done"] == 1
        optimisers = state["optimizer_states"]
        return {
            f"{number}.{index}": moments["exp_avg"]
            for number, optimiser in enumerate(optimisers)
            for index, moments in optimiser["state"].items()
        }


def autoencoder(regulariser: str, dataset: str, steps: int = STEPS) -> Autoencoder:
    vq = regulariser == "vq"
    return Autoencoder.model_validate(
        {
            "name": "tiny", "dataset": dataset, "feature_network": "small", "regulariser": regulariser,
            "architecture": {
                "block_out_channels": (8, 8, 8), "layers_per_block": 1, "latent_channels": 3, "mid_attention": True,
                "norm_num_groups": 4, "codebook_size": 16 if vq else None,
            },
            "objective": {
                "reduction": "mean" if vq else "sum", "perceptual_weight": 1.0, "kl_weight": 1e-6,
                "codebook_weight": 1.0, "disc_start": 0, "disc_weight": 0.5, "disc_factor": 1.0,
                "disc_num_layers": 2, "disc_channels": 4,
            },
            "training": {
                "steps": steps, "batch_size": 4, "learning_rate": 1e-3, "final_learning_rate": 1e-4,
                "betas": (0.5, 0.9), "validate_every": steps // 2, "horizontal_flip": True,
                "codebook_init": "uniform",
            },
        }
    )  # fmt: skip


def ldm(conditioning: str) -> LDM:
    return LDM.model_validate(
        {
            "name": "tiny", "latent": "latents", "dataset": "digits", "autoencoder": "kl",
            "denoiser": {**UNET, "transformer_depth": int(conditioning == "class")},
            "conditioning": definition("mini_inpainting" if conditioning == "inpainting" else conditioning),
            "schedule": SCHEDULE,
            "training": {
                "steps": STEPS, "batch_size": 4, "learning_rate": 1e-3, "weight_decay": 0.01, "warmup_steps": 1,
                "loss": "l2", "ema_decay": 0.99, "gradient_clip": 0.5, "horizontal_flip": conditioning == "class",
                "snapshots": [1],
            },
        }
    )  # fmt: skip


def digits(workspace: Path) -> Path:
    parameters = {
        "name": "digits", "source": {"kind": "digits", "limit": 40}, "upstream": "-", "image_size": 32,
        "resize": "box", "splits": {"train": 0.8, "validation": 0.2, "test": 0},
    }  # fmt: skip
    return prepare(Dataset.model_validate(parameters), None, workspace, progress=False)


def shards(root: Path, raw: Path | RemoteFolder) -> Path:
    """A project with a dataset of shards, in which a training sees a random part of each image."""
    parameters = {
        "name": "numbers", "source": {"kind": "webdataset", "splits": {"validation": "val-*.tar"}}, "upstream": "-",
        "image_size": 32, "resize": "bicubic", "storage": "in_place", "shuffle_shards": 2, "random_crop": [0.5, 1.0],
        "splits": {"train": 1, "validation": 0, "test": 0},
    }  # fmt: skip
    made = prepare(Dataset.model_validate(parameters), raw, root / "work", progress=False)
    link_raw(raw, root / "data" / "01_raw", "numbers")
    (root / "data" / "03_primary").mkdir(parents=True)
    return Path(shutil.move(made, root / "data" / "03_primary" / "numbers"))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """All trainings: processes are started twice in all (once to be killed), because that costs seconds."""
    folder = tmp_path_factory.mktemp("trainings")
    network = folder / "network"
    network.mkdir()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_network(ClassifierNetwork("small", channels=(8, 8), classes=[str(d) for d in range(10)]), network)
    images, first_stage = digits(folder / "digits"), write_first_stage(folder / "first_stage")
    spec = Latents(name="latents", dataset="digits", autoencoder="kl", shard_size=25, dtype="float32")
    latents = encode(spec, images, first_stage, workspace=folder / "latents", compute=ONE)
    for shard in range(4):
        members = [member for i in range(5 * shard, 5 * shard + 5) for member in sample(i, f"number {i}")]
        write_tar(folder / "raw" / f"{'val-' * (shard == 3)}{shard}.tar", members)
    calls = {
        "kl": of_autoencoder(autoencoder("kl", "digits"), images, network),
        "vq": of_autoencoder(autoencoder("vq", "numbers"), shards(folder / "here", folder / "raw"), network),
        **{
            kind: Call("ldm_pipelines.diffusion.train:train", (ldm(kind), latents, images, first_stage))
            for kind in ("class", "inpainting")
        },
        "long": of_autoencoder(autoencoder("kl", "digits", LONG), images, network),
    }

    def called(processes: int, *kinds: str) -> list[Call]:
        return [replace(calls[kind], named={"seed": 5, "workspace": folder / f"{kind}-{processes}"}) for kind in kinds]

    kill(replace(calls["long"], named={"seed": 5, "workspace": folder / "long-2"}), folder)
    shutil.copytree(folder / "long-2", folder / "long-3")  # one process goes on with what two have begun
    several(called(1, *KINDS, "long"), compute=ONE)
    several(called(3, "long"), compute=ONE)
    with serving(folder / "raw") as server:
        remote = RemoteFolder(url=server.url, cache=folder / "fetched", keep_bytes=10**9)
        there = shards(folder / "there", remote)
        shutil.rmtree(remote.cache)
        server.fetched.clear()
        calls["vq"] = of_autoencoder(autoencoder("vq", "numbers"), there, network)
        launch(several, called(2, *KINDS, "long"), batch=BATCH, compute=TWO)
        return Results(folder, list(server.fetched))


def of_autoencoder(spec: Autoencoder, dataset: Path, network: Path) -> Call:
    return Call("ldm_pipelines.autoencoders.train:train", (spec, dataset, network))


def kill(call: Call, folder: Path) -> None:
    """Begin a training by two processes, and kill the command, and so them, once a state was saved."""
    import pickle

    (folder / "call").write_bytes(pickle.dumps(call))
    script = f"""
import pickle
from pathlib import Path
from support.launched import several
from ldm_pipelines.launch.train import launch
from ldm_pipelines.compute import Compute
call = pickle.loads(Path({str(folder / "call")!r}).read_bytes())
compute = Compute.model_validate_json({TWO.model_dump_json()!r})
launch(several, [call], 0.2, batch={BATCH!r}, compute=compute)
"""
    mark = uuid4().hex
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), MARK: mark}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    state = call.named["workspace"] / "state.ckpt"
    deadline = time.monotonic() + 600
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert state.exists()
    assert gone(mark, within_s=60)
    assert not (state.parent / "artefact").exists()  # it was killed in the middle


def norm(values: torch.Tensor) -> float:
    return float(values.double().norm())


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_the_shares_is_that_of_the_batch(results: Results, kind: str) -> None:
    one, two = (results.gradients(kind, processes) for processes in (1, 2))
    assert one.keys() == two.keys()
    largest: dict[str, float] = {}
    for name, gradient in one.items():
        optimiser = name.partition(".")[0]
        largest[optimiser] = max(largest.get(optimiser, 0.0), norm(gradient))
    for name in one:
        allowed = ROUNDING * norm(one[name]) + 1e-5 * largest[name.partition(".")[0]]
        assert norm(two[name] - one[name]) <= allowed, name


@pytest.mark.parametrize("kind", [*KINDS, "long"])
def test_curves_and_metrics_are_the_same(results: Results, kind: str) -> None:
    one, two = (results.workspace(kind, processes) / "artefact" for processes in (1, 2))
    first, second = pd.read_csv(one / "curves.csv"), pd.read_csv(two / "curves.csv")
    assert list(first) == list(second)
    np.testing.assert_allclose(second, first, rtol=1e-3 if kind == "long" else ROUNDING, atol=1e-6)
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (one, two)]
    assert metrics[1] == pytest.approx(metrics[0], rel=1e-3, abs=1e-5)


def weights(workspace: Path) -> dict[str, torch.Tensor]:
    """Of everything that the state holds: networks, averages, batch norm's statistics."""
    return torch.load(workspace / "state.ckpt", weights_only=True)["state_dict"]


def without_gradient(name: str) -> bool:
    """What the loss does not depend on, so that its gradient is rounding, which Adam makes as large as any: a bias
    before a norm, and query and key of the attention to one token (a class)."""
    of_attention = ("attn2.to_q.", "attn2.to_k.", "transformer_blocks.0.norm2.")
    return name.endswith("bias") or any(part in name for part in of_attention)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_agree_and_files_are_those_of_one_process(results: Results, kind: str) -> None:
    one, two = (results.workspace(kind, processes) for processes in (1, 2))
    names = [sorted(str(p.relative_to(w)) for p in w.rglob("*") if p.is_file()) for w in (one, two)]
    assert names[1] == sorted([*names[0], "reads-1.json"])
    first, second = weights(one), weights(two)
    assert first.keys() == second.keys()
    apart = {name for name in first if norm(second[name] - first[name]) > 1e-4 * norm(first[name]) + 1e-7}
    assert len(apart) <= 0.1 * len(first)
    assert all(without_gradient(name) for name in apart), apart


def test_each_process_reads_its_own_rows_and_each_shard_is_fetched_once(results: Results) -> None:
    alone = json.loads((results.workspace("vq", 1) / "reads-0.json").read_text())
    shares = [json.loads((results.workspace("vq", 2) / f"reads-{rank}.json").read_text()) for rank in (0, 1)]

    def trained_on(reads: list[str]) -> list[str]:
        return [image for image in reads if not image.startswith("val-")]

    batches = [trained_on(alone)[4 * step : 4 * step + 4] for step in range(STEPS)]
    for rank, share in enumerate(shares):
        assert trained_on(share)[: 2 * STEPS] == [
            image for batch in batches for image in batch[2 * rank : 2 * rank + 2]
        ]
        assert len(trained_on(share)) == 2 * STEPS
    assert set(Counter(results.fetched).values()) == {1}


@pytest.mark.parametrize("processes", [2, 3])
def test_killed_and_gone_on_with_by_two_or_by_one_it_ends_as_if_never_stopped(results: Results, processes: int) -> None:
    whole, resumed = (results.workspace("long", number) / "artefact" for number in (1, processes))
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (whole, resumed)]
    assert metrics[1] == pytest.approx(metrics[0], rel=1e-3, abs=1e-5)
    first, second = weights(whole.parent), weights(resumed.parent)
    apart = {name for name in first if norm(second[name] - first[name]) > 1e-3 * norm(first[name]) + 1e-6}
    assert all(without_gradient(name) for name in apart), apart

"""A training step of our Lightning module against a bare PyTorch loop with the same model and data.

    python benchmarks/training_step.py

Both run the miniature LDM on latents in memory, in turns; the ratio of the medians is the cost of everything around the
arithmetic (Lightning, seeded generators, curves, finiteness check, saving the state is off). Both update the average.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from ldm_pipelines.compute import Compute
from ldm_pipelines.diffusion.module import LatentDiffusionModule
from ldm_pipelines.diffusion.spec import LDM
from ldm_pipelines.diffusion.train import build_module
from ldm_pipelines.latents.cache import LatentCache
from ldm_pipelines.training.ema import EMA
from ldm_pipelines.training.fit import fit
from ldm_pipelines.training.stream import batch_indices

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from machine import describe  # noqa: E402
from support.latent_caches import write_cache  # noqa: E402

STEPS, ROUNDS, THREADS = 60, 5, 2


def spec() -> LDM:
    parameters = yaml.safe_load((PROJECT / "params.yaml").read_text())["ldms"]["digits_class"]
    return LDM.model_validate({"name": "bench", **parameters})


class Clock:
    """Times of single steps, between the ends of two steps."""

    def __init__(self) -> None:
        self.last = 0.0
        self.steps: list[float] = []

    def tick(self) -> None:
        now = time.perf_counter()
        if self.last:
            self.steps.append(now - self.last)
        self.last = now


def ours(ldm: LDM, cache: LatentCache, folder: Path) -> list[float]:
    clock = Clock()

    class Timed(LatentDiffusionModule):
        def after_step(self) -> None:
            super().after_step()
            clock.tick()

    module = build_module(ldm, cache, seed=0)
    module.__class__ = Timed
    compute = Compute(device="cpu", num_threads=THREADS, progress=True, checkpoint_every=10**9)
    fit(
        module, cache.split("train"), steps=STEPS, batch_size=ldm.training.batch_size, workspace=folder, compute=compute
    )
    return clock.steps


def bare(ldm: LDM, cache: LatentCache) -> list[float]:
    clock = Clock()
    module = build_module(ldm, cache, seed=0)
    denoiser, conditioner, ema = module.denoiser, module.conditioner, EMA(module.denoiser, ldm.training.ema_decay)
    optimizer = torch.optim.AdamW([*denoiser.parameters(), *conditioner.parameters()], lr=ldm.training.learning_rate)
    split = cache.split("train")
    alphas = module.alphas_cumprod
    for step in range(STEPS):
        batch = split.read(batch_indices(len(split), ldm.training.batch_size, 0, step), None)
        mean, logvar = batch["moments"].chunk(2, dim=1)
        z = (mean + (0.5 * logvar.clamp(-30, 20)).exp() * torch.randn_like(mean)) * cache.info.scale_factor
        labels = torch.where(torch.rand(len(z)) < ldm.conditioning.null_probability, 10, batch["label"])
        t = torch.randint(1000, (len(z),))
        eps = torch.randn_like(z)
        alpha = alphas[t][:, None, None, None]
        predicted = denoiser(
            alpha.sqrt() * z + (1 - alpha).sqrt() * eps, t, encoder_hidden_states=conditioner(labels)["crossattn"]
        ).sample
        loss = torch.nn.functional.mse_loss(predicted, eps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(denoiser)
        clock.tick()
    return clock.steps


def main() -> None:
    torch.set_num_threads(THREADS)
    ldm = spec()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cache(folder / "cache", count=2000, shard_size=4096)
        cache = LatentCache(folder / "cache")
        rounds = []
        for number in range(ROUNDS + 1):
            pair = (np.median(ours(ldm, cache, folder / str(number))), np.median(bare(ldm, cache)))
            if number:  # the first is a warm-up
                rounds.append(pair)
    ratios = [a / b for a, b in rounds]
    result = {
        "ours_ms": round(1e3 * statistics.median(a for a, _ in rounds), 2),
        "bare_ms": round(1e3 * statistics.median(b for _, b in rounds), 2),
        "ratio": {
            "min": round(min(ratios), 3),
            "median": round(statistics.median(ratios), 3),
            "max": round(max(ratios), 3),
        },
        "steps": STEPS,
        "rounds": ROUNDS,
        "batch_size": ldm.training.batch_size,
        "threads": THREADS,
        "machine": describe(),
    }
    path = PROJECT / "benchmarks" / "results" / "training_step.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

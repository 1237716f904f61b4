"""Draw a set of images from a trained model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from tqdm import tqdm

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.grids import save_grid
from ldm_pipelines.data.tensors import to_pixels
from ldm_pipelines.diffusion.ddim_steps import check_ddim_steps
from ldm_pipelines.diffusion.guidance import classifier_free
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.diffusion.samplers import ImageNoise, ddim_trajectory
from ldm_pipelines.diffusion.spec import Samples
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.seeding import derive_seed

GRID_ROWS = 8


class ClassSampler:
    """Images of given classes from a model and its first stage."""

    def __init__(self, model: LatentDiffusionModel, first_stage: FirstStage, spec: Samples, seed: int) -> None:
        check_ddim_steps(spec.sampler.steps, model.scheduler.config.num_train_timesteps)
        self.model, self.first_stage, self.spec, self.seed = model, first_stage, spec, seed

    @torch.inference_mode()
    def __call__(self, indices: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Pixels (b, h, w, 3) of the images with these numbers and classes.

        An image is a function of its number, its class and the seed, not of the batch it is drawn in.
        """
        device = str(self.model.denoiser.device)
        conditioner = self.model.conditioner
        denoise = classifier_free(
            self.model.denoiser,
            conditioner(torch.as_tensor(labels, device=device)),
            conditioner.null(len(labels)),
            self.spec.guidance_scale,
        )
        seeds = [derive_seed(self.seed, "image", int(index)) for index in indices]
        noise = ImageNoise(seeds, self.model.info.latent_shape, device)
        sampler = self.spec.sampler
        *_, z = ddim_trajectory(
            denoise, noise(), self.model.scheduler, steps=sampler.steps, eta=sampler.eta, draw_noise=noise
        )
        return to_pixels(self.first_stage.decode(z / self.model.info.scale_factor))


def sample(
    spec: Samples, ldm_folder: Path, autoencoder_folder: Path, *, seed: int, workspace: Path, compute: Compute
) -> Path:
    """Write ``spec.count`` images with balanced classes as PNGs and return their folder.

    Image ``i`` has class ``i mod classes``. Images that are complete in ``workspace`` are not drawn again.

    Raises:
        InputError: the sampler's steps do not divide the schedule, or the first stage is not the model's.
    """
    device = compute.torch_device()
    model = LatentDiffusionModel.load(ldm_folder).to(device)
    _check_first_stage(model, autoencoder_folder)
    sampler = ClassSampler(model, FirstStage.load(autoencoder_folder).to(device), spec, seed)

    folder = workspace / "artefact"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    labels = np.arange(spec.count) % len(model.info.classes)
    paths = [f"images/{index:06d}.png" for index in range(spec.count)]
    missing = np.array([i for i, path in enumerate(paths) if not (folder / path).exists()], dtype=np.int64)
    bar = tqdm(
        total=spec.count, initial=spec.count - len(missing), desc=f"sample {spec.name}", unit="img",
        disable=not compute.progress,
    )  # fmt: skip
    for first in range(0, len(missing), compute.inference_batch_size):
        indices = missing[first : first + compute.inference_batch_size]
        for index, pixels in zip(indices, sampler(indices, labels[indices]), strict=True):
            _write_png(folder / paths[index], pixels)
        bar.update(len(indices))
    bar.close()

    pd.DataFrame({"index": np.arange(spec.count), "path": paths, "label": labels}).to_parquet(
        folder / "samples.parquet", index=False
    )
    _write_grid(folder, paths, model.info.classes)
    _write_info(folder, spec, model, ldm_folder, seed)
    return folder


def _check_first_stage(model: LatentDiffusionModel, autoencoder_folder: Path) -> None:
    digest = digest_folder(autoencoder_folder)
    if digest != model.info.autoencoder_digest:
        raise InputError(
            f"{autoencoder_folder} is not the first stage that {model.info.name!r} was trained with "
            f"(digest {digest[:12]}, expected {model.info.autoencoder_digest[:12]}); train the model again"
        )


def _write_png(path: Path, pixels: np.ndarray) -> None:
    partial = path.with_suffix(".partial")
    Image.fromarray(pixels).save(partial, format="PNG")
    partial.replace(path)


def _write_grid(folder: Path, paths: list[str], classes: tuple[str, ...]) -> None:
    columns = min(len(classes), 20)
    rows = min(GRID_ROWS, max(1, len(paths) // len(classes)))
    chosen = [row * len(classes) + column for row in range(rows) for column in range(columns)]
    chosen = [index for index in chosen if index < len(paths)]
    pixels = np.stack([np.asarray(Image.open(folder / paths[index])) for index in chosen])
    save_grid(folder / "grid.png", pixels, columns=columns, scale=max(1, 64 // pixels.shape[1]))


def _write_info(folder: Path, spec: Samples, model: LatentDiffusionModel, ldm_folder: Path, seed: int) -> None:
    info = spec.model_dump(mode="json") | {
        "seed": seed,
        "classes": list(model.info.classes),
        "image_size": model.info.latent_shape[1] * model.info.factor,
        "n_params": sum(p.numel() for p in model.denoiser.parameters()),
        "ldm_digest": digest_folder(ldm_folder),
        "autoencoder_digest": model.info.autoencoder_digest,
    }
    (folder / "samples.json").write_text(json.dumps(info, indent=2) + "\n")

"""How many images a second a model draws, at its own size and at twice its side."""

import time
from pathlib import Path

import numpy as np

from ldm_pipelines.analysis.machine import wait
from ldm_pipelines.analysis.spec import Throughput
from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.diffusion.conditioners.conditioner import Raw
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.sampling.conditions import ClassConditions, DatasetConditions
from ldm_pipelines.sampling.draw import Drawer
from ldm_pipelines.sampling.spec import DDIM, Samples


class SamplingSpeed:
    """Draws batches of one model, decoding included; the conditions are those of the training images."""

    def __init__(
        self,
        spec: Throughput,
        model: LatentDiffusionModel,
        first_stage: FirstStage,
        dataset_folder: Path,
        *,
        seed: int,
        device: str,
    ) -> None:
        """``model`` and ``first_stage`` lie on ``device``.

        Raises:
            InputError: the dataset lacks the conditions.
        """
        self._spec, self._first_stage, self._seed, self._device = spec, first_stage, seed, device
        self._model = model
        kind, count = model.conditioner.kind, spec.sampling_batch
        conditions: ClassConditions | DatasetConditions
        if kind in ("class", "none"):
            conditions = ClassConditions(kind, model.info.classes if kind == "class" else (), count)
        else:
            conditions = DatasetConditions(model.conditioner, dataset_folder, "train", count)
        self._labels, self._raw = conditions.labels, conditions.raw(np.arange(count))

    def images_per_s(self) -> dict[int, float]:
        """At each number of sampler steps, after a batch at the fewest which is not timed."""
        return self._timed(self._model, self._raw, self._spec.samplers())

    def images_per_s_double(self) -> float:
        """Of images of twice the side, at the most sampler steps, after a batch at the fewest.

        A condition with a place in the image is repeated 2 x 2; others leave the size to the latents.
        """
        samplers = self._spec.samplers()
        ends = {steps: samplers[steps] for steps in (min(samplers), max(samplers))}
        return self._timed(doubled(self._model), repeated(self._model, self._raw), ends)[max(samplers)]

    def _timed(self, model: LatentDiffusionModel, raw: Raw, samplers: dict[int, DDIM]) -> dict[int, float]:
        drawers = {steps: self._drawer(model, sampler) for steps, sampler in samplers.items()}
        indices = np.arange(self._spec.sampling_batch)
        drawers[min(drawers)](indices, self._labels, raw)
        found = {}
        for steps, draw in drawers.items():
            wait(self._device)
            start = time.perf_counter()
            draw(indices, self._labels, raw)
            wait(self._device)
            found[steps] = len(indices) / (time.perf_counter() - start)
        return found

    def _drawer(self, model: LatentDiffusionModel, sampler: DDIM) -> Drawer:
        spec = self._spec
        samples = Samples(
            name=spec.name, ldm=spec.ldm, autoencoder=spec.autoencoder, dataset=spec.dataset, split="train",
            sampler=sampler, guidance_scale=1.0, count=spec.sampling_batch, upstream="-",
        )  # fmt: skip
        return Drawer(model, self._first_stage, samples, self._seed)


def doubled(model: LatentDiffusionModel) -> LatentDiffusionModel:
    """The same networks, taken to be trained on latents of twice the side."""
    channels, height, width = model.info.latent_shape
    info = model.info.model_copy(update={"latent_shape": (channels, 2 * height, 2 * width)})
    return LatentDiffusionModel(info, model.denoiser, model.conditioner, model.scheduler)


def repeated(model: LatentDiffusionModel, raw: Raw) -> Raw:
    """``raw`` with everything that has a place in the image repeated 2 x 2."""
    placed = {name for name, form in model.conditioner.forms.items() if form.endswith("h, w")}
    return {
        name: value.repeat(*[1] * (value.ndim - 2), 2, 2) if name in placed else value for name, value in raw.items()
    }

"""Training of a first stage: two optimisers, one pass through encoder and decoder per step."""

from math import cos, pi
from typing import Any, cast

import torch
from torch import Tensor

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.objective import balanced, discriminator_loss, generator_loss, reconstruction_nll
from ldm_pipelines.autoencoders.paired import HIGHEST_PSNR, psnr, ssim
from ldm_pipelines.autoencoders.patch_gan import PatchGAN
from ldm_pipelines.autoencoders.spec import AutoencoderTraining, Objective
from ldm_pipelines.feature_networks.frechet import GaussianAccumulator, frechet_distance
from ldm_pipelines.feature_networks.networks import PerceptualDistance
from ldm_pipelines.training.module import TrainingModule


class AutoencoderModule(TrainingModule):
    """L1 + perceptual + adaptive adversarial + KL or codebook loss; the discriminator joins at ``disc_start``.

    Where the released code runs the autoencoder once for each of the two losses, here both see the same
    reconstruction: the discriminator judges it as it was before the autoencoder's own update of the step.

    Among several processes Lightning's DDP averages what each of the two ``manual_backward`` leaves in ``.grad``. What
    ``balanced`` takes by ``torch.autograd.grad`` passes DDP by, and is averaged there.
    """

    def __init__(
        self,
        objective: Objective,
        recipe: AutoencoderTraining,
        first_stage: FirstStage,
        discriminator: PatchGAN,
        perceptual: PerceptualDistance,
        seed: int,
    ) -> None:
        super().__init__(seed)
        self.automatic_optimization = False
        self.strict_loading = False  # the frozen perceptual network is not part of the training state
        self.objective = objective
        self.recipe = recipe
        self.first_stage = first_stage
        self.discriminator = discriminator
        self.perceptual = perceptual.requires_grad_(False)
        self._validation = Measurements()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        recipe = self.recipe
        networks = (self.first_stage, self.discriminator)
        return [torch.optim.Adam(net.parameters(), lr=recipe.learning_rate, betas=recipe.betas) for net in networks]

    def learning_rate(self, step: int) -> float:
        recipe = self.recipe
        above = recipe.learning_rate - recipe.final_learning_rate
        return recipe.final_learning_rate + above * 0.5 * (1 + cos(pi * step / recipe.steps))

    @property
    def adversarial(self) -> bool:
        """Whether the discriminator takes part in the current step; ``disc_start`` counts autoencoder steps."""
        return self.steps_done >= self.objective.disc_start and self.objective.disc_factor > 0

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        x = batch["x"]
        first_stage_optimiser, discriminator_optimiser = cast(list[Any], self.optimizers())
        loss, reconstruction = self.autoencoder_loss(x)
        _step(self, first_stage_optimiser, self.check_finite(loss))
        if self.adversarial:
            loss = self.discriminator_loss(x, reconstruction)
            _step(self, discriminator_optimiser, self.check_finite(loss))

    def autoencoder_loss(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of encoder and decoder on images x, and the reconstruction."""
        objective = self.objective
        reconstruction, regularisation, _ = self.first_stage.reconstruct(x, self._posterior_noise(x))
        reconstruction = reconstruction.float()  # the losses are not for mixed precision
        perceptual = self.perceptual(x, reconstruction)
        nll = reconstruction_nll(x, reconstruction, perceptual, objective.perceptual_weight, objective.reduction)
        weight = objective.kl_weight if self.first_stage.regulariser == "kl" else objective.codebook_weight
        logged = {
            "train_l1": (x - reconstruction).abs().mean(),
            "train_perceptual": perceptual.mean(),
            f"train_{self.first_stage.regulariser}": regularisation,
        }
        loss = nll
        if self.adversarial:
            g_loss = generator_loss(self.discriminator(reconstruction))
            loss, adaptive = balanced(
                nll,
                g_loss,
                reconstruction,
                self.first_stage.last_weight,
                objective.disc_weight,
                objective.disc_factor,
            )
            logged |= {"train_generator": g_loss, "train_adaptive_weight": adaptive}
        loss = loss + weight * regularisation
        self.record(len(x), train_loss=loss, **logged)
        return loss, reconstruction

    def discriminator_loss(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """The discriminator's hinge loss; real images first, then reconstructions, as two batches (batch norm)."""
        real, fake = self.discriminator(x), self.discriminator(reconstruction.detach())
        loss = self.objective.disc_factor * discriminator_loss(real, fake)
        self.record(len(x), train_discriminator=loss, train_real=real.mean(), train_fake=fake.mean())
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self._validation.add(self.first_stage, self.perceptual, batch["x"])

    def on_validation_epoch_end(self) -> None:
        self.record(1, **{f"val_{name}": value for name, value in self._validation.summary().items()})
        self._validation = Measurements()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {key: value for key, value in state.items() if not key.startswith("perceptual.")}

    def _posterior_noise(self, x: Tensor) -> Tensor | None:
        if self.first_stage.regulariser == "vq":
            return None
        height, width = (side // self.first_stage.factor for side in x.shape[2:])
        return self.draws("posterior").normal(len(x), self.first_stage.latent_channels, height, width)


class Measurements:
    """PSNR, SSIM, perceptual distance, R-FID and codebook usage, gathered batch by batch.

    R-FID is measured on the perceptual network's pooled features, where it has them.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {"psnr": [], "ssim": [], "perceptual": []}
        self._used: Tensor | None = None
        self._pools = (GaussianAccumulator(), GaussianAccumulator())
        self._count = 0

    @torch.no_grad()
    def add(self, first_stage: FirstStage, perceptual: PerceptualDistance, x: Tensor) -> None:
        """Measure images x against their reconstructions (posterior mean or nearest codes), clamped to [-1, 1]."""
        reconstruction, _, codes = first_stage.reconstruct(x, noise=None)
        reconstruction = reconstruction.float().clamp(-1, 1)
        unit_x, unit_reconstruction = (x + 1) / 2, (reconstruction + 1) / 2
        self._values["psnr"].append(psnr(unit_x, unit_reconstruction).clamp(max=HIGHEST_PSNR))
        self._values["ssim"].append(ssim(unit_x, unit_reconstruction, border="zeros"))
        both = [perceptual.network.stages(images) for images in (x, reconstruction)]
        self._values["perceptual"].append(perceptual.between(*both))
        if perceptual.network.has_pool:
            for accumulator, stages in zip(self._pools, both, strict=True):
                accumulator.add(perceptual.network.features(stages).pool.cpu().numpy())
            self._count += len(x)
        if codes is not None:
            counts = torch.bincount(codes.flatten(), minlength=first_stage.codebook_size or 0)
            self._used = counts > 0 if self._used is None else self._used | (counts > 0)

    def summary(self) -> dict[str, float]:
        """Means over the images; ``codebook_usage`` is the fraction of entries chosen at least once (VQ)."""
        means = {name: float(torch.cat(values).mean()) for name, values in self._values.items()}
        if self._count > 1:
            means["r_fid"] = frechet_distance(*(accumulator.finish() for accumulator in self._pools))
        if self._used is not None:
            means["codebook_usage"] = float(self._used.float().mean())
        return means


def _step(module: AutoencoderModule, optimiser: Any, loss: Tensor) -> None:
    optimiser.zero_grad()
    module.manual_backward(loss)
    optimiser.step()

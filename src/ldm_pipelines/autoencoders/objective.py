"""The objective of a first stage (Sec. 3.1 and G; ``LPIPSWithDiscriminator``, ``VQLPIPSWithDiscriminator``)."""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from ldm_pipelines.training.ranks import mean_over_ranks

LARGEST_WEIGHT = 1e4


class Balanced(NamedTuple):
    """The sum of both terms, and the (detached) adaptive weight in it."""

    loss: Tensor
    weight: Tensor


def reconstruction_nll(
    x: Tensor,
    reconstruction: Tensor,
    perceptual: Tensor,
    perceptual_weight: float,
    reduction: Literal["sum", "mean"],
) -> Tensor:
    """L1 plus perceptual distance, as a scalar; images (b, 3, h, w), ``perceptual`` (b,).

    ``"sum"`` adds up all elements and divides by the batch size (KL), ``"mean"`` averages (VQ). The distance is one
    number per image and counts once per *element*, so both reductions balance it against L1 alike. The original's
    learned ``logvar`` is owned by no optimiser and stays 0.
    """
    nll = (x - reconstruction).abs() + perceptual_weight * perceptual[:, None, None, None]
    return nll.sum() / len(nll) if reduction == "sum" else nll.mean()


def posterior(moments: Tensor) -> DiagonalGaussianDistribution:
    """The diagonal Gaussian of ``moments`` (b, 2c, h, w): mean, and log-variance clamped to [-30, 20]."""
    return DiagonalGaussianDistribution(moments)


def kl_loss(moments: Tensor) -> Tensor:
    """KL to the standard normal, summed per image, averaged over the batch."""
    return posterior(moments).kl().mean()


def generator_loss(logits_fake: Tensor) -> Tensor:
    """-mean D(x_hat)."""
    return -logits_fake.mean()


def discriminator_loss(logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """Hinge loss: half of mean relu(1 - D(x)) + mean relu(1 + D(x_hat))."""
    return 0.5 * (F.relu(1 - logits_real).mean() + F.relu(1 + logits_fake).mean())


def adaptive_weight(nll_gradient: Tensor, g_gradient: Tensor, disc_weight: float) -> Tensor:
    """Eq. 25: ratio of the gradients' norms at the decoder's last weight, in [0, 1e4], times ``disc_weight``."""
    ratio = nll_gradient.norm() / (g_gradient.norm() + 1e-4)
    return ratio.clamp(0.0, LARGEST_WEIGHT).detach() * disc_weight


def balanced(
    nll: Tensor, g_loss: Tensor, reconstruction: Tensor, last_weight: Tensor, disc_weight: float, disc_factor: float
) -> Balanced:
    """``nll + weight * disc_factor * g_loss`` with the adaptive weight.

    Both losses must depend on the autoencoder through ``reconstruction`` alone, the output of the layer with
    ``last_weight``. Then their gradients at the reconstruction hold everything: the weight follows from them by one
    convolution's backward pass, and so does the gradient of the sum. The perceptual network and the discriminator are
    walked back once each (twice in the original), and nothing reaches the discriminator's own gradients.

    Where several processes share the batch, the weight is that of the gradients of the whole batch.
    """
    of_nll, of_g_loss = (torch.autograd.grad(loss, reconstruction)[0] for loss in (nll, g_loss))

    def at_last_weight(gradient: Tensor) -> Tensor:
        return mean_over_ranks(torch.autograd.grad(reconstruction, last_weight, gradient, retain_graph=True)[0])

    weight = adaptive_weight(at_last_weight(of_nll), at_last_weight(of_g_loss), disc_weight)
    value = nll.detach() + weight * disc_factor * g_loss.detach()
    routed = (reconstruction * (of_nll + weight * disc_factor * of_g_loss)).sum()
    return Balanced(value + (routed - routed.detach()), weight)

"""The objective against numbers of the original implementation (``loss_*`` fixtures)."""

from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.vae import VectorQuantizer
from torch import Tensor, nn

from ldm_pipelines.autoencoders.first_stage import FirstStage, sample_posterior
from ldm_pipelines.autoencoders.objective import (
    adaptive_weight,
    balanced,
    discriminator_loss,
    generator_loss,
    kl_loss,
    posterior,
    reconstruction_nll,
)
from ldm_pipelines.autoencoders.patch_gan import PatchGAN

Tensors = dict[str, Tensor]


def close(found: Tensor, expected: Tensor) -> None:
    """The fixtures' tolerance."""
    torch.testing.assert_close(found.detach(), expected, rtol=1e-5, atol=1e-6)


class Setting(NamedTuple):
    reduction: Any
    disc_weight: float
    tensors: Tensors


@pytest.fixture(params=["loss_kl", "loss_vq"])
def setting(request: pytest.FixtureRequest, oracle: Any) -> Setting:
    tensors, description = oracle(request.param)
    reduction = "sum" if request.param == "loss_kl" else "mean"
    return Setting(reduction, description["arguments"]["disc_weight"], tensors)


def stored_discriminator(tensors: Tensors, scenario: str) -> PatchGAN:
    discriminator = PatchGAN(channels=8, num_layers=2)
    prefix = "state.discriminator."
    discriminator.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    if scenario == "tiny_discriminator_gradient":
        discriminator.main[8].weight.data *= 1e-6
    return discriminator.train(scenario != "evaluation")


class Decoded(NamedTuple):
    """The fixture's one-layer decoder, its output and the reconstruction term of a scenario."""

    last_layer: nn.Conv2d
    x_hat: Tensor
    nll: Tensor


def decode(setting: Setting, scenario: str) -> Decoded:
    tensors = setting.tensors
    last_layer = nn.Conv2d(4, 3, 3, padding=1)
    last_layer.load_state_dict({k: tensors[f"state.last_layer.{k}"] for k in ("weight", "bias")})
    x, x_hat = tensors["in.x"], last_layer(tensors["in.h"])
    perceptual = (x - x_hat).square().mean(dim=(1, 2, 3)) if scenario == "perceptual" else torch.zeros(len(x))
    nll = reconstruction_nll(x, x_hat, perceptual, 1.0, setting.reduction)
    return Decoded(last_layer, x_hat, nll)


def regularisation(tensors: Tensors) -> tuple[Tensor, Tensor | None]:
    """The weighted regulariser: KL of ``in.moments`` times 1e-6, or the codebook loss passed in; and the moments."""
    if "in.moments" not in tensors:
        return tensors["in.codebook_loss"], None
    moments = tensors["in.moments"].clone().requires_grad_()
    return 1e-6 * kl_loss(moments), moments


@pytest.mark.parametrize(
    ("setting", "scenario"),
    [
        (name, scenario)
        for name in ("loss_kl", "loss_vq")
        for scenario in ("active", "perceptual", "tiny_discriminator_gradient")
    ],
    indirect=["setting"],
)
def test_the_generator_loss_and_its_gradients(setting: Setting, scenario: str) -> None:
    tensors = setting.tensors
    last_layer, x_hat, nll = decode(setting, scenario)
    discriminator = stored_discriminator(tensors, scenario)
    g_loss = generator_loss(discriminator(x_hat))
    close(nll, tensors[f"out.{scenario}.nll_loss"])
    close(g_loss, tensors[f"out.{scenario}.g_loss"])

    loss, weight = balanced(nll, g_loss, x_hat, last_layer.weight, setting.disc_weight, disc_factor=1.0)
    close(weight, tensors[f"out.{scenario}.d_weight"])
    regulariser, moments = regularisation(tensors)
    total = loss + regulariser
    close(total, tensors[f"out.{scenario}.total_loss"])
    total.backward()
    assert last_layer.weight.grad is not None
    expected = tensors[f"out.{scenario}.total_grad_last_layer"]
    torch.testing.assert_close(last_layer.weight.grad, expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))
    if moments is not None and scenario == "active":
        assert moments.grad is not None
        close(moments.grad, tensors["out.active.total_grad_moments"])
    assert all(parameter.grad is None for parameter in discriminator.parameters())


def test_the_adaptive_weight_from_stored_gradients(setting: Setting) -> None:
    tensors = setting.tensors
    gradients = (tensors["out.active.nll_grad_last_layer"], tensors["out.active.g_grad_last_layer"])
    close(adaptive_weight(*gradients, setting.disc_weight), tensors["out.active.d_weight"])


def test_the_adaptive_weight_is_capped_and_survives_a_zero_gradient() -> None:
    weight = adaptive_weight(torch.ones(3), torch.zeros(3), disc_weight=0.5)
    assert weight.item() == 0.5 * 1e4


@pytest.mark.parametrize("scenario", ["before_start", "evaluation"])
def test_without_the_discriminator_the_loss_is_reconstruction_plus_regulariser(setting: Setting, scenario: str) -> None:
    nll = decode(setting, scenario).nll
    close(nll + regularisation(setting.tensors)[0], setting.tensors[f"out.{scenario}.total_loss"])


@pytest.mark.parametrize("scenario", ["active", "evaluation", "perceptual", "tiny_discriminator_gradient"])
def test_the_discriminator_loss_its_gradient_and_its_statistics(setting: Setting, scenario: str) -> None:
    tensors = setting.tensors
    discriminator = stored_discriminator(tensors, scenario)
    logits_real, logits_fake = discriminator(tensors["in.x"]), discriminator(tensors["out.x_hat"])
    close(logits_real, tensors[f"out.{scenario}.logits_real"])
    close(logits_fake, tensors[f"out.{scenario}.logits_fake"])
    loss = discriminator_loss(logits_real, logits_fake)
    close(loss, tensors[f"out.{scenario}.disc_loss"])
    loss.backward()
    if scenario == "active":
        assert discriminator.main[0].weight.grad is not None
        close(discriminator.main[0].weight.grad, tensors["out.active.disc_grad_first_conv"])
        state = discriminator.state_dict()
        prefix = "out.active.after_disc_step."
        for key in (key for key in tensors if key.startswith(prefix)):
            close(state[key.removeprefix(prefix)], tensors[key])


@pytest.mark.parametrize("which", ["", "extreme."])
def test_posterior_terms(oracle: Any, which: str) -> None:
    tensors, _ = oracle("loss_kl_terms")
    moments = tensors["in.extreme_moments" if which else "in.moments"].clone().requires_grad_()
    gaussian = posterior(moments)
    close(gaussian.logvar, tensors[f"out.{which}logvar"])
    close(gaussian.std, tensors[f"out.{which}std"])
    close(gaussian.kl(), tensors[f"out.{which}kl"])
    loss = kl_loss(moments)
    close(loss, tensors[f"out.{which}kl_loss"])
    loss.backward()
    assert moments.grad is not None
    close(moments.grad, tensors[f"out.{which}kl_loss_grad_moments"])


def test_posterior_sample_and_comparisons(oracle: Any) -> None:
    tensors, _ = oracle("loss_kl_terms")
    gaussian = posterior(tensors["in.moments"])
    close(sample_posterior(tensors["in.moments"], "kl", tensors["in.noise"]), tensors["out.sample"])
    close(sample_posterior(tensors["in.moments"], "kl", torch.zeros_like(tensors["in.noise"])), tensors["out.mode"])
    close(gaussian.kl(posterior(tensors["in.other_moments"])), tensors["out.kl_to_other"])
    close(gaussian.nll(tensors["in.sample_for_nll"]), tensors["out.nll"])
    close(gaussian.mean, tensors["out.mean"])
    close(gaussian.var, tensors["out.var"])


@pytest.fixture
def codebook(oracle: Any, autoencoder_spec: Any) -> tuple[FirstStage, Tensors]:
    """Our first stage with the fixture's codebook."""
    tensors, _ = oracle("loss_codebook")
    first_stage = FirstStage.from_spec(autoencoder_spec("vq", latent_channels=4, codebook_size=16))
    first_stage.model.quantize.embedding.weight.data.copy_(tensors["state.embedding.weight"])
    return first_stage, tensors


def test_the_codebook_loss_has_the_released_weights(codebook: tuple[FirstStage, Tensors]) -> None:
    first_stage, tensors = codebook
    z = tensors["in.z"].clone().requires_grad_()
    quantised = first_stage.quantise(z)
    close(quantised.z, tensors["out.quantised"])
    close(quantised.loss, tensors["out.legacy.loss"])
    assert quantised.indices.flatten().equal(tensors["out.indices"])
    quantised.loss.backward()
    embedding: VectorQuantizer = first_stage.model.quantize
    assert z.grad is not None
    assert embedding.embedding.weight.grad is not None
    close(z.grad, tensors["out.legacy.grad_z"])
    close(embedding.embedding.weight.grad, tensors["out.legacy.grad_embedding"])
    assert not torch.allclose(z.grad, tensors["out.corrected.grad_z"])


def test_the_gradient_goes_straight_through_the_codebook(codebook: tuple[FirstStage, Tensors]) -> None:
    first_stage, tensors = codebook
    z = tensors["in.z"].clone().requires_grad_()
    (first_stage.quantise(z).z * tensors["in.upstream"]).sum().backward()
    assert z.grad is not None
    close(z.grad, tensors["out.straight_through_grad_z"])


def test_balancing_equals_two_plain_backward_passes() -> None:
    """The route over the reconstruction's gradient against the definition, through a deeper decoder."""
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(), nn.Conv2d(8, 3, 3))
    critic = nn.Conv2d(3, 1, 3)
    x, h = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 12, 12)

    def terms() -> tuple[Tensor, Tensor, Tensor]:
        x_hat = decoder(h)
        return F.l1_loss(x_hat, x, reduction="sum"), generator_loss(critic(x_hat)), x_hat

    nll, g_loss, x_hat = terms()
    last = decoder[2].weight
    norms = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (nll, g_loss)]
    expected_weight = 0.7 * norms[0] / (norms[1] + 1e-4)
    expected = torch.autograd.grad(nll + expected_weight * 0.5 * g_loss, list(decoder.parameters()))

    nll, g_loss, x_hat = terms()
    loss, weight = balanced(nll, g_loss, x_hat, last, disc_weight=0.7, disc_factor=0.5)
    found = torch.autograd.grad(loss, list(decoder.parameters()))
    assert torch.isclose(weight, expected_weight)
    assert torch.isclose(loss, nll + expected_weight * 0.5 * g_loss)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)

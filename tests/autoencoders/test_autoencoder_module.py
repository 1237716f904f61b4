from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.module import AutoencoderModule, Measurements
from ldm_pipelines.autoencoders.patch_gan import PatchGAN
from ldm_pipelines.autoencoders.spec import Autoencoder
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.share import WHOLE, Share
from ldm_pipelines.feature_networks.networks import load_perceptual
from ldm_pipelines.training.fit import fit

Make = Callable[..., AutoencoderModule]


class Noise:
    """A source of random images."""

    def __len__(self) -> int:
        return 16

    def read(self, indices: np.ndarray, rng: np.random.Generator | None, share: Share = WHOLE) -> dict[str, Tensor]:
        mine = share.take(indices)
        pixels = np.stack([np.random.default_rng(int(i)).random((3, 16, 16), dtype=np.float32) for i in mine])
        return {"x": torch.from_numpy(pixels) * 2 - 1}


@pytest.fixture
def module(autoencoder_spec: Callable[..., Autoencoder], network_folder: Path) -> Make:
    def make(regulariser: str = "kl", **changes: object) -> AutoencoderModule:
        spec = autoencoder_spec(regulariser, **changes)
        torch.manual_seed(0)
        discriminator = PatchGAN(spec.objective.disc_channels, spec.objective.disc_num_layers)
        return AutoencoderModule(
            spec.objective, spec.training, FirstStage.from_spec(spec), discriminator, load_perceptual(network_folder), 3
        )

    return make


def train(module: AutoencoderModule, workspace: Path, compute: Compute, steps: int) -> None:
    fit(module, Noise(), steps=steps, batch_size=4, workspace=workspace, compute=compute)


def calls(network: nn.Module) -> list[int]:
    """A list that grows by one with every forward pass of ``network``."""
    seen: list[int] = []
    network.register_forward_hook(lambda *_: seen.append(1))
    return seen


def gradients(network: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
def test_the_autoencoders_loss_leaves_no_gradient_in_the_discriminator(module: Make, regulariser: str) -> None:
    trained = module(regulariser, disc_start=0)
    trained.autoencoder_loss(Noise().read(np.arange(4), None)["x"])[0].backward()
    assert not gradients(trained.discriminator)
    assert not gradients(trained.perceptual)
    assert len(gradients(trained.first_stage)) == len(list(trained.first_stage.parameters()))


def test_the_discriminators_loss_leaves_no_gradient_in_the_autoencoder(module: Make) -> None:
    trained = module(disc_start=0)
    x = Noise().read(np.arange(4), None)["x"]
    reconstruction = trained.autoencoder_loss(x)[1]
    trained.zero_grad()
    trained.discriminator_loss(x, reconstruction).backward()
    assert not gradients(trained.first_stage)
    assert not gradients(trained.perceptual)
    assert len(gradients(trained.discriminator)) == len(list(trained.discriminator.parameters()))


def test_the_discriminators_opinion_reaches_the_autoencoder(module: Make) -> None:
    def gradient(disc_start: int) -> Tensor:
        trained = module(disc_start=disc_start)
        trained.autoencoder_loss(Noise().read(np.arange(4), None)["x"])[0].backward()
        assert trained.first_stage.last_weight.grad is not None
        return trained.first_stage.last_weight.grad

    assert not torch.allclose(gradient(0), gradient(1))


def test_disc_start_counts_autoencoder_steps_and_the_discriminator_is_not_run_before(
    module: Make, tmp_path: Path, compute: Compute
) -> None:
    trained = module(disc_start=3)
    before = [parameter.clone() for parameter in trained.discriminator.parameters()]
    runs = calls(trained.discriminator)
    train(trained, tmp_path / "a", compute, steps=3)
    assert not runs
    assert all(map(torch.equal, before, trained.discriminator.parameters()))
    trained = module(disc_start=3)
    runs = calls(trained.discriminator)
    train(trained, tmp_path / "b", compute, steps=5)
    assert len(runs) == 2 * 3  # in each of two steps: for the generator, on real images, on reconstructions
    assert not all(map(torch.equal, before, trained.discriminator.parameters()))


def test_a_step_runs_encoder_and_decoder_once_for_both_losses(module: Make, tmp_path: Path, compute: Compute) -> None:
    trained = module(disc_start=0)
    encoder, decoder = calls(trained.first_stage.model.encoder), calls(trained.first_stage.model.decoder)
    train(trained, tmp_path, compute, steps=3)
    assert (len(encoder), len(decoder)) == (3, 3)


@pytest.mark.parametrize("regulariser", ["kl", "vq"])
def test_a_measurement_runs_every_network_once(module: Make, regulariser: str) -> None:
    trained, x = module(regulariser), Noise().read(np.arange(4), None)["x"]
    model, network = trained.first_stage.model, trained.perceptual.network
    runs = [calls(part) for part in (model.encoder, model.decoder, network.blocks[0])]  # type: ignore[index]
    quantised = calls(model.quantize) if regulariser == "vq" else []
    measured = Measurements()
    measured.add(trained.first_stage, trained.perceptual, x)
    assert [len(each) for each in runs] == [1, 1, 2]  # features of images and of reconstructions
    assert len(quantised) == (regulariser == "vq")
    reconstruction = trained.first_stage.reconstruct(x, None).x.clamp(-1, 1)
    found = measured.summary()
    assert found["perceptual"] == trained.perceptual(x, reconstruction).mean().item()
    assert found["r_fid"] > 0


def test_the_rate_of_both_optimisers_follows_half_a_cosine(module: Make, tmp_path: Path, compute: Compute) -> None:
    trained = module(steps=4, learning_rate=1.0, final_learning_rate=0.5)
    assert [round(trained.learning_rate(step), 4) for step in range(5)] == [1.0, 0.9268, 0.75, 0.5732, 0.5]
    trained = module(disc_start=0)
    train(trained, tmp_path, compute, steps=3)
    rates = {group["lr"] for optimiser in trained.trainer.optimizers for group in optimiser.param_groups}
    assert rates == {trained.learning_rate(2)}
    assert all(group["betas"] == (0.5, 0.9) for opt in trained.trainer.optimizers for group in opt.param_groups)


def test_training_mode_does_not_reach_the_perceptual_network(module: Make) -> None:
    trained = module().train()
    assert trained.first_stage.training
    assert not any(part.training for part in trained.perceptual.network.modules())


def test_the_training_state_holds_both_networks_but_not_the_perceptual_one(
    module: Make, tmp_path: Path, compute: Compute
) -> None:
    train(module(), tmp_path, compute.model_copy(update={"checkpoint_every": 2}), steps=3)
    state = torch.load(tmp_path / "state.ckpt", weights_only=True)
    assert {name.partition(".")[0] for name in state["state_dict"]} == {"first_stage", "discriminator"}
    assert len(state["optimizer_states"]) == 2


def test_the_posterior_is_sampled_anew_in_every_step_and_repeatably(module: Make) -> None:
    x = Noise().read(np.arange(4), None)["x"]
    trained, again = module(), module()
    first = trained.autoencoder_loss(x)[1]
    assert first.equal(again.autoencoder_loss(x)[1])
    trained.steps_done = 1
    assert not torch.allclose(first, trained.autoencoder_loss(x)[1])

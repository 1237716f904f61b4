"""Exported folders: diffusers' own pipelines draw the images that our sampler draws."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from support.originals import complete_checkpoint, load_oracle
from transformers import BertTokenizerFast

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.autoencoders.spec import Architecture
from ldm_pipelines.diffusion.conditioners.conditioner import Condition
from ldm_pipelines.diffusion.conditioners.text import TextConditioner
from ldm_pipelines.diffusion.conditioners.transformer import new_transformer
from ldm_pipelines.diffusion.conditioning_spec import TrainedTransformer
from ldm_pipelines.diffusion.denoiser import build_denoiser
from ldm_pipelines.diffusion.model import LatentDiffusionModel, ModelInfo
from ldm_pipelines.diffusion.schedule import ddim_scheduler
from ldm_pipelines.diffusion.spec import Denoiser, Schedule
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop import export_pipeline, import_checkpoint
from ldm_pipelines.sampling.guidance import classifier_free, conditioned
from ldm_pipelines.sampling.samplers import ddim_trajectory
from ldm_pipelines.sampling.schedulers import build_scheduler
from ldm_pipelines.sampling.spec import DDIM

STEPS = 5
Folders = tuple[Path, Path]


def import_oracles(
    folder: Path, unet: str, first_stage: str, cond_stage: Any = "__is_unconditional__", scale_factor: float = 1.0
) -> Folders:
    """Folders of a model made of oracles, and of its first stage."""
    files = complete_checkpoint(folder, unet, first_stage, cond_stage)
    files.config["model"]["params"]["scale_factor"] = scale_factor
    files.rewrite()
    imported = import_checkpoint(files.path, folder / "artefacts")
    assert imported.ldm is not None
    return imported.ldm, imported.autoencoder


@torch.no_grad()
def our_images(
    folders: Folders, x: torch.Tensor, guided: Callable[[LatentDiffusionModel], Any], eta: float = 0.0,
    draw: Callable[[], torch.Tensor] | None = None,
) -> np.ndarray:  # fmt: skip
    """Images (b, h, w, 3) in [0, 1], drawn from noise x."""
    model, first_stage = LatentDiffusionModel.load(folders[0]), FirstStage.load(folders[1])
    scheduler = build_scheduler(DDIM(kind="ddim", steps=STEPS, eta=eta), model.scheduler)
    noise = draw or (lambda: torch.zeros_like(x))
    scheduler.set_timesteps(STEPS)
    *_, z = ddim_trajectory(guided(model), x, scheduler, eta=eta, draw_noise=noise)
    images = first_stage.decode(z / model.info.scale_factor)
    return (images / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def plain_diffusers(folder: Path, name: str) -> Any:
    """The pipeline, loaded as anyone would; nothing in the folder names this package."""
    assert "ldm_pipelines" not in "".join(path.read_text() for path in folder.rglob("*.json"))
    pipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True, low_cpu_mem_usage=False)
    assert type(pipeline).__name__ == name
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def unconditional(model: LatentDiffusionModel) -> Any:
    return conditioned(model.noise_in, Condition())


@pytest.mark.parametrize(
    ("eta", "prediction"), [(0.0, "epsilon"), (1.0, "epsilon"), (1.0, "sample"), (0.0, "v_prediction")]
)
@pytest.mark.parametrize(("first_stage", "scale_factor"), [("ae_vq", 1.0), ("ae_kl_attn", 0.7)])
def test_unconditional(tmp_path: Path, first_stage: str, scale_factor: float, eta: float, prediction: str) -> None:
    folders = import_oracles(tmp_path, "unet_uncond", first_stage, scale_factor=scale_factor)
    scheduler = folders[0] / "scheduler" / "scheduler_config.json"
    scheduler.write_text(json.dumps(json.loads(scheduler.read_text()) | {"prediction_type": prediction}))
    pipeline = plain_diffusers(export_pipeline(*folders, tmp_path / "export"), "LDMPipeline")
    shape = (2, 3, 8, 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)  # LDMPipeline draws the steps' noise from PyTorch's global generator
        theirs = pipeline(
            batch_size=2, generator=torch.Generator().manual_seed(3), num_inference_steps=STEPS, eta=eta,
            output_type="np",
        ).images  # fmt: skip
    x, steps = torch.randn(shape, generator=torch.Generator().manual_seed(3)), torch.Generator().manual_seed(4)
    ours = our_images(folders, x, unconditional, eta, draw=lambda: torch.randn(shape, generator=steps))
    assert theirs.std() > 0.05
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("first_stage", "scale_factor"), [("ae_vq", 1.0), ("ae_kl_attn", 0.7)])
def test_super_resolution(tmp_path: Path, first_stage: str, scale_factor: float) -> None:
    """The UNet has 4 heads in the middle alone: a setting of ours that diffusers can say in other words."""
    identity = {"target": "torch.nn.Identity"}
    folders = import_oracles(tmp_path, "unet_middle_attention_only", first_stage, identity, scale_factor)
    pipeline = plain_diffusers(export_pipeline(*folders, tmp_path / "export"), "LDMSuperResolutionPipeline")
    low_res = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1
    theirs = pipeline(
        low_res, generator=torch.Generator().manual_seed(3), num_inference_steps=STEPS, output_type="np"
    ).images
    ours = our_images(
        folders,
        torch.randn(low_res.shape, generator=torch.Generator().manual_seed(3)),
        lambda model: conditioned(model.noise_in, model.conditioner({"low_res": low_res})),
    )
    assert theirs.shape == (2, 16, 24, 3)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)


def text_model(folder: Path, *, levels: int, max_length: int) -> Folders:
    """A tiny random text model with a first stage of ``levels`` levels."""
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "circle"]
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)}, do_lower_case=True)
    encoder = TrainedTransformer(kind="trained", layers=1, dim=16, heads=2, head_channels=8)
    conditioner = TextConditioner(tokenizer, new_transformer(encoder, len(words), max_length), max_length)
    architecture = Architecture(
        block_out_channels=(8,) * levels, layers_per_block=1, latent_channels=4, mid_attention=True,
        norm_num_groups=4, codebook_size=None,
    )  # fmt: skip
    first_stage = FirstStage.from_architecture(architecture, 8 * 2 ** (levels - 1), "test")
    first_stage.save(folder / "autoencoder")
    denoiser = Denoiser(
        block_out_channels=(8, 16), layers_per_block=1, attention=(False, True), heads=2, transformer_depth=1,
        norm_num_groups=4,
    )  # fmt: skip
    info = ModelInfo(
        name="tiny", latent=None, latent_shape=(4, 8, 8), factor=first_stage.factor, scale_factor=0.5, dataset=None,
        conditioning={"kind": "text"}, classes=(), autoencoder="tiny",
        autoencoder_digest=digest_folder(folder / "autoencoder"),
    )  # fmt: skip
    unet = build_denoiser(denoiser, info.latent_shape, context_dim=16, concat_channels=0)
    schedule = ddim_scheduler(Schedule(timesteps=1000, beta_start=0.0015, beta_end=0.0195))
    LatentDiffusionModel(info, unet, conditioner, schedule).save(folder / "ldm")
    return folder / "ldm", folder / "autoencoder"


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
@pytest.mark.parametrize("levels", [3, 4], ids=["f4", "f8"])
def test_text_to_image(tmp_path: Path, levels: int, guidance_scale: float) -> None:
    """LDMTextToImagePipeline takes factor 8 for granted; the size it draws by default is right for others too."""
    folders = text_model(tmp_path, levels=levels, max_length=77)
    pipeline = plain_diffusers(export_pipeline(*folders, tmp_path / "export"), "LDMTextToImagePipeline")
    prompts = ["a red circle", "blue"]
    theirs = pipeline(
        prompts, generator=torch.Generator().manual_seed(3), num_inference_steps=STEPS,
        guidance_scale=guidance_scale, output_type="np",
    ).images  # fmt: skip

    def guided(model: LatentDiffusionModel) -> Any:
        raw = {"tokens": model.conditioner.tokenise(prompts)}  # type: ignore[operator]
        condition, null = model.conditioner(raw), model.conditioner(model.conditioner.blank(raw))
        return classifier_free(model.noise_in, condition, null, guidance_scale)

    ours = our_images(folders, torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(3)), guided)
    assert theirs.shape == (2, 8 * 2 ** (levels - 1), 8 * 2 ** (levels - 1), 3)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4)


def test_captions_of_another_length_are_refused(tmp_path: Path) -> None:
    folders = text_model(tmp_path, levels=4, max_length=12)
    with pytest.raises(InputError, match=r"pads captions to 77 tokens; 'tiny' was trained with 12"):
        export_pipeline(*folders, tmp_path / "export")


def test_heads_that_diffusers_cannot_say_are_refused(tmp_path: Path) -> None:
    """The churches model: eight heads at levels of several widths."""
    folders = import_oracles(tmp_path, "unet_churches_style", "ae_kl")
    with pytest.raises(InputError, match=r"8 attention heads at every width \(32, 64\)"):
        export_pipeline(*folders, tmp_path / "export")


def test_a_kind_without_a_pipeline_is_refused_with_what_there_is(tmp_path: Path) -> None:
    shared = load_oracle("ae_vq_noattn").state
    files = complete_checkpoint(tmp_path, "unet_inpainting_style", "ae_vq_noattn", "__is_first_stage__", shared)
    imported = import_checkpoint(files.path, tmp_path / "artefacts")
    assert imported.ldm is not None
    with pytest.raises(InputError, match=r"inpainting conditioning.*none \(LDMPipeline\), text"):
        export_pipeline(imported.ldm, imported.autoencoder, tmp_path / "export")


def test_another_first_stage_and_an_existing_folder_are_refused(tmp_path: Path) -> None:
    ldm, autoencoder = import_oracles(tmp_path, "unet_uncond", "ae_vq")
    with pytest.raises(InputError, match="exists already"):
        export_pipeline(ldm, autoencoder, tmp_path)
    (autoencoder / "import.json").write_text("{}")
    with pytest.raises(InputError, match="is not the first stage that"):
        export_pipeline(ldm, autoencoder, tmp_path / "export")


@torch.no_grad()
@pytest.mark.parametrize("name", ["ae_kl_attn", "ae_vq"])
def test_a_rescaled_first_stage_scales_latents_and_reconstructs_the_same(tmp_path: Path, name: str) -> None:
    from ldm_pipelines.autoencoders.first_stage import sample_posterior
    from ldm_pipelines.interop.exporting import scale_latents

    _, folder = import_oracles(tmp_path, "unet_uncond", name)
    plain, scaled = FirstStage.load(folder), FirstStage.load(folder)
    scale_latents(scaled, 0.3)
    x, noise = load_oracle(name).inputs["x"], torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    z = sample_posterior(plain.moments(x), plain.regulariser, noise)
    z_scaled = sample_posterior(scaled.moments(x), scaled.regulariser, noise)
    torch.testing.assert_close(z_scaled, 0.3 * z, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scaled.decode(z_scaled), plain.decode(z), rtol=0, atol=1e-4)

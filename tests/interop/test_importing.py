"""Whole checkpoints become artefacts that the rest of the package loads."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from support.originals import Checkpoint, complete_checkpoint, load_oracle
from transformers import BertTokenizerFast

from ldm_pipelines.autoencoders.first_stage import FirstStage
from ldm_pipelines.compute import Compute
from ldm_pipelines.data.spec import Degradation
from ldm_pipelines.diffusion.conditioning_spec import (
    LowResConditioning,
    PretrainedTokenizer,
    TextConditioning,
    TrainedTransformer,
)
from ldm_pipelines.diffusion.denoiser import denoise
from ldm_pipelines.diffusion.model import LatentDiffusionModel
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop import import_checkpoint
from ldm_pipelines.interop.original.config import read_config
from ldm_pipelines.sampling.sample import sample
from ldm_pipelines.sampling.spec import Samples


def loaded(checkpoint: Checkpoint, folder: Path, **options: Any) -> tuple[LatentDiffusionModel, FirstStage]:
    imported = import_checkpoint(checkpoint.path, folder / "artefacts", **options)
    assert imported.ldm is not None
    return LatentDiffusionModel.load(imported.ldm), FirstStage.load(imported.autoencoder)


@torch.no_grad()
@pytest.mark.parametrize(("ema", "expected"), [(True, "eps_ema"), (False, "eps_raw")])
def test_a_complete_model(checkpoint: Checkpoint, tmp_path: Path, ema: bool, expected: str) -> None:
    inputs, results = checkpoint.oracle.inputs, checkpoint.oracle.results
    model, first_stage = loaded(checkpoint, tmp_path, ema=ema)
    condition = model.conditioner({"label": inputs["labels"]})
    torch.testing.assert_close(condition["crossattn"], results["context"], rtol=0, atol=1e-6)
    eps = denoise(model.denoiser, inputs["z_t"], inputs["t"], condition)
    torch.testing.assert_close(eps, results[expected], rtol=0, atol=1e-4)
    scale = model.info.scale_factor
    assert scale == float(checkpoint.oracle.state["scale_factor"]) != 1
    torch.testing.assert_close(first_stage.moments(inputs["x"]) * scale, results["latent"], rtol=0, atol=1e-4)
    torch.testing.assert_close(first_stage.decode(inputs["z"] / scale), results["decoded"], rtol=0, atol=1e-4)
    betas = checkpoint.oracle.state["betas"]
    torch.testing.assert_close(model.scheduler.betas, betas, rtol=1e-6, atol=0)


def test_what_the_artefacts_say(checkpoint: Checkpoint, tmp_path: Path) -> None:
    imported = import_checkpoint(
        checkpoint.path, tmp_path / "out", name="five", classes=list("abcde"), dataset="digits"
    )
    assert imported.ldm == tmp_path / "out" / "ldms" / "five"
    info = LatentDiffusionModel.load(imported.ldm).info
    assert (info.name, info.dataset, info.latent, info.classes) == ("five", "digits", None, ("a", "b", "c", "d", "e"))
    assert (info.latent_shape, info.factor, info.conditioning["kind"]) == ((3, 8, 8), 1, "class")
    assert info.autoencoder_digest == digest_folder(imported.autoencoder)
    record = json.loads((imported.ldm / "import.json").read_text())
    assert record["weights"] == "averaged"
    assert record["sha256"] == hashlib.sha256(checkpoint.path.read_bytes()).hexdigest()
    assert record["left_out"]["model.diffusion_model."] > 50  # the raw weights
    assert str(tmp_path) not in (imported.ldm / "import.json").read_text()


def test_an_imported_model_is_sampled_like_a_trained_one(checkpoint: Checkpoint, tmp_path: Path) -> None:
    imported = import_checkpoint(checkpoint.path, tmp_path / "artefacts", classes=list("abcd"))  # the fifth is null
    assert imported.ldm is not None
    spec = Samples.model_validate(
        {
            "name": "few", "ldm": "tiny", "autoencoder": "tiny", "dataset": "none", "split": "test", "count": 6,
            "sampler": {"kind": "ddim", "steps": 4, "eta": 0.0}, "guidance_scale": 2.0, "upstream": "x",
        }
    )  # fmt: skip
    folder = sample(
        spec, imported.ldm, imported.autoencoder, tmp_path, seed=0, workspace=tmp_path / "samples",
        compute=Compute(device="cpu", progress=False),
    )  # fmt: skip
    assert len(list((folder / "images").glob("*.png"))) == 6
    assert json.loads((folder / "samples.json").read_text())["classes"] == list("abcd")


def test_the_same_file_gives_the_same_bytes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    once, again = (import_checkpoint(checkpoint.path, tmp_path / place) for place in ("once", "again"))
    assert once.ldm is not None
    assert again.ldm is not None
    assert digest_folder(once.ldm) == digest_folder(again.ldm)
    assert digest_folder(once.autoencoder) == digest_folder(again.autoencoder)


def test_safetensors_with_a_config_of_another_name(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "weights" / "model.safetensors"
    path.parent.mkdir()
    save_file(checkpoint.oracle.state, path)
    with pytest.raises(InputError, match=r"architecture is unknown.*model\.yaml or config\.yaml"):
        import_checkpoint(path, tmp_path / "out")
    path.with_name("config.yaml").write_text(yaml.safe_dump(checkpoint.config))
    assert import_checkpoint(path, tmp_path / "out").ldm is not None


def test_a_definition_stands_in_for_the_original_file(checkpoint: Checkpoint, tmp_path: Path) -> None:
    definition = read_config(checkpoint.path.with_suffix(".yaml"))
    checkpoint.path.with_suffix(".yaml").unlink()
    model, _ = loaded(checkpoint, tmp_path, definition=definition)
    assert model.info.conditioning["kind"] == "class"


@pytest.mark.parametrize(
    ("classes", "null_class", "count", "null"),
    [((), None, 5, False), (tuple("abcd"), None, 4, True), (tuple("abcde"), None, 5, False), ((), True, 4, True)],
)
def test_the_last_row_may_be_the_null_class(
    checkpoint: Checkpoint, tmp_path: Path, classes: tuple[str, ...], null_class: bool | None, count: int, null: bool
) -> None:
    model, _ = loaded(checkpoint, tmp_path, classes=classes, null_class=null_class)
    assert len(model.info.classes) == count
    labels = {"label": torch.tensor([0])}
    if null:
        assert model.conditioner.blank(labels)["label"].tolist() == [4]
    else:
        with pytest.raises(InputError, match="no null condition"):
            model.conditioner.blank(labels)


def test_names_must_fit_the_rows(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 names for 5 classes"):
        import_checkpoint(checkpoint.path, tmp_path / "out", classes=list("abc"))


def test_missing_and_left_over_weights_are_listed(checkpoint: Checkpoint, tmp_path: Path) -> None:
    state = checkpoint.oracle.state
    state["first_stage_model.encoder.extra"] = state.pop("first_stage_model.encoder.conv_in.weight")
    checkpoint.rewrite()
    with pytest.raises(
        InputError, match=r"tiny\.ckpt, first stage .*missing: encoder\.conv_in\.weight; left over: encoder\.extra"
    ):
        import_checkpoint(checkpoint.path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_schedule_than_the_stored_one_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.config["model"]["params"]["linear_end"] = 0.0205
    checkpoint.rewrite()
    with pytest.raises(InputError, match=r"another schedule \(1000 steps, beta from 0\.0015 to 0\.0195\)"):
        import_checkpoint(checkpoint.path, tmp_path / "out")


def test_a_scale_factor_that_should_be_stored_and_is_not(checkpoint: Checkpoint, tmp_path: Path) -> None:
    del checkpoint.oracle.state["scale_factor"]
    checkpoint.rewrite()
    with pytest.raises(InputError, match="scale_by_std is set, but the checkpoint holds no scale_factor"):
        import_checkpoint(checkpoint.path, tmp_path / "out")


def test_another_file_than_the_expected_one(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged, or another file"):
        import_checkpoint(checkpoint.path, tmp_path / "out", sha256="0" * 64)


def test_nothing_is_overwritten(checkpoint: Checkpoint, tmp_path: Path) -> None:
    import_checkpoint(checkpoint.path, tmp_path / "out")
    with pytest.raises(InputError, match="exists already"):
        import_checkpoint(checkpoint.path, tmp_path / "out")


@torch.no_grad()
def test_a_first_stage_alone(tmp_path: Path) -> None:
    oracle = load_oracle("ae_kl")
    state = oracle.state | {"loss.logvar": torch.zeros(()), "loss.discriminator.main.0.bias": torch.zeros(64)}
    torch.save({"state_dict": state}, tmp_path / "kl.ckpt")
    config = {"model": {"target": "ldm.models.autoencoder.AutoencoderKL", "params": oracle.arguments}}
    (tmp_path / "kl.yaml").write_text(yaml.safe_dump(config))
    imported = import_checkpoint(tmp_path / "kl.ckpt", tmp_path / "out")
    assert imported.ldm is None
    first_stage = FirstStage.load(imported.autoencoder)
    torch.testing.assert_close(first_stage.decode(oracle.inputs["z"]), oracle.results["decoded"], rtol=0, atol=1e-4)
    assert json.loads((imported.autoencoder / "import.json").read_text())["left_out"] == {"loss.": 2}


def test_a_unet_alone_needs_the_file_of_its_first_stage(tmp_path: Path) -> None:
    whole = complete_checkpoint(tmp_path, "unet_uncond", "ae_vq", "__is_unconditional__")
    save_file(load_oracle("unet_uncond").state, tmp_path / "unet.safetensors")
    save_file(load_oracle("ae_vq").state, tmp_path / "vq.safetensors")
    config = whole.path.with_suffix(".yaml")
    with pytest.raises(InputError, match="holds no first stage"):
        import_checkpoint(tmp_path / "unet.safetensors", tmp_path / "out", config=config)
    with pytest.raises(InputError, match=r"vq\.safetensors is a first stage alone"):
        import_checkpoint(tmp_path / "vq.safetensors", tmp_path / "out", config=config)
    imported = import_checkpoint(
        tmp_path / "unet.safetensors", tmp_path / "out", config=config, first_stage=tmp_path / "vq.safetensors"
    )
    assert imported.ldm is not None
    oracle = load_oracle("unet_uncond")
    with torch.no_grad():
        eps = denoise(LatentDiffusionModel.load(imported.ldm).denoiser, oracle.inputs["x"], oracle.inputs["t"], {})
    torch.testing.assert_close(eps, oracle.results["eps"], rtol=0, atol=1e-4)
    with pytest.raises(InputError, match=r"whole\.ckpt holds a first stage"):
        import_checkpoint(whole.path, tmp_path / "out2", first_stage=tmp_path / "vq.safetensors")


@torch.no_grad()
def test_inpainting_shares_the_first_stage(tmp_path: Path) -> None:
    shared = load_oracle("ae_vq_noattn").state
    whole = complete_checkpoint(tmp_path, "unet_inpainting_style", "ae_vq_noattn", "__is_first_stage__", shared)
    model, first_stage = loaded(whole, tmp_path)
    model.conditioner.attach(first_stage, model.info.scale_factor)
    inputs = whole.oracle.inputs
    raw = {"image": torch.zeros(2, 3, 16, 16), "mask": torch.zeros(2, 1, 16, 16)}
    assert model.conditioner(raw)["concat"].shape == (2, 4, 8, 8)
    concat = torch.cat([inputs["masked_image_latent"], inputs["mask"]], dim=1)
    eps = denoise(model.denoiser, inputs["z_t"], inputs["t"], {"concat": concat})
    torch.testing.assert_close(eps, whole.oracle.results["eps"], rtol=0, atol=1e-4)

    whole.oracle.state["cond_stage_model.quant_conv.bias"] = torch.zeros(3)
    whole.rewrite()
    with pytest.raises(InputError, match=r"copy of the first stage differs: quant_conv\.bias"):
        import_checkpoint(whole.path, tmp_path / "out")


@torch.no_grad()
def test_semantic_synthesis(tmp_path: Path) -> None:
    rescaler = load_oracle("spatial_rescaler")
    config = {"target": "modules.SpatialRescaler", "params": rescaler.arguments}
    whole = complete_checkpoint(tmp_path, "unet_middle_attention_only", "ae_vq", config, rescaler.state)
    with pytest.raises(InputError, match=r"imports\.whole\.classes: a semantic model needs the names of its classes"):
        import_checkpoint(whole.path, tmp_path / "out")
    names = [f"class{number}" for number in range(rescaler.arguments["in_channels"])]
    model, _ = loaded(whole, tmp_path, classes=names)
    found = model.conditioner.rescale(rescaler.inputs["x"])  # type: ignore[operator]
    torch.testing.assert_close(found, rescaler.results["y"], rtol=0, atol=1e-6)
    inputs = whole.oracle.inputs
    eps = denoise(model.denoiser, inputs["z_t"], inputs["t"], {"concat": inputs["concat"]})
    torch.testing.assert_close(eps, whole.oracle.results["eps"], rtol=0, atol=1e-4)


def tokenizer_folder(folder: Path, size: int) -> str:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{number}" for number in range(size - 5))]
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)}, do_lower_case=True)
    tokenizer.save_pretrained(folder / f"tokenizer{size}")
    return str(folder / f"tokenizer{size}")


def text_conditioning(tokenizer: str) -> TextConditioning:
    return TextConditioning(
        kind="text",
        tokenizer=PretrainedTokenizer(kind="pretrained", name=tokenizer),
        encoder=TrainedTransformer(kind="trained", layers=2, dim=16, heads=8, head_channels=64),
        max_length=12,
        null_probability=0.1,
    )


@torch.no_grad()
def test_text_to_image(tmp_path: Path) -> None:
    bert = load_oracle("bert_encoder")
    arguments = {key: value for key, value in bert.arguments.items() if key != "use_tokenizer"}
    config = {"target": "modules.BERTEmbedder", "params": arguments}
    whole = complete_checkpoint(tmp_path, "unet_cross_attention_heads1", "ae_vq", config, bert.state)
    with pytest.raises(InputError, match="has 90 tokens, the checkpoint 97"):
        import_checkpoint(whole.path, tmp_path / "out", conditioning=text_conditioning(tokenizer_folder(tmp_path, 90)))
    model, _ = loaded(whole, tmp_path, conditioning=text_conditioning(tokenizer_folder(tmp_path, 97)))
    tokens = model.conditioner({"tokens": bert.inputs["tokens"]})["crossattn"]
    torch.testing.assert_close(tokens, bert.results["embeddings"], rtol=0, atol=1e-4)
    assert model.conditioner.tokenise(["Word3 word92"])[0, :5].tolist() == [2, 8, 1, 3, 0]  # type: ignore[operator]
    inputs = whole.oracle.inputs
    eps = denoise(model.denoiser, inputs["x"], inputs["t"], {"crossattn": inputs["context"]})
    torch.testing.assert_close(eps, whole.oracle.results["eps"], rtol=0, atol=1e-4)


@torch.no_grad()
def test_layout_to_image(tmp_path: Path) -> None:
    """The oracle's transformer, cut to the 11 places that three boxes and a crop need."""
    bert = load_oracle("bert_encoder")
    places = "transformer.pos_emb.emb.weight"
    state = bert.state | {places: bert.state[places][:11].clone()}
    config = {"target": "modules.BERTEmbedder", "params": bert.arguments | {"max_seq_len": 11, "use_tokenizer": False}}
    whole = complete_checkpoint(tmp_path, "unet_cross_attention_heads1", "ae_vq", config, state)
    with pytest.raises(InputError, match=r"imports\.whole\.classes: a layout model needs the names of its classes"):
        import_checkpoint(whole.path, tmp_path / "out")
    model, _ = loaded(whole, tmp_path, classes=["circle", "square"])
    assert model.info.conditioning["max_objects"] == 3
    tokens = model.conditioner({"tokens": bert.inputs["tokens_short"]})["crossattn"]
    torch.testing.assert_close(tokens, bert.results["embeddings_short"], rtol=0, atol=1e-4)


def test_super_resolution_has_no_weights_of_its_own(tmp_path: Path) -> None:
    whole = complete_checkpoint(tmp_path, "unet_middle_attention_only", "ae_vq", {"target": "torch.nn.Identity"})
    model, _ = loaded(whole, tmp_path)
    assert model.info.conditioning == {"kind": "low_res", "degradation": {"kind": "bsr_light", "factor": 2}}
    for factor in (1, 4):
        other = LowResConditioning(kind="low_res", degradation=Degradation(kind="bicubic", factor=factor))
        message = f"degradation.factor is {factor}, but the first stage shrinks images by 2: .* so this must be 2"
        with pytest.raises(InputError, match=message):
            import_checkpoint(whole.path, tmp_path / "out", conditioning=other)

"""Original configuration files become our definitions."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.originals import released_config, tiny_config

from ldm_pipelines.data.spec import Degradation
from ldm_pipelines.diffusion.conditioning_spec import LowResConditioning
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.original.config import read_config
from ldm_pipelines.interop.spec import Definition


def write(folder: Path, config: dict[str, Any]) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_every_released_model_has_a_definition(released: Any, prefixes: dict[str, Any], tmp_path: Path) -> None:
    found = {}
    for name in prefixes["checkpoints"]:
        definition = read_config(write(tmp_path, released_config(released, prefixes, name)))
        assert definition.schedule is not None
        assert definition.schedule.timesteps == 1000
        found[name] = (
            definition.conditioning.kind, definition.factor, definition.latent_size, definition.condition_classes,
            definition.scale_factor,
        )  # fmt: skip
    assert found == {
        "bsr_sr": ("low_res", 4, 64, 0, 1.0),
        "celeba256": ("none", 4, 64, 0, 1.0),
        "cin256": ("class", 8, 32, 1000, 1.0),
        "ffhq256": ("none", 4, 64, 0, 1.0),
        "inpainting_big": ("inpainting", 4, 64, 0, 1.0),
        "layout2img-openimages256": ("layout", 4, 64, 0, 1.0),
        "lsun_beds256": ("none", 4, 64, 0, 1.0),
        "lsun_churches256": ("none", 8, 32, 0, None),
        "semantic_synthesis256": ("semantic", 4, 64, 182, 1.0),
        "semantic_synthesis512": ("semantic", 4, 128, 182, 1.0),
        "text2img256": ("text", 4, 64, 0, 1.0),
        "cin256-v2": ("class", 4, 64, 1001, 1.0),
        "txt2img-1p4B-eval": ("text", 8, 32, 0, 0.18215),
    }


def test_the_details_of_one(released: Any, prefixes: dict[str, Any], tmp_path: Path) -> None:
    layout = read_config(write(tmp_path, released_config(released, prefixes, "layout2img-openimages256")))
    assert layout.conditioning.kind == "layout"
    assert (layout.conditioning.vocab_size, layout.conditioning.max_objects) == (8192, 30)
    assert layout.denoiser is not None
    assert layout.denoiser.model_dump() == {
        "block_out_channels": (128, 256, 384, 512), "layers_per_block": 2, "attention": (False, True, True, True),
        "head_channels": 32, "heads": None, "transformer_depth": 3, "norm_num_groups": 32, "scale_shift_norm": False,
        "resblock_updown": False,
    }  # fmt: skip
    churches = read_config(write(tmp_path, released_config(released, prefixes, "lsun_churches256")))
    assert churches.denoiser is not None
    assert (churches.denoiser.heads, churches.denoiser.head_channels) == (8, None)
    assert churches.denoiser.attention == (True, True, True, True, False)
    assert (churches.denoiser.scale_shift_norm, churches.denoiser.resblock_updown) == (True, True)


def test_factors_that_no_level_has_leave_attention_to_the_middle(
    released: Any, prefixes: dict[str, Any], tmp_path: Path
) -> None:
    """attention_resolutions [32, 16, 8] of the semantic model are factors, its three levels have 1, 2 and 4."""
    semantic = read_config(write(tmp_path, released_config(released, prefixes, "semantic_synthesis256")))
    assert semantic.denoiser is not None
    assert semantic.denoiser.attention == (False, False, False)


def test_a_first_stage_alone(released: Any, tmp_path: Path) -> None:
    cls, arguments, _ = released("autoencoder")["vq-f8"]
    arguments = arguments | {"lossconfig": {"target": "x.VQLPIPSWithDiscriminator", "params": {"disc_start": 1}}}
    config = {"model": {"base_learning_rate": 4.5e-6, "target": f"ldm.models.autoencoder.{cls}", "params": arguments}}
    definition = read_config(write(tmp_path, config))
    assert definition.denoiser is None
    assert definition.first_stage != "identity"
    assert (definition.factor, definition.latent_size, definition.first_stage.codebook_size) == (8, 32, 16384)
    assert definition.first_stage.attention == (False, False, False, True)
    assert definition.first_stage.mid_attention


def test_what_a_file_leaves_open_can_be_given_and_must_agree(
    released: Any, prefixes: dict[str, Any], tmp_path: Path
) -> None:
    path = write(tmp_path, released_config(released, prefixes, "bsr_sr"))
    assert read_config(path).conditioning.degradation == Degradation(kind="bsr_light", factor=4)  # type: ignore[union-attr]
    bicubic = LowResConditioning(kind="low_res", degradation=Degradation(kind="bicubic", factor=4))
    assert read_config(path, bicubic).conditioning == bicubic
    path = write(tmp_path, released_config(released, prefixes, "celeba256"))
    with pytest.raises(InputError, match="says kind = 'none', the given conditioning 'low_res'"):
        read_config(path, bicubic)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("parameterization", "v", "parameterization is 'v'; only 'eps' or 'x0'"),
        ("beta_schedule", "cosine", "beta_schedule is 'cosine'; only 'linear'"),
        ("conditioning_key", "hybrid", "conditioning_key is 'hybrid'"),
        ("scale_factr", 0.2, "scale_factr: unknown to the importer; did you mean 'scale_factor'"),
        ("linear_start", "${model.start}", "refers to another value"),
        ("linear_start", "soon", "not a model that can be imported"),
        ("image_size", None, "not a model that can be imported"),
        ("cond_stage_config", {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder"}, "FrozenCLIPEmbedder"),
        ("unet_config", {"target": "x.EncoderUNetModel", "params": {}}, "EncoderUNetModel cannot be imported"),
        ("first_stage_config", {"target": "x.VQGAN"}, "VQGAN is no first stage"),
    ],
)
def test_what_cannot_be_imported_is_named(tmp_path: Path, option: str, value: Any, message: str) -> None:
    config = tiny_config()
    config["model"]["params"][option] = value
    with pytest.raises(InputError, match=message):
        read_config(write(tmp_path, config))


@pytest.mark.parametrize("text", ["model: [", "data: 1", "model: 3", "model: {target: x.Trainer}", "- a"])
def test_files_that_are_no_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"config\.yaml"):
        read_config(path)


def test_parts_that_do_not_fit_each_other(tmp_path: Path) -> None:
    config = tiny_config()
    config["model"]["params"]["unet_config"]["params"]["context_dim"] = 12
    with pytest.raises(InputError, match="context_dim is 12, the conditioner's tokens have 8"):
        read_config(write(tmp_path, config))


def test_a_definition_is_a_whole_model_or_a_first_stage() -> None:
    with pytest.raises(ValueError, match="denoiser and schedule are given together"):
        Definition.model_validate(
            {
                "first_stage": "identity",
                "latent_size": 8,
                "schedule": {"timesteps": 1000, "beta_start": 0.1, "beta_end": 0.2},
            }
        )

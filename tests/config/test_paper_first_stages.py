"""The first stages of the paper's size against what was printed and what was released."""

from typing import Any

import pytest
import yaml
from diffusers.models.attention_processor import Attention
from support.paper_study import ARGUMENTS, COUNTS, FACTS, PROJECT, first_stage, parameters, shape_of, study

from ldm_pipelines.autoencoders.spec import Autoencoder

TABLE_08: dict[str, Any] = yaml.safe_load((PROJECT / "conf" / "paper" / "table_08.yaml").read_text())


def named(released: str) -> Autoencoder:
    return study().autoencoders[released.replace("-", "_")]


@pytest.mark.parametrize("name", FACTS["autoencoders"])
def test_a_released_first_stage_has_exactly_the_released_parameters(name: str) -> None:
    stage, facts = first_stage(named(name).name), FACTS["autoencoders"][name]
    assert parameters(stage) == COUNTS["autoencoder"][name]
    assert round(parameters(stage) / 1e6, 2) == facts["params_M"]["total"]
    channels, height, _ = shape_of(facts["z_shape_256"])
    assert (stage.factor, stage.latent_channels, stage.codebook_size) == (
        256 // height, channels, facts["codebook_size"],
    )  # fmt: skip


@pytest.mark.parametrize("name", FACTS["autoencoders"])
def test_a_released_first_stage_attends_where_the_release_does(name: str) -> None:
    config = ARGUMENTS["autoencoder"][name]["arguments"]["ddconfig"]
    spec = named(name).architecture
    assert spec is not None
    assert spec.block_out_channels == tuple(config["ch"] * multiplier for multiplier in config["ch_mult"])
    resolutions = [config["resolution"] // 2**level for level in range(len(config["ch_mult"]))]
    expected = tuple(resolution in config["attn_resolutions"] for resolution in resolutions)
    assert (spec.attention or (False,) * len(resolutions)) == expected
    assert spec.mid_attention == (config.get("attn_type") != "none")
    attentions = [module for module in first_stage(named(name).name).modules() if isinstance(module, Attention)]
    assert {attention.heads for attention in attentions} <= {1}
    count = 2 * spec.mid_attention + sum(expected) * (
        2 + 3
    )  # blocks of a level: two in the encoder, three in the decoder
    assert len(attentions) == count


@pytest.mark.parametrize("name", FACTS["autoencoders"])
def test_a_released_first_stage_is_trained_as_released(name: str) -> None:
    spec, facts = named(name), FACTS["autoencoders"][name]
    objective, training, loss = spec.objective, spec.training, facts["loss"]
    assert objective is not None
    assert training is not None
    assert (objective.disc_start, objective.disc_weight, objective.disc_num_layers, objective.disc_factor) == (
        loss["disc_start"], loss["disc_weight"], loss["disc_num_layers"], loss["disc_factor"],
    )  # fmt: skip
    assert (objective.kl_weight or None, objective.codebook_weight or None) == (
        loss["kl_weight"], loss["codebook_weight"],
    )  # fmt: skip
    assert objective.reduction == ("mean" if spec.regulariser == "vq" else "sum")
    assert (training.steps, training.batch_size) == (facts["train_steps"], facts["batch_size_per_gpu"])
    assert training.learning_rate == pytest.approx(facts["base_learning_rate"] * facts["batch_size_per_gpu"])
    assert training.final_learning_rate == training.learning_rate
    assert training.betas == (0.5, 0.9)


def test_every_first_stage_of_table_8_is_there_and_no_other_but_those_of_ldm_1_and_ldm_32() -> None:
    printed = {
        (row["reg"].lower(), row["f"], row["c"], row["codebook_size"], row.get("attention_free", False))
        for row in TABLE_08["rows"]
        if row["is_ldm"]
    }
    ours = {
        (
            stage.regulariser,
            stage.factor,
            stage.latent_channels,
            stage.codebook_size,
            not spec.architecture.mid_attention,
        )
        for name, spec in study().autoencoders.items()
        if spec.architecture
        for stage in [first_stage(name)]
    }
    assert len(printed) == 16
    assert ours - printed == {("vq", 32, 32, 16384, False)}
    assert printed <= ours
    assert [name for name, spec in study().autoencoders.items() if not spec.architecture] == ["identity"]

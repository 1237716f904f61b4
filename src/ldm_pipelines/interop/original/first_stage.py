"""``first_stage_config`` -> ``Architecture``."""

from typing import Literal

from ldm_pipelines.autoencoders.spec import Architecture
from ldm_pipelines.errors import InputError
from ldm_pipelines.interop.original.options import Options, target

KL, VQ, IDENTITY = ("AutoencoderKL",), ("VQModel", "VQModelInterface"), ("IdentityFirstStage",)
TRAINING = (
    "lossconfig", "monitor", "ckpt_path", "ignore_keys", "image_key", "colorize_nlabels", "batch_resize_range",
    "scheduler_config", "lr_g_factor", "use_ema",
)  # fmt: skip


def read_first_stage(config: Options) -> Architecture | Literal["identity"]:
    """The original ``AutoencoderKL`` or ``VQModel`` (``ldm/models/autoencoder.py``), or no first stage.

    Raises:
        InputError: an option that our architecture has no word for.
    """
    kind = target(config)
    if kind in IDENTITY:
        return "identity"
    if kind not in (*KL, *VQ):
        raise InputError(f"{config.where}.target: {kind} is no first stage; known: {', '.join((*KL, *VQ, *IDENTITY))}")
    params = config.group("params")
    network = params.group("ddconfig")
    architecture = _architecture(network, codebook_size=int(params.required("n_embed")) if kind in VQ else None)
    if int(params.required("embed_dim")) != architecture.latent_channels:
        raise InputError(
            f"{params.where}: embed_dim ({params.get('embed_dim')}) differs from z_channels "
            f"({architecture.latent_channels}); only equal ones can be imported"
        )
    params.only("remap", None)
    params.ignore("sane_index_shape", *TRAINING)
    params.finish()
    return architecture


def _architecture(network: Options, codebook_size: int | None) -> Architecture:
    """``ddconfig`` (``ldm/modules/diffusionmodules/model.py``). ``attn_resolutions`` are sides of the feature maps."""
    multipliers = [int(m) for m in network.required("ch_mult")]
    if multipliers[0] != 1:
        raise InputError(f"{network.where}.ch_mult begins with {multipliers[0]}; only 1 can be imported")
    width, side = int(network.required("ch")), int(network.required("resolution"))
    attends = str(network.get("attn_type", "vanilla")) != "none"
    network.only("attn_type", "vanilla", "none")
    network.only("double_z", codebook_size is None)
    for channels in ("in_channels", "out_ch"):
        network.only(channels, 3)
    network.only("resamp_with_conv", True)
    for switch in ("use_linear_attn", "give_pre_end", "tanh_out"):
        network.only(switch, False)
    network.ignore("dropout")
    attended = {int(resolution) for resolution in network.required("attn_resolutions")}
    per_level = tuple(attends and side // 2**level in attended for level in range(len(multipliers)))
    architecture = Architecture(
        block_out_channels=tuple(width * multiplier for multiplier in multipliers),
        layers_per_block=int(network.required("num_res_blocks")),
        latent_channels=int(network.required("z_channels")),
        mid_attention=attends,
        attention=per_level if any(per_level) else None,
        norm_num_groups=32,
        codebook_size=codebook_size,
    )
    network.finish()
    return architecture

"""Parameters of published networks that only measure."""

from typing import Literal

from ldm_pipelines.spec import Entity

PERCEPTUAL = ("lpips_vgg", "lpips_alex", "psim_vgg")
"""Kinds that are perceptual distances and nothing else; the others give features and nothing else."""


class Published(Entity):
    """A published network, read from its file in ``weights_dir`` whenever it measures; no copy of it is kept.

    ``inception_fidelity`` is the paper's (torch-fidelity); ``inception_cleanfid*`` are clean-fid's with its three ways
    of resizing; ``vgg16_fidelity`` is torch-fidelity's for precision and recall; ``lpips_*`` and ``psim_vgg`` are
    perceptual distances, for an evaluation's ``perceptual_network``.
    """

    kind: Literal[
        "inception_fidelity", "inception_cleanfid", "inception_cleanfid_legacy_tensorflow",
        "inception_cleanfid_legacy_pytorch", "vgg16_fidelity", "lpips_vgg", "lpips_alex", "psim_vgg",
    ]  # fmt: skip
    upstream: str
    """What DVC watches: the module that knows the files."""

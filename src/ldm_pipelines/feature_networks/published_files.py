"""Published weights files: which ones, where from, and whether a file is the one that its publisher means.

A file lies in ``weights_dir``, or where the libraries keep theirs (``torch.hub``), or is fetched there as they would;
whichever it is, its SHA-256 is checked, and no network takes the place of one whose file is missing.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from ldm_pipelines.digests import digest_file
from ldm_pipelines.errors import InputError

log = logging.getLogger(__name__)

OFFLINE = "LDM_OFFLINE"
"""Environment variable: where it is set, nothing is fetched."""


@dataclass(frozen=True)
class PublishedFile:
    """A file of pretrained weights as its publisher offers it."""

    name: str
    sha256: str
    """All 64 hex digits."""
    url: str
    read_by: str
    """The network, and the library whose code it is, for messages."""


INCEPTION_PYTORCH = PublishedFile(
    "weights-inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    "Inception-v3 as ported by torch-fidelity, also clean-fid's legacy_pytorch",
)
"""The state dict of TensorFlow's Inception-v3 of 2015-12-05.

pytorch-fid, and with it clean-fid, names the same digest: ``pt_inception-2015-12-05-6726825d.pth`` will do, renamed.
Both publish the first eight digits, in the file's name; all 64 are those by which other projects pin the same file.
"""
INCEPTION_TORCHSCRIPT = PublishedFile(
    "inception-2015-12-05.pt",
    "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
    "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
    "Inception-v3 as clean-fid uses it",
)
"""The same network as TorchScript. Address: clean-fid; digest: k-diffusion 0.1.1, ``k_diffusion/evaluation.py``."""
VGG16 = PublishedFile(
    "vgg16-397923af.pth",
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    "VGG16 of torchvision, for LPIPS, PSIM and torch-fidelity's vgg16",
)
"""Of this and the next torchvision publishes eight digits, in the file's name; all 64 are those other projects pin."""
ALEXNET = PublishedFile(
    "alexnet-owt-7be5be79.pth",
    "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "AlexNet of torchvision, for LPIPS",
)
LPIPS_LINEAR = {
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
}
"""SHA-256 of ``weights/v0.1/NET.pth``, the learned weights of channels inside the package lpips 0.1.4."""


def resolve(file: PublishedFile, weights_dir: Path) -> Path:
    """Where ``file`` lies, after its whole content was hashed and found to be the published one.

    Raises:
        InputError: it is neither in ``weights_dir`` nor in torch.hub's folder and cannot be fetched, or has another
            SHA-256, as a file cut short has.
    """
    path = next((path for folder in (weights_dir, hub_folder()) if (path := folder / file.name).is_file()), None)
    if path is None:
        path = _fetch(file, weights_dir)
    found = digest_file(path)
    if found != file.sha256:
        raise InputError(
            f"{path} is not the published file, or not all of it: {path.stat().st_size} bytes with SHA-256 {found}, "
            f"not {file.sha256}; {_remedy(file, path.parent)}"
        )
    return path


def hub_folder() -> Path:
    """Where torchvision, lpips and torch-fidelity keep what they fetched (``TORCH_HOME`` moves it)."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _fetch(file: PublishedFile, weights_dir: Path) -> Path:
    """Into torch.hub's folder, whole and checked or not at all."""
    missing = f"{file.name} is missing in {weights_dir} and {hub_folder()}, needed for {file.read_by}"
    if os.environ.get(OFFLINE):
        raise InputError(f"{missing}; {OFFLINE} is set, so it is not fetched; {_remedy(file, weights_dir)}")
    log.info("fetching %s", file.url)
    path = hub_folder() / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(file.url, str(path), hash_prefix=file.sha256)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{missing}, and could not be fetched ({error}); {_remedy(file, weights_dir)}") from error
    return path


def _remedy(file: PublishedFile, folder: Path) -> str:
    return (
        f"put {file.url} (SHA-256 {file.sha256}) into {folder}, or name the folder that has it by LDM_WEIGHTS_DIR, "
        "or weights_dir in conf/local/compute.yml"
    )

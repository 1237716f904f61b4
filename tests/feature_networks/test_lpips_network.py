"""Against the ``lpips`` package's own forward pass, which reads the same file by torchvision's own loading."""

from pathlib import Path

import lpips
import pytest
import torch
from support.published_weights import published, write_backbone
from torch import nn

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.features import PerceptualDistance
from ldm_pipelines.feature_networks.lpips_network import BACKBONES, Net
from ldm_pipelines.feature_networks.networks import load_perceptual
from ldm_pipelines.feature_networks.prepare import prepare
from ldm_pipelines.feature_networks.spec import Lpips


def lpips_spec(net: str) -> Lpips:
    return Lpips.model_validate({"name": f"lpips_{net}", "kind": "lpips", "net": net, "upstream": "lpips_network.py"})


def publish(net: Net, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of random weights, which counts as the published one; all that reads it is the real thing."""
    folder.mkdir(parents=True)
    path = folder / BACKBONES[net].name
    write_backbone(net, path)
    monkeypatch.setitem(BACKBONES, net, published(BACKBONES[net], folder))
    return path


@pytest.fixture(params=["alex", "vgg"])
def assembled(
    request: pytest.FixtureRequest, tmp_path: Path, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> tuple[PerceptualDistance, lpips.LPIPS]:
    """Our distance from its artefact, and the package's, from one weights file."""
    net = request.param
    path = publish(net, tmp_path / "hub" / "checkpoints", monkeypatch)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    theirs = lpips.LPIPS(net=net, verbose=False)
    here = compute.model_copy(update={"weights_dir": path.parent})
    artefact = prepare(lpips_spec(net), None, seed=0, workspace=tmp_path / "work", compute=here)
    return load_perceptual(artefact), theirs


def test_it_equals_the_lpips_package_and_ignores_a_training_parent(
    assembled: tuple[PerceptualDistance, lpips.LPIPS],
) -> None:
    ours, theirs = assembled
    x, y = torch.rand(2, 2, 3, 64, 64) * 2 - 1
    nn.ModuleList([ours]).train()  # the package's dropout would halve the features here
    with torch.no_grad():
        expected = theirs(x, y).flatten()
        assert torch.allclose(ours(x, y), expected, rtol=1e-5)
        assert ours(x, x).tolist() == [0, 0]
    assert (expected > 1e-3).all()
    with pytest.raises(InputError, match="kind 'classifier'"):
        ours.network(x)


def test_missing_weights_are_named_with_folder_and_key(tmp_path: Path, compute: Compute) -> None:
    with pytest.raises(InputError) as caught:
        prepare(lpips_spec("vgg"), None, seed=0, workspace=tmp_path, compute=compute)
    for part in ("vgg16-397923af.pth", str(compute.weights_dir), "weights_dir", "compute.yml"):
        assert part in str(caught.value)


@pytest.mark.parametrize("size", [-1, 3])
def test_a_weights_file_that_is_not_the_published_one_is_refused(
    size: int, tmp_path: Path, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short, or of another network: nothing in it is read."""
    path = publish("alex", compute.weights_dir, monkeypatch)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=f"{path} is not the published file.*{BACKBONES['alex'].sha256}"):
        prepare(lpips_spec("alex"), None, seed=0, workspace=tmp_path, compute=compute)

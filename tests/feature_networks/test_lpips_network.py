"""Against the ``lpips`` package's own forward pass, which reads the same file by torchvision's own loading."""

from collections.abc import Callable
from pathlib import Path

import lpips
import pytest
import torch
import torchvision
from torch import nn

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.feature_networks.features import PerceptualDistance
from ldm_pipelines.feature_networks.lpips_network import BACKBONES
from ldm_pipelines.feature_networks.networks import load_perceptual
from ldm_pipelines.feature_networks.prepare import prepare
from ldm_pipelines.feature_networks.spec import Lpips

BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "vgg": torchvision.models.vgg16,
    "alex": torchvision.models.alexnet,
}


def lpips_spec(net: str) -> Lpips:
    return Lpips.model_validate({"name": f"lpips_{net}", "kind": "lpips", "net": net, "upstream": "lpips_network.py"})


def publish(net: str, path: Path) -> None:
    """Random weights in the published file's format; the unused dense layers are one number each, repeated."""
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in BUILDERS[net]().state_dict().items()}
    state = {}
    for name, shape in shapes.items():
        if name.startswith("features") and name.endswith("weight"):
            state[name] = torch.randn(shape) * (2 / shape[1:].numel()) ** 0.5
        else:
            state[name] = torch.full((1,), 0.01).expand(shape)
    path.parent.mkdir(parents=True)
    torch.save(state, path)


@pytest.fixture(params=["alex", "vgg"])
def assembled(
    request: pytest.FixtureRequest, tmp_path: Path, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> tuple[PerceptualDistance, lpips.LPIPS]:
    """Our distance from its artefact, and the package's, from one weights file."""
    net = request.param
    published = tmp_path / "hub" / "checkpoints" / BACKBONES[net]
    publish(net, published)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    theirs = lpips.LPIPS(net=net, verbose=False)
    here = compute.model_copy(update={"weights_dir": published.parent})
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


def test_a_broken_weights_file_is_refused(tmp_path: Path, compute: Compute) -> None:
    compute.weights_dir.mkdir()
    path = compute.weights_dir / BACKBONES["alex"]
    path.write_bytes(b"not weights")
    with pytest.raises(InputError, match=f"{path} can not be read"):
        prepare(lpips_spec("alex"), None, seed=0, workspace=tmp_path, compute=compute)


def test_weights_of_another_network_are_refused(tmp_path: Path, compute: Compute) -> None:
    compute.weights_dir.mkdir()
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, compute.weights_dir / BACKBONES["alex"])
    with pytest.raises(InputError, match="not the published file"):
        prepare(lpips_spec("alex"), None, seed=0, workspace=tmp_path, compute=compute)

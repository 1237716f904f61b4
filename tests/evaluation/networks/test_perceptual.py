"""PSIM against the formula of the original on torchvision's own VGG16, LPIPS against its package."""

import hashlib
from typing import Any

import lpips
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.networks.perceptual import load_lpips, load_psim
from ldm_pipelines.evaluation.pairs.metrics import PairedMetrics
from ldm_pipelines.evaluation.provenance import describe_distance
from ldm_pipelines.feature_networks.published_files import LPIPS_LINEAR


def pairs() -> tuple[Tensor, Tensor]:
    x, noise = torch.rand(2, 3, 3, 48, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return x, torch.lerp(x, noise, torch.tensor([0.0, 0.1, 1.0])[:, None, None, None])  # equal, similar, unlike


def test_psim_is_the_sum_over_five_stages_of_one_minus_the_mean_cosine(backbones: Any) -> None:
    state = torch.load(backbones.path("vgg"), weights_only=True)
    with torch.device("meta"):
        network = torchvision.models.vgg16().features
    network.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if "features" in k}, assign=True)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x, y = pairs()
    a, b = ((image - shift[:, None, None]) / scale[:, None, None] for image in (x, y))
    expected, last = torch.zeros(3), 0
    with torch.no_grad():
        for relu in (3, 8, 15, 22, 29):  # relu1_2, relu2_2, relu3_3, relu4_3, relu5_3
            a, b = (network[last : relu + 1](image) for image in (a, b))
            last = relu + 1
            expected += 1 - F.cosine_similarity(a, b, dim=1).mean(dim=(1, 2))
        distance = load_psim(backbones.folder, "cpu", backbones.files["vgg"])
        ours = distance(x, y)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    assert ours[0] < ours[1] < ours[2]
    assert distance.network.digest == backbones.files["vgg"].sha256


def test_lpips_is_the_packages(backbones: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(backbones.folder.parent))
    theirs = lpips.LPIPS(net="alex", verbose=False)
    ours = load_lpips("alex", backbones.folder, "cpu", backbones.files["alex"])
    x, y = pairs()
    with torch.no_grad():
        torch.testing.assert_close(ours(x, y), theirs(x, y).flatten(), rtol=1e-5, atol=1e-7)
    both = backbones.files["alex"].sha256 + LPIPS_LINEAR["alex"]
    assert ours.network.digest == hashlib.sha256(both.encode()).hexdigest()


def test_learned_weights_of_another_lpips_are_refused(backbones: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LPIPS_LINEAR, "alex", "ab" * 32)
    with pytest.raises(InputError, match=r"v0\.1/alex\.pth has SHA-256 df73285e.*published with abab.*lpips==0\.1\.4"):
        load_lpips("alex", backbones.folder, "cpu", backbones.files["alex"])


def test_results_tell_distances_on_one_backbone_and_backbones_of_one_distance_apart(backbones: Any) -> None:
    alex = load_lpips("alex", backbones.folder, "cpu", backbones.files["alex"])
    vgg = load_lpips("vgg", backbones.folder, "cpu", backbones.files["vgg"])
    psim = load_psim(backbones.folder, "cpu", backbones.files["vgg"])
    described = [describe_distance(distance) for distance in (alex, vgg, psim)]
    assert [each["kind"] for each in described] == ["lpips_alex", "lpips_vgg", "psim_vgg"]
    assert len({each["digest"] for each in described}) == 3
    x, y = pairs()
    for distance, name in ((alex, "lpips"), (vgg, "lpips"), (psim, "psim")):
        paired = PairedMetrics(distance)
        paired.add(x, y)
        found = paired.measured()
        assert found.metrics.keys() == {f"{key}{of}" for key in ("psnr", "ssim", name) for of in ("", "_std")}
        assert paired.network is not None and paired.network["kind"] in found.protocol[name]
        assert found.protocol["intervals"].keys() == found.details["intervals"].keys()

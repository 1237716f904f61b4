"""Against torch-fidelity's own way from image files to features, with the same random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cleanfid import inception_pytorch
from numpy.typing import NDArray
from torch import Tensor
from torch_fidelity import FeatureExtractorInceptionV3, FeatureExtractorVGG16
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.utils import extract_featuresdict_from_input_id

from ldm_pipelines.evaluation.networks.fidelity import InceptionFidelity, Vgg16Fidelity

pytestmark = pytest.mark.xdist_group("inception")


def of_folder(extractor: torch.nn.Module, folder: Path) -> dict[str, Tensor]:
    """What torch-fidelity computes for a folder of images, three at once."""
    return extract_featuresdict_from_input_id(
        1, extractor, input1=str(folder), batch_size=3, cuda=False, verbose=False, save_cpu_ram=True
    )


@pytest.fixture(scope="module")
def network(inception: Any) -> InceptionFidelity:
    return InceptionFidelity(inception.folder, "cpu", inception.files["pytorch"])


def test_inception_gives_torch_fidelitys_features_and_logits(
    network: InceptionFidelity, inception: Any, images: NDArray[np.uint8], image_folder: Path
) -> None:
    theirs = FeatureExtractorInceptionV3("theirs", ["2048", "logits_unbiased"], str(inception.path("pytorch")))
    expected = of_folder(theirs, image_folder)
    ours = network.measure(images)
    assert ours.logits is not None
    torch.testing.assert_close(ours.pool, expected["2048"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.logits, expected["logits_unbiased"], rtol=1e-5, atol=1e-5)
    assert (ours.pool.shape, ours.logits.shape) == ((4, 2048), (4, 1008))
    assert ours.pool.std(dim=0).mean() > 0.01  # the images differ to this network


def test_spatial_features_are_those_of_tensorflows_mixed_6_conv(
    network: InceptionFidelity, inception: Any, images: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By pytorch-fid's implementation: 6d is the third block of four that keep 17 x 17."""
    state = torch.load(inception.path("pytorch"), weights_only=True)
    monkeypatch.setattr(inception_pytorch, "load_state_dict_from_url", lambda url, progress: state)
    blocks = inception_pytorch.InceptionV3(output_blocks=[2], resize_input=False).eval().blocks
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32))
    x = interpolate_bilinear_2d_like_tensorflow1x(x, (299, 299), align_corners=False)
    with torch.no_grad():
        before_6d = blocks[2][:6](blocks[1](blocks[0]((x - 128) / 128)))
        expected = blocks[2][6].branch1x1(before_6d)[:, :7].permute(0, 2, 3, 1).reshape(4, -1)
    spatial = network.measure(images).spatial
    assert spatial is not None
    assert spatial.shape == (4, 7 * 17 * 17)
    torch.testing.assert_close(spatial, expected, rtol=1e-4, atol=1e-5)
    assert 0.1 < (spatial > 0).float().mean() < 0.9  # after the ReLU


def test_an_image_is_measured_alike_in_any_batch(network: InceptionFidelity, images: NDArray[np.uint8]) -> None:
    whole = network.measure(images)
    single = [network.measure(images[i : i + 1]) for i in range(len(images))]
    for values, each in zip(whole, zip(*single, strict=True), strict=True):
        torch.testing.assert_close(values, torch.cat(each), rtol=1e-5, atol=1e-5)


def test_a_result_can_tell_what_was_measured_with(network: InceptionFidelity, inception: Any) -> None:
    assert network.digest == inception.files["pytorch"].sha256
    assert network.config["weights"] == "weights-inception-2015-12-05-6726825d.pth"
    assert network.imagenet


def test_vgg16_gives_torch_fidelitys_features(backbones: Any, images: NDArray[np.uint8], image_folder: Path) -> None:
    expected = of_folder(FeatureExtractorVGG16("theirs", ["fc2_relu"], str(backbones.path("vgg"))), image_folder)
    network = Vgg16Fidelity(backbones.folder, "cpu", backbones.files["vgg"])
    ours = network.measure(images)
    torch.testing.assert_close(ours.pool, expected["fc2_relu"], rtol=1e-5, atol=1e-5)
    assert ours.pool.shape == (4, 4096)
    assert ours.logits is None
    assert ours.pool.std(dim=0).max() > 0.01
    assert network.digest == backbones.files["vgg"].sha256

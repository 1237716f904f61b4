"""Against clean-fid's own way from image files to features, with the same random weights."""

from pathlib import Path
from typing import Any

import cleanfid.features
import numpy as np
import pytest
import torch
from cleanfid.fid import get_folder_features
from cleanfid.inception_torchscript import InceptionV3W
from numpy.typing import NDArray

from ldm_pipelines.evaluation.networks.inception_cleanfid import InceptionCleanfid, Mode

pytestmark = pytest.mark.xdist_group("inception")


@pytest.fixture
def cleanfid_reads(inception: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where clean-fid looks for its networks before it downloads them: ours lie there."""
    hub = tmp_path / "checkpoints"
    hub.mkdir()
    (hub / "pt_inception-2015-12-05-6726825d.pth").symlink_to(inception.path("pytorch"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def in_our_folder(path: str, download: bool, resize_inside: bool) -> InceptionV3W:
        return InceptionV3W(str(inception.folder), download, resize_inside)

    monkeypatch.setattr(cleanfid.features, "InceptionV3W", in_our_folder)


@pytest.mark.usefixtures("cleanfid_reads")
@pytest.mark.parametrize(
    ("mode", "format"), [("clean", "torchscript"), ("legacy_tensorflow", "torchscript"), ("legacy_pytorch", "pytorch")]
)
def test_every_mode_gives_clean_fids_features_in_batches_of_any_size(
    mode: Mode, format: str, inception: Any, images: NDArray[np.uint8], image_folder: Path
) -> None:
    network = InceptionCleanfid(inception.folder, "cpu", mode, inception.files[format])
    cpu = torch.device("cpu")
    theirs = cleanfid.features.build_feature_extractor(mode, cpu, use_dataparallel=False)
    expected = get_folder_features(
        str(image_folder), theirs, num_workers=0, batch_size=1, device=cpu, mode=mode, verbose=False
    )
    ours = network.measure(images)
    assert network.digest == inception.files[format].sha256
    assert ours.pool.shape == (4, 2048)
    assert ours.logits is None
    torch.testing.assert_close(ours.pool, torch.from_numpy(expected), rtol=1e-5, atol=1e-5)

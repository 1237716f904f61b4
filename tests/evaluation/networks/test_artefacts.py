"""Published networks as artefacts: a record of the file, checked whenever it is used."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.sample_sets import COMPUTE

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.networks import published
from ldm_pipelines.evaluation.networks.artefacts import open_distance, open_network, record_published
from ldm_pipelines.evaluation.networks.inception_cleanfid import InceptionCleanfid
from ldm_pipelines.evaluation.networks.perceptual import load_lpips
from ldm_pipelines.evaluation.networks.spec import Published
from ldm_pipelines.feature_networks.published_files import LPIPS_LINEAR

pytestmark = pytest.mark.xdist_group("inception")


def spec(kind: str) -> Published:
    return Published.model_validate({"name": "mine", "kind": kind, "upstream": "-"})


@pytest.fixture
def random_files_are_published(inception: Any, backbones: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of random weights count as the published ones; all that reads them is the real thing."""

    def clean(weights_dir: Path, device: str) -> InceptionCleanfid:
        return InceptionCleanfid(weights_dir, device, "clean", inception.files["torchscript"])

    monkeypatch.setitem(published.NETWORKS, "inception_cleanfid", clean)
    monkeypatch.setitem(published.DISTANCES, "lpips_alex", partial(load_lpips, "alex", file=backbones.files["alex"]))


@pytest.mark.usefixtures("random_files_are_published")
def test_a_recorded_network_opens_and_another_file_is_noticed(tmp_path: Path, inception: Any) -> None:
    compute = COMPUTE.model_copy(update={"weights_dir": inception.folder})
    folder = record_published(spec("inception_cleanfid"), tmp_path, compute)
    network = open_network(folder, compute)
    assert network.name == "mine" and network.digest == inception.files["torchscript"].sha256
    assert network.measure(np.zeros((1, 40, 56, 3), np.uint8)).pool.shape == (1, 2048)
    with pytest.raises(InputError, match=r"'mine' \(inception_cleanfid\) has no perceptual distance"):
        open_distance(folder, compute)
    record = folder / "published.json"
    record.write_text(record.read_text().replace(network.digest, "ab" * 32))
    with pytest.raises(InputError, match=r"recorded with weights abababababab.*train_feature_network\.mine"):
        open_network(folder, compute)


@pytest.mark.usefixtures("random_files_are_published")
def test_a_recorded_distance_opens_but_measures_no_distributions(tmp_path: Path, backbones: Any) -> None:
    compute = COMPUTE.model_copy(update={"weights_dir": backbones.folder})
    folder = record_published(spec("lpips_alex"), tmp_path, compute)
    distance = open_distance(folder, compute)
    assert distance.network.name == "mine"
    both = backbones.files["alex"].sha256 + LPIPS_LINEAR["alex"]
    assert distance.network.digest == hashlib.sha256(both.encode()).hexdigest()
    with pytest.raises(InputError, match="perceptual distance without pooled features"):
        open_network(folder, compute)


def test_without_its_file_a_network_is_not_recorded(tmp_path: Path) -> None:
    compute = COMPUTE.model_copy(update={"weights_dir": tmp_path / "weights"})
    with pytest.raises(InputError, match=r"weights-inception-2015-12-05-6726825d\.pth is missing .*SHA-256"):
        record_published(spec("inception_fidelity"), tmp_path, compute)


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        open_network(tmp_path, COMPUTE)

"""A network is read from exactly the file that its publisher means, or not at all."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cleanfid.downloads_helper
import cleanfid.inception_pytorch
import pytest
import torch_fidelity.feature_extractor_inceptionv3
import torchvision

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.networks.published import DISTANCES, NETWORKS, load_distance, load_published
from ldm_pipelines.feature_networks.published_files import (
    ALEXNET,
    INCEPTION_PYTORCH,
    INCEPTION_TORCHSCRIPT,
    VGG16,
    PublishedFile,
    hub_folder,
    resolve,
)

FILES = {
    "inception_fidelity": INCEPTION_PYTORCH,
    "inception_cleanfid": INCEPTION_TORCHSCRIPT,
    "inception_cleanfid_legacy_tensorflow": INCEPTION_TORCHSCRIPT,
    "inception_cleanfid_legacy_pytorch": INCEPTION_PYTORCH,
    "vgg16_fidelity": VGG16,
    "lpips_vgg": VGG16,
    "lpips_alex": ALEXNET,
    "psim_vgg": VGG16,
}


def load(name: str) -> Callable[[str, Path, str], Any]:
    return load_distance if name in DISTANCES else load_published


def test_every_name_is_tested() -> None:
    assert FILES.keys() == NETWORKS.keys() | DISTANCES.keys()


@pytest.mark.parametrize(("name", "file"), FILES.items())
def test_a_missing_file_is_named_with_its_digest_source_and_place(
    name: str, file: PublishedFile, tmp_path: Path
) -> None:
    for other in {*FILES.values()} - {file}:
        (tmp_path / other.name).touch()  # that another network's file is there changes nothing
    with pytest.raises(InputError) as caught:
        load(name)(name, tmp_path, "cpu")
    for part in (file.name, file.sha256, file.url, str(tmp_path), "weights_dir", "conf/local/compute.yml"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("name", "file"), FILES.items())
def test_another_file_of_the_same_name_is_refused(name: str, file: PublishedFile, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(b"not the weights")
    with pytest.raises(InputError, match="not the published file") as caught:
        load(name)(name, tmp_path, "cpu")
    for part in (str(tmp_path / file.name), file.sha256, file.url, "15 bytes"):
        assert part in str(caught.value)


def test_a_file_cut_short_is_refused(inception: Any, tmp_path: Path) -> None:
    file = inception.files["pytorch"]
    whole = resolve(file, inception.folder).read_bytes()
    (tmp_path / file.name).write_bytes(whole[:-1])
    with pytest.raises(InputError, match=f"not all of it: {len(whole) - 1} bytes"):
        resolve(file, tmp_path)


ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""Digest of ``abc``, FIPS 180's example."""
OTHER = "0" * 64


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LDM_OFFLINE")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return hub_folder()


def test_what_the_libraries_have_fetched_already_is_used_and_checked(tmp_path: Path, hub: Path) -> None:
    hub.mkdir(parents=True)
    (hub / "some.pth").write_bytes(b"abc")
    assert resolve(PublishedFile("some.pth", ABC, "", ""), tmp_path / "own") == hub / "some.pth"
    with pytest.raises(InputError, match="not the published file"):
        resolve(PublishedFile("some.pth", OTHER, "", ""), tmp_path / "own")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/some.pth").write_bytes(b"abc")  # one's own folder goes first
    assert resolve(PublishedFile("some.pth", ABC, "", ""), tmp_path / "own").parent == tmp_path / "own"


def test_a_file_that_nobody_has_is_fetched_whole_or_not_at_all(tmp_path: Path, hub: Path) -> None:
    (tmp_path / "server").write_bytes(b"abc")
    url = (tmp_path / "server").as_uri()
    with pytest.raises(InputError, match=r"could not be fetched \(invalid hash value") as caught:
        resolve(PublishedFile("some.pth", OTHER, url, "a network"), tmp_path)
    assert "LDM_WEIGHTS_DIR" in str(caught.value)
    assert list(hub.iterdir()) == []
    assert resolve(PublishedFile("some.pth", ABC, url, ""), tmp_path).read_bytes() == b"abc"
    with pytest.raises(InputError, match=r"other\.pth is missing .* could not be fetched \(.*No such file"):
        resolve(PublishedFile("other.pth", ABC, f"{url}.nowhere", "a network"), tmp_path)


def test_nothing_is_fetched_where_that_is_forbidden(tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDM_OFFLINE", "1")
    (tmp_path / "server").write_bytes(b"abc")
    with pytest.raises(InputError, match="LDM_OFFLINE is set, so it is not fetched"):
        resolve(PublishedFile("some.pth", ABC, (tmp_path / "server").as_uri(), ""), tmp_path)


def test_names_and_addresses_are_those_of_the_libraries() -> None:
    assert INCEPTION_PYTORCH.url == torch_fidelity.feature_extractor_inceptionv3.URL_INCEPTION_V3
    assert INCEPTION_TORCHSCRIPT.url == cleanfid.downloads_helper.inception_url
    assert VGG16.url == torchvision.models.VGG16_Weights.IMAGENET1K_V1.url
    assert ALEXNET.url == torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url
    for file in {*FILES.values()}:
        assert file.url.endswith(f"/{file.name}")
    for file in (INCEPTION_PYTORCH, VGG16, ALEXNET):
        assert file.name.endswith(f"-{file.sha256[:8]}.pth")
    assert cleanfid.inception_pytorch.FID_WEIGHTS_URL.endswith(f"-{INCEPTION_PYTORCH.sha256[:8]}.pth")


def test_whole_digests_are_compared() -> None:
    for file in {*FILES.values()}:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'inception_fidelity'"):
        load_published("inception_fidelty", Path(), "cpu")
    with pytest.raises(InputError, match="did you mean 'psim_vgg'"):
        load_distance("psim_vg", Path(), "cpu")

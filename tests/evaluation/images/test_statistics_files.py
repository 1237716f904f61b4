"""Reference statistics, written by the programs they come from."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cleanfid.fid
import numpy as np
import pytest
import torch
from support.image_files import flip_byte, photograph
from torch_fidelity.metric_fid import (
    fid_features_to_statistics,
    fid_featuresdict_to_statistics_cached,
    fid_statistics_to_metric,
)
from torch_fidelity.utils import cache_lookup_group_recompute_all_on_any_miss

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.statistics import read_statistics, write_statistics
from ldm_pipelines.feature_networks.frechet import frechet_distance, gaussian

FEATURES = np.random.default_rng(0).normal(3, 2, (50, 6)).astype(np.float32)
OTHERS = np.random.default_rng(1).normal(1, 3, (40, 6)).astype(np.float32)


class Extractor:
    """What torch-fidelity asks of a feature extractor here: a name for its cache."""

    @staticmethod
    def get_name() -> str:
        return "tiny"


def torch_fidelity_cache(folder: Path) -> Path:
    fid_featuresdict_to_statistics_cached(
        {"6": torch.from_numpy(FEATURES)}, "mine", Extractor, "6", cache=True, cache_root=str(folder), verbose=False
    )
    (file,) = folder.glob("*stat-fid*.pt")
    return file


def npz(file: Path, **arrays: Any) -> Path:
    np.savez(file, **arrays)
    return file


def test_our_own_file_gives_back_what_was_written(tmp_path: Path) -> None:
    moments = gaussian(FEATURES)
    write_statistics(tmp_path / "x.npz", moments, {"network": "tiny", "reference": {"count": 50, "name": "Zürich"}})
    read = read_statistics(tmp_path / "x.npz")
    np.testing.assert_array_equal(read.gaussian.mean, moments.mean)
    np.testing.assert_array_equal(read.gaussian.covariance, moments.covariance)
    assert (read.count, read.layout) == (50, "ldm_pipelines")
    assert read.provenance == {"network": "tiny", "reference": {"count": 50, "name": "Zürich"}}


def test_our_own_file_is_readable_by_numpy_alone_and_always_the_same_bytes(tmp_path: Path) -> None:
    write_statistics(tmp_path / "x.npz", gaussian(FEATURES), {"a": 1})
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        np.testing.assert_allclose(arrays["mean"], FEATURES.astype(float).mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(arrays["covariance"], np.cov(FEATURES.astype(float), rowvar=False), rtol=1e-10)
        assert (arrays["mean"].dtype, arrays["covariance"].dtype) == (np.float64, np.float64)
        assert int(arrays["count"]) == 50
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_torch_fidelitys_cache_is_read(tmp_path: Path) -> None:
    read = read_statistics(torch_fidelity_cache(tmp_path))
    written = fid_features_to_statistics(torch.from_numpy(FEATURES))
    np.testing.assert_array_equal(read.gaussian.mean, written["mu"])
    np.testing.assert_array_equal(read.gaussian.covariance, written["sigma"])
    assert (read.layout, read.count, read.provenance, read.spatial) == ("torch-fidelity", None, {}, None)
    other = fid_features_to_statistics(torch.from_numpy(OTHERS))
    fid = fid_statistics_to_metric(written, other, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(read.gaussian, gaussian(OTHERS)) == pytest.approx(fid, rel=1e-5)  # mu in single precision


def test_caches_from_the_days_of_numpy_1_are_read(tmp_path: Path) -> None:
    file, old = torch_fidelity_cache(tmp_path), tmp_path / "old.pt"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(old, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith("data.pkl"):
                assert content.count(b"numpy._core.multiarray") == 1
                content = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            target.writestr(info.filename, content)
    np.testing.assert_array_equal(read_statistics(old).gaussian.mean, FEATURES.mean(axis=0))


def test_clean_fids_statistics_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own function writes them, with the mean colours of four places as features instead of Inception's."""
    monkeypatch.setattr(cleanfid, "__file__", str(tmp_path / "cleanfid" / "__init__.py"))  # where it puts them
    monkeypatch.setattr(cleanfid.fid, "build_feature_extractor", lambda mode, device: places)
    for folder, seeds in (("a", range(15)), ("b", range(15, 33))):
        (tmp_path / folder).mkdir()
        for seed in seeds:
            photograph(seed, 16).save(tmp_path / folder / f"{seed}.png")
        cleanfid.fid.make_custom_stats(folder, str(tmp_path / folder), device=torch.device("cpu"), verbose=False)
    files = [tmp_path / "cleanfid" / "stats" / f"{folder}_clean_custom_na.npz" for folder in "ab"]
    a, b = (read_statistics(file) for file in files)
    written = [np.load(file) for file in files]
    np.testing.assert_array_equal(a.gaussian.mean, written[0]["mu"])
    np.testing.assert_array_equal(a.gaussian.covariance, written[0]["sigma"])
    assert (a.layout, a.count) == ("clean-fid", None)
    expected = cleanfid.fid.frechet_distance(*(s[key] for s in written for key in ("mu", "sigma")))
    assert frechet_distance(a.gaussian, b.gaussian) == pytest.approx(float(expected), rel=1e-4)


def places(batch: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.adaptive_avg_pool2d(batch, 2).flatten(1)


def test_adms_reference_batches_are_read(tmp_path: Path) -> None:
    """As its evaluator reads them; the images beside the statistics are not their number."""
    statistics = {
        "mu": FEATURES.mean(axis=0), "sigma": np.cov(FEATURES, rowvar=False),
        "mu_s": OTHERS[:, :4].mean(axis=0), "sigma_s": np.cov(OTHERS[:, :4], rowvar=False),
    }  # fmt: skip
    read = read_statistics(npz(tmp_path / "x.npz", arr_0=np.zeros((3, 8, 8, 3), np.uint8), **statistics))
    np.testing.assert_array_equal(read.gaussian.mean, statistics["mu"])
    np.testing.assert_array_equal(read.gaussian.covariance, statistics["sigma"])
    assert read.spatial is not None
    np.testing.assert_array_equal(read.spatial.mean, statistics["mu_s"])
    np.testing.assert_array_equal(read.spatial.covariance, statistics["sigma_s"])
    assert (read.layout, read.count) == ("adm", None)


def test_the_layout_is_told_by_the_content_not_by_the_name(tmp_path: Path) -> None:
    file = torch_fidelity_cache(tmp_path)
    assert read_statistics(file.rename(tmp_path / "x.npz")).layout == "torch-fidelity"


def nan(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values.flat[1] = np.nan
    return values


MU, SIGMA = FEATURES.mean(axis=0), np.cov(FEATURES, rowvar=False)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": nan(MU), "sigma": SIGMA}, "the mean has NaN or infinity"),
        ({"mu": MU, "sigma": nan(SIGMA)}, "the covariance has NaN or infinity"),
        ({"mu": MU, "sigma": SIGMA * np.inf}, "the covariance has NaN or infinity"),
        ({"mu": MU, "sigma": SIGMA[:5, :5]}, r"mean \(6,\) and a covariance \(5, 5\) do not fit"),
        ({"mu": MU, "sigma": SIGMA.diagonal()}, r"covariance \(6,\) do not fit"),
        ({"mu": MU[None], "sigma": SIGMA}, r"mean \(1, 6\)"),
        ({"mu": MU[:0], "sigma": SIGMA[:0, :0]}, "do not fit"),
        ({"mu": MU, "sigma": np.triu(SIGMA)}, "the covariance is not symmetric"),
        ({"mu": MU, "sigma": -SIGMA}, "negative variance"),
        ({"mu": np.arange(6), "sigma": SIGMA}, "of type int64"),
        ({"mu": MU, "sigma": SIGMA.astype(str)}, "of type <U"),
        ({"mu": MU, "sigma": SIGMA.astype(object)}, "cannot be read.*allow_pickle"),
        ({"mu": MU, "sigma": SIGMA, "mu_s": MU, "sigma_s": nan(SIGMA)}, "NaN"),
        ({"mean": MU, "covariance": SIGMA, "count": 5.0, "provenance": "{}"}, "count is float64"),
        ({"mean": MU, "covariance": SIGMA, "count": [5, 6], "provenance": "{}"}, "not a number of images"),
        ({"mean": MU, "covariance": SIGMA, "count": -5, "provenance": "{}"}, "not a number of images"),
        ({"mean": MU, "covariance": SIGMA, "count": 5, "provenance": "{"}, "provenance is not JSON"),
        ({"mean": MU, "covariance": SIGMA, "count": 5, "provenance": "[]"}, "not a JSON object"),
        ({"mu": MU}, "holds mu; accepted are"),
        ({"arr_0": np.zeros((3, 8, 8, 3), np.uint8)}, "holds arr_0; these are images: open them with open_images"),
        ({"feats": FEATURES}, "holds feats; accepted are.*torch-fidelity"),
    ],
)
def test_what_are_no_moments_is_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_statistics(npz(tmp_path / "x.npz", **arrays))


def test_a_covariance_in_single_precision_is_symmetric_enough(tmp_path: Path) -> None:
    rounded = SIGMA.astype(np.float32)
    rounded[0, 1] = np.nextafter(rounded[0, 1], np.float32(10))
    assert read_statistics(npz(tmp_path / "x.npz", mu=MU, sigma=rounded)).gaussian.covariance.dtype == np.float64


def test_torch_fidelitys_cached_features_are_no_statistics(tmp_path: Path) -> None:
    cache_lookup_group_recompute_all_on_any_miss(
        "mine-features-", ["6"], lambda: {"6": torch.from_numpy(FEATURES)}, cache=True, cache_root=str(tmp_path)
    )
    with pytest.raises(InputError, match="holds a Tensor, not a dict with mu and sigma"):
        read_statistics(tmp_path / "mine-features-6.pt")


class Harmful:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (__import__("os").system, ("touch harmed",))


@pytest.mark.parametrize("content", [{"mu": MU, "sigma": Harmful()}, Harmful()])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "x.pt")
    with pytest.raises(InputError, match="other objects than arrays of numbers"):
        read_statistics(Path("x.pt"))
    assert not Path("harmed").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"mu": MU}, "holds a dict of mu, not of arrays mu and sigma"),
        ({"mu": MU, "sigma": [[1.0], 2.0]}, "not of arrays mu and sigma"),
        ({"mu": MU, "sigma": np.array([[None]])}, "other objects than arrays of numbers"),
        ({"mu": MU, "sigma": nan(SIGMA)}, "NaN"),
    ],
)
def test_other_saved_objects_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(InputError, match=message):
        read_statistics(tmp_path / "x.pt")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("no zip file")
    with pytest.raises(InputError, match="not a readable zip file"):
        read_statistics(tmp_path / "x.npz")
    with pytest.raises(InputError, match="not a readable zip file"):
        read_statistics(tmp_path / "nothing.npz")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.png", b"")
    with pytest.raises(InputError, match="other things than statistics; accepted are"):
        read_statistics(tmp_path / "x.zip")


def test_one_wrong_byte_is_an_error(tmp_path: Path) -> None:
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", mu=MU, sigma=SIGMA)
        flip_byte(tmp_path / "x.npz", "sigma.npy", 0.9)
        with pytest.raises(InputError, match=r"x\.npz cannot be read"):
            read_statistics(tmp_path / "x.npz")
    file = torch_fidelity_cache(tmp_path)
    with zipfile.ZipFile(file) as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
    flip_byte(file, pickled, 0.6)
    with pytest.raises(InputError, match=r"data\.pkl is damaged.*Bad CRC-32"):
        read_statistics(file)


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    for file in (npz(tmp_path / "x.npz", mu=MU, sigma=SIGMA), torch_fidelity_cache(tmp_path)):
        file.write_bytes(file.read_bytes()[:-300])
        with pytest.raises(InputError, match=r"not a readable zip file.*copied whole"):
            read_statistics(file)

"""Reference statistics as files: our own, and those of torch-fidelity, clean-fid and ADM."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.zip_files import DAMAGED, check_sum, open_zip
from ldm_pipelines.feature_networks.frechet import Gaussian

_REBUILD = np._core.multiarray._reconstruct  # type: ignore[attr-defined]
ARRAYS: list[Any] = [
    *(_REBUILD, (_REBUILD, "numpy.core.multiarray._reconstruct")),  # the paths of NumPy 2 and of NumPy 1
    *(np.ndarray, np.dtype, type(np.dtype(np.float32)), type(np.dtype(np.float64))),
]
"""All that the pickle of an array may name."""

Layout = Literal["ldm_pipelines", "torch-fidelity", "clean-fid", "adm"]

ACCEPTED = (
    "accepted are .npz with mean, covariance, count and provenance (ours), with mu and sigma (clean-fid, pytorch-fid), "
    "with mu, sigma, mu_s and sigma_s (ADM), and torch-fidelity's cached *-stat-fid-*.pt"
)
ASYMMETRY = 1e-6
"""Of a covariance, relative to its largest entry: more than single precision loses."""


@dataclass(frozen=True)
class ReferenceStatistics:
    """Moments of a reference's features. Which network they are of, only our own files say."""

    gaussian: Gaussian
    """For ``frechet_distance``. Its own ``count`` is 0 where the file has none."""
    layout: Layout
    spatial: Gaussian | None = None
    """ADM's moments of spatial features (sFID); None elsewhere."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """What our own files say of their making; empty elsewhere."""

    @property
    def count(self) -> int | None:
        """Number of images; None where the file does not say it.

        ADM's do not: their statistics are of a whole dataset, the images ``arr_0`` beside them only 10,000 of it.
        """
        return self.gaussian.count or None


def write_statistics(file: Path, statistics: Gaussian, provenance: Mapping[str, Any]) -> None:
    """Our own layout: an ``.npz`` of float64 ``mean`` (d,) and ``covariance`` (d, d), ``count``, and JSON as a text."""
    with file.open("wb") as stream:
        np.savez(
            stream,
            mean=statistics.mean,
            covariance=statistics.covariance,
            count=np.int64(statistics.count),
            provenance=np.array(json.dumps(dict(provenance), sort_keys=True)),
        )


def read_statistics(file: Path) -> ReferenceStatistics:
    """Statistics in any of the accepted layouts, told apart by what the file holds, not by its name.

    Raises:
        InputError: another format, a damaged file, or no moments of a distribution: shapes that do not fit, NaN,
            infinity, an asymmetric covariance, a negative variance.
    """
    with open_zip(file) as archive:
        names = archive.namelist()
        if any(name.endswith("/data.pkl") for name in names):
            for member in archive.infolist():  # PyTorch does not compare checksums
                check_sum(file, archive, member)
            return _from_torch_fidelity(file)
    if names and all(name.endswith(".npy") for name in names):
        return _from_arrays(file)
    raise InputError(f"{file} is a zip file of other things than statistics; {ACCEPTED}")


def _from_arrays(file: Path) -> ReferenceStatistics:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = set(arrays.files)
            if {"mean", "covariance", "count", "provenance"} <= found:
                gaussian = _gaussian(file, arrays["mean"], arrays["covariance"], _count(file, arrays["count"]))
                return ReferenceStatistics(
                    gaussian, "ldm_pipelines", provenance=_provenance(file, arrays["provenance"])
                )
            if {"mu", "sigma", "mu_s", "sigma_s"} <= found:
                spatial = _gaussian(file, arrays["mu_s"], arrays["sigma_s"])
                return ReferenceStatistics(_gaussian(file, arrays["mu"], arrays["sigma"]), "adm", spatial)
            if {"mu", "sigma"} <= found:
                return ReferenceStatistics(_gaussian(file, arrays["mu"], arrays["sigma"]), "clean-fid")
    except (*DAMAGED, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}); copy or compute it again") from error
    hint = "; these are images: open them with open_images, or compute statistics of them" if "arr_0" in found else ""
    raise InputError(f"{file} holds {', '.join(sorted(found))}{hint}; {ACCEPTED}")


def _from_torch_fidelity(file: Path) -> ReferenceStatistics:
    """A dict of two arrays that ``torch.save`` wrote. The pickle may rebuild arrays and nothing else."""
    try:
        with torch.serialization.safe_globals(ARRAYS):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # its advice, to read the file without this protection, is not passed on
        raise InputError(f"{file} holds other objects than arrays of numbers; {ACCEPTED}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} holds a {type(content).__name__}, not a dict with mu and sigma; {ACCEPTED}")
    if not all(isinstance(content.get(name), np.ndarray) for name in ("mu", "sigma")):
        found = ", ".join(sorted(map(str, content))) or "nothing"
        raise InputError(f"{file} holds a dict of {found}, not of arrays mu and sigma; {ACCEPTED}")
    return ReferenceStatistics(_gaussian(file, content["mu"], content["sigma"]), "torch-fidelity")


def _gaussian(file: Path, mean: NDArray[np.generic], covariance: NDArray[np.generic], count: int = 0) -> Gaussian:
    m, c = _numbers(file, "mean", mean), _numbers(file, "covariance", covariance)
    if m.ndim != 1 or not len(m) or c.shape != (len(m), len(m)):
        raise InputError(
            f"{file}: a mean {m.shape} and a covariance {c.shape} do not fit; expected are (d,) and (d, d)"
        )
    if np.abs(c - c.T).max() > ASYMMETRY * np.abs(c).max():
        raise InputError(f"{file}: the covariance is not symmetric; compute the statistics again")
    if c.diagonal().min() < 0:
        raise InputError(f"{file}: the covariance has a negative variance; compute the statistics again")
    return Gaussian(m, c, count)


def _count(file: Path, value: NDArray[np.generic]) -> int:
    if value.shape or not np.issubdtype(value.dtype, np.integer) or int(value) < 0:
        raise InputError(f"{file}: count is {value.dtype}{value.shape} {value}, not a number of images")
    return int(value)


def _numbers(file: Path, what: str, values: NDArray[np.generic]) -> NDArray[np.float64]:
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"{file}: the {what} is of type {values.dtype}, not of floating-point numbers")
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise InputError(f"{file}: the {what} has NaN or infinity; compute the statistics again")
    return numbers


def _provenance(file: Path, text: NDArray[np.str_]) -> dict[str, Any]:
    try:
        provenance = json.loads(str(text))
    except ValueError as error:
        raise InputError(f"{file}: provenance is not JSON ({error}); compute the statistics again") from error
    if not isinstance(provenance, dict):
        raise InputError(f"{file}: provenance is not a JSON object; compute the statistics again")
    return provenance

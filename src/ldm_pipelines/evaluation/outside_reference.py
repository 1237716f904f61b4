"""What images from outside are measured against: an artefact, statistics, or other images."""

import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldm_pipelines.compute import Compute
from ldm_pipelines.data.decoding import READABLE_EXTENSIONS
from ldm_pipelines.digests import digest_file
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.comparability import foreign_statistics_remarks
from ldm_pipelines.evaluation.distributions import (
    measure_distances,
    measure_extrapolation,
    measure_fid,
    measure_kid,
    measure_manifolds,
)
from ldm_pipelines.evaluation.features import SetFeatures, extract
from ldm_pipelines.evaluation.images.statistics import ReferenceStatistics, read_statistics
from ldm_pipelines.evaluation.measured import Measured, check_size
from ldm_pipelines.evaluation.networks.measuring import MeasuringNetwork
from ldm_pipelines.evaluation.outside_images import describe_images, open_outside
from ldm_pipelines.evaluation.outside_spec import Outside
from ldm_pipelines.evaluation.reference import FACTS, ReferenceSet, differences
from ldm_pipelines.feature_networks.frechet import frechet_distance

log = logging.getLogger(__name__)

STATISTICS_EXTENSIONS = (".npz", ".pt")


@dataclass(frozen=True)
class Against:
    """What was measured against a reference, and what it is."""

    found: Measured
    facts: dict[str, Any]
    remarks: tuple[str, ...] = ()
    """What makes the figures doubtful."""


@dataclass(frozen=True)
class OutsideReference:
    """``evaluate.reference``, whatever it is."""

    spec: Outside
    network: MeasuringNetwork
    workspace: Path
    compute: Compute

    def measure(self, made: SetFeatures, path: Path) -> Against:
        """Everything that can be measured of ``made`` against the reference at ``path``.

        Raises:
            InputError: it cannot be read, is of another network, or too small for the metrics.
        """
        if (path / FACTS).exists():
            reference = ReferenceSet(path)
            reference.check(self.network)
            return Against(self._full(made, reference.features), reference.facts | {"artefact": reference.digest})
        path = _the_statistics_in(path)
        members = _members(path) if path.suffix == ".npz" else set()
        if path.suffix == ".pt" or "mu.npy" in members or (members and "arr_0.npy" not in members):
            return self._against_statistics(made, path, has_images="arr_0.npy" in members)
        real, facts = self._images(path)
        return Against(self._full(made, real), facts)

    def _against_statistics(self, made: SetFeatures, path: Path, *, has_images: bool) -> Against:
        """FID and sFID from the file's moments; the rest from its images, where it has some, as in ADM's batches."""
        statistics = read_statistics(path)
        remarks = self._check(statistics, made, path)
        facts = {"file": path.name, "layout": statistics.layout, "sha256": digest_file(path), "count": statistics.count}
        facts |= statistics.provenance
        found = self._by_moments(made, statistics)
        if not has_images:
            text = "not measured: statistics have no features"
            return Against(found | Measured(protocol={"precision": text, "kid": text}), facts, remarks)
        real, of_images = self._images(path)
        text = f"against the file's moments; KID, precision, recall, density, coverage against its {len(real)} images"
        found |= Measured(protocol={"fid": text}) | measure_kid(made, real, self.spec.distribution)
        found |= measure_manifolds(made, real, self.spec.distribution, self.compute.torch_device())
        facts |= {"images": len(real), "image_size": of_images["image_size"], "formats": of_images["formats"]}
        return Against(found, facts, remarks)

    def _check(self, statistics: ReferenceStatistics, made: SetFeatures, path: Path) -> tuple[str, ...]:
        """Raises ``InputError`` where the moments are of another network; returns what nobody can know."""
        if statistics.gaussian.mean.shape != made.moments.mean.shape:
            raise InputError(
                f"evaluate.reference: {path} has {len(statistics.gaussian.mean)} dimensions, {self.network.name} gives "
                f"{len(made.moments.mean)}: they are of another network"
            )
        known = statistics.provenance.get("feature_network")
        if known and (other := differences(known, self.network)):
            raise InputError(
                f"evaluate.reference: {path} was measured with {known.get('name')!r}, whose features are not those of "
                f"evaluate.network {self.network.name!r} ({other})"
            )
        remarks = foreign_statistics_remarks(statistics.layout, self.network.name)
        for remark in remarks:
            log.warning("evaluate.reference: %s: %s", path, remark)
        return tuple(remarks)

    def _by_moments(self, made: SetFeatures, statistics: ReferenceStatistics) -> Measured:
        progress = self.compute.progress
        found = measure_fid(made, statistics.gaussian, self.spec.distribution, progress=progress)
        if made.spatial is not None and statistics.spatial is not None:
            found |= Measured({"sfid": frechet_distance(made.spatial, statistics.spatial)})
        return found | measure_extrapolation(made, statistics.gaussian, progress=progress)

    def _images(self, path: Path) -> tuple[SetFeatures, dict[str, Any]]:
        """Features of the images at ``path``, and what these are."""
        images = open_outside(path, self.spec)
        check_size(f"evaluate.reference: {path}", len(images), 2, self.spec.distribution.neighbours + 1)
        folder = self.workspace / "reference"
        real = extract(self.network, images, folder, compute=self.compute, what=str(path))
        return real, describe_images(path, images, self.spec)

    def _full(self, made: SetFeatures, real: SetFeatures) -> Measured:
        settings, progress = self.spec.distribution, self.compute.progress
        return (
            measure_distances(made, real, settings, progress=progress)
            | measure_extrapolation(made, real.moments, progress=progress)
            | measure_manifolds(made, real, settings, self.compute.torch_device())
        )


def _the_statistics_in(path: Path) -> Path:
    """The one file of statistics of a folder that holds no images; any other path as it is."""
    if not path.is_dir() or (path / "samples.json").exists():
        return path
    candidates = sorted(file for file in path.iterdir() if file.suffix in STATISTICS_EXTENSIONS)
    if not candidates or any(file.suffix.lower() in READABLE_EXTENSIONS for file in path.rglob("*")):
        return path
    readable = [file for file in candidates if _is_statistics(file)]
    if len(readable) != 1:
        names = ", ".join(file.name for file in readable or candidates)
        what = "several files of statistics" if readable else "no file of statistics that can be read"
        raise InputError(f"evaluate.reference: {path} is a folder with {what} ({names}); name the file")
    return readable[0]


def _is_statistics(file: Path) -> bool:
    try:
        read_statistics(file)
    except InputError:
        return False
    return True


def _members(path: Path) -> set[str]:
    """What an ``.npz`` holds; nothing where it is none, which reading it tells."""
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return set()

"""What DVC is told to watch, held against what a stage reads: else a result stays when what it rests on changes."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ldm_pipelines.feature_networks.spec import TrainedNetwork
from ldm_pipelines.preparation.spec import MADE

if TYPE_CHECKING:
    from ldm_pipelines.config.study import Study

RAW = "data/01_raw"
SOURCES = "src/ldm_pipelines/preparation/sources"


def upstream_problems(study: "Study") -> Iterator[str]:
    """A line per ``upstream`` that is something else than what the stage reads, with the value expected."""
    for name, dataset in study.datasets.items():
        where, module = f"datasets.{name}", f"{SOURCES}/{dataset.source.kind}.py"
        if dataset.source.kind in MADE:
            yield from _must_be(where, dataset.upstream, module, "which makes its images")
        else:
            yield from _must_tell(where, dataset.upstream, f"{RAW}/{name}")
    for name, network in study.feature_networks.items():
        if isinstance(network, TrainedNetwork):
            folder = f"data/03_primary/{network.dataset}"
            yield from _must_be(f"feature_networks.{name}", network.upstream, folder, "its dataset")
    for kind in ("imports", "imported_autoencoders"):
        for name, entity in study.entities(kind).items():
            yield from _must_tell(f"{kind}.{name}", getattr(entity, "upstream", ""), f"{RAW}/checkpoints/{name}")
    for name, samples in study.samples.items():
        if guidance := samples.classifier_guidance:
            path, what = f"data/06_models/latent_classifiers/{guidance.classifier}", "the classifier that guides"
        else:
            path, what = f"data/06_models/ldms/{samples.ldm}/config.json", "the model's; no classifier guides"
        yield from _must_be(f"samples.{name}", samples.upstream, path, what)


def _must_be(where: str, upstream: str, path: str, what: str) -> Iterator[str]:
    if upstream != path:
        yield f"{where}.upstream must be {path!r} ({what}), not {upstream!r}"


def _must_tell(where: str, upstream: str, folder: str) -> Iterator[str]:
    """Raw data may be watched by a file in their folder or beside it, or by one that lies outside the project."""
    outside = PurePosixPath(upstream).is_absolute() or "://" in upstream
    if not outside and upstream != folder and not upstream.startswith((f"{folder}/", f"{folder}.")):
        yield (
            f"{where}.upstream must be {folder!r}, where its files are or a link to them is, or a file in it that "
            f"changes with them, or an absolute path; not {upstream!r}"
        )

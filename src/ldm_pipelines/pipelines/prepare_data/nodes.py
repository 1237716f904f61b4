"""Raw images to a checked dataset."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ldm_pipelines.compute import Compute
from ldm_pipelines.pipelines.raw_links import link_raw
from ldm_pipelines.preparation.spec import Dataset

if TYPE_CHECKING:
    from ldm_pipelines.data.remote import RemoteFolder

logger = logging.getLogger(__name__)


def prepare_data(dataset: Dataset, compute: Compute) -> tuple[Path, Path]:
    """The prepared dataset's folder, and that of its data card."""
    from ldm_pipelines.pipelines.workspace import workspace_for
    from ldm_pipelines.preparation.prepare import make_card, prepare

    raw = raw_folder(dataset, compute)
    workspace = workspace_for("prepare_data", dataset, 0, compute)
    folder = prepare(dataset, raw, workspace, compute.progress, compute.num_workers)
    card = make_card(folder, raw, workspace, workspace_for("data_card", dataset, 0, compute) / "artefact")
    if dataset.storage == "in_place":
        link_raw(raw, compute.raw_links, dataset.name)
    logger.info(summary(folder))
    return folder, card


def summary(folder: Path) -> str:
    """A line about a prepared dataset: what went where, and where to read more."""
    from ldm_pipelines.data.description import Description

    made = Description.read(folder)
    counts = ", ".join(f"{count:,} {split}" for split, count in made.counts.items())
    return (
        f"dataset {made.name!r}: {counts}; {made.rejected:,} rejected; "
        f"its card: data/08_reporting/data_cards/{made.name}/data_card.md"
    )


def raw_folder(dataset: Dataset, compute: Compute) -> "Path | RemoteFolder":
    """Where the raw images are."""
    from ldm_pipelines.data.remote import RemoteFolder

    place = compute.raw(dataset.name)
    if isinstance(place, Path):
        return place
    cache = (compute.workspace / "fetched" / dataset.name).absolute()
    return RemoteFolder(url=place, cache=cache, keep_bytes=int(compute.fetched_gib * 2**30))

"""Raw images to a checked dataset."""

from pathlib import Path

from ldm_pipelines.compute import Compute
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.spec import Dataset


def prepare_data(dataset: Dataset, compute: Compute) -> tuple[Path, Path]:
    """The prepared dataset's folder, and that of its data card."""
    from ldm_pipelines.pipelines.workspace import workspace_for
    from ldm_pipelines.preparation.prepare import make_card, prepare

    raw = compute.dataset_paths.get(dataset.name, compute.raw_dir / dataset.name)
    workspace = workspace_for("prepare_data", dataset, 0, compute)
    folder = prepare(dataset, raw, workspace, compute.progress, compute.num_workers)
    card = make_card(folder, raw, workspace, workspace_for("data_card", dataset, 0, compute) / "artefact")
    if dataset.storage == "in_place":
        link_raw(raw, compute.raw_links / dataset.name)
    return folder, card


def link_raw(raw: Path, place: Path) -> None:
    """Make ``place`` lead to ``raw``, for all who read images in place. Raises ``InputError`` where it is taken."""
    if place.exists() and place.samefile(raw):
        return
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        raise InputError(f"{place} is in the way: images are in {raw}, and a link to it is needed there; move it away")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(raw.resolve(), target_is_directory=True)

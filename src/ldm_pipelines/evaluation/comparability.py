"""What moves FID besides the images themselves: sizes, file formats, a network that nobody named."""

from collections import Counter
from pathlib import PurePosixPath
from typing import Any

from ldm_pipelines.evaluation.images.arrays import ArrayImages
from ldm_pipelines.evaluation.images.image_set import ImageSet
from ldm_pipelines.evaluation.images.statistics import Layout

LOSSY = {"JPEG", "WEBP"}
NAMES = {"JPG": "JPEG", "JPE": "JPEG", "JFIF": "JPEG", "TIF": "TIFF"}
ARRAY = "array"
NETWORKS_OF: dict[Layout, tuple[str, ...]] = {
    "torch-fidelity": ("inception_fidelity",),
    "adm": ("inception_fidelity",),
    "clean-fid": (
        "inception_cleanfid",
        "inception_cleanfid_legacy_tensorflow",
        "inception_cleanfid_legacy_pytorch",
    ),
}
"""Published networks whose features the statistics of a layout can be of."""


def formats(images: ImageSet) -> dict[str, int]:
    """How many images are kept in which format, by their names' extensions."""
    if isinstance(images, ArrayImages):
        return {ARRAY: len(images)}
    extensions = (PurePosixPath(name).suffix.lstrip(".").upper() for name in images.ids)
    return dict(sorted(Counter(NAMES.get(extension, extension) for extension in extensions).items()))


def remarks(images: dict[str, Any], reference: dict[str, Any]) -> list[str]:
    """How two sets differ, as they are described, that are to be compared; what one of them does not say is passed."""
    found = []
    size, other_size = images.get("image_size"), reference.get("image_size")
    if size and other_size and size != other_size:
        found.append(f"images have {size} x {size} pixels, the reference {other_size} x {other_size}")
    ours, theirs = images.get("formats"), reference.get("formats")
    if ours and theirs and (LOSSY & ours.keys()) != (LOSSY & theirs.keys()):
        found.append(
            f"images are {' and '.join(ours)}, the reference {' and '.join(theirs)}: lossy compression alone moves FID"
        )
    return found


def foreign_statistics_remarks(layout: Layout, network: str) -> list[str]:
    """What is to be thought of moments in another project's layout, which name no network."""
    known = NETWORKS_OF.get(layout)
    if known is None:
        return []
    found = [f"the statistics do not name their network; they count as {network}'s"]
    if network not in known:
        found.append(f"statistics in the layout of {layout} are of {' or '.join(known)}, hardly of {network}")
    return found

"""A tiny OpenImages, in its published layout."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from support.encoded_images import encoded

HEADER = ["ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax", "IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside", "XClick1X", "XClick2X", "XClick3X", "XClick4X", "XClick1Y", "XClick2Y", "XClick3Y", "XClick4Y"]  # fmt: skip
CLASSES = {"/m/0cmf2": "Airplane", "/m/01g317": "Person", "/m/0k4j": "Car", "/m/01yrx": "Cat"}
IMAGES = {
    "train": ("000002b66c9c498e", "f00002b97e5471a0", "0a0002c707c9895e", "00000000000000ff"),
    "validation": ("0001eeaf4aed83f9",),
    "test": ("000026e7ee790996",),
}
PLANE, PERSON, CAR, CAT = CLASSES
BOXES = {  # image, class, left, right, top, bottom, group
    "train": (
        ("f00002b97e5471a0", CAT, 0.012500, 0.195312, 0.148438, 0.587500, 0),
        ("000002b66c9c498e", CAR, 0.0, 0.5, 0.25, 1.0, 0),
        ("f00002b97e5471a0", PERSON, 0.025000, 0.276563, 0.714063, 0.948438, 1),
        ("000002b66c9c498e", PERSON, 0.5, 0.505, 0.5, 0.515, 0),  # fills 0.000075
        ("000002b66c9c498e", PLANE, 0.1, 0.2, 0.3, 0.4, 0),
        ("0a0002c707c9895e", PLANE, 0.1, 0.9, 0.1, 0.9, 0),
        ("00000000000000ff", CAR, -0.004, 0.25, 0.5, 1.004, 0),
        ("00000000000000ff", CAT, 0.2, 0.4, 0.1, 0.3, 0),
        ("00000000000000ff", CAT, 0.6, 0.8, 0.1, 0.3, 0),
    ),
    "validation": (("0001eeaf4aed83f9", CAR, 0.1, 0.4, 0.1, 0.4, 0), ("0001eeaf4aed83f9", CAR, 0.5, 0.9, 0.1, 0.4, 0)),
    "test": (("000026e7ee790996", CAT, 0.1, 0.4, 0.1, 0.4, 0), ("000026e7ee790996", CAR, 0.5, 0.9, 0.1, 0.4, 1)),
}  # fmt: skip
FILES = {
    "train": "oidv6-train-annotations-bbox.csv",
    "validation": "validation-annotations-bbox.csv",
    "test": "test-annotations-bbox.csv",
}


def make_openimages(root: Path) -> Path:
    for split, images in IMAGES.items():
        (root / split).mkdir(parents=True)
        for seed, image in enumerate(images):
            (root / split / f"{image}.jpg").write_bytes(encoded(seed + 10 * len(split)))
        write_boxes(root / FILES[split], BOXES[split])
    (root / "class-descriptions-boxable.csv").write_text("".join(f"{id_},{name}\n" for id_, name in CLASSES.items()))
    return root


def write_boxes(file: Path, boxes: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(HEADER)
        for image, label, *corners, group in boxes:
            numbers = [f"{c:.6f}" if isinstance(c, float) else c for c in corners]
            rows.writerow([image, "xclick", label, 1, *numbers, 0, 1, group, 0, -1, *[0.5] * 8])

"""A tiny ILSVRC2012, laid out and encoded like the real one."""

from pathlib import Path

import numpy as np
from scipy.io import savemat
from support.image_files import photograph

SYNSETS = {1: "n02119789", 2: "n01440764", 3: "n03372029"}
"""WordNet ids by ILSVRC id, which is in another order."""
INNER = {4: "n02084071", 5: "n00015388"}
"""Synsets above the classes."""
GROUND_TRUTH = (3, 1, 2, 1)
DEVKIT = "ILSVRC2012_devkit_t12/data"


def make_imagenet(root: Path, sorted_validation: bool = False) -> Path:
    """Two training images of each of three synsets and four validation images, flat with a development kit or sorted."""
    for seed, name in enumerate(TRAIN):
        _save(root / "train" / name, seed)
    for seed, identity in enumerate(GROUND_TRUTH, start=len(TRAIN)):
        name = f"ILSVRC2012_val_{seed - len(TRAIN) + 1:08d}.JPEG"
        _save(root / "val" / (f"{SYNSETS[identity]}/{name}" if sorted_validation else name), seed)
    if not sorted_validation:
        make_devkit(root / DEVKIT)
    return root


TRAIN = tuple(f"{wnid}/{wnid}_{number}.JPEG" for wnid in sorted(SYNSETS.values()) for number in (10026, 9))


def make_devkit(folder: Path) -> None:
    """``meta.mat`` with classes and inner synsets, and the ground truth of the validation images."""
    folder.mkdir(parents=True)
    kind = [(name, object) for name in FIELDS]
    synsets = np.zeros((len(SYNSETS) + len(INNER), 1), dtype=kind)
    for row, (identity, wnid) in enumerate([*SYNSETS.items(), *INNER.items()]):
        children = [1, 2] if identity in INNER else []
        inner = len(children)
        values = (identity, wnid, f"words of {wnid}", "gloss", inner, np.array(children), 2 * bool(inner), 1300)
        synsets[row, 0] = tuple(np.float64(v) if isinstance(v, int) else v for v in values)
    savemat(folder / "meta.mat", {"synsets": synsets})
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{n}\n" for n in GROUND_TRUTH))


FIELDS = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images")


def _save(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    photograph(seed, 24 + seed, 20).save(file, "JPEG", quality=95)

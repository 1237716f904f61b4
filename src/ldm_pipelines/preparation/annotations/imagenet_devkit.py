"""ILSVRC2012's development kit: which synset an id is, and the id of each validation image."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from ldm_pipelines.errors import InputError, near_miss

META = "meta.mat"
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def read_synsets(file: Path) -> dict[int, str]:
    """WordNet ids of the classes by their ILSVRC id, which counts from 1, from ``meta.mat``.

    The synsets above the classes, which have children, are left out. Raises ``InputError``.
    """
    try:  # a MATLAB 5 file: numbers, text and structures, nothing that is executed
        found = loadmat(file, squeeze_me=True, variable_names=["synsets"])
    except Exception as error:  # the reader raises nearly anything on damaged files
        raise InputError(f"{file} is not a MATLAB 5 file that can be read ({error}); unpack it again") from error
    if "synsets" not in found:
        raise InputError(f"{file}: there is no variable 'synsets'; take meta.mat of the ILSVRC2012 development kit")
    synsets = np.atleast_1d(found["synsets"])
    columns = [_column(file, synsets, name) for name in ("ILSVRC2012_ID", "WNID", "num_children")]
    try:
        leaves = {int(number): str(wnid) for number, wnid, children in zip(*columns, strict=True) if int(children) == 0}
    except (TypeError, ValueError) as error:
        raise InputError(f"{file}: synsets: an ILSVRC2012_ID or num_children is no number ({error})") from error
    if len(set(leaves.values())) != len(leaves) or sorted(leaves) != [*range(1, len(leaves) + 1)]:
        raise InputError(
            f"{file}: synsets: the {len(leaves)} classes do not have the ids 1 to {len(leaves)} and different WNIDs; "
            "unpack the development kit again"
        )
    return leaves


def _column(file: Path, synsets: NDArray[Any], name: str) -> NDArray[Any]:
    if name not in (synsets.dtype.names or ()):
        raise InputError(f"{file}: synsets has no field {name!r}{near_miss(name, synsets.dtype.names or ())}")
    return np.asarray(synsets[name])


def read_ground_truth(file: Path, synsets: dict[int, str]) -> list[str]:
    """WordNet id of each validation image in their order. Raises ``InputError`` naming the line."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not a text of numbers: {error}") from error
    wnids = []
    for number, line in enumerate(lines, start=1):
        identity = int(line) if line.strip().isdigit() else 0
        if identity not in synsets:
            raise InputError(f"{file}: line {number}: {line[:40]!r} is no ILSVRC id from 1 to {len(synsets)}")
        wnids.append(synsets[identity])
    return wnids

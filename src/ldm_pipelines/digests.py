"""What a folder, or a set of parameters, is: as a short text that changes when it does."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ldm_pipelines.errors import InputError

DESCRIBED_BY = (
    ("dataset.json", "manifest.parquet"),  # a prepared dataset: the manifest holds every image's sha256
    ("cache.json", "index.parquet"),  # a latent cache: names its inputs' digests, holds the latents' statistics
)
"""Large folders whose small files say everything: only these are hashed."""
NO_CODE = re.compile(r"(^|/)(\.|__pycache__/)")


class _Parameters(Protocol):
    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


def digest_file(path: Path) -> str:
    """sha256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(folder: Path) -> str:
    """sha256 (hex) of a folder's file names and contents; of its description alone where that says everything.

    It is the sha256 of what ``sha256sum`` prints for the files, named relative to ``folder`` and sorted by name.
    Modification times, empty folders and the folder's own name do not matter.

    Raises:
        InputError: ``folder`` is not a folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: run the stage that makes it")
    return _digest_of(folder, _files(folder))


def digest_code(package: Path) -> str:
    """sha256 (hex) of all files of a package, but for hidden ones and what Python compiles."""
    return _digest_of(package, (name for name in _files(package) if not NO_CODE.search(name)))


def digest_result(result: Mapping[str, Any]) -> str:
    """sha256 (hex) of a JSON object's values, however its file is laid out."""
    return hashlib.sha256(_as_json(result).encode()).hexdigest()


def digest_parameters(parameters: _Parameters) -> str:
    """sha256 (hex) of a pydantic model's values as canonical JSON."""
    return hashlib.sha256(_canonical(parameters).encode()).hexdigest()


def fingerprint(spec: _Parameters, seed: int, *input_digests: str) -> str:
    """16 hex digits of everything that defines a result: parameters, the study's seed, the inputs in their order."""
    text = json.dumps([_canonical(spec), seed, *input_digests])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest_of(folder: Path, names: Iterable[str]) -> str:
    listing = "".join(f"{digest_file(folder / name)}  {name}\n" for name in names)
    return hashlib.sha256(listing.encode()).hexdigest()


def _canonical(parameters: _Parameters) -> str:
    return _as_json(parameters.model_dump(mode="json"))


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _files(folder: Path) -> list[str]:
    for description in DESCRIBED_BY:
        if all((folder / name).is_file() for name in description):
            return sorted(description)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

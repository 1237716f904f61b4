"""An artefact that is a folder: published whole, or not at all."""

import shutil
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from ldm_pipelines.errors import InputError


class FolderDataset(AbstractDataset[Path, Path]):
    """Saves a finished folder by moving it into place; loads its path.

    Saving takes the path of a finished folder in a workspace, copies it beside its destination as ``.NAME.partial``
    only if it lies on another disk, and renames: what exists under the destination's name is complete. The workspace
    that held it is removed last, so a kill loses nothing.
    """

    def __init__(self, filepath: str, made_by: str, metadata: dict[str, Any] | None = None) -> None:
        """``made_by`` is the pipeline to name when the folder is missing."""
        self._path = Path(filepath)
        self._made_by = made_by
        self.metadata = metadata

    def load(self) -> Path:
        if not self._path.is_dir():
            raise InputError(f"{self._path} does not exist yet; make it with `kedro run --pipelines={self._made_by}`")
        return self._path

    def save(self, data: Path) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial, old = (self._path.parent / f".{self._path.name}.{state}" for state in ("partial", "old"))
        for left_behind in (partial, old):
            shutil.rmtree(left_behind, ignore_errors=True)
        complete = data
        if data.stat().st_dev != self._path.parent.stat().st_dev:
            complete = Path(shutil.copytree(data, partial))
        if self._path.exists():
            self._path.rename(old)
        complete.rename(self._path)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(data.parent, ignore_errors=True)

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

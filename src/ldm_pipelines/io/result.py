"""The small JSON files of measured results."""

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.results import load_result, malformed


class ResultDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """A JSON object; written atomically, keys in the order given, one trailing newline.

    With ``optional``, a file that is not there or cannot be read loads as ``{"missing": reason}`` instead of failing: a
    table shows the reason in the cell.
    """

    def __init__(self, filepath: str, optional: bool = False, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self._optional = optional
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        if not self._path.exists() and not self._optional:
            raise InputError(f"{self._path} does not exist yet; `dvc repro` makes it")
        content = load_result(self._path)
        problem = malformed(str(self._path), str(content.get("missing", "")))
        if problem and not self._optional:
            raise InputError(f"{problem}; delete it and make it again with `dvc repro`")
        return content

    def save(self, data: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_name(f".{self._path.name}.partial")
        partial.write_text(json.dumps(data, indent=2) + "\n")
        partial.replace(self._path)

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

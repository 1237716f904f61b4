"""The paper's published tables, read-only."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.paper.documents import PaperTable


class PaperTableDataset(AbstractDataset[PaperTable, PaperTable]):
    """Loads ``conf/paper/table_NN.yaml``, checked."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> PaperTable:
        from ldm_pipelines.reporting.paper.documents import load_paper_table

        return load_paper_table(self._path)

    def save(self, data: PaperTable) -> None:
        raise InputError(f"{self._path} holds what the paper printed; it is written by hand")

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}

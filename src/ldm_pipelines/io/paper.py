"""The paper's published tables and figures, read-only."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

from kedro.io import AbstractDataset

from ldm_pipelines.errors import InputError
from ldm_pipelines.reporting.paper.documents import Figures, HyperparameterTable, LayerTable, PaperTable, Unreadable

AnyTable = PaperTable | HyperparameterTable | LayerTable | Unreadable
Document = TypeVar("Document", AnyTable, Figures)


class PaperDataset(AbstractDataset[Document, Document], Generic[Document]):
    """A file of ``conf/paper``, checked when it is loaded."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    @abstractmethod
    def load(self) -> Document: ...

    def save(self, data: Document) -> None:
        raise InputError(f"{self._path} holds what the paper printed; it is written by hand")

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class PaperTableDataset(PaperDataset[AnyTable]):
    """Loads ``conf/paper/table_NN.yaml``.

    A missing or malformed file loads as ``Unreadable``: its own table says why, and the others are made all the same.
    """

    def load(self) -> AnyTable:
        from ldm_pipelines.reporting.paper.loading import load_document

        try:
            return load_document(self._path)
        except InputError as error:
            return Unreadable(self._path.stem, str(error))


class PaperFiguresDataset(PaperDataset[Figures]):
    """Loads ``conf/paper/figures.yaml``."""

    def load(self) -> Figures:
        from ldm_pipelines.reporting.paper.loading import load_figures

        return load_figures(self._path)

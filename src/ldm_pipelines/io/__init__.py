"""Kedro datasets for this project's artefacts."""

from ldm_pipelines.io.folder import FolderDataset
from ldm_pipelines.io.paper import PaperFiguresDataset, PaperTableDataset
from ldm_pipelines.io.result import ResultDataset

__all__ = ["FolderDataset", "PaperFiguresDataset", "PaperTableDataset", "ResultDataset"]

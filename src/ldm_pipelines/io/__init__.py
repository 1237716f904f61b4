"""Kedro datasets for this project's artefacts."""

from ldm_pipelines.io.dvc_lock import DvcLockDataset
from ldm_pipelines.io.folder import FolderDataset
from ldm_pipelines.io.paper import PaperFiguresDataset, PaperTableDataset
from ldm_pipelines.io.result import ResultDataset

__all__ = ["DvcLockDataset", "FolderDataset", "PaperFiguresDataset", "PaperTableDataset", "ResultDataset"]

"""A small dataset of digits, and two sample sets of the same low-resolution conditions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.conditionings import definition
from support.sample_sets import DIGITS, write_samples

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.preparation.prepare import prepare
from ldm_pipelines.user_study.make import make_user_study
from ldm_pipelines.user_study.questions import Key
from ldm_pipelines.user_study.spec import UserStudy

STUDY = UserStudy(
    name="sharper", samples="our_samples", rival="bicubic_rival", dataset="digits", split="test", questions=4,
    seconds=0.05, seed=0, suite="user_study",
)  # fmt: skip
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(DIGITS, None, tmp_path_factory.mktemp("digits"), progress=False)


@pytest.fixture(scope="session")
def write_set(tmp_path_factory: pytest.TempPathFactory, dataset: Path) -> Write:
    """``write_set(name, shade)``: images of one grey, one per image of the test split; other facts on request."""

    def write(name: str, shade: int, conditioning: str = "low_res_bicubic", **info: Any) -> Path:
        split = PreparedDataset(dataset).split("test")
        pixels = np.full((len(split), 16, 16, 3), shade, dtype=np.uint8)
        facts = {
            "name": name, "dataset": "digits", "split": "test", "dataset_digest": PreparedDataset(dataset).digest,
            "conditioning": definition(conditioning).model_dump(mode="json"),
        }  # fmt: skip
        return write_samples(tmp_path_factory.mktemp("set") / name, pixels, split.ids, **(facts | info))

    return write


@pytest.fixture(scope="session")
def sets(write_set: Write) -> tuple[Path, Path]:
    """Light samples and dark ones, so that pixels tell them apart."""
    return write_set("our_samples", 200), write_set("bicubic_rival", 100)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, sets: tuple[Path, Path], dataset: Path) -> Path:
    """The folder of ``STUDY``."""
    return make_user_study(STUDY, *sets, dataset, tmp_path_factory.mktemp("made") / "sharper")


@pytest.fixture(scope="session")
def key(made: Path) -> Key:
    return Key.read(made)
